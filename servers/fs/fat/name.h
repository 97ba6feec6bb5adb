/* name.h: names of files: UTF-8 outside, UTF-16 in long names, eleven bytes in short ones. Pure functions.
 *
 * Names are compared without regard to case: A-Z, Latin-1, Greek and Cyrillic letters are folded by rule. */
#pragma once

#include "volume.h"

struct fat_name {
    uint16_t length; /* 1..FAT_NAME_MAX */
    uint16_t units[FAT_NAME_MAX];
};

/* ERR_INVALID: not UTF-8, empty, too long, a character that FAT does not allow, a dot or space at the end. */
enum error name_from_utf8(const char *text, size_t length, struct fat_name *name);
/* Writes at most FAT_UTF8_MAX bytes and a NUL. */
void name_to_utf8(const struct fat_name *name, char *text);
void name_from_short(const struct raw_entry *entry, struct fat_name *name);
bool name_equal(const struct fat_name *a, const struct fat_name *b);

/* True: the name is a short name as it stands, and needs no long one. */
bool name_fits_short(const struct fat_name *name, uint8_t short_name[11]);

/* Short names to stand for a long one: FOOBAR~1, ~2, ~3, ~4, then FO1234~1 with a hash of the name. */
#define SHORT_CANDIDATES 24
void name_short_candidate(const struct fat_name *name, unsigned number, uint8_t short_name[11]);

/* Ties the long entries to the short one. */
uint8_t name_checksum(const uint8_t short_name[11]);

/* Long entries: 13 units each. */
#define UNITS_OF_ENTRY 13
static inline unsigned name_entries(const struct fat_name *name) {
    return (name->length + UNITS_OF_ENTRY - 1u) / UNITS_OF_ENTRY;
}
/* The long entry number `ordinal` (1 is next to the short entry, the last one carries a mark). */
struct raw_entry name_long_entry(const struct fat_name *name, unsigned ordinal, uint8_t checksum);
/* The reverse, entries coming in the order of the medium. State between them: */
struct long_name {
    unsigned expected; /* ordinal of the next entry; 0: the short one */
    bool valid;
    uint8_t checksum;
    struct fat_name name;
};
void long_name_add(struct long_name *long_name, const struct raw_entry *entry);
/* Whether what was added is the long name of this short entry; it is forgotten. */
bool long_name_take(struct long_name *long_name, const struct raw_entry *entry);
