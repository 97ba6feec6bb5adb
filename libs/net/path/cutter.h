/* cutter.h: datagrams that are too long for their way are cut (RFC 791 3.2, RFC 1122 3.3.3).
 *
 * One datagram at a time: its payload is put together in the cutter's memory and then leaves in pieces, one a
 * frame, before anything else of its size. Whoever had it in a queue is done with it at once. */
#pragma once

#include <net/arena.h>
#include <net/counters.h>
#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>

struct cutter {
    struct arena *arena;
    struct net_counters *counters;
    uint8_t *memory;   /* null: nothing is being cut */
    size_t length, at; /* bytes of payload; where the next piece begins */
    uint16_t mtu;
    struct mac destination;
    struct ipv4_header header;
};

void cutter_init(struct cutter *cutter, struct arena *arena, struct net_counters *counters);

static inline bool cutter_is_busy(const struct cutter *cutter) {
    return cutter->memory != NULL;
}

/* Begins a datagram, or a piece that must be cut further, with this header for packets of `mtu` bytes, 68 at
 * least; *payload is for the caller to fill, `length` bytes. Must not be busy. false: there is no memory
 * (counted), the datagram is lost. */
bool cutter_begin(struct cutter *cutter, struct mac destination, const struct ipv4_header *header,
                  uint16_t mtu, size_t length, struct writer *payload);
/* Must be busy. The next piece and its header; it is valid until cutter_sent, which must follow. */
struct span cutter_next(const struct cutter *cutter, struct ipv4_header *header);
void cutter_sent(struct cutter *cutter);
