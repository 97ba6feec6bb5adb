/* info.c: what a connection tells of itself: the few things that every list shows, and all that there is
 * (net/stream_info.h has the fields). */
#include <net/tcp/tcb.h>

#define THRESHOLD_NONE INT32_MAX /* as Linux shows it */
#define REORDERING     3         /* segments that may overtake one before it counts as lost */

void tcp_info(const struct tcb *tcb, struct tcp_info *info) {
    *info = (struct tcp_info){.key = tcb->entry.key,
                              .state = (enum tcp_state)tcb->state,
                              .socket = tcb->socket,
                              .owner = tcb->owner,
                              .send_queued = buffer_length(&tcb->send),
                              .receive_queued = buffer_length(&tcb->receive),
                              .rtt_us = tcb->rtt.srtt,
                              .rto_us = tcb->rtt.rto,
                              .congestion_window = tcb->congestion.cwnd,
                              .retransmits = tcb->retransmits};
}

static uint32_t segments(const struct tcb *tcb, uint32_t bytes) {
    uint32_t mss = tcp_max(tcb->snd.mss, 1);
    return bytes / mss + (bytes % mss != 0);
}

static bool waits_for_ack(const struct tcb *tcb) {
    return tcb->timer.kind == TCP_TIMER_RETRANSMIT || tcb->timer.kind == TCP_TIMER_TAIL;
}

static enum net_stream_phase phase(const struct tcb *tcb) {
    if (waits_for_ack(tcb) && tcb->retries != 0) {
        return NET_STREAM_LOSS;
    }
    if (tcb->recovery.phase != TCP_PHASE_OPEN) {
        return tcb->recovery.phase == TCP_PHASE_LOSS ? NET_STREAM_LOSS : NET_STREAM_RECOVERY;
    }
    bool reduced = tcb->congestion.answered && seq_before(tcb->snd.una, tcb->ecn.until);
    bool sacked = tcb->outstanding != NULL && tcb->outstanding->sent.bytes[SENT_ARRIVED] != 0;
    bool disorder = sacked || tcb->recovery.duplicates != 0;
    return reduced ? NET_STREAM_REDUCED : disorder ? NET_STREAM_DISORDER : NET_STREAM_OPEN;
}

static uint8_t options(const struct tcb *tcb) {
    return (uint8_t)((tcb->clock.on ? NET_STREAM_TIMESTAMPS : 0) | (tcb->sack ? NET_STREAM_SACK : 0) |
                     (tcb->rcv.scaling ? NET_STREAM_SCALING : 0) | (tcb->ecn.on ? NET_STREAM_ECN : 0) |
                     (tcb->ecn.seen ? NET_STREAM_ECN_SEEN : 0) |
                     (tcb->beside->tally.syn_data ? NET_STREAM_SYN_DATA : 0));
}

/* What is on its way, and what is known of it. */
static void tell_flight(const struct tcb *tcb, struct net_stream_info *info) {
    if (tcb->state == TCP_LISTEN) {
        info->out = tcb->backlog->finished_count;
        info->arrived = tcb->backlog->limit;
        return;
    }
    info->out = segments(tcb, tcb->snd.max.value - tcb->snd.una.value);
    if (tcb->outstanding != NULL) {
        const struct sent *sent = &tcb->outstanding->sent;
        info->arrived = segments(tcb, sent->bytes[SENT_ARRIVED]);
        info->lost = segments(tcb, sent->bytes[SENT_LOST]);
        info->resent = segments(tcb, tcp_resent_out(tcb));
    }
    info->bytes_unsent = tcp_unsent(tcb);
}

static void tell_sending(const struct tcb *tcb, struct net_stream_info *info) {
    const struct congestion *congestion = &tcb->congestion;
    bool limited = congestion->ssthresh < UINT32_C(1) << 30;
    info->rto_us = tcb->rtt.rto;
    info->rtt_us = tcb->rtt.srtt;
    info->rtt_variance_us = tcb->rtt.rttvar;
    info->least_rtt_us = rtt_min(&tcb->rtt);
    info->send_mss = tcb->snd.mss;
    info->threshold = limited ? segments(tcb, congestion->ssthresh) : THRESHOLD_NONE;
    info->window = segments(tcb, congestion->cwnd);
    info->reordering = REORDERING;
    info->peer_window = tcb->snd.wnd;
    info->timeouts = waits_for_ack(tcb) ? tcb->retries : 0;
    info->probes = waits_for_ack(tcb) ? 0 : tcb->retries;
    info->back_off = tcb->retries;
    info->resent_ever = tcb->retransmits;
}

static void tell_receiving(const struct tcp *tcp, const struct tcb *tcb, struct net_stream_info *info) {
    const struct tcp_growth *growth = &tcb->beside->growth;
    uint32_t headers = IPV4_HEADER + TCP_HEADER, options = tcp_clock_length(&tcb->clock);
    info->receive_mss = tcb->rcv.mss != 0 ? tcb->rcv.mss : MSS_DEFAULT;
    info->offered_mss = tcp_offered_mss(tcp, tcb) - options;
    info->path_mtu = tcb->snd.mss + headers + options;
    info->receive_limit = tcp_receive_limit(tcp, tcb);
    info->ack_delay_us = tcb->beside->tally.data_in != 0 ? TCP_ACK_DELAY : 0;
    info->receiver_rtt_us = growth->round_trip / 8;
    info->taken_a_round_trip = growth->before;
    info->offered_window = tcp_offered(tcb);
    info->shifts = (uint8_t)(tcb->rcv.scaling ? tcb->snd.shift | tcb->rcv.shift << 4 : 0);
}

static void tell_tally(const struct tcb *tcb, struct net_stream_info *info, net_time now) {
    const struct tcp_tally *tally = &tcb->beside->tally;
    net_time sent = tcb->congestion.last_sent;
    info->since_data_sent_ms = sent != 0 ? net_milliseconds(now - sent) : 0;
    info->since_data_received_ms = tally->data_came != 0 ? net_milliseconds(now) - tally->data_came : 0;
    info->since_ack_received_ms = tally->ack_came != 0 ? net_milliseconds(now) - tally->ack_came : 0;
    info->bytes_acknowledged = tally->bytes_acknowledged;
    info->bytes_received = tally->bytes_received;
    info->bytes_sent = tally->bytes_sent;
    info->bytes_resent = tally->bytes_resent;
    info->segments_out = tally->segments_out;
    info->segments_in = tally->segments_in;
    info->data_segments_out = tally->data_out;
    info->data_segments_in = tally->data_in;
    info->delivered = tally->delivered;
    info->delivered_marked = tally->delivered_marked;
    info->reorderings = tally->reordered;
    info->duplicate_reports = tally->duplicate_reports;
    info->out_of_order = tally->out_of_order;
    info->timeouts_ever = tally->timeouts;
}

static void tell_rate(const struct tcb *tcb, struct net_stream_info *info, net_time now) {
    const struct tcp_tally *tally = &tcb->beside->tally;
    info->flags = (uint8_t)(tally->rate_idle | tally->fast_fail << 1);
    info->delivery_rate = tally->rate;
    info->window_limited_us = tcp_held_time(tcb, TCP_HELD_WINDOW, now);
    info->buffer_limited_us = tcp_held_time(tcb, TCP_HELD_BUFFER, now);
    info->busy_us = tcp_held_time(tcb, TCP_HELD_NOT, now) + info->window_limited_us + info->buffer_limited_us;
}

void tcp_tell(const struct tcp *tcp, const struct tcb *tcb, struct net_stream_info *info, net_time now) {
    *info =
        (struct net_stream_info){.state = tcb->state, .phase = (uint8_t)phase(tcb), .options = options(tcb)};
    tell_flight(tcb, info);
    tell_sending(tcb, info);
    tell_receiving(tcp, tcb, info);
    tell_tally(tcb, info, now);
    tell_rate(tcb, info, now);
}
