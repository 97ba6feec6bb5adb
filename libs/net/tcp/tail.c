/* tail.c: the tail loss probe (RFC 8985 section 7). When the last segments of a burst are lost no later ones
 * tell of it. Instead of waiting for the timer, which also costs the whole window, one more segment is sent
 * after two round trips: what the peer answers shows what is missing, and sack.c sends it. */
#include <net/tcp/tcb.h>

#define ACK_DELAY_MOST (NET_SECOND / 5)   /* a lone segment's ACK may be held back so long */
#define SLACK          (NET_SECOND / 100) /* for peers nearer than their own timers' grain */

bool tcp_tail_may_probe(const struct tcb *tcb) {
    bool usual = tcb->state >= TCP_ESTABLISHED && tcb->retries == 0 && seq_equal(tcb->snd.nxt, tcb->snd.max);
    return tcb->sack && usual && !tcb->recovery.active && !tcb->recovery.tail_probed && tcb->rtt.srtt != 0;
}

net_time tcp_tail_delay(const struct tcb *tcb) {
    bool alone = tcp_flight(tcb) <= tcb->snd.mss;
    net_time delay = 2 * (net_time)tcb->rtt.srtt + (alone ? ACK_DELAY_MOST : SLACK);
    return net_time_min(delay, tcb->rtt.rto);
}

bool tcp_tail_expired(struct tcp *tcp, struct tcb *tcb, net_time now) {
    if (now - tcb->congestion.last_sent < tcp_tail_delay(tcb)) {
        return false;
    }
    tcb->recovery.tail_due = true;
    tcp_mark_due(tcp, tcb);
    return true;
}

void tcp_tail_sent(struct tcp *tcp, struct tcb *tcb, bool resend) {
    tcb->recovery.tail_due = false;
    tcb->recovery.tail_probed = true;
    tcb->recovery.tail_resent = resend;
    tcb->recovery.tail_end = tcb->snd.max;
    tcp->counters->tcp_tail_probes++;
}

/* 7.4: if a probe that was nothing new has filled the only hole, nobody else will notice the loss; if it came
 * twice there was none. */
void tcp_tail_acked(struct tcb *tcb, struct sequence ack, bool duplicate) {
    if (!tcb->recovery.tail_probed || seq_before(ack, tcb->recovery.tail_end)) {
        return;
    }
    tcb->recovery.tail_probed = false;
    if (tcb->recovery.tail_resent && !duplicate && !tcb->recovery.active) {
        congestion_lost(&tcb->congestion, tcp_flight(tcb));
        tcb->congestion.cwnd = tcb->congestion.ssthresh;
    }
}

const struct scoreboard_range *tcp_tail_told(const struct tcb *tcb) {
    if (!tcb->recovery.tail_probed || tcb->scoreboard == NULL) {
        return NULL;
    }
    struct sequence last = seq_of(tcb->recovery.tail_end.value - 1);
    const struct scoreboard_range *range = scoreboard_at(tcb->scoreboard, last);
    return range != NULL && seq_before_or_at(range->start, last) ? range : NULL;
}
