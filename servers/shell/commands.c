/* commands.c: the table of built-in commands, and how a line is run. */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int command_echo(struct shell *shell, int argc, char **argv) {
    bool newline = true;
    int first = 1;
    if (argc > 1 && strcmp(argv[1], "-n") == 0) {
        newline = false;
        first = 2;
    }
    for (int i = first; i < argc; i++) {
        say(shell, "%s%s", i > first ? " " : "", argv[i]);
    }
    if (newline) {
        say(shell, "\n");
    }
    return 0;
}

static int command_true(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    return 0;
}

static int command_false(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    return 1;
}

static int command_history(struct shell *shell, int argc, char **argv) {
    (void)argc, (void)argv;
    const char *text;
    for (size_t n = HISTORY_LINES; n > 0; n--) {
        if ((text = line_history(&shell->line, n))) {
            say(shell, "%s\n", text);
        }
    }
    return 0;
}

static int command_clear(struct shell *shell, int argc, char **argv) {
    (void)argc, (void)argv;
    say(shell, "\x1b[H\x1b[2J");
    return 0;
}

static int command_exit(struct shell *shell, int argc, char **argv) {
    shell->over = true;
    return argc > 1 ? atoi(argv[1]) & 0xff : shell->status;
}

static int command_help(struct shell *shell, int argc, char **argv) {
    (void)argc, (void)argv;
    const struct builtin *builtin;
    say(shell, "Commands of the shell:\n");
    for (size_t i = 0; (builtin = builtin_at(i)); i++) {
        say(shell, "  %-9s %-20s %s\n", builtin->name, builtin->arguments, builtin->purpose);
    }
    say(shell, "Programs:\n ");
    for (size_t at = 0; at < shell->names_length; at += strlen(shell->names + at) + 1) {
        say(shell, " %s", shell->names + at);
    }
    say(shell, "\nCOMMAND & runs it in the background; ; && || join commands; > FILE catches the output;\n"
               "$? is the last status. Tab completes, arrows edit and recall, Ctrl-C interrupts.\n");
    return 0;
}

static const struct builtin builtins[] = {
    {"help", "", "this list", command_help},
    {"ls", "[-al] [PATH...]", "what is in a folder", command_ls},
    {"cat", "FILE...", "shows files", command_cat},
    {"cp", "FROM... TO", "copies files", command_cp},
    {"mv", "FROM... TO", "moves or renames", command_mv},
    {"rm", "PATH...", "removes files and empty folders", command_rm},
    {"mkdir", "PATH...", "makes folders", command_mkdir},
    {"sync", "", "writes everything to the disk", command_sync},
    {"echo", "[-n] WORD...", "prints its words", command_echo},
    {"ps", "", "all tasks", command_ps},
    {"kill", "ID|NAME...", "ends tasks; servers come back", command_kill},
    {"jobs", "", "what runs in the background", command_jobs},
    {"fg", "[JOB]", "waits for a background job", command_fg},
    {"wait", "[JOB]", "waits for one or all of them", command_wait},
    {"mem", "", "memory and kernel objects", command_mem},
    {"uptime", "", "time and counts since power-on", command_uptime},
    {"sleep", "SECONDS", "waits", command_sleep},
    {"true", "", "status 0", command_true},
    {"false", "", "status 1", command_false},
    {"history", "", "lines typed before", command_history},
    {"clear", "", "clears the screen", command_clear},
    {"exit", "[STATUS]", "ends the shell; it starts anew", command_exit},
    {"shutdown", "[STATUS]", "powers the machine off", command_shutdown},
};

const struct builtin *builtin_at(size_t n) {
    return n < sizeof builtins / sizeof builtins[0] ? &builtins[n] : NULL;
}

const struct builtin *builtin_find(const char *name) {
    const struct builtin *builtin;
    for (size_t i = 0; (builtin = builtin_at(i)); i++) {
        if (strcmp(builtin->name, name) == 0) {
            return builtin;
        }
    }
    return NULL;
}

/* Runs a built-in with its output where the command says. */
static int run_builtin(struct shell *shell, const struct builtin *builtin, struct command *command) {
    if (!command->output) {
        return builtin->run(shell, command->argc, command->argv);
    }
    int file = open(command->output, O_WRONLY | O_CREAT | (command->append ? O_APPEND : O_TRUNC), 0666);
    if (file < 0) {
        return complain(shell, 1, command->argv[0], "%s: %s", command->output, strerror(errno));
    }
    shell->output = file;
    shell->lost_output = false;
    int status = builtin->run(shell, command->argc, command->argv);
    shell->output = STDOUT_FILENO;
    if (close(file) != 0 || shell->lost_output) {
        return complain(shell, 1, command->argv[0], "%s: %s", command->output, strerror(errno));
    }
    return status;
}

static int run_command(struct shell *shell, struct command *command) {
    if (command->argc == 0) {
        return command->output ? complain(shell, STATUS_USAGE, "shell", "> needs a command") : shell->status;
    }
    const struct builtin *builtin = builtin_find(command->argv[0]);
    if (builtin && command->background) {
        return complain(shell, STATUS_USAGE, command->argv[0], "only programs run in the background");
    }
    if (builtin) {
        return run_builtin(shell, builtin, command);
    }
    return run_program(shell, command);
}

static bool wanted(enum connector before, int status) {
    return before == CONNECT_AND ? status == 0 : before == CONNECT_OR ? status != 0 : true;
}

void run_line(struct shell *shell, const char *text) {
    enum connector before = CONNECT_ALWAYS;
    while (before != CONNECT_END && !shell->over) {
        struct command command;
        enum error error = command_parse(&text, shell->status, &command);
        if (error) {
            shell->status =
                complain(shell, STATUS_USAGE, "shell", "cannot read this line: %s", error_text(error));
            return;
        }
        if (wanted(before, shell->status)) {
            shell->status = run_command(shell, &command);
        }
        before = command.next;
    }
}
