/* clock.c: the time since power-on, read without entering the kernel. */
#include <os/os.h>

#define SECOND 1000000000ull

uint64_t clock_now(void) {
    uint64_t ticks;
    asm volatile("rdtime %0" : "=r"(ticks));
    uint64_t frequency = start_info()->timebase_frequency;
    /* The remainder first, so that nothing overflows in this century. */
    return ticks / frequency * SECOND + ticks % frequency * SECOND / frequency;
}
