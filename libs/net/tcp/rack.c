/* rack.c: recent acknowledgment (RFC 8985 section 6): what was sent before something that has arrived, and
 * has not come within the time for which segments may overtake each other, is lost. Lay 6.2 beside it; the
 * names are the RFC's. */
#include <net/tcp/tcb.h>

#define DUPLICATE_THRESHOLD 3
#define PERSIST             16 /* recoveries for which a widened window stays */

static bool rack_sent_after(net_time t1, struct sequence seq1, net_time t2, struct sequence seq2) {
    return t1 > t2 || (t1 == t2 && seq_after(seq1, seq2));
}

static uint32_t elapsed(net_time since, net_time now) {
    return now - since > RTO_MAX ? (uint32_t)RTO_MAX : (uint32_t)(now - since);
}

/* ---- Step 1 is rtt_told_least ---- */

/* ---- Step 2: the most recently sent segment that has been delivered ---- */

/* Of what was sent twice an impossibly short time, or an echo, tells that it was not the last sending. Only
 * an ACK that moves snd.una echoes what it acknowledges; beyond a gap the echo is older (RFC 7323 4.3). */
static bool is_spurious(const struct tcb *tcb, const struct sent_run *run, const struct tcp_news *news,
                        net_time now) {
    uint32_t stamp = tcp_clock_value(&tcb->clock, run->at);
    bool older = news->advanced && tcp_clock_echoes_before(&tcb->clock, news->options, stamp);
    return run->resent && (older || elapsed(run->at, now) < rtt_min(&tcb->rtt));
}

static void rack_update(struct tcb *tcb, const struct sent_run *run, struct sequence end,
                        struct tcp_news *news, net_time now) {
    struct outstanding *out = tcb->outstanding;
    if (is_spurious(tcb, run, news, now)) {
        return;
    }
    out->rack.rtt = elapsed(run->at, now);
    news->rack_advanced = true;
    if (rack_sent_after(run->at, end, out->rack.xmit_ts, out->rack.end_seq)) {
        out->rack.xmit_ts = run->at;
        out->rack.end_seq = end;
    }
}

/* ---- Step 3: reordering ---- */

static void rack_detect_reordering(struct tcp *tcp, struct tcb *tcb, const struct sent_run *run,
                                   struct sequence end, const struct tcp_news *news) {
    struct outstanding *out = tcb->outstanding;
    if (seq_after(end, out->rack.fack)) {
        out->rack.fack = end;
    }
    bool late = seq_before(end, news->fack) && !run->resent;
    tcb->beside->tally.reordered += late && tcb->beside->tally.reordered < UINT16_MAX;
    if (late && !tcb->recovery.reordering_seen) {
        tcb->recovery.reordering_seen = true;
        tcp->counters->tcp_reordering_seen++;
    }
}

/* What F-RTO and the round-trip time want to know of it. */
static void take_note(const struct tcb *tcb, const struct sent_run *run, struct sequence end,
                      struct tcp_news *news) {
    if (run->resent) {
        return;
    }
    news->newest = run->at > news->newest ? run->at : news->newest;
    news->first_acked = news->first_acked == 0 ? run->at : news->first_acked;
    news->original |= seq_before_or_at(end, tcb->recovery.recover);
}

void tcp_rack_delivered(struct tcp *tcp, struct tcb *tcb, struct sequence start, struct sequence end,
                        struct tcp_news *news, net_time now) {
    const struct sent *sent = tcb->outstanding != NULL ? &tcb->outstanding->sent : NULL;
    for (uint32_t i = sent != NULL ? sent_find(sent, start) : 0; sent != NULL && i < sent->count; i++) {
        const struct sent_run *run = sent_run(sent, i);
        struct sequence last = seq_min(sent_end(sent, i), end);
        if (!seq_before(run->start, end)) {
            break;
        }
        if (run->state != SENT_ARRIVED) {
            rack_update(tcb, run, last, news, now);
            rack_detect_reordering(tcp, tcb, run, last, news);
            take_note(tcb, run, last, news);
            news->resent |= run->resent;
        }
    }
}

/* ---- Step 4: the reordering window ---- */

/* A D-SACK says that something was sent again too early: once in a round trip that widens the window. */
static void widen(struct tcb *tcb, const struct tcp_news *news) {
    struct aftermath *after = &tcb->beside->aftermath;
    if (after->in_round && seq_after_or_at(tcb->snd.una, after->dsack_round)) {
        after->in_round = false;
    }
    if (!after->in_round && news->duplicate_report) {
        after->in_round = true;
        after->dsack_round = tcb->snd.max;
        after->reo_wnd_mult += after->reo_wnd_mult < UINT8_MAX;
        after->reo_wnd_persist = PERSIST;
    }
}

void tcp_rack_recovered(struct tcb *tcb) {
    struct aftermath *after = &tcb->beside->aftermath;
    if (after->reo_wnd_persist != 0 && --after->reo_wnd_persist == 0) {
        after->reo_wnd_mult = 1;
    }
}

/* RACK.segs_sacked >= DupThresh: more than two segments' bytes, or three ranges, however small. */
static bool enough_sacked(const struct tcb *tcb) {
    const struct sent *sent = &tcb->outstanding->sent;
    uint32_t ranges = 0;
    for (uint32_t i = 0; i < sent->count && ranges < DUPLICATE_THRESHOLD; i++) {
        ranges += sent_run(sent, i)->state == SENT_ARRIVED;
    }
    return ranges == DUPLICATE_THRESHOLD ||
           sent->bytes[SENT_ARRIVED] > (DUPLICATE_THRESHOLD - 1) * (uint32_t)tcb->snd.mss;
}

static uint32_t rack_reo_wnd(const struct tcb *tcb) {
    if (!tcb->recovery.reordering_seen && (tcb->recovery.phase != TCP_PHASE_OPEN || enough_sacked(tcb))) {
        return 0;
    }
    uint64_t mult = tcb->beside->aftermath.reo_wnd_mult;
    uint64_t window = mult * rtt_min(&tcb->rtt) / 4;
    return window < tcb->rtt.srtt ? (uint32_t)window : tcb->rtt.srtt;
}

/* ---- Step 5: losses ---- */

/* Marks what is lost, and sets when to look at the rest. */
static void rack_detect_loss(struct tcp *tcp, struct tcb *tcb, struct tcp_news *news, net_time now) {
    struct outstanding *out = tcb->outstanding;
    uint32_t before = out->sent.bytes[SENT_LOST], reo_wnd = rack_reo_wnd(tcb);
    out->rack.reorder_at = NET_NEVER;
    net_time latest = 0;
    for (uint32_t i = 0; i < out->sent.count; i++) {
        const struct sent_run *run = sent_run(&out->sent, i);
        bool earlier =
            rack_sent_after(out->rack.xmit_ts, out->rack.end_seq, run->at, sent_end(&out->sent, i));
        if (run->state != SENT_OUT || !earlier) {
            continue;
        }
        net_time due = run->at + out->rack.rtt + reo_wnd;
        if (due <= now) {
            news->lost_again |= run->resent;
            tcp->counters->tcp_lost_again += run->resent;
            sent_judge(&out->sent, i);
        } else {
            latest = due > latest ? due : latest;
        }
    }
    news->lost += out->sent.bytes[SENT_LOST] - before;
    out->rack.reorder_at = latest != 0 ? latest : NET_NEVER;
    if (news->lost != 0) {
        sent_join(&out->sent);
    }
}

/* With nothing SACKed and nothing sent again all that is left was sent later: there is nothing to find. */
void tcp_rack_detect(struct tcp *tcp, struct tcb *tcb, struct tcp_news *news, net_time now) {
    struct outstanding *out = tcb->outstanding;
    widen(tcb, news);
    if (out == NULL || !tcb->sack) {
        return;
    }
    bool in_order = tcb->recovery.phase == TCP_PHASE_OPEN && out->sent.bytes[SENT_ARRIVED] == 0;
    if (in_order && !tcb->recovery.tail_probed) {
        out->rack.reorder_at = NET_NEVER;
    } else if (news->rack_advanced) {
        rack_detect_loss(tcp, tcb, news, now);
    }
}

void tcp_rack_expired(struct tcp *tcp, struct tcb *tcb, net_time now) {
    struct tcp_news news = {0};
    rack_detect_loss(tcp, tcb, &news, now);
    if (news.lost != 0) {
        tcp->counters->tcp_reorder_timeouts++;
        tcp_recovery_enter(tcp, tcb, &news);
    }
    tcp_check_output(tcp, tcb, now);
}

/* ---- 6.3: upon a timeout ---- */

/* The first segment, and what should have arrived by now; without SACK nobody would tell of the rest. */
void tcp_rack_mark_losses_on_rto(struct tcb *tcb, net_time now) {
    struct outstanding *out = tcb->outstanding;
    struct sequence una = tcb->snd.una, head = seq_min(seq_add(una, tcb->snd.mss), out->sent.end);
    net_time enough = (out->rack.rtt != 0 ? out->rack.rtt : tcb->rtt.srtt) + rack_reo_wnd(tcb);
    bool all = !tcb->sack || tcb->snd.wnd == 0;
    sent_lost(&out->sent, una, head);
    for (uint32_t i = 0; i < out->sent.count; i++) {
        const struct sent_run *run = sent_run(&out->sent, i);
        if (run->state == SENT_OUT && (all || run->at + enough <= now)) {
            sent_judge(&out->sent, i);
        }
    }
    sent_join(&out->sent);
    out->rack.reorder_at = NET_NEVER;
}
