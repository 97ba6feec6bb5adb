/* terminal.c: the shell's side of the console. */
#include "shell.h"

#include <ipc/console.h>
#include <os/os.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void screen_write(void *context, const char *text, size_t length) {
    terminal_write(context, text, length);
}

/* Gives the console our event, so that Ctrl-C and keys wake us. */
static enum error watch(struct shell *shell) {
    handle_t copy;
    if (shell->terminal != HANDLE_NONE) {
        (void)!handle_close(shell->terminal);
        shell->terminal = HANDLE_NONE;
    }
    enum error error = name_find("terminal", &shell->terminal);
    if (!error) {
        error = handle_duplicate(shell->event, RIGHT_SIGNAL | RIGHT_PASS, 0, &copy);
    }
    if (!error) {
        error = console_watch(shell->terminal, copy);
    }
    return error != ERR_NONE ? error : console_breaks(shell->terminal, !shell->typing);
}

enum error terminal_open(struct shell *shell) {
    line_init(&shell->line, "minato> ", (struct line_screen){screen_write, shell});
    enum error error = name_find("console", &shell->console);
    return error ? error : watch(shell);
}

/* The console died and was started again: find the new one. */
static void reopen(struct shell *shell) {
    (void)!handle_close(shell->console);
    if (name_find("console", &shell->console) == ERR_NONE && watch(shell) == ERR_NONE) {
        log_line("the console is back");
    }
}

void terminal_write(struct shell *shell, const char *text, size_t length) {
    if (console_write(shell->console, text, length) != ERR_DEAD) {
        return;
    }
    reopen(shell);
    (void)!console_write(shell->console, text, length);
}

uint64_t terminal_wait(struct shell *shell, uint64_t bits) {
    uint64_t set = 0;
    return event_wait(shell->event, bits, NEVER, &set) == ERR_NONE ? set : bits;
}

static void interrupted(struct shell *shell) {
    terminal_write(shell, "^C\r\n", 4);
    shell->status = STATUS_INTERRUPTED;
    line_start(&shell->line);
}

/* Takes keys until the line is complete or there are none. One byte at a time, so that what was typed ahead
 * stays in the console for the next line or for a program. */
static enum line_result read_keys(struct shell *shell) {
    uint8_t byte;
    size_t length = 0;
    enum error error;
    while ((error = console_read(shell->console, false, &byte, 1, &length)) == ERR_NONE && length) {
        enum line_result result = line_byte(&shell->line, byte);
        if (result == LINE_TAB) {
            complete(shell);
        } else if (result == LINE_INTERRUPT) {
            interrupted(shell);
        } else if (result != LINE_MORE) {
            return result;
        }
    }
    if (error == ERR_DEAD) {
        reopen(shell);
    }
    return LINE_MORE;
}

static void typing(struct shell *shell, bool begins) {
    shell->typing = begins;
    (void)!console_breaks(shell->terminal, !begins);
}

/* While a line is typed, Ctrl-C is a key that throws away what was typed before it and nothing else. */
bool terminal_line(struct shell *shell, char *text, size_t size) {
    uint64_t came_late;
    typing(shell, true);
    line_start(&shell->line);
    if (event_wait(shell->event, WAKE_INTERRUPT, 0, &came_late) == ERR_NONE) {
        interrupted(shell);
    }
    enum line_result result;
    while ((result = read_keys(shell)) == LINE_MORE) {
        (void)terminal_wait(shell, WAKE_INPUT);
    }
    typing(shell, false);
    if (result == LINE_ENTER) {
        snprintf(text, size, "%s", shell->line.text);
        line_remember(&shell->line, text);
    }
    return result == LINE_ENTER;
}

static void say_to(struct shell *shell, int descriptor, const char *text, size_t length) {
    while (length) {
        ssize_t written = write(descriptor, text, length);
        if (written <= 0) {
            shell->lost_output = true;
            return;
        }
        text += written;
        length -= (size_t)written;
    }
}

void say(struct shell *shell, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0) {
        say_to(shell, shell->output, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
    }
}

int complain(struct shell *shell, int status, const char *who, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = snprintf(text, sizeof text, "%s: ", who);
    if (length > 0 && (size_t)length < sizeof text) {
        vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    }
    va_end(arguments);
    say_to(shell, STDERR_FILENO, text, strlen(text));
    say_to(shell, STDERR_FILENO, "\n", 1);
    return status;
}
