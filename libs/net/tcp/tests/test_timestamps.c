/* test_timestamps.c: RFC 7323: what is agreed, echoed, measured and dropped. */
#include "script.h"

#define MS  (NET_SECOND / 1000)
#define DAY (86400 * NET_SECOND)

/* A connection with timestamps, at the peer's time 0. */
static void establish(struct script *s) {
    struct net_endpoint peer;
    script_listen(s, 8);
    IN(.flags = SYN, .mss = 1460, .has_time = true);
    OUT(.flags = SYN | ACK, .ack = 1, .has_time = true);
    IN(.flags = ACK, .seq = 1, .ack = 1, .has_time = true, .echo = s->last.options.timestamp);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    QUIET();
}

static uint64_t old_ones(struct script *s) {
    return net_counters(s->net)->tcp_old_timestamp;
}

static void test_offered_and_agreed(void **state) {
    struct script *s = *state;
    script_connect(s);
    OUT(.flags = SYN);
    assert_true(s->last.options.has_timestamp);
    assert_int_equal(s->last.options.timestamp_echo, 0);
    IN(.flags = SYN | ACK, .ack = 1, .mss = 1460, .has_time = true, .echo = s->last.options.timestamp);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .has_time = true);
    script_send(s, 3000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1448, .has_time = true); /* room for the option */
}

static void test_not_agreed(void **state) {
    struct script *s = *state;
    script_connect(s);
    OUT(.flags = SYN);
    IN(.flags = SYN | ACK, .ack = 1, .mss = 1460);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    assert_false(s->last.options.has_timestamp);
    script_send(s, 3000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    assert_false(s->last.options.has_timestamp);
}

static void test_not_wanted(void **state) {
    (void)state;
    struct script script, *s = &script;
    struct net_config config = script_config();
    config.no_timestamps = true;
    script_start_with(s, &config);
    script_listen(s, 8);
    IN(.flags = SYN, .mss = 1460, .has_time = true);
    OUT(.flags = SYN | ACK, .ack = 1);
    assert_false(s->last.options.has_timestamp);
    script_stop(s);
}

/* 3.2: once agreed, all segments carry it: data, FIN, what is sent again, and RST. */
static void test_sent_always(void **state) {
    struct script *s = *state;
    establish(s);
    script_send(s, 100);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100, .has_time = true);
    PASS(1100 * MS);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100, .has_time = true);
    IN(.flags = ACK, .seq = 1, .ack = 101, .has_time = true);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 101, .ack = 1, .has_time = true);
    assert_int_equal(net_abort(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = RST | ACK, .seq = 102, .ack = 1, .has_time = true);
}

/* 3.2: what comes without agreement is ignored: it is neither echoed nor does it make a segment old. */
static void test_ignored_without_agreement(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    for (uint32_t i = 0; i < 2; i++) {
        IN(.flags = ACK | PSH, .seq = 1 + 100 * i, .ack = 1, .length = 100, .has_time = true, .time = 9 - i);
        OUT(.flags = ACK, .seq = 1, .ack = 101 + 100 * i);
        assert_false(s->last.options.has_timestamp);
    }
    assert_int_equal(old_ones(s), 0);
}

static uint32_t clock_in_syn(struct script *s) {
    OUT(.flags = SYN);
    return s->last.options.timestamp;
}

/* 5.4: it ticks once a millisecond. 7.1: where it starts differs from host to host, so that it does not tell
 * how long we have been up. */
static void test_our_clock(void **state) {
    struct script *s = *state, other;
    struct net_config config = script_config();
    config.seed[0] = 7;
    script_start_with(&other, &config);
    script_connect(s);
    uint32_t first = clock_in_syn(s);
    PASS(1000 * MS);
    assert_int_equal(clock_in_syn(s) - first, 1000);
    script_connect(&other);
    assert_true(clock_in_syn(&other) - first > 100000);
    script_stop(&other);
}

/* 4.3: the echo is that of the segment that the ACK answers first; a later one does not overtake it. */
static void test_recent_follows_what_is_acknowledged(void **state) {
    struct script *s = *state;
    establish(s);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 100, .has_time = true, .time = 10);
    OUT(.flags = ACK, .seq = 1, .ack = 101, .has_time = true, .echo = 10);
    IN(.flags = ACK, .seq = 201, .ack = 1, .length = 100, .has_time = true, .time = 20);
    OUT(.flags = ACK, .seq = 1, .ack = 101, .has_time = true, .echo = 10); /* it stands behind a gap */
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 100, .has_time = true, .time = 30);
    OUT(.flags = ACK, .seq = 1, .ack = 301, .has_time = true, .echo = 30);
}

static void test_old_segments_are_dropped(void **state) {
    struct script *s = *state;
    establish(s);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 100, .has_time = true, .time = 0x200); /* wraps */
    OUT(.flags = ACK, .seq = 1, .ack = 101, .has_time = true, .echo = 0x200);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 100, .has_time = true, .time = 0x1ff);
    OUT(.flags = ACK, .seq = 1, .ack = 101, .has_time = true, .echo = 0x200);
    IN(.flags = FIN | ACK, .seq = 101, .ack = 1, .has_time = true, .time = 0x1ff);
    OUT(.flags = ACK, .seq = 1, .ack = 101, .has_time = true, .echo = 0x200);
    assert_int_equal(old_ones(s), 2);
    STATE(TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 100); /* none at all: taken, as Linux does */
    OUT(.flags = ACK, .seq = 1, .ack = 201, .has_time = true, .echo = 0x200);
    IN(.flags = RST | ACK, .seq = 201, .ack = 1, .has_time = true, .time = 1); /* R1 spares it */
    STATE(TCP_CLOSED);
}

/* 5.5: after 24 days the peer's clock may have wrapped; what it says then is taken. */
static void test_recent_is_forgotten(void **state) {
    struct script *s = *state;
    establish(s);
    PASS(24 * DAY);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 1, .has_time = true, .time = 0x80000001);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    assert_int_equal(old_ones(s), 1);
    PASS(DAY);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 1, .has_time = true, .time = 0x80000001);
    OUT(.flags = ACK, .seq = 1, .ack = 2, .has_time = true, .echo = 0x80000001);
    assert_int_equal(old_ones(s), 1);
}

static uint32_t rtt_of(struct script *s) {
    struct net_socket_info info;
    uint32_t cursor = 0;
    while (net_socket_next(s->net, &cursor, &info)) {
        if (info.peer.port == PEER_PORT) {
            return info.rtt_us;
        }
    }
    return 0;
}

/* 4.1: what was sent twice is measured by the echo; a nonsensical echo is not believed. */
static void test_round_trip_of_what_was_resent(void **state) {
    struct script *s = *state;
    establish(s);
    script_send(s, 100);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100, .has_time = true);
    PASS(1100 * MS);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100, .has_time = true);
    uint32_t before = rtt_of(s);
    PASS(80 * MS);
    IN(.flags = ACK, .seq = 1, .ack = 101, .has_time = true, .echo = s->last.options.timestamp);
    assert_in_range(rtt_of(s), before + (80000 - before) / 8 - 1000, before + (80000 - before) / 8 + 1000);
    before = rtt_of(s);
    script_send(s, 100);
    OUT(.flags = ACK | PSH, .seq = 101, .ack = 1, .length = 100);
    PASS(1100 * MS);
    OUT(.flags = ACK | PSH, .seq = 101, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 1, .ack = 201, .has_time = true, .echo = s->last.options.timestamp + 5000);
    assert_int_equal(rtt_of(s), before);
}

/* A connection that waits for stragglers answers with the timestamps of its life; a SYN of a later clock may
 * open it anew though its sequence number is old (RFC 6191). */
static void test_time_wait(void **state) {
    struct script *s = *state;
    establish(s);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 1, .has_time = true);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 2, .has_time = true, .time = 7);
    OUT(.flags = ACK, .seq = 2, .ack = 2, .has_time = true, .echo = 7);
    IN(.flags = SYN, .seq = 0, .mss = 1460, .has_time = true, .time = 7);
    OUT(.flags = ACK, .seq = 2, .ack = 2, .has_time = true, .echo = 7);
    PASS(NET_SECOND);
    IN(.flags = SYN, .seq = 1000, .mss = 1460, .has_time = true, .time = 6); /* RFC 6191: from before */
    OUT(.flags = ACK, .seq = 2, .ack = 2, .has_time = true, .echo = 7);
    IN(.flags = SYN, .seq = 0, .mss = 1460, .has_time = true, .time = 8);
    s->iss_known = false;
    OUT(.flags = SYN | ACK, .ack = 1, .has_time = true, .echo = 8);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_offered_and_agreed),
        WITH(test_not_agreed),
        cmocka_unit_test(test_not_wanted),
        WITH(test_sent_always),
        WITH(test_ignored_without_agreement),
        WITH(test_our_clock),
        WITH(test_recent_follows_what_is_acknowledged),
        WITH(test_old_segments_are_dropped),
        WITH(test_recent_is_forgotten),
        WITH(test_round_trip_of_what_was_resent),
        WITH(test_time_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
