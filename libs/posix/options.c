/* options.c: setsockopt() and getsockopt(): some options are this library's own, the others are tcpip's.
 * Which values and lengths they take, and what they say of others, is as in Linux, to the letter: a test
 * compares. */
#include "socket.h"
#include <errno.h>
#include <limits.h>
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

/* Options that do nothing on this kind of socket, or only in recvmsg(): they are remembered for who reads
 * them back. */
static const struct idle_option {
    int type, level, name, usual;
} idle_options[] = {
    {SOCK_STREAM, SOL_SOCKET, SO_OOBINLINE, 0}, /* it is never otherwise */
    {SOCK_DGRAM, SOL_SOCKET, SO_OOBINLINE, 0},      {SOCK_STREAM, SOL_SOCKET, SO_BROADCAST, 0},
    {SOCK_DGRAM, SOL_SOCKET, SO_KEEPALIVE, 0},      {SOCK_DGRAM, SOL_SOCKET, SO_RCVLOWAT, 1},
    {SOCK_DGRAM, SOL_SOCKET, SO_LINGER, -1},        {SOCK_STREAM, IPPROTO_IP, IP_MULTICAST_LOOP, 1},
    {SOCK_STREAM, IPPROTO_IP, IP_MULTICAST_TTL, 1}, {SOCK_STREAM, IPPROTO_IP, IP_MULTICAST_ALL, 1},
    {SOCK_STREAM, IPPROTO_IP, IP_PKTINFO, 0},       {SOCK_DGRAM, IPPROTO_IP, IP_PKTINFO, 0},
    {SOCK_STREAM, IPPROTO_IP, IP_RECVTTL, 0},       {SOCK_DGRAM, IPPROTO_IP, IP_RECVTTL, 0},
    {SOCK_STREAM, IPPROTO_IP, IP_RECVTOS, 0},       {SOCK_DGRAM, IPPROTO_IP, IP_RECVTOS, 0},
};
#define IDLE_OPTIONS ((int)(sizeof idle_options / sizeof idle_options[0]))
_Static_assert(sizeof idle_options / sizeof idle_options[0] ==
                   sizeof((struct socket_state *)NULL)->idle / sizeof((struct socket_state *)NULL)->idle[0],
               "each has its place");

/* Its place in socket_state.idle; negative: none. */
static int idle_place(int type, int level, int name) {
    int i = IDLE_OPTIONS - 1;
    while (i >= 0 &&
           (idle_options[i].type != type || idle_options[i].level != level || idle_options[i].name != name)) {
        i--;
    }
    return i;
}

bool posix_tells(const struct open_file *file, int name) {
    int place = idle_place(file->socket.type, IPPROTO_IP, name);
    return place >= 0 && file->socket.idle[place] != 0;
}

static int refuse(int number) {
    errno = number;
    return -1;
}

int posix_option_result(const struct open_file *file, enum error error) {
    error = posix_session_result(file->socket.generation, error);
    if (error == ERR_NOT_SUPPORTED || error == ERR_WRONG_TYPE) {
        return refuse(ENOPROTOOPT);
    }
    return error == ERR_NONE ? 0 : posix_fail_socket(error);
}

/* ---- Setting ---- */

/* Longer than any time is none. */
static int set_timeout(uint64_t *timeout, const void *value, socklen_t length) {
    struct timeval time;
    if (length < sizeof time) {
        return refuse(EINVAL);
    }
    memcpy(&time, value, sizeof time);
    if (time.tv_usec < 0 || time.tv_usec >= 1000000) {
        return refuse(EDOM);
    }
    uint64_t seconds = (uint64_t)time.tv_sec < 1000000000 ? (uint64_t)time.tv_sec : 1000000000;
    *timeout = seconds * 1000000000 + (uint64_t)time.tv_usec * 1000;
    if (time.tv_sec < 0) {
        *timeout = 1; /* it does not wait at all */
    }
    return 0;
}

/* Is it about what recvmsg() tells? */
static bool is_told(int name) {
    return name == IP_PKTINFO || name == IP_RECVTTL || name == IP_RECVTOS;
}

/* What any number means to the interface. */
static int64_t meaning(int level, int name, int number) {
    if (level == SOL_SOCKET) {
        switch (name) {
        case SO_RCVLOWAT: return number < 0 ? INT_MAX : number == 0 ? 1 : number;
        case SO_SNDBUF:
        case SO_RCVBUF: return number < 0 ? INT_MAX : number;
        default: return number != 0;
        }
    }
    if (level == IPPROTO_IP) {
        switch (name) {
        case IP_TTL: return number == -1 ? IPDEFTTL : number;
        case IP_TOS: return number & 0xff;
        case IP_MULTICAST_LOOP: return number != 0;
        default: return is_told(name) ? number != 0 : number;
        }
    }
    return name == TCP_NODELAY || name == TCP_CORK || name == TCP_QUICKACK ? number != 0 : number;
}

/* An option of IP may come in a byte, and some may be left out altogether; the others are ints. */
static bool read_number(int level, int name, const void *value, socklen_t length, int *number) {
    *number = 0;
    if (level == IPPROTO_IP && length < sizeof *number) {
        *number = length != 0 ? *(const unsigned char *)value : 0;
        return length != 0 || name == IP_TOS || name == IP_MTU_DISCOVER || is_told(name);
    }
    if (length >= sizeof *number) {
        memcpy(number, value, sizeof *number);
    }
    return length >= sizeof *number;
}

/* The value in the interface's form. False: there is too little of it. */
static bool read_value(int level, int name, const void *value, socklen_t length, int64_t *result) {
    struct linger linger;
    int number;
    if (level == SOL_SOCKET && name == SO_LINGER) {
        if (length < sizeof linger) {
            return false;
        }
        memcpy(&linger, value, sizeof linger);
        *result = linger.l_onoff == 0 ? -1 : linger.l_linger >= 0 ? linger.l_linger : INT_MAX;
        return true;
    }
    if (!read_number(level, name, value, length, &number)) {
        return false;
    }
    *result = meaning(level, name, number);
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

static int set_idle(struct socket_state *socket, int place, int64_t number) {
    const struct idle_option *option = &idle_options[place];
    bool all = option->level == IPPROTO_IP && option->name == IP_MULTICAST_ALL;
    if ((option->level == IPPROTO_IP && option->name == IP_MULTICAST_TTL) ||
        (all && number != 0 && number != 1)) {
        return refuse(EINVAL);
    }
    socket->idle[place] = (int)number ^ option->usual;
    return 0;
}

static bool is_timeout(int level, int name) {
    return level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO);
}

static int set_number(struct open_file *file, int level, int name, const void *value, socklen_t length) {
    const struct option *option = find(level, name);
    int idle = idle_place(file->socket.type, level, name);
    int64_t number;
    if (!read_value(level, name, value, length, &number)) {
        return refuse(EINVAL);
    }
    if (idle >= 0) {
        return set_idle(&file->socket, idle, number);
    }
    if (option == NULL) {
        return refuse(ENOPROTOOPT);
    }
    int result = posix_option_result(file, tcpip_set_option(file->handle, option->option, number));
    if (result == 0) {
        remember(&file->socket, option->option, number);
    }
    return result;
}

/* Does this kind of socket know the level, */
static bool has_level(const struct open_file *file, int level) {
    return level == SOL_SOCKET || level == IPPROTO_IP ||
           (level == IPPROTO_TCP && file->socket.type == SOCK_STREAM);
}

/* and, of IP, an option of that name that can be set? Others come too late for that to matter. */
static bool can_set(const struct open_file *file, int level, int name) {
    bool known = find(level, name) != NULL || idle_place(file->socket.type, level, name) >= 0 ||
                 posix_is_group_option(level, name);
    return has_level(file, level) && (level != IPPROTO_IP || (known && name != IP_MTU));
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    if (length > INT_MAX) {
        return refuse(EINVAL);
    }
    struct open_file *file = posix_descriptor_socket(fd);
    if (file == NULL) {
        return -1;
    }
    if (!can_set(file, level, name)) {
        return refuse(ENOPROTOOPT);
    }
    if (value == NULL && length != 0) {
        return refuse(EFAULT);
    }
    if (is_timeout(level, name)) {
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
    return set_number(file, level, name, value, length);
}

/* ---- Reading ---- */

int posix_give_option(const void *from, size_t size, void *value, socklen_t *length) {
    *length = *length < size ? *length : (socklen_t)size;
    if (*length != 0 && value == NULL) {
        return refuse(EFAULT);
    }
    if (*length != 0) {
        memcpy(value, from, *length);
    }
    return 0;
}

/* Who has too little room for an int gets what fits, but of IP's options a byte. */
static int give_number(int level, int64_t number, void *value, socklen_t *length) {
    int plain = (int)number;
    if (level == IPPROTO_IP && *length != 0 && *length < sizeof plain && plain >= 0 && plain <= 255) {
        unsigned char byte = (unsigned char)plain;
        return posix_give_option(&byte, sizeof byte, value, length);
    }
    return posix_give_option(&plain, sizeof plain, value, length);
}

static int give_timeout(uint64_t timeout, void *value, socklen_t *length) {
    struct timeval time = {.tv_sec = (time_t)(timeout / 1000000000),
                           .tv_usec = (suseconds_t)(timeout % 1000000000 / 1000)};
    return posix_give_option(&time, sizeof time, value, length);
}

static int give_linger(int64_t number, void *value, socklen_t *length) {
    struct linger linger = {.l_onoff = number >= 0, .l_linger = number >= 0 ? (int)number : 0};
    return posix_give_option(&linger, sizeof linger, value, length);
}

/* SO_ERROR: the pending error is taken. */
static int take_error(struct open_file *file) {
    uint32_t pending = ERR_NONE;
    enum error error = posix_session_result(file->socket.generation, tcpip_error(file->handle, &pending));
    if (error == ERR_NONE && pending == ERR_NONE) {
        return 0;
    }
    return posix_socket_error_number(error != ERR_NONE ? error : (enum error)pending);
}

/* What the library knows itself; false: none of that. */
static bool own_number(struct open_file *file, int name, int *number) {
    const struct socket_state *socket = &file->socket;
    switch (name) {
    case SO_ERROR: *number = take_error(file); return true;
    case SO_SNDLOWAT: *number = 1; return true;
    case SO_TYPE: *number = socket->type; return true;
    case SO_DOMAIN: *number = AF_INET; return true;
    case SO_ACCEPTCONN: *number = socket->listening; return true;
    case SO_PROTOCOL: *number = socket->type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP; return true;
    default: return false;
    }
}

static int get_number(struct open_file *file, int level, int name, void *value, socklen_t *length) {
    const struct option *option = find(level, name);
    int own, idle = idle_place(file->socket.type, level, name), result = 0;
    int64_t number = 0;
    if (level == SOL_SOCKET && own_number(file, name, &own)) {
        number = own;
    } else if (idle >= 0) {
        number = file->socket.idle[idle] ^ idle_options[idle].usual;
    } else if (option != NULL) {
        result = posix_option_result(file, tcpip_get_option(file->handle, option->option, &number));
    } else {
        return refuse(ENOPROTOOPT);
    }
    if (result != 0) {
        return result;
    }
    return level == SOL_SOCKET && name == SO_LINGER ? give_linger(number, value, length)
                                                    : give_number(level, number, value, length);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
    struct open_file *file = posix_descriptor_socket(fd);
    if (file == NULL) {
        return -1;
    }
    if (length == NULL) {
        return refuse(EFAULT);
    }
    if (!has_level(file, level)) {
        return refuse(EOPNOTSUPP);
    }
    if (*length > INT_MAX) {
        return refuse(EINVAL);
    }
    if (is_timeout(level, name)) {
        const struct socket_state *socket = &file->socket;
        return give_timeout(name == SO_RCVTIMEO ? socket->receive_timeout : socket->send_timeout, value,
                            length);
    }
    if (level == IPPROTO_IP && name == IP_MULTICAST_IF) {
        struct in_addr interface;
        int result = posix_get_group_interface(file, &interface);
        return result != 0 ? result : posix_give_option(&interface, sizeof interface, value, length);
    }
    if (posix_is_stream_option(level, name)) {
        return posix_get_stream_option(file, name, value, length);
    }
    return get_number(file, level, name, value, length);
}
