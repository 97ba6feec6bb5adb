/* log.c: lines on the machine's log, one system call each. */
#include <os/os.h>

#include <os/syscall.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX 200

void log_line(const char *format, ...) {
    char line[LINE_MAX + 1];
    int head = snprintf(line, LINE_MAX, "%s: ", start_name());
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + head, (size_t)(LINE_MAX - head), format, arguments);
    va_end(arguments);
    size_t length = strlen(line);
    line[length] = '\n';
    log_text(line, length + 1);
}

void log_text(const char *text, size_t length) {
    handle_t log = start_handle("log");
    if (log != HANDLE_NONE) {
        (void)!sys_log(log, text, length);
    }
}
