/* arch.h: the build machine in the place of kernel/riscv64/arch.h: physical addresses are pointers. */
#pragma once

#include <stdint.h>

#define USER_END     0x4000000000
#define HART_CONTEXT 0
#define HART_SCRATCH 8
#define HART_TOP     16
#define HART_SATP    24
#define HART_WANTED  32

static inline void *physical_pointer(uint64_t address) {
    return (void *)address;
}

static inline uint64_t physical_address(const void *pointer) {
    return (uint64_t)pointer;
}

static inline void cpu_relax(void) {
}
