/* rtt.h: round-trip time and retransmission timeout (RFC 6298). */
#pragma once

#include <net/types.h>
#include <net/wire/sequence.h>
#include <stdbool.h>

/* RFC 6298 2.4 asks for a minimum of one second but lets it be less where clocks are fine: 200 ms, as
 * everywhere. */
#define RTO_INITIAL NET_SECOND
#define RTO_MIN     (NET_SECOND / 5)
#define RTO_MAX     (60 * NET_SECOND)

struct rtt {
    uint32_t srtt, rttvar; /* microseconds; srtt 0: nothing has been measured */
    uint32_t rto;          /* microseconds, backed off if it had to be */
    bool timing;           /* a segment is being timed */
    struct sequence timed; /* the first byte of it */
    net_time sent;
};

void rtt_init(struct rtt *rtt);
/* A segment that starts at `seq` leaves for the first time. */
void rtt_sent(struct rtt *rtt, struct sequence seq, net_time now);
/* Something is sent again: Karn's rule, what was being timed tells nothing any more. */
void rtt_resent(struct rtt *rtt);
/* Is a segment being timed? */
static inline bool rtt_is_timing(const struct rtt *rtt) {
    return rtt->timing;
}

/* A round trip that was measured otherwise, in microseconds; 0: nothing. */
void rtt_told(struct rtt *rtt, uint32_t sample);
/* Everything before `ack` has arrived. */
void rtt_acked(struct rtt *rtt, struct sequence ack, net_time now);
/* A timeout: twice as long next time (5.5). */
void rtt_back_off(struct rtt *rtt);
