/* socket.c: sockets: their life and their addresses. How bytes move is in transfer.c, options are in
 * options.c. */
#include "transfer.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <os/os.h>
#include <poll.h>
#include <string.h>

#define SECOND 1000000000ull /* ns */

static int result_of(struct open_file *file, enum error error) {
    error = posix_session_result(file->socket.generation, error);
    return error == ERR_NONE ? 0 : posix_fail_socket(error);
}

static ssize_t read_socket(struct open_file *file, void *data, size_t length) {
    return posix_socket_receive(file, data, length, 0, NULL);
}

static ssize_t write_socket(struct open_file *file, const void *data, size_t length) {
    return posix_socket_send(file, data, length, 0, NULL);
}

static int status_of_socket(struct open_file *file, struct stat *status) {
    status->st_mode = S_IFSOCK | S_IRUSR | S_IWUSR;
    status->st_nlink = 1;
    status->st_blksize = TRANSFER_MAX;
    return 0;
}

static short ready(struct open_file *file) {
    uint32_t bits = posix_socket_ready(file);
    return (short)((bits & (POLLIN | POLLOUT | POLLERR | POLLHUP)) |
                   (bits & TCPIP_READY_EOF ? POLLRDHUP : 0));
}

/* SO_LINGER: waits until the peer has acknowledged all, or the time is over; then it goes on in the
 * background. Not when unread data is thrown away, for then the connection is reset, nor when another task
 * holds the socket. A task that dies does not come here. */
static void linger(const struct open_file *file) {
    int64_t unread = 0;
    bool last = false;
    bool lost = tcpip_get_option(file->handle, TCPIP_OPTION_READABLE, &unread) != ERR_NONE || unread != 0;
    if (lost || tcpip_finish(file->handle, &last) != ERR_NONE || !last) {
        return;
    }
    uint64_t deadline = clock_now() + file->socket.linger * SECOND;
    while ((posix_socket_ready(file) & (TCPIP_READY_SENT | TCPIP_READY_ERROR)) == 0 &&
           posix_wait(deadline) == ERR_NONE) {
    }
}

/* The server closes the socket when the last handle to it is gone; another task may hold one. */
static void close_socket(struct open_file *file) {
    if (file->socket.linger != 0 && !file->socket.listening) {
        linger(file);
    }
    (void)!handle_close(file->handle);
}

static const struct operations operations = {.read = read_socket,
                                             .write = write_socket,
                                             .status = status_of_socket,
                                             .ready = ready,
                                             .close = close_socket};

bool posix_is_socket(const struct open_file *file) {
    return file->operations == &operations;
}

/* Takes the handle over in any case. `flags`: SOCK_NONBLOCK. */
static int install(handle_t handle, uint32_t slot, int type, uint32_t generation, int flags) {
    struct open_file *file = NULL;
    if (slot < DESCRIPTORS) {
        file = posix_file_make(&operations, handle, O_RDWR | (flags & O_NONBLOCK));
    }
    if (file == NULL) {
        (void)!handle_close(handle);
        return posix_fail(ERR_NO_MEMORY);
    }
    file->socket = (struct socket_state){.slot = slot, .generation = generation, .type = type};
    return posix_descriptor_install(file);
}

static bool known_kind(int domain, int type, int protocol) {
    if (domain != AF_INET) {
        errno = EAFNOSUPPORT;
        return false;
    }
    bool stream = type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP);
    bool datagram = type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP);
    errno = EPROTONOSUPPORT;
    return stream || datagram;
}

int socket(int domain, int type, int protocol) {
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct session *session;
    handle_t handle;
    uint32_t slot;
    enum error error = ERR_DEAD;
    if (!known_kind(domain, kind, protocol)) {
        return -1;
    }
    /* The second try is for a server that has been started anew since we last heard of it. */
    for (int attempt = 0; attempt < 2 && error == ERR_DEAD; attempt++) {
        error = posix_session_open(&session);
        if (error == ERR_NONE) {
            error = tcpip_socket(session->handle, kind == SOCK_STREAM ? TCPIP_STREAM : TCPIP_DATAGRAM,
                                 &handle, &slot);
            error = posix_session_result(session->generation, error);
        }
    }
    return error == ERR_NONE ? install(handle, slot, kind, session->generation, type)
                             : posix_fail_socket(error);
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
    struct open_file *file = posix_descriptor_socket(fd);
    struct tcpip_endpoint local;
    if (file == NULL || !posix_endpoint_of(address, length, &local)) {
        return -1;
    }
    return result_of(file, tcpip_bind(file->handle, &local));
}

int listen(int fd, int backlog) {
    struct open_file *file = posix_descriptor_socket(fd);
    if (file == NULL) {
        return -1;
    }
    int result = result_of(file, tcpip_listen(file->handle, backlog > 0 ? (uint32_t)backlog : 1));
    file->socket.listening = result == 0 || file->socket.listening;
    return result;
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    struct open_file *file = posix_descriptor_socket(fd);
    struct tcpip_endpoint peer;
    handle_t handle;
    uint32_t slot;
    struct patience patience;
    enum error error;
    if (file == NULL) {
        return -1;
    }
    posix_patience_begin(&patience, file, 0, file->socket.receive_timeout);
    do {
        error = posix_patience_wait(&patience, file, TCPIP_READY_IN);
        if (error == ERR_NONE) {
            error = tcpip_accept(file->handle, patience.park, &handle, &slot, &peer);
        }
    } while (posix_patience_again(&patience, error));
    if (error != ERR_NONE) {
        return result_of(file, error);
    }
    int accepted = install(handle, slot, SOCK_STREAM, file->socket.generation, flags);
    if (accepted >= 0) {
        struct socket_state *inherits = &posix_descriptor_get(accepted)->socket;
        inherits->linger = file->socket.linger;
        inherits->low = file->socket.low;
        memcpy(inherits->idle, file->socket.idle, sizeof inherits->idle);
        posix_endpoint_store(&peer, address, length);
    }
    return accepted;
}

int accept(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, 0);
}

/* With SO_SNDTIMEO the wait is ours; what was begun goes on in the background, as on Linux. */
static enum error connect_timed(struct open_file *file, struct patience *patience) {
    enum error error = posix_patience_wait(patience, file, TCPIP_READY_OUT);
    uint32_t pending = ERR_NONE;
    if (error == ERR_NONE) {
        error = tcpip_error(file->handle, &pending);
    }
    return error == ERR_WOULD_BLOCK ? ERR_IN_PROGRESS : error != ERR_NONE ? error : (enum error)pending;
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    struct open_file *file = posix_descriptor_socket(fd);
    struct tcpip_endpoint peer;
    struct patience patience;
    if (file == NULL || !posix_endpoint_of(address, length, &peer)) {
        return -1;
    }
    posix_flush();
    posix_patience_begin(&patience, file, 0, file->socket.send_timeout);
    enum error error = tcpip_connect(file->handle, patience.park, &peer);
    if (error == ERR_IN_PROGRESS && patience.timed) {
        error = connect_timed(file, &patience);
    }
    return result_of(file, error);
}

int shutdown(int fd, int how) {
    struct open_file *file = posix_descriptor_socket(fd);
    if (file == NULL) {
        return -1;
    }
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
        return posix_fail(ERR_INVALID);
    }
    return result_of(file, tcpip_shutdown(file->handle, (uint32_t)how));
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length) {
    struct open_file *file = posix_descriptor_socket(fd);
    struct tcpip_endpoint local;
    if (file == NULL) {
        return -1;
    }
    int result = result_of(file, tcpip_local(file->handle, &local));
    if (result == 0) {
        posix_endpoint_store(&local, address, length);
    }
    return result;
}

int getpeername(int fd, struct sockaddr *address, socklen_t *length) {
    struct open_file *file = posix_descriptor_socket(fd);
    struct tcpip_endpoint peer;
    if (file == NULL) {
        return -1;
    }
    int result = result_of(file, tcpip_peer(file->handle, &peer));
    if (result == 0) {
        posix_endpoint_store(&peer, address, length);
    }
    return result;
}
