/* trace.h: a frame in one line of text, for whoever wants to see what happened. */
#pragma once

#include <base/span.h>
#include <net/types.h>
#include <stdio.h>

void trace_frame(FILE *out, net_time now, struct span frame);
