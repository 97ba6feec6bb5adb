/* test_stream.c: whole connections between two engines: open, move bytes, close, and nothing left over. */
#include "pair.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_and_close),  cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_transfer_with_loss), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_with_offloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
