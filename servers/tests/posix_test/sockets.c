/* sockets.c: sockets that need no peer: their errors, options, names and addresses. */
#include "posix_test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in address_of(const char *host, uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(host)};
}

static int bind_to(int fd, const char *host, uint16_t port) {
    struct sockaddr_in address = address_of(host, port);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static void kinds(struct checks *t) {
    CHECK_ERRNO(t, socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(t, socket(AF_INET, 77, 0), EPROTONOSUPPORT);
    CHECK_ERRNO(t, socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    CHECK(t, fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK_ERRNO(t, (int)lseek(fd, 0, SEEK_SET), ESPIPE);
    CHECK(t, !isatty(fd) && errno == ENOTTY);
    CHECK_EQUAL(t, close(fd), 0);
    char byte;
    CHECK_ERRNO(t, (int)recv(1, &byte, 1, 0), ENOTSOCK);
    CHECK_ERRNO(t, bind_to(1, "0.0.0.0", 80), ENOTSOCK);
}

static void streams_without_peer(struct checks *t) {
    char byte = 0;
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(t, (int)recv(fd, &byte, 1, 0), ENOTCONN);
    CHECK_ERRNO(t, shutdown(fd, SHUT_WR), ENOTCONN);
    CHECK_ERRNO(t, shutdown(fd, 9), EINVAL);
    CHECK_ERRNO(t, getpeername(fd, (struct sockaddr *)&address, &length), ENOTCONN);
    CHECK_ERRNO(t, accept(fd, NULL, NULL), EINVAL);
    CHECK_ERRNO(t, bind(fd, (struct sockaddr *)&address, 3), EINVAL);
    CHECK_ERRNO(t, bind_to(fd, "192.0.2.1", 5000), EADDRNOTAVAIL);
    CHECK_EQUAL(t, bind_to(fd, "0.0.0.0", 5000), 0);
    CHECK_ERRNO(t, bind_to(fd, "0.0.0.0", 5001), EINVAL);
    CHECK_EQUAL(t, listen(fd, 5), 0);
    CHECK_ERRNO(t, bind_to(other, "0.0.0.0", 5000), EADDRINUSE);
    CHECK_EQUAL(t, fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    CHECK_ERRNO(t, accept(fd, NULL, NULL), EAGAIN);
    length = sizeof address;
    CHECK_EQUAL(t, getsockname(fd, (struct sockaddr *)&address, &length), 0);
    CHECK_EQUAL(t, ntohs(address.sin_port), 5000);
    CHECK_EQUAL(t, length, sizeof address);
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    CHECK_EQUAL(t, poll(&waiting, 1, 20), 0);
    CHECK_EQUAL(t, close(fd), 0);
    CHECK_EQUAL(t, bind_to(other, "0.0.0.0", 5000), 0);
    CHECK_EQUAL(t, close(other), 0);
}

static void datagrams_without_peer(struct checks *t) {
    static char large[70000];
    struct sockaddr_in to = address_of("10.0.2.2", 9);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_ERRNO(t, listen(fd, 5), EOPNOTSUPP);
    CHECK_ERRNO(t, accept(fd, NULL, NULL), EOPNOTSUPP);
    CHECK_ERRNO(t, (int)send(fd, "x", 1, 0), EDESTADDRREQ);
    CHECK_ERRNO(t, (int)sendto(fd, large, sizeof large, 0, (struct sockaddr *)&to, sizeof to), EMSGSIZE);
    CHECK_ERRNO(t, (int)recv(fd, large, 10, MSG_DONTWAIT), EAGAIN);
    CHECK_EQUAL(t, sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    struct timeval limit = {.tv_usec = 30000};
    struct timespec before, after;
    CHECK_EQUAL(t, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK_ERRNO(t, (int)recv(fd, large, 10, 0), EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t passed = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    CHECK(t, passed >= 30000000);
    CHECK_EQUAL(t, close(fd), 0);
}

void test_sockets(struct checks *t) {
    kinds(t);
    streams_without_peer(t);
    datagrams_without_peer(t);
}

/* An option is set and read back. */
static void option(struct checks *t, int fd, int level, int name, int value) {
    int got = -1;
    socklen_t length = sizeof got;
    CHECK_EQUAL(t, setsockopt(fd, level, name, &value, sizeof value), 0);
    CHECK_EQUAL(t, getsockopt(fd, level, name, &got, &length), 0);
    CHECK_EQUAL(t, got, value);
}

/* Those of TCP that Linux alone has. */
static void options_of_streams(struct checks *t) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0), value = -1;
    char name[TCP_CA_NAME_MAX] = "";
    socklen_t length = sizeof name;
    struct tcp_info info = {.tcpi_state = 99};
    option(t, fd, IPPROTO_TCP, TCP_CORK, 1);
    option(t, fd, IPPROTO_TCP, TCP_MAXSEG, 1000);
    option(t, fd, IPPROTO_TCP, TCP_SYNCNT, 3);
    option(t, fd, IPPROTO_TCP, TCP_LINGER2, 20);
    option(t, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
    option(t, fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384);
    option(t, fd, SOL_SOCKET, SO_REUSEPORT, 1);
    option(t, other, SOL_SOCKET, SO_REUSEPORT, 1);
    option(t, fd, SOL_SOCKET, SO_RCVLOWAT, 100);
    CHECK_EQUAL(t, getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
    CHECK(t, length == sizeof name && strcmp(name, "cubic") == 0);
    CHECK_EQUAL(t, setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
    CHECK_EQUAL(t, getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
    CHECK(t, strcmp(name, "reno") == 0);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3), ENOENT);
    CHECK_ERRNO(t, setsockopt(other, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), ENOPROTOOPT);
    length = sizeof info;
    CHECK_EQUAL(t, getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    CHECK_EQUAL(t, info.tcpi_state, TCP_CLOSE);
    CHECK_ERRNO(t, getsockopt(other, IPPROTO_TCP, TCP_INFO, &info, &length), EOPNOTSUPP);
    CHECK_EQUAL(t, ioctl(other, FIONREAD, &value), 0);
    CHECK_EQUAL(t, value, 0);
    CHECK_ERRNO(t, ioctl(other, 77, &value), ENOTTY);
    CHECK_ERRNO(t, ioctl(1, FIONREAD, &value), ENOTTY);
    value = 1;
    CHECK_EQUAL(t, ioctl(fd, FIONBIO, &value), 0);
    CHECK(t, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK_ERRNO(t, (int)send(fd, "x", 1, MSG_OOB), EOPNOTSUPP);
    CHECK_EQUAL(t, close(fd), 0);
    CHECK_EQUAL(t, close(other), 0);
}

static void groups(struct checks *t) {
    struct ip_mreq group = {.imr_multiaddr.s_addr = htonl(0xef010203)};
    struct ip_mreqn other = {.imr_multiaddr.s_addr = htonl(0xef010204), .imr_ifindex = 9};
    struct ip_mreq_source source = {.imr_multiaddr = group.imr_multiaddr, .imr_sourceaddr.s_addr = htonl(1)};
    struct in_addr interface = {.s_addr = 1};
    unsigned char byte = 0;
    socklen_t length = sizeof interface;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), stream = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group), EADDRNOTAVAIL);
    CHECK_EQUAL(t, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), EADDRINUSE);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, 7), EINVAL);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &other, sizeof other), ENODEV);
    other.imr_ifindex = 2;
    CHECK_EQUAL(t, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &other, sizeof other), 0);
    CHECK_EQUAL(t, setsockopt(fd, IPPROTO_IP, IP_BLOCK_SOURCE, &source, sizeof source), 0);
    CHECK_EQUAL(t, setsockopt(fd, IPPROTO_IP, IP_UNBLOCK_SOURCE, &source, sizeof source), 0);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &source, sizeof source), EINVAL);
    CHECK_EQUAL(t, setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group), 0);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, &source, sizeof source), EINVAL);
    CHECK_ERRNO(t, setsockopt(stream, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), EPROTO);
    group.imr_multiaddr.s_addr = htonl(0x0a000001);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), EINVAL);
    for (uint32_t i = 1; i < 20; i++) {
        group.imr_multiaddr.s_addr = htonl(0xef020000 + i);
        CHECK_EQUAL(t, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
    }
    group.imr_multiaddr.s_addr = htonl(0xef020000);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), ENOBUFS);
    CHECK_EQUAL(t, getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, &length), 0);
    CHECK_EQUAL(t, interface.s_addr, 0);
    interface.s_addr = htonl(0xc0000201);
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface), EADDRNOTAVAIL);
    CHECK_EQUAL(t, setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &byte, 1), 0);
    option(t, fd, IPPROTO_IP, IP_MULTICAST_TTL, 9);
    option(t, fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    option(t, fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    CHECK_EQUAL(t, close(fd), 0);
    CHECK_EQUAL(t, close(stream), 0);
}

void test_options(struct checks *t) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), value = 0;
    socklen_t length = sizeof value;
    option(t, fd, SOL_SOCKET, SO_REUSEADDR, 1);
    option(t, fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    option(t, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    option(t, fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    option(t, fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    option(t, fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    option(t, fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
    option(t, fd, IPPROTO_IP, IP_TTL, 17);
    option(t, fd, IPPROTO_IP, IP_TOS, 0xb8);
    CHECK_EQUAL(t, getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), 0);
    CHECK_EQUAL(t, value, SOCK_STREAM);
    CHECK_EQUAL(t, getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length), 0);
    CHECK_EQUAL(t, value, 0);
    struct linger linger = {.l_onoff = 1, .l_linger = 3}, got;
    length = sizeof got;
    CHECK_EQUAL(t, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    CHECK_EQUAL(t, getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &length), 0);
    CHECK(t, got.l_onoff == 1 && got.l_linger == 3);
    value = 300;
    CHECK_ERRNO(t, setsockopt(fd, IPPROTO_IP, IP_TTL, &value, sizeof value), EINVAL);
    value = 0xbb; /* the ECN bits of a stream are the stack's */
    length = sizeof value;
    CHECK_EQUAL(t, setsockopt(fd, IPPROTO_IP, IP_TOS, &value, sizeof value), 0);
    CHECK_EQUAL(t, getsockopt(fd, IPPROTO_IP, IP_TOS, &value, &length), 0);
    CHECK_EQUAL(t, value, 0xb8);
    CHECK_ERRNO(t, setsockopt(fd, SOL_SOCKET, 7777, &value, sizeof value), ENOPROTOOPT);
    CHECK_ERRNO(t, getsockopt(fd, 7777, SO_TYPE, &value, &length), EOPNOTSUPP);
    groups(t);
    options_of_streams(t);
    CHECK_EQUAL(t, close(fd), 0);
}

static void addresses(struct checks *t) {
    static const char *const wrong[] = {"",          "1",        "1.2.3",    "1.2.3.4.5",
                                        "1.2.3.256", "1.2.3.04", "1.2.3.4 ", "a.b.c.d"};
    struct in_addr address;
    uint8_t six[16];
    char text[INET6_ADDRSTRLEN];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQUAL(t, inet_pton(AF_INET, wrong[i], &address), 0);
    }
    CHECK_EQUAL(t, inet_pton(AF_INET, "10.0.2.100", &address), 1);
    CHECK_EQUAL(t, ntohl(address.s_addr), 0x0a000264);
    CHECK(t, inet_ntop(AF_INET, &address, text, sizeof text) != NULL && strcmp(text, "10.0.2.100") == 0);
    CHECK(t, inet_ntop(AF_INET, &address, text, 4) == NULL && errno == ENOSPC);
    CHECK_EQUAL(t, ntohl(inet_addr("0x7f.1")), 0x7f000001);
    CHECK_EQUAL(t, inet_addr("4294967296"), INADDR_NONE);
    CHECK_EQUAL(t, inet_pton(AF_INET6, "2001:db8::8:800:200c:417a", six), 1);
    CHECK(t, inet_ntop(AF_INET6, six, text, sizeof text) != NULL &&
                 strcmp(text, "2001:db8::8:800:200c:417a") == 0);
    CHECK_EQUAL(t, inet_pton(AF_INET6, "::ffff:192.0.2.1", six), 1);
    CHECK_EQUAL(t, inet_pton(AF_INET6, "1::2::3", six), 0);
    CHECK_EQUAL(t, inet_pton(AF_INET6, "1:2:3:4:5:6:7", six), 0);
    CHECK(t, inet_ntop(AF_INET6, &in6addr_any, text, sizeof text) != NULL && strcmp(text, "::") == 0);
}

void test_names(struct checks *t) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char host[64], service[16];
    addresses(t);
    CHECK_EQUAL(t, getaddrinfo("192.0.2.9", "http", &hints, &found), 0);
    CHECK(t, found != NULL && found->ai_next == NULL && found->ai_protocol == IPPROTO_TCP);
    CHECK_EQUAL(
        t, getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, service, sizeof service, 0), 0);
    CHECK(t, strcmp(host, "192.0.2.9") == 0 && strcmp(service, "http") == 0);
    freeaddrinfo(found);
    CHECK_EQUAL(t, getaddrinfo(NULL, "8080", NULL, &found), 0);
    CHECK(t, found != NULL && found->ai_next != NULL);
    freeaddrinfo(found);
    CHECK_EQUAL(t, getaddrinfo(NULL, NULL, &hints, &found), EAI_NONAME);
    CHECK_EQUAL(t, getaddrinfo("192.0.2.9", "no such service", &hints, &found), EAI_SERVICE);
    hints.ai_flags = AI_NUMERICHOST;
    CHECK_EQUAL(t, getaddrinfo("example.com", "80", &hints, &found), EAI_NONAME);
    hints.ai_family = AF_UNIX;
    CHECK_EQUAL(t, getaddrinfo("192.0.2.9", "80", &hints, &found), EAI_FAMILY);
    CHECK(t, strlen(gai_strerror(EAI_NONAME)) > 0 && strlen(gai_strerror(4711)) > 0);
}
