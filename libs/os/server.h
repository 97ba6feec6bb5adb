/* server.h: a server's one loop and its requests.
 *
 * One place to wait: calls, event bits, notices and the deadline come out of one receive. A handler checks,
 * makes one call into what it serves, and answers (the generated NAME_reply, or request_fail) or parks
 * (request_park). A request that a handler neither answered nor parked is answered with ERR_NOT_SUPPORTED, so
 * that nobody hangs. A small answer without handles is copied and sent together with the next receive, any
 * other is sent at once: what an answer points to need not outlive the call that gives it. */
#pragma once

#include <base/error.h>
#include <ipc/abi.h>
#include <stdbool.h>
#include <stddef.h>

struct server;

struct request {
    struct server *server;
    handle_t reply;
    uint64_t badge; /* chosen by this server; 0: a client that only looked the name up */
    uint64_t word[MESSAGE_WORDS];
    const void *payload;              /* the first payload_copied bytes, in the server's receive buffer */
    size_t payload_copied;            /* min(payload_length, receive_capacity) */
    size_t payload_length;            /* what the client sent */
    handle_t handle[MESSAGE_HANDLES]; /* came with the message; the server owns them: take (set 0) or they are
                                         closed */
    unsigned handle_count;
    bool done;
};

/* A request kept for later. Plain data; answered exactly once by parked_reply or parked_fail. */
struct parked {
    handle_t reply; /* HANDLE_NONE: nothing parked */
    uint64_t badge;
    uint64_t method; /* word[0] */
};

struct server_handlers {
    void (*call)(void *context,
                 struct request *request); /* generated dispatch, or one that chooses by word[0] */
    void (*event)(void *context, uint64_t bits);
    void (*closed)(void *context, uint64_t badge);
    void (*ended)(void *context, uint64_t badge);
    void (*idle)(void *context);         /* after each batch, before sleeping; may be null */
    uint64_t (*deadline)(void *context); /* when to call `idle` again though nothing came; null: NEVER */
};

#define SERVER_SMALL 256 /* bytes of an answer that are kept until the next receive */
#define SERVER_BATCH 64  /* messages at most between two calls of `idle` */

struct server {
    handle_t port, event;
    void *context;
    const struct server_handlers *handlers;
    void *receive_buffer;
    size_t receive_capacity; /* 0..PAYLOAD_MAX: small when payloads are taken with request_read */
    /* private */
    struct {
        handle_t reply; /* HANDLE_NONE: no answer is waiting to be sent */
        uint64_t word[MESSAGE_WORDS];
        uint32_t length;
        uint8_t payload[SERVER_SMALL];
    } pending;
};

/* Makes port and event, binds them. ERR_QUOTA, ERR_NO_MEMORY. */
enum error server_init(struct server *server, const struct server_handlers *handlers, void *context,
                       void *receive_buffer, size_t receive_capacity);
/* The same with an event that the task has already (a granted one, for a driver's interrupt). */
enum error server_init_event(struct server *server, const struct server_handlers *handlers, void *context,
                             void *receive_buffer, size_t receive_capacity, handle_t event);
/* Runs until the port is lost (which a server does not survive). */
_Noreturn void server_run(struct server *server);
/* One receive with the server's own deadline; for tests and for servers with a loop of their own. */
enum error server_step(struct server *server, uint64_t deadline);

/* Answers. words[0] is the status (enum error) by convention; `words` has 5. payload may be null; handles
 * with bit i of `move` set leave this task. */
void request_reply(struct request *request, const uint64_t *words, const void *payload, size_t length,
                   const handle_t *handles, unsigned count, unsigned move);
void request_fail(struct request *request, enum error error);
/* Keeps it for later: *parked takes over the reply handle. */
void request_park(struct request *request, struct parked *parked);
/* Bytes of the client's payload straight into place; *done is what there was. ERR_DEAD. */
enum error request_read(const struct request *request, size_t offset, void *data, size_t length,
                        size_t *done);

/* ERR_DEAD: the client is gone (nothing to do about it). `parked` is empty afterwards in any case. */
enum error parked_reply(struct parked *parked, const uint64_t *words, const void *payload, size_t length,
                        const handle_t *handles, unsigned count, unsigned move);
void parked_fail(struct parked *parked, enum error error);
enum error parked_read(const struct parked *parked, size_t offset, void *data, size_t length, size_t *done);
/* Bytes into the waiting client's buffer ahead of the reply, at an offset. */
enum error parked_write(const struct parked *parked, size_t offset, const void *data, size_t length,
                        size_t *done);
enum error request_write(const struct request *request, size_t offset, const void *data, size_t length,
                         size_t *done);
