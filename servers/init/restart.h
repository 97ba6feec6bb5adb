/* restart.h: when a task that ended is started again. Pure: time is an argument. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum restart_kind {
    RESTART_NEVER,
    RESTART_ALWAYS,
    RESTART_CRITICAL /* without it the machine is of no use: power off */
};

struct restart_policy {
    enum restart_kind kind;
    uint64_t first, most; /* ns: the back-off grows from first to most, twofold each time */
};

struct restart_state {
    uint64_t started; /* when it was started last */
    uint64_t delay;   /* back-off of the last restart; 0: none yet */
    uint32_t count;   /* restarts so far */
};

/* The task that runs under `policy` ended at `now`: when to start it again; NEVER (UINT64_MAX) if it is not
 * to be. A task that has run for ten times the longest back-off begins anew with the shortest. */
uint64_t restart_after(const struct restart_policy *policy, struct restart_state *state, uint64_t now);
