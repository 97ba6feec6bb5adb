/* cutter.c: datagrams in pieces; read cutter.h first. */
#include <net/path/cutter.h>

void cutter_init(struct cutter *cutter, struct arena *arena, struct net_counters *counters) {
    *cutter = (struct cutter){.arena = arena, .counters = counters};
}

bool cutter_begin(struct cutter *cutter, struct mac destination, const struct ipv4_header *header,
                  uint16_t mtu, size_t length, struct writer *payload) {
    void *memory;
    if (arena_take(cutter->arena, NET_OWNER_ENGINE, length, &memory) != ERR_NONE) {
        cutter->counters->ipv4_cut_failed++;
        return false;
    }
    cutter->memory = memory;
    cutter->length = length;
    cutter->at = 0;
    cutter->mtu = mtu;
    cutter->destination = destination;
    cutter->header = *header;
    *payload = writer_of(memory, length);
    return true;
}

/* Bytes of the next piece: all but the last are multiples of 8. */
static size_t piece_length(const struct cutter *cutter) {
    size_t most = (size_t)(cutter->mtu - IPV4_HEADER) & ~(size_t)7, left = cutter->length - cutter->at;
    return left <= (size_t)(cutter->mtu - IPV4_HEADER) ? left : most;
}

struct span cutter_next(const struct cutter *cutter, struct ipv4_header *header) {
    size_t length = piece_length(cutter);
    *header = cutter->header;
    header->fragment_offset = (uint16_t)(cutter->header.fragment_offset + cutter->at);
    header->more_fragments = cutter->header.more_fragments || cutter->at + length < cutter->length;
    return span_of(cutter->memory + cutter->at, length);
}

void cutter_sent(struct cutter *cutter) {
    cutter->at += piece_length(cutter);
    cutter->counters->ipv4_fragments_out++;
    if (cutter->at == cutter->length) {
        cutter->counters->ipv4_cut++;
        arena_give(cutter->arena, NET_OWNER_ENGINE, cutter->memory);
        cutter->memory = NULL;
    }
}
