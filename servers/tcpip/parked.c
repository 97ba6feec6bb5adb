/* parked.c: calls that wait. Each is answered or cancelled exactly once, whoever dies first.
 *
 * A call is tried when it comes. If it must wait it takes a place in the bounded table, in the list of its
 * socket (or of its session, for a look-up), and is tried again whenever the engine tells that something has
 * changed there. */
#include "tcpip.h"

typedef enum error (*attempt)(struct tcpip *tcpip, struct call *call);

static const attempt attempts[] = {
    [CALL_ACCEPT] = try_accept,   [CALL_CONNECT] = try_connect, [CALL_SEND] = try_send,
    [CALL_RECEIVE] = try_receive, [CALL_SEND_TO] = try_send_to, [CALL_RECEIVE_FROM] = try_receive_from,
    [CALL_RESOLVE] = try_resolve,
};

static void call_free(struct tcpip *tcpip, struct call *call) {
    list_remove(&call->link);
    list_append(&tcpip->free_calls, &call->link);
    tcpip->calls_used--;
}

static void call_cancel(struct tcpip *tcpip, struct call *call) {
    if (call->kind == CALL_RESOLVE) {
        net_resolve_cancel(tcpip->net, call->query);
    }
    parked_fail(&call->parked, ERR_CANCELLED);
    tcpip->counters.cancelled++;
    call_free(tcpip, call);
}

/* Drops calls whose callers have died without our being told: others held their handles too. */
static void sweep(struct tcpip *tcpip) {
    for (size_t i = 0; i < PARKED_MAX; i++) {
        struct call *call = &tcpip->calls[i];
        size_t none;
        if (call->parked.reply != HANDLE_NONE && parked_read(&call->parked, 0, NULL, 0, &none) == ERR_DEAD) {
            call_cancel(tcpip, call);
        }
    }
}

static void park(struct tcpip *tcpip, const struct call *call, struct list *list) {
    if (list_is_empty(&tcpip->free_calls)) {
        sweep(tcpip);
    }
    struct list *link = list_take(&tcpip->free_calls);
    if (link == NULL) {
        if (call->kind == CALL_RESOLVE) {
            net_resolve_cancel(tcpip->net, call->query);
        }
        request_fail(call->request, ERR_TOO_MANY);
        return;
    }
    struct call *kept = LIST_ENTRY(link, struct call, link);
    *kept = *call;
    list_init(&kept->link);
    kept->request = NULL;
    request_park(call->request, &kept->parked);
    list_append(list, &kept->link);
    tcpip->calls_used++;
    tcpip->counters.parked++;
}

void call_run(struct tcpip *tcpip, struct call *call) {
    struct socket *socket = call->holder != NULL ? call->holder->socket : NULL;
    enum error error = attempts[call->kind](tcpip, call);
    bool waits = error == ERR_WOULD_BLOCK && call->wait;
    if (waits) {
        park(tcpip, call,
             socket != NULL ? &socket->parked : &session_of(tcpip, call->request->badge)->parked);
    } else if (error != ERR_NONE) {
        request_fail(call->request, error);
    }
    if (socket != NULL) {
        socket_refresh(tcpip, socket);
    }
}

/* Tries a parked call once more. */
static void retry(struct tcpip *tcpip, struct call *call) {
    enum error error = attempts[call->kind](tcpip, call);
    if (error == ERR_WOULD_BLOCK) {
        return;
    }
    if (error != ERR_NONE) {
        parked_fail(&call->parked, error);
    }
    call_free(tcpip, call);
}

void calls_retry(struct tcpip *tcpip, struct socket *socket) {
    struct list *next;
    for (struct list *link = socket->parked.next; link != &socket->parked; link = next) {
        next = link->next;
        retry(tcpip, LIST_ENTRY(link, struct call, link));
    }
    socket_refresh(tcpip, socket);
}

void calls_resolved(struct tcpip *tcpip, net_owner owner, uint32_t query) {
    struct session *session = session_by_owner(tcpip, owner);
    if (session == NULL) {
        return;
    }
    struct list *next;
    for (struct list *link = session->parked.next; link != &session->parked; link = next) {
        struct call *call = LIST_ENTRY(link, struct call, link);
        next = link->next;
        if (call->query == query) {
            retry(tcpip, call);
        }
    }
}

void calls_cancel(struct tcpip *tcpip, struct list *list, const struct holder *holder) {
    struct list *next;
    for (struct list *link = list->next; link != list; link = next) {
        struct call *call = LIST_ENTRY(link, struct call, link);
        next = link->next;
        if (holder == NULL || call->holder == holder) {
            call_cancel(tcpip, call);
        }
    }
}
