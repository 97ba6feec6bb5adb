/* shell.h: the shell's one object and what its files share.
 *
 * main.c owns struct shell. It waits in one place (terminal_wait) for a key, Ctrl-C or a child's end.
 * Built-in commands stand in commands.c's table and live in files.c and system.c; programs are started in
 * jobs.c. */
#pragma once

#include "line.h"
#include "words.h"
#include <ipc/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBS_MAX 32

/* Bits of the one event that the shell waits for. */
#define WAKE_INTERRUPT 1u /* Ctrl-C */
#define WAKE_INPUT     2u /* bytes can be read */
#define WAKE_CHILD     4u

/* Exit statuses as Unix shells have them. */
#define STATUS_USAGE       2
#define STATUS_CANNOT_RUN  126
#define STATUS_NOT_FOUND   127
#define STATUS_INTERRUPTED 130
#define STATUS_KILLED      137
#define STATUS_FAULT       139

struct job {
    uint32_t id; /* of the process; 0: free */
    unsigned number;
    char text[64];
};

struct shell {
    handle_t init, console, terminal, event;
    bool typing; /* a line is being typed: Ctrl-C is one of its keys */
    struct line line;
    struct job jobs[JOBS_MAX];
    int status;        /* of the last command */
    int output;        /* descriptor that built-ins write to */
    bool lost_output;  /* a write to it failed */
    bool over;         /* `exit`, or the end of input */
    char names[16384]; /* programs of the boot archive, NUL-terminated, for completion and help */
    size_t names_length;
    uint8_t buffer[65536]; /* for cat, cp, ps */
};

/* terminal.c */
enum error terminal_open(struct shell *shell);
void terminal_write(struct shell *shell, const char *text, size_t length);
/* Waits for any of `bits`; ~0 after an error of the console, which restarts: the shell tries again. */
uint64_t terminal_wait(struct shell *shell, uint64_t bits);
/* Reads one line with editing. false: the input is over. */
bool terminal_line(struct shell *shell, char *text, size_t size);
/* Prints to the output of the current command. */
__attribute__((format(printf, 2, 3))) void say(struct shell *shell, const char *format, ...);
/* Prints to the console whatever the redirection, with the command's name before it; returns `status`. */
__attribute__((format(printf, 4, 5))) int complain(struct shell *shell, int status, const char *who,
                                                   const char *format, ...);

/* complete.c: completes the word before the cursor: commands at the start, paths elsewhere. */
void complete(struct shell *shell);

/* commands.c */
struct builtin {
    const char *name, *arguments, *purpose;
    int (*run)(struct shell *shell, int argc, char **argv); /* returns the status */
};
/* Null: no such built-in. */
const struct builtin *builtin_find(const char *name);
/* The n-th built-in, null behind the last. */
const struct builtin *builtin_at(size_t n);
/* Runs a whole line, with all its commands. */
void run_line(struct shell *shell, const char *text);

/* jobs.c: starts a program of the boot archive; waits for it unless in the background. Returns the status. */
int run_program(struct shell *shell, struct command *command);
/* Says which background jobs have ended. */
void jobs_report(struct shell *shell);
int command_jobs(struct shell *shell, int argc, char **argv);
int command_fg(struct shell *shell, int argc, char **argv);
int command_wait(struct shell *shell, int argc, char **argv);

/* files.c */
int command_ls(struct shell *shell, int argc, char **argv);
int command_cat(struct shell *shell, int argc, char **argv);
int command_cp(struct shell *shell, int argc, char **argv);
int command_mv(struct shell *shell, int argc, char **argv);
int command_rm(struct shell *shell, int argc, char **argv);
int command_mkdir(struct shell *shell, int argc, char **argv);
int command_sync(struct shell *shell, int argc, char **argv);

/* system.c */
int command_ps(struct shell *shell, int argc, char **argv);
int command_kill(struct shell *shell, int argc, char **argv);
int command_mem(struct shell *shell, int argc, char **argv);
int command_uptime(struct shell *shell, int argc, char **argv);
int command_sleep(struct shell *shell, int argc, char **argv);
int command_shutdown(struct shell *shell, int argc, char **argv);
/* Syncs the disk and powers off with `status`; returns only if that failed. */
int power_off(struct shell *shell, int status);
