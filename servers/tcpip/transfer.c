/* transfer.c: the calls that move bytes and connections, and may have to wait for them.
 *
 * Each function is one try: it makes one call into the engine and answers, or says why not. It is used when
 * the call comes (call->request) and again while it is parked (call->parked). Payloads go straight between
 * the client's memory and the socket's streams. Readiness is shown before the answer leaves, because the
 * client may run at once. */
#include "tcpip.h"
#include <string.h>

#define DATAGRAM_HEADER sizeof(struct tcpip_datagram)
_Static_assert(DATAGRAM_HEADER + 65507 <= 65536, "the longest datagram fits into a message");

struct net_endpoint endpoint_in(const struct tcpip_endpoint *endpoint) {
    struct net_endpoint in = {.address.family = (uint8_t)endpoint->family, .port = endpoint->port};
    size_t length = endpoint->family == NET_IPV4 ? 4 : endpoint->family == NET_IPV6 ? 16 : 0;
    if (endpoint->family > UINT8_MAX) {
        in.address.family = UINT8_MAX; /* none that the engine knows */
    }
    memcpy(in.address.bytes, endpoint->address, length);
    return in;
}

struct tcpip_endpoint endpoint_out(const struct net_endpoint *endpoint) {
    struct tcpip_endpoint out = {.family = endpoint->address.family, .port = endpoint->port};
    memcpy(out.address, endpoint->address.bytes, sizeof out.address);
    return out;
}

/* ---- The caller's memory ---- */

static enum error caller_write(const struct call *call, size_t offset, const void *data, size_t length) {
    size_t done;
    if (length == 0) {
        return ERR_NONE;
    }
    return call->request != NULL ? request_write(call->request, offset, data, length, &done)
                                 : parked_write(&call->parked, offset, data, length, &done);
}

/* Takes a part of the caller's payload: what came with the message from where it lies, the rest out of its
 * memory. */
static enum error caller_read(const struct call *call, size_t offset, uint8_t *data, size_t length) {
    const struct request *request = call->request;
    if (request != NULL && offset < request->payload_copied) {
        size_t near = request->payload_copied - offset < length ? request->payload_copied - offset : length;
        memcpy(data, (const uint8_t *)request->payload + offset, near);
        data += near;
        offset += near;
        length -= near;
    }
    if (length == 0) {
        return ERR_NONE;
    }
    size_t done = 0;
    enum error error = request != NULL ? request_read(request, offset, data, length, &done)
                                       : parked_read(&call->parked, offset, data, length, &done);
    return error == ERR_NONE && done != length ? ERR_BAD_ADDRESS : error;
}

/* Whether somebody still waits for the answer. Asked before something is taken for a parked call that could
 * not be given back. */
static enum error caller_alive(const struct call *call) {
    size_t done;
    return call->request != NULL ? ERR_NONE : parked_read(&call->parked, 0, NULL, 0, &done);
}

/* ---- Connections ---- */

enum error try_accept(struct tcpip *tcpip, struct call *call) {
    struct socket *listener = call->holder->socket;
    struct session *session = call->holder->session;
    struct net_endpoint peer;
    net_socket_id id;
    handle_t handle;
    uint32_t slot;
    enum error error = caller_alive(call);
    if (error == ERR_NONE) {
        error = session_room(tcpip, session);
    }
    if (error == ERR_NONE) {
        error = net_accept(tcpip->net, listener->id, session->owner, &id, &peer);
    }
    if (error == ERR_NONE) {
        error = socket_make(tcpip, session, id, NET_STREAM, &handle, &slot);
    }
    if (error != ERR_NONE) {
        return error;
    }
    struct tcpip_endpoint out = endpoint_out(&peer);
    socket_refresh(tcpip, listener);
    if (call->request != NULL) {
        tcpip_accept_reply(call->request, handle, slot, &out);
    } else {
        (void)!tcpip_accept_reply_parked(&call->parked, handle, slot, &out);
    }
    return ERR_NONE;
}

/* Here only for a connection that is under way. */
enum error try_connect(struct tcpip *tcpip, struct call *call) {
    struct socket *socket = call->holder->socket;
    uint32_t ready = net_ready(tcpip->net, socket->id);
    if ((ready & (NET_READY_ERROR | NET_READY_HANGUP)) != 0) {
        enum error error = net_take_error(tcpip->net, socket->id);
        return error == ERR_NONE ? ERR_ABORTED : error;
    }
    if ((ready & NET_READY_OUT) == 0) {
        return ERR_WOULD_BLOCK;
    }
    socket_refresh(tcpip, socket);
    if (call->request != NULL) {
        tcpip_connect_reply(call->request);
    } else {
        (void)!tcpip_connect_reply_parked(&call->parked);
    }
    return ERR_NONE;
}

/* ---- Streams ---- */

static void answer_sent(struct tcpip *tcpip, struct call *call) {
    socket_refresh(tcpip, call->holder->socket);
    if (call->request != NULL) {
        tcpip_send_reply(call->request, call->done);
    } else {
        (void)!tcpip_send_reply_parked(&call->parked, call->done);
    }
}

/* Pulls the next bytes of the payload into the send stream. ERR_WOULD_BLOCK: it is full. */
static enum error send_some(struct tcpip *tcpip, struct call *call) {
    struct net_piece piece[2];
    size_t left = call->length - call->done, space = left, moved = 0;
    net_socket_id id = call->holder->socket->id;
    enum error error = net_send_space(tcpip->net, id, piece, &space);
    for (int i = 0; error == ERR_NONE && i < 2 && moved < left; i++) {
        size_t part = piece[i].length < left - moved ? piece[i].length : left - moved;
        error = caller_read(call, call->done + moved, piece[i].data, part);
        moved += part;
    }
    if (error == ERR_NONE) {
        error = net_send_commit(tcpip->net, id, moved, call->more || moved < left, tcpip_now());
    }
    call->done += error == ERR_NONE ? (uint32_t)moved : 0;
    return error;
}

/* What was moved before an error or a full stream counts, as in POSIX: the next call will tell of the error.
 */
enum error try_send(struct tcpip *tcpip, struct call *call) {
    enum error error = ERR_NONE;
    do {
        error = send_some(tcpip, call);
    } while (error == ERR_NONE && call->done < call->length);
    bool partly = call->done != 0 && (error != ERR_WOULD_BLOCK || !call->wait);
    if (error == ERR_NONE || (partly && error != ERR_DEAD)) {
        answer_sent(tcpip, call);
        return ERR_NONE;
    }
    return error;
}

/* Bits that will hold when `length` of `available` bytes have been taken. */
static uint32_t ready_after(struct tcpip *tcpip, net_socket_id id, size_t length, size_t available) {
    uint32_t bits = net_ready(tcpip->net, id);
    bool empty = length == available && (bits & (NET_READY_EOF | NET_READY_HANGUP | NET_READY_ERROR)) == 0;
    return empty ? bits & ~(uint32_t)NET_READY_IN : bits;
}

/* Up to `length` bytes out of the pieces of the receive stream to the caller. One piece goes with the answer;
 * two are written into the caller's memory ahead of it. */
static enum error deliver(struct call *call, const struct net_piece piece[2], size_t length) {
    const void *data = piece[0].data;
    if (length > piece[0].length) {
        enum error error = caller_write(call, 0, piece[0].data, piece[0].length);
        if (error == ERR_NONE) {
            error = caller_write(call, piece[0].length, piece[1].data, length - piece[0].length);
        }
        if (error != ERR_NONE) {
            return error;
        }
        data = NULL;
    }
    if (call->request != NULL) {
        tcpip_receive_reply(call->request, data, length);
        return ERR_NONE;
    }
    return tcpip_receive_reply_parked(&call->parked, data, length);
}

enum error try_receive(struct tcpip *tcpip, struct call *call) {
    struct socket *socket = call->holder->socket;
    struct net_piece piece[2];
    size_t available;
    enum error error = net_receive_data(tcpip->net, socket->id, piece, &available);
    if (error != ERR_NONE) {
        return error;
    }
    bool enough = available >= call->length || (net_ready(tcpip->net, socket->id) & NET_READY_IN) != 0;
    if (call->wait && !enough) { /* SO_RCVLOWAT: who waits, waits for so much */
        return ERR_WOULD_BLOCK;
    }
    size_t length = available < call->length ? available : call->length;
    if (!call->peek) {
        socket_show(tcpip, socket, ready_after(tcpip, socket->id, length, available));
    }
    error = deliver(call, piece, length);
    if (error == ERR_NONE && !call->peek && length != 0) {
        (void)!net_receive_consume(tcpip->net, socket->id, length,
                                   tcpip_now()); /* it has just offered them */
    }
    return error;
}

/* ---- Datagrams ---- */

static struct net_control control_of(const struct call *call, const struct tcpip_datagram *header) {
    struct net_control control = {.interface = header->interface,
                                  .ttl = header->ttl != 0 ? header->ttl : -1,
                                  .tos = (header->flags & TCPIP_TOS_GIVEN) != 0 ? header->tos : -1};
    if ((call->source[0] | call->source[1]) != 0) {
        control.local.family = NET_IPV4;
        memcpy(control.local.bytes, call->source, sizeof control.local.bytes);
    }
    return control;
}

enum error try_send_to(struct tcpip *tcpip, struct call *call) {
    struct tcpip_datagram header;
    net_socket_id id = call->holder->socket->id;
    uint8_t *data = tcpip->scratch;
    if (call->length < sizeof header || call->length > sizeof tcpip->scratch) {
        return ERR_INVALID;
    }
    enum error error = caller_read(call, 0, data, call->length);
    if (error != ERR_NONE) {
        return error;
    }
    memcpy(&header, data, sizeof header);
    struct net_endpoint peer = endpoint_in(&header.peer);
    struct net_control control = control_of(call, &header);
    error = net_send_message(tcpip->net, id, data + sizeof header, call->length - sizeof header,
                             header.peer.family != 0 ? &peer : NULL, &control, tcpip_now());
    if (error != ERR_NONE) {
        return error;
    }
    socket_refresh(tcpip, call->holder->socket);
    if (call->request != NULL) {
        tcpip_send_to_reply(call->request);
    } else {
        (void)!tcpip_send_to_reply_parked(&call->parked);
    }
    return ERR_NONE;
}

enum error try_receive_from(struct tcpip *tcpip, struct call *call) {
    struct socket *socket = call->holder->socket;
    struct net_endpoint peer;
    struct net_control control;
    size_t most = sizeof tcpip->scratch - DATAGRAM_HEADER, length;
    uint32_t flags = call->peek ? NET_PEEK : 0;
    enum error error = caller_alive(call);
    if (error == ERR_NONE) {
        error =
            net_receive_message(tcpip->net, socket->id, tcpip->scratch + DATAGRAM_HEADER,
                                call->length < most ? call->length : most, &flags, &length, &peer, &control);
    }
    if (error != ERR_NONE) {
        return error;
    }
    struct tcpip_datagram header = {.peer = endpoint_out(&peer),
                                    .flags = flags & NET_TRUNCATED,
                                    .interface = control.interface,
                                    .ttl = (uint8_t)control.ttl,
                                    .tos = (uint8_t)control.tos};
    uint64_t local[2], destination[2];
    memcpy(local, control.local.bytes, sizeof local);
    memcpy(destination, control.destination.bytes, sizeof destination);
    memcpy(tcpip->scratch, &header, sizeof header);
    socket_refresh(tcpip, socket);
    if (call->request != NULL) {
        tcpip_receive_from_reply(call->request, local[0], local[1], destination[0], destination[1],
                                 tcpip->scratch, DATAGRAM_HEADER + length);
    } else {
        (void)!tcpip_receive_from_reply_parked(&call->parked, local[0], local[1], destination[0],
                                               destination[1], tcpip->scratch, DATAGRAM_HEADER + length);
    }
    return ERR_NONE;
}

/* ---- Names ---- */

enum error try_resolve(struct tcpip *tcpip, struct call *call) {
    struct net_address found[16];
    struct tcpip_endpoint out[16];
    size_t count = 16;
    enum error error = net_resolve_result(tcpip->net, call->query, found, &count);
    if (error != ERR_NONE) {
        return error;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = endpoint_out(&(struct net_endpoint){.address = found[i]});
    }
    if (call->request != NULL) {
        tcpip_resolve_reply(call->request, out, count * sizeof out[0]);
    } else {
        (void)!tcpip_resolve_reply_parked(&call->parked, out, count * sizeof out[0]);
    }
    return ERR_NONE;
}
