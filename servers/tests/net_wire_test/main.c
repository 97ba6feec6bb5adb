/* net_wire_test: takes the place of the network driver (boot without=virtio_net ip=10.0.0.1/24) and is a peer
 * on its wire: frames that lie, rings that lie, a driver that stalls and one that dies, while a connection
 * has to go on. */
#include "wire.h"
#include <ipc/tcpip.h>
#include <os/os.h>
#include <stdlib.h>
#include <string.h>

#define ARENA  (4u << 20)
#define AMOUNT 40000

struct test {
    struct checks checks;
    struct wire wire;
    handle_t port, session, event, ready, socket;
    volatile uint32_t *words;
    uint32_t slot;
    net_socket_id peer;
    uint8_t out[AMOUNT], in[AMOUNT];
};

static enum error start_peer(struct test *test) {
    struct net_config config = {.mac = {2, 0, 0, 0, 0, 2},
                                .mtu = 1500,
                                .address = {.family = NET_IPV4, .bytes = {10, 0, 0, 2}},
                                .prefix_length = 24,
                                .sockets_max = 64,
                                .owner_budget = ARENA,
                                .seed = {3, 4}};
    void *memory = aligned_alloc(64, ARENA);
    return memory != NULL ? net_init(&test->wire.peer, &config, memory, ARENA, wire_now()) : ERR_NO_MEMORY;
}

static enum error attach(struct test *test) {
    void *words = NULL;
    enum error error = name_find("tcpip", &test->port);
    error = error == ERR_NONE ? memory_make(PAGE_SIZE, false, &test->ready, &words) : error;
    test->words = words;
    error = error == ERR_NONE ? event_make(&test->event) : error;
    return error == ERR_NONE ? tcpip_attach(test->port, test->ready, test->event, &test->session) : error;
}

static uint64_t counter(struct test *test, const char *name) {
    static char text[65536];
    size_t length = 0;
    enum error error = tcpip_report(test->port, 0, text, sizeof text - 1, &length);
    text[error == ERR_NONE ? length : 0] = '\0';
    const char *at = strstr(text, name);
    return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* ---- A connection ---- */

static void connects(struct test *test) {
    struct checks *t = &test->checks;
    struct net_endpoint local = {.address.family = NET_IPV4, .port = 80}, from;
    struct tcpip_endpoint to = {.family = 4, .port = 80, .address = {10, 0, 0, 2}};
    net_socket_id listener;
    CHECK_EQUAL(t, net_open(test->wire.peer, NET_STREAM, NET_OWNER_ENGINE, &listener), ERR_NONE);
    CHECK_EQUAL(t, net_bind(test->wire.peer, listener, &local), ERR_NONE);
    CHECK_EQUAL(t, net_listen(test->wire.peer, listener, 4), ERR_NONE);
    CHECK_EQUAL(t, tcpip_socket(test->session, TCPIP_STREAM, &test->socket, &test->slot), ERR_NONE);
    CHECK_EQUAL(t, tcpip_connect(test->socket, false, &to), ERR_IN_PROGRESS);
    wire_run(&test->wire, 200);
    CHECK_EQUAL(t, test->words[test->slot], TCPIP_READY_OUT);
    CHECK_EQUAL(t, net_accept(test->wire.peer, listener, NET_OWNER_ENGINE, &test->peer, &from), ERR_NONE);
}

/* Bytes there and back again. */
static void carries(struct test *test, const char *when) {
    uint32_t sent = 0;
    size_t out = 0, got = 0, part = 0, back = 0;
    for (size_t i = 0; i < AMOUNT; i++) {
        test->out[i] = (uint8_t)(i * 13 + i / 256 + (uint8_t)when[0]);
    }
    for (int round = 0; round < 400 && (got < AMOUNT || back < AMOUNT); round++) {
        if (out < AMOUNT &&
            tcpip_send(test->socket, false, false, test->out + out, AMOUNT - out, &sent) == ERR_NONE) {
            out += sent;
        }
        if (got < AMOUNT && net_read(test->wire.peer, test->peer, test->in + got, AMOUNT - got, &part,
                                     wire_now()) == ERR_NONE) {
            (void)!net_send(test->wire.peer, test->peer, test->in + got, part, &part, wire_now());
            got += part;
        }
        wire_run(&test->wire, 10);
        if (tcpip_receive(test->socket, false, false, AMOUNT, test->in + back, AMOUNT - back, &part) ==
            ERR_NONE) {
            back += part;
        }
    }
    check_equal(&test->checks, (int64_t)back, AMOUNT, when, __FILE__, __LINE__);
    check_that(&test->checks, memcmp(test->in, test->out, AMOUNT) == 0, when, __FILE__, __LINE__);
}

/* ---- Lies ---- */

static void lying_descriptors(struct test *test) {
    struct wire *wire = &test->wire;
    struct checks *t = &test->checks;
    struct netdev_descriptor given, lie;
    uint64_t before = counter(test, "device_bad_descriptors ");
    CHECK(t, ring_take(&wire->ring[NETDEV_RX_FREE], &given));
    lie = given;
    lie.buffer = 100000;
    wire_put(wire, NETDEV_RX_USED, &lie);
    lie = given;
    lie.offset = given.offset + 4096 * 100;
    wire_put(wire, NETDEV_RX_USED, &lie);
    wire_put(wire, NETDEV_RX_USED, &given); /* a lie too, unless it was lent again meanwhile */
    CHECK(t, ring_take(&wire->ring[NETDEV_RX_FREE], &given));
    lie = given;
    lie.length = UINT32_MAX;
    wire_put(wire, NETDEV_RX_USED, &lie);
    lie = (struct netdev_descriptor){.buffer = 300};
    wire_put(wire, NETDEV_TX_DONE, &lie);
    lie.buffer = 5;
    wire_put(wire, NETDEV_TX_DONE, &lie);
    wire_run(wire, 50);
    carries(test, "after lying descriptors");
    CHECK(t, counter(test, "device_bad_descriptors ") >= before + 3);
}

/* An index that claims more than the ring holds is not believed; when it is right again, all goes on. */
static void lying_indices(struct test *test) {
    struct ring_shared *shared = test->wire.ring[NETDEV_RX_USED].shared;
    uint32_t head = shared->head;
    test->wire.silent = true;
    shared->head = head + 100000;
    (void)!event_signal(test->wire.client, NETDEV_SIGNAL_RX_USED);
    wire_run(&test->wire, 50);
    shared->head = head;
    test->wire.silent = false;
    carries(test, "after a lying index");
}

static void bad_frames(struct test *test) {
    struct checks *t = &test->checks;
    uint8_t frame[200] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
    uint64_t shorts = counter(test, "ethernet_short "), wrong = counter(test, "ipv4_malformed ");
    uint64_t unknown = counter(test, "ethernet_unknown_type ");
    CHECK(t, wire_inject(&test->wire, frame, 9));
    wire_run(&test->wire, 20);
    frame[14] = 0x65;
    CHECK(t, wire_inject(&test->wire, frame, sizeof frame));
    frame[14] = 0x4f;
    CHECK(t, wire_inject(&test->wire, frame, 40));
    frame[12] = 0x88;
    CHECK(t, wire_inject(&test->wire, frame, sizeof frame));
    for (unsigned i = 0; i < 200; i++) {
        frame[12] = 8;
        memset(frame + 14, (int)(i * 37), sizeof frame - 14);
        frame[14] = 0x45;
        (void)wire_inject(&test->wire, frame, 14 + i % 180);
        wire_run(&test->wire, 1);
    }
    CHECK(t, counter(test, "ethernet_short ") > shorts);
    CHECK(t, counter(test, "ipv4_malformed ") > wrong);
    CHECK(t, counter(test, "ethernet_unknown_type ") > unknown);
    carries(test, "after bad frames");
}

/* ---- A driver that stalls, and one that dies ---- */

static void stalls(struct test *test) {
    test->wire.silent = true;
    wire_run(&test->wire, 700);
    test->wire.silent = false;
    carries(test, "after a stall");
}

static void dies(struct test *test) {
    struct checks *t = &test->checks;
    unsigned opens = test->wire.opens;
    uint32_t sent;
    (void)!tcpip_send(test->socket, false, false, "lost?", 5, &sent);
    CHECK_EQUAL(t, wire_publish(&test->wire), ERR_NONE);
    wire_run(&test->wire, 300);
    CHECK_EQUAL(t, test->wire.opens, opens + 1);
    size_t got = 0, part = 0;
    char text[5];
    for (int i = 0; i < 200 && got < 5; i++) {
        if (net_read(test->wire.peer, test->peer, text + got, 5 - got, &part, wire_now()) == ERR_NONE) {
            got += part;
        }
        wire_run(&test->wire, 20);
    }
    CHECK(t, got == 5 && memcmp(text, "lost?", 5) == 0);
    carries(test, "after the driver's death");
}

int main(void) {
    static struct test test;
    enum error error = start_peer(&test);
    error = error == ERR_NONE ? wire_publish(&test.wire) : error;
    if (error != ERR_NONE) {
        printf("net_wire_test: cannot take the driver's place: %s\n", error_text(error));
        return 1;
    }
    for (int i = 0; i < 100 && test.wire.opens == 0; i++) {
        wire_run(&test.wire, 50);
    }
    CHECK_EQUAL(&test.checks, test.wire.opens, 1);
    CHECK_EQUAL(&test.checks, attach(&test), ERR_NONE);
    connects(&test);
    carries(&test, "at first");
    lying_descriptors(&test);
    lying_indices(&test);
    bad_frames(&test);
    stalls(&test);
    dies(&test);
    return check_report(&test.checks, "net_wire_test");
}
