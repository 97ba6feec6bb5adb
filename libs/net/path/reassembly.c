/* reassembly.c: fragments become datagrams; read reassembly.h first. */
#include <base/random.h>
#include <net/path/reassembly.h>
#include <net/wire/checksum.h>

enum { NOT_ECT = 0, CE = 3, ECN_MASK = 3 };

/* A fragment, copied. Pieces of a datagram never overlap and stand in order. */
struct piece {
    struct list link;
    uint16_t start, end; /* bytes of the datagram's payload */
    uint16_t header;     /* bytes of IPv4 header in front; only the first piece keeps it */
    uint16_t length;     /* bytes kept, header included */
    uint8_t bytes[];
};

/* Whoever has unfinished datagrams here. */
struct source {
    struct list link, partials; /* in its bucket; the oldest first */
    uint32_t address;
    uint32_t count;     /* partials */
    uint32_t fragments; /* that have come from it; wraps */
};

/* An unfinished datagram. */
struct partial {
    struct list link, by_source;
    struct source *source;
    struct list pieces;
    net_time deadline;
    uint32_t destination;
    uint32_t stamp;  /* source->fragments at its last fragment */
    uint32_t length; /* where the furthest piece ends */
    uint32_t have;   /* bytes that are there */
    uint32_t count;  /* pieces */
    uint16_t id;
    uint8_t protocol;
    uint8_t ecn; /* bit n: a piece came with that ECN field */
    bool to_us, last_seen;
};

void reassembly_init(struct reassembler *reassembler, struct arena *arena, struct net_counters *counters,
                     size_t budget, const uint64_t key[2]) {
    *reassembler =
        (struct reassembler){.arena = arena, .counters = counters, .budget = budget, .key = {key[0], key[1]}};
    list_init(&reassembler->partials);
    for (uint32_t i = 0; i < REASSEMBLY_BUCKETS; i++) {
        list_init(&reassembler->bucket[i]);
    }
}

/* ---- Memory ---- */

static void give(struct reassembler *reassembler, void *memory, size_t size) {
    reassembler->used -= arena_cost(size);
    arena_give(reassembler->arena, NET_OWNER_ENGINE, memory);
}

static void give_piece(struct reassembler *reassembler, struct piece *piece) {
    list_remove(&piece->link);
    give(reassembler, piece, sizeof *piece + piece->length);
}

static void drop(struct reassembler *reassembler, struct partial *partial) {
    struct source *source = partial->source;
    struct list *link;
    while ((link = list_first(&partial->pieces)) != NULL) {
        give_piece(reassembler, LIST_ENTRY(link, struct piece, link));
    }
    list_remove(&partial->link);
    list_remove(&partial->by_source);
    give(reassembler, partial, sizeof *partial);
    if (--source->count == 0) {
        list_remove(&source->link);
        give(reassembler, source, sizeof *source);
    }
}

/* The oldest datagram but `kept` gives way; false: there is none. */
static bool evict(struct reassembler *reassembler, const struct partial *kept) {
    struct list *link = list_first(&reassembler->partials);
    if (link != NULL && LIST_ENTRY(link, struct partial, link) == kept) {
        link = link->next;
    }
    if (link == NULL || link == &reassembler->partials) {
        return false;
    }
    reassembler->counters->ipv4_reassembly_overflow++;
    drop(reassembler, LIST_ENTRY(link, struct partial, link));
    return true;
}

/* Null: not even without the others would there be room. */
static void *take(struct reassembler *reassembler, const struct partial *kept, size_t size) {
    size_t cost = arena_cost(size);
    void *memory;
    while (reassembler->used + cost > reassembler->budget) {
        if (!evict(reassembler, kept)) {
            return NULL;
        }
    }
    if (arena_take(reassembler->arena, NET_OWNER_ENGINE, size, &memory) != ERR_NONE) {
        return NULL;
    }
    reassembler->used += cost;
    return memory;
}

void reassembly_release(struct reassembler *reassembler) {
    arena_give(reassembler->arena, NET_OWNER_ENGINE, reassembler->held);
    reassembler->held = NULL;
}

void reassembly_clear(struct reassembler *reassembler) {
    struct list *link;
    while ((link = list_first(&reassembler->partials)) != NULL) {
        drop(reassembler, LIST_ENTRY(link, struct partial, link));
    }
}

/* ---- Which datagram ---- */

static struct list *bucket_of(struct reassembler *reassembler, uint32_t address) {
    return &reassembler->bucket[siphash(reassembler->key, &address, sizeof address) % REASSEMBLY_BUCKETS];
}

static struct source *find_source(struct reassembler *reassembler, uint32_t address) {
    struct list *bucket = bucket_of(reassembler, address);
    for (struct list *at = bucket->next; at != bucket; at = at->next) {
        struct source *source = LIST_ENTRY(at, struct source, link);
        if (source->address == address) {
            return source;
        }
    }
    return NULL;
}

static struct partial *find(struct source *source, const struct ipv4_header *header) {
    for (struct list *at = source->partials.prev; at != &source->partials; at = at->prev) {
        struct partial *partial = LIST_ENTRY(at, struct partial, by_source);
        if (partial->id == header->id && partial->destination == header->destination &&
            partial->protocol == header->protocol) {
            return partial;
        }
    }
    return NULL;
}

static struct source *make_source(struct reassembler *reassembler, uint32_t address) {
    struct source *source = take(reassembler, NULL, sizeof *source);
    if (source != NULL) {
        *source = (struct source){.address = address};
        list_init(&source->link);
        list_init(&source->partials);
        list_append(bucket_of(reassembler, address), &source->link);
    }
    return source;
}

/* The source is looked for last: making room may have done away with it. */
static struct partial *make(struct reassembler *reassembler, const struct ipv4_header *header, net_time now) {
    struct partial *partial = take(reassembler, NULL, sizeof *partial);
    if (partial == NULL) {
        return NULL;
    }
    struct source *source = find_source(reassembler, header->source);
    source = source != NULL ? source : make_source(reassembler, header->source);
    if (source == NULL) {
        give(reassembler, partial, sizeof *partial);
        return NULL;
    }
    *partial = (struct partial){.source = source,
                                .deadline = net_time_after(now, REASSEMBLY_TIME),
                                .destination = header->destination,
                                .id = header->id,
                                .protocol = header->protocol,
                                .to_us = true};
    list_init(&partial->pieces);
    list_init(&partial->link);
    list_init(&partial->by_source);
    list_append(&reassembler->partials, &partial->link);
    list_append(&source->partials, &partial->by_source);
    source->count++;
    return partial;
}

/* The datagram that the fragment belongs to; null: there is no memory for it. */
static struct partial *find_or_make(struct reassembler *reassembler, const struct ipv4_header *header,
                                    net_time now) {
    struct source *source = find_source(reassembler, header->source);
    struct partial *partial = source != NULL ? find(source, header) : NULL;
    if (partial != NULL && source->fragments - partial->stamp >= REASSEMBLY_DISTANCE) {
        reassembler->counters->ipv4_reassembly_overflow++;
        drop(reassembler, partial); /* not the same datagram any more */
        partial = NULL;
    } else if (partial == NULL && source != NULL && source->count >= REASSEMBLY_PER_SOURCE) {
        reassembler->counters->ipv4_reassembly_overflow++;
        drop(reassembler, LIST_ENTRY(list_first(&source->partials), struct partial, by_source));
    }
    partial = partial != NULL ? partial : make(reassembler, header, now);
    if (partial != NULL) {
        partial->stamp = ++partial->source->fragments;
    }
    return partial;
}

/* ---- Its place in the datagram ---- */

enum verdict {
    GO_ON,
    IGNORE, /* the fragment */
    VOID    /* the whole datagram */
};

struct range {
    uint32_t start, end;
    bool last;
};

/* Of a middle fragment whole units of 8 bytes count, as in Linux. */
static struct range range_of(const struct fragment *fragment) {
    struct range range = {.start = fragment->header->fragment_offset,
                          .last = !fragment->header->more_fragments};
    range.end = range.start + (uint32_t)fragment->payload.length;
    range.end = range.last ? range.end : range.end & ~UINT32_C(7);
    return range;
}

/* Does it fit with what is known about where the datagram ends? */
static bool fits(const struct partial *partial, struct range range) {
    if (range.end == range.start) {
        return false;
    }
    if (range.last) {
        return partial->last_seen ? range.end == partial->length : range.end >= partial->length;
    }
    return !partial->last_seen || range.end <= partial->length;
}

static struct piece *piece_at(const struct partial *partial, struct list *link) {
    return link == &partial->pieces ? NULL : LIST_ENTRY(link, struct piece, link);
}

/* Are all of these bytes there? `before`: the last piece that starts no later. */
static bool is_there(const struct partial *partial, struct piece *before, struct range range) {
    uint32_t reach = before != NULL && before->end > range.start ? before->end : range.start;
    struct piece *next = before;
    while (next != NULL && reach > range.start && reach < range.end) {
        next = piece_at(partial, next->link.next);
        if (next == NULL || next->start != reach) {
            return false;
        }
        reach = next->end;
    }
    return reach >= range.end;
}

/* Finds the link to insert the piece behind; most come in order, so the search begins at the end. */
static enum verdict find_place(struct reassembler *reassembler, struct partial *partial, struct range range,
                               struct list **behind) {
    *behind = partial->pieces.prev;
    while (*behind != &partial->pieces && piece_at(partial, *behind)->start > range.start) {
        *behind = (*behind)->prev;
    }
    struct piece *before = piece_at(partial, *behind), *next = piece_at(partial, (*behind)->next);
    bool free = (before == NULL || before->end <= range.start) && (next == NULL || next->start >= range.end);
    if (free) {
        return GO_ON;
    }
    if (is_there(partial, before, range)) {
        reassembler->counters->ipv4_reassembly_duplicate++;
        return IGNORE;
    }
    reassembler->counters->ipv4_reassembly_overlap++;
    return VOID;
}

static struct piece *copy(struct reassembler *reassembler, const struct partial *partial,
                          const struct fragment *fragment, struct range range) {
    size_t header = range.start == 0 ? (size_t)(fragment->payload.data - fragment->packet.data) : 0;
    size_t length = header + fragment->payload.length;
    struct piece *piece = take(reassembler, partial, sizeof *piece + length);
    if (piece != NULL) {
        *piece = (struct piece){.start = (uint16_t)range.start,
                                .end = (uint16_t)range.end,
                                .header = (uint16_t)header,
                                .length = (uint16_t)length};
        memcpy(piece->bytes, fragment->payload.data - header, length);
    }
    return piece;
}

static enum verdict place(struct reassembler *reassembler, struct partial *partial,
                          const struct fragment *fragment) {
    struct range range = range_of(fragment);
    struct list *behind;
    if (!fits(partial, range)) {
        reassembler->counters->ipv4_reassembly_malformed++;
        return VOID;
    }
    enum verdict verdict = find_place(reassembler, partial, range, &behind);
    if (verdict != GO_ON) {
        return verdict;
    }
    struct piece *piece =
        partial->count < REASSEMBLY_FRAGMENTS_MAX ? copy(reassembler, partial, fragment, range) : NULL;
    if (piece == NULL) {
        reassembler->counters->ipv4_reassembly_overflow++;
        return VOID;
    }
    list_prepend(behind, &piece->link);
    partial->count++;
    partial->have += range.end - range.start;
    partial->length = range.end > partial->length ? range.end : partial->length;
    partial->last_seen |= range.last;
    partial->to_us &= fragment->to_us;
    partial->ecn |= (uint8_t)(1 << (fragment->header->tos & ECN_MASK));
    return GO_ON;
}

/* ---- The whole ---- */

/* RFC 3168 5.3: what is not ECN-capable does not go together with what is. */
static bool ecn_agrees(uint8_t seen) {
    return (seen & 1 << NOT_ECT) == 0 || seen == 1 << NOT_ECT;
}

/* The first fragment's header becomes that of the whole, which has met congestion if a part of it has. */
static void mend_header(uint8_t *packet, size_t header_length, size_t length, uint8_t ecn) {
    struct writer at = writer_of(packet, header_length);
    (void)write_space(&at, 1);
    write_u8(&at, packet[1] | (uint8_t)((ecn & 1 << CE) != 0 ? CE : 0));
    write_be16(&at, (uint16_t)length);
    (void)write_space(&at, 2);
    write_be16(&at, 0);
    (void)write_space(&at, 2);
    write_be16(&at, 0);
    struct writer sum = writer_of(packet + 10, 2);
    write_be16(&sum, checksum_of(packet, header_length));
}

static enum verdict join(struct reassembler *reassembler, const struct partial *partial,
                         struct reassembled *whole) {
    size_t header_length = piece_at(partial, partial->pieces.next)->header;
    size_t length = header_length + partial->length;
    if (length > UINT16_MAX || !ecn_agrees(partial->ecn)) {
        reassembler->counters->ipv4_reassembly_malformed++;
        return VOID;
    }
    if (arena_take(reassembler->arena, NET_OWNER_ENGINE, length, &reassembler->held) != ERR_NONE) {
        reassembler->held = NULL;
        reassembler->counters->ipv4_reassembly_overflow++;
        return VOID;
    }
    uint8_t *packet = reassembler->held;
    for (struct list *at = partial->pieces.next; at != &partial->pieces; at = at->next) {
        const struct piece *piece = LIST_ENTRY(at, struct piece, link);
        size_t from = header_length + piece->start - piece->header;
        memcpy(packet + from, piece->bytes, (size_t)piece->header + piece->end - piece->start);
    }
    mend_header(packet, header_length, length, partial->ecn);
    *whole = (struct reassembled){span_of(packet, length), partial->to_us};
    reassembler->counters->ipv4_reassembled++;
    return GO_ON;
}

bool reassembly_input(struct reassembler *reassembler, const struct fragment *fragment,
                      struct reassembled *whole, net_time now) {
    reassembler->counters->ipv4_fragments_in++;
    struct partial *partial = find_or_make(reassembler, fragment->header, now);
    if (partial == NULL) {
        reassembler->counters->ipv4_reassembly_overflow++;
        return false;
    }
    enum verdict verdict = place(reassembler, partial, fragment);
    bool complete = verdict == GO_ON && partial->last_seen && partial->have == partial->length;
    if (complete) {
        verdict = join(reassembler, partial, whole);
    }
    if (complete || verdict == VOID) {
        drop(reassembler, partial);
    }
    return complete && verdict == GO_ON;
}

/* ---- Time ---- */

bool reassembly_expire(struct reassembler *reassembler, struct span *first, net_time now) {
    struct list *oldest = list_first(&reassembler->partials);
    *first = (struct span){0};
    if (oldest == NULL || LIST_ENTRY(oldest, struct partial, link)->deadline > now) {
        return false;
    }
    struct partial *partial = LIST_ENTRY(oldest, struct partial, link);
    struct piece *piece = piece_at(partial, partial->pieces.next);
    if (partial->to_us && piece != NULL && piece->start == 0) {
        list_remove(&piece->link);
        reassembler->used -= arena_cost(sizeof *piece + piece->length);
        reassembler->held = piece;
        *first = span_of(piece->bytes, piece->length);
    }
    reassembler->counters->ipv4_reassembly_timeout++;
    drop(reassembler, partial);
    return true;
}

net_time reassembly_deadline(const struct reassembler *reassembler) {
    struct list *oldest = list_first(&reassembler->partials);
    return oldest == NULL ? NET_NEVER : LIST_ENTRY(oldest, struct partial, link)->deadline;
}
