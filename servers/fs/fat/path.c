/* path.c: what is done by path: look up, open, remove, make, rename. Read first: find_parent, fat_rename. */
#include "path.h"
#include "date.h"

#include <string.h>

#define PATH_BYTES 1024

/* ---- Paths ---- */

/* A path without ".", ".." and empty parts: "/a/b", or "" for the root. */
struct path {
    char text[PATH_BYTES];
    size_t length;
};

static void go_up(struct path *path) {
    while (path->length > 0 && path->text[--path->length] != '/') {
    }
}

static enum error clean(const char *text, struct path *path) {
    path->length = 0;
    if (text[0] != '/') {
        return ERR_INVALID;
    }
    while (*text != '\0') {
        text += strspn(text, "/");
        size_t length = strcspn(text, "/");
        if (length == 2 && memcmp(text, "..", 2) == 0) {
            go_up(path);
        } else if (length > 0 && !(length == 1 && text[0] == '.')) {
            if (path->length + 1 + length >= PATH_BYTES) {
                return ERR_INVALID;
            }
            path->text[path->length++] = '/';
            memcpy(path->text + path->length, text, length);
            path->length += length;
        }
        text += length;
    }
    path->text[path->length] = '\0';
    return ERR_NONE;
}

static struct entry root_entry(const struct fat_volume *volume) {
    struct entry root = {.location = {0, NO_SLOT, NO_SLOT}, .raw.attributes = ATTRIBUTE_DIRECTORY};
    entry_set_cluster(&root.raw, volume->root);
    return root;
}

static bool is_root(const struct entry *entry) {
    return entry->location.slot == NO_SLOT;
}

/* Where a name is to be looked for. */
struct place {
    uint32_t directory;
    struct fat_name name;
};

/* One step down: from an entry, which must be a directory, to a place in it. */
static enum error step(struct fat_volume *volume, const struct entry *entry, const char *part, size_t length,
                       struct place *place) {
    if (!entry_is_directory(&entry->raw)) {
        return ERR_NOT_DIRECTORY;
    }
    place->directory = entry_cluster(&entry->raw);
    if (place->directory == 0) {
        return volume_broken(volume);
    }
    return name_from_utf8(part, length, &place->name);
}

/* Finds the directory that the last part of a path lies in, and that part. ERR_INVALID for the root. avoid: a
 * directory that must not be on the way (0: none). */
static enum error find_parent(struct fat_volume *volume, const struct path *path, uint32_t avoid,
                              struct place *place) {
    struct entry entry = root_entry(volume);
    const char *at = path->text;
    if (path->length == 0) {
        return ERR_INVALID;
    }
    for (;;) {
        size_t length = strcspn(at + 1, "/");
        enum error error = step(volume, &entry, at + 1, length, place);
        if (error == ERR_NONE && place->directory == avoid) {
            error = ERR_INVALID;
        }
        at += 1 + length;
        if (error != ERR_NONE || *at == '\0') {
            return error;
        }
        error = directory_find(volume, place->directory, &place->name, &entry);
        if (error != ERR_NONE) {
            return error;
        }
    }
}

static enum error find(struct fat_volume *volume, const char *text, struct entry *entry) {
    struct path path;
    struct place place;
    enum error error = clean(text, &path);
    *entry = root_entry(volume);
    if (error == ERR_NONE && path.length == 0) {
        return ERR_NONE;
    }
    if (error == ERR_NONE) {
        error = find_parent(volume, &path, 0, &place);
    }
    return error == ERR_NONE ? directory_find(volume, place.directory, &place.name, entry) : error;
}

/* Finds where a new name would go. ERR_EXISTS: something is there; *entry is it. ERR_NONE: nothing is. avoid:
 * as above. */
static enum error find_room(struct fat_volume *volume, const char *text, uint32_t avoid, struct place *place,
                            struct entry *entry) {
    struct path path;
    enum error error = clean(text, &path);
    *entry = root_entry(volume);
    if (error == ERR_NONE && path.length == 0) {
        return ERR_EXISTS;
    }
    if (error == ERR_NONE) {
        error = find_parent(volume, &path, avoid, place);
    }
    if (error == ERR_NONE) {
        error = directory_find(volume, place->directory, &place->name, entry);
        return error == ERR_NONE ? ERR_EXISTS : error == ERR_NOT_FOUND ? ERR_NONE : error;
    }
    return error;
}

void entry_stat(const struct location *location, const struct raw_entry *raw, struct fat_stat *stat) {
    *stat = (struct fat_stat){
        .size = entry_is_directory(raw) ? 0 : raw->size,
        .modified = date_modified(raw),
        .directory = entry_is_directory(raw),
        .read_only = (raw->attributes & ATTRIBUTE_READ_ONLY) != 0,
        .id = location->slot == NO_SLOT ? 1 : location->directory * 0x10001u ^ (location->slot + 2),
    };
}

enum error fat_stat(struct fat_volume *volume, const char *path, struct fat_stat *stat) {
    struct entry entry;
    enum error error = find(volume, path, &entry);
    if (error == ERR_NONE) {
        const struct fat_node *node = node_at(volume, &entry.location);
        entry_stat(&entry.location, node != NULL ? &node->entry : &entry.raw, stat);
    }
    return error;
}

/* ---- Opening ---- */

static struct raw_entry new_entry(const struct fat_volume *volume, uint8_t attributes) {
    struct raw_entry raw = {.attributes = attributes};
    int64_t now = date_now(volume);
    date_set_created(&raw, now);
    date_set_modified(&raw, now);
    return raw;
}

static enum error create(struct fat_volume *volume, const struct place *place, uint32_t flags,
                         struct entry *entry) {
    if ((flags & FAT_DIRECTORY) != 0) {
        return ERR_NOT_FOUND; /* directories are made by fat_make_directory */
    }
    enum error error = volume_change(volume);
    struct raw_entry raw = new_entry(volume, ATTRIBUTE_ARCHIVE);
    return error == ERR_NONE ? directory_add(volume, place->directory, &place->name, &raw, entry) : error;
}

static enum error may_open(const struct fat_volume *volume, const struct entry *entry, uint32_t flags) {
    bool directory = entry_is_directory(&entry->raw);
    bool writes = (flags & (FAT_WRITE | FAT_TRUNCATE)) != 0;
    if (directory && writes) {
        return ERR_IS_DIRECTORY;
    }
    if (!directory && (flags & FAT_DIRECTORY) != 0) {
        return ERR_NOT_DIRECTORY;
    }
    bool read_only = volume->disk.read_only || (entry->raw.attributes & ATTRIBUTE_READ_ONLY) != 0;
    return writes && read_only ? ERR_READ_ONLY : ERR_NONE;
}

static enum error find_or_create(struct fat_volume *volume, const char *path, uint32_t flags,
                                 struct entry *entry) {
    if ((flags & FAT_CREATE) == 0) {
        return find(volume, path, entry);
    }
    struct place place;
    enum error error = find_room(volume, path, 0, &place, entry);
    if (error == ERR_EXISTS) {
        return (flags & FAT_EXCLUSIVE) != 0 ? ERR_EXISTS : ERR_NONE;
    }
    return error == ERR_NONE ? create(volume, &place, flags, entry) : error;
}

enum error fat_open(struct fat_volume *volume, const char *path, uint32_t flags, struct fat_node **node) {
    struct entry entry;
    enum error error = find_or_create(volume, path, flags, &entry);
    if (error == ERR_NONE) {
        error = may_open(volume, &entry, flags);
    }
    if (error == ERR_NONE) {
        error = node_open(volume, &entry, node);
    }
    if (error == ERR_NONE && (flags & FAT_TRUNCATE) != 0) {
        error = fat_truncate(volume, *node, 0);
        if (error != ERR_NONE) {
            fat_close(volume, *node);
        }
    }
    return error;
}

/* ---- Removing, making ---- */

/* An entry that nobody uses, and, for a directory, that holds nothing. */
static enum error may_go(struct fat_volume *volume, const struct entry *entry) {
    if (is_root(entry) || node_at(volume, &entry->location) != NULL) {
        return ERR_BUSY;
    }
    if ((entry->raw.attributes & ATTRIBUTE_READ_ONLY) != 0) {
        return ERR_READ_ONLY;
    }
    return entry_is_directory(&entry->raw) ? directory_check_empty(volume, entry_cluster(&entry->raw))
                                           : ERR_NONE;
}

static enum error drop(struct fat_volume *volume, const struct entry *entry) {
    enum error error = directory_remove(volume, &entry->location);
    return error == ERR_NONE ? table_free(volume, entry_cluster(&entry->raw)) : error;
}

enum error fat_remove(struct fat_volume *volume, const char *path) {
    struct entry entry;
    enum error error = find(volume, path, &entry);
    if (error == ERR_NONE) {
        error = may_go(volume, &entry);
    }
    if (error == ERR_NONE) {
        error = volume_change(volume);
    }
    return error == ERR_NONE ? drop(volume, &entry) : error;
}

enum error fat_make_directory(struct fat_volume *volume, const char *path) {
    struct place place;
    struct entry entry;
    enum error error = find_room(volume, path, 0, &place, &entry);
    if (error == ERR_NONE) {
        error = volume_change(volume);
    }
    if (error != ERR_NONE) {
        return error;
    }
    struct raw_entry raw = new_entry(volume, ATTRIBUTE_DIRECTORY);
    uint32_t cluster;
    error = directory_make(volume, place.directory, &raw, &cluster);
    if (error != ERR_NONE) {
        return error;
    }
    entry_set_cluster(&raw, cluster);
    error = directory_add(volume, place.directory, &place.name, &raw, &entry);
    if (error != ERR_NONE) {
        enum error lost = table_free(volume, cluster);
        error = lost == ERR_NONE ? error : lost;
    }
    return error;
}

/* ---- Renaming ---- */

static bool same(const struct entry *a, const struct entry *b) {
    return a->location.directory == b->location.directory && a->location.slot == b->location.slot;
}

static enum error may_replace(struct fat_volume *volume, const struct entry *from, const struct entry *to) {
    if (entry_is_directory(&from->raw) != entry_is_directory(&to->raw)) {
        return ERR_EXISTS;
    }
    return may_go(volume, to);
}

/* The new entry is on the medium before the old one goes, so that neither a full disk nor a power cut loses
 * the file. What is replaced lends its entry, which changes in one piece. */
static enum error move(struct fat_volume *volume, struct entry *from, const struct place *place,
                       const struct entry *replaced) {
    struct entry made = replaced != NULL ? *replaced : (struct entry){0};
    enum error error = replaced != NULL
                           ? directory_update(volume, &made.location, &from->raw)
                           : directory_add(volume, place->directory, &place->name, &from->raw, &made);
    if (error == ERR_NONE) {
        error = cache_sync(&volume->cache);
    }
    if (error == ERR_NONE) {
        error = directory_remove(volume, &from->location);
    }
    if (error == ERR_NONE && replaced != NULL) {
        error = table_free(volume, entry_cluster(&replaced->raw));
    }
    if (error == ERR_NONE && entry_is_directory(&from->raw)) {
        error = directory_set_parent(volume, entry_cluster(&from->raw), place->directory);
    }
    struct fat_node *node = node_at(volume, &from->location);
    if (error == ERR_NONE && node != NULL) {
        node->location = made.location;
    }
    return error;
}

enum error fat_rename(struct fat_volume *volume, const char *from_path, const char *to_path) {
    struct entry from, to = {0};
    struct place place;
    enum error error = find(volume, from_path, &from);
    if (error == ERR_NONE && is_root(&from)) {
        error = ERR_INVALID;
    }
    if (error != ERR_NONE) {
        return error;
    }
    uint32_t avoid = entry_is_directory(&from.raw) ? entry_cluster(&from.raw) : 0;
    error = find_room(volume, to_path, avoid, &place, &to);
    bool replaces = error == ERR_EXISTS && !same(&from, &to);
    if (error == ERR_EXISTS) { /* the same entry: only its spelling changes */
        error = replaces ? may_replace(volume, &from, &to) : ERR_NONE;
    }
    if (error == ERR_NONE) {
        error = volume_change(volume);
    }
    return error == ERR_NONE ? move(volume, &from, &place, replaces ? &to : NULL) : error;
}
