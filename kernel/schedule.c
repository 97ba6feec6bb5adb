/* schedule.c: the scheduler; see schedule.h. */
#include "schedule.h"
#include "kernel.h"

void schedule_init(struct kernel *kernel) {
    for (unsigned i = 0; i < PRIORITIES; i++)
        list_init(&kernel->ready.list[i]);
}

static void ready_add(struct kernel *kernel, struct task *task, bool first) {
    struct link *list = &kernel->ready.list[task->priority];
    task->state = TASK_READY;
    if (first)
        list_prepend(list, &task->ready_link);
    else
        list_append(list, &task->ready_link);
    kernel->ready.bitmap |= 1u << task->priority;
}

static void ready_remove(struct kernel *kernel, struct task *task) {
    list_remove(&task->ready_link);
    if (list_empty(&kernel->ready.list[task->priority]))
        kernel->ready.bitmap &= ~(1u << task->priority);
}

static struct task *ready_take(struct kernel *kernel) {
    if (kernel->ready.bitmap == 0)
        return NULL;
    unsigned priority = 31 - (unsigned)__builtin_clz(kernel->ready.bitmap);
    struct task *task = container_of(kernel->ready.list[priority].next, struct task, ready_link);
    ready_remove(kernel, task);
    return task;
}

/* ---- waking ---- */

static bool wake_sleeper(struct kernel *kernel) {
    for (uint32_t i = 0; i < kernel->harts; i++) {
        struct hart *hart = &kernel->hart[i];
        if (hart->sleeping) {
            hart->sleeping = false;
            machine_wake_hart(hart);
            return true;
        }
    }
    return false;
}

/* Marks the hart with the least urgent task for rescheduling if this one is more urgent. */
static void preempt_lowest(struct kernel *kernel, const struct task *task) {
    struct hart *lowest = kernel->here;
    for (uint32_t i = 0; i < kernel->harts; i++) {
        struct hart *hart = &kernel->hart[i];
        if (hart->current && lowest->current && hart->current->priority < lowest->current->priority)
            lowest = hart;
    }
    if (!lowest->current || lowest->current->priority >= task->priority)
        return;
    lowest->reschedule = true;
    if (lowest != kernel->here)
        machine_wake_hart(lowest);
}

HOT void schedule_wake(struct kernel *kernel, struct task *task) {
    bool alone = kernel->ready.bitmap == 0;
    ready_add(kernel, task, false);
    if (alone && kernel->here->current == NULL && kernel->here->next == NULL)
        return; /* this hart is about to look for work */
    if (kernel->sleepers && wake_sleeper(kernel))
        return;
    if (kernel->here->in_interrupt)
        preempt_lowest(kernel, task);
}

HOT_INLINE void schedule_hand_over(struct kernel *kernel, struct task *task) {
    struct hart *hart = kernel->here;
    uint32_t others =
        kernel->ready.bitmap >> task->priority; /* once the slice is over equals count as well */
    if (hart->current || hart->next || (hart->slice_over ? others : others >> 1))
        schedule_wake(kernel, task);
    else
        hart->next = task;
}

/* ---- leaving and entering ---- */

/* The current task gives up the CPU: its time and its FP registers are accounted for. */
static HOT_INLINE void leave(struct hart *hart) {
    struct task *task = hart->current;
    uint64_t now = machine_time();
    task->cpu_ticks += now - hart->since;
    hart->since = now;
    if (hart->fp_on)
        machine_fp_close(hart, task);
    hart->current = NULL;
}

static HOT_INLINE void enter(struct hart *hart, struct task *task) {
    struct kernel *kernel = hart->kernel;
    hart->next = NULL;
    hart->current = task;
    hart->context = task->context;
    task->state = TASK_RUNNING;
    task->switches++;
    kernel->context_switches++;
    if (hart->space != &task->space || task->space.stale >> hart->number & 1)
        machine_space_load(hart, &task->space);
}

HOT_INLINE void schedule_block(struct kernel *kernel, struct task *task, enum wait wait, uint64_t deadline) {
    struct hart *hart = kernel->here;
    task->state = TASK_WAITING;
    task->wait = wait;
    leave(hart);
    if (deadline == NEVER)
        return;
    uint64_t ticks = ticks_of(kernel, deadline);
    deadline_add(kernel, task, ticks);
    if (ticks < hart->timer && kernel->deadlines.heap[0] == task) {
        hart->timer = ticks;
        machine_timer(ticks);
    }
}

void schedule_remove(struct kernel *kernel, struct task *task) {
    if (task->state == TASK_READY)
        ready_remove(kernel, task);
    for (uint32_t i = 0; i < kernel->harts; i++) {
        struct hart *hart = &kernel->hart[i];
        if (hart->next == task)
            hart->next = NULL;
        if (hart->current != task)
            continue;
        if (hart == kernel->here)
            leave(hart);
        else
            machine_wake_hart(hart); /* it runs on for a moment; when it enters the kernel it is sent away */
    }
}

/* ---- deciding ---- */

static void slice_begin(struct hart *hart, uint64_t now) {
    hart->slice_end = now + hart->kernel->slice_ticks;
    if (hart->slice_end < hart->timer) {
        hart->timer = hart->slice_end;
        machine_timer(hart->timer);
    }
}

/* Sets the clock for the end of the slice if somebody waits for that. */
static void watch_slice(struct hart *hart) {
    if (hart->slice_end == NEVER && hart->kernel->ready.bitmap >> hart->current->priority)
        slice_begin(hart, machine_time());
}

/* Takes the CPU from the current task if it is time for others. */
static void preempt(struct hart *hart) {
    struct kernel *kernel = hart->kernel;
    struct task *task = hart->current;
    bool contended = kernel->ready.bitmap >> task->priority;
    bool urgent = hart->reschedule && kernel->ready.bitmap >> task->priority >> 1;
    hart->reschedule = false;
    if (contended && (urgent || hart->slice_over)) {
        leave(hart);
        ready_add(kernel, task, !hart->slice_over);
    }
}

static void sleep(struct hart *hart) {
    struct kernel *kernel = hart->kernel;
    hart->sleeping = true;
    kernel->sleepers++;
    kernel_unlock(kernel);
    uint32_t pending = machine_sleep();
    kernel_lock(kernel, hart);
    hart->sleeping = false;
    kernel->sleepers--;
    machine_interrupts(hart, pending);
}

/* Finds the next task; returns when there is one. */
static struct task *find(struct hart *hart) {
    struct kernel *kernel = hart->kernel;
    struct task *task = ready_take(kernel);
    if (task)
        return task;
    while (!(task = ready_take(kernel))) {
        if (hart->space && hart->space->dying)
            machine_space_load(hart, NULL);
        if (reap_piece(kernel))
            machine_interrupts(hart, machine_pending());
        else
            sleep(hart);
    }
    hart->since = machine_time();
    return task;
}

static HOT_INLINE void enter_next(struct hart *hart) {
    struct task *task = hart->next;
    if (!task) {
        hart->slice_end = NEVER;
        hart->slice_over = false;
        task = find(hart);
        if (hart->kernel->harts > 1) /* another hart may make a task ready without telling this one */
            slice_begin(hart, hart->since);
    }
    enter(hart, task);
}

HOT_INLINE void schedule(struct hart *hart) {
    struct kernel *kernel = hart->kernel;
    if (hart->current && kernel->ready.bitmap == 0) {
        if (kernel->harts == 1)
            hart->slice_end = NEVER;
        hart->slice_over = hart->reschedule = false;
        return;
    }
    if (hart->current)
        preempt(hart);
    if (!hart->current)
        enter_next(hart);
    if (kernel->ready.bitmap)
        watch_slice(hart);
}

void schedule_leave_ended(struct hart *hart) {
    leave(hart);
}

void schedule_clock(struct kernel *kernel) {
    struct hart *hart = kernel->here;
    uint64_t now = machine_time();
    if (now >= hart->slice_end) {
        hart->slice_over = true;
        hart->slice_end = kernel->harts == 1 ? NEVER : now + kernel->slice_ticks;
    }
    while (deadline_next(kernel) <= now)
        task_wake(kernel, kernel->deadlines.heap[0], ERR_TIMED_OUT);
    hart->timer = deadline_next(kernel);
    if (hart->slice_end < hart->timer && hart->current)
        hart->timer = hart->slice_end;
    machine_timer(hart->timer);
}
