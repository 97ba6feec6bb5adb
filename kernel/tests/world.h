/* world.h: a simulated kernel with a few tasks and checks that nothing is left over. */
#pragma once

#include "host/simulation.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORLD_TASKS 6
#define BUFFER      0x10000000ull /* in each task: where transfers and payloads may be */
#define BUFFER_SIZE (80 * PAGE_SIZE)

struct world {
    struct simulation *simulation;
    struct kernel *kernel;
    uint64_t free_at_start;
    struct task *task[WORLD_TASKS];
};

void world_create(struct world *world);

/* Ends all tasks; then nothing may be left: no object, no page, no deadline. */
void world_free(struct world *world);

void world_task_begin(struct world *world, unsigned i);
void world_task_end(struct world *world, unsigned i);

/* A system call of task i; a1 of the answer in *one, if not null. */
uint64_t call(struct world *world, unsigned i, uint64_t number, const uint64_t a[7], uint64_t *one);
#define CALL(world, i, number, one, ...) call(world, i, number, (const uint64_t[7]){__VA_ARGS__}, one)

/* The register as the kernel left it. */
uint64_t result(struct world *world, unsigned i, enum register_number number);

/* The task's buffer as the test sees it (one page at `offset`). */
void *buffer_at(struct world *world, unsigned i, uint64_t offset);
struct transfer *transfer_at(struct world *world, unsigned i);

/* Gives task `to` a handle to what task `from` has, with those of its rights. */
uint64_t pass(struct world *world, unsigned from, uint64_t handle, unsigned to, uint32_t rights);

static inline bool can_run(const struct task *task) {
    return task->state != TASK_ENDED && task->wait == WAIT_NONE;
}
