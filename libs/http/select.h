/* select.h: which part of a file a request asks for, and whether it wants it at all
 * (RFC 9110 13, conditional requests, and 14, ranges). Pure functions of the head and the file's marks. */
#pragma once

#include "message.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_ETAG_SIZE 40

/* Marks of the file that the request names. */
struct http_validators {
    const char *etag; /* with its quotes, strong */
    int64_t modified; /* seconds since 1970 */
};

struct http_range {
    uint64_t first;
    uint64_t length;
};

/* Makes the entity tag of a file from size and time of change. */
void http_etag(uint64_t size, int64_t modified, char etag[HTTP_ETAG_SIZE]);

/* Weighs If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in the order of RFC 9110 13.2.2.
 * Returns 0 (go on), 304 or 412. */
unsigned http_precondition(const struct http_parser *request, const struct http_validators *file);

/* Which bytes of a file of `size` bytes to send. Returns 200 (all of it; also for several ranges and for a
 * range that is void by If-Range), 206 or 416; *range is set for 200 and 206. */
unsigned http_select_range(const struct http_parser *request, const struct http_validators *file,
                           uint64_t size, struct http_range *range);
