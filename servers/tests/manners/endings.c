/* endings.c: how connections end: for the one who closes, and for the other. */
#include "manners.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static int bits_of(int fd) {
    struct pollfd waiting = {.fd = fd, .events = POLLIN | POLLOUT};
    poll(&waiting, 1, 0);
    return waiting.revents;
}

static int pending(int fd) {
    int error = -1;
    socklen_t length = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

/* What the other end notices. */
static void aftermath(const char *what, int fd) {
    char byte[10], line[80];
    usleep(100000);
    snprintf(line, sizeof line, "%s: poll", what);
    say(line, "%#x", (unsigned)bits_of(fd));
    snprintf(line, sizeof line, "%s: recv", what);
    say(line, "%s", outcome(recv(fd, byte, sizeof byte, MSG_DONTWAIT)));
    snprintf(line, sizeof line, "%s: again", what);
    say(line, "%s", outcome(recv(fd, byte, sizeof byte, MSG_DONTWAIT)));
    snprintf(line, sizeof line, "%s: send", what);
    say(line, "%s", outcome(send(fd, byte, 1, MSG_NOSIGNAL)));
    usleep(100000);
    snprintf(line, sizeof line, "%s: send again", what);
    say(line, "%s", outcome(send(fd, byte, 1, MSG_NOSIGNAL)));
    snprintf(line, sizeof line, "%s: poll at last", what);
    say(line, "%#x", (unsigned)bits_of(fd));
    snprintf(line, sizeof line, "%s: error", what);
    errno = pending(fd);
    say(line, "%s", errno == 0 ? "none" : outcome(-1));
    close(fd);
}

static void linger(int on, int seconds, size_t unread, const char *what) {
    char text[100] = "", line[80];
    struct linger linger = {on, seconds};
    int end[2];
    connected(end);
    setsockopt(end[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    if (unread != 0) {
        send(end[1], text, unread, 0);
        usleep(100000);
    }
    send(end[0], text, 5, 0);
    long began = milliseconds();
    int result = close(end[0]);
    snprintf(line, sizeof line, "%s: close", what);
    say(line, "%s %s", outcome(result), milliseconds() - began < 1500 ? "soon" : "late");
    aftermath(what, end[1]);
}

/* The peer's window is shut, so not all can go: close() waits as long as it may. */
static void linger_in_vain(void) {
    static char text[65536];
    struct linger linger = {1, 2};
    int end[2];
    connected(end);
    setsockopt(end[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    while (send(end[0], text, sizeof text, MSG_DONTWAIT) > 0 ||
           (usleep(100000), send(end[0], text, sizeof text, MSG_DONTWAIT) > 0)) {
    }
    long began = milliseconds();
    int result = close(end[0]);
    long took = milliseconds() - began;
    say("close waits in vain", "%s after %s", outcome(result),
        took > 1900 && took < 3500 ? "two seconds" : "another time");
    long got, sum = 0;
    while ((got = recv(end[1], text, sizeof text, 0)) > 0) {
        sum += got;
    }
    say("and all arrives", "%s %s", outcome(got),
        sum % (long)sizeof text == 0 || sum > 0 ? "to the end" : "nothing");
    close(end[1]);
}

/* Nobody waits on a socket that does not wait. */
static void linger_without_waiting(void) {
    char byte = 0;
    struct linger linger = {1, 0};
    int end[2];
    connected(end);
    say("half-closed: shutdown", "%s", outcome(shutdown(end[0], SHUT_WR)));
    say("half-closed: shutdown again", "%s", outcome(shutdown(end[0], SHUT_WR)));
    say("half-closed: send", "%s", outcome(send(end[0], &byte, 1, MSG_NOSIGNAL)));
    usleep(100000);
    say("half-closed: poll", "%#x %#x", (unsigned)bits_of(end[0]), (unsigned)bits_of(end[1]));
    setsockopt(end[1], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(end[1]);
    aftermath("half-closed and reset", end[0]);
}

static void refused(void) {
    struct sockaddr_in address;
    int listener = listening(-1, &address), fd = socket(AF_INET, SOCK_STREAM, 0);
    say("idle: poll", "%#x", (unsigned)bits_of(fd));
    say("listener: poll", "%#x", (unsigned)bits_of(listener));
    close(listener);
    say("refused: connect", "%s", outcome(connect(fd, (struct sockaddr *)&address, sizeof address)));
    say("refused: poll", "%#x", (unsigned)bits_of(fd));
    close(fd);
}

void endings(void) {
    linger(0, 0, 0, "closed");
    linger(0, 0, 10, "closed with unread data");
    linger(1, 0, 0, "linger 0");
    linger(1, 5, 0, "linger 5");
    linger(1, 5, 10, "linger 5 with unread data");
    linger_in_vain();
    linger_without_waiting();
    refused();
}
