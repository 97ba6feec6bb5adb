/* groups.c: what the sockets want of multicast groups, and what the interface therefore listens to (RFC 3376
 * 3): the link between udp/memberships.h and igmp/igmp.h. */
#include "socket.h"

/* ---- Merging (RFC 3376 3.2) ---- */

static bool lists(const uint32_t *sources, uint8_t count, uint32_t source) {
    for (uint8_t i = 0; i < count; i++) {
        if (sources[i] == source) {
            return true;
        }
    }
    return false;
}

/* Keeps of the filter's sources those that are in the list, or those that are not. */
static void keep(struct igmp_filter *filter, const struct membership *one, bool in_list) {
    uint8_t kept = 0;
    for (uint8_t i = 0; i < filter->count; i++) {
        if (lists(one->source, one->count, filter->source[i]) == in_list) {
            filter->source[kept++] = filter->source[i];
        }
    }
    filter->count = kept;
}

/* Adds sources to an include filter; more than it holds, and everything is let through: the sockets look
 * themselves. */
static void include(struct igmp_filter *filter, const struct membership *one) {
    for (uint8_t i = 0; i < one->count; i++) {
        if (lists(filter->source, filter->count, one->source[i])) {
            continue;
        }
        if (filter->count == IGMP_SOURCES) {
            *filter = (struct igmp_filter){.exclude = true};
            return;
        }
        filter->source[filter->count++] = one->source[i];
    }
}

/* Turns an include filter into one that excludes what `one` does, unless it is included. */
static void become_exclude(struct igmp_filter *filter, const struct membership *one) {
    struct igmp_filter excluded = {.exclude = true};
    for (uint8_t i = 0; i < one->count; i++) {
        if (!lists(filter->source, filter->count, one->source[i])) {
            excluded.source[excluded.count++] = one->source[i];
        }
    }
    *filter = excluded;
}

static void merge(struct igmp_filter *filter, const struct membership *one) {
    if (filter->exclude) {
        keep(filter, one, one->exclude);
    } else if (one->exclude) {
        become_exclude(filter, one);
    } else {
        include(filter, one);
    }
}

/* What all sockets together want of a group on a link. */
static struct igmp_filter wanted(const struct net *net, uint32_t group, uint8_t interface) {
    struct igmp_filter filter = {0};
    for (uint32_t i = 0; i < net->sockets_touched; i++) {
        const struct socket *socket = &net->sockets[i];
        const struct memberships *memberships =
            socket->type == NET_DATAGRAM ? socket->datagram->udp.memberships : NULL;
        for (uint8_t m = 0; memberships != NULL && m < memberships->count; m++) {
            const struct membership *one = &memberships->entry[m];
            if (one->group == group && one->interface == interface) {
                merge(&filter, one);
            }
        }
    }
    return filter;
}

static enum error follow(struct net *net, uint32_t group, uint8_t interface, net_time now) {
    struct igmp_filter filter = wanted(net, group, interface);
    net->settled = false;
    return igmp_set(&net->interface[interface].igmp, group, &filter, now);
}

/* ---- The calls ---- */

void groups_leave_all(struct net *net, struct datagram *datagram) {
    struct memberships *memberships = datagram->udp.memberships;
    if (memberships == NULL) {
        return;
    }
    datagram->udp.memberships = NULL;
    for (uint8_t i = 0; i < memberships->count; i++) {
        const struct membership *one = &memberships->entry[i];
        (void)!follow(net, one->group, one->interface, net->latest); /* less is wanted: it fits */
    }
    arena_give(&net->arena, datagram->udp.owner, memberships);
}

static enum error change(struct memberships *memberships, enum net_group_change what, uint32_t group,
                         uint8_t interface, uint32_t source) {
    switch (what) {
    case NET_GROUP_JOIN: return memberships_join(memberships, group, interface);
    case NET_GROUP_LEAVE: return memberships_leave(memberships, group, interface);
    case NET_GROUP_JOIN_SOURCE: return memberships_join_source(memberships, group, interface, source);
    case NET_GROUP_LEAVE_SOURCE: return memberships_leave_source(memberships, group, interface, source);
    case NET_GROUP_BLOCK: return memberships_block(memberships, group, interface, source);
    case NET_GROUP_UNBLOCK: return memberships_unblock(memberships, group, interface, source);
    }
    return ERR_INVALID;
}

/* Makes room for a socket's groups when it needs any. */
static enum error need_memberships(struct net *net, struct datagram *datagram) {
    void *memory;
    if (datagram->udp.memberships != NULL) {
        return ERR_NONE;
    }
    enum error error = arena_take(&net->arena, datagram->udp.owner, sizeof(struct memberships), &memory);
    if (error == ERR_NONE) {
        datagram->udp.memberships = memory;
        datagram->udp.memberships->count = 0;
    }
    return error;
}

/* The link that a membership is for: the one it names by number or by address, else that of the route to the
 * group. False: there is no such link, or the address is not ours. */
static bool find_interface(const struct net *net, const struct net_membership *given, uint8_t *interface) {
    uint32_t address = net_ipv4_value(&given->interface);
    if (given->link != 0) {
        return net_link_numbered(net, given->link, interface);
    }
    if (net_address_is_any(&given->interface)) {
        *interface = routes_find(&net->routes, net_ipv4_value(&given->group), 0).interface;
        return true;
    }
    if (given->interface.family != NET_IPV4 || !routes_is_own(&net->routes, address)) {
        return false;
    }
    *interface = routes_entry(&net->routes, address)->interface;
    return true;
}

static enum error change_and_follow(struct net *net, struct datagram *datagram, enum net_group_change what,
                                    const struct net_membership *given, uint8_t interface, net_time now) {
    uint32_t group = net_ipv4_value(&given->group), source = net_ipv4_value(&given->source);
    struct memberships *memberships = datagram->udp.memberships, before = *memberships;
    enum error error = change(memberships, what, group, interface, source);
    if (error == ERR_NONE && (error = follow(net, group, interface, now)) != ERR_NONE) {
        *memberships = before;
    }
    return error;
}

enum error net_change_group(struct net *net, net_socket_id id, enum net_group_change what,
                            const struct net_membership *given, net_time now) {
    struct socket *socket;
    enum error error = socket_of_type(net, id, NET_DATAGRAM, &socket);
    if (error != ERR_NONE) {
        return error;
    }
    if (given->group.family != NET_IPV4 || !ipv4_is_multicast(net_ipv4_value(&given->group))) {
        return ERR_INVALID;
    }
    uint8_t interface;
    if (!find_interface(net, given, &interface)) {
        return ERR_NOT_FOUND;
    }
    error = need_memberships(net, socket->datagram);
    if (error == ERR_NONE) {
        error = change_and_follow(net, socket->datagram, what, given, interface, now);
    }
    struct memberships *memberships = socket->datagram->udp.memberships;
    if (memberships != NULL && memberships->count == 0) {
        groups_leave_all(net, socket->datagram);
    }
    return error;
}
