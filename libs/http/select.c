/* select.c: conditions and ranges; see select.h. */
#include "select.h"
#include "date.h"
#include "text.h"

#include <string.h>

static void put_hex(struct http_text *text, uint64_t number) {
    static const char hex[] = "0123456789abcdef";
    int shift = 60;
    while (shift > 0 && number >> shift == 0) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        http_text_add(text, &hex[number >> shift & 15], 1);
    }
}

void http_etag(uint64_t size, int64_t modified, char etag[HTTP_ETAG_SIZE]) {
    struct http_text text;
    http_text_init(&text, etag, HTTP_ETAG_SIZE - 1);
    http_text_string(&text, "\"");
    put_hex(&text, (uint64_t)modified);
    http_text_string(&text, "-");
    put_hex(&text, size);
    http_text_string(&text, "\"");
    etag[text.length] = 0;
}

/* Whether a list of entity tags holds ours. The weak comparison reads over "W/". */
static bool etag_listed(const char *list, const char *etag, bool weak) {
    const size_t length = strlen(etag);
    while (*list) {
        list += strspn(list, " \t,");
        if (*list == '*') {
            return true;
        }
        const bool is_weak = strncmp(list, "W/", 2) == 0;
        list += is_weak ? 2 : 0;
        if (strncmp(list, etag, length) == 0 && (weak || !is_weak)) {
            return true;
        }
        list += strcspn(list, ",");
    }
    return false;
}

unsigned http_precondition(const struct http_parser *request, const struct http_validators *file) {
    int64_t date;
    const char *value = http_field(request, "If-Match");
    if (value) {
        if (!etag_listed(value, file->etag, false)) {
            return 412;
        }
    } else if ((value = http_field(request, "If-Unmodified-Since")) &&
               http_date_parse(value, &date) == ERR_NONE && file->modified > date) {
        return 412;
    }
    value = http_field(request, "If-None-Match");
    if (value) {
        return etag_listed(value, file->etag, true) ? 304 : 0;
    }
    value = http_field(request, "If-Modified-Since");
    if (value && http_date_parse(value, &date) == ERR_NONE && file->modified <= date) {
        return 304;
    }
    return 0;
}

/* A range set with a date or tag that is no longer ours is void: the client's copy is of another file. */
static bool range_holds(const struct http_parser *request, const struct http_validators *file) {
    const char *value = http_field(request, "If-Range");
    if (!value) {
        return true;
    }
    int64_t date;
    if (*value == '"') {
        return strcmp(value, file->etag) == 0;
    }
    return http_date_parse(value, &date) == ERR_NONE && date == file->modified;
}

/* Reads digits; false if there is none. Numbers beyond 64 bits are kept at the largest. */
static bool take_number(const char **at, uint64_t *number) {
    const char *start = *at;
    *number = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        const uint64_t digit = (uint64_t)(**at - '0');
        *number = *number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *number * 10 + digit;
    }
    return *at > start;
}

/* Reads "first-", "first-last" or "-suffix" into first and last (inclusive). False if it is not of that form.
 */
static bool take_range(const char *at, uint64_t size, uint64_t *first, uint64_t *last) {
    const bool has_first = take_number(&at, first);
    if (*at++ != '-') {
        return false;
    }
    const bool has_last = take_number(&at, last);
    at += strspn(at, " \t");
    if (*at || (!has_first && !has_last) || (has_first && has_last && *last < *first)) {
        return false;
    }
    if (!has_first) {
        *first = *last > size ? 0 : size - *last;
        *last = *last ? UINT64_MAX : 0;
        *first = *last ? *first : size; /* the last zero bytes: nothing, hence 416 */
    } else if (!has_last) {
        *last = UINT64_MAX;
    }
    return true;
}

unsigned http_select_range(const struct http_parser *request, const struct http_validators *file,
                           uint64_t size, struct http_range *range) {
    *range = (struct http_range){.first = 0, .length = size};
    const char *value = http_field(request, "Range");
    static const char unit[] = "bytes=";
    bool meant = value && request->machine.method == HTTP_GET; /* for no other method (RFC 9110 14.2) */
    if (!meant || !http_same_prefix(value, unit, sizeof(unit) - 1) || !range_holds(request, file)) {
        return 200;
    }
    value += sizeof(unit) - 1;
    value += strspn(value, " \t");
    uint64_t first, last;
    if (strchr(value, ',') || !take_range(value, size, &first, &last)) {
        return 200;
    }
    if (first >= size) {
        return 416;
    }
    last = last >= size ? size - 1 : last;
    *range = (struct http_range){.first = first, .length = last - first + 1};
    return 206;
}
