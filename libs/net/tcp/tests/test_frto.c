/* test_frto.c: timeouts that were not needed (RFC 5682), with SACK and without. */
#include "loss.h"

static int setup_plain(void **state) {
    *state = loss_start(false, false);
    return 0;
}

/* Ten of 14 are out and silent until the timeout; the first one goes again. */
static void time_out(struct script *s, bool sack) {
    script_send(s, 14 * MSS);
    take_full(s, 0, 10);
    if (sack) {
        PASS(210 * MS);
        take_full(s, 10, 1); /* a tail probe */
    }
    PASS(300 * MS);
    take_full(s, 0, 1);
    QUIET();
    assert_int_equal(counters(s)->tcp_timeouts, 1);
}

/* All ACKs were late: nothing else is sent again, and the window is as it was. */
static void test_spurious_with_sack(void **state) {
    struct script *s = *state;
    uint32_t before = window_of(s);
    time_out(s, true);
    acked(s, 2);
    take_full(s, 11, 3);
    QUIET();
    assert_true(window_of(s) >= before);
    acked(s, 14);
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 1);
    assert_int_equal(counters(s)->tcp_retransmits, 1);
}

/* An ACK of no more than what was sent again says nothing yet: two new segments ask. */
static void test_spurious_in_two_steps(void **state) {
    struct script *s = *state;
    time_out(s, true);
    acked(s, 1);
    take_full(s, 11, 2);
    QUIET();
    acked(s, 2);
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 1);
    assert_int_equal(counters(s)->tcp_retransmits, 1);
}

/* What is new arrives and the rest does not: the timeout was right. */
static void test_genuine_with_sack(void **state) {
    struct script *s = *state;
    time_out(s, true);
    acked(s, 1);
    take_full(s, 11, 2);
    PASS(RTT);
    told(s, 1, 11, 12);
    take_full(s, 1, 1);
    IN(.flags = ACK, .seq = 1, .ack = AT(1), .blocks = 2, .block = {{AT(2), AT(3)}, {AT(11), AT(12)}});
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 0);
    assert_true(window_of(s) <= 5 * MSS);
}

/* A timeout in the middle of recovery: what is missing was lost, it is not asked whether. */
static void test_none_in_recovery(void **state) {
    struct script *s = *state;
    script_send(s, 20 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 5);
    take_full(s, 0, 1);
    PASS(400 * MS);
    struct tcp_header header;
    struct span text;
    while (script_take(s, &header, &text)) {
    }
    assert_int_equal(counters(s)->tcp_timeouts, 1);
    told(s, 0, 1, 7); /* sent once: it would prove that the timeout was spurious */
    acked(s, 7);
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 0);
}

static void test_spurious_without_sack(void **state) {
    struct script *s = *state;
    uint32_t before = window_of(s);
    time_out(s, false);
    acked(s, 1);
    take_full(s, 10, 2);
    QUIET();
    acked(s, 2);
    take_full(s, 12, 1); /* eleven are on their way again */
    QUIET();
    assert_true(window_of(s) >= before);
    acked(s, 4);
    take_full(s, 13, 1);
    QUIET();
    acked(s, 14);
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 1);
    assert_int_equal(counters(s)->tcp_retransmits, 1);
}

/* Duplicates after the two new segments: they arrived, so the next one is missing. */
static void test_genuine_without_sack(void **state) {
    struct script *s = *state;
    time_out(s, false);
    acked(s, 1);
    take_full(s, 10, 2);
    acked(s, 1);
    take_full(s, 1, 1);
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 0);
    acked(s, 12);
    take_full(s, 12, 2);
}

/* Without SACK an ACK that jumps over what was sent again may tell of what came before the timeout. */
static void test_a_jump_proves_nothing_without_sack(void **state) {
    struct script *s = *state;
    time_out(s, false);
    acked(s, 5);
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 0);
}

/* Nothing new to ask with: all goes again in slow start. */
static void test_nothing_new(void **state) {
    struct script *s = *state;
    script_send(s, 5 * MSS);
    take_full(s, 0, 5);
    PASS(300 * MS);
    take_full(s, 0, 1);
    acked(s, 1);
    take_full(s, 1, 2);
    QUIET();
    acked(s, 5);
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 0);
}

/* While a timeout is being made good an ACK lets the window grow by one segment only (RFC 3465 2.3). */
static void test_growth_after_a_timeout(void **state) {
    struct script *s = *state;
    script_send(s, 8 * MSS);
    take_full(s, 0, 8);
    PASS(300 * MS);
    take_full(s, 0, 1);
    acked(s, 4);
    take_full(s, 4, 2);
    QUIET();
}

#define WITH(test)  cmocka_unit_test_setup_teardown(test, loss_setup, script_teardown)
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, setup_plain, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_spurious_with_sack),
        WITH(test_spurious_in_two_steps),
        WITH(test_none_in_recovery),
        WITH(test_genuine_with_sack),
        PLAIN(test_spurious_without_sack),
        PLAIN(test_genuine_without_sack),
        PLAIN(test_a_jump_proves_nothing_without_sack),
        PLAIN(test_nothing_new),
        PLAIN(test_growth_after_a_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
