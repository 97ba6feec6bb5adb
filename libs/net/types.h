/* types.h: the few types that the face (net/net.h) and the modules below it share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Microseconds on a clock that never goes back; where it starts does not matter. */
typedef uint64_t net_time;
#define NET_NEVER  UINT64_MAX
#define NET_SECOND ((net_time)1000000)

/* A socket's name: an index with a generation, so that a stale one is ERR_BAD_HANDLE. Never 0. */
typedef uint32_t net_socket_id;
/* Who pays for memory: one per client task. NET_OWNER_ENGINE is the engine itself. */
typedef uint16_t net_owner;
#define NET_OWNER_ENGINE 0

enum net_family { NET_IPV4 = 4, NET_IPV6 = 6 };

struct net_address {
    uint8_t family;    /* enum net_family; 0: unspecified of either family */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest are zero */
};

struct net_endpoint {
    struct net_address address;
    uint16_t port; /* host order */
};

/* The interfaces by number as users know them (`ip link`, and Linux): first the loopback, then the links. */
#define NET_LOOPBACK 1u
#define NET_LINK(n)  (2u + (n))

/* What stands beside the bytes of a datagram (RFC 1122 4.1.3.5, 4.1.4; Linux's IP_PKTINFO, IP_TTL, IP_TOS).
 */
struct net_control {
    /* Of one that came: our address to answer from; of one to be sent: the address to send from, family 0: as
     * the socket has it. */
    struct net_address local;
    struct net_address destination; /* of one that came: as its header says, which may be a group or all */
    uint8_t interface; /* it came by, or must leave by: NET_LOOPBACK, NET_LINK(n); 0: the route's */
    int16_t ttl, tos;  /* of one to be sent, -1: as the socket has them */
};

/* Where an address or a route comes from. */
enum net_origin {
    NET_FROM_USER,   /* the configuration, or a call */
    NET_FROM_LEASE,  /* DHCP */
    NET_FROM_ADDRESS /* the route to the network of one of our addresses */
};

/* What a socket is ready for. */
enum net_ready {
    NET_READY_IN = 1,      /* data, a datagram, a connection to accept, or end of stream */
    NET_READY_OUT = 4,     /* room to send; connect finished */
    NET_READY_ERROR = 8,   /* an error is pending */
    NET_READY_HANGUP = 16, /* both directions are over */
    NET_READY_EOF = 32,    /* the peer has sent FIN */
    NET_READY_SENT = 64    /* our FIN, and so all that was sent, is acknowledged */
};

static inline net_time net_time_min(net_time a, net_time b) {
    return a < b ? a : b;
}

/* Whole milliseconds, modulo 2^32. */
static inline uint32_t net_milliseconds(net_time time) {
    return (uint32_t)(time / (NET_SECOND / 1000));
}

/* now + delay, without running past the end of time. */
static inline net_time net_time_after(net_time now, net_time delay) {
    return delay > NET_NEVER - now ? NET_NEVER : now + delay;
}

/* An IPv4 address out of its value in host order, and back. */
static inline struct net_address net_ipv4(uint32_t value) {
    return (struct net_address){
        NET_IPV4, {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value}};
}

static inline uint32_t net_ipv4_value(const struct net_address *address) {
    const uint8_t *b = address->bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline bool net_address_equal(const struct net_address *a, const struct net_address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Unspecified: no family, or all zeros. */
static inline bool net_address_is_any(const struct net_address *address) {
    static const uint8_t zeros[16];
    return address->family == 0 || memcmp(address->bytes, zeros, sizeof zeros) == 0;
}
