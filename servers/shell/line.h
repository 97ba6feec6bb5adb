/* line.h: one line being typed, and the lines typed before.
 *
 * Bytes of the terminal go in, one at a time; what the terminal must show comes out through a function. Pure:
 * no system call, so that every key is tested on the host. Keys as in every Unix shell: arrows, Home, End,
 * Delete, Ctrl-A B D E F K L N P T U W, Tab for completion, which the caller does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_SIZE     512 /* with the final NUL */
#define HISTORY_LINES 64

struct line_screen {
    void (*write)(void *context, const char *text, size_t length);
    void *context;
};

struct line {
    const char *prompt;
    struct line_screen screen;
    char text[LINE_SIZE];
    size_t length, cursor;
    char escape[8]; /* the escape sequence so far */
    size_t escape_length;
    char history[HISTORY_LINES][LINE_SIZE];
    size_t history_count; /* lines ever added */
    size_t browse;        /* 0: the new line; n: the n-th newest of the history */
    char kept[LINE_SIZE]; /* the new line while the history is browsed */
};

enum line_result {
    LINE_MORE,     /* go on typing */
    LINE_ENTER,    /* text is complete */
    LINE_EOF,      /* Ctrl-D on an empty line */
    LINE_TAB,      /* complete the word before the cursor */
    LINE_INTERRUPT /* Ctrl-C: begin anew */
};

void line_init(struct line *line, const char *prompt, struct line_screen screen);
/* Begins a new line: shows the prompt. */
void line_start(struct line *line);
enum line_result line_byte(struct line *line, uint8_t byte);
/* Puts text in at the cursor, as far as it fits. */
void line_insert(struct line *line, const char *text, size_t length);
/* Shows prompt and text anew, as after other output. */
void line_redraw(struct line *line);
/* Remembers text; empty lines and repetitions of the newest are not kept. */
void line_remember(struct line *line, const char *text);
/* The n-th newest line, from 1; null beyond the end. */
const char *line_history(const struct line *line, size_t n);
