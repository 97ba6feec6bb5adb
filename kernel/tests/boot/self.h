/* self.h: what the self-test's files share: raw system calls, children, checks.
 *
 * The program is the first task of a kernel without servers. It makes tasks out of its own image (a child
 * gets a copy of the data as it is at that moment, like after fork) and drives the kernel through them. */
#pragma once

#include <base/error.h>
#include <ipc/abi.h>
#include <stdbool.h>
#include <stddef.h>

struct registers {
    uint64_t a[8]; /* a0..a7 */
    uint64_t t[3];
};

/* One ecall with all registers as given; they come back as the kernel left them. */
void system_call(struct registers *r);

/* The common form: number and up to six arguments; the error, and a1, a2 in *one, *two if not null. */
uint64_t call6(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
               uint64_t *one);
uint64_t call_array(uint64_t number, const uint64_t arguments[6]);
#define sys(number, ...) call_array((number), (const uint64_t[6]){__VA_ARGS__})

handle_t make(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2);

/* Everything lives in one struct so that children inherit it. */
struct self {
    const struct boot_info *info; /* not mapped in children */
    uint64_t frequency;
    unsigned passed, failed;
    handle_t port, event, other, task; /* for the tests to hand to children */
    uint64_t word;
    handle_t text, constants;
    uint64_t data_start, data_end, text_start, text_end;
};
extern struct self self;

struct child {
    void (*run)(void);
    handle_t
        grant[4]; /* granted in this order; their numbers in the child are in self.port, event, other, task */
    uint32_t priority;
    uint64_t quota;
    handle_t end_port;
    uint64_t end_badge;
};

/* Makes and starts a task; its handle, or 0. */
handle_t child_start_task(const struct child *child);
/* Kills (if need be), and closes the handle. */
void child_end(handle_t task);

void print(const char *text);
void print_number(uint64_t value);
void check(bool good, const char *what);
uint64_t now(void);
void sleep_until(uint64_t ns);
struct machine_info machine(void);
uint64_t instructions(void);

/* The tests. */
void test_messages(void);
void test_payloads(void);
void test_handles(void);
void test_notices(void);
void test_events(void);
void test_memory(void);
void test_tasks(void);
void test_scheduling(void);
void test_harts(void);
void test_crowd(void);
void test_nonsense(void);
void benchmark(uint64_t rounds);

/* For several tests: answers every call with its words + 1 and its payload, until it gets word 0 = 0. */
void echo_server(void);
uint64_t call_words(handle_t port, uint64_t words[5], struct transfer *transfer);
uint64_t receive(handle_t port, uint64_t deadline, struct transfer *transfer, struct registers *r);
uint64_t reply(handle_t to, uint64_t word, struct transfer *transfer);
