/* sent.c: runs of sequence numbers that were sent; read sent.h first. */
#include <net/tcp/sent.h>
#include <string.h>

#define BLUR_LEAST 100 /* microseconds */
#define BLUR_MOST  (16 * NET_SECOND)

static struct sent_run *at(struct sent *sent, uint32_t index) {
    return &sent->run[sent->first + index];
}

static uint32_t length_of(const struct sent *sent, uint32_t index) {
    return sent_end(sent, index).value - sent_run(sent, index)->start.value;
}

static void set_state(struct sent *sent, uint32_t index, enum sent_state state) {
    uint32_t length = length_of(sent, index);
    sent->bytes[at(sent, index)->state] -= length;
    sent->bytes[state] += length;
    at(sent, index)->state = (uint8_t)state;
}

/* May they be one, `blur` apart in time? When something was sent that has arrived, nobody asks. */
static bool alike(const struct sent_run *a, const struct sent_run *b, net_time blur) {
    net_time apart = a->at < b->at ? b->at - a->at : a->at - b->at;
    return a->state == b->state && (a->state == SENT_ARRIVED || (a->resent == b->resent && apart <= blur));
}

/* Joins neighbours among the runs `from` … `to`. */
static void join(struct sent *sent, uint32_t from, uint32_t to, net_time blur) {
    uint32_t kept = from;
    if (sent->count == 0) {
        return;
    }
    to = to < sent->count ? to : sent->count - 1u;
    for (uint32_t i = from + 1; i <= to; i++) {
        struct sent_run *last = at(sent, kept), *next = at(sent, i);
        if (alike(last, next, blur)) {
            last->at = last->at > next->at ? last->at : next->at;
        } else {
            *at(sent, ++kept) = *next;
        }
    }
    if (kept < to) {
        memmove(at(sent, kept + 1), at(sent, to + 1), (sent->count - to - 1) * sizeof(struct sent_run));
        sent->count = (uint16_t)(sent->count - (to - kept));
    }
}

void sent_join(struct sent *sent) {
    join(sent, 0, sent->count, 0);
}

/* The runs stand at the front of the memory again. */
static void pull(struct sent *sent) {
    memmove(sent->run, at(sent, 0), sent->count * sizeof(struct sent_run));
    sent->first = 0;
}

/* Room for `more` runs behind the last, at the price of exact times; there may be none even so. Much is made
 * at once, so that it is seldom done. */
static bool make_room(struct sent *sent, uint32_t more) {
    if ((uint32_t)sent->first + sent->count + more <= sent->limit) {
        return true;
    }
    uint32_t enough = sent->limit - (sent->count + more > sent->limit ? sent->limit / 4 : 0);
    for (net_time blur = BLUR_LEAST; blur < BLUR_MOST && sent->count + more > enough; blur *= 2) {
        join(sent, 0, sent->count, blur);
    }
    pull(sent);
    return sent->count + more <= sent->limit;
}

void sent_init(struct sent *sent, uint32_t limit, struct sequence start) {
    sent->limit = (uint16_t)limit;
    sent->first = sent->count = 0;
    sent->end = start;
    memset(sent->bytes, 0, sizeof sent->bytes);
}

void sent_move(struct sent *sent, uint32_t limit, const struct sent *from) {
    memcpy(sent, from, offsetof(struct sent, run));
    memcpy(sent->run, sent_run(from, 0), from->count * sizeof(struct sent_run));
    sent->limit = (uint16_t)limit;
    sent->first = 0;
}

bool sent_has_room(const struct sent *sent) {
    return sent->count + 2 <= sent->limit;
}

uint32_t sent_find(const struct sent *sent, struct sequence seq) {
    uint32_t low = 0, high = sent->count;
    if (high == 0 || seq_before(seq, sent_run(sent, 0)->start) || !seq_before(seq, sent->end)) {
        return sent->count;
    }
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (seq_before(seq, sent_run(sent, middle)->start)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return low;
}

/* A run begins at `seq` from now on. Returns which: the one behind the last if that is where all ends. There
 * must be room. */
static uint32_t split(struct sent *sent, struct sequence seq) {
    uint32_t index = sent_find(sent, seq);
    if (index == sent->count || seq_equal(at(sent, index)->start, seq)) {
        return index;
    }
    memmove(at(sent, index + 1), at(sent, index), (sent->count - index) * sizeof(struct sent_run));
    sent->count++;
    at(sent, index + 1)->start = seq;
    return index + 1;
}

/* The runs `from` … `to`-1 become one. */
static void unite(struct sent *sent, uint32_t from, uint32_t to, struct sent_run run) {
    for (uint32_t i = from; i < to; i++) {
        set_state(sent, i, (enum sent_state)run.state);
    }
    run.start = at(sent, from)->start;
    *at(sent, from) = run;
    memmove(at(sent, from + 1), at(sent, to), (sent->count - to) * sizeof(struct sent_run));
    sent->count = (uint16_t)(sent->count - (to - from - 1));
    join(sent, from > 0 ? from - 1 : 0, from + 1, 0);
}

/* What is there of [start, end) is sent again: without room for its borders all of the runs that it touches
 * count as sent again. */
static void resend(struct sent *sent, struct sequence start, struct sequence end, net_time now) {
    struct sent_run run = {.at = now, .state = SENT_OUT, .resent = true};
    if (make_room(sent, 2)) {
        uint32_t from = split(sent, start);
        unite(sent, from, split(sent, end), run);
    } else {
        uint32_t last = sent_find(sent, seq_of(end.value - 1));
        unite(sent, sent_find(sent, start), last + 1, run);
    }
}

static void append(struct sent *sent, struct sequence end, net_time now) {
    struct sent_run run = {.at = now, .start = sent->end, .state = SENT_OUT};
    uint32_t length = end.value - sent->end.value;
    bool more = sent->count != 0 && alike(at(sent, sent->count - 1), &run, 0);
    if (!more && make_room(sent, 1)) {
        *at(sent, sent->count++) = run;
    } else if (!more) { /* the last run is taken for as new */
        set_state(sent, sent->count - 1, SENT_OUT);
        at(sent, sent->count - 1)->at = now;
        at(sent, sent->count - 1)->resent = true;
    }
    sent->end = end;
    sent->bytes[SENT_OUT] += length;
}

void sent_note(struct sent *sent, struct sequence start, struct sequence end, net_time now) {
    if (seq_before(start, sent->end)) {
        resend(sent, start, seq_min(end, sent->end), now);
    }
    if (seq_after(end, sent->end)) {
        append(sent, end, now);
    }
}

bool sent_arrived(struct sent *sent, struct sequence start, struct sequence end) {
    if (!make_room(sent, 2)) {
        return false;
    }
    uint32_t from = split(sent, start);
    unite(sent, from, split(sent, end), (struct sent_run){.state = SENT_ARRIVED});
    return true;
}

void sent_acked(struct sent *sent, struct sequence una) {
    while (sent->count != 0 && seq_before_or_at(sent_end(sent, 0), una)) {
        sent->bytes[at(sent, 0)->state] -= length_of(sent, 0);
        sent->first++;
        sent->count--;
    }
    if (sent->count != 0 && seq_before(at(sent, 0)->start, una)) {
        sent->bytes[at(sent, 0)->state] -= una.value - at(sent, 0)->start.value;
        at(sent, 0)->start = una;
    }
    if (sent->count == 0) {
        sent->first = 0;
        sent->end = seq_max(sent->end, una);
    }
}

void sent_judge(struct sent *sent, uint32_t index) {
    set_state(sent, index, SENT_LOST);
}

void sent_revive(struct sent *sent, net_time now) {
    for (uint32_t i = 0; i < sent->count; i++) {
        if (at(sent, i)->state == SENT_LOST) {
            set_state(sent, i, SENT_OUT);
            at(sent, i)->at = now;
            at(sent, i)->resent = true;
        }
    }
    sent_join(sent);
}

void sent_lost(struct sent *sent, struct sequence start, struct sequence end) {
    bool room = make_room(sent, 2);
    uint32_t from = room ? split(sent, start) : sent_find(sent, start);
    uint32_t to = room ? split(sent, end) : sent_find(sent, seq_of(end.value - 1)) + 1;
    for (uint32_t i = from; i < to; i++) {
        if (at(sent, i)->state == SENT_OUT) {
            set_state(sent, i, SENT_LOST);
        }
    }
    sent_join(sent);
}

void sent_renege(struct sent *sent) {
    for (uint32_t i = 0; i < sent->count; i++) {
        if (at(sent, i)->state == SENT_ARRIVED) {
            set_state(sent, i, SENT_LOST);
            at(sent, i)->resent = true;
        }
    }
    sent_join(sent);
}
