/* sack.c: loss recovery with SACK: what is lost and what to send next (RFC 6675), and how much of it (PRR,
 * RFC 6937). The names are those of the RFCs. For a peer without SACK recovery.c does the work alone. */
#include <net/tcp/tcb.h>

#define DUPLICATE_THRESHOLD 3

/* ---- Update: the scoreboard takes the blocks of an ACK (RFC 6675 section 4) ---- */

/* RFC 2883 4: a first block that is acknowledged, or that lies within the second, tells of a duplicate. */
bool tcp_sack_tells_duplicate(const struct tcp_header *header) {
    if (header->options.sack_count == 0) {
        return false;
    }
    const struct tcp_sack *block = header->options.sack;
    bool acknowledged = seq_before_or_at(block[0].end, header->ack);
    bool within = header->options.sack_count > 1 && seq_before_or_at(block[1].start, block[0].start) &&
                  seq_before_or_at(block[0].end, block[1].end);
    return seq_before(block[0].start, block[0].end) && (acknowledged || within);
}

/* Memory for so many ranges, most often few; what is known moves there. */
static bool make_room(struct tcp *tcp, struct tcb *tcb, uint32_t ranges) {
    struct scoreboard *old = tcb->scoreboard;
    void *memory;
    if (arena_take(tcp->arena, NET_OWNER_ENGINE, scoreboard_size(ranges), &memory) != ERR_NONE) {
        tcp->counters->tcp_no_memory++;
        return false;
    }
    tcb->scoreboard = memory;
    if (old != NULL) {
        memcpy(memory, old, scoreboard_size(old->count));
        tcb->scoreboard->limit = ranges;
    } else {
        scoreboard_init(tcb->scoreboard, ranges);
        tcb->scoreboard->flight = tcp_flight(tcb);
    }
    arena_give(tcp->arena, NET_OWNER_ENGINE, old);
    return true;
}

static uint32_t add(struct tcp *tcp, struct tcb *tcb, struct sequence start, struct sequence end) {
    uint32_t news = 0;
    if (tcb->scoreboard == NULL && !make_room(tcp, tcb, SCOREBOARD_FEW)) {
        return 0;
    }
    bool kept = scoreboard_add(tcb->scoreboard, tcb->snd.una, start, end, &news);
    if (!kept && tcb->scoreboard->limit < SCOREBOARD_MAX && make_room(tcp, tcb, SCOREBOARD_MAX)) {
        kept = scoreboard_add(tcb->scoreboard, tcb->snd.una, start, end, &news);
    }
    tcp->counters->tcp_sack_overflow += !kept;
    return news;
}

/* Believes only what could be true: of what was sent and is not acknowledged. Reckoned from SND.UNA, for a
 * block may claim to reach over half of all sequence numbers. */
static uint32_t take_block(struct tcp *tcp, struct tcb *tcb, struct sequence ack, struct tcp_sack block) {
    struct sequence una = tcb->snd.una;
    bool old = seq_before(block.start, una) && seq_before_or_at(block.end, una);
    bool beyond = block.end.value - una.value > tcb->snd.max.value - una.value;
    if (!seq_before(block.start, block.end) || (beyond && !old)) {
        tcp->counters->tcp_bad_sack++;
        return 0;
    }
    struct sequence start = seq_max(block.start, seq_max(ack, una));
    return !old && seq_before(start, block.end) ? add(tcp, tcb, start, block.end) : 0;
}

uint32_t tcp_sack_update(struct tcp *tcp, struct tcb *tcb, const struct tcp_header *header) {
    const struct tcp_options *options = &header->options;
    if (!tcb->sack || options->sack_count == 0) {
        return 0;
    }
    uint32_t first = tcp_sack_tells_duplicate(header), news = 0;
    tcp->counters->tcp_duplicate_reports += first;
    for (uint32_t i = first; i < options->sack_count; i++) {
        news += take_block(tcp, tcb, header->ack, options->sack[i]);
    }
    return news;
}

uint32_t tcp_sack_acked(struct tcb *tcb, struct sequence ack) {
    return tcb->scoreboard != NULL ? scoreboard_acked(tcb->scoreboard, ack) : 0;
}

/* ---- What is lost ---- */

/* IsLost for all sequence numbers at once: what is not SACKed before this one is lost, for three ranges, or
 * more than two segments' bytes, behind it have arrived. The first hole is what recovery began for. */
static struct sequence lost_by_count(const struct tcb *tcb) {
    const struct scoreboard *board = tcb->scoreboard;
    uint32_t bytes = 0, enough = (DUPLICATE_THRESHOLD - 1) * (uint32_t)tcb->snd.mss;
    for (uint32_t i = board->count; i-- > 0;) {
        bytes += board->range[i].end.value - board->range[i].start.value;
        if (board->count - i >= DUPLICATE_THRESHOLD || bytes > enough) {
            return board->range[i].start;
        }
    }
    return tcb->recovery.active && board->count > 0 ? board->range[0].start : tcb->snd.una;
}

/* What was sent long before a tail probe that has arrived is lost too (RFC 8985 5.2, step 5). */
static struct sequence lost_edge(const struct tcb *tcb) {
    const struct scoreboard_range *told = tcp_tail_told(tcb);
    struct sequence edge = lost_by_count(tcb);
    return told != NULL ? seq_max(edge, told->start) : edge;
}

static bool is_lost(struct sequence seq, struct sequence edge) {
    return seq_before(seq, edge);
}

/* Beyond RFC 6675, which leaves it to the timer: if what was sent three segments after the second sending of
 * a hole has arrived and the hole is still there, that sending is lost too. */
static void find_lost_again(struct tcp *tcp, struct tcb *tcb) {
    struct scoreboard *board = tcb->scoreboard;
    if (board->count == 0) {
        return;
    }
    struct sequence highest = board->range[board->count - 1].end;
    for (uint32_t i = 0; i < board->count; i++) {
        struct scoreboard_hole hole = scoreboard_hole(board, tcb->snd.una, i);
        int32_t later = seq_difference(highest, board->range[i].edge);
        if (seq_after(hole.resent, hole.start) && later >= DUPLICATE_THRESHOLD * (int32_t)tcb->snd.mss) {
            board->range[i].resent = hole.start;
            tcp->counters->tcp_lost_again++;
        }
    }
}

/* SetPipe: what was sent and is neither SACKed nor lost, and what was sent again. */
static uint32_t set_pipe(const struct tcb *tcb) {
    const struct scoreboard *board = tcb->scoreboard;
    struct sequence edge = lost_edge(tcb);
    uint32_t pipe = tcp_flight(tcb) - board->sacked;
    for (uint32_t i = 0; i < board->count; i++) {
        struct scoreboard_hole hole = scoreboard_hole(board, tcb->snd.una, i);
        if (is_lost(hole.start, edge)) {
            pipe -= hole.end.value - hole.resent.value;
        } else {
            pipe += hole.resent.value - hole.start.value;
        }
    }
    return pipe;
}

/* NextSeg, rules 1 (lost) and 3; rule 2, new data, stands between them in output.c. */
bool tcp_sack_next(const struct tcb *tcb, bool lost, struct tcp_sack *next) {
    const struct scoreboard *board = tcb->scoreboard;
    struct sequence edge = lost_edge(tcb);
    for (uint32_t i = 0; i < board->count; i++) {
        struct scoreboard_hole hole = scoreboard_hole(board, tcb->snd.una, i);
        if (lost && !is_lost(hole.start, edge)) {
            return false;
        }
        if (seq_before(hole.resent, hole.end)) {
            *next = (struct tcp_sack){hole.resent, hole.end};
            return true;
        }
    }
    return false;
}

/* ---- How much may be sent (RFC 6937) ---- */

/* Each ACK lets out what it says has arrived, in the proportion in which the window shrinks; below the
 * threshold one segment more, if nothing more was lost. */
static void reduce_proportionally(struct tcb *tcb, uint32_t delivered, bool advanced) {
    struct scoreboard *board = tcb->scoreboard;
    uint32_t ssthresh = tcb->congestion.ssthresh, send;
    board->delivered += delivered;
    if (board->pipe > ssthresh) {
        uint64_t share =
            ((uint64_t)board->delivered * ssthresh + board->flight - 1) / tcp_max(board->flight, 1);
        send = share > board->sent ? (uint32_t)share - board->sent : 0;
    } else {
        uint32_t balance = board->delivered > board->sent ? board->delivered - board->sent : 0;
        uint32_t limit = tcp_max(balance, delivered) + (advanced ? tcb->snd.mss : 0);
        send = tcp_min(ssthresh - board->pipe, limit);
    }
    tcb->congestion.cwnd = board->pipe + send;
}

/* ---- Recovery (RFC 6675 section 5) ---- */

static void enter(struct tcp *tcp, struct tcb *tcb, net_time now) {
    struct scoreboard *board = tcb->scoreboard;
    tcb->recovery.active = true;
    tcb->recovery.partial_seen = false;
    tcb->recovery.recover = tcb->snd.max;
    board->flight = tcp_max(tcp_flight(tcb), tcb->congestion.used);
    board->delivered = board->flight - tcp_flight(tcb); /* came just now; nothing was sent in its place yet */
    board->sent = 0;
    congestion_lost(&tcb->congestion, board->flight);
    tcb->retransmit_due = true;
    rtt_resent(&tcb->rtt);
    tcp_timer_restart(tcp, tcb, now);
    tcp->counters->tcp_fast_retransmits++;
}

static bool has_to_enter(const struct tcb *tcb) {
    bool dealt_with = seq_before(tcb->snd.una, tcb->recovery.recover);
    bool enough = tcb->recovery.duplicates >= DUPLICATE_THRESHOLD || is_lost(tcb->snd.una, lost_edge(tcb));
    return !tcb->recovery.active && !dealt_with && tcb->scoreboard->count > 0 && enough;
}

void tcp_sack_proceed(struct tcp *tcp, struct tcb *tcb, uint32_t delivered, bool advanced, net_time now) {
    if (has_to_enter(tcb)) {
        enter(tcp, tcb, now);
    }
    if (tcb->recovery.active) {
        find_lost_again(tcp, tcb);
        tcb->scoreboard->pipe = set_pipe(tcb);
        reduce_proportionally(tcb, delivered, advanced);
    } else if (tcb->scoreboard->count == 0) {
        tcp_sack_forget(tcp, tcb);
    }
}

void tcp_sack_sent(struct tcb *tcb, struct sequence end, uint32_t length, bool resend) {
    struct scoreboard *board = tcb->scoreboard;
    if (board == NULL || !tcb->recovery.active) {
        return;
    }
    board->pipe += length;
    board->sent += length;
    if (resend) {
        scoreboard_resent(board, end, tcb->snd.max);
    }
}

/* RFC 2018 section 8: a peer may throw away what it has told of. What stands at snd.una tells that it did; a
 * second timeout in a row makes us doubt all of it. */
void tcp_sack_timeout(struct tcp *tcp, struct tcb *tcb) {
    const struct scoreboard *board = tcb->scoreboard;
    bool doubted = tcb->retries > 1;
    if (board != NULL && (doubted || board->count == 0 || seq_equal(board->range[0].start, tcb->snd.una))) {
        tcp_sack_forget(tcp, tcb);
    }
}

void tcp_sack_forget(struct tcp *tcp, struct tcb *tcb) {
    arena_give(tcp->arena, NET_OWNER_ENGINE, tcb->scoreboard);
    tcb->scoreboard = NULL;
}

uint32_t tcp_sack_pipe(const struct tcb *tcb) {
    const struct scoreboard *board = tcb->scoreboard;
    if (board == NULL) {
        return tcp_flight(tcb);
    }
    return tcb->recovery.active ? board->pipe : tcp_flight(tcb) - scoreboard_before(board, tcb->snd.nxt);
}
