/* memory.c: memory objects and the system calls about memory; see memory.h. */
#include "memory.h"
#include "bytes.h"
#include "kernel.h"

#define SIZE_MAX_MEMORY (1ull << 36)

uint64_t memory_physical(const struct memory *memory, struct run_cursor *cursor, uint64_t offset,
                         uint64_t *contiguous) {
    if (!cursor->run || offset < cursor->start)
        *cursor = (struct run_cursor){.run = memory->runs};
    while (offset - cursor->start >= cursor->run->length) {
        cursor->start += cursor->run->length;
        cursor->run = cursor->run->next;
    }
    *contiguous = cursor->run->length - (offset - cursor->start);
    return cursor->run->base + (offset - cursor->start);
}

/* ---- making ---- */

static enum error run_add(struct kernel *kernel, struct memory *memory, uint64_t base, uint64_t length) {
    struct cache *cache = &kernel->caches[CACHE_RUN];
    enum error error = account_charge(memory->object.account, cache->size);
    if (error)
        return error;
    struct run *run = cache_allocate(cache, &kernel->pages);
    if (!run) {
        account_refund(kernel, memory->object.account, cache->size);
        return ERR_NO_MEMORY;
    }
    *run = (struct run){.base = base, .length = length};
    *memory->last = run;
    memory->last = &run->next;
    return ERR_NONE;
}

/* Pages for the next run: the whole rest if it must be contiguous, else as much as there is in one piece. */
static uint64_t run_allocate(struct kernel *kernel, const struct memory *memory, uint64_t *length) {
    uint64_t rest = memory->size - memory->ready;
    *length = memory->contiguous || rest < RUN_MAX ? rest : RUN_MAX;
    uint64_t base = pages_allocate(&kernel->pages, *length / PAGE_SIZE);
    while (!base && !memory->contiguous && *length > PAGE_SIZE) {
        *length = *length / PAGE_SIZE / 2 * PAGE_SIZE;
        base = pages_allocate(&kernel->pages, *length / PAGE_SIZE);
    }
    return base;
}

enum error memory_fill(struct kernel *kernel, struct memory *memory) {
    if (memory->ready == memory->size)
        return ERR_NONE;
    uint64_t length;
    uint64_t base = run_allocate(kernel, memory, &length);
    if (!base)
        return ERR_NO_MEMORY;
    enum error error = account_charge(memory->object.account, length);
    if (!error) {
        error = run_add(kernel, memory, base, length);
        if (error)
            account_refund(kernel, memory->object.account, length);
    }
    if (error) {
        pages_free(&kernel->pages, base, length / PAGE_SIZE);
        return error;
    }
    memset(physical_pointer(base), 0, length);
    memory->ready += length;
    return ERR_NONE;
}

enum error memory_create(struct kernel *kernel, struct account *account, uint64_t size, bool contiguous,
                         struct memory **made) {
    if (size == 0 || size > SIZE_MAX_MEMORY)
        return ERR_INVALID;
    struct memory *memory;
    enum error error = object_create(kernel, OBJECT_MEMORY, account, &memory);
    if (error)
        return error;
    memory->size = (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    memory->contiguous = contiguous;
    memory->last = &memory->runs;
    *made = memory;
    return ERR_NONE;
}

enum error memory_adopt(struct kernel *kernel, struct account *account, uint64_t base, uint64_t size,
                        bool device, struct memory **made) {
    struct memory *memory;
    enum error error = memory_create(kernel, account, size, true, &memory);
    if (error)
        return error;
    memory->device = device;
    error = run_add(kernel, memory, base, memory->size);
    if (error) {
        object_put(kernel, &memory->object);
        return error;
    }
    memory->ready = memory->size;
    *made = memory;
    return ERR_NONE;
}

/* ---- unmaking ---- */

bool memory_destroy_piece(struct kernel *kernel, struct memory *memory) {
    struct run *run = memory->runs;
    if (run) {
        memory->runs = run->next;
        if (!memory->device) {
            pages_free(&kernel->pages, run->base, run->length / PAGE_SIZE);
            account_refund(kernel, memory->object.account, run->length);
        }
        cache_free(&kernel->caches[CACHE_RUN], &kernel->pages, run);
        account_refund(kernel, memory->object.account, kernel->caches[CACHE_RUN].size);
    }
    if (memory->runs)
        return false;
    object_free(kernel, &memory->object);
    return true;
}

void memory_destroy(struct kernel *kernel, struct memory *memory) {
    if (memory_destroy_piece(kernel, memory))
        return;
    memory->next_dying = kernel->dying_memories;
    kernel->dying_memories = memory;
}

/* ---- system calls ---- */

enum error sys_memory_create(struct kernel *kernel, struct task *task) {
    struct memory *memory = task->building;
    enum error error = ERR_NONE;
    if (!memory) {
        bool hopeless = context_get(task, A0) > task->account->quota - task->account->used;
        if (hopeless) {
            task->again = reap_pending(kernel);
            return ERR_QUOTA;
        }
        error =
            memory_create(kernel, task->account, context_get(task, A0), context_get(task, A1) == 1, &memory);
        if (error)
            return error;
        task->building = memory;
    }
    error = memory_fill(kernel, memory);
    if (error ? reap_pending(kernel) : memory->ready < memory->size) {
        task->again = true; /* there is more to do, or more will be free in a moment */
        return ERR_NONE;
    }
    task->building = NULL;
    if (error) {
        object_put(kernel, &memory->object);
        return error;
    }
    uint32_t rights = RIGHT_PASS | RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE | (task->dma ? RIGHT_DMA : 0);
    return handle_give(kernel, task, &memory->object, rights, context_out(task, A1));
}

enum error sys_memory_device(struct kernel *kernel, struct task *task) {
    struct handle *machine;
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_MACHINE, RIGHT_MANAGE, &machine);
    if (error)
        return error;
    uint64_t base = context_get(task, A1), size = context_get(task, A2);
    if (base % PAGE_SIZE || size == 0 || size > SIZE_MAX_MEMORY || base > SIZE_MAX_MEMORY)
        return ERR_INVALID;
    size = (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    if (base < kernel->ram_end && base + size > kernel->ram_base)
        return ERR_INVALID;
    struct memory *memory;
    error = memory_adopt(kernel, task->account, base, size, true, &memory);
    if (error)
        return error;
    return handle_give(kernel, task, &memory->object, RIGHT_PASS | RIGHT_READ | RIGHT_WRITE,
                       context_out(task, A1));
}

/* The task that a0 means: oneself (0) or another, by a handle with MANAGE, as long as it has its memory. */
static enum error task_of(struct task *task, struct task **meant) {
    *meant = task;
    if (context_get(task, A0) == HANDLE_NONE)
        return ERR_NONE;
    struct handle *handle;
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_TASK, RIGHT_MANAGE, &handle);
    if (error)
        return error;
    *meant = (struct task *)handle->object;
    return (*meant)->state == TASK_ENDED ? ERR_DEAD : ERR_NONE;
}

enum error sys_memory_map(struct kernel *kernel, struct task *task) {
    struct task *target;
    struct handle *handle;
    uint64_t address = context_get(task, A2), offset = context_get(task, A3), length = context_get(task, A4);
    uint64_t rights = context_get(task, A5);
    enum error error = task_of(task, &target);
    if (error)
        return error;
    const uint32_t possible = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE;
    if (rights == 0 || (rights & ~possible) || ((rights & RIGHT_WRITE) && (rights & RIGHT_EXECUTE)) ||
        ((rights & RIGHT_WRITE) && !(rights & RIGHT_READ)))
        return ERR_INVALID;
    error = handle_check(&task->handles, context_get(task, A1), OBJECT_MEMORY, (uint32_t)rights, &handle);
    if (error)
        return error;
    struct memory *memory = (struct memory *)handle->object;
    if (offset % PAGE_SIZE || length % PAGE_SIZE || offset >= memory->size || length > memory->size - offset)
        return ERR_INVALID;
    error = space_map(kernel, &target->space, memory, offset, length ? length : memory->size - offset,
                      (uint32_t)rights, handle->rights, &address);
    if (error)
        return error;
    context_set(task, A1, address);
    target->fault_cause = 0; /* what could not be reached before may be reached now */
    return ERR_NONE;
}

enum error sys_memory_unmap(struct kernel *kernel, struct task *task) {
    struct task *target;
    enum error error = task_of(task, &target);
    if (error)
        return error;
    return space_unmap(kernel, &target->space, context_get(task, A1), context_get(task, A2));
}

enum error sys_memory_physical(struct kernel *kernel, struct task *task) {
    struct handle *handle;
    enum error error = handle_check(&task->handles, context_get(task, A0), OBJECT_MEMORY, RIGHT_DMA, &handle);
    if (error)
        return error;
    struct memory *memory = (struct memory *)handle->object;
    if (context_get(task, A1) >= memory->size)
        return ERR_INVALID;
    struct run_cursor cursor = {};
    uint64_t contiguous;
    uint64_t physical = memory_physical(memory, &cursor, context_get(task, A1), &contiguous);
    context_set(task, A1, physical);
    context_set(task, A2, contiguous);
    return ERR_NONE;
}

enum error sys_memory_size(struct kernel *kernel, struct task *task) {
    struct handle *handle;
    enum error error = handle_check(&task->handles, context_get(task, A0), OBJECT_MEMORY, 0, &handle);
    if (!error)
        context_set(task, A1, ((struct memory *)handle->object)->size);
    return error;
}
