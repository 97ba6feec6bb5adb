/* start.h: what init lays into a new task, and how the task asks for it.
 *
 * _start receives the address of a struct start_info (one read-only memory of at most 64 KiB), sets the C
 * library up and calls main(argc, argv). Servers ask for their granted handles by the manifest's names. */
#pragma once

#include <ipc/abi.h>

#define START_MAGIC     0x74726174736d6f74ull
#define START_GRANTS    24
#define START_NAME_SIZE 24

struct start_grant {
    char name[START_NAME_SIZE];
    handle_t handle;
    uint32_t zero;
    uint64_t value; /* device: physical address or interrupt number; file descriptor: its kind */
};

struct start_info {
    uint64_t magic;
    uint64_t timebase_frequency;
    int64_t wall_clock_offset; /* ns to add to the time since power-on for UTC since 1970; 0: unknown */
    uint8_t seed[32];          /* this task's own secret randomness */
    uint32_t argument_count;
    uint32_t argument_offset; /* from this struct: NUL-terminated strings one after the other */
    uint32_t environment_count;
    uint32_t environment_offset;
    uint32_t grant_count;
    uint32_t zero;
    struct start_grant grants[START_GRANTS];
};

/* The bit by which a driver's interrupt signals the event granted as "irq-event"; the others are the driver's
 * own. */
#define START_INTERRUPT (1ull << 63)

const struct start_info *start_info(void);
/* The handle granted under `name` ("log", "init", "device.net0", "irq.net0", "self", ...), HANDLE_NONE when
 * there is none. */
handle_t start_handle(const char *name);
/* The whole grant, with its value; null when there is none. */
const struct start_grant *start_grant(const char *name);
/* The task's own name: its first argument. */
const char *start_name(void);

/* For init, whose block is struct boot_info: the block as it came, and the start-up block that it made for
 * itself. */
const void *start_block(void);
void start_adopt(const struct start_info *info);
