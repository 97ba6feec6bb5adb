/* event.c: events and interrupts; see event.h. */
#include "event.h"
#include "kernel.h"

HOT void event_signal(struct kernel *kernel, struct event *event, uint64_t bits) {
    event->bits |= bits;
    struct task *waiter = event->waiter;
    if (waiter && (event->bits & event->mask)) {
        context_set(waiter, A1, event->bits & event->mask);
        event->bits &= ~event->mask;
        event->waiter = NULL;
        task_wake(kernel, waiter, ERR_NONE);
    }
    if (event->port && event->bits) /* also what a waiter's mask has left over */
        port_event_pending(kernel, event->port);
}

void event_destroy(struct kernel *kernel, struct event *event) {
    object_free(kernel, &event->object);
}

enum error sys_event_create(struct kernel *kernel, struct task *task) {
    struct event *event;
    enum error error = object_create(kernel, OBJECT_EVENT, task->account, &event);
    if (error)
        return error;
    return handle_give(kernel, task, &event->object, RIGHT_PASS | RIGHT_SIGNAL | RIGHT_WAIT,
                       context_out(task, A1));
}

HOT enum error sys_event_signal(struct kernel *kernel, struct task *task) {
    struct handle *handle;
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_EVENT, RIGHT_SIGNAL, &handle);
    if (!error)
        event_signal(kernel, (struct event *)handle->object, context_get(task, A1));
    return error;
}

enum error sys_event_wait(struct kernel *kernel, struct task *task) {
    struct handle *handle;
    enum error error = handle_check(&task->handles, context_get(task, A0), OBJECT_EVENT, RIGHT_WAIT, &handle);
    if (error)
        return error;
    struct event *event = (struct event *)handle->object;
    uint64_t mask = context_get(task, A1), deadline = context_get(task, A2);
    if (event->bits & mask) {
        context_set(task, A1, event->bits & mask);
        event->bits &= ~mask;
        return ERR_NONE;
    }
    if (event->waiter)
        return ERR_BUSY;
    if (deadline_passed(kernel, deadline))
        return ERR_TIMED_OUT;
    event->waiter = task;
    event->mask = mask;
    task->waits_on = event;
    schedule_block(kernel, task, WAIT_EVENT, deadline);
    return ERR_NONE;
}

/* ---- interrupts ---- */

void interrupt_deliver(struct kernel *kernel, uint32_t number) {
    struct interrupt *interrupt = number < INTERRUPTS_MAX ? kernel->interrupts[number] : NULL;
    if (!interrupt) {
        machine_interrupt_complete(kernel, number); /* while enabled, else the controller may ignore it */
        machine_interrupt_enable(kernel, number, false);
        return;
    }
    interrupt->pending = true;
    event_signal(kernel, interrupt->event, interrupt->bits);
}

void interrupt_destroy(struct kernel *kernel, struct interrupt *interrupt) {
    if (interrupt->pending)
        machine_interrupt_complete(kernel, interrupt->number);
    machine_interrupt_enable(kernel, interrupt->number, false);
    kernel->interrupts[interrupt->number] = NULL;
    object_put(kernel, &interrupt->event->object);
    object_free(kernel, &interrupt->object);
}

enum error sys_interrupt_create(struct kernel *kernel, struct task *task) {
    struct handle *machine, *event;
    uint64_t number = context_get(task, A1);
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_MACHINE, RIGHT_MANAGE, &machine);
    if (!error)
        error = handle_check(&task->handles, context_get(task, A2), OBJECT_EVENT, RIGHT_SIGNAL, &event);
    if (error)
        return error;
    if (number == 0 || number >= INTERRUPTS_MAX)
        return ERR_INVALID;
    if (kernel->interrupts[number])
        return ERR_BUSY;
    struct object *target = event->object;
    struct interrupt *interrupt;
    error = object_create(kernel, OBJECT_INTERRUPT, task->account, &interrupt);
    if (error)
        return error;
    object_get(target);
    interrupt->event = (struct event *)target;
    interrupt->number = (uint32_t)number;
    interrupt->bits = context_get(task, A3);
    kernel->interrupts[number] = interrupt;
    machine_interrupt_enable(kernel, interrupt->number, true);
    return handle_give(kernel, task, &interrupt->object, RIGHT_PASS | RIGHT_WAIT, context_out(task, A1));
}

enum error sys_interrupt_acknowledge(struct kernel *kernel, struct task *task) {
    struct handle *handle;
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_INTERRUPT, RIGHT_WAIT, &handle);
    if (error)
        return error;
    struct interrupt *interrupt = (struct interrupt *)handle->object;
    if (interrupt->pending)
        machine_interrupt_complete(kernel, interrupt->number);
    interrupt->pending = false;
    return ERR_NONE;
}
