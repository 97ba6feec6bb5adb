/* test_ipc.c: messages, payloads, handles in messages, notices. */
#include "self.h"

static handle_t start_echo(handle_t port) {
    return child_start_task(&(struct child){.run = echo_server, .grant = {port}});
}

static void stop_echo(handle_t port, handle_t task) {
    uint64_t words[5] = {0};
    check(call_words(port, words, NULL) == ERR_DEAD, "who dies with a call in hand answers it with ERR_DEAD");
    child_end(task);
}

/* A port whose receive right is the child's alone: we keep a handle to call by. */
static handle_t port_for_child(handle_t *whole) {
    *whole = make(SYS_PORT_CREATE, 0, 0, 0);
    return make(SYS_HANDLE_DUPLICATE, *whole, RIGHT_SEND | RIGHT_PASS, 0);
}

void test_messages(void) {
    handle_t whole, port = port_for_child(&whole);
    handle_t server = start_echo(whole);
    sys(SYS_HANDLE_CLOSE, whole);
    for (uint64_t i = 1; i <= 200; i++) {
        uint64_t words[5] = {i, 2 * i, 3 * i, 4 * i, UINT64_MAX};
        check(call_words(port, words, NULL) == 0 && words[0] == i + 1 && words[1] == 2 * i + 1 &&
                  words[2] == 3 * i + 1 && words[3] == 4 * i + 1 && words[4] == 0,
              "words come back");
    }
    stop_echo(port, server);
    uint64_t words[5] = {1};
    check(call_words(port, words, NULL) == ERR_DEAD, "a port without receiver is dead");
    sys(SYS_HANDLE_CLOSE, port);
}

static uint8_t *buffer_of(uint64_t size, handle_t *memory) {
    uint64_t address = 0;
    *memory = make(SYS_MEMORY_CREATE, size, 0, 0);
    call6(SYS_MEMORY_MAP, 0, *memory, 0, 0, 0, RIGHT_READ | RIGHT_WRITE, &address);
    return (uint8_t *)address;
}

static void exchange(handle_t port, uint8_t *out, uint8_t *in, uint32_t length, uint32_t capacity) {
    struct transfer transfer = {.send_address = (uint64_t)out, .send_length = length};
    transfer.receive_address = (uint64_t)in;
    transfer.receive_capacity = capacity;
    uint64_t words[5] = {7};
    for (uint32_t i = 0; i < length; i++) {
        out[i] = (uint8_t)(i * 7 + length);
        in[i] = 0;
    }
    check(call_words(port, words, &transfer) == 0 && transfer.receive_length == length,
          "a payload comes back");
    uint32_t good = 0;
    while (good < length && good < capacity && in[good] == out[good])
        good++;
    check(good == (length < capacity ? length : capacity), "the payload is the same");
    check(length <= capacity || in[capacity] == 0, "a payload is cut at the capacity");
}

void test_payloads(void) {
    static const uint32_t lengths[] = {0, 1, 7, 8, 63, 64, 65, 4095, 4096, 4097, 65535, 65536};
    handle_t whole, port = port_for_child(&whole), out_memory, in_memory;
    handle_t server = start_echo(whole);
    sys(SYS_HANDLE_CLOSE, whole);
    uint8_t *out = buffer_of(2 * PAYLOAD_MAX, &out_memory), *in = buffer_of(2 * PAYLOAD_MAX, &in_memory);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        exchange(port, out + i, in + 3 * i, lengths[i], PAYLOAD_MAX);
        exchange(port, out, in + i, lengths[i], lengths[i] / 2);
    }
    struct transfer bad = {.send_address = (uint64_t)out + 2 * PAYLOAD_MAX - 10, .send_length = 11};
    uint64_t words[5] = {1};
    check(call_words(port, words, &bad) == ERR_BAD_ADDRESS, "a payload beyond one's memory");
    bad = (struct transfer){.send_address = (uint64_t)out, .send_length = PAYLOAD_MAX + 1};
    check(call_words(port, words, &bad) == ERR_TOO_LARGE, "a payload too large");
    bad = (struct transfer){.send_address = 0xffffffc080200000, .send_length = 8};
    check(call_words(port, words, &bad) == ERR_BAD_ADDRESS, "a payload of kernel memory");
    bad = (struct transfer){.send_address = (uint64_t)out, .send_length = 8, .receive_capacity = 8};
    check(call_words(port, words, &bad) == ERR_BAD_ADDRESS, "an answer into no memory");
    check(call_words(port, words, (void *)8) == ERR_BAD_ADDRESS, "a transfer in no memory");
    exchange(port, out, in, 100, 100);
    stop_echo(port, server);
    sys(SYS_MEMORY_UNMAP, 0, (uint64_t)out, 2 * PAYLOAD_MAX);
    sys(SYS_MEMORY_UNMAP, 0, (uint64_t)in, 2 * PAYLOAD_MAX);
    sys(SYS_HANDLE_CLOSE, out_memory);
    sys(SYS_HANDLE_CLOSE, in_memory);
    sys(SYS_HANDLE_CLOSE, port);
}

/* ---- handles ---- */

/* Sends its event twice (copied, then moved) and keeps calling until the port is dead. */
static void handle_sender(void) {
    struct transfer transfer = {.send_count = 1, .send_handle = {self.event}};
    uint64_t words[5] = {1};
    if (call_words(self.port, words, &transfer) != 0 || words[0] != 11)
        sys(SYS_TASK_EXIT, 1);
    transfer.send_move = 1;
    if (call_words(self.port, words, &transfer) != 0)
        sys(SYS_TASK_EXIT, 2);
    if (sys(SYS_EVENT_SIGNAL, self.event, 1) != ERR_BAD_HANDLE)
        sys(SYS_TASK_EXIT, 3);
    if (call_words(self.port, words, &transfer) != ERR_BAD_HANDLE)
        sys(SYS_TASK_EXIT, 4);
    sys(SYS_TASK_EXIT, 99);
}

static void receive_event_handle(handle_t port, uint64_t bits) {
    struct transfer transfer = {0};
    struct registers r;
    check(receive(port, NEVER, &transfer, &r) == 0 && r.t[0] == RECEIVED_CALL, "a call with a handle");
    check(transfer.receive_count == 1, "one handle came");
    check(sys(SYS_EVENT_SIGNAL, transfer.receive_handle[0], bits) == 0, "the handle works");
    check(reply((handle_t)r.t[2], 11, NULL) == 0, "reply");
    check(reply((handle_t)r.t[2], 11, NULL) == ERR_BAD_HANDLE, "a reply handle works once");
    sys(SYS_HANDLE_CLOSE, transfer.receive_handle[0]);
}

void test_handles(void) {
    handle_t port = make(SYS_PORT_CREATE, 0, 0, 0), event = make(SYS_EVENT_CREATE, 0, 0, 0);
    handle_t send = make(SYS_HANDLE_DUPLICATE, port, RIGHT_SEND | RIGHT_PASS, 0);
    handle_t task = child_start_task(
        &(struct child){.run = handle_sender, .grant = {send, event}, .end_port = port, .end_badge = 5});
    receive_event_handle(port, 2);
    receive_event_handle(port, 4);
    struct registers r;
    check(receive(port, NEVER, NULL, &r) == 0 && r.t[0] == RECEIVED_ENDED && r.t[1] == 5, "the end is told");
    check(r.a[1] == END_EXIT && r.a[2] == 99, "with its status");
    uint64_t bits = 0;
    check(call6(SYS_EVENT_WAIT, event, 7, 0, 0, 0, 0, &bits) == 0 && bits == 6, "both signals arrived");
    child_end(task);
    sys(SYS_HANDLE_CLOSE, event);
    check(sys(SYS_EVENT_SIGNAL, event, 1) == ERR_BAD_HANDLE, "a closed handle is bad");
    handle_t again = make(SYS_EVENT_CREATE, 0, 0, 0);
    check(again != event && sys(SYS_EVENT_SIGNAL, event, 1) == ERR_BAD_HANDLE, "and stays bad when reused");
    handle_t less = make(SYS_HANDLE_DUPLICATE, again, RIGHT_WAIT, 0);
    check(sys(SYS_EVENT_SIGNAL, less, 1) == ERR_NO_RIGHT, "rights can be taken away");
    check(sys(SYS_HANDLE_DUPLICATE, less, RIGHT_ALL, 0) == ERR_NO_RIGHT, "without PASS no copies");
    check(sys(SYS_RECEIVE, send, 0) == ERR_NO_RIGHT, "no receive without the right");
    sys(SYS_HANDLE_CLOSE, less);
    sys(SYS_HANDLE_CLOSE, again);
    sys(SYS_HANDLE_CLOSE, send);
    sys(SYS_HANDLE_CLOSE, port);
}

/* ---- notices, dead ports ---- */

/* Calls, and reports as its status what came of it. */
static void caller(void) {
    uint64_t words[5] = {1, 2, 3, 4, 5};
    sys(SYS_TASK_EXIT, call_words(self.port, words, NULL));
}

static void expect_end(handle_t port, uint64_t badge, int64_t status, const char *what) {
    struct registers r;
    uint64_t error = receive(port, now() + 2000000000, NULL, &r);
    check(!error && r.t[0] == RECEIVED_ENDED && r.t[1] == badge && (int64_t)r.a[2] == status, what);
}

static void test_badges(void) {
    struct registers r;
    handle_t port = make(SYS_PORT_CREATE, 0, 0, 0);
    handle_t one = make(SYS_HANDLE_DUPLICATE, port, RIGHT_SEND | RIGHT_PASS, 77);
    handle_t two = make(SYS_HANDLE_DUPLICATE, one, RIGHT_ALL, 0);
    handle_t three = make(SYS_HANDLE_DUPLICATE, port, RIGHT_SEND | RIGHT_PASS, 77);
    check(sys(SYS_RECEIVE, one, 0) == ERR_BAD_HANDLE, "a badged handle cannot receive");
    handle_t task =
        child_start_task(&(struct child){.run = caller, .grant = {three}, .end_port = port, .end_badge = 5});
    check(receive(port, NEVER, NULL, &r) == 0 && r.t[0] == RECEIVED_CALL && r.t[1] == 77,
          "the badge is seen");
    check(reply((handle_t)r.t[2], 0, NULL) == 0, "reply");
    check(receive(port, NEVER, NULL, &r) == 0 && r.t[0] == RECEIVED_ENDED && r.t[1] == 5,
          "its handle is gone");
    sys(SYS_HANDLE_CLOSE, one);
    sys(SYS_HANDLE_CLOSE, two);
    check(receive(port, 0, NULL, &r) == ERR_TIMED_OUT, "no notice while a handle is left");
    sys(SYS_HANDLE_CLOSE, three);
    handle_t anew = make(SYS_HANDLE_DUPLICATE, port, RIGHT_SEND, 77);
    check(receive(port, NEVER, NULL, &r) == 0 && r.t[0] == RECEIVED_CLOSED && r.t[1] == 77,
          "then one notice");
    check(receive(port, 0, NULL, &r) == ERR_TIMED_OUT, "and only one");
    sys(SYS_HANDLE_CLOSE, anew);
    check(receive(port, 0, NULL, &r) == 0 && r.t[0] == RECEIVED_CLOSED, "a new handle has a new notice");
    child_end(task);
    sys(SYS_HANDLE_CLOSE, port);
}

void test_notices(void) {
    struct registers r;
    test_badges();
    handle_t ends = make(SYS_PORT_CREATE, 0, 0, 0), port = make(SYS_PORT_CREATE, 0, 0, 0);
    handle_t send = make(SYS_HANDLE_DUPLICATE, port, RIGHT_SEND | RIGHT_PASS, 0), task[4];
    for (unsigned i = 0; i < 4; i++)
        task[i] = child_start_task(
            &(struct child){.run = caller, .grant = {send}, .end_port = ends, .end_badge = i + 1});
    check(receive(port, NEVER, NULL, &r) == 0 && r.a[5] == 5, "the first call");
    sys(SYS_HANDLE_CLOSE, (handle_t)r.t[2]);
    struct registers ended;
    check(receive(ends, NEVER, NULL, &ended) == 0 && ended.a[2] == ERR_DEAD, "a lost reply is ERR_DEAD");
    check(receive(port, NEVER, NULL, &r) == 0 && r.a[1] == 1, "the second call");
    sleep_until(now() + 5000000);
    sys(SYS_HANDLE_CLOSE, port);
    check(receive(ends, NEVER, NULL, &ended) == 0 && ended.a[2] == ERR_DEAD, "queued callers get ERR_DEAD");
    check(receive(ends, NEVER, NULL, &ended) == 0 && ended.a[2] == ERR_DEAD, "all of them");
    check(receive(ends, 0, NULL, &ended) == ERR_TIMED_OUT, "a call in work outlives its port");
    check(reply((handle_t)r.t[2], 0, NULL) == 0, "and can be answered");
    check(receive(ends, NEVER, NULL, &ended) == 0 && ended.a[2] == 0, "well");
    for (unsigned i = 0; i < 4; i++)
        child_end(task[i]);
    port = make(SYS_PORT_CREATE, 0, 0, 0);
    task[0] =
        child_start_task(&(struct child){.run = caller, .grant = {port}, .end_port = ends, .end_badge = 9});
    check(receive(port, NEVER, NULL, &r) == 0, "a call");
    sys(SYS_TASK_KILL, task[0], 42);
    check(reply((handle_t)r.t[2], 0, NULL) == ERR_DEAD, "a reply to the dead");
    expect_end(ends, 9, 42, "killed with a status");
    child_end(task[0]);
    sys(SYS_HANDLE_CLOSE, send);
    sys(SYS_HANDLE_CLOSE, port);
    sys(SYS_HANDLE_CLOSE, ends);
}
