/* riscv64.h: what the files of this folder share. */
#pragma once

#include "kernel.h"

/* satp of an address space that has the kernel's half only. The root table belongs to paging.c's boot step.
 */
struct kernel_space {
    uint64_t root, satp;
    uint64_t asids; /* how many the CPU has, beside 0 */
};

/* The kernel and what only this machine needs beside it. */
struct system {
    struct kernel kernel;
    struct kernel_space space;
};

static inline struct system *system_of(struct kernel *kernel) {
    return container_of(kernel, struct system, kernel);
}

/* entry.S */
void trap_entry(void);
_Noreturn void user_enter(struct hart *hart); /* to hart->current, never to return here */
void secondary_start(void);                   /* boot/start.S */
void this_hart_set(struct hart *hart);        /* into tp, where it stays while the kernel runs */
void fp_save(uint64_t *registers);
void fp_restore(const uint64_t *registers);

/* trap.c: handles a trap; afterwards hart->current is whom to run. */
void trap(struct hart *hart, uint64_t cause);
/* Opens the FP registers to the current task if that was what it lacked. */
bool fp_open(struct hart *hart);

/* paging.c */
void paging_init(struct system *system, uint64_t image_end);

/* sbi.c */
void sbi_hart_start(uint64_t id, uint64_t start, uint64_t argument);
void sbi_timer(uint64_t ticks);
void sbi_wake(uint64_t id);
void sbi_flush(uint64_t id);

/* plic.c */
void plic_init(struct kernel *kernel);
uint32_t plic_claim(struct kernel *kernel);

/* fdt.c: reads what struct platform holds; false if the tree makes no sense. */
bool fdt_read(const void *tree, struct platform *platform);

/* hart.c: sets this hart's registers up for traps and the clock. */
void hart_init(struct hart *hart);
void harts_start(struct system *system);
void hart_main(struct hart *hart);

/* first_task.c: makes the first task out of the image that the kernel carries, and all that it is given. */
void first_task(struct kernel *kernel);
