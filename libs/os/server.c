/* server.c: the one loop of every server, and answers to requests. */
#include <os/server.h>

#include <os/os.h>
#include <os/syscall.h>
#include <string.h>

enum error server_init_event(struct server *server, const struct server_handlers *handlers, void *context,
                             void *receive_buffer, size_t receive_capacity, handle_t event) {
    *server = (struct server){.event = event,
                              .context = context,
                              .handlers = handlers,
                              .receive_buffer = receive_buffer,
                              .receive_capacity = receive_capacity};
    uint64_t port = 0;
    enum error error = sys_port_create(&port);
    if (error == ERR_NONE) {
        server->port = (handle_t)port;
        error = sys_port_bind(server->port, event);
    }
    return error;
}

enum error server_init(struct server *server, const struct server_handlers *handlers, void *context,
                       void *receive_buffer, size_t receive_capacity) {
    handle_t event;
    enum error error = event_make(&event);
    if (error == ERR_NONE) {
        error = server_init_event(server, handlers, context, receive_buffer, receive_capacity, event);
    }
    return error;
}

/* ---- receiving ---- */

/* A request that its handler forgot, and handles that it did not take. */
static void finish(struct request *request) {
    for (unsigned i = 0; i < MESSAGE_HANDLES; i++) {
        if (request->handle[i] != HANDLE_NONE) {
            (void)!handle_close(request->handle[i]);
        }
    }
    if (!request->done) {
        request_fail(request, ERR_NOT_SUPPORTED);
    }
}

static void take_call(struct server *server, const struct arrival *received, const uint64_t *word,
                      const struct transfer *transfer) {
    size_t sent = transfer->receive_length;
    struct request request = {.server = server,
                              .reply = received->reply,
                              .badge = received->badge,
                              .payload = server->receive_buffer,
                              .payload_copied =
                                  sent < server->receive_capacity ? sent : server->receive_capacity,
                              .payload_length = sent,
                              .handle_count = transfer->receive_count};
    memcpy(request.word, word, sizeof request.word);
    memcpy(request.handle, transfer->receive_handle, transfer->receive_count * sizeof(handle_t));
    server->handlers->call(server->context, &request);
    finish(&request);
}

static void take(struct server *server, const struct arrival *received, const uint64_t *word,
                 const struct transfer *transfer) {
    const struct server_handlers *handlers = server->handlers;
    switch (received->kind) {
    case RECEIVED_CALL: take_call(server, received, word, transfer); break;
    case RECEIVED_EVENT:
        if (handlers->event != NULL) {
            handlers->event(server->context, word[0]);
        }
        break;
    case RECEIVED_CLOSED:
        if (handlers->closed != NULL) {
            handlers->closed(server->context, received->badge);
        }
        break;
    case RECEIVED_ENDED:
        if (handlers->ended != NULL) {
            handlers->ended(server->context, received->badge);
        }
        break;
    default: break;
    }
}

enum error server_step(struct server *server, uint64_t deadline) {
    uint64_t word[MESSAGE_WORDS];
    struct arrival received;
    struct transfer transfer = {.send_address =
                                    server->pending.length != 0 ? (uintptr_t)server->pending.payload : 0,
                                .send_length = server->pending.length,
                                .receive_address = (uintptr_t)server->receive_buffer,
                                .receive_capacity = (uint32_t)server->receive_capacity};
    handle_t reply = server->pending.reply;
    memcpy(word, server->pending.word, sizeof word);
    server->pending.reply = HANDLE_NONE;
    server->pending.length = 0;
    enum error error = sys_reply_receive(server->port, reply, deadline, word, &transfer, &received);
    if (error == ERR_NONE) {
        take(server, &received, word, &transfer);
    }
    return error;
}

/* Takes what is there without waiting, as one batch. */
static void take_batch(struct server *server) {
    for (unsigned i = 0; i < SERVER_BATCH && server_step(server, 0) == ERR_NONE; i++) {
    }
    server->handlers->idle(server->context);
}

_Noreturn void server_run(struct server *server) {
    const struct server_handlers *handlers = server->handlers;
    enum error error = ERR_NONE;
    while (error == ERR_NONE || error == ERR_TIMED_OUT) {
        if (handlers->idle != NULL) {
            take_batch(server);
        }
        error = server_step(server, handlers->deadline != NULL ? handlers->deadline(server->context) : NEVER);
    }
    log_line("receive failed: %s", error_text(error));
    task_exit(1);
}

/* ---- answering ---- */

static enum error send(handle_t reply, const uint64_t *words, const void *payload, size_t length,
                       const handle_t *handles, unsigned count, unsigned move) {
    struct transfer transfer = {.send_address = (uintptr_t)payload,
                                .send_length = (uint32_t)length,
                                .send_count = (uint8_t)count,
                                .send_move = (uint8_t)move};
    memcpy(transfer.send_handle, handles, count * sizeof(handle_t));
    enum error error = sys_reply(reply, words, length != 0 || count != 0 ? &transfer : NULL);
    if (error == ERR_TOO_LARGE) { /* our own mistake, but the client must not wait for ever */
        uint64_t status[MESSAGE_WORDS] = {ERR_TOO_LARGE};
        (void)!sys_reply(reply, status, NULL);
    }
    for (unsigned i = 0; error != ERR_NONE && i < count; i++) {
        if ((move >> i & 1) != 0) { /* what was given away is gone, whether it has arrived or not */
            (void)!handle_close(handles[i]);
        }
    }
    return error;
}

/* The generated stubs pass arrays of MESSAGE_HANDLES; others may pass null with count 0. */
static const handle_t no_handles[MESSAGE_HANDLES];

void request_reply(struct request *request, const uint64_t *words, const void *payload, size_t length,
                   const handle_t *handles, unsigned count, unsigned move) {
    struct server *server = request->server;
    if (request->done) {
        return;
    }
    request->done = true;
    bool small = count == 0 && length <= SERVER_SMALL && (payload != NULL || length == 0);
    if (!small || server->pending.reply != HANDLE_NONE) {
        (void)!send(request->reply, words, payload, length, count != 0 ? handles : no_handles, count, move);
        return;
    }
    server->pending.reply = request->reply;
    server->pending.length = (uint32_t)length;
    memcpy(server->pending.word, words, sizeof server->pending.word);
    if (length != 0) {
        memcpy(server->pending.payload, payload, length);
    }
}

void request_fail(struct request *request, enum error error) {
    uint64_t words[MESSAGE_WORDS] = {error};
    request_reply(request, words, NULL, 0, NULL, 0, 0);
}

void request_park(struct request *request, struct parked *parked) {
    *parked = (struct parked){.reply = request->reply, .badge = request->badge, .method = request->word[0]};
    request->done = true;
}

enum error parked_reply(struct parked *parked, const uint64_t *words, const void *payload, size_t length,
                        const handle_t *handles, unsigned count, unsigned move) {
    handle_t reply = parked->reply;
    parked->reply = HANDLE_NONE;
    return send(reply, words, payload, length, count != 0 ? handles : no_handles, count, move);
}

void parked_fail(struct parked *parked, enum error error) {
    uint64_t words[MESSAGE_WORDS] = {error};
    (void)!parked_reply(parked, words, NULL, 0, NULL, 0, 0);
}

/* ---- the waiting client's memory ---- */

static enum error read_from(handle_t reply, size_t offset, void *data, size_t length, size_t *done) {
    uint64_t copied = 0;
    enum error error = sys_payload_read(reply, offset, data, length, &copied);
    *done = error == ERR_NONE ? copied : 0;
    return error;
}

static enum error write_to(handle_t reply, size_t offset, const void *data, size_t length, size_t *done) {
    uint64_t copied = 0;
    enum error error = sys_payload_write(reply, offset, data, length, &copied);
    *done = error == ERR_NONE ? copied : 0;
    return error;
}

enum error request_read(const struct request *request, size_t offset, void *data, size_t length,
                        size_t *done) {
    return read_from(request->reply, offset, data, length, done);
}

enum error request_write(const struct request *request, size_t offset, const void *data, size_t length,
                         size_t *done) {
    return write_to(request->reply, offset, data, length, done);
}

enum error parked_read(const struct parked *parked, size_t offset, void *data, size_t length, size_t *done) {
    return read_from(parked->reply, offset, data, length, done);
}

enum error parked_write(const struct parked *parked, size_t offset, const void *data, size_t length,
                        size_t *done) {
    return write_to(parked->reply, offset, data, length, done);
}
