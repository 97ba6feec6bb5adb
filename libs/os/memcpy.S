/* memcpy for all tasks, in place of the C library's: that one copies byte by byte where source and destination are
 * aligned differently, which for payload behind network headers they nearly always are. Here a head of bytes aligns the
 * destination, then eight 64-bit words go a round, whatever the source's alignment: QEMU and current cores do misaligned
 * loads in hardware. */
    .section .text.memcpy, "ax"
    .globl memcpy
    .type memcpy, @function
memcpy:
    mv t6, a0
    li t0, 16
    bltu a2, t0, .Lbytes
.Lhead:
    andi t0, t6, 7
    beqz t0, .Lblocks
    lbu t0, 0(a1)
    sb t0, 0(t6)
    addi a1, a1, 1
    addi t6, t6, 1
    addi a2, a2, -1
    j .Lhead
.Lblocks:
    li t0, 64
    bltu a2, t0, .Lwords
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
    j .Lblocks
.Lwords:
    li t0, 8
    bltu a2, t0, .Lbytes
    ld t1, 0(a1)
    sd t1, 0(t6)
    addi a1, a1, 8
    addi t6, t6, 8
    addi a2, a2, -8
    j .Lwords
.Lbytes:
    beqz a2, .Lend
    lbu t0, 0(a1)
    sb t0, 0(t6)
    addi a1, a1, 1
    addi t6, t6, 1
    addi a2, a2, -1
    j .Lbytes
.Lend:
    ret
    .size memcpy, . - memcpy
