/* log.c: see log.h. A log that cannot be written is given up: serving goes on. */
#include "log.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <http/date.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TARGET_SHOWN 512

static bool open_file(struct log *log) {
    log->fd = open(log->path, O_WRONLY | O_CREAT, 0644);
    const off_t end = log->fd < 0 ? -1 : lseek(log->fd, 0, SEEK_END);
    log->written = end < 0 ? 0 : (uint64_t)end;
    return log->fd >= 0;
}

bool log_open(struct log *log, const char *path, bool verbose) {
    log->path = path;
    log->second = -1;
    log->fd = verbose ? STDOUT_FILENO : -1;
    http_text_init(&log->lines, log->buffer, sizeof(log->buffer));
    return !path || open_file(log);
}

static void rotate(struct log *log) {
    char old[256];
    close(log->fd);
    const int length = snprintf(old, sizeof(old), "%s.1", log->path);
    if (length > 0 && (size_t)length < sizeof(old)) {
        unlink(old);
        rename(log->path, old);
    }
    open_file(log);
}

void log_flush(struct log *log) {
    size_t done = 0;
    while (log->fd >= 0 && done < log->lines.length) {
        const ssize_t n = write(log->fd, log->buffer + done, log->lines.length - done);
        if (n <= 0) {
            fprintf(stderr, "httpd: the access log cannot be written; it ends here\n");
            log->fd = -1;
            break;
        }
        done += (size_t)n;
    }
    log->written += log->lines.length;
    http_text_init(&log->lines, log->buffer, sizeof(log->buffer));
    if (log->path && log->fd >= 0 && log->written > LOG_FILE_MAX) {
        rotate(log);
    }
}

bool log_is_pending(const struct log *log) {
    return log->lines.length > 0;
}

/* "[21/Nov/2026:21:30:40 +0000]", out of "Sat, 21 Nov 2026 21:30:40 GMT". */
static void set_time(struct log *log, int64_t second) {
    char date[HTTP_DATE_SIZE];
    http_date_format(second, date);
    date[7] = date[11] = '/';
    date[16] = ':';
    snprintf(log->time, sizeof(log->time), "[%.20s +0000]", date + 5);
    log->second = second;
}

/* The request line; "-" for one that could not be read. */
static void add_request(struct http_text *line, const struct log_entry *entry) {
    if (!entry->target) {
        http_text_string(line, "-");
        return;
    }
    http_text_string(line, entry->method);
    http_text_string(line, " ");
    for (size_t i = 0; i < TARGET_SHOWN && entry->target[i]; i++) {
        const unsigned char c = (unsigned char)entry->target[i];
        http_text_add(line, c < 0x20 || c >= 0x7f || c == '"' ? "?" : &entry->target[i], 1);
    }
    http_text_string(line, " HTTP/1.1");
}

void log_request(struct log *log, const struct log_entry *entry, int64_t second) {
    char address[INET_ADDRSTRLEN];
    if (log->fd < 0) {
        return;
    }
    if (sizeof(log->buffer) - log->lines.length < TARGET_SHOWN + 128) {
        log_flush(log);
    }
    if (log->second != second) {
        set_time(log, second);
    }
    struct http_text *line = &log->lines;
    http_text_string(line, inet_ntop(AF_INET, &entry->peer, address, sizeof(address)) ? address : "-");
    http_text_string(line, " - - ");
    http_text_string(line, log->time);
    http_text_string(line, " \"");
    add_request(line, entry);
    http_text_string(line, "\" ");
    http_text_number(line, entry->status);
    http_text_string(line, " ");
    http_text_number(line, entry->length);
    http_text_string(line, "\n");
}
