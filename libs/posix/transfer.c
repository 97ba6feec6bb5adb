/* transfer.c: bytes into and out of sockets.
 *
 * One call to the server moves at most 64 KiB; longer requests are cut here. A call that must not wait looks
 * at the readiness word first and saves itself the way to the server when there is nothing to be had. */
#include "transfer.h"
#include <errno.h>
#include <fcntl.h>
#include <os/os.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS (TCPIP_READY_ERROR | TCPIP_READY_HANGUP)

void posix_patience_begin(struct patience *patience, const struct open_file *file, int flags,
                          uint64_t timeout) {
    bool wait = (file->flags & O_NONBLOCK) == 0 && (flags & MSG_DONTWAIT) == 0;
    *patience = (struct patience){.park = wait && timeout == 0, .timed = wait && timeout != 0};
    if (patience->timed) {
        uint64_t now = clock_now();
        patience->deadline = timeout > NEVER - now ? NEVER : now + timeout;
    }
}

enum error posix_patience_wait(const struct patience *patience, const struct open_file *file, uint32_t bits) {
    bits |= ALWAYS;
    while (!patience->park && (posix_socket_ready(file) & bits) == 0) {
        enum error error = patience->timed ? posix_wait(patience->deadline) : ERR_WOULD_BLOCK;
        if (error != ERR_NONE) {
            return error == ERR_TIMED_OUT ? ERR_WOULD_BLOCK : error;
        }
    }
    if (patience->park && (posix_socket_ready(file) & bits) == 0) {
        posix_flush();
    }
    return ERR_NONE;
}

bool posix_patience_again(const struct patience *patience, enum error error) {
    return error == ERR_WOULD_BLOCK && patience->timed && clock_now() < patience->deadline;
}

/* ---- Streams ---- */

static bool has(const struct open_file *file, size_t length) {
    int64_t readable = 0;
    return tcpip_get_option(file->handle, TCPIP_OPTION_READABLE, &readable) == ERR_NONE &&
           readable >= (int64_t)length;
}

/* With SO_RCVLOWAT there may be something though readiness says no: who does not wait, or no longer, gets
 * that, and who asks for less waits for no more than that. */
static enum error wait_for_bytes(const struct patience *patience, const struct open_file *file,
                                 size_t length) {
    bool low = file->socket.low > 1 && !patience->park;
    if (low && (!patience->timed || (length < file->socket.low && has(file, length)))) {
        return ERR_NONE;
    }
    enum error error = posix_patience_wait(patience, file, TCPIP_READY_IN | TCPIP_READY_EOF);
    return low && error == ERR_WOULD_BLOCK ? ERR_NONE : error;
}

static enum error receive_part(struct open_file *file, void *data, size_t length, int flags, size_t *got) {
    struct patience patience;
    enum error error;
    posix_patience_begin(&patience, file, flags, file->socket.receive_timeout);
    do {
        error = wait_for_bytes(&patience, file, length);
        if (error == ERR_NONE) {
            error = tcpip_receive(file->handle, patience.park, (flags & MSG_PEEK) != 0, (uint32_t)length,
                                  data, length, got);
        }
    } while (posix_patience_again(&patience, error));
    return posix_session_result(file->socket.generation, error);
}

static ssize_t receive_stream(struct open_file *file, uint8_t *data, size_t length, int flags) {
    bool all = (flags & MSG_WAITALL) != 0 && (flags & MSG_PEEK) == 0;
    size_t done = 0, got = 0;
    while (done < length) {
        size_t part = length - done < TRANSFER_MAX ? length - done : TRANSFER_MAX;
        enum error error = receive_part(file, data + done, part, flags, &got);
        if (error != ERR_NONE) {
            return done != 0 ? (ssize_t)done : posix_fail_socket(error);
        }
        done += got;
        if (got == 0 || !all) {
            break;
        }
    }
    return (ssize_t)done;
}

/* MSG_TRUNC: as if they were received, but nobody wants them. */
static ssize_t discard_from_stream(struct open_file *file, size_t length, int flags) {
    size_t most = length < TRANSFER_MAX ? length : TRANSFER_MAX, done = 0;
    uint8_t *thrown = malloc(most != 0 ? most : 1);
    if (thrown == NULL) {
        return posix_fail(ERR_NO_MEMORY);
    }
    ssize_t got;
    do {
        size_t part = length - done < most ? length - done : most;
        got = receive_stream(file, thrown, part, flags);
        done += got > 0 ? (size_t)got : 0;
    } while (got == (ssize_t)most && done < length && (flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL);
    free(thrown);
    return done != 0 ? (ssize_t)done : got;
}

static enum error send_part(struct open_file *file, const void *data, size_t length, int flags, bool more,
                            uint32_t *sent) {
    struct patience patience;
    enum error error;
    posix_patience_begin(&patience, file, flags, file->socket.send_timeout);
    do {
        error = posix_patience_wait(&patience, file, TCPIP_READY_OUT);
        if (error == ERR_NONE) {
            error = tcpip_send(file->handle, patience.park, more, data, length, sent);
        }
    } while (posix_patience_again(&patience, error));
    return posix_session_result(file->socket.generation, error);
}

static ssize_t send_stream(struct open_file *file, const uint8_t *data, size_t length, int flags) {
    size_t done = 0;
    while (done < length) {
        size_t part = length - done < TRANSFER_MAX ? length - done : TRANSFER_MAX;
        bool more = (flags & MSG_MORE) != 0 || done + part < length;
        uint32_t sent = 0;
        enum error error = send_part(file, data + done, part, flags, more, &sent);
        if (error != ERR_NONE) {
            return done != 0 ? (ssize_t)done : posix_fail_socket(error);
        }
        done += sent;
    }
    return (ssize_t)done;
}

/* ---- Datagrams ---- a struct tcpip_datagram goes ahead of the bytes, both ways */

#define DATAGRAM_MAX  (TRANSFER_MAX - sizeof(struct tcpip_datagram))
#define DATAGRAM_NEAR 2048 /* datagrams up to here are put together on the stack */

/* What the server says of a datagram, ahead of its bytes and beside them. */
struct arrival {
    struct tcpip_datagram header;
    uint64_t local[2], destination[2];
};

static enum error receive_datagram(struct open_file *file, uint8_t *buffer, size_t length, int flags,
                                   struct arrival *arrival, size_t *got) {
    struct patience patience;
    enum error error;
    posix_patience_begin(&patience, file, flags, file->socket.receive_timeout);
    do {
        error = posix_patience_wait(&patience, file, TCPIP_READY_IN);
        if (error == ERR_NONE) {
            error =
                tcpip_receive_from(file->handle, patience.park, (flags & MSG_PEEK) != 0, (uint32_t)length,
                                   &arrival->local[0], &arrival->local[1], &arrival->destination[0],
                                   &arrival->destination[1], buffer, sizeof arrival->header + length, got);
        }
    } while (posix_patience_again(&patience, error));
    error = posix_session_result(file->socket.generation, error);
    if (error == ERR_NONE && *got < sizeof arrival->header) {
        error = ERR_IO;
    }
    if (error == ERR_NONE) {
        memcpy(&arrival->header, buffer, sizeof arrival->header);
        *got -= sizeof arrival->header;
    }
    return error;
}

/* MSG_TRUNC: how long the datagram is that comes next. Who waits, waits for it here. */
static enum error length_of_next(struct open_file *file, int flags, size_t *whole) {
    uint8_t header[sizeof(struct tcpip_datagram)];
    struct arrival ignored;
    int64_t length = 0;
    size_t got = 0;
    enum error error = receive_datagram(file, header, 0, flags | MSG_PEEK, &ignored, &got);
    if (error == ERR_NONE) {
        error = tcpip_get_option(file->handle, TCPIP_OPTION_READABLE, &length);
    }
    *whole = (size_t)length;
    return posix_session_result(file->socket.generation, error);
}

static void open_envelope(struct envelope *envelope, const struct arrival *arrival) {
    const struct tcpip_datagram *header = &arrival->header;
    *envelope = (struct envelope){.peer = header->peer,
                                  .interface = header->interface,
                                  .ttl = header->ttl,
                                  .tos = header->tos,
                                  .truncated = (header->flags & TCPIP_TRUNCATED) != 0};
    memcpy(envelope->local, arrival->local, sizeof envelope->local);
    memcpy(envelope->destination, arrival->destination, sizeof envelope->destination);
}

static ssize_t receive_message(struct open_file *file, void *data, size_t length, int flags,
                               struct envelope *envelope) {
    uint8_t near[DATAGRAM_NEAR], *buffer = near;
    struct arrival arrival;
    size_t got = 0, whole = 0;
    enum error error = (flags & MSG_TRUNC) != 0 ? length_of_next(file, flags, &whole) : ERR_NONE;
    if (error != ERR_NONE) {
        return posix_fail_socket(error);
    }
    length = length < DATAGRAM_MAX ? length : DATAGRAM_MAX;
    if (sizeof arrival.header + length > sizeof near &&
        (buffer = malloc(sizeof arrival.header + length)) == NULL) {
        return posix_fail(ERR_NO_MEMORY);
    }
    error = receive_datagram(file, buffer, length, flags, &arrival, &got);
    if (error == ERR_NONE) {
        open_envelope(envelope, &arrival);
        memcpy(data, buffer + sizeof arrival.header, got);
        got = envelope->truncated && whole > got ? whole : got;
    }
    if (buffer != near) {
        free(buffer);
    }
    return error == ERR_NONE ? (ssize_t)got : posix_fail_socket(error);
}

static enum error send_datagram(struct open_file *file, const uint8_t *buffer, size_t length, int flags,
                                const uint64_t source[2]) {
    struct patience patience;
    enum error error;
    posix_patience_begin(&patience, file, flags, file->socket.send_timeout);
    do {
        error = posix_patience_wait(&patience, file, TCPIP_READY_OUT);
        if (error == ERR_NONE) {
            error = tcpip_send_to(file->handle, patience.park, source[0], source[1], buffer, length);
        }
    } while (posix_patience_again(&patience, error));
    return posix_session_result(file->socket.generation, error);
}

static ssize_t send_message(struct open_file *file, const void *data, size_t length, int flags,
                            const struct envelope *envelope) {
    uint8_t near[DATAGRAM_NEAR], *buffer = near;
    struct tcpip_datagram header = {0};
    uint64_t source[2] = {0};
    if (length > DATAGRAM_MAX) {
        return posix_fail(ERR_MESSAGE_SIZE);
    }
    if (envelope != NULL) {
        header = (struct tcpip_datagram){.peer = envelope->peer,
                                         .flags = envelope->tos_given ? TCPIP_TOS_GIVEN : 0,
                                         .interface = envelope->interface,
                                         .ttl = envelope->ttl,
                                         .tos = envelope->tos};
        memcpy(source, envelope->local, sizeof source);
    }
    if (sizeof header + length > sizeof near && (buffer = malloc(sizeof header + length)) == NULL) {
        return posix_fail(ERR_NO_MEMORY);
    }
    memcpy(buffer, &header, sizeof header);
    memcpy(buffer + sizeof header, data, length);
    enum error error = send_datagram(file, buffer, sizeof header + length, flags, source);
    if (buffer != near) {
        free(buffer);
    }
    return error == ERR_NONE ? (ssize_t)length : posix_fail_socket(error);
}

/* ---- Both ---- */

ssize_t posix_socket_receive(struct open_file *file, void *data, size_t length, int flags,
                             struct envelope *envelope) {
    struct envelope ignored;
    if ((flags & MSG_OOB) != 0) {
        return posix_fail(ERR_INVALID);
    }
    if (file->socket.type != SOCK_STREAM) {
        return receive_message(file, data, length, flags, envelope != NULL ? envelope : &ignored);
    }
    return (flags & MSG_TRUNC) != 0 ? discard_from_stream(file, length, flags)
                                    : receive_stream(file, data, length, flags);
}

ssize_t posix_socket_send(struct open_file *file, const void *data, size_t length, int flags,
                          const struct envelope *envelope) {
    if ((flags & MSG_OOB) != 0) {
        return posix_fail(ERR_NOT_SUPPORTED);
    }
    if (file->socket.type == SOCK_STREAM) {
        bool to_somebody = envelope != NULL && envelope->peer.family != 0;
        return to_somebody ? posix_fail(ERR_IS_CONNECTED) : send_stream(file, data, length, flags);
    }
    return send_message(file, data, length, flags, envelope);
}

ssize_t recv(int fd, void *data, size_t length, int flags) {
    struct open_file *file = posix_descriptor_socket(fd);
    return file != NULL ? posix_socket_receive(file, data, length, flags, NULL) : -1;
}

ssize_t recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from,
                 socklen_t *from_length) {
    struct open_file *file = posix_descriptor_socket(fd);
    struct envelope envelope = {.truncated = false};
    if (file == NULL) {
        return -1;
    }
    ssize_t result = posix_socket_receive(file, data, length, flags, &envelope);
    if (envelope.peer.family != 0) {
        posix_endpoint_store(&envelope.peer, from, from_length);
    } else if (result >= 0 && from != NULL && from_length != NULL) {
        *from_length = 0; /* a stream's peer is known without this */
    }
    return result;
}

ssize_t send(int fd, const void *data, size_t length, int flags) {
    struct open_file *file = posix_descriptor_socket(fd);
    return file != NULL ? posix_socket_send(file, data, length, flags, NULL) : -1;
}

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
               socklen_t to_length) {
    struct open_file *file = posix_descriptor_socket(fd);
    struct envelope envelope = {.truncated = false};
    if (file == NULL || (to != NULL && !posix_endpoint_of(to, to_length, &envelope.peer))) {
        return -1;
    }
    return posix_socket_send(file, data, length, flags, to != NULL ? &envelope : NULL);
}
