/* file.c: open files: reading, writing, extending, cutting, listing. Read first: transfer, fat_write.
 *
 * Bulk data goes straight between the caller's memory and the disk, as many sectors at a time as lie in a
 * row; pieces of sectors, and small transfers, go through the cache. */
#include "date.h"
#include "directory.h"
#include "path.h"

#include <string.h>

#define BULK_MIN 8 /* sectors: from here on past the cache */

static const uint8_t zeros[32 * FAT_SECTOR];

/* ---- Nodes ---- */

struct fat_node *node_at(struct fat_volume *volume, const struct location *location) {
    for (unsigned i = 0; i < FAT_NODES; i++) {
        struct fat_node *node = &volume->nodes[i];
        if (node->references > 0 && node->location.directory == location->directory &&
            node->location.slot == location->slot) {
            return node;
        }
    }
    return NULL;
}

enum error node_open(struct fat_volume *volume, const struct entry *entry, struct fat_node **node) {
    *node = node_at(volume, &entry->location);
    for (unsigned i = 0; i < FAT_NODES && *node == NULL; i++) {
        if (volume->nodes[i].references == 0) {
            *node = &volume->nodes[i];
            **node = (struct fat_node){.location = entry->location, .entry = entry->raw};
        }
    }
    if (*node == NULL) {
        return ERR_TOO_MANY;
    }
    (*node)->references++;
    return ERR_NONE;
}

void fat_close(struct fat_volume *volume, struct fat_node *node) {
    node->references--;
}

/* Writes what has changed in the node into its directory entry. */
static enum error store(struct fat_volume *volume, struct fat_node *node) {
    node->entry.attributes |= ATTRIBUTE_ARCHIVE;
    date_set_modified(&node->entry, date_now(volume));
    return directory_update(volume, &node->location, &node->entry);
}

void fat_node_stat(const struct fat_volume *volume, const struct fat_node *node, struct fat_stat *stat) {
    entry_stat(&node->location, &node->entry, stat);
}

/* ---- Moving bytes ---- */

/* Sectors that lie in a row on the disk from `sector` of cluster `index` on, at most `wanted`. */
static enum error run_of(struct fat_volume *volume, struct fat_node *node, uint32_t index, uint32_t within,
                         uint32_t wanted, uint32_t *count) {
    uint32_t cluster = node->cursor.cluster, next;
    *count = volume->sectors_of_cluster - within;
    while (*count < wanted) {
        enum error error = table_seek(volume, entry_cluster(&node->entry), &node->cursor, ++index, &next);
        if (error != ERR_NONE) {
            return error;
        }
        if (next != cluster + 1) {
            break;
        }
        cluster = next;
        *count += volume->sectors_of_cluster;
    }
    *count = *count < wanted ? *count : wanted;
    return ERR_NONE;
}

struct piece {
    uint64_t sector;
    uint32_t byte;  /* in the sector; 0 for bulk */
    uint32_t bytes; /* to move */
    bool bulk;
};

/* The longest piece that can be moved at once from `offset` on. */
static enum error piece_at(struct fat_volume *volume, struct fat_node *node, uint32_t offset, uint32_t length,
                           struct piece *piece) {
    uint32_t index = offset / cluster_bytes(volume), cluster, count;
    uint32_t within = offset % cluster_bytes(volume) / FAT_SECTOR;
    enum error error = table_seek(volume, entry_cluster(&node->entry), &node->cursor, index, &cluster);
    if (error == ERR_NONE && cluster == 0) {
        error = volume_broken(volume); /* the chain is shorter than the file */
    }
    if (error != ERR_NONE) {
        return error;
    }
    piece->sector = sector_of_cluster(volume, cluster) + within;
    piece->byte = offset % FAT_SECTOR;
    piece->bulk = piece->byte == 0 && length >= BULK_MIN * FAT_SECTOR;
    uint32_t left = FAT_SECTOR - piece->byte;
    piece->bytes = left < length ? left : length;
    if (piece->bulk) {
        uint32_t wanted = length / FAT_SECTOR < FAT_TRANSFER_MAX ? length / FAT_SECTOR : FAT_TRANSFER_MAX;
        error = run_of(volume, node, index, within, wanted, &count);
        piece->bytes = count * FAT_SECTOR;
    }
    return error;
}

static enum error read_piece(struct fat_volume *volume, const struct piece *piece, uint8_t *to) {
    if (piece->bulk) {
        return cache_read_past(&volume->cache, piece->sector, piece->bytes / FAT_SECTOR, to);
    }
    uint8_t *sector;
    enum error error = cache_sector(&volume->cache, piece->sector, false, &sector);
    if (error == ERR_NONE) {
        memcpy(to, sector + piece->byte, piece->bytes);
    }
    return error;
}

static enum error write_piece(struct fat_volume *volume, const struct piece *piece, const uint8_t *from) {
    if (piece->bulk) {
        return cache_write_past(&volume->cache, piece->sector, piece->bytes / FAT_SECTOR, from);
    }
    uint8_t *sector;
    enum error error = cache_sector(&volume->cache, piece->sector, true, &sector);
    if (error == ERR_NONE) {
        memcpy(sector + piece->byte, from, piece->bytes);
    }
    return error;
}

/* Writes within the clusters that the file has. from: null for zeros. */
static enum error write_bytes(struct fat_volume *volume, struct fat_node *node, uint32_t offset,
                              const uint8_t *from, uint32_t length) {
    while (length > 0) {
        struct piece piece;
        uint32_t most = from == NULL && length > sizeof zeros ? sizeof zeros : length;
        enum error error = piece_at(volume, node, offset, most, &piece);
        if (error == ERR_NONE) {
            error = write_piece(volume, &piece, from == NULL ? zeros : from);
        }
        if (error != ERR_NONE) {
            return error;
        }
        offset += piece.bytes;
        length -= piece.bytes;
        from = from == NULL ? NULL : from + piece.bytes;
    }
    return ERR_NONE;
}

enum error fat_read(struct fat_volume *volume, struct fat_node *node, uint64_t offset, void *data,
                    uint32_t length, uint32_t *done) {
    *done = 0;
    if (entry_is_directory(&node->entry)) {
        return ERR_IS_DIRECTORY;
    }
    if (offset >= node->entry.size) {
        return ERR_NONE;
    }
    uint32_t left = node->entry.size - (uint32_t)offset;
    length = length < left ? length : left;
    while (*done < length) {
        struct piece piece;
        enum error error = piece_at(volume, node, (uint32_t)offset + *done, length - *done, &piece);
        if (error == ERR_NONE) {
            error = read_piece(volume, &piece, (uint8_t *)data + *done);
        }
        if (error != ERR_NONE) {
            return error;
        }
        *done += piece.bytes;
    }
    return ERR_NONE;
}

/* ---- Growing and cutting ---- */

static uint32_t clusters_for(const struct fat_volume *volume, uint32_t size) {
    return (uint32_t)(((uint64_t)size + cluster_bytes(volume) - 1) / cluster_bytes(volume));
}

/* Gives the file clusters for `size` bytes, or as many as there are. *room: bytes that they hold. */
static enum error reserve(struct fat_volume *volume, struct fat_node *node, uint32_t size, uint64_t *room) {
    uint32_t wanted = clusters_for(volume, size), have = clusters_for(volume, node->entry.size), last = 0;
    enum error error = ERR_NONE;
    if (have > 0 && wanted > have) {
        error = table_seek(volume, entry_cluster(&node->entry), &node->cursor, have - 1, &last);
        if (error == ERR_NONE && last == 0) {
            error = volume_broken(volume);
        }
    }
    if (have == 0 && wanted > 0) { /* clusters without a byte in them belong to nobody */
        error = table_free(volume, entry_cluster(&node->entry));
        entry_set_cluster(&node->entry, 0);
    }
    while (have < wanted && error == ERR_NONE) {
        uint32_t first, count;
        error = table_allocate(volume, last, wanted - have, &first, &count);
        if (error == ERR_NONE) {
            if (last == 0) {
                entry_set_cluster(&node->entry, first);
                node->cursor = (struct cursor){0};
            }
            last = first + count - 1;
            have += count;
        }
    }
    *room = (uint64_t)have * cluster_bytes(volume);
    return error == ERR_NO_SPACE ? ERR_NONE : error;
}

/* Frees what lies behind `size`, which is at most what the file has. */
static enum error release(struct fat_volume *volume, struct fat_node *node, uint32_t size) {
    uint32_t keep = clusters_for(volume, size), last;
    uint32_t first = entry_cluster(&node->entry);
    node->cursor = (struct cursor){0};
    if (keep == 0) {
        entry_set_cluster(&node->entry, 0);
        return table_free(volume, first);
    }
    enum error error = table_seek(volume, first, &node->cursor, keep - 1, &last);
    if (error == ERR_NONE && last == 0) {
        error = volume_broken(volume);
    }
    return error == ERR_NONE ? table_cut(volume, last) : error;
}

/* Grows to exactly `size`, with zeros, or not at all. */
static enum error extend(struct fat_volume *volume, struct fat_node *node, uint32_t size) {
    uint32_t old = node->entry.size;
    uint64_t room;
    enum error error = reserve(volume, node, size, &room);
    if (error == ERR_NONE && room < size) {
        error = release(volume, node, old);
        error = error == ERR_NONE ? store(volume, node) : error;
        return error == ERR_NONE ? ERR_NO_SPACE : error;
    }
    if (error == ERR_NONE) {
        error = write_bytes(volume, node, old, NULL, size - old);
    }
    if (error == ERR_NONE) {
        node->entry.size = size;
        error = store(volume, node);
    }
    return error;
}

static enum error may_write(struct fat_volume *volume, const struct fat_node *node) {
    if (entry_is_directory(&node->entry)) {
        return ERR_IS_DIRECTORY;
    }
    return (node->entry.attributes & ATTRIBUTE_READ_ONLY) != 0 ? ERR_READ_ONLY : volume_change(volume);
}

enum error fat_truncate(struct fat_volume *volume, struct fat_node *node, uint64_t size) {
    if (size > SIZE_MAX_FAT) {
        return ERR_TOO_LARGE;
    }
    enum error error = may_write(volume, node);
    if (error != ERR_NONE || size == node->entry.size) {
        return error;
    }
    if (size > node->entry.size) {
        return extend(volume, node, (uint32_t)size);
    }
    error = release(volume, node, (uint32_t)size);
    node->entry.size = (uint32_t)size;
    return error == ERR_NONE ? store(volume, node) : error;
}

/* Clips a write to what fits, and makes room for it. */
static enum error prepare_write(struct fat_volume *volume, struct fat_node *node, uint32_t offset,
                                uint32_t *length) {
    uint64_t room;
    enum error error = ERR_NONE;
    if (offset > node->entry.size) {
        error = extend(volume, node, offset);
    }
    if (error == ERR_NONE && offset + *length > node->entry.size) {
        error = reserve(volume, node, offset + *length, &room);
        if (error == ERR_NONE && room < (uint64_t)offset + *length) {
            *length = room > offset ? (uint32_t)(room - offset) : 0;
        }
    }
    return error == ERR_NONE && *length == 0 ? ERR_NO_SPACE : error;
}

enum error fat_write(struct fat_volume *volume, struct fat_node *node, uint64_t offset, const void *data,
                     uint32_t length, uint32_t *done) {
    *done = 0;
    enum error error = may_write(volume, node);
    if (error != ERR_NONE || length == 0) {
        return error;
    }
    if (offset >= SIZE_MAX_FAT) {
        return ERR_TOO_LARGE;
    }
    length = length < SIZE_MAX_FAT - offset ? length : (uint32_t)(SIZE_MAX_FAT - offset);
    error = prepare_write(volume, node, (uint32_t)offset, &length);
    if (error == ERR_NONE) {
        error = write_bytes(volume, node, (uint32_t)offset, data, length);
    }
    if (error != ERR_NONE) {
        (void)release(volume, node, node->entry.size); /* the first error is the one that counts */
        return error;
    }
    uint32_t end = (uint32_t)offset + length;
    node->entry.size = end > node->entry.size ? end : node->entry.size;
    *done = length;
    return store(volume, node);
}

/* ---- Listing ---- */

enum error fat_list(struct fat_volume *volume, struct fat_node *node, uint32_t *position,
                    struct fat_stat *stat, char *name) {
    if (!entry_is_directory(&node->entry)) {
        return ERR_NOT_DIRECTORY;
    }
    struct walk walk = walk_from(entry_cluster(&node->entry), *position);
    struct entry entry;
    enum error error = walk_next(volume, &walk, &entry);
    if (error == ERR_NONE) {
        *position = walk.slot;
        entry_stat(&entry.location, &entry.raw, stat);
        name_to_utf8(&entry.name, name);
    }
    return error;
}
