/* libc.c: names that Debian's prebuilt libraries and picolibc expect of a system. */
#include <os/os.h>

#include <errno.h>
#include <stdlib.h>

int *__errno_location(void);
_Noreturn void __stack_chk_fail(void);
_Noreturn void __chk_fail(void);
_Noreturn void __assert_fail(const char *expression, const char *file, unsigned line, const char *function);
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression);

uintptr_t __stack_chk_guard;

int *__errno_location(void) {
    return &errno;
}

/* Ends as a fault, so that init prints where. */
_Noreturn void __stack_chk_fail(void) {
    log_line("stack overwritten");
    __builtin_trap();
}

_Noreturn void __chk_fail(void) {
    log_line("buffer overrun prevented");
    __builtin_trap();
}

_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression) {
    log_line("%s:%d: %s: assertion failed: %s", file, line, function != NULL ? function : "?", expression);
    __builtin_trap();
}

_Noreturn void __assert_fail(const char *expression, const char *file, unsigned line, const char *function) {
    __assert_func(file, (int)line, function, expression);
}

_Noreturn void abort(void) {
    log_line("aborted");
    __builtin_trap();
}
