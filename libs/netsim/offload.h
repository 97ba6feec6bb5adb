/* offload.h: what a network device does for the engine that asks it to: sums and cutting segments. */
#pragma once

#include <net/net.h>

/* Makes of what net_transmit left in `slot` frames as they go over the wire, and hands each to `send`. */
void offload_finish(const struct net_slot *slot,
                    void (*send)(void *context, const uint8_t *frame, size_t length), void *context);
