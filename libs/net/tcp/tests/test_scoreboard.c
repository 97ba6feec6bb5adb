/* test_scoreboard.c: the scoreboard against a bitmap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <net/tcp/scoreboard.h>
#include <string.h>

enum { SPACE = 400, SEEDS = 300, ROUNDS = 300, LIMIT = 62 };
#define UNA UINT32_C(0xffffff80) /* wraps within the space */

static bool bit[SPACE];
static uint32_t una; /* relative */

static struct sequence at(uint32_t offset) {
    return seq_of(UNA + offset);
}

static uint32_t model_count(uint32_t start, uint32_t end) {
    uint32_t count = 0;
    for (uint32_t i = start; i < end; i++) {
        count += bit[i];
    }
    return count;
}

static void check_all(const struct scoreboard *board) {
    struct sequence last = at(una);
    for (uint32_t i = 0; i < board->count; i++) {
        assert_true(i == 0 || seq_after(board->range[i].start, last)); /* sorted and apart */
        assert_true(seq_after(board->range[i].end, board->range[i].start));
        struct scoreboard_hole hole = scoreboard_hole(board, at(una), i);
        assert_true(seq_before_or_at(hole.start, hole.resent) && seq_before_or_at(hole.resent, hole.end));
        last = board->range[i].end;
    }
    assert_int_equal(board->sacked, model_count(una, SPACE));
    for (uint32_t i = una; i < SPACE; i++) {
        const struct scoreboard_range *range = scoreboard_at(board, at(i));
        bool inside = range != NULL && seq_before_or_at(range->start, at(i));
        assert_int_equal(inside, bit[i]);
        assert_int_equal(scoreboard_before(board, at(i)), model_count(una, i));
    }
}

static void behaves_as_a_bitmap(void **state) {
    uint32_t refused = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct random random;
        struct scoreboard board;
        random_seed(&random, seed, 0);
        scoreboard_init(&board, LIMIT);
        memset(bit, 0, sizeof bit);
        una = 0;
        uint32_t longest = 1 + random_below(&random, 30);
        for (int i = 0; i < ROUNDS && una < SPACE - 1; i++) {
            uint32_t start = una + random_below(&random, SPACE - una - 1), news;
            uint32_t end = start + 1 + random_below(&random, longest);
            end = end < SPACE ? end : SPACE;
            if (random_below(&random, 100) == 0) {
                uint32_t forgotten = model_count(una, end);
                assert_int_equal(scoreboard_acked(&board, at(end)), forgotten);
                una = end;
            } else if (scoreboard_add(&board, at(una), at(start), at(end), &news)) {
                assert_int_equal(news, end - start - model_count(start, end));
                memset(bit + start, true, end - start);
            } else {
                assert_int_equal(board.count, LIMIT);
                refused++;
            }
            check_all(&board);
        }
    }
    assert_true(refused > 0);
}

static void check_hole(const struct scoreboard *board, uint32_t index, uint32_t start, uint32_t resent,
                       uint32_t end) {
    struct scoreboard_hole hole = scoreboard_hole(board, at(0), index);
    assert_int_equal(hole.start.value - UNA, start);
    assert_int_equal(hole.resent.value - UNA, resent);
    assert_int_equal(hole.end.value - UNA, end);
}

/* What was sent again is known of both halves when a hole is cut, and nothing of the room behind the last. */
static void holes_remember(void **state) {
    struct scoreboard board;
    uint32_t news;
    scoreboard_init(&board, LIMIT);
    assert_true(scoreboard_add(&board, at(0), at(100), at(110), &news));
    check_hole(&board, 0, 0, 0, 100);
    scoreboard_resent(&board, at(60), at(300));
    check_hole(&board, 0, 0, 60, 100);
    assert_true(scoreboard_add(&board, at(0), at(20), at(30), &news));
    check_hole(&board, 0, 0, 20, 20);
    check_hole(&board, 1, 30, 60, 100);
    assert_true(scoreboard_add(&board, at(0), at(70), at(80), &news));
    check_hole(&board, 1, 30, 60, 70);
    check_hole(&board, 2, 80, 80, 100);
    assert_true(scoreboard_add(&board, at(0), at(200), at(210), &news));
    check_hole(&board, 3, 110, 110, 200);
    assert_true(scoreboard_add(&board, at(0), at(10), at(75), &news));
    check_hole(&board, 0, 0, 10, 10);
    assert_int_equal(board.count, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_a_bitmap),
        cmocka_unit_test(holes_remember),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
