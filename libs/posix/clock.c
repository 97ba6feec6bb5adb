/* clock.c: clocks and sleeping. The clock of the system counts from power-on; the start block tells what to
 * add for UTC. */
#include "posix.h"
#include <errno.h>
#include <os/os.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull /* ns */

static uint64_t wall_clock(void) {
    return clock_now() + (uint64_t)start_info()->wall_clock_offset;
}

static struct timespec timespec_of(uint64_t time) {
    return (struct timespec){.tv_sec = (time_t)(time / SECOND), .tv_nsec = (long)(time % SECOND)};
}

/* False if it is none: negative, or a second's worth of nanoseconds. Saturates. */
static bool nanoseconds(const struct timespec *time, uint64_t *result) {
    if (time->tv_sec < 0 || time->tv_nsec < 0 || (uint64_t)time->tv_nsec >= SECOND) {
        return false;
    }
    uint64_t seconds = (uint64_t)time->tv_sec;
    *result = seconds > NEVER / SECOND - 1 ? NEVER - 1 : seconds * SECOND + (uint64_t)time->tv_nsec;
    return true;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) {
        return posix_fail(ERR_INVALID);
    }
    *time = timespec_of(clock == CLOCK_REALTIME ? wall_clock() : clock_now());
    return 0;
}

int clock_getres(clockid_t clock, struct timespec *resolution) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) {
        return posix_fail(ERR_INVALID);
    }
    if (resolution != NULL) {
        uint64_t tick = SECOND / start_info()->timebase_frequency;
        *resolution = timespec_of(tick != 0 ? tick : 1);
    }
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    uint64_t now = wall_clock();
    if (time != NULL) {
        *time =
            (struct timeval){.tv_sec = (time_t)(now / SECOND), .tv_usec = (suseconds_t)(now % SECOND / 1000)};
    }
    return 0;
}

static void sleep_for(uint64_t duration) {
    uint64_t now = clock_now();
    posix_flush();
    clock_sleep_until(duration > NEVER - now ? NEVER : now + duration);
}

int nanosleep(const struct timespec *duration, struct timespec *left) {
    uint64_t length;
    if (!nanoseconds(duration, &length)) {
        return posix_fail(ERR_INVALID);
    }
    sleep_for(length);
    if (left != NULL) {
        *left = (struct timespec){0};
    }
    return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left) {
    struct timespec now = {0};
    uint64_t wanted = 0, passed = 0;
    if (clock_gettime(clock, &now) != 0 || !nanoseconds(time, &wanted)) {
        return EINVAL;
    }
    if ((flags & TIMER_ABSTIME) != 0) {
        (void)nanoseconds(&now, &passed);
    }
    sleep_for(wanted > passed ? wanted - passed : 0);
    return 0;
}

int usleep(useconds_t duration) {
    sleep_for((uint64_t)duration * 1000);
    return 0;
}

unsigned sleep(unsigned seconds) {
    sleep_for(seconds * SECOND);
    return 0;
}

/* The task's own time is not told apart from the time that passes. */
clock_t times(struct tms *times) {
    clock_t now = (clock_t)(clock_now() / (SECOND / CLOCKS_PER_SEC));
    *times = (struct tms){.tms_utime = now};
    return now;
}
