/* jobs.c: programs: started, waited for, interrupted, counted. */
#include "shell.h"

#include <ipc/fs.h>
#include <ipc/init.h>
#include <os/os.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* argv as NUL-terminated strings one after the other. 0: too long. */
static size_t pack(char *const *argv, char *text, size_t size) {
    size_t used = 0;
    for (; *argv; argv++) {
        size_t length = strlen(*argv) + 1;
        if (length > size - used) {
            return 0;
        }
        memcpy(text + used, *argv, length);
        used += length;
    }
    return used;
}

#define KINDS(input, output, errors) ((input) | (output) << 8 | (errors) << 16)

/* Opens the file that a program's output goes to; the program writes from its end on. */
static enum error open_output(const struct command *command, handle_t *file) {
    handle_t fs;
    enum error error = name_find("fs", &fs);
    if (error) {
        return error;
    }
    struct fs_stat stat;
    uint32_t flags = FS_OPEN_WRITE | FS_OPEN_CREATE | (command->append ? 0 : FS_OPEN_TRUNCATE);
    error = fs_open(fs, flags, command->output, file, &stat);
    (void)!handle_close(fs);
    return error;
}

static enum error spawn(struct shell *shell, const struct command *command, handle_t output, uint32_t kinds,
                        uint32_t *id) {
    char packed[WORDS_TEXT_MAX + WORDS_MAX];
    size_t length = pack(command->argv, packed, sizeof packed);
    if (!length) {
        return ERR_TOO_LARGE;
    }
    handle_t event;
    enum error error = handle_duplicate(shell->event, RIGHT_SIGNAL | RIGHT_PASS, 0, &event);
    if (error) {
        return error;
    }
    error = init_spawn(shell->init, WAKE_CHILD, kinds, shell->console, output, shell->console, event, packed,
                       length, id);
    if (error) {
        (void)!handle_close(event); /* gone already if init got it */
    }
    return error;
}

/* Starts the program with its output where the command says. */
static enum error start(struct shell *shell, const struct command *command, uint32_t *id) {
    if (!command->output) {
        return spawn(shell, command, shell->console,
                     KINDS(INIT_KIND_CONSOLE, INIT_KIND_CONSOLE, INIT_KIND_CONSOLE), id);
    }
    handle_t file;
    enum error error = open_output(command, &file);
    if (error) {
        return error;
    }
    error = spawn(shell, command, file, KINDS(INIT_KIND_CONSOLE, INIT_KIND_FILE, INIT_KIND_CONSOLE), id);
    (void)!handle_close(file);
    return error;
}

static int exit_status(uint32_t end, int64_t status) {
    switch (end) {
    case END_FAULT: return STATUS_FAULT;
    case END_KILL: return STATUS_KILLED;
    default: return (int)(status & 0xff);
    }
}

/* Waits for a child; Ctrl-C ends it. */
static int wait_for(struct shell *shell, uint32_t id) {
    bool interrupted = false;
    for (;;) {
        uint32_t end = 0;
        int64_t status = 0;
        enum error error = init_wait(shell->init, id, false, &end, &status);
        if (error == ERR_NONE) {
            return interrupted ? STATUS_INTERRUPTED : exit_status(end, status);
        }
        if (error != ERR_WOULD_BLOCK) {
            return complain(shell, STATUS_CANNOT_RUN, "wait", "%s", error_text(error));
        }
        if (terminal_wait(shell, WAKE_CHILD | WAKE_INTERRUPT) & WAKE_INTERRUPT) {
            interrupted = true;
            (void)!init_kill(shell->init, id, "");
        }
    }
}

static struct job *job_add(struct shell *shell, uint32_t id, char *const *argv) {
    unsigned number = 1;
    struct job *place = NULL;
    for (struct job *job = shell->jobs; job < shell->jobs + JOBS_MAX; job++) {
        if (!job->id) {
            place = place ? place : job;
        } else if (job->number >= number) {
            number = job->number + 1;
        }
    }
    if (!place) {
        return NULL;
    }
    *place = (struct job){.id = id, .number = number};
    size_t used = 0;
    for (; *argv && used < sizeof place->text; argv++) {
        used +=
            (size_t)snprintf(place->text + used, sizeof place->text - used, "%s%s", used ? " " : "", *argv);
    }
    return place;
}

int run_program(struct shell *shell, struct command *command) {
    /* A Ctrl-C that came before has nothing to do with this program. */
    uint64_t old;
    (void)!event_wait(shell->event, WAKE_INTERRUPT, 0, &old);
    uint32_t id = 0;
    enum error error = start(shell, command, &id);
    if (error == ERR_NOT_FOUND && !command->output) {
        return complain(shell, STATUS_NOT_FOUND, command->argv[0], "no such command (try help)");
    }
    if (error) {
        return complain(shell, STATUS_CANNOT_RUN, command->argv[0], "%s", error_text(error));
    }
    if (!command->background) {
        return wait_for(shell, id);
    }
    struct job *job = job_add(shell, id, command->argv);
    if (!job) {
        return complain(shell, 0, command->argv[0], "runs as %u, but the table of jobs is full",
                        (unsigned)id);
    }
    say(shell, "[%u] %u\n", job->number, (unsigned)id);
    return 0;
}

void jobs_report(struct shell *shell) {
    for (struct job *job = shell->jobs; job < shell->jobs + JOBS_MAX; job++) {
        uint32_t end = 0;
        int64_t status = 0;
        if (!job->id || init_wait(shell->init, job->id, false, &end, &status) == ERR_WOULD_BLOCK) {
            continue;
        }
        int code = exit_status(end, status);
        if (code) {
            say(shell, "[%u] exit %d  %s\n", job->number, code, job->text);
        } else {
            say(shell, "[%u] done  %s\n", job->number, job->text);
        }
        job->id = 0;
    }
}

int command_jobs(struct shell *shell, int argc, char **argv) {
    (void)argc, (void)argv;
    jobs_report(shell);
    for (struct job *job = shell->jobs; job < shell->jobs + JOBS_MAX; job++) {
        if (job->id) {
            say(shell, "[%u] %u  %s\n", job->number, (unsigned)job->id, job->text);
        }
    }
    return 0;
}

/* The job named by its number, or the newest without one. */
static struct job *job_named(struct shell *shell, const char *text) {
    unsigned long number = text ? strtoul(*text == '%' ? text + 1 : text, NULL, 10) : 0;
    struct job *found = NULL;
    for (struct job *job = shell->jobs; job < shell->jobs + JOBS_MAX; job++) {
        if (job->id && (text ? job->number == number : !found || job->number > found->number)) {
            found = job;
        }
    }
    return found;
}

int command_fg(struct shell *shell, int argc, char **argv) {
    struct job *job = job_named(shell, argc > 1 ? argv[1] : NULL);
    if (!job) {
        return complain(shell, 1, argv[0], "no such job");
    }
    int status = wait_for(shell, job->id);
    job->id = 0;
    return status;
}

int command_wait(struct shell *shell, int argc, char **argv) {
    if (argc > 1) {
        return command_fg(shell, argc, argv);
    }
    int status = 0;
    struct job *job;
    while (status != STATUS_INTERRUPTED && (job = job_named(shell, NULL))) {
        status = wait_for(shell, job->id);
        job->id = 0;
    }
    return status;
}
