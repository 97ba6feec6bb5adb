/* words.h: the manners of a link out of words, as one types them: "loss=1% delay=20ms rate=10M queue=64k".
 *
 *   loss= duplicate= reorder= corrupt= mark=   chance of each frame, as 1% or 0.1%
 *   burst= goes-on=    a burst of losses begins with a frame; it takes the next one along
 *   delay= jitter=     300us, 20ms or 1.5s; a reordered frame is held back by up to jitter more
 *   rate= queue=       bits a second; bytes that may wait for their turn: 64000, 64k, 10M, 1G
 *   mark-from=         bytes in the queue from which on each frame that can be is marked (ECN)
 *
 * Between the words stand spaces or commas. */
#pragma once

#include <netsim/link.h>

/* What is not spoken of stays as it is. false: *bad begins with the word that was not understood. */
bool words_read(const char *words, struct link_config *config, const char **bad);
