/* cubic.c: CUBIC (RFC 9438): after a loss cwnd comes back to where it was fast, stays near it for a while,
 * and then looks further ever faster, by the time that has passed and not by how far away the peer is.
 *
 * Whole numbers only: windows in bytes, times in milliseconds. C is 0.4 segments a second cubed, beta 0.7. */
#include <net/tcp/congestion.h>

#define BETA_TENTHS 7
#define OFFSET_MAX  INT64_C(100000) /* ms: beyond it W_cubic is without bound */
#define SCALE       1024            /* parts of a segment in which the cube is counted */

uint32_t congestion_cube_root(uint64_t value) {
    uint64_t root = 0;
    for (int bit = 21; bit >= 0; bit--) {
        uint64_t larger = root | UINT64_C(1) << bit;
        if (larger <= 2642245 && larger * larger * larger <= value) { /* 2642245: the greatest of 64 bits */
            root = larger;
        }
    }
    return (uint32_t)root;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* 4.2: K = cbrt((W_max - cwnd_epoch) / C). In milliseconds cubed a segment is 10^9 / 0.4. */
static void start_epoch(struct congestion *congestion, net_time now) {
    struct cubic *cubic = &congestion->phase.cubic;
    uint32_t climb = cubic->w_max > congestion->cwnd ? cubic->w_max - congestion->cwnd : 0;
    cubic->k = congestion_cube_root(climb * UINT64_C(2500000000) / congestion->mss);
    cubic->w_max = larger(cubic->w_max, congestion->cwnd);
    cubic->w_est = congestion->cwnd;
    cubic->epoch_start = now;
}

/* Equation 1: W_cubic(t) = C * (t - K)^3 + W_max, never below 0. */
static uint32_t w_cubic(const struct congestion *congestion, net_time since) {
    int64_t offset = (int64_t)(since / 1000) - congestion->phase.cubic.k;
    offset = offset > OFFSET_MAX ? OFFSET_MAX : offset < -OFFSET_MAX ? -OFFSET_MAX : offset;
    int64_t parts = offset * offset * offset / 2500000 * SCALE / 1000; /* of a segment */
    int64_t window = congestion->phase.cubic.w_max + parts * congestion->mss / SCALE;
    return window < 0 ? 0 : window > UINT32_MAX ? UINT32_MAX : (uint32_t)window;
}

/* 4.3, equation 4: alpha is 3 (1 - beta) / (1 + beta) = 9/17 until the window of the last loss is reached. */
static void grow_estimate(struct congestion *congestion, uint32_t acked) {
    struct cubic *cubic = &congestion->phase.cubic;
    uint64_t gain = (uint64_t)acked * congestion->mss / congestion->cwnd;
    cubic->w_est += (uint32_t)(cubic->w_est < cubic->cwnd_prior ? gain * 9 / 17 : gain);
}

/* 4.2 to 4.5: the concave and convex regions are one formula; NewReno's estimate is the least. */
static void cubic_avoid(struct congestion *congestion, uint32_t acked, uint32_t srtt, net_time now) {
    struct cubic *cubic = &congestion->phase.cubic;
    if (cubic->epoch_start == 0) {
        start_epoch(congestion, now);
    }
    net_time since = now - cubic->epoch_start;
    uint32_t cwnd = congestion->cwnd;
    grow_estimate(congestion, acked);
    if (w_cubic(congestion, since) < cubic->w_est) {
        congestion->cwnd = larger(cwnd, cubic->w_est);
        return;
    }
    uint32_t target = larger(w_cubic(congestion, since + srtt), cwnd);
    target = smaller(target, cwnd + cwnd / 2);
    congestion->cwnd = cwnd + (uint32_t)((uint64_t)(target - cwnd) * smaller(acked, cwnd) / cwnd);
}

/* 4.6, and 4.7: who loses before he is back where he was leaves room to others. */
static uint32_t cubic_threshold(struct congestion *congestion, uint32_t flight) {
    struct cubic *cubic = &congestion->phase.cubic;
    uint32_t cwnd = congestion->cwnd;
    bool sooner = cwnd < cubic->w_max;
    cubic->w_max = sooner ? (uint32_t)((uint64_t)cwnd * (10 + BETA_TENTHS) / 20) : cwnd;
    cubic->cwnd_prior = cwnd;
    cubic->epoch_start = 0;
    return larger((uint32_t)((uint64_t)flight * BETA_TENTHS / 10), 2 * (uint32_t)congestion->mss);
}

const struct congestion_kind CONGESTION_CUBIC = {"cubic", cubic_avoid, cubic_threshold, true};
