/* socket.c: the socket calls: a name is looked up, its type checked, and the protocol's own call made. The
 * datagram side of those that both types have is in datagram.c; what streams do is in tcp/user.c. */
#include "socket.h"

#define BACKLOG_MOST 4096

/* ---- Names ---- */

net_socket_id socket_id(const struct net *net, const struct socket *socket) {
    return (net_socket_id)socket->generation << 16 | (net_socket_id)(socket - net->sockets);
}

struct socket *socket_find(const struct net *net, net_socket_id id) {
    uint32_t index = id & UINT16_MAX;
    if (index >= net->sockets_touched) {
        return NULL;
    }
    struct socket *socket = &net->sockets[index];
    return socket->type != 0 && socket->generation == id >> 16 ? socket : NULL;
}

enum error socket_of_type(const struct net *net, net_socket_id id, enum net_type type,
                          struct socket **socket) {
    *socket = socket_find(net, id);
    if (*socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    return (*socket)->type == type ? ERR_NONE : ERR_WRONG_TYPE;
}

enum error socket_allocate(struct net *net, net_owner owner, struct socket **out) {
    uint32_t index = net->socket_free;
    if (index < net->sockets_touched) {
        net->socket_free = net->sockets[index].next_free;
    } else if (net->sockets_touched < net->config.sockets_max) {
        index = net->sockets_touched++;
        net->socket_free = net->sockets_touched;
        net->sockets[index] = (struct socket){0};
    } else {
        return ERR_TOO_MANY;
    }
    struct socket *socket = &net->sockets[index];
    uint16_t generation = (uint16_t)(socket->generation + 1);
    *socket = (struct socket){.owner = owner, .generation = generation != 0 ? generation : 1};
    list_init(&socket->by_owner);
    list_init(&socket->changed);
    list_append(&net->owners[owner].sockets, &socket->by_owner);
    net->sockets_used++;
    *out = socket;
    return ERR_NONE;
}

void socket_free(struct net *net, struct socket *socket) {
    list_remove(&socket->by_owner);
    list_remove(&socket->changed);
    socket->type = 0;
    socket->next_free = net->socket_free;
    net->socket_free = (uint32_t)(socket - net->sockets);
    net->sockets_used--;
}

uint32_t socket_ready(const struct socket *socket) {
    return socket->type == NET_STREAM ? tcp_ready(socket->tcb) : datagram_ready(socket->datagram);
}

void socket_settle(struct socket *socket) {
    socket->reported &= socket_ready(socket);
}

/* ---- Coming ---- */

static bool owner_exists(const struct net *net, net_owner owner) {
    return owner < net->owners_max && net->owners[owner].used;
}

enum error net_open(struct net *net, enum net_type type, net_owner owner, net_socket_id *id) {
    if (!owner_exists(net, owner) || (type != NET_STREAM && type != NET_DATAGRAM)) {
        return ERR_INVALID;
    }
    struct socket *socket;
    enum error error = socket_allocate(net, owner, &socket);
    if (error != ERR_NONE) {
        return error;
    }
    *id = socket_id(net, socket);
    error = type == NET_STREAM ? tcp_open(net->tcp, owner, *id, &socket->tcb) : datagram_open(net, socket);
    if (error != ERR_NONE) {
        socket_free(net, socket);
        return error;
    }
    socket->type = (uint8_t)type;
    socket->reported = socket_ready(socket);
    return ERR_NONE;
}

/* May a socket of that type be bound there? A datagram socket to a group or a broadcast address too: then it
 * gets what is sent to that, and nothing else. */
static enum error check_local(const struct net *net, const struct net_endpoint *local, uint8_t type) {
    if (local->address.family == NET_IPV6) {
        return ERR_ADDRESS_NOT_AVAILABLE;
    }
    uint32_t address = net_ipv4_value(&local->address);
    bool group = ipv4_is_multicast(address) || routes_is_broadcast(&net->routes, address);
    bool ours = address == IPV4_ANY || (group && type == NET_DATAGRAM) || ipv4_is_loopback(address) ||
                routes_is_own(&net->routes, address);
    return ours ? ERR_NONE : ERR_ADDRESS_NOT_AVAILABLE;
}

enum error net_bind(struct net *net, net_socket_id id, const struct net_endpoint *local) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    enum error error = check_local(net, local, socket->type);
    if (error != ERR_NONE) {
        return error;
    }
    if (socket->type == NET_DATAGRAM) {
        return datagram_bind(net, socket->datagram, local);
    }
    return tcp_bind(net->tcp, socket->tcb, net_ipv4_value(&local->address), local->port);
}

enum error net_listen(struct net *net, net_socket_id id, uint32_t backlog) {
    struct socket *socket;
    enum error error = socket_of_type(net, id, NET_STREAM, &socket);
    if (error == ERR_NONE) {
        backlog = backlog < 1 ? 1 : backlog > BACKLOG_MOST ? BACKLOG_MOST : backlog;
        error = tcp_listen(net->tcp, socket->tcb, backlog);
        socket_settle(socket);
    }
    return error;
}

enum error net_accept(struct net *net, net_socket_id id, net_owner owner, net_socket_id *connection,
                      struct net_endpoint *peer) {
    struct socket *listener, *socket;
    enum error error = socket_of_type(net, id, NET_STREAM, &listener);
    if (error != ERR_NONE) {
        return error;
    }
    if (!owner_exists(net, owner)) {
        return ERR_INVALID;
    }
    error = socket_allocate(net, owner, &socket);
    if (error != ERR_NONE) {
        return error;
    }
    *connection = socket_id(net, socket);
    error = tcp_accept(net->tcp, listener->tcb, owner, *connection, &socket->tcb);
    socket_settle(listener);
    if (error != ERR_NONE) {
        socket_free(net, socket);
        return error;
    }
    socket->type = NET_STREAM;
    return net_peer(net, *connection, peer);
}

enum error net_connect(struct net *net, net_socket_id id, const struct net_endpoint *peer, net_time now) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    net->settled = false;
    if (socket->type == NET_DATAGRAM) {
        return datagram_connect(net, socket->datagram, peer);
    }
    if (peer->port == 0 || peer->address.family == NET_IPV6) {
        return ERR_INVALID;
    }
    uint32_t destination = net_ipv4_value(&peer->address);
    struct tcp_info info;
    tcp_info(socket->tcb, &info);
    struct path path = routes_find(&net->routes, destination, info.key.local_address);
    if (path.source == 0 || path.kind == PATH_BROADCAST || path.kind == PATH_MULTICAST ||
        path.kind == PATH_NONE) {
        return ERR_NET_UNREACHABLE;
    }
    enum error error = tcp_connect(net->tcp, socket->tcb, path.source, destination, peer->port, now);
    socket_settle(socket);
    return error;
}

/* ---- Moving bytes ---- */

static size_t to_pieces(const struct ring_pieces *from, struct net_piece to[2]) {
    for (int i = 0; i < 2; i++) {
        to[i] = (struct net_piece){from->data[i], from->length[i]};
    }
    return ring_pieces_length(from);
}

enum error net_send_space(struct net *net, net_socket_id id, struct net_piece piece[2], size_t *space) {
    struct socket *socket;
    struct ring_pieces pieces;
    uint32_t wanted = *space > UINT32_MAX ? UINT32_MAX : (uint32_t)*space;
    enum error error = socket_of_type(net, id, NET_STREAM, &socket);
    error = error == ERR_NONE ? tcp_send_space(net->tcp, socket->tcb, wanted, &pieces) : error;
    if (error == ERR_NONE) {
        *space = to_pieces(&pieces, piece);
    } else if (error != ERR_BAD_HANDLE && error != ERR_WRONG_TYPE) {
        socket_settle(socket);
    }
    return error;
}

enum error net_send_commit(struct net *net, net_socket_id id, size_t length, bool more, net_time now) {
    struct socket *socket;
    enum error error = socket_of_type(net, id, NET_STREAM, &socket);
    if (error != ERR_NONE) {
        return error;
    }
    error = length > UINT32_MAX ? ERR_INVALID
                                : tcp_send_commit(net->tcp, socket->tcb, (uint32_t)length, more, now);
    socket_settle(socket);
    return error;
}

enum error net_receive_data(struct net *net, net_socket_id id, struct net_piece piece[2], size_t *length) {
    struct socket *socket;
    struct ring_pieces pieces;
    enum error error = socket_of_type(net, id, NET_STREAM, &socket);
    if (error != ERR_NONE) {
        return error;
    }
    error = tcp_receive_data(socket->tcb, &pieces);
    *length = error == ERR_NONE ? to_pieces(&pieces, piece) : 0;
    socket_settle(socket);
    return error;
}

enum error net_receive_consume(struct net *net, net_socket_id id, size_t length, net_time now) {
    struct socket *socket;
    enum error error = socket_of_type(net, id, NET_STREAM, &socket);
    if (error != ERR_NONE) {
        return error;
    }
    error =
        length > UINT32_MAX ? ERR_INVALID : tcp_receive_consume(net->tcp, socket->tcb, (uint32_t)length, now);
    socket_settle(socket);
    return error;
}

static size_t copy_in(const struct ring_pieces *to, const uint8_t *from, size_t length) {
    size_t done = 0;
    for (int i = 0; i < 2; i++) {
        size_t part = to->length[i] < length - done ? to->length[i] : length - done;
        if (part != 0) {
            memcpy(to->data[i], from + done, part);
        }
        done += part;
    }
    return done;
}

static enum error send_stream(struct net *net, struct tcb *tcb, const uint8_t *data, size_t length,
                              size_t *done, net_time now) {
    *done = 0;
    do {
        struct ring_pieces pieces;
        uint32_t wanted = length - *done > UINT32_MAX ? UINT32_MAX : (uint32_t)(length - *done);
        enum error error = tcp_send_space(net->tcp, tcb, wanted, &pieces);
        if (error != ERR_NONE) {
            return *done != 0 ? ERR_NONE : error;
        }
        size_t part = copy_in(&pieces, data + *done, length - *done);
        *done += part;
        error = tcp_send_commit(net->tcp, tcb, (uint32_t)part, false, now);
        if (error != ERR_NONE) {
            return error;
        }
    } while (*done < length);
    return ERR_NONE;
}

enum error net_send(struct net *net, net_socket_id id, const void *data, size_t length, size_t *done,
                    net_time now) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    enum error error;
    if (socket->type == NET_DATAGRAM) {
        error = net_send_to(net, id, data, length, NULL, now);
        *done = error == ERR_NONE ? length : 0;
    } else {
        error = send_stream(net, socket->tcb, data, length, done, now);
    }
    socket_settle(socket);
    return error;
}

enum error net_read(struct net *net, net_socket_id id, void *data, size_t capacity, size_t *done,
                    net_time now) {
    struct socket *socket = socket_find(net, id);
    *done = 0;
    if (socket != NULL && socket->type == NET_DATAGRAM) {
        uint32_t flags = 0;
        struct net_endpoint peer;
        return net_receive_from(net, id, data, capacity, &flags, done, &peer);
    }
    struct net_piece piece[2];
    size_t available;
    enum error error = net_receive_data(net, id, piece, &available);
    if (error != ERR_NONE || available == 0) {
        return error;
    }
    for (int i = 0; i < 2; i++) {
        size_t part = piece[i].length < capacity - *done ? piece[i].length : capacity - *done;
        if (part != 0) {
            memcpy((uint8_t *)data + *done, piece[i].data, part);
        }
        *done += part;
    }
    return net_receive_consume(net, id, *done, now);
}

/* ---- Going ---- */

enum error net_shutdown(struct net *net, net_socket_id id, enum net_shutdown how, net_time now) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    if (socket->type == NET_DATAGRAM) {
        return datagram_shutdown(socket->datagram);
    }
    return tcp_shutdown(net->tcp, socket->tcb, how != NET_SHUT_WRITE, how != NET_SHUT_READ, now);
}

enum error net_close(struct net *net, net_socket_id id, net_time now) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    if (socket->type == NET_DATAGRAM) {
        datagram_close(net, socket->datagram);
    } else {
        tcp_close(net->tcp, socket->tcb, now);
    }
    socket_free(net, socket);
    return ERR_NONE;
}

void socket_abort(struct net *net, struct socket *socket) {
    if (socket->type == NET_DATAGRAM) {
        datagram_close(net, socket->datagram);
    } else {
        tcp_abort(net->tcp, socket->tcb);
    }
    socket_free(net, socket);
}

enum error net_abort(struct net *net, net_socket_id id, net_time now) {
    (void)now;
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    socket_abort(net, socket);
    return ERR_NONE;
}

/* ---- Status ---- */

uint32_t net_ready(const struct net *net, net_socket_id id) {
    struct socket *socket = socket_find(net, id);
    return socket == NULL ? 0 : socket_ready(socket);
}

enum error net_take_error(struct net *net, net_socket_id id) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    enum error error =
        socket->type == NET_STREAM ? tcp_take_error(socket->tcb) : datagram_take_error(socket->datagram);
    socket_settle(socket);
    return error;
}

static struct net_endpoint endpoint(uint32_t address, uint16_t port) {
    return (struct net_endpoint){net_ipv4(address), port};
}

enum error net_local(const struct net *net, net_socket_id id, struct net_endpoint *local) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    if (socket->type == NET_DATAGRAM) {
        return datagram_local(socket->datagram, local);
    }
    struct tcp_info info;
    tcp_info(socket->tcb, &info);
    *local = endpoint(info.key.local_address, info.key.local_port);
    return ERR_NONE;
}

enum error net_peer(const struct net *net, net_socket_id id, struct net_endpoint *peer) {
    struct socket *socket = socket_find(net, id);
    if (socket == NULL) {
        return ERR_BAD_HANDLE;
    }
    if (socket->type == NET_DATAGRAM) {
        return datagram_peer(socket->datagram, peer);
    }
    struct tcp_info info;
    tcp_info(socket->tcb, &info);
    *peer = endpoint(info.key.peer_address, info.key.peer_port);
    return info.key.peer_port == 0 || info.state == TCP_SYN_SENT ? ERR_NOT_CONNECTED : ERR_NONE;
}

enum error net_stream_info(const struct net *net, net_socket_id id, struct net_stream_info *info,
                           net_time now) {
    struct socket *socket;
    enum error error = socket_of_type(net, id, NET_STREAM, &socket);
    if (error == ERR_NONE) {
        tcp_tell(net->tcp, socket->tcb, info, now);
    }
    return error;
}

/* Streams first by their sockets, then datagram sockets: the slots of TCP are walked, then the socket table.
 */
bool net_socket_next(const struct net *net, uint32_t *cursor, struct net_socket_info *info) {
    const uint32_t datagrams = UINT32_C(1) << 31;
    struct tcp_info tcp;
    if (*cursor < datagrams && tcp_entry_next(net->tcp, cursor, &tcp)) {
        *info = (struct net_socket_info){.socket = tcp.socket,
                                         .type = NET_STREAM,
                                         .owner = tcp.owner,
                                         .state = (uint8_t)tcp.state,
                                         .local = endpoint(tcp.key.local_address, tcp.key.local_port),
                                         .peer = endpoint(tcp.key.peer_address, tcp.key.peer_port),
                                         .send_queued = tcp.send_queued,
                                         .receive_queued = tcp.receive_queued,
                                         .rtt_us = tcp.rtt_us,
                                         .rto_us = tcp.rto_us,
                                         .congestion_window = tcp.congestion_window,
                                         .retransmits = tcp.retransmits};
        return true;
    }
    *cursor = *cursor < datagrams ? datagrams : *cursor;
    while (*cursor - datagrams < net->sockets_touched) {
        const struct socket *socket = &net->sockets[(*cursor)++ - datagrams];
        if (socket->type == NET_DATAGRAM) {
            datagram_info(net, socket, info);
            return true;
        }
    }
    return false;
}
