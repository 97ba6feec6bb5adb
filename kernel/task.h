/* task.h: a task: an address space, one thread, a handle table, a quota, a priority.
 *
 * The kernel has no thread of its own: a task's registers are in its context whenever it is not running in
 * user mode, and a task that waits is just a struct in some list. */
#pragma once

#include "arch.h"
#include "handle.h"
#include "port.h"
#include "space.h"

/* Registers in `context`: x[0] holds the program counter. */
enum register_number {
    PC = 0,
    SP = 2,
    T0 = 5,
    T1 = 6,
    T2 = 7,
    A0 = 10,
    A1 = 11,
    A2 = 12,
    A3 = 13,
    A4 = 14,
    A5 = 15,
    A6 = 16,
    A7 = 17
};

#define FP_REGISTERS 33 /* f0..f31, fcsr */

enum wait : uint8_t {
    WAIT_NONE,
    WAIT_SEND,    /* in port->callers with a call */
    WAIT_REPLY,   /* a server has the call; reply handles with our call_serial answer it */
    WAIT_RECEIVE, /* in port->receivers */
    WAIT_EVENT    /* waits_on->waiter */
};

struct task {
    struct object object; /* references: handles, replies, the life of the task, its end notice */
    uint64_t context[32];

    /* Scheduling. In kernel->ready if READY, else alone; wait_link in a port's queue. */
    struct link ready_link;
    struct link wait_link;
    uint32_t state; /* enum task_state */
    uint8_t priority;
    enum wait wait;
    bool dma;
    bool again;              /* the system call is to be made again (it goes on in pieces) */
    uint32_t deadline_place; /* 1 + index in the heap of deadlines; 0: none */
    uint64_t deadline;       /* clock ticks */
    struct event *waits_on;

    /* The call or receive that it waits in, copied when it began. */
    struct transfer transfer;
    uint64_t transfer_address; /* 0: none; then `transfer` is empty */
    uint64_t call_badge;
    uint32_t call_serial; /* of the last call; reply handles carry it */

    struct space space;
    struct account *account;
    struct handle_table handles;
    uint32_t handles_to; /* handles to this task; when it has ended and none is left, its memory goes */
    uint32_t slot;       /* in kernel->task_slots; decides the ASID */
    struct memory *building;

    struct port *end_port; /* held; null: nobody is told */
    struct notice end_notice;
    struct task *next_dying;
    uint32_t end; /* enum task_end */
    int64_t status;
    uint64_t fault_cause, fault_address;
    uint64_t cpu_ticks, switches, calls;
    char name[24];
    uint64_t fp[FP_REGISTERS];
};

static inline uint64_t context_get(const struct task *task, enum register_number number) {
    return task->context[number];
}

static inline void context_set(struct task *task, enum register_number number, uint64_t value) {
    task->context[number] = value;
}

static inline uint64_t *context_out(struct task *task, enum register_number number) {
    return &task->context[number];
}

/* Makes a task that is charged to an account of its own, with `quota` out of the parent's (null: the first).
 * One reference, for its life. Errors: ERR_QUOTA, ERR_NO_MEMORY, ERR_TOO_MANY. */
enum error task_create(struct kernel *kernel, struct account *parent, uint64_t quota, uint32_t handles_max,
                       struct task **made);

/* Ends a task in any state: all that waits for it is told, its handles are closed. Its memory stays readable
 * until the last handle to it is closed. Drops the reference for its life. */
void task_end(struct kernel *kernel, struct task *task, enum task_end end, int64_t status);

/* A handle to the task was closed. */
void task_release(struct kernel *kernel, struct task *task);
void task_destroy(struct kernel *kernel, struct task *task);

/* Takes a task out of whatever it waits for and makes it ready; `error` becomes its a0. */
void task_wake(struct kernel *kernel, struct task *task, enum error error);

/* As task_wake, but the task gets the CPU of whoever calls this, if that one has blocked. */
void task_hand_over(struct kernel *kernel, struct task *task, enum error error);

/* Frees a bounded piece of what has died; true if there was something to do. */
bool reap_piece(struct kernel *kernel);

/* System calls; see abi.h. */
enum error sys_task_create(struct kernel *kernel, struct task *task);
enum error sys_task_grant(struct kernel *kernel, struct task *task);
enum error sys_task_start(struct kernel *kernel, struct task *task);
enum error sys_task_kill(struct kernel *kernel, struct task *task);
enum error sys_task_exit(struct kernel *kernel, struct task *task);
enum error sys_task_info(struct kernel *kernel, struct task *task);
enum error sys_task_read(struct kernel *kernel, struct task *task);
enum error sys_task_write(struct kernel *kernel, struct task *task);
