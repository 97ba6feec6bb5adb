/* stub.c: what is the same in every generated stub of a client. */
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

static void close_all(const handle_t *handles, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        (void)!handle_close(handles[i]);
    }
}

/* The reply's status and handles into their places. */
static enum error take_answer(struct stub_call *stub, const struct transfer *transfer, unsigned handles,
                              unsigned optional) {
    memset(stub->handle, 0, sizeof stub->handle);
    memcpy(stub->handle, transfer->receive_handle, transfer->receive_count * sizeof(handle_t));
    enum error status = (enum error)(uint32_t)stub->word[0];
    bool good = status == ERR_NONE && stub_spread(stub->handle, transfer->receive_count,
                                                  (unsigned)(stub->word[0] >> 32), handles, optional);
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
    enum error error = stub->too_large ? ERR_TOO_LARGE : sys_call(port, stub->word, plain ? NULL : &transfer);
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
