/* url.h: http URLs (RFC 3986, RFC 9110 4.2): apart, and relative to one another. */
#pragma once

#include <base/error.h>
#include <stdbool.h>
#include <stdint.h>

#define HTTP_HOST_MAX 255
#define HTTP_URL_MAX  4096

struct http_url {
    char host[HTTP_HOST_MAX + 1]; /* name or address, an IPv6 address without its brackets */
    bool is_ipv6;
    uint16_t port;
    char target[HTTP_URL_MAX]; /* path and query as they go into the request line; starts with '/' */
};

/* Takes an absolute URL apart. Without a scheme, http is meant. A fragment is dropped; blanks and other
 * characters that may not go into a request line are written as %XX.
 * ERR_NOT_SUPPORTED: another scheme than http; ERR_MALFORMED: no host, bad port, control characters;
 * ERR_TOO_LARGE. */
enum error http_url_parse(const char *text, struct http_url *url);

/* What `reference` (of a Location field) means on a page at `base` (RFC 3986 5.2). `result` may be `base`.
 * Errors as above. */
enum error http_url_resolve(const struct http_url *base, const char *reference, struct http_url *result);
