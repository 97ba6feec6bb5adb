/* limit.h: how many errors may be sent, to one and to all (RFC 1812 4.3.2.8), with Linux's numbers.
 *
 * A bucket for each peer: six at once, then one a second. One for all: fifty at once, then a thousand a
 * second, of which each error takes one or, by chance, up to three: counting errors tells nobody how many
 * others got. Peers share a small table; who is pushed out of it has a full bucket again. */
#pragma once

#include <base/random.h>
#include <net/types.h>

#define ICMP_ERRORS_BURST 50
#define ICMP_ERROR_EVERY  (NET_SECOND / 1000)
#define ICMP_PEER_BURST   6
#define ICMP_PEER_EVERY   NET_SECOND
#define ICMP_PEERS        128

struct icmp_limit {
    uint32_t tokens;   /* of the bucket for all */
    net_time refilled; /* up to when they have been counted */
    uint64_t key[2];   /* of the table's hash */
    struct random *random;
    struct {
        uint32_t address;
        net_time spent; /* its bucket will be full by then */
    } peer[ICMP_PEERS];
};

/* `random` stays the engine's. */
void icmp_limit_init(struct icmp_limit *limit, struct random *random, net_time now);
/* May an error go to `peer` now? It counts as sent. */
bool icmp_limit_allows(struct icmp_limit *limit, uint32_t peer, net_time now);
