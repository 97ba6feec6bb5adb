/* ring.h: a byte ring over memory that the owner gives: the send and receive streams of TCP.
 *
 * Bytes are named by their offset from the oldest byte kept. Reading and writing hand out at most two pieces
 * of memory (before and behind the wrap); nothing is copied that the caller does not copy. Bytes may be
 * written beyond the end (TCP data that came out of order): they are there when ring_extend reaches over
 * them. The indices run on for ever and are cut down only to reach memory, so that full and empty differ. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    uint8_t *memory;
    uint32_t capacity; /* a power of two; 0: no memory yet, always full and empty */
    uint32_t start;    /* of the oldest byte; both count bytes since ever, modulo 2^32 */
    uint32_t end;      /* one behind the newest */
};

/* Up to two pieces of memory, to be used in order. */
struct ring_pieces {
    uint8_t *data[2];
    uint32_t length[2];
};

/* `capacity`: a power of two up to 2^30, or 0. */
void ring_init(struct ring *ring, uint8_t *memory, uint32_t capacity);

static inline uint32_t ring_length(const struct ring *ring) {
    return ring->end - ring->start;
}

static inline uint32_t ring_space(const struct ring *ring) {
    return ring->capacity - ring_length(ring);
}

/* The kept bytes from `offset` on, at most `length`; fewer when there are fewer. */
struct ring_pieces ring_readable(const struct ring *ring, uint32_t offset, uint32_t length);
/* Memory for bytes from `offset` behind the end on, at most `length`; fewer when the capacity ends before. */
struct ring_pieces ring_writable(const struct ring *ring, uint32_t offset, uint32_t length);

static inline uint32_t ring_pieces_length(const struct ring_pieces *pieces) {
    return pieces->length[0] + pieces->length[1];
}

/* The `length` bytes behind the end, written before, now belong to the ring. At most ring_space is taken. */
void ring_extend(struct ring *ring, uint32_t length);
/* The oldest `length` bytes are done with. At most ring_length is dropped. */
void ring_consume(struct ring *ring, uint32_t length);

/* Copying forms. Each returns how many bytes it moved. */
uint32_t ring_peek(const struct ring *ring, uint32_t offset, void *to, uint32_t length);
uint32_t ring_place(struct ring *ring, uint32_t offset, const void *from,
                    uint32_t length); /* does not extend */
uint32_t ring_append(struct ring *ring, const void *from, uint32_t length);

/* Moves everything, also what lies beyond the end, to larger memory. capacity: a power of two >= the present
 * one. The old memory is the caller's again. */
void ring_move(struct ring *ring, uint8_t *memory, uint32_t capacity);
