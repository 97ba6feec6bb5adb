/* test_congestion.c: NewReno (RFC 5681) and CUBIC (RFC 9438) by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <net/tcp/congestion.h>

#define MSS 1000
#define RTT (NET_SECOND / 10)

static void cube_roots(void **state) {
    struct random random;
    random_seed(&random, 1, 0);
    assert_int_equal(congestion_cube_root(0), 0);
    assert_int_equal(congestion_cube_root(UINT64_MAX), 2642245);
    for (uint64_t root = 1; root <= 2642245; root += 1 + random_below(&random, 2000)) {
        uint64_t cube = root * root * root;
        assert_int_equal(congestion_cube_root(cube), root);
        assert_int_equal(congestion_cube_root(cube - 1), root - 1);
        assert_int_equal(congestion_cube_root(cube + 1), root);
    }
}

/* A window's worth of ACKs, one for each second segment. */
static void round_trip(struct congestion *congestion, net_time *now) {
    uint32_t left = congestion->cwnd;
    net_time end = *now + RTT;
    while (left > 0) {
        uint32_t acked = left < 2 * MSS ? left : 2 * MSS;
        congestion_acked(congestion, acked, RTT, *now);
        left -= acked;
        *now += RTT * acked / (congestion->cwnd + 1);
    }
    *now = end;
}

static void start(struct congestion *congestion, const struct congestion_kind *kind, uint32_t segments) {
    congestion_init(congestion, kind, MSS);
    congestion->cwnd = segments * MSS;
    congestion_lost(congestion, congestion->cwnd);
    congestion->cwnd = congestion->ssthresh;
}

static void new_reno_adds_a_segment_a_round_trip(void **state) {
    struct congestion congestion;
    net_time now = NET_SECOND;
    start(&congestion, &CONGESTION_NEW_RENO, 100);
    assert_int_equal(congestion.cwnd, 50 * MSS);
    for (int i = 0; i < 20; i++) {
        round_trip(&congestion, &now);
    }
    assert_in_range(congestion.cwnd, 69 * MSS, 71 * MSS);
}

/* From 0.7 of the window: back there after K = cbrt(0.3 * W / 0.4), level around it, then up. */
static void cubic_follows_its_curve(void **state) {
    struct congestion congestion;
    net_time now = NET_SECOND, begin = now;
    start(&congestion, &CONGESTION_CUBIC, 1000);
    assert_int_equal(congestion.cwnd, 700 * MSS);
    net_time k = 9086 * 1000; /* cbrt(750) seconds */
    uint32_t last = congestion.cwnd;
    while (now < begin + k) {
        round_trip(&congestion, &now);
        assert_true(congestion.cwnd >= last);
        last = congestion.cwnd;
    }
    assert_in_range(congestion.cubic.k, 9080, 9090);
    assert_in_range(congestion.cwnd, 990 * MSS, 1005 * MSS);
    while (now < begin + 2 * k) {
        round_trip(&congestion, &now);
    }
    assert_in_range(congestion.cwnd, 1270 * MSS, 1330 * MSS); /* the curve is odd about K */
}

/* Where NewReno would have more, CUBIC has as much (4.3). */
static void cubic_is_no_worse_than_new_reno(void **state) {
    struct congestion congestion;
    net_time now = NET_SECOND;
    start(&congestion, &CONGESTION_CUBIC, 10);
    for (int i = 0; i < 17; i++) {
        round_trip(&congestion, &now);
    }
    assert_in_range(congestion.cwnd, 15 * MSS, 22 * MSS);
}

static void who_loses_sooner_leaves_room(void **state) {
    struct congestion congestion;
    start(&congestion, &CONGESTION_CUBIC, 100);
    assert_int_equal(congestion.cubic.w_max, 100 * MSS);
    congestion_lost(&congestion, congestion.cwnd);
    assert_int_equal(congestion.cubic.w_max, 70 * MSS * 17 / 20);
    assert_int_equal(congestion.ssthresh, 49 * MSS);
}

/* 4.8: after a timeout the curve begins level, where slow start has ended. */
static void a_timeout_begins_a_new_curve(void **state) {
    (void)state;
    struct congestion congestion;
    net_time now = NET_SECOND;
    start(&congestion, &CONGESTION_CUBIC, 100);
    congestion_timed_out(&congestion, congestion.cwnd, false);
    assert_int_equal(congestion.cwnd, MSS);
    assert_int_equal(congestion.ssthresh, 49 * MSS);
    while (congestion.cwnd < congestion.ssthresh) {
        round_trip(&congestion, &now);
    }
    uint32_t begun = congestion.cwnd;
    congestion_acked(&congestion, MSS, RTT, now);
    assert_int_equal(congestion.cubic.k, 0);
    assert_true(congestion.cubic.w_max <= begun + MSS);
}

/* What was no loss changes nothing (4.9), and what has grown meanwhile stays. */
static void a_loss_is_undone(void **state) {
    (void)state;
    struct congestion congestion;
    struct congestion_memory memory;
    start(&congestion, &CONGESTION_CUBIC, 100);
    congestion_save(&congestion, &memory);
    congestion_timed_out(&congestion, congestion.cwnd, false);
    congestion_restore(&congestion, &memory);
    assert_int_equal(congestion.cwnd, 70 * MSS);
    assert_int_equal(congestion.ssthresh, 70 * MSS);
    assert_int_equal(congestion.cubic.w_max, 100 * MSS);
    congestion.cwnd = 80 * MSS;
    congestion_restore(&congestion, &memory);
    assert_int_equal(congestion.cwnd, 80 * MSS);
}

/* By the most that was out in a round trip; a new one begins when what was sent then has arrived. */
static void the_window_is_used_or_not(void **state) {
    struct congestion congestion;
    start(&congestion, &CONGESTION_NEW_RENO, 20);
    assert_int_equal(congestion.cwnd, 10 * MSS);
    assert_false(congestion_is_used(&congestion));
    congestion_sent(&congestion, 9 * MSS, seq_of(0), seq_of(9 * MSS));
    assert_true(congestion_is_used(&congestion));
    congestion_sent(&congestion, 2 * MSS, seq_of(8 * MSS), seq_of(10 * MSS)); /* ACKs came meanwhile */
    assert_true(congestion_is_used(&congestion));
    congestion_lost(&congestion, 2 * MSS);
    assert_int_equal(congestion.ssthresh, 9 * MSS / 2);
    congestion_sent(&congestion, 3 * MSS, seq_of(9 * MSS), seq_of(12 * MSS));
    assert_false(congestion_is_used(&congestion));
    congestion_lost(&congestion, 6 * MSS);
    assert_int_equal(congestion.ssthresh, 3 * MSS);
    congestion.ssthresh = 20 * MSS; /* slow start: half of it is enough */
    congestion_sent(&congestion, 5 * MSS, seq_of(12 * MSS), seq_of(17 * MSS));
    assert_true(congestion_is_used(&congestion));
}

/* RFC 3168 6.1.2: a loss, or a timeout, in a window that a mark has reduced reduces it no further; slow start
 * after the timeout is not held back. */
static void a_mark_and_a_loss_are_one_reduction(void **state) {
    (void)state;
    struct congestion congestion;
    congestion_init(&congestion, &CONGESTION_NEW_RENO, MSS);
    congestion_marked(&congestion, 10 * MSS);
    assert_int_equal(congestion.cwnd, 5 * MSS);
    assert_int_equal(congestion.ssthresh, 5 * MSS);
    assert_true(congestion.reduced);
    congestion.reduced = false;
    congestion_lost(&congestion, 6 * MSS);
    assert_int_equal(congestion.ssthresh, 5 * MSS);
    assert_true(congestion.reduced);
    congestion_acked(&congestion, 5 * MSS, RTT, RTT);
    assert_int_equal(congestion.cwnd, 5 * MSS);
    congestion_timed_out(&congestion, 6 * MSS, false);
    assert_int_equal(congestion.ssthresh, 5 * MSS);
    assert_int_equal(congestion.cwnd, MSS);
    congestion_acked(&congestion, MSS, RTT, RTT);
    assert_int_equal(congestion.cwnd, 2 * MSS);
    congestion_lost(&congestion, 8 * MSS);
    assert_int_equal(congestion.ssthresh, 4 * MSS);
}

/* What is out may be less than the window: it does not grow by being reduced. */
static void a_mark_never_widens(void **state) {
    (void)state;
    struct congestion congestion;
    congestion_init(&congestion, &CONGESTION_NEW_RENO, MSS);
    congestion.cwnd = MSS;
    congestion_marked(&congestion, MSS);
    assert_int_equal(congestion.cwnd, MSS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cube_roots),
        cmocka_unit_test(new_reno_adds_a_segment_a_round_trip),
        cmocka_unit_test(cubic_follows_its_curve),
        cmocka_unit_test(cubic_is_no_worse_than_new_reno),
        cmocka_unit_test(who_loses_sooner_leaves_room),
        cmocka_unit_test(the_window_is_used_or_not),
        cmocka_unit_test(a_timeout_begins_a_new_curve),
        cmocka_unit_test(a_loss_is_undone),
        cmocka_unit_test(a_mark_and_a_loss_are_one_reduction),
        cmocka_unit_test(a_mark_never_widens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
