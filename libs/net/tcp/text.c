/* text.c: the receive side: data into the stream (RFC 9293 3.10.7.4, seventh), FIN (eighth), when to
 * acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2) and how much window to tell (3.8.6.2.2). */
#include <net/tcp/tcb.h>

#define ACKS_DUE_MAX     8
#define FEW_RANGES       26 /* in an arena's run of 256 bytes */
#define QUICK_AFTER_LOSS 64 /* ACKs that are not delayed once a gap is filled */

void tcp_ack_now(struct tcp *tcp, struct tcb *tcb) {
    tcb->acks_due += tcb->acks_due == 0;
    tcp_mark_due(tcp, tcb);
}

/* Each duplicate tells the peer that one more segment has left the network, so they are not merged. */
static void ack_duplicate(struct tcp *tcp, struct tcb *tcb) {
    tcb->acks_due += tcb->acks_due < ACKS_DUE_MAX;
    tcp_mark_due(tcp, tcb);
}

static void ack_later(struct tcp *tcp, struct tcb *tcb, net_time now) {
    if (tcb->ack_at == NET_NEVER) {
        tcb->ack_at = net_time_after(now, TCP_ACK_DELAY);
        tcp_timer_noted(tcp, tcb);
    }
}

/* At least every second full segment is acknowledged at once, and everything at a connection's start, when
 * the peer's window has to grow; a connection that answers what it gets lets the answer carry the ACK. */
static void ack_in_order(struct tcp *tcp, struct tcb *tcb, net_time now) {
    uint32_t unacknowledged = tcb->rcv.nxt.value - tcb->rcv.acked.value;
    bool quick = tcb->quick_acks > 0 && !tcb->interactive;
    if (quick || unacknowledged >= 2 * (uint32_t)tcb->rcv.mss) {
        tcp_ack_now(tcp, tcb);
    } else {
        ack_later(tcp, tcb, now);
    }
}

/* Memory for so many ranges, most often few; what has been noted moves there. */
static bool make_room(struct tcp *tcp, struct tcb *tcb, uint32_t ranges) {
    struct reassembly *old = tcb->reassembly;
    size_t fixed = offsetof(struct reassembly, gaps.range), size = fixed + ranges * sizeof(struct gap_range);
    void *memory;
    if (arena_take(tcp->arena, NET_OWNER_ENGINE, size, &memory) != ERR_NONE) {
        return false;
    }
    tcb->reassembly = memory;
    if (old != NULL) {
        memcpy(memory, old, fixed + old->gaps.count * sizeof(struct gap_range));
    } else {
        tcb->reassembly->gaps.count = 0;
        tcb->reassembly->recent_count = 0;
        tcb->reassembly->ack_goes_ahead = false;
    }
    tcb->reassembly->gaps.limit = ranges;
    arena_give(tcp->arena, NET_OWNER_ENGINE, old);
    return true;
}

/* Notes what has arrived beyond a gap. Returns how many bytes are thereby there in order; *kept false: there
 * is no room for the note, so the bytes must not be counted as arrived. */
static uint32_t note_arrival(struct tcp *tcp, struct tcb *tcb, uint32_t offset, uint32_t end, bool *kept) {
    *kept = true;
    if (tcb->reassembly == NULL && offset == 0) {
        return end;
    }
    if (tcb->reassembly == NULL) {
        *kept = make_room(tcp, tcb, FEW_RANGES);
        if (!*kept) {
            return 0;
        }
    }
    uint32_t arrived = gaps_add(&tcb->reassembly->gaps, offset, end, kept);
    if (!*kept && tcb->reassembly->gaps.limit < GAPS_MAX && make_room(tcp, tcb, GAPS_MAX)) {
        arrived = gaps_add(&tcb->reassembly->gaps, offset, end, kept);
    }
    if (offset != 0 && *kept) {
        tcp_blocks_arrived(tcb->reassembly, seq_add(tcb->rcv.nxt, offset), tcb->rcv.nxt);
    }
    if (gaps_empty(&tcb->reassembly->gaps)) {
        arena_give(tcp->arena, NET_OWNER_ENGINE, tcb->reassembly);
        tcb->reassembly = NULL;
        /* After a loss few segments are on their way, and each delay is a pause of the peer's. */
        tcb->quick_acks = (uint8_t)tcp_max(tcb->quick_acks, QUICK_AFTER_LOSS);
    }
    return arrived;
}

/* Puts `text`, which starts `offset` bytes beyond rcv.nxt, into the stream. Returns by how much rcv.nxt
 * moves. */
static uint32_t store(struct tcp *tcp, struct tcb *tcb, uint32_t offset, struct span text) {
    /* What was offered stays, though the buffer has been made smaller. */
    uint32_t room = tcp_max(buffer_space(&tcb->receive), tcp_offered(tcb));
    uint32_t end = tcp_min(offset + (uint32_t)text.length, room);
    if (end <= offset) {
        return 0;
    }
    uint32_t held = buffer_length(&tcb->receive);
    bool kept = buffer_reserve(&tcb->receive, tcp->arena, tcb->owner, held + end) == ERR_NONE;
    uint32_t arrived = kept ? note_arrival(tcp, tcb, offset, end, &kept) : 0;
    if (!kept) {
        tcp->counters->tcp_no_memory++;
        return 0;
    }
    (void)ring_place(&tcb->receive.ring, offset, text.data, end - offset);
    ring_extend(&tcb->receive.ring, arrived);
    return arrived;
}

/* RFC 2883: what of the text lies where something has arrived beyond a gap. */
static void note_duplicate(struct tcb *tcb, struct sequence seq, uint32_t length) {
    struct gap_range held;
    uint32_t offset = seq.value - tcb->rcv.nxt.value;
    if (gaps_find(&tcb->reassembly->gaps, offset, &held)) {
        tcp_blocks_duplicate(tcb, seq, seq_add(seq, tcp_min(length, held.end - offset)));
    }
}

static void take_data(struct tcp *tcp, struct tcb *tcb, struct sequence seq, struct span text, net_time now) {
    bool had_gaps = tcb->reassembly != NULL;
    uint32_t offset = seq.value - tcb->rcv.nxt.value;
    if (had_gaps) {
        note_duplicate(tcb, seq, (uint32_t)text.length);
    }
    uint32_t arrived = store(tcp, tcb, offset, text);
    tcb->rcv.nxt = seq_add(tcb->rcv.nxt, arrived);
    tcb->beside->tally.bytes_received += arrived;
    tcb->beside->tally.out_of_order += offset != 0;
    if (arrived == 0) {
        tcp->counters->tcp_out_of_order += offset != 0;
        /* A batch has brought text in order, and then a gap. The peer's window grows by what is acknowledged
         * before it hears of the loss, so that is said first, as if the segments had come one by one. */
        if (!had_gaps && tcb->reassembly != NULL) {
            tcb->reassembly->ack_goes_ahead = tcb->acks_due != 0 && !seq_equal(tcb->rcv.acked, tcb->rcv.nxt);
        }
        ack_duplicate(tcp, tcb);
        return;
    }
    if (had_gaps) {
        tcp_ack_now(tcp, tcb);
    } else {
        ack_in_order(tcp, tcb, now);
    }
    tcp_mark_changed(tcp, tcb);
}

void tcp_take_text(struct tcp *tcp, struct tcb *tcb, struct sequence seq, struct span text, uint16_t merged,
                   net_time now) {
    uint16_t size = merged != 0 ? merged : (uint16_t)tcp_min((uint32_t)text.length, UINT16_MAX);
    tcb->rcv.mss = size > tcb->rcv.mss ? size : tcb->rcv.mss;
    take_data(tcp, tcb, seq, text, now);
}

/* What the window's right edge could be. */
static struct sequence open_edge(const struct tcp *tcp, const struct tcb *tcb) {
    uint32_t limit = tcp_receive_limit(tcp, tcb), held = buffer_length(&tcb->receive);
    uint32_t space = limit > held ? limit - held : 0;
    uint32_t most = (uint32_t)UINT16_MAX << tcb->rcv.shift;
    return seq_add(tcb->rcv.nxt, tcp_min(space, most));
}

/* Silly windows are not offered: the edge moves by a segment or half the buffer at least. */
static bool worth_moving(const struct tcb *tcb, struct sequence edge) {
    int32_t gain = seq_difference(edge, tcb->rcv.adv);
    uint32_t enough = tcp_min(tcb->receive.most / 2, tcp_max(tcb->rcv.mss, 1));
    return gain > 0 && (uint32_t)gain >= enough;
}

uint32_t tcp_update_window(const struct tcp *tcp, struct tcb *tcb) {
    struct sequence edge = open_edge(tcp, tcb);
    if (worth_moving(tcb, edge)) {
        tcb->rcv.adv = edge;
    }
    return seq_after(tcb->rcv.adv, tcb->rcv.nxt) ? tcb->rcv.adv.value - tcb->rcv.nxt.value : 0;
}

uint32_t tcp_offered(const struct tcb *tcb) {
    return seq_after(tcb->rcv.told, tcb->rcv.nxt) ? tcb->rcv.told.value - tcb->rcv.nxt.value : 0;
}

bool tcp_window_update_due(const struct tcp *tcp, const struct tcb *tcb) {
    int32_t gain = seq_difference(open_edge(tcp, tcb), tcb->rcv.adv);
    uint32_t enough = tcp_min(tcb->receive.most / 2, 2 * (uint32_t)tcp_max(tcb->rcv.mss, 536));
    bool was_shut = seq_difference(tcb->rcv.adv, tcb->rcv.nxt) < (int32_t)tcb->rcv.mss;
    return gain > 0 && ((uint32_t)gain >= tcb->receive.most / 2 || (was_shut && (uint32_t)gain >= enough));
}
