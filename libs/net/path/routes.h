/* routes.h: which addresses are ours, and which way a packet goes (RFC 1122 3.3.1).
 *
 * Two small tables: the interfaces' addresses, and routes by longest prefix, then by least metric.
 * Configuring an address gives the route to its own network, over its interface, by itself. Every entry knows
 * where it comes from, so that a lease takes away what it brought and nothing else. An address that is still
 * being probed (RFC 5227) is tentative: it stands in the table and is not ours yet. */
#pragma once

#include <base/error.h>
#include <net/types.h>
#include <net/wire/ipv4.h>

#define ROUTES_MAX    32
#define ADDRESSES_MAX 16

struct interface_address {
    uint32_t address;
    uint8_t prefix_length;
    uint8_t interface;
    uint8_t origin; /* enum net_origin */
    bool tentative; /* not ours yet */
    bool duplicate; /* nor ever: another station has it. Tentative too */
};

struct route {
    uint32_t prefix; /* bits behind the prefix are 0 */
    uint8_t prefix_length;
    uint8_t interface;
    uint8_t origin;   /* enum net_origin */
    uint32_t gateway; /* 0: the destination is on the link */
    uint32_t source;  /* the address to send from; 0: any that fits */
    uint32_t metric;  /* of two routes to one prefix the lesser is taken */
};

struct routes {
    uint32_t address_count, route_count;
    struct interface_address address[ADDRESSES_MAX]; /* the first of a network is its primary one */
    struct route route[ROUTES_MAX];                  /* longest prefix first, then least metric */
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
    uint8_t interface; /* over which it leaves; PATH_LOCAL: 0 */
};

/* Adds an entry (`duplicate` is not looked at). Tentative: it is ours, and so is the route to its network,
 * from routes_confirm on. ERR_TOO_MANY, ERR_EXISTS, ERR_INVALID (prefix over 32, or no station's address). */
enum error routes_add_address(struct routes *routes, const struct interface_address *address);
/* The address turned out to be nobody else's. Where there is no room for the route to its network the address
 * serves without. Nothing happens if it has gone meanwhile. */
void routes_confirm(struct routes *routes, uint32_t address);
/* Another station has the address: it stays to be seen, and never becomes ours. */
void routes_refuse(struct routes *routes, uint32_t address);
/* Takes the address away, and with it the routes that name it as their source. The route to its network goes
 * with the last address in it; with the last address of an interface, all its routes go (as in Linux: nothing
 * can be sent there any more). ERR_NOT_FOUND. */
enum error routes_remove_address(struct routes *routes, uint32_t address);

/* ERR_TOO_MANY, ERR_EXISTS (the same prefix and metric), ERR_INVALID (prefix over 32). Neither gateway nor
 * source is looked at: see routes_check. */
enum error routes_add(struct routes *routes, const struct route *route);
/* Can this route work? With a gateway, route->interface becomes that where the gateway is. ERR_INVALID: bits
 * behind the prefix, a gateway that is one of our own addresses or no station's, a source that is not ours;
 * ERR_NET_UNREACHABLE: the gateway is not on the link. */
enum error routes_check(const struct routes *routes, struct route *route);
/* Removes the first route to that prefix; gateway, source and metric of `route` count when they are not 0.
 * ERR_NOT_FOUND. */
enum error routes_remove(struct routes *routes, const struct route *route);
/* Removes all routes (not the addresses) that come from there. */
void routes_remove_from(struct routes *routes, enum net_origin origin);

/* The entry of that address, tentative or not; null: none. */
const struct interface_address *routes_entry(const struct routes *routes, uint32_t address);
/* The first address that is ours by now; null: none. */
const struct interface_address *routes_first(const struct routes *routes);
/* The first address of an interface that is ours by now; 0: none. */
uint32_t routes_source_of(const struct routes *routes, uint8_t interface);
/* Is there an address before this one in the same network? */
bool routes_is_secondary(const struct routes *routes, const struct interface_address *own);
bool routes_is_own(const struct routes *routes, uint32_t address);
/* The limited broadcast, or that of one of our networks. The form with zeros (RFC 1122 3.3.6) is a station's
 * address, as in Linux since 5.14. */
bool routes_is_broadcast(const struct routes *routes, uint32_t address);

/* Which way to `destination`. `source` 0: any of ours; one that is not ours any more has no way. */
struct path routes_find(const struct routes *routes, uint32_t destination, uint32_t source);
/* The same over a given interface, for what does not stay with us. Where no route of it leads there, the
 * destination is taken to be on its link, as in Linux. */
struct path routes_find_over(const struct routes *routes, uint8_t interface, uint32_t destination,
                             uint32_t source);
