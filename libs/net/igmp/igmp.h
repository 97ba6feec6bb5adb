/* igmp.h: which groups this host listens to, and how the routers hear of it (IGMPv3, RFC 3376, with its
 * fall-back to versions 2 and 1).
 *
 * The core merges what the sockets want of a group into one filter (RFC 3376 3.2) and says so with igmp_set;
 * what is due comes out of igmp_compose. A group that has been left stays until the routers have been told.
 * Everything is bounded: groups, sources of a group, and sources that a router may ask about. */
#pragma once

#include <base/error.h>
#include <base/random.h>
#include <net/counters.h>
#include <net/types.h>
#include <net/wire/igmp.h>

#define IGMP_GROUPS     32
#define IGMP_SOURCES    16
#define IGMP_ROBUSTNESS 2 /* RFC 3376 8.1: how often each change is told; a querier may say otherwise */

/* Which sources of a group are wanted: those listed, or all but those. */
struct igmp_filter {
    bool exclude;
    uint8_t count;
    uint32_t source[IGMP_SOURCES];
};

/* A source whose standing has changed, and how often that is still to be told. */
struct igmp_change {
    uint32_t source;
    bool allow;
    uint8_t left;
};

struct igmp_group {
    uint32_t group; /* 0: free */
    struct igmp_filter filter;
    /* Changes, to be told of now and again (RFC 3376 5.1): */
    net_time tell_at;  /* NET_NEVER: nothing to tell */
    uint8_t mode_left; /* >0: how often to tell the whole filter; else only what is in `change` */
    uint8_t change_count;
    struct igmp_change change[IGMP_SOURCES];
    /* An answer to a query (5.2): */
    net_time answer_at;  /* NET_NEVER: none */
    uint8_t asked_count; /* 0: about the group as a whole */
    uint32_t asked[IGMP_SOURCES];
    bool reported_last; /* versions 1 and 2: the last report of this group was ours, so we tell of leaving */
};

struct igmp {
    uint8_t version;             /* that we speak */
    uint8_t robustness;          /* as the querier says */
    uint32_t interval;           /* of its queries, seconds */
    net_time v1_until, v2_until; /* a querier of that version has been heard of lately (7.2.1) */
    net_time answer_at;          /* to a general query; NET_NEVER: none */
    net_time deadline;           /* the earliest of all */
    struct igmp_group group[IGMP_GROUPS];
    uint32_t count; /* groups in the table, those that were left included */
    struct random *random;
    struct net_counters *counters;
};

/* `random` is the engine's. */
void igmp_init(struct igmp *igmp, struct random *random, struct net_counters *counters);

/* From now on this is wanted of the group; nothing (include, no source) means to leave it. ERR_TOO_MANY:
 * there are too many groups. */
enum error igmp_set(struct igmp *igmp, uint32_t group, const struct igmp_filter *filter, net_time now);
/* The link is another one: all groups are told anew. */
void igmp_restart(struct igmp *igmp, net_time now);

/* Is a packet from there to that group for us? 224.0.0.1 always is. */
bool igmp_wants(const struct igmp *igmp, uint32_t group, uint32_t source);

/* A message from another station. */
void igmp_input(struct igmp *igmp, const struct igmp_message *message, net_time now);

/* Writes the message that is due, which thereby counts as sent; its destination. false: nothing is due. */
bool igmp_compose(struct igmp *igmp, struct writer *writer, uint32_t *destination, net_time now);
net_time igmp_deadline(const struct igmp *igmp);
