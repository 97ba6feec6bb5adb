/* test_line.c: every key of the line editor, by what it leaves in the line. */
#include "../line.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

struct screen {
    char text[8192];
    size_t length;
};

static void screen_write(void *context, const char *text, size_t length) {
    struct screen *screen = context;
    assert_true(screen->length + length < sizeof screen->text);
    memcpy(screen->text + screen->length, text, length);
    screen->length += length;
    screen->text[screen->length] = 0;
}

static struct screen screen;
static struct line line;

static int fresh(void **state) {
    (void)state;
    screen = (struct screen){};
    line_init(&line, "> ", (struct line_screen){screen_write, &screen});
    line_start(&line);
    return 0;
}

/* Types `keys`; every byte but the last must ask for more. */
static enum line_result type(const char *keys) {
    enum line_result result = LINE_MORE;
    for (; *keys; keys++) {
        assert_int_equal(result, LINE_MORE);
        result = line_byte(&line, (uint8_t)*keys);
    }
    return result;
}

static void expect(const char *keys, const char *text, size_t cursor) {
    fresh(NULL);
    assert_int_equal(type(keys), LINE_MORE);
    assert_string_equal(line.text, text);
    assert_int_equal(line.cursor, cursor);
    assert_int_equal(line.length, strlen(text));
}

static void test_typing_and_moving(void **state) {
    (void)state;
    expect("abc", "abc", 3);
    expect("abc\x01X", "Xabc", 1);
    expect("abc\x01\x05X", "abcX", 4);
    expect("abc\x02X", "abXc", 3);
    expect("abc\x01\x06X", "aXbc", 2);
    expect("\x02\x06", "", 0);
}

static void test_escape_sequences(void **state) {
    (void)state;
    expect("abc\x1b[DX", "abXc", 3);
    expect("abc\x1b[D\x1b[D\x1b[CX", "abXc", 3);
    expect("abc\x1b[HX", "Xabc", 1);
    expect("abc\x1bOH\x1bOFX", "abcX", 4);
    expect("abc\x1b[1~\x1b[3~", "bc", 0);
    expect("abc\x1b[3~", "abc", 3);
    expect("ab\x1b[24~c", "abc", 3);                  /* an unknown key is swallowed */
    expect("ab\x1b[1;5Cc", "abc", 3);                 /* with its parameters */
    expect("ab\x1b[111111111111c", "ab1111111c", 10); /* a sequence that never ends is given up */
}

static void test_deleting(void **state) {
    (void)state;
    expect("abc\x7f", "ab", 2);
    expect("abc\x02\x08", "ac", 1);
    expect("\x7f", "", 0);
    expect("abc\x01\x04", "bc", 0);
    expect("abc def\x17", "abc ", 4);
    expect("abc def  \x17x", "abc x", 5);
    expect("abc\x02\x0b", "ab", 2);
    expect("abc\x02\x15", "c", 0);
    expect("abc\x14", "acb", 3);
    expect("abc\x02\x02\x14", "bac", 2);
    expect("\x14", "", 0);
}

static void test_results(void **state) {
    (void)state;
    assert_int_equal(type("ls\x03"), LINE_INTERRUPT);
    line_start(&line);
    assert_int_equal(type("ls\r"), LINE_ENTER);
    assert_string_equal(line.text, "ls");
    fresh(NULL);
    assert_int_equal(type("\x04"), LINE_EOF);
    fresh(NULL);
    assert_int_equal(type("a\x04"), LINE_MORE);
    assert_int_equal(type("\t"), LINE_TAB);
}

static void test_what_is_typed_at_the_end_is_only_echoed(void **state) {
    (void)state;
    type("ls\x7f");
    assert_string_equal(screen.text, "> ls\b \b");
}

static void test_line_too_long(void **state) {
    (void)state;
    for (int i = 0; i < 2 * LINE_SIZE; i++) {
        assert_int_equal(line_byte(&line, 'x'), LINE_MORE);
    }
    assert_int_equal(line.length, LINE_SIZE - 1);
    assert_int_equal(strlen(line.text), LINE_SIZE - 1);
}

static void test_history(void **state) {
    (void)state;
    line_remember(&line, "one");
    line_remember(&line, "two");
    line_remember(&line, "two");
    line_remember(&line, "");
    assert_string_equal(line_history(&line, 1), "two");
    assert_string_equal(line_history(&line, 2), "one");
    assert_null(line_history(&line, 3));
    type("new\x1b[A\x1b[A\x1b[A");
    assert_string_equal(line.text, "one");
    type("\x1b[B");
    assert_string_equal(line.text, "two");
    type("\x0e\x0e");
    assert_string_equal(line.text, "new");
}

static void test_history_wraps(void **state) {
    (void)state;
    char text[2] = {0};
    for (int i = 0; i < HISTORY_LINES + 10; i++) {
        text[0] = (char)('!' + i);
        line_remember(&line, text);
    }
    text[0] = '!' + 10;
    assert_string_equal(line_history(&line, HISTORY_LINES), text);
    assert_null(line_history(&line, HISTORY_LINES + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_typing_and_moving, fresh),
        cmocka_unit_test_setup(test_escape_sequences, fresh),
        cmocka_unit_test_setup(test_deleting, fresh),
        cmocka_unit_test_setup(test_results, fresh),
        cmocka_unit_test_setup(test_what_is_typed_at_the_end_is_only_echoed, fresh),
        cmocka_unit_test_setup(test_line_too_long, fresh),
        cmocka_unit_test_setup(test_history, fresh),
        cmocka_unit_test_setup(test_history_wraps, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
