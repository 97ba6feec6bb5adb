/* syscall.h: the system calls as C functions; ipc/abi.h says what each means.
 *
 * One `ecall` each: number in a7, arguments in a0..a6, results in a1.. . The kernel keeps every other
 * register. Programs use os/os.h and the generated stubs instead. */
#pragma once

#include <base/error.h>
#include <ipc/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a receive brought, beside its words. */
struct arrival {
    uint64_t kind; /* enum received */
    uint64_t badge;
    handle_t reply;
};

/* The plain form: up to six arguments; *r1 and *r2 are what a1 and a2 hold afterwards (may be null). */
static inline enum error sys_plain(enum system_call number, const uint64_t arguments[6], uint64_t *r1,
                                   uint64_t *r2) {
    register uint64_t a7 asm("a7") = number;
    register uint64_t a0 asm("a0") = arguments[0];
    register uint64_t a1 asm("a1") = arguments[1];
    register uint64_t a2 asm("a2") = arguments[2];
    register uint64_t a3 asm("a3") = arguments[3];
    register uint64_t a4 asm("a4") = arguments[4];
    register uint64_t a5 asm("a5") = arguments[5];
    asm volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2) : "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    if (r1 != NULL) {
        *r1 = a1;
    }
    if (r2 != NULL) {
        *r2 = a2;
    }
    return (enum error)a0;
}

#define SYS_ARGUMENTS(...) ((const uint64_t[6]){__VA_ARGS__})

/* word: in and out. transfer may be null. */
static inline enum error sys_call(handle_t port, uint64_t word[MESSAGE_WORDS], struct transfer *transfer) {
    register uint64_t a7 asm("a7") = SYS_CALL;
    register uint64_t a0 asm("a0") = port;
    register uint64_t a1 asm("a1") = word[0];
    register uint64_t a2 asm("a2") = word[1];
    register uint64_t a3 asm("a3") = word[2];
    register uint64_t a4 asm("a4") = word[3];
    register uint64_t a5 asm("a5") = word[4];
    register uint64_t a6 asm("a6") = (uintptr_t)transfer;
    asm volatile("ecall"
                 : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5)
                 : "r"(a6), "r"(a7)
                 : "memory");
    word[0] = a1, word[1] = a2, word[2] = a3, word[3] = a4, word[4] = a5;
    return (enum error)a0;
}

/* word: of the reply, then what was received. reply: HANDLE_NONE for none. */
static inline enum error sys_reply_receive(handle_t port, handle_t reply, uint64_t deadline,
                                           uint64_t word[MESSAGE_WORDS], struct transfer *transfer,
                                           struct arrival *received) {
    register uint64_t a7 asm("a7") = SYS_REPLY_RECEIVE;
    register uint64_t a0 asm("a0") = port;
    register uint64_t a1 asm("a1") = word[0];
    register uint64_t a2 asm("a2") = word[1];
    register uint64_t a3 asm("a3") = word[2];
    register uint64_t a4 asm("a4") = word[3];
    register uint64_t a5 asm("a5") = word[4];
    register uint64_t a6 asm("a6") = (uintptr_t)transfer;
    register uint64_t t0 asm("t0") = reply;
    register uint64_t t1 asm("t1") = deadline;
    register uint64_t t2 asm("t2") = 0;
    asm volatile("ecall"
                 : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(t0), "+r"(t1), "+r"(t2)
                 : "r"(a6), "r"(a7)
                 : "memory");
    word[0] = a1, word[1] = a2, word[2] = a3, word[3] = a4, word[4] = a5;
    *received = (struct arrival){t0, t1, (handle_t)t2};
    return (enum error)a0;
}

static inline enum error sys_reply(handle_t reply, const uint64_t word[MESSAGE_WORDS],
                                   const struct transfer *transfer) {
    register uint64_t a7 asm("a7") = SYS_REPLY;
    register uint64_t a0 asm("a0") = reply;
    register uint64_t a1 asm("a1") = word[0];
    register uint64_t a2 asm("a2") = word[1];
    register uint64_t a3 asm("a3") = word[2];
    register uint64_t a4 asm("a4") = word[3];
    register uint64_t a5 asm("a5") = word[4];
    register uint64_t a6 asm("a6") = (uintptr_t)transfer;
    asm volatile("ecall"
                 : "+r"(a0), "+r"(a1)
                 : "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a6), "r"(a7)
                 : "memory");
    return (enum error)a0;
}

static inline enum error sys_payload_read(handle_t reply, size_t offset, void *data, size_t length,
                                          uint64_t *done) {
    return sys_plain(SYS_PAYLOAD_READ, SYS_ARGUMENTS(reply, offset, (uintptr_t)data, length), done, NULL);
}

static inline enum error sys_payload_write(handle_t reply, size_t offset, const void *data, size_t length,
                                           uint64_t *done) {
    return sys_plain(SYS_PAYLOAD_WRITE, SYS_ARGUMENTS(reply, offset, (uintptr_t)data, length), done, NULL);
}

static inline enum error sys_handle_close(handle_t handle) {
    return sys_plain(SYS_HANDLE_CLOSE, SYS_ARGUMENTS(handle), NULL, NULL);
}

static inline enum error sys_handle_duplicate(handle_t handle, uint32_t rights, uint64_t badge,
                                              uint64_t *copy) {
    return sys_plain(SYS_HANDLE_DUPLICATE, SYS_ARGUMENTS(handle, rights, badge), copy, NULL);
}

static inline enum error sys_port_create(uint64_t *port) {
    return sys_plain(SYS_PORT_CREATE, SYS_ARGUMENTS(0), port, NULL);
}

static inline enum error sys_port_bind(handle_t port, handle_t event) {
    return sys_plain(SYS_PORT_BIND, SYS_ARGUMENTS(port, event), NULL, NULL);
}

static inline enum error sys_event_create(uint64_t *event) {
    return sys_plain(SYS_EVENT_CREATE, SYS_ARGUMENTS(0), event, NULL);
}

static inline enum error sys_event_signal(handle_t event, uint64_t bits) {
    return sys_plain(SYS_EVENT_SIGNAL, SYS_ARGUMENTS(event, bits), NULL, NULL);
}

static inline enum error sys_event_wait(handle_t event, uint64_t mask, uint64_t deadline, uint64_t *bits) {
    return sys_plain(SYS_EVENT_WAIT, SYS_ARGUMENTS(event, mask, deadline), bits, NULL);
}

static inline enum error sys_memory_create(size_t size, bool contiguous, uint64_t *memory) {
    return sys_plain(SYS_MEMORY_CREATE, SYS_ARGUMENTS(size, contiguous), memory, NULL);
}

static inline enum error sys_memory_device(handle_t machine, uint64_t physical, size_t size,
                                           uint64_t *memory) {
    return sys_plain(SYS_MEMORY_DEVICE, SYS_ARGUMENTS(machine, physical, size), memory, NULL);
}

/* task: HANDLE_NONE for oneself. length 0: to the end. *address: wanted, or 0; where it is mapped. */
static inline enum error sys_memory_map(handle_t task, handle_t memory, uint64_t *address, uint64_t offset,
                                        uint64_t length, uint32_t rights) {
    return sys_plain(SYS_MEMORY_MAP, SYS_ARGUMENTS(task, memory, *address, offset, length, rights), address,
                     NULL);
}

static inline enum error sys_memory_unmap(handle_t task, uint64_t address, uint64_t length) {
    return sys_plain(SYS_MEMORY_UNMAP, SYS_ARGUMENTS(task, address, length), NULL, NULL);
}

static inline enum error sys_memory_physical(handle_t memory, uint64_t offset, uint64_t *address,
                                             uint64_t *contiguous) {
    return sys_plain(SYS_MEMORY_PHYSICAL, SYS_ARGUMENTS(memory, offset), address, contiguous);
}

static inline enum error sys_memory_size(handle_t memory, uint64_t *size) {
    return sys_plain(SYS_MEMORY_SIZE, SYS_ARGUMENTS(memory), size, NULL);
}

static inline enum error sys_interrupt_create(handle_t machine, uint32_t number, handle_t event,
                                              uint64_t bits, uint64_t *interrupt) {
    return sys_plain(SYS_INTERRUPT_CREATE, SYS_ARGUMENTS(machine, number, event, bits), interrupt, NULL);
}

static inline enum error sys_interrupt_acknowledge(handle_t interrupt) {
    return sys_plain(SYS_INTERRUPT_ACKNOWLEDGE, SYS_ARGUMENTS(interrupt), NULL, NULL);
}

static inline enum error sys_task_create(handle_t machine, const struct task_options *options,
                                         uint64_t *task) {
    return sys_plain(SYS_TASK_CREATE, SYS_ARGUMENTS(machine, (uintptr_t)options), task, NULL);
}

static inline enum error sys_task_grant(handle_t task, handle_t handle, uint32_t rights, uint64_t *there) {
    return sys_plain(SYS_TASK_GRANT, SYS_ARGUMENTS(task, handle, rights), there, NULL);
}

static inline enum error sys_task_start(handle_t task, uint64_t entry, uint64_t stack, uint64_t argument) {
    return sys_plain(SYS_TASK_START, SYS_ARGUMENTS(task, entry, stack, argument), NULL, NULL);
}

static inline enum error sys_task_kill(handle_t task, int64_t status) {
    return sys_plain(SYS_TASK_KILL, SYS_ARGUMENTS(task, (uint64_t)status), NULL, NULL);
}

static inline enum error sys_task_info(handle_t task, struct task_info *info) {
    return sys_plain(SYS_TASK_INFO, SYS_ARGUMENTS(task, (uintptr_t)info), NULL, NULL);
}

static inline enum error sys_task_read(handle_t task, uint64_t there, void *here, size_t length,
                                       uint64_t *done) {
    return sys_plain(SYS_TASK_READ, SYS_ARGUMENTS(task, there, (uintptr_t)here, length), done, NULL);
}

static inline enum error sys_task_write(handle_t task, uint64_t there, const void *here, size_t length,
                                        uint64_t *done) {
    return sys_plain(SYS_TASK_WRITE, SYS_ARGUMENTS(task, there, (uintptr_t)here, length), done, NULL);
}

static inline enum error sys_log(handle_t machine, const void *text, size_t length) {
    return sys_plain(SYS_LOG, SYS_ARGUMENTS(machine, (uintptr_t)text, length), NULL, NULL);
}

static inline enum error sys_machine_info(handle_t machine, struct machine_info *info) {
    return sys_plain(SYS_MACHINE_INFO, SYS_ARGUMENTS(machine, (uintptr_t)info), NULL, NULL);
}

static inline enum error sys_machine_off(handle_t machine, int32_t status) {
    return sys_plain(SYS_MACHINE_OFF, SYS_ARGUMENTS(machine, (uint64_t)status), NULL, NULL);
}
