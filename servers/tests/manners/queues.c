/* queues.c: what waits: how it is counted, when it goes, and when it is enough. */
#include "manners.h"
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

static void set(int fd, int level, int name, int value) {
    if (setsockopt(fd, level, name, &value, sizeof value) != 0) {
        say("setsockopt", "%s", outcome(-1));
    }
}

static void patience(int fd, long milliseconds) {
    struct timeval time = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

static int readable(int fd, int milliseconds) {
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, milliseconds);
}

static void count(const char *what, int fd, unsigned long request) {
    int value = -1;
    long result = ioctl(fd, request, &value);
    say(what, "%s: %d", outcome(result), value);
}

static void of_streams(void) {
    static char text[10000];
    struct sockaddr_in address;
    int end[2], listener = listening(-1, &address), idle = socket(AF_INET, SOCK_STREAM, 0);
    count("FIONREAD of a listener", listener, FIONREAD);
    count("FIONREAD of an idle socket", idle, FIONREAD);
    count("SIOCOUTQ of an idle socket", idle, SIOCOUTQ);
    count("SIOCOUTQNSD of an idle socket", idle, SIOCOUTQNSD);
    count("some other request", idle, 77);
    close(listener);
    close(idle);
    connected(end);
    count("FIONREAD of nothing", end[1], FIONREAD);
    send(end[0], text, 100, 0);
    readable(end[1], 5000);
    count("FIONREAD of 100", end[1], FIONREAD);
    say("a look", "%s", outcome(recv(end[1], text, 40, MSG_PEEK)));
    say("recv", "%s", outcome(recv(end[1], text, 40, 0)));
    count("FIONREAD of 60", end[1], FIONREAD);
    shutdown(end[0], SHUT_WR);
    usleep(200000);
    count("FIONREAD with a FIN behind", end[1], FIONREAD);
    count("SIOCOUTQ when all is acknowledged", end[0], SIOCOUTQ);
    say("recv", "%s", outcome(recv(end[1], text, 100, MSG_WAITALL)));
    count("FIONREAD at the end", end[1], FIONREAD);
    say("recv", "%s", outcome(recv(end[1], text, 100, 0)));
    close(end[0]);
    close(end[1]);
}

static void low_water(void) {
    static char text[10000];
    int end[2];
    connected(end);
    set(end[1], SOL_SOCKET, SO_RCVLOWAT, 200);
    send(end[0], text, 150, 0);
    say("too little to poll", "%s", outcome(readable(end[1], 200)));
    patience(end[1], 200);
    say("too little to receive", "%s", outcome(recv(end[1], text, 1000, 0)));
    send(end[0], text, 150, 0);
    say("too little for long", "%s", outcome(readable(end[1], 200)));
    say("too little without waiting", "%s", outcome(recv(end[1], text, 120, MSG_DONTWAIT)));
    say("less is asked for", "%s", outcome(recv(end[1], text, 10, 0)));
    send(end[0], text, 300, 0);
    say("enough to poll", "%s", outcome(readable(end[1], 5000)));
    shutdown(end[0], SHUT_WR);
    patience(end[1], 5000);
    say("enough", "%s", outcome(recv(end[1], text, sizeof text, 0) >= 200));
    say("the end is always enough", "%s", outcome(readable(end[1], 5000)));
    close(end[0]);
    close(end[1]);
}

static void cork(void) {
    static char text[100000];
    int end[2];
    connected(end);
    set(end[0], IPPROTO_TCP, TCP_CORK, 1);
    send(end[0], text, 100, 0);
    say("corked", "%s", outcome(readable(end[1], 50)));
    set(end[0], IPPROTO_TCP, TCP_CORK, 0);
    say("uncorked", "%s", outcome(readable(end[1], 5000)));
    say("recv", "%s", outcome(recv(end[1], text, sizeof text, 0)));
    set(end[0], IPPROTO_TCP, TCP_CORK, 1);
    send(end[0], text, 100, 0);
    say("corked for long", "%s", outcome(readable(end[1], 5000)));
    say("recv", "%s", outcome(recv(end[1], text, sizeof text, 0)));
    send(end[0], text, 100, 0);
    set(end[0], IPPROTO_TCP, TCP_NODELAY, 1);
    say("corked, but TCP_NODELAY is set anew", "%s", outcome(readable(end[1], 50)));
    recv(end[1], text, sizeof text, MSG_DONTWAIT);
    send(end[0], text, 100, MSG_MORE);
    shutdown(end[0], SHUT_WR);
    say("corked, at the end", "%s", outcome(readable(end[1], 5000)));
    close(end[0]);
    close(end[1]);
}

static void of_datagrams(void) {
    char text[1000] = "";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    (void)bind(fd, (struct sockaddr *)&address, length);
    getsockname(fd, (struct sockaddr *)&address, &length);
    (void)connect(fd, (struct sockaddr *)&address, length);
    count("FIONREAD of no datagram", fd, FIONREAD);
    send(fd, text, 0, 0);
    send(fd, text, 100, 0);
    send(fd, text, 50, 0);
    usleep(100000);
    count("FIONREAD of an empty one", fd, FIONREAD);
    say("poll", "%s", outcome(readable(fd, 5000)));
    say("recv", "%s", outcome(recv(fd, text, sizeof text, 0)));
    count("FIONREAD of two", fd, FIONREAD);
    say("cut", "%s", outcome(recv(fd, text, 10, MSG_PEEK)));
    say("cut, with its length", "%s", outcome(recv(fd, text, 10, MSG_TRUNC)));
    count("FIONREAD of one", fd, FIONREAD);
    count("SIOCOUTQ of datagrams", fd, SIOCOUTQ);
    say("recv", "%s", outcome(recv(fd, text, sizeof text, 0)));
    say("recv", "%s", outcome(recv(fd, text, sizeof text, MSG_DONTWAIT)));
    close(fd);
}

void queues(void) {
    of_streams();
    low_water();
    cork();
    of_datagrams();
}
