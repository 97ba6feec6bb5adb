/* stub.c: what is the same in every generated stub. */
#include <os/stub.h>

#include <os/os.h>
#include <os/syscall.h>

void stub_send_handle(struct stub_call *stub, handle_t handle, bool move) {
    unsigned place = stub->handle_count + (unsigned)__builtin_popcount(stub->absent);
    if (handle == HANDLE_NONE) {
        stub->absent |= (uint8_t)(1u << place);
        return;
    }
    stub->move |= (uint8_t)(move ? 1u << stub->handle_count : 0);
    stub->handle[stub->handle_count++] = handle;
}

/* Spreads handles that came without gaps over their places. False: other than `expected` many, or one that is not
 * optional is missing. */
static bool spread(handle_t handle[MESSAGE_HANDLES], unsigned count, unsigned absent, unsigned expected, unsigned optional) {
    if ((absent & ~optional) != 0 || count + (unsigned)__builtin_popcount(absent) != expected) {
        return false;
    }
    unsigned from = count;
    for (unsigned place = expected; place-- > 0;) {
        handle[place] = (absent >> place & 1) != 0 ? HANDLE_NONE : handle[--from];
    }
    return true;
}

static void close_all(const handle_t *handles, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        (void)!handle_close(handles[i]);
    }
}

/* The reply's status and handles into their places. */
static enum error take_answer(struct stub_call *stub, const struct transfer *transfer, unsigned handles, unsigned optional) {
    memset(stub->handle, 0, sizeof stub->handle);
    memcpy(stub->handle, transfer->receive_handle, transfer->receive_count * sizeof(handle_t));
    enum error status = (enum error)(uint32_t)stub->word[0];
    bool good = status == ERR_NONE &&
                spread(stub->handle, transfer->receive_count, (unsigned)(stub->word[0] >> 32), handles, optional);
    if (!good) {
        close_all(transfer->receive_handle, transfer->receive_count);
        memset(stub->handle, 0, sizeof stub->handle);
    }
    return status != ERR_NONE || good ? status : ERR_MALFORMED;
}

enum error stub_call(handle_t port, struct stub_call *stub, unsigned handles, unsigned optional) {
    struct transfer transfer = {.send_address = (uintptr_t)stub->payload,
                                .send_length = stub->length,
                                .receive_address = (uintptr_t)stub->buffer,
                                .receive_capacity = stub->capacity,
                                .send_count = stub->handle_count,
                                .send_move = stub->move};
    memcpy(transfer.send_handle, stub->handle, sizeof transfer.send_handle);
    bool plain = stub->length == 0 && stub->capacity == 0 && stub->handle_count == 0 && handles == 0;
    stub->word[0] |= (uint64_t)stub->absent << 16;
    enum error error =
        stub->too_large ? ERR_TOO_LARGE : sys_call(port, stub->word, plain ? NULL : &transfer);
    if (error != ERR_NONE) {
        memset(stub->word, 0, sizeof stub->word);
        memset(stub->handle, 0, sizeof stub->handle);
        return error;
    }
    stub->received = transfer.receive_length;
    return take_answer(stub, &transfer, handles, optional);
}

size_t stub_received(const struct stub_call *stub, enum error *error) {
    if (*error != ERR_NONE) {
        return 0;
    }
    if (stub->received > stub->capacity) {
        *error = ERR_TOO_LARGE;
        return stub->capacity;
    }
    return stub->received;
}

void stub_received_exactly(const struct stub_call *stub, size_t size, enum error *error) {
    if (*error == ERR_NONE && stub->received != size) {
        *error = ERR_MALFORMED;
    }
}

void stub_received_string(const struct stub_call *stub, char *text, size_t capacity, enum error *error) {
    size_t length = stub_received(stub, error);
    if (*error == ERR_NONE && (length == 0 || strnlen(text, length) != length - 1)) {
        *error = ERR_MALFORMED;
    }
    if (*error != ERR_NONE && capacity != 0) {
        text[0] = '\0';
    }
}

static bool scalar_fits(uint64_t word, enum stub_scalar kind) {
    switch (kind) {
    case STUB_U8: return word <= UINT8_MAX;
    case STUB_U16: return word <= UINT16_MAX;
    case STUB_U32: return word <= UINT32_MAX;
    case STUB_I32: return (int64_t)word >= INT32_MIN && (int64_t)word <= INT32_MAX;
    case STUB_BOOL: return word <= 1;
    default: return true;
    }
}

static bool payload_fits(const struct request *request, const struct stub_shape *shape) {
    if (request->payload_length < shape->least || request->payload_length > shape->most) {
        return false;
    }
    bool whole = shape->string || shape->least != 0;
    if (whole && request->payload_copied != request->payload_length) {
        return false;
    }
    return !shape->string || (request->payload_length != 0 && strnlen(request->payload, request->payload_length) ==
                                                                   request->payload_length - 1);
}

bool stub_accept(struct request *request, const struct stub_shape *shape, bool handled) {
    unsigned absent = (unsigned)(request->word[0] >> 16 & 0xffff);
    request->word[0] &= STUB_METHOD;
    bool fits = handled && payload_fits(request, shape);
    for (unsigned i = 0; i < MESSAGE_WORDS - 1; i++) {
        fits = fits && scalar_fits(request->word[i + 1], shape->word[i]);
    }
    if (!fits || !spread(request->handle, request->handle_count, absent, shape->handles, shape->optional)) {
        request_fail(request, handled ? ERR_INVALID : ERR_NOT_SUPPORTED);
        return false;
    }
    request->handle_count = shape->handles;
    return true;
}

void stub_reply(struct request *request, struct stub_call *stub) {
    stub->word[0] = (uint64_t)stub->absent << 32 | ERR_NONE;
    request_reply(request, stub->word, stub->payload, stub->length, stub->handle, stub->handle_count, stub->move);
}

enum error stub_reply_parked(struct parked *parked, struct stub_call *stub) {
    stub->word[0] = (uint64_t)stub->absent << 32 | ERR_NONE;
    return parked_reply(parked, stub->word, stub->payload, stub->length, stub->handle, stub->handle_count, stub->move);
}
