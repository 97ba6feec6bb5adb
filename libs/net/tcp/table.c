/* table.c: finding things: a connection by its four numbers, a listener by its port, all of them by slot. The
 * cost does not depend on how many there are: the buckets are as many as the slots, and the hash is keyed. */
#include <net/tcp/tcb.h>

static uint32_t bucket_of(const struct tcp *tcp, const struct tcp_key *key) {
    return (uint32_t)siphash(tcp->hash_key, key, sizeof *key) & tcp->bucket_mask;
}

static bool key_equal(const struct tcp_key *a, const struct tcp_key *b) {
    return a->peer_address == b->peer_address && a->peer_port == b->peer_port &&
           a->local_port == b->local_port && a->local_address == b->local_address;
}

struct tcp_entry *tcp_table_find(const struct tcp *tcp, const struct tcp_key *key) {
    struct tcp_entry *entry = tcp->buckets[bucket_of(tcp, key)];
    while (entry != NULL && !key_equal(&entry->key, key)) {
        entry = entry->next;
    }
    return entry;
}

struct tcp_entry *tcp_table_find_receiver(struct tcp *tcp, const struct tcp_key *key) {
    if (tcp->recent == NULL || !key_equal(&tcp->recent->key, key)) {
        tcp->recent = tcp_table_find(tcp, key);
    }
    return tcp->recent;
}

void tcp_table_insert(struct tcp *tcp, struct tcp_entry *entry) {
    struct tcp_entry **bucket = &tcp->buckets[bucket_of(tcp, &entry->key)];
    entry->next = *bucket;
    entry->in_table = true;
    *bucket = entry;
}

void tcp_table_remove(struct tcp *tcp, struct tcp_entry *entry) {
    if (!entry->in_table) {
        return;
    }
    struct tcp_entry **at = &tcp->buckets[bucket_of(tcp, &entry->key)];
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    entry->in_table = false;
    tcp->recent = tcp->recent == entry ? NULL : tcp->recent;
}

/* ---- Slots: a free one holds the number of the next free one, shifted up with the low bit set ---- */

static uint32_t next_free(const struct tcp_entry *marker) {
    return (uint32_t)((uintptr_t)marker >> 1);
}

static struct tcp_entry *free_marker(uint32_t next) {
    return (struct tcp_entry *)((uintptr_t)next << 1 | 1);
}

bool tcp_slot_take(struct tcp *tcp, struct tcp_entry *entry) {
    uint32_t slot = tcp->slot_free;
    if (slot < tcp->slots_used) {
        tcp->slot_free = next_free(tcp->slots[slot]);
    } else if (tcp->slots_used < tcp->slots_max) {
        slot = tcp->slots_used++;
        tcp->slot_free = tcp->slots_used;
    } else {
        return false;
    }
    tcp->slots[slot] = entry;
    entry->slot = slot;
    return true;
}

void tcp_slot_give(struct tcp *tcp, struct tcp_entry *entry) {
    tcp->slots[entry->slot] = free_marker(tcp->slot_free);
    tcp->slot_free = entry->slot;
}

/* ---- Bound ports ---- */

static struct tcb **bound_bucket(const struct tcp *tcp, uint16_t port) {
    return &tcp->bound[port & tcp->bucket_mask];
}

/* The next from `tcb` on that listens at just this address and port. */
static struct tcb *next_listener(struct tcb *tcb, uint32_t address, uint16_t port) {
    while (tcb != NULL && (tcb->state != TCP_LISTEN || tcb->entry.key.local_port != port ||
                           tcb->entry.key.local_address != address)) {
        tcb = tcb->next_bound;
    }
    return tcb;
}

/* Of several the one that the hash names. */
static struct tcb *choose_listener(const struct tcp *tcp, const struct tcp_key *key, uint32_t address) {
    struct tcb *first = next_listener(*bound_bucket(tcp, key->local_port), address, key->local_port);
    struct tcb *tcb = first;
    uint32_t count = 0;
    for (; tcb != NULL; tcb = next_listener(tcb->next_bound, address, key->local_port)) {
        count++;
    }
    if (count < 2) {
        return first;
    }
    uint32_t skip = (uint32_t)(siphash(tcp->hash_key, key, sizeof *key) >> 32) % count;
    for (tcb = first; skip > 0; skip--) {
        tcb = next_listener(tcb->next_bound, address, key->local_port);
    }
    return tcb;
}

/* Those bound to just this address win over those bound to all. */
struct tcb *tcp_find_listener(const struct tcp *tcp, const struct tcp_key *key) {
    struct tcb *exact = choose_listener(tcp, key, key->local_address);
    return exact != NULL ? exact : choose_listener(tcp, key, IPV4_ANY);
}

/* Nobody else's port can be shared, so that no task can take another's connections (Linux compares users). */
static bool share_port(const struct tcb *a, const struct tcb *b) {
    return a->beside->asked.reuse_port && b->beside->asked.reuse_port && a->owner == b->owner;
}

bool tcp_is_listened(const struct tcp *tcp, const struct tcb *tcb) {
    const struct tcp_key *key = &tcb->entry.key;
    for (const struct tcb *other = *bound_bucket(tcp, key->local_port); other != NULL;
         other = other->next_bound) {
        uint32_t taken = other->entry.key.local_address;
        bool same = other->entry.key.local_port == key->local_port &&
                    (taken == key->local_address || taken == IPV4_ANY);
        if (other != tcb && other->state == TCP_LISTEN && same && !share_port(other, tcb)) {
            return true;
        }
    }
    return false;
}

void tcp_bound_insert(struct tcp *tcp, struct tcb *tcb) {
    struct tcb **bucket = bound_bucket(tcp, tcb->entry.key.local_port);
    tcb->next_bound = *bucket;
    tcb->is_bound = true;
    *bucket = tcb;
}

void tcp_bound_remove(struct tcp *tcp, struct tcb *tcb) {
    if (!tcb->is_bound) {
        return;
    }
    struct tcb **at = bound_bucket(tcp, tcb->entry.key.local_port);
    while (*at != tcb) {
        at = &(*at)->next_bound;
    }
    *at = tcb->next_bound;
    tcb->is_bound = false;
}

/* Two may share a port if their addresses differ, or if both allow it and neither listens, or both are one
 * owner's and want that. */
bool tcp_bound_free(const struct tcp *tcp, const struct tcb *tcb, uint32_t address, uint16_t port) {
    for (const struct tcb *other = *bound_bucket(tcp, port); other != NULL; other = other->next_bound) {
        uint32_t taken = other->entry.key.local_address;
        bool overlaps = taken == address || taken == IPV4_ANY || address == IPV4_ANY;
        bool shared = other->beside->asked.reuse_address && tcb->beside->asked.reuse_address &&
                      other->state != TCP_LISTEN;
        shared |= share_port(other, tcb);
        if (other != tcb && other->entry.key.local_port == port && overlaps && !shared) {
            return false;
        }
    }
    return true;
}
