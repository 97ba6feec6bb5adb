/* test_words.c: command lines cut into commands, also hostile ones. */
#include "../words.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

static struct command command;

/* The words joined by '|', as in "echo|a b". */
static const char *parse(const char **line) {
    static char joined[WORDS_TEXT_MAX + WORDS_MAX];
    assert_int_equal(command_parse(line, 7, &command), ERR_NONE);
    joined[0] = 0;
    for (int i = 0; i < command.argc; i++) {
        if (i) {
            strcat(joined, "|");
        }
        strcat(joined, command.argv[i]);
    }
    assert_null(command.argv[command.argc]);
    return joined;
}

static void expect(const char *line, const char *words) {
    assert_string_equal(parse(&line), words);
}

static void test_words(void **state) {
    (void)state;
    expect("", "");
    expect("   ", "");
    expect("ls", "ls");
    expect("  ls \t -l  / ", "ls|-l|/");
    expect("echo 'a  b' \"c d\" e\\ f", "echo|a  b|c d|e f");
    expect("echo '' \"\"", "echo||");
    expect("echo a'b'\"c\"d", "echo|abcd");
    expect("echo 'it is $?' \"it is $?\" $?", "echo|it is $?|it is 7|7");
    expect("echo \"a\\\"b\" \\'", "echo|a\"b|'");
    expect("ls # not this; nor this", "ls");
    expect("echo a#b", "echo|a#b");
    expect("echo \\", "echo|\\");
}

static void test_connectors(void **state) {
    (void)state;
    const char *line = "a 1; b && c || d & e";
    assert_string_equal(parse(&line), "a|1");
    assert_int_equal(command.next, CONNECT_ALWAYS);
    assert_false(command.background);
    assert_string_equal(parse(&line), "b");
    assert_int_equal(command.next, CONNECT_AND);
    assert_string_equal(parse(&line), "c");
    assert_int_equal(command.next, CONNECT_OR);
    assert_string_equal(parse(&line), "d");
    assert_int_equal(command.next, CONNECT_ALWAYS);
    assert_true(command.background);
    assert_string_equal(parse(&line), "e");
    assert_int_equal(command.next, CONNECT_END);
}

static void test_output(void **state) {
    (void)state;
    const char *line = "echo a > /f b; echo c >>'g h'";
    assert_string_equal(parse(&line), "echo|a|b");
    assert_string_equal(command.output, "/f");
    assert_false(command.append);
    assert_string_equal(parse(&line), "echo|c");
    assert_string_equal(command.output, "g h");
    assert_true(command.append);
}

static void expect_error(const char *line, enum error error) {
    assert_int_equal(command_parse(&line, 0, &command), error);
}

static void test_errors(void **state) {
    (void)state;
    expect_error("echo 'a", ERR_MALFORMED);
    expect_error("echo \"a", ERR_MALFORMED);
    expect_error("echo \"a\\", ERR_MALFORMED);
    expect_error("echo >", ERR_MALFORMED);
    expect_error("echo > ; b", ERR_MALFORMED);
    expect_error("a | b", ERR_MALFORMED);
}

static void test_too_much(void **state) {
    (void)state;
    static char text[2 * WORDS_TEXT_MAX + 1];
    for (int i = 0; i <= WORDS_MAX; i++) {
        memcpy(text + 2 * i, "a ", 2);
    }
    expect_error(text, ERR_TOO_MANY);
    memset(text, 'a', sizeof text - 1);
    expect_error(text, ERR_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),  cmocka_unit_test(test_connectors), cmocka_unit_test(test_output),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
