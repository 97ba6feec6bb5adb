/* connect.c: from a host's name to a connection: every address is tried in turn, none for ever. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int wait_for(const struct client *client, int fd, short events, uint64_t patience) {
    const uint64_t now = milliseconds();
    uint64_t wait = client->deadline > now ? client->deadline - now : 0;
    wait = wait < patience ? wait : patience;
    struct pollfd item = {.fd = fd, .events = events};
    for (;;) {
        const int ready = poll(&item, 1, (int)wait);
        if (ready > 0) {
            return item.revents;
        }
        if (ready == 0 || errno != EINTR) {
            return 0;
        }
    }
}

/* Waits for connect() to end; the errno value that it ended with. */
static int finish_connect(const struct client *client, int fd) {
    int error = 0;
    socklen_t length = sizeof(error);
    if (wait_for(client, fd, POLLOUT, CONNECT_MS) == 0) {
        return ETIMEDOUT;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

/* Tries one address. Returns 0 with client->fd connected, or an errno value. */
static int try_address(struct client *client, const struct addrinfo *address) {
    const int fd = socket(address->ai_family, SOCK_STREAM, 0);
    if (fd < 0) {
        return errno;
    }
    int error = 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        error = errno == EINPROGRESS ? finish_connect(client, fd) : errno;
    }
    if (error) {
        close(fd);
        return error;
    }
    client->fd = fd;
    return 0;
}

static enum code resolve(const struct client *client, struct addrinfo **list) {
    char port[8];
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    snprintf(port, sizeof(port), "%u", client->url.port);
    const int error = getaddrinfo(client->url.host, port, &hints, list);
    if (error) {
        return fail(client, CODE_RESOLVE, "could not resolve %s: %s", client->url.host, gai_strerror(error));
    }
    return CODE_OK;
}

enum code connect_to_host(struct client *client) {
    const struct http_url *url = &client->url;
    struct addrinfo *list = NULL;
    const enum code code = resolve(client, &list);
    if (code != CODE_OK) {
        return code;
    }
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *address = list; address && error; address = address->ai_next) {
        error = try_address(client, address);
    }
    freeaddrinfo(list);
    if (error == ETIMEDOUT) {
        return fail(client, CODE_TIMED_OUT, "%s port %u does not answer: connecting timed out", url->host,
                    url->port);
    }
    if (error) {
        return fail(client, CODE_CONNECT, "could not connect to %s port %u: %s", url->host, url->port,
                    strerror(error));
    }
    if (client->options.verbose) {
        fprintf(stderr, "* Connected to %s port %u\n", url->host, url->port);
    }
    return CODE_OK;
}
