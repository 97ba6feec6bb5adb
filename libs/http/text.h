/* text.h: small tools for the text of HTTP: a bounded writer, names in any case, percent and HTML coding.
 *
 * The writer never goes past its buffer; what did not fit is noted in `overflow`, to be looked at once at the
 * end. It exists because a formatted print costs more than the rest of a small answer. */
#pragma once

#include <base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_text {
    char *data;
    size_t size;
    size_t length; /* bytes written; never above size */
    bool overflow;
};

void http_text_init(struct http_text *text, char *data, size_t size);
void http_text_add(struct http_text *text, const char *data, size_t length);
void http_text_string(struct http_text *text, const char *string);
void http_text_number(struct http_text *text, uint64_t number);

/* Adds a string with the five characters that mean something to HTML replaced. */
void http_text_html(struct http_text *text, const char *string);

/* Adds a string as part of a path in a URL: all but unreserved characters and '/' as %XX (RFC 3986 2.1). */
void http_text_url(struct http_text *text, const char *string);

/* Whether two names are equal, whatever the case of A to Z. */
bool http_same_name(const char *a, const char *b);
bool http_same_prefix(const char *a, const char *b, size_t length);

/* Whether the character may stand in a token (RFC 9110 5.6.2). */
bool http_is_token_char(char c);

/* Decodes %XX in `length` bytes of `from` into `to` (room for `size` bytes with the NUL).
 * ERR_MALFORMED: a broken escape, or a NUL; ERR_TOO_LARGE: no room. */
enum error http_percent_decode(const char *from, size_t length, char *to, size_t size);

/* The path of a request target made safe to append to a root directory: query dropped, decoded, "." and ".."
 * and double slashes resolved; it starts with '/', and ends with '/' if the target names a directory.
 * ERR_MALFORMED: not a path, a bad escape, a control character, a backslash; ERR_NO_RIGHT: climbs out of the
 * root; ERR_TOO_LARGE: no room in `size`, or a name above 255 bytes. */
enum error http_safe_path(const char *target, char *path, size_t size);

/* The media type for a file name's extension; never null. */
const char *http_media_type(const char *path);

/* The reason phrase of a status code, as RFC 9110 words it; never null. */
const char *http_status_text(unsigned status);
