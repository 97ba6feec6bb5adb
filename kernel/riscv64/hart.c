/* hart.c: harts and their clocks. */
#include "csr.h"
#include "riscv64.h"

HOT uint64_t machine_time(void) {
    uint64_t ticks;
    __asm__ volatile("rdtime %0" : "=r"(ticks));
    return ticks;
}

static struct hart *this_hart(void) {
    struct hart *hart;
    __asm__("mv %0, tp" : "=r"(hart));
    return hart;
}

void machine_timer(uint64_t ticks) {
    if (this_hart()->kernel->platform.sstc)
        __asm__ volatile("csrw 0x14d, %0" ::"r"(ticks) : "memory"); /* stimecmp, unknown to clang 14 */
    else
        sbi_timer(ticks);
}

void machine_wake_hart(const struct hart *hart) {
    sbi_wake(hart->id);
}

void hart_init(struct hart *hart) {
    this_hart_set(hart);
    hart->context = (uint64_t *)(hart->stack_top - HART_STACK); /* until there is a task: for panics */
    write_csr(sscratch, hart);
    write_csr(stvec, trap_entry);
    clear_csr(sstatus, SSTATUS_FS | SSTATUS_SPP);
    write_csr(satp, system_of(hart->kernel)->space.satp);
    hart->satp = hart->wanted = system_of(hart->kernel)->space.satp;
    __asm__ volatile("sfence.vma" ::: "memory");
    machine_timer(NEVER);
    write_csr(scounteren, 7); /* cycle, time and instret for user mode */
    write_csr(sie, INTERRUPT_SOFT | INTERRUPT_CLOCK | INTERRUPT_EXTERNAL);
}

/* A hart's first steps in C on its own stack: it looks for work. */
void hart_main(struct hart *hart) {
    struct kernel *kernel = hart->kernel;
    hart_init(hart);
    kernel_lock(kernel, hart);
    hart->since = machine_time();
    schedule(hart);
    kernel_unlock(kernel);
    user_enter(hart);
}

void harts_start(struct system *system) {
    struct kernel *kernel = &system->kernel;
    for (uint32_t i = 1; i < kernel->harts; i++) {
        struct hart *hart = &kernel->hart[i];
        uint64_t stack = pages_allocate(&kernel->pages, HART_STACK / PAGE_SIZE);
        if (!stack)
            machine_panic("no memory for hart", i);
        hart->stack_top = (uint64_t)physical_pointer(stack) + HART_STACK;
        uint64_t start = (uint64_t)secondary_start - IMAGE_BASE + IMAGE_LOAD;
        sbi_hart_start(hart->id, start, (uint64_t)hart);
    }
}

void machine_panic(const char *text, uint64_t value) {
    char line[160] = "kernel: ";
    unsigned at = 8;
    while (*text && at < 120)
        line[at++] = *text++;
    line[at++] = ' ';
    for (int shift = 60; shift >= 0; shift -= 4)
        line[at++] = "0123456789abcdef"[value >> shift & 15];
    line[at++] = '\n';
    machine_print(line, at);
    machine_off(this_hart()->kernel, 255);
}
