/* test_info.c: what a connection tells of itself, step by step. */
#include "script.h"

#define MS  (NET_SECOND / 1000)
#define MSS 1460

static struct net_stream_info told(struct script *s) {
    struct net_stream_info info;
    assert_int_equal(net_stream_info(s->net, s->socket, &info, s->now), ERR_NONE);
    return info;
}

static void test_before_and_after(void **state) {
    struct script *s = *state;
    struct net_stream_info info;
    net_socket_id datagram;
    script_listen(s, 5);
    assert_int_equal(net_stream_info(s->net, s->listener, &info, s->now), ERR_NONE);
    assert_int_equal(info.state, TCP_LISTEN);
    assert_int_equal(info.out, 0);
    assert_int_equal(info.arrived, 5); /* what may wait */
    IN(.flags = SYN, .seq = 0, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    assert_int_equal(net_stream_info(s->net, s->listener, &info, s->now), ERR_NONE);
    assert_int_equal(info.out, 1);
    assert_int_equal(net_open(s->net, NET_DATAGRAM, s->owner, &datagram), ERR_NONE);
    assert_int_equal(net_stream_info(s->net, datagram, &info, s->now), ERR_WRONG_TYPE);
    assert_int_equal(net_stream_info(s->net, 77, &info, s->now), ERR_BAD_HANDLE);
}

static void test_what_was_agreed(void **state) {
    struct script *s = *state;
    struct net_endpoint peer;
    script_listen(s, 5);
    IN(.flags = SYN, .seq = 0, .mss = 1000, .has_shift = true, .shift = 7, .has_time = true, .sack_ok = true);
    OUT(.flags = SYN | ACK, .ack = 1);
    PASS(30 * MS);
    IN(.flags = ACK, .seq = 1, .ack = 1, .has_time = true, .window = 100);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    struct net_stream_info info = told(s);
    assert_int_equal(info.state, TCP_ESTABLISHED);
    assert_int_equal(info.phase, NET_STREAM_OPEN);
    assert_int_equal(info.options, NET_STREAM_TIMESTAMPS | NET_STREAM_SACK | NET_STREAM_SCALING);
    assert_int_equal(info.shifts, 7 | 1 << 4);
    assert_int_equal(info.send_mss, 1000 - 12);
    assert_int_equal(info.offered_mss, MSS - 12);
    assert_int_equal(info.path_mtu, 1040);
    assert_int_equal(info.rtt_us, 30 * MS);
    assert_int_equal(info.least_rtt_us, 30 * MS);
    assert_int_equal(info.window, 10);
    assert_int_equal(info.threshold, INT32_MAX);
    assert_int_equal(info.peer_window, 100 << 7);
    assert_int_equal(info.offered_window, 65535);
}

static void test_counts(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 3 * MSS + 10);
    for (uint32_t i = 0; i < 3; i++) {
        OUT(.flags = ACK, .seq = 1 + i * MSS, .ack = 1, .length = MSS);
    }
    OUT(.flags = ACK, .seq = 1 + 3 * MSS, .ack = 1, .length = 10);
    struct net_stream_info info = told(s);
    assert_int_equal(info.out, 4);
    assert_int_equal(info.bytes_sent, 3 * MSS + 10);
    assert_int_equal(info.data_segments_out, 4);
    assert_int_equal(info.segments_out, 5); /* with the SYN-ACK */
    PASS(20 * MS);
    IN(.flags = ACK, .seq = 1, .ack = 1 + 2 * MSS);
    IN(.flags = ACK, .seq = 1 + 100, .ack = 1 + 2 * MSS, .length = 50); /* out of order */
    OUT(.flags = ACK, .seq = 1 + 3 * MSS + 10, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1 + 2 * MSS, .length = 100);
    PASS(30 * MS);
    info = told(s);
    assert_int_equal(info.bytes_acknowledged, 2 * MSS);
    assert_int_equal(info.delivered, 2);
    assert_int_equal(info.out, 2);
    assert_int_equal(info.bytes_received, 150);
    assert_int_equal(info.data_segments_in, 2);
    assert_int_equal(info.segments_in, 4); /* with the handshake's ACK */
    assert_int_equal(info.out_of_order, 1);
    assert_int_equal(info.since_data_received_ms, 30);
    assert_int_equal(info.since_ack_received_ms, 30);
    assert_int_equal(info.since_data_sent_ms, 50);
    assert_int_equal(info.receive_mss, 100);
}

static void test_trouble(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 100);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    for (uint32_t i = 0; i < 2; i++) {
        PASS(NET_SECOND);
        OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    }
    struct net_stream_info info = told(s);
    assert_int_equal(info.phase, NET_STREAM_LOSS);
    assert_int_equal(info.timeouts, 2);
    assert_int_equal(info.back_off, 2);
    assert_int_equal(info.timeouts_ever, 2);
    assert_int_equal(info.resent_ever, 2);
    assert_int_equal(info.bytes_sent, 300);
    assert_int_equal(info.bytes_resent, 200);
    assert_int_equal(info.window, 1);
    assert_int_equal(info.threshold, 2);
    IN(.flags = ACK, .seq = 1, .ack = 101, .shut = true);
    script_send(s, 10);
    assert_int_equal(told(s).bytes_unsent, 10);
    PASS(2 * NET_SECOND);
    OUT(.flags = ACK, .seq = 101, .ack = 1, .length = 1);
    assert_int_equal(told(s).probes, 1);
    assert_int_equal(told(s).bytes_sent, 301);
    assert_int_equal(told(s).bytes_resent, 200);
    IN(.flags = ACK, .seq = 1, .ack = 101);
    OUT(.flags = ACK | PSH, .seq = 101, .ack = 1, .length = 10);
    assert_int_equal(told(s).bytes_sent, 311);
    assert_int_equal(told(s).bytes_resent, 201); /* the probe's byte; the others are new */
    assert_int_equal(told(s).timeouts, 0);
}

/* Ten segments in a round trip of 100 ms. Less than that says nothing while the user has no more to send, but
 * where he has, it does. */
static void test_rate_of_delivery(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(told(s).delivery_rate, 0);
    script_send(s, 10 * MSS);
    for (uint32_t i = 0; i < 10; i++) {
        OUT(.flags = ACK, .seq = 1 + i * MSS, .ack = 1, .length = MSS);
    }
    PASS(100 * MS);
    IN(.flags = ACK, .seq = 1, .ack = 1 + 4 * MSS);
    assert_int_equal(told(s).delivery_rate, 0); /* the round is not over */
    IN(.flags = ACK, .seq = 1, .ack = 1 + 10 * MSS);
    assert_int_equal(told(s).delivery_rate, 10 * MSS * 10);
    assert_int_equal(told(s).flags & 1, 1);
    script_send(s, 10);
    OUT(.flags = ACK, .seq = 1 + 10 * MSS, .ack = 1, .length = 10);
    PASS(100 * MS);
    IN(.flags = ACK, .seq = 1, .ack = 11 + 10 * MSS);
    assert_int_equal(told(s).delivery_rate, 10 * MSS * 10);
    script_send(s, 40 * MSS);
    struct tcp_header header;
    struct span text;
    while (script_take(s, &header, &text)) {
    }
    PASS(400 * MS);
    uint32_t out = told(s).out * MSS;
    IN(.flags = ACK, .seq = 1, .ack = 11 + 10 * MSS + out);
    assert_int_equal(told(s).delivery_rate, out * 10 / 4);
    assert_int_equal(told(s).flags & 1, 0);
}

static void times(struct script *s, uint32_t busy, uint32_t window, uint32_t buffer) {
    struct net_stream_info info = told(s);
    assert_int_equal(info.busy_us, busy);
    assert_int_equal(info.window_limited_us, window);
    assert_int_equal(info.buffer_limited_us, buffer);
}

static void test_what_holds_it_back(void **state) {
    struct script *s = *state;
    size_t done;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_SNDBUF, 4096), ERR_NONE);
    times(s, 0, 0, 0);
    IN(.flags = ACK, .seq = 1, .ack = 1, .shut = true);
    script_send(s, 10);
    PASS(150 * MS);
    times(s, 150 * MS, 150 * MS, 0);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    PASS(20 * MS);
    times(s, 170 * MS, 150 * MS, 0); /* the network alone */
    IN(.flags = ACK, .seq = 1, .ack = 11);
    PASS(NET_SECOND); /* there is nothing to send */
    times(s, 170 * MS, 150 * MS, 0);
    script_send(s, 4096);
    assert_int_equal(net_send(s->net, s->socket, "", 1, &done, s->now), ERR_WOULD_BLOCK);
    for (uint32_t i = 0; i < 2; i++) {
        OUT(.flags = ACK, .seq = 11 + i * MSS, .ack = 1, .length = MSS);
    }
    OUT(.flags = ACK, .seq = 11 + 2 * MSS, .ack = 1, .length = 4096 - 2 * MSS);
    PASS(30 * MS);
    times(s, 200 * MS, 150 * MS, 30 * MS);
    IN(.flags = ACK, .seq = 1, .ack = 11 + 4096);
    PASS(NET_SECOND);
    times(s, 200 * MS, 150 * MS, 30 * MS);
}

static void test_acks_that_wait(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(told(s).ack_delay_us, 0);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    OUT(.flags = ACK, .seq = 1, .ack = 11);
    assert_int_equal(told(s).ack_delay_us, 40 * MS);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_before_and_after), WITH(test_what_was_agreed),  WITH(test_counts),
        WITH(test_trouble),          WITH(test_rate_of_delivery), WITH(test_what_holds_it_back),
        WITH(test_acks_that_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
