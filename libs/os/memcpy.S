/* memcpy.S: memcpy for tasks. The C library's goes byte by byte unless source and destination are aligned alike, which a
 * packet's payload hardly ever is. QEMU and current cores do misaligned accesses in hardware: eight words a round,
 * with the ends done by words that overlap the middle. */
    .section .text.memcpy, "ax"
    .globl memcpy
    .type memcpy, @function
memcpy:
    li t0, 16
    bltu a2, t0, 4f
    add a6, a0, a2
    add a7, a1, a2
    ld t1, 0(a1)        /* the first word, then on from the destination's next boundary */
    sd t1, 0(a0)
    andi t0, a0, 7
    li t6, 8
    sub t0, t6, t0
    add t6, a0, t0
    add a1, a1, t0
    sub a2, a2, t0
    li t0, 64
1:  bltu a2, t0, 2f
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
    j 1b
2:  li t0, 8
3:  bltu a2, t0, 6f
    ld t1, 0(a1)
    sd t1, 0(t6)
    addi a1, a1, 8
    addi t6, t6, 8
    addi a2, a2, -8
    j 3b
4:  li t0, 8            /* fewer than 16 bytes: two words that overlap, or bytes */
    bltu a2, t0, 7f
    add a6, a0, a2
    add a7, a1, a2
    ld t1, 0(a1)
    ld t2, -8(a7)
    sd t1, 0(a0)
    sd t2, -8(a6)
    ret
6:  beqz a2, 9f         /* fewer than 8 are left: the last word once more */
    ld t1, -8(a7)
    sd t1, -8(a6)
    ret
7:  mv t6, a0
8:  beqz a2, 9f
    lbu t1, 0(a1)
    sb t1, 0(t6)
    addi a1, a1, 1
    addi t6, t6, 1
    addi a2, a2, -1
    j 8b
9:  ret
    .size memcpy, . - memcpy
