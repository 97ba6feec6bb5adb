/* page.h: physical pages, by the buddy method.
 *
 * One range of RAM; blocks of 2^order pages; a run of any length is cut out of the next larger block and the
 * rest given back at once. Free blocks are linked through their own first bytes. The caller holds the lock.
 */
#pragma once

#include "list.h"
#include <stdint.h>

#define PAGE_ORDERS 16

struct pages {
    uint64_t base, end;            /* physical range that order_of covers */
    uint8_t *order_of;             /* a byte a page: order + 1 where a free block starts, else 0 */
    struct link free[PAGE_ORDERS]; /* free blocks by order */
    uint64_t free_bytes, total_bytes;
};

/* Prepares for the range [base, end); `order_of` has a byte for each of its pages. All of it counts as taken.
 */
void pages_init(struct pages *pages, uint64_t base, uint64_t end, uint8_t *order_of);

/* A physically contiguous run of `count` pages, not cleared; 0 if there is none. */
uint64_t pages_allocate(struct pages *pages, uint64_t count);

/* Gives back any part of what was allocated. */
void pages_free(struct pages *pages, uint64_t address, uint64_t count);
