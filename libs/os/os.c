/* os.c: the system calls in their everyday form. */
#include <os/os.h>

#include <os/syscall.h>

/* For calls that give one handle. */
static enum error made(enum error error, uint64_t value, handle_t *handle) {
    *handle = error == ERR_NONE ? (handle_t)value : HANDLE_NONE;
    return error;
}

enum error memory_make(size_t size, bool contiguous, handle_t *memory, void **address) {
    uint64_t handle = 0, where = 0;
    *address = NULL;
    enum error error = sys_memory_create(size, contiguous, &handle);
    if (error == ERR_NONE) {
        error = sys_memory_map(HANDLE_NONE, (handle_t)handle, &where, 0, 0, RIGHT_READ | RIGHT_WRITE);
        if (error != ERR_NONE || memory == NULL) {
            (void)!sys_handle_close((handle_t)handle);
            handle = HANDLE_NONE;
        }
    }
    if (memory != NULL) {
        *memory = error == ERR_NONE ? (handle_t)handle : HANDLE_NONE;
    }
    *address = error == ERR_NONE ? (void *)where : NULL;
    return error;
}

enum error memory_map(handle_t memory, uint32_t rights, void **address, size_t *size) {
    uint64_t where = 0, bytes = 0;
    enum error error = sys_memory_size(memory, &bytes);
    if (error == ERR_NONE) {
        error = sys_memory_map(HANDLE_NONE, memory, &where, 0, 0, rights);
    }
    *address = error == ERR_NONE ? (void *)where : NULL;
    *size = error == ERR_NONE ? bytes : 0;
    return error;
}

enum error memory_unmap(void *address, size_t size) {
    return sys_memory_unmap(HANDLE_NONE, (uintptr_t)address, size);
}

enum error memory_size(handle_t memory, size_t *size) {
    uint64_t bytes = 0;
    enum error error = sys_memory_size(memory, &bytes);
    *size = error == ERR_NONE ? bytes : 0;
    return error;
}

enum error memory_physical(handle_t memory, size_t offset, uint64_t *address, size_t *contiguous) {
    uint64_t bytes = 0;
    *address = 0;
    enum error error = sys_memory_physical(memory, offset, address, &bytes);
    *contiguous = error == ERR_NONE ? bytes : 0;
    return error;
}

enum error handle_close(handle_t handle) {
    return sys_handle_close(handle);
}

enum error handle_duplicate(handle_t handle, uint32_t rights, uint64_t badge, handle_t *copy) {
    uint64_t value = 0;
    return made(sys_handle_duplicate(handle, rights, badge, &value), value, copy);
}

enum error event_make(handle_t *event) {
    uint64_t value = 0;
    return made(sys_event_create(&value), value, event);
}

enum error event_signal(handle_t event, uint64_t bits) {
    return sys_event_signal(event, bits);
}

enum error event_wait(handle_t event, uint64_t mask, uint64_t deadline, uint64_t *bits) {
    uint64_t set = 0;
    enum error error = sys_event_wait(event, mask, deadline, &set);
    *bits = error == ERR_NONE ? set : 0;
    return error;
}

enum error interrupt_acknowledge(handle_t interrupt) {
    return sys_interrupt_acknowledge(interrupt);
}

/* Sleeping is waiting for an event that nobody else knows. */
void clock_sleep_until(uint64_t time) {
    handle_t event;
    if (event_make(&event) == ERR_NONE) {
        uint64_t bits;
        (void)!event_wait(event, 1, time, &bits);
        (void)!handle_close(event);
    }
}

_Noreturn void task_exit(int64_t status) {
    for (;;) {
        (void)!sys_plain(SYS_TASK_EXIT, SYS_ARGUMENTS((uint64_t)status), NULL, NULL);
    }
}
