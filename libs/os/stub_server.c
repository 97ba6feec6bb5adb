/* stub_server.c: what is the same in every generated stub of a server. A file of its own, so that a client's
 * program need not hold a server's loop. */
#include <os/stub.h>

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
    return !shape->string ||
           (request->payload_length != 0 &&
            strnlen(request->payload, request->payload_length) == request->payload_length - 1);
}

bool stub_accept(struct request *request, const struct stub_shape *shape, bool handled) {
    unsigned absent = (unsigned)(request->word[0] >> 16 & 0xffff);
    request->word[0] &= STUB_METHOD;
    bool fits = handled && payload_fits(request, shape);
    for (unsigned i = 0; i < MESSAGE_WORDS - 1; i++) {
        fits = fits && scalar_fits(request->word[i + 1], shape->word[i]);
    }
    if (!fits ||
        !stub_spread(request->handle, request->handle_count, absent, shape->handles, shape->optional)) {
        request_fail(request, handled ? ERR_INVALID : ERR_NOT_SUPPORTED);
        return false;
    }
    request->handle_count = shape->handles;
    return true;
}

void stub_reply(struct request *request, struct stub_call *stub) {
    stub->word[0] = (uint64_t)stub->absent << 32 | ERR_NONE;
    request_reply(request, stub->word, stub->payload, stub->length, stub->handle, stub->handle_count,
                  stub->move);
}

enum error stub_reply_parked(struct parked *parked, struct stub_call *stub) {
    stub->word[0] = (uint64_t)stub->absent << 32 | ERR_NONE;
    return parked_reply(parked, stub->word, stub->payload, stub->length, stub->handle, stub->handle_count,
                        stub->move);
}
