/* deadline.c: a binary heap of the tasks that wait with a deadline, the next one at its top. */
#include "kernel.h"

static void put(struct deadlines *deadlines, uint32_t place, struct task *task) {
    deadlines->heap[place] = task;
    task->deadline_place = place + 1;
}

static void sift_up(struct deadlines *deadlines, uint32_t place, struct task *task) {
    while (place > 0 && deadlines->heap[(place - 1) / 2]->deadline > task->deadline) {
        put(deadlines, place, deadlines->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(deadlines, place, task);
}

static void sift_down(struct deadlines *deadlines, uint32_t place, struct task *task) {
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < deadlines->count &&
            deadlines->heap[child + 1]->deadline < deadlines->heap[child]->deadline)
            child++;
        if (child >= deadlines->count || deadlines->heap[child]->deadline >= task->deadline)
            break;
        put(deadlines, place, deadlines->heap[child]);
        place = child;
    }
    put(deadlines, place, task);
}

void deadline_add(struct kernel *kernel, struct task *task, uint64_t ticks) {
    task->deadline = ticks;
    sift_up(&kernel->deadlines, kernel->deadlines.count++, task);
}

void deadline_cancel(struct kernel *kernel, struct task *task) {
    struct deadlines *deadlines = &kernel->deadlines;
    if (task->deadline_place == 0)
        return;
    uint32_t place = task->deadline_place - 1;
    task->deadline_place = 0;
    struct task *last = deadlines->heap[--deadlines->count];
    if (last == task)
        return;
    if (place > 0 && deadlines->heap[(place - 1) / 2]->deadline > last->deadline)
        sift_up(deadlines, place, last);
    else
        sift_down(deadlines, place, last);
}

uint64_t deadline_next(const struct kernel *kernel) {
    return kernel->deadlines.count ? kernel->deadlines.heap[0]->deadline : NEVER;
}

bool deadline_passed(struct kernel *kernel, uint64_t deadline) {
    return deadline == 0 || (deadline != NEVER && ticks_of(kernel, deadline) <= machine_time());
}
