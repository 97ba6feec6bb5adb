/* loader.h: from a file of the boot archive to a running task. */
#pragma once

#include "init.h"

#define START_ADDRESS 0x3fff0000ull /* of struct start_info; the stack ends below it */

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

/* The lowest address of such a task's stack. Nothing is mapped below it. */
uint64_t loader_stack_bottom(const struct manifest_entry *entry);
