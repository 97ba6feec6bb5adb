/* test_memberships.c: a socket's groups and sources, with Linux's errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/udp/memberships.h>

#define GROUP UINT32_C(0xef010203)

static struct memberships table;

static int set_up(void **state) {
    table = (struct memberships){0};
    return 0;
}

static void whole_groups(void **state) {
    assert_false(memberships_want(&table, GROUP, 0, 1, false));
    assert_true(memberships_want(&table, GROUP, 0, 1, true));
    assert_false(memberships_want(NULL, GROUP, 0, 1, false));
    assert_int_equal(memberships_leave(&table, GROUP, 0), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(memberships_join(&table, GROUP, 0), ERR_NONE);
    assert_int_equal(memberships_join(&table, GROUP, 0), ERR_ADDRESS_IN_USE);
    assert_true(memberships_want(&table, GROUP, 0, 1, false));
    assert_int_equal(memberships_block(&table, GROUP, 0, 1), ERR_NONE);
    assert_int_equal(memberships_block(&table, GROUP, 0, 1), ERR_ADDRESS_NOT_AVAILABLE);
    assert_false(memberships_want(&table, GROUP, 0, 1, true));
    assert_true(memberships_want(&table, GROUP, 0, 2, false));
    assert_int_equal(memberships_unblock(&table, GROUP, 0, 2), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(memberships_unblock(&table, GROUP, 0, 1), ERR_NONE);
    assert_true(memberships_want(&table, GROUP, 0, 1, false));
    assert_int_equal(memberships_join_source(&table, GROUP, 0, 1), ERR_INVALID);
    assert_int_equal(memberships_leave_source(&table, GROUP, 0, 1), ERR_INVALID);
    assert_int_equal(memberships_leave(&table, GROUP, 0), ERR_NONE);
    assert_int_equal(table.count, 0);
}

static void groups_by_source(void **state) {
    assert_int_equal(memberships_leave_source(&table, GROUP, 0, 1), ERR_INVALID);
    assert_int_equal(memberships_block(&table, GROUP, 0, 1), ERR_INVALID);
    assert_int_equal(memberships_join_source(&table, GROUP, 0, 1), ERR_NONE);
    assert_int_equal(memberships_join_source(&table, GROUP, 0, 1), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(memberships_join_source(&table, GROUP, 0, 2), ERR_NONE);
    assert_int_equal(memberships_join(&table, GROUP, 0), ERR_ADDRESS_IN_USE);
    assert_true(memberships_want(&table, GROUP, 0, 2, false));
    assert_false(memberships_want(&table, GROUP, 0, 3, true));
    assert_int_equal(memberships_block(&table, GROUP, 0, 1), ERR_INVALID);
    assert_int_equal(memberships_leave_source(&table, GROUP, 0, 3), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(memberships_leave_source(&table, GROUP, 0, 1), ERR_NONE);
    assert_int_equal(memberships_leave_source(&table, GROUP, 0, 2), ERR_NONE);
    assert_int_equal(table.count, 0); /* the last one leaves the group */
}

static void the_table_is_bounded(void **state) {
    for (uint32_t i = 0; i < MEMBERSHIPS_MAX; i++) {
        assert_int_equal(memberships_join(&table, GROUP + i, 0), ERR_NONE);
    }
    assert_int_equal(memberships_join(&table, GROUP + 99, 0), ERR_TOO_MANY);
    assert_int_equal(memberships_join_source(&table, GROUP + 99, 0, 1), ERR_TOO_MANY);
    for (uint32_t i = 0; i < MEMBERSHIP_SOURCES_MAX; i++) {
        assert_int_equal(memberships_block(&table, GROUP, 0, i), ERR_NONE);
    }
    assert_int_equal(memberships_block(&table, GROUP, 0, 99), ERR_TOO_MANY);
    assert_int_equal(memberships_leave(&table, GROUP, 0), ERR_NONE);
    assert_true(
        memberships_want(&table, GROUP + MEMBERSHIPS_MAX - 1, 0, 1, false)); /* it took the free place */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whole_groups, set_up),
        cmocka_unit_test_setup(groups_by_source, set_up),
        cmocka_unit_test_setup(the_table_is_bounded, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
