/* script.h: engines driven by bytes: any bytes are a script, so a fuzzer can write them, and a seed makes a
 * run.
 *
 * A script is SCRIPT_HEADER bytes that say what kind of engine it is, and then steps: a byte for the kind,
 * two for the length of the arguments, and these. The kinds of steps differ between the scripts below; in
 * each, missing arguments count as 0 and those that are too many as nothing, so that steps can be taken out,
 * put in and exchanged. What must always hold is checked after every step, and at the end that nothing is
 * left; a violation aborts the program. */
#pragma once

#include <base/span.h>

enum { SCRIPT_HEADER = 4, SCRIPT_STEP = 3 };

struct script {
    void (*run)(struct span bytes);
    uint8_t (*some_kind)(uint32_t chance); /* one of the kinds of steps that there are */
    uint8_t (*usual_length)(uint8_t kind); /* of the arguments */
};

/* A peer of bytes: frames, socket calls, time. */
extern const struct script SCRIPT_ENGINE;
/* Frames and time only, to an engine that listens, is connected and asks for names. */
extern const struct script SCRIPT_FRAMES;
/* Socket calls and time only, opposite a second engine that behaves, or a peer that answers anything. */
extern const struct script SCRIPT_CALLS;
/* Two engines with users, and somebody in the middle. */
extern const struct script SCRIPT_DUEL;

/* The next step out of what is left; false: there is none. */
bool script_next(struct reader *script, uint8_t *kind, struct reader *args);
