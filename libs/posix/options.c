/* options.c: setsockopt() and getsockopt(): some options are this library's own, the others are tcpip's. */
#include "socket.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

struct option {
    int level, name;
    uint32_t option; /* of the interface */
};

static const struct option options[] = {
    {SOL_SOCKET, SO_REUSEADDR, TCPIP_OPTION_REUSEADDR},
    {SOL_SOCKET, SO_KEEPALIVE, TCPIP_OPTION_KEEPALIVE},
    {SOL_SOCKET, SO_BROADCAST, TCPIP_OPTION_BROADCAST},
    {SOL_SOCKET, SO_SNDBUF, TCPIP_OPTION_SNDBUF},
    {SOL_SOCKET, SO_RCVBUF, TCPIP_OPTION_RCVBUF},
    {SOL_SOCKET, SO_LINGER, TCPIP_OPTION_LINGER},
    {IPPROTO_TCP, TCP_NODELAY, TCPIP_OPTION_NODELAY},
    {IPPROTO_TCP, TCP_KEEPIDLE, TCPIP_OPTION_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL, TCPIP_OPTION_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT, TCPIP_OPTION_KEEPCNT},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, TCPIP_OPTION_FASTOPEN_CONNECT},
    {IPPROTO_TCP, TCP_CORK, TCPIP_OPTION_CORK},
    {IPPROTO_TCP, TCP_MAXSEG, TCPIP_OPTION_MAXSEG},
    {IPPROTO_TCP, TCP_QUICKACK, TCPIP_OPTION_QUICKACK},
    {IPPROTO_TCP, TCP_SYNCNT, TCPIP_OPTION_SYNCNT},
    {IPPROTO_TCP, TCP_LINGER2, TCPIP_OPTION_LINGER2},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, TCPIP_OPTION_USER_TIMEOUT},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, TCPIP_OPTION_NOTSENT_LOWAT},
    {SOL_SOCKET, SO_REUSEPORT, TCPIP_OPTION_REUSEPORT},
    {SOL_SOCKET, SO_RCVLOWAT, TCPIP_OPTION_RCVLOWAT},
    {IPPROTO_IP, IP_TTL, TCPIP_OPTION_TTL},
    {IPPROTO_IP, IP_TOS, TCPIP_OPTION_TOS},
    {IPPROTO_IP, IP_MTU, TCPIP_OPTION_MTU},
    {IPPROTO_IP, IP_MTU_DISCOVER, TCPIP_OPTION_MTU_DISCOVER},
    {IPPROTO_IP, IP_MULTICAST_TTL, TCPIP_OPTION_MULTICAST_TTL},
    {IPPROTO_IP, IP_MULTICAST_LOOP, TCPIP_OPTION_MULTICAST_LOOP},
    {IPPROTO_IP, IP_MULTICAST_ALL, TCPIP_OPTION_MULTICAST_ALL},
};

static const struct option *find(int level, int name) {
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].level == level && options[i].name == name) {
            return &options[i];
        }
    }
    return NULL;
}

static bool is_switch(uint32_t option) {
    return option == TCPIP_OPTION_REUSEADDR || option == TCPIP_OPTION_KEEPALIVE ||
           option == TCPIP_OPTION_BROADCAST || option == TCPIP_OPTION_NODELAY ||
           option == TCPIP_OPTION_REUSEPORT || option == TCPIP_OPTION_CORK ||
           option == TCPIP_OPTION_QUICKACK || option == TCPIP_OPTION_MULTICAST_LOOP ||
           option == TCPIP_OPTION_FASTOPEN_CONNECT;
}

static int result_of(struct open_file *file, enum error error) {
    error = posix_session_result(file->socket.generation, error);
    if (error == ERR_NOT_SUPPORTED) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return error == ERR_NONE ? 0 : posix_fail_socket(error);
}

static int set_timeout(uint64_t *timeout, const void *value, socklen_t length) {
    struct timeval time;
    if (length < sizeof time) {
        return posix_fail(ERR_INVALID);
    }
    memcpy(&time, value, sizeof time);
    if (time.tv_sec < 0 || time.tv_usec < 0 || time.tv_usec >= 1000000) {
        errno = EDOM;
        return -1;
    }
    uint64_t seconds = (uint64_t)time.tv_sec < 1000000000 ? (uint64_t)time.tv_sec : 1000000000;
    *timeout = seconds * 1000000000 + (uint64_t)time.tv_usec * 1000;
    return 0;
}

/* The value in the interface's form. False: `value` is too short. */
static bool value_of(const struct option *option, const void *value, socklen_t length, int64_t *result) {
    struct linger linger;
    int number;
    if (option->option == TCPIP_OPTION_LINGER) {
        if (length < sizeof linger) {
            return false;
        }
        memcpy(&linger, value, sizeof linger);
        *result = linger.l_onoff != 0 ? linger.l_linger : -1;
        return true;
    }
    if (option->level == IPPROTO_IP && length >= 1 && length < sizeof number) {
        number = *(const unsigned char *)value; /* a byte is enough, as old programs have it */
    } else if (length < sizeof number) {
        return false;
    } else {
        memcpy(&number, value, sizeof number);
    }
    *result = is_switch(option->option) ? number != 0 : number;
    return true;
}

/* What this library has to know itself. */
static void remember(struct socket_state *socket, uint32_t option, int64_t number) {
    if (option == TCPIP_OPTION_LINGER) {
        socket->linger = number > 0 ? (unsigned)number : 0;
    } else if (option == TCPIP_OPTION_RCVLOWAT) {
        socket->low = (uint32_t)number;
    }
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    struct open_file *file = posix_descriptor_socket(fd);
    int64_t number;
    if (file == NULL) {
        return -1;
    }
    if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
        struct socket_state *socket = &file->socket;
        return set_timeout(name == SO_RCVTIMEO ? &socket->receive_timeout : &socket->send_timeout, value,
                           length);
    }
    if (posix_is_group_option(level, name)) {
        return posix_set_group_option(file, name, value, length);
    }
    if (posix_is_stream_option(level, name)) {
        return posix_set_stream_option(file, name, value, length);
    }
    if (level == SOL_SOCKET && name == SO_OOBINLINE) {
        return 0; /* it is never otherwise */
    }
    const struct option *option = find(level, name);
    if (option == NULL) {
        errno = ENOPROTOOPT;
        return -1;
    }
    if (value == NULL || !value_of(option, value, length, &number)) {
        return posix_fail(ERR_INVALID);
    }
    int result = result_of(file, tcpip_set_option(file->handle, option->option, number));
    if (result == 0) {
        remember(&file->socket, option->option, number);
    }
    return result;
}

/* Hands a value out, cut at the length that the caller has room for. */
static int store(const void *from, size_t size, void *value, socklen_t *length) {
    memcpy(value, from, *length < size ? *length : size);
    *length = *length < size ? *length : (socklen_t)size;
    return 0;
}

static int get_timeout(uint64_t timeout, void *value, socklen_t *length) {
    struct timeval time = {.tv_sec = (time_t)(timeout / 1000000000),
                           .tv_usec = (suseconds_t)(timeout % 1000000000 / 1000)};
    return store(&time, sizeof time, value, length);
}

/* SO_ERROR: the pending error is taken. */
static int get_error(struct open_file *file, void *value, socklen_t *length) {
    uint32_t pending = ERR_NONE;
    enum error error = posix_session_result(file->socket.generation, tcpip_error(file->handle, &pending));
    int number =
        error != ERR_NONE ? posix_socket_error_number(error) : posix_socket_error_number((enum error)pending);
    if (error == ERR_NONE && pending == ERR_NONE) {
        number = 0;
    }
    return store(&number, sizeof number, value, length);
}

static int get_option(struct open_file *file, const struct option *option, void *value, socklen_t *length) {
    int64_t number;
    int result = result_of(file, tcpip_get_option(file->handle, option->option, &number));
    if (result != 0) {
        return result;
    }
    if (option->option == TCPIP_OPTION_LINGER) {
        struct linger linger = {.l_onoff = number >= 0, .l_linger = number >= 0 ? (int)number : 0};
        return store(&linger, sizeof linger, value, length);
    }
    int plain = (int)number;
    return store(&plain, sizeof plain, value, length);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
    struct open_file *file = posix_descriptor_socket(fd);
    if (file == NULL) {
        return -1;
    }
    if (value == NULL || length == NULL) {
        return posix_fail(ERR_BAD_ADDRESS);
    }
    const struct socket_state *socket = &file->socket;
    int number = 0;
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_ERROR: return get_error(file, value, length);
        case SO_RCVTIMEO: return get_timeout(socket->receive_timeout, value, length);
        case SO_SNDTIMEO: return get_timeout(socket->send_timeout, value, length);
        case SO_OOBINLINE:
        case SO_SNDLOWAT: return number = 1, store(&number, sizeof number, value, length);
        case SO_TYPE: return number = socket->type, store(&number, sizeof number, value, length);
        case SO_DOMAIN: return number = AF_INET, store(&number, sizeof number, value, length);
        case SO_ACCEPTCONN: return number = socket->listening, store(&number, sizeof number, value, length);
        case SO_PROTOCOL:
            number = socket->type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
            return store(&number, sizeof number, value, length);
        default: break;
        }
    }
    if (level == IPPROTO_IP && name == IP_MULTICAST_IF) {
        struct in_addr interface;
        int result = posix_get_group_interface(file, &interface);
        return result != 0 ? result : store(&interface, sizeof interface, value, length);
    }
    if (posix_is_stream_option(level, name)) {
        return posix_get_stream_option(file, name, value, length);
    }
    const struct option *option = find(level, name);
    if (option == NULL) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return get_option(file, option, value, length);
}
