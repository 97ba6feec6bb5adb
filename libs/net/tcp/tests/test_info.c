/* test_info.c: what a connection tells of itself, step by step. */
#include "script.h"

#define MS  (NET_SECOND / 1000)
#define MSS 1460

static int setup(void **state) {
    struct script *s = malloc(sizeof *s);
    script_start(s);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    script_stop(*state);
    free(*state);
    return 0;
}

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
    assert_int_equal(told(s).timeouts, 0);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_before_and_after),
        WITH(test_what_was_agreed),
        WITH(test_counts),
        WITH(test_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
