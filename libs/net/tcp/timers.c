/* timers.c: time passes. Each TCB waits for one thing (struct tcp_timer) beside its delayed ACK; the TCBs
 * that wait stand in a heap. A deadline that moves later, as most do, leaves the heap alone: its old place is
 * corrected when it comes to the top. */
#include <net/tcp/tcb.h>

#define DATA_RETRIES   15 /* R2 of RFC 9293 3.8.3: a quarter of an hour */
#define ORPHAN_RETRIES 8
#define OVERRIDE_TIME  (NET_SECOND / 5)

/* ---- The heap ---- */

static net_time true_deadline(const struct tcb *tcb) {
    return net_time_min(tcb->timer.deadline, tcb->ack_at);
}

static void place(struct tcp *tcp, uint32_t index, struct tcb *tcb) {
    tcp->heap[index] = tcb;
    tcb->heap_index = index;
}

static void sift_up(struct tcp *tcp, uint32_t index, struct tcb *tcb) {
    while (index > 0 && tcp->heap[(index - 1) / 2]->heap_time > tcb->heap_time) {
        place(tcp, index, tcp->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(tcp, index, tcb);
}

static void sift_down(struct tcp *tcp, uint32_t index, struct tcb *tcb) {
    for (;;) {
        uint32_t child = 2 * index + 1;
        if (child >= tcp->heap_count) {
            break;
        }
        child += child + 1 < tcp->heap_count && tcp->heap[child + 1]->heap_time < tcp->heap[child]->heap_time;
        if (tcp->heap[child]->heap_time >= tcb->heap_time) {
            break;
        }
        place(tcp, index, tcp->heap[child]);
        index = child;
    }
    place(tcp, index, tcb);
}

static void heap_remove(struct tcp *tcp, struct tcb *tcb) {
    uint32_t index = tcb->heap_index;
    if (index == TCP_NO_HEAP) {
        return;
    }
    tcb->heap_index = TCP_NO_HEAP;
    tcb->heap_time = NET_NEVER;
    struct tcb *last = tcp->heap[--tcp->heap_count];
    if (last == tcb) {
        return;
    }
    if (index > 0 && tcp->heap[(index - 1) / 2]->heap_time > last->heap_time) {
        sift_up(tcp, index, last);
    } else {
        sift_down(tcp, index, last);
    }
}

void tcp_timer_noted(struct tcp *tcp, struct tcb *tcb) {
    net_time deadline = true_deadline(tcb);
    if (deadline >= tcb->heap_time) {
        return;
    }
    tcb->heap_time = deadline;
    sift_up(tcp, tcb->heap_index == TCP_NO_HEAP ? tcp->heap_count++ : tcb->heap_index, tcb);
}

/* The top of the heap is said to be earlier than it is. */
static void correct_top(struct tcp *tcp, struct tcb *tcb, net_time deadline) {
    if (deadline == NET_NEVER) {
        heap_remove(tcp, tcb);
    } else {
        tcb->heap_time = deadline;
        sift_down(tcp, 0, tcb);
    }
}

/* ---- What to wait for ---- */

/* Is something out that an ACK will come for? When all of it is lost and the window is shut, probes ask; but
 * not for a FIN without text. */
static bool is_waited_for(const struct tcb *tcb) {
    bool probes_ask = tcb->snd.wnd == 0 && tcb->state >= TCP_ESTABLISHED && buffer_length(&tcb->send) != 0;
    return tcp_flight(tcb) != 0 && (!probes_ask || tcp_pipe(tcb) != 0);
}

static enum tcp_timer_kind choose_kind(const struct tcp *tcp, const struct tcb *tcb) {
    if (tcb->state == TCP_CLOSED || tcb->state == TCP_LISTEN || tcb->state == TCP_TIME_WAIT) {
        return TCP_TIMER_NONE;
    }
    if (is_waited_for(tcb)) {
        bool late = tcb->outstanding != NULL && tcb->outstanding->rack.reorder_at != NET_NEVER;
        return late ? TCP_TIMER_REORDER : tcp_tail_may_probe(tcb) ? TCP_TIMER_TAIL : TCP_TIMER_RETRANSMIT;
    }
    if (tcb->state < TCP_ESTABLISHED) {
        return TCP_TIMER_NONE; /* its SYN is still due */
    }
    if (buffer_length(&tcb->send) != 0) {
        return tcb->snd.wnd == 0          ? TCP_TIMER_PERSIST
               : tcp_has_output(tcp, tcb) ? TCP_TIMER_NONE
                                          : TCP_TIMER_OVERRIDE;
    }
    if (tcb->is_orphan && tcb->state == TCP_FIN_WAIT_2) {
        return TCP_TIMER_FIN_WAIT;
    }
    return tcb->beside->asked.keepalive ? TCP_TIMER_KEEPALIVE : TCP_TIMER_NONE;
}

static net_time persist_delay(const struct tcb *tcb) {
    net_time delay = (net_time)tcb->rtt.rto << (tcb->probes < 16 ? tcb->probes : 16);
    return net_time_min(delay, RTO_MAX);
}

static net_time fin_wait(const struct tcb *tcb) {
    int16_t asked = tcb->beside->asked.fin_wait;
    return asked < 0 ? 0 : (net_time)(asked > 0 ? asked : TCP_FIN_WAIT) * NET_SECOND;
}

static net_time user_timeout(const struct tcb *tcb) {
    return (net_time)tcb->beside->asked.user_timeout * (NET_SECOND / 1000);
}

static net_time delay_of(const struct tcb *tcb, enum tcp_timer_kind kind) {
    switch (kind) {
    case TCP_TIMER_RETRANSMIT: return tcb->rtt.rto;
    case TCP_TIMER_PERSIST: return persist_delay(tcb);
    case TCP_TIMER_OVERRIDE: return OVERRIDE_TIME;
    case TCP_TIMER_FIN_WAIT: return fin_wait(tcb);
    case TCP_TIMER_KEEPALIVE:
        return (tcb->retries == 0 ? tcb->beside->asked.keep_idle : tcb->beside->asked.keep_interval) *
               NET_SECOND;
    default: return NET_NEVER;
    }
}

static net_time deadline_of(const struct tcb *tcb, enum tcp_timer_kind kind, net_time now) {
    switch (kind) {
    case TCP_TIMER_TAIL: return tcp_tail_deadline(tcb, now);
    case TCP_TIMER_REORDER: return tcb->outstanding->rack.reorder_at;
    default: return net_time_after(now, delay_of(tcb, kind));
    }
}

/* The user timeout, where there is one, is kept to the moment; but one retransmission there is, as in Linux.
 */
static void set_timer(struct tcp *tcp, struct tcb *tcb, enum tcp_timer_kind kind, net_time now) {
    net_time deadline = deadline_of(tcb, kind, now), limit = user_timeout(tcb);
    bool limited = kind == TCP_TIMER_PERSIST || (kind == TCP_TIMER_RETRANSMIT && tcb->retries != 0);
    if (limit != 0 && limited) {
        deadline = net_time_min(deadline, net_time_after(tcb->beside->stalled, limit));
    }
    tcb->timer = (struct tcp_timer){kind, deadline};
    tcp_timer_noted(tcp, tcb);
}

bool tcp_timer_is_of_flight(const struct tcb *tcb) {
    enum tcp_timer_kind kind = tcb->timer.kind;
    return kind == TCP_TIMER_RETRANSMIT || kind == TCP_TIMER_TAIL || kind == TCP_TIMER_REORDER;
}

/* Where the timer took the place of the retransmission timer, that one has run since the first segment left.
 */
void tcp_timer_choose(struct tcp *tcp, struct tcb *tcb, net_time now) {
    enum tcp_timer_kind kind = choose_kind(tcp, tcb), was = tcb->timer.kind;
    if (kind == was) {
        if (kind == TCP_TIMER_REORDER && tcb->timer.deadline != tcb->outstanding->rack.reorder_at) {
            set_timer(tcp, tcb, kind, now);
        }
        return;
    }
    tcb->probes = 0;
    if (kind == TCP_TIMER_PERSIST || (tcb->retries == 0 && !tcp_timer_is_of_flight(tcb))) {
        tcb->beside->stalled = now;
    }
    bool back = kind == TCP_TIMER_RETRANSMIT && (was == TCP_TIMER_REORDER || was == TCP_TIMER_TAIL);
    set_timer(tcp, tcb, kind, back ? tcp_head_sent(tcb, now) : now);
}

void tcp_timer_restart(struct tcp *tcp, struct tcb *tcb, net_time now) {
    if (tcp_timer_is_of_flight(tcb)) {
        set_timer(tcp, tcb, choose_kind(tcp, tcb), now);
    }
}

void tcp_timer_stop(struct tcp *tcp, struct tcb *tcb) {
    tcb->timer = (struct tcp_timer){TCP_TIMER_NONE, NET_NEVER};
    tcb->ack_at = NET_NEVER;
    heap_remove(tcp, tcb);
}

/* ---- What happens when it is over ---- */

static uint8_t retry_limit(const struct tcb *tcb) {
    switch (tcb->state) {
    case TCP_SYN_SENT:
        return tcb->beside->asked.syn_retries != 0 ? tcb->beside->asked.syn_retries : TCP_SYN_RETRIES;
    case TCP_SYN_RECEIVED: return tcp_listen_retries(tcb);
    default: return tcb->is_orphan ? ORPHAN_RETRIES : DATA_RETRIES;
    }
}

/* RFC 9293 3.8.3, R2. What the user wants instead (RFC 5482) counts in time, also for probes that are
 * answered; a handshake has both limits, and so has an orphan: there is room for so many only, and its user
 * has gone. */
static bool is_exhausted(const struct tcb *tcb, net_time now) {
    net_time limit = user_timeout(tcb);
    bool over = limit != 0 && now - tcb->beside->stalled >= limit;
    if (tcb->timer.kind == TCP_TIMER_PERSIST) {
        return over || tcb->retries >= retry_limit(tcb);
    }
    bool by_count = limit == 0 || tcb->state < TCP_ESTABLISHED || tcb->is_orphan;
    return (over && tcb->retries != 0) || (by_count && tcb->retries >= retry_limit(tcb));
}

/* The last the network said about the peer is a better reason than silence. */
static void time_out(struct tcp *tcp, struct tcb *tcb) {
    tcp_end(tcp, tcb, tcb->soft_error != ERR_NONE ? tcb->soft_error : ERR_TIMED_OUT);
}

/* RFC 6298 5.4 to 5.6. A lost SYN says nothing about a window that has not been used; it may only be small
 * (RFC 5681 3.1). */
static void retransmit(struct tcp *tcp, struct tcb *tcb, net_time now) {
    tcb->retries += tcb->retries < UINT8_MAX;
    tcb->beside->tally.timeouts += tcb->beside->tally.timeouts < UINT16_MAX;
    tcp->counters->tcp_timeouts++;
    tcp_size_timed_out(tcp, tcb);
    rtt_back_off(&tcb->rtt);
    if (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED) {
        tcb->syn_due = true;
        tcb->snd.nxt = tcb->snd.una;
        tcb->congestion.cwnd = tcb->snd.mss;
    } else {
        tcp_recovery_timeout(tcp, tcb, tcb->retries > 1, now);
    }
    tcp_timer_restart(tcp, tcb, now);
    tcp_check_output(tcp, tcb, now);
}

static void probe(struct tcp *tcp, struct tcb *tcb, net_time now) {
    tcb->retries += tcb->retries < UINT8_MAX;
    tcb->probes += tcb->probes < UINT8_MAX;
    tcb->probe_due = true;
    tcp_mark_due(tcp, tcb);
    set_timer(tcp, tcb, tcb->timer.kind, now);
}

static void keep_alive(struct tcp *tcp, struct tcb *tcb, net_time now) {
    net_time idle = tcb->beside->asked.keep_idle * NET_SECOND, limit = user_timeout(tcb);
    bool silent = limit != 0 ? tcb->retries != 0 && now - tcb->heard >= limit
                             : tcb->retries >= tcb->beside->asked.keep_count;
    if (tcb->retries == 0 && now - tcb->heard < idle) {
        set_timer(tcp, tcb, TCP_TIMER_KEEPALIVE, tcb->heard);
    } else if (silent) {
        tcp_end_with_reset(tcp, tcb, ERR_TIMED_OUT);
    } else {
        probe(tcp, tcb, now);
    }
}

/* The timeout follows from now on (RFC 8985 7.3). */
static void probe_tail(struct tcp *tcp, struct tcb *tcb, net_time now) {
    tcp_tail_expired(tcp, tcb);
    set_timer(tcp, tcb, TCP_TIMER_RETRANSMIT, now);
}

static void run_timer(struct tcp *tcp, struct tcb *tcb, net_time now) {
    enum tcp_timer_kind kind = tcb->timer.kind;
    bool exhausted = is_exhausted(tcb, now);
    switch (kind) {
    case TCP_TIMER_RETRANSMIT: (exhausted ? time_out(tcp, tcb) : retransmit(tcp, tcb, now)); break;
    case TCP_TIMER_TAIL: probe_tail(tcp, tcb, now); break;
    case TCP_TIMER_REORDER: tcp_rack_expired(tcp, tcb, now); break;
    case TCP_TIMER_PERSIST: (exhausted ? time_out(tcp, tcb) : probe(tcp, tcb, now)); break;
    case TCP_TIMER_KEEPALIVE: keep_alive(tcp, tcb, now); break;
    case TCP_TIMER_FIN_WAIT:
        tcb->beside->asked.fin_wait < 0 ? tcp_end_with_reset(tcp, tcb, ERR_NONE)
                                        : tcp_end(tcp, tcb, ERR_NONE);
        break;
    case TCP_TIMER_OVERRIDE:
        tcb->override = true;
        set_timer(tcp, tcb, kind, now); /* in case that even so nothing may leave */
        tcp_check_output(tcp, tcb, now);
        break;
    case TCP_TIMER_NONE: break;
    }
}

static void run_delayed_ack(struct tcp *tcp, struct tcb *tcb) {
    tcb->ack_at = NET_NEVER;
    tcb->interactive = false;
    tcp_ack_now(tcp, tcb);
}

void tcp_timers_run(struct tcp *tcp, net_time now) {
    tcp_remnants_expire(tcp, now);
    while (tcp->heap_count > 0) {
        struct tcb *tcb = tcp->heap[0];
        net_time deadline = true_deadline(tcb);
        if (deadline != tcb->heap_time) {
            correct_top(tcp, tcb, deadline);
        } else if (deadline > now) {
            break;
        } else if (tcb->ack_at <= now) {
            run_delayed_ack(tcp, tcb);
        } else {
            run_timer(tcp, tcb, now);
        }
    }
}

net_time tcp_deadline(const struct tcp *tcp) {
    if (!list_is_empty(&tcp->due) || tcp->reply_head != tcp->reply_tail) {
        return 0;
    }
    struct list *oldest = list_first(&tcp->remnants);
    net_time deadline = oldest == NULL ? NET_NEVER : LIST_ENTRY(oldest, struct tcp_remnant, link)->deadline;
    return net_time_min(deadline, tcp->heap_count > 0 ? tcp->heap[0]->heap_time : NET_NEVER);
}
