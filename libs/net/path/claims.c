/* claims.c: RFC 5227 for each of our addresses; read claims.h first. */
#include <net/path/claims.h>

void claims_init(struct claims *claims, struct mac mac, struct random *random,
                 struct net_counters *counters) {
    *claims = (struct claims){.mac = mac, .deadline = NET_NEVER, .random = random, .counters = counters};
}

/* When the claim wants to do something. */
static net_time deadline_of(const struct claim *claim) {
    if (claim->state == CLAIM_FREE) {
        return NET_NEVER;
    }
    return claim->defend ? 0 : claim->deadline;
}

static void refresh_deadline(struct claims *claims) {
    net_time earliest = NET_NEVER;
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        earliest = net_time_min(earliest, deadline_of(&claims->claim[i]));
    }
    claims->deadline = earliest;
}

static struct claim *find(struct claims *claims, uint32_t address) {
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        struct claim *claim = &claims->claim[i];
        if (claim->state != CLAIM_FREE && claim->address == address) {
            return claim;
        }
    }
    return NULL;
}

static void set_state(struct claim *claim, enum claim_state state, uint8_t left, net_time deadline) {
    claim->state = state;
    claim->left = left;
    claim->deadline = deadline;
}

/* ---- For the core ---- */

static void probe(struct claims *claims, struct claim *claim, bool careful, net_time now) {
    net_time wait = careful ? random_below(claims->random, CLAIM_PROBE_WAIT) : 0;
    claim->careful = careful;
    set_state(claim, CLAIM_PROBING, careful ? CLAIM_PROBES : 1, net_time_after(now, wait));
}

void claims_add(struct claims *claims, uint32_t address, bool careful, net_time now) {
    claims_remove(claims, address);
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        struct claim *claim = &claims->claim[i];
        if (claim->state == CLAIM_FREE) {
            *claim = (struct claim){.address = address, .defended = NET_NEVER};
            probe(claims, claim, careful, now);
            break;
        }
    }
    refresh_deadline(claims);
}

void claims_remove(struct claims *claims, uint32_t address) {
    struct claim *claim = find(claims, address);
    if (claim != NULL) {
        claim->state = CLAIM_FREE;
        claim->news = CLAIM_NOTHING;
        refresh_deadline(claims);
    }
}

void claims_restart(struct claims *claims, struct mac mac, net_time now) {
    claims->mac = mac;
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        struct claim *claim = &claims->claim[i];
        bool careful = claim->state == CLAIM_PROBING && claim->careful;
        if (claim->state != CLAIM_FREE) {
            claim->defend = false;
            claim->defended = NET_NEVER;
            probe(claims, claim, careful, now);
        }
    }
    refresh_deadline(claims);
}

static void tell(struct claims *claims, struct claim *claim, enum claim_news news) {
    claim->news = news;
    claims->any_news = true;
}

enum claim_news claims_take_news(struct claims *claims, uint32_t *address) {
    for (uint32_t i = 0; i < ADDRESSES_MAX && claims->any_news; i++) {
        struct claim *claim = &claims->claim[i];
        enum claim_news news = claim->news;
        if (news != CLAIM_NOTHING) {
            claim->news = CLAIM_NOTHING;
            *address = claim->address;
            return news;
        }
    }
    claims->any_news = false;
    return CLAIM_NOTHING;
}

/* ---- In ---- */

/* Speak up once; if the other goes on all the same, let the core decide (RFC 5227 2.4). */
static void defend(struct claims *claims, struct claim *claim, net_time now) {
    if (claim->defended != NET_NEVER && now - claim->defended < CLAIM_DEFENCE) {
        tell(claims, claim, CLAIM_LOST);
        return;
    }
    claim->defended = now;
    claim->defend = true;
}

static void note_conflict(struct claims *claims, struct claim *claim, net_time now) {
    claims->counters->arp_conflicts++;
    if (claim->state == CLAIM_PROBING) { /* 2.1.1 */
        set_state(claim, CLAIM_HELD, 0, NET_NEVER);
        claim->defended = now; /* if the core keeps it all the same, that is not said at once */
        tell(claims, claim, CLAIM_LOST);
    } else {
        defend(claims, claim, now);
    }
    refresh_deadline(claims);
}

bool claims_input(struct claims *claims, const struct arp_packet *packet, net_time now) {
    if (mac_equal(packet->sender_mac, claims->mac)) {
        return false; /* our own broadcast, sent back by a hub */
    }
    struct claim *claim = find(claims, packet->sender_address);
    if (claim != NULL) {
        note_conflict(claims, claim, now);
        return true;
    }
    bool is_probe = packet->sender_address == IPV4_ANY && packet->operation == ARP_REQUEST;
    claim = is_probe ? find(claims, packet->target_address) : NULL;
    if (claim != NULL && claim->state == CLAIM_PROBING) { /* both want it: neither may have it */
        note_conflict(claims, claim, now);
    }
    return false;
}

/* ---- Out ---- */

bool claims_next(const struct claims *claims, net_time now, struct arp_output *output) {
    if (now < claims->deadline) {
        return false;
    }
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        const struct claim *claim = &claims->claim[i];
        bool due = claim->state != CLAIM_FREE && now >= deadline_of(claim);
        if (due && (claim->left > 0 || claim->defend)) {
            uint32_t sender = claim->state == CLAIM_PROBING ? IPV4_ANY : claim->address;
            *output = (struct arp_output){.destination = MAC_BROADCAST,
                                          .packet = {.operation = ARP_REQUEST,
                                                     .sender_mac = claims->mac,
                                                     .sender_address = sender,
                                                     .target_address = claim->address}};
            return true;
        }
    }
    return false;
}

static void sent_probe(struct claims *claims, struct claim *claim, net_time now) {
    net_time wait = CLAIM_ANNOUNCE_WAIT;
    if (--claim->left > 0) {
        wait = CLAIM_PROBE_LEAST + random_below(claims->random, CLAIM_PROBE_MOST - CLAIM_PROBE_LEAST);
    }
    claim->deadline = net_time_after(now, wait);
}

void claims_sent(struct claims *claims, const struct arp_output *output, net_time now) {
    struct claim *claim = find(claims, output->packet.target_address);
    if (claim == NULL) {
        return;
    }
    if (claim->defend) {
        claim->defend = false;
    } else if (claim->state == CLAIM_PROBING) {
        sent_probe(claims, claim, now);
    } else if (--claim->left > 0) {
        claim->deadline = net_time_after(now, CLAIM_ANNOUNCE_GAP);
    } else {
        set_state(claim, CLAIM_HELD, 0, NET_NEVER);
    }
    refresh_deadline(claims);
}

void claims_expire(struct claims *claims, net_time now) {
    for (uint32_t i = 0; i < ADDRESSES_MAX && now >= claims->deadline; i++) {
        struct claim *claim = &claims->claim[i];
        if (claim->state == CLAIM_PROBING && claim->left == 0 && now >= claim->deadline) {
            set_state(claim, CLAIM_ANNOUNCING, CLAIM_ANNOUNCEMENTS, now);
            tell(claims, claim, CLAIM_WON);
        }
    }
    refresh_deadline(claims);
}

net_time claims_deadline(const struct claims *claims) {
    return claims->deadline;
}
