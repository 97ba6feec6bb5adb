/* test_stream.c: whole connections between two engines: open, move bytes, close, and nothing left over. */
#include "pair.h"

#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>
#include <net/wire/tcp.h>

static void test_connect_and_close(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    struct connected c = pair_connected(&pair, 80);
    assert_int_equal(net_ready(pair.net[A], c.a), NET_READY_OUT);
    assert_int_equal(net_close(pair.net[A], c.a, pair.now), ERR_NONE);
    pair_settle(&pair);
    assert_true((net_ready(pair.net[B], c.b) & NET_READY_EOF) != 0);
    uint8_t byte;
    size_t done = 9;
    assert_int_equal(net_read(pair.net[B], c.b, &byte, 1, &done, pair.now), ERR_NONE);
    assert_int_equal(done, 0);
    assert_int_equal(net_close(pair.net[B], c.b, pair.now), ERR_NONE);
    assert_int_equal(net_close(pair.net[B], c.b, pair.now), ERR_BAD_HANDLE);
    pair_stop(&pair);
}

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

/* Sends `total` bytes from one side to the other, reading as they come. */
static void transfer(struct pair *pair, int from, net_socket_id out, net_socket_id in, size_t total) {
    uint8_t chunk[20000];
    size_t sent = 0, received = 0;
    unsigned idle = 0;
    while (received < total) {
        size_t want = total - sent < sizeof chunk ? total - sent : sizeof chunk, done = 0;
        for (size_t i = 0; i < want; i++) {
            chunk[i] = pattern(sent + i);
        }
        if (want != 0) {
            enum error error = net_send(pair->net[from], out, chunk, want, &done, pair->now);
            assert_true(error == ERR_NONE || error == ERR_WOULD_BLOCK);
            sent += done;
        }
        pair_settle(pair);
        enum error error = net_read(pair->net[!from], in, chunk, sizeof chunk, &done, pair->now);
        assert_true(error == ERR_NONE || error == ERR_WOULD_BLOCK);
        for (size_t i = 0; i < done; i++) {
            assert_int_equal(chunk[i], pattern(received + i));
        }
        received += done;
        if (done == 0) {
            assert_true(pair_jump(pair, pair->now + 300 * NET_SECOND));
            assert_true(++idle < 10000);
        }
    }
}

static void test_transfer(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    struct connected c = pair_connected(&pair, 80);
    transfer(&pair, A, c.a, c.b, 1000000);
    transfer(&pair, B, c.b, c.a, 1000000);
    assert_int_equal(net_counters(pair.net[A])->tcp_retransmits, 0);
    assert_int_equal(net_counters(pair.net[B])->tcp_retransmits, 0);
    pair_stop(&pair);
}

static bool lose_some(struct pair *pair, int from, const struct net_slot *slot) {
    (void)from;
    (void)slot;
    uint32_t *random = pair->context;
    *random = *random * 1664525 + 1013904223;
    return *random >> 24 >= 13; /* one of twenty is lost */
}

static void test_transfer_with_loss(void **state) {
    (void)state;
    struct pair pair;
    uint32_t random = 5;
    pair_start(&pair);
    struct connected c = pair_connected(&pair, 80);
    pair.carry = lose_some;
    pair.context = &random;
    transfer(&pair, A, c.a, c.b, 2000000);
    transfer(&pair, B, c.b, c.a, 500000);
    assert_true(net_counters(pair.net[A])->tcp_fast_retransmits > 0);
    pair_stop(&pair);
}

static void test_refused(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    net_socket_id socket = pair_connect(&pair, A, 81);
    pair_settle(&pair);
    assert_true((net_ready(pair.net[A], socket) & NET_READY_ERROR) != 0);
    assert_int_equal(net_take_error(pair.net[A], socket), ERR_REFUSED);
    pair_stop(&pair);
}

/* A SYN from 10.0.0.1 as nobody but a liar sends it. */
static size_t forge_syn(uint8_t *bytes, size_t size, uint16_t from, uint16_t to) {
    struct net_config a = pair_config(A), b = pair_config(B);
    struct ethernet_header ethernet = {mac_of(b.mac), mac_of(a.mac), ETHER_IPV4};
    struct ipv4_header ipv4 = {
        .source = 0x0a000001, .destination = 0x0a000002, .protocol = IP_TCP, .ttl = IPV4_TTL};
    struct tcp_header syn = {.source_port = from, .destination_port = to, .flags = TCP_SYN, .window = 1000};
    struct writer writer = writer_of(bytes, size);
    ethernet_write(&writer, &ethernet);
    ipv4_write(&writer, &ipv4, TCP_HEADER);
    tcp_write(&writer, &syn);
    return writer.length;
}

/* A connection with port 0 would look as if it were none, to getpeername() and to accept(). */
static void test_port_0_connects_to_nobody(void **state) {
    (void)state;
    struct pair pair;
    uint8_t bytes[128];
    pair_start(&pair);
    pair_listen(&pair, B, 80, 8);
    struct net_frame frame = {.data = bytes, .checksum_good = true};
    frame.length = forge_syn(bytes, sizeof bytes, 0, 80);
    net_receive(pair.net[B], &frame, pair.now);
    frame.length = forge_syn(bytes, sizeof bytes, 1234, 0);
    net_receive(pair.net[B], &frame, pair.now);
    struct net_usage usage;
    net_usage(pair.net[B], &usage);
    assert_int_equal(usage.connections, 1);
    assert_int_equal(net_counters(pair.net[B])->tcp_malformed, 2);
    pair_settle(&pair);
    pair_stop(&pair);
}

/* Who asks how it went by connecting again is told, and only then tries once more. */
static void test_refused_then_again(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint peer = pair_endpoint(B, 81);
    pair_start(&pair);
    net_socket_id socket = pair_connect(&pair, A, 81);
    assert_int_equal(net_connect(pair.net[A], socket, &peer, pair.now), ERR_ALREADY);
    pair_settle(&pair);
    assert_int_equal(net_connect(pair.net[A], socket, &peer, pair.now), ERR_REFUSED);
    assert_int_equal(net_connect(pair.net[A], socket, &peer, pair.now), ERR_IN_PROGRESS);
    pair_stop(&pair);
}

static void test_with_offloads(void **state) {
    (void)state;
    struct pair pair;
    struct net_config a = pair_config(A), b = pair_config(B);
    a.checksum_out = b.checksum_out = a.segment_out = b.segment_out = true;
    pair_start_with(&pair, &a, &b, 4u << 20);
    struct connected c = pair_connected(&pair, 80);
    transfer(&pair, A, c.a, c.b, 1000000);
    assert_true(pair.carried[A] < 300);
    pair_stop(&pair);
}

/* One connection after the other, each leaving TIME_WAIT behind: more of them than there is room for. */
static void test_one_after_the_other(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint peer;
    pair_start(&pair);
    net_socket_id listener = pair_listen(&pair, B, 80, 8);
    for (int i = 0; i < 12000; i++) {
        net_socket_id a = pair_connect(&pair, A, 80), b;
        size_t done;
        uint8_t byte;
        pair_settle(&pair);
        assert_int_equal(net_accept(pair.net[B], listener, pair.owner[B], &b, &peer), ERR_NONE);
        assert_int_equal(net_send(pair.net[A], a, "x", 1, &done, pair.now), ERR_NONE);
        assert_int_equal(net_close(pair.net[A], a, pair.now), ERR_NONE);
        pair_settle(&pair);
        assert_int_equal(net_read(pair.net[B], b, &byte, 1, &done, pair.now), ERR_NONE);
        assert_int_equal(net_close(pair.net[B], b, pair.now), ERR_NONE);
        pair_settle(&pair);
        pair.now += 50;
    }
    struct net_usage usage;
    net_usage(pair.net[A], &usage);
    assert_int_equal(usage.sockets, 0);
    assert_true(usage.connections > 4000 && usage.arena_used < usage.arena_size / 4);
    net_usage(pair.net[B], &usage);
    assert_int_equal(usage.connections, 1);
    pair_stop(&pair);
}

/* Every socket there is, at once, both ways. */
static void test_side_by_side(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint peer;
    net_socket_id a[60], b[60];
    pair_start(&pair);
    net_socket_id listener = pair_listen(&pair, B, 80, 60);
    for (int i = 0; i < 60; i++) {
        a[i] = pair_connect(&pair, A, 80);
    }
    pair_settle(&pair);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(net_accept(pair.net[B], listener, pair.owner[B], &b[i], &peer), ERR_NONE);
    }
    for (int i = 0; i < 60; i++) {
        transfer(&pair, i & 1, i & 1 ? b[i] : a[i], i & 1 ? a[i] : b[i], 70000);
    }
    pair_stop(&pair);
}

/* The driver dies and another one takes over: nothing goes out meanwhile, nothing is lost. */
static void test_link_goes_and_comes(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    struct net_config config = pair_config(A);
    struct connected c = pair_connected(&pair, 80);
    size_t done;
    assert_int_equal(net_send(pair.net[A], c.a, "before", 6, &done, pair.now), ERR_NONE);
    assert_int_equal(net_link(pair.net[A], &config, false, pair.now), ERR_NONE);
    assert_false(pair_step(&pair, A));
    assert_true(net_deadline(pair.net[A]) == NET_NEVER);
    pair.now += 20 * NET_SECOND;
    config.mac[5] = 77;
    config.checksum_out = true;
    assert_int_equal(net_link(pair.net[A], &config, true, pair.now), ERR_NONE);
    pair_pass(&pair, 10 * NET_SECOND);
    char text[10];
    assert_int_equal(net_read(pair.net[B], c.b, text, sizeof text, &done, pair.now), ERR_NONE);
    assert_int_equal(done, 6);
    transfer(&pair, B, c.b, c.a, 100000);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_and_close),  cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_transfer_with_loss), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_with_offloads),      cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_side_by_side),       cmocka_unit_test(test_link_goes_and_comes),
        cmocka_unit_test(test_refused_then_again), cmocka_unit_test(test_port_0_connects_to_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
