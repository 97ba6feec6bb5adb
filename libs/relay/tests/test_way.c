/* test_way.c: one direction of the relay, in a time of its own. */
#include "way.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FRAMES_MAX = 4096 };

/* The far end: what arrived, and how much more it takes. */
struct end {
    uint32_t number[FRAMES_MAX];
    uint32_t count, room;
    bool gone;
};

static enum way_result arrive(void *context, const uint8_t *frame, size_t length) {
    struct end *end = context;
    if (end->gone) {
        return WAY_REFUSED;
    }
    if (end->count == end->room) {
        return WAY_FULL;
    }
    assert_int_equal(length, 60);
    memcpy(&end->number[end->count++], frame + 14, 4);
    return WAY_SENT;
}

static void give(struct way *way, uint32_t number, net_time now) {
    uint8_t frame[60] = {0};
    memcpy(frame + 14, &number, sizeof number);
    way_take(way, frame, sizeof frame, now);
}

static void test_a_good_link_keeps_order_and_time(void **state) {
    struct way way;
    struct end end = {.room = FRAMES_MAX};
    way_init(&way, &(struct link_config){.delay = 500}, 1);
    assert_true(way_next(&way) == NET_NEVER);
    for (uint32_t i = 0; i < 1000; i++) {
        give(&way, i, 1000 + i / 2); /* some at the same time */
    }
    assert_int_equal(way_next(&way), 1500);
    way_deliver(&way, arrive, &end, 1499);
    assert_int_equal(end.count, 0);
    way_deliver(&way, arrive, &end, 1500);
    assert_int_equal(end.count, 2);
    way_deliver(&way, arrive, &end, 3000);
    assert_int_equal(end.count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(end.number[i], i);
    }
    assert_int_equal(way.delivered, 1000);
    assert_int_equal(way.latest, 3000 - 1501);
    assert_int_equal(way.bytes, 0);
    way_free(&way);
}

static void test_late_frames_are_overtaken(void **state) {
    struct way way;
    struct end end = {.room = FRAMES_MAX};
    way_init(&way, &(struct link_config){.delay = 500, .jitter = 300, .reorder = 200, .duplicate = 100}, 1);
    for (uint32_t i = 0; i < 1000; i++) {
        give(&way, i, 1000 + 10 * i);
    }
    for (net_time next; (next = way_next(&way)) != NET_NEVER;) {
        way_deliver(&way, arrive, &end, next);
    }
    assert_int_equal(end.count, 1000 + way.doubled);
    assert_in_range(way.doubled, 50, 200);
    uint32_t overtaken = 0;
    for (uint32_t i = 1; i < end.count; i++) {
        overtaken += end.number[i] < end.number[i - 1];
    }
    assert_in_range(overtaken, 50, 400);
    assert_int_equal(way.latest, 0);
    way_free(&way);
}

static void test_a_full_end_loses_nothing(void **state) {
    struct way way;
    struct end end = {.room = 3};
    way_init(&way, &(struct link_config){0}, 1);
    for (uint32_t i = 0; i < 10; i++) {
        give(&way, i, 1000);
    }
    way_deliver(&way, arrive, &end, 1000);
    assert_true(way.full);
    assert_int_equal(end.count, 3);
    end.room = 10;
    way_deliver(&way, arrive, &end, 1001);
    assert_false(way.full);
    assert_int_equal(end.count, 10);
    assert_int_equal(end.number[9], 9);
    way_free(&way);
}

static void test_a_cut_link_and_nobody_there(void **state) {
    struct way way;
    struct end end = {.room = 10};
    way_init(&way, &(struct link_config){.delay = 100}, 1);
    give(&way, 1, 1000);
    way.cut = true;
    give(&way, 2, 1000);
    way.cut = false;
    give(&way, 3, 1000);
    way_deliver(&way, arrive, &end, 1100);
    assert_int_equal(end.count, 2);
    assert_int_equal(end.number[1], 3);
    assert_int_equal(way.cut_off, 1);
    end.gone = true;
    give(&way, 4, 2000);
    way_deliver(&way, arrive, &end, 2100);
    assert_int_equal(way.refused, 1);
    assert_true(way_next(&way) == NET_NEVER);
    way_free(&way);
}

static enum way_result see_mark(void *context, const uint8_t *frame, size_t length) {
    uint32_t *marked = context;
    *marked += (frame[15] & 3) == 3;
    return WAY_SENT;
}

static void test_marks_reach_only_whom_they_mean_something(void **state) {
    struct way way;
    uint32_t marked = 0;
    way_init(&way, &(struct link_config){.mark = 1000}, 1);
    for (uint8_t ecn = 0; ecn < 3; ecn++) {
        uint8_t frame[60] = {[12] = 8, [14] = 0x45, [15] = ecn};
        way_take(&way, frame, sizeof frame, 1000);
    }
    way_deliver(&way, see_mark, &marked, 1000);
    assert_int_equal(marked, 2);
    assert_int_equal(way.marked, 2);
    way_free(&way);
}

static void test_memory_is_bounded(void **state) {
    struct way way;
    uint8_t *frame = test_calloc(1, 65536);
    way_init(&way, &(struct link_config){.delay = NET_SECOND}, 1);
    for (int i = 0; i < 1100; i++) {
        way_take(&way, frame, 65536, 1000);
    }
    assert_int_equal(way.bytes, WAY_BYTES_MAX);
    assert_int_equal(way.overflowed, 1100 - WAY_BYTES_MAX / 65536);
    way_free(&way);
    test_free(frame);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_link_keeps_order_and_time),
        cmocka_unit_test(test_late_frames_are_overtaken),
        cmocka_unit_test(test_a_full_end_loses_nothing),
        cmocka_unit_test(test_a_cut_link_and_nobody_there),
        cmocka_unit_test(test_marks_reach_only_whom_they_mean_something),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
