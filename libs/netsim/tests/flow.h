/* flow.h: transfers between two engines, checked byte by byte. The application acts on events only, so that a
 * lost event stops it; it takes and gives uneven amounts. */
#pragma once

#include <netsim/sim.h>

struct flow_side {
    struct sim_node *node;
    net_owner owner;
    net_socket_id socket, listener;
    struct net_endpoint peer; /* whom the client connects to */
    uint32_t retries;
    net_time again_at; /* the next attempt to connect; 0: none */
    uint64_t key;      /* of the pattern that it sends */
    uint64_t to_send, sent, received, to_receive;
    bool connected, shut, ended, closed;
    enum error error;
    net_time lazy_until; /* a slow reader does nothing before */
    bool lazy;
};

struct flow {
    struct flow_side client, server;
    uint16_t port;
};

struct flows {
    struct sim *sim;
    struct flow *flow;
    uint32_t count;
};

/* The client connects and sends `up` bytes, the server answers with `down` bytes; both at once. */
void flow_start(struct flow *flow, struct sim_node *client, struct sim_node *server, uint16_t port,
                uint64_t up, uint64_t down);
/* A sim_application over struct flows: true when all sides have closed or failed. */
bool flows_run(void *context);
/* Fails the test unless every byte has arrived, in order and once, both ways, and all ended well. */
void flow_check(const struct flow *flow);
/* How far both sides have come. */
void flow_print(const struct flow *flow);
