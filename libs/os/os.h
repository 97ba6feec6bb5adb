/* os.h: the small things every task stands on: clock, log, memory, handles, events, names, processes.
 *
 * Wrappers around the system calls (os/syscall.h) and init's interface (ipc/init.idl). Nothing here keeps
 * state but the start-up block. */
#pragma once

#include <base/error.h>
#include <ipc/abi.h>
#include <os/start.h>
#include <stdbool.h>
#include <stddef.h>

uint64_t clock_now(void); /* ns since power-on; no system call */

/* A line on the machine's log: "name: text". Cut at 200 bytes. For servers; programs write to stdout. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);
/* Bytes as they are, at most 1024. */
void log_text(const char *text, size_t length);

/* Memory of our own, mapped readable and writable at an address that the kernel chose. *memory may be null
 * (then the mapping alone keeps it). ERR_QUOTA, ERR_NO_MEMORY. */
enum error memory_make(size_t size, bool contiguous, handle_t *memory, void **address);
/* Maps memory that came from elsewhere; rights: RIGHT_READ|WRITE. */
enum error memory_map(handle_t memory, uint32_t rights, void **address, size_t *size);
enum error memory_unmap(void *address, size_t size);
enum error memory_size(handle_t memory, size_t *size);
enum error memory_physical(handle_t memory, size_t offset, uint64_t *address, size_t *contiguous);

enum error handle_close(handle_t handle);
enum error handle_duplicate(handle_t handle, uint32_t rights, uint64_t badge, handle_t *copy);

enum error event_make(handle_t *event);
enum error event_signal(handle_t event, uint64_t bits);
/* *bits: those of mask that were set. deadline in ns since power-on; 0: poll; ERR_TIMED_OUT. */
enum error event_wait(handle_t event, uint64_t mask, uint64_t deadline, uint64_t *bits);
enum error interrupt_acknowledge(handle_t interrupt);

/* Names. A server publishes its port (rights SEND|PASS are given away); whoever the manifest allows finds it.
 * name_find waits until there is one (ERR_NOT_FOUND: there will be none); name_try says ERR_NOT_FOUND at
 * once; name_watch makes init signal `bits` of `event` whenever the name is published (again). ERR_NO_RIGHT:
 * not in the manifest. */
enum error name_publish(const char *name, handle_t port);
enum error name_find(const char *name, handle_t *port);
enum error name_try(const char *name, handle_t *port);
enum error name_watch(const char *name, handle_t event, uint64_t bits);

void clock_sleep_until(uint64_t time);
_Noreturn void task_exit(int64_t status);
