/* arena.c: the buddy allocator. A run of 2^order blocks starts at a multiple of 2^order; its buddy is the run
 * that differs only in that bit. map[start] holds the order of the run that starts there, with RUN_FREE if it
 * is free. */
#include <net/arena.h>

#define RUN_FREE  0x80
#define RUN_KEPT  0x40
#define ALIGNMENT 64
#define LONG_BITS ((uint32_t)(8 * sizeof(long)))

static uint32_t order_for(size_t size) {
    size_t blocks = (size + ARENA_BLOCK - 1) / ARENA_BLOCK;
    return blocks <= 1 ? 0 : LONG_BITS - (uint32_t)__builtin_clzl(blocks - 1);
}

size_t arena_cost(size_t size) {
    return ARENA_BLOCK << order_for(size);
}

static struct list *run_link(const struct arena *arena, size_t index) {
    return (struct list *)(arena->base + index * ARENA_BLOCK);
}

static size_t run_index(const struct arena *arena, const void *memory) {
    return (size_t)((const uint8_t *)memory - arena->base) / ARENA_BLOCK;
}

static void put_free(struct arena *arena, size_t index, uint32_t order) {
    arena->map[index] = (uint8_t)(RUN_FREE | order);
    struct list *link = run_link(arena, index);
    list_init(link);
    list_prepend(&arena->free[order], link);
    arena->orders_free |= UINT32_C(1) << order;
}

static void take_free(struct arena *arena, size_t index, uint32_t order) {
    list_remove(run_link(arena, index));
    if (list_is_empty(&arena->free[order])) {
        arena->orders_free &= ~(UINT32_C(1) << order);
    }
}

/* Cuts the blocks into the largest aligned runs there are. */
static void free_everything(struct arena *arena) {
    size_t index = 0;
    while (index < arena->blocks) {
        uint32_t order = index == 0 ? ARENA_ORDERS - 1 : (uint32_t)__builtin_ctzl(index);
        order = order < ARENA_ORDERS ? order : ARENA_ORDERS - 1;
        while (((size_t)1 << order) > arena->blocks - index) {
            order--;
        }
        put_free(arena, index, order);
        index += (size_t)1 << order;
    }
}

static size_t align_up(size_t value) {
    return (value + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

enum error arena_init(struct arena *arena, void *memory, size_t size, uint32_t owners, uint32_t budget) {
    *arena = (struct arena){.owners = owners, .budget = budget};
    for (uint32_t order = 0; order < ARENA_ORDERS; order++) {
        list_init(&arena->free[order]);
        list_init(&arena->kept[order]);
    }
    size_t skew = align_up((uintptr_t)memory) - (uintptr_t)memory;
    size_t bill = align_up(owners * sizeof *arena->charged);
    if (size < skew + bill + ARENA_BLOCK + 2 * ALIGNMENT) {
        return ERR_NO_MEMORY;
    }
    uint8_t *at = (uint8_t *)memory + skew;
    arena->charged = (uint32_t *)at;
    for (uint32_t i = 0; i < owners; i++) {
        arena->charged[i] = 0;
    }
    size_t left = size - skew - bill - ALIGNMENT;
    arena->blocks = left / (ARENA_BLOCK + 1);
    arena->map = at + bill;
    arena->base = arena->map + align_up(arena->blocks);
    free_everything(arena);
    return ERR_NONE;
}

/* The smallest free run of at least `order`, halved until it fits. orders_free has such a run. */
static size_t cut_run(struct arena *arena, uint32_t order) {
    uint32_t have = (uint32_t)__builtin_ctz(arena->orders_free >> order) + order;
    size_t index = run_index(arena, list_first(&arena->free[have]));
    take_free(arena, index, have);
    while (have > order) {
        have--;
        put_free(arena, index + ((size_t)1 << have), have);
    }
    arena->map[index] = (uint8_t)order;
    return index;
}

/* Makes a run free, joined with all the free ones that it can be joined with. */
static void join(struct arena *arena, size_t index, uint32_t order) {
    for (; order + 1 < ARENA_ORDERS; order++) {
        size_t length = (size_t)1 << order;
        size_t buddy = index ^ length;
        if (buddy + length > arena->blocks || arena->map[buddy] != (RUN_FREE | order)) {
            break;
        }
        take_free(arena, buddy, order);
        index &= ~length;
    }
    put_free(arena, index, order);
}

static void join_kept(struct arena *arena) {
    for (uint32_t order = 0; order < ARENA_ORDERS; order++) {
        struct list *link;
        while ((link = list_take(&arena->kept[order])) != NULL) {
            join(arena, run_index(arena, link), order);
        }
    }
}

/* false: there is none, even when all that can be joined is. */
static bool find_run(struct arena *arena, uint32_t order, size_t *index) {
    if (order >= ARENA_ORDERS) {
        return false;
    }
    struct list *link = list_take(&arena->kept[order]);
    if (link != NULL) {
        *index = run_index(arena, link);
        arena->map[*index] = (uint8_t)order;
        return true;
    }
    if (arena->orders_free >> order == 0) {
        join_kept(arena);
    }
    if (arena->orders_free >> order == 0) {
        return false;
    }
    *index = cut_run(arena, order);
    return true;
}

static bool may_pay(const struct arena *arena, net_owner owner, size_t bytes) {
    return owner == NET_OWNER_ENGINE || arena->charged[owner] + bytes <= arena->budget;
}

enum error arena_take(struct arena *arena, net_owner owner, size_t size, void **memory) {
    uint32_t order = order_for(size);
    size_t bytes = ARENA_BLOCK << order;
    if (!may_pay(arena, owner, bytes)) {
        return ERR_QUOTA;
    }
    size_t index;
    if (!find_run(arena, order, &index)) {
        return ERR_NO_MEMORY;
    }
    arena->charged[owner] += (uint32_t)bytes;
    arena->used += bytes;
    arena->peak = arena->used > arena->peak ? arena->used : arena->peak;
    *memory = run_link(arena, index);
    return ERR_NONE;
}

void arena_give(struct arena *arena, net_owner owner, void *memory) {
    if (memory == NULL) {
        return;
    }
    size_t index = run_index(arena, memory);
    uint32_t order = arena->map[index];
    size_t bytes = ARENA_BLOCK << order;
    arena->charged[owner] -= (uint32_t)bytes;
    arena->used -= bytes;
    struct list *link = memory;
    arena->map[index] = (uint8_t)(RUN_KEPT | order);
    list_init(link);
    list_prepend(&arena->kept[order], link);
}

enum error arena_move_bill(struct arena *arena, net_owner from, net_owner to, const void *memory) {
    if (memory == NULL || from == to) {
        return ERR_NONE;
    }
    size_t bytes = ARENA_BLOCK << arena->map[run_index(arena, memory)];
    if (!may_pay(arena, to, bytes)) {
        return ERR_QUOTA;
    }
    arena->charged[from] -= (uint32_t)bytes;
    arena->charged[to] += (uint32_t)bytes;
    return ERR_NONE;
}

bool arena_is_tight(const struct arena *arena, net_owner owner) {
    bool whole = arena->used / ARENA_BLOCK > arena->blocks / 4 * 3;
    return whole || (owner != NET_OWNER_ENGINE && arena->charged[owner] > arena->budget / 4 * 3);
}
