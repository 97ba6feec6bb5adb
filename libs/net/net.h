/* net.h: the protocol engine's face.
 *
 * Five verbs (net_init, net_receive, net_transmit, net_deadline, net_next_event) and the socket calls.
 * All state is in one struct net inside memory that the caller gives; there are no globals, no clock, no
 * system call: the same input and seed give the same output. Nothing here blocks: a call that would have
 * to wait says ERR_WOULD_BLOCK (or ERR_IN_PROGRESS) and an event tells later that it is worth another try.
 * What a caller can do wrong is an error value; what a peer can do wrong is a counter (net/counters.h). */
#pragma once

#include <base/error.h>
#include <net/counters.h>
#include <net/stream_info.h>
#include <net/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net;

#define NET_INTERFACES_MAX 4

/* ---- Life ---- */

struct net_config {
    uint8_t mac[6];
    uint16_t mtu; /* bytes of IP packet, 576..9000 */
    bool dhcp;    /* else the static addresses below */
    bool probe;   /* probe an address for some seconds before its use (RFC 5227), not during it */
    struct net_address address; /* IPv4 */
    uint8_t prefix_length;      /* 0..32 */
    struct net_address gateway; /* family 0: none */
    struct net_address dns[3];  /* family 0: none */
    char host_name[32];         /* for DHCP option 12; may be empty */
    /* Links that there can be, 1..NET_INTERFACES_MAX; 0: 1. See net_interface_link. */
    uint32_t interfaces_max;
    bool forward;            /* pass packets on between them (net_set_forwarding) */
    uint32_t sockets_max;    /* sockets of all kinds, 1..65535 */
    uint32_t owner_budget;   /* bytes of stream memory that one owner may hold */
    uint32_t send_buffer;    /* bytes per TCP socket to begin with, a power of two; 0: 64 KiB */
    uint32_t receive_buffer; /* the same, and the first window offered; 0: 64 KiB */
    /* What both may grow to by need, powers of two from the above up to 16 MiB; 0: 4 MiB, or, where memory is
     * small, the most that one owner has room for. */
    uint32_t send_buffer_max, receive_buffer_max;
    bool checksum_out; /* the device fills in TCP and UDP checksums (VIRTIO_NET_F_CSUM) */
    bool segment_out;  /* the device cuts TCP segments (VIRTIO_NET_F_HOST_TSO4); needs checksum_out */
    bool new_reno;     /* congestion control by NewReno instead of CUBIC */
    bool no_timestamps, no_sack; /* these TCP options are neither offered nor accepted */
    bool no_ecn, ask_ecn;        /* TCP's ECN (RFC 3168) is accepted when a peer asks; no_ecn: not even that;
                                    ask_ecn: and asked for */
    uint64_t seed[2];            /* secret randomness: ISNs (RFC 6528), ports, DNS ids */
};

/* Lays the engine out in `memory` (16-byte aligned, `size` bytes; the caller keeps it alive and untouched).
 * *net points into it. ERR_INVALID: configuration; ERR_NO_MEMORY: size too small for sockets_max. */
enum error net_init(struct net **net, const struct net_config *config, void *memory, size_t size,
                    net_time now);

/* The link came or went, or another device took over: MAC and offloads are those of `config`, connections
 * stay. */
enum error net_link(struct net *net, const struct net_config *config, bool up, net_time now);
/* The same for any of the links: 0 is the first, that of net_init; another one is there from its first call
 * on. Addresses are given to it by net_address_add; DHCP is for the first alone. Sums and cutting are left to
 * the devices only where all of them can do it, and TCP keeps to the least MTU. ERR_INVALID, also for a
 * number beyond interfaces_max. */
enum error net_interface_link(struct net *net, uint32_t interface, const struct net_config *config, bool up,
                              net_time now);
/* Whether packets for others are passed on between the links (RFC 1812); off at first, as in Linux. Redirects
 * are not sent. With it the devices must not merge what they receive: such frames are not passed on. */
void net_set_forwarding(struct net *net, bool on);

/* ---- Frames ---- */

struct net_frame {
    const uint8_t *data; /* an Ethernet II frame without FCS; borrowed for the call */
    size_t length;
    bool checksum_good; /* the device vouches for the transport checksum (DATA_VALID or NEEDS_CSUM) */
    uint16_t gso_size;  /* >0: merged by the device out of segments of this size */
    uint8_t interface;  /* the link that it came by */
};

/* Takes a frame in. Never sends: it stores, and marks what is due. Bad frames are counted and dropped. */
void net_receive(struct net *net, const struct net_frame *frame, net_time now);

struct net_slot {
    uint8_t *data;   /* where the frame goes */
    size_t capacity; /* at least 14 + mtu; with segment_out up to 14 + 65535 is used */
    /* Filled in by net_transmit: */
    size_t length;            /* of the frame */
    uint16_t checksum_start;  /* device must sum from here … */
    uint16_t checksum_offset; /* … and store here after start; both 0: the sum is in place */
    uint16_t gso_size;        /* >0: device must cut the TCP payload into pieces of this size */
    uint16_t header_length;   /* with gso_size: bytes of Ethernet, IP and TCP header */
    uint8_t interface;        /* the link that it must leave by */
};

/* Makes at most one frame that is due, in place. false: nothing due, the slot is untouched. Call until false
 * or no slot is left; what did not get a slot stays due. */
bool net_transmit(struct net *net, struct net_slot *slot, net_time now);

/* When net_transmit wants to be called again though nothing happened; NET_NEVER when idle. <= now: at once.
 */
net_time net_deadline(const struct net *net);

/* ---- Events ---- */

enum net_event_kind {
    NET_EVENT_SOCKET, /* `ready` of `socket` gained bits */
    NET_EVENT_NAME,   /* the query `query` ended: net_resolve_result tells how */
    NET_EVENT_ADDRESS /* the interface gained, changed or lost an address */
};

struct net_event {
    enum net_event_kind kind;
    net_socket_id socket;
    uint32_t ready; /* enum net_ready bits, as they are now */
    uint32_t query;
    net_owner owner;
};

/* Takes the next event. Events of one socket are merged: at most one is queued per socket. false: none. */
bool net_next_event(struct net *net, struct net_event *event);

/* ---- Owners ---- */

/* ERR_TOO_MANY: no owner left. */
enum error net_owner_open(struct net *net, net_owner *owner);
/* Aborts the owner's sockets (RST where RFC 9293 asks for it) and queries, and forgets it. */
void net_owner_close(struct net *net, net_owner owner, net_time now);

/* ---- Sockets ---- every call: ERR_BAD_HANDLE for a stale socket, ERR_WRONG_TYPE for a call of the other
 * kind */

enum net_type { NET_STREAM = 1, NET_DATAGRAM = 2 };
enum net_shutdown { NET_SHUT_READ = 0, NET_SHUT_WRITE = 1, NET_SHUT_BOTH = 2 };

/* ERR_TOO_MANY: table full; ERR_QUOTA: the owner's budget; ERR_NO_MEMORY: the arena's. */
enum error net_open(struct net *net, enum net_type type, net_owner owner, net_socket_id *socket);
/* Port 0 chooses an ephemeral one (RFC 6056). ERR_ADDRESS_IN_USE, ERR_ADDRESS_NOT_AVAILABLE, ERR_INVALID
 * (already bound). */
enum error net_bind(struct net *net, net_socket_id socket, const struct net_endpoint *local);
/* backlog: finished connections that may wait, clamped to 1..4096; unbound sockets get an ephemeral port. */
enum error net_listen(struct net *net, net_socket_id socket, uint32_t backlog);
/* ERR_WOULD_BLOCK: none waits. The new socket belongs to `owner`; ERR_QUOTA leaves the connection waiting. */
enum error net_accept(struct net *net, net_socket_id socket, net_owner owner, net_socket_id *connection,
                      struct net_endpoint *peer);
/* Stream: ERR_IN_PROGRESS, then NET_READY_OUT or NET_READY_ERROR; ERR_NONE with NET_OPTION_FASTOPEN_CONNECT:
 * the first write connects. Datagram: sets the default peer, ERR_NONE.
 * ERR_ALREADY, ERR_IS_CONNECTED, ERR_NET_UNREACHABLE, ERR_ADDRESS_NOT_AVAILABLE (no port left). */
enum error net_connect(struct net *net, net_socket_id socket, const struct net_endpoint *peer, net_time now);

struct net_piece {
    uint8_t *data;
    size_t length;
};

/* Where the next bytes to send go: up to two pieces of the send stream, written in order, then committed.
 * *space: in, how many are to come, so that the stream grows once for all (a hint); out, the sum of the
 * pieces. ERR_WOULD_BLOCK: full; ERR_PIPE, ERR_NOT_CONNECTED, ERR_QUOTA, ERR_NO_MEMORY, ERR_RESET,
 * ERR_TIMED_OUT, … (pending error). */
enum error net_send_space(struct net *net, net_socket_id socket, struct net_piece piece[2], size_t *space);
/* length: how many of those bytes were written, <= *space. more: more follows at once (MSG_MORE). */
enum error net_send_commit(struct net *net, net_socket_id socket, size_t length, bool more, net_time now);
/* The received bytes in order: up to two pieces. *length 0 with ERR_NONE: end of stream. ERR_WOULD_BLOCK:
 * none yet. */
enum error net_receive_data(struct net *net, net_socket_id socket, struct net_piece piece[2], size_t *length);
/* The first `length` of them have been taken; the window opens (RFC 9293 3.8.6.2.2). */
enum error net_receive_consume(struct net *net, net_socket_id socket, size_t length, net_time now);

/* Copying forms of the above, and the datagram calls. *done: bytes moved. flags: enum net_flag. */
enum net_flag { NET_PEEK = 2, NET_TRUNCATED = 32 /* out: the datagram was longer than the buffer */ };
enum error net_send(struct net *net, net_socket_id socket, const void *data, size_t length, size_t *done,
                    net_time now);
enum error net_read(struct net *net, net_socket_id socket, void *data, size_t capacity, size_t *done,
                    net_time now);
/* peer null: the connected one (else ERR_DESTINATION_REQUIRED). What is too long for the path is cut into
 * fragments. ERR_MESSAGE_SIZE (over 65,507 bytes, or too long and not to be cut: NET_OPTION_MTU_DISCOVER),
 * ERR_WOULD_BLOCK (queue full), ERR_QUOTA, ERR_NO_MEMORY. */
enum error net_send_to(struct net *net, net_socket_id socket, const void *data, size_t length,
                       const struct net_endpoint *peer, net_time now);
enum error net_receive_from(struct net *net, net_socket_id socket, void *data, size_t capacity,
                            uint32_t *flags, size_t *done, struct net_endpoint *peer);
/* The same with what stands beside the bytes (sendmsg, recvmsg). ERR_INVALID, too: an address to send from
 * that is no station's, a TTL or TOS out of range; ERR_NET_UNREACHABLE: that address is not ours;
 * ERR_NOT_FOUND: a link that is not there. */
enum error net_send_message(struct net *net, net_socket_id socket, const void *data, size_t length,
                            const struct net_endpoint *peer, const struct net_control *control, net_time now);
enum error net_receive_message(struct net *net, net_socket_id socket, void *data, size_t capacity,
                               uint32_t *flags, size_t *done, struct net_endpoint *peer,
                               struct net_control *control);

/* ERR_NOT_CONNECTED. */
enum error net_shutdown(struct net *net, net_socket_id socket, enum net_shutdown how, net_time now);
/* Gives the socket up. A connection is closed in order in the background (RST if unread data is dropped, RFC
 * 9293 3.6.1 / 2525 2.17); its memory is charged to the engine until it is over. The id is stale afterwards.
 */
enum error net_close(struct net *net, net_socket_id socket, net_time now);
/* As net_close, but with RST. */
enum error net_abort(struct net *net, net_socket_id socket, net_time now);

uint32_t net_ready(const struct net *net, net_socket_id socket);
enum error net_local(const struct net *net, net_socket_id socket, struct net_endpoint *local);
enum error net_peer(const struct net *net, net_socket_id socket, struct net_endpoint *peer);
/* The pending error, which is thereby cleared (SO_ERROR); ERR_NONE when there is none. */
enum error net_take_error(struct net *net, net_socket_id socket);

enum net_option {
    NET_OPTION_NODELAY = 1, /* 0 or 1: Nagle off */
    NET_OPTION_KEEPALIVE,   /* 0 or 1 */
    NET_OPTION_KEEPIDLE,    /* seconds */
    NET_OPTION_KEEPINTVL,   /* seconds */
    NET_OPTION_KEEPCNT,     /* probes */
    NET_OPTION_REUSEADDR,   /* 0 or 1 */
    NET_OPTION_LINGER,      /* seconds; -1 off; 0: close aborts */
    NET_OPTION_TTL,         /* 1..255 */
    NET_OPTION_BROADCAST,   /* 0 or 1, datagram */
    NET_OPTION_SNDBUF,      /* bytes, before connect or listen; rounded up to a power of two; datagram: at any
                               time, doubled, for it bounds the memory that the queue takes */
    NET_OPTION_RCVBUF,
    NET_OPTION_TOS, /* 0..255; of a stream the ECN bits (the low two) are the engine's own and come back as 0
                     */
    NET_OPTION_MTU_DISCOVER,     /* datagram: when DF is set, and what is too long (enum udp_discovery) */
    NET_OPTION_FASTOPEN_CONNECT, /* 0 or 1, before connect: what is written first may go with the SYN (RFC
                                    7413); ask only for requests that may arrive twice */
    NET_OPTION_MTU,              /* read only, connected: bytes of IP packet that the path carries */
    /* Datagram sockets and groups: */
    NET_OPTION_REUSEPORT =
        32,                  /* 0 or 1: several of the owner's sockets share a port, by a hash of both ends */
    NET_OPTION_CORK,         /* 0 or 1: small segments wait, but not for more than 200 ms */
    NET_OPTION_MAXSEG,       /* 88..32767 bytes, before connect or listen; 0: what the link carries */
    NET_OPTION_QUICKACK,     /* 0 or 1: ACKs do not wait for an answer; changes by itself */
    NET_OPTION_SYNCNT,       /* 1..127 repetitions of a SYN */
    NET_OPTION_LINGER2,      /* seconds in FIN_WAIT_2 after net_close, up to 120; 0: 60; negative: none */
    NET_OPTION_CONGESTION,   /* 0: CUBIC, 1: NewReno */
    NET_OPTION_USER_TIMEOUT, /* milliseconds that data may stay unacknowledged, or a window shut; 0: by
                                retries */
    NET_OPTION_NOTSENT_LOWAT, /* bytes not yet sent from which on there is no room for more; 0: no limit */
    NET_OPTION_RCVLOWAT,      /* bytes from which on NET_READY_IN holds */
    NET_OPTION_READABLE,      /* read only: bytes to receive; of a datagram socket, in the next one */
    NET_OPTION_UNACKED,       /* read only: bytes sent or to be sent, and not acknowledged */
    NET_OPTION_UNSENT,        /* read only: bytes not sent yet */
    NET_OPTION_MULTICAST_TTL = 64, /* 0..255; 0: only to ourselves; -1: the usual 1 */
    NET_OPTION_MULTICAST_LOOP,     /* 0 or 1: what we send comes to our own sockets too */
    NET_OPTION_MULTICAST_IF,       /* one of our addresses, as a number, to send from; 0: the route's */
    NET_OPTION_MULTICAST_ALL       /* 0 or 1: also what comes to groups that only other sockets are in */
};
/* ERR_INVALID: value out of range; ERR_NOT_SUPPORTED: unknown option; ERR_BUSY: too late for it;
 * ERR_NOT_CONNECTED: NET_OPTION_MTU. */
enum error net_set_option(struct net *net, net_socket_id socket, enum net_option option, int64_t value);
enum error net_get_option(const struct net *net, net_socket_id socket, enum net_option option,
                          int64_t *value);

/* ---- Groups ---- of datagram sockets (RFC 3376); errors as Linux has them */

enum net_group_change {
    NET_GROUP_JOIN = 1,
    NET_GROUP_LEAVE,
    NET_GROUP_JOIN_SOURCE, /* the group, but only from this source; again for each more */
    NET_GROUP_LEAVE_SOURCE,
    NET_GROUP_BLOCK, /* a joined group without this source */
    NET_GROUP_UNBLOCK
};

struct net_membership {
    struct net_address group;
    struct net_address source;    /* for the last four */
    struct net_address interface; /* one of our addresses; unspecified: whichever */
    uint32_t link;                /* NET_LINK(n), whatever `interface` says; 0: not by number */
};

/* ERR_INVALID: no group, or a change that does not fit how the group was joined; ERR_NOT_FOUND: no such
 * interface; ERR_ADDRESS_IN_USE: joined already; ERR_ADDRESS_NOT_AVAILABLE: not joined, or the source is
 * (not) there; ERR_TOO_MANY: 20 groups a socket, 10 sources a group, 32 groups of all; ERR_QUOTA,
 * ERR_NO_MEMORY. */
enum error net_change_group(struct net *net, net_socket_id socket, enum net_group_change change,
                            const struct net_membership *membership, net_time now);

/* ---- Names ---- */

/* Starts a look-up of `name` (a host name of at most 253 characters, or an address in text). ERR_TOO_MANY,
 * ERR_INVALID. */
enum error net_resolve(struct net *net, net_owner owner, const char *name, enum net_family family,
                       uint32_t *query, net_time now);
/* ERR_WOULD_BLOCK: not yet. ERR_NO_NAME (NXDOMAIN or no such record), ERR_NAME_SERVER, ERR_TIMED_OUT. The
 * query is over after any answer but ERR_WOULD_BLOCK. *count: in the capacity, out the number of addresses.
 */
enum error net_resolve_result(struct net *net, uint32_t query, struct net_address *addresses, size_t *count);
void net_resolve_cancel(struct net *net, uint32_t query);

/* ---- Addresses, routes, neighbours ---- at any time; what the configuration or DHCP brought may go too.
 *
 * Connections stay when their address goes, as in Linux: nothing can be sent from it any more, so they time
 * out unless it comes back; a datagram from it is ERR_NET_UNREACHABLE. A packet to any of our addresses is
 * for us, whichever way it came (RFC 1122 3.3.4.2, the weak model). */

struct net_own_address {
    struct net_address address;
    uint8_t prefix_length;
    uint8_t interface;
    uint8_t origin; /* enum net_origin */
    bool secondary; /* not the first of its network: no source but for who asks for it */
    bool tentative; /* being probed: not in use yet */
    bool duplicate; /* another station has it: never in use */
};

/* An address of a link, and with it the route to its network. With net_config.probe it serves only when its
 * probing has ended well (NET_EVENT_ADDRESS). ERR_INVALID: no station's address, a prefix over 32, no such
 * link; ERR_EXISTS; ERR_TOO_MANY. */
enum error net_address_add(struct net *net, uint32_t interface, const struct net_address *address,
                           uint8_t prefix_length, net_time now);
/* Takes it away with the routes that depend on it. Its network's route goes to the next address in that
 * network; with the last address of a link its routes go. ERR_NOT_FOUND. */
enum error net_address_remove(struct net *net, const struct net_address *address, net_time now);
/* Walks the addresses: start with *cursor 0; false at the end. */
bool net_address_next(const struct net *net, uint32_t *cursor, struct net_own_address *address);

struct net_route {
    struct net_address destination; /* family 0: 0.0.0.0, with prefix_length 0 the default route */
    uint8_t prefix_length;
    uint8_t interface;          /* the gateway's, if there is one */
    uint8_t origin;             /* enum net_origin; net_route_add: ignored, it is the user's */
    struct net_address gateway; /* family 0: on the link */
    struct net_address source;  /* preferred; family 0: by the rules of RFC 1122 3.3.4.3 */
    uint32_t metric;            /* the least wins */
};

/* ERR_EXISTS: the same prefix and metric; ERR_NET_UNREACHABLE: the gateway is not on the link; ERR_INVALID:
 * bits behind the prefix, a source that is not ours, an impossible gateway; ERR_TOO_MANY. */
enum error net_route_add(struct net *net, const struct net_route *route, net_time now);
/* The first route to that prefix; gateway, source and metric count where they are given. ERR_NOT_FOUND,
 * ERR_INVALID. */
enum error net_route_remove(struct net *net, const struct net_route *route, net_time now);
/* Walks the routes in the order in which they are tried: start with *cursor 0; false at the end. */
bool net_route_next(const struct net *net, uint32_t *cursor, struct net_route *route);

enum net_neighbour_state {
    NET_NEIGHBOUR_INCOMPLETE = 1, /* asked, no answer yet */
    NET_NEIGHBOUR_REACHABLE,
    NET_NEIGHBOUR_STALE, /* not confirmed lately */
    NET_NEIGHBOUR_DELAY, /* used while stale: will be asked */
    NET_NEIGHBOUR_PROBE, /* being asked again */
    NET_NEIGHBOUR_FAILED,
    NET_NEIGHBOUR_PERMANENT
};

struct net_neighbour {
    struct net_address address;
    uint8_t mac[6]; /* zeros while it is not known */
    uint8_t state;  /* enum net_neighbour_state */
    uint8_t interface;
};

/* An entry that ARP neither asks about nor changes, on the link that the route to it leads to. ERR_INVALID:
 * no station's address or MAC address; ERR_TOO_MANY. */
enum error net_neighbour_add(struct net *net, const struct net_address *address, const uint8_t mac[6],
                             net_time now);
/* ERR_NOT_FOUND. */
enum error net_neighbour_remove(struct net *net, const struct net_address *address, net_time now);
/* Forgets all that was learned; permanent entries stay. */
void net_neighbour_flush(struct net *net, net_time now);
bool net_neighbour_next(const struct net *net, uint32_t *cursor, struct net_neighbour *neighbour);

/* ---- What there is to see (netstat, ip, tests) ---- */

struct net_interface {
    uint8_t mac[6];
    uint16_t mtu;
    bool up;
    bool bound;                                  /* has an address that it may use */
    struct net_address address, gateway, dns[3]; /* the first of each */
    uint8_t prefix_length;
    uint32_t lease_seconds; /* 0: static */
    uint64_t frames_in, frames_out;
};
/* The first link. */
void net_interface(const struct net *net, struct net_interface *interface);
/* Any link; false: there is none of that number. */
bool net_interface_at(const struct net *net, uint32_t number, struct net_interface *interface);

struct net_socket_info {
    net_socket_id socket;
    enum net_type type;
    net_owner owner;
    uint8_t state; /* enum tcp_state (net/tcp/tcp.h) for streams */
    struct net_endpoint local, peer;
    uint32_t send_queued, receive_queued;
    uint32_t rtt_us, rto_us, congestion_window, retransmits;
};
/* Walks all sockets, also those in TIME_WAIT: start with *cursor 0; false at the end. */
bool net_socket_next(const struct net *net, uint32_t *cursor, struct net_socket_info *info);

/* All that a stream knows of itself (TCP_INFO). */
enum error net_stream_info(const struct net *net, net_socket_id socket, struct net_stream_info *info,
                           net_time now);

struct net_usage {
    size_t arena_size, arena_used, arena_peak;          /* bytes */
    uint32_t sockets, connections, queries, neighbours; /* in use now */
};
void net_usage(const struct net *net, struct net_usage *usage);
const struct net_counters *net_counters(const struct net *net);
