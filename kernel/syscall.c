/* syscall.c: from numbers to handlers, and the calls that belong nowhere else. */
#include "kernel.h"
#include "user_copy.h"

typedef enum error handler(struct kernel *kernel, struct task *task);

static enum error sys_handle_close(struct kernel *kernel, struct task *task) {
    struct handle *handle = handle_find(&task->handles, context_get(task, A0));
    if (!handle)
        return ERR_BAD_HANDLE;
    handle_close(kernel, task, handle);
    return ERR_NONE;
}

static enum error duplicate_badged(struct kernel *kernel, struct task *task, struct handle *handle,
                                   uint64_t value) {
    if (handle->object->type != OBJECT_PORT)
        return ERR_INVALID;
    if (!(handle->rights & RIGHT_RECEIVE))
        return ERR_NO_RIGHT;
    uint32_t rights = (uint32_t)context_get(task, A1) & (RIGHT_SEND | RIGHT_PASS);
    enum error error = handle_reserve(kernel, task, 1);
    struct badge *badge;
    if (!error)
        error = badge_mint(kernel, task->account, (struct port *)handle->object, value, &badge);
    if (error)
        return error;
    context_set(task, A1, handle_insert(task, &badge->object, rights, 0));
    badge->object.references--; /* the handle holds it now */
    return ERR_NONE;
}

static enum error sys_handle_duplicate(struct kernel *kernel, struct task *task) {
    struct handle *handle = handle_find(&task->handles, context_get(task, A0));
    if (!handle || (handle->rights & HANDLE_REPLY))
        return ERR_BAD_HANDLE;
    if (!(handle->rights & RIGHT_PASS))
        return ERR_NO_RIGHT;
    if (context_get(task, A2))
        return duplicate_badged(kernel, task, handle, context_get(task, A2));
    struct object *object = handle->object;
    uint32_t rights = handle->rights & (uint32_t)context_get(task, A1) & RIGHT_ALL;
    object_get(object);
    return handle_give(kernel, task, object, rights, context_out(task, A1));
}

/* ---- the machine ---- */

static enum error machine_check(struct task *task, uint32_t rights) {
    struct handle *handle;
    return handle_check(&task->handles, context_get(task, A0), OBJECT_MACHINE, rights, &handle);
}

static enum error sys_log(struct kernel *kernel, struct task *task) {
    enum { LOG_MAX = 1024 };
    char text[LOG_MAX];
    uint64_t length = context_get(task, A2);
    enum error error = machine_check(task, RIGHT_SEND);
    if (error)
        return error;
    if (length > LOG_MAX)
        return ERR_TOO_LARGE;
    error = user_read(&task->space, text, context_get(task, A1), length);
    if (!error)
        machine_print(text, length);
    return error;
}

static enum error sys_machine_info(struct kernel *kernel, struct task *task) {
    enum error error = machine_check(task, 0);
    if (error)
        return error;
    if (reap_pending(kernel)) { /* so that what it tells of memory is exact */
        task->again = true;
        return ERR_NONE;
    }
    struct machine_info info = {
        .memory_total = kernel->pages.total_bytes,
        .memory_free = memory_free(kernel),
        .harts = kernel->harts,
        .tasks = (uint32_t)kernel->caches[OBJECT_TASK].used,
        .ports = (uint32_t)kernel->caches[OBJECT_PORT].used,
        .events = (uint32_t)kernel->caches[OBJECT_EVENT].used,
        .memories = (uint32_t)kernel->caches[OBJECT_MEMORY].used,
        .context_switches = kernel->context_switches,
        .address_space_switches = kernel->address_space_switches,
        .system_calls = kernel->system_calls,
        .messages = kernel->messages,
        .interrupts = kernel->interrupt_count,
        .uptime = ns_of(kernel, machine_time()),
    };
    return user_write(&task->space, context_get(task, A1), &info, sizeof(info));
}

static enum error sys_machine_off(struct kernel *kernel, struct task *task) {
    enum error error = machine_check(task, RIGHT_MANAGE);
    if (!error)
        machine_off(kernel, (uint32_t)context_get(task, A1) & 0xff);
    return error;
}

/* ---- dispatch ---- */

#define CALLS (SYS_MACHINE_OFF + 1)

static handler *const handlers[CALLS] = {
    [SYS_CALL] = sys_call,
    [SYS_RECEIVE] = sys_receive,
    [SYS_REPLY] = sys_reply,
    [SYS_REPLY_RECEIVE] = sys_reply_receive,
    [SYS_PAYLOAD_READ] = sys_payload_read,
    [SYS_PAYLOAD_WRITE] = sys_payload_write,
    [SYS_HANDLE_CLOSE] = sys_handle_close,
    [SYS_HANDLE_DUPLICATE] = sys_handle_duplicate,
    [SYS_PORT_CREATE] = sys_port_create,
    [SYS_PORT_BIND] = sys_port_bind,
    [SYS_EVENT_CREATE] = sys_event_create,
    [SYS_EVENT_SIGNAL] = sys_event_signal,
    [SYS_EVENT_WAIT] = sys_event_wait,
    [SYS_MEMORY_CREATE] = sys_memory_create,
    [SYS_MEMORY_DEVICE] = sys_memory_device,
    [SYS_MEMORY_MAP] = sys_memory_map,
    [SYS_MEMORY_UNMAP] = sys_memory_unmap,
    [SYS_MEMORY_PHYSICAL] = sys_memory_physical,
    [SYS_MEMORY_SIZE] = sys_memory_size,
    [SYS_INTERRUPT_CREATE] = sys_interrupt_create,
    [SYS_INTERRUPT_ACKNOWLEDGE] = sys_interrupt_acknowledge,
    [SYS_TASK_CREATE] = sys_task_create,
    [SYS_TASK_GRANT] = sys_task_grant,
    [SYS_TASK_START] = sys_task_start,
    [SYS_TASK_KILL] = sys_task_kill,
    [SYS_TASK_EXIT] = sys_task_exit,
    [SYS_TASK_INFO] = sys_task_info,
    [SYS_TASK_READ] = sys_task_read,
    [SYS_TASK_WRITE] = sys_task_write,
    [SYS_LOG] = sys_log,
    [SYS_MACHINE_INFO] = sys_machine_info,
    [SYS_MACHINE_OFF] = sys_machine_off,
};

/* A call that found too little memory is made again when something that died is yet to be freed. Not the
 * calls that have an effect all the same; memory_create sees to that itself. */
static bool worth_another_try(const struct kernel *kernel, uint64_t number, enum error error) {
    return (error == ERR_NO_MEMORY || error == ERR_QUOTA) && number >= SYS_HANDLE_CLOSE &&
           number != SYS_MEMORY_CREATE && reap_pending(kernel);
}

HOT void system_call(struct hart *hart) {
    struct kernel *kernel = hart->kernel;
    struct task *task = hart->current;
    uint64_t number = context_get(task, A7);
    handler *handle = number < CALLS ? handlers[number] : NULL;
    kernel->system_calls++;
    task->calls++;
    enum error error = handle ? handle(kernel, task) : ERR_NOT_SUPPORTED;
    if (hart->current != task)
        return;
    if (task->again || worth_another_try(kernel, number, error)) {
        task->again = false;
        task->context[PC] -= 4;
        return;
    }
    context_set(task, A0, error);
}
