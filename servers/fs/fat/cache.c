/* cache.c: see cache.h. */
#include "cache.h"

#include <string.h>

void cache_init(struct cache *cache, const struct fat_disk *disk) {
    cache->disk = disk;
    cache->mirror = (struct cache_mirror){0};
    cache->count = cache->hits = cache->misses = 0;
    for (unsigned set = 0; set < CACHE_SETS; set++) {
        for (unsigned way = 0; way < CACHE_WAYS; way++) {
            cache->blocks[set][way].used = 0;
            cache->blocks[set][way].dirty = 0;
        }
    }
}

static struct cache_block *set_of(struct cache *cache, uint64_t number) {
    return cache->blocks[number % CACHE_SETS];
}

static struct cache_block *find(struct cache *cache, uint64_t number) {
    struct cache_block *set = set_of(cache, number);
    for (unsigned way = 0; way < CACHE_WAYS; way++) {
        if (set[way].used != 0 && set[way].number == number) {
            return &set[way];
        }
    }
    return NULL;
}

/* One run of sectors, and, as far as it lies in the first table, the same in the table's copies. */
static enum error write_run(struct cache *cache, uint64_t sector, uint32_t count, const uint8_t *data) {
    enum error error = cache->disk->write(cache->disk->context, sector, count, data);
    const struct cache_mirror *mirror = &cache->mirror;
    uint64_t from = sector > mirror->first ? sector : mirror->first;
    uint64_t end =
        sector + count < mirror->first + mirror->sectors ? sector + count : mirror->first + mirror->sectors;
    for (uint32_t copy = 1; copy < mirror->copies && from < end && error == ERR_NONE; copy++) {
        error = cache->disk->write(cache->disk->context, from + copy * mirror->sectors,
                                   (uint32_t)(end - from), data + (from - sector) * FAT_SECTOR);
    }
    return error;
}

static enum error write_back(struct cache *cache, struct cache_block *block) {
    for (unsigned i = 0; i < CACHE_SECTORS && block->dirty != 0;) {
        unsigned end = i;
        while (end < CACHE_SECTORS && (block->dirty >> end & 1) != 0) {
            end++;
        }
        if (end > i) {
            enum error error =
                write_run(cache, block->number * CACHE_SECTORS + i, end - i, block->data + i * FAT_SECTOR);
            if (error != ERR_NONE) {
                return error;
            }
            block->dirty &= (uint8_t) ~(((1u << end) - 1) & ~((1u << i) - 1));
        }
        i = end + 1;
    }
    return ERR_NONE;
}

/* The block used longest ago gives way. */
static enum error make_room(struct cache *cache, uint64_t number, struct cache_block **room) {
    struct cache_block *set = set_of(cache, number);
    *room = &set[0];
    for (unsigned way = 1; way < CACHE_WAYS; way++) {
        *room = set[way].used < (*room)->used ? &set[way] : *room;
    }
    enum error error = write_back(cache, *room);
    if (error == ERR_NONE) {
        (*room)->used = 0;
    }
    return error;
}

static enum error load(struct cache *cache, uint64_t number, struct cache_block **block) {
    enum error error = make_room(cache, number, block);
    if (error != ERR_NONE) {
        return error;
    }
    uint64_t first = number * CACHE_SECTORS;
    uint64_t left = cache->disk->sectors - first;
    uint32_t count = left < CACHE_SECTORS ? (uint32_t)left : CACHE_SECTORS;
    (*block)->number = number;
    return cache->disk->read(cache->disk->context, first, count, (*block)->data);
}

enum error cache_sector(struct cache *cache, uint64_t sector, bool change, uint8_t **data) {
    if (sector >= cache->disk->sectors) {
        return ERR_IO;
    }
    uint64_t number = sector / CACHE_SECTORS;
    unsigned within = (unsigned)(sector % CACHE_SECTORS);
    struct cache_block *block = find(cache, number);
    cache->hits += block != NULL;
    if (block == NULL) {
        cache->misses++;
        enum error error = load(cache, number, &block);
        if (error != ERR_NONE) {
            return error;
        }
    }
    block->used = ++cache->count;
    block->dirty |= (uint8_t)(change ? 1u << within : 0);
    *data = block->data + within * FAT_SECTOR;
    return ERR_NONE;
}

enum error cache_sync(struct cache *cache) {
    for (unsigned set = 0; set < CACHE_SETS; set++) {
        for (unsigned way = 0; way < CACHE_WAYS; way++) {
            enum error error = write_back(cache, &cache->blocks[set][way]);
            if (error != ERR_NONE) {
                return error;
            }
        }
    }
    return ERR_NONE;
}

enum error cache_read_past(struct cache *cache, uint64_t sector, uint32_t count, void *data) {
    enum error error = cache->disk->read(cache->disk->context, sector, count, data);
    for (uint64_t s = sector; s < sector + count && error == ERR_NONE; s++) {
        const struct cache_block *block = find(cache, s / CACHE_SECTORS);
        if (block != NULL && (block->dirty >> s % CACHE_SECTORS & 1) != 0) {
            memcpy((uint8_t *)data + (s - sector) * FAT_SECTOR, block->data + s % CACHE_SECTORS * FAT_SECTOR,
                   FAT_SECTOR);
        }
    }
    return error;
}

enum error cache_write_past(struct cache *cache, uint64_t sector, uint32_t count, const void *data) {
    enum error error = cache->disk->write(cache->disk->context, sector, count, data);
    for (uint64_t s = sector; s < sector + count && error == ERR_NONE; s++) {
        struct cache_block *block = find(cache, s / CACHE_SECTORS);
        if (block != NULL) {
            memcpy(block->data + s % CACHE_SECTORS * FAT_SECTOR,
                   (const uint8_t *)data + (s - sector) * FAT_SECTOR, FAT_SECTOR);
            block->dirty &= (uint8_t) ~(1u << s % CACHE_SECTORS);
        }
    }
    return error;
}
