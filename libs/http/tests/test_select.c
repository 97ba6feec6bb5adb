/* Conditions and ranges. */
#include "../select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MODIFIED 784111777
#define DATE     "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER    "Sun, 06 Nov 1994 08:49:38 GMT"
#define EARLIER  "Sun, 06 Nov 1994 08:49:36 GMT"
#define TAG      "\"2ebc98a1-64\""

static const struct http_validators file = {.etag = TAG, .modified = MODIFIED};

static void parse(struct http_parser *request, const char *fields) {
    char data[1024];
    size_t used;
    snprintf(data, sizeof(data), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", fields);
    http_parser_init(request, HTTP_REQUEST);
    assert_int_equal(http_parse(request, data, strlen(data), &used), HTTP_GOT_HEAD);
}

static unsigned condition(const char *fields) {
    struct http_parser request;
    parse(&request, fields);
    return http_precondition(&request, &file);
}

static void tags(void **state) {
    char etag[HTTP_ETAG_SIZE];
    http_etag(100, MODIFIED, etag);
    assert_string_equal(etag, "\"2ebc98a1-64\"");
    http_etag(UINT64_MAX, INT64_MAX, etag);
    assert_string_equal(etag, "\"7fffffffffffffff-ffffffffffffffff\"");
    http_etag(0, 0, etag);
    assert_string_equal(etag, "\"0-0\"");
}

static void conditions(void **state) {
    assert_int_equal(condition(""), 0);
    assert_int_equal(condition("If-Modified-Since: " DATE "\r\n"), 304);
    assert_int_equal(condition("If-Modified-Since: " LATER "\r\n"), 304);
    assert_int_equal(condition("If-Modified-Since: " EARLIER "\r\n"), 0);
    assert_int_equal(condition("If-Modified-Since: nonsense\r\n"), 0);
    assert_int_equal(condition("If-None-Match: " TAG "\r\n"), 304);
    assert_int_equal(condition("If-None-Match: W/" TAG "\r\n"), 304);
    assert_int_equal(condition("If-None-Match: \"a\", " TAG "\r\n"), 304);
    assert_int_equal(condition("If-None-Match: *\r\n"), 304);
    assert_int_equal(condition("If-None-Match: \"a\"\r\nIf-Modified-Since: " DATE "\r\n"), 0);
    assert_int_equal(condition("If-Match: " TAG "\r\n"), 0);
    assert_int_equal(condition("If-Match: W/" TAG "\r\n"), 412);
    assert_int_equal(condition("If-Match: \"a\"\r\n"), 412);
    assert_int_equal(condition("If-Unmodified-Since: " DATE "\r\n"), 0);
    assert_int_equal(condition("If-Unmodified-Since: " EARLIER "\r\n"), 412);
}

/* The status, with first and length of what is selected out of 100 bytes. */
static void expect_range(const char *fields, unsigned status, uint64_t first, uint64_t length) {
    struct http_parser request;
    struct http_range range;
    parse(&request, fields);
    assert_int_equal(http_select_range(&request, &file, 100, &range), status);
    if (status != 416) {
        assert_int_equal(range.first, first);
        assert_int_equal(range.length, length);
    }
}

static void ranges(void **state) {
    expect_range("", 200, 0, 100);
    expect_range("Range: bytes=0-9\r\n", 206, 0, 10);
    expect_range("Range: bytes=90-\r\n", 206, 90, 10);
    expect_range("Range: bytes=-1\r\n", 206, 99, 1);
    expect_range("Range: bytes=-1000\r\n", 206, 0, 100);
    expect_range("Range: bytes=50-1000\r\n", 206, 50, 50);
    expect_range("Range: Bytes= 1-1 \r\n", 206, 1, 1);
    expect_range("Range: bytes=99-99\r\n", 206, 99, 1);
    expect_range("Range: bytes=100-\r\n", 416, 0, 0);
    expect_range("Range: bytes=-0\r\n", 416, 0, 0);
    expect_range("Range: bytes=99999999999999999999-\r\n", 416, 0, 0);
    expect_range("Range: bytes=1-99999999999999999999\r\n", 206, 1, 99);
    expect_range("Range: bytes=9-5\r\n", 200, 0, 100);
    expect_range("Range: bytes=a-b\r\n", 200, 0, 100);
    expect_range("Range: bytes=-\r\n", 200, 0, 100);
    expect_range("Range: bytes=\r\n", 200, 0, 100);
    expect_range("Range: bytes=1\r\n", 200, 0, 100);
    expect_range("Range: bytes=0-1,5-6\r\n", 200, 0, 100);
    expect_range("Range: lines=0-1\r\n", 200, 0, 100);
}

static void ranges_with_a_condition(void **state) {
    expect_range("Range: bytes=0-9\r\nIf-Range: " TAG "\r\n", 206, 0, 10);
    expect_range("Range: bytes=0-9\r\nIf-Range: \"other\"\r\n", 200, 0, 100);
    expect_range("Range: bytes=0-9\r\nIf-Range: W/" TAG "\r\n", 200, 0, 100);
    expect_range("Range: bytes=0-9\r\nIf-Range: " DATE "\r\n", 206, 0, 10);
    expect_range("Range: bytes=0-9\r\nIf-Range: " EARLIER "\r\n", 200, 0, 100);
}

static void ranges_of_an_empty_file(void **state) {
    struct http_parser request;
    struct http_range range;
    parse(&request, "Range: bytes=0-\r\n");
    assert_int_equal(http_select_range(&request, &file, 0, &range), 416);
    parse(&request, "Range: bytes=-5\r\n");
    assert_int_equal(http_select_range(&request, &file, 0, &range), 416);
}

static void a_range_is_for_get_alone(void **state) {
    static const char data[] = "HEAD / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\n\r\n";
    struct http_parser request;
    struct http_range range;
    size_t used;
    http_parser_init(&request, HTTP_REQUEST);
    assert_int_equal(http_parse(&request, data, strlen(data), &used), HTTP_GOT_HEAD);
    assert_int_equal(http_select_range(&request, &file, 100, &range), 200);
    assert_int_equal(range.length, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags),
        cmocka_unit_test(conditions),
        cmocka_unit_test(ranges),
        cmocka_unit_test(ranges_with_a_condition),
        cmocka_unit_test(ranges_of_an_empty_file),
        cmocka_unit_test(a_range_is_for_get_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
