/* fdt.c: reads the few things that the kernel wants out of the flattened device tree (Devicetree
 * Specification 0.4, chapter 5).
 *
 * One pass over the structure block; each property is looked at with the name and depth of its node. The
 * firmware is trusted to have written a tree, but every length is checked all the same. */
#include "bytes.h"
#include "riscv64.h"

#define FDT_MAGIC      0xd00dfeed
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP        4
#define DEPTH_MAX      8

struct reader {
    const char *structs, *structs_end, *strings, *strings_end;
};

/* One property and where it stands: node[depth] is its node's name, node[0] the root's. */
struct property {
    const char *node[DEPTH_MAX];
    unsigned depth;
    const char *name;
    const char *value;
    uint32_t length;
};

/* What is known of the node that is being read; it is put into the platform when the node ends. */
struct node {
    uint64_t reg, reg_size;
    bool has_reg, disabled, is_interrupt_controller, is_power, is_cpu;
    bool sstc;
};

static uint32_t big32(const char *at) {
    const uint8_t *bytes = (const uint8_t *)at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A number of one or two cells. */
static uint64_t cells(const char *at, uint32_t length) {
    return length >= 8 ? (uint64_t)big32(at) << 32 | big32(at + 4) : length >= 4 ? big32(at) : 0;
}

static bool same(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static bool starts(const char *text, const char *with) {
    while (*with)
        if (*text++ != *with++)
            return false;
    return true;
}

/* Does the value hold this string, whole or as a part? */
static bool contains(const char *value, uint32_t length, const char *part) {
    for (uint32_t at = 0; at < length; at++) {
        uint32_t i = 0;
        while (part[i] && at + i < length && value[at + i] == part[i])
            i++;
        if (!part[i])
            return true;
    }
    return false;
}

/* ---- properties by the node they stand in ---- */

static void read_chosen(const struct property *property, struct platform *platform) {
    uint32_t length = property->length;
    if (same(property->name, "linux,initrd-start"))
        platform->archive = cells(property->value, length);
    else if (same(property->name, "linux,initrd-end"))
        platform->archive_end = cells(property->value, length);
    else if (same(property->name, "rng-seed"))
        memcpy(platform->seed, property->value,
               length < sizeof(platform->seed) ? length : sizeof(platform->seed));
    else if (same(property->name, "bootargs") && length <= sizeof(platform->command_line))
        memcpy(platform->command_line, property->value, length);
    platform->command_line[sizeof(platform->command_line) - 1] = 0;
}

static void read_any(const struct property *property, struct node *node) {
    const char *name = property->name, *value = property->value;
    uint32_t length = property->length;
    if (same(name, "reg") && length >= 4) {
        node->has_reg = true;
        node->reg = cells(value, length);
        node->reg_size = length >= 16 ? cells(value + 8, length - 8) : 0;
    } else if (same(name, "compatible")) {
        node->is_interrupt_controller |= contains(value, length, "plic");
        node->is_power |= contains(value, length, "sifive,test");
    } else if (same(name, "device_type")) {
        node->is_cpu = contains(value, length, "cpu");
    } else if (same(name, "riscv,isa") || same(name, "riscv,isa-extensions")) {
        node->sstc |= contains(value, length, "sstc");
    } else if (same(name, "status")) {
        node->disabled = !contains(value, length, "ok");
    }
}

static void read_property(const struct property *property, struct platform *platform, struct node *node) {
    const char *name = property->node[property->depth];
    if (property->depth == 1 && same(name, "chosen"))
        read_chosen(property, platform);
    else if (property->depth == 1 && same(name, "cpus") && same(property->name, "timebase-frequency"))
        platform->timebase = cells(property->value, property->length);
    else
        read_any(property, node);
}

/* All properties of a node have been seen. */
static void finish_node(const struct property *at, struct platform *platform, const struct node *node) {
    const char *name = at->node[at->depth];
    if (!node->has_reg || node->disabled)
        return;
    if (at->depth == 1 && starts(name, "memory@") && platform->ram_size == 0) {
        platform->ram_base = node->reg;
        platform->ram_size = node->reg_size;
    } else if (node->is_cpu && platform->harts < PLATFORM_HARTS) {
        platform->sstc = node->sstc && (platform->sstc || platform->harts == 0);
        platform->hart_id[platform->harts++] = (uint32_t)node->reg;
    } else if (node->is_interrupt_controller) {
        platform->interrupt_controller = node->reg;
    } else if (node->is_power) {
        platform->power = node->reg;
    }
}

/* ---- the structure block ---- */

static const char *aligned(const struct reader *reader, const char *at) {
    return reader->structs + ((at - reader->structs + 3) & ~3);
}

/* The name at `at`, which must end within the block; null if it does not. */
static const char *name_end(const char *at, const char *end) {
    while (at < end && *at)
        at++;
    return at < end ? at + 1 : NULL;
}

static const char *take_property(const struct reader *reader, const char *at, struct property *property) {
    if (reader->structs_end - at < 8)
        return NULL;
    property->length = big32(at);
    property->name = reader->strings + big32(at + 4);
    property->value = at + 8;
    bool fits = property->length <= (uint64_t)(reader->structs_end - property->value);
    return fits && property->name < reader->strings_end ? aligned(reader, property->value + property->length)
                                                        : NULL;
}

/* A node's properties come before its subnodes, so the innermost node is all that must be remembered. */
static bool walk(const struct reader *reader, struct platform *platform) {
    struct property property = {};
    struct node node = {};
    unsigned depth = 0; /* nodes that are open */
    const char *at = reader->structs;
    while (at && reader->structs_end - at >= 4) {
        uint32_t token = big32(at);
        at += 4;
        if (token == FDT_BEGIN_NODE || token == FDT_END_NODE) {
            if (depth > 0 && depth <= DEPTH_MAX)
                finish_node(&property, platform, &node);
            node = (struct node){};
        }
        if (token == FDT_BEGIN_NODE && depth < DEPTH_MAX) {
            property.node[property.depth = depth++] = at;
            at = name_end(at, reader->structs_end);
            at = at ? aligned(reader, at) : NULL;
        } else if (token == FDT_END_NODE && depth > 0) {
            depth--;
            property.depth = depth ? depth - 1 : 0;
        } else if (token == FDT_PROP && depth > 0) {
            at = take_property(reader, at, &property);
            if (at)
                read_property(&property, platform, &node);
        } else if (token != FDT_NOP) {
            return depth == 0;
        }
    }
    return false;
}

bool fdt_read(const void *tree, struct platform *platform) {
    const char *header = tree;
    if (big32(header) != FDT_MAGIC)
        return false;
    struct reader reader = {
        .structs = header + big32(header + 8),
        .structs_end = header + big32(header + 8) + big32(header + 36),
        .strings = header + big32(header + 12),
        .strings_end = header + big32(header + 12) + big32(header + 32),
    };
    platform->tree = physical_address(tree);
    platform->tree_size = big32(header + 4);
    return walk(&reader, platform) && platform->ram_size && platform->timebase && platform->harts &&
           platform->interrupt_controller;
}
