/* test_text.c: numbers are read whole or not at all, every error has a text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/text.h>

static void numbers_are_read_whole(void **state) {
    (void)state;
    uint64_t value = 7;
    assert_true(text_to_u64("0", &value) && value == 0);
    assert_true(text_to_u64("18446744073709551615", &value) && value == UINT64_MAX);
    assert_true(text_to_u64("0xfFfF", &value) && value == 0xffff);
    value = 7;
    static const char *const wrong[] = {
        "", "x", "1x", "-1", "0x", " 1", "18446744073709551616", "0x10000000000000000"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(text_to_u64(wrong[i], &value));
    }
    assert_int_equal(value, 7);
}

static void copies_are_cut_and_terminated(void **state) {
    (void)state;
    char small[4] = "zzz";
    assert_true(text_copy(small, sizeof small, "abc"));
    assert_string_equal(small, "abc");
    assert_false(text_copy(small, sizeof small, "defg"));
    assert_string_equal(small, "def");
    assert_false(text_copy(small, 0, ""));
}

static void every_error_has_a_text(void **state) {
    (void)state;
    assert_string_equal(error_text(ERR_REFUSED), "connection refused");
    for (int i = 0; i < ERR_COUNT; i++) {
        bool reserved = i > ERR_TOO_MANY && i < ERR_REFUSED;
        assert_int_equal(strcmp(error_text((enum error)i), "unknown error") == 0, reserved);
    }
    assert_string_equal(error_text((enum error) - 1), "unknown error");
    assert_string_equal(error_text(ERR_COUNT), "unknown error");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_whole),
        cmocka_unit_test(copies_are_cut_and_terminated),
        cmocka_unit_test(every_error_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
