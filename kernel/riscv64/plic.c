/* plic.c: the platform-level interrupt controller (RISC-V PLIC specification 1.0).
 *
 * All interrupts go to the first hart. A claimed interrupt stays in service until it is completed, which is
 * what the acknowledgement does: no masking is needed. */
#include "riscv64.h"

#define PRIORITY(n)        (4u * (n))
#define ENABLE(context, n) (0x2000u + 0x80u * (context) + 4u * ((n) / 32))
#define THRESHOLD(context) (0x200000u + 0x1000u * (context))
#define CLAIM(context)     (0x200004u + 0x1000u * (context))

static volatile uint32_t *plic(struct kernel *kernel, uint32_t offset) {
    return physical_pointer(kernel->platform.interrupt_controller + offset);
}

/* Contexts are numbered machine mode, supervisor mode, hart by hart. */
static uint32_t context(const struct kernel *kernel) {
    return 2 * kernel->hart[0].id + 1;
}

void plic_init(struct kernel *kernel) {
    for (uint32_t n = 0; n < INTERRUPTS_MAX; n += 32)
        *plic(kernel, ENABLE(context(kernel), n)) = 0;
    *plic(kernel, THRESHOLD(context(kernel))) = 0;
}

uint32_t plic_claim(struct kernel *kernel) {
    return *plic(kernel, CLAIM(context(kernel)));
}

void machine_interrupt_complete(struct kernel *kernel, uint32_t number) {
    *plic(kernel, CLAIM(context(kernel))) = number;
}

void machine_interrupt_enable(struct kernel *kernel, uint32_t number, bool on) {
    volatile uint32_t *word = plic(kernel, ENABLE(context(kernel), number));
    *plic(kernel, PRIORITY(number)) = on;
    *word = on ? *word | 1u << number % 32 : *word & ~(1u << number % 32);
}
