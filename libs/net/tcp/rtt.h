/* rtt.h: round-trip time and retransmission timeout (RFC 6298), and the shortest round trip of late. */
#pragma once

#include <net/types.h>
#include <net/wire/sequence.h>
#include <stdbool.h>

/* RFC 6298 2.4 asks for a minimum of one second but lets it be less where clocks are fine. As in Linux the
 * timeout is at least 200 ms more than the round trip. */
#define RTO_INITIAL NET_SECOND
#define RTO_MIN     (NET_SECOND / 5)
#define RTO_MAX     (60 * NET_SECOND)

struct rtt {
    uint32_t srtt;           /* microseconds; 0: nothing has been measured */
    uint32_t mdev, mdev_max; /* the mean deviation; its greatest value of this round trip */
    uint32_t rttvar;         /* follows that upwards at once, downwards by the round trip */
    union {
        struct sequence round; /* which is over when this is acknowledged */
        uint32_t sent;         /* while timing: when our SYN left, modulo 2^32 */
    };
    uint32_t rto;           /* microseconds, backed off if it had to be */
    uint32_t min[2];        /* the shortest of this and of the last period; 0: none */
    uint32_t min_from : 31; /* the second in which this period began */
    uint32_t timing : 1;    /* our SYN is being timed; nothing has been measured yet */
};

void rtt_init(struct rtt *rtt);
/* Our SYN leaves for the first time. */
void rtt_start(struct rtt *rtt, net_time now);
/* It is sent again: Karn's rule, what was being timed tells nothing any more. */
void rtt_stop(struct rtt *rtt);
/* The SYN being timed is acknowledged. Returns how long it took in microseconds; 0: it was not timed. */
uint32_t rtt_watch(struct rtt *rtt, net_time now);
/* A round trip in microseconds; 0: nothing. una, nxt: as they are now. */
void rtt_told(struct rtt *rtt, uint32_t sample, struct sequence una, struct sequence nxt);
/* One without the time for which the peer may have held an ACK back, for rtt_min only; 0: nothing. */
void rtt_told_least(struct rtt *rtt, uint32_t sample, net_time now);
/* The shortest of the last minutes, in microseconds (RFC 8985 RACK.min_RTT); 0: nothing was measured. */
uint32_t rtt_min(const struct rtt *rtt);
/* A timeout: twice as long next time (5.5). */
void rtt_back_off(struct rtt *rtt);
