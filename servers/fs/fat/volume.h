/* volume.h: what the parts of the FAT library share: the mounted volume, clusters and their chains, open
 * nodes.
 *
 * Bottom up: cache (sectors), table (clusters), name (long and short names), directory (entries), path, file.
 * A cluster number is 2 .. clusters + 1; 0 stands for none. */
#pragma once

#include "cache.h"

#define ENTRY_BYTES       32
#define ENTRIES_OF_SECTOR (FAT_SECTOR / ENTRY_BYTES)
#define NO_SLOT           UINT32_MAX /* where the root directory's own entry would be */
#define SIZE_MAX_FAT      UINT32_MAX

enum attribute {
    ATTRIBUTE_READ_ONLY = 0x01,
    ATTRIBUTE_VOLUME = 0x08,
    ATTRIBUTE_DIRECTORY = 0x10,
    ATTRIBUTE_ARCHIVE = 0x20,
    ATTRIBUTE_LONG_NAME = 0x0f
};

/* A directory entry as it lies on the medium; all fields little-endian, as is every machine that we build
 * for. */
struct raw_entry {
    uint8_t name[11];
    uint8_t attributes;
    uint8_t lower_case; /* 8: of the base, 16: of the extension */
    uint8_t created_hundredths;
    uint16_t created_time, created_date;
    uint16_t accessed_date;
    uint16_t cluster_high;
    uint16_t modified_time, modified_date;
    uint16_t cluster_low;
    uint32_t size;
};
_Static_assert(sizeof(struct raw_entry) == ENTRY_BYTES, "no padding");

/* A place in a chain: cluster `cluster` is number `index` of it; cluster 0: at its start. */
struct cursor {
    uint32_t index, cluster;
};

/* Where a file's entry lies: in the directory that begins with cluster `directory`, entries first_slot ..
 * slot. */
struct location {
    uint32_t directory, first_slot, slot;
};

/* An open file or directory; shared by all who opened it. Free when nobody has. */
struct fat_node {
    unsigned references;
    struct location location;
    struct raw_entry entry;
    struct cursor cursor;
};

struct fat_volume {
    struct fat_disk disk;
    struct cache cache;

    /* Layout, from the boot sector. */
    uint32_t table_sector, table_sectors;
    uint32_t data_sector;
    uint32_t sectors_of_cluster;
    uint32_t clusters;
    uint32_t root; /* its first cluster */
    uint32_t info_sector;

    uint32_t free_clusters;
    uint32_t next_free; /* where to look first */
    bool dirty;         /* changed since the last sync */
    bool was_dirty;     /* found so: left marked for fsck */
    uint64_t broken;    /* chains and entries that made no sense */

    struct fat_node nodes[FAT_NODES];
};

static inline uint32_t cluster_bytes(const struct fat_volume *volume) {
    return volume->sectors_of_cluster * FAT_SECTOR;
}

static inline uint64_t sector_of_cluster(const struct fat_volume *volume, uint32_t cluster) {
    return volume->data_sector + (uint64_t)(cluster - 2) * volume->sectors_of_cluster;
}

static inline uint32_t entry_cluster(const struct raw_entry *entry) {
    return (uint32_t)entry->cluster_high << 16 | entry->cluster_low;
}

static inline void entry_set_cluster(struct raw_entry *entry, uint32_t cluster) {
    entry->cluster_high = (uint16_t)(cluster >> 16);
    entry->cluster_low = (uint16_t)cluster;
}

static inline bool entry_is_directory(const struct raw_entry *entry) {
    return (entry->attributes & ATTRIBUTE_DIRECTORY) != 0;
}

/* ---- volume.c ---- */
/* To be called before anything is changed: marks the volume dirty on the medium. ERR_READ_ONLY, ERR_IO. */
enum error volume_change(struct fat_volume *volume);
/* Counts something that makes no sense. Always ERR_IO. */
static inline enum error volume_broken(struct fat_volume *volume) {
    volume->broken++;
    return ERR_IO;
}

/* ---- table.c ---- */
/* *next: 0 at the end of the chain. */
enum error table_next(struct fat_volume *volume, uint32_t cluster, uint32_t *next);
/* Takes up to `wanted` free clusters in a row and hangs them behind `previous` (0: a new chain). *count >= 1.
 * ERR_NO_SPACE. */
enum error table_allocate(struct fat_volume *volume, uint32_t previous, uint32_t wanted, uint32_t *first,
                          uint32_t *count);
/* Makes `cluster` the last of its chain and frees what came behind. */
enum error table_cut(struct fat_volume *volume, uint32_t cluster);
enum error table_free(struct fat_volume *volume, uint32_t first);
enum error table_count_free(struct fat_volume *volume);
/* Cluster number `index` of the chain that begins with `first`; 0 if it ends before. The cursor makes
 * sequential access cheap. */
enum error table_seek(struct fat_volume *volume, uint32_t first, struct cursor *cursor, uint32_t index,
                      uint32_t *cluster);

/* ---- file.c ---- */
/* The node of what lies at `location`, if it is open. */
struct fat_node *node_at(struct fat_volume *volume, const struct location *location);
