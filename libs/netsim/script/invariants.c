/* invariants.c: the engine's books are looked through; read invariants.h first. */
#include <net/engine.h>
#include <net/tcp/tcb.h>
#include <netsim/script/invariants.h>

enum { STEPS_MAX = 100000 };

/* ---- One connection ---- */

static bool ring_is_sane(const struct buffer *buffer) {
    const struct ring *ring = &buffer->ring; /* whose user may have asked for less since it grew */
    return ring_length(ring) <= ring->capacity && (ring->memory != NULL || ring->capacity == 0);
}

static const char *broken_sending(const struct tcb *tcb) {
    if (seq_after(tcb->snd.una, tcb->snd.nxt) || seq_after(tcb->snd.nxt, tcb->snd.max)) {
        return "snd.una <= snd.nxt <= snd.max";
    }
    if (tcb->outstanding != NULL && !seq_equal(tcb->snd.nxt, tcb->snd.max)) {
        return "what is noted is not sent again from snd.nxt on";
    }
    uint32_t out = tcb->snd.max.value - tcb->snd.una.value;
    bool syn_out = tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED;
    bool fin_out = tcb->fin_sent && seq_before_or_at(tcb->snd.una, tcb->snd.fin);
    if (out > buffer_length(&tcb->send) + syn_out + fin_out) {
        return "nothing is out that could not be sent again";
    }
    return tcb->fin_sent && !tcb->fin_queued ? "no FIN is sent that nobody asked for" : NULL;
}

static const char *broken_receiving(const struct tcb *tcb) {
    bool synchronized = tcb->state >= TCP_SYN_RECEIVED;
    if (synchronized && seq_after(tcb->rcv.nxt, tcb->rcv.told)) {
        return "rcv.nxt lies in the window that was told";
    }
    if (tcb->reassembly != NULL && tcb->reassembly->gaps.count == 0) {
        return "what has arrived out of order is somewhere";
    }
    return NULL;
}

/* Something is out or to be sent, and nothing will make it look at that again. */
static bool is_forgotten(const struct tcb *tcb) {
    bool busy = tcp_flight(tcb) != 0 || buffer_length(&tcb->send) != 0;
    return busy && tcb->timer.kind == TCP_TIMER_NONE && !list_is_linked(&tcb->due);
}

static const char *broken_tcb(const struct tcb *tcb) {
    if (!ring_is_sane(&tcb->send) || !ring_is_sane(&tcb->receive)) {
        return "no stream holds more than there is room for";
    }
    if (tcb->state == TCP_CLOSED || tcb->state == TCP_LISTEN || tcb->state == TCP_TIME_WAIT) {
        return tcb->heap_index == TCP_NO_HEAP ? NULL : "who is closed waits for nothing";
    }
    if (tcb->socket == 0 && tcb->listener == NULL && !tcb->is_orphan) {
        return "every connection has somebody";
    }
    if (is_forgotten(tcb)) {
        return "who has something to send has a timer, or its turn";
    }
    const char *broken = broken_sending(tcb);
    return broken != NULL ? broken : broken_receiving(tcb);
}

/* ---- All of them ---- */

static const char *broken_slots(const struct tcp *tcp) {
    uint32_t tcbs = 0, remnants = 0, orphans = 0;
    for (uint32_t i = 0; i < tcp->slots_used; i++) {
        const struct tcp_entry *entry = tcp->slots[i];
        if (((uintptr_t)entry & 1) != 0) {
            continue;
        }
        if (entry->is_remnant) {
            remnants++;
            continue;
        }
        const struct tcb *tcb = (const struct tcb *)entry;
        const char *broken = broken_tcb(tcb);
        if (broken != NULL) {
            return broken;
        }
        tcbs++;
        orphans += tcb->is_orphan;
    }
    bool counted = tcbs == tcp->tcb_count && remnants == tcp->remnant_count && orphans == tcp->orphan_count;
    return counted ? NULL : "connections are counted right";
}

static const char *broken_heap(const struct tcp *tcp) {
    for (uint32_t i = 0; i < tcp->heap_count; i++) {
        const struct tcb *tcb = tcp->heap[i];
        net_time deadline = net_time_min(tcb->timer.deadline, tcb->ack_at);
        if (tcb->heap_index != i || tcb->heap_time > deadline) {
            return "the heap knows each deadline, or an earlier one";
        }
        if (i > 0 && tcp->heap[(i - 1) / 2]->heap_time > tcb->heap_time) {
            return "the earliest deadline is on top of the heap";
        }
    }
    return NULL;
}

static const char *broken_remnants(const struct tcp *tcp) {
    net_time last = 0;
    uint32_t count = 0;
    for (const struct list *at = tcp->remnants.next; at != &tcp->remnants; at = at->next) {
        const struct tcp_remnant *remnant = LIST_ENTRY(at, struct tcp_remnant, link);
        if (remnant->deadline < last || ++count > STEPS_MAX) {
            return "TIME_WAITs end in order";
        }
        last = remnant->deadline;
    }
    return count == tcp->remnant_count ? NULL : "TIME_WAITs are counted right";
}

/* Who is on a bill has it from somewhere. */
static const char *broken_arena(const struct arena *arena) {
    size_t charged = 0;
    for (uint32_t owner = 0; owner < arena->owners; owner++) {
        if (owner != NET_OWNER_ENGINE && arena->charged[owner] > arena->budget) {
            return "nobody holds more than the budget";
        }
        charged += arena->charged[owner];
    }
    if (charged != arena->used) {
        return "the bills add up to what is in use";
    }
    return arena->used <= arena->blocks * ARENA_BLOCK ? NULL : "no more memory is used than there is";
}

static const char *broken_sockets(const struct net *net) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < net->sockets_touched; i++) {
        const struct socket *socket = &net->sockets[i];
        used += socket->type != 0;
        if (socket->type != 0 && !net->owners[socket->owner].used) {
            return "each socket has an owner";
        }
    }
    return used == net->sockets_used ? NULL : "sockets are counted right";
}

const char *broken_invariant(const struct net *net) {
    const char *broken = broken_arena(&net->arena);
    broken = broken != NULL ? broken : broken_sockets(net);
    broken = broken != NULL ? broken : broken_slots(net->tcp);
    broken = broken != NULL ? broken : broken_heap(net->tcp);
    return broken != NULL ? broken : broken_remnants(net->tcp);
}
