/* udp.h: datagram sockets (RFC 768, RFC 1122 4.1).
 *
 * A `struct udp_socket` belongs to the socket table above; linked into `struct udp` it can be found by its
 * port. Its two queues are rings over memory that the socket's owner has paid for; a datagram takes its
 * length and a small header. */
#pragma once

#include <base/error.h>
#include <base/list.h>
#include <base/random.h>
#include <base/span.h>
#include <net/counters.h>
#include <net/stream/ring.h>
#include <net/types.h>

#define UDP_BUCKETS         64
#define UDP_EPHEMERAL_FIRST 32768
#define UDP_EPHEMERAL_COUNT 28232 /* up to 60999, as Linux */
/* What a datagram takes in a queue beside its payload. */
#define UDP_RECORD (sizeof(struct udp_record))

struct udp_record {
    uint16_t length, port;
    struct net_address address; /* whom it came from, or goes to */
};

struct udp_socket {
    struct list link;          /* in a bucket by local port, while bound */
    struct list due;           /* in udp.sending, while there is something to send */
    struct net_endpoint local; /* port 0: not bound; address any: all of ours */
    struct net_endpoint peer;  /* port 0: not connected */
    struct ring receive, send;
    enum error error; /* pending, out of ICMP or ARP */
    bool broadcast;   /* may send to broadcast addresses */
    bool shares_port; /* bound with `reuse` */
    bool waiting;     /* the next hop of its first datagram is not known yet */
    uint8_t ttl, tos;
};

struct udp {
    struct list bucket[UDP_BUCKETS];
    struct list sending;
    struct net_counters *counters;
};

/* A datagram that came in. */
struct udp_arrival {
    struct net_endpoint source, destination;
    struct span payload;
};

/* A datagram to be sent. Its payload stands in at most two pieces in the socket's queue until udp_sent. */
struct udp_output {
    struct udp_socket *socket;
    struct net_endpoint local, peer; /* local.address any: the route chooses */
    uint16_t length;
    struct ring_pieces payload;
};

void udp_init(struct udp *udp, struct net_counters *counters);

/* Makes an unbound socket. `memory`: receive_capacity bytes, then send_capacity bytes, powers of two. */
void udp_open(struct udp_socket *socket, uint8_t *memory, uint32_t receive_capacity, uint32_t send_capacity);
/* Takes it out of all lists; its memory is the caller's again, what was not sent is lost. */
void udp_close(struct udp_socket *socket);

/* Port 0: an ephemeral one, by chance (RFC 6056). The address must have been checked to be ours or any. A
 * port is shared only if all who are bound to it allow that (reuse): nobody else can take their datagrams.
 * ERR_INVALID: bound already; ERR_ADDRESS_IN_USE: taken, or no ephemeral port left. */
enum error udp_bind(struct udp *udp, struct udp_socket *socket, const struct net_endpoint *local, bool reuse,
                    struct random *random);
/* Sets the only peer (ephemeral bind first if need be), or none when peer->address is unspecified.
 * ERR_ADDRESS_IN_USE. */
enum error udp_connect(struct udp *udp, struct udp_socket *socket, const struct net_endpoint *peer,
                       struct random *random);

/* Takes in a datagram. Returns the socket that it is for, even if its queue was full (counted); null: nobody
 * listens. */
struct udp_socket *udp_input(struct udp *udp, const struct udp_arrival *arrival);
/* The socket, connected ones only, that sent from `local` to `peer`; its pending error is set. Null: none. */
struct udp_socket *udp_report(struct udp *udp, const struct net_endpoint *local,
                              const struct net_endpoint *peer, enum error error);

/* Queues a datagram. `peer` null: the connected one. The pending error comes first, and is cleared.
 * ERR_DESTINATION_REQUIRED, ERR_MESSAGE_SIZE (more than the queue can ever hold, or 65,507), ERR_WOULD_BLOCK
 * (full). The socket is bound. */
enum error udp_send(struct udp *udp, struct udp_socket *socket, const void *data, size_t length,
                    const struct net_endpoint *peer);
/* Takes the oldest datagram: *length bytes of it are copied, *truncated tells that there were more. `take`
 * false: looks only. The pending error comes first, and is cleared. ERR_WOULD_BLOCK: none. */
enum error udp_receive(struct udp_socket *socket, void *data, size_t capacity, bool take, size_t *length,
                       bool *truncated, struct net_endpoint *peer);

/* Is there a datagram? Is there room to send one of usual size? */
bool udp_has_data(const struct udp_socket *socket);
bool udp_has_space(const struct udp_socket *socket);

/* What is due; false: nothing that does not wait. It stays due until udp_sent. Sockets take turns. */
bool udp_next(struct udp *udp, struct udp_output *output);
/* It was sent, or is dropped because of `error`, which becomes the socket's pending error. */
void udp_sent(struct udp *udp, const struct udp_output *output, enum error error);
/* Its next hop is not known yet: the socket is passed over until udp_wake. */
void udp_wait(struct udp *udp, const struct udp_output *output);
void udp_wake(struct udp *udp);
