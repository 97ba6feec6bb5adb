/* dhcp.h: the DHCP client (RFC 2131 4.4).
 *
 * Answers are stored by dhcp_input; what is due comes out of dhcp_next. Whether the address is probed before
 * it is used is the core's affair (path/claims.h); a conflict (dhcp_conflict) declines it. */
#pragma once

#include <base/random.h>
#include <net/counters.h>
#include <net/types.h>
#include <net/wire/dhcp.h>

enum dhcp_state {
    DHCP_OFF,
    DHCP_INIT,
    DHCP_SELECTING,
    DHCP_REQUESTING,
    DHCP_BOUND,
    DHCP_RENEWING,
    DHCP_REBINDING
};

struct dhcp_lease {
    uint32_t address, router, server;
    uint8_t prefix_length;
    uint32_t name_server[DHCP_SERVERS_MAX];
    uint32_t seconds; /* UINT32_MAX: for ever */
};

struct dhcp {
    enum dhcp_state state;
    struct mac mac;
    char host_name[32];
    uint32_t xid;
    uint32_t tries;     /* of the present message */
    net_time started;   /* the exchange: for `secs` */
    net_time deadline;  /* next message; NET_NEVER: none */
    net_time requested; /* when the REQUEST that was acknowledged went out: the lease counts from there */
    net_time renew, rebind, expire;   /* T1, T2, end; NET_NEVER when for ever */
    struct dhcp_lease offer;          /* SELECTING: what was offered; from REQUESTING on: what is asked for */
    struct dhcp_lease lease;          /* while bound */
    uint32_t decline, decline_server; /* an address to be declined; 0: none */
    uint8_t declines;                 /* in a row */
    bool waiting;                     /* the server's next hop is not known yet */
    bool changed;                     /* the lease came, changed or went */
    struct random *random;
    struct net_counters *counters;
};

struct dhcp_output {
    uint32_t source, destination;
    struct dhcp_message message;
};

/* Off until dhcp_start. `random` is the engine's. */
void dhcp_init(struct dhcp *dhcp, struct mac mac, const char *host_name, struct random *random,
               struct net_counters *counters);
/* Begins at INIT; a lease that is still good is asked for again (the link came back). */
void dhcp_start(struct dhcp *dhcp, net_time now);
void dhcp_stop(struct dhcp *dhcp);

/* A message that came to port 68. */
void dhcp_input(struct dhcp *dhcp, const struct dhcp_message *message, net_time now);
/* Another station uses our address. */
void dhcp_conflict(struct dhcp *dhcp, uint32_t address, net_time now);
/* Lets the lease's times pass. Call when the deadline is over, before dhcp_next. */
void dhcp_expire(struct dhcp *dhcp, net_time now);

/* What is due; false: nothing. Stays due until dhcp_sent. */
bool dhcp_next(const struct dhcp *dhcp, net_time now, struct dhcp_output *output);
void dhcp_sent(struct dhcp *dhcp, net_time now);
/* The server's next hop is not known yet: nothing is due until dhcp_wake. */
void dhcp_wait(struct dhcp *dhcp);
void dhcp_wake(struct dhcp *dhcp);
net_time dhcp_deadline(const struct dhcp *dhcp);

static inline bool dhcp_is_bound(const struct dhcp *dhcp) {
    return dhcp->state >= DHCP_BOUND;
}

/* True once after the lease came, changed or went: look at dhcp_is_bound and `lease`. */
bool dhcp_take_change(struct dhcp *dhcp);
