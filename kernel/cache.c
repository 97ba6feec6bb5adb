/* cache.c: the object caches of cache.h. */
#include "cache.h"
#include "arch.h"
#include "bytes.h"
#include "page.h"
#include <ipc/abi.h>

/* Stands at the start of each page of a cache. */
struct slab {
    struct link link; /* in cache->partial while there is room */
    void *free;       /* chain of free objects, through their first word */
    uint64_t used;
};

_Static_assert(sizeof(struct slab) % 16 == 0);

void cache_init(struct cache *cache, uint32_t size) {
    cache->size = (size + 15) & ~15u;
    cache->used = cache->held = 0;
    list_init(&cache->partial);
}

static bool slab_add(struct cache *cache, struct pages *pages) {
    uint64_t address = pages_allocate(pages, 1);
    if (!address)
        return false;
    struct slab *slab = physical_pointer(address);
    char *object = (char *)(slab + 1), *end = (char *)slab + PAGE_SIZE;
    slab->free = NULL;
    slab->used = 0;
    for (; object + cache->size <= end; object += cache->size) {
        *(void **)object = slab->free;
        slab->free = object;
    }
    list_append(&cache->partial, &slab->link);
    cache->held++;
    return true;
}

void *cache_allocate(struct cache *cache, struct pages *pages) {
    if (list_empty(&cache->partial) && !slab_add(cache, pages))
        return NULL;
    struct slab *slab = container_of(cache->partial.next, struct slab, link);
    void *object = slab->free;
    slab->free = *(void **)object;
    slab->used++;
    cache->used++;
    if (!slab->free)
        list_remove(&slab->link);
    memset(object, 0, cache->size);
    return object;
}

void cache_free(struct cache *cache, struct pages *pages, void *object) {
    struct slab *slab = (struct slab *)((uintptr_t)object & ~(uintptr_t)(PAGE_SIZE - 1));
    if (!slab->free)
        list_append(&cache->partial, &slab->link);
    *(void **)object = slab->free;
    slab->free = object;
    cache->used--;
    if (--slab->used == 0) {
        list_remove(&slab->link);
        cache->held--;
        pages_free(pages, physical_address(slab), 1);
    }
}

uint64_t cache_spare(const struct cache *cache) {
    return cache->held * PAGE_SIZE - cache->used * cache->size;
}
