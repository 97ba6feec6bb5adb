/* server.c: the table of connections, the poll loop, accept, deadlines. */
#include "httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG        511
#define FOREVER        UINT64_MAX
#define FLUSH_MS       1000
#define ACCEPTS_A_TURN 32

static uint64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void server_deadline(struct httpd *server, struct connection *connection, uint64_t deadline) {
    const bool limited = connection->state == CONNECTION_WRITING && connection->limit < deadline;
    connection->deadline = limited ? connection->limit : deadline;
    if (connection->deadline < server->next_check) {
        server->next_check = connection->deadline;
    }
}

/* Options that make a difference where they exist; elsewhere serving works without them. */
static void set_options(int fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* accepted sockets inherit it */
}

static void set_nonblocking(int fd) {
    const int flags = fcntl(fd, F_GETFL, 0);
    fcntl(fd, F_SETFL, (flags < 0 ? 0 : flags) | O_NONBLOCK);
}

bool server_start(struct httpd *server) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(server->options.port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    const char *step = "socket";
    server->now = milliseconds();
    server->next_check = FOREVER;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (server->listener >= 0) {
        set_options(server->listener);
        set_nonblocking(server->listener);
        step = "bind";
        if (bind(server->listener, (const struct sockaddr *)&address, sizeof(address)) == 0) {
            step = "listen";
            if (listen(server->listener, BACKLOG) == 0) {
                return true;
            }
        }
    }
    fprintf(stderr, "httpd: %s, port %u: %s\n", step, server->options.port, strerror(errno));
    return false;
}

/* The last entry moves to where one is taken out. */
static void take_out(struct httpd *server, unsigned i) {
    connection_close(server, &server->connections[i]);
    server->count--;
    server->connections[i] = server->connections[server->count];
    server->polls[i + 1] = server->polls[server->count + 1];
}

static void set_events(struct httpd *server, unsigned i) {
    server->polls[i + 1].events = connection_events(&server->connections[i]);
}

static bool is_older(const struct connection *a, const struct connection *b) {
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->id < b->id;
}

/* The connection that has been waiting for nothing for longest, or `count` if all are busy. */
static unsigned oldest_idle(const struct httpd *server) {
    unsigned oldest = server->count;
    for (unsigned i = 0; i < server->count; i++) {
        const struct connection *connection = &server->connections[i];
        const bool older = oldest == server->count || is_older(connection, &server->connections[oldest]);
        oldest = connection_is_idle(connection) && older ? i : oldest;
    }
    return oldest;
}

/* Makes room in the table at the cost of an idle connection. */
static bool make_room(struct httpd *server) {
    if (server->count < server->options.connections_max) {
        return true;
    }
    const unsigned oldest = oldest_idle(server);
    if (oldest == server->count) {
        return false;
    }
    take_out(server, oldest);
    return true;
}

static void add(struct httpd *server, int fd, struct in_addr peer) {
    const unsigned i = server->count++;
    set_nonblocking(fd);
    connection_open(server, &server->connections[i], fd, peer);
    server->polls[i + 1] = (struct pollfd){.fd = fd};
    set_events(server, i);
}

/* False: the listening socket itself is broken. Lack of descriptors or memory passes: an idle connection is
 * given up, and accept() rests for a moment, since it would fail again at once. */
static bool accept_failed(struct httpd *server, int error) {
    switch (error) {
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
    case EPIPE:
    case ENOTCONN: return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: {
        const unsigned oldest = oldest_idle(server);
        if (oldest < server->count) {
            take_out(server, oldest);
        }
        server->accept_at = server->now + RETRY_MS;
        return true;
    }
    default: return true; /* the peer gave up before we came; or nobody was there */
    }
}

static bool accept_one(struct httpd *server) {
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof(peer);
    if (!make_room(server)) {
        return true;
    }
    const int fd = accept(server->listener, (struct sockaddr *)&peer, &length);
    if (fd < 0) {
        return accept_failed(server, errno);
    }
    add(server, fd, peer.sin_addr);
    return true;
}

/* Takes who is waiting, a bounded number. Looking whether there is one more costs less than an accept() in
 * vain. */
static bool accept_waiting(struct httpd *server) {
    struct pollfd listener = {.fd = server->listener, .events = POLLIN};
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        if (!accept_one(server)) {
            return false;
        }
        if (server->now < server->accept_at || poll(&listener, 1, 0) <= 0) {
            break;
        }
    }
    return true;
}

static void check_deadlines(struct httpd *server) {
    server->next_check = FOREVER;
    for (unsigned i = server->count; i-- > 0;) {
        struct connection *connection = &server->connections[i];
        if (connection->deadline <= server->now && !connection_expired(server, connection)) {
            take_out(server, i);
        } else {
            set_events(server, i);
            server->next_check =
                connection->deadline < server->next_check ? connection->deadline : server->next_check;
        }
    }
}

/* Backwards, because an entry that is taken out is replaced by the last, which has been served. */
static void serve_ready(struct httpd *server) {
    for (unsigned i = server->count; i-- > 0;) {
        const short events = server->polls[i + 1].revents;
        if (events == 0) {
            continue;
        }
        if (connection_ready(server, &server->connections[i], events)) {
            set_events(server, i);
        } else {
            take_out(server, i);
        }
    }
}

/* The listener is watched only while a connection could be taken. */
static void watch_listener(struct httpd *server) {
    const bool room = server->count < server->options.connections_max || oldest_idle(server) < server->count;
    const bool watched = room && server->now >= server->accept_at;
    server->polls[0] = (struct pollfd){.fd = watched ? server->listener : -1, .events = POLLIN};
}

static int poll_timeout(const struct httpd *server) {
    uint64_t wake = server->next_check;
    if (server->accept_at > server->now && server->accept_at < wake) {
        wake = server->accept_at;
    }
    if (log_is_pending(&server->log) && server->now + FLUSH_MS < wake) {
        wake = server->now + FLUSH_MS;
    }
    if (wake == FOREVER) {
        return -1;
    }
    const uint64_t wait = wake > server->now ? wake - server->now : 0;
    return wait > 60000 ? 60000 : (int)wait;
}

void server_run(struct httpd *server) {
    bool alive = true;
    while (alive) {
        watch_listener(server);
        const int ready = poll(server->polls, server->count + 1, poll_timeout(server));
        server->now = milliseconds();
        if (ready < 0 && errno != EINTR) {
            perror("httpd: poll");
            break;
        }
        if (ready > 0) {
            const short listener = server->polls[0].revents;
            serve_ready(server);
            alive = !(listener & (POLLERR | POLLNVAL)) && (!listener || accept_waiting(server));
        }
        if (server->now >= server->next_check) {
            check_deadlines(server);
        }
        if (ready == 0 || server->options.verbose) {
            log_flush(&server->log);
        }
    }
    fprintf(stderr, "httpd: the listening socket is lost\n");
}
