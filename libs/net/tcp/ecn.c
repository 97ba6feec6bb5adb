/* ecn.c: explicit congestion notification (RFC 3168 section 6): routers mark packets instead of dropping
 * them. Both ends agree in their SYNs. Then new data leaves marked as capable (ECT); the receiver answers a
 * mark that came on the way (CE) with ECE in each segment until it sees CWR; the sender reduces its window as
 * for a loss, once a round trip, and says CWR with the next new data. What is agreed when is Linux's choice:
 * who is asked agrees, who is not configured to ask does not. */
#include <net/tcp/tcb.h>

#define ASKING     (TCP_ECE | TCP_CWR)
#define QUICK_ACKS 2 /* the sender's window may be very small now */

/* ---- The SYNs (6.1.1) ---- */

void tcp_ecn_start(const struct tcp *tcp, struct tcb *tcb) {
    tcb->ecn.on = tcp->config.ask_ecn && !tcp->config.no_ecn;
    tcb->ecn.plain = false;
}

void tcp_ecn_accept(const struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *syn) {
    bool asked = (syn->header.flags & ASKING) == ASKING;
    bool legal = (syn->tos & IPV4_ECN) == ECN_NOT_ECT; /* a SYN is never marked as capable */
    tcb->ecn.on = asked && legal && !tcp->config.no_ecn;
}

void tcp_ecn_agree(struct tcb *tcb, const struct tcp_segment *syn) {
    bool answer = (syn->header.flags & TCP_ACK) != 0;
    tcb->ecn.on &= (syn->header.flags & ASKING) == (answer ? TCP_ECE : ASKING);
}

void tcp_ecn_repeated(struct tcb *tcb, const struct tcp_segment *syn) {
    tcb->ecn.plain |= (syn->header.flags & ASKING) != ASKING;
}

/* 6.1.1.1: who got no answer to a SYN that asks may have met somebody who drops such SYNs. */
uint8_t tcp_ecn_syn_flags(struct tcb *tcb, bool resend) {
    bool answer = tcb->state == TCP_SYN_RECEIVED;
    tcb->ecn.plain |= resend && !answer;
    bool says = tcb->ecn.on && !tcb->ecn.plain;
    return !says ? 0 : answer ? TCP_ECE : ASKING;
}

static bool marks(const struct tcb *tcb) {
    return tcb->ecn.on && !tcb->ecn.plain;
}

/* ---- The receiver (6.1.3) ---- */

/* CWR stops the echo and a mark starts it, in this order, for the segment that tells of the reduction may be
 * marked itself. Who has marked his data and sends some without a mark sends it again (6.1.5). */
void tcp_ecn_arrived(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *segment) {
    uint8_t mark = segment->tos & IPV4_ECN;
    if (!tcb->ecn.on) {
        return;
    }
    bool reduced = (segment->header.flags & TCP_CWR) != 0;
    bool again = mark == ECN_NOT_ECT && tcb->ecn.seen;
    tcb->ecn.seen |= mark != ECN_NOT_ECT;
    tcb->ecn.echo &= !reduced;
    bool news = mark == ECN_CE && !tcb->ecn.echo;
    tcb->ecn.echo |= news;
    tcp->counters->tcp_congestion_marks += mark == ECN_CE;
    if (reduced || again || news) {
        tcb->quick_acks = (uint8_t)tcp_max(tcb->quick_acks, QUICK_ACKS);
        tcp_ack_now(tcp, tcb);
    }
}

/* ---- The sender (6.1.2) ---- */

/* The window that has been reduced, for a mark or for a loss, is over when something behind it is
 * acknowledged, so that CWR has reached the peer. */
void tcp_ecn_acked(struct tcp *tcp, struct tcb *tcb, const struct tcp_header *header) {
    struct congestion *congestion = &tcb->congestion;
    if (congestion->answered && seq_after(header->ack, tcb->ecn.until)) {
        congestion->answered = false;
    }
    bool echo = (header->flags & (TCP_ECE | TCP_SYN)) == TCP_ECE && marks(tcb);
    bool current = seq_after_or_at(header->ack, tcb->snd.una);
    bool recovering = tcb->recovery.phase != TCP_PHASE_OPEN || !seq_after(header->ack, tcb->recovery.recover);
    if (!echo || !current || recovering || congestion->answered) {
        return;
    }
    tcb->ecn.until = tcb->snd.max;
    congestion_marked(congestion, tcp_flight(tcb));
    tcp->counters->tcp_marked_windows++;
}

bool tcp_ecn_cwr_due(const struct tcb *tcb) {
    return tcb->congestion.reduced && marks(tcb);
}

/* 6.1.4 to 6.1.6: neither what is sent again nor what is empty nor a probe of the window is marked. */
void tcp_ecn_mark(struct tcb *tcb, struct tcp_departure *out) {
    if (!marks(tcb)) {
        return;
    }
    out->tos |= ECN_ECT_0;
    out->header.flags |= tcb->congestion.reduced ? TCP_CWR : 0;
    tcb->congestion.reduced = false;
}
