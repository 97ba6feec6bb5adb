/* restart.c: see restart.h. */
#include "restart.h"

#define LONG_RUN 10 /* times the longest back-off */

uint64_t restart_after(const struct restart_policy *policy, struct restart_state *state, uint64_t now) {
    if (policy->kind != RESTART_ALWAYS) {
        return UINT64_MAX;
    }
    bool ran_long = now - state->started >= LONG_RUN * policy->most;
    if (state->delay == 0 || ran_long) {
        state->delay = policy->first;
    } else {
        state->delay = state->delay < policy->most / 2 ? state->delay * 2 : policy->most;
    }
    state->count++;
    return now + state->delay;
}
