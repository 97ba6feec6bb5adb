/* admin.c: the handlers of netadmin.idl: what there is of addresses, routes and neighbours, and changes to
 * them for whoever came by the privileged name. */
#include "tcpip.h"
#include <ipc/netadmin.h>
#include <stdio.h>
#include <string.h>

_Static_assert(NETADMIN_FROM_USER == NET_FROM_USER && NETADMIN_FROM_LEASE == NET_FROM_LEASE &&
                   NETADMIN_FROM_ADDRESS == NET_FROM_ADDRESS,
               "origins");
_Static_assert(NETADMIN_INCOMPLETE == NET_NEIGHBOUR_INCOMPLETE &&
                   NETADMIN_PERMANENT == NET_NEIGHBOUR_PERMANENT,
               "states of neighbours");

/* Links are numbered as `ip link` shows them: loopback, then the engine's. */
enum { LINK_LOOPBACK = 1, LINK_FIRST = 2, LOOPBACK_MTU = 65536 };

/* ---- To look at ---- */

/* Structs one after the other in tcpip->scratch. */
struct list_out {
    struct tcpip *tcpip;
    size_t length;
};

static void put(struct list_out *out, const void *entry, size_t size) {
    if (out->length + size <= sizeof out->tcpip->scratch) {
        memcpy(out->tcpip->scratch + out->length, entry, size);
        out->length += size;
    }
}

static void on_links(void *context, struct request *request) {
    struct list_out out = {.tcpip = context};
    struct net_interface interface;
    struct netadmin_link loopback = {.number = LINK_LOOPBACK,
                                     .flags = NETADMIN_UP | NETADMIN_RUNNING | NETADMIN_LOOPBACK,
                                     .mtu = LOOPBACK_MTU,
                                     .name = "lo"};
    put(&out, &loopback, sizeof loopback);
    for (uint32_t i = 0; net_interface_at(out.tcpip->net, i, &interface); i++) {
        const struct link *card = &out.tcpip->link[i];
        bool running = card->device.open && card->device.info.link_up != 0;
        struct netadmin_link link = {.number = LINK_FIRST + i,
                                     .flags = NETADMIN_UP | (running && interface.up ? NETADMIN_RUNNING : 0),
                                     .mtu = interface.mtu};
        snprintf(link.name, sizeof link.name, "eth%u", (unsigned)i);
        memcpy(link.mac, interface.mac, sizeof link.mac);
        put(&out, &link, sizeof link);
    }
    netadmin_links_reply(request, out.tcpip->scratch, out.length);
}

static void on_addresses(void *context, struct request *request) {
    static const struct netadmin_address home = {
        .family = NET_IPV4, .prefix_length = 8, .link = LINK_LOOPBACK, .address = {127, 0, 0, 1}};
    struct list_out out = {.tcpip = context};
    struct net_own_address own;
    uint32_t cursor = 0;
    put(&out, &home, sizeof home);
    while (net_address_next(out.tcpip->net, &cursor, &own)) {
        int flags = (own.secondary ? NETADMIN_SECONDARY : 0) | (own.tentative ? NETADMIN_TENTATIVE : 0) |
                    (own.duplicate ? NETADMIN_DUPLICATE : 0);
        struct netadmin_address entry = {.family = own.address.family,
                                         .prefix_length = own.prefix_length,
                                         .origin = own.origin,
                                         .flags = (uint8_t)flags,
                                         .link = LINK_FIRST + own.interface};
        memcpy(entry.address, own.address.bytes, sizeof entry.address);
        put(&out, &entry, sizeof entry);
    }
    netadmin_addresses_reply(request, out.tcpip->scratch, out.length);
}

static void on_routes(void *context, struct request *request) {
    struct list_out out = {.tcpip = context};
    struct net_route route;
    uint32_t cursor = 0;
    while (net_route_next(out.tcpip->net, &cursor, &route)) {
        struct netadmin_route entry = {.family = route.destination.family,
                                       .prefix_length = route.prefix_length,
                                       .origin = route.origin,
                                       .link = LINK_FIRST + route.interface,
                                       .metric = route.metric};
        memcpy(entry.destination, route.destination.bytes, sizeof entry.destination);
        memcpy(entry.gateway, route.gateway.bytes, sizeof entry.gateway);
        memcpy(entry.source, route.source.bytes, sizeof entry.source);
        put(&out, &entry, sizeof entry);
    }
    netadmin_routes_reply(request, out.tcpip->scratch, out.length);
}

static void on_neighbours(void *context, struct request *request) {
    struct list_out out = {.tcpip = context};
    struct net_neighbour neighbour;
    uint32_t cursor = 0;
    while (net_neighbour_next(out.tcpip->net, &cursor, &neighbour)) {
        struct netadmin_neighbour entry = {.family = neighbour.address.family,
                                           .state = neighbour.state,
                                           .link = LINK_FIRST + neighbour.interface};
        memcpy(entry.address, neighbour.address.bytes, sizeof entry.address);
        memcpy(entry.mac, neighbour.mac, sizeof entry.mac);
        put(&out, &entry, sizeof entry);
    }
    netadmin_neighbours_reply(request, out.tcpip->scratch, out.length);
}

/* ---- Changes ---- */

/* May this request change something of this family on this link? */
static enum error allowed(const struct request *request, uint8_t family, uint32_t link) {
    if (request->badge != BADGE_ADMIN) {
        return ERR_NO_RIGHT;
    }
    return family == NET_IPV4 && link != LINK_LOOPBACK ? ERR_NONE : ERR_NOT_SUPPORTED;
}

/* The engine's number of a link; whichever fits is the first. One that there is not the engine refuses. */
static uint32_t interface_of(uint32_t link) {
    uint32_t interface = link == 0 ? 0 : link - LINK_FIRST;
    return interface < NET_INTERFACES_MAX ? interface : NET_INTERFACES_MAX;
}

static struct net_address ipv4(const uint8_t bytes[16]) {
    struct net_address address = {.family = NET_IPV4};
    memcpy(address.bytes, bytes, 4);
    return address;
}

static void on_address_add(void *context, struct request *request, const struct netadmin_address *given) {
    struct tcpip *tcpip = context;
    struct net_address address = ipv4(given->address);
    enum error error = allowed(request, given->family, given->link);
    if (error == ERR_NONE) {
        error = net_address_add(tcpip->net, interface_of(given->link), &address, given->prefix_length,
                                tcpip_now());
    }
    request_fail(request, error); /* no error is an answer too */
}

/* Is there this address with this prefix? Who removes 10.0.0.1/8 does not mean 10.0.0.1/24. */
static bool has_address(const struct net *net, const struct net_address *address, uint8_t prefix_length) {
    struct net_own_address own;
    uint32_t cursor = 0;
    while (net_address_next(net, &cursor, &own)) {
        if (net_address_equal(&own.address, address) && own.prefix_length == prefix_length) {
            return true;
        }
    }
    return false;
}

static void on_address_remove(void *context, struct request *request, const struct netadmin_address *given) {
    struct tcpip *tcpip = context;
    struct net_address address = ipv4(given->address);
    enum error error = allowed(request, given->family, given->link);
    if (error == ERR_NONE && !has_address(tcpip->net, &address, given->prefix_length)) {
        error = ERR_NOT_FOUND;
    }
    if (error == ERR_NONE) {
        error = net_address_remove(tcpip->net, &address, tcpip_now());
    }
    request_fail(request, error);
}

static struct net_route route_in(const struct netadmin_route *given) {
    return (struct net_route){.destination = ipv4(given->destination),
                              .prefix_length = given->prefix_length,
                              .interface = (uint8_t)interface_of(given->link),
                              .gateway = ipv4(given->gateway),
                              .source = ipv4(given->source),
                              .metric = given->metric};
}

static void on_route_add(void *context, struct request *request, const struct netadmin_route *given) {
    struct tcpip *tcpip = context;
    struct net_route route = route_in(given);
    enum error error = allowed(request, given->family, given->link);
    if (error == ERR_NONE) {
        error = net_route_add(tcpip->net, &route, tcpip_now());
    }
    request_fail(request, error);
}

static void on_route_remove(void *context, struct request *request, const struct netadmin_route *given) {
    struct tcpip *tcpip = context;
    struct net_route route = route_in(given);
    enum error error = allowed(request, given->family, given->link);
    if (error == ERR_NONE) {
        error = net_route_remove(tcpip->net, &route, tcpip_now());
    }
    request_fail(request, error);
}

static void on_neighbour_add(void *context, struct request *request, const struct netadmin_neighbour *given) {
    struct tcpip *tcpip = context;
    struct net_address address = ipv4(given->address);
    enum error error = allowed(request, given->family, given->link);
    if (error == ERR_NONE) {
        error = net_neighbour_add(tcpip->net, &address, given->mac, tcpip_now());
    }
    request_fail(request, error);
}

static void on_neighbour_remove(void *context, struct request *request,
                                const struct netadmin_neighbour *given) {
    struct tcpip *tcpip = context;
    struct net_address address = ipv4(given->address);
    enum error error = allowed(request, given->family, given->link);
    if (error == ERR_NONE) {
        error = net_neighbour_remove(tcpip->net, &address, tcpip_now());
    }
    request_fail(request, error);
}

static void on_neighbour_flush(void *context, struct request *request) {
    struct tcpip *tcpip = context;
    enum error error = allowed(request, NET_IPV4, 0);
    if (error == ERR_NONE) {
        net_neighbour_flush(tcpip->net, tcpip_now());
    }
    request_fail(request, error);
}

static void on_forwarding(void *context, struct request *request) {
    const struct tcpip *tcpip = context;
    netadmin_forwarding_reply(request, tcpip->link[0].config.forward);
}

static void on_forwarding_set(void *context, struct request *request, uint32_t on) {
    enum error error = allowed(request, NET_IPV4, 0);
    if (error == ERR_NONE && on > 1) {
        error = ERR_INVALID;
    }
    if (error == ERR_NONE) {
        batch_set_forwarding(context, on != 0);
    }
    request_fail(request, error);
}

static const struct netadmin_handlers handlers = {
    .links = on_links,
    .addresses = on_addresses,
    .routes = on_routes,
    .neighbours = on_neighbours,
    .address_add = on_address_add,
    .address_remove = on_address_remove,
    .route_add = on_route_add,
    .route_remove = on_route_remove,
    .neighbour_add = on_neighbour_add,
    .neighbour_remove = on_neighbour_remove,
    .neighbour_flush = on_neighbour_flush,
    .forwarding = on_forwarding,
    .forwarding_set = on_forwarding_set,
};

bool admin_dispatch(struct tcpip *tcpip, struct request *request) {
    return netadmin_dispatch(&handlers, tcpip, request);
}
