/* size.c: how much text a segment may carry: what the peer takes, what the path carries (RFC 1191), and what
 * gets through a path that swallows long packets without a word (a black hole, RFC 4821 in spirit, as Linux
 * with tcp_mtu_probing=1).
 *
 * After some timeouts in a row segments become ever shorter. When that has helped, one segment of full length
 * is tried soon, for it may only have been the peer that was gone; if it is lost, again after ten minutes. */
#include <net/tcp/tcb.h>

#define HEADERS        (IPV4_HEADER + TCP_HEADER)
#define IN_VAIN        3    /* retransmissions of the same, until the path is suspected */
#define HOLE_FIRST     1024 /* bytes of text; then half of it, and so on */
#define HOLE_LEAST     48
#define PROBE_SOON     (2 * NET_SECOND)
#define PROBE_INTERVAL (600 * NET_SECOND)

/* What is known about a black hole; only while one is suspected. */
struct tcp_hole {
    uint16_t path;            /* bytes of IP packet that it should carry */
    uint16_t ceiling;         /* bytes of text that are tried or get through */
    bool due, probing, tried; /* a longer segment is to be sent; is on its way; has been sent once */
    struct sequence probe_start, probe_end;
    net_time probe_at; /* NET_NEVER: nothing has come through yet */
};

static struct tcp_hole *hole_of(const struct tcb *tcb) {
    return tcb->state != TCP_LISTEN ? tcb->hole : NULL;
}

/* Text in a full segment over a path of `mtu` bytes, black holes aside. */
static uint32_t full_size(const struct tcb *tcb, uint16_t mtu) {
    return tcp_min(tcb->offered, (uint32_t)mtu - HEADERS) - tcp_clock_length(&tcb->clock);
}

static void set_size(struct tcb *tcb, uint16_t mtu) {
    struct tcp_hole *hole = hole_of(tcb);
    uint32_t size = full_size(tcb, mtu);
    if (hole != NULL) {
        hole->path = mtu;
        size = tcp_min(size, hole->ceiling);
    }
    tcb->snd.mss = (uint16_t)size;
    tcb->congestion.mss = (uint16_t)size;
}

void tcp_size_agree(struct tcp *tcp, struct tcb *tcb, uint16_t offered) {
    tcb->offered = offered;
    set_size(tcb, tcp->config.mtu);
}

/* ---- The path ---- */

void tcp_set_path(struct tcp *tcp, const struct tcp_turn *turn, uint16_t mtu) {
    if (turn->tcb != NULL && turn->tcb->offered != 0) {
        set_size(turn->tcb, mtu);
    }
}

/* What was too large goes out again at once in smaller pieces; that is no sign of congestion (RFC 1191 6.2).
 */
void tcp_too_large(struct tcp *tcp, const struct tcp_key *key, uint16_t mtu, net_time now) {
    struct tcp_entry *entry = tcp_table_find(tcp, key);
    struct tcb *tcb = (struct tcb *)entry;
    if (entry == NULL || entry->is_remnant || tcb->state < TCP_ESTABLISHED) {
        return;
    }
    uint16_t before = tcb->snd.mss;
    set_size(tcb, mtu);
    if (tcb->snd.mss < before) {
        tcp_recovery_too_large(tcb);
        tcp_check_output(tcp, tcb, now);
    }
}

/* ---- Black holes ---- */

static struct tcp_hole *suspect(struct tcp *tcp, struct tcb *tcb) {
    void *memory;
    if (hole_of(tcb) == NULL && tcb->state >= TCP_ESTABLISHED &&
        arena_take(tcp->arena, NET_OWNER_ENGINE, sizeof *tcb->hole, &memory) == ERR_NONE) {
        tcb->hole = memory;
        *tcb->hole = (struct tcp_hole){.path = tcp->config.mtu, .ceiling = tcb->snd.mss};
        tcp->counters->tcp_black_holes++;
    }
    return hole_of(tcb);
}

void tcp_size_timed_out(struct tcp *tcp, struct tcb *tcb) {
    struct tcp_hole *hole = hole_of(tcb);
    if (hole != NULL && hole->probing) {
        hole->probing = false;
        hole->probe_at = NET_NEVER;
    }
    uint32_t next = tcb->snd.mss > HOLE_FIRST ? HOLE_FIRST : tcp_max(tcb->snd.mss / 2, HOLE_LEAST);
    bool long_ones = tcb->snd.max.value - tcb->snd.una.value > next && next < tcb->snd.mss;
    if (tcb->retries <= IN_VAIN || !long_ones || (hole = suspect(tcp, tcb)) == NULL) {
        return;
    }
    hole->ceiling = (uint16_t)next;
    hole->due = false;
    hole->probe_at = NET_NEVER;
    set_size(tcb, hole->path);
}

/* The path carries long segments after all. */
static void forget_hole(struct tcp *tcp, struct tcb *tcb) {
    uint16_t path = tcb->hole->path;
    arena_give(tcp->arena, NET_OWNER_ENGINE, tcb->hole);
    tcb->hole = NULL;
    set_size(tcb, path);
}

void tcp_size_acked(struct tcp *tcp, struct tcb *tcb, net_time now) {
    struct tcp_hole *hole = hole_of(tcb);
    if (hole == NULL) {
        return;
    }
    if (hole->probing && seq_after_or_at(tcb->snd.una, hole->probe_end)) {
        forget_hole(tcp, tcb);
        return;
    }
    if (hole->probe_at == NET_NEVER) {
        hole->probe_at = net_time_after(now, hole->tried ? PROBE_INTERVAL : PROBE_SOON);
    }
    hole->due = !hole->probing && now >= hole->probe_at;
}

uint32_t tcp_size_probe(const struct tcb *tcb) {
    const struct tcp_hole *hole = hole_of(tcb);
    return hole != NULL && hole->due ? full_size(tcb, hole->path) - tcp_blocks_length(tcb) : 0;
}

void tcp_size_sent(struct tcb *tcb, struct sequence seq, uint32_t length, bool resend) {
    struct tcp_hole *hole = hole_of(tcb);
    if (hole == NULL) {
        return;
    }
    if (!resend && hole->due && length > hole->ceiling) {
        hole->due = false;
        hole->probing = hole->tried = true;
        hole->probe_start = seq;
        hole->probe_end = seq_add(seq, length);
        hole->probe_at = NET_NEVER;
    } else if (resend && seq_before(seq, hole->probe_end) &&
               seq_after(seq_add(seq, length), hole->probe_start)) {
        hole->probing = false; /* it was lost, or might have been */
    }
}
