/* nethost.h: the protocol engine on this machine, for programs of any kind: testers, bridges, simulators.
 *
 * An instance is one host with one interface. It is given packets and gives packets; it asks for no clock,
 * opens no file and starts no thread: time is what its user says (a virtual clock), or nethost_clock() (the
 * machine's). The same configuration, seed, packets, calls and times give the same packets, bit for bit.
 * Instances know nothing of each other; each may be used by one thread at a time.
 *
 * Sockets never block: a call that would have to wait says NETHOST_WOULD_BLOCK (connect:
 * NETHOST_IN_PROGRESS), and the wake callback tells when it is worth another try. Everything that the engine
 * offers beyond this is there by nethost_net() and net/net.h.
 *
 * C11 and C++11. Link with libnethost.a, libnet.a and libbase.a, in this order. */
#ifndef NETHOST_H
#define NETHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nethost;
struct net;

/* Microseconds on a clock that never goes back. */
typedef uint64_t nethost_time;
#define NETHOST_NEVER UINT64_MAX

/* Errors are negative; nethost_error_text() has words for all of them, these are those that callers expect.
 */
enum nethost_error {
    NETHOST_OK = 0,
    NETHOST_INVALID = -1,
    NETHOST_BAD_SOCKET = -2,
    NETHOST_NO_MEMORY = -5,
    NETHOST_QUOTA = -6, /* the same: sockets leave a quarter of the memory to the engine */
    NETHOST_TIMED_OUT = -7,
    NETHOST_WOULD_BLOCK = -9,
    NETHOST_TOO_MANY = -23,
    NETHOST_REFUSED = -32,
    NETHOST_RESET = -33,
    NETHOST_NOT_CONNECTED = -35,
    NETHOST_IS_CONNECTED = -36,
    NETHOST_ADDRESS_IN_USE = -37,
    NETHOST_NET_UNREACHABLE = -39,
    NETHOST_HOST_UNREACHABLE = -40,
    NETHOST_IN_PROGRESS = -41,
    NETHOST_PIPE = -43,
    NETHOST_MESSAGE_SIZE = -44
};
const char *nethost_error_text(int error);

/* ---- Life ---- */

enum nethost_mode {
    NETHOST_FRAMES,   /* Ethernet II frames without FCS go in and out; ARP is the engine's */
    NETHOST_DATAGRAMS /* IPv4 packets do; there is no ARP, and every destination is on the link */
};

enum nethost_ready {                  /* as net/types.h has them */
                     NETHOST_IN = 1,  /* data, a datagram, a connection to accept, or the end of the stream */
                     NETHOST_OUT = 4, /* room to send; connected */
                     NETHOST_ERROR = 8,  /* an error is pending */
                     NETHOST_HANGUP = 16 /* both directions are over */
};

/* `ready` of the socket has gained bits. */
typedef void nethost_wake(void *context, uint32_t socket, uint32_t ready);

struct nethost_config {
    enum nethost_mode mode;
    uint8_t mac[6];
    uint16_t mtu;                   /* bytes of IP packet, 576..9000 */
    bool dhcp;                      /* else: */
    uint8_t address[4], gateway[4]; /* gateway 0.0.0.0: none */
    uint8_t prefix_length;
    size_t memory; /* bytes for everything that the engine keeps */
    uint32_t sockets_max;
    uint32_t send_buffer, receive_buffer;         /* bytes, powers of two; 0: the engine's choice */
    uint32_t send_buffer_max, receive_buffer_max; /* what they may grow to; the same */
    bool new_reno, no_timestamps, no_sack, no_ecn, ask_ecn;
    /* Offloads: what goes out lacks its sum, or is to be cut (struct nethost_packet tells). */
    bool checksum_out, segment_out;
    uint64_t seed[2];   /* of every choice: ISNs, ports, ids */
    nethost_time now;   /* what the clock shows at first */
    nethost_wake *wake; /* null: ask nethost_next_event */
    void *context;      /* wake's */
};

/* A plain host: 192.0.2.1/24, no gateway, MTU 1500, 8 MiB, frames, everything else as the engine has it. */
void nethost_defaults(struct nethost_config *config);
/* Null: no memory, or a configuration that makes no sense. `config` may go afterwards. */
struct nethost *nethost_new(const struct nethost_config *config);
void nethost_free(struct nethost *host);
/* Back to the state after nethost_new, with `now` on the clock: sockets, connections, caches are gone, and
 * the seed begins anew. */
void nethost_reset(struct nethost *host, nethost_time now);
/* The engine itself, for everything in net/net.h. Its events are taken by nethost. */
struct net *nethost_net(struct nethost *host);

/* ---- Time ---- */

nethost_time nethost_now(const struct nethost *host);
/* Moves the clock on. What becomes due on the way is done at its own moment: packets that leave meanwhile
 * wait for nethost_output with the times at which they left. A time that has passed already changes nothing.
 */
void nethost_advance(struct nethost *host, nethost_time now);
/* When nethost_advance should be called though nothing has happened; NETHOST_NEVER: there is no need. */
nethost_time nethost_deadline(const struct nethost *host);
/* What CLOCK_MONOTONIC shows. */
nethost_time nethost_clock(void);
/* Milliseconds from now to the deadline by that clock, rounded up, for poll(); -1: for ever. */
int nethost_poll_timeout(const struct nethost *host);

/* ---- Packets ---- */

/* Takes in a frame or datagram, which is only borrowed. Nothing leaves before nethost_output or
 * nethost_advance. */
void nethost_input(struct nethost *host, const void *packet, size_t length);
/* The same for what a device has looked at: checksum_good: the transport's sum is right, or not filled in
 * yet; gso_size > 0: merged out of segments of this size. */
void nethost_input_offloaded(struct nethost *host, const void *packet, size_t length, bool checksum_good,
                             uint16_t gso_size);

struct nethost_packet {
    const uint8_t *data; /* until the next call of any function with this instance */
    size_t length;
    nethost_time time; /* when it left */
    /* With offloads: sum up from checksum_start on and store it checksum_offset behind that (both 0: the sum
     * is in place); cut the payload behind header_length bytes into pieces of gso_size (0: do not). */
    uint16_t checksum_start, checksum_offset, gso_size, header_length;
};

/* The next packet that leaves. false: none is due now. */
bool nethost_output(struct nethost *host, struct nethost_packet *packet);

/* ---- Events ---- wake is called out of nethost_input, nethost_advance and nethost_output, and may call
 * everything but these three, nethost_reset and nethost_free. */

/* Without a wake callback: the next socket whose `ready` has gained bits. false: none. */
bool nethost_next_event(struct nethost *host, uint32_t *socket, uint32_t *ready);

/* ---- Sockets ---- 0 (or a number of bytes), or an error */

enum nethost_type { NETHOST_STREAM = 1, NETHOST_DATAGRAM = 2 };
enum nethost_shutdown { NETHOST_SHUT_READ = 0, NETHOST_SHUT_WRITE = 1, NETHOST_SHUT_BOTH = 2 };

struct nethost_endpoint {
    uint8_t ip[4]; /* 0.0.0.0: any */
    uint16_t port; /* host order; 0: to be chosen */
};

int nethost_socket(struct nethost *host, enum nethost_type type, uint32_t *socket);
int nethost_bind(struct nethost *host, uint32_t socket, const struct nethost_endpoint *local);
int nethost_listen(struct nethost *host, uint32_t socket, uint32_t backlog);
/* peer may be null. */
int nethost_accept(struct nethost *host, uint32_t socket, uint32_t *connection,
                   struct nethost_endpoint *peer);
int nethost_connect(struct nethost *host, uint32_t socket, const struct nethost_endpoint *peer);
/* Streams. nethost_receive: 0 is the end of the stream. nethost_send: NETHOST_QUOTA or NETHOST_NO_MEMORY is
 * no end, but no event tells when there is memory again. */
int64_t nethost_send(struct nethost *host, uint32_t socket, const void *data, size_t length);
int64_t nethost_receive(struct nethost *host, uint32_t socket, void *data, size_t capacity);
/* Datagrams. peer null: the connected one; where it came from is of no interest. */
int64_t nethost_send_to(struct nethost *host, uint32_t socket, const void *data, size_t length,
                        const struct nethost_endpoint *peer);
int64_t nethost_receive_from(struct nethost *host, uint32_t socket, void *data, size_t capacity,
                             struct nethost_endpoint *peer);
int nethost_shutdown(struct nethost *host, uint32_t socket, enum nethost_shutdown how);
/* In order, in the background; nethost_abort: with RST. */
int nethost_close(struct nethost *host, uint32_t socket);
int nethost_abort(struct nethost *host, uint32_t socket);
/* enum nethost_ready bits. */
uint32_t nethost_ready_of(const struct nethost *host, uint32_t socket);
/* The pending error, which is thereby cleared; 0: none. */
int nethost_take_error(struct nethost *host, uint32_t socket);
int nethost_local(const struct nethost *host, uint32_t socket, struct nethost_endpoint *local);
int nethost_peer(const struct nethost *host, uint32_t socket, struct nethost_endpoint *peer);
/* `option` is one of net/net.h's enum net_option. */
int nethost_set_option(struct nethost *host, uint32_t socket, int option, int64_t value);
int nethost_get_option(const struct nethost *host, uint32_t socket, int option, int64_t *value);

#ifdef __cplusplus
}
#endif

#endif
