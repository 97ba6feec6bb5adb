/* buffer.h: the bytes of one direction of a connection: a ring whose memory is there only while it holds
 * something.
 *
 * An idle connection has no memory here. The first byte takes a small ring from the arena; more bytes take a
 * larger one, up to `most`; when it runs empty, the memory goes back. What it had to grow to is remembered,
 * so that a busy connection grows only once. */
#pragma once

#include <net/arena.h>
#include <net/stream/ring.h>

#define BUFFER_SMALL ((uint32_t)2048)   /* the first ring */
#define BUFFER_HABIT ((uint32_t)131072) /* the most that is taken at once because it was needed last time */

struct buffer {
    struct ring ring;
    uint32_t most;   /* bytes that it may come to hold; may change, also below what it holds */
    uint32_t wanted; /* the size to begin with: what was needed last time */
    uint32_t peak;   /* the most that had to have a place since the ring came */
};

void buffer_init(struct buffer *buffer, uint32_t most);
/* Sees to it that `length` bytes, counted from the first one held, have a place.
 * ERR_QUOTA, ERR_NO_MEMORY: nothing changes. */
enum error buffer_reserve(struct buffer *buffer, struct arena *arena, net_owner owner, uint32_t length);
/* Gives the memory back if the ring is empty. Bytes beyond its end are lost. */
void buffer_tidy(struct buffer *buffer, struct arena *arena, net_owner owner);
/* Gives the memory back with all that it holds. */
void buffer_release(struct buffer *buffer, struct arena *arena, net_owner owner);

static inline uint32_t buffer_length(const struct buffer *buffer) {
    return ring_length(&buffer->ring);
}

/* How many more bytes it may come to hold. */
static inline uint32_t buffer_space(const struct buffer *buffer) {
    uint32_t held = ring_length(&buffer->ring);
    return buffer->most > held ? buffer->most - held : 0;
}
