/* test_gaps.c: the list of ranges against a bitmap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <net/stream/gaps.h>
#include <string.h>

enum { SPACE = 256, SEEDS = 300, ROUNDS = 200, LIMIT = 16 };

/* bit[i]: byte i from the wanted one on has arrived. */
static bool bit[SPACE * 2];

static uint32_t model_add(uint32_t start, uint32_t end) {
    memset(bit + start, true, end - start);
    uint32_t ready = 0;
    while (bit[ready]) {
        ready++;
    }
    memmove(bit, bit + ready, SPACE - ready);
    memset(bit + SPACE - ready, false, ready);
    return ready;
}

static uint32_t model_ranges(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < SPACE; i++) {
        count += bit[i] && (i == 0 || !bit[i - 1]);
    }
    return count;
}

static void check_all(const struct gaps *gaps) {
    uint32_t bytes = 0, last = 0;
    for (uint32_t i = 0; i < SPACE; i++) {
        struct gap_range range;
        assert_int_equal(gaps_find(gaps, i, &range), bit[i]);
        bytes += bit[i];
    }
    for (uint32_t i = 0; i < gaps->count; i++) {
        assert_true(gaps->range[i].start > last); /* sorted, apart, never at the wanted byte */
        assert_true(gaps->range[i].end > gaps->range[i].start);
        last = gaps->range[i].end;
    }
    assert_int_equal(gaps_bytes(gaps), bytes);
    assert_int_equal(gaps->count, model_ranges());
}

static void behaves_as_a_bitmap(void **state) {
    uint32_t refused = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct random random;
        struct gaps gaps = {.limit = LIMIT};
        random_seed(&random, seed, 0);
        memset(bit, 0, sizeof bit);
        uint32_t longest = 1 + random_below(&random, 40);
        for (int i = 0; i < ROUNDS; i++) {
            uint32_t start = random_below(&random, SPACE - 1);
            uint32_t end = start + 1 + random_below(&random, longest);
            end = end < SPACE ? end : SPACE;
            bool before[SPACE], kept;
            memcpy(before, bit, sizeof before);
            uint32_t expected = model_add(start, end);
            uint32_t ready = gaps_add(&gaps, start, end, &kept);
            if (!kept) {
                assert_true(model_ranges() > LIMIT);
                memcpy(bit, before, sizeof before);
                expected = 0;
                refused++;
            }
            assert_int_equal(ready, expected);
            check_all(&gaps);
        }
    }
    assert_true(refused > 0);
}

static void a_full_list_still_takes_what_is_wanted(void **state) {
    struct gaps gaps = {.limit = LIMIT};
    bool kept;
    for (uint32_t i = 0; i < LIMIT; i++) {
        assert_int_equal(gaps_add(&gaps, 10 + i * 4, 12 + i * 4, &kept), 0);
        assert_true(kept);
    }
    assert_int_equal(gaps_add(&gaps, 1000, 1001, &kept), 0);
    assert_false(kept);
    assert_int_equal(gaps_add(&gaps, 12, 14, &kept), 0); /* closes a gap: needs no room */
    assert_true(kept);
    assert_int_equal(gaps_add(&gaps, 1000, 1001, &kept), 0);
    assert_true(kept);
    assert_int_equal(gaps_add(&gaps, 0, 5, &kept), 5); /* in order, though the list is full */
    assert_true(kept);
    assert_int_equal(gaps.range[0].start, 5);
    assert_int_equal(gaps_add(&gaps, 0, 5, &kept), 11);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_a_bitmap),
        cmocka_unit_test(a_full_list_still_takes_what_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
