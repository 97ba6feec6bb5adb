/* volume.c: mounting, the dirty mark, sync. After Microsoft's "FAT32 File System Specification" 1.03. */
#include "volume.h"

#include <base/span.h>
#include <string.h>

/* Offsets in the boot sector. */
enum boot_field {
    BOOT_BYTES_OF_SECTOR = 11,
    BOOT_RESERVED_SECTORS = 14, /* then: tables (u8), root entries (u16), sectors (u16) */
    BOOT_SECTORS =
        32, /* then: sectors of a table (u32), flags (u16), version (u16), root cluster, info sector */
    BOOT_STATE = 65,
    BOOT_SIGNATURE = 510
};
#define STATE_DIRTY  1
#define ONE_TABLE    0x80 /* in flags: the tables are not mirrored */
#define CLUSTERS_MIN 1    /* by the book 65525, but mformat -F and the like make smaller ones */
#define CLUSTERS_MAX 0x0ffffff4u
#define UNKNOWN      0xffffffffu

/* Offsets in the info sector. */
enum info_field { INFO_LEAD = 0, INFO_SIGNATURE = 484, INFO_FREE = 488, INFO_NEXT = 492 };
#define INFO_LEAD_VALUE      0x41615252u
#define INFO_SIGNATURE_VALUE 0x61417272u

static uint32_t get_u32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void put_u32(uint8_t *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}

struct boot {
    uint32_t bytes, sectors_of_cluster, reserved, tables, root_entries, sectors16;
    uint32_t sectors, table_sectors, flags, version, root, info;
};

static bool read_boot(const uint8_t *sector, struct boot *boot) {
    struct reader reader =
        reader_of(span_of(sector + BOOT_BYTES_OF_SECTOR, FAT_SECTOR - BOOT_BYTES_OF_SECTOR));
    boot->bytes = read_le16(&reader);
    boot->sectors_of_cluster = read_u8(&reader);
    boot->reserved = read_le16(&reader);
    boot->tables = read_u8(&reader);
    boot->root_entries = read_le16(&reader);
    boot->sectors16 = read_le16(&reader);
    reader = reader_of(span_of(sector + BOOT_SECTORS, FAT_SECTOR - BOOT_SECTORS));
    boot->sectors = read_le32(&reader);
    boot->table_sectors = read_le32(&reader);
    boot->flags = read_le16(&reader);
    boot->version = read_le16(&reader);
    boot->root = read_le32(&reader);
    boot->info = read_le16(&reader);
    boot->sectors = boot->sectors == 0 ? boot->sectors16 : boot->sectors;
    return sector[BOOT_SIGNATURE] == 0x55 && sector[BOOT_SIGNATURE + 1] == 0xaa && !reader.failed;
}

static bool is_fat32(const struct boot *boot, uint64_t disk_sectors) {
    uint32_t size = boot->sectors_of_cluster;
    return boot->bytes == FAT_SECTOR && size != 0 && (size & (size - 1)) == 0 && boot->reserved != 0 &&
           boot->tables != 0 && boot->root_entries == 0 && boot->version == 0 && boot->table_sectors != 0 &&
           boot->sectors <= disk_sectors &&
           boot->reserved + (uint64_t)boot->tables * boot->table_sectors < boot->sectors;
}

static enum error lay_out(struct fat_volume *volume, const struct boot *boot) {
    volume->table_sector = boot->reserved;
    volume->table_sectors = boot->table_sectors;
    volume->data_sector = boot->reserved + boot->tables * boot->table_sectors;
    volume->sectors_of_cluster = boot->sectors_of_cluster;
    volume->clusters = (boot->sectors - volume->data_sector) / boot->sectors_of_cluster;
    uint64_t entries = (uint64_t)boot->table_sectors * (FAT_SECTOR / 4);
    if (volume->clusters + 2ull > entries) {
        volume->clusters = (uint32_t)(entries - 2);
    }
    volume->root = boot->root;
    volume->info_sector = boot->info;
    uint32_t copies = boot->tables;
    if ((boot->flags & ONE_TABLE) != 0) {
        volume->table_sector += (boot->flags & 0xf) % boot->tables * boot->table_sectors;
        copies = 1;
    }
    volume->cache.mirror = (struct cache_mirror){volume->table_sector, volume->table_sectors, copies};
    bool sound = volume->clusters >= CLUSTERS_MIN && volume->clusters <= CLUSTERS_MAX && boot->root >= 2 &&
                 boot->root < volume->clusters + 2 && boot->info < boot->reserved;
    return sound ? ERR_NONE : ERR_MALFORMED;
}

static bool has_info(const struct fat_volume *volume, const uint8_t *sector) {
    return volume->info_sector != 0 && get_u32(sector + INFO_LEAD) == INFO_LEAD_VALUE &&
           get_u32(sector + INFO_SIGNATURE) == INFO_SIGNATURE_VALUE;
}

/* How much is free: as the info sector says if the volume was left clean, else counted. */
static enum error read_info(struct fat_volume *volume) {
    uint8_t *sector;
    enum error error = cache_sector(&volume->cache, volume->info_sector, false, &sector);
    if (error != ERR_NONE) {
        return error;
    }
    volume->next_free = 2;
    volume->free_clusters = UNKNOWN;
    if (has_info(volume, sector)) {
        uint32_t next = get_u32(sector + INFO_NEXT);
        volume->next_free = next >= 2 && next < volume->clusters + 2 ? next : 2;
        volume->free_clusters = get_u32(sector + INFO_FREE);
    }
    if (volume->was_dirty || volume->free_clusters > volume->clusters) {
        return table_count_free(volume);
    }
    return ERR_NONE;
}

enum error fat_mount(struct fat_volume *volume, const struct fat_disk *disk) {
    memset(volume->nodes, 0, sizeof volume->nodes);
    volume->disk = *disk;
    volume->dirty = false;
    volume->broken = 0;
    cache_init(&volume->cache, &volume->disk);
    uint8_t *sector;
    struct boot boot;
    enum error error = cache_sector(&volume->cache, 0, false, &sector);
    if (error != ERR_NONE) {
        return error;
    }
    if (!read_boot(sector, &boot) || !is_fat32(&boot, disk->sectors)) {
        return ERR_MALFORMED;
    }
    volume->was_dirty = (sector[BOOT_STATE] & STATE_DIRTY) != 0;
    error = lay_out(volume, &boot);
    return error == ERR_NONE ? read_info(volume) : error;
}

static enum error mark(struct fat_volume *volume, bool dirty) {
    uint8_t *sector;
    enum error error = cache_sector(&volume->cache, 0, true, &sector);
    if (error == ERR_NONE) {
        sector[BOOT_STATE] = (uint8_t)((sector[BOOT_STATE] & ~STATE_DIRTY) | (dirty ? STATE_DIRTY : 0));
        error = cache_sync(&volume->cache);
    }
    return error;
}

enum error volume_change(struct fat_volume *volume) {
    if (volume->disk.read_only) {
        return ERR_READ_ONLY;
    }
    if (volume->dirty) {
        return ERR_NONE;
    }
    enum error error = mark(volume, true);
    volume->dirty = error == ERR_NONE;
    return error;
}

static enum error write_info(struct fat_volume *volume) {
    uint8_t *sector;
    enum error error = cache_sector(&volume->cache, volume->info_sector, false, &sector);
    if (error != ERR_NONE || !has_info(volume, sector)) {
        return error;
    }
    error = cache_sector(&volume->cache, volume->info_sector, true, &sector);
    if (error == ERR_NONE) {
        put_u32(sector + INFO_FREE, volume->free_clusters);
        put_u32(sector + INFO_NEXT, volume->next_free);
    }
    return error;
}

enum error fat_sync(struct fat_volume *volume, bool flush) {
    enum error error = ERR_NONE;
    if (volume->dirty) {
        error = write_info(volume);
        if (error == ERR_NONE) {
            error = cache_sync(&volume->cache);
        }
        if (error == ERR_NONE && flush) {
            error = volume->disk.flush(volume->disk.context); /* what the mark vouches for comes first */
        }
        if (error == ERR_NONE) {
            error = mark(volume, volume->was_dirty);
        }
        volume->dirty = error != ERR_NONE;
    }
    if (error == ERR_NONE && flush) {
        error = volume->disk.flush(volume->disk.context);
    }
    return error;
}

bool fat_is_dirty(const struct fat_volume *volume) {
    return volume->dirty;
}

struct fat_space fat_space(const struct fat_volume *volume) {
    uint64_t cluster = cluster_bytes(volume);
    return (struct fat_space){volume->clusters * cluster, volume->free_clusters * cluster, (uint32_t)cluster};
}
