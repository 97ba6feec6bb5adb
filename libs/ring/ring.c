/* ring.c: see ring.h. Read first: ring_publish and ring_sleep, the two halves of the wake-up rule.
 *
 * The two sides meet in three words. Each is stored with release and loaded with acquire; the two places
 * where a store must be seen before a later load of another word have a full fence. */
#include "ring.h"

#include <string.h>

static uint32_t load(const uint32_t *word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void full_fence(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void *element_at(const struct ring *ring, uint32_t index) {
    return ring->shared->elements + (size_t)(index & (ring->capacity - 1)) * ring->element_size;
}

size_t ring_bytes(uint32_t capacity, size_t element_size) {
    return sizeof(struct ring_shared) + capacity * element_size;
}

void ring_attach(struct ring *ring, void *shared, uint32_t capacity, size_t element_size) {
    *ring = (struct ring){.shared = shared, .capacity = capacity, .element_size = (uint32_t)element_size};
}

/* Looks at the consumer's index: it may only move on, and not past what was published. */
static void look_at_tail(struct ring *ring) {
    uint32_t tail = load(&ring->shared->tail);
    if (tail - ring->seen <= ring->own - ring->seen) {
        ring->seen = tail;
    } else {
        ring->broken++;
    }
}

/* Looks at the producer's index: it may only move on, and be at most a whole ring ahead. */
static void look_at_head(struct ring *ring) {
    uint32_t head = load(&ring->shared->head);
    if (head - ring->own <= ring->capacity && head - ring->own >= ring->seen - ring->own) {
        ring->seen = head;
    } else {
        ring->broken++;
    }
}

static uint32_t space_seen(const struct ring *ring) {
    return ring->capacity - (ring->own + ring->staged - ring->seen);
}

uint32_t ring_space(struct ring *ring) {
    look_at_tail(ring);
    return space_seen(ring);
}

bool ring_put(struct ring *ring, const void *element) {
    if (space_seen(ring) == 0 && ring_space(ring) == 0) {
        return false;
    }
    memcpy(element_at(ring, ring->own + ring->staged), element, ring->element_size);
    ring->staged++;
    return true;
}

bool ring_publish(struct ring *ring) {
    if (ring->staged == 0) {
        return false;
    }
    ring->own += ring->staged;
    ring->staged = 0;
    store(&ring->shared->head, ring->own);
    full_fence(); /* head is out before we look whether the consumer sleeps; pairs with ring_sleep */
    return ring_wanted(ring);
}

bool ring_wanted(const struct ring *ring) {
    return load(&ring->shared->sleeping) != 0;
}

uint32_t ring_count(struct ring *ring) {
    look_at_head(ring);
    return ring->seen - ring->own;
}

bool ring_take(struct ring *ring, void *element) {
    if (ring->seen == ring->own && ring_count(ring) == 0) {
        return false;
    }
    memcpy(element, element_at(ring, ring->own), ring->element_size);
    ring->own++;
    store(&ring->shared->tail, ring->own);
    return true;
}

bool ring_sleep(struct ring *ring) {
    store(&ring->shared->sleeping, 1);
    full_fence(); /* "wake me" is out before the second look; the pair of the one in ring_publish */
    if (ring_count(ring) == 0) {
        return true;
    }
    ring_awake(ring);
    return false;
}

void ring_awake(struct ring *ring) {
    store(&ring->shared->sleeping, 0);
}
