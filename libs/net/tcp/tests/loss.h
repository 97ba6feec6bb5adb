/* loss.h: what the tests of loss recovery share: a connection with a round trip of 100 ms, segments by their
 * number, and a look at cwnd. */
#pragma once

#include "script.h"

#define MS          (NET_SECOND / 1000)
#define MSS         1460
#define RTT         (100 * MS)
#define AT(segment) (1 + (segment)*MSS) /* the sequence number of our segment 0, 1, … */

/* With NewReno, whose windows are easily reckoned. The handshake takes RTT: srtt 100, RTO 300 ms. */
static inline struct script *loss_start(bool sack, bool timestamps) {
    struct script *s = malloc(sizeof *s);
    struct net_endpoint peer;
    struct net_config config = script_config();
    config.new_reno = true;
    script_start_with(s, &config);
    script_listen(s, 8);
    IN(.flags = SYN, .mss = MSS, .sack_ok = sack, .has_time = timestamps);
    OUT(.flags = SYN | ACK, .ack = 1);
    PASS(RTT);
    IN(.flags = ACK, .seq = 1, .ack = 1, .has_time = timestamps, .echo = s->last.options.timestamp);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    return s;
}

static inline int loss_setup(void **state) {
    *state = loss_start(true, false);
    return 0;
}

static inline void take_full(struct script *s, uint32_t segment, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        OUT(.flags = ACK, .seq = AT(segment + i), .ack = 1, .length = MSS);
    }
}

/* The peer has everything before segment `ack`. */
static inline void acked(struct script *s, uint32_t ack) {
    IN(.flags = ACK, .seq = 1, .ack = AT(ack));
}

/* And `from` … `to`-1. */
static inline void told(struct script *s, uint32_t ack, uint32_t from, uint32_t to) {
    IN(.flags = ACK, .seq = 1, .ack = AT(ack), .blocks = 1, .block = {{AT(from), AT(to)}});
}

static inline const struct net_counters *counters(struct script *s) {
    return net_counters(s->net);
}

static inline uint32_t window_of(struct script *s) {
    struct net_socket_info info;
    uint32_t cursor = 0;
    while (net_socket_next(s->net, &cursor, &info)) {
        if (info.peer.port == PEER_PORT) {
            return info.congestion_window;
        }
    }
    return 0;
}
