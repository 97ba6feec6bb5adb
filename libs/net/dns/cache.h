/* cache.h: the resolver's memory: fixed hosts, and answers for their time to live. */
#pragma once

#include <net/dns/dns.h>

/* Answers from "localhost" (RFC 6761 6.3), the hosts and the cache, in this order. false: ask. */
bool dns_cache_find(const struct dns *dns, const struct dns_name *name, uint16_t type, net_time now,
                    struct dns_answer *answer);
/* Keeps an answer, also a negative one, for `ttl` seconds; whatever expires first gives way. */
void dns_cache_store(struct dns *dns, const struct dns_question *question, const struct dns_answer *answer,
                     uint32_t ttl, net_time now);
