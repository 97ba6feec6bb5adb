/* server.c: the sockets, the table of connections, the poll loop. */
#include "services.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG   64
#define RETRY_MS  100
#define LINGER_MS 3000 /* for a client that has been told everything */
#define FIRST     (2 * KIND_COUNT)

static uint64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_nonblocking(int fd) {
    const int flags = fcntl(fd, F_GETFL, 0);
    fcntl(fd, F_SETFL, (flags < 0 ? 0 : flags) | O_NONBLOCK);
}

/* Returns the socket, or -1 with a message. */
static int open_socket(enum kind kind, int type, uint16_t port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    const int on = 1;
    const int fd = socket(AF_INET, type, 0);
    if (fd >= 0) {
        set_nonblocking(fd);
        if (type == SOCK_STREAM) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        } else {
            setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
        }
        if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
            (type != SOCK_STREAM || listen(fd, BACKLOG) == 0)) {
            return fd;
        }
    }
    fprintf(stderr, "services: %s, %s port %u: %s\n", kind_names[kind], type == SOCK_STREAM ? "tcp" : "udp",
            port, strerror(errno));
    return -1;
}

/* Datagrams to the group come to every socket that is bound to their port. */
static bool join(const struct options *options, int fd) {
    struct ip_mreq wanted = {.imr_interface.s_addr = htonl(INADDR_ANY)};
    if (options->group == NULL) {
        return true;
    }
    if (inet_pton(AF_INET, options->group, &wanted.imr_multiaddr) == 1 &&
        setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &wanted, sizeof wanted) == 0) {
        return true;
    }
    fprintf(stderr, "services: cannot join the group \"%s\"\n", options->group);
    return false;
}

bool server_start(struct server *server) {
    const struct options *options = &server->options;
    text_pattern(server);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        const int types[] = {SOCK_STREAM, SOCK_DGRAM};
        for (int i = 0; i < 2; i++) {
            struct pollfd *poll = &server->polls[i * KIND_COUNT + kind];
            *poll = (struct pollfd){.fd = -1, .events = POLLIN};
            if (options->ports[kind] != 0 && (i == 0 ? options->tcp : options->udp)) {
                poll->fd = open_socket((enum kind)kind, types[i], options->ports[kind]);
                if (poll->fd < 0 || (i == 1 && !join(options, poll->fd))) {
                    return false;
                }
            }
        }
    }
    return true;
}

static void add(struct server *server, int fd, enum kind kind) {
    struct connection *connection = &server->connections[server->count];
    set_nonblocking(fd);
    *connection = (struct connection){.fd = fd, .kind = kind, .active = server->now};
    server->polls[FIRST + server->count++] = (struct pollfd){.fd = fd, .events = stream_events(connection)};
}

/* The last entry moves to where one is taken out. */
static void take_out(struct server *server, unsigned i) {
    close(server->connections[i].fd);
    server->count--;
    server->connections[i] = server->connections[server->count];
    server->polls[FIRST + i] = server->polls[FIRST + server->count];
}

/* Takes who is waiting as long as there is room; the others wait in the listener's queue. */
static void accept_waiting(struct server *server, int listener, enum kind kind) {
    while (server->count < server->options.connections_max) {
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                server->accept_at = server->now + RETRY_MS;
            }
            break;
        }
        add(server, fd, kind);
    }
}

/* When the connection is given up if nothing happens. */
static uint64_t expiry(const struct server *server, const struct connection *connection) {
    return connection->active + (connection->said_all ? LINGER_MS : server->options.idle_ms);
}

/* Backwards, because an entry that is taken out is replaced by the last, which has been served. */
static void serve_connections(struct server *server) {
    for (unsigned i = server->count; i-- > 0;) {
        struct connection *connection = &server->connections[i];
        const short events = server->polls[FIRST + i].revents;
        bool alive = events == 0 || stream_ready(server, connection, events);
        if (!alive || server->now >= expiry(server, connection)) {
            take_out(server, i);
        } else {
            server->polls[FIRST + i].events = stream_events(connection);
        }
    }
}

static void serve_sockets(struct server *server) {
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (server->polls[kind].revents != 0 && server->now >= server->accept_at) {
            accept_waiting(server, server->polls[kind].fd, (enum kind)kind);
        }
        if (server->polls[KIND_COUNT + kind].revents != 0) {
            datagram_ready(server, server->polls[KIND_COUNT + kind].fd, (enum kind)kind);
        }
    }
}

/* A listener is watched only while a connection could be taken. */
static void watch_listeners(struct server *server) {
    const bool room = server->count < server->options.connections_max && server->now >= server->accept_at;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        server->polls[kind].events = room ? POLLIN : 0;
    }
}

/* Milliseconds until a connection expires or accept() may be tried again; -1: for ever. */
static int sleep_limit(const struct server *server) {
    uint64_t wake = server->now < server->accept_at ? server->accept_at : UINT64_MAX;
    for (unsigned i = 0; i < server->count; i++) {
        const uint64_t end = expiry(server, &server->connections[i]);
        wake = end < wake ? end : wake;
    }
    if (wake == UINT64_MAX) {
        return -1;
    }
    return wake > server->now ? (int)(wake - server->now) : 0;
}

void server_run(struct server *server) {
    for (;;) {
        server->now = milliseconds();
        watch_listeners(server);
        const int ready = poll(server->polls, FIRST + server->count, sleep_limit(server));
        server->now = milliseconds();
        if (ready < 0 && errno != EINTR) {
            perror("services: poll");
            return;
        }
        if (ready >= 0) {
            serve_connections(server);
            serve_sockets(server);
        }
    }
}
