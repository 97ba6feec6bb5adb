/* pattern.h: bytes that tell by themselves where in which stream they belong: what arrives can be checked
 * without keeping what was sent, and a segment that was never sent can be forged with the right bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the stream from one port to another. */
static inline uint8_t pattern_salt(uint16_t from, uint16_t to) {
    return (uint8_t)(from * 31 + (from >> 8) + to * 7 + (to >> 8) * 3);
}

static inline uint8_t pattern_byte(uint8_t salt, uint32_t offset) {
    return (uint8_t)(salt + offset * 5 + (offset >> 8) * 11 + (offset >> 16) * 3);
}

static inline void pattern_fill(uint8_t *to, uint8_t salt, uint32_t offset, size_t length) {
    for (size_t i = 0; i < length; i++) {
        to[i] = pattern_byte(salt, offset + (uint32_t)i);
    }
}

static inline bool pattern_holds(const uint8_t *bytes, uint8_t salt, uint32_t offset, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != pattern_byte(salt, offset + (uint32_t)i)) {
            return false;
        }
    }
    return true;
}
