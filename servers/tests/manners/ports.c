/* ports.c: who may have a port beside whom. */
#include "manners.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum wish { PLAIN, ADDRESS, PORT, BOTH, WISHES };
static const char *const names[WISHES] = {"plain", "reuseaddr", "reuseport", "both"};

static int wishing(int type, enum wish wish) {
    int one = 1, fd = socket(AF_INET, type, 0);
    if (wish == ADDRESS || wish == BOTH) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    if (wish == PORT || wish == BOTH) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    }
    return fd;
}

static int bind_to(int fd, uint32_t host, struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(host);
    int result = bind(fd, (struct sockaddr *)address, sizeof *address);
    return result == 0 ? getsockname(fd, (struct sockaddr *)address, &length) : result;
}

/* The first is bound, and listens, or not; then the second tries. */
static void pair(int type, enum wish one, enum wish other, bool listens, bool same) {
    struct sockaddr_in address = {0};
    char what[80];
    int first = wishing(type, one), second = wishing(type, other);
    bind_to(first, INADDR_LOOPBACK, &address);
    if (listens) {
        listen(first, 5);
    }
    snprintf(what, sizeof what, "%s %s%s, then %s%s", type == SOCK_STREAM ? "stream" : "datagram", names[one],
             listens ? " that listens" : "", names[other], same ? "" : " to all");
    const char *bound = outcome(bind_to(second, same ? INADDR_LOOPBACK : INADDR_ANY, &address));
    say(what, "bind %s, listen %s", bound, outcome(type == SOCK_STREAM ? listen(second, 5) : 0));
    close(first);
    close(second);
}

/* Each of two listeners gets some of the connections, and every connection comes to one of them. */
static void share(void) {
    enum { CLIENTS = 60 };
    struct sockaddr_in address = {0};
    int listener[2] = {wishing(SOCK_STREAM, PORT), wishing(SOCK_STREAM, PORT)}, client[CLIENTS];
    int taken[2] = {0};
    for (int i = 0; i < 2; i++) {
        bind_to(listener[i], INADDR_LOOPBACK, &address);
        listen(listener[i], CLIENTS);
    }
    for (int i = 0; i < CLIENTS; i++) {
        client[i] = socket(AF_INET, SOCK_STREAM, 0);
        (void)connect(client[i], (struct sockaddr *)&address, sizeof address);
    }
    usleep(100000);
    for (int i = 0; i < 2; i++) {
        int fd;
        fcntl(listener[i], F_SETFL, O_NONBLOCK);
        while ((fd = accept(listener[i], NULL, NULL)) >= 0) {
            close(fd);
            taken[i]++;
        }
        close(listener[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        close(client[i]);
    }
    say("two listeners share", "%d, both some: %d", taken[0] + taken[1], taken[0] > 10 && taken[1] > 10);
}

void ports(void) {
    for (int one = PLAIN; one < WISHES; one++) {
        for (int other = PLAIN; other < WISHES; other++) {
            pair(SOCK_STREAM, (enum wish)one, (enum wish)other, false, true);
            pair(SOCK_STREAM, (enum wish)one, (enum wish)other, true, true);
            pair(SOCK_STREAM, (enum wish)one, (enum wish)other, false, false);
            pair(SOCK_STREAM, (enum wish)one, (enum wish)other, true, false);
            pair(SOCK_DGRAM, (enum wish)one, (enum wish)other, false, true);
            pair(SOCK_DGRAM, (enum wish)one, (enum wish)other, false, false);
        }
    }
    share();
}
