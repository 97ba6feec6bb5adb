/* dns.c: queries, questions and tries; read dns.h first. The cache is in cache.c. */
#include <net/dns/cache.h>
#include <net/wire/ipv4.h>

#define PORT_FIRST 32768
#define PORT_COUNT 28232
#define TTL_MAX    86400

void dns_init(struct dns *dns, struct random *random, struct net_counters *counters) {
    *dns = (struct dns){.random = random, .counters = counters};
}

/* ---- Tries ---- */

static bool is_used(const struct dns_question *question) {
    return question->name.length != 0;
}

/* A fresh try, from a port and with an id that nobody can know (RFC 5452 9.2). */
static void open_try(struct dns *dns, struct dns_question *question, uint8_t server) {
    uint64_t chance = random_u64(dns->random);
    question->id = (uint16_t)chance;
    question->port = (uint16_t)(PORT_FIRST + (chance >> 32) % PORT_COUNT);
    question->server = server;
    question->due = true;
    question->waiting = false;
}

/* All who asked this get the answer; the question is over. */
static void settle(struct dns *dns, struct dns_question *question, const struct dns_answer *answer) {
    uint32_t index = (uint32_t)(question - dns->question);
    for (uint32_t i = 0; i < DNS_QUERIES_MAX; i++) {
        struct dns_query *query = &dns->query[i];
        if (query->id != 0 && query->answer.error == ERR_WOULD_BLOCK && query->question == index) {
            query->answer = *answer;
            dns->untold++;
        }
    }
    question->name.length = 0;
}

static void fail(struct dns *dns, struct dns_question *question, enum error error) {
    settle(dns, question, &(struct dns_answer){.error = error});
}

/* The try came to nothing: the next server, if there is a try left. */
static void try_next(struct dns *dns, struct dns_question *question) {
    if (dns->server_count == 0 || question->failures >= dns->server_count) {
        fail(dns, question, ERR_NAME_SERVER);
    } else if (question->tries >= DNS_TRIES) {
        fail(dns, question, ERR_TIMED_OUT);
    } else {
        open_try(dns, question, (uint8_t)((question->server + 1u) % dns->server_count));
    }
}

void dns_set_servers(struct dns *dns, const struct net_address *servers, size_t count, net_time now) {
    dns->server_count = count < DNS_SERVERS_MAX ? (uint32_t)count : DNS_SERVERS_MAX;
    for (uint32_t i = 0; i < dns->server_count; i++) {
        dns->server[i] = servers[i];
    }
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        struct dns_question *question = &dns->question[i];
        if (!is_used(question)) {
            continue;
        }
        if (dns->server_count == 0) {
            fail(dns, question, ERR_NAME_SERVER);
        } else { /* what the old servers are asked, the new ones are asked at once */
            question->failures = 0;
            open_try(dns, question, 0);
        }
    }
}

enum error dns_add_host(struct dns *dns, const char *name, const struct net_address *address) {
    if (dns->host_count == DNS_HOSTS_MAX) {
        return ERR_TOO_MANY;
    }
    struct dns_cached *host = &dns->host[dns->host_count];
    enum error error = dns_name_from_text(name, &host->name);
    if (error != ERR_NONE) {
        return error;
    }
    host->type = address->family == NET_IPV6 ? DNS_AAAA : DNS_A;
    host->answer = (struct dns_answer){.error = ERR_NONE, .count = 1, .address = {*address}};
    dns->host_count++;
    return ERR_NONE;
}

/* ---- Queries ---- */

static struct dns_query *find_query(struct dns *dns, uint32_t id) {
    struct dns_query *query = &dns->query[id % DNS_QUERIES_MAX];
    return id != 0 && query->id == id ? query : NULL;
}

static struct dns_query *new_query(struct dns *dns, net_owner owner) {
    for (uint32_t i = 0; i < DNS_QUERIES_MAX; i++) {
        struct dns_query *query = &dns->query[i];
        if (query->id == 0) {
            dns->generation++;
            *query = (struct dns_query){.id = dns->generation * DNS_QUERIES_MAX + i, .owner = owner};
            if (query->id == 0) { /* the generations have wrapped */
                query->id = DNS_QUERIES_MAX;
                dns->generation = 1;
            }
            return query;
        }
    }
    return NULL;
}

/* The question for this name, an open one if there is; null: too many are open. */
static struct dns_question *question_for(struct dns *dns, const struct dns_name *name, uint16_t type) {
    struct dns_question *free = NULL;
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        struct dns_question *question = &dns->question[i];
        if (!is_used(question)) {
            free = question;
        } else if (question->type == type && dns_name_equal(&question->name, name)) {
            return question;
        }
    }
    if (free != NULL) {
        *free = (struct dns_question){.name = *name, .type = type};
        open_try(dns, free, 0);
    }
    return free;
}

static enum error ask(struct dns *dns, struct dns_query *query, const char *text, uint16_t type,
                      net_time now) {
    uint32_t literal;
    if (type == DNS_A && ipv4_from_text(text, &literal) == ERR_NONE) {
        query->answer = (struct dns_answer){.error = ERR_NONE, .count = 1, .address = {net_ipv4(literal)}};
        return ERR_NONE;
    }
    struct dns_name name;
    enum error error = dns_name_from_text(text, &name);
    if (error != ERR_NONE || dns_cache_find(dns, &name, type, now, &query->answer)) {
        return error;
    }
    if (dns->server_count == 0) {
        return ERR_NAME_SERVER;
    }
    struct dns_question *question = question_for(dns, &name, type);
    if (question == NULL) {
        return ERR_TOO_MANY;
    }
    query->question = (uint8_t)(question - dns->question);
    query->answer.error = ERR_WOULD_BLOCK;
    return ERR_NONE;
}

enum error dns_start(struct dns *dns, net_owner owner, const char *name, enum net_family family, uint32_t *id,
                     net_time now) {
    struct dns_query *query = new_query(dns, owner);
    if (query == NULL) {
        return ERR_TOO_MANY;
    }
    enum error error = ask(dns, query, name, family == NET_IPV6 ? DNS_AAAA : DNS_A, now);
    if (error != ERR_NONE) {
        query->id = 0;
        return error;
    }
    dns->untold += query->answer.error != ERR_WOULD_BLOCK;
    *id = query->id;
    return ERR_NONE;
}

static void forget(struct dns *dns, struct dns_query *query) {
    query->id = 0;
    if (query->answer.error != ERR_WOULD_BLOCK) {
        dns->untold -= !query->told;
        return;
    }
    for (uint32_t i = 0; i < DNS_QUERIES_MAX; i++) {
        const struct dns_query *other = &dns->query[i];
        bool waits = other->id != 0 && other->answer.error == ERR_WOULD_BLOCK;
        if (waits && other->question == query->question) {
            return;
        }
    }
    dns->question[query->question].name.length = 0; /* nobody wants to know any more */
}

enum error dns_result(struct dns *dns, uint32_t id, struct net_address *addresses, size_t *count) {
    struct dns_query *query = find_query(dns, id);
    if (query == NULL) {
        return ERR_NOT_FOUND;
    }
    enum error error = query->answer.error;
    if (error == ERR_WOULD_BLOCK) {
        return error;
    }
    size_t copied = error != ERR_NONE ? 0 : query->answer.count < *count ? query->answer.count : *count;
    memcpy(addresses, query->answer.address, copied * sizeof *addresses);
    *count = copied;
    forget(dns, query);
    return error;
}

void dns_cancel(struct dns *dns, uint32_t id) {
    struct dns_query *query = find_query(dns, id);
    if (query != NULL) {
        forget(dns, query);
    }
}

void dns_cancel_owner(struct dns *dns, net_owner owner) {
    for (uint32_t i = 0; i < DNS_QUERIES_MAX; i++) {
        struct dns_query *query = &dns->query[i];
        if (query->id != 0 && query->owner == owner) {
            forget(dns, query);
        }
    }
}

bool dns_take_finished(struct dns *dns, uint32_t *id, net_owner *owner) {
    if (dns->untold == 0) {
        return false;
    }
    for (uint32_t i = 0; i < DNS_QUERIES_MAX; i++) {
        struct dns_query *query = &dns->query[i];
        if (query->id != 0 && query->answer.error != ERR_WOULD_BLOCK && !query->told) {
            query->told = true;
            dns->untold--;
            *id = query->id;
            *owner = query->owner;
            return true;
        }
    }
    return false;
}

uint32_t dns_query_count(const struct dns *dns) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < DNS_QUERIES_MAX; i++) {
        count += dns->query[i].id != 0;
    }
    return count;
}

/* ---- Answers ---- */

/* Follows the CNAMEs from `name` through the answer section: each pass looks for the one alias of the present
 * name. *ttl is lowered to what the chain allows. */
static enum error follow_aliases(const struct dns_message *message, struct dns_name *name, uint32_t *ttl) {
    for (int hops = 0; hops <= DNS_CHAIN_MAX; hops++) {
        struct dns_message pass = *message;
        struct dns_record record;
        bool found = false;
        enum error error;
        while (!found && (error = dns_next_answer(&pass, &record)) == ERR_NONE) {
            found = record.type == DNS_CNAME && dns_name_equal(&record.name, name);
        }
        if (!found) {
            return error == ERR_NOT_FOUND ? ERR_NONE : error;
        }
        *name = record.target;
        *ttl = record.ttl < *ttl ? record.ttl : *ttl;
    }
    return ERR_MALFORMED; /* a circle, or as good as one */
}

static void add_address(struct dns_answer *answer, const struct dns_record *record) {
    if (answer->count < DNS_ADDRESSES_MAX) {
        struct net_address *address = &answer->address[answer->count++];
        *address = (struct net_address){.family = record->type == DNS_AAAA ? NET_IPV6 : NET_IPV4};
        memcpy(address->bytes, record->data.data, record->data.length);
    }
}

/* The addresses of `question` out of the answer section; ERR_NO_NAME when there are none. */
static enum error collect(struct dns_message message, const struct dns_question *question,
                          struct dns_answer *answer, uint32_t *ttl) {
    struct dns_name name = question->name;
    enum error error = follow_aliases(&message, &name, ttl);
    if (error != ERR_NONE) {
        return error;
    }
    struct dns_record record;
    while ((error = dns_next_answer(&message, &record)) == ERR_NONE) {
        bool wanted = record.type == question->type && record.class == DNS_INTERNET;
        if (wanted && dns_name_equal(&record.name, &name)) {
            add_address(answer, &record);
            *ttl = record.ttl < *ttl ? record.ttl : *ttl;
        }
    }
    return error != ERR_NOT_FOUND ? error : answer->count > 0 ? ERR_NONE : ERR_NO_NAME;
}

/* How long "there is none" may be kept: the lesser of the SOA's TTL and its minimum; 0 without a SOA (RFC
 * 2308 5). */
static uint32_t negative_ttl(struct dns_message message) {
    struct dns_record record;
    while (dns_next_answer(&message, &record) == ERR_NONE) {
    }
    while (message.answers == 0 && dns_next_authority(&message, &record) == ERR_NONE) {
        if (record.type == DNS_SOA) {
            return record.ttl < record.minimum ? record.ttl : record.minimum;
        }
    }
    return 0;
}

static void take_answer(struct dns *dns, struct dns_question *question, const struct dns_message *message,
                        net_time now) {
    struct dns_answer answer = {.error = ERR_NONE};
    uint32_t ttl = TTL_MAX;
    enum error error =
        message->code == DNS_NAME_ERROR ? ERR_NO_NAME : collect(*message, question, &answer, &ttl);
    if (error == ERR_MALFORMED) {
        dns->counters->dns_malformed++; /* its deadline will bring the next try */
        return;
    }
    if (error == ERR_NO_NAME && message->truncated) {
        question->failures++; /* the addresses did not fit into a datagram */
        try_next(dns, question);
        return;
    }
    if (error == ERR_NO_NAME) {
        ttl = negative_ttl(*message);
        answer.count = 0;
    }
    answer.error = error;
    if (!message->truncated) {
        dns_cache_store(dns, question, &answer, ttl < TTL_MAX ? ttl : TTL_MAX, now);
    }
    settle(dns, question, &answer);
}

/* The question that this datagram may answer (RFC 5452 9.1: every field that a forger would have to guess).
 */
static struct dns_question *awaited_from(struct dns *dns, const struct net_endpoint *from, uint16_t port,
                                         uint16_t id) {
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        struct dns_question *question = &dns->question[i];
        bool out = is_used(question) && !question->due && question->server < dns->server_count;
        if (out && question->port == port && question->id == id && from->port == DNS_PORT &&
            net_address_equal(&from->address, &dns->server[question->server])) {
            return question;
        }
    }
    return NULL;
}

static bool repeats(const struct dns_question *question, struct dns_message *message) {
    struct dns_name name;
    uint16_t type;
    return message->questions == 1 && dns_next_question(message, &name, &type) == ERR_NONE &&
           type == question->type && dns_name_equal(&name, &question->name);
}

bool dns_wants(const struct dns *dns, uint16_t port) {
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        const struct dns_question *question = &dns->question[i];
        if (is_used(question) && !question->due && question->port == port) {
            return true;
        }
    }
    return false;
}

void dns_input(struct dns *dns, const struct net_endpoint *from, uint16_t port, struct span bytes,
               net_time now) {
    struct dns_message message;
    if (dns_parse(bytes, &message) != ERR_NONE) {
        dns->counters->dns_malformed++;
        return;
    }
    struct dns_question *question = awaited_from(dns, from, port, message.id);
    bool expected = question != NULL && message.response && message.opcode == 0;
    bool refusal = expected && message.code != DNS_OK && message.code != DNS_NAME_ERROR;
    /* A server that failed may leave the question out. */
    if (!expected || !(repeats(question, &message) || (refusal && message.questions == 0))) {
        dns->counters->dns_unexpected++;
        return;
    }
    if (refusal) {
        question->failures++;
        try_next(dns, question);
        return;
    }
    take_answer(dns, question, &message, now);
}

/* ---- Time and output ---- */

void dns_expire(struct dns *dns, net_time now) {
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        struct dns_question *question = &dns->question[i];
        if (is_used(question) && !question->due && now >= question->deadline) {
            try_next(dns, question);
        }
    }
}

bool dns_next(const struct dns *dns, struct dns_output *output) {
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        const struct dns_question *question = &dns->question[i];
        if (is_used(question) && question->due && !question->waiting) {
            *output = (struct dns_output){.server = dns->server[question->server],
                                          .port = question->port,
                                          .id = question->id,
                                          .name = &question->name,
                                          .type = question->type,
                                          .question = i};
            return true;
        }
    }
    return false;
}

void dns_sent(struct dns *dns, const struct dns_output *output, net_time now) {
    struct dns_question *question = &dns->question[output->question];
    question->due = false;
    question->tries++;
    question->deadline = net_time_after(now, (question->tries <= 2 ? 3 : 5) * NET_SECOND);
}

void dns_wait(struct dns *dns, const struct dns_output *output) {
    dns->question[output->question].waiting = true;
}

void dns_wake(struct dns *dns) {
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        dns->question[i].waiting = false;
    }
}

void dns_unreachable(struct dns *dns, const struct dns_output *output, net_time now) {
    struct dns_question *question = &dns->question[output->question];
    question->tries++;
    question->failures++;
    try_next(dns, question);
}

net_time dns_deadline(const struct dns *dns) {
    net_time earliest = NET_NEVER;
    for (uint32_t i = 0; i < DNS_QUESTIONS_MAX; i++) {
        const struct dns_question *question = &dns->question[i];
        if (is_used(question) && !question->due) {
            earliest = net_time_min(earliest, question->deadline);
        } else if (is_used(question) && !question->waiting) {
            return 0;
        }
    }
    return earliest;
}
