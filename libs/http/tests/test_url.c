/* URLs apart and relative ones resolved. */
#include "../url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *host, unsigned port, const char *target) {
    struct http_url url;
    assert_int_equal(http_url_parse(text, &url), ERR_NONE);
    assert_string_equal(url.host, host);
    assert_int_equal(url.port, port);
    assert_string_equal(url.target, target);
}

static void good_urls(void **state) {
    expect("http://example.com", "example.com", 80, "/");
    expect("HTTP://Example.com/", "Example.com", 80, "/");
    expect("example.com/a/b?c=d", "example.com", 80, "/a/b?c=d");
    expect("10.0.2.2:8000/x", "10.0.2.2", 8000, "/x");
    expect("http://h:/x", "h", 80, "/x");
    expect("http://h:65535", "h", 65535, "/");
    expect("http://[::1]:81/x", "::1", 81, "/x");
    expect("http://[fe80::2]", "fe80::2", 80, "/");
    expect("http://h?q", "h", 80, "/?q");
    expect("http://h/a#frag", "h", 80, "/a");
    expect("http://h#frag", "h", 80, "/");
    expect("http://h/a b\"\xc3\xa9", "h", 80, "/a%20b%22%C3%A9");
    expect("h/http://x", "h", 80, "/http://x");
}

static void bad_urls(void **state) {
    static const char *const bad[] = {"",
                                      "http://",
                                      "http:///x",
                                      "http://:80/",
                                      "http://h:0/",
                                      "http://h:x",
                                      "http://h:70000",
                                      "http://h:123456789012",
                                      "http://u@h/",
                                      "http://u:p@h/",
                                      "http://[::1",
                                      "http://[::1]x/",
                                      "http://h /",
                                      "http://h/\r\nX: y",
                                      "http://h\n",
                                      "http://[x]/"};
    struct http_url url;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(http_url_parse(bad[i], &url), ERR_MALFORMED);
    }
    assert_int_equal(http_url_parse("https://h/", &url), ERR_NOT_SUPPORTED);
    assert_int_equal(http_url_parse("ftp://h/", &url), ERR_NOT_SUPPORTED);
}

static void too_long(void **state) {
    static char text[HTTP_URL_MAX * 2];
    struct http_url url;
    memset(text, 'a', HTTP_HOST_MAX + 1);
    assert_int_equal(http_url_parse(text, &url), ERR_TOO_LARGE);
    memset(text, 'a', sizeof(text) - 1);
    text[1] = '/';
    assert_int_equal(http_url_parse(text, &url), ERR_TOO_LARGE);
}

static void resolved(const char *reference, const char *host, unsigned port, const char *target) {
    struct http_url url;
    assert_int_equal(http_url_parse("http://a:99/b/c/d;p?q", &url), ERR_NONE);
    assert_int_equal(http_url_resolve(&url, reference, &url), ERR_NONE);
    assert_string_equal(url.host, host);
    assert_int_equal(url.port, port);
    assert_string_equal(url.target, target);
}

/* The examples of RFC 3986 5.4, with a port. */
static void references(void **state) {
    static const char *const normal[][2] = {
        {"g", "/b/c/g"},
        {"./g", "/b/c/g"},
        {"g/", "/b/c/g/"},
        {"/g", "/g"},
        {"?y", "/b/c/d;p?y"},
        {"g?y", "/b/c/g?y"},
        {"#s", "/b/c/d;p?q"},
        {"g#s", "/b/c/g"},
        {";x", "/b/c/;x"},
        {"", "/b/c/d;p?q"},
        {".", "/b/c/"},
        {"./", "/b/c/"},
        {"..", "/b/"},
        {"../", "/b/"},
        {"../g", "/b/g"},
        {"../..", "/"},
        {"../../", "/"},
        {"../../g", "/g"},
        {"../../../g", "/g"},
        {"../../../../g", "/g"},
        {"/./g", "/g"},
        {"/../g", "/g"},
        {"g.", "/b/c/g."},
        {".g", "/b/c/.g"},
        {"..g", "/b/c/..g"},
        {"./../g", "/b/g"},
        {"./g/.", "/b/c/g/"},
        {"g/./h", "/b/c/g/h"},
        {"g/../h", "/b/c/h"},
        {"g?y/./x", "/b/c/g?y/./x"},
        {"g?y/../x", "/b/c/g?y/../x"},
    };
    for (size_t i = 0; i < sizeof(normal) / sizeof(normal[0]); i++) {
        resolved(normal[i][0], "a", 99, normal[i][1]);
    }
    resolved("//g", "g", 80, "/");
    resolved("//g:1/x", "g", 1, "/x");
    resolved("http://h/y/../z", "h", 80, "/z");
    resolved("x y", "a", 99, "/b/c/x%20y");
}

static void bad_references(void **state) {
    struct http_url base, result;
    assert_int_equal(http_url_parse("http://a/b", &base), ERR_NONE);
    assert_int_equal(http_url_resolve(&base, "https://b/", &result), ERR_NOT_SUPPORTED);
    assert_int_equal(http_url_resolve(&base, "mailto:x@y", &result), ERR_NOT_SUPPORTED);
    assert_int_equal(http_url_resolve(&base, "http://", &result), ERR_MALFORMED);
    assert_int_equal(http_url_resolve(&base, "/a\r\nb", &result), ERR_MALFORMED);
    static char text[HTTP_URL_MAX + 10];
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(http_url_resolve(&base, text, &result), ERR_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls),  cmocka_unit_test(bad_urls),       cmocka_unit_test(too_long),
        cmocka_unit_test(references), cmocka_unit_test(bad_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
