/* identity.c: ids of datagrams; read identity.h first. */
#include <net/path/identity.h>

void identities_init(struct identities *identities, struct random *random) {
    *identities = (struct identities){.key = {random_u64(random), random_u64(random)}, .random = random};
    for (uint32_t i = 0; i < IDENTITIES; i++) {
        identities->counter[i].next = (uint16_t)siphash(identities->key, &i, sizeof i);
    }
    identities->recent_index = IDENTITIES; /* none */
}

static uint32_t class_of(struct identities *identities, const struct identity_key *key) {
    const struct identity_key *recent = &identities->recent;
    bool same = recent->source == key->source && recent->destination == key->destination &&
                recent->protocol == key->protocol;
    if (!same || identities->recent_index == IDENTITIES) {
        identities->recent = *key;
        identities->recent_index = (uint32_t)siphash(identities->key, key, sizeof *key) % IDENTITIES;
    }
    return identities->recent_index;
}

uint16_t identity_take(struct identities *identities, const struct identity_key *key, uint32_t count,
                       net_time now) {
    uint32_t index = class_of(identities, key), time = (uint32_t)(now / 1000);
    uint32_t rested = time - identities->counter[index].used;
    if (rested != 0) {
        identities->counter[index].next += (uint16_t)random_below(identities->random, rested);
        identities->counter[index].used = time;
    }
    uint16_t id = identities->counter[index].next;
    identities->counter[index].next = (uint16_t)(id + count);
    return id;
}
