/* cache.h: kernel objects of one size each, packed into pages.
 *
 * A page holds objects of one cache and knows how many are in use; the last one freed gives the page back, so
 * that what is counted as used is exactly what objects use. The caller holds the lock. */
#pragma once

#include "list.h"
#include <stdint.h>

struct pages;

struct cache {
    uint32_t size;       /* of an object, a multiple of 16 */
    struct link partial; /* pages with room */
    uint64_t used;       /* objects in use */
    uint64_t held;       /* pages held */
};

void cache_init(struct cache *cache, uint32_t size);

/* A cleared object, or null. It never crosses a page. */
void *cache_allocate(struct cache *cache, struct pages *pages);
void cache_free(struct cache *cache, struct pages *pages, void *object);

/* Bytes in the cache's pages that no object uses. */
uint64_t cache_spare(const struct cache *cache);
