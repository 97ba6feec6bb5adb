/* test_congestion.c: NewReno (RFC 5681), CUBIC (RFC 9438) and HyStart++ (RFC 9406) by themselves. */
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
    assert_in_range(congestion.phase.cubic.k, 9080, 9090);
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

/* Long after the last loss the curve is far above; it is followed by half of cwnd a round trip at most. */
static void cubic_never_more_than_one_and_a_half(void **state) {
    (void)state;
    struct congestion congestion;
    net_time now = NET_SECOND;
    start(&congestion, &CONGESTION_CUBIC, 100);
    congestion_acked(&congestion, MSS, RTT, now);
    uint32_t before = congestion.cwnd;
    for (uint32_t acked = 0; acked < before; acked += MSS) {
        congestion_acked(&congestion, MSS, RTT, now + 60 * NET_SECOND);
        assert_true(congestion.cwnd <= before + (acked + MSS) / 2 + before / 8);
    }
    congestion.cwnd = before;
    congestion_acked(&congestion, before, RTT, now + 60 * NET_SECOND);
    assert_int_equal(congestion.cwnd, before + before / 2);
}

/* While no time passes the curve stays behind NewReno's estimate: 9/17 of a segment a window until the window
 * of the last loss is reached, then a whole one. */
static void the_estimate_grows_faster_once_it_is_back(void **state) {
    (void)state;
    struct congestion congestion;
    start(&congestion, &CONGESTION_CUBIC, 100);
    congestion.phase.cubic.w_max = congestion.cwnd; /* the curve begins level */
    for (int window = 0; window < 17; window++) {
        congestion_acked(&congestion, congestion.cwnd, RTT, NET_SECOND);
    }
    assert_in_range(congestion.cwnd, 79 * MSS - 100, 79 * MSS); /* rounded down */
    congestion.phase.cubic.cwnd_prior = congestion.cwnd;
    uint32_t before = congestion.cwnd;
    for (int window = 0; window < 17; window++) {
        congestion_acked(&congestion, congestion.cwnd, RTT, NET_SECOND);
    }
    assert_in_range(congestion.cwnd, before + 17 * MSS - 100, before + 17 * MSS);
}

static void who_loses_sooner_leaves_room(void **state) {
    struct congestion congestion;
    start(&congestion, &CONGESTION_CUBIC, 100);
    assert_int_equal(congestion.phase.cubic.w_max, 100 * MSS);
    congestion_lost(&congestion, congestion.cwnd);
    assert_int_equal(congestion.phase.cubic.w_max, 70 * MSS * 17 / 20);
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
    assert_int_equal(congestion.phase.cubic.k, 0);
    assert_true(congestion.phase.cubic.w_max <= begun + MSS);
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
    assert_int_equal(congestion.phase.cubic.w_max, 100 * MSS);
    congestion.cwnd = 80 * MSS;
    congestion_restore(&congestion, &memory);
    assert_int_equal(congestion.cwnd, 80 * MSS);
}

/* ---- HyStart++ ---- */

struct way {
    struct congestion congestion;
    struct sequence una;
};

/* A window is sent and acknowledged, one ACK for each second segment, `rtt` microseconds after it was sent.
 */
static void a_round(struct way *way, uint32_t rtt) {
    struct congestion *congestion = &way->congestion;
    struct sequence nxt = seq_add(way->una, congestion->cwnd);
    while (seq_before(way->una, nxt)) {
        uint32_t left = nxt.value - way->una.value, acked = left < 2 * MSS ? left : 2 * MSS;
        way->una = seq_add(way->una, acked);
        congestion_measured(congestion, rtt, way->una, seq_add(way->una, congestion->cwnd));
        congestion_acked(congestion, acked, rtt, NET_SECOND);
    }
}

static struct way new_way(const struct congestion_kind *kind) {
    struct way way = {.una = seq_of(UINT32_MAX - 20 * MSS)};
    congestion_init(&way.congestion, kind, MSS);
    for (int i = 0; i < 2; i++) {
        a_round(&way, 40000);
    }
    assert_int_equal(way.congestion.cwnd, 40 * MSS);
    return way;
}

static void slow_start_ends_when_round_trips_grow(void **state) {
    (void)state;
    struct way way = new_way(&CONGESTION_CUBIC);
    a_round(&way, 44999); /* an eighth more is the limit here */
    assert_int_equal(way.congestion.cwnd, 80 * MSS);
    a_round(&way, 50700);
    uint32_t before = way.congestion.cwnd;
    assert_true(before < 160 * MSS && before > 90 * MSS);
    for (int round = 0; round < 4; round++) {
        assert_true(congestion_is_first(&way.congestion));
        before = way.congestion.cwnd;
        a_round(&way, 60000); /* longer still, but CSS goes by where it began */
        assert_in_range(way.congestion.cwnd, before + before / 4 - 4 * MSS, before + before / 4);
    }
    a_round(&way, 60000);
    assert_false(congestion_is_first(&way.congestion));
    assert_true(way.congestion.ssthresh <= way.congestion.cwnd);
    assert_true(way.congestion.cwnd < 320 * MSS);
}

/* What looked like a queue was none. */
static void slow_start_goes_on_when_they_shrink(void **state) {
    (void)state;
    struct way way = new_way(&CONGESTION_CUBIC);
    a_round(&way, 60000);
    uint32_t before = way.congestion.cwnd;
    assert_true(before < 80 * MSS);
    a_round(&way, 40000);
    assert_true(way.congestion.cwnd > before + before / 2);
    before = way.congestion.cwnd;
    a_round(&way, 40000);
    assert_int_equal(way.congestion.cwnd, 2 * before);
    assert_true(congestion_is_first(&way.congestion));
}

/* Less than 8 samples in a round say nothing; nor does a first one, nor less than 4 ms. */
static void few_samples_decide_nothing(void **state) {
    (void)state;
    struct way way = {.una = seq_of(0)};
    congestion_init(&way.congestion, &CONGESTION_CUBIC, MSS);
    a_round(&way, 1000);
    a_round(&way, 90000); /* 20 segments, 10 ACKs: told only now */
    assert_true(way.congestion.cwnd < 40 * MSS);
    congestion_init(&way.congestion, &CONGESTION_CUBIC, MSS);
    way.congestion.cwnd = 7 * MSS;
    a_round(&way, 1000);
    a_round(&way, 90000); /* 14 segments, 7 ACKs */
    assert_int_equal(way.congestion.cwnd, 28 * MSS);
    congestion_init(&way.congestion, &CONGESTION_CUBIC, MSS);
    a_round(&way, 1000);
    a_round(&way, 4900);
    a_round(&way, 8800);
    assert_int_equal(way.congestion.cwnd, 80 * MSS);
}

static void hystart_ends_with_the_first_loss(void **state) {
    (void)state;
    struct way way = new_way(&CONGESTION_CUBIC);
    struct congestion_memory memory;
    congestion_save(&way.congestion, &memory);
    congestion_lost(&way.congestion, way.congestion.cwnd);
    assert_int_equal(way.congestion.phase.cubic.w_max, 40 * MSS);
    assert_int_equal(way.congestion.phase.cubic.k, 0);
    congestion_restore(&way.congestion, &memory); /* there was none */
    a_round(&way, 60000);
    assert_true(way.congestion.cwnd < 80 * MSS && congestion_is_first(&way.congestion));
}

static void new_reno_is_without(void **state) {
    (void)state;
    struct way way = new_way(&CONGESTION_NEW_RENO);
    a_round(&way, 400000);
    assert_int_equal(way.congestion.cwnd, 80 * MSS);
}

/* An ACK of more than eight segments lets cwnd grow by eight. */
static void an_ack_adds_eight_segments_at_most(void **state) {
    (void)state;
    struct congestion congestion;
    congestion_init(&congestion, &CONGESTION_CUBIC, MSS);
    congestion_acked(&congestion, 10 * MSS, RTT, NET_SECOND);
    assert_int_equal(congestion.cwnd, 18 * MSS);
    congestion_init(&congestion, &CONGESTION_NEW_RENO, MSS);
    congestion_acked(&congestion, 10 * MSS, RTT, NET_SECOND);
    assert_int_equal(congestion.cwnd, 12 * MSS);
}

/* ---- What all share ---- */

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
        cmocka_unit_test(cubic_never_more_than_one_and_a_half),
        cmocka_unit_test(the_estimate_grows_faster_once_it_is_back),
        cmocka_unit_test(slow_start_ends_when_round_trips_grow),
        cmocka_unit_test(slow_start_goes_on_when_they_shrink),
        cmocka_unit_test(few_samples_decide_nothing),
        cmocka_unit_test(hystart_ends_with_the_first_loss),
        cmocka_unit_test(new_reno_is_without),
        cmocka_unit_test(an_ack_adds_eight_segments_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
