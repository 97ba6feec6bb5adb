/* bulk.h: flows that move as many bytes as go, whatever these are: for measuring. */
#pragma once

#include <netsim/sim.h>

#define BULK_FLOWS 8

struct bulk_flow {
    struct sim_node *from, *to;
    net_socket_id sender, listener, receiver;
    net_time start; /* of the next attempt to connect; NET_NEVER: under way */
    uint64_t received;
};

struct bulk {
    struct sim *sim;
    struct bulk_flow flow[BULK_FLOWS];
    uint32_t count;
    uint64_t enough; /* bytes that all have received together; then it is done */
};

/* One more flow, from `start` on. Its sockets belong to the engines themselves. */
void bulk_add(struct bulk *bulk, struct sim_node *from, struct sim_node *to, net_time start);
/* A sim_application over struct bulk. */
bool bulk_run(void *context);
uint64_t bulk_received(const struct bulk *bulk);
