/* fastopen.c: TCP Fast Open, the client's side (RFC 7413). A server gives a cookie with its SYN-ACK to who
 * asks; with it a later SYN may carry data, which saves a round trip. Cookies are remembered by the server's
 * address, with its MSS, in a small table; so is who does not want to know of them, or who loses such SYNs
 * (4.1.3.1). Only a user who asked for it has his data sent so, for it may arrive twice. */
#include <net/tcp/tcb.h>

#define OPTIONS_MOST 40                /* bytes that the SYN's options may take of its segment */
#define PAUSE        (60 * NET_SECOND) /* after a lost or ignored one, doubled each time */
#define REFUSAL      (60 * PAUSE)      /* after a server that gives no cookie */
#define DOUBLED_MOST 10

static struct tcp_hint *find(struct tcp *tcp, uint32_t peer) {
    for (uint32_t i = 0; i < TCP_HINTS; i++) {
        if (tcp->hints[i].peer == peer) {
            return &tcp->hints[i];
        }
    }
    return NULL;
}

/* The one used longest ago gives way. */
static struct tcp_hint *find_or_make(struct tcp *tcp, uint32_t peer, net_time now) {
    struct tcp_hint *hint = find(tcp, peer), *oldest = &tcp->hints[0];
    for (uint32_t i = 0; hint == NULL && i < TCP_HINTS; i++) {
        oldest = tcp->hints[i].used < oldest->used ? &tcp->hints[i] : oldest;
    }
    if (hint == NULL) {
        hint = oldest;
        *hint = (struct tcp_hint){.peer = peer};
    }
    hint->used = now;
    return hint;
}

static bool is_paused(const struct tcp_hint *hint, net_time now) {
    return hint != NULL && now < hint->paused_until;
}

static void pause(struct tcp_hint *hint, net_time now) {
    hint->paused_until = net_time_after(now, PAUSE << hint->failures);
    hint->failures += hint->failures < DOUBLED_MOST;
}

bool tcp_fast_may_wait(struct tcp *tcp, uint32_t peer, net_time now) {
    const struct tcp_hint *hint = find(tcp, peer);
    return hint != NULL && hint->cookie.length != 0 && !is_paused(hint, now);
}

uint32_t tcp_fast_offer(struct tcp *tcp, struct tcb *tcb, struct tcp_options *options, net_time now) {
    struct tcp_hint *hint = find(tcp, tcb->entry.key.peer_address);
    if (!tcb->beside->asked.fast_open || is_paused(hint, now)) {
        return 0;
    }
    tcb->fast_asked = true;
    options->has_fast_open = true;
    if (hint == NULL || hint->cookie.length == 0) {
        tcb->beside->tally.fast_fail = TCP_FAST_NO_COOKIE;
        return 0;
    }
    options->fast_open = hint->cookie;
    hint->used = now;
    uint32_t mss = tcp_min(hint->mss, tcp->config.mtu - IPV4_HEADER - TCP_HEADER);
    uint32_t room = mss > OPTIONS_MOST ? mss - OPTIONS_MOST : 0;
    tcp->counters->tcp_fast_opens++;
    return tcp_min(room, buffer_length(&tcb->send));
}

void tcp_fast_lost(struct tcp *tcp, struct tcb *tcb, net_time now) {
    if (tcb->fast_asked) {
        tcb->fast_asked = false;
        bool had_data = seq_after(tcb->snd.max, seq_add(tcb->iss, 1));
        tcb->beside->tally.fast_fail = had_data ? TCP_FAST_SYN_RESENT : tcb->beside->tally.fast_fail;
        pause(find_or_make(tcp, tcb->entry.key.peer_address, now), now);
    }
}

void tcp_fast_answered(struct tcp *tcp, struct tcb *tcb, const struct tcp_header *answer, net_time now) {
    const struct tcp_options *options = &answer->options;
    struct sequence text = seq_add(tcb->iss, 1);
    bool ignored = seq_after(tcb->snd.max, text) && seq_equal(answer->ack, text);
    tcb->beside->tally.syn_data = seq_after(answer->ack, text);
    bool given = options->has_fast_open && options->fast_open.length != 0;
    if (!tcb->beside->asked.fast_open || (!given && !tcb->fast_asked)) {
        return;
    }
    struct tcp_hint *hint = find_or_make(tcp, tcb->entry.key.peer_address, now);
    hint->mss = options->mss != 0 ? options->mss : MSS_DEFAULT;
    if (given) { /* also in place of one that is no longer good */
        hint->cookie = options->fast_open;
        hint->failures = 0;
        hint->paused_until = now;
    } else if (ignored) {
        hint->cookie.length = 0;
        pause(hint, now);
    } else if (hint->cookie.length == 0) {
        hint->paused_until = net_time_after(now, REFUSAL);
    } else {
        hint->failures = 0;
    }
    tcb->beside->tally.fast_fail = ignored ? TCP_FAST_NOT_TAKEN : tcb->beside->tally.fast_fail;
    tcp->counters->tcp_fast_open_ignored += ignored;
}
