/* directory.h: directories as lists of entries: walk, find, add, remove. A directory is named by its first
 * cluster. */
#pragma once

#include "name.h"

#define DIRECTORY_SLOTS_MAX 65536 /* of 32 bytes, by the specification */

/* An entry with its long name (or its short one, if it has no other). */
struct entry {
    struct location location;
    struct raw_entry raw;
    struct fat_name name;
};

struct walk {
    uint32_t directory;
    uint32_t slot; /* the next one */
    struct cursor cursor;
    struct long_name long_name;
    uint32_t long_slot; /* where the long name began */
};

struct walk walk_from(uint32_t directory, uint32_t slot);
/* The next entry, "." and ".." and volume labels left out. ERR_NOT_FOUND: there is none. */
enum error walk_next(struct fat_volume *volume, struct walk *walk, struct entry *entry);

/* By long or short name. ERR_NOT_FOUND. */
enum error directory_find(struct fat_volume *volume, uint32_t directory, const struct fat_name *name,
                          struct entry *entry);
/* Makes an entry with this name and the other fields of `like`. The name is not there yet. *made: what stands
 * on the medium, and where. ERR_NO_SPACE: neither in the directory nor on the disk. */
enum error directory_add(struct fat_volume *volume, uint32_t directory, const struct fat_name *name,
                         const struct raw_entry *like, struct entry *made);
enum error directory_remove(struct fat_volume *volume, const struct location *location);
/* Writes all fields but the name. */
enum error directory_update(struct fat_volume *volume, const struct location *location,
                            const struct raw_entry *raw);
/* ERR_NOT_EMPTY. */
enum error directory_check_empty(struct fat_volume *volume, uint32_t directory);
/* A new cluster with nothing but "." and "..". like: for the times. */
enum error directory_make(struct fat_volume *volume, uint32_t parent, const struct raw_entry *like,
                          uint32_t *cluster);
/* Tells a directory that was moved where its parent is now. */
enum error directory_set_parent(struct fat_volume *volume, uint32_t directory, uint32_t parent);
