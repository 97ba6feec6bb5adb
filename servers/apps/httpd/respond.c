/* respond.c: from a request to its answer: which file, which part of it, which status, which header fields.
 *
 * The head and a small body are written into the output buffer, so that they leave in one send; a larger file
 * is opened and left in connection->file for stream.c. */
#include "httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <http/select.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ALLOWED "GET, HEAD"

/* What the answer will say. `file` lends type, tag and date; `page` is a body that we make up. */
struct answer {
    unsigned status;
    bool head_only;
    const struct file *file;
    struct http_range range;
    const char *location; /* for 301: a path */
    const struct block *page;
    uint64_t length; /* of the body */
};

static void add_field(struct http_text *out, const char *name, const char *value) {
    http_text_string(out, name);
    http_text_string(out, value);
    http_text_string(out, "\r\n");
}

static void add_number_field(struct http_text *out, const char *name, uint64_t value) {
    http_text_string(out, name);
    http_text_number(out, value);
    http_text_string(out, "\r\n");
}

/* The date changes once a second; so does its text. */
static const char *date_now(struct httpd *server) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != server->date_second || !server->date[0]) {
        server->date_second = now.tv_sec;
        http_date_format(now.tv_sec, server->date);
    }
    return server->date;
}

static void add_content_range(struct http_text *out, const struct answer *answer) {
    http_text_string(out, "Content-Range: bytes ");
    if (answer->status == 416) {
        http_text_string(out, "*");
    } else {
        http_text_number(out, answer->range.first);
        http_text_string(out, "-");
        http_text_number(out, answer->range.first + answer->range.length - 1);
    }
    http_text_string(out, "/");
    http_text_number(out, answer->file->size);
    http_text_string(out, "\r\n");
}

/* What the file has to say about the body. */
static void add_file_fields(struct http_text *out, const struct answer *answer) {
    if (answer->status == 200) {
        http_text_add(out, answer->file->fields, answer->file->fields_length);
        return;
    }
    if (answer->status == 206 || answer->status == 416) {
        add_content_range(out, answer);
    }
    if (answer->status == 206 || answer->status == 304) {
        add_field(out, "Last-Modified: ", answer->file->date);
        add_field(out, "ETag: ", answer->file->etag);
        add_field(out, "Accept-Ranges: ", "bytes");
    }
}

static void add_body_fields(struct http_text *out, const struct answer *answer) {
    const bool is_file = answer->file && answer->status < 300;
    if (answer->status != 304 && !(is_file && answer->status == 200)) {
        add_field(out, "Content-Type: ", is_file ? answer->file->type : "text/html; charset=utf-8");
        add_number_field(out, "Content-Length: ", answer->length);
    }
}

/* HTTP/1.0 clients must be told that the connection stays, HTTP/1.1 clients that it does not. */
static void add_connection(struct http_text *out, const struct connection *connection,
                           const struct http_parser *request) {
    if (connection->close_after) {
        add_field(out, "Connection: ", "close");
    } else if (request && request->machine.http_minor == 0) {
        add_field(out, "Connection: ", "keep-alive");
    }
}

static void add_start(struct httpd *server, const struct answer *answer, struct http_text *out) {
    static const char usual[] = "HTTP/1.1 200 OK\r\nServer: Minato\r\nDate: ";
    if (answer->status == 200) {
        http_text_add(out, usual, sizeof(usual) - 1);
    } else {
        http_text_string(out, "HTTP/1.1 ");
        http_text_number(out, answer->status);
        http_text_string(out, " ");
        http_text_string(out, http_status_text(answer->status));
        http_text_string(out, "\r\nServer: Minato\r\nDate: ");
    }
    add_field(out, date_now(server), "");
}

static void add_head(struct httpd *server, struct connection *connection, const struct http_parser *request,
                     const struct answer *answer, struct http_text *out) {
    add_start(server, answer, out);
    if (answer->location) {
        http_text_string(out, "Location: ");
        http_text_url(out, answer->location);
        http_text_string(out, "/\r\n");
    }
    if (answer->status == 405) {
        add_field(out, "Allow: ", ALLOWED);
    }
    if (answer->file) {
        add_file_fields(out, answer);
    }
    add_body_fields(out, answer);
    add_connection(out, connection, request);
    http_text_string(out, "\r\n");
}

static void add_error_page(struct http_text *out, unsigned status) {
    const char *text = http_status_text(status);
    http_text_string(
        out, "<!doctype html><html lang=en><meta name=viewport content=\"width=device-width\"><title>");
    http_text_string(out, text);
    http_text_string(out,
                     "</title><body style=\"font:1.1em system-ui,sans-serif;margin:18vh auto;max-width:30em;"
                     "padding:0 1em;color:#123\"><h1>");
    http_text_number(out, status);
    http_text_string(out, " ");
    http_text_string(out, text);
    http_text_string(out, "</h1><p><a href=/ style=\"color:#06c\">Back to the harbour</a></p>\n");
}

static void write_log(struct httpd *server, struct connection *connection, const struct http_parser *request,
                      const struct answer *answer) {
    const bool read = request && request->head_seen;
    const struct log_entry entry = {
        .peer = connection->peer,
        .method = read ? llhttp_method_name(request->machine.method) : NULL,
        .target = read ? http_target(request) : NULL,
        .status = answer->status,
        .length = answer->head_only ? 0 : answer->length,
    };
    log_request(&server->log, &entry, server->date_second);
}

/* An answer whose body is a page of ours that says just the status (or redirects). */
static void answer_status(struct httpd *server, struct connection *connection,
                          const struct http_parser *request, struct answer *answer, struct http_text *out) {
    char page[HEAD_ROOM / 2];
    struct http_text body;
    http_text_init(&body, page, sizeof(page));
    if (answer->status != 304) {
        add_error_page(&body, answer->status);
    }
    answer->length = body.length;
    add_head(server, connection, request, answer, out);
    if (!answer->head_only) {
        http_text_add(out, page, body.length);
    }
    write_log(server, connection, request, answer);
}

void respond_error(struct httpd *server, struct connection *connection, const struct http_parser *request,
                   unsigned status, struct http_text *out) {
    const bool head_only = request && request->head_seen && request->machine.method == HTTP_HEAD;
    struct answer answer = {.status = status, .head_only = head_only};
    connection->close_after = true;
    connection->unread = true;
    answer_status(server, connection, request, &answer, out);
}

static unsigned status_of_errno(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: return 404;
    case EACCES: return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return 503;
    default: return 500;
    }
}

/* Starts on the body: from the cache into the buffer if it is there and fits, else from the opened file. */
static void add_file_body(struct httpd *server, struct connection *connection, const struct answer *answer,
                          int fd, struct http_text *out) {
    const struct file *file = answer->file;
    if (!answer->head_only && file->content && fd < 0) {
        http_text_add(out, file->content + answer->range.first, answer->range.length);
    } else if (!answer->head_only && answer->range.length > 0) {
        connection->file = (struct file_part){.fd = fd,
                                              .id = ++server->next_id,
                                              .at = answer->range.first,
                                              .end = answer->range.first + answer->range.length};
        connection->piece = PIECE_SIZE;
        fd = -1;
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void answer_file(struct httpd *server, struct connection *connection,
                        const struct http_parser *request, struct file *file, const char *path,
                        struct answer *answer, struct http_text *out) {
    const int fd = file->content ? -1 : files_open(&server->files, file, path);
    if (!file->content && fd < 0) {
        answer->status = status_of_errno(errno);
        answer_status(server, connection, request, answer, out);
        return;
    }
    const struct http_validators validators = {.etag = file->etag, .modified = file->modified};
    answer->file = file;
    answer->status = http_precondition(request, &validators);
    if (answer->status == 0) {
        answer->status = http_select_range(request, &validators, file->size, &answer->range);
    }
    if (answer->status >= 300) {
        answer_status(server, connection, request, answer, out);
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    answer->length = answer->range.length;
    add_head(server, connection, request, answer, out);
    add_file_body(server, connection, answer, fd, out);
    write_log(server, connection, request, answer);
}

/* The listing takes the place of the output block: it goes out after what is already composed. */
static void answer_listing(struct httpd *server, struct connection *connection,
                           const struct http_parser *request, const char *path, struct answer *answer,
                           struct http_text *out) {
    struct block page = {0};
    if (!listing_make(server, path, path, &page)) {
        answer->status = 503;
        answer_status(server, connection, request, answer, out);
        return;
    }
    answer->status = 200;
    answer->length = page.length;
    add_head(server, connection, request, answer, out);
    if (answer->head_only) {
        budget_free(&server->budget, page.data, page.size);
    } else {
        connection->out = page;
    }
    write_log(server, connection, request, answer);
}

/* A directory: its index if there is one, else what is in it. */
static void answer_directory(struct httpd *server, struct connection *connection,
                             const struct http_parser *request, char path[PATH_SIZE], struct answer *answer,
                             struct http_text *out) {
    static const char index_name[] = "index.html";
    const size_t length = strlen(path);
    if (length + sizeof(index_name) <= PATH_SIZE) {
        memcpy(path + length, index_name, sizeof(index_name));
        struct file *index = files_find(&server->files, path, server->now);
        if (index->kind == FILE_REGULAR) {
            answer_file(server, connection, request, index, path, answer, out);
            return;
        }
        path[length] = 0;
    }
    const struct file *directory = files_find(&server->files, path, server->now);
    if (directory->kind == FILE_DIRECTORY) {
        answer_listing(server, connection, request, path, answer, out);
        return;
    }
    answer->status = directory->kind == FILE_TROUBLE ? 500 : 404;
    answer_status(server, connection, request, answer, out);
}

static unsigned status_of_path(enum error error) {
    switch (error) {
    case ERR_NONE: return 0;
    case ERR_TOO_LARGE: return 404; /* no file here has so long a name */
    default: return 400;
    }
}

/* Whatever forbids an answer before the file is looked at; 0 if nothing does. */
static unsigned refusal(const struct http_parser *request, char path[PATH_SIZE]) {
    const unsigned method = request->machine.method;
    if (method != HTTP_GET && method != HTTP_HEAD) {
        return 405;
    }
    const char *expect = http_field(request, "Expect");
    if (expect && !http_same_name(expect, "100-continue")) {
        return 417;
    }
    return status_of_path(http_safe_path(http_target(request), path, PATH_SIZE));
}

void respond(struct httpd *server, struct connection *connection, const struct http_parser *request,
             struct http_text *out) {
    char path[PATH_SIZE];
    struct answer answer = {.head_only = request->machine.method == HTTP_HEAD};
    connection->close_after |= !http_keep_alive(request);
    answer.status = refusal(request, path);
    if (answer.status) {
        answer_status(server, connection, request, &answer, out);
        return;
    }
    if (path[strlen(path) - 1] == '/') {
        answer_directory(server, connection, request, path, &answer, out);
        return;
    }
    struct file *file = files_find(&server->files, path, server->now);
    if (file->kind == FILE_REGULAR) {
        answer_file(server, connection, request, file, path, &answer, out);
        return;
    }
    answer.status = file->kind == FILE_DIRECTORY ? 301 : file->kind == FILE_TROUBLE ? 500 : 404;
    answer.location = file->kind == FILE_DIRECTORY ? path : NULL;
    answer_status(server, connection, request, &answer, out);
}
