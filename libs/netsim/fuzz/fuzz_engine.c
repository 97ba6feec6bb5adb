/* fuzz_engine.c: the whole engine under frames, socket calls and time in any order. */
#include "mutate.h"

FUZZ_SCRIPT(SCRIPT_ENGINE)
