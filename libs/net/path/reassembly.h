/* reassembly.h: datagrams that come in pieces are put together (RFC 791 3.2, RFC 1122 3.3.2), as Linux does
 * it.
 *
 * Each fragment is copied into memory of its own, so that a short one that claims a place far behind costs
 * little. All memory together is bounded: when it is used up the oldest datagram gives way; so do the number
 * of fragments of a datagram and of unfinished datagrams of a source. What overlaps makes the whole datagram
 * void (RFC 5722, for IPv4 as well), what was there already is ignored. */
#pragma once

#include <net/arena.h>
#include <net/counters.h>
#include <net/wire/ipv4.h>

#define REASSEMBLY_TIME          (30 * NET_SECOND) /* since the first that came */
#define REASSEMBLY_FRAGMENTS_MAX 256 /* of one datagram; over a link of 296 bytes the longest has 241 */
#define REASSEMBLY_PER_SOURCE    64  /* unfinished datagrams */
/* If so many fragments of its source come between two of a datagram, its id has come round (Linux:
 * ipfrag_max_dist). */
#define REASSEMBLY_DISTANCE 64
#define REASSEMBLY_BUCKETS  64

struct reassembler {
    struct arena *arena;
    struct net_counters *counters;
    struct list partials;                   /* unfinished datagrams, the oldest first */
    struct list bucket[REASSEMBLY_BUCKETS]; /* their sources, by address */
    uint64_t key[2];                        /* of that hash */
    size_t used, budget;                    /* bytes of the arena */
    void *held;                             /* behind the span that was given out; null: none is */
};

/* A fragment that came in. */
struct fragment {
    struct span packet, payload; /* from the IPv4 header on, and what is behind that */
    const struct ipv4_header *header;
    bool to_us; /* to one of our own addresses, no group or broadcast, neither of IP nor of the link */
};

/* A datagram that is whole again. */
struct reassembled {
    struct span packet; /* with a header as if it had come in one piece; valid until reassembly_release */
    bool to_us;         /* that is true of each of its fragments */
};

/* budget: bytes of the arena that may be held. key: a secret. */
void reassembly_init(struct reassembler *reassembler, struct arena *arena, struct net_counters *counters,
                     size_t budget, const uint64_t key[2]);

/* Takes in a fragment. true: its datagram is complete and stands in *whole. */
bool reassembly_input(struct reassembler *reassembler, const struct fragment *fragment,
                      struct reassembled *whole, net_time now);
/* Gives up the oldest datagram whose time is over; false: none is. *first is its first fragment, of which its
 * source is to be told (RFC 792, time exceeded), valid until reassembly_release; empty: there is nothing to
 * tell. */
bool reassembly_expire(struct reassembler *reassembler, struct span *first, net_time now);
/* What was given out is done with. Must follow before the next call. */
void reassembly_release(struct reassembler *reassembler);
/* When there will be something for reassembly_expire. */
net_time reassembly_deadline(const struct reassembler *reassembler);
/* Forgets everything. */
void reassembly_clear(struct reassembler *reassembler);
