/* listen.c: passive opens (RFC 9293 3.10.7.2). Half-open connections and finished ones are bounded apart, so
 * that a flood of SYNs keeps nobody from accepting what is finished. What does not fit is ignored, never
 * reset: the peer's SYN comes again (RFC 9293 MUST-2 aside, this is what every client counts on). */
#include <net/tcp/tcb.h>

#define HALF_OPEN_LEAST 64

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

/* The oldest half-open one gives way if its peer has let a SYN-ACK go unanswered for a whole timeout. */
static bool make_room(struct tcp *tcp, struct tcp_backlog *backlog) {
    if (backlog->finished_count >= backlog->limit) {
        return false;
    }
    if (backlog->half_open_count < tcp_max(backlog->limit, HALF_OPEN_LEAST)) {
        return true;
    }
    struct tcb *oldest = LIST_ENTRY(list_first(&backlog->half_open), struct tcb, sibling);
    if (oldest->retries == 0) {
        return false;
    }
    tcp_end(tcp, oldest, ERR_TIMED_OUT);
    return true;
}

static void inherit(struct tcb *tcb, const struct tcb *listener) {
    tcb->ttl = listener->ttl;
    tcb->tos = listener->tos;
    tcb->nodelay = listener->nodelay;
    tcb->keepalive = listener->keepalive;
    tcb->keep_idle = listener->keep_idle;
    tcb->keep_interval = listener->keep_interval;
    tcb->keep_count = listener->keep_count;
    tcb->linger = listener->linger;
    buffer_init(&tcb->send, listener->send.most);
    buffer_init(&tcb->receive, listener->receive.most);
}

/* RFC 9293 3.10.7.2, third: the SYN's data, if any, is left for the peer to send again. */
static void answer_syn(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *segment,
                       const struct sequence *isn_after, net_time now) {
    struct sequence iss = tcp_isn(tcp, &segment->key, now);
    if (isn_after != NULL && seq_before_or_at(iss, *isn_after)) {
        iss = seq_add(*isn_after, 64000);
    }
    tcb->entry.key = segment->key;
    tcp_start_sending(tcp, tcb, iss, now);
    tcp_start_receiving(tcp, tcb, segment, now);
    tcp_ecn_accept(tcp, tcb, segment);
    tcb->snd.wnd = segment->header.window;
    tcb->snd.wnd_max = tcb->snd.wnd;
    tcp_set_state(tcp, tcb, TCP_SYN_RECEIVED);
    tcp_table_insert(tcp, &tcb->entry);
    tcp_mark_due(tcp, tcb);
}

static void open_half(struct tcp *tcp, struct tcb *listener, const struct tcp_segment *segment,
                      const struct sequence *isn_after, net_time now) {
    struct tcp_backlog *backlog = listener->backlog;
    if (!make_room(tcp, backlog)) {
        tcp->counters->tcp_listen_overflow++;
        return;
    }
    struct tcb *tcb;
    if (tcp_tcb_new(tcp, listener->owner, &tcb) != ERR_NONE) {
        tcp->counters->tcp_no_memory++;
        return;
    }
    inherit(tcb, listener);
    tcb->listener = listener;
    list_append(&backlog->half_open, &tcb->sibling);
    backlog->half_open_count++;
    answer_syn(tcp, tcb, segment, isn_after, now);
}

void tcp_listen_input(struct tcp *tcp, struct tcb *listener, const struct tcp_segment *segment,
                      const struct sequence *isn_after, net_time now) {
    uint8_t flags = segment->header.flags;
    if ((flags & TCP_RST) != 0) {
        return;
    }
    if ((flags & TCP_ACK) != 0) {
        tcp_reply_reset(tcp, segment);
        return;
    }
    if ((flags & TCP_SYN) != 0) {
        open_half(tcp, listener, segment, isn_after, now);
    }
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
