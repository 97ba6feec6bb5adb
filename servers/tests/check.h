/* check.h: what the test tasks count and say. Each prints what failed, then "N passed, N failed", and exits
 * with a status. */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

struct checks {
    unsigned passed, failed;
};

static inline void check_that(struct checks *checks, bool good, const char *what, const char *file,
                              int line) {
    if (good) {
        checks->passed++;
    } else {
        checks->failed++;
        printf("%s:%d: failed: %s\n", file, line, what);
    }
}

static inline void check_equal(struct checks *checks, int64_t got, int64_t wanted, const char *what,
                               const char *file, int line) {
    check_that(checks, got == wanted, what, file, line);
    if (got != wanted) {
        printf("    it is %" PRId64 ", not %" PRId64 "\n", got, wanted);
    }
}

#define CHECK(checks, condition) check_that(checks, condition, #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(checks, got, wanted)                                                                     \
    check_equal(checks, (int64_t)(got), (int64_t)(wanted), #got " == " #wanted, __FILE__, __LINE__)

/* The exit status of the task. */
static inline int check_report(const struct checks *checks, const char *name) {
    printf("%s: %u passed, %u failed\n", name, checks->passed, checks->failed);
    return checks->failed == 0 ? 0 : 1;
}
