/* services.c: echo (RFC 862), discard (863), daytime (867) and chargen (864) over TCP and UDP, on the
 * engine's own sockets; read nettap.h first. servers/apps/services is the same for POSIX sockets. */
#include "nettap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE = 74, BACKLOG = 64 };

static const char *const names[KIND_COUNT] = {"echo", "discard", "daytime", "chargen"};
static const uint16_t usual_ports[KIND_COUNT] = {7, 9, 13, 19};

bool services_choose(struct services *services, const char *word) {
    if (word == NULL) {
        memcpy(services->port, usual_ports, sizeof services->port);
        return true;
    }
    size_t length = strcspn(word, "=");
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (strncmp(word, names[kind], length) == 0 && names[kind][length] == '\0') {
            uint64_t port = usual_ports[kind];
            bool good = word[length] == '\0' || number_read(word + length + 1, 1, 65535, &port);
            services->port[kind] = (uint16_t)port;
            return good;
        }
    }
    return false;
}

/* ---- Streams ---- */

static void end(struct services *services, struct connection *connection) {
    (void)nethost_close(services->host, connection->socket);
    connection->socket = 0;
}

/* Is nothing wrong but that there is no room, or no memory? */
static bool may_send_later(struct services *services, struct connection *connection, int64_t error) {
    bool starved = error == NETHOST_QUOTA || error == NETHOST_NO_MEMORY;
    connection->starved |= starved;
    services->starved |= starved;
    return starved || error == NETHOST_WOULD_BLOCK;
}

/* The turns below return false when the connection is over. */

static bool echo(struct services *services, struct connection *connection) {
    for (;;) {
        if (connection->at == connection->length) {
            int64_t got = nethost_receive(services->host, connection->socket, connection->data,
                                          sizeof connection->data);
            if (got <= 0) {
                return got == NETHOST_WOULD_BLOCK;
            }
            connection->at = 0;
            connection->length = (size_t)got;
        }
        int64_t sent = nethost_send(services->host, connection->socket, connection->data + connection->at,
                                    connection->length - connection->at);
        if (sent < 0) {
            return may_send_later(services, connection, sent);
        }
        connection->at += (size_t)sent;
    }
}

static bool discard(struct services *services, struct connection *connection) {
    int64_t got;
    do {
        got = nethost_receive(services->host, connection->socket, connection->data, sizeof connection->data);
    } while (got > 0);
    return got == NETHOST_WOULD_BLOCK;
}

static size_t write_daytime(uint8_t *to, size_t capacity) {
    time_t now = time(NULL);
    struct tm parts;
    return strftime((char *)to, capacity, "%A, %B %d, %Y %H:%M:%S-UTC\r\n", gmtime_r(&now, &parts));
}

/* Says it and shuts its side; what still comes is thrown away. */
static bool daytime(struct services *services, struct connection *connection) {
    if (!connection->said_all) {
        size_t length = write_daytime(connection->data, sizeof connection->data);
        int64_t sent = nethost_send(services->host, connection->socket, connection->data, length);
        if (sent < 0) {
            return may_send_later(services, connection, sent);
        }
        connection->said_all = true;
        if (nethost_shutdown(services->host, connection->socket, NETHOST_SHUT_WRITE) != NETHOST_OK) {
            return false;
        }
    }
    return discard(services, connection);
}

static bool chargen(struct services *services, struct connection *connection) {
    if (!discard(services, connection)) {
        return false;
    }
    int64_t sent;
    while ((sent = nethost_send(services->host, connection->socket, services->pattern + connection->at,
                                sizeof services->pattern - connection->at)) > 0) {
        connection->at = (connection->at + (size_t)sent) % sizeof services->pattern;
    }
    return may_send_later(services, connection, sent);
}

static void serve(struct services *services, struct connection *connection) {
    static bool (*const turns[])(struct services * services,
                                 struct connection * connection) = {echo, discard, daytime, chargen};
    if (!turns[connection->kind](services, connection)) {
        end(services, connection);
    }
}

static struct connection *find(struct services *services, uint32_t socket) {
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (services->connection[i].socket == socket) {
            return &services->connection[i];
        }
    }
    return NULL;
}

/* Who finds no room is sent away at once. */
static void accept(struct services *services, enum kind kind) {
    uint32_t socket;
    while (nethost_accept(services->host, services->listener[kind], &socket, NULL) == NETHOST_OK) {
        struct connection *connection = find(services, 0);
        if (connection == NULL) {
            (void)nethost_abort(services->host, socket);
            continue;
        }
        connection->socket = socket;
        connection->kind = kind;
        connection->said_all = connection->starved = false;
        connection->at = connection->length = 0;
        serve(services, connection);
    }
}

/* ---- Datagrams ---- */

/* Two such services must never be brought to talk to each other by a forged source. */
static bool answers_anything(const struct services *services, uint16_t port) {
    bool well_known = port < 20 || port == 37;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        well_known |= port == services->port[kind];
    }
    return well_known;
}

static void answer_one(struct services *services, enum kind kind, int64_t length,
                       const struct nethost_endpoint *peer) {
    if (kind == KIND_DISCARD || answers_anything(services, peer->port)) {
        return;
    }
    if (kind == KIND_DAYTIME) {
        length = (int64_t)write_daytime(services->datagram, sizeof services->datagram);
    } else if (kind == KIND_CHARGEN) {
        memcpy(services->datagram, services->pattern, LINE);
        length = LINE;
    }
    (void)nethost_send_to(services->host, services->datagrams[kind], services->datagram, (size_t)length,
                          peer);
}

/* All that is there, for nobody wakes us again for what we leave. An error is about an earlier answer, which
 * is nobody's concern. */
static void answer(struct services *services, enum kind kind) {
    uint32_t socket = services->datagrams[kind];
    while ((nethost_ready_of(services->host, socket) & (NETHOST_IN | NETHOST_ERROR)) != 0) {
        struct nethost_endpoint peer;
        int64_t length = nethost_receive_from(services->host, socket, services->datagram,
                                              sizeof services->datagram, &peer);
        if (length >= 0) {
            answer_one(services, kind, length, &peer);
        }
    }
}

/* ---- All together ---- */

void services_wake(void *context, uint32_t socket, uint32_t ready) {
    struct services *services = context;
    (void)ready;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (socket == services->listener[kind]) {
            accept(services, (enum kind)kind);
            return;
        }
        if (socket == services->datagrams[kind]) {
            answer(services, (enum kind)kind);
            return;
        }
    }
    struct connection *connection = find(services, socket);
    if (connection != NULL) {
        serve(services, connection);
    }
}

void services_retry(struct services *services) {
    if (!services->starved) {
        return;
    }
    services->starved = false;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &services->connection[i];
        if (connection->socket != 0 && connection->starved) {
            connection->starved = false;
            serve(services, connection);
        }
    }
}

void services_stop(struct services *services) {
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (services->connection[i].socket != 0) {
            (void)nethost_abort(services->host, services->connection[i].socket);
            services->connection[i].socket = 0;
        }
    }
}

static int open_both(struct services *services, int kind) {
    struct nethost_endpoint local = {.port = services->port[kind]};
    uint32_t *stream = &services->listener[kind], *datagram = &services->datagrams[kind];
    int error = nethost_socket(services->host, NETHOST_STREAM, stream);
    error = error == NETHOST_OK ? nethost_bind(services->host, *stream, &local) : error;
    error = error == NETHOST_OK ? nethost_listen(services->host, *stream, BACKLOG) : error;
    error = error == NETHOST_OK ? nethost_socket(services->host, NETHOST_DATAGRAM, datagram) : error;
    return error == NETHOST_OK ? nethost_bind(services->host, *datagram, &local) : error;
}

int services_start(struct services *services, struct nethost *host) {
    int error = NETHOST_OK;
    services->host = host;
    for (size_t i = 0; i < sizeof services->pattern; i++) {
        size_t line = i / LINE, column = i % LINE;
        services->pattern[i] = column == 72   ? '\r'
                               : column == 73 ? '\n'
                                              : (uint8_t)(' ' + (line + column) % 95);
    }
    for (int kind = 0; kind < KIND_COUNT && error == NETHOST_OK; kind++) {
        error = services->port[kind] != 0 ? open_both(services, kind) : NETHOST_OK;
    }
    return error;
}
