/* fuzz_frames.c: the whole engine under frames, with sockets of all kinds open. */
#include "mutate.h"

FUZZ_SCRIPT(SCRIPT_FRAMES)
