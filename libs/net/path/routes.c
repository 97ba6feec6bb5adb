/* routes.c: own addresses and routes; read routes.h first. */
#include <net/path/routes.h>
#include <string.h>

static bool in_prefix(uint32_t address, uint32_t prefix, uint8_t prefix_length) {
    return ((address ^ prefix) & ipv4_mask(prefix_length)) == 0;
}

enum error routes_add(struct routes *routes, uint32_t prefix, uint8_t prefix_length, uint32_t gateway) {
    if (prefix_length > 32) {
        return ERR_INVALID;
    }
    prefix &= ipv4_mask(prefix_length);
    uint32_t at = 0; /* behind all that are as long or longer */
    for (; at < routes->route_count && routes->route[at].prefix_length >= prefix_length; at++) {
        if (routes->route[at].prefix == prefix && routes->route[at].prefix_length == prefix_length) {
            return ERR_EXISTS;
        }
    }
    if (routes->route_count == ROUTES_MAX) {
        return ERR_TOO_MANY;
    }
    struct route *place = &routes->route[at];
    memmove(place + 1, place, (routes->route_count - at) * sizeof *place);
    *place = (struct route){prefix, prefix_length, gateway};
    routes->route_count++;
    return ERR_NONE;
}

enum error routes_add_address(struct routes *routes, uint32_t address, uint8_t prefix_length) {
    if (prefix_length > 32 || !ipv4_is_source(address) || ipv4_is_loopback(address)) {
        return ERR_INVALID;
    }
    if (routes_is_own(routes, address)) {
        return ERR_EXISTS;
    }
    if (routes->address_count == ADDRESSES_MAX) {
        return ERR_TOO_MANY;
    }
    enum error error = routes_add(routes, address, prefix_length, 0);
    if (error != ERR_NONE && error != ERR_EXISTS) { /* a second address in the same network is an alias */
        return error;
    }
    routes->address[routes->address_count++] = (struct interface_address){address, prefix_length};
    return ERR_NONE;
}

void routes_clear(struct routes *routes) {
    *routes = (struct routes){0};
}

bool routes_is_own(const struct routes *routes, uint32_t address) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        if (routes->address[i].address == address) {
            return true;
        }
    }
    return false;
}

bool routes_is_broadcast(const struct routes *routes, uint32_t address) {
    if (address == IPV4_BROADCAST) {
        return true;
    }
    for (uint32_t i = 0; i < routes->address_count; i++) {
        const struct interface_address *own = &routes->address[i];
        /* A network of one or two addresses has no broadcast (RFC 3021). */
        bool has_one = own->prefix_length < 31;
        if (has_one && address == (own->address | ~ipv4_mask(own->prefix_length))) {
            return true;
        }
    }
    return false;
}

/* Our address in the network of `next_hop`, else the first one. 0: we have none. */
static uint32_t source_towards(const struct routes *routes, uint32_t next_hop) {
    for (uint32_t i = 0; i < routes->address_count; i++) {
        const struct interface_address *own = &routes->address[i];
        if (in_prefix(next_hop, own->address, own->prefix_length)) {
            return own->address;
        }
    }
    return routes->address_count > 0 ? routes->address[0].address : 0;
}

static const struct route *longest_match(const struct routes *routes, uint32_t destination) {
    for (uint32_t i = 0; i < routes->route_count; i++) {
        const struct route *route = &routes->route[i];
        if (in_prefix(destination, route->prefix, route->prefix_length)) {
            return route;
        }
    }
    return NULL;
}

struct path routes_find(const struct routes *routes, uint32_t destination, uint32_t source) {
    struct path path = {.kind = PATH_NONE, .next_hop = destination};
    const struct route *route = longest_match(routes, destination);
    if (routes_is_own(routes, destination) || ipv4_is_loopback(destination)) {
        path.kind = PATH_LOCAL;
    } else if (ipv4_is_loopback(source)) {
        path.kind = PATH_NONE; /* RFC 1122 3.2.1.3 (g): it must not leave the host */
    } else if (routes_is_broadcast(routes, destination)) {
        path.kind = PATH_BROADCAST;
    } else if (ipv4_is_multicast(destination)) {
        path.kind = PATH_MULTICAST;
    } else if (route != NULL && ipv4_is_source(destination)) {
        path.kind = PATH_NEIGHBOUR;
        path.next_hop = route->gateway != 0 ? route->gateway : destination;
    }
    path.source = source != 0               ? source
                  : path.kind == PATH_LOCAL ? destination
                                            : source_towards(routes, path.next_hop);
    return path;
}
