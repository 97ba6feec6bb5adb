/* start.S: the first instructions of each hart: paging on, a stack, and into C.
 *
 * The firmware enters with a0 = its number of this hart, a1 = device tree (first hart) or what was given to
 * sbi_hart_start (others: struct hart), at the physical addresses that IMAGE_LOAD says, with paging off. */
#include "arch.h"

#define LEAF       0xcf /* V R W X A D */
#define LEAF_DATA  0xc7 /* V R W A D */
#define SATP_SV39  8
#define BOOT_STACK 16384

    .section .text.start, "ax"
    .globl _start
_start:
    la s1, first_c
    j paging_on

    .globl secondary_start
secondary_start:
    la s1, secondary_c

/* The page table shows this code at both its addresses, so that the next instruction is there. */
paging_on:
    la t0, boot_table
    srli t0, t0, 12
    li t1, SATP_SV39
    slli t1, t1, 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, IMAGE_BASE - IMAGE_LOAD
    add s1, s1, t0
    li fp, 0
    jr s1

first_c:
    la sp, boot_stack_top
    call kernel_start

secondary_c:
    mv a0, a1
    ld sp, HART_TOP(a0)
    call hart_main

/* 1 GiB leaves: where we run now; all physical addresses; the kernel's image. */
    .section .rodata.boot, "a"
    .balign 4096
boot_table:
    .quad 0, 0, (IMAGE_LOAD >> 12 << 10) | LEAF
    .fill 253, 8, 0
    .set gigabyte, 0
    .rept 254
    .quad (gigabyte << 28) | LEAF_DATA
    .set gigabyte, gigabyte + 1
    .endr
    .quad (IMAGE_LOAD >> 12 << 10) | LEAF
    .quad 0

    .bss
    .balign 4096
    .space BOOT_STACK
    .globl boot_stack_top
boot_stack_top:
