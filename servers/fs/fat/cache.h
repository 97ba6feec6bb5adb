/* cache.h: a write-back cache of disk sectors, in blocks of eight, for everything but bulk data.
 *
 * Blocks are read whole (read-ahead) and written back in runs of their dirty sectors. Sectors of the first
 * file allocation table are written to its copies too. Bulk transfers past the cache tell it, so that both
 * views agree. */
#pragma once

#include "fat.h"

#define CACHE_SECTORS 8 /* of a block */
#define CACHE_SETS    16
#define CACHE_WAYS    4

struct cache_block {
    uint64_t number; /* first sector / CACHE_SECTORS */
    uint64_t used;   /* when, by the cache's own count; 0: empty */
    uint8_t dirty;   /* bit i: sector i */
    _Alignas(16) uint8_t data[CACHE_SECTORS * FAT_SECTOR];
};

struct cache {
    const struct fat_disk *disk;
    struct cache_mirror {
        uint64_t first, sectors; /* of the table whose copies follow it */
        uint32_t copies;
    } mirror;
    uint64_t count; /* of uses */
    uint64_t hits, misses;
    struct cache_block blocks[CACHE_SETS][CACHE_WAYS];
};

void cache_init(struct cache *cache, const struct fat_disk *disk);
/* *data: the sector's 512 bytes, until the next cache call. change: they will be changed. ERR_IO. */
enum error cache_sector(struct cache *cache, uint64_t sector, bool change, uint8_t **data);
/* Writes back everything. After an error what is not written stays dirty. */
enum error cache_sync(struct cache *cache);

/* Bulk transfers, at most FAT_TRANSFER_MAX sectors; they leave nothing in the cache that was not there. */
enum error cache_read_past(struct cache *cache, uint64_t sector, uint32_t count, void *data);
enum error cache_write_past(struct cache *cache, uint64_t sector, uint32_t count, const void *data);
