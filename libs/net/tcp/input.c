/* input.c: a segment arrives (RFC 9293 3.10.7), in the RFC's own steps and order. Nothing is sent from here:
 * what is due is marked. Lay 3.10.7.4 beside the table `steps`; left-out clauses are named where they would
 * stand. */
#include <net/tcp/tcb.h>

enum verdict {
    GO_ON,
    DROP,         /* silently; a counter has it */
    ACK_AND_DROP, /* an ACK tells the peer where we are */
    OVER          /* the TCB is gone: do not touch it */
};

struct arrival {
    struct tcp *tcp;
    struct tcb *tcb;
    const struct tcp_segment *segment;
    const struct tcp_header *header;
    struct sequence seq; /* what is left after trimming */
    struct span text;
    bool fin;
    net_time now;
};

/* SEG.LEN: text, SYN and FIN. */
static uint32_t segment_length(const struct tcp_segment *segment) {
    uint8_t flags = segment->header.flags;
    return (uint32_t)segment->payload.length + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
}

/* What the handshake tells of the round trip, unless Karn's rule forbids it: then an echo may (RFC 7323 4.1).
 */
static void measure_handshake(struct tcb *tcb, const struct tcp_header *header, net_time now) {
    uint32_t watched = rtt_watch(&tcb->rtt, now);
    uint32_t sample = watched != 0 ? watched : tcp_clock_round_trip(&tcb->clock, &header->options, now);
    rtt_told(&tcb->rtt, sample, tcb->snd.una, tcb->snd.nxt);
    rtt_told_least(&tcb->rtt, watched, now);
}

/* The same for data: the oldest that was acknowledged and sent only once tells, then what SACK told of. */
static void measure(struct tcb *tcb, const struct tcp_news *news, net_time now) {
    net_time acked = news->resent ? 0 : news->first_acked, first = acked != 0 ? acked : news->first_sacked;
    uint32_t sample = 0;
    if (first != 0) {
        uint32_t least = tcp_max((uint32_t)(now - news->newest), 1);
        sample = now - first > RTO_MAX ? (uint32_t)RTO_MAX : tcp_max((uint32_t)(now - first), 1);
        rtt_told_least(&tcb->rtt, least, now);
        congestion_measured(&tcb->congestion, least, tcb->snd.una, tcb->snd.max);
    } else if (news->advanced) {
        sample = tcp_clock_round_trip(&tcb->clock, news->options, now);
    }
    rtt_told(&tcb->rtt, sample, tcb->snd.una, tcb->snd.max);
}

/* ---- 3.10.7.3: SYN-SENT ---- */

/* Our SYN is acknowledged: the connection stands. */
static void establish_active(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *segment,
                             net_time now) {
    const struct tcp_header *header = &segment->header;
    measure_handshake(tcb, header, now);
    tcp->progress = true;
    tcp_fast_answered(tcp, tcb, header, now);
    uint32_t taken = header->ack.value - tcb->iss.value - 1; /* of what went with the SYN */
    ring_consume(&tcb->send.ring, taken);
    tcb->beside->tally.bytes_acknowledged += taken;
    if (!tcb->space_lent) {
        buffer_tidy(&tcb->send, tcp->arena, tcb->owner);
    }
    tcb->snd.una = header->ack;
    tcb->snd.nxt = tcb->snd.max = header->ack; /* what the peer did not take of that was never sent */
    tcb->snd.wnd = header->window;
    tcb->snd.wnd_max = header->window;
    tcb->snd.wl1 = header->seq;
    tcb->snd.wl2 = header->ack;
    tcb->retries = 0;
    tcb->syn_due = false;
    if (tcb->retransmits != 0) { /* RFC 6298 5.7 */
        tcb->rtt.rto = (uint32_t)(3 * NET_SECOND);
    }
    tcp_set_state(tcp, tcb, TCP_ESTABLISHED);
    tcp_ack_now(tcp, tcb);
}

/* Both have sent SYN at once: ours goes out again, now with the ACK of theirs. */
static void open_simultaneously(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *segment) {
    tcb->snd.nxt = tcb->iss;
    tcb->snd.max = seq_min(tcb->snd.max, seq_add(tcb->iss, 1)); /* what went with our SYN was never sent */
    tcb->snd.wnd = segment->header.window;
    tcb->snd.wnd_max = tcb->snd.wnd;
    tcb->syn_due = true;
    tcp_set_state(tcp, tcb, TCP_SYN_RECEIVED);
    tcp_mark_due(tcp, tcb);
}

/* Security and compartment (third step) are left out, here and below: nobody uses them. */
static void syn_sent_input(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *segment,
                           net_time now) {
    const struct tcp_header *header = &segment->header;
    if (tcb->syn_waits) { /* nobody knows of it yet */
        tcp_reply_reset(tcp, segment);
        return;
    }
    bool has_ack = (header->flags & TCP_ACK) != 0;
    bool good_ack =
        has_ack && seq_after(header->ack, tcb->iss) && seq_before_or_at(header->ack, tcb->snd.max);
    if (has_ack && !good_ack) {
        tcp->counters->tcp_bad_ack++;
        if ((header->flags & TCP_RST) == 0) {
            tcp_reply_reset(tcp, segment);
        }
        return;
    }
    if ((header->flags & TCP_RST) != 0) {
        if (good_ack) {
            tcp->counters->tcp_resets_in++;
            tcp_end(tcp, tcb, ERR_REFUSED);
        }
        tcp->counters->tcp_bad_reset += !good_ack;
        return;
    }
    if ((header->flags & TCP_SYN) == 0) {
        tcp->counters->tcp_ignored++;
        return;
    }
    tcb->heard = now;
    tcp_start_receiving(tcp, tcb, segment, now);
    tcp_ecn_agree(tcb, segment);
    if (good_ack) {
        establish_active(tcp, tcb, segment, now);
    } else {
        open_simultaneously(tcp, tcb, segment);
    }
    tcp_timer_restart(tcp, tcb, now);
    tcp_check_output(tcp, tcb, now);
}

/* An answer to what does not fit could meet another such answer for ever, and be asked for by anybody (RFC
 * 5961 7): each connection gives at most two a second. Text and FIN are always answered: they are no
 * answers. */
static bool may_answer(struct arrival *in) {
    bool is_answer = segment_length(in->segment) == 0 || (in->header->flags & TCP_SYN) != 0;
    return tcp_may_answer(&in->tcb->beside->answered, in->now) || !is_answer;
}

/* ---- SYN-RECEIVED, before 3.10.7.4 ---- */

/* The peer's SYN may come again: alone, because our SYN-ACK was lost; with an ACK, when both have opened at
 * once, and then all that is new in it stands behind the SYN. */
static enum verdict take_repeated_syn(struct arrival *in) {
    if ((in->header->flags & TCP_ACK) != 0) {
        in->seq = seq_add(in->seq, 1);
        return GO_ON;
    }
    if (may_answer(in)) {
        tcp_ecn_repeated(in->tcb, in->segment);
        in->tcb->syn_due = true;
        tcp_mark_due(in->tcp, in->tcb);
    }
    return DROP;
}

/* 3.5.2, second group: what acknowledges something else than our SYN is reset, wherever it stands. */
static enum verdict check_handshake(struct arrival *in) {
    const struct tcb *tcb = in->tcb;
    uint8_t flags = in->header->flags;
    if (tcb->state != TCP_SYN_RECEIVED || (flags & TCP_RST) != 0) {
        return GO_ON;
    }
    bool has_ack = (flags & TCP_ACK) != 0;
    struct sequence ack = in->header->ack;
    if (has_ack && (seq_before_or_at(ack, tcb->snd.una) || seq_after(ack, tcb->snd.max))) {
        in->tcp->counters->tcp_bad_ack++;
        tcp_reply_reset(in->tcp, in->segment);
        return DROP;
    }
    bool again = (flags & TCP_SYN) != 0 && seq_equal(in->seq, tcb->irs);
    bool expected = !has_ack || tcb->listener == NULL;
    return again && expected ? take_repeated_syn(in) : GO_ON;
}

/* ---- 3.10.7.4, first: check the sequence number ---- */

/* The four cases of 3.4's table. With the window shut, what is at rcv.nxt is acceptable as far as its ACK
 * goes; and so is, as in Linux, what is empty and at the very edge: an ACK of somebody who has sent all that
 * he may, but whose text has not come yet, has no other sequence number. */
static bool acceptable(const struct arrival *in, uint32_t length, uint32_t window) {
    struct sequence nxt = in->tcb->rcv.nxt;
    if (window == 0) {
        return seq_equal(in->seq, nxt);
    }
    if (length == 0) {
        return seq_within(in->seq, nxt, window + 1);
    }
    return seq_within(in->seq, nxt, window) || seq_within(seq_add(in->seq, length - 1), nxt, window);
}

static enum verdict refuse(struct arrival *in, uint32_t length) {
    struct tcb *tcb = in->tcb;
    if (length != 0 && seq_before(in->seq, tcb->rcv.nxt)) {
        in->tcp->counters->tcp_duplicate++;
        tcb->repeated = true;
        struct sequence end = seq_add(in->seq, (uint32_t)in->text.length);
        tcp_blocks_duplicate(tcb, in->seq, seq_min(end, tcb->rcv.nxt));
    } else {
        in->tcp->counters->tcp_out_of_window++;
    }
    bool reset = (in->header->flags & TCP_RST) != 0;
    return !reset && may_answer(in) ? ACK_AND_DROP : DROP;
}

/* Where a RST may stand (RFC 5961 3.2). Beside rcv.nxt: behind all that has arrived, for a peer that resets
 * while something is missing; and at the FIN that has been taken, for a peer that counts it not (both as in
 * Linux). */
static bool resets_exactly(const struct arrival *in) {
    const struct tcb *tcb = in->tcb;
    struct sequence seq = in->header->seq;
    bool at_fin = tcb->fin_taken && seq_equal(seq_add(seq, 1), tcb->rcv.nxt);
    bool reset = (in->header->flags & TCP_RST) != 0;
    return reset && (seq_equal(seq, tcb->rcv.nxt) || at_fin || (tcb->sack && tcp_blocks_end_at(tcb, seq)));
}

/* Cuts off what lies before and behind the window. */
static void trim(struct arrival *in, uint32_t window) {
    struct sequence nxt = in->tcb->rcv.nxt;
    if (seq_before(in->seq, nxt)) {
        uint32_t old = nxt.value - in->seq.value;
        if (in->text.length != 0) {
            tcp_blocks_duplicate(in->tcb, in->seq, nxt);
        }
        in->text = span_slice(in->text, old, in->text.length);
        in->seq = nxt;
    }
    uint32_t room = seq_add(nxt, window).value - in->seq.value;
    if (in->text.length > room) {
        in->text.length = room;
        in->fin = false;
        tcp_ack_now(in->tcp, in->tcb); /* how much was taken, the peer should know at once */
    }
}

/* With PAWS before everything else: RFC 7323 5.3, R1 to R3. */
static enum verdict check_sequence(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    uint32_t length = segment_length(in->segment);
    bool syn = (in->header->flags & TCP_SYN) != 0;
    bool reset = (in->header->flags & TCP_RST) != 0;
    if (!reset && tcp_clock_is_old(&tcb->clock, &in->header->options, in->now)) {
        in->tcp->counters->tcp_old_timestamp++;
        return may_answer(in) ? ACK_AND_DROP : DROP;
    }
    uint32_t window = tcp_offered(tcb);
    if (!acceptable(in, length, window)) {
        return resets_exactly(in) ? GO_ON : refuse(in, length);
    }
    if (!reset) {
        tcp_clock_take(&tcb->clock, in->header, tcb->rcv.acked, in->now);
    }
    if (!syn) {
        trim(in, window);
    }
    return GO_ON;
}

/* ---- Second: check the RST bit (with RFC 5961 section 3) ---- */

static enum verdict challenge(struct arrival *in) {
    if (tcp_may_answer(&in->tcb->beside->answered, in->now)) {
        tcp_ack_now(in->tcp, in->tcb);
    }
    return DROP;
}

static enum verdict check_reset(struct arrival *in) {
    if ((in->header->flags & TCP_RST) == 0) {
        return GO_ON;
    }
    if (!resets_exactly(in)) {
        in->tcp->counters->tcp_bad_reset++;
        return challenge(in);
    }
    in->tcp->counters->tcp_resets_in++;
    switch (in->tcb->state) {
    case TCP_SYN_RECEIVED: /* a passive open just forgets it, its listener has never left LISTEN */
        tcp_end(in->tcp, in->tcb, ERR_REFUSED);
        return OVER;
    case TCP_CLOSING:
    case TCP_LAST_ACK: tcp_end(in->tcp, in->tcb, ERR_NONE); return OVER;
    case TCP_CLOSE_WAIT: /* he was done, and did not wait for us: as Linux has it */
        tcp_end(in->tcp, in->tcb, ERR_PIPE);
        return OVER;
    default: tcp_end(in->tcp, in->tcb, ERR_RESET); return OVER;
    }
}

/* ---- Fourth: check the SYN bit (with RFC 5961 section 4) ---- */

static enum verdict check_syn(struct arrival *in) {
    if ((in->header->flags & TCP_SYN) == 0 || !seq_equal(in->seq, in->header->seq)) {
        return GO_ON;
    }
    if (in->tcb->state == TCP_SYN_RECEIVED && in->tcb->listener != NULL) {
        tcp_end(in->tcp, in->tcb, ERR_RESET);
        return OVER;
    }
    in->tcp->counters->tcp_bad_syn++;
    return challenge(in);
}

/* ---- Fifth: check the ACK field ---- */

/* What acknowledges something new is newer too, whatever its sequence number (as in Linux): snd.wnd counts
 * from snd.una, so the window of before would reach beyond what the peer has ever offered. */
static void take_window(struct arrival *in, bool advanced) {
    struct tcb *tcb = in->tcb;
    struct sequence seq = in->header->seq;
    bool newer = advanced || seq_before(tcb->snd.wl1, seq) ||
                 (seq_equal(tcb->snd.wl1, seq) && seq_before_or_at(tcb->snd.wl2, in->header->ack));
    if (!newer) {
        return;
    }
    tcb->snd.wnd = (uint32_t)in->header->window << tcb->snd.shift;
    tcb->snd.wnd_max = tcp_max(tcb->snd.wnd_max, tcb->snd.wnd);
    tcb->snd.wl1 = seq;
    tcb->snd.wl2 = in->header->ack;
}

static enum verdict establish_passive(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    if (!tcp_listen_finish(in->tcp, tcb)) {
        return DROP;
    }
    tcb->syn_due = false;
    measure_handshake(tcb, in->header, in->now);
    in->tcp->progress = true;
    tcb->snd.una = seq_add(tcb->iss, 1);
    tcb->snd.nxt = seq_max(tcb->snd.nxt, tcb->snd.una);
    tcb->snd.wl1 = in->header->seq;
    tcb->snd.wl2 = tcb->snd.una;
    tcb->retries = 0;
    tcp_set_state(in->tcp, tcb, tcb->fin_queued ? TCP_FIN_WAIT_1 : TCP_ESTABLISHED);
    tcp_timer_restart(in->tcp, tcb, in->now);
    return GO_ON;
}

/* RFC 5681 section 2: five marks make a duplicate. A peer with SACK tells more than that. */
static bool is_duplicate(const struct arrival *in) {
    const struct tcb *tcb = in->tcb;
    uint32_t window = (uint32_t)in->header->window << tcb->snd.shift;
    return !tcb->sack && seq_equal(in->header->ack, tcb->snd.una) && tcp_flight(tcb) != 0 &&
           segment_length(in->segment) == 0 && window == tcb->snd.wnd;
}

/* Drops what is acknowledged from the stream. Our SYN and FIN have a sequence number, but no byte there. */
static void take_acknowledged(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    struct sequence ack = in->header->ack;
    uint32_t bytes = ack.value - tcp_send_start(tcb).value;
    uint32_t acked = tcp_min(bytes, buffer_length(&tcb->send));
    ring_consume(&tcb->send.ring, acked);
    tcb->beside->tally.bytes_acknowledged += acked;
    tcb->beside->stalled = in->now;
    tcb->starved = false;
    in->tcp->progress = true;
    tcb->snd.una = ack;
    tcb->snd.nxt = seq_max(tcb->snd.nxt, ack);
    tcb->retries = 0;
    tcp_size_acked(in->tcp, tcb, in->now);
    tcb->recovery.tail_due = false;
    if (!tcb->space_lent) {
        buffer_tidy(&tcb->send, in->tcp->arena, tcb->owner);
    }
    tcp_mark_changed(in->tcp, tcb);
}

/* RFC 5961 section 5: an ACK of what was never sent, or of what is too old to be true, is challenged. Nothing
 * was sent before our ISN (as in Linux). */
static bool ack_is_absurd(const struct arrival *in) {
    const struct tcb *tcb = in->tcb;
    uint32_t sent = tcb->snd.una.value - tcb->iss.value - 1;
    uint32_t believed = tcp_min(tcp_max(tcb->snd.wnd_max, UINT16_MAX), sent);
    struct sequence oldest = seq_of(tcb->snd.una.value - believed);
    return seq_after(in->header->ack, tcb->snd.max) || seq_before(in->header->ack, oldest);
}

static void gather_acknowledged(struct arrival *in, struct tcp_news *news) {
    struct tcb *tcb = in->tcb;
    struct sequence ack = in->header->ack;
    news->first_sacked = news->first_acked;
    news->first_acked = 0;
    news->resent = false;
    news->advanced = seq_after(ack, tcb->snd.una);
    if (!news->advanced) {
        news->duplicate = is_duplicate(in);
        return;
    }
    news->acked = ack.value - tcb->snd.una.value;
    tcp_rack_delivered(in->tcp, tcb, tcb->snd.una, ack, news, in->now);
    news->delivered += tcp_outstanding_acked(tcb, ack);
    take_acknowledged(in);
}

static void tally_delivered(const struct arrival *in, uint32_t bytes) {
    struct tcp_tally *tally = &in->tcb->beside->tally;
    uint32_t count = (bytes + in->tcb->snd.mss - 1) / in->tcb->snd.mss;
    tally->delivered += count;
    tally->delivered_marked += in->tcb->ecn.on && (in->header->flags & TCP_ECE) != 0 ? count : 0;
    tcp_rate_acked(in->tcb, bytes, in->now);
}

/* What the ACK and its SACK blocks say has arrived, and what that means for what is lost. */
static void follow_progress(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    bool probe_reported = tcp_tail_is_reported(tcb, in->header);
    struct tcp_news news = {.options = &in->header->options,
                            .fack = tcb->outstanding != NULL ? tcb->outstanding->rack.fack : tcb->snd.una,
                            .flight = tcp_flight(tcb)};
    tcp_sack_update(in->tcp, tcb, in->header, &news, in->now);
    tcb->beside->tally.duplicate_reports += news.duplicate_report;
    news.duplicate_report &= !probe_reported; /* the probe was a question, no wrong guess */
    gather_acknowledged(in, &news);
    tally_delivered(in, news.delivered);
    measure(tcb, &news, in->now);
    tcp_tail_acked(tcb, in->header->ack, &news, probe_reported);
    bool patient = tcp_recovery_is_patient(tcb);
    tcp_recovery_proceed(in->tcp, tcb, &news, in->now);
    if (news.advanced) {
        tcp_growth_acked(in->tcp, tcb);
        if (patient || tcb->recovery.phase != TCP_PHASE_FAST) {
            tcp_timer_restart(in->tcp, tcb, in->now);
        }
    }
}

/* What the states beyond ESTABLISHED do when our FIN is acknowledged. */
static enum verdict take_fin_acknowledged(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    switch (tcb->state) {
    case TCP_FIN_WAIT_1: tcp_set_state(in->tcp, tcb, TCP_FIN_WAIT_2); return GO_ON;
    case TCP_CLOSING: tcp_enter_time_wait(in->tcp, tcb, in->now); return OVER;
    case TCP_LAST_ACK: tcp_end(in->tcp, tcb, ERR_NONE); return OVER;
    default: return GO_ON;
    }
}

static enum verdict check_ack(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    if ((in->header->flags & TCP_ACK) == 0) {
        in->tcp->counters->tcp_ignored++;
        return DROP;
    }
    if (tcb->state == TCP_SYN_RECEIVED) {
        enum verdict verdict = establish_passive(in);
        if (verdict != GO_ON) {
            return verdict;
        }
    }
    if (ack_is_absurd(in)) {
        in->tcp->counters->tcp_bad_ack++;
        return challenge(in);
    }
    tcp_ecn_acked(in->tcp, tcb, in->header);
    bool advanced = seq_after(in->header->ack, tcb->snd.una);
    follow_progress(in);
    if (seq_after_or_at(in->header->ack, tcb->snd.una)) {
        take_window(in, advanced);
        if (!tcp_timer_is_of_flight(tcb) && !tcb->is_orphan) {
            tcb->retries = 0; /* probes go on as long as they are answered */
        }
    }
    bool fin_acked = tcb->fin_sent && seq_after(tcb->snd.una, tcb->snd.fin);
    return fin_acked ? take_fin_acknowledged(in) : GO_ON;
}

/* ---- Sixth: check the URG bit: urgent data is delivered in line, the pointer says nothing to us ---- */

/* ---- Seventh: process the segment text ---- */

static enum verdict process_text(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    bool open = tcb->state == TCP_ESTABLISHED || tcb->state == TCP_FIN_WAIT_1 || tcb->state == TCP_FIN_WAIT_2;
    if (in->text.length == 0 || !open) {
        in->tcp->counters->tcp_ignored += in->text.length != 0;
        return GO_ON;
    }
    if (tcb->is_orphan) { /* nobody will ever read it: 3.6.1 */
        tcp_end_with_reset(in->tcp, tcb, ERR_NONE);
        return OVER;
    }
    tcp_take_text(in->tcp, tcb, in->seq, in->text, in->segment->gso_size, in->now);
    tcp_growth_arrived(tcb, in->header, (uint32_t)in->text.length, in->now);
    tcp_ecn_arrived(in->tcp, tcb, in->segment);
    return GO_ON;
}

/* ---- Eighth: check the FIN bit ---- */

/* Our FIN is not acknowledged in FIN-WAIT-1, or the fifth step had moved on. */
static enum verdict take_fin(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    tcb->rcv.nxt = seq_add(tcb->rcv.nxt, 1);
    tcb->rcv.adv = seq_max(tcb->rcv.adv, tcb->rcv.nxt);
    tcb->rcv.told = seq_max(tcb->rcv.told, tcb->rcv.nxt);
    tcb->fin_taken = true;
    tcp_ack_now(in->tcp, tcb);
    switch (tcb->state) {
    case TCP_SYN_RECEIVED:
    case TCP_ESTABLISHED: tcp_set_state(in->tcp, tcb, TCP_CLOSE_WAIT); return GO_ON;
    case TCP_FIN_WAIT_1: tcp_set_state(in->tcp, tcb, TCP_CLOSING); return GO_ON;
    case TCP_FIN_WAIT_2: tcp_enter_time_wait(in->tcp, tcb, in->now); return OVER;
    default: return GO_ON;
    }
}

/* A FIN that comes before the data in front of it is remembered until that is there. */
static enum verdict check_fin(struct arrival *in) {
    struct tcb *tcb = in->tcb;
    if (in->fin && !tcb->fin_known) {
        tcb->fin_known = true;
        tcb->rcv.fin = seq_add(in->seq, (uint32_t)in->text.length);
    }
    bool there = tcb->fin_known && !tcb->fin_taken && seq_equal(tcb->rcv.nxt, tcb->rcv.fin);
    if (in->fin && !there && !tcb->fin_taken) { /* RFC 5681 4.2: it is out of order */
        tcp_ack_now(in->tcp, tcb);
    }
    return there ? take_fin(in) : GO_ON;
}

/* ---- The steps in order ---- */

static enum verdict (*const steps[])(struct arrival *in) = {
    check_handshake, check_sequence, check_reset, check_syn, check_ack, process_text, check_fin,
};

static void tally_arrival(struct tcb *tcb, const struct tcp_segment *segment, net_time now) {
    struct tcp_tally *tally = &tcb->beside->tally;
    uint32_t length = (uint32_t)segment->payload.length, size = segment->gso_size;
    uint32_t count = size != 0 ? (length + size - 1) / size : 1;
    tally->segments_in += tcp_max(count, 1);
    tally->data_in += length != 0 ? count : 0;
    uint32_t moment = net_milliseconds(now);
    tally->data_came = length != 0 ? moment : tally->data_came;
    tally->ack_came = (segment->header.flags & TCP_ACK) != 0 ? moment : tally->ack_came;
}

static void synchronized_input(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *segment,
                               net_time now) {
    struct arrival in = {.tcp = tcp,
                         .tcb = tcb,
                         .segment = segment,
                         .header = &segment->header,
                         .seq = segment->header.seq,
                         .text = segment->payload,
                         .fin = (segment->header.flags & TCP_FIN) != 0,
                         .now = now};
    enum verdict verdict = GO_ON;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && verdict == GO_ON; i++) {
        verdict = steps[i](&in);
        if (steps[i] == check_sequence && verdict == GO_ON) {
            tcb->heard = now;
        }
    }
    if (verdict == OVER) {
        return;
    }
    if (verdict == ACK_AND_DROP) {
        tcp_ack_now(tcp, tcb);
    }
    tcp_check_output(tcp, tcb, now);
}

/* What was addressed to no connection: a listener's, or nobody's. */
static void input_to_listener(struct tcp *tcp, const struct tcp_segment *segment,
                              const struct sequence *isn_after, net_time now) {
    struct tcb *listener = tcp_find_listener(tcp, &segment->key);
    if (listener != NULL) {
        struct tcb *tcb = tcp_listen_input(tcp, listener, segment, isn_after, now);
        if (tcb != NULL) {
            synchronized_input(tcp, tcb, segment, now);
        }
    } else {
        tcp->counters->tcp_no_socket++;
        tcp_reply_reset(tcp, segment);
    }
}

bool tcp_input(struct tcp *tcp, const struct tcp_segment *segment, net_time now) {
    struct sequence isn_after;
    struct tcp_entry *entry = tcp_table_find_receiver(tcp, &segment->key);
    tcp->progress = false;
    if (entry == NULL) {
        input_to_listener(tcp, segment, NULL, now);
    } else if (!entry->is_remnant) {
        struct tcb *tcb = (struct tcb *)entry;
        tally_arrival(tcb, segment, now);
        (tcb->state == TCP_SYN_SENT ? syn_sent_input : synchronized_input)(tcp, tcb, segment, now);
    } else if (tcp_remnant_input(tcp, (struct tcp_remnant *)entry, segment, &isn_after, now)) {
        input_to_listener(tcp, segment, &isn_after, now);
    }
    return tcp->progress;
}
