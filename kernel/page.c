/* page.c: the buddy allocator of page.h. */
#include "page.h"
#include "arch.h"
#include <ipc/abi.h>

void pages_init(struct pages *pages, uint64_t base, uint64_t end, uint8_t *order_of) {
    pages->base = base;
    pages->end = end;
    pages->order_of = order_of;
    pages->free_bytes = pages->total_bytes = 0;
    for (unsigned order = 0; order < PAGE_ORDERS; order++)
        list_init(&pages->free[order]);
    for (uint64_t i = 0; i < (end - base) / PAGE_SIZE; i++)
        order_of[i] = 0;
}

static struct link *link_at(struct pages *pages, uint64_t index) {
    return physical_pointer(pages->base + index * PAGE_SIZE);
}

static void block_add(struct pages *pages, uint64_t index, unsigned order) {
    pages->order_of[index] = (uint8_t)(order + 1);
    list_prepend(&pages->free[order], link_at(pages, index));
}

static void block_remove(struct pages *pages, uint64_t index) {
    pages->order_of[index] = 0;
    list_remove(link_at(pages, index));
}

/* Frees the block and melts it with its buddy as long as that is free and as large. */
static void block_free(struct pages *pages, uint64_t index, unsigned order) {
    uint64_t count = (pages->end - pages->base) / PAGE_SIZE;
    while (order + 1 < PAGE_ORDERS) {
        uint64_t buddy = index ^ (1ull << order);
        if (buddy >= count || pages->order_of[buddy] != order + 1)
            break;
        block_remove(pages, buddy);
        index &= ~(1ull << order);
        order++;
    }
    block_add(pages, index, order);
}

void pages_free(struct pages *pages, uint64_t address, uint64_t count) {
    uint64_t index = (address - pages->base) / PAGE_SIZE;
    pages->free_bytes += count * PAGE_SIZE;
    while (count > 0) {
        unsigned order = 0; /* the largest block that starts here and fits */
        while (order + 1 < PAGE_ORDERS && (index & (1ull << order)) == 0 && (2ull << order) <= count)
            order++;
        block_free(pages, index, order);
        index += 1ull << order;
        count -= 1ull << order;
    }
}

uint64_t pages_allocate(struct pages *pages, uint64_t count) {
    unsigned wanted = 0;
    while (wanted < PAGE_ORDERS && (1ull << wanted) < count)
        wanted++;
    unsigned order = wanted;
    while (order < PAGE_ORDERS && list_empty(&pages->free[order]))
        order++;
    if (order >= PAGE_ORDERS)
        return 0;
    uint64_t address = physical_address(pages->free[order].next);
    block_remove(pages, (address - pages->base) / PAGE_SIZE);
    pages->free_bytes -= PAGE_SIZE << order;
    if (count < 1ull << order)
        pages_free(pages, address + count * PAGE_SIZE, (1ull << order) - count);
    return address;
}
