/* test_rack.c: what is lost and what is only late (RFC 8985 section 6). */
#include "loss.h"

/* What comes a little late is not sent again, and that it came late is noted. */
static void test_late_is_not_lost(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 3);
    PASS(24 * MS);
    QUIET();
    acked(s, 3);
    PASS(2 * MS);
    QUIET();
    acked(s, 10);
    assert_int_equal(counters(s)->tcp_retransmits, 0);
    assert_int_equal(counters(s)->tcp_reordering_seen, 1);
    struct net_stream_info info;
    assert_int_equal(net_stream_info(s->net, s->socket, &info, s->now), ERR_NONE);
    assert_int_equal(info.reorderings, 1);
}

/* A quarter of the round trip later it counts as lost. */
static void test_reordering_timer(void **state) {
    struct script *s = *state;
    script_send(s, 3 * MSS);
    take_full(s, 0, 3);
    PASS(RTT);
    told(s, 0, 1, 2);
    QUIET();
    PASS(RTT / 4 - 1);
    QUIET();
    PASS(1);
    take_full(s, 0, 1);
    QUIET();
    assert_int_equal(counters(s)->tcp_reorder_timeouts, 1);
    assert_int_equal(counters(s)->tcp_fast_retransmits, 1);
    assert_int_equal(counters(s)->tcp_timeouts, 0);
    acked(s, 3);
    QUIET();
    assert_int_equal(net_deadline(s->net), NET_NEVER);
}

/* Three segments later it is lost at once, as long as nothing ever came late. */
static void test_three_are_enough(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 4);
    take_full(s, 0, 1);
    QUIET();
    PASS(RTT);
    acked(s, 10); /* what was sent again is not late */
    assert_int_equal(counters(s)->tcp_reordering_seen, 0);
}

/* Segment 0 of ten comes late. */
static void see_reordering(struct script *s) {
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 2);
    acked(s, 10);
    QUIET();
}

/* Afterwards no number of segments is enough: only time tells. */
static void test_reordering_is_remembered(void **state) {
    struct script *s = *state;
    see_reordering(s);
    script_send(s, 10 * MSS);
    take_full(s, 10, 10);
    PASS(RTT);
    told(s, 10, 11, 20);
    PASS(RTT / 4 - 1);
    QUIET();
    PASS(1);
    take_full(s, 10, 1);
}

/* The next loss: `segment` is missing of two, and is waited for so long. */
static void wait_for_loss(struct script *s, uint32_t segment, net_time wait) {
    script_send(s, 2 * MSS);
    take_full(s, segment, 2);
    PASS(RTT);
    told(s, segment, segment + 1, segment + 2);
    PASS(wait - 1);
    QUIET();
    PASS(1);
    take_full(s, segment, 1);
    QUIET();
    PASS(RTT);
}

/* It was sent again in vain: the window widens by a quarter of the round trip, once in a round trip. */
static void test_duplicates_widen_the_window(void **state) {
    struct script *s = *state;
    see_reordering(s);
    wait_for_loss(s, 10, RTT / 4);
    for (int i = 0; i < 2; i++) {
        IN(.flags = ACK, .seq = 1, .ack = AT(10), .blocks = 1, .block = {{AT(0), AT(1)}});
    }
    IN(.flags = ACK, .seq = 1, .ack = AT(12), .blocks = 1, .block = {{AT(10), AT(11)}});
    wait_for_loss(s, 12, 3 * RTT / 4);
}

/* But not beyond a round trip, however often that happens. */
static void test_the_window_has_an_end(void **state) {
    struct script *s = *state;
    see_reordering(s);
    for (uint32_t i = 5; i < 12; i++) {
        net_time quarters = i - 4 < 4 ? i - 4 : 4;
        wait_for_loss(s, 2 * i, quarters * RTT / 4);
        IN(.flags = ACK, .seq = 1, .ack = AT(2 * i + 2), .blocks = 1, .block = {{AT(2 * i), AT(2 * i + 1)}});
    }
}

/* After 16 recoveries in which nothing was sent in vain the window is narrow again. */
static void test_the_window_narrows(void **state) {
    struct script *s = *state;
    see_reordering(s);
    wait_for_loss(s, 10, RTT / 4);
    IN(.flags = ACK, .seq = 1, .ack = AT(12), .blocks = 1, .block = {{AT(10), AT(11)}});
    for (uint32_t i = 6; i < 22; i++) {
        wait_for_loss(s, 2 * i, RTT / 2);
        acked(s, 2 * i + 2);
    }
    wait_for_loss(s, 44, RTT / 4);
}

/* What was sent again and is lost again is known by what was sent after it. */
static void test_lost_retransmission(void **state) {
    struct script *s = *state;
    script_send(s, 14 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 8);
    take_full(s, 0, 1);
    PASS(MS);
    told(s, 0, 1, 10); /* lets something new out */
    take_full(s, 10, 1);
    PASS(RTT);
    told(s, 0, 1, 11);
    take_full(s, 0, 1);
    assert_int_equal(counters(s)->tcp_lost_again, 1);
    assert_int_equal(counters(s)->tcp_timeouts, 0);
    acked(s, 11);
}

/* A SACK that comes too soon after the second sending is the first one's: nothing else is lost by it. */
static void test_too_soon_to_be_the_second(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    IN(.flags = ACK, .seq = 1, .ack = AT(0), .blocks = 2, .block = {{AT(6), AT(9)}, {AT(2), AT(5)}});
    take_full(s, 0, 2);
    PASS(10 * MS);
    IN(.flags = ACK, .seq = 1, .ack = AT(0), .blocks = 1, .block = {{AT(1), AT(5)}});
    struct tcp_header header;
    struct span text;
    while (script_take(s, &header, &text)) {
        assert_int_not_equal(header.seq.value - s->iss, AT(0));
    }
    assert_int_equal(counters(s)->tcp_lost_again, 0);
}

/* A timeout (6.3): what has only just been sent does not count as lost. */
static void test_timeout_spares_the_young(void **state) {
    struct script *s = *state;
    script_send(s, 3 * MSS);
    take_full(s, 0, 3);
    PASS(210 * MS);
    take_full(s, 2, 1); /* a tail probe */
    PASS(250 * MS);
    script_send(s, 2 * MSS);
    take_full(s, 3, 2);
    PASS(50 * MS);
    take_full(s, 0, 1); /* the timeout */
    QUIET();
    assert_int_equal(counters(s)->tcp_timeouts, 1);
    PASS(40 * MS);
    acked(s, 3);
    QUIET();
    acked(s, 5);
    assert_int_equal(counters(s)->tcp_retransmits, 2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, loss_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_late_is_not_lost),
        WITH(test_reordering_timer),
        WITH(test_three_are_enough),
        WITH(test_reordering_is_remembered),
        WITH(test_duplicates_widen_the_window),
        WITH(test_the_window_has_an_end),
        WITH(test_the_window_narrows),
        WITH(test_lost_retransmission),
        WITH(test_too_soon_to_be_the_second),
        WITH(test_timeout_spares_the_young),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
