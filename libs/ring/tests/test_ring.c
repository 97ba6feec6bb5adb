/* test_ring.c: one thread plays both ends: order, full and empty, indices across the wrap, an other side that
 * lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <ring/ring.h>

#define CAPACITY 4

struct pair {
    struct ring producer, consumer;
    struct ring_shared *shared;
};

/* Both ends at `start`, as if that many elements had gone through. */
static struct pair pair_at(uint32_t start) {
    struct pair pair = {.shared = aligned_alloc(64, 192)};
    memset(pair.shared, 0, 192);
    ring_attach(&pair.producer, pair.shared, CAPACITY, sizeof(uint64_t));
    ring_attach(&pair.consumer, pair.shared, CAPACITY, sizeof(uint64_t));
    pair.shared->head = pair.shared->tail = start;
    pair.producer.own = pair.producer.seen = pair.consumer.own = pair.consumer.seen = start;
    return pair;
}

static bool put(struct pair *pair, uint64_t value) {
    return ring_put(&pair->producer, &value);
}

static uint64_t take(struct pair *pair) {
    uint64_t value = 0;
    return ring_take(&pair->consumer, &value) ? value : 0;
}

static void keeps_order_across_the_wrap(void **state) {
    struct pair pair = pair_at(UINT32_MAX - 5);
    uint64_t next = 1;
    for (uint64_t round = 1; round <= 100; round += 3) {
        assert_true(put(&pair, round) && put(&pair, round + 1) && put(&pair, round + 2));
        assert_false(ring_publish(&pair.producer));
        assert_int_equal(ring_count(&pair.consumer), 3);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(take(&pair), next++);
        }
    }
    free(pair.shared);
}

static void full_and_empty(void **state) {
    struct pair pair = pair_at(UINT32_MAX - 1);
    assert_int_equal(take(&pair), 0);
    for (uint64_t i = 1; i <= CAPACITY; i++) {
        assert_true(put(&pair, i));
    }
    assert_false(put(&pair, 9));
    assert_int_equal(take(&pair), 0); /* put is not yet published */
    ring_publish(&pair.producer);
    assert_int_equal(take(&pair), 1);
    assert_int_equal(ring_space(&pair.producer), 1);
    assert_true(put(&pair, 5));
    assert_false(put(&pair, 6));
    free(pair.shared);
}

static void signals_only_a_sleeper_and_once_a_batch(void **state) {
    struct pair pair = pair_at(0);
    assert_true(ring_sleep(&pair.consumer));
    assert_true(ring_wanted(&pair.producer));
    assert_true(put(&pair, 1) && put(&pair, 2));
    assert_true(ring_publish(&pair.producer));
    assert_false(ring_publish(&pair.producer)); /* nothing new */
    ring_awake(&pair.consumer);
    assert_true(put(&pair, 3));
    assert_false(ring_publish(&pair.producer));
    assert_false(ring_sleep(&pair.consumer)); /* there is something after all */
    assert_int_equal(pair.shared->sleeping, 0);
    free(pair.shared);
}

static void lying_producer(void **state) {
    struct pair pair = pair_at(100);
    assert_true(put(&pair, 1));
    ring_publish(&pair.producer);
    assert_int_equal(ring_count(&pair.consumer), 1);
    const uint32_t lies[] = {100, 99, 0, 100 + CAPACITY + 1, UINT32_MAX, 1u << 31};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        pair.shared->head = lies[i];
        assert_int_equal(ring_count(&pair.consumer), 1); /* what was believed stays */
        assert_int_equal(pair.consumer.broken, i + 1);
    }
    assert_int_equal(take(&pair), 1);
    assert_int_equal(take(&pair), 0);
    assert_true(ring_sleep(&pair.consumer)); /* a lie keeps nobody awake */
    free(pair.shared);
}

static void lying_consumer(void **state) {
    struct pair pair = pair_at(100);
    for (uint64_t i = 1; i <= CAPACITY; i++) {
        assert_true(put(&pair, i));
    }
    ring_publish(&pair.producer);
    const uint32_t lies[] = {99, 105, 0, UINT32_MAX};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        pair.shared->tail = lies[i];
        assert_false(put(&pair, 9));
        assert_int_equal(pair.producer.broken, i + 1);
    }
    pair.shared->tail = 102;
    assert_int_equal(ring_space(&pair.producer), 2);
    pair.shared->tail = 101; /* backwards */
    assert_int_equal(ring_space(&pair.producer), 2);
    assert_int_equal(pair.producer.broken, 5);
    free(pair.shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_across_the_wrap),
        cmocka_unit_test(full_and_empty),
        cmocka_unit_test(signals_only_a_sleeper_and_once_a_batch),
        cmocka_unit_test(lying_producer),
        cmocka_unit_test(lying_consumer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
