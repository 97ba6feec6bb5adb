/* manifest.c: line by line; the first word of a line says which function reads the rest. */
#include "manifest.h"

#include <base/text.h>

#define LINE_SIZE        256
#define DEFAULT_PRIORITY 16
#define DEFAULT_HANDLES  64
#define DEFAULT_MEMORY   (1024 * 1024ull)
#define DEFAULT_STACK    (32 * 1024ull)
#define MILLISECOND      1000000ull
#define MEBIBYTE         (1024 * 1024ull)
#define SMALL_MACHINE    (28 * MEBIBYTE)  /* what 32 MiB leave when kernel and firmware have theirs */
#define LARGE_MACHINE    (112 * MEBIBYTE) /* and 128 MiB, with room to spare */

struct parser {
    struct manifest *manifest;
    struct manifest_entry *entry; /* the one that lines belong to; null after a mistake in its head */
    const struct manifest_listener *listener;
    unsigned line, mistakes;
    char *rest; /* of the line */
};

static void mistake(struct parser *parser, const char *what, const char *word) {
    parser->mistakes++;
    parser->listener->mistake(parser->listener->context, parser->line, what, word);
}

/* The next word of the line, NUL-terminated in place; "" at its end. */
static char *next_word(struct parser *parser) {
    char *word = parser->rest + strspn(parser->rest, " \t");
    char *end = word + strcspn(word, " \t");
    parser->rest = end + (*end != '\0');
    *end = '\0';
    return word;
}

/* A number and the unit behind it, out of a list of {unit, factor} that ends with a null unit. */
struct unit {
    const char *name;
    uint64_t factor;
};

static bool measure(const char *word, const struct unit *units, uint64_t *value) {
    uint64_t number;
    const char *end;
    if (!text_number(word, 10, &number, &end)) {
        return false;
    }
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) == 0) {
            return !__builtin_mul_overflow(number, units->factor, value);
        }
    }
    return false;
}

static bool size_of(const char *word, uint64_t *value) {
    static const struct unit units[] = {{"K", 1024}, {"M", MEBIBYTE}, {NULL, 0}};
    return measure(word, units, value) && *value >= 4096 && *value <= 1ull << 40;
}

static bool time_of(const char *word, uint64_t *value) {
    static const struct unit units[] = {{"ms", MILLISECOND}, {"s", 1000 * MILLISECOND}, {NULL, 0}};
    return measure(word, units, value) && *value >= MILLISECOND && *value <= 3600000 * MILLISECOND;
}

/* ---- one function for each word that may begin a line ---- */

static void read_name(struct parser *parser, char name[MANIFEST_NAME]) {
    const char *word = next_word(parser);
    if (*word == '\0') {
        mistake(parser, "a name is missing", "");
    } else if (!text_copy(name, MANIFEST_NAME, word)) {
        mistake(parser, "the name is too long", word);
    }
}

static void read_program(struct parser *parser) {
    read_name(parser, parser->entry->program);
}

static void read_device(struct parser *parser) {
    read_name(parser, parser->entry->device);
    const char *word = next_word(parser);
    parser->entry->device_optional = strcmp(word, "optional") == 0;
    if (*word != '\0' && !parser->entry->device_optional) {
        mistake(parser, "neither \"optional\" nor the end of the line", word);
    }
}

static void read_count(struct parser *parser, uint32_t least, uint32_t most, uint32_t *value) {
    const char *word = next_word(parser);
    uint64_t number;
    if (!text_to_u64(word, &number) || number < least || number > most) {
        mistake(parser, "no number, or out of range", word);
    } else {
        *value = (uint32_t)number;
    }
}

static void read_priority(struct parser *parser) {
    read_count(parser, 1, MANIFEST_PRIORITY_MAX, &parser->entry->priority);
}

static void read_handles(struct parser *parser) {
    read_count(parser, 8, 4096, &parser->entry->handles);
}

/* 2M, or 8M..24M */
static void read_memory(struct parser *parser) {
    char *word = next_word(parser);
    char *range = strstr(word, "..");
    if (range != NULL) {
        *range = '\0';
    }
    uint64_t least = 0, most;
    bool good = size_of(word, &least);
    most = least;
    good = good && (range == NULL || size_of(range + 2, &most));
    if (!good || most < least) {
        mistake(parser, "no size such as 512K, 2M or 8M..24M", word);
        return;
    }
    parser->entry->memory_least = least;
    parser->entry->memory_most = most;
}

static void read_stack(struct parser *parser) {
    const char *word = next_word(parser);
    uint64_t size;
    if (!size_of(word, &size) || size > 1024 * 1024) {
        mistake(parser, "no size such as 64K, or more than 1M", word);
    } else {
        parser->entry->stack = size;
    }
}

static void read_dma(struct parser *parser) {
    parser->entry->dma = true;
}

static void read_names(struct parser *parser, struct manifest_names *names) {
    const char *word = next_word(parser);
    if (*word == '\0') {
        mistake(parser, "a name is missing", "");
    }
    for (; *word != '\0'; word = next_word(parser)) {
        if (names->count == MANIFEST_NAMES) {
            mistake(parser, "too many names", word);
        } else if (!text_copy(names->name[names->count], MANIFEST_NAME, word)) {
            mistake(parser, "the name is too long", word);
        } else {
            names->count++;
        }
    }
}

static void read_serves(struct parser *parser) {
    read_names(parser, &parser->entry->serves);
}

static void read_uses(struct parser *parser) {
    read_names(parser, &parser->entry->uses);
}

static void read_may(struct parser *parser) {
    static const struct {
        const char *word;
        enum may may;
    } rights[] = {
        {"log", MAY_LOG}, {"spawn", MAY_SPAWN}, {"kill", MAY_KILL}, {"list", MAY_LIST}, {"off", MAY_OFF}};
    for (const char *word = next_word(parser); *word != '\0'; word = next_word(parser)) {
        uint32_t found = 0;
        for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
            found |= strcmp(word, rights[i].word) == 0 ? rights[i].may : 0;
        }
        if (found == 0) {
            mistake(parser, "no such right", word);
        }
        parser->entry->may |= found;
    }
}

/* always FIRST MOST, never, critical */
static void read_restart(struct parser *parser) {
    struct restart_policy *policy = &parser->entry->restart;
    const char *word = next_word(parser);
    if (strcmp(word, "never") == 0) {
        policy->kind = RESTART_NEVER;
    } else if (strcmp(word, "critical") == 0) {
        policy->kind = RESTART_CRITICAL;
    } else if (strcmp(word, "always") == 0) {
        bool good = time_of(next_word(parser), &policy->first) && time_of(next_word(parser), &policy->most);
        if (!good || policy->most < policy->first) {
            mistake(parser, "no two rising times such as 10ms 5s", word);
            return;
        }
        policy->kind = RESTART_ALWAYS;
    } else {
        mistake(parser, "must be always, never or critical", word);
    }
}

static void read_arguments(struct parser *parser) {
    char *arguments = parser->entry->arguments;
    size_t length = 0;
    for (const char *word = next_word(parser); *word != '\0'; word = next_word(parser)) {
        size_t more = strlen(word) + (length != 0);
        if (length + more >= MANIFEST_ARGUMENTS) {
            mistake(parser, "the arguments are too long", word);
            return;
        }
        if (length != 0) {
            arguments[length++] = ' ';
        }
        text_copy(arguments + length, MANIFEST_ARGUMENTS - length, word);
        length = strlen(arguments);
    }
}

static const struct {
    const char *word;
    void (*read)(struct parser *parser);
} properties[] = {
    {"program", read_program}, {"device", read_device},   {"priority", read_priority},
    {"handles", read_handles}, {"memory", read_memory},   {"stack", read_stack},
    {"dma", read_dma},         {"serves", read_serves},   {"uses", read_uses},
    {"may", read_may},         {"restart", read_restart}, {"arguments", read_arguments},
};

/* ---- entries and lines ---- */

static bool is_there(const struct manifest *manifest, bool at_boot, const char *name) {
    for (unsigned i = 0; i < manifest->count; i++) {
        const struct manifest_entry *entry = &manifest->entries[i];
        if (entry->at_boot == at_boot && strcmp(entry->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* `task NAME` or `program PATTERN` at the start of a line. */
static void begin_entry(struct parser *parser, bool at_boot) {
    struct manifest_entry entry = {.at_boot = at_boot,
                                   .priority = DEFAULT_PRIORITY,
                                   .handles = DEFAULT_HANDLES,
                                   .memory_least = DEFAULT_MEMORY,
                                   .memory_most = DEFAULT_MEMORY,
                                   .stack = DEFAULT_STACK,
                                   .line = parser->line};
    parser->entry = NULL;
    unsigned mistakes = parser->mistakes;
    read_name(parser, entry.name);
    if (parser->mistakes != mistakes) {
        return;
    }
    if (is_there(parser->manifest, at_boot, entry.name)) {
        mistake(parser, "is there already", entry.name);
    } else if (parser->manifest->count == MANIFEST_ENTRIES) {
        mistake(parser, "too many entries", entry.name);
    } else {
        text_copy(entry.program, sizeof entry.program, entry.name);
        parser->entry = &parser->manifest->entries[parser->manifest->count++];
        *parser->entry = entry;
    }
}

static void read_property(struct parser *parser, const char *word) {
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        if (strcmp(word, properties[i].word) == 0) {
            properties[i].read(parser);
            const char *extra = next_word(parser);
            if (*extra != '\0') {
                mistake(parser, "too much on the line", extra);
            }
            return;
        }
    }
    mistake(parser, "unknown word", word);
}

/* A line that begins in the first column begins an entry; one that is indented belongs to the entry above. */
static void read_line(struct parser *parser, char *line) {
    bool indented = line[0] == ' ' || line[0] == '\t';
    line[strcspn(line, "#\r")] = '\0';
    parser->rest = line;
    const char *word = next_word(parser);
    if (*word == '\0') {
        return;
    }
    bool task = strcmp(word, "task") == 0;
    if (!indented && (task || strcmp(word, "program") == 0)) {
        begin_entry(parser, task);
    } else if (!indented) {
        parser->entry = NULL;
        mistake(parser, "an entry begins with task or program", word);
    } else if (parser->entry != NULL) {
        read_property(parser, word);
    }
}

unsigned manifest_parse(struct manifest *manifest, struct span text,
                        const struct manifest_listener *listener) {
    struct parser parser = {.manifest = manifest, .listener = listener};
    *manifest = (struct manifest){0};
    while (text.length != 0) {
        const uint8_t *end = memchr(text.data, '\n', text.length);
        size_t length = end != NULL ? (size_t)(end - text.data) : text.length;
        char line[LINE_SIZE];
        parser.line++;
        if (length >= sizeof line || memchr(text.data, 0, length) != NULL) {
            mistake(&parser, "the line is too long, or no text", "");
        } else {
            memcpy(line, text.data, length);
            line[length] = '\0';
            read_line(&parser, line);
        }
        text = span_slice(text, length + 1, SIZE_MAX);
    }
    return parser.mistakes;
}

/* ---- questions ---- */

const struct manifest_entry *manifest_task(const struct manifest *manifest, const char *name) {
    for (unsigned i = 0; i < manifest->count; i++) {
        if (manifest->entries[i].at_boot && strcmp(manifest->entries[i].name, name) == 0) {
            return &manifest->entries[i];
        }
    }
    return NULL;
}

/* How well a pattern fits: 0 not at all, more the longer it is, most when it is the very name. */
static size_t fitness(const char *pattern, const char *name) {
    size_t length = strlen(pattern);
    if (strcmp(pattern, name) == 0) {
        return SIZE_MAX;
    }
    bool open = length != 0 && pattern[length - 1] == '*';
    return open && strncmp(pattern, name, length - 1) == 0 ? length : 0;
}

const struct manifest_entry *manifest_program(const struct manifest *manifest, const char *program) {
    const struct manifest_entry *best = NULL;
    size_t best_fitness = 0;
    for (unsigned i = 0; i < manifest->count; i++) {
        const struct manifest_entry *entry = &manifest->entries[i];
        size_t fit = entry->at_boot ? 0 : fitness(entry->name, program);
        if (fit > best_fitness) {
            best = entry;
            best_fitness = fit;
        }
    }
    return best;
}

bool manifest_names(const struct manifest_names *names, const char *name) {
    for (unsigned i = 0; i < names->count; i++) {
        if (strcmp(names->name[i], name) == 0) {
            return true;
        }
    }
    return false;
}

uint64_t manifest_memory(const struct manifest_entry *entry, uint64_t machine_memory) {
    uint64_t above = machine_memory > SMALL_MACHINE ? machine_memory - SMALL_MACHINE : 0;
    uint64_t span = LARGE_MACHINE - SMALL_MACHINE;
    uint64_t share = (above < span ? above : span) / MEBIBYTE;
    return entry->memory_least +
           (entry->memory_most - entry->memory_least) / 4096 * share / (span / MEBIBYTE) * 4096;
}
