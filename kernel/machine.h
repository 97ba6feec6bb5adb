/* machine.h: what the portable kernel asks of the machine; kernel/riscv64 and kernel/host each have it.
 *
 * All but machine_time and machine_sleep are called with the kernel's lock held. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hart;
struct kernel;
struct space;
struct task;

#define PENDING_WAKE   1u /* another hart wants us to look around */
#define PENDING_CLOCK  2u
#define PENDING_DEVICE 4u

uint64_t machine_time(void);        /* clock ticks since power-on */
void machine_timer(uint64_t ticks); /* a clock interrupt on this hart from then on; the last setting counts */

void machine_wake_hart(const struct hart *hart);              /* interrupts it */
uint32_t machine_pending(void);                               /* PENDING_*, without waiting */
uint32_t machine_sleep(void);                                 /* waits for an interrupt → PENDING_* */
void machine_interrupts(struct hart *hart, uint32_t pending); /* handles these */

/* The interrupt controller. Completing lets the next interrupt of that number come. */
void machine_interrupt_enable(struct kernel *kernel, uint32_t number, bool on);
void machine_interrupt_complete(struct kernel *kernel, uint32_t number);

/* Fills a new root table's kernel half and decides satp. */
void machine_space_init(struct kernel *kernel, struct space *space, uint32_t asid);

/* Makes it the hart's space (null: the kernel's own) from the next return to user mode on, the kernel's at
 * once. */
void machine_space_load(struct hart *hart, struct space *space);

/* Entries of the space were taken away: flushes this hart and others that may hold them, now or when they
 * come to it. */
void machine_flush(struct kernel *kernel, struct space *space);

/* Saves the task's FP registers if they changed and closes them. */
void machine_fp_close(struct hart *hart, struct task *task);

void machine_print(const char *text, uint64_t length); /* to the firmware's console */
/* For the end of the first task and for bugs: one line, and off. */
_Noreturn void machine_panic(const char *text, uint64_t value);
_Noreturn void machine_off(struct kernel *kernel, uint32_t status);
