/* date.c: see date.h. Day numbers are counted in years that start in March, so that the leap day comes last.
 */
#include "date.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define SECONDS_PER_DAY 86400
#define LAST_SECOND     253402300799 /* the end of the year 9999 */

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct civil {
    int year, month, day; /* month 1 to 12 */
    int hour, minute, second;
};

/* Days since 1970-01-01. */
static int64_t day_number(int year, int month, int day) {
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400, of_era = y % 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_day(int64_t number, struct civil *civil) {
    const int64_t shifted = number + 719468, era = shifted / 146097, of_era = shifted % 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153;
    civil->day = (int)(of_year - (153 * month + 2) / 5 + 1);
    civil->month = (int)(month < 10 ? month + 3 : month - 9);
    civil->year = (int)(year + era * 400 + (civil->month <= 2));
}

static char *put_number(char *at, int number, int width) {
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + width;
}

static char *put_text(char *at, const char *text) {
    const size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

void http_date_format(int64_t seconds, char date[HTTP_DATE_SIZE]) {
    seconds = seconds < 0 ? 0 : seconds > LAST_SECOND ? LAST_SECOND : seconds;
    const int64_t number = seconds / SECONDS_PER_DAY;
    const int rest = (int)(seconds % SECONDS_PER_DAY);
    struct civil civil;
    civil_day(number, &civil);
    char *at = put_text(date, days[(number + 4) % 7]);
    at = put_number(put_text(at, ", "), civil.day, 2);
    at = put_text(put_text(put_text(at, " "), months[civil.month - 1]), " ");
    at = put_number(at, civil.year, 4);
    at = put_number(put_text(at, " "), rest / 3600, 2);
    at = put_number(put_text(at, ":"), rest / 60 % 60, 2);
    at = put_number(put_text(at, ":"), rest % 60, 2);
    *put_text(at, " GMT") = 0;
}

/* Each take_ function reads one thing at *at and moves past it; false if it is not there. */

static bool take_text(const char **at, const char *text) {
    const size_t length = strlen(text);
    if (strncmp(*at, text, length) != 0) {
        return false;
    }
    *at += length;
    return true;
}

static bool take_number(const char **at, int width, int *number) {
    *number = 0;
    for (int i = 0; i < width; i++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *number = *number * 10 + (*(*at)++ - '0');
    }
    return true;
}

static bool take_month(const char **at, int *month) {
    for (int i = 0; i < 12; i++) {
        if (take_text(at, months[i])) {
            *month = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_time(const char **at, struct civil *civil) {
    return take_number(at, 2, &civil->hour) && take_text(at, ":") && take_number(at, 2, &civil->minute) &&
           take_text(at, ":") && take_number(at, 2, &civil->second);
}

/* After the comma of "Sun, 06 Nov 1994 08:49:37 GMT". */
static bool take_fixdate(const char *at, struct civil *civil) {
    return take_text(&at, ", ") && take_number(&at, 2, &civil->day) && take_text(&at, " ") &&
           take_month(&at, &civil->month) && take_text(&at, " ") && take_number(&at, 4, &civil->year) &&
           take_text(&at, " ") && take_time(&at, civil) && take_text(&at, " GMT") && *at == 0;
}

/* After the day's name of "Sunday, 06-Nov-94 08:49:37 GMT". Two digits: 1970 to 2069. */
static bool take_rfc850(const char *at, struct civil *civil) {
    const bool taken = take_text(&at, ", ") && take_number(&at, 2, &civil->day) && take_text(&at, "-") &&
                       take_month(&at, &civil->month) && take_text(&at, "-") &&
                       take_number(&at, 2, &civil->year) && take_text(&at, " ") && take_time(&at, civil) &&
                       take_text(&at, " GMT") && *at == 0;
    if (taken) {
        civil->year += civil->year < 70 ? 2000 : 1900;
    }
    return taken;
}

/* After the day's name of "Sun Nov  6 08:49:37 1994". */
static bool take_asctime(const char *at, struct civil *civil) {
    if (!take_text(&at, " ") || !take_month(&at, &civil->month) || !take_text(&at, " ")) {
        return false;
    }
    const int width = take_text(&at, " ") ? 1 : 2;
    return take_number(&at, width, &civil->day) && take_text(&at, " ") && take_time(&at, civil) &&
           take_text(&at, " ") && take_number(&at, 4, &civil->year) && *at == 0;
}

static bool exists(const struct civil *civil) {
    struct civil back;
    if (civil->year < 1 || civil->month < 1 || civil->day < 1 || civil->day > 31) {
        return false;
    }
    civil_day(day_number(civil->year, civil->month, civil->day), &back);
    return back.day == civil->day && civil->hour < 24 && civil->minute < 60 && civil->second <= 60;
}

enum error http_date_parse(const char *date, int64_t *seconds) {
    struct civil civil;
    bool known = false;
    for (int i = 0; i < 7 && !known; i++) {
        known = strncmp(date, days[i], 3) == 0;
    }
    if (!known) {
        return ERR_MALFORMED;
    }
    const char *rest = date + strcspn(date, ", ");
    if (!take_fixdate(rest, &civil) && !take_rfc850(rest, &civil) && !take_asctime(rest, &civil)) {
        return ERR_MALFORMED;
    }
    if (!exists(&civil)) {
        return ERR_MALFORMED;
    }
    *seconds = day_number(civil.year, civil.month, civil.day) * SECONDS_PER_DAY + civil.hour * 3600 +
               civil.minute * 60 + civil.second;
    return ERR_NONE;
}
