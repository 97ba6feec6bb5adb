/* event.h: 64 bits that are signalled without blocking, and interrupts, which do nothing but signal one.
 *
 * The bits go to the task that waits on the event, or, if it is bound to a port, to the next receive there.
 */
#pragma once

#include "object.h"

#define INTERRUPTS_MAX 128

struct port;
struct task;

struct event {
    struct object object;
    uint64_t bits;
    struct task *waiter; /* in event_wait for `mask`, or null */
    uint64_t mask;
    struct port *port; /* bound to; the port holds a reference to the event, not the reverse */
};

struct interrupt {
    struct object object;
    uint32_t number;     /* at the interrupt controller */
    bool pending;        /* delivered and not yet acknowledged */
    struct event *event; /* held */
    uint64_t bits;
};

/* Sets bits and wakes whoever waits for them. */
void event_signal(struct kernel *kernel, struct event *event, uint64_t bits);
void event_destroy(struct kernel *kernel, struct event *event);

/* The controller's interrupt `number` came. */
void interrupt_deliver(struct kernel *kernel, uint32_t number);
void interrupt_destroy(struct kernel *kernel, struct interrupt *interrupt);

/* System calls; see abi.h. */
enum error sys_event_create(struct kernel *kernel, struct task *task);
enum error sys_event_signal(struct kernel *kernel, struct task *task);
enum error sys_event_wait(struct kernel *kernel, struct task *task);
enum error sys_interrupt_create(struct kernel *kernel, struct task *task);
enum error sys_interrupt_acknowledge(struct kernel *kernel, struct task *task);
