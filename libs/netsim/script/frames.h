/* frames.h: what can come to the engine of a rig over its wire, each a step with arguments out of bytes. */
#pragma once

#include <netsim/script/rig.h>

extern const uint8_t frame_kind_count;
uint8_t frame_kind_length(uint8_t kind);
void frame_step(struct rig *rig, uint8_t kind, struct reader *args);
