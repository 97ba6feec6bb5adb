/* message.c: calls, receives and replies; see message.h. */
#include "message.h"
#include "kernel.h"
#include "user_copy.h"

/* The end of a failed delivery: whose fault it was decides who hears of it. */
struct outcome {
    enum error error;
    bool receiver; /* the receiving side's */
};

#define DELIVERED   ((struct outcome){ERR_NONE, false})
#define BLAME(e, r) ((struct outcome){(e), (r)})

/* Nearly always it lies within a page: then no call and no loop. */
static HOT_INLINE enum error transfer_read(const struct space *space, struct transfer *transfer,
                                           uint64_t address) {
    if (address % PAGE_SIZE > PAGE_SIZE - sizeof(*transfer))
        return user_read(space, transfer, address, sizeof(*transfer));
    const struct transfer *source = space_reach(space, address, ACCESS_READ);
    if (!source)
        return ERR_BAD_ADDRESS;
    *transfer = *source;
    return ERR_NONE;
}

/* Takes a copy of the caller's struct transfer (a6); an empty one if there is none. */
static HOT_INLINE enum error transfer_begin(struct task *task) {
    struct transfer *transfer = &task->transfer;
    uint64_t address = context_get(task, A6);
    task->transfer_address = 0;
    transfer->send_length = transfer->receive_capacity = 0;
    transfer->send_count = 0;
    if (address == 0)
        return ERR_NONE;
    if (address % _Alignof(struct transfer))
        return ERR_BAD_ADDRESS;
    enum error error = transfer_read(&task->space, transfer, address);
    if (error) {
        transfer->send_length = transfer->receive_capacity = 0;
        transfer->send_count = 0;
        return error;
    }
    task->transfer_address = address;
    if (transfer->send_length > PAYLOAD_MAX)
        return ERR_TOO_LARGE;
    return transfer->send_count > MESSAGE_HANDLES ? ERR_INVALID : ERR_NONE;
}

/* ---- one delivery: checks ---- */

/* A handle that is given away can be in a message only once; copies of one may go out together. */
static bool handles_clash(const struct transfer *transfer, unsigned i, unsigned j) {
    bool moved = ((transfer->send_move >> i | transfer->send_move >> j) & 1) != 0;
    return moved && transfer->send_handle[i] == transfer->send_handle[j];
}

static HOT enum error handles_check(struct task *from) {
    for (unsigned i = 0; i < from->transfer.send_count; i++) {
        struct handle *handle = handle_find(&from->handles, from->transfer.send_handle[i]);
        if (!handle)
            return ERR_BAD_HANDLE;
        if (!(handle->rights & RIGHT_PASS))
            return ERR_NO_RIGHT;
        for (unsigned j = 0; j < i; j++)
            if (handles_clash(&from->transfer, i, j))
                return ERR_INVALID;
    }
    return ERR_NONE;
}

/* Where the kernel sees the out fields of the receiver's transfer; false if they cannot be written. */
static HOT bool results_reach(const struct task *to, uint32_t count, uint8_t **results) {
    uint64_t at = to->transfer_address, handles = at + offsetof(struct transfer, receive_handle);
    *results = NULL;
    if (at == 0)
        return true;
    *results = space_reach(&to->space, at + offsetof(struct transfer, receive_length), ACCESS_WRITE);
    if (count && (!space_reach(&to->space, handles, ACCESS_WRITE) ||
                  !space_reach(&to->space, handles + sizeof(handle_t[MESSAGE_HANDLES]) - 1, ACCESS_WRITE)))
        return false;
    return *results;
}

/* receive_length and receive_count are written through one pointer: they must share a page. */
#define COUNT_AFTER_LENGTH                                                                                   \
    (offsetof(struct transfer, receive_count) - offsetof(struct transfer, receive_length))
_Static_assert(offsetof(struct transfer, receive_length) % 8 == 0 && COUNT_AFTER_LENGTH < 8);

static HOT struct outcome payload_deliver(struct task *from, struct task *to) {
    uint64_t length = from->transfer.send_length;
    if (length > to->transfer.receive_capacity)
        length = to->transfer.receive_capacity;
    if (length == 0 || from->transfer.send_address == 0)
        return length && from->wait == WAIT_SEND ? BLAME(ERR_BAD_ADDRESS, false) : DELIVERED;
    bool to_failed;
    enum error error =
        user_copy((struct place){&to->space, to->transfer.receive_address, ACCESS_WRITE},
                  (struct place){&from->space, from->transfer.send_address, ACCESS_READ}, length, &to_failed);
    return error ? BLAME(error, to_failed) : DELIVERED;
}

/* ---- one delivery: commit ---- */

/* Moves or duplicates the sender's handles into room reserved in the receiver's table. */
static HOT void handles_deliver(struct kernel *kernel, struct task *from, struct task *to) {
    handle_t numbers[MESSAGE_HANDLES] = {};
    for (unsigned i = 0; i < from->transfer.send_count; i++) {
        struct handle *handle = handle_find(&from->handles, from->transfer.send_handle[i]);
        numbers[i] = handle_insert(to, handle->object, handle->rights, 0);
        if (from->transfer.send_move >> i & 1)
            handle_close(kernel, from, handle);
    }
    uint64_t at = to->transfer_address + offsetof(struct transfer, receive_handle);
    (void)user_write(&to->space, at, numbers,
                     sizeof(numbers)); /* results_reach has seen that it can be written */
}

static HOT void words_deliver(const struct task *from, struct task *to) {
    for (unsigned i = A1; i <= A5; i++)
        to->context[i] = from->context[i];
}

static HOT_INLINE struct outcome deliver_check(struct kernel *kernel, struct task *from, struct task *to,
                                               uint32_t extra) {
    uint32_t count = from->transfer.send_count;
    if (count) {
        enum error error = handles_check(from);
        if (!error && !to->transfer_address)
            error = ERR_QUOTA;
        if (error)
            return BLAME(error, false);
    }
    if (handle_has_room(&to->handles, count + extra))
        return DELIVERED;
    if (extra && handle_reserve(kernel, to, extra) != ERR_NONE)
        return BLAME(ERR_QUOTA, true);
    if (count && handle_reserve(kernel, to, count + extra) != ERR_NONE)
        return BLAME(ERR_QUOTA, false);
    return DELIVERED;
}

/* Brings words, payload and handles of `from` to `to`, with room for `extra` handles beside those sent. */
static HOT_INLINE struct outcome deliver(struct kernel *kernel, struct task *from, struct task *to,
                                         uint32_t extra) {
    uint32_t count = from->transfer.send_count;
    struct outcome outcome = deliver_check(kernel, from, to, extra);
    if (outcome.error)
        return outcome;
    uint8_t *results;
    if (!results_reach(to, count, &results))
        return BLAME(ERR_BAD_ADDRESS, true);
    outcome = payload_deliver(from, to);
    if (outcome.error)
        return outcome;
    if (count)
        handles_deliver(kernel, from, to);
    if (results) {
        *(uint32_t *)results = from->transfer.send_length;
        results[COUNT_AFTER_LENGTH] = (uint8_t)count;
    }
    words_deliver(from, to);
    kernel->messages++;
    return DELIVERED;
}

/* Delivers a call: the message and a reply handle. The caller then waits for the reply. */
static HOT_INLINE struct outcome call_deliver(struct kernel *kernel, struct task *caller,
                                              struct task *server) {
    struct outcome outcome = deliver(kernel, caller, server, 1);
    if (outcome.error)
        return outcome;
    caller->wait = WAIT_REPLY;
    context_set(server, T0, RECEIVED_CALL);
    context_set(server, T1, caller->call_badge);
    context_set(server, T2, handle_insert(server, &caller->object, HANDLE_REPLY, caller->call_serial));
    return DELIVERED;
}

/* ---- call ---- */

/* Gives the call to the first waiting receiver that can take it; receivers that cannot get their error. */
static HOT_INLINE struct outcome call_offer(struct kernel *kernel, struct task *caller, struct port *port,
                                            struct task **server) {
    while (!list_empty(&port->receivers)) {
        *server = container_of(port->receivers.next, struct task, wait_link);
        struct outcome outcome = call_deliver(kernel, caller, *server);
        if (outcome.error == ERR_NONE || !outcome.receiver)
            return outcome;
        task_wake(kernel, *server, outcome.error);
    }
    *server = NULL;
    return DELIVERED;
}

HOT enum error sys_call(struct kernel *kernel, struct task *task) {
    struct port *port;
    struct handle *handle = handle_find(&task->handles, context_get(task, A0));
    enum error error = port_of(handle, &port, &task->call_badge);
    if (error)
        return error;
    if (!(handle->rights & RIGHT_SEND))
        return ERR_NO_RIGHT;
    error = transfer_begin(task);
    if (!error)
        error = handles_check(task);
    if (error)
        return error;
    if (port->dead)
        return ERR_DEAD;
    task->call_serial++;
    task->wait = WAIT_SEND;
    struct task *server;
    struct outcome outcome = call_offer(kernel, task, port, &server);
    if (outcome.error) {
        task->wait = WAIT_NONE;
        return outcome.error;
    }
    schedule_block(kernel, task, server ? WAIT_REPLY : WAIT_SEND, NEVER);
    if (server)
        task_hand_over(kernel, server, ERR_NONE);
    else
        list_append(&port->callers, &task->wait_link);
    return ERR_NONE;
}

/* ---- receive ---- */

/* Takes the next thing that waits at the port; false: nothing does. */
static HOT_INLINE bool receive_pending(struct kernel *kernel, struct task *task, struct port *port,
                                       enum error *error) {
    *error = ERR_NONE;
    if (port_take_pending(kernel, port, task))
        return true;
    while (!list_empty(&port->callers)) {
        struct task *caller = container_of(port->callers.next, struct task, wait_link);
        struct outcome outcome = call_deliver(kernel, caller, task);
        if (outcome.error && outcome.receiver) {
            *error = outcome.error;
            return true;
        }
        list_remove(&caller->wait_link);
        if (outcome.error == ERR_NONE)
            return true;
        task_wake(kernel, caller, outcome.error);
    }
    return false;
}

/* Receives or waits; `task` is blocked if it returns with hart->current empty. */
static HOT_INLINE enum error receive(struct kernel *kernel, struct task *task, struct port *port,
                                     uint64_t deadline) {
    enum error error;
    if (receive_pending(kernel, task, port, &error))
        return error;
    if (deadline_passed(kernel, deadline))
        return ERR_TIMED_OUT;
    list_append(&port->receivers, &task->wait_link);
    schedule_block(kernel, task, WAIT_RECEIVE, deadline);
    return ERR_NONE;
}

HOT enum error sys_receive(struct kernel *kernel, struct task *task) {
    struct handle *handle;
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_PORT, RIGHT_RECEIVE, &handle);
    if (!error)
        error = transfer_begin(task);
    if (error)
        return error;
    return receive(kernel, task, (struct port *)handle->object, context_get(task, A1));
}

/* ---- reply ---- */

/* The entry of a reply handle; ERR_BAD_HANDLE if it is none. */
static HOT enum error reply_find(struct task *task, uint64_t number, struct handle **found) {
    struct handle *handle = handle_find(&task->handles, number);
    if (!handle || !(handle->rights & HANDLE_REPLY))
        return ERR_BAD_HANDLE;
    *found = handle;
    return ERR_NONE;
}

static bool awaits(const struct task *caller, uint32_t serial) {
    return caller->wait == WAIT_REPLY && caller->call_serial == serial;
}

HOT void message_reply_lost(struct kernel *kernel, struct task *caller, uint32_t serial) {
    if (awaits(caller, serial))
        task_wake(kernel, caller, ERR_DEAD);
}

/* Takes the handles that were to be moved from a sender whose receiver could not take them: they are given
 * away all the same. */
static void handles_drop(struct kernel *kernel, struct task *from) {
    for (unsigned i = 0; i < from->transfer.send_count; i++) {
        struct handle *handle = handle_find(&from->handles, from->transfer.send_handle[i]);
        if (handle && from->transfer.send_move >> i & 1)
            handle_close(kernel, from, handle);
    }
}

/* Answers and uses up the reply handle. On success `*answered` has left its wait with `*result` for its a0
 * and is to be made ready by the caller of this. */
static HOT_INLINE enum error reply(struct kernel *kernel, struct task *task, struct handle *handle,
                                   struct task **answered, enum error *result) {
    struct task *caller = (struct task *)handle->object;
    *answered = NULL;
    if (!awaits(caller, handle->serial)) {
        handle_close(kernel, task, handle);
        return ERR_DEAD;
    }
    struct outcome outcome = deliver(kernel, task, caller, 0);
    handle_use_reply(kernel, task, handle);
    *answered = caller;
    *result = outcome.error;
    if (outcome.error && outcome.receiver) {
        handles_drop(kernel, task);
        return ERR_NONE;
    }
    if (outcome.error && outcome.error != ERR_QUOTA)
        *result = ERR_DEAD; /* the server's own mistake: to the caller it is as if the server had gone */
    return outcome.error;
}

HOT enum error sys_reply(struct kernel *kernel, struct task *task) {
    struct handle *handle;
    enum error error = reply_find(task, context_get(task, A0), &handle);
    if (error)
        return error;
    error = transfer_begin(task);
    if (error == ERR_TOO_LARGE)
        return error;
    if (error) {
        handle_close(kernel, task, handle);
        return error;
    }
    struct task *answered;
    enum error result;
    error = reply(kernel, task, handle, &answered, &result);
    if (answered)
        task_wake(kernel, answered, result);
    return error;
}

HOT enum error sys_reply_receive(struct kernel *kernel, struct task *task) {
    struct handle *port, *handle;
    struct task *answered = NULL;
    enum error result = ERR_NONE;
    enum error error = transfer_begin(task);
    bool wants = context_get(task, T0) != HANDLE_NONE;
    if (wants && reply_find(task, context_get(task, T0), &handle) == ERR_NONE) {
        enum error lost = error;
        if (error)
            handle_close(kernel, task, handle);
        else
            lost = reply(kernel, task, handle, &answered, &result);
        (void)lost;
    }
    if (!error)
        error = handle_check(&task->handles, context_get(task, A0), OBJECT_PORT, RIGHT_RECEIVE, &port);
    if (!error)
        error = receive(kernel, task, (struct port *)port->object, context_get(task, T1));
    if (answered)
        task_hand_over(kernel, answered, result);
    return error;
}

/* ---- payloads of waiting callers ---- */

/* The caller who waits behind a reply handle, and the range of his buffer that offset and length leave. */
static enum error waiting_caller(struct task *task, struct task **caller) {
    struct handle *handle;
    enum error error = reply_find(task, context_get(task, A0), &handle);
    if (error)
        return error;
    *caller = (struct task *)handle->object;
    return awaits(*caller, handle->serial) ? ERR_NONE : ERR_DEAD;
}

static uint64_t clip(uint64_t offset, uint64_t length, uint64_t size) {
    if (offset >= size)
        return 0;
    return length < size - offset ? length : size - offset;
}

enum error sys_payload_read(struct kernel *kernel, struct task *task) {
    struct task *caller;
    enum error error = waiting_caller(task, &caller);
    if (error)
        return error;
    uint64_t offset = context_get(task, A1);
    uint64_t length = clip(offset, context_get(task, A3), caller->transfer.send_length);
    bool to_failed;
    error = user_copy((struct place){&task->space, context_get(task, A2), ACCESS_WRITE},
                      (struct place){&caller->space, caller->transfer.send_address + offset, ACCESS_READ},
                      length, &to_failed);
    if (!error)
        context_set(task, A1, length);
    return error;
}

enum error sys_payload_write(struct kernel *kernel, struct task *task) {
    struct task *caller;
    enum error error = waiting_caller(task, &caller);
    if (error)
        return error;
    uint64_t offset = context_get(task, A1);
    uint64_t length = clip(offset, context_get(task, A3), caller->transfer.receive_capacity);
    bool to_failed;
    error = user_copy((struct place){&caller->space, caller->transfer.receive_address + offset, ACCESS_WRITE},
                      (struct place){&task->space, context_get(task, A2), ACCESS_READ}, length, &to_failed);
    if (!error)
        context_set(task, A1, length);
    return error;
}
