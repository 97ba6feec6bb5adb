/* space.c: address spaces; see space.h. Two levels of tables below the root are made and freed by need. */
#include "space.h"
#include "bytes.h"
#include "kernel.h"
#include "page_table.h"

#define CHOOSE_FROM 0x40000000ull /* where the kernel looks for a free range */

static enum error table_create(struct kernel *kernel, struct account *account, uint64_t *address) {
    enum error error = account_charge(account, PAGE_SIZE);
    if (error)
        return error;
    *address = pages_allocate(&kernel->pages, 1);
    if (!*address) {
        account_refund(kernel, account, PAGE_SIZE);
        return ERR_NO_MEMORY;
    }
    memset(physical_pointer(*address), 0, PAGE_SIZE);
    return ERR_NONE;
}

static void table_free(struct kernel *kernel, struct account *account, uint64_t address) {
    pages_free(&kernel->pages, address, 1);
    account_refund(kernel, account, PAGE_SIZE);
}

enum error space_create(struct kernel *kernel, struct space *space, struct account *account, uint32_t asid) {
    list_init(&space->mappings);
    space->account = account;
    enum error error = table_create(kernel, account, &space->root);
    if (error)
        return error;
    machine_space_init(kernel, space, asid);
    space->stale = UINT32_MAX; /* the number may have been another's, and its code may be freshly written */
    return ERR_NONE;
}

/* ---- walking ---- */

static uint64_t *table_at(uint64_t pte) {
    return physical_pointer(pte_physical(pte));
}

/* The last-level entry for an address, or null. */
static HOT uint64_t *entry_find(const struct space *space, uint64_t address) {
    uint64_t *table = physical_pointer(space->root);
    for (unsigned level = 2; level > 0; level--) {
        uint64_t pte = table[table_index(address, level)];
        if (!(pte & PTE_V))
            return NULL;
        table = table_at(pte);
    }
    return &table[table_index(address, 0)];
}

HOT_INLINE void *space_reach(const struct space *space, uint64_t address, enum access access) {
    static const uint64_t needed[] = {PTE_V | PTE_U | PTE_R, PTE_V | PTE_U | PTE_W, PTE_V | PTE_U,
                                      PTE_V | PTE_U | PTE_LOAD};
    if (address >= USER_END)
        return NULL;
    uint64_t *entry = entry_find(space, address);
    if (!entry || (*entry & (needed[access] | PTE_DEVICE)) != needed[access])
        return NULL;
    return physical_pointer(pte_physical(*entry) | (address & (PAGE_SIZE - 1)));
}

static enum error entry_make(struct kernel *kernel, struct space *space, uint64_t address, uint64_t **entry) {
    uint64_t *table = physical_pointer(space->root);
    for (unsigned level = 2; level > 0; level--) {
        uint64_t *pte = &table[table_index(address, level)];
        if (!(*pte & PTE_V)) {
            uint64_t made;
            enum error error = table_create(kernel, space->account, &made);
            if (error)
                return error;
            *pte = pte_make(made, PTE_V);
        }
        table = table_at(*pte);
    }
    *entry = &table[table_index(address, 0)];
    return ERR_NONE;
}

static bool table_empty(const uint64_t *table) {
    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        if (table[i])
            return false;
    return true;
}

/* Frees the tables that lead to an address if they have become empty. */
static void tables_trim(struct kernel *kernel, struct space *space, uint64_t address) {
    uint64_t *top = (uint64_t *)physical_pointer(space->root) + table_index(address, 2);
    if (!(*top & PTE_V))
        return;
    uint64_t *middle = table_at(*top) + table_index(address, 1);
    if ((*middle & PTE_V) && table_empty(table_at(*middle))) {
        table_free(kernel, space->account, pte_physical(*middle));
        *middle = 0;
    }
    if (table_empty(table_at(*top))) {
        table_free(kernel, space->account, pte_physical(*top));
        *top = 0;
    }
}

/* Clears the entries of a range and frees tables that became empty. No flush. */
static void entries_clear(struct kernel *kernel, struct space *space, uint64_t start, uint64_t end) {
    const uint64_t span = PAGE_SIZE * TABLE_ENTRIES;
    while (start < end) {
        uint64_t stop = (start | (span - 1)) + 1;
        uint64_t *entry = entry_find(space, start);
        for (uint64_t at = start; entry && at < stop && at < end; at += PAGE_SIZE)
            *entry++ = 0;
        tables_trim(kernel, space, start);
        start = stop;
    }
}

/* ---- the list of mappings ---- */

/* The first mapping that ends after `address`, or null. */
static struct mapping *mapping_after(struct space *space, uint64_t address) {
    for (struct link *link = space->mappings.next; link != &space->mappings; link = link->next) {
        struct mapping *mapping = container_of(link, struct mapping, link);
        if (mapping->end > address)
            return mapping;
    }
    return NULL;
}

/* A range with an unmapped page on either side. */
static enum error choose(struct space *space, uint64_t length, uint64_t *address) {
    uint64_t at = CHOOSE_FROM;
    for (struct link *link = space->mappings.next; link != &space->mappings; link = link->next) {
        struct mapping *mapping = container_of(link, struct mapping, link);
        if (mapping->start >= at + length + PAGE_SIZE)
            break;
        if (mapping->end + PAGE_SIZE > at)
            at = mapping->end + PAGE_SIZE;
    }
    if (at + length > USER_END)
        return ERR_NO_MEMORY;
    *address = at;
    return ERR_NONE;
}

static enum error place(struct space *space, uint64_t length, uint64_t *address) {
    if (length == 0 || length > USER_END)
        return ERR_INVALID;
    if (*address == 0)
        return choose(space, length, address);
    if (*address % PAGE_SIZE || *address > USER_END - length)
        return ERR_INVALID;
    struct mapping *mapping = mapping_after(space, *address);
    return mapping && mapping->start < *address + length ? ERR_EXISTS : ERR_NONE;
}

static enum error mapping_create(struct kernel *kernel, struct space *space, uint64_t start, uint64_t end,
                                 struct memory *memory) {
    struct cache *cache = &kernel->caches[CACHE_MAPPING];
    enum error error = account_charge(space->account, cache->size);
    if (error)
        return error;
    struct mapping *mapping = cache_allocate(cache, &kernel->pages);
    if (!mapping) {
        account_refund(kernel, space->account, cache->size);
        return ERR_NO_MEMORY;
    }
    *mapping = (struct mapping){.start = start, .end = end, .memory = memory};
    object_get(&memory->object);
    struct mapping *next = mapping_after(space, start);
    list_insert(next ? &next->link : &space->mappings, &mapping->link);
    return ERR_NONE;
}

static void mapping_free(struct kernel *kernel, struct space *space, struct mapping *mapping) {
    struct cache *cache = &kernel->caches[CACHE_MAPPING];
    struct object *memory = &mapping->memory->object;
    list_remove(&mapping->link);
    cache_free(cache, &kernel->pages, mapping);
    account_refund(kernel, space->account, cache->size);
    object_put(kernel, memory);
}

/* ---- map and unmap ---- */

static uint64_t flags_of(const struct memory *memory, uint32_t rights, uint32_t held) {
    uint64_t flags = PTE_V | PTE_U | PTE_A | PTE_D;
    flags |= rights & RIGHT_READ ? PTE_R : 0;
    flags |= rights & RIGHT_WRITE ? PTE_W : 0;
    flags |= rights & RIGHT_EXECUTE ? PTE_X : 0;
    flags |= held & RIGHT_WRITE ? PTE_LOAD : 0;
    return flags | (memory->device ? PTE_DEVICE : 0);
}

static enum error entries_set(struct kernel *kernel, struct space *space, struct memory *memory,
                              uint64_t offset, uint64_t length, uint64_t flags, uint64_t address) {
    struct run_cursor cursor = {};
    uint64_t *entry = NULL;
    for (uint64_t done = 0; done < length; done += PAGE_SIZE) {
        if (!entry || table_index(address + done, 0) == 0) {
            enum error error = entry_make(kernel, space, address + done, &entry);
            if (error) {
                entries_clear(kernel, space, address, address + done + 1);
                return error;
            }
        }
        uint64_t contiguous;
        *entry++ = pte_make(memory_physical(memory, &cursor, offset + done, &contiguous), flags);
    }
    return ERR_NONE;
}

enum error space_map(struct kernel *kernel, struct space *space, struct memory *memory, uint64_t offset,
                     uint64_t length, uint32_t rights, uint32_t held, uint64_t *address) {
    uint64_t at = *address;
    enum error error = place(space, length, &at);
    if (error)
        return error;
    error = entries_set(kernel, space, memory, offset, length, flags_of(memory, rights, held), at);
    if (error)
        return error;
    error = mapping_create(kernel, space, at, at + length, memory);
    if (error) {
        entries_clear(kernel, space, at, at + length);
        return error;
    }
    if (rights & RIGHT_EXECUTE)
        machine_flush(kernel, space);
    *address = at;
    return ERR_NONE;
}

/* Takes [start, end) out of one mapping; when it is cut in two, the upper part needs a record of its own. */
static enum error mapping_cut(struct kernel *kernel, struct space *space, struct mapping *mapping,
                              uint64_t start, uint64_t end) {
    if (start > mapping->start && end < mapping->end) {
        uint64_t old_end = mapping->end;
        mapping->end = start;
        enum error error = mapping_create(kernel, space, end, old_end, mapping->memory);
        if (error)
            mapping->end = old_end;
        return error;
    }
    if (start > mapping->start)
        mapping->end = start;
    else if (end < mapping->end)
        mapping->start = end;
    else
        mapping_free(kernel, space, mapping);
    return ERR_NONE;
}

enum error space_unmap(struct kernel *kernel, struct space *space, uint64_t address, uint64_t length) {
    if (address % PAGE_SIZE || length == 0 || length % PAGE_SIZE || length > USER_END ||
        address > USER_END - length)
        return ERR_INVALID;
    uint64_t end = address + length;
    struct mapping *mapping = mapping_after(space, address);
    if (!mapping || mapping->start >= end)
        return ERR_NOT_FOUND;
    while (mapping && mapping->start < end) {
        uint64_t from = mapping->start > address ? mapping->start : address;
        uint64_t to = mapping->end < end ? mapping->end : end;
        enum error error = mapping_cut(kernel, space, mapping, from, to);
        if (error)
            return error; /* only the first can be cut in two, so nothing was done */
        entries_clear(kernel, space, from, to);
        mapping = mapping_after(space, to);
    }
    machine_flush(kernel, space); /* before anybody can use the freed pages: we hold the lock */
    return ERR_NONE;
}

/* ---- end ---- */

static void tables_free(struct kernel *kernel, struct space *space) {
    uint64_t *root = physical_pointer(space->root);
    for (unsigned i = 0; i < TABLE_ENTRIES / 2; i++) {
        if (!(root[i] & PTE_V))
            continue;
        uint64_t *middle = table_at(root[i]);
        for (unsigned j = 0; j < TABLE_ENTRIES; j++)
            if (middle[j] & PTE_V)
                table_free(kernel, space->account, pte_physical(middle[j]));
        table_free(kernel, space->account, pte_physical(root[i]));
    }
    table_free(kernel, space->account, space->root);
    space->root = 0;
}

bool space_destroy_piece(struct kernel *kernel, struct space *space) {
    if (!list_empty(&space->mappings)) {
        mapping_free(kernel, space, container_of(space->mappings.next, struct mapping, link));
        return false;
    }
    if (space->root)
        tables_free(kernel, space);
    return true;
}
