/* plan.h: what a seed says about a world: its engines, links, flows, and what befalls them.
 *
 * The drawing uses randomness of its own, so that a plan does not depend on what engines do. */
#pragma once

#include <netsim/sim.h>
#include <netsim/traffic.h>

#define PLAN_ENGINES 3
#define PLAN_FLOWS   16

/* Which number is about to wrap when the first flow begins. */
enum plan_wrap {
    PLAN_WRAP_NONE,
    PLAN_WRAP_SEQUENCE, /* the initial sequence number lies just below 2^32 */
    PLAN_WRAP_STAMP     /* the clock of timestamps does */
};

struct plan {
    uint64_t seed;
    uint32_t engines;
    struct net_config config[PLAN_ENGINES];
    struct link_config link[PLAN_ENGINES];
    size_t memory[PLAN_ENGINES];
    net_time merging[PLAN_ENGINES]; /* sim_set_merging; 0: not */
    net_time start;                 /* what the clock shows at first */

    enum plan_wrap wrap;
    int wrap_side;        /* whose number: 0 client, 1 server */
    uint32_t wrap_before; /* it wraps so much later: bytes, milliseconds */

    uint16_t path_mtu; /* IP packets that are longer vanish; 0: none do */
    bool tells_mtu;    /* and a router says so (RFC 1191) */

    net_time silent_from, silent_until; /* nothing gets from or to engine `silent`; from NET_NEVER: never */
    uint32_t silent;

    net_time rest; /* when all is done, all connections stay open and idle for so long; 0: not */

    /* Connections may fail though the engines do all that they can: too much is lost, or for too long. */
    bool harsh;

    uint32_t flows;
    struct traffic_plan flow[PLAN_FLOWS];
};

void plan_draw(struct plan *plan, uint64_t seed);
void plan_print(const struct plan *plan, FILE *out);
