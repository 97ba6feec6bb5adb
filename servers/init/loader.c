/* loader.c: lays out a new task's memory and grants its handles.
 *
 *   0x10000 ...          the program's segments
 *   ... START_ADDRESS    its stack, growing down
 *   START_ADDRESS        struct start_info, read-only
 * All within one gigabyte, so that a small task gets by with few page tables. What is written is written by
 * the kernel (task_write): init maps none of it. */
#include "loader.h"

#include "archive.h"
#include "image.h"

#include <base/text.h>
#include <os/os.h>
#include <os/syscall.h>
#include <stdio.h>

#define PATH_SIZE (MANIFEST_NAME + 4)

/* A task that is being made. */
struct making {
    struct init *init;
    struct process *process;
    const struct launch *launch;
    handle_t task;
    struct span file;
    size_t file_offset; /* in the archive */
    struct image image;
    struct start_info start;
};

static const char *program_of(const struct process *process) {
    return process->entry->at_boot ? process->entry->program : process->name;
}

bool loader_knows(const struct init *init, const char *program) {
    char path[PATH_SIZE];
    struct span file;
    snprintf(path, sizeof path, "bin/%s", program);
    return archive_find(init->archive, path, &file);
}

static enum error find_program(struct making *making) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "bin/%s", program_of(making->process));
    if (!archive_find(making->init->archive, path, &making->file)) {
        return ERR_NOT_FOUND;
    }
    making->file_offset = (size_t)(making->file.data - making->init->archive.data);
    return image_check(making->file, &making->image);
}

static enum error create_task(struct making *making) {
    const struct manifest_entry *entry = making->process->entry;
    struct task_options options = {.priority = entry->priority,
                                   .flags = entry->dma ? TASK_DMA : 0,
                                   .quota = manifest_memory(entry, making->init->boot->free_memory),
                                   .handles_max = entry->handles,
                                   .end_port = making->init->server.port,
                                   .end_badge = making->process->id};
    text_copy(options.name, sizeof options.name, making->process->name);
    uint64_t task;
    enum error error = sys_task_create(making->init->boot->machine, &options, &task);
    making->task = error == ERR_NONE ? (handle_t)task : HANDLE_NONE;
    return error;
}

/* ---- memory ---- */

uint64_t loader_stack_bottom(const struct manifest_entry *entry) {
    return (START_ADDRESS - entry->stack) / PAGE_SIZE * PAGE_SIZE;
}

/* Fresh memory of whole pages at `address` in the task. */
static enum error map_fresh(handle_t task, uint64_t address, uint64_t size, uint32_t rights) {
    uint64_t memory;
    enum error error = sys_memory_create(size, false, &memory);
    if (error == ERR_NONE) {
        error = sys_memory_map(task, (handle_t)memory, &address, 0, 0, rights);
        (void)!handle_close((handle_t)memory);
    }
    return error;
}

static enum error write_all(handle_t task, uint64_t address, const void *data, size_t length) {
    for (size_t written = 0; written < length;) {
        uint64_t done = 0;
        enum error error =
            sys_task_write(task, address + written, (const char *)data + written, length - written, &done);
        if (error != ERR_NONE || done == 0) {
            return error != ERR_NONE ? error : ERR_BAD_ADDRESS;
        }
        written += done;
    }
    return ERR_NONE;
}

/* Constant segments come straight out of the archive where it holds them on whole pages, so that all tasks of
 * a program share them; others are copied. */
static enum error load_segment(struct making *making, const struct image_segment *segment) {
    uint64_t offset = making->file_offset + segment->offset;
    bool constant = (segment->rights & RIGHT_WRITE) == 0 && segment->file_size + PAGE_SIZE > segment->size;
    if (constant && offset % PAGE_SIZE == 0 && segment->file_address == segment->address) {
        uint64_t address = segment->address;
        return sys_memory_map(making->task, making->init->boot->boot_archive, &address, offset, segment->size,
                              segment->rights);
    }
    enum error error = map_fresh(making->task, segment->address, segment->size, segment->rights);
    if (error == ERR_NONE) {
        const uint8_t *bytes = making->file.data + segment->offset;
        error = write_all(making->task, segment->file_address, bytes, segment->file_size);
    }
    return error;
}

static enum error load(struct making *making) {
    enum error error = ERR_NONE;
    for (unsigned i = 0; error == ERR_NONE && i < making->image.count; i++) {
        error = load_segment(making, &making->image.segments[i]);
    }
    if (error == ERR_NONE) {
        uint64_t bottom = loader_stack_bottom(making->process->entry);
        error = map_fresh(making->task, bottom, START_ADDRESS - bottom, RIGHT_READ | RIGHT_WRITE);
    }
    return error;
}

/* ---- grants ---- */

static enum error grant(struct making *making, const char *name, handle_t handle, uint32_t rights,
                        uint64_t value) {
    uint64_t there;
    struct start_info *start = &making->start;
    if (start->grant_count == START_GRANTS) {
        return ERR_TOO_MANY;
    }
    enum error error = sys_task_grant(making->task, handle, rights, &there);
    if (error == ERR_NONE) {
        struct start_grant *slot = &start->grants[start->grant_count++];
        *slot = (struct start_grant){.handle = (handle_t)there, .value = value};
        text_copy(slot->name, sizeof slot->name, name);
    }
    return error;
}

/* Grants a handle that init itself does not keep. */
static enum error grant_away(struct making *making, const char *name, handle_t handle, uint32_t rights,
                             uint64_t value) {
    enum error error = grant(making, name, handle, rights, value);
    (void)!handle_close(handle);
    return error;
}

static enum error grant_init(struct making *making) {
    handle_t port;
    enum error error =
        handle_duplicate(making->init->server.port, RIGHT_SEND | RIGHT_PASS, making->process->id, &port);
    return error == ERR_NONE ? grant_away(making, "init", port, RIGHT_SEND, 0) : error;
}

static enum error grant_interrupt(struct making *making, const struct device *device) {
    char name[START_NAME_SIZE];
    handle_t event;
    uint64_t interrupt;
    enum error error = event_make(&event);
    if (error != ERR_NONE) {
        return error;
    }
    snprintf(name, sizeof name, "irq.%s", device->name);
    error = sys_interrupt_create(making->init->boot->machine, device->interrupt, event, START_INTERRUPT,
                                 &interrupt);
    if (error == ERR_NONE) {
        error = grant_away(making, name, (handle_t)interrupt, RIGHT_WAIT, device->interrupt);
    }
    if (error == ERR_NONE) {
        error = grant(making, "irq-event", event, RIGHT_SIGNAL | RIGHT_WAIT | RIGHT_PASS, 0);
    }
    (void)!handle_close(event);
    return error;
}

/* A machine without the device: the task starts without it and says so itself. */
static enum error grant_device(struct making *making) {
    const char *wanted = making->process->entry->device;
    struct device *device = wanted[0] != '\0' ? devices_named(&making->init->devices, wanted) : NULL;
    if (device == NULL) {
        return ERR_NONE;
    }
    char name[START_NAME_SIZE];
    uint64_t memory;
    snprintf(name, sizeof name, "device.%s", device->name);
    enum error error =
        sys_memory_device(making->init->boot->machine, device->physical, device->size, &memory);
    if (error == ERR_NONE) {
        error = grant_away(making, name, (handle_t)memory, RIGHT_READ | RIGHT_WRITE, device->physical);
    }
    return error == ERR_NONE ? grant_interrupt(making, device) : error;
}

static enum error grant_streams(struct making *making) {
    static const char *const names[] = {"fd0", "fd1", "fd2"};
    enum error error = ERR_NONE;
    for (unsigned i = 0; error == ERR_NONE && i < 3; i++) {
        if (making->launch->stream[i] != HANDLE_NONE) {
            error = grant(making, names[i], making->launch->stream[i], RIGHT_SEND | RIGHT_PASS,
                          making->launch->kind[i]);
        }
    }
    return error;
}

static enum error grant_all(struct making *making) {
    enum error error = grant_init(making);
    if (error == ERR_NONE && (making->process->may & MAY_LOG) != 0) {
        error = grant(making, "log", making->init->boot->machine, RIGHT_SEND, 0);
    }
    if (error == ERR_NONE) {
        error = grant_device(making);
    }
    return error == ERR_NONE ? grant_streams(making) : error;
}

/* ---- the start-up block ---- */

static void fill_start(struct making *making) {
    struct start_info *start = &making->start;
    start->magic = START_MAGIC;
    start->timebase_frequency = making->init->boot->timebase_frequency;
    start->wall_clock_offset = making->init->wall_clock_offset;
    for (size_t i = 0; i < sizeof start->seed; i += 8) {
        uint64_t word = random_u64(&making->init->random);
        memcpy(start->seed + i, &word, sizeof word);
    }
    start->argument_count = making->launch->argument_count;
    start->argument_offset = sizeof *start;
    start->environment_offset = (uint32_t)(sizeof *start + making->launch->length);
}

static enum error lay_start(struct making *making) {
    fill_start(making);
    size_t size = sizeof making->start + making->launch->length;
    size_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    enum error error = map_fresh(making->task, START_ADDRESS, pages, RIGHT_READ);
    if (error == ERR_NONE) {
        error = write_all(making->task, START_ADDRESS, &making->start, sizeof making->start);
    }
    if (error == ERR_NONE) {
        error = write_all(making->task, START_ADDRESS + sizeof making->start, making->launch->arguments,
                          making->launch->length);
    }
    return error;
}

enum error loader_start(struct init *init, struct process *process, const struct launch *launch) {
    struct making making = {.init = init, .process = process, .launch = launch};
    enum error error = find_program(&making);
    if (error == ERR_NONE) {
        error = create_task(&making);
    }
    if (error == ERR_NONE) {
        error = load(&making);
    }
    if (error == ERR_NONE) {
        error = grant_all(&making);
    }
    if (error == ERR_NONE) {
        error = lay_start(&making);
    }
    if (error == ERR_NONE) {
        error = sys_task_start(making.task, making.image.entry, START_ADDRESS, START_ADDRESS);
    }
    if (error != ERR_NONE && making.task != HANDLE_NONE) {
        (void)!handle_close(making.task); /* a task that was never started goes with its last handle */
        making.task = HANDLE_NONE;
    }
    process->task = making.task;
    return error;
}
