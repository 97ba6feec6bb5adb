/* wire.h: a driver task without a device: its wire ends in a second engine, the peer, in the same task.
 *
 * It serves netdev.idl under the driver's name, so tcpip opens it like any driver; the same task is tcpip's
 * client. It may do that because tcpip calls its driver only to open it: afterwards there are rings and
 * signals. */
#pragma once

#include "../check.h"
#include <ipc/netdev.h>
#include <net/net.h>
#include <os/server.h>
#include <ring/netdev.h>

struct wire {
    struct server server;
    struct net *peer;
    handle_t client; /* tcpip's event */
    uint8_t *pool;
    size_t pool_size;
    void *rings;
    struct ring ring[NETDEV_RINGS];
    unsigned opens;
    bool silent; /* takes nothing and gives nothing */
};

net_time wire_now(void);
/* Publishes the driver's name with a port of its own; an earlier one dies. */
enum error wire_publish(struct wire *wire);
/* Moves frames both ways and lets tcpip run, for about that long; ms. */
void wire_run(struct wire *wire, unsigned time);
/* Gives tcpip a frame as the device would. False: no buffer. */
bool wire_inject(struct wire *wire, const void *frame, size_t length);
/* Puts a descriptor as it stands into a ring towards tcpip. */
void wire_put(struct wire *wire, enum netdev_ring ring, const struct netdev_descriptor *descriptor);
