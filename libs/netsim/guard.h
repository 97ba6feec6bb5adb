/* guard.h: what stands between an engine and its arena in tests and fuzzers that are linked with --wrap
 * (mk/tests.mk): memory that the sanitizer watches, and memory that runs out when a test wants it to.
 *
 * The bills are kept as ever, so an engine cannot tell. One guard for the whole program; without guard_start
 * it lets everything through to the arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* heap: each take is memory of its own, of exactly the size asked for, so that a step beyond its end, or
 * after it was given back, is seen. Nothing may be taken at that time. */
void guard_start(bool heap);
/* From now on `count` takes, from the one of number `first` on (the next one is 1), find no memory. count 0:
 * none. */
void guard_refuse(uint32_t first, uint32_t count);
/* How many takes there were since the last guard_refuse or guard_start. */
uint32_t guard_takes(void);
/* Lets everything through again. Nothing may be taken at that time. */
void guard_stop(void);
