/* listen.c: passive opens (RFC 9293 3.10.7.2). Half-open connections and finished ones are bounded apart, so
 * that a flood of SYNs keeps nobody from accepting what is finished. When there is no room for another
 * half-open one its SYN is answered with a cookie (cookies.c); when too many wait to be accepted SYNs and the
 * ACKs that would finish one are ignored, never reset: they come again. */
#include <net/tcp/tcb.h>

#define HALF_OPEN_LEAST 64
#define RETRIES         5 /* of a SYN-ACK */
#define FEW_RETRIES     2

void tcp_listen_forget(struct tcb *tcb) {
    struct tcb *listener = tcb->listener;
    if (listener == NULL) {
        return;
    }
    list_remove(&tcb->sibling);
    if (tcb->state == TCP_SYN_RECEIVED) {
        listener->backlog->half_open_count--;
    } else {
        listener->backlog->finished_count--;
    }
    tcb->listener = NULL;
}

static bool has_room(const struct tcp_backlog *backlog) {
    return backlog->half_open_count < tcp_max(backlog->limit, HALF_OPEN_LEAST);
}

/* Old ones go soon when they fill more than half of the room, so that there is some for new ones (as in
 * Linux). */
uint8_t tcp_listen_retries(const struct tcb *tcb) {
    const struct tcp_backlog *backlog = tcb->listener != NULL ? tcb->listener->backlog : NULL;
    bool crowded = backlog != NULL && 2 * backlog->half_open_count > tcp_max(backlog->limit, HALF_OPEN_LEAST);
    uint8_t retries = tcb->beside->asked.syn_retries;
    return crowded ? FEW_RETRIES : retries != 0 ? retries : RETRIES;
}

static void inherit(struct tcb *tcb, const struct tcb *listener) {
    tcb->beside->asked = listener->beside->asked;
    buffer_init(&tcb->send, listener->send.most);
    buffer_init(&tcb->receive, listener->receive.most);
}

/* What the peer's SYN and ours say, taken together. */
static void agree(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *syn, struct sequence iss,
                  net_time now) {
    tcb->entry.key = syn->key;
    tcp_start_sending(tcp, tcb, iss, now);
    tcp_start_receiving(tcp, tcb, syn, now);
    tcp_ecn_accept(tcp, tcb, syn);
    tcb->snd.wnd = syn->header.window;
    tcb->snd.wnd_max = tcb->snd.wnd;
}

static struct tcb *make_half_open(struct tcp *tcp, struct tcb *listener, const struct tcp_segment *syn,
                                  struct sequence iss, net_time now) {
    struct tcb *tcb;
    if (tcp_tcb_new(tcp, listener->owner, &tcb) != ERR_NONE) {
        tcp->counters->tcp_no_memory++;
        return NULL;
    }
    inherit(tcb, listener);
    tcb->listener = listener;
    list_append(&listener->backlog->half_open, &tcb->sibling);
    listener->backlog->half_open_count++;
    agree(tcp, tcb, syn, iss, now);
    tcp_set_state(tcp, tcb, TCP_SYN_RECEIVED);
    tcp_table_insert(tcp, &tcb->entry);
    return tcb;
}

/* The connection is drafted, answered and forgotten. Without timestamps there is no room for its options. */
static void answer_with_cookie(struct tcp *tcp, struct tcb *listener, const struct tcp_segment *segment,
                               net_time now) {
    struct tcp_segment syn = *segment;
    const struct tcp_options *offer = &segment->header.options;
    if (!offer->has_timestamp || tcp->config.no_timestamps) {
        syn.header.options = (struct tcp_options){.mss = offer->mss};
        syn.header.flags = TCP_SYN;
    }
    uint16_t mss = offer->mss != 0 ? offer->mss : MSS_DEFAULT;
    struct sequence iss = tcp_cookie_make(tcp, &segment->key, segment->header.seq, mss, now);
    struct tcp_beside beside = {0};
    struct tcb draft = {.state = TCP_LISTEN, .beside = &beside};
    inherit(&draft, listener);
    agree(tcp, &draft, &syn, iss, now);
    struct tcp_reply reply = {.key = segment->key,
                              .seq = iss,
                              .ack = draft.rcv.nxt,
                              .window = (uint16_t)tcp_min(buffer_space(&draft.receive), UINT16_MAX),
                              .flags = TCP_SYN | TCP_ACK | (draft.ecn.on ? TCP_ECE : 0),
                              .tos = beside.asked.tos,
                              .ttl = beside.asked.ttl};
    reply.options.mss = tcp_offered_mss(tcp, &draft);
    reply.options.sack_permitted = draft.sack;
    reply.options.has_window_scale = draft.rcv.scaling;
    reply.options.window_scale = draft.rcv.shift;
    tcp_clock_stamp(&draft.clock, &reply.options, now);
    reply.options.timestamp = tcp_cookie_stamp(&draft, reply.options.timestamp);
    tcp_reply(tcp, &reply);
    tcp_cookies_overflow(listener->backlog, now);
    tcp->counters->tcp_cookies_sent++;
}

/* RFC 9293 3.10.7.2, third: the SYN's data, if any, is left for the peer to send again. */
static void take_syn(struct tcp *tcp, struct tcb *listener, const struct tcp_segment *segment,
                     const struct sequence *isn_after, net_time now) {
    struct tcp_backlog *backlog = listener->backlog;
    if (backlog->finished_count >= backlog->limit) {
        tcp->counters->tcp_listen_overflow++;
        return;
    }
    if (!has_room(backlog) && isn_after == NULL) { /* a cookie could not keep away from old numbers */
        answer_with_cookie(tcp, listener, segment, now);
        return;
    }
    struct sequence iss = tcp_isn_after(tcp, &segment->key, isn_after, now);
    struct tcb *tcb = make_half_open(tcp, listener, segment, iss, now);
    if (tcb != NULL) {
        tcp_mark_due(tcp, tcb);
    }
}

/* As if the SYN-ACK had been sent by the connection that the cookie tells of. Round trips are not measured by
 * it: nobody remembers when that was. */
static struct tcb *take_cookie(struct tcp *tcp, struct tcb *listener, const struct tcp_segment *segment,
                               net_time now) {
    struct tcp_segment syn;
    bool expected = tcp_cookies_expected(listener->backlog, now);
    if (!expected || !tcp_cookie_read(tcp, segment, &syn, now)) {
        tcp->counters->tcp_cookies_failed += expected;
        tcp->counters->tcp_bad_ack += !expected;
        tcp_reply_reset(tcp, segment);
        return NULL;
    }
    tcp->counters->tcp_cookies_received++;
    if (listener->backlog->finished_count >= listener->backlog->limit) {
        tcp->counters->tcp_listen_overflow++;
        return NULL;
    }
    struct tcb *tcb = make_half_open(tcp, listener, &syn, seq_of(segment->header.ack.value - 1), now);
    if (tcb != NULL) {
        tcb->snd.nxt = tcb->snd.max = segment->header.ack;
        tcb->rcv.adv = seq_add(tcb->rcv.nxt, tcp_min(buffer_space(&tcb->receive), UINT16_MAX));
        tcb->rcv.told = tcb->rcv.adv;
    }
    return tcb;
}

struct tcb *tcp_listen_input(struct tcp *tcp, struct tcb *listener, const struct tcp_segment *segment,
                             const struct sequence *isn_after, net_time now) {
    uint8_t kind = segment->header.flags & (TCP_SYN | TCP_ACK | TCP_RST);
    if (kind == TCP_ACK) {
        return take_cookie(tcp, listener, segment, now);
    }
    if (kind == (TCP_SYN | TCP_ACK)) {
        tcp->counters->tcp_bad_ack++;
        tcp_reply_reset(tcp, segment);
    } else if (kind == TCP_SYN &&
               (segment->header.flags & TCP_FIN) == 0) { /* both: scanners, as Linux says */
        take_syn(tcp, listener, segment, isn_after, now);
    } else {
        tcp->counters->tcp_ignored++;
    }
    return NULL;
}

bool tcp_listen_finish(struct tcp *tcp, struct tcb *tcb) {
    struct tcb *listener = tcb->listener;
    if (listener == NULL) {
        return true;
    }
    struct tcp_backlog *backlog = listener->backlog;
    if (backlog->finished_count >= backlog->limit) {
        tcp->counters->tcp_listen_overflow++;
        return false;
    }
    list_remove(&tcb->sibling);
    backlog->half_open_count--;
    list_append(&backlog->finished, &tcb->sibling);
    backlog->finished_count++;
    tcp_mark_changed(tcp, listener);
    return true;
}
