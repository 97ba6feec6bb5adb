/* hostile.c: a client that asks wrongly, of the wrong object, with wrong memory, and far too often. */
#include "net_ipc_test.h"
#include <base/random.h>
#include <ipc/netadmin.h>
#include <os/os.h>
#include <os/syscall.h>
#include <string.h>

#define UNMAPPED 0x7777777000ull

static uint8_t bytes[65536];

static bool attach_fails(handle_t port, handle_t ready, handle_t event, enum error wanted) {
    handle_t session = HANDLE_NONE;
    enum error error = tcpip_attach(port, ready, event, &session);
    if (error == ERR_NONE) {
        (void)!handle_close(session);
    }
    return error == wanted;
}

static void attaching(struct checks *t, handle_t port) {
    handle_t page, event, huge, read_only, mute;
    void *address;
    CHECK_EQUAL(t, memory_make(4096, false, &page, &address), ERR_NONE);
    CHECK_EQUAL(t, memory_make(1 << 20, false, &huge, &address), ERR_NONE);
    CHECK_EQUAL(t, event_make(&event), ERR_NONE);
    CHECK_EQUAL(t, handle_duplicate(page, RIGHT_READ | RIGHT_PASS, 0, &read_only), ERR_NONE);
    CHECK_EQUAL(t, handle_duplicate(event, RIGHT_WAIT | RIGHT_PASS, 0, &mute), ERR_NONE);
    CHECK(t, attach_fails(port, event, event, ERR_INVALID));
    CHECK(t, attach_fails(port, page, page, ERR_INVALID));
    CHECK(t, attach_fails(port, huge, event, ERR_INVALID));
    CHECK(t, attach_fails(port, read_only, event, ERR_INVALID));
    CHECK(t, attach_fails(port, page, mute, ERR_INVALID));
    CHECK(t, attach_fails(port, port, port, ERR_INVALID));
    CHECK(t, attach_fails(port, page, HANDLE_NONE, ERR_INVALID));
    handle_t all[] = {page, huge, event, read_only, mute};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        (void)!handle_close(all[i]);
    }
}

/* Anybody may look at addresses and routes; only who comes by the privileged name may change them. */
static void administration(struct checks *t, handle_t port) {
    handle_t door;
    size_t length;
    struct netadmin_address address = {.family = 4, .prefix_length = 24, .address = {10, 99, 99, 99}};
    struct netadmin_route route = {.family = 4};
    struct netadmin_neighbour neighbour = {.family = 4, .address = {10, 99, 99, 98}, .mac = {2}};
    CHECK_EQUAL(t, name_try("netadmin", &door), ERR_NO_RIGHT);
    CHECK_EQUAL(t, netadmin_addresses(port, bytes, 4096, &length), ERR_NONE);
    CHECK(t, length != 0);
    CHECK_EQUAL(t, netadmin_address_add(port, &address), ERR_NO_RIGHT);
    CHECK_EQUAL(t, netadmin_address_remove(port, &address), ERR_NO_RIGHT);
    CHECK_EQUAL(t, netadmin_route_add(port, &route), ERR_NO_RIGHT);
    CHECK_EQUAL(t, netadmin_route_remove(port, &route), ERR_NO_RIGHT);
    CHECK_EQUAL(t, netadmin_neighbour_add(port, &neighbour), ERR_NO_RIGHT);
    CHECK_EQUAL(t, netadmin_neighbour_remove(port, &neighbour), ERR_NO_RIGHT);
    CHECK_EQUAL(t, netadmin_neighbour_flush(port), ERR_NO_RIGHT);
}

void test_objects(struct checks *t, handle_t port) {
    struct client client;
    handle_t socket, none;
    uint32_t slot, value;
    uint64_t word;
    size_t got;
    attaching(t, port);
    administration(t, port);
    CHECK_EQUAL(t, client_open(port, &client), ERR_NONE);
    CHECK_EQUAL(t, tcpip_socket(client.session, TCPIP_STREAM, &socket, &slot), ERR_NONE);
    CHECK_EQUAL(t, tcpip_socket(port, TCPIP_STREAM, &none, &slot), ERR_INVALID);
    CHECK_EQUAL(t, tcpip_socket(socket, TCPIP_STREAM, &none, &slot), ERR_INVALID);
    CHECK_EQUAL(t, tcpip_socket(client.session, 9, &none, &slot), ERR_INVALID);
    CHECK_EQUAL(t, tcpip_listen(client.session, 9), ERR_INVALID);
    CHECK_EQUAL(t, tcpip_listen(port, 9), ERR_INVALID);
    CHECK_EQUAL(t, tcpip_adopt(socket, 99, &none, &slot, &value), ERR_INVALID);
    CHECK_EQUAL(t, tcpip_receive(socket, false, false, 9, bytes, 9, &got), ERR_NOT_CONNECTED);
    CHECK_EQUAL(t, tcpip_receive_from(socket, false, false, 9, &word, &word, &word, &word, bytes, 99, &got),
                ERR_WRONG_TYPE);
    CHECK_EQUAL(t, tcpip_shutdown(socket, 7), ERR_INVALID);
    CHECK_EQUAL(t, tcpip_set_option(socket, 4711, 1), ERR_NOT_SUPPORTED);
    client.words[slot] = 0xffffffff; /* what stands in the page is only told, never asked */
    CHECK_EQUAL(t, tcpip_close(socket), ERR_NONE);
    CHECK_EQUAL(t, tcpip_listen(socket, 9), ERR_BAD_HANDLE);
    CHECK_EQUAL(t, tcpip_report(port, 99, bytes, sizeof bytes, &got), ERR_INVALID);
    (void)!handle_close(socket);
    client_close(&client);
}

/* A message as no stub would send it. */
static enum error raw(handle_t to, uint64_t method, uint64_t first, uint64_t address, uint32_t length) {
    uint64_t word[MESSAGE_WORDS] = {method, first};
    struct transfer transfer = {.send_address = address, .send_length = length};
    enum error error = sys_call(to, word, &transfer);
    for (unsigned i = 0; error == ERR_NONE && i < transfer.receive_count; i++) {
        (void)!handle_close(transfer.receive_handle[i]);
    }
    return error == ERR_NONE ? (enum error)(uint32_t)word[0] : error;
}

static void shapes(struct checks *t, handle_t port, handle_t session, handle_t socket) {
    uint64_t here = (uint64_t)(uintptr_t)bytes;
    CHECK_EQUAL(t, raw(port, 0, 0, 0, 0), ERR_NOT_SUPPORTED);
    CHECK_EQUAL(t, raw(port, 0x600000063, 0, 0, 0), ERR_NOT_SUPPORTED);
    CHECK_EQUAL(t, raw(port, UINT64_MAX, 0, 0, 0), ERR_NOT_SUPPORTED);
    CHECK_EQUAL(t, raw(port, TCPIP_CALL_ATTACH, 0, 0, 0), ERR_INVALID);
    CHECK_EQUAL(t, raw(socket, TCPIP_CALL_BIND, 0, here, 23), ERR_INVALID);
    CHECK_EQUAL(t, raw(socket, TCPIP_CALL_BIND, 0, here, 25), ERR_INVALID);
    CHECK_EQUAL(t, raw(socket, TCPIP_CALL_BIND, 0, here, 0), ERR_INVALID);
    CHECK_EQUAL(t, raw(socket, TCPIP_CALL_ACCEPT, 2, 0, 0), ERR_INVALID);
    CHECK_EQUAL(t, raw(socket, TCPIP_CALL_LISTEN, 1ull << 32, 0, 0), ERR_INVALID);
    CHECK_EQUAL(t, raw(socket, TCPIP_CALL_SEND_TO, 0, here, 5), ERR_INVALID);
    memset(bytes, 'x', 300);
    CHECK_EQUAL(t, raw(session, TCPIP_CALL_RESOLVE, 4, here, 300), ERR_INVALID);
    CHECK_EQUAL(t, raw(session, TCPIP_CALL_RESOLVE, 4, here, 100), ERR_INVALID); /* no NUL at its end */
    CHECK_EQUAL(t, raw(socket, TCPIP_CALL_SEND, 0, UNMAPPED, 100), ERR_BAD_ADDRESS);
    CHECK_EQUAL(t, raw(socket, TCPIP_CALL_SEND, 0, here, 70000), ERR_TOO_LARGE);
}

/* A caller that cannot take the handle in the answer: what was made for it must go. */
static void answers_that_cannot_arrive(struct checks *t, handle_t session) {
    static const struct transfer read_only = {.receive_capacity = 0};
    for (int i = 0; i < 10; i++) {
        uint64_t word[MESSAGE_WORDS] = {TCPIP_CALL_SOCKET, TCPIP_STREAM};
        CHECK_EQUAL(t, sys_call(session, word, (struct transfer *)(uintptr_t)&read_only), ERR_BAD_ADDRESS);
    }
}

/* Anything at all, for a while, from a seed. */
static void random_messages(handle_t port, handle_t session, handle_t socket) {
    static const uint32_t lengths[] = {0, 1, 24, 32, 33, 254, 1024, 1025, 65536};
    handle_t to[] = {port, session, socket};
    struct random random;
    random_seed(&random, 11, 12);
    for (int i = 0; i < 3000; i++) {
        uint64_t method = 0x600000000ull | random_below(&random, 24);
        bool waits = method == TCPIP_CALL_ACCEPT || method == TCPIP_CALL_RECEIVE_FROM ||
                     method == TCPIP_CALL_RECEIVE || method == TCPIP_CALL_CONNECT ||
                     method == TCPIP_CALL_SEND;
        uint64_t first = waits                           ? 0
                         : random_below(&random, 3) == 0 ? random_u64(&random)
                                                         : random_below(&random, 70);
        uint64_t address = random_below(&random, 8) == 0 ? UNMAPPED : (uint64_t)(uintptr_t)bytes;
        bytes[0] = (uint8_t)random_u32(&random);
        (void)!raw(to[random_below(&random, 3)], method, first, address, lengths[random_below(&random, 9)]);
    }
}

void test_messages(struct checks *t, handle_t port) {
    struct client client;
    handle_t stream, datagram;
    uint32_t slot;
    struct tcpip_endpoint any = {.family = 4}, local;
    struct usage before = usage_now(port);
    CHECK_EQUAL(t, client_open(port, &client), ERR_NONE);
    CHECK_EQUAL(t, tcpip_socket(client.session, TCPIP_STREAM, &stream, &slot), ERR_NONE);
    CHECK_EQUAL(t, tcpip_socket(client.session, TCPIP_DATAGRAM, &datagram, &slot), ERR_NONE);
    shapes(t, port, client.session, stream);
    answers_that_cannot_arrive(t, client.session);
    random_messages(port, client.session, stream);
    random_messages(port, client.session, datagram);
    (void)!handle_close(stream);
    (void)!handle_close(datagram);
    CHECK_EQUAL(t, tcpip_socket(client.session, TCPIP_DATAGRAM, &datagram, &slot), ERR_NONE);
    CHECK_EQUAL(t, tcpip_bind(datagram, &any), ERR_NONE);
    CHECK_EQUAL(t, tcpip_local(datagram, &local), ERR_NONE);
    CHECK(t, local.port != 0);
    (void)!handle_close(datagram);
    client_close(&client);
    CHECK(t, usage_returns(port, before));
}

void test_floods(struct checks *t, handle_t port) {
    struct client client;
    static handle_t handles[2048];
    struct usage before = usage_now(port);
    uint32_t slot;
    int count = 0;
    enum error error = client_open(port, &client);
    CHECK_EQUAL(t, error, ERR_NONE);
    while (count < 2048 &&
           (error = tcpip_socket(client.session, TCPIP_STREAM, &handles[count], &slot)) == ERR_NONE) {
        count++;
    }
    CHECK(t, error != ERR_NONE && count > 64);
    while (count > 0) {
        (void)!handle_close(handles[--count]);
    }
    while (count < 2048 &&
           (error = tcpip_attach(port, client.ready, client.event, &handles[count])) == ERR_NONE) {
        count++;
    }
    CHECK(t, error != ERR_NONE && count > 16);
    while (count > 0) {
        (void)!handle_close(handles[--count]);
    }
    client_close(&client);
    CHECK(t, usage_returns(port, before));
}
