/* page_table.h: Sv39 page tables (RISC-V privileged architecture, 12.4). */
#pragma once

#include <stdint.h>

#define PTE_V      (1ull << 0)
#define PTE_R      (1ull << 1)
#define PTE_W      (1ull << 2)
#define PTE_X      (1ull << 3)
#define PTE_U      (1ull << 4)
#define PTE_G      (1ull << 5)
#define PTE_A      (1ull << 6)
#define PTE_D      (1ull << 7)
#define PTE_DEVICE (1ull << 8) /* for software: not memory */
#define PTE_LOAD   (1ull << 9) /* for software: who mapped it may write the memory, so task_write may */

#define TABLE_ENTRIES 512

static inline uint64_t pte_make(uint64_t physical, uint64_t flags) {
    return physical >> 12 << 10 | flags;
}

static inline uint64_t pte_physical(uint64_t pte) {
    return pte << 10 >> 20 << 12;
}

static inline unsigned table_index(uint64_t address, unsigned level) {
    return address >> (12 + 9 * level) & (TABLE_ENTRIES - 1);
}
