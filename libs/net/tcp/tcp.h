/* tcp.h: TCP (RFC 9293) as the rest of the engine sees it.
 *
 * `struct tcp` is all connections together. tcp_input stores a segment and marks what is due; tcp_due and
 * tcp_compose answer "what is next to send"; tcp_deadline says when time alone makes something due. The user
 * calls stand in tcp/user.h. The module knows addresses, but neither routes nor frames.
 * Read tcb.h next: what a connection remembers. */
#pragma once

#include <net/arena.h>
#include <net/counters.h>
#include <net/wire/tcp.h>

enum tcp_state {
    TCP_CLOSED,
    TCP_LISTEN,
    TCP_SYN_SENT,
    TCP_SYN_RECEIVED,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_LAST_ACK,
    TCP_TIME_WAIT
};

struct tcp;
struct tcb;

/* The two ends of a connection; IPv4 addresses and ports in host order. */
struct tcp_key {
    uint32_t local_address, peer_address;
    uint16_t local_port, peer_port;
};

#define TCP_SYN_RETRIES 6  /* 127 s until connect gives up */
#define TCP_FIN_WAIT    60 /* seconds in FIN_WAIT_2 without a user */

/* What the user asks of a connection; a listener's connections begin with what was asked of it. */
struct tcp_settings {
    uint16_t keep_idle, keep_interval; /* seconds */
    uint8_t keep_count, ttl;
    uint8_t tos; /* of what is sent; its ECN bits are 0 here, for they are the engine's */
    bool keepalive : 1, nodelay : 1, reuse_address : 1;
    bool fast_open : 1;                     /* data may go with the SYN (RFC 7413) */
    bool send_fixed : 1, receive_fixed : 1; /* the buffer has the size that was asked for and does not grow */
    bool reuse_port : 1;                    /* listeners of one owner share the port */
    bool corked : 1;                        /* small segments wait, as long as they may */
    bool new_reno : 1;                      /* instead of CUBIC */
    uint8_t syn_retries;                    /* 0: the usual */
    int16_t fin_wait;                       /* seconds in FIN_WAIT_2 without a user; 0: the usual; -1: none */
    uint16_t mss_most;                      /* bytes, also of what is offered; 0: what the link carries */
    uint32_t user_timeout; /* milliseconds that data may stay unacknowledged (RFC 5482); 0: by the retries */
    uint32_t unsent_low;   /* bytes not yet sent from which on there is no room for more; 0: no such limit */
    uint32_t receive_low;  /* bytes from which on there is something to receive; 0: 1 */
    int32_t linger;        /* seconds; 0: close aborts; -1: off */
    uint32_t send_buffer, receive_buffer; /* bytes */
};

struct tcp_config {
    struct arena *arena;
    struct net_counters *counters;
    uint32_t tcbs_max;                    /* connections and listeners of all kinds, TIME_WAIT apart */
    uint32_t remnants_max;                /* connections in TIME_WAIT whose socket is gone */
    uint32_t orphans_max;                 /* connections whose socket is gone, TIME_WAIT apart */
    uint32_t send_buffer, receive_buffer; /* bytes to begin with, powers of two */
    uint32_t send_most, receive_most;     /* bytes that they may grow to; the same */
    uint16_t mtu;
    bool segment_out;            /* the device cuts segments: up to 64 KiB at once may be composed */
    bool new_reno;               /* instead of CUBIC */
    bool no_timestamps, no_sack; /* neither offered nor accepted */
    bool no_ecn, ask_ecn;        /* neither offered nor accepted; offered too, else only accepted */
    uint64_t seed[2];
};

/* Bytes of fixed tables that tcp_init lays out in `memory`, aligned to 16. */
size_t tcp_size(const struct tcp_config *config);
struct tcp *tcp_init(const struct tcp_config *config, void *memory);
/* Another device: what may be composed changes, connections stay. */
void tcp_set_link(struct tcp *tcp, uint16_t mtu, bool segment_out);

/* ---- In ---- */

struct tcp_segment {
    struct tcp_key key; /* as the receiver sees it: local is the segment's destination */
    struct tcp_header header;
    struct span payload; /* borrowed */
    uint16_t gso_size;   /* >0: several segments of this size that the device merged */
    uint8_t tos;         /* of the IP header: DSCP and ECN */
};

/* true: something new of ours was acknowledged, so the way to the peer works in both directions. */
bool tcp_input(struct tcp *tcp, const struct tcp_segment *segment, net_time now);

/* The network says that the segment `seq` of this connection did not get through (ICMP; RFC 5927, RFC
 * 9293 3.9.2.2). error: what it means; only a connection that is being opened dies of it, others try on. */
void tcp_unreachable(struct tcp *tcp, const struct tcp_key *key, struct sequence seq, enum error error);
/* May the segment `seq` of this connection be on its way? What says so of another is not believed (RFC 5927).
 */
bool tcp_is_on_its_way(const struct tcp *tcp, const struct tcp_key *key, struct sequence seq);
/* Its segments must fit into `mtu` bytes from now on (RFC 1191), and what is out did not. */
void tcp_too_large(struct tcp *tcp, const struct tcp_key *key, uint16_t mtu, net_time now);

/* ---- Out ---- */

/* Somebody whose turn it is. */
struct tcp_turn {
    struct tcb *tcb; /* null: a segment that belongs to no connection */
    uint32_t source, destination;
};

/* Whose turn is it? false: nobody has anything to send. The same answer until tcp_compose, tcp_park or
 * tcp_give_up. */
bool tcp_due(struct tcp *tcp, struct tcp_turn *turn, net_time now);

/* Before tcp_compose: the way there carries packets of `mtu` bytes. */
void tcp_set_path(struct tcp *tcp, const struct tcp_turn *turn, uint16_t mtu);

struct tcp_departure {
    struct tcp_key key;
    struct tcp_header header;
    struct span payload[2]; /* in the send stream; borrowed until the next call */
    uint16_t gso_size;      /* >0: payload is longer than a segment, the device must cut it */
    uint8_t ttl, tos;
    bool unanswered; /* so often that the way is in doubt (R1 of RFC 9293 3.8.3) */
};

/* Makes the segment whose turn it is: counts as sent from then on. `room`: bytes of IP packet that there is
 * place for. false: it had nothing to send after all; ask tcp_due again. */
bool tcp_compose(struct tcp *tcp, const struct tcp_turn *turn, size_t room, struct tcp_departure *out,
                 net_time now);
/* The next hop is being looked for: wait for tcp_unpark. */
void tcp_park(struct tcp *tcp, const struct tcp_turn *turn);
void tcp_unpark(struct tcp *tcp);
/* There is no way to the destination (no route, or nobody answers ARP). */
void tcp_give_up(struct tcp *tcp, const struct tcp_turn *turn, enum error error, net_time now);

/* NET_NEVER: nothing is due at any time. */
net_time tcp_deadline(const struct tcp *tcp);
