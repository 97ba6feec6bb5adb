/* tail.c: the tail loss probe (RFC 8985 section 7). When the last segments of a burst are lost no later ones
 * tell of it. Instead of waiting for the timer, which also costs the whole window, one more segment is sent
 * after two round trips: by what the peer answers RACK sees what is missing. */
#include <net/tcp/tcb.h>

#define MAX_ACK_DELAY (NET_SECOND / 5)   /* a lone segment's ACK may be held back so long */
#define SLACK         (NET_SECOND / 100) /* for peers nearer than their own timers' grain */

/* 7.2: not when something else will tell soon: recovery, or what SACK has told already; nor a second time
 * while the first probe has not left, for the peer's window may have shut. */
bool tcp_tail_may_probe(const struct tcb *tcb) {
    const struct outstanding *out = tcb->outstanding;
    bool usual = out != NULL && tcb->sack && tcb->state >= TCP_ESTABLISHED && tcb->retries == 0;
    return usual && tcb->recovery.phase == TCP_PHASE_OPEN && !tcb->recovery.tail_probed &&
           !tcb->recovery.tail_due && out->sent.bytes[SENT_ARRIVED] == 0;
}

/* TLP_calc_PTO: never later than the timer, which runs since the first segment left. */
net_time tcp_tail_deadline(const struct tcb *tcb, net_time now) {
    bool alone = tcp_flight(tcb) <= tcb->snd.mss;
    net_time delay = 2 * (net_time)tcb->rtt.srtt + (alone ? MAX_ACK_DELAY : SLACK);
    net_time timer = tcp_head_sent(tcb, now) + tcb->rtt.rto;
    net_time probe = net_time_after(now, tcb->rtt.srtt != 0 ? delay : NET_SECOND);
    return net_time_min(probe, timer > now ? timer : now);
}

void tcp_tail_expired(struct tcp *tcp, struct tcb *tcb) {
    tcb->recovery.tail_due = true;
    tcp_mark_due(tcp, tcb);
}

void tcp_tail_sent(struct tcp *tcp, struct tcb *tcb, bool resend) {
    tcb->recovery.tail_due = false;
    tcb->recovery.tail_probed = true;
    tcb->recovery.tail_resent = resend;
    tcb->recovery.tail_end = tcb->snd.max;
    tcp->counters->tcp_tail_probes++;
}

bool tcp_tail_is_reported(const struct tcb *tcb, const struct tcp_header *header) {
    return tcb->recovery.tail_probed && tcb->sack && tcp_sack_tells_duplicate(header) &&
           seq_equal(header->options.sack[0].end, tcb->recovery.tail_end);
}

/* 7.4.2: a probe that was nothing new either has come twice, which the peer tells, or has filled the only
 * hole: that nobody else will notice, and it was a loss. */
void tcp_tail_acked(struct tcb *tcb, struct sequence ack, const struct tcp_news *news, bool reported) {
    if (!tcb->recovery.tail_probed || seq_before(ack, tcb->recovery.tail_end)) {
        return;
    }
    bool pure = !news->advanced && news->delivered == 0 && news->options->sack_count == 0;
    if (!tcb->recovery.tail_resent || reported || pure) {
        tcb->recovery.tail_probed = false;
    } else if (seq_after(ack, tcb->recovery.tail_end)) {
        tcb->recovery.tail_probed = false;
        congestion_lost(&tcb->congestion, news->flight);
        tcb->congestion.cwnd = tcb->congestion.ssthresh;
    }
}
