/* frto.c: was the timeout spurious (RFC 5682)? After it one segment is sent again. If what arrives next was
 * sent only once, nothing was lost, the ACKs were only late: nothing else has to be sent again. With SACK
 * that is seen at once (section 3); without, two new segments ask (section 2). */
#include <net/tcp/tcb.h>

/* Step 1. A timeout in the middle of fast recovery is believed, unless it is not the first. */
void tcp_frto_begin(struct tcb *tcb) {
    if (tcb->outstanding != NULL) {
        tcb->outstanding->frto = tcb->recovery.phase == TCP_PHASE_OPEN || tcb->retries > 1;
        tcb->outstanding->frto_new = false;
    }
}

/* Is there anything new that could be sent (step 2.b)? */
static bool has_new(const struct tcb *tcb) {
    bool written = seq_before(tcb->snd.max, tcp_send_end(tcb)) || (tcb->fin_queued && !tcb->fin_sent);
    return written && tcb->snd.max.value - tcb->snd.una.value < tcb->snd.wnd;
}

bool tcp_frto_acked(struct tcb *tcb, const struct tcp_news *news) {
    struct outstanding *out = tcb->outstanding;
    if (out == NULL || !out->frto) {
        return false;
    }
    out->frto_new = false;
    /* Without SACK what was sent once may have come before the timeout, and waited for what came again. */
    if (news->original && (tcb->sack || !news->resent)) {
        return true; /* step 3.b */
    }
    if (seq_after(tcb->snd.max, tcb->recovery.recover)) {
        out->frto &= !(news->sacked || news->duplicate); /* step 3.a: it was a loss */
    } else if (news->advanced && seq_before(tcb->snd.una, tcb->recovery.recover)) {
        tcb->recovery.recover = tcb->snd.max; /* step 2.b */
        out->frto = out->frto_new = has_new(tcb);
    }
    return false;
}
