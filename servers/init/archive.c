/* archive.c: POSIX.1-1988 ustar, as far as `tar` makes it of short names: header blocks of 512 bytes,
 * contents padded to blocks, numbers in octal. */
#include "archive.h"

#define BLOCK       512
#define NAME_LENGTH 100
#define SIZE_OFFSET 124
#define SIZE_LENGTH 12
#define TYPE_OFFSET 156

struct entry {
    char name[ARCHIVE_NAME_SIZE];
    struct span contents;
    bool regular;
};

static bool octal(const uint8_t *field, size_t length, size_t *value) {
    size_t sum = 0, i = 0;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++) {
        sum = sum << 3 | (size_t)(field[i] - '0');
    }
    *value = sum;
    return i != 0;
}

/* The entry whose header is at *position, which moves on to the next one. False: the end, or nonsense. */
static bool read_entry(struct span archive, size_t *position, struct entry *entry) {
    struct span header = span_slice(archive, *position, BLOCK);
    size_t size;
    if (header.length != BLOCK || header.data[0] == 0 ||
        !octal(header.data + SIZE_OFFSET, SIZE_LENGTH, &size)) {
        return false;
    }
    entry->contents = span_slice(archive, *position + BLOCK, size);
    if (entry->contents.length != size) {
        return false;
    }
    memcpy(entry->name, header.data, NAME_LENGTH);
    entry->name[NAME_LENGTH] = '\0';
    entry->regular = header.data[TYPE_OFFSET] == '0' || header.data[TYPE_OFFSET] == 0;
    *position += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    return true;
}

bool archive_find(struct span archive, const char *name, struct span *contents) {
    size_t position = 0;
    struct entry entry;
    while (read_entry(archive, &position, &entry)) {
        if (entry.regular && strcmp(entry.name, name) == 0) {
            *contents = entry.contents;
            return true;
        }
    }
    return false;
}

bool archive_next(struct span archive, const char *prefix, size_t *position, char name[ARCHIVE_NAME_SIZE]) {
    struct entry entry;
    size_t length = strlen(prefix);
    while (read_entry(archive, position, &entry)) {
        if (entry.regular && strncmp(entry.name, prefix, length) == 0) {
            memmove(name, entry.name + length, sizeof entry.name - length);
            return true;
        }
    }
    return false;
}
