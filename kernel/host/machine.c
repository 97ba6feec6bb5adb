/* machine.c: machine.h on the build machine; see simulation.h. */
#include "simulation.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* machine_time and its like get no argument, so there is one simulation at a time. */
static struct simulation *running;

uint64_t machine_time(void) {
    return running->time;
}

void machine_timer(uint64_t ticks) {
    running->timer = ticks;
}

void machine_wake_hart(const struct hart *hart) {
    running->woken |= 1u << hart->number;
}

uint32_t machine_pending(void) {
    return 0;
}

uint32_t machine_sleep(void) {
    fprintf(stderr, "the simulation cannot sleep\n");
    abort();
}

void machine_interrupts(struct hart *hart, uint32_t pending) {
    hart->in_interrupt = true;
    if (pending & PENDING_CLOCK)
        schedule_clock(hart->kernel);
    hart->in_interrupt = false;
}

void machine_interrupt_enable(struct kernel *kernel, uint32_t number, bool on) {
    if (number < 32)
        running->enabled = on ? running->enabled | 1u << number : running->enabled & ~(1u << number);
}

void machine_interrupt_complete(struct kernel *kernel, uint32_t number) {
    if (number < 32)
        running->completed |= 1u << number;
}

void machine_space_init(struct kernel *kernel, struct space *space, uint32_t asid) {
    space->satp = asid;
}

void machine_space_load(struct hart *hart, struct space *space) {
    hart->space = space;
}

void machine_flush(struct kernel *kernel, struct space *space) {
    running->flushes++;
}

void machine_fp_close(struct hart *hart, struct task *task) {
    hart->fp_on = false;
}

void machine_print(const char *text, uint64_t length) {
    fwrite(text, 1, length, stdout);
}

void machine_panic(const char *text, uint64_t value) {
    fprintf(stderr, "%s %llx\n", text, (unsigned long long)value);
    abort();
}

void machine_off(struct kernel *kernel, uint32_t status) {
    exit((int)status);
}

/* ---- the simulation ---- */

struct simulation *simulation_create(uint64_t ram, uint32_t harts) {
    struct simulation *simulation = aligned_alloc(_Alignof(struct simulation), sizeof(*simulation));
    memset(simulation, 0, sizeof(*simulation));
    struct platform platform = {.ram_size = ram, .timebase = 10000000, .harts = harts};
    simulation->ram = aligned_alloc(PAGE_SIZE, ram);
    platform.ram_base = (uint64_t)simulation->ram;
    running = simulation;
    struct kernel *kernel = &simulation->kernel;
    kernel_init(kernel, &platform);
    kernel->harts = harts;
    kernel_lock(kernel, &kernel->hart[0]);
    uint64_t table = (ram / PAGE_SIZE + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    pages_init(&kernel->pages, platform.ram_base, platform.ram_base + ram, simulation->ram);
    pages_free(&kernel->pages, platform.ram_base + table, (ram - table) / PAGE_SIZE);
    kernel->pages.total_bytes = ram;
    return simulation;
}

void simulation_free(struct simulation *simulation) {
    free(simulation->ram);
    free(simulation);
    running = NULL;
}

struct task *simulation_task(struct simulation *simulation, uint64_t quota) {
    struct task *task;
    if (task_create(&simulation->kernel, NULL, quota, 256, &task) != ERR_NONE)
        return NULL;
    task->priority = 16;
    task->dma = true;
    task->state = TASK_WAITING;
    return task;
}

/* Takes the task from the ready queue and gives it the hart, as the scheduler would. */
static void run(struct kernel *kernel, struct task *task) {
    struct hart *hart = kernel->here;
    if (task->state == TASK_READY)
        schedule_remove(kernel, task);
    task->state = TASK_RUNNING;
    hart->current = task;
    machine_space_load(hart, &task->space);
}

uint64_t simulation_call(struct simulation *simulation, struct task *task, uint64_t number,
                         const uint64_t a[7]) {
    struct kernel *kernel = &simulation->kernel;
    struct hart *hart = kernel->here;
    for (unsigned i = 0; i < 7; i++)
        context_set(task, A0 + i, a[i]);
    context_set(task, A7, number);
    uint64_t start = context_get(task, PC);
    do {
        run(kernel, task);
        context_set(task, PC, start + 4);
        system_call(hart);
        while (reap_piece(kernel))
            ;
        if (hart->next) /* nobody runs it here: it is ready */
            schedule_wake(kernel, hart->next);
        hart->next = NULL;
        if (hart->current != task)
            return SIMULATION_BLOCKED;
        hart->current = NULL;
        task->state = TASK_WAITING;
    } while (context_get(task, PC) == start);
    return context_get(task, A0);
}

void simulation_time(struct simulation *simulation, uint64_t ticks) {
    simulation->time = ticks;
    machine_interrupts(simulation->kernel.here, PENDING_CLOCK);
}
