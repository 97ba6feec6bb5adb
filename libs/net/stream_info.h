/* stream_info.h: what a connection can tell of itself, in the fields, units and order of Linux's struct
 * tcp_info, so that whoever hands it on only copies.
 *
 * What makes no sense here is 0 and begins with zero_: there is no pacing, so there are no rates of it; FACK
 * is gone (also from Linux), and the hash of a path, which Linux draws anew when one fails, does not exist;
 * Linux does not remember when it sent an ACK either; and the times of recoveries by timeout it counts only
 * since 6.7. */
#pragma once

#include <stdint.h>

/* Bits of `options`. */
#define NET_STREAM_TIMESTAMPS 1
#define NET_STREAM_SACK       2
#define NET_STREAM_SCALING    4
#define NET_STREAM_ECN        8
#define NET_STREAM_ECN_SEEN   16
#define NET_STREAM_SYN_DATA   32 /* the peer has taken data that went with the SYN */

/* Values of `phase`: what loss, or a mark, has it do at the moment. */
enum net_stream_phase {
    NET_STREAM_OPEN,
    NET_STREAM_DISORDER, /* something is missing, or seems to be */
    NET_STREAM_REDUCED,  /* a router has marked what we sent */
    NET_STREAM_RECOVERY, /* what is lost is being sent again */
    NET_STREAM_LOSS      /* the timer has run out */
};

struct net_stream_info {
    uint8_t state;                      /* enum tcp_state (net/tcp/tcp.h) */
    uint8_t phase;                      /* enum net_stream_phase */
    uint8_t timeouts, probes, back_off; /* in a row */
    uint8_t options;
    uint8_t shifts; /* of windows: the peer's in the low four bits, ours in the others */
    uint8_t flags;  /* 1: the rate of delivery is the user's rather than the path's; from bit 1 on, two bits:
                       why  Fast Open did not (no cookie, data not taken, SYN sent again) */
    uint32_t rto_us, ack_delay_us;
    uint32_t send_mss, receive_mss; /* bytes of text */
    /* Segments on their way, and which of them have arrived out of order, are lost, have been sent again; of
     * a listener: finished connections that wait, and how many may. */
    uint32_t out, arrived, lost, resent;
    uint32_t zero_fackets;
    uint32_t since_data_sent_ms, zero_since_ack_sent, since_data_received_ms, since_ack_received_ms;
    uint32_t path_mtu;
    uint32_t receive_limit; /* bytes that the receive buffer may hold now */
    uint32_t rtt_us, rtt_variance_us;
    uint32_t threshold, window; /* of congestion control, in segments */
    uint32_t offered_mss;
    uint32_t reordering;                          /* segments */
    uint32_t receiver_rtt_us, taken_a_round_trip; /* as the receiver sees it; bytes */
    uint32_t resent_ever;                         /* segments */
    uint64_t zero_pacing, zero_pacing_most;
    uint64_t bytes_acknowledged, bytes_received;
    uint32_t segments_out, segments_in;
    uint32_t bytes_unsent;
    uint32_t least_rtt_us;
    uint32_t data_segments_in, data_segments_out;
    uint64_t delivery_rate; /* bytes a second, of the last round trip that could tell */
    /* How long there was something to send or unacknowledged; how much of that the peer's window stood in the
     * way, and how much the send buffer, all of which was out. */
    uint64_t busy_us, window_limited_us, buffer_limited_us;
    uint32_t delivered, delivered_marked; /* segments; marked: by ACKs that reported congestion */
    uint64_t bytes_sent, bytes_resent;
    uint32_t duplicate_reports, reorderings;
    uint32_t out_of_order;                /* segments that came so */
    uint32_t peer_window, offered_window; /* bytes */
    uint32_t zero_rehash;
    uint16_t timeouts_ever, zero_timeout_recoveries;
    uint32_t zero_timeout_time;
};

_Static_assert(sizeof(struct net_stream_info) == 248, "as large as Linux's");
