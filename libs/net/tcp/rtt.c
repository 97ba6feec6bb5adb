/* rtt.c: RFC 6298, section by section. Each ACK brings a sample, so the variance is counted as Linux does:
 * the greatest deviation within a round trip stands for it, lest many samples of a smooth flow hide that the
 * next one may be late. */
#include <net/tcp/rtt.h>

#define VARIANCE_LEAST ((uint32_t)RTO_MIN / 4)
#define MIN_PERIOD     150 /* seconds; Linux looks back for 300 */

void rtt_init(struct rtt *rtt) {
    *rtt = (struct rtt){.rto = RTO_INITIAL};
}

void rtt_start(struct rtt *rtt, net_time now) {
    rtt->timing = true;
    rtt->sent = (uint32_t)now;
}

void rtt_stop(struct rtt *rtt) {
    rtt->timing = false;
}

uint32_t rtt_watch(struct rtt *rtt, net_time now) {
    uint32_t taken = (uint32_t)now - rtt->sent;
    bool timed = rtt->timing;
    rtt->timing = false;
    return !timed ? 0 : taken == 0 ? 1 : taken;
}

/* 2.3 with alpha 1/8 and beta 1/4, and 2.4; in whole milliseconds. */
static void set_rto(struct rtt *rtt) {
    uint64_t rto = (uint64_t)rtt->srtt + 4 * (uint64_t)rtt->rttvar;
    rtt->rto = (uint32_t)(rto > RTO_MAX ? RTO_MAX : rto - rto % 1000);
}

static void begin_round(struct rtt *rtt, struct sequence nxt) {
    rtt->mdev_max = VARIANCE_LEAST;
    rtt->round = nxt;
}

/* A round trip that is suddenly shorter is no reason to wait longer. */
static void take_deviation(struct rtt *rtt, uint32_t sample) {
    bool shorter = sample < rtt->srtt;
    uint32_t error = shorter ? rtt->srtt - sample : sample - rtt->srtt;
    uint32_t share = shorter && error > rtt->mdev ? 32 : 4;
    rtt->mdev =
        error > rtt->mdev ? rtt->mdev + (error - rtt->mdev) / share : rtt->mdev - (rtt->mdev - error) / share;
    rtt->mdev_max = rtt->mdev > rtt->mdev_max ? rtt->mdev : rtt->mdev_max;
    rtt->rttvar = rtt->mdev_max > rtt->rttvar ? rtt->mdev_max : rtt->rttvar;
}

void rtt_told(struct rtt *rtt, uint32_t sample, struct sequence una, struct sequence nxt) {
    sample = sample > RTO_MAX ? (uint32_t)RTO_MAX : sample;
    if (sample == 0) {
        return;
    }
    if (rtt->srtt == 0) {
        rtt->srtt = sample;
        rtt->mdev = sample / 2;
        begin_round(rtt, nxt);
        rtt->rttvar = rtt->mdev > VARIANCE_LEAST ? rtt->mdev : VARIANCE_LEAST;
    } else {
        take_deviation(rtt, sample);
        if (seq_after(una, rtt->round)) {
            rtt->rttvar -= rtt->mdev_max < rtt->rttvar ? (rtt->rttvar - rtt->mdev_max) / 4 : 0;
            begin_round(rtt, nxt);
        }
        rtt->srtt = rtt->srtt - rtt->srtt / 8 + sample / 8;
    }
    rtt->srtt = rtt->srtt == 0 ? 1 : rtt->srtt;
    set_rto(rtt);
}

static uint32_t less(uint32_t a, uint32_t b) {
    return b != 0 && b < a ? b : a;
}

void rtt_told_least(struct rtt *rtt, uint32_t sample, net_time now) {
    uint32_t second = (uint32_t)(now / NET_SECOND) & 0x7fffffff;
    if (sample == 0) {
        return;
    }
    if (rtt->min[0] == 0 || second - rtt->min_from >= MIN_PERIOD) {
        rtt->min[1] = rtt->min[0] != 0 && second - rtt->min_from < 2 * MIN_PERIOD ? rtt->min[0] : 0;
        rtt->min[0] = sample;
        rtt->min_from = second;
    }
    rtt->min[0] = less(rtt->min[0], sample);
}

uint32_t rtt_min(const struct rtt *rtt) {
    return less(rtt->min[0], rtt->min[1]);
}

void rtt_back_off(struct rtt *rtt) {
    rtt->rto = rtt->rto > RTO_MAX / 2 ? (uint32_t)RTO_MAX : rtt->rto * 2;
}
