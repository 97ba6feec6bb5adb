/* exchange.c: sends one request and reads its answer, both at once, so that an early refusal of an upload is
 * seen. What the server sends is material to be checked: each way it can go wrong ends in a sentence. */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is left of the request to send: first the head, then the body, through one buffer. */
struct sender {
    const char *at;
    size_t length;
    uint64_t body_left;
    bool stopped; /* the server has answered, or takes no more */
};

struct receiver {
    bool any, final, done;
    unsigned interim;
};

bool is_redirect(const struct client *client) {
    const unsigned status = client->response.machine.status_code;
    const bool known = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    return known && http_field(&client->response, "Location");
}

/* Shows text line by line behind a mark, for -v. */
static void show_lines(const char *mark, const char *text, size_t length) {
    while (length) {
        const char *end = memchr(text, '\n', length);
        const size_t line = end ? (size_t)(end - text) + 1 : length;
        fprintf(stderr, "%s%.*s\n", mark, (int)(line >= 2 ? line - 2 : 0), text);
        text += line;
        length -= line;
    }
}

/* Writes the head of the answer again as it came. */
static void head_text(const struct http_parser *response, struct http_text *text) {
    http_text_string(text, "HTTP/1.");
    http_text_number(text, response->machine.http_minor);
    http_text_string(text, " ");
    http_text_number(text, response->machine.status_code);
    http_text_string(text, " ");
    http_text_string(text, http_reason_phrase(response));
    http_text_string(text, "\r\n");
    for (size_t i = 0; i < response->field_count; i++) {
        http_text_string(text, response->text + response->fields[i].name);
        http_text_string(text, ": ");
        http_text_string(text, response->text + response->fields[i].value);
        http_text_string(text, "\r\n");
    }
    http_text_string(text, "\r\n");
}

static enum code show_head(struct client *client) {
    const struct options *options = &client->options;
    char buffer[HTTP_TEXT_SIZE + 4 * HTTP_FIELDS_MAX + 64];
    struct http_text text;
    http_text_init(&text, buffer, sizeof(buffer));
    head_text(&client->response, &text);
    if (options->verbose) {
        show_lines("< ", buffer, text.length);
    }
    return options->include || options->head_only ? output_write(client, buffer, text.length) : CODE_OK;
}

/* The head is here. Decides what becomes of the body. */
static enum code on_head(struct client *client, struct receiver *receiver) {
    const struct options *options = &client->options;
    const unsigned status = client->response.machine.status_code;
    receiver->final = status >= 200;
    if (!receiver->final) {
        return ++receiver->interim > INTERIM_MAX ? fail(client, CODE_WEIRD_REPLY, "endless interim answers")
                                                 : CODE_OK;
    }
    if (options->fail && status >= 400) {
        return fail(client, CODE_STATUS, "the server answered %u %s", status,
                    http_reason_phrase(&client->response));
    }
    const enum code code = show_head(client);
    receiver->done = is_redirect(client);
    if (code != CODE_OK || receiver->done) {
        return code;
    }
    uint64_t size = 0;
    const bool known = http_body_size(&client->response, &size);
    if (options->output || !options->upload) {
        progress_start(&client->progress, options->output && !options->silent, known ? size : 0);
    }
    return output_open(client);
}

static enum code on_end(struct client *client, struct receiver *receiver) {
    receiver->done = receiver->final;
    if (!receiver->final) { /* a 1xx: the real answer follows */
        http_parser_init(&client->response, HTTP_RESPONSE);
        if (strcmp(client->method, "HEAD") == 0) {
            http_parser_skip_body(&client->response);
        }
    }
    return CODE_OK;
}

static enum code on_event(struct client *client, struct receiver *receiver, enum http_event event) {
    const struct http_parser *response = &client->response;
    switch (event) {
    case HTTP_GOT_HEAD: return on_head(client, receiver);
    case HTTP_GOT_BODY:
        progress_step(&client->progress, response->body_length);
        return output_write(client, response->body, response->body_length);
    case HTTP_GOT_END: return on_end(client, receiver);
    case HTTP_MALFORMED:
        return fail(client, receiver->final ? CODE_RECEIVE : CODE_WEIRD_REPLY,
                    "the server does not speak HTTP: %s", response->reason);
    case HTTP_NEED_MORE: break;
    }
    return CODE_OK;
}

static enum code take_input(struct client *client, struct receiver *receiver, const char *data,
                            size_t length) {
    enum http_event event = HTTP_GOT_BODY;
    enum code code = CODE_OK;
    while (code == CODE_OK && !receiver->done && event != HTTP_NEED_MORE) {
        size_t used;
        event = http_parse(&client->response, data, length, &used);
        data += used;
        length -= used;
        code = on_event(client, receiver, event);
    }
    return code == CODE_OK && !client->output.to_file ? output_flush(client) : code;
}

/* The server has closed. */
static enum code take_eof(struct client *client, struct receiver *receiver) {
    if (!receiver->any) {
        return fail(client, CODE_EMPTY_REPLY, "%s closed the connection without a word", client->url.host);
    }
    const enum http_event event = http_parse_eof(&client->response);
    if (event == HTTP_MALFORMED) {
        const char *where = receiver->final ? "before the end of the body" : "in the middle of the head";
        return fail(client, CODE_CUT_SHORT, "the connection was closed %s", where);
    }
    return on_event(client, receiver, event);
}

static enum code receive(struct client *client, struct receiver *receiver) {
    const ssize_t n = recv(client->fd, client->receiving, sizeof(client->receiving), 0);
    if (n > 0) {
        receiver->any = true;
        return take_input(client, receiver, client->receiving, (size_t)n);
    }
    if (n == 0) {
        return take_eof(client, receiver);
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return CODE_OK;
    }
    return fail(client, CODE_RECEIVE, "receiving failed: %s", strerror(errno));
}

static bool has_more(const struct sender *sender) {
    return !sender->stopped && (sender->length || sender->body_left);
}

/* Fills the buffer with the next piece of the body. */
static enum code refill(struct client *client, struct sender *sender) {
    const struct body *body = &client->body;
    if (body->text) {
        sender->at = body->text + (body->size - sender->body_left);
        sender->length = (size_t)sender->body_left;
        sender->body_left = 0;
        return CODE_OK;
    }
    const size_t wanted = sender->body_left < BUFFER_SIZE ? (size_t)sender->body_left : BUFFER_SIZE;
    const ssize_t n = read(body->fd, client->sending, wanted);
    if (n <= 0) {
        return fail(client, CODE_READ, "the file to send became shorter, or cannot be read");
    }
    sender->at = client->sending;
    sender->length = (size_t)n;
    sender->body_left -= (uint64_t)n;
    return CODE_OK;
}

static enum code send_more(struct client *client, struct sender *sender) {
    if (sender->length == 0) {
        const enum code code = refill(client, sender);
        if (code != CODE_OK) {
            return code;
        }
    }
    const ssize_t n = send(client->fd, sender->at, sender->length, MSG_NOSIGNAL);
    if (n >= 0) {
        sender->at += n;
        sender->length -= (size_t)n;
        progress_step(&client->progress, client->options.upload ? (uint64_t)n : 0);
        return CODE_OK;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
        sender->stopped = true; /* the server may have said why */
        return CODE_OK;
    }
    const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return again ? CODE_OK : fail(client, CODE_SEND, "sending failed: %s", strerror(errno));
}

static enum code talk(struct client *client, struct sender *sender) {
    struct receiver receiver = {0};
    enum code code = CODE_OK;
    while (code == CODE_OK && !receiver.done) {
        const short events = has_more(sender) ? POLLIN | POLLOUT : POLLIN;
        const int seen = wait_for(client, client->fd, events, STALL_MS);
        if (seen == 0) {
            return fail(client, CODE_TIMED_OUT, "timed out waiting for %s", client->url.host);
        }
        if (seen & ~POLLOUT) {
            code = receive(client, &receiver);
            /* Whoever refuses an upload does not want the rest of it. */
            sender->stopped |= receiver.final && client->response.machine.status_code >= 400;
        }
        if (code == CODE_OK && (seen & POLLOUT) && !receiver.done && has_more(sender)) {
            code = send_more(client, sender);
        }
    }
    return code;
}

/* Gets the parser and the body ready for another request. */
static enum code prepare(struct client *client, struct sender *sender) {
    struct http_text text;
    if (!request_compose(client, &text)) {
        return fail(client, CODE_USAGE, "the request's head is too long");
    }
    *sender = (struct sender){.at = client->request, .length = text.length};
    if (client->body.present) {
        sender->body_left = client->body.size;
        if (client->body.fd >= 0 && lseek(client->body.fd, 0, SEEK_SET) < 0) {
            return fail(client, CODE_READ, "the file cannot be read again");
        }
    }
    http_parser_init(&client->response, HTTP_RESPONSE);
    if (strcmp(client->method, "HEAD") == 0) {
        http_parser_skip_body(&client->response);
    }
    return CODE_OK;
}

enum code exchange(struct client *client) {
    struct sender sender = {0};
    enum code code = prepare(client, &sender);
    if (code == CODE_OK) {
        code = connect_to_host(client);
    }
    if (code != CODE_OK) {
        return code;
    }
    if (client->options.verbose) {
        show_lines("> ", sender.at, sender.length);
    }
    if (client->options.upload) {
        progress_start(&client->progress, !client->options.silent, client->body.size);
    }
    code = talk(client, &sender);
    close(client->fd);
    client->fd = -1;
    return code;
}
