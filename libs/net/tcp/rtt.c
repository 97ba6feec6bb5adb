/* rtt.c: RFC 6298, section by section. One segment at a time is timed. */
#include <net/tcp/rtt.h>

void rtt_init(struct rtt *rtt) {
    *rtt = (struct rtt){.rto = RTO_INITIAL};
}

void rtt_sent(struct rtt *rtt, struct sequence seq, net_time now) {
    if (!rtt->timing) {
        rtt->timing = true;
        rtt->timed = seq;
        rtt->sent = now;
    }
}

void rtt_resent(struct rtt *rtt) {
    rtt->timing = false;
}

/* 2.3 with alpha 1/8 and beta 1/4, and 2.4; the variance never hides below a granule of 1 ms. */
static void set_rto(struct rtt *rtt) {
    uint32_t granule = 1000;
    uint64_t rto =
        (uint64_t)rtt->srtt + (4 * (uint64_t)rtt->rttvar > granule ? 4 * (uint64_t)rtt->rttvar : granule);
    rto = rto < RTO_MIN ? RTO_MIN : rto;
    rtt->rto = (uint32_t)(rto > RTO_MAX ? RTO_MAX : rto);
}

static void take_sample(struct rtt *rtt, uint32_t sample) {
    if (rtt->srtt == 0) {
        rtt->srtt = sample;
        rtt->rttvar = sample / 2;
    } else {
        uint32_t error = sample > rtt->srtt ? sample - rtt->srtt : rtt->srtt - sample;
        rtt->rttvar = rtt->rttvar - rtt->rttvar / 4 + error / 4;
        rtt->srtt = rtt->srtt - rtt->srtt / 8 + sample / 8;
    }
    rtt->srtt = rtt->srtt == 0 ? 1 : rtt->srtt;
    set_rto(rtt);
}

void rtt_acked(struct rtt *rtt, struct sequence ack, net_time now) {
    if (!rtt->timing || seq_before_or_at(ack, rtt->timed)) {
        return;
    }
    rtt->timing = false;
    net_time sample = now - rtt->sent;
    take_sample(rtt, sample > RTO_MAX ? (uint32_t)RTO_MAX : (uint32_t)sample);
}

void rtt_told(struct rtt *rtt, uint32_t sample) {
    if (sample != 0) {
        take_sample(rtt, sample);
    }
}

void rtt_back_off(struct rtt *rtt) {
    rtt->rto = rtt->rto > RTO_MAX / 2 ? (uint32_t)RTO_MAX : rtt->rto * 2;
}
