/* stub.h: what the generated stubs (ipc/NAME.h) are made of; nobody else needs it. The format is in
 * libs/ipc/GRAMMAR.md.
 *
 * Word 0 of a request: interface << 32 | absent << 16 | method; of a reply: absent << 32 | status. Handles
 * travel without gaps; bit i of `absent` says that optional handle i is not among them. */
#pragma once

#include <base/error.h>
#include <ipc/abi.h>
#include <os/server.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STUB_METHOD 0xffffffff0000ffffull /* word 0 without its absent bits */

/* A message being put together, and then what came back. */
struct stub_call {
    uint64_t word[MESSAGE_WORDS];
    handle_t handle[MESSAGE_HANDLES];
    const void *payload;
    void *buffer;
    uint32_t length, capacity, received;
    uint8_t handle_count, move, absent;
    bool too_large;
};

static inline struct stub_call stub_begin(uint64_t method) {
    return (struct stub_call){.word = {method}};
}

static inline void stub_send(struct stub_call *stub, const void *payload, size_t length, size_t most) {
    stub->payload = payload;
    stub->length = (uint32_t)length;
    stub->too_large = length > most;
}

static inline void stub_receive(struct stub_call *stub, void *buffer, size_t capacity) {
    stub->buffer = buffer;
    stub->capacity = capacity < PAYLOAD_MAX ? (uint32_t)capacity : PAYLOAD_MAX;
}

/* Adds a handle, or its absence. */
void stub_send_handle(struct stub_call *stub, handle_t handle, bool move);

/* Client: calls, and checks the answer's status and handles. Without an error the expected handles are in
 * stub->handle. */
enum error stub_call(handle_t port, struct stub_call *stub, unsigned handles, unsigned optional);
/* Client: bytes that came, at most the capacity; ERR_TOO_LARGE when they were cut. */
size_t stub_received(const struct stub_call *stub, enum error *error);
/* Client: ERR_MALFORMED unless the payload has this size (is a string that fits). */
void stub_received_exactly(const struct stub_call *stub, size_t size, enum error *error);
void stub_received_string(const struct stub_call *stub, char *text, size_t capacity, enum error *error);

/* Spreads handles that came without gaps over their places. False: other than `expected` many, or one that is
 * not optional is missing. */
static inline bool stub_spread(handle_t handle[MESSAGE_HANDLES], unsigned count, unsigned absent,
                               unsigned expected, unsigned optional) {
    if ((absent & ~optional) != 0 || count + (unsigned)__builtin_popcount(absent) != expected) {
        return false;
    }
    unsigned from = count;
    for (unsigned place = expected; place-- > 0;) {
        handle[place] = (absent >> place & 1) != 0 ? HANDLE_NONE : handle[--from];
    }
    return true;
}

/* Server: what a well-formed request looks like. */
enum stub_scalar { STUB_NONE, STUB_U64, STUB_I64, STUB_U8, STUB_U16, STUB_U32, STUB_I32, STUB_BOOL };

struct stub_shape {
    uint32_t least, most; /* payload */
    bool string;
    uint8_t handles, optional;
    uint8_t word[MESSAGE_WORDS - 1]; /* enum stub_scalar */
};

/* True: the request is as the shape says, and there is a handler for it. Else it has been answered. Puts the
 * handles of the message into their places. */
bool stub_accept(struct request *request, const struct stub_shape *shape, bool handled);
/* Takes handle i over. */
static inline handle_t stub_take_handle(struct request *request, unsigned i) {
    handle_t handle = request->handle[i];
    request->handle[i] = HANDLE_NONE;
    return handle;
}

void stub_reply(struct request *request, struct stub_call *stub);
enum error stub_reply_parked(struct parked *parked, struct stub_call *stub);
