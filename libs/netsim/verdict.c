/* verdict.c: what was wrong first; read verdict.h first. */
#include <netsim/verdict.h>
#include <stdarg.h>
#include <stdio.h>

void verdict_fail(struct verdict *verdict, net_time now, const char *format, ...) {
    if (verdict->failed) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
    verdict->failed = true;
    verdict->at = now;
}
