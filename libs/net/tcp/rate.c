/* rate.c: what a sender achieves, and what holds it back, for its user to see (TCP_INFO); nothing here
 * changes what is sent.
 *
 * The rate of delivery is measured a round at a time: from the first segment of a flight, or from an ACK,
 * until all is acknowledged that was out by then. A round takes a round-trip time at least, so ACKs that come
 * all at once make no fast path out of a slow one. */
#include <net/tcp/tcb.h>

#define MILLISECOND (NET_SECOND / 1000)

/* ---- The rate of delivery ---- */

void tcp_rate_begin(struct outstanding *out, net_time now) {
    out->round.began = (uint32_t)now;
    out->round.delivered = 0;
    out->round_open = true;
    out->round_idle = false;
}

/* Less than the rate so far says nothing where the user had no more to send. */
static void take_sample(struct tcb *tcb, const struct outstanding *out, net_time now) {
    struct tcp_tally *tally = &tcb->beside->tally;
    uint32_t passed = tcp_max((uint32_t)now - out->round.began, 1);
    uint64_t rate = (uint64_t)out->round.delivered * NET_SECOND / passed;
    uint32_t sample = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
    if (!out->round_idle || sample >= tally->rate) {
        tally->rate = sample;
        tally->rate_idle = out->round_idle;
    }
}

void tcp_rate_acked(struct tcb *tcb, uint32_t delivered, net_time now) {
    struct outstanding *out = tcb->outstanding;
    if (out == NULL || delivered == 0) {
        return;
    }
    out->round.delivered += delivered;
    out->round_idle |= tcp_unsent(tcb) == 0 && tcp_pipe(tcb) < tcb->congestion.cwnd;
    if (out->round_open) {
        out->round.end = tcb->snd.max;
        out->round_open = false;
    }
    if (!seq_before(tcb->snd.una, out->round.end)) {
        take_sample(tcb, out, now);
        tcp_rate_begin(out, now);
    }
}

/* ---- What holds it back ---- */

/* The peer's window does only where that of congestion control would let more go; the buffer, where all of it
 * is out and the user has more. */
static enum tcp_held held_by(const struct tcb *tcb) {
    if (buffer_length(&tcb->send) == 0 || tcb->state < TCP_ESTABLISHED) {
        return TCP_HELD_IDLE;
    }
    uint32_t unsent = tcp_unsent(tcb), flight = tcp_flight(tcb), pipe = tcp_pipe(tcb);
    if (unsent == 0) {
        return tcb->refused ? TCP_HELD_BUFFER : TCP_HELD_NOT;
    }
    uint32_t next = tcp_min(unsent, tcb->snd.mss);
    bool by_network = pipe + next > tcb->congestion.cwnd;
    bool by_peer = flight + next > tcb->snd.wnd;
    return by_peer && !by_network ? TCP_HELD_WINDOW : TCP_HELD_NOT;
}

void tcp_held_look(struct tcb *tcb, net_time now) {
    struct tcp_tally *tally = &tcb->beside->tally;
    enum tcp_held held = held_by(tcb);
    if (held != tally->held_by) {
        uint32_t moment = net_milliseconds(now);
        tally->held[tally->held_by] += moment - tally->held_since;
        tally->held_since = moment;
        tally->held_by = (uint8_t)held;
    }
}

uint64_t tcp_held_time(const struct tcb *tcb, enum tcp_held held, net_time now) {
    const struct tcp_tally *tally = &tcb->beside->tally;
    bool runs = tally->held_by == held && tcb->state != TCP_CLOSED && tcb->state != TCP_TIME_WAIT;
    uint32_t time = tally->held[held] + (runs ? net_milliseconds(now) - tally->held_since : 0);
    return (uint64_t)time * MILLISECOND;
}
