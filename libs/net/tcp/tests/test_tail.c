/* test_tail.c: the tail loss probe (RFC 8985 section 7). */
#include "loss.h"

#define PTO (2 * RTT + 10 * MS)

/* The last two of four are lost: the probe tells, and the timer does not run out. */
static void test_probe_finds_a_hole(void **state) {
    struct script *s = *state;
    script_send(s, 4 * MSS);
    take_full(s, 0, 4);
    PASS(RTT);
    acked(s, 2);
    PASS(200 * MS - 1); /* the timeout would be then, so the probe is not later */
    QUIET();
    PASS(1);
    take_full(s, 3, 1);
    QUIET();
    PASS(RTT);
    told(s, 2, 3, 4);
    take_full(s, 2, 1);
    QUIET();
    acked(s, 4);
    PASS(1000 * MS);
    QUIET();
    assert_int_equal(counters(s)->tcp_tail_probes, 1);
    assert_int_equal(counters(s)->tcp_timeouts, 0);
}

/* Something new is the better probe, even beyond cwnd; one is enough, then the timer runs. */
static void test_probe_with_new_data(void **state) {
    struct script *s = *state;
    script_send(s, 13 * MSS);
    take_full(s, 0, 10);
    PASS(PTO - 1);
    QUIET();
    PASS(1);
    take_full(s, 10, 1);
    QUIET();
    PASS(300 * MS - 1);
    QUIET();
    PASS(1);
    take_full(s, 0, 1);
    assert_int_equal(counters(s)->tcp_tail_probes, 1);
    assert_int_equal(counters(s)->tcp_timeouts, 1);
}

/* Each new segment starts the wait anew, but never beyond the timeout. */
static void test_wait_begins_anew(void **state) {
    struct script *s = *state;
    script_send(s, 2 * MSS);
    take_full(s, 0, 2);
    PASS(80 * MS);
    script_send(s, MSS);
    take_full(s, 2, 1);
    PASS(160 * MS);
    QUIET();
    script_send(s, MSS);
    take_full(s, 3, 1);
    PASS(60 * MS - 1);
    QUIET();
    PASS(1);
    take_full(s, 3, 1);
}

/* A lone segment's ACK may be held back (max_ack_delay), here longer than the timer allows. */
static void test_lone_segment(void **state) {
    struct script *s = *state;
    script_send(s, MSS);
    take_full(s, 0, 1);
    PASS(300 * MS - 1);
    QUIET();
    PASS(1);
    take_full(s, 0, 1);
    assert_int_equal(counters(s)->tcp_tail_probes, 1);
    acked(s, 1);
}

/* The window shuts over what is out: no probe may leave, and the engine does not turn round and round for it
 * when the timeout is over too. */
static void test_no_probe_into_a_shut_window(void **state) {
    struct script *s = *state;
    script_send(s, 2 * MSS);
    take_full(s, 0, 2);
    PASS(20 * MS);
    IN(.flags = ACK, .seq = 1, .ack = AT(0), .shut = true);
    PASS(PTO);
    QUIET();
    PASS(100 * MS);
    QUIET();
    assert_int_equal(counters(s)->tcp_tail_probes, 0);
    acked(s, 2);
    QUIET();
}

/* What SACK has told of says more than a probe could (7.2): RACK's timer runs instead, then the timeout. */
static void test_no_probe_when_something_arrived(void **state) {
    struct script *s = *state;
    script_send(s, 4 * MSS);
    take_full(s, 0, 4);
    PASS(RTT);
    told(s, 0, 1, 2);
    PASS(25 * MS);
    take_full(s, 0, 1);
    PASS(280 * MS);
    QUIET();
    assert_int_equal(counters(s)->tcp_tail_probes, 0);
}

/* Ten are out, `segment` the first, and the last has been sent twice. */
static void probe(struct script *s, uint32_t segment) {
    script_send(s, 10 * MSS);
    take_full(s, segment, 10);
    PASS(PTO);
    take_full(s, segment + 9, 1);
    PASS(RTT);
}

/* 7.4.2: a probe that came twice was not needed: D-SACK tells, or a duplicate without SACK. */
static void test_probe_came_twice(void **state) {
    struct script *s = *state;
    uint32_t before = window_of(s);
    probe(s, 0);
    IN(.flags = ACK, .seq = 1, .ack = AT(10), .blocks = 1, .block = {{AT(9), AT(10)}});
    probe(s, 10);
    acked(s, 20);
    acked(s, 20);
    script_send(s, MSS);
    take_full(s, 20, 1);
    acked(s, 21);
    assert_true(window_of(s) >= before);
    assert_int_equal(counters(s)->tcp_tail_probes, 2);
}

/* One that filled the only hole stands for a loss; that is certain when something after it is acknowledged.
 */
static void test_probe_was_needed(void **state) {
    struct script *s = *state;
    probe(s, 0);
    acked(s, 10);
    uint32_t before = window_of(s);
    script_send(s, MSS);
    take_full(s, 10, 1);
    PASS(RTT);
    acked(s, 11);
    assert_true(window_of(s) <= before / 2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, loss_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_probe_finds_a_hole),
        WITH(test_probe_with_new_data),
        WITH(test_wait_begins_anew),
        WITH(test_lone_segment),
        WITH(test_probe_came_twice),
        WITH(test_no_probe_into_a_shut_window),
        WITH(test_no_probe_when_something_arrived),
        WITH(test_probe_was_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
