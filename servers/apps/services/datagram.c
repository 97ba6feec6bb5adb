/* datagram.c: the services over UDP. Two such services must never be brought to talk to each other by a
 * forged source, and none may send much more than it got: chargen answers with one line, whatever RFC 864
 * would allow. */
#include "services.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define DATAGRAMS_A_TURN 32

/* Ports where something sits that answers whatever comes: those of inetd, and our own. */
static bool answers_anything(const struct server *server, uint16_t port) {
    static const uint16_t ports[] = {0, 7, 9, 11, 13, 15, 17, 18, 19, 37};
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        if (port == ports[i]) {
            return true;
        }
    }
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (port == server->options.ports[kind]) {
            return true;
        }
    }
    return false;
}

/* The answer to what is in the scratch memory takes its place. */
static size_t compose(struct server *server, enum kind kind, size_t length) {
    switch (kind) {
    case KIND_ECHO: return length;
    case KIND_DAYTIME: return text_daytime(server->scratch);
    default:
        memcpy(server->scratch, server->pattern + (size_t)(server->next_line++ % 95) * LINE_LENGTH,
               LINE_LENGTH);
        return LINE_LENGTH;
    }
}

static void answer(struct server *server, int fd, enum kind kind, size_t length,
                   const struct sockaddr_in *peer) {
    if (kind == KIND_DISCARD || answers_anything(server, ntohs(peer->sin_port))) {
        return;
    }
    length = compose(server, kind, length);
    /* What cannot be sent is lost, as datagrams are. */
    (void)!sendto(fd, server->scratch, length, MSG_NOSIGNAL, (const struct sockaddr *)peer, sizeof *peer);
}

void datagram_ready(struct server *server, int fd, enum kind kind) {
    for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
        struct sockaddr_in peer = {0};
        socklen_t peer_length = sizeof peer;
        const ssize_t got =
            recvfrom(fd, server->scratch, sizeof server->scratch, 0, (struct sockaddr *)&peer, &peer_length);
        if (got < 0) {
            break; /* nothing there; or an ICMP error about an earlier answer, which is nobody's concern */
        }
        answer(server, fd, kind, (size_t)got, &peer);
    }
}
