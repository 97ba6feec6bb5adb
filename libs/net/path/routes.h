/* routes.h: which addresses are ours, and which way a packet goes (RFC 1122 3.3.1).
 *
 * Two small tables: the interface's addresses, and routes by longest prefix. Configuring an address gives the
 * route to its own network by itself. */
#pragma once

#include <base/error.h>
#include <net/wire/ipv4.h>

#define ROUTES_MAX    16
#define ADDRESSES_MAX 4

struct interface_address {
    uint32_t address;
    uint8_t prefix_length;
};

struct route {
    uint32_t prefix; /* bits behind the prefix are 0 */
    uint8_t prefix_length;
    uint32_t gateway; /* 0: the destination is on the link */
};

struct routes {
    uint32_t address_count, route_count;
    struct interface_address address[ADDRESSES_MAX];
    struct route route[ROUTES_MAX]; /* longest prefix first */
};

enum path_kind {
    PATH_NONE,      /* no route: ERR_NET_UNREACHABLE for the sender */
    PATH_LOCAL,     /* one of our own addresses, or 127.0.0.0/8: loops back */
    PATH_BROADCAST, /* all stations on the link */
    PATH_MULTICAST, /* a group on the link */
    PATH_NEIGHBOUR  /* next_hop's MAC address is needed */
};

struct path {
    enum path_kind kind;
    uint32_t source;   /* the address to send from; 0: we have none */
    uint32_t next_hop; /* PATH_NEIGHBOUR */
};

/* ERR_TOO_MANY, ERR_EXISTS, ERR_INVALID (prefix over 32, or no station's address). */
enum error routes_add_address(struct routes *routes, uint32_t address, uint8_t prefix_length);
/* ERR_TOO_MANY, ERR_EXISTS (the same prefix), ERR_INVALID (prefix over 32). */
enum error routes_add(struct routes *routes, uint32_t prefix, uint8_t prefix_length, uint32_t gateway);
/* Forgets all addresses and routes. */
void routes_clear(struct routes *routes);

bool routes_is_own(const struct routes *routes, uint32_t address);
/* The limited broadcast, or that of one of our networks. */
bool routes_is_broadcast(const struct routes *routes, uint32_t address);

/* Which way to `destination`. `source` 0: any of ours. */
struct path routes_find(const struct routes *routes, uint32_t destination, uint32_t source);
