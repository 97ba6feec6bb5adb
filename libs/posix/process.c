/* process.c: the little of a process that a task has. */
#include "posix.h"
#include <errno.h>
#include <os/os.h>
#include <string.h>
#include <unistd.h>

/* A task does not know its number; POSIX knows no failure here, and programs use the value as a salt at most.
 */
pid_t getpid(void) {
    return 1;
}

int gethostname(char *name, size_t size) {
    static const char own[] = "minato";
    if (size < sizeof own) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, own, sizeof own);
    return 0;
}

long sysconf(int name) {
    switch (name) {
    case _SC_PAGESIZE: return PAGE_SIZE;
    case _SC_OPEN_MAX: return DESCRIPTORS;
    case _SC_CLK_TCK: return 1000;
    default: return posix_fail(ERR_INVALID);
    }
}
