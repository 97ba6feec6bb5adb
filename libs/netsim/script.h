/* script.h: an engine driven by bytes: each is a step (a frame, a socket call, time that passes), its
 * arguments follow. Any bytes are a script, so a fuzzer can write them, and a seed makes a run.
 *
 * The peer is the script's too, but knows what the engine sent: a segment is written as the difference to the
 * one that would be right, so that all of TCP's states are within reach of a few bytes. What must always hold
 * is checked after every step, and at the end that nothing is left; a violation aborts the program. */
#pragma once

#include <base/span.h>

void script_run(struct span bytes);
