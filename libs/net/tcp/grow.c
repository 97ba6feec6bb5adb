/* grow.c: how large the two buffers may become. They begin small; each grows by need up to what the
 * configuration allows, and no further while memory is short.
 *
 * Receiving, the need is what the user took in a round trip: the peer could have sent as much again, and may
 * have doubled its window (Linux calls it dynamic right-sizing). Sending, it is twice the congestion window,
 * so that there is something to send while that doubles. A size that the user has asked for stays. */
#include <net/tcp/tcb.h>

#define FIRST_SEGMENTS 10 /* what the peer may send in its first round trip (RFC 6928) */
#define SPARE_SEGMENTS 16
#define SMOOTHING      8 /* a new sample counts for an eighth */
#define TRIP_MOST      (60 * NET_SECOND)

static uint32_t at_most(uint64_t value, uint32_t most) {
    return value > most ? most : (uint32_t)value;
}

void tcp_growth_start(struct tcb *tcb, net_time now) {
    uint32_t offered = tcp_min(buffer_space(&tcb->receive), UINT16_MAX);
    uint32_t first = FIRST_SEGMENTS * (uint32_t)tcb->snd.mss;
    tcb->beside->growth = (struct tcp_growth){.taken = tcb->rcv.nxt,
                                              .window_end = seq_add(tcb->rcv.nxt, offered),
                                              .before = tcp_max(tcp_min(offered, first), 1),
                                              .taken_at = now,
                                              .window_began = now};
}

/* ---- The round trip as the receiver sees it ---- */

/* From a timestamp comes the round trip of a sender that is never idle; it is smoothed. */
static void learn_by_echo(struct tcb *tcb, const struct tcp_options *options, net_time now) {
    struct tcp_growth *growth = &tcb->beside->growth;
    uint32_t sample = tcp_clock_round_trip(&tcb->clock, options, now);
    if (sample == 0 || options->timestamp_echo == growth->echo) {
        return;
    }
    growth->echo = options->timestamp_echo;
    if (growth->round_trip == 0) {
        growth->round_trip = sample * SMOOTHING;
    } else {
        growth->round_trip += sample - growth->round_trip / SMOOTHING;
    }
}

/* A window takes a round trip to pass, or longer where the peer has less to send: the shortest counts. */
static void learn_by_window(struct tcb *tcb, net_time now) {
    struct tcp_growth *growth = &tcb->beside->growth;
    if (seq_before(tcb->rcv.nxt, growth->window_end)) {
        return;
    }
    uint32_t sample = SMOOTHING * tcp_max(at_most(now - growth->window_began, TRIP_MOST), 1);
    if (growth->round_trip == 0 || sample < growth->round_trip) {
        growth->round_trip = sample;
    }
    growth->window_end = tcb->rcv.adv;
    growth->window_began = now;
}

void tcp_growth_arrived(struct tcb *tcb, const struct tcp_header *header, uint32_t length, net_time now) {
    if (!tcb->clock.on) {
        learn_by_window(tcb, now);
    } else if (length >= tcb->rcv.mss && header->options.has_timestamp) {
        learn_by_echo(tcb, &header->options, now);
    }
}

/* ---- The buffers ---- */

static bool may_grow(const struct tcp *tcp, const struct tcb *tcb, bool fixed) {
    return !fixed && !arena_is_tight(tcp->arena, tcb->owner);
}

/* Room for twice what was taken, and for more still if that itself grows. */
static void widen(const struct tcp *tcp, struct tcb *tcb, uint32_t taken) {
    uint64_t before = tcb->beside->growth.before;
    uint64_t window = 2 * (uint64_t)taken + SPARE_SEGMENTS * (uint64_t)tcb->snd.mss;
    window += 2 * (window * (taken - before) / before);
    uint32_t most = at_most(window, tcp->config.receive_most);
    if (most > tcb->receive.most && may_grow(tcp, tcb, tcb->beside->asked.receive_fixed)) {
        tcb->receive.most = most;
    }
}

void tcp_growth_taken(const struct tcp *tcp, struct tcb *tcb, net_time now) {
    struct tcp_growth *growth = &tcb->beside->growth;
    bool over = growth->round_trip != 0 && (now - growth->taken_at) * SMOOTHING >= growth->round_trip;
    if (!over) {
        return;
    }
    struct sequence next = seq_of(tcb->rcv.nxt.value - tcb->fin_taken - buffer_length(&tcb->receive));
    uint32_t taken = next.value - growth->taken.value;
    if (taken > growth->before) {
        widen(tcp, tcb, taken);
        growth->before = taken;
    }
    growth->taken = next;
    growth->taken_at = now;
}

void tcp_growth_acked(const struct tcp *tcp, struct tcb *tcb) {
    uint32_t wanted = at_most(2 * (uint64_t)tcb->congestion.cwnd, tcp->config.send_most);
    if (wanted > tcb->send.most && may_grow(tcp, tcb, tcb->beside->asked.send_fixed)) {
        tcb->send.most = wanted;
    }
}

uint32_t tcp_receive_limit(const struct tcp *tcp, const struct tcb *tcb) {
    uint32_t most = tcb->receive.most;
    if (!arena_is_tight(tcp->arena, tcb->owner)) {
        return most;
    }
    return tcp_min(most, tcp_max(tcb->receive.ring.capacity, 4 * (uint32_t)tcb->snd.mss));
}
