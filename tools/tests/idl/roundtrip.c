/* roundtrip.c: client stubs call server stubs within one process; sys_call below plays the kernel. Run by
 * test_idl.py with the stubs of its interface "x". Says nothing and returns 0, or names what failed. */
#include "x.h"

#include <os/os.h>
#include <os/syscall.h>
#include <stdio.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            printf("line %d: %s\n", __LINE__, #condition);                                                   \
            failures++;                                                                                      \
        }                                                                                                    \
    } while (0)

static int failures;

/* What the server's side answered, and the message on its way. */
static struct {
    uint64_t word[MESSAGE_WORDS];
    uint8_t payload[256];
    size_t length;
    handle_t handle[MESSAGE_HANDLES];
    unsigned count, move, calls;
} answer;

/* ---- the server ---- */

static void on_scalars(void *context, struct request *request, uint8_t a, int32_t b, bool c, uint64_t d) {
    (void)context;
    answer.calls++;
    CHECK(a == 255 && b == -5 && c && d == UINT64_MAX);
    x_scalars_reply(request, 65535, INT64_MIN, true, UINT32_MAX);
}

static void on_text(void *context, struct request *request, const char *name) {
    (void)context;
    CHECK(strcmp(name, "eight ch") == 0);
    x_text_reply(request, "back");
}

static void on_data(void *context, struct request *request, const void *in, size_t length) {
    (void)context;
    x_data_reply(request, in, length);
}

static void on_values(void *context, struct request *request, const struct x_pair *in) {
    (void)context;
    x_values_reply(request, &in->b);
}

static void on_handles(void *context, struct request *request, handle_t a, handle_t b, handle_t c,
                       handle_t d) {
    (void)context;
    CHECK(a == 11 && b == HANDLE_NONE && c == 13 && (d == HANDLE_NONE || d == 14));
    x_handles_reply(request, 21, false, 22, d == HANDLE_NONE ? HANDLE_NONE : 23, true);
}

static const struct x_handlers handlers = {
    .scalars = on_scalars, .text = on_text, .data = on_data, .values = on_values, .handles = on_handles};

/* ---- libs/os, as far as the stubs need it ---- */

void request_reply(struct request *request, const uint64_t *words, const void *payload, size_t length,
                   const handle_t *handles, unsigned count, unsigned move) {
    request->done = true;
    memcpy(answer.word, words, sizeof answer.word);
    answer.length = length;
    if (length != 0) {
        memcpy(answer.payload, payload, length);
    }
    answer.count = count;
    answer.move = move;
    if (count != 0) {
        memcpy(answer.handle, handles, count * sizeof *handles);
    }
}

void request_fail(struct request *request, enum error error) {
    uint64_t words[MESSAGE_WORDS] = {error};
    request_reply(request, words, NULL, 0, NULL, 0, 0);
}

enum error parked_reply(struct parked *parked, const uint64_t *words, const void *payload, size_t length,
                        const handle_t *handles, unsigned count, unsigned move) {
    (void)parked, (void)words, (void)payload, (void)length, (void)handles, (void)count, (void)move;
    return ERR_DEAD;
}

enum error handle_close(handle_t handle) {
    (void)handle;
    return ERR_NONE;
}

enum error sys_call(handle_t port, uint64_t word[MESSAGE_WORDS], struct transfer *transfer) {
    static struct transfer none;
    struct transfer *message = transfer != NULL ? transfer : &none;
    if (port != 1) {
        return ERR_BAD_HANDLE;
    }
    struct request request = {.payload = (const void *)(uintptr_t)message->send_address,
                              .payload_length = message->send_length,
                              .payload_copied = message->send_length,
                              .handle_count = message->send_count};
    memcpy(request.word, word, sizeof request.word);
    memcpy(request.handle, message->send_handle, message->send_count * sizeof(handle_t));
    CHECK(x_dispatch(&handlers, NULL, &request) && request.done);
    memcpy(word, answer.word, sizeof answer.word);
    size_t fits = answer.length < message->receive_capacity ? answer.length : message->receive_capacity;
    if (fits != 0) {
        memcpy((void *)(uintptr_t)message->receive_address, answer.payload, fits);
    }
    message->receive_length = (uint32_t)answer.length;
    message->receive_count = (uint8_t)answer.count;
    memcpy(message->receive_handle, answer.handle, answer.count * sizeof(handle_t));
    return ERR_NONE;
}

/* ---- the client ---- */

static void values_arrive(void) {
    uint16_t e;
    int64_t f;
    bool g;
    uint32_t h;
    CHECK(x_scalars(1, 255, -5, true, UINT64_MAX, &e, &f, &g, &h) == ERR_NONE);
    CHECK(e == 65535 && f == INT64_MIN && g && h == UINT32_MAX);
    CHECK(x_scalars(2, 255, -5, true, UINT64_MAX, &e, &f, &g, &h) == ERR_BAD_HANDLE);
    struct x_pair pair = {.b = {.x = 7, .y = -7, .name = "point"}};
    struct x_point point;
    CHECK(x_values(1, &pair, &point) == ERR_NONE && point.x == 7 && point.y == -7);
    CHECK(strcmp(point.name, "point") == 0);
}

static void payloads_arrive(void) {
    char text[8];
    CHECK(x_text(1, "eight ch", text, sizeof text) == ERR_NONE && strcmp(text, "back") == 0);
    CHECK(x_text(1, "nine char", text, sizeof text) == ERR_TOO_LARGE && text[0] == '\0');
    CHECK(x_text(1, "eight ch", text, 4) == ERR_TOO_LARGE && text[0] == '\0');
    uint8_t in[101] = {1, 2, 3}, out[100];
    size_t length;
    CHECK(x_data(1, in, 3, out, sizeof out, &length) == ERR_NONE && length == 3 && out[2] == 3);
    CHECK(x_data(1, in, 0, out, sizeof out, &length) == ERR_NONE && length == 0);
    CHECK(x_data(1, in, 100, out, 50, &length) == ERR_TOO_LARGE && length == 50);
    CHECK(x_data(1, in, 101, out, sizeof out, &length) == ERR_TOO_LARGE && length == 0);
}

static void handles_find_their_places(void) {
    handle_t e, f, g;
    CHECK(x_handles(1, 11, HANDLE_NONE, 13, 14, &e, &f, &g) == ERR_NONE);
    CHECK(e == 21 && f == 22 && g == 23 && answer.move == 6);
    CHECK(x_handles(1, 11, HANDLE_NONE, 13, HANDLE_NONE, &e, &f, &g) == ERR_NONE);
    CHECK(e == 21 && f == 22 && g == HANDLE_NONE && answer.move == 2);
    CHECK(x_handles(1, HANDLE_NONE, 12, 13, 14, &e, &f, &g) == ERR_INVALID); /* a is not optional */
    CHECK(e == HANDLE_NONE && f == HANDLE_NONE && g == HANDLE_NONE);
}

static enum error raw(uint64_t method, uint64_t second, size_t length) {
    static const uint8_t bytes[200];
    struct transfer transfer = {.send_address = (uintptr_t)bytes, .send_length = (uint32_t)length};
    uint64_t word[MESSAGE_WORDS] = {method, second};
    CHECK(sys_call(1, word, &transfer) == ERR_NONE);
    return (enum error)word[0];
}

static void malformed_requests_reach_no_handler(void) {
    answer.calls = 0;
    CHECK(raw(X_CALL_SCALARS, 256, 0) == ERR_INVALID);
    CHECK(raw(X_CALL_SCALARS, 0, 1) == ERR_INVALID);
    CHECK(raw(X_CALL_TEXT, 0, 0) == ERR_INVALID);
    CHECK(raw(X_CALL_TEXT, 0, 2) == ERR_INVALID); /* a NUL before the end */
    CHECK(raw(X_CALL_TEXT, 0, 10) == ERR_INVALID);
    CHECK(raw(X_CALL_DATA, 0, 101) == ERR_INVALID);
    CHECK(raw(X_CALL_VALUES, 0, 47) == ERR_INVALID);
    CHECK(raw(X_CALL_HANDLES, 0, 0) == ERR_INVALID);
    CHECK(raw(X_CALL_HANDLES | 0xf0000, 0, 0) == ERR_INVALID);
    CHECK(answer.calls == 0);
}

int main(void) {
    values_arrive();
    payloads_arrive();
    handles_find_their_places();
    malformed_requests_reach_no_handler();
    return failures != 0;
}
