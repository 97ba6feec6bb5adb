/* The bounded writer, codings, safe paths, media types. */
#include "../text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void writer_stops_at_its_end(void **state) {
    char data[8];
    struct http_text text;
    http_text_init(&text, data, sizeof(data));
    http_text_string(&text, "abcd");
    http_text_number(&text, 123);
    assert_false(text.overflow);
    http_text_string(&text, "xy");
    assert_true(text.overflow);
    assert_int_equal(text.length, 7);
    assert_memory_equal(data, "abcd123", 7);
}

static void numbers(void **state) {
    char data[32];
    struct http_text text;
    http_text_init(&text, data, sizeof(data));
    http_text_number(&text, 0);
    http_text_number(&text, UINT64_MAX);
    assert_memory_equal(data, "018446744073709551615", 21);
}

static const char *written(void (*add)(struct http_text *, const char *), const char *string) {
    static char data[256];
    struct http_text text;
    http_text_init(&text, data, sizeof(data) - 1);
    add(&text, string);
    data[text.length] = 0;
    return data;
}

static void escapes(void **state) {
    assert_string_equal(written(http_text_html, "<a href=\"x\">'&"),
                        "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    assert_string_equal(written(http_text_url, "/a b/%?#\"\xc3\xa9~"), "/a%20b/%25%3F%23%22%C3%A9~");
}

static void percent_decoding(void **state) {
    char out[16];
    assert_int_equal(http_percent_decode("a%20b%2Fc", 9, out, sizeof(out)), ERR_NONE);
    assert_string_equal(out, "a b/c");
    assert_int_equal(http_percent_decode("%", 1, out, sizeof(out)), ERR_MALFORMED);
    assert_int_equal(http_percent_decode("%2", 2, out, sizeof(out)), ERR_MALFORMED);
    assert_int_equal(http_percent_decode("%2x", 3, out, sizeof(out)), ERR_MALFORMED);
    assert_int_equal(http_percent_decode("%00", 3, out, sizeof(out)), ERR_MALFORMED);
    assert_int_equal(http_percent_decode("0123456789012345", 16, out, sizeof(out)), ERR_TOO_LARGE);
    assert_int_equal(http_percent_decode("012345678901234", 15, out, sizeof(out)), ERR_NONE);
}

struct path_case {
    const char *target, *path;
    enum error error;
};

static void safe_paths(void **state) {
    static const struct path_case cases[] = {
        {"/", "/", ERR_NONE},
        {"/a/b.txt", "/a/b.txt", ERR_NONE},
        {"/a/b/", "/a/b/", ERR_NONE},
        {"//a///b", "/a/b", ERR_NONE},
        {"/./a/./b/.", "/a/b/", ERR_NONE},
        {"/a/../b", "/b", ERR_NONE},
        {"/a/b/..", "/a/", ERR_NONE},
        {"/a/..", "/", ERR_NONE},
        {"/a?b/../..", "/a", ERR_NONE},
        {"/a#b", "/a", ERR_NONE},
        {"/a%20b", "/a b", ERR_NONE},
        {"/a%2fb", "/a/b", ERR_NONE},
        {"/.well-known/x", "/.well-known/x", ERR_NONE},
        {"http://host/a", "/a", ERR_NONE},
        {"HTTP://host", "/", ERR_NONE},
        {"http://host?x", "/", ERR_NONE},
        {"/..", "", ERR_NO_RIGHT},
        {"/../etc/passwd", "", ERR_NO_RIGHT},
        {"/a/../../etc", "", ERR_NO_RIGHT},
        {"/%2e%2e/etc", "", ERR_NO_RIGHT},
        {"/%2e%2e%2fetc", "", ERR_NO_RIGHT},
        {"/.%2e/etc", "", ERR_NO_RIGHT},
        {"/...", "", ERR_NO_RIGHT},
        {"/..%20/x", "", ERR_NO_RIGHT},
        {"/..%5cetc", "", ERR_MALFORMED},
        {"/a\\b", "", ERR_MALFORMED},
        {"/a%00", "", ERR_MALFORMED},
        {"/a%0d%0ab", "", ERR_MALFORMED},
        {"/a%", "", ERR_MALFORMED},
        {"a", "", ERR_MALFORMED},
        {"*", "", ERR_MALFORMED},
        {"", "", ERR_MALFORMED},
        {"ftp://host/", "", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[64];
        assert_int_equal(http_safe_path(cases[i].target, path, sizeof(path)), cases[i].error);
        if (cases[i].error == ERR_NONE) {
            assert_string_equal(path, cases[i].path);
        }
    }
}

static void long_paths(void **state) {
    char target[600], path[1024];
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    target[256] = 0;
    assert_int_equal(http_safe_path(target, path, sizeof(path)), ERR_NONE);
    target[256] = 'a';
    target[257] = 0;
    assert_int_equal(http_safe_path(target, path, sizeof(path)), ERR_TOO_LARGE);
    target[257] = 'a';
    target[100] = target[200] = target[300] = target[400] = target[500] = '/';
    target[599] = 0;
    assert_int_equal(http_safe_path(target, path, 64), ERR_TOO_LARGE);
    assert_int_equal(http_safe_path(target, path, 600), ERR_NONE);
}

/* Random targets of the awkward characters: never out of the root, always normal. */
static void random_paths(void **state) {
    static const char *const pieces[] = {"/", ".", "..", "a", "%2e", "%2f", "%5c", "//", "%", "?", " ", "bc"};
    srand(7);
    for (int round = 0; round < 20000; round++) {
        char target[64] = "/", path[64];
        for (int i = rand() % 9; i > 0; i--) {
            strcat(target, pieces[rand() % 12]);
        }
        if (http_safe_path(target, path, sizeof(path)) == ERR_NONE) {
            assert_true(path[0] == '/');
            assert_null(strstr(path, "/../"));
            assert_null(strstr(path, "/./"));
            assert_null(strstr(path, "//"));
            const char *last = strrchr(path, '/');
            assert_true(strcmp(last, "/..") != 0 && strcmp(last, "/.") != 0);
        }
    }
}

static void names_in_any_case(void **state) {
    assert_true(http_same_name("Content-Length", "content-LENGTH"));
    assert_false(http_same_name("Content-Length", "Content-Lengt"));
    assert_false(http_same_name("a", "ab"));
    assert_true(http_same_prefix("Bytes=1", "bytes=", 6));
    assert_false(http_same_prefix("byte", "bytes=", 6));
}

static void media_types(void **state) {
    assert_string_equal(http_media_type("/a/index.HTML"), "text/html; charset=utf-8");
    assert_string_equal(http_media_type("/x.tar.gz"), "application/gzip");
    assert_string_equal(http_media_type("/dir.html/file"), "application/octet-stream");
    assert_string_equal(http_media_type("/pic.svg"), "image/svg+xml");
}

static void status_texts(void **state) {
    assert_string_equal(http_status_text(404), "Not Found");
    assert_string_equal(http_status_text(431), "Request Header Fields Too Large");
    assert_string_equal(http_status_text(999), "Unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_stops_at_its_end),
        cmocka_unit_test(numbers),
        cmocka_unit_test(escapes),
        cmocka_unit_test(percent_decoding),
        cmocka_unit_test(safe_paths),
        cmocka_unit_test(long_paths),
        cmocka_unit_test(random_paths),
        cmocka_unit_test(names_in_any_case),
        cmocka_unit_test(media_types),
        cmocka_unit_test(status_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
