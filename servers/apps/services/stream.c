/* stream.c: the services over TCP. Each turn takes and gives at most one piece, so that all get theirs. */
#include "services.h"

#include <errno.h>
#include <sys/socket.h>

/* Whether a failed call only came too early. */
static bool too_early(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static bool echo(struct connection *connection) {
    if (connection->at == connection->length) {
        const ssize_t got = recv(connection->fd, connection->data, sizeof connection->data, 0);
        if (got <= 0) {
            return got < 0 && too_early();
        }
        connection->at = 0;
        connection->length = (size_t)got;
    }
    const ssize_t sent = send(connection->fd, connection->data + connection->at,
                              connection->length - connection->at, MSG_NOSIGNAL);
    if (sent < 0) {
        return too_early();
    }
    connection->at += (size_t)sent;
    return true;
}

static bool discard(struct server *server, struct connection *connection) {
    const ssize_t got = recv(connection->fd, server->scratch, sizeof server->scratch, 0);
    return got > 0 || (got < 0 && too_early());
}

/* Says it and shuts; closing at once could destroy the answer if the client has sent something. */
static bool daytime(struct connection *connection) {
    char text[DAYTIME_SIZE];
    const size_t length = text_daytime(text);
    connection->said_all = true;
    return send(connection->fd, text, length, MSG_NOSIGNAL) == (ssize_t)length &&
           shutdown(connection->fd, SHUT_WR) == 0;
}

static bool chargen(struct server *server, struct connection *connection) {
    const ssize_t sent = send(connection->fd, server->pattern + connection->at,
                              sizeof server->pattern - connection->at, MSG_NOSIGNAL);
    if (sent < 0) {
        return too_early();
    }
    connection->at = (connection->at + (size_t)sent) % PATTERN_LENGTH;
    return true;
}

short stream_events(const struct connection *connection) {
    switch (connection->kind) {
    case KIND_ECHO: return connection->at == connection->length ? POLLIN : POLLOUT;
    case KIND_DAYTIME: return connection->said_all ? POLLIN : POLLOUT;
    case KIND_CHARGEN: return POLLIN | POLLOUT;
    default: return POLLIN;
    }
}

bool stream_ready(struct server *server, struct connection *connection, short events) {
    connection->active = server->now;
    if (connection->kind == KIND_ECHO) {
        return echo(connection);
    }
    if ((events & ~POLLOUT) != 0 && !discard(server, connection)) {
        return false;
    }
    if ((events & POLLOUT) == 0) {
        return true;
    }
    return connection->kind == KIND_DAYTIME ? daytime(connection) : chargen(server, connection);
}
