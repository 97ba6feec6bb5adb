/* task_calls.c: the system calls about tasks; see abi.h for each. */
#include "bytes.h"
#include "kernel.h"
#include "user_copy.h"

/* The task behind the handle in a0. */
static enum error managed(struct task *task, struct task **target) {
    struct handle *handle;
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_TASK, RIGHT_MANAGE, &handle);
    if (!error)
        *target = (struct task *)handle->object;
    return error;
}

/* ---- making ---- */

static enum error options_check(struct task *task, const struct task_options *options,
                                struct port **end_port) {
    *end_port = NULL;
    if (options->priority > task->priority || (options->flags & ~TASK_DMA))
        return ERR_INVALID;
    if (options->end_port == HANDLE_NONE)
        return ERR_NONE;
    struct handle *handle;
    enum error error = handle_check(&task->handles, options->end_port, OBJECT_PORT, RIGHT_RECEIVE, &handle);
    if (!error)
        *end_port = (struct port *)handle->object;
    return error;
}

enum error sys_task_create(struct kernel *kernel, struct task *task) {
    struct task_options options;
    struct handle *machine;
    struct port *end_port;
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_MACHINE, RIGHT_MANAGE, &machine);
    if (!error)
        error = user_read(&task->space, &options, context_get(task, A1), sizeof(options));
    if (!error)
        error = options_check(task, &options, &end_port);
    if (!error)
        error = handle_reserve(kernel, task, 1);
    struct task *made;
    if (!error)
        error = task_create(kernel, task->account, options.quota, options.handles_max, &made);
    if (error)
        return error;
    memcpy(made->name, options.name, sizeof(made->name));
    made->name[sizeof(made->name) - 1] = 0;
    made->priority = (uint8_t)options.priority;
    made->dma = options.flags & TASK_DMA;
    made->end_notice.badge = options.end_badge;
    made->end_port = end_port;
    if (end_port)
        object_get(&end_port->object);
    context_set(task, A1, handle_insert(task, &made->object, RIGHT_PASS | RIGHT_MANAGE, 0));
    return ERR_NONE;
}

enum error sys_task_grant(struct kernel *kernel, struct task *task) {
    struct task *target;
    enum error error = managed(task, &target);
    if (error)
        return error;
    struct handle *handle = handle_find(&task->handles, context_get(task, A1));
    if (!handle)
        return ERR_BAD_HANDLE;
    if (!(handle->rights & RIGHT_PASS))
        return ERR_NO_RIGHT;
    if (target->state != TASK_NEW)
        return target->state == TASK_ENDED ? ERR_DEAD : ERR_BUSY;
    error = handle_reserve(kernel, target, 1);
    if (error)
        return error;
    uint32_t rights = handle->rights & (uint32_t)context_get(task, A2) & RIGHT_ALL;
    context_set(task, A1, handle_insert(target, handle->object, rights, 0));
    return ERR_NONE;
}

enum error sys_task_start(struct kernel *kernel, struct task *task) {
    struct task *target;
    enum error error = managed(task, &target);
    if (error)
        return error;
    if (target->state != TASK_NEW)
        return target->state == TASK_ENDED ? ERR_DEAD : ERR_BUSY;
    context_set(target, PC, context_get(task, A1));
    context_set(target, SP, context_get(task, A2));
    context_set(target, A0, context_get(task, A3));
    schedule_wake(kernel, target);
    return ERR_NONE;
}

/* ---- ending ---- */

enum error sys_task_kill(struct kernel *kernel, struct task *task) {
    struct task *target;
    enum error error = managed(task, &target);
    if (error)
        return error;
    task_end(kernel, target, END_KILL, (int64_t)context_get(task, A1));
    return ERR_NONE;
}

enum error sys_task_exit(struct kernel *kernel, struct task *task) {
    task_end(kernel, task, END_EXIT, (int64_t)context_get(task, A0));
    return ERR_NONE;
}

/* ---- looking ---- */

/* Clock ticks that the task has run for, up to now. */
static uint64_t ticks_run(const struct kernel *kernel, const struct task *task) {
    for (uint32_t i = 0; i < kernel->harts; i++)
        if (kernel->hart[i].current == task)
            return task->cpu_ticks + machine_time() - kernel->hart[i].since;
    return task->cpu_ticks;
}

static void info_fill(const struct kernel *kernel, const struct task *task, struct task_info *info) {
    memcpy(info->name, task->name, sizeof(info->name));
    info->state = task->state;
    info->end = task->end;
    info->status = task->status;
    info->priority = task->priority;
    info->handles = task->handles.used;
    info->quota = task->account->quota;
    info->memory_used = task->account->used;
    info->memory_peak = task->account->peak;
    info->cpu_time = ns_of(kernel, ticks_run(kernel, task));
    info->switches = task->switches;
    info->calls = task->calls;
    info->fault_cause = task->fault_cause;
    info->fault_address = task->fault_address;
    if (task->end == END_FAULT)
        memcpy(info->registers, task->context, sizeof(info->registers));
}

enum error sys_task_info(struct kernel *kernel, struct task *task) {
    struct task *target = task;
    if (context_get(task, A0) != HANDLE_NONE) {
        enum error error = managed(task, &target);
        if (error)
            return error;
    }
    if (reap_pending(kernel)) { /* so that what it tells of memory is exact */
        task->again = true;
        return ERR_NONE;
    }
    struct task_info info = {};
    info_fill(kernel, target, &info);
    return user_write(&task->space, context_get(task, A1), &info, sizeof(info));
}

enum error sys_task_read(struct kernel *kernel, struct task *task) {
    struct task *target;
    enum error error = managed(task, &target);
    if (error)
        return error;
    uint64_t length = context_get(task, A3) < PAYLOAD_MAX ? context_get(task, A3) : PAYLOAD_MAX;
    bool to_failed;
    error = user_copy((struct place){&task->space, context_get(task, A2), ACCESS_WRITE},
                      (struct place){&target->space, context_get(task, A1), ACCESS_ANY}, length, &to_failed);
    if (!error)
        context_set(task, A1, length);
    return error;
}

enum error sys_task_write(struct kernel *kernel, struct task *task) {
    struct task *target;
    enum error error = managed(task, &target);
    if (error)
        return error;
    if (target->state != TASK_NEW)
        return target->state == TASK_ENDED ? ERR_DEAD : ERR_BUSY;
    uint64_t length = context_get(task, A3) < PAYLOAD_MAX ? context_get(task, A3) : PAYLOAD_MAX;
    bool to_failed;
    error = user_copy((struct place){&target->space, context_get(task, A1), ACCESS_LOAD},
                      (struct place){&task->space, context_get(task, A2), ACCESS_READ}, length, &to_failed);
    if (!error)
        context_set(task, A1, length);
    return error;
}
