/* types.h: the few types that the face (net/net.h) and the modules below it share. */
#pragma once

#include <stddef.h>
#include <stdint.h>

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

static inline net_time net_time_min(net_time a, net_time b) {
    return a < b ? a : b;
}

/* now + delay, without running past the end of time. */
static inline net_time net_time_after(net_time now, net_time delay) {
    return delay > NET_NEVER - now ? NET_NEVER : now + delay;
}
