/* duel.h: two engines, each with a user, and somebody in the middle (netsim/script/middle.h).
 *
 * At the end the middle behaves, and everything is read: unless something was forged, both ends of each
 * connection then have all the bytes of the other, or an error. */
#pragma once

#include <base/span.h>

/* A script of socket calls alone, opposite a user who serves: see SCRIPT_CALLS in netsim/script.h. */
void duel_run_served(struct span bytes);
