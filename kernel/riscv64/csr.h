/* csr.h: the supervisor's control and status registers (RISC-V privileged architecture, chapter 12). */
#pragma once

#include <stdint.h>

#define read_csr(name)                                                                                       \
    ({                                                                                                       \
        uint64_t value_;                                                                                     \
        __asm__ volatile("csrr %0, " #name : "=r"(value_)::"memory");                                        \
        value_;                                                                                              \
    })
#define write_csr(name, value) __asm__ volatile("csrw " #name ", %0" ::"rK"((uint64_t)(value)) : "memory")
#define set_csr(name, bits)    __asm__ volatile("csrs " #name ", %0" ::"rK"((uint64_t)(bits)) : "memory")
#define clear_csr(name, bits)  __asm__ volatile("csrc " #name ", %0" ::"rK"((uint64_t)(bits)) : "memory")

#define SSTATUS_SPP      (1ull << 8)
#define SSTATUS_FS       (3ull << 13)
#define SSTATUS_FS_CLEAN (2ull << 13)
#define SSTATUS_FS_DIRTY (3ull << 13)

#define INTERRUPT_SOFT     (1ull << 1)
#define INTERRUPT_CLOCK    (1ull << 5)
#define INTERRUPT_EXTERNAL (1ull << 9)

#define CAUSE_INTERRUPT  (1ull << 63)
#define CAUSE_ILLEGAL    2
#define CAUSE_USER_ECALL 8
#define CAUSE_FETCH_PAGE 12
#define CAUSE_LOAD_PAGE  13
#define CAUSE_STORE_PAGE 15

#define SATP_SV39       (8ull << 60)
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK  0xffffull
