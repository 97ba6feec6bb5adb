/* stream.c: bytes out: what the socket does not take at once, and files larger than the buffer.
 *
 * A file is read and sent in pieces of up to 64 KiB. What of a piece was not taken stays in a window, in the
 * hope that it is still there when the socket is ready again; if not, it is read again. */
#include "httpd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_LEAST   8192
#define PIECES_A_TURN 2

static enum progress send_some(struct connection *connection, const char *data, size_t length, size_t *sent) {
    *sent = 0;
    const ssize_t n = send(connection->fd, data, length, MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? PROGRESS_BLOCKED : PROGRESS_LOST;
    }
    *sent = (size_t)n;
    return *sent == length ? PROGRESS_DONE : PROGRESS_BLOCKED;
}

/* There was progress: the stall timer starts again. */
static void note_progress(struct httpd *server, struct connection *connection, size_t sent) {
    if (sent) {
        server_deadline(server, connection, server->now + server->options.timeout_ms);
    }
}

/* Keeps the bytes that did not go, in front of a block that waits already (a listing). */
static bool keep_rest(struct httpd *server, struct connection *connection, const char *data, size_t length) {
    struct block *out = &connection->out;
    const size_t waiting = out->length - out->at;
    char *joined = budget_alloc(&server->budget, length + waiting);
    if (!joined) {
        return false;
    }
    memcpy(joined, data, length);
    if (waiting) {
        memcpy(joined + length, out->data + out->at, waiting);
    }
    budget_free(&server->budget, out->data, out->size);
    *out = (struct block){.data = joined, .length = length + waiting, .size = length + waiting};
    return true;
}

/* Reads the start of the file behind the head in the buffer, so that both leave in one send. */
static size_t append_file(struct connection *connection, struct http_text *out) {
    struct file_part *file = &connection->file;
    const size_t room = out->size - out->length;
    const uint64_t left = file->end - file->at;
    if (file->fd < 0 || connection->out.data || lseek(file->fd, (off_t)file->at, SEEK_SET) < 0) {
        return 0;
    }
    const ssize_t n = read(file->fd, out->data + out->length, left < room ? (size_t)left : room);
    if (n <= 0) {
        return 0;
    }
    out->length += (size_t)n;
    file->at += (uint64_t)n;
    return (size_t)n;
}

enum progress stream_send(struct httpd *server, struct connection *connection, struct http_text *out) {
    size_t sent;
    const size_t of_file = append_file(connection, out);
    if (out->length == 0) {
        return PROGRESS_DONE;
    }
    const enum progress progress = send_some(connection, out->data, out->length, &sent);
    note_progress(server, connection, sent);
    if (progress != PROGRESS_BLOCKED) {
        return progress;
    }
    const size_t rest = out->length - sent, again = rest < of_file ? rest : of_file;
    connection->file.at -= again; /* these need not be kept: the file has them */
    if (rest > again && !keep_rest(server, connection, out->data + sent, rest - again)) {
        return PROGRESS_LOST;
    }
    return progress;
}

static enum progress send_block(struct httpd *server, struct connection *connection) {
    struct block *out = &connection->out;
    while (out->data) {
        size_t sent, length = out->length - out->at;
        length = length > PIECE_SIZE ? PIECE_SIZE : length;
        const enum progress progress = send_some(connection, out->data + out->at, length, &sent);
        note_progress(server, connection, sent);
        out->at += sent;
        if (progress != PROGRESS_DONE) {
            return progress;
        }
        if (out->at == out->length) {
            budget_free(&server->budget, out->data, out->size);
            *out = (struct block){0};
        }
    }
    return PROGRESS_DONE;
}

void stream_close_file(struct connection *connection) {
    if (connection->file.fd >= 0) {
        close(connection->file.fd);
        connection->file.fd = -1;
    }
}

/* Finds or reads the next piece. False: the file ended early or cannot be read. */
static bool fill_window(struct connection *connection, struct window *window) {
    struct file_part *file = &connection->file;
    const uint64_t from = file->at - window->at;
    if (window->owner == file->id && file->at >= window->at && from < window->length) {
        return true;
    }
    uint64_t wanted = file->end - file->at;
    wanted = wanted > connection->piece ? connection->piece - file->at % PIECE_LEAST : wanted;
    window->length = 0;
    if (lseek(file->fd, (off_t)file->at, SEEK_SET) < 0) {
        return false;
    }
    const ssize_t n = read(file->fd, window->data, wanted);
    if (n <= 0) {
        return false;
    }
    window->owner = file->id;
    window->at = file->at;
    window->length = (size_t)n;
    return true;
}

/* The next read is about as long as what the socket just took, so that little is read twice. */
static void adapt_piece(struct connection *connection, size_t sent, bool whole) {
    size_t piece = whole ? connection->piece * 2 : (sent / PIECE_LEAST + 1) * PIECE_LEAST;
    connection->piece = piece > PIECE_SIZE ? PIECE_SIZE : piece;
}

static enum progress send_piece(struct httpd *server, struct connection *connection) {
    struct file_part *file = &connection->file;
    struct window *window = &server->windows[file->id % WINDOW_COUNT];
    if (!fill_window(connection, window)) {
        return PROGRESS_LOST;
    }
    const size_t from = (size_t)(file->at - window->at);
    size_t sent, length = window->length - from;
    length = length > file->end - file->at ? (size_t)(file->end - file->at) : length;
    const enum progress progress = send_some(connection, window->data + from, length, &sent);
    note_progress(server, connection, sent);
    file->at += sent;
    adapt_piece(connection, sent, progress == PROGRESS_DONE);
    return progress;
}

enum progress stream_continue(struct httpd *server, struct connection *connection) {
    enum progress progress = send_block(server, connection);
    for (int i = 0; progress == PROGRESS_DONE && connection->file.fd >= 0; i++) {
        if (connection->file.at == connection->file.end) {
            stream_close_file(connection);
            break;
        }
        if (i == PIECES_A_TURN) {
            return PROGRESS_YIELD;
        }
        progress = send_piece(server, connection);
    }
    return progress;
}
