/* fat.h: a FAT32 volume with long names, over a table of functions that reach the disk.
 *
 * Metadata goes through a write-back cache, bulk data straight to the disk. fat_sync makes the medium
 * consistent; until then the volume is marked dirty on it. What stands on the medium is not trusted: chains
 * that leave the volume, loop or end early give ERR_IO and are counted. Any disk error passes through as
 * ERR_IO. Read after this: volume.h, file.c. */
#pragma once

#include <base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAT_SECTOR       512
#define FAT_TRANSFER_MAX 128 /* sectors of one disk call */
#define FAT_NAME_MAX     255 /* UTF-16 units of one name */
#define FAT_UTF8_MAX     (3 * FAT_NAME_MAX)
#define FAT_NODES        64 /* different files and directories open at a time */

struct fat_disk {
    void *context;
    uint64_t sectors;
    bool read_only;
    /* Whole sectors, at most FAT_TRANSFER_MAX. ERR_IO. */
    enum error (*read)(void *context, uint64_t sector, uint32_t count, void *data);
    enum error (*write)(void *context, uint64_t sector, uint32_t count, const void *data);
    enum error (*flush)(void *context);
    int64_t (*now)(void *context); /* seconds since 1970, UTC; 0: unknown */
};

enum fat_open_flag { FAT_WRITE = 1, FAT_CREATE = 2, FAT_TRUNCATE = 4, FAT_EXCLUSIVE = 8, FAT_DIRECTORY = 16 };

struct fat_stat {
    uint32_t size;
    int64_t modified; /* seconds since 1970 */
    bool directory, read_only;
    uint32_t id; /* the same while the volume is mounted and the file not renamed */
};

struct fat_space {
    uint64_t total, free; /* bytes */
    uint32_t cluster;
};

struct fat_volume; /* volume.h */
struct fat_node;

/* ---- Volume ---- ERR_MALFORMED: not a FAT32 volume of 512-byte sectors that fits the disk. */
enum error fat_mount(struct fat_volume *volume, const struct fat_disk *disk);
/* All that was changed is on the disk, and the volume marked clean. flush: also out of the disk's cache. */
enum error fat_sync(struct fat_volume *volume, bool flush);
bool fat_is_dirty(const struct fat_volume *volume);
struct fat_space fat_space(const struct fat_volume *volume);

/* ---- Paths ---- absolute, UTF-8, "/"-separated; "." and ".." are resolved by the text. Names are found
 * without regard to case. ERR_INVALID: no such path can be; ERR_NOT_FOUND, ERR_NOT_DIRECTORY, ERR_IO; where
 * it changes something also ERR_READ_ONLY and ERR_NO_SPACE. Nothing has changed after an error but ERR_IO. */
enum error fat_stat(struct fat_volume *volume, const char *path, struct fat_stat *stat);
/* flags: enum fat_open_flag. ERR_EXISTS, ERR_IS_DIRECTORY, ERR_TOO_MANY. *node is given back by fat_close. */
enum error fat_open(struct fat_volume *volume, const char *path, uint32_t flags, struct fat_node **node);
/* ERR_BUSY: it is open, or the root; ERR_NOT_EMPTY. */
enum error fat_remove(struct fat_volume *volume, const char *path);
/* ERR_EXISTS. */
enum error fat_make_directory(struct fat_volume *volume, const char *path);
/* Replaces a file by a file and an empty directory by a directory. ERR_EXISTS: they are of different kinds;
 * ERR_NOT_EMPTY; ERR_BUSY: the one to be replaced is open; ERR_INVALID: into itself. */
enum error fat_rename(struct fat_volume *volume, const char *from, const char *to);

/* ---- Open files ---- */
void fat_close(struct fat_volume *volume, struct fat_node *node);
/* *done: bytes read; less than length only at the end of the file. ERR_IS_DIRECTORY. */
enum error fat_read(struct fat_volume *volume, struct fat_node *node, uint64_t offset, void *data,
                    uint32_t length, uint32_t *done);
/* Extends the file as needed; a gap reads as zeros. *done: bytes written; less than length only when the disk
 * is full or the file as large as FAT allows. ERR_NO_SPACE, ERR_TOO_LARGE: none could be. */
enum error fat_write(struct fat_volume *volume, struct fat_node *node, uint64_t offset, const void *data,
                     uint32_t length, uint32_t *done);
enum error fat_truncate(struct fat_volume *volume, struct fat_node *node, uint64_t size);
void fat_node_stat(const struct fat_volume *volume, const struct fat_node *node, struct fat_stat *stat);
/* The next entry of a directory from *position on (0 at first), which moves on. name: FAT_UTF8_MAX + 1 bytes.
 * ERR_NOT_FOUND: the end; ERR_NOT_DIRECTORY. */
enum error fat_list(struct fat_volume *volume, struct fat_node *node, uint32_t *position,
                    struct fat_stat *stat, char *name);
