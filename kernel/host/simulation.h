/* simulation.h: a kernel on the build machine, for tests of its logic.
 *
 * RAM is a block of the host's memory; time and interrupts are what the test says. A test plays the tasks: it
 * sets a task's registers, enters the kernel as if by ecall and looks at the registers afterwards. A hart
 * never sleeps: with nobody to run the kernel goes back to the test, with hart->current null. */
#pragma once

#include "kernel.h"

struct simulation {
    struct kernel kernel;
    void *ram;
    uint64_t time;               /* ticks of 100 ns */
    uint64_t timer;              /* what the clock is set to */
    uint32_t woken;              /* harts that were sent an interrupt, as bits */
    uint32_t completed, enabled; /* interrupts below 32, as bits */
    uint64_t flushes;
};

/* A machine with that much RAM and that many harts; no task. */
struct simulation *simulation_create(uint64_t ram, uint32_t harts);
void simulation_free(struct simulation *simulation);

/* A task with its own quota, paid out of nobody's account, not running. */
struct task *simulation_task(struct simulation *simulation, uint64_t quota);

/* Performs one system call of a task that can run, as if it were running on `hart`. Returns its a0 if it did
 * not block, else SIMULATION_BLOCKED. */
#define SIMULATION_BLOCKED UINT64_MAX
uint64_t simulation_call(struct simulation *simulation, struct task *task, uint64_t number,
                         const uint64_t a[7]);

/* Lets time pass: expires deadlines up to then. */
void simulation_time(struct simulation *simulation, uint64_t ticks);
