/* way.c: see way.h. */
#include "way.h"

#include <stdlib.h>

struct flight {
    net_time arrival;
    size_t length;
    uint8_t frame[];
};

void way_init(struct way *way, const struct link_config *config, uint64_t seed) {
    *way = (struct way){0};
    link_init(&way->link, config, seed);
}

void way_free(struct way *way) {
    for (uint32_t i = way->first; i < way->end; i++) {
        free(way->flights[i]);
    }
    free(way->flights);
}

/* A place at the end: what has left makes room once it was half of all, else there is more memory. */
static bool make_room(struct way *way) {
    if (way->first > way->capacity / 2) {
        memmove(way->flights, way->flights + way->first, (way->end - way->first) * sizeof(struct flight *));
        way->end -= way->first;
        way->first = 0;
    } else if (way->end == way->capacity) {
        uint32_t capacity = way->capacity * 2 + 64;
        struct flight **flights = realloc(way->flights, capacity * sizeof(struct flight *));
        if (flights == NULL) {
            return false;
        }
        way->flights = flights;
        way->capacity = capacity;
    }
    return true;
}

/* Behind all that arrive before it or with it. Most frames arrive in the order in which they came, so the
 * search begins at the end. */
static void insert(struct way *way, struct flight *flight) {
    uint32_t at = way->end++;
    for (; at > way->first && way->flights[at - 1]->arrival > flight->arrival; at--) {
        way->flights[at] = way->flights[at - 1];
    }
    way->flights[at] = flight;
    way->bytes += flight->length;
}

static void launch(struct way *way, const uint8_t *frame, size_t length, const struct link_fate *fate,
                   uint32_t copy) {
    bool fits = way->bytes + length <= WAY_BYTES_MAX && make_room(way);
    struct flight *flight = fits ? malloc(sizeof *flight + length) : NULL;
    if (flight == NULL) {
        way->overflowed++;
        return;
    }
    flight->arrival = fate->arrival[copy];
    flight->length = length;
    memcpy(flight->frame, frame, length);
    if (fate->mark) {
        link_mark(flight->frame, length);
        way->marked += memcmp(flight->frame, frame, length) != 0;
    }
    if (fate->corrupt[copy]) {
        link_damage(&way->link, flight->frame, length);
        way->damaged++;
    }
    insert(way, flight);
}

void way_take(struct way *way, const uint8_t *frame, size_t length, net_time now) {
    way->taken++;
    if (way->cut) {
        way->cut_off++;
        return;
    }
    struct link_fate fate = link_carry(&way->link, length, now);
    way->doubled += fate.copies > 1;
    for (uint32_t i = 0; i < fate.copies; i++) {
        launch(way, frame, length, &fate, i);
    }
}

net_time way_next(const struct way *way) {
    return way->first < way->end ? way->flights[way->first]->arrival : NET_NEVER;
}

void way_deliver(struct way *way, way_send *send, void *context, net_time now) {
    way->full = false;
    while (way_next(way) <= now) {
        struct flight *flight = way->flights[way->first];
        enum way_result result = send(context, flight->frame, flight->length);
        if (result == WAY_FULL) {
            way->full = true;
            return;
        }
        way->delivered += result == WAY_SENT;
        way->refused += result == WAY_REFUSED;
        way->latest = now - flight->arrival > way->latest ? now - flight->arrival : way->latest;
        way->bytes -= flight->length;
        way->first++;
        free(flight);
    }
}
