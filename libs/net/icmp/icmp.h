/* icmp.h: ICMP for a host (RFC 792, RFC 1122 3.2.2): answers echoes, reports errors, and tells what errors
 * are about.
 *
 * What is to be sent waits in a queue, bounded in number and in memory. Errors are limited in rate (limit.h)
 * and never sent about what RFC 1122 3.2.2 forbids. */
#pragma once

#include <base/error.h>
#include <net/arena.h>
#include <net/counters.h>
#include <net/icmp/limit.h>
#include <net/types.h>
#include <net/wire/icmp.h>

#define ICMP_WAITING_MAX 64                  /* messages */
#define ICMP_MEMORY_MAX  ((size_t)256 << 10) /* bytes of the arena that they may hold */
#define ICMP_QUOTE_MAX   548                 /* an error is at most 576 bytes long (RFC 1812 4.3.2.3) */

/* A message to be sent. */
struct icmp_item {
    struct list link;
    bool waiting; /* its next hop is not known yet */
    uint8_t tos;
    uint32_t source, destination;
    struct icmp_message message; /* its payload is `bytes` */
    uint8_t bytes[];
};

struct icmp {
    struct icmp_limit limit;
    uint32_t clock;    /* added to what our clock shows, so that it does not tell how long we have been up */
    struct list items; /* the oldest first */
    uint32_t count;
    size_t used; /* bytes of the arena */
    struct arena *arena;
    struct net_counters *counters;
};

/* What an error from outside is about, for whoever sent the packet that it quotes. */
struct icmp_report {
    enum error error; /* ERR_REFUSED, ERR_HOST_UNREACHABLE, ERR_NET_UNREACHABLE, ERR_MESSAGE_SIZE */
    bool hard;        /* RFC 1122 4.2.3.9: protocol or port unreachable, prohibited */
    uint16_t mtu;     /* ERR_MESSAGE_SIZE: of the next hop, as it was told; 0: unknown */
    struct icmp_quote quote;
};

/* What is to be sent. */
struct icmp_output {
    uint32_t source, destination;
    struct icmp_message message; /* its payload stays where it is until icmp_sent */
    struct icmp_item *item;
    uint8_t tos;
};

/* `random` stays the engine's. */
void icmp_init(struct icmp *icmp, struct arena *arena, struct random *random, struct net_counters *counters,
               net_time now);

/* Takes in a message that was sent to `header->destination`; `to_us`: that is one of our own addresses, no
 * group or broadcast (questions to those are not answered). True: it is an error about a packet of ours,
 * *report says which; `quote.source` is still to be compared with our addresses. */
bool icmp_input(struct icmp *icmp, const struct ipv4_header *header, const struct icmp_message *message,
                bool to_us, struct icmp_report *report, net_time now);

/* Reports `packet` (an IPv4 packet, from its header on, that was sent to one of our own addresses by a
 * station's address) to its sender. Does nothing when that is forbidden (about errors, later fragments) or
 * too frequent. */
void icmp_error(struct icmp *icmp, uint8_t type, uint8_t code, struct span packet, net_time now);
/* The same for a packet with a wrong option (parameter problem, RFC 1122 3.2.2.5). pointer: the byte of its
 * header that is wrong. */
void icmp_error_option(struct icmp *icmp, uint8_t pointer, struct span packet, net_time now);

/* The same about a packet that was on its way to another, in a router's name: the way back chooses the
 * source. mtu: of the next link, with fragmentation needed. */
void icmp_router_error(struct icmp *icmp, uint8_t type, uint8_t code, uint16_t mtu, struct span packet,
                       net_time now);

/* What is due; false: nothing that does not wait. It stays due until icmp_sent, also used to drop it. */
bool icmp_next(const struct icmp *icmp, struct icmp_output *output);
void icmp_sent(struct icmp *icmp, const struct icmp_output *output);
/* Its next hop is not known yet: it is passed over until icmp_wake. */
void icmp_wait(struct icmp *icmp, const struct icmp_output *output);
void icmp_wake(struct icmp *icmp);
