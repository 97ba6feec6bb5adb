/* main.c: the kernel's state and its beginning. */
#include "arch.h"
#include "kernel.h"

void kernel_init(struct kernel *kernel, const struct platform *platform) {
    static const uint32_t sizes[CACHES] = {
        [OBJECT_TASK] = sizeof(struct task),      [OBJECT_PORT] = sizeof(struct port),
        [OBJECT_BADGE] = sizeof(struct badge),    [OBJECT_EVENT] = sizeof(struct event),
        [OBJECT_MEMORY] = sizeof(struct memory),  [OBJECT_INTERRUPT] = sizeof(struct interrupt),
        [OBJECT_MACHINE] = sizeof(struct object), [CACHE_ACCOUNT] = sizeof(struct account),
        [CACHE_MAPPING] = sizeof(struct mapping), [CACHE_RUN] = sizeof(struct run),
    };
    for (unsigned i = 0; i < CACHES; i++)
        cache_init(&kernel->caches[i], sizes[i]);
    for (unsigned i = 0; i < BADGE_BUCKETS; i++)
        list_init(&kernel->badges[i]);
    schedule_init(kernel);
    kernel->platform = *platform;
    kernel->machine = (struct object){.type = OBJECT_MACHINE, .references = 1};
    kernel->ram_base = platform->ram_base;
    kernel->ram_end = platform->ram_base + platform->ram_size;
    kernel->slice_ticks = ticks_of(kernel, SLICE_NS);
    for (uint32_t i = 0; i < MAX_HARTS; i++) {
        struct hart *hart = &kernel->hart[i];
        hart->kernel = kernel;
        hart->number = i;
        hart->slice_end = hart->timer = NEVER;
    }
}

/* ---- the lock: who is there first takes it. A queue would be fairer to harts, but makes all of them wait
 * for the next in line, and under an emulator that one's thread may not be running just then. ---- */

HOT void kernel_lock(struct kernel *kernel, struct hart *hart) {
    while (__atomic_exchange_n(&kernel->locked, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&kernel->locked, __ATOMIC_RELAXED))
            cpu_relax();
    kernel->here = hart;
}

HOT void kernel_unlock(struct kernel *kernel) {
    __atomic_store_n(&kernel->locked, 0, __ATOMIC_RELEASE);
}

/* ---- units ---- */

#define NS_PER_S 1000000000ull

uint64_t ticks_of(const struct kernel *kernel, uint64_t ns) {
    uint64_t frequency = kernel->platform.timebase;
    return ns / NS_PER_S * frequency + (ns % NS_PER_S * frequency + NS_PER_S - 1) / NS_PER_S;
}

uint64_t ns_of(const struct kernel *kernel, uint64_t ticks) {
    uint64_t frequency = kernel->platform.timebase;
    return ticks / frequency * NS_PER_S + ticks % frequency * NS_PER_S / frequency;
}

uint64_t memory_free(const struct kernel *kernel) {
    uint64_t bytes = kernel->pages.free_bytes;
    for (unsigned i = 0; i < CACHES; i++)
        bytes += cache_spare(&kernel->caches[i]);
    return bytes;
}
