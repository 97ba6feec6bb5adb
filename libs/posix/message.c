/* message.c: sendmsg(), recvmsg(), readv() and writev(): bytes in several pieces, and what stands beside a
 * datagram's. What is said wrong is refused as by Linux. */
#include "transfer.h"
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct pieces {
    const struct iovec *piece;
    size_t count, total;
};

static ssize_t refuse(int number) {
    errno = number;
    return -1;
}

/* False, with errno: there are none, or more than can be counted. */
static bool count_pieces(struct pieces *pieces, const struct iovec *piece, size_t count) {
    *pieces = (struct pieces){.piece = piece, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (piece == NULL || (piece[i].iov_base == NULL && piece[i].iov_len != 0)) {
            return refuse(EFAULT) == 0;
        }
        if (piece[i].iov_len > (size_t)LONG_MAX - pieces->total) {
            return refuse(EINVAL) == 0;
        }
        pieces->total += piece[i].iov_len;
    }
    return true;
}

/* Copies up to `length` bytes between the pieces, in their order, and `bytes`. */
static void move(const struct pieces *pieces, uint8_t *bytes, size_t length, bool into_pieces) {
    for (size_t i = 0; i < pieces->count && length != 0; i++) {
        const struct iovec *piece = &pieces->piece[i];
        size_t part = piece->iov_len < length ? piece->iov_len : length;
        if (part != 0 && into_pieces) {
            memcpy(piece->iov_base, bytes, part);
        } else if (part != 0) {
            memcpy(bytes, piece->iov_base, part);
        }
        bytes += part;
        length -= part;
    }
}

/* ---- Pieces in and out of a socket ---- */

/* As much as is there; who waits, waits for the first bytes only. */
static ssize_t receive_by_piece(struct open_file *file, const struct pieces *pieces, int flags) {
    ssize_t done = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct iovec *piece = &pieces->piece[i];
        bool wait = done == 0 || (flags & MSG_WAITALL) != 0;
        ssize_t got = posix_socket_receive(file, piece->iov_base, piece->iov_len,
                                           wait ? flags : flags | MSG_DONTWAIT, NULL);
        if (got < 0) {
            return done != 0 ? done : got;
        }
        done += got;
        if ((size_t)got < piece->iov_len) {
            break;
        }
    }
    return done;
}

static ssize_t send_by_piece(struct open_file *file, const struct pieces *pieces, int flags,
                             const struct envelope *envelope) {
    ssize_t done = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct iovec *piece = &pieces->piece[i];
        bool last = (size_t)done + piece->iov_len == pieces->total;
        ssize_t sent = posix_socket_send(file, piece->iov_base, piece->iov_len,
                                         last ? flags : flags | MSG_MORE, envelope);
        if (sent < 0) {
            return done != 0 ? done : sent;
        }
        done += sent;
        if ((size_t)sent < piece->iov_len) {
            break;
        }
    }
    return done;
}

/* What must be one is put together here; a datagram that is too long is not worth copying. */
static ssize_t receive_pieces(struct open_file *file, const struct pieces *pieces, int flags,
                              struct envelope *envelope) {
    bool stream = file->socket.type == SOCK_STREAM;
    if (stream && (flags & MSG_TRUNC) != 0) { /* nothing is written anywhere */
        return posix_socket_receive(file, NULL, pieces->total, flags, envelope);
    }
    if (pieces->count == 1) {
        return posix_socket_receive(file, pieces->piece[0].iov_base, pieces->total, flags, envelope);
    }
    if (stream && (flags & MSG_PEEK) == 0) {
        return receive_by_piece(file, pieces, flags);
    }
    size_t length = pieces->total < TRANSFER_MAX ? pieces->total : TRANSFER_MAX;
    uint8_t *bytes = malloc(length != 0 ? length : 1);
    if (bytes == NULL) {
        return posix_fail(ERR_NO_MEMORY);
    }
    ssize_t got = posix_socket_receive(file, bytes, length, flags, envelope);
    if (got > 0) {
        move(pieces, bytes, (size_t)got < length ? (size_t)got : length, true);
    }
    free(bytes);
    return got;
}

static ssize_t send_pieces(struct open_file *file, const struct pieces *pieces, int flags,
                           const struct envelope *envelope) {
    if (pieces->count == 1) {
        return posix_socket_send(file, pieces->piece[0].iov_base, pieces->total, flags, envelope);
    }
    if (file->socket.type == SOCK_STREAM) {
        return send_by_piece(file, pieces, flags, envelope);
    }
    if (pieces->total > TRANSFER_MAX) {
        return posix_fail(ERR_MESSAGE_SIZE);
    }
    uint8_t *bytes = malloc(pieces->total != 0 ? pieces->total : 1);
    if (bytes == NULL) {
        return posix_fail(ERR_NO_MEMORY);
    }
    move(pieces, bytes, pieces->total, false);
    ssize_t sent = posix_socket_send(file, bytes, pieces->total, flags, envelope);
    free(bytes);
    return sent;
}

/* ---- What stands beside the bytes ---- */

/* Writes one more, or as much of it as there is room for. */
static void tell(struct msghdr *message, size_t *used, int type, const void *data, size_t length) {
    struct cmsghdr header = {.cmsg_len = CMSG_LEN(length), .cmsg_level = IPPROTO_IP, .cmsg_type = type};
    uint8_t *control = message->msg_control;
    size_t room = control != NULL ? message->msg_controllen - *used : 0;
    if (room < sizeof header) {
        message->msg_flags |= MSG_CTRUNC;
        return;
    }
    if (room < header.cmsg_len) {
        message->msg_flags |= MSG_CTRUNC;
        header.cmsg_len = room;
    }
    memcpy(control + *used, &header, sizeof header);
    memcpy(control + *used + sizeof header, data, header.cmsg_len - sizeof header);
    *used += room < CMSG_SPACE(length) ? room : CMSG_SPACE(length);
}

static void tell_all(const struct open_file *file, struct msghdr *message, const struct envelope *envelope) {
    size_t used = 0;
    int ttl = envelope->ttl;
    struct in_pktinfo where = {.ipi_ifindex = envelope->interface};
    memcpy(&where.ipi_spec_dst, envelope->local, sizeof where.ipi_spec_dst);
    memcpy(&where.ipi_addr, envelope->destination, sizeof where.ipi_addr);
    bool datagram = envelope->peer.family != 0;
    if (datagram && posix_tells(file, IP_PKTINFO)) {
        tell(message, &used, IP_PKTINFO, &where, sizeof where);
    }
    if (datagram && posix_tells(file, IP_RECVTTL)) {
        tell(message, &used, IP_TTL, &ttl, sizeof ttl);
    }
    if (datagram && posix_tells(file, IP_RECVTOS)) {
        tell(message, &used, IP_TOS, &envelope->tos, sizeof envelope->tos);
    }
    message->msg_controllen = used;
}

/* An int, or, of TOS, a byte. */
static bool read_int(const struct cmsghdr *header, bool or_byte, int *value) {
    *value = 0;
    if (header->cmsg_len == CMSG_LEN(sizeof *value)) {
        memcpy(value, header + 1, sizeof *value);
        return true;
    }
    *value = *(const uint8_t *)(header + 1);
    return or_byte && header->cmsg_len == CMSG_LEN(1);
}

static bool hear_of_ip(const struct cmsghdr *header, struct envelope *envelope) {
    struct in_pktinfo where;
    int value;
    switch (header->cmsg_type) {
    case IP_PKTINFO:
        if (header->cmsg_len != CMSG_LEN(sizeof where)) {
            return false;
        }
        memcpy(&where, header + 1, sizeof where);
        memcpy(envelope->local, &where.ipi_spec_dst, sizeof where.ipi_spec_dst);
        /* One that is in no message is not there either. */
        envelope->interface =
            (uint8_t)(where.ipi_ifindex >= 0 && where.ipi_ifindex < UINT8_MAX ? where.ipi_ifindex
                                                                              : UINT8_MAX);
        return true;
    case IP_TTL:
        if (!read_int(header, false, &value) || value < 1 || value > UINT8_MAX) {
            return false;
        }
        envelope->ttl = (uint8_t)value;
        return true;
    case IP_TOS:
        if (!read_int(header, true, &value) || value < 0 || value > UINT8_MAX) {
            return false;
        }
        envelope->tos = (uint8_t)value;
        envelope->tos_given = true;
        return true;
    default: return false;
    }
}

/* What the message wants in the place of what the socket has. Descriptors and credentials are for sockets of
 * another family; a stream listens to nothing of IP. */
static bool hear_all(const struct open_file *file, const struct msghdr *message, struct envelope *envelope) {
    bool datagram = file->socket.type == SOCK_DGRAM;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
        size_t offset = (size_t)((uint8_t *)at - (uint8_t *)message->msg_control);
        if (at->cmsg_len < sizeof *at || at->cmsg_len > message->msg_controllen - offset) {
            return false;
        }
        bool of_unix = at->cmsg_type == SCM_RIGHTS || at->cmsg_type == SCM_CREDENTIALS;
        if ((at->cmsg_level == SOL_SOCKET && !of_unix) ||
            (at->cmsg_level == IPPROTO_IP && datagram && !hear_of_ip(at, envelope))) {
            return false;
        }
    }
    return true;
}

/* ---- The calls ---- */

/* The socket and the pieces that a message is for; null, with errno. */
static struct open_file *socket_of(int fd, const struct msghdr *message, struct pieces *pieces) {
    struct open_file *file = posix_descriptor_socket(fd);
    if (file != NULL && message->msg_iovlen > UIO_MAXIOV) {
        errno = EMSGSIZE;
        return NULL;
    }
    return file != NULL && count_pieces(pieces, message->msg_iov, message->msg_iovlen) ? file : NULL;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    struct envelope envelope = {.truncated = false};
    struct pieces pieces;
    struct open_file *file = socket_of(fd, message, &pieces);
    if (file == NULL) {
        return -1;
    }
    ssize_t result = receive_pieces(file, &pieces, flags, &envelope);
    if (result < 0) {
        return result;
    }
    if (envelope.peer.family != 0) {
        posix_endpoint_store(&envelope.peer, message->msg_name, &message->msg_namelen);
    } else {
        message->msg_namelen = 0;
    }
    message->msg_flags = envelope.truncated ? MSG_TRUNC : 0;
    tell_all(file, message, &envelope);
    return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    struct envelope envelope = {.truncated = false};
    struct pieces pieces;
    struct open_file *file = socket_of(fd, message, &pieces);
    bool named = message->msg_name != NULL && message->msg_namelen != 0;
    if (file == NULL ||
        (named && !posix_endpoint_of(message->msg_name, message->msg_namelen, &envelope.peer))) {
        return -1;
    }
    return hear_all(file, message, &envelope) ? send_pieces(file, &pieces, flags, &envelope) : refuse(EINVAL);
}

/* Of a file, as if each piece were read or written by itself. */
static ssize_t piece_by_piece(int fd, const struct pieces *pieces, bool out) {
    ssize_t done = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct iovec *piece = &pieces->piece[i];
        ssize_t part =
            out ? write(fd, piece->iov_base, piece->iov_len) : read(fd, piece->iov_base, piece->iov_len);
        if (part < 0) {
            return done != 0 ? done : part;
        }
        done += part;
        if ((size_t)part < piece->iov_len) {
            break;
        }
    }
    return done;
}

static ssize_t transfer(int fd, const struct iovec *piece, int count, bool out) {
    struct open_file *file = posix_descriptor_get(fd);
    struct pieces pieces;
    if (file == NULL) {
        return -1;
    }
    if (count < 0 || count > UIO_MAXIOV) {
        return refuse(EINVAL);
    }
    if (!count_pieces(&pieces, piece, (size_t)count)) {
        return -1;
    }
    if (!posix_is_socket(file)) {
        return piece_by_piece(fd, &pieces, out);
    }
    return out ? send_pieces(file, &pieces, 0, NULL) : receive_pieces(file, &pieces, 0, NULL);
}

ssize_t readv(int fd, const struct iovec *piece, int count) {
    return transfer(fd, piece, count, false);
}

ssize_t writev(int fd, const struct iovec *piece, int count) {
    return transfer(fd, piece, count, true);
}
