/* peer.c: connections with an echo server on another machine. */
#include "posix_test.h"
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define BULK 300000

static struct addrinfo *find(const char *host, const char *port) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    return getaddrinfo(host, port, &hints, &found) == 0 ? found : NULL;
}

static int connected(struct checks *t, const struct addrinfo *to) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQUAL(t, connect(fd, to->ai_addr, to->ai_addrlen), 0);
    return fd;
}

static void echo(struct checks *t, const struct addrinfo *to) {
    char text[16] = "";
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int fd = connected(t, to);
    CHECK_ERRNO(t, connect(fd, to->ai_addr, to->ai_addrlen), EISCONN);
    CHECK_EQUAL(t, getpeername(fd, (struct sockaddr *)&peer, &length), 0);
    CHECK(t, memcmp(&peer, to->ai_addr, 8) == 0);
    CHECK_ERRNO(t, (int)recv(fd, text, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_EQUAL(t, send(fd, "hello", 5, 0), 5);
    CHECK_EQUAL(t, recv(fd, text, sizeof text, MSG_PEEK), 5);
    CHECK_EQUAL(t, read(fd, text, 2), 2);
    CHECK_EQUAL(t, read(fd, text + 2, sizeof text - 2), 3);
    CHECK(t, memcmp(text, "hello", 5) == 0);
    CHECK_EQUAL(t, write(fd, "one", 3), 3);
    CHECK_EQUAL(t, send(fd, "two", 3, MSG_MORE), 3);
    CHECK_EQUAL(t, send(fd, "six", 3, MSG_NOSIGNAL), 3);
    CHECK_EQUAL(t, recv(fd, text, 9, MSG_WAITALL), 9);
    CHECK(t, memcmp(text, "onetwosix", 9) == 0);
    CHECK_EQUAL(t, shutdown(fd, SHUT_WR), 0);
    CHECK_ERRNO(t, (int)send(fd, "x", 1, 0), EPIPE);
    CHECK_EQUAL(t, recv(fd, text, sizeof text, 0), 0);
    CHECK_EQUAL(t, close(fd), 0);
}

/* More than fits into any buffer on the way, through one poll loop. */
static void bulk(struct checks *t, const struct addrinfo *to) {
    char *out = malloc(BULK), *in = malloc(BULK);
    size_t sent = 0, got = 0;
    int fd = connected(t, to);
    CHECK_EQUAL(t, fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < BULK; i++) {
        out[i] = (char)(i * 7 + i / 251);
    }
    while (got < BULK) {
        struct pollfd waiting = {.fd = fd, .events = (short)(POLLIN | (sent < BULK ? POLLOUT : 0))};
        if (poll(&waiting, 1, 20000) <= 0 || (waiting.revents & (POLLERR | POLLNVAL)) != 0) {
            break;
        }
        ssize_t part = (waiting.revents & POLLOUT) != 0 ? send(fd, out + sent, BULK - sent, 0) : 0;
        sent += part > 0 ? (size_t)part : 0;
        part = (waiting.revents & POLLIN) != 0 ? recv(fd, in + got, BULK - got, 0) : 0;
        got += part > 0 ? (size_t)part : 0;
        if (part == 0 && (waiting.revents & POLLIN) != 0) {
            break;
        }
    }
    CHECK_EQUAL(t, got, BULK);
    CHECK(t, memcmp(in, out, BULK) == 0);
    CHECK_EQUAL(t, close(fd), 0);
    free(out);
    free(in);
}

static void not_waiting(struct checks *t, const struct addrinfo *to) {
    int error = -1;
    socklen_t length = sizeof error;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_ERRNO(t, connect(fd, to->ai_addr, to->ai_addrlen), EINPROGRESS);
    struct pollfd waiting = {.fd = fd, .events = POLLOUT};
    CHECK_EQUAL(t, poll(&waiting, 1, 10000), 1);
    CHECK_EQUAL(t, waiting.revents, POLLOUT);
    CHECK_EQUAL(t, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
    CHECK_EQUAL(t, error, 0);
    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(fd, &reads);
    FD_SET(fd, &writes);
    CHECK_EQUAL(t, select(fd + 1, &reads, &writes, NULL, NULL), 1);
    CHECK(t, !FD_ISSET(fd, &reads) && FD_ISSET(fd, &writes));
    CHECK_EQUAL(t, close(fd), 0);
}

/* What was sent and came back is counted, the state has Linux' number, and a short buffer gets its part. */
static void information(struct checks *t, const struct addrinfo *to) {
    struct tcp_info info;
    char text[1000] = "";
    socklen_t length = sizeof info;
    int fd = connected(t, to);
    CHECK_EQUAL(t, send(fd, text, sizeof text, 0), sizeof text);
    CHECK_EQUAL(t, recv(fd, text, sizeof text, MSG_WAITALL), sizeof text);
    CHECK_EQUAL(t, getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    CHECK_EQUAL(t, length, sizeof info);
    CHECK_EQUAL(t, info.tcpi_state, TCP_ESTABLISHED);
    CHECK_EQUAL(t, info.tcpi_bytes_sent, sizeof text);
    CHECK_EQUAL(t, info.tcpi_bytes_received, sizeof text);
    CHECK(t, info.tcpi_rtt != 0 && info.tcpi_rto >= 200000 && info.tcpi_snd_mss >= 536);
    CHECK(t, info.tcpi_snd_cwnd >= 10 && info.tcpi_data_segs_out >= 1 && info.tcpi_segs_in >= 2);
    length = 1;
    CHECK_EQUAL(t, getsockopt(fd, IPPROTO_TCP, TCP_INFO, text, &length), 0);
    CHECK(t, length == 1 && text[0] == TCP_ESTABLISHED);
    CHECK_EQUAL(t, close(fd), 0);
}

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What waits is counted; who waits for much waits; a close that lingers returns when all is acknowledged. */
static void queues(struct checks *t, const struct addrinfo *to) {
    char text[3000] = "";
    int fd = connected(t, to), value = 2000, count = -1;
    struct linger linger = {.l_onoff = 1, .l_linger = 20};
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    CHECK_EQUAL(t, setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value), 0);
    CHECK_EQUAL(t, send(fd, text, 100, 0), 100);
    CHECK_EQUAL(t, poll(&waiting, 1, 200), 0);
    CHECK_EQUAL(t, ioctl(fd, FIONREAD, &count), 0);
    CHECK_EQUAL(t, count, 100);
    CHECK_EQUAL(t, recv(fd, text, 50, MSG_PEEK), 50);
    CHECK_EQUAL(t, recv(fd, text, sizeof text, MSG_DONTWAIT), 100);
    CHECK_EQUAL(t, send(fd, text, 2500, 0), 2500);
    CHECK(t, recv(fd, text, sizeof text, 0) >= 2000);
    CHECK_EQUAL(t, poll(&waiting, 1, 0), 0);
    while (ioctl(fd, SIOCOUTQ, &count) == 0 && count != 0) {
        usleep(10000);
    }
    CHECK_EQUAL(t, count, 0);
    while (recv(fd, text, sizeof text, MSG_DONTWAIT) > 0) {
    }
    CHECK_EQUAL(t, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    CHECK_EQUAL(t, send(fd, text, 10, 0), 10);
    int64_t began = milliseconds();
    CHECK_EQUAL(t, close(fd), 0);
    CHECK(t, milliseconds() - began < 10000);
}

static void refused(struct checks *t, const char *host, const char *port) {
    char next[16];
    int error = 0;
    socklen_t length = sizeof error;
    snprintf(next, sizeof next, "%d", atoi(port) + 1);
    struct addrinfo *to = find(host, next);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(t, connect(fd, to->ai_addr, to->ai_addrlen), ECONNREFUSED);
    CHECK_EQUAL(t, close(fd), 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_ERRNO(t, connect(fd, to->ai_addr, to->ai_addrlen), EINPROGRESS);
    struct pollfd waiting = {.fd = fd, .events = POLLOUT};
    CHECK_EQUAL(t, poll(&waiting, 1, 10000), 1);
    CHECK(t, (waiting.revents & POLLERR) != 0);
    CHECK_EQUAL(t, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
    CHECK_EQUAL(t, error, ECONNREFUSED);
    CHECK_EQUAL(t, close(fd), 0);
    freeaddrinfo(to);
}

/* Sockets beyond what one page of readiness words held at first, each with its own word. */
static void many(struct checks *t, const struct addrinfo *to) {
    int fds[64];
    char byte;
    for (int i = 0; i < 64; i++) {
        fds[i] = connected(t, to);
    }
    for (int i = 0; i < 64; i += 3) {
        CHECK_EQUAL(t, send(fds[i], "x", 1, 0), 1);
    }
    for (int i = 0; i < 64; i++) {
        struct pollfd waiting = {.fd = fds[i], .events = POLLIN};
        CHECK_EQUAL(t, poll(&waiting, 1, i % 3 == 0 ? 10000 : 0), i % 3 == 0);
        CHECK_EQUAL(t, recv(fds[i], &byte, 1, MSG_DONTWAIT), i % 3 == 0 ? 1 : -1);
        CHECK_EQUAL(t, close(fds[i]), 0);
    }
}

void test_peer(struct checks *t, const char *host, const char *port) {
    struct addrinfo *to = find(host, port);
    CHECK(t, to != NULL);
    if (to != NULL) {
        echo(t, to);
        bulk(t, to);
        not_waiting(t, to);
        information(t, to);
        queues(t, to);
        refused(t, host, port);
        many(t, to);
        freeaddrinfo(to);
    }
}
