/* handle.h: a task's table of handles.
 *
 * A handle's number is its index in the table and a generation that changes each time the place is used
 * again, so a number kept too long finds nothing. The table grows by pages, charged to the task. A reply
 * handle is an entry on the waiting caller with HANDLE_REPLY set and the serial number of his call. */
#pragma once

#include "object.h"

#define HANDLE_REPLY      (1u << 15) /* in `rights`: not RIGHT_*, cannot be duplicated or sent */
#define HANDLE_INDEX_BITS 12
#define HANDLES_MAX       ((1u << HANDLE_INDEX_BITS) - 1)
#define HANDLES_PER_PAGE  (PAGE_SIZE / sizeof(struct handle))
#define HANDLE_PAGES      ((1u << HANDLE_INDEX_BITS) / HANDLES_PER_PAGE)

struct task;

struct handle {
    struct object *object; /* null: free */
    uint32_t serial;       /* reply: of the call. Free: index of the next free entry, 0 at the end */
    uint16_t generation;   /* never 0 */
    uint16_t rights;       /* enum right, HANDLE_REPLY */
};

struct handle_table {
    uint32_t maximum; /* handles that the task may have */
    uint32_t used;
    uint32_t size; /* entries there are, the first one unused */
    uint32_t free; /* index of the first free entry, 0: none */
    struct handle *page[HANDLE_PAGES];
};

/* The entry of a number, or null if it is stale or was never given. */
struct handle *handle_find(struct handle_table *table, uint64_t number);

/* As handle_find, with the check that it is of this type and carries these rights. ERR_BAD_HANDLE,
 * ERR_NO_RIGHT. */
enum error handle_check(struct handle_table *table, uint64_t number, enum object_type type, uint32_t rights,
                        struct handle **found);

/* Makes sure that `count` more handles fit (after that many handle_insert cannot fail). ERR_QUOTA,
 * ERR_NO_MEMORY. */
enum error handle_reserve(struct kernel *kernel, struct task *task, uint32_t count);

/* The same for what needs no growth, without a call. */
static inline bool handle_has_room(const struct handle_table *table, uint32_t count) {
    return table->maximum - table->used >= count && table->size > table->used + count;
}

/* Uses up a reply handle: its caller is not told. */
void handle_use_reply(struct kernel *kernel, struct task *task, struct handle *handle);

/* Enters a handle into reserved room and takes a hold on the object. */
handle_t handle_insert(struct task *task, struct object *object, uint32_t rights, uint32_t serial);

/* Reserves and inserts, and drops the caller's own reference to the object whatever the outcome. */
enum error handle_give(struct kernel *kernel, struct task *task, struct object *object, uint32_t rights,
                       uint64_t *number);

/* Closes: releases the hold, which may end a port, report a badge, or answer a caller with ERR_DEAD. */
void handle_close(struct kernel *kernel, struct task *task, struct handle *handle);

/* Closes all, and frees the table. */
void handle_close_all(struct kernel *kernel, struct task *task);
