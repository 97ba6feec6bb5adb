/* undo.c: a recovery that was not needed is undone: cwnd and ssthresh are put back. That it was not needed is
 * told by D-SACK, when everything that was sent again has come twice (RFC 3708), or by timestamps, when what
 * is acknowledged had left before anything was sent again (Eifel: RFC 3522, answered by RFC 4015). */
#include <net/tcp/tcb.h>

/* What was sent again earlier may be reported too, and is then not to be taken for what is sent again now. */
void tcp_undo_mark(struct tcb *tcb) {
    struct aftermath *after = &tcb->beside->aftermath;
    congestion_save(&tcb->congestion, &after->prior);
    after->undo_marker = tcb->snd.una;
    after->undo_marked = true;
    after->resent_any = false;
    after->resent = tcp_resent_out(tcb);
}

void tcp_undo_resent(struct tcb *tcb, uint32_t length, net_time now) {
    struct aftermath *after = &tcb->beside->aftermath;
    if (!after->undo_marked) {
        return;
    }
    after->resent += length;
    if (!after->resent_any) {
        after->resent_any = true;
        after->stamp = tcp_clock_value(&tcb->clock, now);
    }
}

void tcp_undo_reported(struct tcb *tcb, const struct tcp_sack *block) {
    struct aftermath *after = &tcb->beside->aftermath;
    if (after->undo_marked && seq_after(block->end, after->undo_marker)) {
        after->resent -= tcp_min(after->resent, block->end.value - block->start.value);
    }
}

bool tcp_undo_all_duplicates(const struct tcb *tcb) {
    const struct aftermath *after = &tcb->beside->aftermath;
    return after->undo_marked && after->resent_any && after->resent == 0;
}

bool tcp_undo_is_delayed(const struct tcb *tcb, const struct tcp_news *news) {
    const struct aftermath *after = &tcb->beside->aftermath;
    if (!after->undo_marked || !news->advanced) {
        return false;
    }
    return !after->resent_any || tcp_clock_echoes_before(&tcb->clock, news->options, after->stamp);
}

void tcp_undo(struct tcb *tcb, net_time now) {
    struct aftermath *after = &tcb->beside->aftermath;
    if (after->undo_marked) {
        congestion_restore(&tcb->congestion, &after->prior);
        after->undo_marked = false;
    }
    if (tcb->outstanding != NULL) {
        sent_revive(&tcb->outstanding->sent, now);
        tcb->outstanding->rack.reorder_at = NET_NEVER;
    }
}
