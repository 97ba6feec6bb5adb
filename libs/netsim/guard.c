/* guard.c: the arena's calls, by way of the linker's --wrap; read guard.h first. */
#include <net/arena.h>
#include <netsim/guard.h>
#include <stdlib.h>

enum { ALIGNMENT = 64 };

enum error __real_arena_take(struct arena *arena, net_owner owner, size_t size, void **memory);
void __real_arena_give(struct arena *arena, net_owner owner, void *memory);
enum error __real_arena_move_bill(struct arena *arena, net_owner from, net_owner to, const void *memory);
enum error __wrap_arena_take(struct arena *arena, net_owner owner, size_t size, void **memory);
void __wrap_arena_give(struct arena *arena, net_owner owner, void *memory);
enum error __wrap_arena_move_bill(struct arena *arena, net_owner from, net_owner to, const void *memory);

/* Before each piece of watched memory. */
struct head {
    size_t bytes; /* on the bill */
    uint64_t pad[7];
};

static struct {
    bool heap;
    uint32_t first, last, takes; /* refused */
} guard;

void guard_start(bool heap) {
    guard.heap = heap;
    guard_refuse(0, 0);
}

void guard_refuse(uint32_t first, uint32_t count) {
    guard.takes = 0;
    guard.first = first;
    guard.last = count < UINT32_MAX - first ? first + count : UINT32_MAX;
}

uint32_t guard_takes(void) {
    return guard.takes;
}

void guard_stop(void) {
    guard_start(false);
}

static bool may_pay(const struct arena *arena, net_owner owner, size_t bytes) {
    return owner == NET_OWNER_ENGINE || arena->charged[owner] + bytes <= arena->budget;
}

static enum error take_watched(struct arena *arena, net_owner owner, size_t size, void **memory) {
    size_t bytes = arena_cost(size);
    if (!may_pay(arena, owner, bytes)) {
        return ERR_QUOTA;
    }
    if (bytes > arena->blocks * ARENA_BLOCK - arena->used) {
        return ERR_NO_MEMORY;
    }
    void *at;
    if (posix_memalign(&at, ALIGNMENT, sizeof(struct head) + size) != 0) {
        return ERR_NO_MEMORY;
    }
    struct head *head = at;
    head->bytes = bytes;
    arena->charged[owner] += (uint32_t)bytes;
    arena->used += bytes;
    arena->peak = arena->used > arena->peak ? arena->used : arena->peak;
    *memory = head + 1;
    return ERR_NONE;
}

enum error __wrap_arena_take(struct arena *arena, net_owner owner, size_t size, void **memory) {
    guard.takes++;
    if (guard.takes >= guard.first && guard.takes < guard.last) {
        return ERR_NO_MEMORY;
    }
    return guard.heap ? take_watched(arena, owner, size, memory)
                      : __real_arena_take(arena, owner, size, memory);
}

void __wrap_arena_give(struct arena *arena, net_owner owner, void *memory) {
    if (!guard.heap) {
        __real_arena_give(arena, owner, memory);
        return;
    }
    if (memory != NULL) {
        struct head *head = (struct head *)memory - 1;
        arena->charged[owner] -= (uint32_t)head->bytes;
        arena->used -= head->bytes;
        free(head);
    }
}

enum error __wrap_arena_move_bill(struct arena *arena, net_owner from, net_owner to, const void *memory) {
    if (!guard.heap) {
        return __real_arena_move_bill(arena, from, to, memory);
    }
    if (memory == NULL || from == to) {
        return ERR_NONE;
    }
    const struct head *head = (const struct head *)memory - 1;
    if (!may_pay(arena, to, head->bytes)) {
        return ERR_QUOTA;
    }
    arena->charged[from] -= (uint32_t)head->bytes;
    arena->charged[to] += (uint32_t)head->bytes;
    return ERR_NONE;
}
