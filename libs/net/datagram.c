/* datagram.c: the socket calls for datagrams, on top of udp/. */
#include "socket.h"
#include <net/wire/udp.h>

enum error datagram_open(struct net *net, struct socket *socket) {
    void *memory;
    enum error error = arena_take(&net->arena, NET_OWNER_ENGINE, sizeof(struct datagram), &memory);
    if (error != ERR_NONE) {
        return error;
    }
    socket->datagram = memory;
    *socket->datagram = (struct datagram){.id = socket_id(net, socket)};
    udp_open(&socket->datagram->udp, socket->owner);
    return ERR_NONE;
}

void datagram_close(struct net *net, struct datagram *datagram) {
    groups_leave_all(net, datagram);
    udp_close(&net->udp, &datagram->udp);
    arena_give(&net->arena, NET_OWNER_ENGINE, datagram);
}

void datagram_changed(struct net *net, struct udp_socket *udp) {
    struct datagram *datagram = LIST_ENTRY(udp, struct datagram, udp);
    struct socket *socket = socket_find(net, datagram->id);
    if (socket != NULL && !list_is_linked(&socket->changed)) {
        list_append(&net->changed, &socket->changed);
    }
}

/* A group or a broadcast address, which a socket may be bound to, is no source. */
uint32_t datagram_source(const struct net *net, const struct udp_socket *udp, const struct udp_marks *marks,
                         uint32_t destination) {
    if (marks->address.family != 0) {
        return net_ipv4_value(&marks->address);
    }
    uint32_t bound = net_ipv4_value(&udp->local.address);
    if (ipv4_is_multicast(bound) || routes_is_broadcast(&net->routes, bound)) {
        bound = IPV4_ANY;
    }
    return bound == IPV4_ANY && ipv4_is_multicast(destination) ? udp->group_source : bound;
}

struct path datagram_path(const struct net *net, const struct udp_marks *marks, uint32_t source,
                          uint32_t destination) {
    if (marks->interface >= NET_LINK(0)) {
        uint8_t link = (uint8_t)(marks->interface - NET_LINK(0));
        return routes_find_over(&net->routes, link, destination, source);
    }
    struct path path = routes_find(&net->routes, destination, source);
    if (marks->interface == NET_LOOPBACK && path.kind != PATH_LOCAL) {
        path.kind = PATH_NONE;
    }
    return path;
}

enum error datagram_bind(struct net *net, struct datagram *datagram, const struct net_endpoint *local) {
    return udp_bind(&net->udp, &datagram->udp, local, datagram->reuse_address, &net->random);
}

enum error datagram_connect(struct net *net, struct datagram *datagram, const struct net_endpoint *peer) {
    if (peer->address.family == NET_IPV6 || (peer->address.family != 0 && peer->port == 0)) {
        return ERR_INVALID;
    }
    uint32_t destination = net_ipv4_value(&peer->address);
    uint32_t source = datagram_source(net, &datagram->udp, &UDP_UNMARKED, destination);
    if (peer->address.family != 0 && routes_find(&net->routes, destination, source).kind == PATH_NONE) {
        return ERR_NET_UNREACHABLE;
    }
    return udp_connect(&net->udp, &datagram->udp, peer, &net->random);
}

enum error datagram_shutdown(struct datagram *datagram) {
    return datagram->udp.peer.port != 0 ? ERR_NONE : ERR_NOT_CONNECTED;
}

enum error datagram_local(const struct datagram *datagram, struct net_endpoint *local) {
    *local = datagram->udp.local;
    local->address.family = NET_IPV4;
    return ERR_NONE;
}

enum error datagram_peer(const struct datagram *datagram, struct net_endpoint *peer) {
    *peer = datagram->udp.peer;
    return peer->port != 0 ? ERR_NONE : ERR_NOT_CONNECTED;
}

enum error datagram_take_error(struct datagram *datagram) {
    enum error error = datagram->udp.error;
    datagram->udp.error = ERR_NONE;
    return error;
}

uint32_t datagram_ready(const struct datagram *datagram) {
    uint32_t ready = udp_has_data(&datagram->udp) ? NET_READY_IN : 0;
    ready |= udp_has_space(&datagram->udp) ? NET_READY_OUT : 0;
    return ready | (datagram->udp.error != ERR_NONE ? NET_READY_ERROR | NET_READY_IN : 0);
}

void datagram_info(const struct net *net, const struct socket *socket, struct net_socket_info *info) {
    const struct udp_socket *udp = &socket->datagram->udp;
    *info = (struct net_socket_info){.socket = socket_id(net, socket),
                                     .type = NET_DATAGRAM,
                                     .owner = socket->owner,
                                     .local = udp->local,
                                     .peer = udp->peer,
                                     .send_queued = udp->send.length,
                                     .receive_queued = udp->receive.length};
}

/* May it not be cut, though it would have to be? */
static bool is_too_long(const struct net *net, const struct datagram *datagram, size_t length,
                        const struct net_endpoint *peer, net_time now) {
    uint16_t mtu = UINT16_MAX;
    switch (datagram->udp.discovery) {
    case UDP_DISCOVER_DO: mtu = net_path_mtu(net, net_ipv4_value(&peer->address), now); break;
    case UDP_DISCOVER_PROBE: mtu = net->config.mtu; break;
    default: break;
    }
    return IPV4_HEADER + UDP_HEADER + length > mtu;
}

/* The checks that do not need a frame: is there a way, is it allowed, does it fit? */
static enum error check_destination(const struct net *net, const struct datagram *datagram, size_t length,
                                    const struct net_endpoint *peer, const struct udp_marks *marks,
                                    net_time now) {
    if (peer->address.family != NET_IPV4 || peer->port == 0) {
        return ERR_INVALID;
    }
    if (is_too_long(net, datagram, length, peer, now)) {
        return ERR_MESSAGE_SIZE;
    }
    uint32_t destination = net_ipv4_value(&peer->address);
    uint32_t source = datagram_source(net, &datagram->udp, marks, destination);
    struct path path = datagram_path(net, marks, source, destination);
    if (path.kind == PATH_BROADCAST && !datagram->udp.broadcast) {
        return ERR_NO_RIGHT;
    }
    return path.kind == PATH_NONE ? ERR_NET_UNREACHABLE : ERR_NONE;
}

static bool is_ours(const struct net *net, uint32_t address) {
    return routes_is_own(&net->routes, address) || ipv4_is_loopback(address);
}

/* What the caller wants in the place of what the socket has. */
static enum error take_marks(const struct net *net, const struct net_control *control,
                             struct udp_marks *marks) {
    uint32_t source = net_ipv4_value(&control->local);
    bool given = control->local.family != 0;
    uint8_t ignored;
    bool link = control->interface < NET_LINK(0) || net_link_numbered(net, control->interface, &ignored);
    bool ttl = control->ttl == -1 || (control->ttl >= 1 && control->ttl <= 255);
    bool tos = control->tos >= -1 && control->tos <= 255;
    if (!ttl || !tos || (given && (control->local.family != NET_IPV4 || !ipv4_is_source(source)))) {
        return ERR_INVALID;
    }
    *marks = (struct udp_marks){control->local, control->interface, control->ttl, control->tos};
    return given && !is_ours(net, source) ? ERR_NET_UNREACHABLE : link ? ERR_NONE : ERR_NOT_FOUND;
}

enum error net_send_message(struct net *net, net_socket_id id, const void *data, size_t length,
                            const struct net_endpoint *peer, const struct net_control *control,
                            net_time now) {
    struct socket *socket;
    struct udp_marks marks;
    enum error error = socket_of_type(net, id, NET_DATAGRAM, &socket);
    if (error == ERR_NONE) {
        error = take_marks(net, control, &marks);
    }
    if (error != ERR_NONE) {
        return error;
    }
    struct datagram *datagram = socket->datagram;
    const struct net_endpoint *to = peer != NULL ? peer : &datagram->udp.peer;
    if (to->port == 0 && peer == NULL) {
        return ERR_DESTINATION_REQUIRED;
    }
    error = check_destination(net, datagram, length, to, &marks, now);
    if (error == ERR_NONE && datagram->udp.local.port == 0) {
        error = udp_bind(&net->udp, &datagram->udp, &(struct net_endpoint){0}, false, &net->random);
    }
    if (error == ERR_NONE) {
        error = udp_send(&net->udp, &datagram->udp, data, length, peer, &marks);
    }
    net->settled = false;
    socket_settle(socket);
    return error;
}

enum error net_send_to(struct net *net, net_socket_id id, const void *data, size_t length,
                       const struct net_endpoint *peer, net_time now) {
    const struct net_control nothing = {.ttl = -1, .tos = -1};
    return net_send_message(net, id, data, length, peer, &nothing, now);
}

/* Who is asked at a group's or at all's address answers from that which the link has, if it has one. */
static struct net_address answering_address(const struct net *net, const struct udp_marks *marks) {
    if (is_ours(net, net_ipv4_value(&marks->address))) {
        return marks->address;
    }
    uint32_t own = routes_source_of(&net->routes, (uint8_t)(marks->interface - NET_LINK(0)));
    return own != 0 ? net_ipv4(own) : (struct net_address){0};
}

enum error net_receive_message(struct net *net, net_socket_id id, void *data, size_t capacity,
                               uint32_t *flags, size_t *done, struct net_endpoint *peer,
                               struct net_control *control) {
    struct socket *socket;
    enum error error = socket_of_type(net, id, NET_DATAGRAM, &socket);
    if (error != ERR_NONE) {
        return error;
    }
    bool truncated = false;
    bool take = (*flags & NET_PEEK) == 0;
    struct udp_marks marks = UDP_UNMARKED;
    error =
        udp_receive(&net->udp, &socket->datagram->udp, data, capacity, take, done, &truncated, peer, &marks);
    if (error == ERR_NONE) {
        *control = (struct net_control){.local = answering_address(net, &marks),
                                        .destination = marks.address,
                                        .interface = marks.interface,
                                        .ttl = marks.ttl,
                                        .tos = marks.tos};
    }
    *flags = truncated ? NET_TRUNCATED : 0;
    socket_settle(socket);
    return error;
}

enum error net_receive_from(struct net *net, net_socket_id id, void *data, size_t capacity, uint32_t *flags,
                            size_t *done, struct net_endpoint *peer) {
    struct net_control ignored;
    return net_receive_message(net, id, data, capacity, flags, done, peer, &ignored);
}
