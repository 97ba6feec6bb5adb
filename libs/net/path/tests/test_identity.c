/* test_identity.c: ids that come back late and tell nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <net/path/identity.h>

static struct random dice;
static struct identities identities;

static int set_up(void **state) {
    random_seed(&dice, 5, 6);
    identities_init(&identities, &dice);
    return 0;
}

/* RFC 6864 4.3: at full speed none comes again before all others. */
static void none_comes_again_soon(void **state) {
    static uint8_t seen[1 << 16];
    struct identity_key key = {1, 2, 17};
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < 1 << 16; i++) {
        uint16_t id = identity_take(&identities, &key, 1, NET_SECOND);
        assert_int_equal(seen[id]++, 0);
    }
}

/* However little is sent: not before most of two minutes have passed. */
static void none_comes_again_within_a_packets_life(void **state) {
    static net_time used[1 << 16];
    struct identity_key key = {1, 2, 17};
    memset(used, 0, sizeof used);
    net_time now = NET_SECOND;
    for (uint32_t i = 0; i < 200000; i++) {
        now += random_below(&dice, 20000);
        uint16_t id = identity_take(&identities, &key, 1, now);
        assert_true(used[id] == 0 || now - used[id] > 60 * NET_SECOND);
        used[id] = now;
    }
}

static void runs_are_kept_free(void **state) {
    struct identity_key key = {1, 2, 6};
    uint16_t first = identity_take(&identities, &key, 45, NET_SECOND);
    assert_int_equal((uint16_t)(identity_take(&identities, &key, 1, NET_SECOND) - first), 45);
}

/* What others get cannot be told from what one gets; and after a rest the next is by chance. */
static void classes_are_apart(void **state) {
    struct identity_key mine = {1, 2, 17};
    uint16_t last = identity_take(&identities, &mine, 1, NET_SECOND);
    uint32_t near = 0, touched = 0;
    for (uint32_t i = 3; i < 203; i++) {
        struct identity_key other = {1, i, 17};
        uint16_t id = identity_take(&identities, &other, 1, NET_SECOND);
        near += (uint16_t)(id - last) < 300;
        uint16_t again = identity_take(&identities, &mine, 1, NET_SECOND);
        touched += (uint16_t)(again - last) != 1;
        last = again;
    }
    assert_in_range(near, 0, 6);
    assert_in_range(touched, 0, 6); /* of 256 counters each is shared by some */
    uint32_t same = 0;
    for (uint32_t i = 1; i <= 100; i++) {
        uint16_t id = identity_take(&identities, &mine, 1, NET_SECOND + i * NET_SECOND);
        same += (uint16_t)(id - last) == 1;
        last = id;
    }
    assert_in_range(same, 0, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(none_comes_again_soon, set_up),
        cmocka_unit_test_setup(none_comes_again_within_a_packets_life, set_up),
        cmocka_unit_test_setup(runs_are_kept_free, set_up),
        cmocka_unit_test_setup(classes_are_apart, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
