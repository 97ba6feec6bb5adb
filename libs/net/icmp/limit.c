/* limit.c: two kinds of token buckets; read limit.h first. */
#include <net/icmp/limit.h>

void icmp_limit_init(struct icmp_limit *limit, struct random *random, net_time now) {
    *limit = (struct icmp_limit){.tokens = ICMP_ERRORS_BURST,
                                 .refilled = now,
                                 .key = {random_u64(random), random_u64(random)},
                                 .random = random};
}

static void refill(struct icmp_limit *limit, net_time now) {
    net_time earned = (now - limit->refilled) / ICMP_ERROR_EVERY;
    net_time missing = ICMP_ERRORS_BURST - limit->tokens;
    if (earned >= missing) {
        limit->tokens = ICMP_ERRORS_BURST;
        limit->refilled = now;
    } else {
        limit->tokens += (uint32_t)earned;
        limit->refilled += earned * ICMP_ERROR_EVERY;
    }
}

bool icmp_limit_allows(struct icmp_limit *limit, uint32_t peer, net_time now) {
    uint32_t place = (uint32_t)siphash(limit->key, &peer, sizeof peer) % ICMP_PEERS;
    net_time spent = limit->peer[place].address == peer ? limit->peer[place].spent : 0;
    refill(limit, now);
    if (limit->tokens == 0 || spent > now + (ICMP_PEER_BURST - 1) * ICMP_PEER_EVERY) {
        return false;
    }
    uint32_t price = 1 + random_below(limit->random, 3);
    limit->tokens -= price < limit->tokens ? price : limit->tokens;
    limit->peer[place].address = peer;
    limit->peer[place].spent = (spent > now ? spent : now) + ICMP_PEER_EVERY;
    return true;
}
