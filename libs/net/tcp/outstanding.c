/* outstanding.c: what is on its way: the memory for it, which comes with the first segment and goes when all
 * is acknowledged, and the few sums that others ask for. */
#include <net/tcp/tcb.h>

#define MEMORY_LEAST ((size_t)256) /* of the arena's runs; each next one is four times as large */
#define MEMORY_MOST  ((size_t)8192)

_Static_assert(sizeof(struct outstanding) <= MEMORY_MOST, "should fill its run of the arena");

static uint32_t runs_in(size_t memory) {
    uint32_t runs = (uint32_t)((memory - offsetof(struct outstanding, sent.run)) / sizeof(struct sent_run));
    return tcp_min(runs, SENT_MAX);
}

static struct outstanding *take(struct tcp *tcp, size_t size) {
    void *memory;
    if (arena_take(tcp->arena, NET_OWNER_ENGINE, size, &memory) != ERR_NONE) {
        tcp->counters->tcp_no_memory++;
        return NULL;
    }
    return memory;
}

/* What was out without a note of it, for want of memory, counts as sent twice: nothing is concluded from it.
 * What was to be sent again step by step (snd.nxt went back) is lost, and goes again as such from here on. */
static void begin(struct tcp *tcp, struct tcb *tcb, net_time now) {
    struct outstanding *out = take(tcp, MEMORY_LEAST);
    if (out == NULL) {
        return;
    }
    memset(out, 0, offsetof(struct outstanding, sent));
    out->rack.reorder_at = NET_NEVER;
    out->rack.fack = out->rack.end_seq = tcb->snd.una;
    tcp_rate_begin(out, now);
    sent_init(&out->sent, runs_in(MEMORY_LEAST), tcb->snd.una);
    if (seq_before(tcb->snd.una, tcb->snd.max)) {
        sent_note(&out->sent, tcb->snd.una, tcb->snd.max, now);
        sent_note(&out->sent, tcb->snd.una, tcb->snd.max, now);
    }
    if (seq_before(tcb->snd.nxt, tcb->snd.max)) {
        sent_lost(&out->sent, tcb->snd.nxt, tcb->snd.max);
        tcb->snd.nxt = tcb->snd.max;
    }
    tcb->outstanding = out;
}

/* More memory if it is needed and can be had; without, what is known is blurred. */
static void grow(struct tcp *tcp, struct tcb *tcb) {
    struct outstanding *old = tcb->outstanding;
    size_t size = MEMORY_LEAST;
    while (size < MEMORY_MOST && runs_in(size) <= old->sent.limit) {
        size = size * 4 < MEMORY_MOST ? size * 4 : MEMORY_MOST;
    }
    struct outstanding *out = old->sent.limit < SENT_MAX ? take(tcp, size) : NULL;
    if (out == NULL) {
        return;
    }
    memcpy(out, old, offsetof(struct outstanding, sent));
    sent_move(&out->sent, runs_in(size), &old->sent);
    arena_give(tcp->arena, NET_OWNER_ENGINE, old);
    tcb->outstanding = out;
}

void tcp_outstanding_sent(struct tcp *tcp, struct tcb *tcb, struct sequence start, struct sequence end,
                          net_time now) {
    if (tcb->outstanding == NULL) {
        begin(tcp, tcb, now);
    } else if (!sent_has_room(&tcb->outstanding->sent)) {
        grow(tcp, tcb);
    }
    if (tcb->outstanding != NULL) {
        sent_note(&tcb->outstanding->sent, start, end, now);
        tcb->outstanding->prr.out += end.value - start.value;
    }
}

uint32_t tcp_outstanding_arrived(struct tcp *tcp, struct tcb *tcb, struct sequence start,
                                 struct sequence end) {
    if (!sent_has_room(&tcb->outstanding->sent)) {
        grow(tcp, tcb);
    }
    struct sent *sent = &tcb->outstanding->sent;
    uint32_t before = sent->bytes[SENT_ARRIVED];
    tcp->counters->tcp_sack_overflow += !sent_arrived(sent, start, end);
    return sent->bytes[SENT_ARRIVED] - before;
}

uint32_t tcp_outstanding_acked(struct tcb *tcb, struct sequence una) {
    uint32_t acked = una.value - tcb->snd.una.value;
    if (tcb->outstanding == NULL) {
        return acked;
    }
    struct sent *sent = &tcb->outstanding->sent;
    uint32_t before = sent->bytes[SENT_ARRIVED];
    sent_acked(sent, una);
    return acked - (before - sent->bytes[SENT_ARRIVED]);
}

void tcp_outstanding_forget(struct tcp *tcp, struct tcb *tcb) {
    arena_give(tcp->arena, NET_OWNER_ENGINE, tcb->outstanding);
    tcb->outstanding = NULL;
}

/* Each duplicate of a peer without SACK says that one more segment has arrived; before recovery two of them
 * let new data out (RFC 3042), and one segment, the missing one, is not among them. */
static uint32_t arrived_by_duplicates(const struct tcb *tcb, uint32_t out) {
    uint32_t mss = tcb->snd.mss, lost = tcb->outstanding->sent.bytes[SENT_LOST];
    uint32_t most = lost != 0 || out < mss ? out : out - mss;
    uint32_t count = tcb->recovery.duplicates;
    count = tcb->recovery.phase == TCP_PHASE_OPEN ? tcp_min(count, 2) : count;
    return tcb->sack ? 0 : tcp_min(count * mss, most);
}

uint32_t tcp_pipe(const struct tcb *tcb) {
    if (tcb->outstanding == NULL) {
        return tcp_flight(tcb);
    }
    uint32_t out = tcb->outstanding->sent.bytes[SENT_OUT];
    return out - arrived_by_duplicates(tcb, out);
}

uint32_t tcp_resent_out(const struct tcb *tcb) {
    const struct sent *sent = tcb->outstanding != NULL ? &tcb->outstanding->sent : NULL;
    uint32_t bytes = 0;
    for (uint32_t i = 0; sent != NULL && i < sent->count; i++) {
        const struct sent_run *run = sent_run(sent, i);
        bytes += run->resent && run->state == SENT_OUT ? sent_end(sent, i).value - run->start.value : 0;
    }
    return bytes;
}

bool tcp_first_lost(const struct tcb *tcb, struct tcp_sack *range) {
    const struct sent *sent = tcb->outstanding != NULL ? &tcb->outstanding->sent : NULL;
    if (sent == NULL || sent->bytes[SENT_LOST] == 0) {
        return false;
    }
    uint32_t first = 0;
    while (sent_run(sent, first)->state != SENT_LOST) {
        first++;
    }
    uint32_t last = first;
    while (last + 1 < sent->count && sent_run(sent, last + 1)->state == SENT_LOST) {
        last++;
    }
    *range = (struct tcp_sack){sent_run(sent, first)->start, sent_end(sent, last)};
    return true;
}

net_time tcp_head_sent(const struct tcb *tcb, net_time otherwise) {
    const struct sent *sent = tcb->outstanding != NULL ? &tcb->outstanding->sent : NULL;
    bool told = sent != NULL && sent->count != 0 && sent_run(sent, 0)->state == SENT_OUT;
    return told ? sent_run(sent, 0)->at : otherwise;
}
