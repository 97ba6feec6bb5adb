/* must.h: what must hold, or the run ends with a word about it; for the scripts and their fuzzers. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void must(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "script: %s\n", what);
        abort();
    }
}
