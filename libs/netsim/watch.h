/* watch.h: looks at every TCP segment of a segment of Ethernet, as it is sent and as it arrives, and knows
 * what no sender may do, whatever happens on the way (RFC 9293 3.4, 3.8.6; RFC 7323; RFC 2018):
 *
 *  - an acknowledgment never goes back, nor tells of what has not come;
 *  - the right edge of the window never moves left, but for what rounding to its scale takes;
 *  - no text beyond the window as far as it is known, but for one byte that probes a shut one;
 *  - no hole: text starts at most where what was sent before ends; no segment larger than the peer takes;
 *  - packets are capable of ECN only where both ends have agreed on it, and only with new text (RFC 3168);
 *  - SACK tells of nothing that has not come, the clock of timestamps never goes back, and a connection that
 *    has agreed on timestamps has one in each segment.
 *
 * It knows no engine, only frames. Only segments without damage may be given to it. */
#pragma once

#include <net/wire/tcp.h>
#include <netsim/verdict.h>

#define WATCH_CONNECTIONS 512

/* One end of a connection: what it has sent, and what has reached it. */
struct watch_end {
    uint32_t address;
    uint16_t port;
    bool syn_sent, acked, told, heard, stamped;
    bool scale_offered, stamp_offered, ecn_offered;
    uint8_t shift;
    uint16_t mss;                /* what it takes, by its SYN */
    struct sequence iss, sent;   /* sent: the end of all that it has sent */
    struct sequence ack, edge;   /* what its segments have said */
    struct sequence heard_until; /* the end of all that has reached it */
    struct sequence told_edge;   /* the other's right edge, as far as it has reached this one */
    uint32_t stamp;
};

struct watch_connection {
    struct watch_end end[2];
};

/* What one address has put on the wire. */
struct watch_tally {
    uint32_t address;
    uint64_t segments, text, arrived; /* text: bytes; arrived: segments that reached it */
    bool gives_up;                    /* it could not even send some, for want of a neighbour: holes may be */
};

struct watch {
    struct verdict *verdict;
    struct watch_connection connection[WATCH_CONNECTIONS];
    uint32_t count, last; /* last: whose segment was the last one */
    struct watch_tally tally[4];
    uint32_t addresses;
    uint64_t segments; /* of all */
};

void watch_init(struct watch *watch, struct verdict *verdict);
/* A frame is sent: as it enters the link, cut and summed. */
void watch_sent(struct watch *watch, struct span frame, net_time now);
/* It has reached its receiver. */
void watch_arrived(struct watch *watch, struct span frame);
/* The tally of that address. */
struct watch_tally *watch_of(struct watch *watch, uint32_t address);
