/* options.c: which options there are, which values and lengths they take, and what they say afterwards. */
#include "manners.h"
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

struct option {
    const char *name;
    int level, number;
};

#define OPTION(level, name)                                                                                  \
    { #name, level, name }

static const struct option all[] = {
    OPTION(SOL_SOCKET, SO_REUSEADDR),
    OPTION(SOL_SOCKET, SO_REUSEPORT),
    OPTION(SOL_SOCKET, SO_KEEPALIVE),
    OPTION(SOL_SOCKET, SO_BROADCAST),
    OPTION(SOL_SOCKET, SO_OOBINLINE),
    OPTION(SOL_SOCKET, SO_RCVLOWAT),
    OPTION(SOL_SOCKET, SO_SNDLOWAT),
    OPTION(SOL_SOCKET, SO_TYPE),
    OPTION(SOL_SOCKET, SO_ERROR),
    OPTION(SOL_SOCKET, SO_DOMAIN),
    OPTION(SOL_SOCKET, SO_PROTOCOL),
    OPTION(SOL_SOCKET, SO_ACCEPTCONN),
    OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_TCP, TCP_MAXSEG),
    OPTION(IPPROTO_TCP, TCP_CORK),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
    OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
    OPTION(IPPROTO_TCP, TCP_KEEPCNT),
    OPTION(IPPROTO_TCP, TCP_SYNCNT),
    OPTION(IPPROTO_TCP, TCP_LINGER2),
    OPTION(IPPROTO_TCP, TCP_QUICKACK),
    OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
    OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
    OPTION(IPPROTO_IP, IP_TTL),
    OPTION(IPPROTO_IP, IP_TOS),
    OPTION(IPPROTO_IP, IP_PKTINFO),
    OPTION(IPPROTO_IP, IP_RECVTTL),
    OPTION(IPPROTO_IP, IP_RECVTOS),
    OPTION(IPPROTO_IP, IP_MTU),
    OPTION(IPPROTO_IP, IP_MULTICAST_TTL),
    OPTION(IPPROTO_IP, IP_MULTICAST_LOOP),
    OPTION(IPPROTO_IP, IP_MULTICAST_ALL),
    OPTION(IPPROTO_TCP, 7777),
    OPTION(IPPROTO_IP, 7777),
    OPTION(SOL_SOCKET, 7777),
    OPTION(7777, SO_TYPE),
};

static const int values[] = {INT_MIN, -1,  0,   1,   2,    3,     87,    88,    120,    121,
                             127,     128, 255, 256, 1027, 32767, 32768, 65536, INT_MAX};

static void tell(const char *what, int fd, const struct option *option, long result, socklen_t room) {
    unsigned char got[16];
    int number = 0;
    socklen_t length = room;
    memset(got, 0x55, sizeof got);
    const char *set = outcome(result);
    long read = getsockopt(fd, option->level, option->number, got, &length);
    memcpy(&number, got, sizeof number);
    if (read == 0 && length == 1) {
        number = got[0];
    }
    if (read == 0) {
        say(what, "%s, then %d/%u", set, number, (unsigned)length);
    } else {
        say(what, "%s, then %s", set, outcome(read));
    }
}

static int fresh(int type) {
    return socket(AF_INET, type, 0);
}

static const char *kind_of(int type) {
    return type == SOCK_STREAM ? "stream" : "datagram";
}

static void try_values(int type, const struct option *option) {
    char what[80];
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        int fd = fresh(type);
        snprintf(what, sizeof what, "%s %s=%d", kind_of(type), option->name, values[i]);
        tell(what, fd, option, setsockopt(fd, option->level, option->number, &values[i], sizeof(int)), 4);
        close(fd);
    }
}

/* Too short, too long, nothing; `length` also for what is read. */
static void try_lengths(int type, const struct option *option) {
    static const unsigned lengths[] = {0, 1, 2, 3, 5, 8, INT_MAX, (unsigned)-1};
    char what[80];
    const int64_t one = 1;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int fd = fresh(type);
        snprintf(what, sizeof what, "%s %s in %u bytes", kind_of(type), option->name, lengths[i]);
        tell(what, fd, option, setsockopt(fd, option->level, option->number, &one, lengths[i]), lengths[i]);
        close(fd);
    }
    int fd = fresh(type);
    snprintf(what, sizeof what, "%s %s from nowhere", kind_of(type), option->name);
    tell(what, fd, option, setsockopt(fd, option->level, option->number, NULL, 4), 4);
    snprintf(what, sizeof what, "%s %s to nowhere", kind_of(type), option->name);
    socklen_t length = 4;
    say(what, "%s", outcome(getsockopt(fd, option->level, option->number, NULL, &length)));
    close(fd);
}

static void try_linger(int type, int on, int seconds, unsigned length) {
    struct linger linger = {on, seconds}, got = {-7, -7};
    socklen_t room = sizeof got;
    char what[80];
    int fd = fresh(type);
    snprintf(what, sizeof what, "%s SO_LINGER %d, %d in %u bytes", kind_of(type), on, seconds, length);
    const char *set = outcome(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, length));
    long read = getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &room);
    say(what, "%s, then %s: %d, %d in %u", set, outcome(read), got.l_onoff, got.l_linger, (unsigned)room);
    close(fd);
}

static void try_timeout(int name, const char *text, long seconds, long microseconds, unsigned length) {
    struct timeval time = {.tv_sec = seconds, .tv_usec = microseconds}, got = {.tv_sec = -7};
    socklen_t room = sizeof got;
    char what[80];
    int fd = fresh(SOCK_STREAM);
    snprintf(what, sizeof what, "%s %ld.%ld in %u bytes", text, seconds, microseconds, length);
    const char *set = outcome(setsockopt(fd, SOL_SOCKET, name, &time, length));
    long read = getsockopt(fd, SOL_SOCKET, name, &got, &room);
    say(what, "%s, then %s: %ld.%06ld", set, outcome(read), (long)got.tv_sec, (long)got.tv_usec);
    close(fd);
}

static void try_congestion(int type, const char *name, unsigned length, unsigned room) {
    char got[32] = "", what[80];
    socklen_t size = room;
    int fd = fresh(type);
    snprintf(what, sizeof what, "%s TCP_CONGESTION %s in %u bytes", kind_of(type), name, length);
    const char *set = outcome(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, length));
    long read = getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, got, &size);
    say(what, "%s, then %s: %.32s in %u", set, outcome(read), got, (unsigned)size);
    close(fd);
}

static void without_numbers(int type) {
    try_linger(type, 0, 5, 8);
    try_linger(type, 1, 0, 8);
    try_linger(type, 1, 5, 8);
    try_linger(type, 7, 65536, 8);
    try_linger(type, 1, -1, 8);
    try_linger(type, 1, 5, 7);
    try_linger(type, 1, 5, 12);
    try_congestion(type, "reno", 4, 16);
    try_congestion(type, "reno", 5, 16);
    try_congestion(type, "reno", 3, 16);
    try_congestion(type, "reno", 0, 16);
    try_congestion(type, "no such thing at all", 20, 3);
    try_congestion(type, "cubic", 5, 32);
    try_congestion(type, "cubic", 5, 0);
}

void options(void) {
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++) {
            try_values(types[i], &all[j]);
            try_lengths(types[i], &all[j]);
        }
        without_numbers(types[i]);
    }
    for (int i = 0; i < 2; i++) {
        int name = i == 0 ? SO_RCVTIMEO : SO_SNDTIMEO;
        const char *text = i == 0 ? "SO_RCVTIMEO" : "SO_SNDTIMEO";
        try_timeout(name, text, 1, 500000, sizeof(struct timeval));
        try_timeout(name, text, 0, 1000000, sizeof(struct timeval));
        try_timeout(name, text, 0, -1, sizeof(struct timeval));
        try_timeout(name, text, -1, 0, sizeof(struct timeval));
        try_timeout(name, text, 1, 0, 4);
    }
}
