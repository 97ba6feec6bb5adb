/* line.c: see line.h. */
#include "line.h"

#include <stdio.h>
#include <string.h>

#define CONTROL(letter) ((letter)&0x1f)
#define ESCAPE          0x1b
#define DELETE          0x7f

static void show(struct line *line, const char *text, size_t length) {
    if (length) {
        line->screen.write(line->screen.context, text, length);
    }
}

static void show_text(struct line *line, const char *text) {
    show(line, text, strlen(text));
}

void line_init(struct line *line, const char *prompt, struct line_screen screen) {
    *line = (struct line){.prompt = prompt, .screen = screen};
}

void line_start(struct line *line) {
    line->length = line->cursor = line->escape_length = line->browse = 0;
    line->text[0] = 0;
    show_text(line, line->prompt);
}

void line_redraw(struct line *line) {
    show_text(line, "\r");
    show_text(line, line->prompt);
    show(line, line->text, line->length);
    show_text(line, "\x1b[K");
    if (line->cursor < line->length) {
        char back[16];
        int length = snprintf(back, sizeof back, "\x1b[%zuD", line->length - line->cursor);
        show(line, back, (size_t)length);
    }
}

void line_insert(struct line *line, const char *text, size_t length) {
    size_t room = LINE_SIZE - 1 - line->length;
    if (length > room) {
        length = room;
    }
    bool at_end = line->cursor == line->length;
    memmove(line->text + line->cursor + length, line->text + line->cursor, line->length - line->cursor + 1);
    memcpy(line->text + line->cursor, text, length);
    line->length += length;
    line->cursor += length;
    if (at_end) {
        show(line, text, length); /* what is typed at the end needs no redrawing */
    } else {
        line_redraw(line);
    }
}

/* Takes `count` characters out from `from` on; the cursor goes there. */
static void cut(struct line *line, size_t from, size_t count) {
    if (!count) {
        return;
    }
    memmove(line->text + from, line->text + from + count, line->length - from - count + 1);
    line->length -= count;
    line->cursor = from;
    line_redraw(line);
}

static void move_to(struct line *line, size_t cursor) {
    line->cursor = cursor;
    line_redraw(line);
}

static void replace(struct line *line, const char *text) {
    line->length = strnlen(text, LINE_SIZE - 1);
    memmove(line->text, text, line->length);
    line->text[line->length] = 0;
    move_to(line, line->length);
}

static size_t kept_lines(const struct line *line) {
    return line->history_count < HISTORY_LINES ? line->history_count : HISTORY_LINES;
}

const char *line_history(const struct line *line, size_t n) {
    if (n == 0 || n > kept_lines(line)) {
        return NULL;
    }
    return line->history[(line->history_count - n) % HISTORY_LINES];
}

void line_remember(struct line *line, const char *text) {
    const char *newest = line_history(line, 1);
    if (!*text || (newest && strcmp(newest, text) == 0)) {
        return;
    }
    char *place = line->history[line->history_count++ % HISTORY_LINES];
    size_t length = strnlen(text, LINE_SIZE - 1);
    memcpy(place, text, length);
    place[length] = 0;
}

static void older(struct line *line) {
    const char *text = line_history(line, line->browse + 1);
    if (!text) {
        return;
    }
    if (line->browse++ == 0) {
        memcpy(line->kept, line->text, line->length + 1);
    }
    replace(line, text);
}

static void newer(struct line *line) {
    if (line->browse == 0) {
        return;
    }
    line->browse--;
    replace(line, line->browse ? line_history(line, line->browse) : line->kept);
}

static size_t word_start(const struct line *line) {
    size_t at = line->cursor;
    while (at && line->text[at - 1] == ' ') {
        at--;
    }
    while (at && line->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void swap_characters(struct line *line) {
    if (line->cursor == 0 || line->length < 2) {
        return;
    }
    size_t second = line->cursor < line->length ? line->cursor : line->length - 1;
    char c = line->text[second];
    line->text[second] = line->text[second - 1];
    line->text[second - 1] = c;
    move_to(line, second + 1);
}

static void left(struct line *line) {
    if (line->cursor) {
        move_to(line, line->cursor - 1);
    }
}

static void right(struct line *line) {
    if (line->cursor < line->length) {
        move_to(line, line->cursor + 1);
    }
}

static void backspace(struct line *line) {
    if (!line->cursor) {
        return;
    }
    if (line->cursor < line->length) {
        cut(line, line->cursor - 1, 1);
        return;
    }
    line->text[--line->length] = 0;
    line->cursor = line->length;
    show_text(line, "\b \b");
}

static void delete_here(struct line *line) {
    if (line->cursor < line->length) {
        cut(line, line->cursor, 1);
    }
}

static void clear_screen(struct line *line) {
    show_text(line, "\x1b[H\x1b[2J");
    line_redraw(line);
}

/* A whole escape sequence without its ESC, as "[A" or "[3~". */
static void escape_sequence(struct line *line, const char *sequence) {
    static const struct {
        const char *sequence;
        char key;
    } keys[] = {{"[A", 'p'},  {"[B", 'n'},  {"[C", 'f'}, {"[D", 'b'}, {"[H", 'a'},  {"[F", 'e'},
                {"OA", 'p'},  {"OB", 'n'},  {"OC", 'f'}, {"OD", 'b'}, {"[1~", 'a'}, {"[4~", 'e'},
                {"[7~", 'a'}, {"[8~", 'e'}, {"OH", 'a'}, {"OF", 'e'}};
    if (strcmp(sequence, "[3~") == 0) {
        delete_here(line);
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(sequence, keys[i].sequence) == 0) {
            (void)line_byte(line, (uint8_t)CONTROL(keys[i].key));
        }
    }
}

/* Collects an escape sequence; unknown ones are swallowed. */
static void escape_byte(struct line *line, uint8_t byte) {
    line->escape[line->escape_length++] = (char)byte;
    bool introducer = line->escape_length == 2 && (byte == '[' || byte == 'O');
    bool parameter = line->escape_length > 2 && (byte < 0x40 || byte > 0x7e);
    if ((introducer || parameter) && line->escape_length < sizeof line->escape - 1) {
        return;
    }
    line->escape[line->escape_length] = 0;
    line->escape_length = 0;
    escape_sequence(line, line->escape + 1);
}

static enum line_result end_of_input(struct line *line) {
    if (line->length == 0) {
        return LINE_EOF;
    }
    delete_here(line);
    return LINE_MORE;
}

static enum line_result enter(struct line *line) {
    show_text(line, "\r\n");
    line->text[line->length] = 0;
    return LINE_ENTER;
}

static void control(struct line *line, uint8_t byte) {
    switch (byte) {
    case CONTROL('a'): move_to(line, 0); break;
    case CONTROL('b'): left(line); break;
    case CONTROL('e'): move_to(line, line->length); break;
    case CONTROL('f'): right(line); break;
    case CONTROL('h'):
    case DELETE: backspace(line); break;
    case CONTROL('k'): cut(line, line->cursor, line->length - line->cursor); break;
    case CONTROL('l'): clear_screen(line); break;
    case CONTROL('n'): newer(line); break;
    case CONTROL('p'): older(line); break;
    case CONTROL('t'): swap_characters(line); break;
    case CONTROL('u'): cut(line, 0, line->cursor); break;
    case CONTROL('w'): {
        size_t start = word_start(line);
        cut(line, start, line->cursor - start);
        break;
    }
    default: break;
    }
}

enum line_result line_byte(struct line *line, uint8_t byte) {
    if (line->escape_length) {
        escape_byte(line, byte);
        return LINE_MORE;
    }
    switch (byte) {
    case '\r':
    case '\n': return enter(line);
    case '\t': return LINE_TAB;
    case CONTROL('c'): return LINE_INTERRUPT;
    case CONTROL('d'): return end_of_input(line);
    case ESCAPE: line->escape[line->escape_length++] = ESCAPE; return LINE_MORE;
    default: break;
    }
    if (byte < ' ' || byte == DELETE) {
        control(line, byte);
    } else {
        line_insert(line, (const char *)&byte, 1);
    }
    return LINE_MORE;
}
