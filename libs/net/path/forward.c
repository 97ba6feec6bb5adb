/* forward.c: queues of packets for others; read forward.h first. */
#include <net/path/forward.h>
#include <net/wire/checksum.h>

#define TTL_OFFSET      8
#define CHECKSUM_OFFSET 10

void forward_init(struct forwarder *forwarder, struct arena *arena, struct net_counters *counters) {
    *forwarder = (struct forwarder){.arena = arena, .counters = counters};
    list_init(&forwarder->items);
}

static uint16_t word_at(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* The TTL and the protocol make one word of the sum (RFC 1624). */
static void count_down(uint8_t *packet) {
    uint16_t before = word_at(packet + TTL_OFFSET);
    packet[TTL_OFFSET]--;
    uint16_t sum = checksum_update(word_at(packet + CHECKSUM_OFFSET), before, word_at(packet + TTL_OFFSET));
    packet[CHECKSUM_OFFSET] = (uint8_t)(sum >> 8);
    packet[CHECKSUM_OFFSET + 1] = (uint8_t)sum;
}

struct forward_item *forward_put(struct forwarder *forwarder, struct span packet, uint32_t next_hop) {
    void *memory;
    size_t size = sizeof(struct forward_item) + packet.length;
    if (forwarder->count == FORWARD_PACKETS || forwarder->used + arena_cost(size) > FORWARD_MEMORY ||
        arena_take(forwarder->arena, NET_OWNER_ENGINE, size, &memory) != ERR_NONE) {
        forwarder->counters->ipv4_forward_full++;
        return NULL;
    }
    struct forward_item *item = memory;
    *item = (struct forward_item){.next_hop = next_hop, .length = (uint32_t)packet.length};
    memcpy(item->bytes, packet.data, packet.length);
    count_down(item->bytes);
    list_init(&item->link);
    list_append(&forwarder->items, &item->link);
    forwarder->count++;
    forwarder->used += arena_cost(size);
    return item;
}

struct forward_item *forward_next(const struct forwarder *forwarder) {
    for (struct list *at = forwarder->items.next; at != &forwarder->items; at = at->next) {
        struct forward_item *item = LIST_ENTRY(at, struct forward_item, link);
        if (!item->waiting) {
            return item;
        }
    }
    return NULL;
}

void forward_done(struct forwarder *forwarder, struct forward_item *item) {
    list_remove(&item->link);
    forwarder->count--;
    forwarder->used -= arena_cost(sizeof *item + item->length);
    arena_give(forwarder->arena, NET_OWNER_ENGINE, item);
}

void forward_flush(struct forwarder *forwarder) {
    struct list *link;
    while ((link = list_first(&forwarder->items)) != NULL) {
        forward_done(forwarder, LIST_ENTRY(link, struct forward_item, link));
    }
}

void forward_wake(struct forwarder *forwarder) {
    for (struct list *at = forwarder->items.next; at != &forwarder->items; at = at->next) {
        LIST_ENTRY(at, struct forward_item, link)->waiting = false;
    }
}
