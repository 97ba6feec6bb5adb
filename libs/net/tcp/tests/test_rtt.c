/* test_rtt.c: the shortest round trip of the last minutes (RFC 8985 6.2 step 1), by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/tcp/rtt.h>

static void told_at(struct rtt *rtt, net_time second, uint32_t sample) {
    rtt_told_least(rtt, sample, second * NET_SECOND);
}

static void the_least_counts(void **state) {
    (void)state;
    struct rtt rtt;
    rtt_init(&rtt);
    assert_int_equal(rtt_min(&rtt), 0);
    told_at(&rtt, 10, 0); /* no sample */
    assert_int_equal(rtt_min(&rtt), 0);
    told_at(&rtt, 11, 500);
    told_at(&rtt, 12, 300);
    told_at(&rtt, 13, 400);
    assert_int_equal(rtt_min(&rtt), 300);
}

/* A way that became longer: what is older than 300 s counts no more, what is younger than 150 s does. */
static void the_old_is_forgotten(void **state) {
    (void)state;
    for (net_time from = 0; from < 400; from += 7) {
        struct rtt rtt;
        rtt_init(&rtt);
        told_at(&rtt, from, 300);
        for (net_time later = 10; later < 150; later += 10) {
            told_at(&rtt, from + later, 500);
            assert_int_equal(rtt_min(&rtt), 300);
        }
        for (net_time later = 150; later <= 300; later += 10) {
            told_at(&rtt, from + later, 500);
        }
        assert_int_equal(rtt_min(&rtt), 500);
    }
}

/* After a long silence there is only what is new. */
static void silence_forgets(void **state) {
    (void)state;
    struct rtt rtt;
    rtt_init(&rtt);
    told_at(&rtt, 5, 300);
    told_at(&rtt, 1000, 700);
    assert_int_equal(rtt_min(&rtt), 700);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_counts),
        cmocka_unit_test(the_old_is_forgotten),
        cmocka_unit_test(silence_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
