/* crash: dies in the way that its argument names, so that tests and readers see what becomes of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline)) /* each way to die is seen in the backtrace under its name */

static const uint32_t constant = 7;

NOINLINE static void crash_null(void) {
    *(volatile int *)NULL = 1; // NOLINT(clang-analyzer-core.NullDereference)
}

NOINLINE static void crash_constant(void) {
    *(volatile uint32_t *)(uintptr_t)&constant = 8;
}

NOINLINE static void crash_kernel(void) {
    *(volatile uint64_t *)0xffffffc000000000ull = 1;
}

NOINLINE static void crash_jump(void) {
    ((void (*)(void))0xdead0000u)();
}

NOINLINE static void crash_instruction(void) {
    __asm__ volatile(".word 0");
}

/* Reading a supervisor's register is not for a task. */
NOINLINE static void crash_privilege(void) {
    uint64_t value;
    __asm__ volatile("csrr %0, satp" : "=r"(value));
}

static uint64_t deeper(uint64_t depth) { // NOLINT(misc-no-recursion)
    volatile char frame[1024];
    memset((char *)frame, (int)depth, sizeof frame);
    return depth ? deeper(depth - 1) + (uint64_t)frame[0] : 0;
}

NOINLINE static void crash_stack(void) {
    printf("%llu\n", (unsigned long long)deeper(1 << 20)); /* a gigabyte: no stack is that deep */
}

NOINLINE static void crash_abort(void) {
    abort();
}

NOINLINE static void crash_exit(void) {
    exit(42);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = {{"null", crash_null},
                {"constant", crash_constant},
                {"kernel", crash_kernel},
                {"jump", crash_jump},
                {"instruction", crash_instruction},
                {"privilege", crash_privilege},
                {"stack", crash_stack},
                {"abort", crash_abort},
                {"exit", crash_exit}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (argc == 2 && strcmp(argv[1], ways[i].name) == 0) {
            ways[i].run();
        }
    }
    fputs("usage: crash null|constant|kernel|jump|instruction|privilege|stack|abort|exit\n", stderr);
    return 2;
}
