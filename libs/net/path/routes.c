/* routes.c: own addresses and routes; read routes.h first. */
#include <net/path/routes.h>
#include <string.h>

#define ANY_INTERFACE UINT8_MAX

static bool in_prefix(uint32_t address, uint32_t prefix, uint8_t prefix_length) {
    return ((address ^ prefix) & ipv4_mask(prefix_length)) == 0;
}

/* ---- Routes ---- */

/* Does `a` come before `b` in the table? */
static bool goes_first(const struct route *a, const struct route *b) {
    return a->prefix_length != b->prefix_length ? a->prefix_length > b->prefix_length : a->metric < b->metric;
}

enum error routes_add(struct routes *routes, const struct route *route) {
    if (route->prefix_length > 32) {
        return ERR_INVALID;
    }
    struct route new = *route;
    new.prefix &= ipv4_mask(new.prefix_length);
    uint32_t at = 0; /* behind all that are as good or better */
    for (; at < routes->route_count && !goes_first(&new, &routes->route[at]); at++) {
        const struct route *other = &routes->route[at];
        bool alike = other->prefix_length == new.prefix_length && other->metric == new.metric;
        if (alike && other->prefix == new.prefix) {
            return ERR_EXISTS;
        }
    }
    if (routes->route_count == ROUTES_MAX) {
        return ERR_TOO_MANY;
    }
    struct route *place = &routes->route[at];
    memmove(place + 1, place, (routes->route_count - at) * sizeof *place);
    *place = new;
    routes->route_count++;
    return ERR_NONE;
}

static void remove_route(struct routes *routes, uint32_t at) {
    routes->route_count--;
    memmove(&routes->route[at], &routes->route[at + 1], (routes->route_count - at) * sizeof routes->route[0]);
}

static const struct route *longest_match(const struct routes *routes, uint32_t destination,
                                         uint8_t interface) {
    for (uint32_t i = 0; i < routes->route_count; i++) {
        const struct route *route = &routes->route[i];
        bool leaves_there = interface == ANY_INTERFACE || interface == route->interface;
        if (leaves_there && in_prefix(destination, route->prefix, route->prefix_length)) {
            return route;
        }
    }
    return NULL;
}

enum error routes_check(const struct routes *routes, struct route *route) {
    if (route->prefix_length > 32 || (route->prefix & ~ipv4_mask(route->prefix_length)) != 0 ||
        (route->source != 0 && !routes_is_own(routes, route->source))) {
        return ERR_INVALID;
    }
    if (route->gateway == 0) {
        return ERR_NONE;
    }
    bool station = ipv4_is_source(route->gateway) && !ipv4_is_loopback(route->gateway) &&
                   !routes_is_broadcast(routes, route->gateway);
    if (!station || routes_is_own(routes, route->gateway)) {
        return ERR_INVALID;
    }
    const struct route *to_gateway = longest_match(routes, route->gateway, ANY_INTERFACE);
    if (to_gateway == NULL || to_gateway->gateway != 0) {
        return ERR_NET_UNREACHABLE;
    }
    route->interface = to_gateway->interface;
    return ERR_NONE;
}

enum error routes_remove(struct routes *routes, const struct route *wanted) {
    for (uint32_t i = 0; i < routes->route_count; i++) {
        const struct route *route = &routes->route[i];
        bool same = route->prefix == wanted->prefix && route->prefix_length == wanted->prefix_length;
        bool fits = (wanted->gateway == 0 || wanted->gateway == route->gateway) &&
                    (wanted->source == 0 || wanted->source == route->source) &&
                    (wanted->metric == 0 || wanted->metric == route->metric);
        if (same && fits) {
            remove_route(routes, i);
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

/* ---- Addresses ---- */

static struct interface_address *entry_of(struct routes *routes, uint32_t address) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        if (routes->address[i].address == address) {
            return &routes->address[i];
        }
    }
    return NULL;
}

const struct interface_address *routes_entry(const struct routes *routes, uint32_t address) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        if (routes->address[i].address == address) {
            return &routes->address[i];
        }
    }
    return NULL;
}

/* The route to the address's own network; a second address in the same network is an alias. */
static enum error connect_network(struct routes *routes, const struct interface_address *own) {
    struct route route = {.prefix = own->address,
                          .prefix_length = own->prefix_length,
                          .interface = own->interface,
                          .origin = NET_FROM_ADDRESS,
                          .source = own->address};
    enum error error = routes_add(routes, &route);
    return error == ERR_EXISTS ? ERR_NONE : error;
}

enum error routes_add_address(struct routes *routes, const struct interface_address *given) {
    struct interface_address own = *given;
    own.duplicate = false;
    if (own.prefix_length > 32 || !ipv4_is_source(own.address) || ipv4_is_loopback(own.address)) {
        return ERR_INVALID;
    }
    if (routes_entry(routes, own.address) != NULL) {
        return ERR_EXISTS;
    }
    if (routes->address_count == ADDRESSES_MAX) {
        return ERR_TOO_MANY;
    }
    enum error error = own.tentative ? ERR_NONE : connect_network(routes, &own);
    if (error == ERR_NONE) {
        routes->address[routes->address_count++] = own;
    }
    return error;
}

void routes_confirm(struct routes *routes, uint32_t address) {
    struct interface_address *own = entry_of(routes, address);
    if (own != NULL && own->tentative && !own->duplicate) {
        own->tentative = false;
        (void)!connect_network(routes, own); /* without room for it others are reached by other routes */
    }
}

void routes_refuse(struct routes *routes, uint32_t address) {
    struct interface_address *own = entry_of(routes, address);
    if (own != NULL) {
        own->duplicate = own->tentative;
    }
}

/* Another of our addresses in the same network; null: none. */
static const struct interface_address *alias_of(const struct routes *routes,
                                                const struct interface_address *own) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        const struct interface_address *other = &routes->address[i];
        bool same = other->prefix_length == own->prefix_length && other->interface == own->interface &&
                    in_prefix(other->address, own->address, own->prefix_length);
        if (same && !other->tentative && other->address != own->address) {
            return other;
        }
    }
    return NULL;
}

/* The routes that say "from this address"; that to its network goes on with the next alias. */
static void forget_source(struct routes *routes, const struct interface_address *gone) {
    const struct interface_address *heir = alias_of(routes, gone);
    for (uint32_t i = routes->route_count; i-- > 0;) {
        struct route *route = &routes->route[i];
        if (route->source != gone->address) {
            continue;
        }
        if (route->origin == NET_FROM_ADDRESS && heir != NULL) {
            route->source = heir->address;
        } else {
            remove_route(routes, i);
        }
    }
}

/* Without an address nothing can be sent over an interface: its routes go. */
static void forget_interface(struct routes *routes, uint8_t interface) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        if (routes->address[i].interface == interface) {
            return;
        }
    }
    for (uint32_t i = routes->route_count; i-- > 0;) {
        if (routes->route[i].interface == interface) {
            remove_route(routes, i);
        }
    }
}

enum error routes_remove_address(struct routes *routes, uint32_t address) {
    struct interface_address *own = entry_of(routes, address);
    if (own == NULL) {
        return ERR_NOT_FOUND;
    }
    struct interface_address gone = *own;
    uint32_t at = (uint32_t)(own - routes->address);
    routes->address_count--;
    memmove(own, own + 1, (routes->address_count - at) * sizeof *own);
    if (!gone.tentative) {
        forget_source(routes, &gone);
    }
    forget_interface(routes, gone.interface);
    return ERR_NONE;
}

void routes_remove_from(struct routes *routes, enum net_origin origin) {
    for (uint32_t i = routes->route_count; i-- > 0;) {
        if (routes->route[i].origin == origin) {
            remove_route(routes, i);
        }
    }
}

const struct interface_address *routes_first(const struct routes *routes) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        if (!routes->address[i].tentative) {
            return &routes->address[i];
        }
    }
    return NULL;
}

uint32_t routes_source_of(const struct routes *routes, uint8_t interface) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        if (!routes->address[i].tentative && routes->address[i].interface == interface) {
            return routes->address[i].address;
        }
    }
    return 0;
}

bool routes_is_secondary(const struct routes *routes, const struct interface_address *own) {
    for (const struct interface_address *other = routes->address; other < own; other++) {
        if (other->prefix_length == own->prefix_length && other->interface == own->interface &&
            in_prefix(other->address, own->address, own->prefix_length)) {
            return true;
        }
    }
    return false;
}

bool routes_is_own(const struct routes *routes, uint32_t address) {
    const struct interface_address *own = routes_entry(routes, address);
    return own != NULL && !own->tentative;
}

/* The network of ours that has this broadcast address; null: none has. One of one or two addresses has no
 * broadcast (RFC 3021). */
static const struct interface_address *network_of_broadcast(const struct routes *routes, uint32_t address) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        const struct interface_address *own = &routes->address[i];
        bool has_one = own->prefix_length < 31 && !own->tentative;
        if (has_one && address == (own->address | ~ipv4_mask(own->prefix_length))) {
            return own;
        }
    }
    return NULL;
}

bool routes_is_broadcast(const struct routes *routes, uint32_t address) {
    return address == IPV4_BROADCAST || network_of_broadcast(routes, address) != NULL;
}

/* ---- Which way ---- */

/* Our address in the network of `next_hop`, else the first one of the interface, else the first of all. 0: we
 * have none. */
static uint32_t source_towards(const struct routes *routes, uint32_t next_hop, uint8_t interface) {
    const struct interface_address *best = routes_first(routes);
    for (uint32_t i = 0; i < routes->address_count; i++) {
        const struct interface_address *own = &routes->address[i];
        if (own->tentative || own->interface != interface) {
            continue;
        }
        if (in_prefix(next_hop, own->address, own->prefix_length)) {
            return own->address;
        }
        if (best->interface != interface) {
            best = own;
        }
    }
    return best != NULL ? best->address : 0;
}

static enum path_kind kind_of(const struct routes *routes, uint32_t destination, uint32_t source,
                              bool has_route) {
    bool from_us = source == 0 || routes_is_own(routes, source);
    if (routes_is_own(routes, destination) || ipv4_is_loopback(destination)) {
        return from_us || ipv4_is_loopback(source) ? PATH_LOCAL : PATH_NONE;
    }
    if (!from_us) {
        return PATH_NONE; /* taken away; or 127.0.0.0/8, which must not leave us (RFC 1122 3.2.1.3 (g)) */
    }
    if (routes_is_broadcast(routes, destination)) {
        return PATH_BROADCAST;
    }
    if (ipv4_is_multicast(destination)) {
        return PATH_MULTICAST;
    }
    return has_route && ipv4_is_source(destination) ? PATH_NEIGHBOUR : PATH_NONE;
}

/* Groups and the limited broadcast have no network: they leave where the source is, else where a route says,
 * else over the first interface. */
static uint8_t interface_for(const struct routes *routes, uint32_t destination, uint32_t source,
                             const struct route *route) {
    const struct interface_address *network = network_of_broadcast(routes, destination);
    const struct interface_address *own = source != 0 ? routes_entry(routes, source) : NULL;
    if (network != NULL) {
        return network->interface;
    }
    if (own != NULL) {
        return own->interface;
    }
    return route != NULL ? route->interface : 0;
}

static struct path find(const struct routes *routes, uint32_t destination, uint32_t source,
                        uint8_t interface) {
    const struct route *route = longest_match(routes, destination, interface);
    bool given = interface != ANY_INTERFACE;
    struct path path = {.kind = kind_of(routes, destination, source, route != NULL || given),
                        .next_hop = destination};
    if (path.kind == PATH_NEIGHBOUR) {
        path.next_hop = route != NULL && route->gateway != 0 ? route->gateway : destination;
        path.interface = route != NULL ? route->interface : interface;
    } else if (path.kind != PATH_LOCAL) {
        path.interface = given ? interface : interface_for(routes, destination, source, route);
    }
    if (source != 0) {
        path.source = source;
    } else if (path.kind == PATH_LOCAL) {
        path.source = destination;
    } else if (route != NULL && route->source != 0 && route->interface == path.interface) {
        path.source = route->source;
    } else {
        path.source = source_towards(routes, path.next_hop, path.interface);
    }
    return path;
}

struct path routes_find(const struct routes *routes, uint32_t destination, uint32_t source) {
    return find(routes, destination, source, ANY_INTERFACE);
}

struct path routes_find_over(const struct routes *routes, uint8_t interface, uint32_t destination,
                             uint32_t source) {
    return find(routes, destination, source, interface);
}
