/* user.c: the user calls (RFC 9293 3.10.1 to 3.10.6). */
#include <net/tcp/tcb.h>
#include <net/tcp/user.h>

/* ---- OPEN ---- */

enum error tcp_open(struct tcp *tcp, net_owner owner, net_socket_id socket, struct tcb **tcb) {
    enum error error = tcp_tcb_new(tcp, owner, tcb);
    if (error == ERR_NONE) {
        (*tcb)->socket = socket;
    }
    return error;
}

enum error tcp_bind(struct tcp *tcp, struct tcb *tcb, uint32_t address, uint16_t port) {
    if (tcb->is_bound || tcb->state != TCP_CLOSED || tcb->was_open) {
        return ERR_INVALID;
    }
    bool free =
        port == 0 ? tcp_choose_bound_port(tcp, tcb, address, &port) : tcp_bound_free(tcp, tcb, address, port);
    if (!free) {
        return ERR_ADDRESS_IN_USE;
    }
    tcb->entry.key.local_address = address;
    tcb->entry.key.local_port = port;
    tcp_bound_insert(tcp, tcb);
    return ERR_NONE;
}

static enum error start_listening(struct tcp *tcp, struct tcb *tcb) {
    void *memory;
    enum error error = arena_take(tcp->arena, NET_OWNER_ENGINE, sizeof *tcb->backlog, &memory);
    if (error != ERR_NONE) {
        return error;
    }
    tcb->backlog = memory;
    *tcb->backlog = (struct tcp_backlog){0};
    list_init(&tcb->backlog->half_open);
    list_init(&tcb->backlog->finished);
    tcp_set_state(tcp, tcb, TCP_LISTEN);
    return ERR_NONE;
}

enum error tcp_listen(struct tcp *tcp, struct tcb *tcb, uint32_t limit) {
    if (tcb->state != TCP_LISTEN) {
        if (tcb->state != TCP_CLOSED || tcb->was_open) {
            return ERR_INVALID;
        }
        enum error error = tcb->is_bound ? ERR_NONE : tcp_bind(tcp, tcb, IPV4_ANY, 0);
        if (error == ERR_NONE && tcp_is_listened(tcp, tcb)) {
            error = ERR_ADDRESS_IN_USE;
        }
        error = error == ERR_NONE ? start_listening(tcp, tcb) : error;
        if (error != ERR_NONE) {
            return error;
        }
    }
    tcb->backlog->limit = limit;
    return ERR_NONE;
}

enum error tcp_accept(struct tcp *tcp, struct tcb *listener, net_owner owner, net_socket_id socket,
                      struct tcb **out) {
    if (listener->state != TCP_LISTEN) {
        return ERR_INVALID;
    }
    struct list *first = list_first(&listener->backlog->finished);
    if (first == NULL) {
        return ERR_WOULD_BLOCK;
    }
    struct tcb *tcb = LIST_ENTRY(first, struct tcb, sibling);
    enum error error = arena_move_bill(tcp->arena, tcb->owner, owner, tcb->receive.ring.memory);
    if (error != ERR_NONE) {
        return error;
    }
    tcp_listen_forget(tcb);
    tcb->owner = owner;
    tcb->socket = socket;
    tcp_mark_changed(tcp, tcb);
    *out = tcb;
    return ERR_NONE;
}

static enum error may_connect(const struct tcb *tcb) {
    switch (tcb->state) {
    case TCP_CLOSED: return tcb->was_open ? ERR_INVALID : ERR_NONE;
    case TCP_LISTEN: return ERR_INVALID;
    case TCP_SYN_SENT: return tcb->syn_waits ? ERR_IS_CONNECTED : ERR_ALREADY;
    case TCP_SYN_RECEIVED: return ERR_ALREADY;
    default: return ERR_IS_CONNECTED;
    }
}

enum error tcp_connect(struct tcp *tcp, struct tcb *tcb, uint32_t local, uint32_t peer, uint16_t port,
                       net_time now) {
    enum error error = may_connect(tcb);
    error = error == ERR_NONE ? tcp_take_error(tcb) : error; /* how the last try ended comes first */
    if (error != ERR_NONE) {
        return error;
    }
    struct tcp_key key = {local, peer, tcb->entry.key.local_port, port};
    if (!tcb->is_bound && !tcp_choose_port(tcp, tcb, &key, now)) {
        return ERR_ADDRESS_NOT_AVAILABLE;
    }
    struct tcp_entry *other = tcp_table_find(tcp, &key);
    if (other != NULL && !tcp_remnant_may_reuse(other, now)) {
        return ERR_ADDRESS_IN_USE;
    }
    struct sequence after = other != NULL ? tcp_remnant_reuse(tcp, other) : seq_of(0);
    struct sequence iss = tcp_isn_after(tcp, &key, other != NULL ? &after : NULL, now);
    tcb->entry.key = key;
    tcp_start_sending(tcp, tcb, iss, now);
    tcp_table_insert(tcp, &tcb->entry);
    tcp_set_state(tcp, tcb, TCP_SYN_SENT);
    tcb->syn_waits = tcb->beside->asked.fast_open && tcp_fast_may_wait(tcp, peer, now);
    if (tcb->syn_waits) {
        tcb->syn_due = false;
        return ERR_NONE;
    }
    tcp_mark_due(tcp, tcb);
    return ERR_IN_PROGRESS;
}

/* ---- SEND ---- */

static enum error may_send(struct tcb *tcb) {
    if (tcb->error != ERR_NONE) {
        return tcp_take_error(tcb);
    }
    if (tcb->syn_waits) {
        return ERR_NONE;
    }
    if (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED) {
        return tcb->fin_queued ? ERR_PIPE : ERR_WOULD_BLOCK;
    }
    if (tcb->state == TCP_ESTABLISHED || tcb->state == TCP_CLOSE_WAIT) {
        return ERR_NONE;
    }
    return tcb->was_open ? ERR_PIPE : ERR_NOT_CONNECTED;
}

/* Memory for `wanted` more bytes, or, when that cannot be had, for as many as can. */
static enum error reserve(struct tcp *tcp, struct tcb *tcb, uint32_t wanted) {
    uint32_t held = buffer_length(&tcb->send);
    enum error error = buffer_reserve(&tcb->send, tcp->arena, tcb->owner, held + wanted);
    while (error != ERR_NONE && wanted > 1 && ring_space(&tcb->send.ring) == 0) {
        wanted /= 2;
        error = buffer_reserve(&tcb->send, tcp->arena, tcb->owner, held + wanted);
    }
    return error;
}

enum error tcp_send_space(struct tcp *tcp, struct tcb *tcb, uint32_t wanted, struct ring_pieces *pieces) {
    enum error error = may_send(tcb);
    if (error != ERR_NONE) {
        return error;
    }
    uint32_t space = buffer_space(&tcb->send);
    if (space == 0 || tcp_has_enough_to_send(tcb)) {
        tcb->refused = true;
        return ERR_WOULD_BLOCK;
    }
    error = reserve(tcp, tcb, tcp_min(space, tcp_max(wanted, 1)));
    if (error != ERR_NONE && ring_space(&tcb->send.ring) == 0) {
        tcb->starved = buffer_length(&tcb->send) != 0; /* then what the peer acknowledges makes room */
        return tcb->starved ? ERR_WOULD_BLOCK : error;
    }
    *pieces = ring_writable(&tcb->send.ring, 0, space);
    tcb->space_lent = true;
    return ERR_NONE;
}

enum error tcp_send_commit(struct tcp *tcp, struct tcb *tcb, uint32_t length, bool more, net_time now) {
    if (!tcb->space_lent || length > ring_space(&tcb->send.ring)) {
        return ERR_INVALID;
    }
    tcb->space_lent = false;
    if (tcb->state != TCP_ESTABLISHED && tcb->state != TCP_CLOSE_WAIT && !tcb->syn_waits) {
        return ERR_PIPE;
    }
    if (tcb->syn_waits && length != 0) {
        tcb->syn_waits = false;
        tcb->syn_due = true;
    }
    ring_extend(&tcb->send.ring, length);
    tcb->cork = more;
    tcb->refused = false;
    tcb->snd.push = tcp_send_end(tcb);
    buffer_tidy(&tcb->send, tcp->arena, tcb->owner);
    tcp_check_output(tcp, tcb, now);
    return ERR_NONE;
}

/* ---- RECEIVE ---- */

static bool at_end(const struct tcb *tcb) {
    return tcb->fin_taken || tcb->shut_read || (tcb->was_open && tcb->state == TCP_CLOSED);
}

enum error tcp_receive_data(struct tcb *tcb, struct ring_pieces *pieces) {
    *pieces = ring_readable(&tcb->receive.ring, 0, UINT32_MAX);
    if (ring_pieces_length(pieces) != 0) {
        return ERR_NONE;
    }
    if (tcb->error != ERR_NONE) {
        return tcp_take_error(tcb);
    }
    if (at_end(tcb)) {
        return ERR_NONE;
    }
    bool idle = tcb->state == TCP_CLOSED || tcb->state == TCP_LISTEN || tcb->syn_waits;
    return idle ? ERR_NOT_CONNECTED : ERR_WOULD_BLOCK;
}

enum error tcp_receive_consume(struct tcp *tcp, struct tcb *tcb, uint32_t length, net_time now) {
    if (length > buffer_length(&tcb->receive)) {
        return ERR_INVALID;
    }
    ring_consume(&tcb->receive.ring, length);
    tcp_growth_taken(tcp, tcb, now);
    if (tcb->reassembly == NULL) {
        buffer_tidy(&tcb->receive, tcp->arena, tcb->owner);
    }
    bool may_receive = tcb->state >= TCP_ESTABLISHED && tcb->state <= TCP_FIN_WAIT_2;
    if (may_receive && tcp_window_update_due(tcp, tcb)) {
        tcp_ack_now(tcp, tcb);
    }
    return ERR_NONE;
}

/* ---- CLOSE ---- */

/* Our FIN follows what is queued. */
static void queue_fin(struct tcp *tcp, struct tcb *tcb, net_time now) {
    tcb->fin_queued = true;
    tcb->cork = false;
    if (tcb->state == TCP_ESTABLISHED) {
        tcp_set_state(tcp, tcb, TCP_FIN_WAIT_1);
    } else if (tcb->state == TCP_CLOSE_WAIT) {
        tcp_set_state(tcp, tcb, TCP_LAST_ACK);
    }
    tcp_check_output(tcp, tcb, now);
}

enum error tcp_shutdown(struct tcp *tcp, struct tcb *tcb, bool read, bool write, net_time now) {
    if (tcb->state < TCP_SYN_SENT || tcb->state == TCP_TIME_WAIT) {
        return ERR_NOT_CONNECTED;
    }
    tcb->shut_read |= read;
    if (tcb->state == TCP_SYN_SENT && write) {
        tcp_end(tcp, tcb, ERR_NONE);
    } else if (write && !tcb->fin_queued) {
        queue_fin(tcp, tcb, now);
    }
    tcp_mark_changed(tcp, tcb);
    return ERR_NONE;
}

/* Who waits to be accepted is told; half-open ones find out when they speak. */
static void stop_listening(struct tcp *tcp, struct tcb *tcb) {
    struct list *link;
    while ((link = list_first(&tcb->backlog->finished)) != NULL) {
        tcp_end_with_reset(tcp, LIST_ENTRY(link, struct tcb, sibling), ERR_NONE);
    }
    while ((link = list_first(&tcb->backlog->half_open)) != NULL) {
        tcp_end(tcp, LIST_ENTRY(link, struct tcb, sibling), ERR_NONE);
    }
}

static void leave_socket(struct tcb *tcb) {
    tcb->socket = 0;
    tcb->space_lent = false;
    list_remove(&tcb->changed);
}

static bool close_aborts(const struct tcp *tcp, const struct tcb *tcb) {
    bool unread = buffer_length(&tcb->receive) != 0 || tcb->reassembly != NULL;
    return unread || tcb->beside->asked.linger == 0 || tcp->orphan_count >= tcp->config.orphans_max;
}

/* Goes on without a socket, on the engine's bill. */
static void orphan(struct tcp *tcp, struct tcb *tcb, net_time now) {
    buffer_release(&tcb->receive, tcp->arena, tcb->owner);
    (void)!arena_move_bill(tcp->arena, tcb->owner, NET_OWNER_ENGINE,
                           tcb->send.ring.memory); /* it has no budget */
    tcb->owner = NET_OWNER_ENGINE;
    tcb->is_orphan = true;
    tcp->orphan_count++;
    tcb->retries = 0;
    if (!tcb->fin_queued) {
        queue_fin(tcp, tcb, now);
    } else {
        tcp_check_output(tcp, tcb, now);
    }
}

void tcp_close(struct tcp *tcp, struct tcb *tcb, net_time now) {
    leave_socket(tcb);
    switch (tcb->state) {
    case TCP_LISTEN:
        stop_listening(tcp, tcb);
        tcp_end(tcp, tcb, ERR_NONE);
        break;
    case TCP_CLOSED:
    case TCP_TIME_WAIT: tcp_release(tcp, tcb); break;
    case TCP_SYN_SENT: tcp_end(tcp, tcb, ERR_NONE); break;
    default:
        if (close_aborts(tcp, tcb)) {
            tcp_end_with_reset(tcp, tcb, ERR_NONE);
        } else {
            orphan(tcp, tcb, now);
        }
    }
}

void tcp_abort(struct tcp *tcp, struct tcb *tcb) {
    leave_socket(tcb);
    if (tcb->state == TCP_LISTEN) {
        stop_listening(tcp, tcb);
    }
    if (tcb->state == TCP_TIME_WAIT || tcb->state == TCP_CLOSED) {
        tcp_release(tcp, tcb); /* a reset that is due keeps its turn */
    } else {
        tcp_end_with_reset(tcp, tcb, ERR_NONE);
    }
}

/* ---- STATUS ---- */

static uint32_t sending_ready(const struct tcb *tcb) {
    bool open = tcb->state == TCP_ESTABLISHED || tcb->state == TCP_CLOSE_WAIT;
    bool opening = tcb->state == TCP_LISTEN || tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED;
    bool wanted = !tcb->starved && !tcp_has_enough_to_send(tcb);
    bool roomy = wanted && 3 * (uint64_t)buffer_space(&tcb->send) >= tcb->send.most;
    return (open && roomy) || (!open && !opening) || tcb->syn_waits ? NET_READY_OUT : 0;
}

/* SO_RCVLOWAT; less will do when the window is so full that no more can come. */
static bool has_enough_received(const struct tcb *tcb) {
    uint32_t length = buffer_length(&tcb->receive), low = tcp_max(tcb->beside->asked.receive_low, 1);
    bool full = length != 0 && tcp_offered(tcb) <= tcb->rcv.mss;
    return length >= low || full;
}

static bool is_fin_acknowledged(const struct tcb *tcb) {
    return tcb->fin_sent && seq_after(tcb->snd.una, tcb->snd.fin);
}

uint32_t tcp_ready(const struct tcb *tcb) {
    if (tcb->state == TCP_LISTEN) {
        return tcb->backlog->finished_count != 0 ? NET_READY_IN : 0;
    }
    uint32_t ready = sending_ready(tcb);
    bool over = tcb->state == TCP_CLOSED || tcb->state == TCP_TIME_WAIT;
    if (has_enough_received(tcb) || at_end(tcb) || tcb->error != ERR_NONE) {
        ready |= NET_READY_IN;
    }
    ready |= tcb->error != ERR_NONE ? NET_READY_ERROR : 0;
    ready |= tcb->fin_taken ? NET_READY_EOF : 0;
    ready |= is_fin_acknowledged(tcb) ? NET_READY_SENT : 0;
    return ready | (over || (tcb->fin_taken && tcb->fin_queued) ? NET_READY_HANGUP : 0);
}

enum error tcp_take_error(struct tcb *tcb) {
    enum error error = tcb->error;
    tcb->error = ERR_NONE;
    return error;
}

bool tcp_take_changed(struct tcp *tcp, net_socket_id *socket) {
    struct list *link = list_take(&tcp->changed);
    if (link == NULL) {
        return false;
    }
    *socket = LIST_ENTRY(link, struct tcb, changed)->socket;
    return true;
}

void tcp_get_settings(const struct tcb *tcb, struct tcp_settings *settings) {
    *settings = tcb->beside->asked;
    settings->send_buffer = tcb->send.most;
    settings->receive_buffer = tcb->receive.most;
}

/* What is not half the buffer could never come together. */
static void make_room_for(const struct tcp *tcp, struct tcb *tcb, uint32_t low) {
    uint32_t most = tcb->beside->asked.receive_fixed ? tcb->receive.most : tcp->config.receive_most;
    low = tcp_min(low, most / 2);
    tcb->beside->asked.receive_low = low;
    tcb->receive.most = tcp_max(tcb->receive.most, 2 * low);
}

void tcp_set_settings(struct tcp *tcp, struct tcb *tcb, const struct tcp_settings *settings, net_time now) {
    bool uncorked = tcb->beside->asked.corked && !settings->corked;
    bool pushed = settings->nodelay && !tcb->beside->asked.nodelay;
    bool other_control = tcb->beside->asked.new_reno != settings->new_reno;
    tcb->send.most = settings->send_buffer;
    tcb->receive.most = settings->receive_buffer;
    tcb->beside->asked = *settings;
    make_room_for(tcp, tcb, settings->receive_low);
    tcb->cork &= !uncorked;
    tcb->override |= pushed && tcp_unsent(tcb) != 0; /* what waits goes now, also if it is corked */
    if (other_control) {
        congestion_change(&tcb->congestion, settings->new_reno ? &CONGESTION_NEW_RENO : &CONGESTION_CUBIC);
    }
    tcp_mark_changed(tcp, tcb);
    tcp_check_output(tcp, tcb, now);
}

bool tcp_is_quick(const struct tcb *tcb) {
    return !tcb->interactive;
}

void tcp_set_quick(struct tcp *tcp, struct tcb *tcb, bool quick) {
    tcb->interactive = !quick;
    if (quick && tcb->ack_at != NET_NEVER) {
        tcp_ack_now(tcp, tcb);
    }
}

uint32_t tcp_mss(const struct tcb *tcb) {
    bool idle = tcb->state == TCP_CLOSED || tcb->state == TCP_LISTEN;
    uint32_t asked = tcb->beside->asked.mss_most;
    return idle ? (asked != 0 ? asked : MSS_DEFAULT) : tcb->snd.mss;
}

void tcp_queued(const struct tcb *tcb, struct tcp_queues *queues) {
    *queues = (struct tcp_queues){.received = buffer_length(&tcb->receive),
                                  .unacknowledged = buffer_length(&tcb->send),
                                  .unsent = tcp_unsent(tcb)};
}
