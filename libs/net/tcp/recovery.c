/* recovery.c: what is done about loss: fast retransmit and NewReno's fast recovery (RFC 5681 3.2, RFC 6582),
 * limited transmit (RFC 3042). As soon as the peer tells by SACK what it has, sack.c takes over. */
#include <net/tcp/tcb.h>

#define DUPLICATE_THRESHOLD 3

/* RFC 6582 3.2, step 2: only if this is not the tail of a loss that has been dealt with. */
static void enter(struct tcp *tcp, struct tcb *tcb) {
    tcb->recovery.active = true;
    tcb->recovery.partial_seen = false;
    tcb->recovery.recover = tcb->snd.max;
    congestion_lost(&tcb->congestion, tcp_flight(tcb));
    tcb->congestion.cwnd = tcb->congestion.ssthresh + DUPLICATE_THRESHOLD * (uint32_t)tcb->snd.mss;
    tcb->retransmit_due = true;
    rtt_resent(&tcb->rtt);
    tcp->counters->tcp_fast_retransmits++;
}

void tcp_recovery_duplicate(struct tcp *tcp, struct tcb *tcb) {
    tcb->recovery.duplicates += tcb->recovery.duplicates < UINT8_MAX;
    if (tcb->scoreboard != NULL) {
        return;
    }
    if (tcb->recovery.active) {
        tcb->congestion.cwnd += tcb->snd.mss; /* a segment has left the network */
        return;
    }
    if (tcb->recovery.duplicates == DUPLICATE_THRESHOLD &&
        seq_after_or_at(tcb->snd.una, tcb->recovery.recover)) {
        enter(tcp, tcb);
    }
}

/* Step 3: everything that was out when the loss was seen has arrived. */
static void leave(struct tcb *tcb) {
    uint32_t flight = tcp_max(tcp_flight(tcb), tcb->snd.mss);
    bool by_sack = tcb->scoreboard != NULL; /* RFC 6937: its window has come down gently */
    tcb->congestion.cwnd =
        by_sack ? tcb->congestion.ssthresh : tcp_min(tcb->congestion.ssthresh, flight + tcb->snd.mss);
    tcb->recovery.active = false;
}

/* Step 3, partial acknowledgment: the next hole is known at once; deflate by what was acknowledged. */
static void go_on(struct tcb *tcb, uint32_t acked) {
    tcb->retransmit_due = true;
    uint32_t cwnd = tcb->congestion.cwnd;
    cwnd -= tcp_min(acked, cwnd);
    cwnd += acked >= tcb->snd.mss ? tcb->snd.mss : 0;
    tcb->congestion.cwnd = tcp_max(cwnd, tcb->snd.mss);
    tcb->recovery.partial_seen = true;
}

void tcp_recovery_acked(struct tcb *tcb, uint32_t acked) {
    tcb->recovery.duplicates = 0;
    if (!tcb->recovery.active) {
        return;
    }
    if (seq_after_or_at(tcb->snd.una, tcb->recovery.recover)) {
        leave(tcb);
    } else if (tcb->scoreboard == NULL) {
        go_on(tcb, acked);
    }
}

/* Step 4: duplicates that the resent segments cause must not look like another loss. */
void tcp_recovery_timeout(struct tcp *tcp, struct tcb *tcb) {
    tcp_sack_timeout(tcp, tcb);
    tcb->recovery.tail_due = false;
    tcb->recovery.tail_probed = false;
    tcb->recovery.active = false;
    tcb->recovery.duplicates = 0;
    tcb->recovery.recover = tcb->snd.max;
    tcb->retransmit_due = false;
}

uint32_t tcp_recovery_allowance(const struct tcb *tcb) {
    bool early = !tcb->recovery.active && tcb->recovery.duplicates > 0 && tcb->scoreboard == NULL;
    uint32_t count =
        tcb->recovery.duplicates < DUPLICATE_THRESHOLD ? tcb->recovery.duplicates : DUPLICATE_THRESHOLD - 1;
    return early ? count * tcb->snd.mss : 0;
}
