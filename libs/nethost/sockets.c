/* sockets.c: the socket calls, each the engine's own; read nethost.h first. */
#include "instance.h"

static int result(enum error error) {
    return -(int)error;
}

static struct net_endpoint to_engine(const struct nethost_endpoint *endpoint) {
    struct net_endpoint engine = {.address.family = NET_IPV4, .port = endpoint->port};
    memcpy(engine.address.bytes, endpoint->ip, 4);
    return engine;
}

static void from_engine(const struct net_endpoint *engine, struct nethost_endpoint *endpoint) {
    if (endpoint != NULL) {
        memcpy(endpoint->ip, engine->address.bytes, 4);
        endpoint->port = engine->port;
    }
}

int nethost_socket(struct nethost *host, enum nethost_type type, uint32_t *socket) {
    return result(net_open(host->net, (enum net_type)type, host->owner, socket));
}

int nethost_bind(struct nethost *host, uint32_t socket, const struct nethost_endpoint *local) {
    struct net_endpoint endpoint = to_engine(local);
    return result(net_bind(host->net, socket, &endpoint));
}

int nethost_listen(struct nethost *host, uint32_t socket, uint32_t backlog) {
    return result(net_listen(host->net, socket, backlog));
}

int nethost_accept(struct nethost *host, uint32_t socket, uint32_t *connection,
                   struct nethost_endpoint *peer) {
    struct net_endpoint endpoint;
    enum error error = net_accept(host->net, socket, host->owner, connection, &endpoint);
    if (error == ERR_NONE) {
        from_engine(&endpoint, peer);
    }
    return result(error);
}

int nethost_connect(struct nethost *host, uint32_t socket, const struct nethost_endpoint *peer) {
    struct net_endpoint endpoint = to_engine(peer);
    return result(net_connect(host->net, socket, &endpoint, host->now));
}

int64_t nethost_send(struct nethost *host, uint32_t socket, const void *data, size_t length) {
    size_t done = 0;
    enum error error = net_send(host->net, socket, data, length, &done, host->now);
    return error == ERR_NONE ? (int64_t)done : result(error);
}

int64_t nethost_receive(struct nethost *host, uint32_t socket, void *data, size_t capacity) {
    size_t done = 0;
    enum error error = net_read(host->net, socket, data, capacity, &done, host->now);
    return error == ERR_NONE ? (int64_t)done : result(error);
}

int64_t nethost_send_to(struct nethost *host, uint32_t socket, const void *data, size_t length,
                        const struct nethost_endpoint *peer) {
    struct net_endpoint endpoint = peer != NULL ? to_engine(peer) : (struct net_endpoint){0};
    enum error error =
        net_send_to(host->net, socket, data, length, peer != NULL ? &endpoint : NULL, host->now);
    return error == ERR_NONE ? (int64_t)length : result(error);
}

int64_t nethost_receive_from(struct nethost *host, uint32_t socket, void *data, size_t capacity,
                             struct nethost_endpoint *peer) {
    size_t done = 0;
    uint32_t flags = 0;
    struct net_endpoint endpoint = {0};
    enum error error = net_receive_from(host->net, socket, data, capacity, &flags, &done, &endpoint);
    from_engine(&endpoint, peer);
    return error == ERR_NONE ? (int64_t)done : result(error);
}

int nethost_shutdown(struct nethost *host, uint32_t socket, enum nethost_shutdown how) {
    return result(net_shutdown(host->net, socket, (enum net_shutdown)how, host->now));
}

int nethost_close(struct nethost *host, uint32_t socket) {
    return result(net_close(host->net, socket, host->now));
}

int nethost_abort(struct nethost *host, uint32_t socket) {
    return result(net_abort(host->net, socket, host->now));
}

uint32_t nethost_ready_of(const struct nethost *host, uint32_t socket) {
    return net_ready(host->net, socket);
}

int nethost_take_error(struct nethost *host, uint32_t socket) {
    return result(net_take_error(host->net, socket));
}

int nethost_local(const struct nethost *host, uint32_t socket, struct nethost_endpoint *local) {
    struct net_endpoint endpoint = {0};
    enum error error = net_local(host->net, socket, &endpoint);
    from_engine(&endpoint, local);
    return result(error);
}

int nethost_peer(const struct nethost *host, uint32_t socket, struct nethost_endpoint *peer) {
    struct net_endpoint endpoint = {0};
    enum error error = net_peer(host->net, socket, &endpoint);
    from_engine(&endpoint, peer);
    return result(error);
}

int nethost_set_option(struct nethost *host, uint32_t socket, int option, int64_t value) {
    return result(net_set_option(host->net, socket, (enum net_option)option, value));
}

int nethost_get_option(const struct nethost *host, uint32_t socket, int option, int64_t *value) {
    return result(net_get_option(host->net, socket, (enum net_option)option, value));
}
