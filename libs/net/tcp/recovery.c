/* recovery.c: what is done about loss: fast recovery (RFC 5681 3.2, 6582, 6675) with a window that shrinks in
 * proportion (PRR, RFC 6937 and 9937), and what follows a timeout (RFC 5681 3.1). What is lost is marked, by
 * rack.c or, for a peer without SACK, here; what is marked goes out again first, as the window lets it. */
#include <net/tcp/tcb.h>

#define DUPLICATE_THRESHOLD 3

static void set_phase(struct tcb *tcb, enum tcp_phase phase) {
    tcb->recovery.phase = (uint8_t)phase;
}

static uint32_t outstanding_bytes(const struct tcb *tcb) {
    return tcb->snd.max.value - tcb->snd.una.value;
}

/* ---- Proportional rate reduction (RFC 6937 section 3.1) ---- */

/* Each ACK lets out what it says has arrived, in the proportion in which the window shrinks; below the
 * threshold (PRR-SSRB) one segment more, if nothing more was lost. The first segment goes in any case, and
 * what a partial acknowledgment asks for (RFC 6582). */
static void reduce_proportionally(struct tcb *tcb, const struct tcp_news *news) {
    struct outstanding *out = tcb->outstanding;
    uint32_t ssthresh = tcb->congestion.ssthresh, pipe = tcp_pipe(tcb), send;
    out->prr.delivered += news->delivered;
    if (pipe > ssthresh) {
        uint64_t flight = tcp_max(out->prr.flight, 1);
        uint64_t share = ((uint64_t)out->prr.delivered * ssthresh + flight - 1) / flight;
        send = share > out->prr.out ? (uint32_t)share - out->prr.out : 0;
    } else {
        uint32_t balance = out->prr.delivered > out->prr.out ? out->prr.delivered - out->prr.out : 0;
        uint32_t safe = news->advanced && news->lost == 0 ? tcb->snd.mss : 0;
        send = tcp_min(ssthresh - pipe, tcp_max(balance, news->delivered) + safe);
    }
    bool forced = out->prr.out == 0 || (!tcb->sack && news->lost != 0);
    send = forced ? tcp_max(send, tcb->snd.mss) : send;
    tcb->congestion.cwnd = pipe + send;
}

/* ---- Fast recovery ---- */

/* RecoverFS leaves out what had arrived before: prr_delivered does not count it (RFC 9937). */
static void enter(struct tcp *tcp, struct tcb *tcb, const struct tcp_news *news) {
    struct outstanding *out = tcb->outstanding;
    tcp_undo_mark(tcb);
    set_phase(tcb, TCP_PHASE_FAST);
    tcb->recovery.recover = tcb->snd.max;
    tcb->recovery.partial_seen = false;
    tcb->recovery.tail_due = tcb->recovery.tail_probed = false;
    uint32_t flight = tcp_pipe(tcb) + out->sent.bytes[SENT_LOST] + news->delivered;
    out->prr.flight = tcp_max(flight, tcb->congestion.used);
    out->prr.delivered = out->prr.flight - flight; /* came just now; nothing was sent in its place yet */
    out->prr.out = 0;
    congestion_lost(&tcb->congestion, outstanding_bytes(tcb));
    tcp->counters->tcp_fast_retransmits++;
}

void tcp_recovery_enter(struct tcp *tcp, struct tcb *tcb, const struct tcp_news *news) {
    if (tcb->recovery.phase !=
        TCP_PHASE_FAST) { /* otherwise there is room for what is no longer on its way */
        enter(tcp, tcb, news);
        reduce_proportionally(tcb, news);
    }
}

static void leave(struct tcb *tcb) {
    if (tcb->recovery.phase == TCP_PHASE_FAST) {
        tcb->congestion.cwnd = tcb->congestion.ssthresh;
    }
    set_phase(tcb, TCP_PHASE_OPEN);
    tcb->recovery.duplicates = 0;
    tcp_rack_recovered(tcb);
}

/* RFC 6582: the first segment of what is out is the missing one. */
static void mark_first(struct tcb *tcb, struct tcp_news *news) {
    struct sent *sent = &tcb->outstanding->sent;
    uint32_t before = sent->bytes[SENT_LOST];
    sent_lost(sent, tcb->snd.una, seq_min(seq_add(tcb->snd.una, tcb->snd.mss), sent->end));
    news->lost += sent->bytes[SENT_LOST] - before;
}

/* RFC 6582 3.2 for a peer without SACK: three duplicates, or a partial acknowledgment in recovery. */
static void detect_without_sack(struct tcb *tcb, struct tcp_news *news) {
    bool dealt_with = seq_before_or_at(tcb->snd.una, tcb->recovery.recover);
    bool third = tcb->recovery.duplicates == DUPLICATE_THRESHOLD && news->duplicate && !dealt_with;
    bool partial = tcb->recovery.phase == TCP_PHASE_FAST && news->advanced;
    if (tcb->outstanding != NULL && (partial || (third && tcb->recovery.phase == TCP_PHASE_OPEN))) {
        mark_first(tcb, news);
    }
    tcb->recovery.partial_seen |= partial;
}

/* RFC 6582 section 4, "impatient": without SACK each round trip makes one hole good; if that takes too long
 * the timer, which starts again from the first of them, is faster. */
bool tcp_recovery_is_patient(const struct tcb *tcb) {
    return tcb->sack || tcb->recovery.phase != TCP_PHASE_FAST || !tcb->recovery.partial_seen;
}

static void detect(struct tcp *tcp, struct tcb *tcb, struct tcp_news *news, net_time now) {
    if (tcb->sack) {
        tcp_rack_detect(tcp, tcb, news, now);
    } else {
        detect_without_sack(tcb, news);
    }
}

/* ---- Undo ---- */

static void undo(struct tcp *tcp, struct tcb *tcb, net_time now) {
    if (tcb->recovery.phase == TCP_PHASE_LOSS) {
        tcp->counters->tcp_spurious_timeouts++;
    } else {
        tcp->counters->tcp_spurious_recoveries++;
    }
    tcp_undo(tcb, now);
}

/* ---- An ACK in each of the phases. true: leave it at that, mark nothing more ---- */

static bool proceed_open(struct tcp *tcp, struct tcb *tcb, net_time now) {
    if (tcp_undo_all_duplicates(tcb)) { /* the last of them came late */
        undo(tcp, tcb, now);
    }
    return false;
}

/* A partial ACK of what had left before anything was sent again: it was only late. While some of what was
 * sent again is still out, its D-SACKs will tell the rest. */
static bool undo_partial(struct tcp *tcp, struct tcb *tcb, const struct tcp_news *news, net_time now) {
    if (!tcp_undo_is_delayed(tcb, news)) {
        return false;
    }
    if (tcp_resent_out(tcb) == 0) {
        leave(tcb);
        undo(tcp, tcb, now);
    }
    return true;
}

static bool proceed_fast(struct tcp *tcp, struct tcb *tcb, const struct tcp_news *news, net_time now) {
    bool recovered = seq_after_or_at(tcb->snd.una, tcb->recovery.recover);
    bool needless = tcp_undo_all_duplicates(tcb) || (recovered && tcp_undo_is_delayed(tcb, news));
    if (recovered || needless) {
        leave(tcb);
    }
    if (needless) {
        undo(tcp, tcb, now);
    }
    return !recovered && !needless && undo_partial(tcp, tcb, news, now);
}

/* Without SACK the phase lasts, lest duplicates that what was sent again causes look like a loss. */
static bool proceed_loss(struct tcp *tcp, struct tcb *tcb, const struct tcp_news *news, net_time now) {
    bool spurious = tcp_frto_acked(tcb, news);
    bool delayed = tcp_undo_is_delayed(tcb, news) || (news->advanced && tcp_undo_all_duplicates(tcb));
    if (spurious || delayed) {
        undo(tcp, tcb, now);
    }
    if (spurious || (delayed && tcb->sack) || seq_after_or_at(tcb->snd.una, tcb->recovery.recover)) {
        leave(tcb);
    }
    return false;
}

static bool proceed_in_phase(struct tcp *tcp, struct tcb *tcb, const struct tcp_news *news, net_time now) {
    switch (tcb->recovery.phase) {
    case TCP_PHASE_FAST: return proceed_fast(tcp, tcb, news, now);
    case TCP_PHASE_LOSS: return proceed_loss(tcp, tcb, news, now);
    default: return proceed_open(tcp, tcb, now);
    }
}

/* ---- All together ---- */

/* RFC 6582: one acknowledged segment was the hole, the others are those that duplicates had told of. */
static void count_duplicates(struct tcb *tcb, struct tcp_news *news) {
    uint32_t mss = tcb->snd.mss, known = tcb->recovery.duplicates;
    if (news->duplicate) {
        tcb->recovery.duplicates += tcb->recovery.duplicates < UINT16_MAX;
        news->delivered = mss;
    } else if (news->advanced) {
        uint32_t told = tcp_min(known, news->acked > mss ? (news->acked - 1) / mss : 0);
        bool open = tcb->recovery.phase == TCP_PHASE_OPEN;
        tcb->recovery.duplicates = open ? 0 : (uint16_t)(known - told);
        news->delivered = news->acked > told * mss ? news->acked - told * mss : 0;
    }
}

/* RFC 3465: two segments at most for each ACK, one while a timeout is being made good. */
static void grow(struct tcb *tcb, const struct tcp_news *news, net_time now) {
    uint32_t acked = news->acked;
    if (tcb->recovery.phase == TCP_PHASE_LOSS) {
        acked = tcp_min(acked, tcb->snd.mss);
    }
    congestion_acked(&tcb->congestion, acked, tcb->rtt.srtt, now);
}

void tcp_recovery_proceed(struct tcp *tcp, struct tcb *tcb, struct tcp_news *news, net_time now) {
    bool was_fast = tcb->recovery.phase == TCP_PHASE_FAST;
    if (!tcb->sack) {
        count_duplicates(tcb, news);
    }
    if (!proceed_in_phase(tcp, tcb, news, now)) {
        detect(tcp, tcb, news, now);
    }
    bool begins = news->lost != 0 && (tcb->recovery.phase == TCP_PHASE_OPEN || news->lost_again);
    if (begins && tcb->recovery.phase != TCP_PHASE_FAST) {
        enter(tcp, tcb, news);
    }
    if (tcb->recovery.phase == TCP_PHASE_FAST) {
        if (news->delivered != 0 || tcb->outstanding->prr.out == 0) {
            reduce_proportionally(tcb, news);
        }
    } else if (!was_fast && news->advanced && congestion_is_used(&tcb->congestion)) {
        grow(tcb, news, now);
    }
    if (outstanding_bytes(tcb) == 0) {
        tcp_outstanding_forget(tcp, tcb);
    }
}

/* ---- Timeout ---- */

/* RFC 2018 section 8: a peer may throw away what it has told of. What stands at snd.una tells that it did; a
 * second timeout in a row makes us doubt all of it. */
static void doubt(struct tcb *tcb, bool again) {
    struct sent *sent = &tcb->outstanding->sent;
    if (again || (sent->count != 0 && sent_run(sent, 0)->state == SENT_ARRIVED)) {
        sent_renege(sent);
    }
}

static void mark_losses(struct tcb *tcb, bool again, net_time now) {
    if (tcb->outstanding != NULL) {
        doubt(tcb, again);
        tcp_rack_mark_losses_on_rto(tcb, now);
    } else {
        tcb->snd.nxt = tcb->snd.una; /* nothing is known of what is out: all of it goes again */
    }
}

/* ssthresh is reduced once for what was out when things went wrong (RFC 5681 3.1). */
void tcp_recovery_timeout(struct tcp *tcp, struct tcb *tcb, bool again, net_time now) {
    bool first = tcb->recovery.phase == TCP_PHASE_OPEN || (tcb->recovery.phase == TCP_PHASE_LOSS && !again);
    uint32_t flight = outstanding_bytes(tcb);
    if (first) {
        tcp_undo_mark(tcb);
    }
    tcb->recovery.duplicates = 0;
    mark_losses(tcb, again, now);
    congestion_timed_out(&tcb->congestion, flight, !first);
    tcb->congestion.cwnd += tcp_pipe(tcb);
    tcp_frto_begin(tcb);
    tcb->recovery.tail_due = tcb->recovery.tail_probed = false;
    set_phase(tcb, TCP_PHASE_LOSS);
    tcb->recovery.recover = tcb->snd.max;
}

void tcp_recovery_too_large(struct tcb *tcb) {
    tcb->recovery.tail_due = tcb->recovery.tail_probed = false;
    tcb->recovery.duplicates = 0;
    if (tcb->outstanding == NULL) {
        tcb->snd.nxt = tcb->snd.una;
        return;
    }
    struct sent *sent = &tcb->outstanding->sent;
    sent_lost(sent, tcb->snd.una, sent->end);
    tcb->outstanding->frto = tcb->outstanding->frto_new = false;
    set_phase(tcb, TCP_PHASE_LOSS);
    tcb->recovery.recover = tcb->snd.max;
}
