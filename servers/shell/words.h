/* words.h: a command line cut into commands and words.
 *
 * Grammar: words are separated by blanks; '…' takes everything, "…" takes everything but \ and $?, \ takes
 * the next character; $? is the last status; # begins a comment at the start of a word; ; & && || end a
 * command; > FILE and
 * >> FILE send the output to a file. Pure: no system call. */
#pragma once

#include <base/error.h>
#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX      64
#define WORDS_TEXT_MAX 2048

enum connector { CONNECT_END, CONNECT_ALWAYS, CONNECT_AND, CONNECT_OR };

struct command {
    int argc; /* 0: an empty command */
    char *argv[WORDS_MAX + 1];
    const char *output; /* null: the console */
    bool append;
    bool background;
    enum connector next;       /* what stands behind it */
    char text[WORDS_TEXT_MAX]; /* where argv and output point */
};

/* Takes one command off *line, which then stands behind it. status: what $? is replaced by. ERR_MALFORMED: a
 * quote is not closed, or > without a file; ERR_TOO_MANY: words; ERR_TOO_LARGE: text. */
enum error command_parse(const char **line, int status, struct command *command);
