/* typed.h: what has been typed and not yet read. A full buffer drops what comes; nobody types that far ahead.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TYPED_SIZE 4096 /* a power of two, and what one read takes at most */

struct typed {
    uint8_t bytes[TYPED_SIZE];
    uint32_t head, tail; /* put and taken, ever */
    uint32_t dropped;
};

static inline size_t typed_length(const struct typed *typed) {
    return typed->head - typed->tail;
}

static inline void typed_put(struct typed *typed, uint8_t byte) {
    if (typed_length(typed) == TYPED_SIZE) {
        typed->dropped++;
        return;
    }
    typed->bytes[typed->head++ % TYPED_SIZE] = byte;
}

/* The bytes in one piece, as far as they are: up to the end of the buffer. */
static inline const uint8_t *typed_piece(const struct typed *typed, size_t *length) {
    size_t start = typed->tail % TYPED_SIZE;
    size_t all = typed_length(typed);
    *length = all < TYPED_SIZE - start ? all : TYPED_SIZE - start;
    return typed->bytes + start;
}

static inline void typed_take(struct typed *typed, size_t length) {
    typed->tail += (uint32_t)length;
}
