/* output.c: what is next to send? One segment at a time, made only when there is a slot for it (RFC
 * 9293 3.7.1, 3.8.6.2, RFC 896). Connections that have something take turns in tcp->due; nobody else is ever
 * looked at. */
#include <net/tcp/tcb.h>

#define HEADERS      (IPV4_HEADER + TCP_HEADER)
#define OFFLOAD_MOST (65535 - IPV4_HEADER - TCP_HEADER_MAX)
#define R1           3 /* retransmissions, as in Linux */

/* The next segment with data or FIN. */
struct plan {
    struct sequence seq;
    uint32_t length;
    bool fin, push, resend;
    uint16_t size; /* of a full segment */
};

static bool may_send_data(const struct tcb *tcb) {
    return tcb->state >= TCP_ESTABLISHED && tcb->state <= TCP_LAST_ACK && tcb->state != TCP_FIN_WAIT_2;
}

/* Text in a full segment: SACK blocks need room too (RFC 6691). */
static uint32_t segment_size(const struct tcb *tcb) {
    return tcb->snd.mss - tcp_blocks_length(tcb);
}

/* How much more the network may be asked to carry; a tail probe goes in any case. */
static uint32_t usable_congestion_window(const struct tcb *tcb) {
    uint32_t limit = tcb->congestion.cwnd + (tcb->recovery.tail_due ? tcb->snd.mss : 0), pipe = tcp_pipe(tcb);
    return limit > pipe ? limit - pipe : 0;
}

/* Where the peer's window ends. */
static struct sequence window_end(const struct tcb *tcb) {
    return seq_add(tcb->snd.una, tcb->snd.wnd);
}

/* [start, end) has been sent, and goes again in one segment, as far as that and the peer's window reach; a
 * FIN alone takes no room, and nothing else would ask about it. */
static bool plan_again(const struct tcb *tcb, struct sequence start, struct sequence end, struct plan *plan) {
    bool only_fin = tcb->fin_sent && seq_equal(start, tcb->snd.fin);
    bool fits = only_fin || seq_before_or_at(end, window_end(tcb));
    end = fits ? end : window_end(tcb);
    if (!seq_before(start, end)) {
        return false;
    }
    uint32_t text = tcp_send_end(tcb).value - start.value;
    plan->seq = start;
    plan->size = (uint16_t)segment_size(tcb);
    plan->length = tcp_min(tcp_min(end.value - start.value, text), plan->size);
    struct sequence stop = seq_add(start, plan->length);
    plan->fin = tcb->fin_sent && seq_equal(stop, tcb->snd.fin) && seq_after(end, tcb->snd.fin);
    plan->push = seq_equal(stop, tcp_send_end(tcb));
    plan->resend = true;
    return plan->length != 0 || plan->fin;
}

/* What is lost (RFC 6675 section 5, NextSeg rule 1). */
static bool plan_lost(const struct tcb *tcb, struct plan *plan) {
    struct tcp_sack lost;
    return tcp_first_lost(tcb, &lost) && plan_again(tcb, lost.start, lost.end, plan) &&
           plan->length <= usable_congestion_window(tcb);
}

static uint32_t usable_window(const struct tcb *tcb) {
    uint32_t flight = tcp_flight(tcb), peer = tcb->snd.wnd > flight ? tcb->snd.wnd - flight : 0;
    return tcp_min(peer, usable_congestion_window(tcb));
}

/* May a segment that is not full leave (RFC 9293 3.8.6.2.1)? It may if it empties the stream and no other
 * small one is out (Nagle as Minshall put it), or if it is as much as the peer will ever take at once, or
 * after waiting long. */
static bool small_allowed(const struct tcb *tcb, uint32_t length, uint32_t available) {
    bool small_out = seq_after(tcb->snd.small, tcb->snd.una);
    bool empties = length == available && !tcb->cork && !tcb->beside->asked.corked &&
                   (tcb->beside->asked.nodelay || !small_out);
    return empties || tcb->override || length >= tcp_max(tcb->snd.wnd_max / 2, 1);
}

static uint32_t segment_limit(const struct tcp *tcp, const struct tcb *tcb, size_t room) {
    uint32_t space = (uint32_t)room - HEADERS - tcp_clock_length(&tcb->clock) - tcp_blocks_length(tcb);
    uint32_t mss = tcp_min(segment_size(tcb), space);
    if (!tcp->config.segment_out || tcp_ecn_cwr_due(tcb)) {
        return mss;
    }
    uint32_t most = tcp_min(OFFLOAD_MOST, space);
    return most < mss ? most : most - most % mss;
}

/* RFC 9293 3.8.6.2.1 for what has never been sent; what is sent again goes as it fits. */
static bool plan_data(const struct tcp *tcp, const struct tcb *tcb, size_t room, struct plan *plan) {
    uint32_t queued = buffer_length(&tcb->send);
    uint32_t offset = tcp_flight(tcb);
    if (tcb->fin_sent && offset > queued) {
        return false;
    }
    uint32_t available = queued - offset;
    uint32_t most = segment_limit(tcp, tcb, room);
    uint32_t length = tcp_min(tcp_min(available, usable_window(tcb)), most);
    plan->resend = seq_before(tcb->snd.nxt, tcb->snd.max);
    uint32_t tail = length % tcp_min(segment_size(tcb), most);
    bool fin = tcb->fin_queued && length == available;
    if (tail != 0 && !fin && !plan->resend && !small_allowed(tcb, length, available)) {
        length -= tail;
    }
    plan->seq = tcb->snd.nxt;
    plan->size = (uint16_t)segment_size(tcb);
    plan->length = length;
    plan->fin = fin;
    struct sequence end = seq_add(plan->seq, length);
    plan->push =
        length == available || (seq_after(tcb->snd.push, plan->seq) && seq_before_or_at(tcb->snd.push, end));
    return length != 0 || fin;
}

/* A tail probe is something new, if that may go, or the last segment once more (RFC 8985 7.3). */
static bool plan_probe(const struct tcp *tcp, const struct tcb *tcb, size_t room, struct plan *plan) {
    if (plan_data(tcp, tcb, room, plan)) {
        plan->length = tcp_min(plan->length, plan->size);
        plan->fin = plan->fin && seq_equal(seq_add(plan->seq, plan->length), tcp_send_end(tcb));
        return true;
    }
    uint32_t out = tcb->snd.max.value - tcb->snd.una.value, size = segment_size(tcb) + tcb->fin_sent;
    return plan_again(tcb, seq_of(tcb->snd.max.value - tcp_min(out, size)), tcb->snd.max, plan);
}

/* Something new that is longer than what is known to get through (RFC 4821 7.2). */
static bool plan_longer(const struct tcb *tcb, size_t room, struct plan *plan) {
    uint32_t size = tcp_size_probe(tcb), queued = buffer_length(&tcb->send), offset = tcp_flight(tcb);
    bool fits = size != 0 && offset + size <= queued && size <= usable_window(tcb) &&
                HEADERS + tcp_clock_length(&tcb->clock) + tcp_blocks_length(tcb) + size <= room;
    if (!fits || tcb->fin_sent || !seq_equal(tcb->snd.nxt, tcb->snd.max)) {
        return false;
    }
    *plan = (struct plan){
        .seq = tcb->snd.nxt, .length = size, .push = offset + size == queued, .size = (uint16_t)size};
    return true;
}

/* What is lost goes first, but where F-RTO asks by something new whether it is. */
static bool make_plan(const struct tcp *tcp, const struct tcb *tcb, size_t room, struct plan *plan) {
    if (!may_send_data(tcb)) {
        return false;
    }
    if (tcb->recovery.tail_due) {
        return plan_probe(tcp, tcb, room, plan);
    }
    bool ask = tcb->outstanding != NULL && tcb->outstanding->frto_new;
    return (ask && plan_data(tcp, tcb, room, plan)) || plan_lost(tcb, plan) || plan_longer(tcb, room, plan) ||
           plan_data(tcp, tcb, room, plan);
}

bool tcp_has_output(const struct tcp *tcp, const struct tcb *tcb) {
    struct plan plan;
    return tcb->reset_due || tcb->syn_due || tcb->acks_due != 0 || tcb->probe_due ||
           make_plan(tcp, tcb, tcp->config.mtu, &plan);
}

void tcp_check_output(struct tcp *tcp, struct tcb *tcb, net_time now) {
    if (tcp_has_output(tcp, tcb)) {
        tcp_mark_due(tcp, tcb);
    }
    tcp_timer_choose(tcp, tcb, now);
    tcp_held_look(tcb, now);
}

/* ---- Segments of a connection ---- */

/* A segment without text must look current to the peer: behind all that was sent, unless that waits before a
 * shut window. But it may have got in: who sends again what is there already may be a peer that holds our
 * probe, as we hold his, and to whom all that we say looks old; so the answer to him stands behind it. */
static struct sequence empty_seq(const struct tcb *tcb) {
    return tcp_flight(tcb) == 0 && !tcb->repeated ? tcb->snd.nxt : tcb->snd.max;
}

static void fill_header(const struct tcp *tcp, struct tcb *tcb, struct tcp_departure *out,
                        struct sequence seq, uint8_t flags, net_time now) {
    uint32_t window = tcp_update_window(tcp, tcb);
    uint32_t granule = (UINT32_C(1) << tcb->rcv.shift) - 1;
    uint32_t told = tcp_min((window + granule) >> tcb->rcv.shift, UINT16_MAX);
    if ((flags & TCP_SYN) == 0) { /* whose window is not scaled */
        tcb->rcv.told = seq_max(tcb->rcv.told, seq_add(tcb->rcv.nxt, told << tcb->rcv.shift));
    }
    tcb->beside->tally.segments_out++;
    *out = (struct tcp_departure){.key = tcb->entry.key,
                                  .ttl = tcb->beside->asked.ttl,
                                  .tos = tcb->beside->asked.tos,
                                  .unanswered = tcb->retries >= R1};
    out->header.source_port = tcb->entry.key.local_port;
    out->header.destination_port = tcb->entry.key.peer_port;
    out->header.seq = seq;
    out->header.flags = flags;
    tcp_clock_stamp(&tcb->clock, &out->header.options, now);
    if ((flags & (TCP_SYN | TCP_RST)) == 0) {
        out->header.flags |= tcb->ecn.echo ? TCP_ECE : 0;
        tcp_blocks_write(tcb, &out->header.options);
    }
    out->header.ack = (flags & TCP_ACK) != 0 ? tcb->rcv.nxt : seq_of(0);
    out->header.window = (uint16_t)told;
}

/* What every segment with ACK settles. */
static void acknowledged(struct tcb *tcb) {
    tcb->quick_acks -= tcb->quick_acks > 0 && tcb->acks_due > 0;
    tcb->rcv.acked = tcb->rcv.nxt;
    tcb->ack_at = NET_NEVER;
    if (tcb->reassembly != NULL) {
        tcb->reassembly->ack_goes_ahead = false;
    }
}

static void attach_text(const struct tcb *tcb, struct tcp_departure *out, uint32_t offset, uint32_t length) {
    struct ring_pieces text = ring_readable(&tcb->send.ring, offset, length);
    out->payload[0] = span_of(text.data[0], text.length[0]);
    out->payload[1] = span_of(text.data[1], text.length[1]);
}

/* Text leaves, from `seq` on; some of it may have been sent before. Before snd.max moves. */
static void tally_text(struct tcb *tcb, struct sequence seq, uint32_t length, uint32_t size) {
    uint32_t before = seq_before(seq, tcb->snd.max) ? tcb->snd.max.value - seq.value : 0;
    struct tcp_tally *tally = &tcb->beside->tally;
    uint32_t count = (length + size - 1) / size;
    tally->segments_out += count > 1 ? count - 1 : 0; /* the first has been counted as every segment is */
    tally->data_out += count;
    tally->bytes_sent += length;
    tally->bytes_resent += tcp_min(length, before);
}

/* The window in a SYN is never scaled (RFC 7323 2.2). */
static void compose_syn(struct tcp *tcp, struct tcb *tcb, struct tcp_departure *out, net_time now) {
    bool answer = tcb->state == TCP_SYN_RECEIVED;
    uint32_t window = tcp_min(buffer_space(&tcb->receive), UINT16_MAX);
    bool resend = !seq_equal(tcb->snd.max, tcb->iss);
    uint8_t flags = (answer ? TCP_SYN | TCP_ACK : TCP_SYN) | tcp_ecn_syn_flags(tcb, resend);
    fill_header(tcp, tcb, out, tcb->iss, flags, now);
    out->header.window = (uint16_t)window;
    out->header.options.mss = tcp_offered_mss(tcp, tcb);
    out->header.options.sack_permitted = tcb->sack;
    out->header.options.has_window_scale = tcb->rcv.scaling;
    out->header.options.window_scale = tcb->rcv.shift;
    if (answer) {
        tcb->rcv.adv = seq_max(tcb->rcv.adv, seq_add(tcb->rcv.nxt, window));
        tcb->rcv.told = seq_max(tcb->rcv.told, seq_add(tcb->rcv.nxt, window));
        acknowledged(tcb);
        tcb->acks_due = 0;
    }
    tcb->syn_due = false;
    uint32_t length = 0;
    if (resend) {
        tcp_fast_lost(tcp, tcb, now);
        tcb->retransmits++;
        tcp->counters->tcp_retransmits++;
        rtt_stop(&tcb->rtt);
    } else {
        length = answer ? 0 : tcp_fast_offer(tcp, tcb, &out->header.options, now);
        rtt_start(&tcb->rtt, now);
    }
    attach_text(tcb, out, 0, length);
    tally_text(tcb, seq_add(tcb->iss, 1), length, tcp_max(length, 1));
    tcb->snd.nxt = seq_add(tcb->iss, 1 + length);
    tcb->snd.max = seq_max(tcb->snd.max, tcb->snd.nxt);
}

static void compose_reset(const struct tcp *tcp, struct tcb *tcb, struct tcp_departure *out, net_time now) {
    fill_header(tcp, tcb, out, empty_seq(tcb), TCP_RST | TCP_ACK, now);
    out->header.window = 0;
    tcb->reset_due = false;
}

static void compose_ack(const struct tcp *tcp, struct tcb *tcb, struct tcp_departure *out, net_time now) {
    uint8_t duplicates = tcb->duplicate_due;
    fill_header(tcp, tcb, out, empty_seq(tcb), TCP_ACK, now);
    if (tcb->reassembly != NULL && tcb->reassembly->ack_goes_ahead) {
        out->header.options.sack_count = duplicates;
    }
    tcb->repeated = false;
    acknowledged(tcb);
    tcb->acks_due -= tcb->acks_due > 0;
}

/* One byte beyond the shut window, or, if there is nothing to send, a segment before the window: either way
 * the peer must answer (RFC 9293 3.8.6.1, 3.8.4). snd.nxt stays. */
static void compose_probe(struct tcp *tcp, struct tcb *tcb, struct tcp_departure *out, net_time now) {
    tcb->probe_due = false;
    if (buffer_length(&tcb->send) == 0) {
        fill_header(tcp, tcb, out, seq_of(tcb->snd.una.value - 1), TCP_ACK, now);
        tcp->counters->tcp_keepalive_probes++;
        return;
    }
    fill_header(tcp, tcb, out, tcb->snd.una, TCP_ACK, now);
    struct ring_pieces byte = ring_readable(&tcb->send.ring, 0, 1);
    tally_text(tcb, tcb->snd.una, 1, 1);
    out->payload[0] = span_of(byte.data[0], byte.length[0]);
    tcb->snd.max = seq_max(tcb->snd.max, seq_add(tcb->snd.una, 1));
    tcp->counters->tcp_zero_window_probes++;
}

static void count_sent(struct tcp *tcp, struct tcb *tcb, const struct plan *plan, net_time now) {
    if (tcb->beside->asked.unsent_low != 0) {
        tcp_mark_changed(tcp, tcb); /* there may be room again */
    }
    uint32_t length = plan->length + plan->fin;
    struct sequence end = seq_add(plan->seq, length);
    if (plan->resend) {
        tcb->retransmits++;
        tcp->counters->tcp_retransmits++;
        tcp_undo_resent(tcb, length, now);
    }
    tally_text(tcb, plan->seq, plan->length, plan->size);
    if (plan->length % plan->size != 0 && !plan->resend) {
        tcb->snd.small = end;
    }
    if (plan->fin && !tcb->fin_sent) {
        tcb->fin_sent = true;
        tcb->snd.fin = seq_add(plan->seq, plan->length);
    }
    tcp_outstanding_sent(tcp, tcb, plan->seq, end, now);
    tcb->snd.nxt = seq_max(tcb->snd.nxt, end);
    tcb->snd.max = seq_max(tcb->snd.max, end);
    if (tcb->recovery.tail_due) {
        tcp_tail_sent(tcp, tcb, plan->resend);
    } else if (tcb->timer.kind == TCP_TIMER_TAIL) {
        tcp_timer_restart(tcp, tcb, now);
    }
    tcp_size_sent(tcb, plan->seq, plan->length, plan->resend);
    tcb->congestion.last_sent = now;
    congestion_sent(&tcb->congestion, tcp_pipe(tcb), tcb->snd.una, tcb->snd.max);
}

static void compose_data(struct tcp *tcp, struct tcb *tcb, const struct plan *plan, struct tcp_departure *out,
                         net_time now) {
    uint8_t flags = TCP_ACK | (plan->push && plan->length != 0 ? TCP_PSH : 0) | (plan->fin ? TCP_FIN : 0);
    fill_header(tcp, tcb, out, plan->seq, flags, now);
    uint32_t offset = plan->seq.value - tcb->snd.una.value;
    attach_text(tcb, out, offset, plan->length);
    out->gso_size = plan->length > plan->size ? plan->size : 0;
    if (plan->length != 0 && !plan->resend) {
        tcp_ecn_mark(tcb, out);
    }
    if (tcp_flight(tcb) == 0) {
        congestion_restart(&tcb->congestion, tcb->rtt.rto, now);
    }
    count_sent(tcp, tcb, plan, now);
    bool heard_data = !seq_equal(tcb->rcv.nxt, seq_add(tcb->irs, 1));
    tcb->interactive |= heard_data && now - tcb->heard < NET_SECOND / 25;
    acknowledged(tcb);
    tcb->acks_due = 0;
    tcb->probe_due = false;
    tcb->override = false;
}

/* In the order of what matters most. */
static bool compose(struct tcp *tcp, struct tcb *tcb, size_t room, struct tcp_departure *out, net_time now) {
    struct plan plan;
    if (tcb->reset_due) {
        compose_reset(tcp, tcb, out, now);
        tcp->counters->tcp_resets_out++;
    } else if (tcb->syn_due) {
        compose_syn(tcp, tcb, out, now);
    } else if (make_plan(tcp, tcb, room, &plan)) {
        compose_data(tcp, tcb, &plan, out, now);
    } else if (tcb->probe_due) {
        compose_probe(tcp, tcb, out, now);
    } else if (tcb->acks_due != 0) {
        compose_ack(tcp, tcb, out, now);
    } else {
        return false;
    }
    tcp->counters->tcp_out++;
    return true;
}

/* ---- Segments of no connection ---- */

void tcp_reply(struct tcp *tcp, const struct tcp_reply *reply) {
    if (tcp->reply_tail - tcp->reply_head < TCP_REPLIES) {
        tcp->replies[tcp->reply_tail++ % TCP_REPLIES] = *reply;
    } else {
        tcp->counters->tcp_replies_dropped++;
    }
}

/* RFC 9293 3.10.7.1: acceptable to whoever sent the segment, and of its class of service. */
void tcp_reply_reset(struct tcp *tcp, const struct tcp_segment *segment) {
    const struct tcp_header *header = &segment->header;
    if ((header->flags & TCP_RST) != 0) {
        return;
    }
    struct tcp_reply reply = {
        .key = segment->key, .flags = TCP_RST, .tos = segment->tos & (uint8_t)~IPV4_ECN};
    if ((header->flags & TCP_ACK) != 0) {
        reply.seq = header->ack;
    } else {
        uint32_t length = (uint32_t)segment->payload.length + ((header->flags & TCP_SYN) != 0) +
                          ((header->flags & TCP_FIN) != 0);
        reply.ack = seq_add(header->seq, length);
        reply.flags = TCP_RST | TCP_ACK;
    }
    tcp_reply(tcp, &reply);
}

static bool reply_waits(const struct tcp *tcp) {
    return tcp->reply_head != tcp->reply_tail;
}

static void compose_reply(struct tcp *tcp, struct tcp_departure *out) {
    const struct tcp_reply *reply = &tcp->replies[tcp->reply_head++ % TCP_REPLIES];
    *out = (struct tcp_departure){.key = reply->key, .tos = reply->tos};
    out->ttl = reply->ttl != 0 ? reply->ttl : IPV4_TTL;
    out->header.source_port = reply->key.local_port;
    out->header.destination_port = reply->key.peer_port;
    out->header.seq = reply->seq;
    out->header.ack = reply->ack;
    out->header.flags = reply->flags;
    out->header.window = reply->window;
    out->header.options = reply->options;
    tcp->counters->tcp_out++;
    tcp->counters->tcp_resets_out += (reply->flags & TCP_RST) != 0;
}

/* ---- Turns ---- */

bool tcp_due(struct tcp *tcp, struct tcp_turn *turn, net_time now) {
    tcp_timers_run(tcp, now);
    struct list *first = list_first(&tcp->due);
    if (reply_waits(tcp) && (first == NULL || tcp->reply_turn)) {
        turn->tcb = NULL;
        turn->destination = tcp->replies[tcp->reply_head % TCP_REPLIES].key.peer_address;
        turn->source = tcp->replies[tcp->reply_head % TCP_REPLIES].key.local_address;
        return true;
    }
    if (first == NULL) {
        return false;
    }
    turn->tcb = LIST_ENTRY(first, struct tcb, due);
    turn->destination = turn->tcb->entry.key.peer_address;
    turn->source = turn->tcb->entry.key.local_address;
    return true;
}

bool tcp_compose(struct tcp *tcp, const struct tcp_turn *turn, size_t room, struct tcp_departure *out,
                 net_time now) {
    struct tcb *tcb = turn->tcb;
    tcp->reply_turn = tcb != NULL;
    if (tcb == NULL) {
        compose_reply(tcp, out);
        return true;
    }
    bool made = compose(tcp, tcb, room, out, now);
    list_remove(&tcb->due);
    if (tcb->state == TCP_CLOSED) {
        tcp_release(tcp, tcb);
    } else {
        tcp_check_output(tcp, tcb, now);
    }
    return made;
}

/* Only few: whoever floods us with forged addresses must not fill the memory, nor the wire with questions. */
static void park_reply(struct tcp *tcp) {
    const struct tcp_reply *reply = &tcp->replies[tcp->reply_head++ % TCP_REPLIES];
    if (tcp->parked_reply_count < TCP_REPLIES_PARKED) {
        tcp->parked_reply[tcp->parked_reply_count++] = *reply;
    } else {
        tcp->counters->tcp_replies_dropped++;
    }
}

void tcp_park(struct tcp *tcp, const struct tcp_turn *turn) {
    if (turn->tcb == NULL) {
        park_reply(tcp);
        return;
    }
    list_remove(&turn->tcb->due);
    list_append(&tcp->parked, &turn->tcb->due);
}

void tcp_unpark(struct tcp *tcp) {
    list_move_all(&tcp->due, &tcp->parked);
    for (uint32_t i = 0; i < tcp->parked_reply_count; i++) {
        tcp_reply(tcp, &tcp->parked_reply[i]);
    }
    tcp->parked_reply_count = 0;
}

/* A connection that is being opened ends; others count the segment as sent and lost, so that their timers
 * decide. */
void tcp_give_up(struct tcp *tcp, const struct tcp_turn *turn, enum error error, net_time now) {
    struct tcb *tcb = turn->tcb;
    if (tcb != NULL && (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED)) {
        tcp_end(tcp, tcb, error);
        return;
    }
    if (tcb != NULL) {
        tcb->soft_error = error;
    }
    struct tcp_departure lost;
    (void)tcp_compose(tcp, turn, tcp->config.mtu, &lost, now);
}
