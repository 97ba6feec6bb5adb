/* date.h: dates as HTTP writes them (RFC 9110 5.6.7), without time zones or the C library's locale. */
#pragma once

#include <base/error.h>
#include <stdint.h>

#define HTTP_DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and its NUL */

/* Writes seconds since 1970 (UTC) as an IMF-fixdate. Times before 1970 or after 9999 are written as those
 * ends. */
void http_date_format(int64_t seconds, char date[HTTP_DATE_SIZE]);

/* Reads the three forms that a recipient must know: IMF-fixdate, RFC 850's and asctime's.
 * ERR_MALFORMED: none of them, or a date that does not exist. */
enum error http_date_parse(const char *date, int64_t *seconds);
