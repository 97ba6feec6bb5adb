/* name.c: see name.h. */
#include "name.h"

#include <string.h>

#define LAST_LONG_ENTRY 0x40
#define LOWER_BASE      0x08
#define LOWER_EXTENSION 0x10

/* ---- UTF-8 and UTF-16 ---- */

/* One code point; -1: malformed. Overlong forms and surrogates are malformed. */
static int32_t decode(const uint8_t **at, const uint8_t *end) {
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint32_t byte = *(*at)++;
    unsigned more = byte < 0x80 ? 0 : byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    if ((byte >= 0x80 && byte < 0xc0) || byte > 0xf4 || (size_t)(end - *at) < more) {
        return -1;
    }
    uint32_t point = more == 0 ? byte : byte & (0x3fu >> more);
    for (unsigned i = 0; i < more; i++) {
        if ((**at & 0xc0) != 0x80) {
            return -1;
        }
        point = point << 6 | (*(*at)++ & 0x3f);
    }
    bool bad = point < least[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000);
    return bad ? -1 : (int32_t)point;
}

static bool is_allowed(int32_t point) {
    return point >= 0x20 && point != 0x7f && (point > 0x7f || strchr("\"*/:<>?\\|", point) == NULL);
}

enum error name_from_utf8(const char *text, size_t length, struct fat_name *name) {
    const uint8_t *at = (const uint8_t *)text, *end = at + length;
    name->length = 0;
    while (at < end) {
        int32_t point = decode(&at, end);
        unsigned units = point > 0xffff ? 2 : 1;
        if (!is_allowed(point) || name->length + units > FAT_NAME_MAX) {
            return ERR_INVALID;
        }
        if (units == 2) {
            name->units[name->length++] = (uint16_t)(0xd800 + ((point - 0x10000) >> 10));
            point = 0xdc00 + ((point - 0x10000) & 0x3ff);
        }
        name->units[name->length++] = (uint16_t)point;
    }
    uint16_t last = name->length > 0 ? name->units[name->length - 1] : ' ';
    return last == ' ' || last == '.' ? ERR_INVALID : ERR_NONE;
}

static char *encode(char *text, uint32_t point) {
    unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    *text++ = (char)(lead[more] | point >> 6 * more);
    while (more-- > 0) {
        *text++ = (char)(0x80 | (point >> 6 * more & 0x3f));
    }
    return text;
}

void name_to_utf8(const struct fat_name *name, char *text) {
    for (unsigned i = 0; i < name->length; i++) {
        uint32_t point = name->units[i];
        bool high = point >= 0xd800 && point < 0xdc00;
        bool low = i + 1 < name->length && name->units[i + 1] >= 0xdc00 && name->units[i + 1] < 0xe000;
        if (high && low) {
            point = 0x10000 + ((point - 0xd800) << 10) + (name->units[++i] - 0xdc00u);
        } else if (point >= 0xd800 && point < 0xe000) {
            point = 0xfffd; /* half a character */
        }
        text = encode(text, point);
    }
    *text = '\0';
}

static uint16_t fold(uint16_t unit) {
    bool latin = unit >= 0xe0 && unit <= 0xfe && unit != 0xf7;
    bool greek = unit >= 0x3b1 && unit <= 0x3c9 && unit != 0x3c2;
    bool cyrillic = unit >= 0x430 && unit <= 0x44f;
    if ((unit >= 'a' && unit <= 'z') || latin || greek || cyrillic) {
        return (uint16_t)(unit - 0x20);
    }
    return unit >= 0x450 && unit <= 0x45f ? (uint16_t)(unit - 0x50) : unit;
}

bool name_equal(const struct fat_name *a, const struct fat_name *b) {
    if (a->length != b->length) {
        return false;
    }
    for (unsigned i = 0; i < a->length; i++) {
        if (fold(a->units[i]) != fold(b->units[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Short names ---- */

static void append_part(struct fat_name *name, const uint8_t *part, unsigned size, bool lower) {
    while (size > 0 && part[size - 1] == ' ') {
        size--;
    }
    for (unsigned i = 0; i < size; i++) {
        uint16_t unit = part[i]; /* above 0x7f by a code page that nobody records: taken as Latin-1 */
        name->units[name->length++] = lower && unit >= 'A' && unit <= 'Z' ? (uint16_t)(unit + 0x20) : unit;
    }
}

void name_from_short(const struct raw_entry *entry, struct fat_name *name) {
    uint8_t bytes[11];
    memcpy(bytes, entry->name, sizeof bytes);
    bytes[0] = bytes[0] == 0x05 ? 0xe5 : bytes[0]; /* 0xe5 itself marks a removed entry */
    name->length = 0;
    append_part(name, bytes, 8, (entry->lower_case & LOWER_BASE) != 0);
    if (bytes[8] != ' ') {
        name->units[name->length++] = '.';
        append_part(name, bytes + 8, 3, (entry->lower_case & LOWER_EXTENSION) != 0);
    }
}

static bool is_short_unit(uint16_t unit) {
    return unit < 0x7f && unit > ' ' && !(unit >= 'a' && unit <= 'z') &&
           strchr("\"*+,./:;<=>?[\\]|", unit) == NULL;
}

/* Where the extension's dot is; the name's length when there is none. */
static unsigned last_dot(const struct fat_name *name) {
    for (unsigned i = name->length; i-- > 1;) {
        if (name->units[i] == '.') {
            return i;
        }
    }
    return name->length;
}

bool name_fits_short(const struct fat_name *name, uint8_t short_name[11]) {
    unsigned dot = last_dot(name);
    if (dot > 8 || (dot < name->length && name->length - dot - 1 > 3)) {
        return false;
    }
    memset(short_name, ' ', 11);
    for (unsigned i = 0; i < name->length; i++) {
        if (i == dot) {
            continue;
        }
        if (!is_short_unit(name->units[i])) {
            return false;
        }
        short_name[i < dot ? i : 8 + i - dot - 1] = (uint8_t)name->units[i];
    }
    return true;
}

/* As many units as fit, made fit: upper case, no spaces and dots, '_' for what a short name cannot say. */
static unsigned squeeze(const uint16_t *units, unsigned count, uint8_t *to, unsigned room) {
    unsigned length = 0;
    for (unsigned i = 0; i < count && length < room; i++) {
        uint16_t unit = units[i] >= 'a' && units[i] <= 'z' ? (uint16_t)(units[i] - 0x20) : units[i];
        if (unit != ' ' && unit != '.') {
            to[length++] = is_short_unit(unit) ? (uint8_t)unit : '_';
        }
    }
    return length;
}

static uint16_t hash(const struct fat_name *name, unsigned seed) {
    uint32_t hash = 2166136261u + seed;
    for (unsigned i = 0; i < name->length; i++) {
        hash = (hash ^ name->units[i]) * 16777619u;
    }
    return (uint16_t)(hash ^ hash >> 16);
}

void name_short_candidate(const struct fat_name *name, unsigned number, uint8_t short_name[11]) {
    unsigned dot = last_dot(name);
    memset(short_name, ' ', 11);
    unsigned length = squeeze(name->units, dot, short_name, number < 4 ? 6 : 2);
    if (dot < name->length) {
        squeeze(name->units + dot + 1, name->length - dot - 1u, short_name + 8, 3);
    }
    if (number >= 4) {
        uint16_t digits = hash(name, number);
        for (int shift = 12; shift >= 0; shift -= 4) {
            short_name[length++] = (uint8_t) "0123456789ABCDEF"[digits >> shift & 0xf];
        }
    }
    short_name[length++] = '~';
    short_name[length] = (uint8_t)(number < 4 ? '1' + number : '1');
}

uint8_t name_checksum(const uint8_t short_name[11]) {
    uint8_t sum = 0;
    for (int i = 0; i < 11; i++) {
        sum = (uint8_t)((sum << 7 | sum >> 1) + short_name[i]);
    }
    return sum;
}

/* ---- Long entries ---- */

/* Where the 13 units lie in the 32 bytes. */
static const uint8_t unit_offset[UNITS_OF_ENTRY] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
enum { LONG_ORDINAL = 0, LONG_CHECKSUM = 13 };

struct raw_entry name_long_entry(const struct fat_name *name, unsigned ordinal, uint8_t checksum) {
    uint8_t bytes[ENTRY_BYTES] = {0};
    unsigned first = (ordinal - 1) * UNITS_OF_ENTRY;
    for (unsigned i = 0; i < UNITS_OF_ENTRY; i++) {
        unsigned at = first + i;
        uint16_t unit = at < name->length ? name->units[at] : at == name->length ? 0 : 0xffff;
        memcpy(bytes + unit_offset[i], &unit, sizeof unit);
    }
    bytes[LONG_ORDINAL] = (uint8_t)(ordinal | (ordinal == name_entries(name) ? LAST_LONG_ENTRY : 0));
    bytes[LONG_CHECKSUM] = checksum;
    struct raw_entry entry;
    memcpy(&entry, bytes, sizeof entry);
    entry.attributes = ATTRIBUTE_LONG_NAME;
    return entry;
}

/* The units of one entry, which lie at its place in the name; those behind the end are left out. */
static void add_units(struct fat_name *name, const uint8_t *bytes, unsigned ordinal) {
    for (unsigned i = 0; i < UNITS_OF_ENTRY; i++) {
        unsigned at = (ordinal - 1) * UNITS_OF_ENTRY + i;
        uint16_t unit;
        memcpy(&unit, bytes + unit_offset[i], sizeof unit);
        if (unit == 0 || at >= FAT_NAME_MAX) {
            return;
        }
        name->units[at] = unit;
        name->length = at + 1 > name->length ? (uint16_t)(at + 1) : name->length;
    }
}

void long_name_add(struct long_name *long_name, const struct raw_entry *entry) {
    uint8_t bytes[ENTRY_BYTES];
    memcpy(bytes, entry, sizeof bytes);
    unsigned ordinal = bytes[LONG_ORDINAL] & ~LAST_LONG_ENTRY;
    if ((bytes[LONG_ORDINAL] & LAST_LONG_ENTRY) != 0) {
        long_name->valid = ordinal >= 1 && ordinal <= 20;
        long_name->checksum = bytes[LONG_CHECKSUM];
        long_name->name.length = 0;
    } else if (ordinal != long_name->expected || bytes[LONG_CHECKSUM] != long_name->checksum) {
        long_name->valid = false;
    }
    if (long_name->valid && ordinal >= 1) {
        add_units(&long_name->name, bytes, ordinal);
        long_name->expected = ordinal - 1;
    } else {
        long_name->valid = false;
    }
}

bool long_name_take(struct long_name *long_name, const struct raw_entry *entry) {
    bool taken = long_name->valid && long_name->expected == 0 && long_name->name.length > 0 &&
                 long_name->checksum == name_checksum(entry->name);
    long_name->valid = false;
    return taken;
}
