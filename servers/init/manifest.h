/* manifest.h: which task starts with which rights, read from boot/manifest (its head documents the format).
 * Pure.
 *
 * Mistakes are reported by line and the line is skipped: a machine with half a manifest can still be looked
 * at. */
#pragma once

#include "restart.h"

#include <base/span.h>
#include <stdbool.h>
#include <stdint.h>

#define MANIFEST_ENTRIES      40
#define MANIFEST_NAME         24
#define MANIFEST_NAMES        8
#define MANIFEST_ARGUMENTS    128
#define MANIFEST_PRIORITY_MAX 24 /* init's own: a task cannot make one above itself */

enum may {
    MAY_LOG = 1,   /* write to the machine's log */
    MAY_SPAWN = 2, /* start programs */
    MAY_KILL = 4,  /* end any task */
    MAY_LIST = 8,  /* see all tasks, the programs and the machine's figures */
    MAY_OFF = 16   /* power off */
};

struct manifest_names {
    unsigned count;
    char name[MANIFEST_NAMES][MANIFEST_NAME];
};

/* A task that starts at boot, or the rights of programs that are started later. */
struct manifest_entry {
    char name[MANIFEST_NAME]; /* of a program: may end in '*', which stands for any rest */
    char program[MANIFEST_NAME];
    bool at_boot;
    uint32_t priority, handles;
    uint64_t memory_least, memory_most; /* bytes; the machine's size decides between them */
    uint64_t stack;
    char device[MANIFEST_NAME]; /* "": none */
    bool device_optional;       /* most machines lack it: nothing to tell */
    bool dma;
    struct manifest_names serves, uses;
    uint32_t may; /* enum may */
    struct restart_policy restart;
    char arguments[MANIFEST_ARGUMENTS]; /* words apart by one space, without the program's name */
    unsigned line;
};

struct manifest {
    unsigned count;
    struct manifest_entry entries[MANIFEST_ENTRIES];
};

/* Is told of each mistake; line 0: the manifest as a whole. */
struct manifest_listener {
    void *context;
    void (*mistake)(void *context, unsigned line, const char *what, const char *word);
};

/* Reads the text. The number of mistakes. */
unsigned manifest_parse(struct manifest *manifest, struct span text,
                        const struct manifest_listener *listener);

/* The entry of the task of this name; the one whose program pattern fits best (longest). Null: none. */
const struct manifest_entry *manifest_task(const struct manifest *manifest, const char *name);
const struct manifest_entry *manifest_program(const struct manifest *manifest, const char *program);

bool manifest_names(const struct manifest_names *names, const char *name);

/* How much memory a task gets on a machine with so much for all tasks: the least on a small one, the most on
 * a large one. */
uint64_t manifest_memory(const struct manifest_entry *entry, uint64_t machine_memory);
