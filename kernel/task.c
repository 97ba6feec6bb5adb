/* task.c: life and end of tasks; see task.h. The system calls about tasks are in task_calls.c. */
#include "task.h"
#include "bytes.h"
#include "kernel.h"

/* ---- beginning ---- */

static enum error slot_take(struct kernel *kernel, struct task *task) {
    for (uint32_t i = 0; i < MAX_TASKS; i++) {
        if (!kernel->task_slots[i]) {
            kernel->task_slots[i] = task;
            task->slot = i;
            return ERR_NONE;
        }
    }
    return ERR_TOO_MANY;
}

static void links_init(struct task *task) {
    list_init(&task->ready_link);
    list_init(&task->wait_link);
    list_init(&task->end_notice.link);
    list_init(&task->space.mappings);
}

enum error task_create(struct kernel *kernel, struct account *parent, uint64_t quota, uint32_t handles_max,
                       struct task **made) {
    struct account *account;
    struct task *task;
    enum error error = account_create(kernel, parent, quota, &account);
    if (error)
        return error;
    error = object_create(kernel, OBJECT_TASK, account, &task);
    if (error) {
        account_close(kernel, account);
        return error;
    }
    links_init(task);
    task->account = account;
    task->handles.maximum = handles_max < HANDLES_MAX ? handles_max : HANDLES_MAX;
    error = slot_take(kernel, task);
    if (error) {
        object_free(kernel, &task->object);
        account_close(kernel, account);
        return error;
    }
    error = space_create(kernel, &task->space, account, task->slot + 1);
    if (error) {
        object_put(kernel, &task->object);
        return error;
    }
    *made = task;
    return ERR_NONE;
}

/* ---- waking ---- */

static HOT_INLINE void leave_wait(struct kernel *kernel, struct task *task) {
    list_remove(&task->wait_link);
    if (task->wait == WAIT_EVENT && task->waits_on->waiter == task)
        task->waits_on->waiter = NULL;
    if (task->deadline_place)
        deadline_cancel(kernel, task);
    task->wait = WAIT_NONE;
}

HOT void task_wake(struct kernel *kernel, struct task *task, enum error error) {
    leave_wait(kernel, task);
    context_set(task, A0, error);
    schedule_wake(kernel, task);
}

HOT_INLINE void task_hand_over(struct kernel *kernel, struct task *task, enum error error) {
    leave_wait(kernel, task);
    context_set(task, A0, error);
    schedule_hand_over(kernel, task);
}

/* ---- end ---- */

/* Puts a task whose memory nobody can ask for any more where reap_piece takes it apart. */
static void memory_unneeded(struct kernel *kernel, struct task *task) {
    if (task->state != TASK_ENDED || task->handles_to > 0 || task->space.dying)
        return;
    task->space.dying = true;
    task->next_dying = kernel->dying_tasks;
    kernel->dying_tasks = task;
}

static void tell_end(struct kernel *kernel, struct task *task) {
    struct port *port = task->end_port;
    if (!port || port->dead)
        return;
    object_get(&task->object); /* the notice's; dropped when it is taken */
    task->end_notice.kind = RECEIVED_ENDED;
    port_notify(kernel, port, &task->end_notice);
}

/* Nobody is left who could tell: the one line that the kernel prints about a task. */
static _Noreturn void first_task_ended(const struct task *task, enum task_end end, int64_t status) {
    if (end == END_FAULT)
        machine_panic("the first task faulted at", context_get(task, PC));
    machine_panic("the first task ended with status", (uint64_t)status);
}

void task_end(struct kernel *kernel, struct task *task, enum task_end end, int64_t status) {
    if (task->state == TASK_ENDED)
        return;
    if (task == kernel->first_task)
        first_task_ended(task, end, status);
    schedule_remove(kernel, task);
    leave_wait(kernel, task); /* its registers stay as they were: a fault's are asked for */
    task->state = TASK_ENDED;
    task->end = end;
    task->status = status;
    if (task->building) {
        object_put(kernel, &task->building->object);
        task->building = NULL;
    }
    handle_close_all(kernel, task);
    tell_end(kernel, task);
    memory_unneeded(kernel, task);
}

void task_release(struct kernel *kernel, struct task *task) {
    if (--task->handles_to > 0)
        return;
    if (task->state == TASK_NEW) /* nobody is left who could start it */
        task_end(kernel, task, END_KILL, 0);
    else
        memory_unneeded(kernel, task);
}

void task_destroy(struct kernel *kernel, struct task *task) {
    struct account *account = task->account;
    kernel->task_slots[task->slot] = NULL;
    if (task->end_port)
        object_put(kernel, &task->end_port->object);
    object_free(kernel, &task->object);
    account_close(kernel, account);
}

/* ---- taking apart what has died ---- */

/* No hart may walk tables that are being freed. Ours lets go at once; others are woken and do so themselves.
 * A hart that has decided for another space walks the old one on until it has changed its register, without
 * the lock, on its way to user mode. */
static bool space_loaded(struct kernel *kernel, struct space *space) {
    struct hart *here = kernel->here;
    bool loaded = false;
    if (here->space == space)
        machine_space_load(here, NULL);
    for (uint32_t i = 0; i < kernel->harts; i++) {
        struct hart *hart = &kernel->hart[i];
        if (hart->space != space && __atomic_load_n(&hart->satp, __ATOMIC_ACQUIRE) != space->satp)
            continue;
        machine_wake_hart(hart);
        loaded = true;
    }
    return loaded;
}

bool reap_piece(struct kernel *kernel) {
    struct memory *memory = kernel->dying_memories;
    if (memory) {
        kernel->dying_memories = memory->next_dying;
        if (!memory_destroy_piece(kernel, memory)) {
            memory->next_dying = kernel->dying_memories;
            kernel->dying_memories = memory;
        }
        return true;
    }
    struct task *task = kernel->dying_tasks;
    if (!task || space_loaded(kernel, &task->space))
        return false;
    if (!space_destroy_piece(kernel, &task->space))
        return true;
    kernel->dying_tasks = task->next_dying;
    object_put(kernel, &task->object);
    return true;
}
