/* manners: says how sockets behave, line by line. It is compiled for this system and for the build machine's
 * Linux from the same source, and a test compares what the two say. */
#include "manners.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void say(const char *what, const char *format, ...) {
    va_list list;
    va_start(list, format);
    printf("%s: ", what);
    vprintf(format, list);
    printf("\n");
    va_end(list);
}

static const char *name_of(int number) {
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {EINVAL, "EINVAL"},       {ENOPROTOOPT, "ENOPROTOOPT"},
        {EFAULT, "EFAULT"},       {EDOM, "EDOM"},
        {ENOENT, "ENOENT"},       {EAGAIN, "EAGAIN"},
        {ENOTCONN, "ENOTCONN"},   {ECONNRESET, "ECONNRESET"},
        {EPIPE, "EPIPE"},         {EADDRINUSE, "EADDRINUSE"},
        {EISCONN, "EISCONN"},     {ECONNREFUSED, "ECONNREFUSED"},
        {ENOTTY, "ENOTTY"},       {EOPNOTSUPP, "EOPNOTSUPP"},
        {ETIMEDOUT, "ETIMEDOUT"}, {EPERM, "EPERM"},
        {ENODEV, "ENODEV"},       {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
        {EMSGSIZE, "EMSGSIZE"},   {EDESTADDRREQ, "EDESTADDRREQ"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].number == number) {
            return names[i].name;
        }
    }
    return strerror(number);
}

const char *outcome(long result) {
    static char texts[4][32];
    static unsigned next;
    char *text = texts[next++ % 4];
    if (result < 0) {
        return name_of(errno);
    }
    snprintf(text, sizeof texts[0], "%ld", result);
    return text;
}

static void must(int result, const char *what) {
    if (result < 0) {
        say(what, "%s", name_of(errno));
        exit(1);
    }
}

int listening(int prepared, struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    int fd = prepared >= 0 ? prepared : socket(AF_INET, SOCK_STREAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(fd, "socket");
    must(bind(fd, (struct sockaddr *)address, length), "bind");
    must(listen(fd, 8), "listen");
    must(getsockname(fd, (struct sockaddr *)address, &length), "getsockname");
    return fd;
}

void connected(int end[2]) {
    struct sockaddr_in address;
    int listener = listening(-1, &address);
    end[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(end[0], (struct sockaddr *)&address, sizeof address), "connect");
    end[1] = accept(listener, NULL, NULL);
    must(end[1], "accept");
    close(listener);
}

int main(void) {
    options();
    queues();
    endings();
    ports();
    information();
    messages();
    return 0;
}
