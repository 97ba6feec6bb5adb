/* test_undo.c: recoveries that were not needed are undone: by D-SACK (RFC 3708) and by timestamps (RFC 3522,
 * 4015). */
#include "loss.h"

static int setup_timestamps(void **state) {
    *state = loss_start(true, true);
    return 0;
}

/* Segment 0 of ten seems lost and goes again; the window is halved. */
static uint32_t recover(struct script *s) {
    uint32_t before = window_of(s);
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 10);
    take_full(s, 0, 1);
    QUIET();
    assert_true(window_of(s) < before);
    PASS(10 * MS);
    return before;
}

static void test_everything_came_twice(void **state) {
    struct script *s = *state;
    uint32_t before = recover(s);
    IN(.flags = ACK, .seq = 1, .ack = AT(10), .blocks = 1, .block = {{AT(0), AT(1)}});
    assert_true(window_of(s) >= before);
    assert_int_equal(counters(s)->tcp_spurious_recoveries, 1);
}

/* The report comes when recovery is over already. */
static void test_the_report_is_late(void **state) {
    struct script *s = *state;
    uint32_t before = recover(s);
    acked(s, 10);
    assert_int_equal(window_of(s), 5 * MSS);
    PASS(RTT);
    IN(.flags = ACK, .seq = 1, .ack = AT(10), .blocks = 1, .block = {{AT(0), AT(1)}});
    assert_true(window_of(s) >= before);
    assert_int_equal(counters(s)->tcp_spurious_recoveries, 1);
    IN(.flags = ACK, .seq = 1, .ack = AT(10), .blocks = 1, .block = {{AT(0), AT(1)}});
    assert_int_equal(counters(s)->tcp_spurious_recoveries, 1);
}

/* Two were sent again, and only one came twice: the other was lost. */
static void test_not_everything_came_twice(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 2, 10);
    take_full(s, 0, 2);
    PASS(RTT);
    IN(.flags = ACK, .seq = 1, .ack = AT(10), .blocks = 1, .block = {{AT(1), AT(2)}});
    assert_int_equal(window_of(s), 5 * MSS);
    assert_int_equal(counters(s)->tcp_spurious_recoveries, 0);
}

static void stamped(struct script *s, uint32_t ack, uint32_t echo) {
    IN(.flags = ACK, .seq = 1, .ack = 1 + ack, .has_time = true, .time = 1, .echo = echo);
}

/* As recover, with segments of 1448 bytes. echo: of the first sending, and of the second. */
static uint32_t recover_stamped(struct script *s, uint32_t echo[2]) {
    uint32_t before = window_of(s);
    script_send(s, 10 * 1448);
    for (uint32_t i = 0; i < 10; i++) {
        OUT(.flags = ACK, .seq = 1 + i * 1448, .ack = 1, .length = 1448);
    }
    echo[0] = s->last.options.timestamp;
    PASS(RTT);
    IN(.flags = ACK, .seq = 1, .ack = 1, .blocks = 1, .block = {{1 + 1448, 1 + 10 * 1448}}, .has_time = true,
       .time = 1, .echo = echo[0]);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1448);
    echo[1] = s->last.options.timestamp;
    PASS(10 * MS);
    return before;
}

static void test_the_first_one_is_echoed(void **state) {
    struct script *s = *state;
    uint32_t echo[2], before = recover_stamped(s, echo);
    stamped(s, 10 * 1448, echo[0]);
    assert_true(window_of(s) >= before);
    assert_int_equal(counters(s)->tcp_spurious_recoveries, 1);
}

static void test_the_second_one_is_echoed(void **state) {
    struct script *s = *state;
    uint32_t echo[2], before = recover_stamped(s, echo);
    stamped(s, 10 * 1448, echo[1]);
    assert_true(window_of(s) < before);
    assert_int_equal(counters(s)->tcp_spurious_recoveries, 0);
}

/* A timeout: what is acknowledged had left before anything went again; nothing else does. */
static void test_timeout_by_timestamps(void **state) {
    struct script *s = *state;
    uint32_t before = window_of(s);
    script_send(s, 3 * 1448);
    for (uint32_t i = 0; i < 3; i++) {
        OUT(.flags = ACK, .seq = 1 + i * 1448, .ack = 1, .length = 1448);
    }
    uint32_t echo = s->last.options.timestamp;
    PASS(210 * MS);
    OUT(.flags = ACK, .seq = 1 + 2 * 1448, .ack = 1, .length = 1448); /* a tail probe */
    PASS(300 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1448);
    assert_int_equal(window_of(s), 1448);
    stamped(s, 1448, echo);
    QUIET();
    assert_true(window_of(s) >= before);
    assert_int_equal(counters(s)->tcp_spurious_timeouts, 1);
}

#define WITH(test)    cmocka_unit_test_setup_teardown(test, loss_setup, script_teardown)
#define STAMPED(test) cmocka_unit_test_setup_teardown(test, setup_timestamps, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_everything_came_twice),       WITH(test_the_report_is_late),
        WITH(test_not_everything_came_twice),   STAMPED(test_the_first_one_is_echoed),
        STAMPED(test_the_second_one_is_echoed), STAMPED(test_timeout_by_timestamps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
