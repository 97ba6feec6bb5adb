/* kernel.h: the kernel's one struct. main.c owns it; everything gets it as an argument.
 *
 * One big lock: whoever is in the kernel holds it, from trap entry to the return, but for a hart that sleeps.
 * Read task.h, message.c and schedule.h first; abi.h says what each system call must do. */
#pragma once

#include "cache.h"
#include "event.h"
#include "machine.h"
#include "memory.h"
#include "message.h"
#include "page.h"
#include "platform.h"
#include "port.h"
#include "schedule.h"
#include "task.h"

enum { CACHE_ACCOUNT = OBJECT_TYPES, CACHE_MAPPING, CACHE_RUN, CACHES };

#define BADGE_BUCKETS 256 /* a power of two */

struct kernel {
    /* What every message touches, on as few pages as can be: after a change of address space each page costs
     * anew. */
    uint32_t locked;
    uint32_t harts, sleepers;
    struct hart *here; /* the hart that holds the lock */
    uint64_t slice_ticks;
    struct memory *dying_memories; /* what died is taken apart piece by piece from these two lists */
    struct task *dying_tasks;
    uint64_t context_switches, address_space_switches, system_calls, messages,
        interrupt_count; /* machine_info */
    struct ready ready;
    struct hart hart[MAX_HARTS];
    struct deadlines deadlines;

    /* Objects. */
    struct link badges[BADGE_BUCKETS];
    struct interrupt *interrupts[INTERRUPTS_MAX];
    struct task *task_slots[MAX_TASKS];
    struct object machine;
    struct task *first_task; /* without it nothing goes on */

    /* Memory. */
    struct pages pages;
    struct cache caches[CACHES];
    uint64_t ram_base, ram_end;

    struct platform platform;
} __attribute__((aligned(4096)));

/* Prepares an empty kernel; the pages are added by the caller. */
void kernel_init(struct kernel *kernel, const struct platform *platform);
void kernel_lock(struct kernel *kernel, struct hart *hart);
void kernel_unlock(struct kernel *kernel);

/* Does the system call that the current task asks for; a task that did not block has its result in a0. */
void system_call(struct hart *hart);

/* Bytes that no object uses. */
uint64_t memory_free(const struct kernel *kernel);

static inline bool reap_pending(const struct kernel *kernel) {
    return kernel->dying_memories || kernel->dying_tasks;
}

/* Nanoseconds and clock ticks; deadlines are rounded up. */
uint64_t ticks_of(const struct kernel *kernel, uint64_t ns);
uint64_t ns_of(const struct kernel *kernel, uint64_t ticks);
