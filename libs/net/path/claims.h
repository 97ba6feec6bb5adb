/* claims.h: our own addresses as the other stations hear of them: probed, announced and defended (RFC 5227).
 *
 * A careful claim probes three times and waits before the address may be used; the core hears of CLAIM_WON. A
 * hasty one probes once while the address is in use already: a machine that boots in a fraction of a second
 * does not wait for seven, and Linux probes not at all. Either is announced twice and then held: who uses the
 * address too is told once in ten seconds, and the core hears of CLAIM_LOST when that does not help. */
#pragma once

#include <base/random.h>
#include <net/counters.h>
#include <net/path/neighbours.h>

/* RFC 5227 1.1. */
#define CLAIM_PROBE_WAIT    (1 * NET_SECOND)
#define CLAIM_PROBES        3
#define CLAIM_PROBE_LEAST   (1 * NET_SECOND)
#define CLAIM_PROBE_MOST    (2 * NET_SECOND)
#define CLAIM_ANNOUNCE_WAIT (2 * NET_SECOND)
#define CLAIM_ANNOUNCEMENTS 2
#define CLAIM_ANNOUNCE_GAP  (2 * NET_SECOND)
#define CLAIM_DEFENCE       (10 * NET_SECOND)

enum claim_state {
    CLAIM_FREE,
    CLAIM_PROBING,    /* `left` probes to go; after the last a time of silence */
    CLAIM_ANNOUNCING, /* `left` announcements to go */
    CLAIM_HELD
};

/* For the core to take with claims_take_news. */
enum claim_news {
    CLAIM_NOTHING,
    CLAIM_WON, /* nobody objected */
    CLAIM_LOST /* another station has it: while it was being probed, or though we defended it */
};

struct claim {
    enum claim_state state;
    uint32_t address;
    uint8_t left;
    bool careful; /* PROBING: the address is not in use yet */
    bool defend;  /* one announcement is due, out of turn */
    enum claim_news news;
    net_time deadline; /* PROBING, ANNOUNCING: of the next packet, or of the silence's end */
    net_time defended; /* when we last spoke up; NET_NEVER: not yet */
};

struct claims {
    struct mac mac; /* ours */
    bool any_news;
    net_time deadline; /* the earliest of all */
    struct claim claim[ADDRESSES_MAX];
    struct random *random;
    struct net_counters *counters;
};

/* `random` is the engine's. */
void claims_init(struct claims *claims, struct mac mac, struct random *random, struct net_counters *counters);
/* Claims one more address, of which there are at most ADDRESSES_MAX. */
void claims_add(struct claims *claims, uint32_t address, bool careful, net_time now);
void claims_remove(struct claims *claims, uint32_t address);
/* The link came back, perhaps in another network: what is ours is claimed hastily anew, for it may have
 * connections; what was still being probed is probed from the start. */
void claims_restart(struct claims *claims, struct mac mac, net_time now);

/* Looks at a packet from another station. True: it says that one of our addresses is its own; then it is
 * nobody's neighbour. */
bool claims_input(struct claims *claims, const struct arp_packet *packet, net_time now);

/* What is due; false: nothing. Stays due until claims_sent. */
bool claims_next(const struct claims *claims, net_time now, struct arp_output *output);
void claims_sent(struct claims *claims, const struct arp_output *output, net_time now);
/* Ends silences that are over. Call when the deadline has passed, before claims_next. */
void claims_expire(struct claims *claims, net_time now);
net_time claims_deadline(const struct claims *claims);

/* What became of an address, each thing once; CLAIM_NOTHING: no more. */
enum claim_news claims_take_news(struct claims *claims, uint32_t *address);
