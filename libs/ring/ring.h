/* ring.h: one-producer one-consumer rings in shared memory, with the wake-up rule.
 *
 * The shared part is hostile input: capacity, element size and own index are kept in the private struct ring;
 * the other side's index is read once, checked (distance <= capacity) and ignored when it lies.
 * Wake-up rule: a producer signals only if the consumer has said that it sleeps. A consumer drains, says
 * "wake me", has a full fence (fence rw,rw) and looks again. Written once, here. Knows neither packets nor
 * tasks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shared layout: producer's and consumer's words on cache lines of their own, then capacity elements. */
struct ring_shared {
    _Alignas(64) uint32_t head; /* written by the producer: elements ever put */
    _Alignas(64) uint32_t tail; /* written by the consumer: elements ever taken */
    uint32_t sleeping;          /* written by the consumer: 1 = signal me */
    _Alignas(64) uint8_t elements[];
};

struct ring {
    struct ring_shared *shared;
    uint32_t capacity; /* power of two */
    uint32_t element_size;
    uint32_t own;    /* our own index; never read back from shared memory */
    uint32_t staged; /* producer: put but not yet published */
    uint32_t seen;   /* the other side's index when it was last believed */
    uint32_t broken; /* times the other side's index was a lie */
};

/* Bytes of shared memory that a ring needs. capacity: a power of two. */
size_t ring_bytes(uint32_t capacity, size_t element_size);
/* Takes up one end of a ring in zeroed or running shared memory; both ends start at 0, so memory is zeroed
 * for a new pair. */
void ring_attach(struct ring *ring, void *shared, uint32_t capacity, size_t element_size);

/* Producer. put copies one element in, unpublished; false: full. publish makes all visible and says whether
 * the consumer must be signalled: one wake-up a batch, and only for a sleeper. */
bool ring_put(struct ring *ring, const void *element);
uint32_t ring_space(struct ring *ring);
bool ring_publish(struct ring *ring);
/* Whether the consumer says that it sleeps: a hint for a producer that could put more. */
bool ring_wanted(const struct ring *ring);

/* Consumer. take copies one element out; false: empty. sleep says "wake me" and looks again: false means that
 * there is something after all (and sleeping was taken back). awake takes it back after waking. */
bool ring_take(struct ring *ring, void *element);
uint32_t ring_count(struct ring *ring);
bool ring_sleep(struct ring *ring);
void ring_awake(struct ring *ring);
