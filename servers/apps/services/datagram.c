/* datagram.c: the services over UDP. Two such services must never be brought to talk to each other by a
 * forged source, and none may send much more than it got: chargen answers with one line, whatever RFC 864
 * would allow. */
#include "services.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

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

/* The answer comes from the address that was asked (RFC 1122 4.1.3.5), by whatever link leads there. */
static void answer_from_where_it_came(struct msghdr *message) {
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header != NULL && header->cmsg_len == CMSG_LEN(sizeof(struct in_pktinfo))) {
        struct in_pktinfo where;
        memcpy(&where, CMSG_DATA(header), sizeof where);
        where.ipi_ifindex = 0;
        memcpy(CMSG_DATA(header), &where, sizeof where);
    }
}

static void answer(struct server *server, int fd, enum kind kind, size_t length, struct msghdr *message) {
    const struct sockaddr_in *peer = message->msg_name;
    if (kind == KIND_DISCARD || answers_anything(server, ntohs(peer->sin_port))) {
        return;
    }
    message->msg_iov[0].iov_len = compose(server, kind, length);
    answer_from_where_it_came(message);
    /* What cannot be sent is lost, as datagrams are. */
    (void)!sendmsg(fd, message, MSG_NOSIGNAL);
}

void datagram_ready(struct server *server, int fd, enum kind kind) {
    for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
        _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct sockaddr_in peer = {0};
        struct iovec piece = {server->scratch, sizeof server->scratch};
        struct msghdr message = {.msg_name = &peer,
                                 .msg_namelen = sizeof peer,
                                 .msg_iov = &piece,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        const ssize_t got = recvmsg(fd, &message, 0);
        if (got < 0) {
            break; /* nothing there; or an ICMP error about an earlier answer, which is nobody's concern */
        }
        answer(server, fd, kind, (size_t)got, &message);
    }
}
