/* verdict.h: the first thing that was wrong in a run, in words; what comes after it is only its echo. */
#pragma once

#include <net/types.h>

struct verdict {
    bool failed;
    net_time at;
    char text[240];
};

/* Keeps what printf would say, unless something was wrong already. */
void verdict_fail(struct verdict *verdict, net_time now, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
