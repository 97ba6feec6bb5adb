/* tcp.c: all connections together: their tables, and what the network says about them. */
#include <net/tcp/tcb.h>
#include <net/tcp/user.h>

static uint32_t power_of_two(uint32_t least) {
    return least <= 16 ? 16 : UINT32_C(1) << (32 - __builtin_clz(least - 1));
}

static uint32_t slots_for(const struct tcp_config *config) {
    return config->tcbs_max + config->remnants_max;
}

size_t tcp_size(const struct tcp_config *config) {
    uint32_t slots = slots_for(config);
    size_t pointers = 2 * (size_t)power_of_two(slots) + slots + config->tcbs_max;
    return sizeof(struct tcp) + pointers * sizeof(void *);
}

struct tcp *tcp_init(const struct tcp_config *config, void *memory) {
    struct tcp *tcp = memory;
    memset(memory, 0, tcp_size(config));
    uint32_t slots = slots_for(config), buckets = power_of_two(slots);
    tcp->config = *config;
    tcp->arena = config->arena;
    tcp->counters = config->counters;
    tcp->buckets = (struct tcp_entry **)(tcp + 1);
    tcp->bucket_mask = buckets - 1;
    tcp->bound = (struct tcb **)(tcp->buckets + buckets);
    tcp->slots = (struct tcp_entry **)(tcp->bound + buckets);
    tcp->slots_max = slots;
    tcp->heap = (struct tcb **)(tcp->slots + slots);
    list_init(&tcp->due);
    list_init(&tcp->parked);
    list_init(&tcp->changed);
    list_init(&tcp->remnants);
    random_seed(&tcp->random, config->seed[0], config->seed[1]);
    for (int i = 0; i < 2; i++) {
        tcp->hash_key[i] = random_u64(&tcp->random);
        tcp->isn_key[i] = random_u64(&tcp->random);
    }
    for (int i = 0; i < 2; i++) {
        tcp->cookie_key[i] = random_u64(&tcp->random);
    }
    return tcp;
}

void tcp_set_link(struct tcp *tcp, uint16_t mtu, bool segment_out) {
    tcp->config.mtu = mtu;
    tcp->config.segment_out = segment_out;
}

/* RFC 5927 4: only what quotes a sequence number that is on its way is believed. Null: it does not. */
static struct tcb *find_quoted(const struct tcp *tcp, const struct tcp_key *key, struct sequence seq) {
    struct tcp_entry *entry = tcp_table_find(tcp, key);
    if (entry == NULL || entry->is_remnant) {
        return NULL;
    }
    struct tcb *tcb = (struct tcb *)entry;
    bool on_its_way = !seq_before(seq, tcb->snd.una) && seq_before(seq, tcb->snd.max);
    return on_its_way ? tcb : NULL;
}

void tcp_unreachable(struct tcp *tcp, const struct tcp_key *key, struct sequence seq, enum error error) {
    struct tcb *tcb = find_quoted(tcp, key, seq);
    if (tcb == NULL) {
        tcp->counters->icmp_unmatched++;
        return;
    }
    if (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED) {
        tcp_end(tcp, tcb, error);
    } else {
        tcb->soft_error = error;
    }
}

bool tcp_is_on_its_way(const struct tcp *tcp, const struct tcp_key *key, struct sequence seq) {
    return find_quoted(tcp, key, seq) != NULL;
}

bool tcp_entry_next(const struct tcp *tcp, uint32_t *cursor, struct tcp_info *info) {
    for (; *cursor < tcp->slots_used; (*cursor)++) {
        const struct tcp_entry *entry = tcp->slots[*cursor];
        if (((uintptr_t)entry & 1) != 0) {
            continue;
        }
        *info = (struct tcp_info){.key = entry->key, .state = TCP_TIME_WAIT};
        if (!entry->is_remnant) {
            tcp_info((const struct tcb *)entry, info);
        }
        (*cursor)++;
        return true;
    }
    return false;
}

void tcp_usage(const struct tcp *tcp, struct tcp_usage *usage) {
    *usage = (struct tcp_usage){
        .tcbs = tcp->tcb_count, .remnants = tcp->remnant_count, .orphans = tcp->orphan_count};
}
