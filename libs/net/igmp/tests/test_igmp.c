/* test_igmp.c: the host's side of IGMP, report by report, in a time of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/igmp/igmp.h>

#define GROUP UINT32_C(0xef010203)
#define OTHER UINT32_C(0xef010204)
#define S1    UINT32_C(0x0a000001)
#define S2    UINT32_C(0x0a000002)
#define S3    UINT32_C(0x0a000003)

static struct net_counters counters;
static struct random dice;
static struct igmp igmp;
static net_time now;

static int set_up(void **state) {
    counters = (struct net_counters){0};
    random_seed(&dice, 5, 6);
    now = 100 * NET_SECOND;
    igmp_init(&igmp, &dice, &counters);
    return igmp_deadline(&igmp) == NET_NEVER ? 0 : -1;
}

/* ---- What we say ---- */

static const struct igmp_filter all = {.exclude = true}, none;

static struct igmp_filter only(uint8_t count, uint32_t a, uint32_t b) {
    return (struct igmp_filter){.count = count, .source = {a, b}};
}

static struct igmp_filter all_but(uint32_t a) {
    return (struct igmp_filter){.exclude = true, .count = 1, .source = {a}};
}

static void set(uint32_t group, struct igmp_filter filter) {
    assert_int_equal(igmp_set(&igmp, group, &filter, now), ERR_NONE);
}

static uint8_t bytes[576];
static struct span report; /* the records of the last one that are still to be looked at */
static uint32_t sent_to;

/* Sends what is due now. */
static bool sends(void) {
    struct writer writer = writer_of(bytes, 552);
    if (!igmp_compose(&igmp, &writer, &sent_to, now)) {
        return false;
    }
    assert_false(writer.failed);
    assert_true(igmp_checksum_good(writer_span(&writer)));
    report = span_slice(writer_span(&writer), 8, writer.length);
    return true;
}

static void silent(void) {
    assert_false(sends());
}

/* The next report comes within `most`; time moves on to it. */
static void sends_within(net_time most) {
    net_time deadline = igmp_deadline(&igmp);
    assert_true(deadline != NET_NEVER);
    if (deadline > now) {
        assert_true(deadline - now <= most);
        now = deadline - 1;
        silent();
        now = deadline;
    }
    assert_true(sends());
}

/* The next record of the last report. */
static void record(enum igmp_record_type type, uint32_t group, uint16_t count, uint32_t a, uint32_t b) {
    struct reader reader = reader_of(report);
    assert_int_equal(sent_to, IGMP_V3_ROUTERS);
    assert_int_equal(read_u8(&reader), type);
    assert_int_equal(read_u8(&reader), 0);
    assert_int_equal(read_be16(&reader), count);
    assert_int_equal(read_be32(&reader), group);
    uint32_t first = count > 0 ? read_be32(&reader) : 0, second = count > 1 ? read_be32(&reader) : 0;
    assert_true((first == a && second == b) || (first == b && second == a));
    assert_false(reader.failed);
    report = reader.left;
}

static void no_more_records(void) {
    assert_int_equal(report.length, 0);
}

static void idle(void) {
    silent();
    assert_true(igmp_deadline(&igmp) == NET_NEVER);
}

/* A change is told twice. */
static void told_twice(enum igmp_record_type type, uint16_t count, uint32_t a, uint32_t b) {
    for (int i = 0; i < 2; i++) {
        sends_within(i == 0 ? 0 : NET_SECOND);
        record(type, GROUP, count, a, b);
        no_more_records();
    }
    idle();
}

static void joining_and_leaving_is_told_twice(void **state) {
    set(GROUP, all);
    told_twice(IGMP_TO_EXCLUDE, 0, 0, 0);
    assert_true(igmp_wants(&igmp, GROUP, S1));
    assert_false(igmp_wants(&igmp, OTHER, S1));
    set(GROUP, all); /* no change */
    idle();
    set(GROUP, none);
    assert_false(igmp_wants(&igmp, GROUP, S1));
    assert_int_equal(igmp.count, 1); /* until it has been told */
    told_twice(IGMP_TO_INCLUDE, 0, 0, 0);
    assert_int_equal(igmp.count, 0);
    assert_int_equal(counters.igmp_out, 4);
}

static void sources_come_and_go(void **state) {
    set(GROUP, only(2, S1, S2));
    told_twice(IGMP_ALLOW, 2, S1, S2);
    assert_true(igmp_wants(&igmp, GROUP, S1) && !igmp_wants(&igmp, GROUP, S3));
    set(GROUP, only(2, S2, S3));
    sends_within(0);
    record(IGMP_ALLOW, GROUP, 1, S3, 0);
    record(IGMP_BLOCK, GROUP, 1, S1, 0);
    no_more_records();
    sends_within(NET_SECOND);
    set(GROUP, none);
    told_twice(IGMP_BLOCK, 2, S2, S3);
    assert_int_equal(igmp.count, 0);
}

static void the_mode_changes(void **state) {
    set(GROUP, only(1, S1, 0));
    told_twice(IGMP_ALLOW, 1, S1, 0);
    set(GROUP, all_but(S2));
    told_twice(IGMP_TO_EXCLUDE, 1, S2, 0);
    assert_true(igmp_wants(&igmp, GROUP, S3) && !igmp_wants(&igmp, GROUP, S2));
    set(GROUP, all); /* in this mode a source that is not excluded any more is allowed */
    told_twice(IGMP_ALLOW, 1, S2, 0);
    set(GROUP, all_but(S3));
    told_twice(IGMP_BLOCK, 1, S3, 0);
    set(GROUP, only(1, S1, 0));
    told_twice(IGMP_TO_INCLUDE, 1, S1, 0);
}

/* RFC 3376 5.1: a change while the one before is still being told. */
static void changes_are_merged(void **state) {
    set(GROUP, all);
    sends_within(0);
    record(IGMP_TO_EXCLUDE, GROUP, 0, 0, 0);
    set(GROUP, all_but(S1)); /* the whole filter goes on being told, with the new source, twice more */
    told_twice(IGMP_TO_EXCLUDE, 1, S1, 0);
    set(GROUP, all);
    sends_within(0);
    record(IGMP_ALLOW, GROUP, 1, S1, 0);
    set(GROUP, all_but(S2));
    sends_within(0);
    record(IGMP_ALLOW, GROUP, 1, S1, 0);
    record(IGMP_BLOCK, GROUP, 1, S2, 0);
    sends_within(NET_SECOND);
    record(IGMP_BLOCK, GROUP, 1, S2, 0);
    no_more_records();
    idle();
}

static void too_many_changes_tell_the_whole_filter(void **state) {
    struct igmp_filter filter = {.exclude = true, .count = IGMP_SOURCES};
    set(GROUP, all);
    told_twice(IGMP_TO_EXCLUDE, 0, 0, 0);
    for (uint32_t i = 0; i < IGMP_SOURCES; i++) {
        filter.source[i] = S1 + i;
    }
    set(GROUP, filter);
    filter.count = 1;
    filter.source[0] = S1 + 100;
    set(GROUP, filter);
    told_twice(IGMP_TO_EXCLUDE, 1, S1 + 100, 0);
}

static void several_groups_share_a_report(void **state) {
    set(GROUP, all);
    set(OTHER, only(1, S1, 0));
    sends_within(0);
    record(IGMP_TO_EXCLUDE, GROUP, 0, 0, 0);
    record(IGMP_ALLOW, OTHER, 1, S1, 0);
    no_more_records();
    silent();
}

static void the_table_is_bounded(void **state) {
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        set(GROUP + i, all);
    }
    assert_int_equal(igmp_set(&igmp, GROUP + 99, &all, now), ERR_TOO_MANY);
    set(IGMP_ALL_HOSTS, all); /* takes no room */
    set(GROUP + 99, none);    /* was not in it */
    set(GROUP, none);
    for (int i = 0; i < 300 && igmp_deadline(&igmp) != NET_NEVER; i++) {
        now = igmp_deadline(&igmp) > now ? igmp_deadline(&igmp) : now;
        (void)sends();
    }
    set(GROUP + 99, all);
}

/* All groups with all their sources do not fit into one report. */
static void long_answers_are_cut(void **state) {
    struct igmp_filter filter = {.count = IGMP_SOURCES};
    uint32_t records = 0;
    for (uint32_t i = 0; i < IGMP_SOURCES; i++) {
        filter.source[i] = S1 + i;
    }
    for (uint32_t i = 0; i < IGMP_GROUPS; i++) {
        set(GROUP + i, filter);
    }
    while (sends()) {
        records += (uint32_t)bytes[7];
        assert_int_equal(report.length, bytes[7] * (8 + 4 * IGMP_SOURCES));
    }
    assert_int_equal(records, IGMP_GROUPS);
    assert_true(counters.igmp_out > 1);
}

static void all_hosts_is_never_told_of(void **state) {
    assert_true(igmp_wants(&igmp, IGMP_ALL_HOSTS, S1));
    set(IGMP_ALL_HOSTS, all);
    set(IGMP_ALL_HOSTS, none);
    idle();
    assert_true(igmp_wants(&igmp, IGMP_ALL_HOSTS, S1));
}

static void another_link_hears_it_all_again(void **state) {
    set(GROUP, all_but(S1));
    told_twice(IGMP_TO_EXCLUDE, 1, S1, 0);
    set(OTHER, all);
    set(OTHER, none); /* nobody there has to hear that it was left */
    igmp_restart(&igmp, now);
    told_twice(IGMP_TO_EXCLUDE, 1, S1, 0);
    assert_int_equal(igmp.count, 1);
}

/* ---- What we are asked ---- */

static void in_group(struct igmp_filter filter) {
    set(GROUP, filter);
    sends_within(0);
    sends_within(NET_SECOND);
    idle();
}

static void hear(uint8_t version, uint32_t group, uint32_t response, uint16_t count,
                 const uint32_t *sources) {
    uint8_t list[256];
    struct writer writer = writer_of(list, sizeof list);
    for (uint16_t i = 0; i < count; i++) {
        write_be32(&writer, sources[i]);
    }
    struct igmp_message query = {.type = IGMP_QUERY,
                                 .group = group,
                                 .version = version,
                                 .response = response,
                                 .source_count = count,
                                 .sources = writer_span(&writer)};
    igmp_input(&igmp, &query, now);
}

static void a_general_query_is_answered_in_time(void **state) {
    in_group(all_but(S1));
    set(OTHER, only(1, S2, 0));
    sends_within(0);
    sends_within(NET_SECOND);
    bool late = false;
    for (int i = 0; i < 20; i++) {
        hear(3, 0, 100, 0, NULL);
        net_time asked = now;
        sends_within(10 * NET_SECOND);
        late |= now - asked > NET_SECOND;
        record(IGMP_IS_EXCLUDE, GROUP, 1, S1, 0);
        record(IGMP_IS_INCLUDE, OTHER, 1, S2, 0);
        no_more_records();
        idle();
    }
    assert_true(late); /* at some moment within the time, not at once */
}

static void queries_do_not_pile_up(void **state) {
    in_group(all);
    for (int i = 0; i < 50; i++) {
        hear(3, 0, 100, 0, NULL);
    }
    hear(3, GROUP, 10000, 0, NULL); /* the answer to the others comes first */
    sends_within(10 * NET_SECOND);
    record(IGMP_IS_EXCLUDE, GROUP, 0, 0, 0);
    no_more_records();
    idle();
}

static void a_group_is_asked_about(void **state) {
    in_group(all);
    hear(3, OTHER, 10, 0, NULL); /* we are not in it */
    idle();
    hear(3, GROUP, 10, 0, NULL);
    sends_within(NET_SECOND);
    record(IGMP_IS_EXCLUDE, GROUP, 0, 0, 0);
    no_more_records();
    idle();
}

static void sources_are_asked_about(void **state) {
    static const uint32_t asked[] = {S1, S2, S3};
    in_group(only(2, S1, S2));
    hear(3, GROUP, 10, 1, &asked[0]);
    hear(3, GROUP, 10, 2, &asked[1]); /* added to what was asked before */
    sends_within(NET_SECOND);
    record(IGMP_IS_INCLUDE, GROUP, 2, S1, S2);
    no_more_records();
    hear(3, GROUP, 10, 1, &asked[2]); /* not wanted: no answer */
    now += NET_SECOND;
    idle();
    hear(3, GROUP, 10, 1, &asked[0]);
    hear(3, GROUP, 10, 0, NULL); /* about the whole group: that answer is enough */
    sends_within(NET_SECOND);
    record(IGMP_IS_INCLUDE, GROUP, 2, S1, S2);
    no_more_records();
    idle();
}

static void sources_of_an_open_group_are_asked_about(void **state) {
    static const uint32_t asked[] = {S1, S2};
    in_group(all_but(S1));
    hear(3, GROUP, 10, 2, asked);
    sends_within(NET_SECOND);
    record(IGMP_IS_INCLUDE, GROUP, 1, S2, 0);
    no_more_records();
}

static void too_many_sources_are_answered_as_a_whole(void **state) {
    uint32_t asked[IGMP_SOURCES + 1];
    for (uint32_t i = 0; i <= IGMP_SOURCES; i++) {
        asked[i] = S1 + i;
    }
    in_group(all);
    hear(3, GROUP, 10, IGMP_SOURCES + 1, asked);
    sends_within(NET_SECOND);
    record(IGMP_IS_EXCLUDE, GROUP, 0, 0, 0);
}

static void the_querier_sets_the_robustness(void **state) {
    struct igmp_message query = {
        .type = IGMP_QUERY, .version = 3, .response = 1, .robustness = 4, .interval = 10};
    igmp_input(&igmp, &query, now);
    now += NET_SECOND;
    silent();
    set(GROUP, all);
    for (int i = 0; i < 4; i++) {
        sends_within(NET_SECOND);
    }
    idle();
}

static void what_was_left_is_not_reported(void **state) {
    in_group(all);
    set(GROUP, none);
    sends_within(0);
    hear(3, 0, 10, 0, NULL);
    while (igmp_deadline(&igmp) != NET_NEVER) {
        now = igmp_deadline(&igmp);
        if (sends()) {
            record(IGMP_TO_INCLUDE, GROUP, 0, 0, 0);
            no_more_records();
        }
    }
    assert_int_equal(igmp.count, 0);
}

/* ---- Older versions ---- */

static void sent_short(uint8_t type, uint32_t to) {
    struct igmp_message message;
    assert_int_equal(bytes[0], type);
    assert_int_equal(sent_to, to);
    assert_int_equal(igmp_parse(span_of(bytes, 8), &message), ERR_NONE);
    assert_int_equal(message.group, GROUP);
}

static void version_2_is_spoken_to_an_older_querier(void **state) {
    in_group(all);
    hear(2, 0, 100, 0, NULL);
    sends_within(10 * NET_SECOND);
    sent_short(IGMP_V2_REPORT, GROUP);
    idle();
    hear(3, GROUP, 10, 0, NULL); /* a younger one beside it changes nothing */
    sends_within(NET_SECOND);
    sent_short(IGMP_V2_REPORT, GROUP);
    set(GROUP, none);
    sends_within(0);
    sent_short(IGMP_V2_LEAVE, IGMP_ALL_ROUTERS);
    assert_int_equal(igmp.count, 0);
    set(GROUP, only(1, S1, 0)); /* sources cannot be told */
    sends_within(0);
    sent_short(IGMP_V2_REPORT, GROUP);
    sends_within(10 * NET_SECOND);
    sent_short(IGMP_V2_REPORT, GROUP);
    idle();
    set(GROUP, only(2, S1, S2));
    idle();
}

static void another_members_report_is_enough(void **state) {
    struct igmp_message theirs = {.type = IGMP_V2_REPORT, .group = GROUP};
    in_group(all);
    hear(2, 0, 100, 0, NULL);
    igmp_input(&igmp, &theirs, now);
    idle();
    set(GROUP, none); /* it will tell when it leaves: no word from us */
    idle();
    assert_int_equal(igmp.count, 0);
}

static void reports_of_others_do_not_silence_version_3(void **state) {
    struct igmp_message theirs = {.type = IGMP_V2_REPORT, .group = GROUP};
    in_group(all);
    hear(3, 0, 100, 0, NULL);
    igmp_input(&igmp, &theirs, now);
    sends_within(10 * NET_SECOND);
    record(IGMP_IS_EXCLUDE, GROUP, 0, 0, 0);
}

static void version_1_knows_no_leaving(void **state) {
    in_group(all);
    hear(1, 0, 100, 0, NULL);
    sends_within(10 * NET_SECOND);
    sent_short(IGMP_V1_REPORT, GROUP);
    set(GROUP, none);
    idle();
    assert_int_equal(igmp.count, 0);
}

/* 7.2.1: what was to be sent is cancelled, and after a time without old queriers version 3 is back. */
static void the_version_changes_back(void **state) {
    const net_time lasts = (2 * 125 + 10) * NET_SECOND;
    set(GROUP, all);
    sends_within(0);
    hear(2, OTHER, 100, 0, NULL);
    idle(); /* the second report of version 3 */
    now += lasts - NET_SECOND;
    hear(2, GROUP, 1, 0, NULL); /* that one counts anew */
    sends_within(NET_SECOND);
    sent_short(IGMP_V2_REPORT, GROUP);
    now += lasts;
    hear(3, GROUP, 10, 0, NULL);
    sends_within(NET_SECOND);
    record(IGMP_IS_EXCLUDE, GROUP, 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(joining_and_leaving_is_told_twice),
        TEST(sources_come_and_go),
        TEST(the_mode_changes),
        TEST(changes_are_merged),
        TEST(too_many_changes_tell_the_whole_filter),
        TEST(several_groups_share_a_report),
        TEST(the_table_is_bounded),
        TEST(long_answers_are_cut),
        TEST(all_hosts_is_never_told_of),
        TEST(another_link_hears_it_all_again),
        TEST(a_general_query_is_answered_in_time),
        TEST(queries_do_not_pile_up),
        TEST(a_group_is_asked_about),
        TEST(sources_are_asked_about),
        TEST(sources_of_an_open_group_are_asked_about),
        TEST(too_many_sources_are_answered_as_a_whole),
        TEST(the_querier_sets_the_robustness),
        TEST(what_was_left_is_not_reported),
        TEST(version_2_is_spoken_to_an_older_querier),
        TEST(another_members_report_is_enough),
        TEST(reports_of_others_do_not_silence_version_3),
        TEST(version_1_knows_no_leaving),
        TEST(the_version_changes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
