/* neighbours.h: who has which MAC address: ARP's state machine (RFC 826, RFC 1122 2.3.2). What others hear of
 * our own addresses is in claims.h.
 *
 * Nobody's packet is queued here. A sender asks neighbour_lookup each time it could send; on
 * NEIGHBOUR_WAITING it asks again when `generation` has changed. What did not answer is NEIGHBOUR_FAILED for
 * a second, so that all who waited get ERR_HOST_UNREACHABLE. Entries grow old without a timer: only an open
 * question has a deadline. */
#pragma once

#include <net/counters.h>
#include <net/path/routes.h>
#include <net/types.h>
#include <net/wire/arp.h>

#define NEIGHBOURS_MAX         64
#define NEIGHBOURS_PERMANENT   32 /* so that there is always room for what is learned */
#define NEIGHBOUR_REPLIES_MAX  8
#define NEIGHBOUR_REQUESTS_MAX 3
#define NEIGHBOUR_FRESH        (30 * NET_SECOND)  /* after a confirmation; then stale */
#define NEIGHBOUR_PROBE_DELAY  (5 * NET_SECOND)   /* of use, before a stale one is asked */
#define NEIGHBOUR_LIFE         (600 * NET_SECOND) /* without use */

enum neighbour_state {
    NEIGHBOUR_FREE,
    NEIGHBOUR_INCOMPLETE, /* asked by broadcast, no answer yet */
    NEIGHBOUR_REACHABLE,  /* confirmed lately */
    NEIGHBOUR_STALE,      /* known, but not lately confirmed; used nevertheless */
    NEIGHBOUR_PROBE,      /* used while stale: asked again unless traffic confirms it first */
    NEIGHBOUR_UNANSWERED, /* did not answer; forgotten when the deadline has passed */
    NEIGHBOUR_PERMANENT   /* set by hand: never asked, forgotten or changed by what is heard */
};

struct neighbour {
    enum neighbour_state state;
    uint32_t address;
    struct mac mac;
    uint8_t requests;   /* sent since the question was opened */
    bool broadcast;     /* a probe goes to all: another station claims the address */
    net_time confirmed; /* REACHABLE: since when */
    net_time used;      /* by a look-up */
    net_time deadline;  /* INCOMPLETE, PROBE: next request, or failure after the last; UNANSWERED */
};

/* An ARP packet with its Ethernet destination. */
struct arp_output {
    struct mac destination;
    struct arp_packet packet;
};

struct neighbours {
    struct mac mac;      /* ours */
    uint32_t generation; /* grows whenever an answer of neighbour_lookup may have changed */
    uint32_t recent;     /* index of the last one looked up: most packets go where the one before went */
    net_time deadline;   /* the earliest of all that is asked */
    struct neighbour table[NEIGHBOURS_MAX];
    uint32_t reply_count;
    struct arp_output reply[NEIGHBOUR_REPLIES_MAX];
    struct net_counters *counters;
};

enum neighbour_answer { NEIGHBOUR_READY, NEIGHBOUR_WAITING, NEIGHBOUR_FAILED };

void neighbours_init(struct neighbours *neighbours, struct mac mac, struct net_counters *counters);
/* Forgets all that was learned; what was set by hand stays. */
void neighbours_flush(struct neighbours *neighbours);
/* The same, and nobody is answered any more: the link is another one. */
void neighbours_clear(struct neighbours *neighbours);

/* Where to send for the next hop `address`. READY: *mac is set. WAITING: asked, or about to be. FAILED: it
 * did not answer just now, or the table is full of open questions. */
enum neighbour_answer neighbour_lookup(struct neighbours *neighbours, uint32_t address, struct mac *mac,
                                       net_time now);
/* The upper layer heard from it (an ACK of new data): no need to ask (RFC 1122 2.3.2.1). */
void neighbour_confirm(struct neighbours *neighbours, uint32_t address, net_time now);
/* It hears nothing, though this should be the way: it is asked at once whether it is still there (RFC 1122
 * 3.3.1.4, 4.2.3.5). */
void neighbour_suspect(struct neighbours *neighbours, uint32_t address, net_time now);

/* Takes in a packet; `routes` tells which addresses are ours. */
void neighbours_input(struct neighbours *neighbours, const struct routes *routes,
                      const struct arp_packet *packet, net_time now);

/* What is due; false: nothing. Stays due until neighbours_sent. */
bool neighbours_next(const struct neighbours *neighbours, const struct routes *routes, net_time now,
                     struct arp_output *output);
void neighbours_sent(struct neighbours *neighbours, const struct arp_output *output, net_time now);
/* Gives up what was not answered in time. Call when the deadline has passed, before neighbours_next. */
void neighbours_expire(struct neighbours *neighbours, net_time now);
net_time neighbours_deadline(const struct neighbours *neighbours);

/* Sets an entry by hand, also over a learned one. ERR_TOO_MANY. */
enum error neighbour_set(struct neighbours *neighbours, uint32_t address, struct mac mac, net_time now);
/* Forgets one entry of any kind. ERR_NOT_FOUND. */
enum error neighbour_remove(struct neighbours *neighbours, uint32_t address, net_time now);
/* Walks what is known: start with *cursor 0; null at the end. */
const struct neighbour *neighbour_next(const struct neighbours *neighbours, uint32_t *cursor, net_time now);
/* Entries in use. */
uint32_t neighbours_count(const struct neighbours *neighbours, net_time now);
