/* world.h: one seed's world, run from its beginning to its end, with everything checked that must always
 * hold: what the watcher knows (netsim/watch.h), the bytes and ends that applications see (netsim/traffic.h),
 * and by the engines' face: memory within its bounds, time that moves on, no timer lost, quiet while nothing
 * is to be said, bounded effort, and nothing left at the end. */
#pragma once

#include <netsim/plan.h>
#include <netsim/verdict.h>

struct world_report {
    struct verdict verdict;
    uint64_t hash;   /* of all frames and their times: the same seed gives the same */
    uint64_t frames; /* that were sent */
    net_time lasted; /* in the world's time */
    uint32_t died;   /* sides of connections that ended by an error, as they may in a harsh world */
    struct net_counters counters; /* of all engines together */
};

/* trace: gets a line for each frame; null: only if something is wrong do the last frames go to `out`. */
void world_run(uint64_t seed, FILE *trace, FILE *out, struct world_report *report);
