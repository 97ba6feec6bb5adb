/* arena.h: all of the engine's memory that comes and goes, and who pays for it.
 *
 * A buddy allocator over memory given once: runs of 128-byte blocks, a power of two of them, halved when
 * needed and joined again when both halves are free, so that it neither grows nor wears out. A run that comes
 * back is first kept as it is, for most are taken again soon in the same size; all are joined when a larger
 * one cannot be had. Each take and give names an owner, whose budget bounds what it may hold;
 * NET_OWNER_ENGINE has no bound but the arena's end. */
#pragma once

#include <base/error.h>
#include <base/list.h>
#include <net/types.h>

#define ARENA_BLOCK  ((size_t)128)
#define ARENA_ORDERS 24

struct arena {
    uint8_t *base; /* of block 0 */
    uint8_t *map;  /* a byte for each block: valid where a taken or free run of blocks starts */
    size_t blocks;
    struct list free[ARENA_ORDERS]; /* by order; the links stand in the free blocks */
    uint32_t orders_free;           /* bit n: free[n] is not empty */
    struct list kept[ARENA_ORDERS]; /* came back, not yet joined */
    size_t used, peak;              /* bytes */
    uint32_t *charged;              /* bytes by owner */
    uint32_t owners, budget;
};

/* Lays out `size` bytes at `memory` for owners 0 … owners-1, each but 0 bounded by `budget` bytes.
 * ERR_NO_MEMORY: too small for even that. */
enum error arena_init(struct arena *arena, void *memory, size_t size, uint32_t owners, uint32_t budget);
/* At least `size` bytes, aligned to 64, contents undefined, on the owner's bill. ERR_QUOTA: its budget;
 * ERR_NO_MEMORY. */
enum error arena_take(struct arena *arena, net_owner owner, size_t size, void **memory);
/* Gives back what arena_take gave for `owner` (or for whom the bill was moved to). Null is nothing. */
void arena_give(struct arena *arena, net_owner owner, void *memory);
/* More than three quarters of the whole, or of what the owner may have, are in use: what can wait should. */
bool arena_is_tight(const struct arena *arena, net_owner owner);
/* Another owner pays from now on. ERR_QUOTA: it cannot; nothing changes. */
enum error arena_move_bill(struct arena *arena, net_owner from, net_owner to, const void *memory);
/* Bytes that taking `size` bytes costs. */
size_t arena_cost(size_t size);
