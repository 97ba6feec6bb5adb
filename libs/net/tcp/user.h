/* user.h: what the user of a connection can do (RFC 9293 3.10.1 to 3.10.6, under the names of sockets).
 *
 * A TCB belongs to one socket from tcp_open or tcp_accept until tcp_close or tcp_abort; then it must not be
 * touched. No call waits. What changes for the user meanwhile is told by tcp_take_changed. Errors are those
 * of net/net.h. */
#pragma once

#include <net/stream/ring.h>
#include <net/stream_info.h>
#include <net/tcp/tcp.h>

/* A connection that is CLOSED and not yet connected. `owner` pays for its buffers; `socket`, not 0, names it
 * in tcp_take_changed. ERR_TOO_MANY, ERR_NO_MEMORY. */
enum error tcp_open(struct tcp *tcp, net_owner owner, net_socket_id socket, struct tcb **tcb);
/* Address IPV4_ANY: all; port 0: an ephemeral one. ERR_INVALID: bound or connected; ERR_ADDRESS_IN_USE. */
enum error tcp_bind(struct tcp *tcp, struct tcb *tcb, uint32_t address, uint16_t port);
/* limit: finished connections that may wait. Listening again only changes it. ERR_INVALID: connected;
 * ERR_ADDRESS_IN_USE; ERR_NO_MEMORY. */
enum error tcp_listen(struct tcp *tcp, struct tcb *tcb, uint32_t limit);
/* The oldest finished connection, now `owner`'s and `socket`'s. ERR_WOULD_BLOCK, ERR_INVALID: not listening;
 * ERR_QUOTA: it goes on waiting. */
enum error tcp_accept(struct tcp *tcp, struct tcb *listener, net_owner owner, net_socket_id socket,
                      struct tcb **tcb);
/* Sends SYN from `local` (an address of ours). ERR_NONE: not yet, for it is to carry the data that is written
 * next (settings.fast_open). ERR_IN_PROGRESS, ERR_ALREADY, ERR_IS_CONNECTED, ERR_INVALID
 * (listening, or used before), ERR_ADDRESS_IN_USE, ERR_ADDRESS_NOT_AVAILABLE (no port left). */
enum error tcp_connect(struct tcp *tcp, struct tcb *tcb, uint32_t local, uint32_t peer, uint16_t port,
                       net_time now);

/* Room behind the end of the send stream, at least one byte; `wanted`: how much would be welcome.
 * ERR_WOULD_BLOCK, ERR_PIPE, ERR_NOT_CONNECTED, ERR_QUOTA, ERR_NO_MEMORY, or the pending error. */
enum error tcp_send_space(struct tcp *tcp, struct tcb *tcb, uint32_t wanted, struct ring_pieces *pieces);
/* So many bytes of it were written; more: hold back a small segment, for more follows at once. */
enum error tcp_send_commit(struct tcp *tcp, struct tcb *tcb, uint32_t length, bool more, net_time now);
/* What has arrived, in order; nothing and ERR_NONE: the end. ERR_WOULD_BLOCK, ERR_NOT_CONNECTED, or the
 * pending error. */
enum error tcp_receive_data(struct tcb *tcb, struct ring_pieces *pieces);
enum error tcp_receive_consume(struct tcp *tcp, struct tcb *tcb, uint32_t length, net_time now);

/* ERR_NOT_CONNECTED. */
enum error tcp_shutdown(struct tcp *tcp, struct tcb *tcb, bool read, bool write, net_time now);
/* In order, in the background; with RST if unread data is thrown away (RFC 2525 2.17) or linger is 0. */
void tcp_close(struct tcp *tcp, struct tcb *tcb, net_time now);
void tcp_abort(struct tcp *tcp, struct tcb *tcb);

/* enum net_ready bits (net/types.h). */
uint32_t tcp_ready(const struct tcb *tcb);
/* The pending error, which is thereby cleared. */
enum error tcp_take_error(struct tcb *tcb);
/* A connection whose readiness may have changed; false: none. */
bool tcp_take_changed(struct tcp *tcp, net_socket_id *socket);

void tcp_get_settings(const struct tcb *tcb, struct tcp_settings *settings);
/* A buffer's size may change at any time; what it holds and what the peer has been offered stay. */
void tcp_set_settings(struct tcp *tcp, struct tcb *tcb, const struct tcp_settings *settings, net_time now);

/* TCP_QUICKACK: is nothing held back for an answer to carry its ACK? It changes by itself again. */
bool tcp_is_quick(const struct tcb *tcb);
void tcp_set_quick(struct tcp *tcp, struct tcb *tcb, bool quick);
/* Bytes of text in a full segment; before there is a connection, what was asked for. */
uint32_t tcp_mss(const struct tcb *tcb);

struct tcp_queues {
    uint32_t received, unacknowledged, unsent; /* bytes */
};
void tcp_queued(const struct tcb *tcb, struct tcp_queues *queues);

struct tcp_info {
    struct tcp_key key;
    enum tcp_state state;
    net_socket_id socket; /* 0: none */
    net_owner owner;
    uint32_t send_queued, receive_queued;
    uint32_t rtt_us, rto_us, congestion_window, retransmits;
};
void tcp_info(const struct tcb *tcb, struct tcp_info *info);
/* All that it knows. */
void tcp_tell(const struct tcp *tcp, const struct tcb *tcb, struct net_stream_info *info, net_time now);
/* Walks all connections, listeners and those in TIME_WAIT: start with *cursor 0; false at the end. */
bool tcp_entry_next(const struct tcp *tcp, uint32_t *cursor, struct tcp_info *info);

struct tcp_usage {
    uint32_t tcbs, remnants, orphans;
};
void tcp_usage(const struct tcp *tcp, struct tcp_usage *usage);
