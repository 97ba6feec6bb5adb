/* test_mtu.c: what is remembered of paths, how little is believed, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/path/mtu.h>

static struct path_mtus mtus;
static bool locked;
#define NOW NET_SECOND

static int set_up(void **state) {
    mtus = (struct path_mtus){0};
    return 0;
}

static void plateaus(void **state) {
    static const uint16_t lengths[][2] = {{65535, 32000}, {32000, 17914}, {1500, 1492}, {1492, 1006},
                                          {1006, 508},    {400, 296},     {296, 68},    {0, 68}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(mtu_plateau(lengths[i][0]), lengths[i][1]);
    }
}

static void a_path_is_remembered_for_ten_minutes(void **state) {
    assert_int_equal(mtu_find(&mtus, 1, 1500, &locked, NOW), 1500);
    assert_int_equal(mtu_learn(&mtus, 1, 1400, NOW), 1400);
    assert_int_equal(mtu_find(&mtus, 1, 1500, &locked, NOW + MTU_LIFE - 1), 1400);
    assert_false(locked);
    assert_int_equal(mtu_look(&mtus, 1, 1500, NOW + MTU_LIFE - 1), 1400);
    assert_int_equal(mtu_look(&mtus, 1, 1300, NOW), 1300); /* the link says less */
    assert_int_equal(mtu_find(&mtus, 1, 1300, &locked, NOW), 1300);
    assert_int_equal(mtu_find(&mtus, 2, 1500, &locked, NOW), 1500);
    assert_int_equal(mtu_look(&mtus, 1, 1500, NOW + MTU_LIFE), 1500);
    assert_int_equal(mtu_find(&mtus, 1, 1500, &locked, NOW + MTU_LIFE), 1500);
    assert_int_equal(mtus.count, 0);
}

/* Only ever smaller, until it is forgotten. */
static void an_older_answer_changes_nothing(void **state) {
    assert_int_equal(mtu_learn(&mtus, 1, 1000, NOW), 1000);
    assert_int_equal(mtu_learn(&mtus, 1, 1400, NOW + 1), 1000);
    assert_int_equal(mtu_learn(&mtus, 1, 1400, NOW + MTU_LIFE), 1400);
}

static void too_little_is_not_believed(void **state) {
    assert_int_equal(mtu_learn(&mtus, 1, MTU_LEAST, NOW), MTU_LEAST);
    assert_int_equal(mtu_find(&mtus, 1, 1500, &locked, NOW), MTU_LEAST);
    assert_false(locked);
    assert_int_equal(mtu_learn(&mtus, 1, MTU_LEAST - 1, NOW), MTU_LEAST);
    assert_int_equal(mtu_find(&mtus, 1, 1500, &locked, NOW), MTU_LEAST);
    assert_true(locked);
    assert_int_equal(mtu_learn(&mtus, 2, 0, NOW), MTU_LEAST);
}

static void there_is_room_for_so_many(void **state) {
    for (uint32_t i = 1; i <= 2 * MTU_PATHS_MAX; i++) {
        (void)mtu_learn(&mtus, i, 1000, NOW + i);
    }
    for (uint32_t i = 1; i <= 2 * MTU_PATHS_MAX; i++) {
        assert_int_equal(mtu_look(&mtus, i, 1500, NOW), i <= MTU_PATHS_MAX ? 1500 : 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(plateaus, set_up),
        cmocka_unit_test_setup(a_path_is_remembered_for_ten_minutes, set_up),
        cmocka_unit_test_setup(an_older_answer_changes_nothing, set_up),
        cmocka_unit_test_setup(too_little_is_not_believed, set_up),
        cmocka_unit_test_setup(there_is_room_for_so_many, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
