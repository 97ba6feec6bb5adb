/* process.c: see process.h. Changes of a process's state happen only here. */
#include "process.h"

#include "crash.h"
#include "names.h"
#include "options.h"

#include <base/text.h>
#include <os/os.h>
#include <os/syscall.h>

#define MILLISECOND 1000000u
#define IMAGE_ROOM  (512 * 1024ull) /* what a program's image and stack may take beside its quota */

/* ---- finding ---- */

struct process *process_find(struct init *init, uint32_t id) {
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &init->processes[i];
        if (process->state != PROCESS_FREE && process->id == id) {
            return process;
        }
    }
    return NULL;
}

bool process_alive(const struct process *process) {
    return process->state == PROCESS_RUNNING ||
           (process->state == PROCESS_RESTING && process->restart_at != NEVER);
}

struct process *process_named(struct init *init, const char *name) {
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &init->processes[i];
        if (process_alive(process) && process->entry->at_boot && strcmp(process->name, name) == 0) {
            return process;
        }
    }
    return NULL;
}

bool process_will_serve(const struct init *init, const char *name) {
    for (unsigned i = 0; i < PROCESSES; i++) {
        const struct process *process = &init->processes[i];
        if (process_alive(process) && manifest_names(&process->entry->serves, name)) {
            return true;
        }
    }
    return false;
}

bool process_may(const struct process *process, enum may right) {
    return (process->may & right) != 0;
}

bool process_uses(const struct process *process, const char *name) {
    for (unsigned i = 0; i < process->entry->uses.count; i++) {
        if (strcmp(process->entry->uses.name[i], name) == 0) {
            return (process->uses >> i & 1) != 0;
        }
    }
    return false;
}

/* A fresh slot, with an id that no living task has. */
static struct process *take_slot(struct init *init, const struct manifest_entry *entry, const char *name) {
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &init->processes[i];
        if (process->state == PROCESS_FREE) {
            *process = (struct process){.entry = entry, .id = ++init->last_id};
            text_copy(process->name, sizeof process->name, name);
            return process;
        }
    }
    return NULL;
}

void process_forget(struct process *process) {
    *process = (struct process){.state = PROCESS_FREE};
}

/* ---- tasks of the manifest ---- */

static size_t words_to_strings(char *text) {
    size_t length = strlen(text) + 1;
    for (size_t i = 0; i < length; i++) {
        text[i] = text[i] == ' ' ? '\0' : text[i];
    }
    return length;
}

static uint32_t count_strings(const char *text, size_t length) {
    uint32_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += text[i] == '\0';
    }
    return count;
}

/* Plans the next start, or leaves it resting for good. */
static void rest(struct process *process, uint64_t now) {
    process->state = PROCESS_RESTING;
    process->task = HANDLE_NONE;
    process->restart_at = restart_after(&process->entry->restart, &process->restart, now);
}

static void rest_for_good(struct process *process) {
    process->state = PROCESS_RESTING;
    process->restart_at = NEVER;
}

/* Starting it again would end in the same way. */
static void give_up(struct process *process, const char *why) {
    log_line("%s does not start: %s", process->name, why);
    rest_for_good(process);
}

static bool device_is_there(struct init *init, const struct manifest_entry *entry) {
    return entry->device[0] == '\0' || devices_named(&init->devices, entry->device) != NULL;
}

static void start_entry(struct init *init, struct process *process) {
    char arguments[MANIFEST_NAME + MANIFEST_ARGUMENTS + 1];
    text_copy(arguments, sizeof arguments, process->name);
    size_t length = strlen(arguments) + 1;
    if (process->entry->arguments[0] != '\0') {
        text_copy(arguments + length, sizeof arguments - length, process->entry->arguments);
        length += words_to_strings(arguments + length);
    }
    struct launch launch = {
        .arguments = arguments, .length = length, .argument_count = count_strings(arguments, length)};
    process->restart.started = clock_now();
    enum error error = loader_start(init, process, &launch);
    if (error == ERR_NONE) {
        process->state = PROCESS_RUNNING;
    } else if (error == ERR_NOT_FOUND || error == ERR_MALFORMED || error == ERR_INVALID) {
        give_up(process, error_text(error));
    } else {
        log_line("%s does not start: %s", process->name, error_text(error));
        rest(process, clock_now());
    }
}

void process_start_all(struct init *init, const char *without) {
    for (unsigned i = 0; i < init->manifest.count; i++) {
        const struct manifest_entry *entry = &init->manifest.entries[i];
        if (!entry->at_boot || option_lists(without, entry->name)) {
            continue;
        }
        struct process *process = take_slot(init, entry, entry->name);
        if (process == NULL) {
            log_line("%s does not start: %s", entry->name, error_text(ERR_TOO_MANY));
            continue;
        }
        process->may = entry->may;
        process->uses = UINT32_MAX;
        if (device_is_there(init, entry)) {
            start_entry(init, process);
        } else if (entry->device_optional) {
            rest_for_good(process);
        } else {
            give_up(process, "the machine has no such device");
        }
    }
}

uint64_t process_restart_due(struct init *init) {
    uint64_t next = NEVER;
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &init->processes[i];
        if (process->state != PROCESS_RESTING || process->restart_at == NEVER) {
            continue;
        }
        if (process->restart_at <= clock_now()) {
            process->id =
                ++init->last_id; /* what still carries the old badge must not pass for the new task */
            start_entry(init, process);
        }
        if (process->state == PROCESS_RESTING && process->restart_at < next) {
            next = process->restart_at;
        }
    }
    return next;
}

/* ---- programs ---- */

static unsigned children_of(const struct init *init, uint32_t parent) {
    unsigned count = 0;
    for (unsigned i = 0; i < PROCESSES; i++) {
        count += init->processes[i].state != PROCESS_FREE && init->processes[i].parent == parent;
    }
    return count;
}

/* Is there memory for one more program and still for every task of the manifest that rests? */
static bool memory_suffices(const struct init *init, const struct manifest_entry *entry) {
    struct task_info info;
    if (sys_task_info(HANDLE_NONE, &info) != ERR_NONE) {
        return false;
    }
    uint64_t needed = manifest_memory(entry, init->boot->free_memory) + IMAGE_ROOM;
    for (unsigned i = 0; i < PROCESSES; i++) {
        const struct process *process = &init->processes[i];
        if (process->state == PROCESS_RESTING && process->restart_at != NEVER) {
            needed += manifest_memory(process->entry, init->boot->free_memory) + IMAGE_ROOM;
        }
    }
    return info.quota - info.memory_used >= needed;
}

/* The rights of a new program: its entry's, but no name and no power that the spawner lacks. Writing to the
 * log and serving are the entry's alone: the spawner gives nothing away by them. */
static void limit_rights(struct process *process, const struct process *parent) {
    process->may = process->entry->may & (parent->may | MAY_LOG);
    process->uses = 0;
    for (unsigned i = 0; i < process->entry->uses.count; i++) {
        process->uses |= process_uses(parent, process->entry->uses.name[i]) ? 1u << i : 0;
    }
}

enum error process_spawn(struct init *init, const struct process *parent, const char *program,
                         const struct launch *launch, handle_t event, uint64_t bits, uint32_t *id) {
    const struct manifest_entry *entry = manifest_program(&init->manifest, program);
    if (!loader_knows(init, program)) {
        return ERR_NOT_FOUND;
    }
    if (entry == NULL || !process_may(parent, MAY_SPAWN)) {
        return ERR_NO_RIGHT;
    }
    if (children_of(init, parent->id) >= CHILDREN_MAX) {
        return ERR_TOO_MANY;
    }
    if (!memory_suffices(init, entry)) {
        return ERR_NO_MEMORY;
    }
    struct process *process = take_slot(init, entry, program);
    if (process == NULL) {
        return ERR_TOO_MANY;
    }
    limit_rights(process, parent);
    enum error error = loader_start(init, process, launch);
    if (error != ERR_NONE) {
        process_forget(process);
        return error;
    }
    process->state = PROCESS_RUNNING;
    process->parent = parent->id;
    process->end_event = event;
    process->end_bits = bits;
    *id = process->id;
    return ERR_NONE;
}

/* ---- the end ---- */

static void leave_children(struct init *init, uint32_t parent) {
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &init->processes[i];
        if (process->state == PROCESS_FREE || process->parent != parent) {
            continue;
        }
        process->parent = 0;
        if (process->waiter.reply != HANDLE_NONE) {
            parked_fail(&process->waiter, ERR_DEAD);
        }
        if (process->state == PROCESS_ENDED) {
            process_forget(process);
        }
    }
}

/* A program has ended: its parent is told, and if it waits already, that was all. */
static void end_program(struct process *process) {
    process->state = PROCESS_ENDED;
    process->task = HANDLE_NONE;
    if (process->end_event != HANDLE_NONE) {
        (void)!event_signal(process->end_event, process->end_bits);
        (void)!handle_close(process->end_event);
        process->end_event = HANDLE_NONE;
    }
    bool waited = process->waiter.reply != HANDLE_NONE;
    if (waited) {
        (void)!init_wait_reply_parked(&process->waiter, process->end, process->status);
    }
    if (waited || process->parent == 0) {
        process_forget(process);
    }
}

static void end_entry(struct init *init, struct process *process) {
    static const char *const ends[] = {"ended", "ended", "was killed", "crashed"};
    if (process->entry->restart.kind == RESTART_CRITICAL) {
        log_line("%s %s: nothing works without it, powering off", process->name, ends[process->end & 3]);
        (void)!sys_machine_off(init->boot->machine, 1);
    }
    uint64_t now = clock_now();
    rest(process, now);
    if (process->restart_at == NEVER) {
        names_give_up(init);
        log_line("%s %s with status %lld", process->name, ends[process->end & 3], (long long)process->status);
    } else {
        log_line("%s %s with status %lld, starts again in %llu ms", process->name, ends[process->end & 3],
                 (long long)process->status, (unsigned long long)((process->restart_at - now) / MILLISECOND));
    }
}

void process_ended(struct init *init, uint32_t id) {
    struct process *process = process_find(init, id);
    if (process == NULL || process->state != PROCESS_RUNNING) {
        return;
    }
    struct task_info info = {0};
    (void)!sys_task_info(process->task, &info);
    process->end = info.end;
    process->status = info.status;
    if (info.end == END_FAULT) {
        crash_report(init, process, &info);
    }
    struct device *device = devices_named(&init->devices, process->entry->device);
    if (device != NULL) {
        device_stop(device); /* before the handle goes, and with it the memory that the device may write to */
    }
    (void)!handle_close(process->task);
    names_drop_owner(init, id);
    leave_children(init, id);
    if (process->entry->at_boot) {
        end_entry(init, process);
    } else {
        end_program(process);
    }
}

/* ---- looking ---- */

static void describe(const struct process *process, struct init_process *out) {
    struct task_info info = {.end = process->end, .status = process->status, .state = TASK_ENDED};
    if (process->state == PROCESS_RUNNING) {
        (void)!sys_task_info(process->task, &info);
    }
    *out = (struct init_process){.id = process->id,
                                 .parent = process->parent,
                                 .state = info.state,
                                 .end = info.end,
                                 .status = info.status,
                                 .priority = process->entry->priority,
                                 .handles = info.handles,
                                 .memory_used = info.memory_used,
                                 .memory_peak = info.memory_peak,
                                 .quota = info.quota,
                                 .cpu_time = info.cpu_time,
                                 .switches = info.switches,
                                 .calls = info.calls,
                                 .restarts = process->restart.count};
    text_copy(out->name, sizeof out->name, process->name);
}

unsigned process_list(struct init *init) {
    unsigned count = 0;
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (init->processes[i].state != PROCESS_FREE) {
            describe(&init->processes[i], &init->listing[count++]);
        }
    }
    return count;
}
