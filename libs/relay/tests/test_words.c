/* test_words.c: the words that describe a link. */
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct link_config good(const char *words) {
    struct link_config config = {0};
    const char *bad = NULL;
    if (!words_read(words, &config, &bad)) {
        fail_msg("\"%s\" is not understood at \"%s\"", words, bad);
    }
    return config;
}

static void bad(const char *words, const char *where) {
    struct link_config config = {0};
    const char *at = NULL;
    assert_false(words_read(words, &config, &at));
    assert_string_equal(at, where);
}

static void test_every_word(void **state) {
    struct link_config config = good("loss=1% burst=0.3%,goes-on=60% duplicate=2% , reorder=100%  corrupt=0%"
                                     " delay=20ms jitter=1.5ms rate=10M queue=64k mark=5% mark-from=30k");
    assert_int_equal(config.loss, 10);
    assert_int_equal(config.burst_starts, 3);
    assert_int_equal(config.burst_goes_on, 600);
    assert_int_equal(config.duplicate, 20);
    assert_int_equal(config.reorder, 1000);
    assert_int_equal(config.corrupt, 0);
    assert_int_equal(config.delay, 20000);
    assert_int_equal(config.jitter, 1500);
    assert_int_equal(config.rate, 1250000);
    assert_int_equal(config.queue, 64000);
    assert_int_equal(config.mark, 50);
    assert_int_equal(config.mark_from, 30000);
}

static void test_units(void **state) {
    assert_int_equal(good("delay=300us").delay, 300);
    assert_int_equal(good("delay=2s").delay, 2 * NET_SECOND);
    bad("delay=0.0004s", "delay=0.0004s"); /* three decimals are enough */
    assert_int_equal(good("rate=56000").rate, 7000);
    assert_int_equal(good("rate=1.5G").rate, 187500000);
    assert_int_equal(good("rate=0").rate, 0);
}

static void test_what_is_not_said_stays(void **state) {
    struct link_config config = {.loss = 7, .delay = 5};
    const char *at;
    assert_true(words_read("delay=1ms", &config, &at));
    assert_int_equal(config.loss, 7);
    assert_int_equal(config.delay, 1000);
    assert_true(words_read("  ", &config, &at));
    assert_int_equal(config.delay, 1000);
}

static void test_nonsense(void **state) {
    bad("los=1%", "los=1%");
    bad("loss", "loss");
    bad("loss=1", "loss=1");
    bad("loss=100.1%", "loss=100.1%");
    bad("delay=1ms loss=x% rate=1M", "loss=x% rate=1M");
    bad("delay=20", "delay=20");
    bad("delay=20msloss=1%", "delay=20msloss=1%");
    bad("delay=2h", "delay=2h");
    bad("delay=3601s", "delay=3601s");
    bad("delay=99999999999999999999s", "delay=99999999999999999999s");
    bad("rate=3", "rate=3");
    bad("rate=5000G", "rate=5000G");
    bad("queue=5G", "queue=5G");
    bad("=1%", "=1%");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_word),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_what_is_not_said_stays),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
