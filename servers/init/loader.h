/* loader.h: from a file of the boot archive to a running task. */
#pragma once

#include "init.h"

/* What a task is started with, beside its process's entry and rights. */
struct launch {
    const char *arguments; /* NUL-terminated strings one after the other, argv[0] first */
    size_t length;         /* of all of them */
    uint32_t argument_count;
    handle_t stream[3]; /* "fd0".. "fd2", or none; stay the caller's */
    uint8_t kind[3];
};

/* Starts process->entry->program (for a program: process->name) as process->id. Sets process->task.
 * ERR_NOT_FOUND: not in the archive; ERR_MALFORMED: no sound program; ERR_NO_MEMORY, ERR_QUOTA, ERR_TOO_MANY.
 */
enum error loader_start(struct init *init, struct process *process, const struct launch *launch);

/* Is there such a program? */
bool loader_knows(const struct init *init, const char *program);
