/* state.c: the life of a TCB: how it comes, changes its state, ends and goes. */
#include <net/tcp/tcb.h>

#define KEEP_IDLE     7200
#define KEEP_INTERVAL 75
#define KEEP_COUNT    9
#define QUICK_ACKS    16

static void set_defaults(struct tcp *tcp, struct tcb *tcb, struct tcp_beside *beside, net_owner owner) {
    *tcb = (struct tcb){.owner = owner, .heap_index = TCP_NO_HEAP, .ack_at = NET_NEVER, .beside = beside};
    *beside = (struct tcp_beside){.aftermath.reo_wnd_mult = 1};
    beside->asked = (struct tcp_settings){.ttl = IPV4_TTL,
                                          .keep_idle = KEEP_IDLE,
                                          .keep_interval = KEEP_INTERVAL,
                                          .keep_count = KEEP_COUNT,
                                          .new_reno = tcp->config.new_reno,
                                          .linger = -1};
    tcb->timer.deadline = NET_NEVER;
    tcb->heap_time = NET_NEVER;
    tcb->quick_acks = QUICK_ACKS;
    list_init(&tcb->due);
    list_init(&tcb->changed);
    list_init(&tcb->sibling);
    buffer_init(&tcb->send, tcp->config.send_buffer);
    buffer_init(&tcb->receive, tcp->config.receive_buffer);
    rtt_init(&tcb->rtt);
}

enum error tcp_tcb_new(struct tcp *tcp, net_owner owner, struct tcb **out) {
    if (tcp->tcb_count == tcp->config.tcbs_max) {
        return ERR_TOO_MANY;
    }
    void *memory, *beside = NULL;
    enum error error = arena_take(tcp->arena, NET_OWNER_ENGINE, sizeof **out, &memory);
    if (error != ERR_NONE) {
        return error;
    }
    struct tcb *tcb = memory;
    error = arena_take(tcp->arena, NET_OWNER_ENGINE, sizeof *tcb->beside, &beside);
    if (error == ERR_NONE) {
        set_defaults(tcp, tcb, beside, owner);
        error = tcp_slot_take(tcp, &tcb->entry) ? ERR_NONE : ERR_TOO_MANY;
    }
    if (error != ERR_NONE) {
        arena_give(tcp->arena, NET_OWNER_ENGINE, beside);
        arena_give(tcp->arena, NET_OWNER_ENGINE, tcb);
        return error;
    }
    tcp->tcb_count++;
    *out = tcb;
    return ERR_NONE;
}

bool tcp_is_synchronized(enum tcp_state state) {
    return state >= TCP_SYN_RECEIVED && state != TCP_TIME_WAIT;
}

void tcp_mark_changed(struct tcp *tcp, struct tcb *tcb) {
    if (tcb->socket != 0 && !list_is_linked(&tcb->changed)) {
        list_append(&tcp->changed, &tcb->changed);
    }
}

void tcp_mark_due(struct tcp *tcp, struct tcb *tcb) {
    if (!list_is_linked(&tcb->due)) {
        list_append(&tcp->due, &tcb->due);
    }
}

/* What can no longer be sent or arrive is given back at once; what has arrived in order stays for the user.
 */
static void stop(struct tcp *tcp, struct tcb *tcb) {
    tcp_table_remove(tcp, &tcb->entry);
    tcp_bound_remove(tcp, tcb);
    tcp_timer_stop(tcp, tcb);
    list_remove(&tcb->due);
    buffer_release(&tcb->send, tcp->arena, tcb->owner);
    arena_give(tcp->arena, NET_OWNER_ENGINE, tcb->reassembly);
    tcb->reassembly = NULL;
    tcp_outstanding_forget(tcp, tcb);
    tcb->acks_due = 0;
    tcb->syn_due = false;
    tcb->syn_waits = false;
    tcb->probe_due = false;
}

void tcp_set_state(struct tcp *tcp, struct tcb *tcb, enum tcp_state state) {
    tcb->state = (uint8_t)state;
    tcb->was_open |= state >= TCP_ESTABLISHED;
    if (state == TCP_CLOSED || state == TCP_TIME_WAIT) {
        stop(tcp, tcb);
    }
    tcp_mark_changed(tcp, tcb);
}

void tcp_end(struct tcp *tcp, struct tcb *tcb, enum error error) {
    tcp_listen_forget(tcb);
    if (error != ERR_NONE) {
        tcb->error = error;
    }
    tcp_set_state(tcp, tcb, TCP_CLOSED);
    tcp_release(tcp, tcb);
}

void tcp_end_with_reset(struct tcp *tcp, struct tcb *tcb, enum error error) {
    bool tell = tcp_is_synchronized(tcb->state);
    tcp_listen_forget(tcb);
    tcb->error = error != ERR_NONE ? error : tcb->error;
    tcp_set_state(tcp, tcb, TCP_CLOSED);
    if (tell) {
        tcb->reset_due = true;
        tcp_mark_due(tcp, tcb);
    }
    tcp_release(tcp, tcb);
}

void tcp_enter_time_wait(struct tcp *tcp, struct tcb *tcb, net_time now) {
    bool ack_owed = tcb->acks_due > 0;
    tcp_set_state(tcp, tcb, TCP_TIME_WAIT);
    tcp_remnant_leave(tcp, tcb, ack_owed, now);
    tcp_release(tcp, tcb);
}

void tcp_release(struct tcp *tcp, struct tcb *tcb) {
    bool over = tcb->state == TCP_CLOSED || tcb->state == TCP_TIME_WAIT;
    if (!over || tcb->socket != 0 || tcb->reset_due) {
        return;
    }
    tcp_set_state(tcp, tcb, TCP_CLOSED);
    list_remove(&tcb->changed);
    buffer_release(&tcb->receive, tcp->arena, tcb->owner);
    arena_give(tcp->arena, NET_OWNER_ENGINE, tcb->backlog);
    tcp_slot_give(tcp, &tcb->entry);
    tcp->orphan_count -= tcb->is_orphan;
    tcp->tcb_count--;
    arena_give(tcp->arena, NET_OWNER_ENGINE, tcb->beside);
    arena_give(tcp->arena, NET_OWNER_ENGINE, tcb);
}

/* As in Linux for each connection by itself: a limit for the whole host could be counted by a third party,
 * who would learn of other connections by it. */
bool tcp_may_answer(net_time *last, net_time now) {
    if (*last != 0 && now - *last < NET_SECOND / 2) {
        return false;
    }
    *last = now;
    return true;
}
