/* entry.S: the way into the kernel and back to user mode; FP registers; block copies.
 *
 * sscratch always holds the hart's struct while user code runs; the kernel itself takes no traps. All registers
 * go straight into the current task's context. Five CSR accesses for a system call, one more for another space. */
#include "arch.h"

    .section .text.entry, "ax"
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw tp, sscratch, tp
    sd sp, HART_SCRATCH(tp)
    ld sp, HART_CONTEXT(tp)
    sd ra, 1*8(sp)
    sd gp, 3*8(sp)
    sd t0, 5*8(sp)
    sd t1, 6*8(sp)
    sd t2, 7*8(sp)
    sd s0, 8*8(sp)
    sd s1, 9*8(sp)
    sd a0, 10*8(sp)
    sd a1, 11*8(sp)
    sd a2, 12*8(sp)
    sd a3, 13*8(sp)
    sd a4, 14*8(sp)
    sd a5, 15*8(sp)
    sd a6, 16*8(sp)
    sd a7, 17*8(sp)
    sd s2, 18*8(sp)
    sd s3, 19*8(sp)
    sd s4, 20*8(sp)
    sd s5, 21*8(sp)
    sd s6, 22*8(sp)
    sd s7, 23*8(sp)
    sd s8, 24*8(sp)
    sd s9, 25*8(sp)
    sd s10, 26*8(sp)
    sd s11, 27*8(sp)
    sd t3, 28*8(sp)
    sd t4, 29*8(sp)
    sd t5, 30*8(sp)
    sd t6, 31*8(sp)
    ld t0, HART_SCRATCH(tp)
    csrrw t1, sscratch, tp      /* the task's tp out, the hart back in */
    csrr t2, sepc
    csrr a1, scause
    sd t0, 2*8(sp)
    sd t1, 4*8(sp)
    sd t2, 0*8(sp)
    mv s0, tp
    mv a0, tp
    ld sp, HART_TOP(tp)
    call trap
    mv a0, s0
    /* fall through */

/* user_enter(a0 = hart): loads the space that is wanted, last of all, and the task's registers. */
    .globl user_enter
user_enter:
    ld t0, HART_WANTED(a0)
    ld t1, HART_SATP(a0)
    ld a0, HART_CONTEXT(a0)
    beq t0, t1, 1f
    csrw satp, t0
    sd t0, HART_SATP(tp)        /* after the other: who sees this may free the tables that we have left */
1:  ld t0, 0*8(a0)
    csrw sepc, t0
    ld ra, 1*8(a0)
    ld sp, 2*8(a0)
    ld gp, 3*8(a0)
    ld tp, 4*8(a0)
    ld t0, 5*8(a0)
    ld t1, 6*8(a0)
    ld t2, 7*8(a0)
    ld s0, 8*8(a0)
    ld s1, 9*8(a0)
    ld a1, 11*8(a0)
    ld a2, 12*8(a0)
    ld a3, 13*8(a0)
    ld a4, 14*8(a0)
    ld a5, 15*8(a0)
    ld a6, 16*8(a0)
    ld a7, 17*8(a0)
    ld s2, 18*8(a0)
    ld s3, 19*8(a0)
    ld s4, 20*8(a0)
    ld s5, 21*8(a0)
    ld s6, 22*8(a0)
    ld s7, 23*8(a0)
    ld s8, 24*8(a0)
    ld s9, 25*8(a0)
    ld s10, 26*8(a0)
    ld s11, 27*8(a0)
    ld t3, 28*8(a0)
    ld t4, 29*8(a0)
    ld t5, 30*8(a0)
    ld t6, 31*8(a0)
    ld a0, 10*8(a0)
    sret

    .text
    .globl this_hart_set
this_hart_set:
    mv tp, a0
    ret

    .globl fp_save
fp_save:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, \n*8(a0)
    .endr
    frcsr t0
    sd t0, 32*8(a0)
    ret

    .globl fp_restore
fp_restore:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, \n*8(a0)
    .endr
    ld t0, 32*8(a0)
    fscsr t0
    ret

/* memcpy: eight 64-bit words a round, whatever the alignment: QEMU and current cores do misaligned accesses in
 * hardware. A head of bytes aligns the destination. */
    .globl memcpy
memcpy:
    mv t6, a0
    li t0, 16
    bltu a2, t0, 4f
1:  andi t0, t6, 7
    beqz t0, 2f
    lbu t0, 0(a1)
    sb t0, 0(t6)
    addi a1, a1, 1
    addi t6, t6, 1
    addi a2, a2, -1
    j 1b
2:  li t0, 64
    bltu a2, t0, 3f
    ld t1, 0(a1)
    ld t2, 8(a1)
    ld t3, 16(a1)
    ld t4, 24(a1)
    ld t5, 32(a1)
    ld a3, 40(a1)
    ld a4, 48(a1)
    ld a5, 56(a1)
    sd t1, 0(t6)
    sd t2, 8(t6)
    sd t3, 16(t6)
    sd t4, 24(t6)
    sd t5, 32(t6)
    sd a3, 40(t6)
    sd a4, 48(t6)
    sd a5, 56(t6)
    addi a1, a1, 64
    addi t6, t6, 64
    addi a2, a2, -64
    j 2b
3:  li t0, 8
    bltu a2, t0, 4f
    ld t1, 0(a1)
    sd t1, 0(t6)
    addi a1, a1, 8
    addi t6, t6, 8
    addi a2, a2, -8
    j 3b
4:  beqz a2, 5f
    lbu t0, 0(a1)
    sb t0, 0(t6)
    addi a1, a1, 1
    addi t6, t6, 1
    addi a2, a2, -1
    j 4b
5:  ret

/* memset: bytes up to alignment, then words, then bytes. */
    .globl memset
memset:
    mv t6, a0
    andi a1, a1, 0xff
    li t0, 0x0101010101010101
    mul t1, a1, t0
1:  beqz a2, 5f
    andi t0, t6, 7
    beqz t0, 2f
    sb a1, 0(t6)
    addi t6, t6, 1
    addi a2, a2, -1
    j 1b
2:  li t0, 64
    bltu a2, t0, 3f
    .irp n, 0,8,16,24,32,40,48,56
    sd t1, \n(t6)
    .endr
    addi t6, t6, 64
    addi a2, a2, -64
    j 2b
3:  li t0, 8
    bltu a2, t0, 4f
    sd t1, 0(t6)
    addi t6, t6, 8
    addi a2, a2, -8
    j 3b
4:  beqz a2, 5f
    sb a1, 0(t6)
    addi t6, t6, 1
    addi a2, a2, -1
    j 4b
5:  ret

    .globl memcmp
memcmp:
1:  beqz a2, 2f
    lbu t0, 0(a0)
    lbu t1, 0(a1)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    beq t0, t1, 1b
    sub a0, t0, t1
    ret
2:  li a0, 0
    ret
