/* fuzz_text.c: what parses strings: targets, URLs, dates, lists. A path that is called safe must be so. */
#include <http/date.h>
#include <http/text.h>
#include <http/url.h>

#include <http/message.h>
#include <stdlib.h>
#include <string.h>

static void check_path(const char *text) {
    char path[300];
    if (http_safe_path(text, path, sizeof(path)) != ERR_NONE) {
        return;
    }
    const char *last = strrchr(path, '/');
    if (path[0] != '/' || strstr(path, "/../") || strstr(path, "//") || strstr(path, "/./") ||
        strchr(path, '\\') || strcmp(last, "/..") == 0 || strcmp(last, "/.") == 0) {
        abort();
    }
}

/* What goes into a request line must not be able to end it. */
static void check_url(const char *text) {
    struct http_url url;
    if (http_url_parse("http://base:81/a/b;c?d", &url) != ERR_NONE) {
        abort();
    }
    if (http_url_resolve(&url, text, &url) == ERR_NONE &&
        (url.target[0] != '/' || strpbrk(url.target, " \r\n\t") || strpbrk(url.host, " \r\n\t/") ||
         !url.host[0])) {
        abort();
    }
    if (http_url_parse(text, &url) == ERR_NONE && (url.target[0] != '/' || strpbrk(url.target, " \r\n\t"))) {
        abort();
    }
}

static void check_date(const char *text) {
    int64_t seconds, again;
    char date[HTTP_DATE_SIZE];
    if (http_date_parse(text, &seconds) == ERR_NONE && seconds >= 0) {
        http_date_format(seconds, date);
        if (http_date_parse(date, &again) != ERR_NONE || again != seconds) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    check_path(text);
    check_url(text);
    check_date(text);
    (void)http_list_has(text, "close");
    free(text);
    return 0;
}
