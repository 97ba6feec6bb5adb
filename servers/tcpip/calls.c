/* calls.c: the handlers of tcpip.idl: each checks whom the badge names and makes one call into the engine. */
#include "tcpip.h"
#include <os/os.h>
#include <stddef.h>
#include <string.h>

_Static_assert(TCPIP_STREAM == NET_STREAM && TCPIP_DATAGRAM == NET_DATAGRAM, "kinds of sockets");
_Static_assert(TCPIP_READY_IN == NET_READY_IN && TCPIP_READY_OUT == NET_READY_OUT &&
                   TCPIP_READY_ERROR == NET_READY_ERROR && TCPIP_READY_HANGUP == NET_READY_HANGUP &&
                   TCPIP_READY_EOF == NET_READY_EOF && TCPIP_READY_SENT == NET_READY_SENT,
               "readiness bits");
_Static_assert(TCPIP_OPTION_REUSEPORT == NET_OPTION_REUSEPORT && TCPIP_OPTION_UNSENT == NET_OPTION_UNSENT &&
                   TCPIP_OPTION_USER_TIMEOUT == NET_OPTION_USER_TIMEOUT &&
                   TCPIP_OPTION_RCVLOWAT == NET_OPTION_RCVLOWAT,
               "options of streams");
_Static_assert(TCPIP_OPTION_NODELAY == NET_OPTION_NODELAY && TCPIP_OPTION_RCVBUF == NET_OPTION_RCVBUF &&
                   TCPIP_OPTION_TOS == NET_OPTION_TOS &&
                   TCPIP_OPTION_MTU_DISCOVER == NET_OPTION_MTU_DISCOVER &&
                   TCPIP_OPTION_FASTOPEN_CONNECT == NET_OPTION_FASTOPEN_CONNECT &&
                   TCPIP_OPTION_MTU == NET_OPTION_MTU,
               "options");
_Static_assert(TCPIP_OPTION_MULTICAST_TTL == NET_OPTION_MULTICAST_TTL &&
                   TCPIP_OPTION_MULTICAST_ALL == NET_OPTION_MULTICAST_ALL &&
                   TCPIP_GROUP_JOIN == NET_GROUP_JOIN && TCPIP_GROUP_UNBLOCK == NET_GROUP_UNBLOCK,
               "groups");
_Static_assert(TCPIP_PEEK == NET_PEEK && TCPIP_TRUNCATED == NET_TRUNCATED, "datagram flags");

_Static_assert(
    sizeof(struct tcpip_stream_info) == sizeof(struct net_stream_info) &&
        offsetof(struct tcpip_stream_info, resent_ever) == offsetof(struct net_stream_info, resent_ever) &&
        offsetof(struct tcpip_stream_info, bytes_unsent) == offsetof(struct net_stream_info, bytes_unsent) &&
        offsetof(struct tcpip_stream_info, peer_window) == offsetof(struct net_stream_info, peer_window),
    "what a stream tells of itself");

/* The holder that a request came by; answers it when there is none. */
static struct holder *holder_for(struct tcpip *tcpip, struct request *request) {
    struct holder *holder = holder_of(tcpip, request->badge);
    if (holder == NULL || holder->socket->id == 0) {
        request_fail(request, holder == NULL ? ERR_INVALID : ERR_BAD_HANDLE);
        return NULL;
    }
    return holder;
}

/* ---- On the port ---- */

static void on_attach(void *context, struct request *request, handle_t ready, handle_t event) {
    handle_t session;
    enum error error = session_open(context, ready, event, &session);
    if (error == ERR_NONE) {
        tcpip_attach_reply(request, session);
    } else {
        request_fail(request, error);
    }
}

static void on_report(void *context, struct request *request, uint32_t kind) {
    struct tcpip *tcpip = context;
    size_t length;
    enum error error = report_write(tcpip, kind, &length);
    if (error == ERR_NONE) {
        tcpip_report_reply(request, tcpip->scratch, length);
    } else {
        request_fail(request, error);
    }
}

/* ---- On a session ---- */

static void on_socket(void *context, struct request *request, uint32_t type) {
    struct tcpip *tcpip = context;
    struct session *session = session_of(tcpip, request->badge);
    net_socket_id id;
    handle_t handle;
    uint32_t slot;
    bool known = type == TCPIP_STREAM || type == TCPIP_DATAGRAM;
    enum error error = session != NULL && known ? session_room(tcpip, session) : ERR_INVALID;
    if (error == ERR_NONE) {
        error = net_open(tcpip->net, (enum net_type)type, session->owner, &id);
    }
    if (error == ERR_NONE) {
        error = socket_make(tcpip, session, id, (enum net_type)type, &handle, &slot);
    }
    if (error == ERR_NONE) {
        tcpip_socket_reply(request, handle, slot);
    } else {
        request_fail(request, error);
    }
}

static void on_ticket(void *context, struct request *request) {
    struct session *session = session_of(context, request->badge);
    if (session != NULL) {
        tcpip_ticket_reply(request, session->ticket);
    } else {
        request_fail(request, ERR_INVALID);
    }
}

static void on_resolve(void *context, struct request *request, uint32_t family, const char *name) {
    struct tcpip *tcpip = context;
    struct session *session = session_of(tcpip, request->badge);
    struct call call = {.kind = CALL_RESOLVE, .wait = true, .request = request};
    enum error error = ERR_INVALID;
    if (session != NULL && (family == NET_IPV4 || family == NET_IPV6)) {
        error =
            net_resolve(tcpip->net, session->owner, name, (enum net_family)family, &call.query, tcpip_now());
    }
    if (error == ERR_NONE) {
        call_run(tcpip, &call);
    } else {
        request_fail(request, error);
    }
}

/* ---- On a socket ---- */

static void on_bind(void *context, struct request *request, const struct tcpip_endpoint *local) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder != NULL) {
        struct net_endpoint endpoint = endpoint_in(local);
        request_fail(request,
                     net_bind(tcpip->net, holder->socket->id, &endpoint)); /* no error is an answer too */
    }
}

static void on_listen(void *context, struct request *request, uint32_t backlog) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder != NULL) {
        request_fail(request, net_listen(tcpip->net, holder->socket->id, backlog));
        socket_refresh(tcpip, holder->socket);
    }
}

static void run(struct tcpip *tcpip, struct call call) {
    call.holder = holder_for(tcpip, call.request);
    if (call.holder != NULL) {
        call_run(tcpip, &call);
    }
}

static void on_accept(void *context, struct request *request, bool wait) {
    run(context, (struct call){.kind = CALL_ACCEPT, .request = request, .wait = wait});
}

static void on_connect(void *context, struct request *request, bool wait, const struct tcpip_endpoint *peer) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder == NULL) {
        return;
    }
    struct net_endpoint endpoint = endpoint_in(peer);
    enum error error = net_connect(tcpip->net, holder->socket->id, &endpoint, tcpip_now());
    if (error == ERR_IN_PROGRESS && wait) {
        call_run(tcpip,
                 &(struct call){.kind = CALL_CONNECT, .request = request, .wait = true, .holder = holder});
        return;
    }
    socket_refresh(tcpip, holder->socket);
    request_fail(request, error);
}

static void on_send(void *context, struct request *request, bool wait, bool more, const void *data,
                    size_t length) {
    run(context,
        (struct call){
            .kind = CALL_SEND, .request = request, .wait = wait, .more = more, .length = (uint32_t)length});
}

static void on_receive(void *context, struct request *request, bool wait, bool peek, uint32_t length) {
    run(context, (struct call){.kind = CALL_RECEIVE,
                               .request = request,
                               .wait = wait,
                               .peek = peek,
                               .length = length < PAYLOAD_MAX ? length : PAYLOAD_MAX});
}

static void on_send_to(void *context, struct request *request, bool wait, uint64_t source_head,
                       uint64_t source_tail, const void *data, size_t length) {
    run(context, (struct call){.kind = CALL_SEND_TO,
                               .request = request,
                               .wait = wait,
                               .length = (uint32_t)length,
                               .source = {source_head, source_tail}});
}

static void on_receive_from(void *context, struct request *request, bool wait, bool peek, uint32_t length) {
    run(context,
        (struct call){
            .kind = CALL_RECEIVE_FROM, .request = request, .wait = wait, .peek = peek, .length = length});
}

static void on_shutdown(void *context, struct request *request, uint32_t how) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder == NULL) {
        return;
    }
    enum error error = how <= NET_SHUT_BOTH
                           ? net_shutdown(tcpip->net, holder->socket->id, (enum net_shutdown)how, tcpip_now())
                           : ERR_INVALID;
    calls_retry(tcpip, holder->socket);
    request_fail(request, error);
}

static void on_close(void *context, struct request *request) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder != NULL) {
        socket_close(tcpip, holder->socket);
        tcpip_close_reply(request);
    }
}

static void on_local(void *context, struct request *request) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    struct net_endpoint local;
    if (holder == NULL) {
        return;
    }
    enum error error = net_local(tcpip->net, holder->socket->id, &local);
    struct tcpip_endpoint out = error == ERR_NONE ? endpoint_out(&local) : (struct tcpip_endpoint){0};
    error == ERR_NONE ? tcpip_local_reply(request, &out) : request_fail(request, error);
}

static void on_peer(void *context, struct request *request) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    struct net_endpoint peer;
    if (holder == NULL) {
        return;
    }
    enum error error = net_peer(tcpip->net, holder->socket->id, &peer);
    struct tcpip_endpoint out = error == ERR_NONE ? endpoint_out(&peer) : (struct tcpip_endpoint){0};
    error == ERR_NONE ? tcpip_peer_reply(request, &out) : request_fail(request, error);
}

static void on_error(void *context, struct request *request) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder != NULL) {
        tcpip_error_reply(request, net_take_error(tcpip->net, holder->socket->id));
        socket_refresh(tcpip, holder->socket);
    }
}

static void on_set_option(void *context, struct request *request, uint32_t option, int64_t value) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder != NULL) {
        request_fail(request, net_set_option(tcpip->net, holder->socket->id, (enum net_option)option, value));
    }
}

static void on_change_group(void *context, struct request *request, uint32_t change,
                            const struct tcpip_membership *given) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder == NULL) {
        return;
    }
    struct net_membership membership = {.group = endpoint_in(&given->group).address,
                                        .source = endpoint_in(&given->source).address,
                                        .interface = endpoint_in(&given->interface).address,
                                        .link = given->link};
    enum net_group_change what = change <= NET_GROUP_UNBLOCK ? (enum net_group_change)change : 0;
    request_fail(request, net_change_group(tcpip->net, holder->socket->id, what, &membership, tcpip_now()));
}

static void on_get_option(void *context, struct request *request, uint32_t option) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    int64_t value = 0;
    if (holder == NULL) {
        return;
    }
    enum error error = net_get_option(tcpip->net, holder->socket->id, (enum net_option)option, &value);
    error == ERR_NONE ? tcpip_get_option_reply(request, value) : request_fail(request, error);
}

static void on_stream_info(void *context, struct request *request) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    struct net_stream_info info;
    struct tcpip_stream_info out;
    if (holder == NULL) {
        return;
    }
    enum error error = net_stream_info(tcpip->net, holder->socket->id, &info, tcpip_now());
    if (error == ERR_NONE) {
        memcpy(&out, &info, sizeof out);
        tcpip_stream_info_reply(request, &out);
    } else {
        request_fail(request, error);
    }
}

static void on_finish(void *context, struct request *request) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    if (holder == NULL) {
        return;
    }
    struct socket *socket = holder->socket;
    bool last = socket->holders.next == &holder->link && holder->link.next == &socket->holders;
    enum error error = socket->type != NET_STREAM ? ERR_WRONG_TYPE : ERR_NONE;
    if (error == ERR_NONE && last) {
        error = net_shutdown(tcpip->net, socket->id, NET_SHUT_WRITE, tcpip_now());
    }
    socket_refresh(tcpip, socket);
    error == ERR_NONE ? tcpip_finish_reply(request, last) : request_fail(request, error);
}

static void on_adopt(void *context, struct request *request, uint64_t ticket) {
    struct tcpip *tcpip = context;
    struct holder *holder = holder_for(tcpip, request);
    struct session *session = session_by_ticket(tcpip, ticket);
    handle_t handle;
    uint32_t slot;
    if (holder == NULL) {
        return;
    }
    enum error error = session != NULL ? session_room(tcpip, session) : ERR_INVALID;
    if (error == ERR_NONE) {
        error = holder_make(tcpip, session, holder->socket, &handle, &slot);
    }
    if (error == ERR_NONE) {
        tcpip_adopt_reply(request, handle, slot, holder->socket->type);
    } else {
        request_fail(request, error);
    }
}

static const struct tcpip_handlers handlers = {
    .attach = on_attach,
    .report = on_report,
    .socket = on_socket,
    .ticket = on_ticket,
    .resolve = on_resolve,
    .bind = on_bind,
    .listen = on_listen,
    .accept = on_accept,
    .connect = on_connect,
    .send = on_send,
    .receive = on_receive,
    .send_to = on_send_to,
    .receive_from = on_receive_from,
    .shutdown = on_shutdown,
    .close = on_close,
    .local = on_local,
    .peer = on_peer,
    .error = on_error,
    .set_option = on_set_option,
    .get_option = on_get_option,
    .change_group = on_change_group,
    .adopt = on_adopt,
    .stream_info = on_stream_info,
    .finish = on_finish,
};

void calls_dispatch(struct tcpip *tcpip, struct request *request) {
    tcpip->counters.calls++;
    if (!tcpip_dispatch(&handlers, tcpip, request) && !admin_dispatch(tcpip, request)) {
        tcpip->counters.refused++;
        request_fail(request, ERR_NOT_SUPPORTED);
    }
}
