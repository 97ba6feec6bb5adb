/* dns.h: the stub resolver (RFC 1035, 1123 6.1; forgery resistance RFC 5452; negative answers RFC 2308).
 *
 * A query is what a client asked; queries for the same name share one question, which is what goes over the
 * wire: from a port and with an id that are new for every try. Answers are kept in a bounded cache for their
 * TTL. */
#pragma once

#include <base/error.h>
#include <base/random.h>
#include <net/counters.h>
#include <net/types.h>
#include <net/wire/dns.h>

#define DNS_QUERIES_MAX   64
#define DNS_QUESTIONS_MAX 16
#define DNS_CACHE_MAX     32
#define DNS_ADDRESSES_MAX 8
#define DNS_SERVERS_MAX   3
#define DNS_HOSTS_MAX     8
#define DNS_TRIES         4 /* over all servers, in turn */
#define DNS_CHAIN_MAX     8 /* CNAMEs in one answer */

/* What came of a question. */
struct dns_answer {
    enum error error; /* ERR_NONE, ERR_NO_NAME, ERR_NAME_SERVER, ERR_TIMED_OUT; ERR_WOULD_BLOCK: not yet */
    uint8_t count;
    struct net_address address[DNS_ADDRESSES_MAX];
};

struct dns_cached {
    struct dns_name name; /* length 0: free */
    uint16_t type;
    net_time expires;
    struct dns_answer answer;
};

struct dns_question {
    struct dns_name name; /* length 0: free */
    uint16_t type;        /* DNS_A or DNS_AAAA */
    uint16_t id, port;    /* of the try that is out */
    uint8_t tries;
    uint8_t server;    /* index */
    uint8_t failures;  /* servers that said SERVFAIL or the like */
    bool due;          /* a try is to be sent */
    bool waiting;      /* its server's next hop is not known yet */
    net_time deadline; /* of the try */
};

struct dns_query {
    uint32_t id; /* 0: free; index and generation */
    net_owner owner;
    bool told;        /* its end has been handed out by dns_take_finished */
    uint8_t question; /* index, while answer.error is ERR_WOULD_BLOCK */
    struct dns_answer answer;
};

struct dns {
    uint32_t server_count, host_count, generation;
    uint32_t untold; /* queries that have ended and were not handed out */
    struct net_address server[DNS_SERVERS_MAX];
    struct dns_query query[DNS_QUERIES_MAX];
    struct dns_question question[DNS_QUESTIONS_MAX];
    struct dns_cached cache[DNS_CACHE_MAX];
    struct dns_cached host[DNS_HOSTS_MAX]; /* fixed entries; never expire */
    struct random *random;
    struct net_counters *counters;
};

/* A datagram to port 53 of `server`. */
struct dns_output {
    struct net_address server;
    uint16_t port, id; /* ours */
    const struct dns_name *name;
    uint16_t type;
    uint32_t question;
};

void dns_init(struct dns *dns, struct random *random, struct net_counters *counters);
/* The servers, in order of preference. Questions that are out go to the new ones when their try is over. */
void dns_set_servers(struct dns *dns, const struct net_address *servers, size_t count, net_time now);
/* A fixed entry, as of a hosts file. ERR_INVALID: name; ERR_TOO_MANY. */
enum error dns_add_host(struct dns *dns, const char *name, const struct net_address *address);

/* Starts a query for addresses of `family`. A name that is an address in text, or is in the hosts or the
 * cache, is answered at once. ERR_INVALID: no name; ERR_TOO_MANY; ERR_NAME_SERVER: no server is known. */
enum error dns_start(struct dns *dns, net_owner owner, const char *name, enum net_family family,
                     uint32_t *query, net_time now);
/* ERR_WOULD_BLOCK: not yet. Else the query is over and forgotten: ERR_NONE with *count addresses (in: room
 * for), ERR_NO_NAME, ERR_NAME_SERVER, ERR_TIMED_OUT. ERR_NOT_FOUND: no such query. */
enum error dns_result(struct dns *dns, uint32_t query, struct net_address *addresses, size_t *count);
void dns_cancel(struct dns *dns, uint32_t query);
void dns_cancel_owner(struct dns *dns, net_owner owner);
/* A query that has ended and was not handed out before; false: none. */
bool dns_take_finished(struct dns *dns, uint32_t *query, net_owner *owner);

/* Is a datagram to this port of ours an answer? Then dns_input takes it. */
bool dns_wants(const struct dns *dns, uint16_t port);
void dns_input(struct dns *dns, const struct net_endpoint *from, uint16_t port, struct span bytes,
               net_time now);
/* Ends tries that got no answer. Call when the deadline is over, before dns_next. */
void dns_expire(struct dns *dns, net_time now);

/* What is due; false: nothing that does not wait. Stays due until dns_sent. */
bool dns_next(const struct dns *dns, struct dns_output *output);
void dns_sent(struct dns *dns, const struct dns_output *output, net_time now);
/* The server's next hop is not known yet: passed over until dns_wake. */
void dns_wait(struct dns *dns, const struct dns_output *output);
void dns_wake(struct dns *dns);
/* The server's next hop did not answer: the try is over. */
void dns_unreachable(struct dns *dns, const struct dns_output *output, net_time now);
net_time dns_deadline(const struct dns *dns);
uint32_t dns_query_count(const struct dns *dns);
