/* test_sent.c: the runs of what was sent against a table of single numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <net/tcp/sent.h>
#include <string.h>

enum { SPACE = 3000, SEEDS = 200, ROUNDS = 400 };
#define START UINT32_C(0xfffffe00) /* wraps within the space */

static struct cell {
    net_time at;
    enum sent_state state;
    bool resent;
} cell[SPACE];
static uint32_t una, end; /* relative */
static struct sent sent;

static struct sequence seq(uint32_t offset) {
    return seq_of(START + offset);
}

/* exact: nothing has been blurred; if something was, it is only ever taken for later, and less for arrived.
 */
static void check_cell(uint32_t i, const struct sent_run *run, bool exact) {
    if (exact) {
        assert_int_equal(run->state, cell[i].state);
    }
    assert_true(run->state != SENT_ARRIVED || cell[i].state == SENT_ARRIVED);
    if (run->state == SENT_ARRIVED || cell[i].state == SENT_ARRIVED) {
        return;
    }
    assert_true(exact ? run->at == cell[i].at : run->at >= cell[i].at);
    assert_true(exact ? run->resent == cell[i].resent : run->resent || !cell[i].resent);
}

static void check_all(bool exact) {
    uint32_t bytes[SENT_LOST + 1] = {0};
    assert_true(sent.first + sent.count <= sent.limit);
    assert_int_equal(sent.end.value, START + end);
    for (uint32_t i = 0; i < sent.count; i++) {
        const struct sent_run *run = sent_run(&sent, i);
        assert_true(seq_before(run->start, sent_end(&sent, i)));
        bytes[run->state] += sent_end(&sent, i).value - run->start.value;
        for (uint32_t at = run->start.value - START; at < sent_end(&sent, i).value - START; at++) {
            assert_int_equal(sent_find(&sent, seq(at)), i);
            check_cell(at, run, exact);
        }
    }
    assert_int_equal(sent.count == 0 ? end : sent_run(&sent, 0)->start.value - START, una);
    assert_int_equal(sent_find(&sent, seq(end)), sent.count);
    assert_int_equal(sent_find(&sent, seq(una - 1)), sent.count);
    assert_memory_equal(bytes, sent.bytes, sizeof bytes);
    assert_int_equal(bytes[0] + bytes[1] + bytes[2], end - una);
}

static void model_note(uint32_t from, uint32_t to, net_time now) {
    for (uint32_t i = from; i < to; i++) {
        cell[i] = (struct cell){now, SENT_OUT, i < end};
    }
    end = to > end ? to : end;
}

static void note(struct random *random, net_time now) {
    bool new = end == una || random_below(random, 3) != 0;
    uint32_t from = new ? end : una + random_below(random, end - una);
    uint32_t to = from + 1 + random_below(random, 30);
    to = to < SPACE ? to : SPACE;
    if (from < to) {
        model_note(from, to, now);
        sent_note(&sent, seq(from), seq(to), now);
    }
}

/* A range of what is there. */
static bool choose(struct random *random, uint32_t *from, uint32_t *to) {
    if (una == end) {
        return false;
    }
    *from = una + random_below(random, end - una);
    *to = *from + 1 + random_below(random, 20);
    *to = *to < end ? *to : end;
    return true;
}

/* Returns whether it was exact. */
static bool tell(struct random *random) {
    uint32_t from, to;
    if (!choose(random, &from, &to)) {
        return true;
    }
    bool taken = sent_arrived(&sent, seq(from), seq(to));
    for (uint32_t i = from; i < to && taken; i++) {
        cell[i].state = SENT_ARRIVED;
    }
    return taken;
}

static void lose(struct random *random) {
    uint32_t from, to;
    if (!choose(random, &from, &to)) {
        return;
    }
    sent_lost(&sent, seq(from), seq(to));
    for (uint32_t i = from; i < to; i++) {
        cell[i].state = cell[i].state == SENT_OUT ? SENT_LOST : cell[i].state;
    }
}

static void judge_all(void) {
    for (uint32_t i = 0; i < sent.count; i++) {
        if (sent_run(&sent, i)->state != SENT_ARRIVED) {
            sent_judge(&sent, i);
        }
    }
    sent_join(&sent);
    for (uint32_t i = una; i < end; i++) {
        cell[i].state = cell[i].state != SENT_ARRIVED ? SENT_LOST : SENT_ARRIVED;
    }
}

static void revive(net_time now) {
    sent_revive(&sent, now);
    for (uint32_t i = una; i < end; i++) {
        if (cell[i].state == SENT_LOST) {
            cell[i] = (struct cell){now, SENT_OUT, true};
        }
    }
}

static void renege(void) {
    sent_renege(&sent);
    for (uint32_t i = una; i < end; i++) {
        if (cell[i].state == SENT_ARRIVED) {
            cell[i] = (struct cell){0, SENT_LOST, true};
        }
    }
}

static void act(struct random *random, net_time now, bool *exact) {
    switch (random_below(random, 100)) {
    case 0: judge_all(); break;
    case 1: revive(now); break;
    case 2: renege(); break;
    case 3:
        una += random_below(random, end - una + 1);
        sent_acked(&sent, seq(una));
        break;
    default:
        if (random_below(random, 2) != 0) {
            note(random, now);
        } else if (random_below(random, 3) != 0) {
            *exact &= tell(random);
        } else {
            lose(random);
        }
    }
}

static void begin(uint32_t limit) {
    sent_init(&sent, limit, seq(0));
    una = end = 0;
}

static void behaves_as_a_table(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct random random;
        bool exact = true;
        random_seed(&random, seed, 0);
        begin(SENT_MAX);
        for (net_time now = 1; now < ROUNDS; now++) {
            act(&random, now, &exact);
            check_all(true);
        }
        assert_true(exact);
    }
}

/* With memory for few runs: times are only taken for later, and less for arrived. */
static void blurs_to_the_safe_side(void **state) {
    (void)state;
    uint32_t refused = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct random random;
        random_seed(&random, seed, 1);
        begin(SENT_LEAST + (uint32_t)seed % 20);
        for (net_time now = 1; now < ROUNDS; now++) {
            bool taken = true;
            uint32_t choice = random_below(&random, 10);
            if (choice < 6) {
                note(&random, now * 1000);
            } else if (choice < 9) {
                taken = tell(&random);
            } else {
                una += random_below(&random, end - una + 1) / 2;
                sent_acked(&sent, seq(una));
            }
            refused += !taken;
            check_all(false);
        }
    }
    assert_true(refused > 0);
}

/* Large segments, and batches of small ones, are one run each. */
static void neighbours_are_one(void **state) {
    (void)state;
    begin(SENT_LEAST + 1);
    sent_note(&sent, seq(0), seq(1000), 5);
    sent_note(&sent, seq(1000), seq(2000), 5);
    assert_int_equal(sent.count, 1);
    sent_note(&sent, seq(2000), seq(3000), 6);
    assert_int_equal(sent.count, 2);
    assert_true(sent_arrived(&sent, seq(1500), seq(2000)));
    assert_true(sent_arrived(&sent, seq(2000), seq(2500)));
    assert_int_equal(sent.count, 3); /* arrived is arrived, whenever it was sent */
    assert_int_equal(sent.bytes[SENT_ARRIVED], 1000);
    sent_acked(&sent, seq(3000));
    assert_int_equal(sent.count, 0);
}

/* Memory that grows keeps what is known, and full memory blurs times before it says no. */
static void grows(void **state) {
    (void)state;
    static struct sent larger;
    begin(8);
    for (uint32_t i = 0; sent_has_room(&sent); i++) {
        sent_note(&sent, seq(10 * i), seq(10 * i + 10), i);
    }
    uint32_t count = sent.count;
    sent_move(&larger, SENT_MAX, &sent);
    assert_int_equal(larger.count, count);
    assert_true(sent_has_room(&larger));
    assert_int_equal(sent_run(&larger, 3)->at, 3);
    for (uint32_t i = count; i < 200; i++) { /* in the small memory */
        sent_note(&sent, seq(10 * i), seq(10 * i + 10), i);
    }
    assert_true(sent.count <= 8);
    assert_true(sent_run(&sent, 0)->at >= 9);
    assert_false(sent_run(&sent, 0)->resent);
    assert_true(sent_arrived(&sent, seq(500), seq(510)));
}

/* Nothing can be blurred: what has arrived and what has not stand in turns. The last run then takes what is
 * new, and nothing is concluded from when it was sent. */
static void is_full(void **state) {
    (void)state;
    begin(SENT_LEAST);
    sent_note(&sent, seq(0), seq(30), 1);
    assert_true(sent_arrived(&sent, seq(10), seq(20)));
    sent_note(&sent, seq(30), seq(40), 90 * NET_SECOND);
    assert_false(sent_has_room(&sent));
    assert_false(sent_arrived(&sent, seq(2), seq(4)));
    sent_note(&sent, seq(40), seq(50), 91 * NET_SECOND);
    assert_int_equal(sent.count, SENT_LEAST);
    assert_int_equal(sent_run(&sent, SENT_LEAST - 1)->at, 91 * NET_SECOND);
    assert_true(sent_run(&sent, SENT_LEAST - 1)->resent);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_a_table),
        cmocka_unit_test(blurs_to_the_safe_side),
        cmocka_unit_test(neighbours_are_one),
        cmocka_unit_test(grows),
        cmocka_unit_test(is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
