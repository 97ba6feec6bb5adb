/* instance.h: what an instance consists of. For the files of this folder. */
#pragma once

#include <net/net.h>
#include <nethost/nethost.h>

#define NETHOST_SLOT (14 + 65535)

/* A packet that has left while the clock was being moved. */
struct departed {
    struct departed *next;
    struct nethost_packet packet;
    uint8_t bytes[];
};

struct nethost {
    struct nethost_config config;
    struct net *net;
    void *memory;
    net_owner owner;
    nethost_time now;
    uint32_t introduced; /* who last sent a datagram, when the engine was last told of him */
    nethost_time introduced_at;
    struct departed *first, **last; /* in the order in which they left */
    struct departed *given;         /* the caller looks at it */
    uint8_t slot[NETHOST_SLOT];
};

/* packets.c */
/* What leaves at this moment waits in the queue. Returns whether anything did. */
bool nethost_collect(struct nethost *host);
void nethost_forget_departed(struct nethost *host);

/* nethost.c */
/* Calls wake for what has happened. Returns whether anything had. */
bool nethost_tell(struct nethost *host);
