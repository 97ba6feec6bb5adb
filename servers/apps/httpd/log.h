/* log.h: the access log, in the Common Log Format. Lines are gathered and written in one go. */
#pragma once

#include <http/text.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define LOG_BUFFER_SIZE 4096
#define LOG_FILE_MAX    (4u << 20) /* then the file becomes PATH.1 and a new one begins */

struct log {
    int fd; /* -1: nothing is logged */
    const char *path;
    uint64_t written; /* bytes in the file so far */
    int64_t second;   /* that `time` says */
    char time[32];
    struct http_text lines;
    char buffer[LOG_BUFFER_SIZE];
};

struct log_entry {
    struct in_addr peer;
    const char *method, *target; /* null: the request could not be read */
    unsigned status;
    uint64_t length;
};

/* Logs to the file at `path` (added to its end), or to the standard output if path is null and `verbose` is
 * set. False: the file cannot be opened. */
bool log_open(struct log *log, const char *path, bool verbose);
void log_request(struct log *log, const struct log_entry *entry, int64_t second);
void log_flush(struct log *log);
bool log_is_pending(const struct log *log);
