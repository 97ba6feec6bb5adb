/* memory.h: memory objects: pages that can be mapped and passed on.
 *
 * The pages come in runs, as long as the buddy allocator has them, so that lists are short. Making and
 * freeing go piece by piece (RUN_MAX at a time), so that nothing holds up the machine for long. */
#pragma once

#include "object.h"

#define RUN_MAX (1ull << 20)

struct run {
    struct run *next;
    uint64_t base, length; /* physical, bytes */
};

struct memory {
    struct object object;
    uint64_t size;
    uint64_t ready; /* bytes allocated and cleared so far */
    bool device;    /* not RAM: nothing to clear, charge or free */
    bool contiguous;
    struct run *runs, **last;
    struct memory *next_dying;
};

/* Remembers where the last look-up ended, so that going through a memory in order is fast. Starts zeroed. */
struct run_cursor {
    const struct run *run;
    uint64_t start; /* offset of that run in the memory */
};

/* The physical address at an offset (below the size) and how far it goes on from there. */
uint64_t memory_physical(const struct memory *memory, struct run_cursor *cursor, uint64_t offset,
                         uint64_t *contiguous);

/* An object over a physical range that exists already: a device's, or RAM that the caller was charged for. */
enum error memory_adopt(struct kernel *kernel, struct account *account, uint64_t base, uint64_t size,
                        bool device, struct memory **made);

/* Allocates pages for a new object until `memory->ready` reaches its size, a piece each time it is called. */
enum error memory_fill(struct kernel *kernel, struct memory *memory);
enum error memory_create(struct kernel *kernel, struct account *account, uint64_t size, bool contiguous,
                         struct memory **made);

void memory_destroy(struct kernel *kernel, struct memory *memory);

/* Frees one run; true when the object is gone. */
bool memory_destroy_piece(struct kernel *kernel, struct memory *memory);

/* System calls; see abi.h. */
enum error sys_memory_create(struct kernel *kernel, struct task *task);
enum error sys_memory_device(struct kernel *kernel, struct task *task);
enum error sys_memory_map(struct kernel *kernel, struct task *task);
enum error sys_memory_unmap(struct kernel *kernel, struct task *task);
enum error sys_memory_physical(struct kernel *kernel, struct task *task);
enum error sys_memory_size(struct kernel *kernel, struct task *task);
