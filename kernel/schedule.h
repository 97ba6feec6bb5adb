/* schedule.h: who runs where, and deadlines.
 *
 * 32 priorities, round robin in each, for all harts together. Three ways to the CPU: handed over by a call or
 * a reply (schedule_hand_over), taken from the ready queues, or by preemption: when the slice of a task is
 * over and another of at least its priority is ready, or when an interrupt woke a task of higher priority.
 * What a task signals never preempts itself. The clock interrupts only for a slice that somebody waits for
 * the end of and for the next deadline. */
#pragma once

#include "list.h"
#include "task.h"
#include <ipc/abi.h>

#define MAX_HARTS 8
#define MAX_TASKS 256
#define SLICE_NS  2000000

struct kernel;

struct ready {
    uint32_t bitmap; /* bit p: the list of priority p is not empty */
    struct link list[PRIORITIES];
};

struct deadlines {
    uint32_t count;
    struct task *heap[MAX_TASKS]; /* the next one first */
};

/* A hart. `context` to `wanted` are known to entry.S. */
struct hart {
    uint64_t *context; /* where a trap saves the registers: of the current task, or the last one */
    uint64_t scratch;
    uint64_t stack_top;
    uint64_t satp;   /* in the register */
    uint64_t wanted; /* to be in the register before user code runs */
    struct kernel *kernel;
    struct task *current; /* null: idle */
    struct task *next;    /* the CPU was handed to it */
    struct space *space;  /* that `wanted` belongs to; null: the kernel's own */
    uint64_t since;       /* ticks; when `current` got the CPU, or when it gave it up */
    uint64_t slice_end;   /* ticks; NEVER: nobody waits for it */
    uint64_t timer;       /* ticks; what the clock is set to */
    uint32_t number, id;  /* in kernel->hart; at the firmware */
    bool slice_over, reschedule;
    bool sleeping;     /* waits for an interrupt: others must send one */
    bool in_interrupt; /* what is woken now may preempt */
    bool fp_on;        /* the FP registers are open to `current` */
};

_Static_assert(offsetof(struct hart, context) == HART_CONTEXT &&
               offsetof(struct hart, scratch) == HART_SCRATCH);
_Static_assert(offsetof(struct hart, stack_top) == HART_TOP && offsetof(struct hart, satp) == HART_SATP);
_Static_assert(offsetof(struct hart, wanted) == HART_WANTED);

void schedule_init(struct kernel *kernel);

/* Makes a task ready; wakes a sleeping hart for it. */
void schedule_wake(struct kernel *kernel, struct task *task);

/* Gives the hart that runs us to a task when the current one has blocked, unless a more urgent one is ready.
 */
void schedule_hand_over(struct kernel *kernel, struct task *task);

/* The current task waits; `deadline` in ns (NEVER: none). */
void schedule_block(struct kernel *kernel, struct task *task, enum wait wait, uint64_t deadline);

/* Takes a task off its hart or out of the ready queue, because it ends. */
void schedule_remove(struct kernel *kernel, struct task *task);

/* Before returning to user mode: decides who runs. Sleeps, with the lock released, while nobody can. */
void schedule(struct hart *hart);

/* The current task was ended from another hart: leaves it. */
void schedule_leave_ended(struct hart *hart);

/* A clock interrupt: expires deadlines and slices and sets the clock anew. */
void schedule_clock(struct kernel *kernel);

/* Is the deadline (ns) now or past? */
bool deadline_passed(struct kernel *kernel, uint64_t deadline);
void deadline_cancel(struct kernel *kernel, struct task *task);
void deadline_add(struct kernel *kernel, struct task *task, uint64_t ticks);
uint64_t deadline_next(const struct kernel *kernel); /* ticks; NEVER: none */
