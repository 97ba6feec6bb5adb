/* sys/socket.h: sockets, with the names and numbers of Linux. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned int socklen_t;
typedef unsigned short sa_family_t;

#define AF_UNSPEC 0
#define AF_UNIX   1
#define AF_LOCAL  AF_UNIX
#define AF_INET   2
#define AF_INET6  10
#define PF_UNSPEC AF_UNSPEC
#define PF_UNIX   AF_UNIX
#define PF_LOCAL  AF_LOCAL
#define PF_INET   AF_INET
#define PF_INET6  AF_INET6

#define SOCK_STREAM   1
#define SOCK_DGRAM    2
#define SOCK_RAW      3
#define SOCK_NONBLOCK 0x4000  /* O_NONBLOCK */
#define SOCK_CLOEXEC  0x40000 /* O_CLOEXEC */

#define SOL_SOCKET 1

#define SO_DEBUG      1
#define SO_REUSEADDR  2
#define SO_TYPE       3
#define SO_ERROR      4
#define SO_DONTROUTE  5
#define SO_BROADCAST  6
#define SO_SNDBUF     7
#define SO_RCVBUF     8
#define SO_KEEPALIVE  9
#define SO_OOBINLINE  10
#define SO_LINGER     13
#define SO_REUSEPORT  15
#define SO_RCVLOWAT   18
#define SO_SNDLOWAT   19
#define SO_RCVTIMEO   20
#define SO_SNDTIMEO   21
#define SO_ACCEPTCONN 30
#define SO_PROTOCOL   38
#define SO_DOMAIN     39

#define MSG_OOB      0x0001
#define MSG_PEEK     0x0002
#define MSG_CTRUNC   0x0008 /* of msg_flags: there was more than msg_control has room for */
#define MSG_TRUNC    0x0020
#define MSG_DONTWAIT 0x0040
#define MSG_WAITALL  0x0100
#define MSG_NOSIGNAL 0x4000 /* always so here: there are no signals */
#define MSG_MORE     0x8000

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define SOMAXCONN 4096

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

struct sockaddr_storage {
    sa_family_t ss_family;
    char ss_padding[118];
    unsigned long ss_align;
};

struct msghdr {
    void *msg_name; /* whom it came from, or goes to */
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    size_t msg_iovlen;
    void *msg_control; /* struct cmsghdr, each followed by its data */
    size_t msg_controllen;
    int msg_flags; /* MSG_TRUNC, MSG_CTRUNC */
};

struct cmsghdr {
    size_t cmsg_len; /* with this header */
    int cmsg_level, cmsg_type;
};

#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2

#define CMSG_ALIGN(length) (((length) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_SPACE(length) (sizeof(struct cmsghdr) + CMSG_ALIGN(length))
#define CMSG_LEN(length)   (sizeof(struct cmsghdr) + (length))
#define CMSG_DATA(cmsg)    ((unsigned char *)((cmsg) + 1))
#define CMSG_FIRSTHDR(message)                                                                               \
    ((message)->msg_controllen >= sizeof(struct cmsghdr) ? (struct cmsghdr *)(message)->msg_control : NULL)
#define CMSG_NXTHDR(message, cmsg) posix_cmsg_next(message, cmsg)

/* The one behind it; null: the bytes end, or it says that it is shorter than its own header. */
static inline struct cmsghdr *posix_cmsg_next(const struct msghdr *message, const struct cmsghdr *cmsg) {
    size_t offset = (size_t)((const unsigned char *)cmsg - (const unsigned char *)message->msg_control);
    size_t left = message->msg_controllen - offset;
    if (cmsg->cmsg_len < sizeof *cmsg || cmsg->cmsg_len > left ||
        left - cmsg->cmsg_len < sizeof *cmsg + CMSG_ALIGN(cmsg->cmsg_len) - cmsg->cmsg_len) {
        return NULL;
    }
    return (struct cmsghdr *)((unsigned char *)message->msg_control + offset + CMSG_ALIGN(cmsg->cmsg_len));
}

struct linger {
    int l_onoff;
    int l_linger; /* seconds */
};

int socket(int domain, int type, int protocol);
int bind(int fd, const struct sockaddr *address, socklen_t length);
int listen(int fd, int backlog);
int accept(int fd, struct sockaddr *address, socklen_t *length);
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int connect(int fd, const struct sockaddr *address, socklen_t length);
ssize_t send(int fd, const void *data, size_t length, int flags);
ssize_t recv(int fd, void *data, size_t length, int flags);
ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
               socklen_t to_length);
ssize_t recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length);
ssize_t sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t recvmsg(int fd, struct msghdr *message, int flags);
int shutdown(int fd, int how);
int getsockname(int fd, struct sockaddr *address, socklen_t *length);
int getpeername(int fd, struct sockaddr *address, socklen_t *length);
int setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int getsockopt(int fd, int level, int name, void *value, socklen_t *length);

#ifdef __cplusplus
}
#endif
