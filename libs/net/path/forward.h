/* forward.h: packets on their way from one link to another, until there is a slot to send them in (RFC 1812
 * 5).
 *
 * One queue a link, bounded in number and in memory; what finds it full is dropped, as in any router. The
 * packets have been judged and their TTL counted down already. */
#pragma once

#include <base/list.h>
#include <base/span.h>
#include <net/arena.h>
#include <net/counters.h>
#include <net/wire/ipv4.h>

#define FORWARD_PACKETS 256
#define FORWARD_MEMORY  ((size_t)512 << 10) /* bytes of the arena */

struct forward_item {
    struct list link;
    bool waiting; /* its next hop is not known yet */
    uint32_t next_hop;
    uint32_t length;
    uint8_t bytes[]; /* the packet, from its IPv4 header on */
};

struct forwarder {
    struct list items; /* the oldest first */
    uint32_t count;
    size_t used; /* bytes of the arena */
    struct arena *arena;
    struct net_counters *counters;
};

void forward_init(struct forwarder *forwarder, struct arena *arena, struct net_counters *counters);

/* A copy of the packet, with one hop less to live and its header's sum to match, at the end of the queue; the
 * caller may still change it. Null: there is no room (counted). */
struct forward_item *forward_put(struct forwarder *forwarder, struct span packet, uint32_t next_hop);

/* What is due; null: nothing that does not wait. It stays due until forward_done. */
struct forward_item *forward_next(const struct forwarder *forwarder);
/* It was sent, or is dropped. */
void forward_done(struct forwarder *forwarder, struct forward_item *item);
/* Drops everything: the link is down. */
void forward_flush(struct forwarder *forwarder);
/* Lets all that wait look again. */
void forward_wake(struct forwarder *forwarder);
