/* server.h: a simulated host that answers ARP, leases one address by DHCP and knows a few names by DNS, and
 * can be told to do each of these badly. */
#pragma once

#include <net/wire/dhcp.h>
#include <netsim/sim.h>

#define SERVER_NAMES 4

struct server_name {
    const char *name;  /* null: none */
    uint32_t address;  /* 0: there is the name, but no address */
    const char *alias; /* not null: an alias of that name */
};

struct server {
    uint32_t address; /* its own */
    struct mac mac;

    /* DHCP: what it leases; 0: no DHCP here. */
    uint32_t lease_address, lease_seconds;
    uint32_t router;
    bool dhcp_silent, dhcp_refuses;                           /* refuses: NAK to every REQUEST */
    uint32_t discovers, requests, unicast_requests, declines; /* seen */

    /* ARP: it also answers for this address, as if it were its own; 0: no. */
    uint32_t usurped;

    /* DNS. */
    struct server_name name[SERVER_NAMES];
    uint32_t dns_ignores; /* so many queries get no answer */
    uint32_t dns_fails;   /* and so many then SERVFAIL */
    uint32_t queries;     /* seen */
};

/* Adds it to the segment. The server stays the caller's and must live as long as the simulation. */
struct sim_node *server_add(struct sim *sim, struct server *server, const struct link_config *link);
