/* sbi.c: the firmware: consoles, harts, and what Sstc does not do (RISC-V SBI specification 1.0). */
#include "riscv64.h"

#define LEGACY_PUTCHAR    1
#define EXT_TIME          0x54494d45
#define EXT_IPI           0x735049
#define EXT_RFENCE        0x52464e43
#define EXT_HSM           0x48534d
#define EXT_RESET         0x53525354
#define RFENCE_SFENCE_VMA 1

static void sbi_call(uint64_t extension, uint64_t function, uint64_t x, uint64_t y, uint64_t z, uint64_t w) {
    register uint64_t a0 __asm__("a0") = x;
    register uint64_t a1 __asm__("a1") = y;
    register uint64_t a2 __asm__("a2") = z;
    register uint64_t a3 __asm__("a3") = w;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a6), "r"(a7) : "memory");
}

void machine_print(const char *text, uint64_t length) {
    for (uint64_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            sbi_call(LEGACY_PUTCHAR, 0, '\r', 0, 0, 0);
        sbi_call(LEGACY_PUTCHAR, 0, (uint8_t)text[i], 0, 0, 0);
    }
}

void sbi_timer(uint64_t ticks) {
    sbi_call(EXT_TIME, 0, ticks, 0, 0, 0);
}

void sbi_wake(uint64_t id) {
    sbi_call(EXT_IPI, 0, 1, id, 0, 0);
}

/* Flushes all of another hart's address translations and waits for it. */
void sbi_flush(uint64_t id) {
    sbi_call(EXT_RFENCE, RFENCE_SFENCE_VMA, 1, id, 0, UINT64_MAX);
}

void sbi_hart_start(uint64_t id, uint64_t start, uint64_t argument) {
    sbi_call(EXT_HSM, 0, id, start, argument, 0);
}

#define POWER_PASS 0x5555u
#define POWER_FAIL 0x3333u

void machine_off(struct kernel *kernel, uint32_t status) {
    if (kernel->platform.power) {
        volatile uint32_t *power = physical_pointer(kernel->platform.power);
        *power = status == 0 ? POWER_PASS : POWER_FAIL | status << 16;
    }
    sbi_call(EXT_RESET, 0, 0, status != 0, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}
