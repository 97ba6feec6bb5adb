/* hystart.c: HyStart++ (RFC 9406): the first slow start ends when round trips get longer, that is, when a
 * queue builds up on the way, and not only when that overflows. Since round trips vary for other reasons too,
 * it is slowed down first, for some rounds of conservative slow start (CSS), and goes on if they get shorter.
 */
#include <net/tcp/congestion.h>

/* 4.2, the values that it advises */
#define MIN_RTT_THRESH  4000u /* microseconds */
#define MAX_RTT_THRESH  16000u
#define MIN_RTT_DIVISOR 8
#define N_RTT_SAMPLE    8
#define CSS_ROUNDS      5

static void begin_round(struct hystart *hystart, struct sequence nxt) {
    hystart->running = true;
    hystart->window_end = nxt;
    hystart->last_round_min = hystart->current_round_min;
    hystart->current_round_min = 0;
    hystart->samples = 0;
    hystart->css_rounds += hystart->css_rounds != 0;
}

static uint32_t rtt_thresh(uint32_t last_round_min) {
    uint32_t part = last_round_min / MIN_RTT_DIVISOR;
    return part < MIN_RTT_THRESH ? MIN_RTT_THRESH : part > MAX_RTT_THRESH ? MAX_RTT_THRESH : part;
}

/* Enough was measured in this round: into CSS, or back. */
static void judge(struct hystart *hystart) {
    uint32_t last = hystart->last_round_min, current = hystart->current_round_min;
    if (hystart->css_rounds != 0) {
        hystart->css_rounds = current < hystart->css_baseline_min ? 0 : hystart->css_rounds;
    } else if (last != 0 && current >= last + rtt_thresh(last)) {
        hystart->css_baseline_min = current;
        hystart->css_rounds = 1;
    }
}

void hystart_measured(struct congestion *congestion, uint32_t sample, struct sequence una,
                      struct sequence nxt) {
    struct hystart *hystart = &congestion->phase.hystart;
    if (!hystart->running || seq_after_or_at(una, hystart->window_end)) {
        begin_round(hystart, nxt);
    }
    if (hystart->css_rounds > CSS_ROUNDS) {
        congestion->ssthresh = congestion->cwnd; /* congestion avoidance */
        congestion->phase.cubic = (struct cubic){0};
        return;
    }
    if (hystart->current_round_min == 0 || sample < hystart->current_round_min) {
        hystart->current_round_min = sample;
    }
    hystart->samples += hystart->samples < N_RTT_SAMPLE;
    if (hystart->samples == N_RTT_SAMPLE) {
        judge(hystart);
    }
}
