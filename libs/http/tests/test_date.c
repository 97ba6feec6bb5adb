/* Dates, there and back, against the C library's calendar. */
#include "../date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define EXAMPLE 784111777 /* the date of RFC 9110's examples */

static void known_dates(void **state) {
    char date[HTTP_DATE_SIZE];
    http_date_format(EXAMPLE, date);
    assert_string_equal(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    http_date_format(0, date);
    assert_string_equal(date, "Thu, 01 Jan 1970 00:00:00 GMT");
    http_date_format(-5, date);
    assert_string_equal(date, "Thu, 01 Jan 1970 00:00:00 GMT");
    http_date_format(INT64_MAX, date);
    assert_string_equal(date, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void three_forms(void **state) {
    int64_t seconds;
    assert_int_equal(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &seconds), ERR_NONE);
    assert_int_equal(seconds, EXAMPLE);
    assert_int_equal(http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT", &seconds), ERR_NONE);
    assert_int_equal(seconds, EXAMPLE);
    assert_int_equal(http_date_parse("Sun Nov  6 08:49:37 1994", &seconds), ERR_NONE);
    assert_int_equal(seconds, EXAMPLE);
    assert_int_equal(http_date_parse("Wed Nov 16 08:49:37 1994", &seconds), ERR_NONE);
    assert_int_equal(seconds, EXAMPLE + 10 * 86400);
}

static void not_dates(void **state) {
    static const char *const bad[] = {
        "",
        "Sun",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "784111777",
    };
    int64_t seconds;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(http_date_parse(bad[i], &seconds), ERR_MALFORMED);
    }
}

static void every_third_day_of_three_centuries(void **state) {
    for (int64_t seconds = 12345; seconds < 300ll * 366 * 86400; seconds += 3 * 86400 + 61) {
        char ours[HTTP_DATE_SIZE], theirs[64];
        int64_t back;
        const time_t time = seconds;
        struct tm tm;
        http_date_format(seconds, ours);
        strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&time, &tm));
        assert_string_equal(ours, theirs);
        assert_int_equal(http_date_parse(ours, &back), ERR_NONE);
        assert_int_equal(back, seconds);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_dates),
        cmocka_unit_test(three_forms),
        cmocka_unit_test(not_dates),
        cmocka_unit_test(every_third_day_of_three_centuries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
