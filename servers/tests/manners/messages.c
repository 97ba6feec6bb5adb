/* messages.c: sendmsg() and recvmsg(): several pieces, and what stands beside the bytes. */
#include "manners.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void set(int fd, int level, int name, int value) {
    if (setsockopt(fd, level, name, &value, sizeof value) != 0) {
        say("setsockopt", "%s", outcome(-1));
    }
}

/* Each control message in words. */
static void tell_control(const char *what, struct msghdr *message) {
    char text[200] = "";
    size_t used = 0;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
        used += (size_t)snprintf(text + used, sizeof text - used, " %d/%d in %u:", at->cmsg_level,
                                 at->cmsg_type, (unsigned)at->cmsg_len);
        for (size_t i = 0; i < at->cmsg_len - sizeof *at && used < sizeof text - 4; i++) {
            used += (size_t)snprintf(text + used, sizeof text - used, " %02x", CMSG_DATA(at)[i]);
        }
    }
    say(what, "flags %x, %u bytes of control:%s", (unsigned)message->msg_flags,
        (unsigned)message->msg_controllen, text);
}

static void receive(const char *what, int fd, size_t room, size_t control_room, int flags) {
    char text[1000];
    _Alignas(8) char control[200];
    struct sockaddr_in from = {.sin_port = 0};
    struct iovec pieces[3] = {{text, room / 2}, {NULL, 0}, {text + room / 2, room - room / 2}};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = pieces,
                             .msg_iovlen = 3,
                             .msg_control = control_room != 0 ? control : NULL,
                             .msg_controllen = control_room,
                             .msg_flags = 0x7777};
    memset(text, '-', sizeof text);
    memset(control, 0, sizeof control);
    long result = recvmsg(fd, &message, flags | MSG_DONTWAIT);
    if (result < 0) {
        say(what, "%s", outcome(result));
        return;
    }
    say(what, "%s: %.12s, from %u bytes", outcome(result), text, (unsigned)message.msg_namelen);
    tell_control(what, &message);
}

struct given {
    const char *what;
    int level, type;
    size_t length; /* of the data */
    int data[3];
};

static const struct given all_given[] = {
    {"a TTL", IPPROTO_IP, IP_TTL, 4, {7}},
    {"a TTL of 0", IPPROTO_IP, IP_TTL, 4, {0}},
    {"a TTL of 256", IPPROTO_IP, IP_TTL, 4, {256}},
    {"a TTL in a byte", IPPROTO_IP, IP_TTL, 1, {7}},
    {"a TOS", IPPROTO_IP, IP_TOS, 4, {0x28}},
    {"a TOS in a byte", IPPROTO_IP, IP_TOS, 1, {0x2c}},
    {"a TOS in two bytes", IPPROTO_IP, IP_TOS, 2, {0x2c}},
    {"a TOS of 0", IPPROTO_IP, IP_TOS, 4, {0}},
    {"a TOS of 256", IPPROTO_IP, IP_TOS, 4, {256}},
    {"a TOS below 0", IPPROTO_IP, IP_TOS, 4, {-1}},
    {"a link and an address", IPPROTO_IP, IP_PKTINFO, 12, {1, 0x0100007f, 0}},
    {"an address", IPPROTO_IP, IP_PKTINFO, 12, {0, 0x0100007f, 0}},
    {"nothing of it", IPPROTO_IP, IP_PKTINFO, 12, {0, 0, 0}},
    {"another's address", IPPROTO_IP, IP_PKTINFO, 12, {0, 0x01020304, 0}},
    {"a group's address", IPPROTO_IP, IP_PKTINFO, 12, {0, 0x010000ef, 0}},
    {"a link that is not there", IPPROTO_IP, IP_PKTINFO, 12, {99, 0, 0}},
    {"a link far beyond", IPPROTO_IP, IP_PKTINFO, 12, {65537, 0, 0}},
    {"a link below 0", IPPROTO_IP, IP_PKTINFO, 12, {-1, 0, 0}},
    {"another's address and no link", IPPROTO_IP, IP_PKTINFO, 12, {99, 0x01020304, 0}},
    {"too little", IPPROTO_IP, IP_PKTINFO, 8, {0, 0, 0}},
    {"an unknown type", IPPROTO_IP, 77, 4, {1}},
    {"an unknown type for the socket", SOL_SOCKET, 77, 4, {1}},
    {"an unknown level", 77, 77, 4, {1}},
};

static void send_given(int type, int fd, const struct given *given, const struct sockaddr_in *to) {
    char what[80];
    _Alignas(8) char control[64] = "";
    struct iovec pieces[2] = {{(void *)"01234", 5}, {(void *)"56789", 5}};
    struct msghdr message = {.msg_name = (void *)to,
                             .msg_namelen = to != NULL ? sizeof *to : 0,
                             .msg_iov = pieces,
                             .msg_iovlen = 2,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(given->length)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = given->level;
    header->cmsg_type = given->type;
    header->cmsg_len = CMSG_LEN(given->length);
    memcpy(CMSG_DATA(header), given->data, given->length);
    snprintf(what, sizeof what, "%s with %s", type == SOCK_STREAM ? "stream" : "datagram", given->what);
    say(what, "%s", outcome(sendmsg(fd, &message, 0)));
    if (type == SOCK_DGRAM) {
        usleep(20000);
        receive(what, fd, 100, 200, 0);
    }
}

/* Control messages that do not fit into what they are in. */
static void send_malformed(int fd, const struct sockaddr_in *to) {
    static const size_t lengths[] = {0, 1, sizeof(struct cmsghdr) - 1, sizeof(struct cmsghdr) + 17,
                                     (size_t)-1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        _Alignas(8) char control[32] = "";
        struct iovec piece = {(void *)"x", 1};
        struct msghdr message = {(void *)to, sizeof *to, &piece, 1, control, sizeof control, 0};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = IPPROTO_IP;
        header->cmsg_type = IP_TTL;
        header->cmsg_len = lengths[i];
        say("a control message of no length", "%s", outcome(sendmsg(fd, &message, 0)));
        message.msg_controllen = sizeof *header - 1;
        say("and too little for any", "%s", outcome(sendmsg(fd, &message, 0)));
    }
    char rest[100];
    while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) >= 0) {
    }
}

static int to_itself(struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)bind(fd, (struct sockaddr *)address, length);
    getsockname(fd, (struct sockaddr *)address, &length);
    return fd;
}

static void of_datagrams(void) {
    struct sockaddr_in address;
    int fd = to_itself(&address);
    struct iovec none = {NULL, 0};
    struct msghdr empty = {.msg_name = &address, .msg_namelen = sizeof address};
    say("nothing", "%s", outcome(sendmsg(fd, &empty, 0)));
    usleep(20000);
    receive("nothing", fd, 100, 0, 0);
    empty.msg_iov = &none;
    empty.msg_iovlen = 1;
    say("a piece of nothing", "%s", outcome(sendmsg(fd, &empty, 0)));
    usleep(20000);
    receive("a piece of nothing", fd, 0, 0, 0);
    empty.msg_iovlen = UIO_MAXIOV + 1;
    say("too many pieces", "%s", outcome(sendmsg(fd, &empty, 0)));
    say("too many to receive", "%s", outcome(recvmsg(fd, &empty, MSG_DONTWAIT)));
    receive("nothing is there", fd, 100, 100, 0);
    for (int i = 0; i < 3; i++) {
        static const int names[] = {IP_RECVTOS, IP_PKTINFO, IP_RECVTTL};
        send_given(SOCK_DGRAM, fd, &all_given[4], &address);
        set(fd, IPPROTO_IP, names[i], 1);
    }
    for (size_t i = 0; i < sizeof all_given / sizeof all_given[0]; i++) {
        send_given(SOCK_DGRAM, fd, &all_given[i], &address);
    }
    send_malformed(fd, &address);
    static const size_t rooms[] = {0, 8, 15, 16, 17, 24, 28, 31, 32, 47, 48, 52, 56, 64, 72, 73, 80};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        char what[80];
        snprintf(what, sizeof what, "room for %u bytes of control", (unsigned)rooms[i]);
        sendto(fd, "0123456789", 10, 0, (struct sockaddr *)&address, sizeof address);
        usleep(20000);
        receive(what, fd, 100, rooms[i], MSG_PEEK);
        receive(what, fd, 4, rooms[i], i % 2 != 0 ? MSG_TRUNC : 0);
    }
    close(fd);
}

static void of_streams(void) {
    char text[100];
    int end[2];
    connected(end);
    for (size_t i = 0; i < sizeof all_given / sizeof all_given[0]; i++) {
        send_given(SOCK_STREAM, end[0], &all_given[i], NULL);
    }
    usleep(50000);
    set(end[1], IPPROTO_IP, IP_RECVTTL, 1);
    receive("a look at a stream", end[1], 15, 100, MSG_PEEK);
    receive("a stream", end[1], 15, 100, 0);
    while (recv(end[1], text, sizeof text, MSG_DONTWAIT) > 0) {
    }
    receive("an empty stream", end[1], 15, 100, 0);
    send(end[0], "abcdefghij", 10, 0);
    usleep(50000);
    say("a look at what nobody wants", "%s", outcome(recv(end[1], NULL, 4, MSG_TRUNC | MSG_PEEK)));
    say("thrown away", "%s", outcome(recv(end[1], NULL, 4, MSG_TRUNC)));
    receive("the rest", end[1], 15, 100, 0);
    send(end[0], "abcdefghij", 10, 0);
    usleep(50000);
    receive("a look at pieces that nobody wants", end[1], 15, 100, MSG_TRUNC | MSG_PEEK);
    receive("thrown away in pieces", end[1], 15, 100, MSG_TRUNC);
    say("nothing to throw away", "%s", outcome(recv(end[1], NULL, 4, MSG_TRUNC | MSG_DONTWAIT)));
    struct iovec pieces[3] = {{text, 3}, {text + 50, 0}, {text + 3, 7}};
    memcpy(text, "abcdefghij", 10);
    say("writev", "%s", outcome(writev(end[0], pieces, 3)));
    usleep(50000);
    memset(text, '-', sizeof text);
    say("readv", "%s: %.12s", outcome(readv(end[1], pieces, 3)), text);
    say("no pieces", "%s, %s", outcome(writev(end[0], pieces, 0)), outcome(readv(end[1], pieces, 0)));
    say("less than none", "%s, %s", outcome(writev(end[0], pieces, -1)), outcome(readv(end[1], pieces, -1)));
    say("too many", "%s", outcome(writev(end[0], pieces, UIO_MAXIOV + 1)));
    close(end[1]);
    close(end[0]);
}

void messages(void) {
    of_datagrams();
    of_streams();
}
