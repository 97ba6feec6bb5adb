/* directory.c: see directory.h. */
#include "directory.h"

#include <string.h>

#define END_MARK     0x00 /* in the first byte of the name: here and behind nothing is in use */
#define REMOVED_MARK 0xe5
#define DOT_SLOTS    2 /* "." and ".." */

/* ---- Slots ---- */

/* *at: the slot on the medium; null: the chain ends before it. */
static enum error slot_at(struct fat_volume *volume, uint32_t directory, struct cursor *cursor, uint32_t slot,
                          bool change, struct raw_entry **at) {
    uint32_t per_cluster = volume->sectors_of_cluster * ENTRIES_OF_SECTOR;
    uint32_t cluster;
    *at = NULL;
    if (slot >= DIRECTORY_SLOTS_MAX) {
        return volume_broken(volume);
    }
    enum error error = table_seek(volume, directory, cursor, slot / per_cluster, &cluster);
    if (error != ERR_NONE || cluster == 0) {
        return error;
    }
    uint8_t *data;
    uint64_t sector = sector_of_cluster(volume, cluster) + slot % per_cluster / ENTRIES_OF_SECTOR;
    error = cache_sector(&volume->cache, sector, change, &data);
    if (error == ERR_NONE) {
        *at = (struct raw_entry *)data + slot % ENTRIES_OF_SECTOR;
    }
    return error;
}

static enum error read_slot(struct fat_volume *volume, uint32_t directory, struct cursor *cursor,
                            uint32_t slot, struct raw_entry *raw) {
    struct raw_entry *at;
    enum error error = slot_at(volume, directory, cursor, slot, false, &at);
    *raw = error == ERR_NONE && at != NULL ? *at : (struct raw_entry){.name = {END_MARK}};
    return error;
}

static enum error write_slot(struct fat_volume *volume, uint32_t directory, struct cursor *cursor,
                             uint32_t slot, const struct raw_entry *raw) {
    struct raw_entry *at;
    enum error error = slot_at(volume, directory, cursor, slot, true, &at);
    if (error == ERR_NONE && at == NULL) {
        return volume_broken(volume);
    }
    if (error == ERR_NONE) {
        *at = *raw;
    }
    return error;
}

/* ---- Walking ---- */

struct walk walk_from(uint32_t directory, uint32_t slot) {
    return (struct walk){.directory = directory, .slot = slot};
}

static bool is_long(const struct raw_entry *raw) {
    return (raw->attributes & 0x3f) == ATTRIBUTE_LONG_NAME;
}

static bool is_dot(const struct raw_entry *raw) {
    return raw->name[0] == '.';
}

static void fill_entry(struct walk *walk, uint32_t slot, const struct raw_entry *raw, struct entry *entry) {
    entry->raw = *raw;
    entry->location = (struct location){walk->directory, slot, slot};
    if (long_name_take(&walk->long_name, raw)) {
        entry->location.first_slot = walk->long_slot;
        entry->name = walk->long_name.name;
    } else {
        name_from_short(raw, &entry->name);
    }
}

enum error walk_next(struct fat_volume *volume, struct walk *walk, struct entry *entry) {
    for (;; walk->slot++) {
        struct raw_entry raw;
        enum error error = read_slot(volume, walk->directory, &walk->cursor, walk->slot, &raw);
        if (error != ERR_NONE || raw.name[0] == END_MARK) {
            return error != ERR_NONE ? error : ERR_NOT_FOUND;
        }
        bool removed = raw.name[0] == REMOVED_MARK;
        if (!removed && is_long(&raw)) {
            walk->long_slot = raw.name[0] & 0x40 ? walk->slot : walk->long_slot;
            long_name_add(&walk->long_name, &raw);
        } else if (removed || (raw.attributes & ATTRIBUTE_VOLUME) != 0 || is_dot(&raw)) {
            walk->long_name.valid = false;
        } else {
            fill_entry(walk, walk->slot++, &raw, entry);
            return ERR_NONE;
        }
    }
}

enum error directory_find(struct fat_volume *volume, uint32_t directory, const struct fat_name *name,
                          struct entry *entry) {
    struct walk walk = walk_from(directory, 0);
    enum error error;
    while ((error = walk_next(volume, &walk, entry)) == ERR_NONE) {
        struct fat_name alias;
        name_from_short(&entry->raw, &alias);
        if (name_equal(&entry->name, name) || name_equal(&alias, name)) {
            return ERR_NONE;
        }
    }
    return error;
}

enum error directory_check_empty(struct fat_volume *volume, uint32_t directory) {
    struct walk walk = walk_from(directory, 0);
    struct entry entry;
    enum error error = walk_next(volume, &walk, &entry);
    return error == ERR_NONE ? ERR_NOT_EMPTY : error == ERR_NOT_FOUND ? ERR_NONE : error;
}

/* ---- Adding ---- */

/* What one pass over a directory finds out for a new entry. */
struct survey {
    unsigned needed; /* slots in a row */
    uint32_t first;  /* where they are free */
    bool found;      /* ... within what the directory holds already; else it must grow behind `first` */
    uint8_t candidates[SHORT_CANDIDATES][11];
    uint32_t candidates_taken; /* bit i: that one is in use */
};
_Static_assert(SHORT_CANDIDATES <= 32, "one bit each");

static void note_short_name(struct survey *survey, const struct raw_entry *raw) {
    for (unsigned i = 0; i < SHORT_CANDIDATES; i++) {
        survey->candidates_taken |= (memcmp(survey->candidates[i], raw->name, 11) == 0 ? 1u : 0u) << i;
    }
}

static enum error survey(struct fat_volume *volume, uint32_t directory, struct survey *survey) {
    struct cursor cursor = {0};
    uint32_t run = 0, slot = 0;
    for (;; slot++) {
        struct raw_entry raw;
        enum error error = read_slot(volume, directory, &cursor, slot, &raw);
        if (error != ERR_NONE) {
            return error;
        }
        if (raw.name[0] == END_MARK) {
            break;
        }
        run = raw.name[0] == REMOVED_MARK ? run + 1 : 0;
        if (run == survey->needed && !survey->found) {
            survey->found = true;
            survey->first = slot + 1 - run;
        }
        if (raw.name[0] != REMOVED_MARK && !is_long(&raw) && memchr(raw.name, '~', 8) != NULL) {
            note_short_name(survey, &raw);
        }
    }
    survey->first = survey->found ? survey->first : slot - run;
    return ERR_NONE;
}

static enum error zero_cluster(struct fat_volume *volume, uint32_t cluster) {
    uint32_t i = 0;
    do {
        uint8_t *data;
        enum error error = cache_sector(&volume->cache, sector_of_cluster(volume, cluster) + i, true, &data);
        if (error != ERR_NONE) {
            return error;
        }
        memset(data, 0, FAT_SECTOR);
    } while (++i < volume->sectors_of_cluster);
    return ERR_NONE;
}

/* Adds clusters until slot `last` lies inside. They are linked in one by one: all but the last are full of
 * unused slots, which is harmless if the disk fills up meanwhile. */
static enum error grow(struct fat_volume *volume, uint32_t directory, uint32_t last) {
    uint32_t per_cluster = volume->sectors_of_cluster * ENTRIES_OF_SECTOR;
    struct cursor cursor = {0};
    uint32_t cluster, count;
    if (last >= DIRECTORY_SLOTS_MAX) {
        return ERR_NO_SPACE;
    }
    enum error error = table_seek(volume, directory, &cursor, last / per_cluster, &cluster);
    while (error == ERR_NONE && cluster == 0) {
        error = table_allocate(volume, cursor.cluster, 1, &cluster, &count);
        if (error == ERR_NONE) {
            error = zero_cluster(volume, cluster);
        }
        if (error == ERR_NONE) {
            error = table_seek(volume, directory, &cursor, last / per_cluster, &cluster);
        }
    }
    return error;
}

static enum error choose_short_name(const struct survey *survey, uint8_t short_name[11]) {
    for (unsigned i = 0; i < SHORT_CANDIDATES; i++) {
        if ((survey->candidates_taken >> i & 1) == 0) {
            memcpy(short_name, survey->candidates[i], 11);
            return ERR_NONE;
        }
    }
    return ERR_NO_SPACE;
}

static enum error write_entries(struct fat_volume *volume, const struct entry *entry) {
    struct cursor cursor = {0};
    const struct location *location = &entry->location;
    uint8_t checksum = name_checksum(entry->raw.name);
    enum error error = ERR_NONE;
    for (uint32_t slot = location->first_slot; slot < location->slot && error == ERR_NONE; slot++) {
        struct raw_entry raw = name_long_entry(&entry->name, location->slot - slot, checksum);
        error = write_slot(volume, location->directory, &cursor, slot, &raw);
    }
    return error == ERR_NONE ? write_slot(volume, location->directory, &cursor, location->slot, &entry->raw)
                             : error;
}

enum error directory_add(struct fat_volume *volume, uint32_t directory, const struct fat_name *name,
                         const struct raw_entry *like, struct entry *made) {
    *made = (struct entry){.raw = *like, .name = *name};
    made->raw.lower_case = 0;
    bool is_short = name_fits_short(name, made->raw.name);
    unsigned long_entries = is_short ? 0 : name_entries(name);
    struct survey found = {.needed = long_entries + 1};
    for (unsigned i = 0; i < SHORT_CANDIDATES; i++) {
        name_short_candidate(name, i, found.candidates[i]);
    }
    enum error error = survey(volume, directory, &found);
    if (error == ERR_NONE && !is_short) {
        error = choose_short_name(&found, made->raw.name);
    }
    if (error == ERR_NONE) {
        error = grow(volume, directory, found.first + long_entries);
    }
    made->location = (struct location){directory, found.first, found.first + long_entries};
    return error == ERR_NONE ? write_entries(volume, made) : error;
}

/* ---- Changing ---- */

enum error directory_remove(struct fat_volume *volume, const struct location *location) {
    struct cursor cursor = {0};
    enum error error = ERR_NONE;
    for (uint32_t slot = location->first_slot; slot <= location->slot && error == ERR_NONE; slot++) {
        struct raw_entry raw;
        error = read_slot(volume, location->directory, &cursor, slot, &raw);
        raw.name[0] = REMOVED_MARK;
        if (error == ERR_NONE) {
            error = write_slot(volume, location->directory, &cursor, slot, &raw);
        }
    }
    return error;
}

enum error directory_update(struct fat_volume *volume, const struct location *location,
                            const struct raw_entry *raw) {
    struct cursor cursor = {0};
    struct raw_entry *at;
    enum error error = slot_at(volume, location->directory, &cursor, location->slot, true, &at);
    if (error == ERR_NONE && at == NULL) {
        return volume_broken(volume);
    }
    if (error == ERR_NONE) {
        struct raw_entry updated = *raw;
        memcpy(updated.name, at->name, sizeof updated.name);
        updated.lower_case = at->lower_case;
        *at = updated;
    }
    return error;
}

/* The root is 0 to its children. */
static uint32_t as_parent(const struct fat_volume *volume, uint32_t directory) {
    return directory == volume->root ? 0 : directory;
}

enum error directory_make(struct fat_volume *volume, uint32_t parent, const struct raw_entry *like,
                          uint32_t *cluster) {
    uint32_t count;
    enum error error = table_allocate(volume, 0, 1, cluster, &count);
    if (error == ERR_NONE) {
        error = zero_cluster(volume, *cluster);
    }
    struct raw_entry dots[DOT_SLOTS] = {*like, *like};
    for (unsigned i = 0; i < DOT_SLOTS && error == ERR_NONE; i++) {
        struct cursor cursor = {0};
        memcpy(dots[i].name, i == 0 ? ".          " : "..         ", 11);
        dots[i].attributes = ATTRIBUTE_DIRECTORY;
        entry_set_cluster(&dots[i], i == 0 ? *cluster : as_parent(volume, parent));
        error = write_slot(volume, *cluster, &cursor, i, &dots[i]);
    }
    return error;
}

enum error directory_set_parent(struct fat_volume *volume, uint32_t directory, uint32_t parent) {
    struct cursor cursor = {0};
    struct raw_entry raw;
    enum error error = read_slot(volume, directory, &cursor, 1, &raw);
    if (error == ERR_NONE && memcmp(raw.name, "..         ", 11) == 0) {
        entry_set_cluster(&raw, as_parent(volume, parent));
        error = write_slot(volume, directory, &cursor, 1, &raw);
    }
    return error;
}
