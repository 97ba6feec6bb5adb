/* addresses.c: which addresses, routes and neighbours there are: what the configuration, DHCP and calls bring
 * and take, and what conflict detection says of it. The tables themselves are in path/. */
#include "engine.h"

/* ---- Coming and going ---- */

/* Whoever waits for a neighbour may find another way, or none. */
static void ways_changed(struct net *net) {
    net->generation--;
    net->settled = false;
}

static void addresses_changed(struct net *net) {
    net->address_changed = true;
    ways_changed(net);
}

static enum error bring_address(struct net *net, uint8_t interface, uint32_t address, uint8_t prefix_length,
                                enum net_origin origin, net_time now) {
    struct interface_address own = {.address = address,
                                    .prefix_length = prefix_length,
                                    .interface = interface,
                                    .origin = (uint8_t)origin,
                                    .tentative = net->config.probe};
    enum error error = routes_add_address(&net->routes, &own);
    if (error == ERR_NONE) {
        claims_add(&net->interface[interface].claims, address, own.tentative, now);
        addresses_changed(net);
    }
    return error;
}

static enum error take_address(struct net *net, uint32_t address) {
    const struct interface_address *own = routes_entry(&net->routes, address);
    if (own == NULL) {
        return ERR_NOT_FOUND;
    }
    claims_remove(&net->interface[own->interface].claims, address);
    addresses_changed(net);
    return routes_remove_address(&net->routes, address);
}

/* A default route that nobody asked to be checked: where it leads nowhere, nothing is lost. */
static void add_gateway(struct net *net, uint32_t gateway, enum net_origin origin) {
    struct route route = {.gateway = gateway, .origin = (uint8_t)origin};
    if (gateway != 0) {
        (void)!routes_add(&net->routes, &route); /* one that is there already is the user's wish */
    }
}

/* ---- The configuration ---- */

static void use_config(struct net *net, net_time now) {
    const struct net_config *config = &net->config;
    size_t count = 0;
    if (config->gateway.family == NET_IPV4) {
        add_gateway(net, net_ipv4_value(&config->gateway), NET_FROM_USER);
    }
    while (count < DNS_SERVERS_MAX && config->dns[count].family != 0) {
        count++;
    }
    dns_set_servers(&net->dns, config->dns, count, now);
}

void addresses_start(struct net *net, net_time now) {
    const struct net_config *config = &net->config;
    uint32_t address = net_ipv4_value(&config->address);
    if (config->dhcp) {
        dhcp_start(&net->dhcp, now);
        return;
    }
    bool has_one = config->address.family == NET_IPV4;
    if (!has_one || bring_address(net, 0, address, config->prefix_length, NET_FROM_USER, now) != ERR_NONE) {
        return;
    }
    net->gateway_waits = config->probe;
    if (!config->probe) {
        use_config(net, now);
    }
}

void addresses_restart(struct net *net, struct interface *interface, bool came, net_time now) {
    claims_restart(&interface->claims, interface->mac, now);
    if (interface->number == 0 && came && net->config.dhcp) {
        dhcp_start(&net->dhcp, now);
    }
}

/* ---- The lease ---- */

/* Default route and name servers of a lease whose address is ours. */
static void use_lease(struct net *net, net_time now) {
    const struct dhcp_lease *lease = &net->dhcp.lease;
    struct net_address servers[DHCP_SERVERS_MAX];
    size_t count = 0;
    add_gateway(net, lease->router, NET_FROM_LEASE);
    while (count < DHCP_SERVERS_MAX && lease->name_server[count] != 0) {
        servers[count] = net_ipv4(lease->name_server[count]);
        count++;
    }
    dns_set_servers(&net->dns, servers, count, now);
}

/* Takes back what the lease before brought, but an address that goes on: its connections do too. */
static void drop_lease(struct net *net, const struct dhcp_lease *next) {
    routes_remove_from(&net->routes, NET_FROM_LEASE);
    for (uint32_t i = net->routes.address_count; i-- > 0;) {
        const struct interface_address *own = &net->routes.address[i];
        bool goes_on =
            next != NULL && own->address == next->address && own->prefix_length == next->prefix_length;
        if (own->origin == NET_FROM_LEASE && !goes_on) {
            (void)!take_address(net, own->address); /* it is there */
        }
    }
}

/* The lease came, changed or went. What the user brought stays; an address that the user has set already is
 * the user's. */
static void follow_lease(struct net *net, net_time now) {
    const struct dhcp_lease *lease = &net->dhcp.lease;
    bool bound = dhcp_is_bound(&net->dhcp);
    drop_lease(net, bound ? lease : NULL);
    addresses_changed(net);
    if (!bound) {
        return;
    }
    (void)!bring_address(net, 0, lease->address, lease->prefix_length, NET_FROM_LEASE, now);
    if (routes_is_own(&net->routes, lease->address)) {
        use_lease(net, now);
    }
}

/* ---- Conflict detection ---- */

static void won(struct net *net, uint32_t address, net_time now) {
    const struct interface_address *own = routes_entry(&net->routes, address);
    if (own == NULL || !own->tentative) {
        return;
    }
    routes_confirm(&net->routes, address);
    addresses_changed(net);
    if (dhcp_is_bound(&net->dhcp) && net->dhcp.lease.address == address) {
        use_lease(net, now);
    } else if (net->gateway_waits && net_ipv4_value(&net->config.address) == address) {
        net->gateway_waits = false;
        use_config(net, now);
    }
}

/* A lease is declined. An address that was set by hand is not used if the other station was there first, and
 * else kept and defended for ever (RFC 5227 2.4 (c)). */
static void lost(struct net *net, uint32_t address, net_time now) {
    const struct interface_address *own = routes_entry(&net->routes, address);
    if (own == NULL) {
        return;
    }
    if (own->origin == NET_FROM_LEASE) {
        dhcp_conflict(&net->dhcp, address, now);
    } else if (own->tentative) {
        routes_refuse(&net->routes, address);
        claims_remove(&net->interface[own->interface].claims, address);
        addresses_changed(net);
    }
}

static void take_news(struct net *net, struct claims *claims, net_time now) {
    for (;;) {
        uint32_t address;
        switch (claims_take_news(claims, &address)) {
        case CLAIM_WON: won(net, address, now); break;
        case CLAIM_LOST: lost(net, address, now); break;
        case CLAIM_NOTHING: return;
        }
    }
}

void addresses_pass_time(struct net *net, net_time now) {
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        if (i->up && claims_deadline(&i->claims) <= now) {
            claims_expire(&i->claims, now);
        }
        take_news(net, &i->claims, now);
    }
    if (dhcp_deadline(&net->dhcp) <= now) {
        dhcp_expire(&net->dhcp, now);
    }
    if (dhcp_take_change(&net->dhcp)) {
        follow_lease(net, now);
    }
}

/* ---- Calls: addresses ---- */

static bool is_there(const struct net *net, uint32_t interface) {
    return interface < net->interface_count && net->interface[interface].used;
}

enum error net_address_add(struct net *net, uint32_t interface, const struct net_address *address,
                           uint8_t prefix_length, net_time now) {
    if (address->family != NET_IPV4 || !is_there(net, interface)) {
        return ERR_INVALID;
    }
    return bring_address(net, (uint8_t)interface, net_ipv4_value(address), prefix_length, NET_FROM_USER, now);
}

enum error net_address_remove(struct net *net, const struct net_address *address, net_time now) {
    (void)now;
    return address->family == NET_IPV4 ? take_address(net, net_ipv4_value(address)) : ERR_NOT_FOUND;
}

bool net_address_next(const struct net *net, uint32_t *cursor, struct net_own_address *address) {
    if (*cursor >= net->routes.address_count) {
        return false;
    }
    const struct interface_address *own = &net->routes.address[(*cursor)++];
    *address = (struct net_own_address){.address = net_ipv4(own->address),
                                        .prefix_length = own->prefix_length,
                                        .interface = own->interface,
                                        .origin = own->origin,
                                        .secondary = routes_is_secondary(&net->routes, own),
                                        .tentative = own->tentative,
                                        .duplicate = own->duplicate};
    return true;
}

/* ---- Calls: routes ---- */

static bool read_route(const struct net_route *from, struct route *to) {
    *to = (struct route){.prefix = net_ipv4_value(&from->destination),
                         .prefix_length = from->prefix_length,
                         .interface = from->interface,
                         .origin = NET_FROM_USER,
                         .gateway = net_ipv4_value(&from->gateway),
                         .source = net_ipv4_value(&from->source),
                         .metric = from->metric};
    return from->destination.family != NET_IPV6 && from->gateway.family != NET_IPV6 &&
           from->source.family != NET_IPV6;
}

enum error net_route_add(struct net *net, const struct net_route *given, net_time now) {
    (void)now;
    struct route route;
    if (!read_route(given, &route) || !is_there(net, given->interface)) {
        return ERR_INVALID;
    }
    enum error error = routes_check(&net->routes, &route);
    error = error == ERR_NONE ? routes_add(&net->routes, &route) : error;
    if (error == ERR_NONE) {
        ways_changed(net);
    }
    return error;
}

enum error net_route_remove(struct net *net, const struct net_route *given, net_time now) {
    (void)now;
    struct route route;
    if (!read_route(given, &route)) {
        return ERR_INVALID;
    }
    enum error error = routes_remove(&net->routes, &route);
    if (error == ERR_NONE) {
        ways_changed(net);
    }
    return error;
}

static struct net_address given_or_none(uint32_t value) {
    return value != 0 ? net_ipv4(value) : (struct net_address){0};
}

bool net_route_next(const struct net *net, uint32_t *cursor, struct net_route *out) {
    if (*cursor >= net->routes.route_count) {
        return false;
    }
    const struct route *route = &net->routes.route[(*cursor)++];
    *out = (struct net_route){.destination = net_ipv4(route->prefix),
                              .prefix_length = route->prefix_length,
                              .interface = route->interface,
                              .origin = route->origin,
                              .gateway = given_or_none(route->gateway),
                              .source = given_or_none(route->source),
                              .metric = route->metric};
    return true;
}

/* ---- Calls: neighbours ---- */

enum error net_neighbour_add(struct net *net, const struct net_address *address, const uint8_t mac[6],
                             net_time now) {
    uint32_t value = net_ipv4_value(address);
    if (address->family != NET_IPV4 || !ipv4_is_source(value) || ipv4_is_loopback(value) ||
        routes_is_own(&net->routes, value) || !mac_is_station(mac_of(mac))) {
        return ERR_INVALID;
    }
    struct path path = routes_find(&net->routes, value, 0);
    net->settled = false;
    return neighbour_set(&net->interface[path.interface].neighbours, value, mac_of(mac), now);
}

enum error net_neighbour_remove(struct net *net, const struct net_address *address, net_time now) {
    enum error error = ERR_NOT_FOUND;
    net->settled = false;
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        if (address->family == NET_IPV4 &&
            neighbour_remove(&i->neighbours, net_ipv4_value(address), now) == ERR_NONE) {
            error = ERR_NONE;
        }
    }
    return error;
}

void net_neighbour_flush(struct net *net, net_time now) {
    (void)now;
    net->settled = false;
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        neighbours_flush(&i->neighbours);
    }
}

static uint8_t state_of(const struct neighbour *neighbour, net_time now) {
    switch (neighbour->state) {
    case NEIGHBOUR_INCOMPLETE: return NET_NEIGHBOUR_INCOMPLETE;
    case NEIGHBOUR_REACHABLE:
        return now - neighbour->confirmed < NEIGHBOUR_FRESH ? NET_NEIGHBOUR_REACHABLE : NET_NEIGHBOUR_STALE;
    case NEIGHBOUR_PROBE:
        return neighbour->requests == 0 && !neighbour->broadcast ? NET_NEIGHBOUR_DELAY : NET_NEIGHBOUR_PROBE;
    case NEIGHBOUR_UNANSWERED: return NET_NEIGHBOUR_FAILED;
    case NEIGHBOUR_PERMANENT: return NET_NEIGHBOUR_PERMANENT;
    default: return NET_NEIGHBOUR_STALE;
    }
}

/* The cursor counts the places of all tables, one table after the other. */
bool net_neighbour_next(const struct net *net, uint32_t *cursor, struct net_neighbour *out) {
    for (; *cursor / NEIGHBOURS_MAX < net->interface_count;) {
        const struct interface *interface = &net->interface[*cursor / NEIGHBOURS_MAX];
        uint32_t first = *cursor / NEIGHBOURS_MAX * NEIGHBOURS_MAX, place = *cursor - first;
        const struct neighbour *neighbour = NULL;
        if (interface->used) {
            neighbour = neighbour_next(&interface->neighbours, &place, net->latest);
        }
        if (neighbour == NULL) {
            *cursor = (*cursor / NEIGHBOURS_MAX + 1) * NEIGHBOURS_MAX;
            continue;
        }
        *cursor = first + place;
        *out = (struct net_neighbour){.address = net_ipv4(neighbour->address),
                                      .state = state_of(neighbour, net->latest),
                                      .interface = interface->number};
        memcpy(out->mac, neighbour->mac.bytes, sizeof out->mac);
        return true;
    }
    return false;
}

/* ---- What there is to see ---- */

/* The first address that the link may use; null: none. */
static const struct interface_address *first_of(const struct net *net, uint32_t number) {
    for (uint32_t i = 0; i < net->routes.address_count; i++) {
        const struct interface_address *own = &net->routes.address[i];
        if (own->interface == number && !own->tentative) {
            return own;
        }
    }
    return NULL;
}

bool net_interface_at(const struct net *net, uint32_t number, struct net_interface *out) {
    if (!is_there(net, number)) {
        return false;
    }
    const struct interface *interface = &net->interface[number];
    const struct interface_address *first = first_of(net, number);
    *out = (struct net_interface){.mtu = interface->mtu,
                                  .up = interface->up,
                                  .bound = first != NULL,
                                  .frames_in = interface->frames_in,
                                  .frames_out = interface->frames_out};
    memcpy(out->mac, interface->mac.bytes, sizeof out->mac);
    if (first != NULL) {
        out->address = net_ipv4(first->address);
        out->prefix_length = first->prefix_length;
    }
    for (uint32_t i = net->routes.route_count; i-- > 0;) {
        if (net->routes.route[i].prefix_length == 0 && net->routes.route[i].interface == number) {
            out->gateway = net_ipv4(net->routes.route[i].gateway);
        }
    }
    return true;
}

void net_interface(const struct net *net, struct net_interface *interface) {
    (void)net_interface_at(net, 0, interface); /* the first is always there */
    for (uint32_t i = 0; i < net->dns.server_count && i < 3; i++) {
        interface->dns[i] = net->dns.server[i];
    }
    interface->lease_seconds = net->config.dhcp && dhcp_is_bound(&net->dhcp) ? net->dhcp.lease.seconds : 0;
}
