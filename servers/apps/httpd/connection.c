/* connection.c: the life of one connection: receive, read requests, answer, close without losing the answer.
 *
 * States and their ways: READING -> (answers sent whole) READING; -> (stuck) WRITING -> READING;
 * -> LINGERING -> closed, when the peer may still be sending while our last answer is on its way. */
#include "httpd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define READY 200 /* verdict of read_request(): answer it */

void connection_open(struct httpd *server, struct connection *connection, int fd, struct in_addr peer) {
    *connection = (struct connection){.fd = fd, .peer = peer, .id = ++server->next_id, .file = {.fd = -1}};
    server_deadline(server, connection, server->now + server->options.timeout_ms);
}

static void release_parser(struct httpd *server, struct connection *connection) {
    budget_free(&server->budget, connection->parser, sizeof(*connection->parser));
    connection->parser = NULL;
    connection->body_seen = 0;
}

static void release_block(struct httpd *server, struct block *block) {
    budget_free(&server->budget, block->data, block->size);
    *block = (struct block){0};
}

void connection_close(struct httpd *server, struct connection *connection) {
    stream_close_file(connection);
    release_parser(server, connection);
    release_block(server, &connection->out);
    release_block(server, &connection->in);
    close(connection->fd);
}

bool connection_is_idle(const struct connection *connection) {
    return connection->state == CONNECTION_LINGERING ||
           (connection->state == CONNECTION_READING && !connection->parser);
}

short connection_events(const struct connection *connection) {
    return connection->state == CONNECTION_WRITING ? POLLOUT : POLLIN;
}

/* The server's parser becomes the connection's, which gets no further now; a new one takes its place. */
static bool keep_parser(struct httpd *server, struct connection *connection) {
    if (connection->parser || !server->parser->begun) {
        return true;
    }
    struct http_parser *fresh = budget_alloc(&server->budget, sizeof(*fresh));
    if (!fresh) {
        return false;
    }
    connection->parser = server->parser;
    server->parser = fresh;
    server_deadline(server, connection, server->now + server->options.timeout_ms);
    return true;
}

/* What the head alone decides: too much body, or a body that waits for a word from us (RFC 9110 10.1.1),
 * which is the final answer at once. 0: go on reading. */
static unsigned check_head(struct connection *connection, const struct http_parser *request) {
    uint64_t size;
    if (http_body_size(request, &size) && size > BODY_MAX) {
        return 413;
    }
    if (http_has_body(request) && http_field(request, "Expect")) {
        connection->close_after = true;
        connection->unread = true;
        return READY;
    }
    return 0;
}

/* Feeds the parser. 0: the request goes on beyond these bytes; READY; or the status that it must be refused
 * with. */
static unsigned read_request(struct connection *connection, struct http_parser *request, const char *data,
                             size_t length, size_t *used) {
    *used = 0;
    for (;;) {
        size_t n;
        unsigned status = 0;
        const enum http_event event = http_parse(request, data + *used, length - *used, &n);
        *used += n;
        switch (event) {
        case HTTP_NEED_MORE: return 0;
        case HTTP_GOT_END: return READY;
        case HTTP_MALFORMED: return request->refusal;
        case HTTP_GOT_HEAD: status = check_head(connection, request); break;
        case HTTP_GOT_BODY:
            connection->body_seen += request->body_length;
            status = connection->body_seen > BODY_MAX ? 413 : 0;
            break;
        }
        if (status) {
            return status;
        }
    }
}

static bool is_streaming(const struct connection *connection) {
    return connection->file.fd >= 0 || connection->out.data;
}

/* Composes answers to the requests in the input, as many as fit the output buffer. Returns the bytes used. */
static size_t compose(struct httpd *server, struct connection *connection, const char *data, size_t length,
                      struct http_text *out) {
    size_t at = 0;
    while (at < length && !connection->close_after && !is_streaming(connection) &&
           out->size - out->length >= HEAD_ROOM + CACHED_FILE_MAX) {
        if (!connection->parser) {
            http_parser_init(server->parser, HTTP_REQUEST);
            connection->body_seen = 0;
        }
        struct http_parser *request = connection->parser ? connection->parser : server->parser;
        size_t used;
        unsigned status = read_request(connection, request, data + at, length - at, &used);
        at += used;
        if (status == 0) {
            status = keep_parser(server, connection) ? 0 : 503;
        }
        if (status == 0) {
            break;
        }
        if (status == READY) {
            respond(server, connection, request, out);
        } else {
            respond_error(server, connection, request, status, out);
        }
        release_parser(server, connection);
    }
    return at;
}

/* Requests that came behind an answer that is stuck wait here. */
static bool keep_input(struct httpd *server, struct connection *connection, const char *data, size_t length) {
    if (length == 0) {
        return true;
    }
    struct block *in = &connection->in;
    in->data = budget_alloc(&server->budget, length);
    if (!in->data) {
        return false;
    }
    memcpy(in->data, data, length);
    in->length = in->size = length;
    return true;
}

static void start_writing(struct httpd *server, struct connection *connection) {
    if (connection->state != CONNECTION_WRITING) {
        const struct file_part *file = &connection->file;
        const uint64_t left = connection->out.length + (file->fd >= 0 ? file->end - file->at : 0);
        connection->state = CONNECTION_WRITING;
        connection->limit = server->now + 4ull * server->options.timeout_ms + left * 1000 / LEAST_RATE;
    }
    server_deadline(server, connection, server->now + server->options.timeout_ms);
}

/* All is said. Closing with input unread would send a reset, which may overtake the answer: so say that no
 * more comes, and listen for a while (RFC 9112 9.6). */
static bool end(struct httpd *server, struct connection *connection) {
    if (!connection->unread) {
        return false;
    }
    shutdown(connection->fd, SHUT_WR);
    connection->state = CONNECTION_LINGERING;
    server_deadline(server, connection, server->now + LINGER_MS);
    return true;
}

static void start_reading(struct httpd *server, struct connection *connection) {
    connection->state = CONNECTION_READING;
    if (!connection->parser) {
        server_deadline(server, connection, server->now + server->options.timeout_ms);
    }
}

/* Answers the requests in `data`. False: the connection is over. */
static bool serve(struct httpd *server, struct connection *connection, const char *data, size_t length) {
    size_t used = 0;
    do {
        struct http_text out;
        http_text_init(&out, server->output, sizeof(server->output));
        used += compose(server, connection, data + used, length - used, &out);
        enum progress progress = stream_send(server, connection, &out);
        if (progress == PROGRESS_DONE) {
            progress = stream_continue(server, connection);
        }
        if (progress == PROGRESS_LOST) {
            return false;
        }
        connection->unread |= connection->close_after && used < length;
        if (progress != PROGRESS_DONE) {
            start_writing(server, connection);
            return connection->close_after || keep_input(server, connection, data + used, length - used);
        }
        if (connection->close_after) {
            return end(server, connection);
        }
    } while (used < length);
    start_reading(server, connection);
    return true;
}

static bool receive(struct httpd *server, struct connection *connection) {
    const ssize_t n = recv(connection->fd, server->input, sizeof(server->input), 0);
    if (n > 0) {
        return serve(server, connection, server->input, (size_t)n);
    }
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* The socket takes bytes again. */
static bool go_on_writing(struct httpd *server, struct connection *connection) {
    switch (stream_continue(server, connection)) {
    case PROGRESS_DONE: break;
    case PROGRESS_LOST: return false;
    default: return true;
    }
    if (connection->close_after) {
        return end(server, connection);
    }
    start_reading(server, connection);
    struct block waiting = connection->in;
    connection->in = (struct block){0};
    const bool alive = !waiting.data || serve(server, connection, waiting.data, waiting.length);
    release_block(server, &waiting);
    return alive;
}

static bool discard(struct httpd *server, struct connection *connection) {
    const ssize_t n = recv(connection->fd, server->input, sizeof(server->input), 0);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

bool connection_ready(struct httpd *server, struct connection *connection, short events) {
    switch (connection->state) {
    case CONNECTION_READING: return receive(server, connection);
    case CONNECTION_WRITING: return !(events & (POLLERR | POLLNVAL)) && go_on_writing(server, connection);
    case CONNECTION_LINGERING: return discard(server, connection);
    }
    return false;
}

bool connection_expired(struct httpd *server, struct connection *connection) {
    if (connection->state != CONNECTION_READING || !connection->parser) {
        return false;
    }
    struct http_text out;
    http_text_init(&out, server->output, sizeof(server->output));
    respond_error(server, connection, connection->parser, 408, &out);
    release_parser(server, connection);
    return stream_send(server, connection, &out) == PROGRESS_DONE && end(server, connection);
}
