/* arch.h: what the kernel's portable files need to know of the machine at compile time.
 *
 * The kernel's half of every address space: a direct map of all physical addresses at DIRECT_BASE, and the
 * kernel's image at IMAGE_BASE. User addresses end at USER_END (Sv39, lower half). Also read by assembly. */
#pragma once

#define DIRECT_BASE 0xffffffc000000000
#define IMAGE_BASE  0xffffffff80000000
#define IMAGE_LOAD  0x80000000 /* the physical address that IMAGE_BASE shows */
#define USER_END    0x4000000000
#define HART_STACK  16384

/* Offsets for entry.S; hart.h and task.h check them. */
#define HART_CONTEXT 0
#define HART_SCRATCH 8
#define HART_TOP     16
#define HART_SATP    24
#define HART_WANTED  32

#ifndef __ASSEMBLER__
#include <stdint.h>

extern char image_start[];    /* by the linker script */
extern char boot_stack_top[]; /* boot/start.S */

static inline void *physical_pointer(uint64_t address) {
    return (void *)(address + DIRECT_BASE);
}

static inline uint64_t physical_address(const void *pointer) {
    return (uint64_t)pointer - DIRECT_BASE;
}

static inline void cpu_relax(void) {
    __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory"); /* pause */
}
#endif
