/* space.h: a task's address space: Sv39 page tables and the list of what is mapped where.
 *
 * The tables are walked by software as well: the kernel reaches user memory only through space_reach, which
 * checks the user's rights page by page and answers with an address in the kernel's direct map. */
#pragma once

#include "list.h"
#include <base/error.h>
#include <stdint.h>

struct account;
struct kernel;
struct memory;

struct space {
    uint64_t root;  /* physical address of the top table */
    uint64_t satp;  /* what the CPU's register must hold */
    uint32_t stale; /* harts (as bits) that must flush before they enter it */
    bool dying;
    struct account *account; /* pays for the tables */
    struct link mappings;    /* struct mapping, by address */
};

struct mapping {
    struct link link;
    uint64_t start, end;
    struct memory *memory; /* held */
};

/* Makes an empty space (but for the kernel's half); errors: ERR_QUOTA, ERR_NO_MEMORY. */
enum error space_create(struct kernel *kernel, struct space *space, struct account *account, uint32_t asid);

/* Takes one mapping or the tables apart; true when nothing is left. To be called again until then. */
bool space_destroy_piece(struct kernel *kernel, struct space *space);

/* Maps pages of a memory; `address` 0: anywhere; `held`: the rights of the handle that it is mapped by.
 * Page-aligned arguments, checked rights (RIGHT_READ ...). ERR_INVALID (out of range), ERR_EXISTS, ERR_QUOTA,
 * ERR_NO_MEMORY; on error nothing is mapped. */
enum error space_map(struct kernel *kernel, struct space *space, struct memory *memory, uint64_t offset,
                     uint64_t length, uint32_t rights, uint32_t held, uint64_t *address);

/* Unmaps whatever lies in the range; mappings may be cut. ERR_NOT_FOUND if nothing did. */
enum error space_unmap(struct kernel *kernel, struct space *space, uint64_t address, uint64_t length);

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_ANY, ACCESS_LOAD };

/* Where the kernel sees the byte at the user's `address`, good to the end of that page; null if the task may
 * not access it so, or if it is a device's. ACCESS_ANY: mapped with any right (for debuggers); ACCESS_LOAD:
 * mapped with any right by somebody who may write that memory (for loaders). */
void *space_reach(const struct space *space, uint64_t address, enum access access);
