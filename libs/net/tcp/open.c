/* open.c: what both kinds of open set up, and what two SYNs agree on (RFC 9293 3.7.1, RFC 7323 2, RFC 6691).
 */
#include <net/tcp/tcb.h>

#define MSS_LEAST  64 /* less would be an attack on our CPU */
#define SHIFT_MOST 14

uint8_t tcp_window_shift(uint32_t buffer) {
    uint8_t shift = 0;
    while (shift < SHIFT_MOST && buffer >> shift > UINT16_MAX) {
        shift++;
    }
    return shift;
}

static const struct congestion_kind *congestion_kind(const struct tcb *tcb) {
    return tcb->beside->asked.new_reno ? &CONGESTION_NEW_RENO : &CONGESTION_CUBIC;
}

void tcp_start_sending(struct tcp *tcp, struct tcb *tcb, struct sequence iss, net_time now) {
    tcb->iss = iss;
    tcb->snd.una = iss;
    tcb->snd.nxt = iss;
    tcb->snd.max = iss;
    tcb->snd.push = iss;
    tcb->snd.small = iss;
    tcb->recovery.recover = iss;
    tcb->retries = 0;
    tcb->retransmits = 0;
    rtt_init(&tcb->rtt);
    tcb->snd.mss = MSS_DEFAULT;
    congestion_init(&tcb->congestion, congestion_kind(tcb), MSS_DEFAULT);
    tcp_clock_start(tcp, tcb);
    tcp_ecn_start(tcp, tcb);
    tcb->sack = !tcp->config.no_sack;
    tcb->rcv.scaling = true;
    bool grows = !tcb->beside->asked.receive_fixed;
    tcb->rcv.shift = tcp_window_shift(tcp_max(tcb->receive.most, grows ? tcp->config.receive_most : 0));
    tcb->syn_due = true;
    tcb->fast_asked = false;
    tcb->heard = now;
}

/* snd.mss counts text alone: what options take of each segment is off (RFC 6691). RFC 5681 3.1: with the SYN
 * lost, one segment must do for a start. */
static void take_options(struct tcp *tcp, struct tcb *tcb, const struct tcp_options *options, net_time now) {
    uint32_t mss = options->mss != 0 ? tcp_max(options->mss, MSS_LEAST) : MSS_DEFAULT;
    tcp_clock_agree(tcb, options, now);
    tcb->sack &= options->sack_permitted;
    tcb->rcv.scaling = tcb->rcv.scaling && options->has_window_scale;
    tcb->snd.shift = tcb->rcv.scaling ? (uint8_t)tcp_min(options->window_scale, SHIFT_MOST) : 0;
    tcb->rcv.shift = tcb->rcv.scaling ? tcb->rcv.shift : 0;
    uint32_t most = tcb->beside->asked.mss_most;
    tcp_size_agree(tcp, tcb, (uint16_t)(most != 0 ? tcp_min(mss, most) : mss));
    congestion_init(&tcb->congestion, congestion_kind(tcb), tcb->snd.mss);
    if (tcb->retransmits != 0) {
        tcb->congestion.cwnd = tcb->snd.mss;
    }
}

void tcp_start_receiving(struct tcp *tcp, struct tcb *tcb, const struct tcp_segment *syn, net_time now) {
    tcb->irs = syn->header.seq;
    tcb->rcv.nxt = seq_add(tcb->irs, 1);
    tcb->rcv.acked = tcb->rcv.nxt;
    uint32_t told = tcb->state == TCP_SYN_SENT ? tcp_min(buffer_space(&tcb->receive), UINT16_MAX) : 0;
    tcb->rcv.adv = seq_add(tcb->rcv.nxt, told); /* our SYN has told a window already */
    tcb->rcv.told = tcb->rcv.adv;
    take_options(tcp, tcb, &syn->header.options, now);
    tcp_growth_start(tcb, now);
}
