/* main.c: the command line. Read shell.h first.
 *
 * With run=COMMANDS on the kernel command line these are run instead, and the machine powers off with the
 * status of the last. A shell that ends is started again by init. */
#include "shell.h"

#include <ipc/init.h>
#include <os/os.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void load_names(struct shell *shell) {
    if (init_programs(shell->init, shell->names, sizeof shell->names - 1, &shell->names_length) != ERR_NONE) {
        shell->names_length = 0;
    }
    shell->names[shell->names_length] = 0;
}

static int hexadecimal(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The kernel command line has no blanks inside a value: they come as %20. */
static void percent_decode(char *text) {
    char *to = text;
    for (; *text; text++) {
        int high = *text == '%' ? hexadecimal(text[1]) : -1;
        int low = high >= 0 ? hexadecimal(text[2]) : -1;
        if (low >= 0) {
            text += 2;
        }
        *to++ = low >= 0 ? (char)(high << 4 | low) : *text;
    }
    *to = 0;
}

static bool batch(struct shell *shell, char *commands, size_t size) {
    size_t length = 0;
    if (init_option(shell->init, "run", commands, size - 1, &length) != ERR_NONE) {
        return false;
    }
    commands[length] = 0;
    percent_decode(commands);
    return true;
}

/* Whoever started the machine may say where the web page is seen from outside: page=URL. */
static void greet(struct shell *shell) {
    char page[128];
    size_t length = 0;
    say(shell, "\nMinato. Type help for a list of commands.\n");
    if (init_option(shell->init, "page", page, sizeof page, &length) == ERR_NONE) {
        say(shell, "The web page is at %.*s\n", (int)length, page);
    }
}

static void interactive(struct shell *shell) {
    char text[LINE_SIZE];
    greet(shell);
    while (!shell->over && terminal_line(shell, text, sizeof text)) {
        run_line(shell, text);
        jobs_report(shell);
    }
}

int main(void) {
    struct shell *shell = calloc(1, sizeof *shell);
    if (!shell) {
        return 1;
    }
    shell->init = start_handle("init");
    shell->output = STDOUT_FILENO;
    if (event_make(&shell->event) != ERR_NONE || terminal_open(shell) != ERR_NONE) {
        return 1;
    }
    load_names(shell);
    char commands[1024];
    if (batch(shell, commands, sizeof commands)) {
        run_line(shell, commands);
        return power_off(shell, shell->status);
    }
    interactive(shell);
    return shell->status;
}
