/* cache.c: the resolver's memory; read cache.h first. */
#include <net/dns/cache.h>
#include <net/wire/ipv4.h>

static bool is_localhost(const struct dns_name *name) {
    static const uint8_t localhost[] = "\x09localhost";
    size_t length = sizeof localhost; /* with the 0 of the root */
    return name->length >= length && memcmp(name->bytes + name->length - length, localhost, length) == 0;
}

static bool matches(const struct dns_cached *cached, const struct dns_name *name, uint16_t type) {
    return cached->name.length != 0 && cached->type == type && dns_name_equal(&cached->name, name);
}

bool dns_cache_find(const struct dns *dns, const struct dns_name *name, uint16_t type, net_time now,
                    struct dns_answer *answer) {
    if (is_localhost(name) && type == DNS_A) {
        *answer = (struct dns_answer){.count = 1, .address = {net_ipv4(ipv4_of(127, 0, 0, 1))}};
        return true;
    }
    for (uint32_t i = 0; i < dns->host_count; i++) {
        if (matches(&dns->host[i], name, type)) {
            *answer = dns->host[i].answer;
            return true;
        }
    }
    for (uint32_t i = 0; i < DNS_CACHE_MAX; i++) {
        const struct dns_cached *cached = &dns->cache[i];
        if (matches(cached, name, type) && now < cached->expires) {
            *answer = cached->answer;
            return true;
        }
    }
    return false;
}

void dns_cache_store(struct dns *dns, const struct dns_question *question, const struct dns_answer *answer,
                     uint32_t ttl, net_time now) {
    if (ttl == 0) {
        return;
    }
    struct dns_cached *place = &dns->cache[0];
    for (uint32_t i = 0; i < DNS_CACHE_MAX; i++) {
        struct dns_cached *cached = &dns->cache[i];
        if (matches(cached, &question->name, question->type)) {
            place = cached;
            break;
        }
        if (cached->expires < place->expires) { /* a free one has 0 */
            place = cached;
        }
    }
    *place = (struct dns_cached){.name = question->name,
                                 .type = question->type,
                                 .expires = net_time_after(now, ttl * NET_SECOND),
                                 .answer = *answer};
}
