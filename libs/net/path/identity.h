/* identity.h: the id that tells the fragments of one datagram from those of another (RFC 791, RFC 6864).
 *
 * One counter for each of many classes of source, destination and protocol, as Linux has them: within a class
 * no id comes again before all others have been used. Counters begin anywhere and jump by chance, more the
 * longer they have rested: nobody can tell from the ids that he gets what others are sent, nor guess theirs.
 */
#pragma once

#include <base/random.h>
#include <net/types.h>

#define IDENTITIES 256

struct identity_key {
    uint32_t source, destination;
    uint32_t protocol;
};

struct identities {
    uint64_t key[2];
    struct identity_key recent; /* most packets are followed by one of the same class */
    uint32_t recent_index;
    struct random *random;
    struct {
        uint16_t next;
        uint32_t used; /* milliseconds: when it was last */
    } counter[IDENTITIES];
};

/* Seeds itself out of `random`, which stays the engine's. */
void identities_init(struct identities *identities, struct random *random);
/* The first of `count` ids in a row. */
uint16_t identity_take(struct identities *identities, const struct identity_key *key, uint32_t count,
                       net_time now);
