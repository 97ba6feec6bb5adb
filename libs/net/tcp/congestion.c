/* congestion.c: slow start, congestion avoidance and what losses do to them (RFC 5681, 3465, 6928, 9406). */
#include <net/tcp/congestion.h>

#define WINDOW_MAX         (UINT32_C(1) << 30)
#define LIMIT              2 /* segments that an ACK may add in slow start (RFC 3465 2.2) */
#define HYSTART_LIMIT      8 /* the same while HyStart++ watches (RFC 9406 4.3) */
#define CSS_GROWTH_DIVISOR 4

static uint32_t initial_window(uint16_t mss) {
    uint32_t floor = 2 * (uint32_t)mss > 14600 ? 2 * (uint32_t)mss : 14600;
    return 10 * (uint32_t)mss < floor ? 10 * (uint32_t)mss : floor;
}

/* One segment more for each window that was acknowledged. */
static void new_reno_avoid(struct congestion *congestion, uint32_t acked, uint32_t srtt, net_time now) {
    (void)srtt;
    (void)now;
    congestion->counted += acked;
    if (congestion->counted >= congestion->cwnd) {
        congestion->counted -= congestion->cwnd;
        congestion->cwnd += congestion->mss;
    }
}

static uint32_t new_reno_threshold(struct congestion *congestion, uint32_t flight) {
    uint32_t least = 2 * (uint32_t)congestion->mss;
    return flight / 2 > least ? flight / 2 : least;
}

const struct congestion_kind CONGESTION_NEW_RENO = {"newreno", new_reno_avoid, new_reno_threshold, false};

void congestion_init(struct congestion *congestion, const struct congestion_kind *kind, uint16_t mss) {
    *congestion =
        (struct congestion){.kind = kind, .cwnd = initial_window(mss), .ssthresh = WINDOW_MAX, .mss = mss};
}

void congestion_sent(struct congestion *congestion, uint32_t pipe, struct sequence una, struct sequence end) {
    if (pipe > congestion->used || seq_after_or_at(una, congestion->used_until)) {
        congestion->used = pipe;
        congestion->used_until = end;
    }
}

bool congestion_is_used(const struct congestion *congestion) {
    bool slow_start = congestion->cwnd < congestion->ssthresh;
    return (slow_start ? 2 * congestion->used : congestion->used + congestion->mss) >= congestion->cwnd;
}

void congestion_change(struct congestion *congestion, const struct congestion_kind *kind) {
    congestion->kind = kind;
    congestion->counted = 0;
    congestion->phase = (union congestion_phase){0};
}

bool congestion_is_first(const struct congestion *congestion) {
    return congestion->ssthresh == WINDOW_MAX;
}

void congestion_measured(struct congestion *congestion, uint32_t sample, struct sequence una,
                         struct sequence nxt) {
    if (congestion->kind->hystart && congestion_is_first(congestion)) {
        hystart_measured(congestion, sample, una, nxt);
    }
}

static uint32_t slow_start_growth(const struct congestion *congestion, uint32_t acked) {
    bool watched = congestion->kind->hystart && congestion_is_first(congestion);
    uint32_t limit = (watched ? HYSTART_LIMIT : LIMIT) * (uint32_t)congestion->mss;
    uint32_t growth = acked < limit ? acked : limit;
    return watched && congestion->phase.hystart.css_rounds != 0 ? growth / CSS_GROWTH_DIVISOR : growth;
}

void congestion_acked(struct congestion *congestion, uint32_t acked, uint32_t srtt, net_time now) {
    if (congestion->answered) {
        return;
    }
    if (congestion->cwnd < congestion->ssthresh) {
        congestion->cwnd += slow_start_growth(congestion, acked);
    } else {
        congestion->kind->avoid(congestion, acked, srtt, now);
    }
    congestion->cwnd = congestion->cwnd > WINDOW_MAX ? WINDOW_MAX : congestion->cwnd;
}

/* A window that has been reduced because of a mark is not reduced again (RFC 3168 6.1.2, as in Linux). */
static void reduce(struct congestion *congestion, uint32_t flight) {
    if (!congestion->answered) {
        uint32_t most = flight > congestion->used ? flight : congestion->used;
        if (congestion_is_first(congestion)) {
            congestion->phase.cubic = (struct cubic){0};
        }
        congestion->ssthresh = congestion->kind->threshold(congestion, most);
    }
    congestion->counted = 0;
    congestion->reduced = true;
}

void congestion_lost(struct congestion *congestion, uint32_t flight) {
    reduce(congestion, flight);
}

void congestion_marked(struct congestion *congestion, uint32_t flight) {
    reduce(congestion, flight);
    congestion->cwnd = congestion->ssthresh < congestion->cwnd ? congestion->ssthresh : congestion->cwnd;
    congestion->answered = true;
}

void congestion_timed_out(struct congestion *congestion, uint32_t flight, bool again) {
    if (!again) {
        reduce(congestion, flight);
    }
    congestion->cwnd = congestion->mss;
    congestion->counted = 0;
    congestion->answered = false;      /* slow start goes on from here */
    congestion->phase.cubic.w_max = 0; /* and where it ends, a level curve begins (RFC 9438 4.8) */
    congestion->phase.cubic.epoch_start = 0;
}

void congestion_restart(struct congestion *congestion, uint32_t rto, net_time now) {
    uint32_t restart = initial_window(congestion->mss);
    if (now - congestion->last_sent > rto && congestion->cwnd > restart) {
        congestion->cwnd = restart;
        if (!congestion_is_first(congestion)) {
            congestion->phase.cubic.epoch_start = 0; /* a pause is no time in which the way got wider */
        }
    }
}

void congestion_save(const struct congestion *congestion, struct congestion_memory *memory) {
    *memory = (struct congestion_memory){congestion->cwnd, congestion->ssthresh, congestion->phase};
}

void congestion_restore(struct congestion *congestion, const struct congestion_memory *memory) {
    congestion->cwnd = congestion->cwnd > memory->cwnd ? congestion->cwnd : memory->cwnd;
    if (memory->ssthresh > congestion->ssthresh) {
        congestion->ssthresh = memory->ssthresh;
    }
    congestion->phase = memory->phase;
    congestion->reduced = false;
}
