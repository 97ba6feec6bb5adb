/* udp.h: datagram sockets (RFC 768, RFC 1122 4.1).
 *
 * A `struct udp_socket` belongs to the socket table above; linked into `struct udp` it can be found by its
 * port. Each datagram in one of its two queues stands in memory of its own, which the socket's owner pays
 * for; a queue takes in one more as long as its limit is not reached (SO_RCVBUF, SO_SNDBUF), so that also a
 * small one has room for the longest datagram. */
#pragma once

#include <base/error.h>
#include <base/list.h>
#include <base/random.h>
#include <base/span.h>
#include <net/arena.h>
#include <net/counters.h>
#include <net/types.h>
#include <net/udp/memberships.h>

#define UDP_BUCKETS         64
#define UDP_EPHEMERAL_FIRST 32768
#define UDP_EPHEMERAL_COUNT 28232  /* up to 60999, as Linux */
#define UDP_PAYLOAD_MAX     65507  /* an IPv4 packet of 65,535 bytes */
#define UDP_QUEUE_LIMIT     212992 /* as Linux's net.core.rmem_default */

/* What to do about DF and the path's MTU (IP_MTU_DISCOVER, with Linux's values). */
enum udp_discovery {
    UDP_DISCOVER_NEVER = 0, /* no DF; what is too long for the path is cut */
    UDP_DISCOVER_WANT = 1,  /* DF; what is known to be too long is cut, without DF */
    UDP_DISCOVER_DO = 2,    /* DF; what is known to be too long is refused */
    UDP_DISCOVER_PROBE = 3  /* DF; only what is too long for the link is refused */
};

/* What its header says, or is to say: a struct net_control for a queue. */
struct udp_marks {
    struct net_address address; /* it came to; it is to be sent from: family 0: as the socket has it */
    uint8_t interface;          /* NET_LOOPBACK, NET_LINK(n); 0: the route's */
    int16_t ttl, tos;           /* -1: as the socket has them */
};
#define UDP_UNMARKED ((struct udp_marks){.ttl = -1, .tos = -1})

/* A datagram that waits. */
struct udp_message {
    struct list link;
    struct net_endpoint peer; /* whom it came from, or goes to */
    struct udp_marks marks;
    uint16_t length;
    uint8_t bytes[];
};

struct udp_queue {
    struct list messages; /* the oldest first */
    uint32_t used, limit; /* bytes of the arena */
    uint32_t length;      /* bytes of payload */
};

struct udp_socket {
    struct list link;          /* in a bucket by local port, while bound */
    struct list due;           /* in udp.sending, while there is something to send */
    struct net_endpoint local; /* port 0: not bound; address any: all of ours */
    struct net_endpoint peer;  /* port 0: not connected */
    struct udp_queue receive, send;
    net_owner owner;  /* pays for what is in the queues */
    enum error error; /* pending, out of ICMP or ARP */
    bool broadcast;   /* may send to broadcast addresses */
    bool shares_port; /* bound with `reuse` */
    bool reuse_port;  /* shares its port with others of its owner that want that, by a hash of both ends */
    bool waiting;     /* the next hop of its first datagram is not known yet */
    uint8_t ttl, tos;
    uint8_t discovery; /* enum udp_discovery */
    /* Multicast: */
    struct memberships *memberships; /* on the owner's bill; null: none */
    uint32_t group_source;           /* the address to send from; 0: the route's */
    uint8_t group_ttl;               /* 0: no farther than ourselves */
    bool group_loop;                 /* we hear what we say, if we are in the group */
    bool only_own_groups;            /* nothing of groups that only other sockets have joined */
};

struct udp {
    struct list bucket[UDP_BUCKETS];
    struct list sending;
    size_t used, most;    /* bytes of the arena that all queues hold; beyond that nothing more is taken in */
    uint64_t hash_key[2]; /* zeros, or set from outside after udp_init */
    struct arena *arena;
    struct net_counters *counters;
};

/* A datagram that came in. */
struct udp_arrival {
    struct net_endpoint source, destination;
    struct span payload;
    uint8_t interface; /* the link that it came by */
    uint8_t ttl, tos;
    bool looped; /* it was for one of our own addresses, and never left us */
};

/* A datagram to be sent. Its payload stands in the socket's queue until udp_sent. */
struct udp_output {
    struct udp_socket *socket;
    struct net_endpoint local, peer; /* local.address any: the route chooses */
    struct udp_marks marks;
    struct span payload;
};

/* most: bytes of the arena that what comes in may fill. */
void udp_init(struct udp *udp, struct arena *arena, size_t most, struct net_counters *counters);

/* Makes an unbound socket. */
void udp_open(struct udp_socket *socket, net_owner owner);
/* Takes it out of all lists; what was not sent or not taken is lost. */
void udp_close(struct udp *udp, struct udp_socket *socket);

/* Port 0: an ephemeral one, by chance (RFC 6056). The address must have been checked to be ours or any. A
 * port is shared only if all who are bound to it allow that (reuse): nobody else can take their datagrams.
 * ERR_INVALID: bound already; ERR_ADDRESS_IN_USE: taken, or no ephemeral port left. */
enum error udp_bind(struct udp *udp, struct udp_socket *socket, const struct net_endpoint *local, bool reuse,
                    struct random *random);
/* Sets the only peer (ephemeral bind first if need be), or none when peer->address is unspecified.
 * ERR_ADDRESS_IN_USE. */
enum error udp_connect(struct udp *udp, struct udp_socket *socket, const struct net_endpoint *peer,
                       struct random *random);

/* Takes in a datagram for a group or for all: every socket that fits gets it. Returns the next one after
 * `last` (null: the first) that does, even if its queue was full (counted); null: no more. */
struct udp_socket *udp_input_to_all(struct udp *udp, const struct udp_arrival *arrival,
                                    const struct udp_socket *last);
/* Takes in a datagram. Returns the socket that it is for, even if its queue was full (counted); null: nobody
 * listens. */
struct udp_socket *udp_input(struct udp *udp, const struct udp_arrival *arrival);
/* Is there a socket that may have sent from `local` to `peer`? */
bool udp_may_have_sent(struct udp *udp, const struct net_endpoint *local, const struct net_endpoint *peer);
/* The socket, connected ones only, that sent from `local` to `peer`; its pending error is set. Null: none. */
struct udp_socket *udp_report(struct udp *udp, const struct net_endpoint *local,
                              const struct net_endpoint *peer, enum error error);

/* Queues a datagram. `peer` null: the connected one. Marks: checked by the caller. The pending error comes
 * first, and is cleared. ERR_DESTINATION_REQUIRED, ERR_MESSAGE_SIZE (more than UDP_PAYLOAD_MAX),
 * ERR_WOULD_BLOCK (full), ERR_QUOTA, ERR_NO_MEMORY. The socket is bound. */
enum error udp_send(struct udp *udp, struct udp_socket *socket, const void *data, size_t length,
                    const struct net_endpoint *peer, const struct udp_marks *marks);
/* Takes the oldest datagram: *length bytes of it are copied, *truncated tells that there were more. `take`
 * false: looks only. The pending error comes first, and is cleared. ERR_WOULD_BLOCK: none. */
enum error udp_receive(struct udp *udp, struct udp_socket *socket, void *data, size_t capacity, bool take,
                       size_t *length, bool *truncated, struct net_endpoint *peer, struct udp_marks *marks);

/* Bytes of the next datagram; 0: there is none, or it is empty. */
uint32_t udp_next_length(const struct udp_socket *socket);
/* Is there a datagram? Is so much of the queue free (half, as in Linux) that it is worth sending? */
bool udp_has_data(const struct udp_socket *socket);
bool udp_has_space(const struct udp_socket *socket);

/* What is due; false: nothing that does not wait. It stays due until udp_sent. Sockets take turns. */
bool udp_next(struct udp *udp, struct udp_output *output);
/* It was sent, or is dropped because of `error`, which becomes the socket's pending error. */
void udp_sent(struct udp *udp, const struct udp_output *output, enum error error);
/* Its next hop is not known yet: the socket is passed over until udp_wake. */
void udp_wait(struct udp *udp, const struct udp_output *output);
void udp_wake(struct udp *udp);
