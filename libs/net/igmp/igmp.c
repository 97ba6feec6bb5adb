/* igmp.c: the host's part of IGMP; read igmp.h first, and RFC 3376 5 and 7.2 beside it. */
#include <net/igmp/igmp.h>

#define INTERVAL  125               /* seconds, RFC 3376 8.2 */
#define RESPONSE  (10 * NET_SECOND) /* 8.3, for the time that an older querier counts as there */
#define REPEAT_V3 (1 * NET_SECOND)  /* 8.11: a change is told again within this time */
#define REPEAT_V2 (10 * NET_SECOND) /* RFC 2236 8.10 */
#define TENTH     (NET_SECOND / 10)

void igmp_init(struct igmp *igmp, struct random *random, struct net_counters *counters) {
    *igmp = (struct igmp){.version = 3,
                          .robustness = IGMP_ROBUSTNESS,
                          .interval = INTERVAL,
                          .answer_at = NET_NEVER,
                          .deadline = NET_NEVER,
                          .random = random,
                          .counters = counters};
}

static void refresh_deadline(struct igmp *igmp) {
    net_time earliest = igmp->answer_at;
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        const struct igmp_group *group = &igmp->group[i];
        if (group->group != 0) {
            earliest = net_time_min(earliest, net_time_min(group->tell_at, group->answer_at));
        }
    }
    igmp->deadline = earliest;
}

net_time igmp_deadline(const struct igmp *igmp) {
    return igmp->deadline;
}

/* A moment within `span` from now on, never now itself. */
static net_time soon(struct igmp *igmp, net_time now, net_time span) {
    uint32_t most = span < UINT32_MAX ? (uint32_t)span : UINT32_MAX;
    return net_time_after(now, 1 + (net_time)random_below(igmp->random, most));
}

/* ---- The table ---- */

static struct igmp_group *find(struct igmp *igmp, uint32_t address) {
    for (uint32_t i = 0; i < IGMP_GROUPS && igmp->count != 0; i++) {
        if (igmp->group[i].group == address) {
            return &igmp->group[i];
        }
    }
    return NULL;
}

static struct igmp_group *make(struct igmp *igmp, uint32_t address) {
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        struct igmp_group *group = &igmp->group[i];
        if (group->group == 0) {
            *group = (struct igmp_group){.group = address, .tell_at = NET_NEVER, .answer_at = NET_NEVER};
            igmp->count++;
            return group;
        }
    }
    return NULL;
}

static bool is_left(const struct igmp_group *group) {
    return !group->filter.exclude && group->filter.count == 0;
}

static void drop_if_done(struct igmp *igmp, struct igmp_group *group) {
    if (is_left(group) && group->tell_at == NET_NEVER) {
        group->group = 0;
        igmp->count--;
    }
}

static bool lists(const uint32_t *sources, uint8_t count, uint32_t source) {
    for (uint8_t i = 0; i < count; i++) {
        if (sources[i] == source) {
            return true;
        }
    }
    return false;
}

static bool passes(const struct igmp_filter *filter, uint32_t source) {
    return lists(filter->source, filter->count, source) != filter->exclude;
}

bool igmp_wants(const struct igmp *igmp, uint32_t address, uint32_t source) {
    for (uint32_t i = 0; i < IGMP_GROUPS && igmp->count != 0; i++) {
        if (igmp->group[i].group == address) {
            return passes(&igmp->group[i].filter, source);
        }
    }
    return address == IGMP_ALL_HOSTS;
}

/* ---- Versions ---- */

/* Which version the network speaks (RFC 3376 7.2.1); a change cancels everything that was to be sent. */
static void judge_version(struct igmp *igmp, net_time now) {
    uint8_t version = now < igmp->v1_until ? 1 : now < igmp->v2_until ? 2 : 3;
    if (version == igmp->version) {
        return;
    }
    igmp->version = version;
    igmp->answer_at = NET_NEVER;
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        struct igmp_group *group = &igmp->group[i];
        if (group->group != 0) {
            group->tell_at = group->answer_at = NET_NEVER;
            group->mode_left = group->change_count = 0;
            drop_if_done(igmp, group);
        }
    }
    refresh_deadline(igmp);
}

/* ---- Changes ---- */

/* Notes that the source is wanted now, or not any more. False: too many changes at a time. */
static bool note_change(struct igmp_group *group, uint32_t source, bool allow, uint8_t times) {
    for (uint8_t i = 0; i < group->change_count; i++) {
        if (group->change[i].source == source) {
            group->change[i] = (struct igmp_change){source, allow, times};
            return true;
        }
    }
    if (group->change_count == IGMP_SOURCES) {
        return false;
    }
    group->change[group->change_count++] = (struct igmp_change){source, allow, times};
    return true;
}

/* What lies between two filters of the same mode. */
static bool note_difference(struct igmp_group *group, const struct igmp_filter *to, uint8_t times) {
    const struct igmp_filter *from = &group->filter;
    bool fits = true;
    for (uint8_t i = 0; i < to->count && fits; i++) {
        if (!lists(from->source, from->count, to->source[i])) {
            fits = note_change(group, to->source[i], !to->exclude, times);
        }
    }
    for (uint8_t i = 0; i < from->count && fits; i++) {
        if (!lists(to->source, to->count, from->source[i])) {
            fits = note_change(group, from->source[i], to->exclude, times);
        }
    }
    return fits;
}

/* RFC 3376 5.1. While the whole filter is being told anyway it stays at that, and so it does where the
 * difference is too large to be kept. */
static void change_filter(struct igmp *igmp, struct igmp_group *group, const struct igmp_filter *filter,
                          net_time now) {
    bool whole = filter->exclude != group->filter.exclude || group->mode_left > 0;
    if (whole || !note_difference(group, filter, igmp->robustness)) {
        group->mode_left = igmp->robustness;
        group->change_count = 0;
    }
    group->filter = *filter;
    group->tell_at = now;
}

/* Versions 1 and 2 know only of being in a group or not. */
static void change_membership(struct igmp *igmp, struct igmp_group *group, const struct igmp_filter *filter,
                              net_time now) {
    bool was_in = !is_left(group);
    group->filter = *filter;
    bool leaves = was_in && is_left(group);
    if (leaves) {
        group->mode_left = igmp->version == 2 && group->reported_last;
        group->answer_at = NET_NEVER;
    } else if (!was_in && !is_left(group)) {
        group->mode_left = igmp->robustness;
    } else {
        return; /* only the sources are others */
    }
    group->tell_at = group->mode_left > 0 ? now : NET_NEVER;
}

static bool same_filter(const struct igmp_filter *a, const struct igmp_filter *b) {
    bool same = a->exclude == b->exclude && a->count == b->count;
    for (uint8_t i = 0; same && i < a->count; i++) {
        same = lists(b->source, b->count, a->source[i]);
    }
    return same;
}

enum error igmp_set(struct igmp *igmp, uint32_t address, const struct igmp_filter *filter, net_time now) {
    struct igmp_group *group = find(igmp, address);
    bool leave = !filter->exclude && filter->count == 0;
    judge_version(igmp, now);
    if (address == IGMP_ALL_HOSTS || (group == NULL && leave)) {
        return ERR_NONE; /* that one is never left, nor told of */
    }
    if (group == NULL && (group = make(igmp, address)) == NULL) {
        return ERR_TOO_MANY;
    }
    if (same_filter(&group->filter, filter)) {
        return ERR_NONE;
    }
    if (igmp->version == 3) {
        change_filter(igmp, group, filter, now);
    } else {
        change_membership(igmp, group, filter, now);
    }
    drop_if_done(igmp, group);
    refresh_deadline(igmp);
    return ERR_NONE;
}

void igmp_restart(struct igmp *igmp, net_time now) {
    igmp->v1_until = igmp->v2_until = 0;
    igmp->robustness = IGMP_ROBUSTNESS;
    igmp->interval = INTERVAL;
    judge_version(igmp, now);
    igmp->answer_at = NET_NEVER;
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        struct igmp_group *group = &igmp->group[i];
        if (group->group != 0) {
            group->change_count = 0;
            group->answer_at = NET_NEVER;
            group->mode_left = is_left(group) ? 0 : igmp->robustness;
            group->tell_at = is_left(group) ? NET_NEVER : now;
            drop_if_done(igmp, group);
        }
    }
    refresh_deadline(igmp);
}

/* ---- In ---- */

/* The sources that a router asks about, beside those that it has asked about; none, if they are too many:
 * then the answer is about all. */
static void note_asked(struct igmp_group *group, const struct igmp_message *query) {
    for (uint16_t i = 0; i < query->source_count; i++) {
        uint32_t source = igmp_source(query, i);
        if (lists(group->asked, group->asked_count, source)) {
            continue;
        }
        if (group->asked_count == IGMP_SOURCES) {
            group->asked_count = 0;
            return;
        }
        group->asked[group->asked_count++] = source;
    }
}

/* RFC 3376 5.2, rules 1 and 3 to 5. */
static void schedule_answer(struct igmp *igmp, struct igmp_group *group, const struct igmp_message *query,
                            net_time now) {
    net_time when = soon(igmp, now, query->response * TENTH);
    bool fresh = group->answer_at == NET_NEVER;
    if (igmp->answer_at <= when) {
        return; /* the answer to a general query comes before it (rule 1) */
    }
    if (query->source_count == 0 || (!fresh && group->asked_count == 0)) {
        group->asked_count = 0;
    } else {
        note_asked(group, query);
    }
    group->answer_at = net_time_min(group->answer_at, when);
}

static void hear_query(struct igmp *igmp, const struct igmp_message *query, net_time now) {
    net_time lasts = igmp->robustness * igmp->interval * NET_SECOND + RESPONSE;
    if (query->version == 1) {
        igmp->v1_until = net_time_after(now, lasts);
    } else if (query->version == 2) {
        igmp->v2_until = net_time_after(now, lasts);
    } else {
        igmp->robustness = query->robustness != 0 ? query->robustness : IGMP_ROBUSTNESS;
        igmp->interval = query->interval != 0 ? query->interval : INTERVAL;
    }
    judge_version(igmp, now);
    if (igmp->version == 3 && query->group == 0) {
        net_time when = soon(igmp, now, query->response * TENTH);
        igmp->answer_at = net_time_min(igmp->answer_at, when); /* rules 1 and 2 */
        return;
    }
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        struct igmp_group *group = &igmp->group[i];
        bool asked = query->group == 0 || query->group == group->group;
        if (group->group != 0 && asked && !is_left(group)) {
            schedule_answer(igmp, group, query, now);
        }
    }
}

/* Of versions 1 and 2 one report a group is enough, whoever sends it. */
static void hear_report(struct igmp *igmp, const struct igmp_message *report) {
    struct igmp_group *group = find(igmp, report->group);
    if (group != NULL && igmp->version != 3 && !is_left(group)) {
        group->answer_at = group->tell_at = NET_NEVER;
        group->mode_left = 0;
        group->reported_last = false;
    }
}

void igmp_input(struct igmp *igmp, const struct igmp_message *message, net_time now) {
    igmp->counters->igmp_in++;
    judge_version(igmp, now);
    switch (message->type) {
    case IGMP_QUERY: hear_query(igmp, message, now); break;
    case IGMP_V1_REPORT:
    case IGMP_V2_REPORT: hear_report(igmp, message); break;
    default: break; /* leaves and reports of version 3 are for routers */
    }
    refresh_deadline(igmp);
}

/* ---- Out: version 3 ---- */

/* Room for the records of one group, however long. */
static bool has_room(const struct writer *writer) {
    return writer->capacity - writer->length >= 2 * IGMP_RECORD + 2 * 4 * IGMP_SOURCES;
}

static uint16_t write_whole(struct writer *writer, const struct igmp_group *group, bool change) {
    const struct igmp_filter *filter = &group->filter;
    enum igmp_record_type type = filter->exclude ? change ? IGMP_TO_EXCLUDE : IGMP_IS_EXCLUDE
                                 : change        ? IGMP_TO_INCLUDE
                                                 : IGMP_IS_INCLUDE;
    igmp_write_record(writer, type, group->group, filter->source, filter->count);
    return 1;
}

/* One record of the sources that are allowed newly, or blocked newly. */
static uint16_t write_changes(struct writer *writer, const struct igmp_group *group, bool allow) {
    uint32_t sources[IGMP_SOURCES];
    uint16_t count = 0;
    for (uint8_t i = 0; i < group->change_count; i++) {
        if (group->change[i].allow == allow) {
            sources[count++] = group->change[i].source;
        }
    }
    if (count != 0) {
        igmp_write_record(writer, allow ? IGMP_ALLOW : IGMP_BLOCK, group->group, sources, count);
    }
    return count != 0;
}

/* Counts what has been told; the next time comes soon, if there is one. */
static void told(struct igmp *igmp, struct igmp_group *group, net_time span, net_time now) {
    uint8_t kept = 0;
    group->mode_left -= group->mode_left > 0;
    for (uint8_t i = 0; i < group->change_count; i++) {
        if (--group->change[i].left > 0) {
            group->change[kept++] = group->change[i];
        }
    }
    group->change_count = kept;
    bool more = group->mode_left > 0 || kept > 0;
    group->tell_at = more ? soon(igmp, now, span) : NET_NEVER;
    drop_if_done(igmp, group);
}

static uint16_t tell_changes(struct igmp *igmp, struct writer *writer, net_time now) {
    uint16_t records = 0;
    for (uint32_t i = 0; i < IGMP_GROUPS && has_room(writer); i++) {
        struct igmp_group *group = &igmp->group[i];
        if (group->group == 0 || now < group->tell_at) {
            continue;
        }
        if (group->mode_left > 0) {
            records = (uint16_t)(records + write_whole(writer, group, true));
        } else {
            records = (uint16_t)(records + write_changes(writer, group, true));
            records = (uint16_t)(records + write_changes(writer, group, false));
        }
        told(igmp, group, REPEAT_V3, now);
    }
    return records;
}

/* Of the sources that were asked about, those that are wanted. */
static uint16_t write_asked(struct writer *writer, const struct igmp_group *group) {
    uint32_t sources[IGMP_SOURCES];
    uint16_t count = 0;
    for (uint8_t i = 0; i < group->asked_count; i++) {
        if (passes(&group->filter, group->asked[i])) {
            sources[count++] = group->asked[i];
        }
    }
    if (count != 0) {
        igmp_write_record(writer, IGMP_IS_INCLUDE, group->group, sources, count);
    }
    return count != 0;
}

static uint16_t answer_queries(struct igmp *igmp, struct writer *writer, net_time now) {
    uint16_t records = 0;
    for (uint32_t i = 0; i < IGMP_GROUPS && has_room(writer); i++) {
        struct igmp_group *group = &igmp->group[i];
        if (group->group == 0 || now < group->answer_at) {
            continue;
        }
        group->answer_at = NET_NEVER;
        if (!is_left(group)) {
            records = (uint16_t)(records + (group->asked_count == 0 ? write_whole(writer, group, false)
                                                                    : write_asked(writer, group)));
        }
        group->asked_count = 0;
    }
    return records;
}

/* A general query is answered by all groups at once, in as few messages as possible. */
static void spread_general_query(struct igmp *igmp, net_time now) {
    if (now < igmp->answer_at) {
        return;
    }
    igmp->answer_at = NET_NEVER;
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        struct igmp_group *group = &igmp->group[i];
        if (group->group != 0) {
            group->answer_at = now;
            group->asked_count = 0;
        }
    }
}

static bool compose_v3(struct igmp *igmp, struct writer *writer, net_time now) {
    spread_general_query(igmp, now);
    igmp_begin_report(writer);
    uint16_t records = tell_changes(igmp, writer, now);
    if (records == 0) {
        records = answer_queries(igmp, writer, now);
    }
    igmp_end_report(writer, records);
    return records != 0;
}

/* ---- Out: versions 1 and 2 ---- */

static bool compose_old(struct igmp *igmp, struct writer *writer, uint32_t *destination, net_time now) {
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        struct igmp_group *group = &igmp->group[i];
        bool tells = now >= group->tell_at;
        if (group->group == 0 || (!tells && now < group->answer_at)) {
            continue;
        }
        bool leaves = is_left(group);
        uint8_t type = leaves ? IGMP_V2_LEAVE : igmp->version == 1 ? IGMP_V1_REPORT : IGMP_V2_REPORT;
        *destination = leaves ? IGMP_ALL_ROUTERS : group->group;
        igmp_write_short(writer, type, group->group);
        group->reported_last = true;
        if (tells) {
            told(igmp, group, REPEAT_V2, now);
        } else {
            group->answer_at = NET_NEVER;
        }
        return true;
    }
    return false;
}

bool igmp_compose(struct igmp *igmp, struct writer *writer, uint32_t *destination, net_time now) {
    if (now < igmp->deadline) {
        return false;
    }
    judge_version(igmp, now);
    *destination = IGMP_V3_ROUTERS;
    bool any =
        igmp->version == 3 ? compose_v3(igmp, writer, now) : compose_old(igmp, writer, destination, now);
    refresh_deadline(igmp);
    igmp->counters->igmp_out += any;
    return any;
}
