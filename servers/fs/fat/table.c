/* table.c: the file allocation table: chains of clusters, followed with distrust, extended, cut and freed. */
#include "volume.h"

#include <string.h>

#define ENTRY_MASK   0x0fffffffu /* the upper four bits belong to nobody and are kept */
#define BAD_CLUSTER  0x0ffffff7u
#define END_OF_CHAIN 0x0fffffffu
#define ENTRIES      (FAT_SECTOR / 4)

static bool is_cluster(const struct fat_volume *volume, uint32_t cluster) {
    return cluster >= 2 && cluster - 2 < volume->clusters;
}

static enum error entry_of(struct fat_volume *volume, uint32_t cluster, bool change, uint32_t **entry) {
    if (!is_cluster(volume, cluster)) {
        return volume_broken(volume);
    }
    uint8_t *sector;
    enum error error =
        cache_sector(&volume->cache, volume->table_sector + cluster / ENTRIES, change, &sector);
    if (error == ERR_NONE) {
        *entry = (uint32_t *)sector + cluster % ENTRIES;
    }
    return error;
}

static enum error get(struct fat_volume *volume, uint32_t cluster, uint32_t *value) {
    uint32_t *entry;
    enum error error = entry_of(volume, cluster, false, &entry);
    *value = error == ERR_NONE ? *entry & ENTRY_MASK : 0;
    return error;
}

static enum error set(struct fat_volume *volume, uint32_t cluster, uint32_t value) {
    uint32_t *entry;
    enum error error = entry_of(volume, cluster, true, &entry);
    if (error == ERR_NONE) {
        *entry = (*entry & ~ENTRY_MASK) | value;
    }
    return error;
}

enum error table_next(struct fat_volume *volume, uint32_t cluster, uint32_t *next) {
    enum error error = get(volume, cluster, next);
    if (error != ERR_NONE) {
        return error;
    }
    if (*next > BAD_CLUSTER) {
        *next = 0;
        return ERR_NONE;
    }
    return is_cluster(volume, *next) ? ERR_NONE : volume_broken(volume);
}

enum error table_seek(struct fat_volume *volume, uint32_t first, struct cursor *cursor, uint32_t index,
                      uint32_t *cluster) {
    *cluster = 0;
    if (first == 0) {
        return ERR_NONE;
    }
    if (index >= volume->clusters) { /* no chain is that long, unless it goes in a circle */
        return volume_broken(volume);
    }
    if (cursor->cluster == 0 || cursor->index > index) {
        *cursor = (struct cursor){0, first};
    }
    while (cursor->index < index) {
        uint32_t next;
        enum error error = table_next(volume, cursor->cluster, &next);
        if (error != ERR_NONE || next == 0) {
            return error;
        }
        *cursor = (struct cursor){cursor->index + 1, next};
    }
    *cluster = cursor->cluster;
    return ERR_NONE;
}

/* ---- Allocating ---- */

static enum error is_free(struct fat_volume *volume, uint32_t cluster, bool *free) {
    uint32_t value = 1;
    *free = false;
    if (!is_cluster(volume, cluster)) {
        return ERR_NONE;
    }
    enum error error = get(volume, cluster, &value);
    *free = error == ERR_NONE && value == 0;
    return error;
}

/* A free cluster: `wanted` if it is, else the next one from next_free on, all the way round. */
static enum error find_free(struct fat_volume *volume, uint32_t wanted, uint32_t *found) {
    bool free;
    enum error error = is_free(volume, wanted, &free);
    *found = wanted;
    uint32_t at = volume->next_free;
    for (uint32_t looked = 0; !free && error == ERR_NONE; looked++) {
        if (looked == volume->clusters) {
            volume->free_clusters = 0; /* the count was wrong */
            return ERR_NO_SPACE;
        }
        at = is_cluster(volume, at) ? at : 2;
        *found = at++;
        error = is_free(volume, *found, &free);
    }
    return error;
}

enum error table_allocate(struct fat_volume *volume, uint32_t previous, uint32_t wanted, uint32_t *first,
                          uint32_t *count) {
    if (volume->free_clusters == 0) {
        return ERR_NO_SPACE;
    }
    enum error error = find_free(volume, previous == 0 ? 0 : previous + 1, first);
    *count = 0;
    for (bool free = true; free && *count < wanted && error == ERR_NONE;) {
        uint32_t cluster = *first + (*count)++;
        error = set(volume, cluster, END_OF_CHAIN);
        if (error == ERR_NONE && previous != 0) {
            error = set(volume, previous, cluster);
        }
        previous = cluster;
        volume->free_clusters -= volume->free_clusters > 0;
        if (error == ERR_NONE) {
            error = is_free(volume, cluster + 1, &free);
        }
    }
    if (error == ERR_NONE) {
        volume->next_free = is_cluster(volume, *first + *count) ? *first + *count : 2;
    }
    return error;
}

/* ---- Freeing ---- */

/* A chain that runs into a circle ends here too: what is freed already counts as broken. */
enum error table_free(struct fat_volume *volume, uint32_t first) {
    while (first != 0) {
        uint32_t next;
        enum error error = table_next(volume, first, &next);
        if (error == ERR_NONE) {
            error = set(volume, first, 0);
        }
        if (error != ERR_NONE) {
            return error;
        }
        volume->free_clusters++;
        volume->next_free = first < volume->next_free ? first : volume->next_free;
        first = next;
    }
    return ERR_NONE;
}

enum error table_cut(struct fat_volume *volume, uint32_t cluster) {
    uint32_t next;
    enum error error = table_next(volume, cluster, &next);
    if (error == ERR_NONE && next != 0) {
        error = set(volume, cluster, END_OF_CHAIN);
    }
    return error == ERR_NONE ? table_free(volume, next) : error;
}

enum error table_count_free(struct fat_volume *volume) {
    volume->free_clusters = 0;
    for (uint32_t cluster = 2; cluster - 2 < volume->clusters; cluster++) {
        bool free;
        enum error error = is_free(volume, cluster, &free);
        if (error != ERR_NONE) {
            return error;
        }
        volume->free_clusters += free;
    }
    return ERR_NONE;
}
