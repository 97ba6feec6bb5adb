/* test_cookies.c: connections whose SYN nobody remembers (RFC 4987 3.6). */
#include "script.h"

#include <base/random.h>
#include <net/wire/ipv4.h>

#define ROOM  64 /* half-open connections at least */
#define MSS   1460
#define STAMP 12

static void forget_all(struct script *s) {
    struct tcp_header header;
    struct span text;
    while (script_take(s, &header, &text)) {
    }
}

/* Half-open connections until there is no more room. */
static void flood(struct script *s) {
    for (uint16_t from = 1; from <= ROOM; from++) {
        IN(.flags = SYN, .mss = MSS, .from = from);
    }
    forget_all(s);
    s->iss_known = false;
}

static void start_flooded(struct script *s) {
    script_listen(s, 8);
    flood(s);
}

static uint32_t connections(struct script *s) {
    struct net_usage usage;
    net_usage(s->net, &usage);
    return usage.connections;
}

static void accept_one(struct script *s) {
    struct net_endpoint peer;
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    assert_int_equal(peer.port, PEER_PORT);
}

static void is_reset(struct script *s, struct shape ack) {
    script_in(s, ack);
    OUT(.flags = RST, .seq = ack.ack);
    STATE(TCP_CLOSED);
}

static void test_handshake(void **state) {
    struct script *s = *state;
    start_flooded(s);
    uint32_t before = connections(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1, .mss = MSS, .window = 65535);
    assert_int_equal(connections(s), before); /* nothing is remembered */
    STATE(TCP_CLOSED);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    QUIET();
    STATE(TCP_ESTABLISHED);
    accept_one(s);
    script_send(s, MSS + 10);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    OUT(.flags = ACK | PSH, .seq = 1 + MSS, .ack = 1, .length = 10);
    IN(.flags = ACK, .seq = 1, .ack = 1 + MSS + 10, .length = 5);
    OUT(.flags = ACK, .seq = 1 + MSS + 10, .ack = 6);
    assert_int_equal(net_counters(s->net)->tcp_cookies_sent, 1);
    assert_int_equal(net_counters(s->net)->tcp_cookies_received, 1);
    assert_int_equal(net_counters(s->net)->tcp_cookies_failed, 0);
}

/* What comes with the ACK is kept, the end of the stream too. */
static void test_data_with_the_ack(void **state) {
    struct script *s = *state;
    start_flooded(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 102);
    STATE(TCP_CLOSE_WAIT);
    accept_one(s);
    assert_int_equal(script_read(s, 1000), 100);
}

/* While there is room nobody needs one. */
static void test_only_when_full(void **state) {
    struct script *s = *state;
    script_listen(s, 8);
    for (uint16_t from = 1; from <= ROOM; from++) {
        IN(.flags = SYN, .mss = MSS, .from = from);
    }
    assert_int_equal(net_counters(s->net)->tcp_cookies_sent, 0);
    assert_int_equal(connections(s), ROOM + 1);
    forget_all(s);
    s->iss_known = true;
    is_reset(s, (struct shape){.flags = ACK, .seq = 1, .ack = 1});
    assert_int_equal(net_counters(s->net)->tcp_cookies_failed, 0); /* it was not even looked at */
}

static void cookie_at(struct script *s, net_time later, bool good) {
    start_flooded(s);
    s->now += 64 * NET_SECOND - s->now % (64 * NET_SECOND); /* a period begins */
    forget_all(s);
    flood(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    s->now += later;
    forget_all(s);
    uint32_t iss = s->iss;
    flood(s); /* the last cookie is fresh: they are still expected */
    IN(.flags = SYN, .mss = MSS, .from = 6000);
    forget_all(s);
    s->iss = iss;
    s->iss_known = true;
    if (good) {
        IN(.flags = ACK, .seq = 1, .ack = 1);
        STATE(TCP_ESTABLISHED);
    } else {
        is_reset(s, (struct shape){.flags = ACK, .seq = 1, .ack = 1});
        assert_int_equal(net_counters(s->net)->tcp_cookies_failed, 1);
    }
}

static void test_good_for_one_period(void **state) {
    cookie_at(*state, 127 * NET_SECOND, true);
}

static void test_not_for_two(void **state) {
    cookie_at(*state, 128 * NET_SECOND, false);
}

/* Two minutes after the last one was sent none is believed. */
static void test_expected_for_a_while(void **state) {
    struct script *s = *state;
    start_flooded(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    s->now += 130 * NET_SECOND;
    forget_all(s);
    is_reset(s, (struct shape){.flags = ACK, .seq = 1, .ack = 1});
    assert_int_equal(net_counters(s->net)->tcp_cookies_failed, 0);
}

/* Another number, another place in time, another ISN of the peer's, another port. */
static void test_forgeries(void **state) {
    struct script *s = *state;
    uint32_t failed = 0;
    start_flooded(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    static const struct shape forged[] = {{.seq = 1, .ack = 100},
                                          {.seq = 1, .ack = 0x80000001},
                                          {.seq = 1, .ack = 0x01000001},
                                          {.seq = 1000, .ack = 1},
                                          {.seq = 1, .ack = 1, .from = 5556}};
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        struct shape shape = forged[i];
        shape.flags = ACK;
        is_reset(s, shape);
        failed++;
    }
    assert_int_equal(net_counters(s->net)->tcp_cookies_failed, failed);
    IN(.flags = RST | ACK, .seq = 1, .ack = 1); /* no way to open a connection */
    QUIET();
    IN(.flags = SYN | ACK, .seq = 1, .ack = 1);
    OUT(.flags = RST, .seq = 1);
    STATE(TCP_CLOSED);
}

/* Cookies of another engine, with another seed, are strange. */
static void test_keyed_by_the_seed(void **state) {
    struct script *s = *state, other;
    struct net_config config = script_config();
    config.seed[0] = 77;
    start_flooded(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    script_start_with(&other, &config);
    start_flooded(&other);
    script_in(&other, (struct shape){.flags = SYN, .mss = MSS});
    script_out(&other, __FILE__, __LINE__, (struct shape){.flags = SYN | ACK, .ack = 1});
    assert_true(s->iss != other.iss);
    other.iss = s->iss;
    is_reset(&other, (struct shape){.flags = ACK, .seq = 1, .ack = 1});
    script_stop(&other);
}

/* Too many wait to be accepted: neither a SYN nor an ACK is heard, and nothing is reset. */
static void test_accept_queue_full(void **state) {
    struct script *s = *state;
    net_socket_id socket;
    struct net_endpoint peer;
    script_listen(s, 1);
    IN(.flags = SYN, .mss = MSS, .from = 9000);
    OUT(.flags = SYN | ACK, .ack = 1);
    uint32_t first = s->iss;
    flood(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    uint32_t cookie = s->iss;
    s->iss = first;
    IN(.flags = ACK, .seq = 1, .ack = 1, .from = 9000);
    s->iss = cookie;
    IN(.flags = ACK, .seq = 1, .ack = 1);
    QUIET();
    STATE(TCP_CLOSED);
    IN(.flags = SYN, .mss = MSS, .from = 9001);
    QUIET();
    assert_int_equal(net_counters(s->net)->tcp_listen_overflow, 2);
    assert_int_equal(net_counters(s->net)->tcp_resets_out, 0);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &socket, &peer), ERR_NONE);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10); /* it comes again with the data */
    STATE(TCP_ESTABLISHED);
    accept_one(s);
    assert_int_equal(script_read(s, 100), 10);
}

/* The largest of a few that the peer can take. */
static void segment_size(struct script *s, uint16_t offered, uint16_t used) {
    start_flooded(s);
    IN(.flags = SYN, .mss = offered);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    accept_one(s);
    script_send(s, 2000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = used);
    forget_all(s);
}

static void test_segment_sizes(void **state) {
    static const uint16_t sizes[][2] = {{0, 536},     {63, 64},     {64, 64},     {500, 64},     {536, 536},
                                        {1219, 536},  {1220, 1220}, {1350, 1300}, {1400, 1380},  {1452, 1440},
                                        {1460, 1460}, {4000, 1460}, {8960, 1460}, {65535, 1460}, {1, 64}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct script script;
        script_start(&script);
        segment_size(&script, sizes[i][0], sizes[i][1]);
        script_stop(&script);
    }
}

/* Without timestamps there is no place for the other options. */
static void test_no_options_without_timestamps(void **state) {
    struct script *s = *state;
    start_flooded(s);
    IN(.flags = SYN | ECE | CWR, .mss = MSS, .has_shift = true, .shift = 7, .sack_ok = true);
    OUT(.flags = SYN | ACK, .ack = 1, .mss = MSS);
    assert_false(s->last.options.has_window_scale);
    assert_false(s->last.options.sack_permitted);
    assert_false(s->last.options.has_timestamp);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 1000);
    accept_one(s);
    script_send(s, 2000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1000); /* the window is not scaled */
}

/* A cookie with all options, whose SYN-ACK is s->last. */
static void options_by_cookie(struct script *s, struct shape syn) {
    start_flooded(s);
    s->now += 12345678;
    forget_all(s);
    flood(s);
    syn.flags |= SYN;
    syn.mss = MSS;
    syn.has_time = true;
    syn.time = 100;
    script_in(s, syn);
    bool ecn = (syn.flags & (ECE | CWR)) == (ECE | CWR);
    OUT(.flags = (uint8_t)(SYN | ACK | (ecn ? ECE : 0)), .ack = 1, .mss = MSS, .has_time = true, .echo = 100);
    assert_int_equal(s->last.options.has_window_scale, syn.has_shift);
    assert_int_equal(s->last.options.sack_permitted, syn.sack_ok);
}

static void finish(struct script *s) {
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 1000, .has_time = true, .time = 101,
       .echo = s->last.options.timestamp);
    accept_one(s);
}

static void test_options_come_back(void **state) {
    struct script *s = *state;
    options_by_cookie(s, (struct shape){.flags = ECE | CWR, .has_shift = true, .shift = 7, .sack_ok = true});
    assert_int_equal(s->last.options.window_scale, 1);
    finish(s);
    script_send(s, 4 * (MSS - STAMP));
    for (uint32_t i = 0; i < 3; i++) { /* 128,000 bytes of window, ECN, and timestamps */
        OUT(.flags = ACK, .seq = 1 + i * (MSS - STAMP), .ack = 1, .length = MSS - STAMP, .tos = ECN_ECT_0,
            .has_time = true, .echo = 101);
    }
    OUT(.flags = ACK | PSH, .seq = 1 + 3 * (MSS - STAMP), .ack = 1, .length = MSS - STAMP, .tos = ECN_ECT_0);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 10, .has_time = true, .time = 101, .tos = ECN_ECT_0);
    OUT(.flags = ACK, .seq = 1 + 4 * (MSS - STAMP), .ack = 1, .blocks = 1, .block = {{101, 111}});
}

static void test_options_that_were_not_there(void **state) {
    struct script *s = *state;
    options_by_cookie(s, (struct shape){0});
    finish(s);
    script_send(s, 2000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1000, .has_time = true, .echo = 101);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 10, .window = 1000, .has_time = true, .time = 101);
    OUT(.flags = ACK, .seq = 1001, .ack = 1, .has_time = true, .echo = 101);
    assert_int_equal(s->last.options.sack_count, 0);
}

/* Every scale, also none and those above 14. */
static void test_window_scales(void **state) {
    (void)state;
    for (uint8_t shift = 0; shift <= 15; shift++) {
        struct script script, *s = &script;
        script_start(s);
        options_by_cookie(s, (struct shape){.has_shift = true, .shift = shift});
        IN(.flags = ACK, .seq = 1, .ack = 1, .window = 1, .has_time = true, .time = 101,
           .echo = s->last.options.timestamp);
        accept_one(s);
        script_send(s, 2 * MSS);
        uint32_t window = UINT32_C(1) << (shift < 14 ? shift : 14);
        uint32_t expected = window < MSS - STAMP ? window : MSS - STAMP;
        PASS(NET_SECOND / 2);
        OUT(.flags = ACK, .seq = 1, .ack = 1, .length = expected);
        forget_all(s);
        script_stop(s);
    }
}

/* Our timestamps go on from the cookie's, which is at most 64 ms behind them. */
static void test_clock_does_not_go_back(void **state) {
    (void)state;
    for (net_time at = 0; at < 200; at += 7) {
        struct script script, *s = &script;
        script_start(s);
        s->now += at * (NET_SECOND / 1000);
        options_by_cookie(s, (struct shape){.has_shift = true, .shift = 14, .sack_ok = true});
        uint32_t stamp = s->last.options.timestamp;
        finish(s);
        script_send(s, 10);
        OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10);
        uint32_t later = s->last.options.timestamp - stamp;
        assert_true(later < 128);
        script_stop(s);
    }
}

/* What opens TIME-WAIT anew needs an ISN behind the old numbers, which no cookie could promise. */
static void test_time_wait_gets_no_cookie(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_TIME_WAIT);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    uint32_t before = s->iss + 2;
    flood(s);
    IN(.flags = SYN, .seq = 3);
    OUT(.flags = SYN | ACK, .ack = 4);
    STATE(TCP_SYN_RECEIVED);
    assert_true((int32_t)(s->iss - before) > 0);
    assert_int_equal(net_counters(s->net)->tcp_cookies_sent, 0);
}

/* A listener that closes takes its cookies along. */
static void test_closed_listener(void **state) {
    struct script *s = *state;
    start_flooded(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    assert_int_equal(net_close(s->net, s->listener, s->now), ERR_NONE);
    is_reset(s, (struct shape){.flags = ACK, .seq = 1, .ack = 1});
}

/* Any ACK at all: nothing but resets and the one connection come of them. */
static void test_random_acks(void **state) {
    struct script *s = *state;
    struct random random;
    random_seed(&random, 4, 2);
    start_flooded(s);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    for (int i = 0; i < 20000; i++) {
        uint32_t ack = random_u32(&random);
        IN(.flags = ACK, .seq = 1, .ack = ack, .from = (uint16_t)(10000 + i));
        struct tcp_header header = {0};
        struct span text;
        assert_true(script_take(s, &header, &text));
        assert_int_equal(header.flags, RST);
    }
    assert_int_equal(net_counters(s->net)->tcp_cookies_failed, 20000);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_handshake),
        WITH(test_data_with_the_ack),
        WITH(test_only_when_full),
        WITH(test_good_for_one_period),
        WITH(test_not_for_two),
        WITH(test_expected_for_a_while),
        WITH(test_forgeries),
        WITH(test_keyed_by_the_seed),
        WITH(test_accept_queue_full),
        cmocka_unit_test(test_segment_sizes),
        WITH(test_no_options_without_timestamps),
        WITH(test_options_come_back),
        WITH(test_options_that_were_not_there),
        cmocka_unit_test(test_window_scales),
        cmocka_unit_test(test_clock_does_not_go_back),
        WITH(test_time_wait_gets_no_cookie),
        WITH(test_closed_listener),
        WITH(test_random_acks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
