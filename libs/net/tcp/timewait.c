/* timewait.c: TIME_WAIT (RFC 9293 3.6.1, 3.10.7.4; RFC 1337). A connection in it is a small record: what it
 * takes to answer a FIN that comes again. All wait equally long, so the list of them is in the order of their
 * deadlines. */
#include <net/tcp/tcb.h>

#define TWO_MSL (60 * NET_SECOND)

static void forget(struct tcp *tcp, struct tcp_remnant *remnant) {
    list_remove(&remnant->link);
    tcp_table_remove(tcp, &remnant->entry);
    tcp_slot_give(tcp, &remnant->entry);
    tcp->remnant_count--;
    arena_give(tcp->arena, NET_OWNER_ENGINE, remnant);
}

static void forget_oldest(struct tcp *tcp) {
    struct list *oldest = list_first(&tcp->remnants);
    if (oldest != NULL) {
        forget(tcp, LIST_ENTRY(oldest, struct tcp_remnant, link));
    }
}

static struct tcp_remnant *make(struct tcp *tcp) {
    if (tcp->remnant_count >= tcp->config.remnants_max) {
        forget_oldest(tcp);
    }
    void *memory;
    if (arena_take(tcp->arena, NET_OWNER_ENGINE, sizeof(struct tcp_remnant), &memory) != ERR_NONE) {
        forget_oldest(tcp);
        if (arena_take(tcp->arena, NET_OWNER_ENGINE, sizeof(struct tcp_remnant), &memory) != ERR_NONE) {
            return NULL;
        }
    }
    struct tcp_remnant *remnant = memory;
    *remnant = (struct tcp_remnant){.entry.is_remnant = true};
    if (!tcp_slot_take(tcp, &remnant->entry)) {
        arena_give(tcp->arena, NET_OWNER_ENGINE, remnant);
        return NULL;
    }
    tcp->remnant_count++;
    return remnant;
}

static void acknowledge(struct tcp *tcp, const struct tcp_remnant *remnant, net_time now) {
    uint32_t granule = (UINT32_C(1) << remnant->window_shift) - 1; /* rounded as before: it must not shrink */
    uint32_t window = (remnant->window + granule) >> remnant->window_shift;
    struct tcp_reply reply = {.key = remnant->entry.key,
                              .seq = remnant->snd_nxt,
                              .ack = remnant->rcv_nxt,
                              .flags = TCP_ACK,
                              .tos = remnant->tos,
                              .window = (uint16_t)tcp_min(window, UINT16_MAX)};
    tcp_clock_stamp(&remnant->clock, &reply.options, now);
    tcp_reply(tcp, &reply);
}

static void wait_from(struct tcp *tcp, struct tcp_remnant *remnant, net_time now) {
    list_remove(&remnant->link);
    list_append(&tcp->remnants, &remnant->link);
    remnant->deadline = net_time_after(now, TWO_MSL);
}

void tcp_remnant_leave(struct tcp *tcp, struct tcb *tcb, bool ack_owed, net_time now) {
    struct tcp_remnant *remnant = make(tcp);
    if (remnant == NULL) {
        tcp->counters->tcp_no_memory++;
        return;
    }
    remnant->entry.key = tcb->entry.key;
    remnant->snd_nxt = tcb->snd.max;
    remnant->rcv_nxt = tcb->rcv.nxt;
    remnant->window = tcp_offered(tcb);
    remnant->window_shift = tcb->rcv.shift;
    remnant->clock = tcb->clock;
    remnant->tos = tcb->beside->asked.tos;
    list_init(&remnant->link);
    tcp_table_insert(tcp, &remnant->entry);
    wait_from(tcp, remnant, now);
    if (ack_owed) {
        acknowledge(tcp, remnant, now);
    }
}

/* May this SYN open the connection anew? Either its sequence numbers or its clock must lie behind the old
 * one's (RFC 9293 3.6.1, RFC 6191), and its clock never before it. */
static bool is_fresh(const struct tcp_remnant *remnant, const struct tcp_header *syn, net_time now) {
    if (tcp_clock_is_old(&remnant->clock, &syn->options, now)) {
        return false;
    }
    bool later = remnant->clock.on && syn->options.has_timestamp &&
                 (int32_t)(syn->options.timestamp - remnant->clock.recent) > 0;
    return later || seq_after(syn->seq, remnant->rcv_nxt);
}

bool tcp_remnant_input(struct tcp *tcp, struct tcp_remnant *remnant, const struct tcp_segment *segment,
                       struct sequence *isn, net_time now) {
    const struct tcp_header *header = &segment->header;
    uint8_t kind = header->flags & (TCP_SYN | TCP_ACK | TCP_RST);
    bool listened = tcp_find_listener(tcp, &segment->key) != NULL;
    if (kind == TCP_SYN && is_fresh(remnant, header, now) && listened) {
        *isn = remnant->snd_nxt;
        forget(tcp, remnant);
        return true;
    }
    if ((header->flags & TCP_RST) != 0) {
        tcp->counters->tcp_bad_reset++; /* RFC 1337: it must not cut the waiting short */
        return false;
    }
    if ((header->flags & TCP_FIN) != 0) {
        acknowledge(tcp, remnant, now);
        wait_from(tcp, remnant, now);
        return false;
    }
    bool empty = segment->payload.length == 0 && (header->flags & TCP_SYN) == 0;
    if (empty && seq_equal(header->seq, remnant->rcv_nxt)) {
        return false;
    }
    tcp->counters->tcp_out_of_window++;
    if (tcp_may_answer(&remnant->answered, now) || segment->payload.length != 0) {
        acknowledge(tcp, remnant, now);
    }
    return false;
}

bool tcp_remnant_may_reuse(const struct tcp_entry *entry, net_time now) {
    if (!entry->is_remnant || !ipv4_is_loopback(entry->key.peer_address)) {
        return false;
    }
    const struct tcp_clock *clock = &((const struct tcp_remnant *)entry)->clock;
    return clock->on && (uint32_t)(now / NET_SECOND) - clock->recent_at > 1;
}

struct sequence tcp_remnant_reuse(struct tcp *tcp, struct tcp_entry *entry) {
    struct tcp_remnant *remnant = (struct tcp_remnant *)entry;
    struct sequence isn = remnant->snd_nxt;
    forget(tcp, remnant);
    return isn;
}

void tcp_remnants_expire(struct tcp *tcp, net_time now) {
    struct list *oldest = list_first(&tcp->remnants);
    while (oldest != NULL && LIST_ENTRY(oldest, struct tcp_remnant, link)->deadline <= now) {
        forget_oldest(tcp);
        oldest = list_first(&tcp->remnants);
    }
}
