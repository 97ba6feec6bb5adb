/* ring.c: a byte ring; read ring.h first. */
#include <net/stream/ring.h>
#include <string.h>

void ring_init(struct ring *ring, uint8_t *memory, uint32_t capacity) {
    *ring = (struct ring){.memory = memory, .capacity = capacity};
}

static uint32_t at_most(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* The memory of the `length` bytes from index `from` on; `length` is within the capacity. */
static struct ring_pieces pieces_at(const struct ring *ring, uint32_t from, uint32_t length) {
    if (length == 0) {
        return (struct ring_pieces){0};
    }
    uint32_t place = from & (ring->capacity - 1);
    uint32_t first = at_most(length, ring->capacity - place);
    return (struct ring_pieces){{ring->memory + place, ring->memory}, {first, length - first}};
}

struct ring_pieces ring_readable(const struct ring *ring, uint32_t offset, uint32_t length) {
    uint32_t kept = ring_length(ring);
    offset = at_most(offset, kept);
    return pieces_at(ring, ring->start + offset, at_most(length, kept - offset));
}

struct ring_pieces ring_writable(const struct ring *ring, uint32_t offset, uint32_t length) {
    uint32_t space = ring_space(ring);
    offset = at_most(offset, space);
    return pieces_at(ring, ring->end + offset, at_most(length, space - offset));
}

void ring_extend(struct ring *ring, uint32_t length) {
    ring->end += at_most(length, ring_space(ring));
}

void ring_consume(struct ring *ring, uint32_t length) {
    ring->start += at_most(length, ring_length(ring));
}

uint32_t ring_peek(const struct ring *ring, uint32_t offset, void *to, uint32_t length) {
    struct ring_pieces pieces = ring_readable(ring, offset, length);
    uint8_t *bytes = to;
    for (int i = 0; i < 2; i++) {
        if (pieces.length[i] != 0) {
            memcpy(bytes, pieces.data[i], pieces.length[i]);
            bytes += pieces.length[i];
        }
    }
    return ring_pieces_length(&pieces);
}

uint32_t ring_place(struct ring *ring, uint32_t offset, const void *from, uint32_t length) {
    struct ring_pieces pieces = ring_writable(ring, offset, length);
    const uint8_t *bytes = from;
    for (int i = 0; i < 2; i++) {
        if (pieces.length[i] != 0) {
            memcpy(pieces.data[i], bytes, pieces.length[i]);
            bytes += pieces.length[i];
        }
    }
    return ring_pieces_length(&pieces);
}

uint32_t ring_append(struct ring *ring, const void *from, uint32_t length) {
    uint32_t done = ring_place(ring, 0, from, length);
    ring_extend(ring, done);
    return done;
}

void ring_move(struct ring *ring, uint8_t *memory, uint32_t capacity) {
    struct ring larger = {.memory = memory, .capacity = capacity, .start = ring->start, .end = ring->start};
    struct ring_pieces all = pieces_at(ring, ring->start, ring->capacity);
    (void)ring_place(&larger, 0, all.data[0], all.length[0]);
    (void)ring_place(&larger, all.length[0], all.data[1], all.length[1]);
    larger.end = ring->end;
    *ring = larger;
}
