/* fuzz_duel.c: two engines, and somebody in the middle who loses, delays, changes and forges. */
#include "mutate.h"

FUZZ_SCRIPT(SCRIPT_DUEL)
