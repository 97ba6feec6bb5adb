/* stalls: WHAT HOST PORT: connects, does one thing while the peer keeps silent, and says how it went and how
 * many milliseconds it took. It is compiled for this system and for the build machine's Linux from the same
 * source. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static void set(int fd, int level, int name, int value) {
    if (setsockopt(fd, level, name, &value, sizeof value) != 0) {
        perror("setsockopt");
        exit(1);
    }
}

static const char *outcome(long result) {
    return result >= 0 ? "done" : errno == ETIMEDOUT ? "ETIMEDOUT" : strerror(errno);
}

/* Sends a little and waits for an answer that never comes. */
static long exchange(int fd) {
    char text[100] = "";
    long sent = send(fd, text, 10, 0);
    return sent < 0 ? sent : recv(fd, text, sizeof text, 0);
}

static long lingering_close(int fd, int seconds) {
    struct linger linger = {1, seconds};
    char text[10] = "";
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    long sent = send(fd, text, sizeof text, 0);
    return sent < 0 ? sent : close(fd);
}

/* What is corked waits until the cork is out. */
static long corked(int fd) {
    char text[100] = "";
    set(fd, IPPROTO_TCP, TCP_CORK, 1);
    for (int i = 0; i < 5; i++) {
        send(fd, text, sizeof text, 0);
    }
    set(fd, IPPROTO_TCP, TCP_CORK, 0);
    return recv(fd, text, sizeof text, 0);
}

static long act(const char *what, int fd) {
    if (strcmp(what, "linger") == 0) {
        return lingering_close(fd, 2);
    }
    if (strcmp(what, "reset") == 0) {
        return lingering_close(fd, 0);
    }
    return strcmp(what, "cork") == 0 ? corked(fd) : exchange(fd);
}

/* Before connect(). */
static void prepare(const char *what, int fd) {
    if (strcmp(what, "timeout") == 0 || strcmp(what, "window") == 0 || strcmp(what, "handshake") == 0) {
        set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1500);
    } else if (strcmp(what, "syncnt") == 0) {
        set(fd, IPPROTO_TCP, TCP_SYNCNT, 1);
    } else if (strcmp(what, "marks") == 0) {
        set(fd, IPPROTO_IP, IP_TTL, 17);
        set(fd, IPPROTO_IP, IP_TOS, 0xb8);
    } else if (strcmp(what, "size") == 0) {
        set(fd, IPPROTO_TCP, TCP_MAXSEG, 700);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: stalls WHAT HOST PORT\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[3])),
                                  .sin_addr.s_addr = inet_addr(argv[2])};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    prepare(argv[1], fd);
    long began = milliseconds(), result = connect(fd, (struct sockaddr *)&address, sizeof address);
    if (result == 0) {
        began = milliseconds();
        result = act(argv[1], fd);
    }
    const char *how = outcome(result);
    printf("%s: %s after %ld ms\n", argv[1], how, milliseconds() - began);
    return 0;
}
