/* date.c: see date.h. Days are counted from March on, so that the leap day comes last (Hinnant,
 * "days_from_civil"). */
#include "date.h"

#define SECONDS_OF_DAY 86400
#define FIRST          315532800  /* 1980-01-01 */
#define LAST           4354819198 /* 2107-12-31 23:59:58 */

static int64_t days_of(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = year / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static uint16_t date_of(int64_t days) {
    days += 719468;
    int64_t era = days / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * shifted + 2) / 5 + 1;
    unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    return (uint16_t)((unsigned)(year - 1980) << 9 | month << 5 | day);
}

static int64_t clamp(int64_t seconds) {
    return seconds < FIRST ? FIRST : seconds > LAST ? LAST : seconds;
}

static uint16_t time_of(int64_t seconds) {
    unsigned second = (unsigned)(seconds % SECONDS_OF_DAY);
    return (uint16_t)(second / 3600 << 11 | second / 60 % 60 << 5 | second % 60 / 2);
}

int64_t date_modified(const struct raw_entry *entry) {
    unsigned month = entry->modified_date >> 5 & 0xf, day = entry->modified_date & 0x1f;
    if (month < 1 || month > 12 || day < 1) {
        return FIRST;
    }
    int64_t days = days_of(1980 + (entry->modified_date >> 9), month, day);
    unsigned time = entry->modified_time;
    return days * SECONDS_OF_DAY + (time >> 11) * 3600 + (time >> 5 & 0x3f) * 60 + (time & 0x1f) * 2;
}

void date_set_modified(struct raw_entry *entry, int64_t seconds) {
    seconds = clamp(seconds);
    entry->modified_date = entry->accessed_date = date_of(seconds / SECONDS_OF_DAY);
    entry->modified_time = time_of(seconds);
}

void date_set_created(struct raw_entry *entry, int64_t seconds) {
    seconds = clamp(seconds);
    entry->created_date = date_of(seconds / SECONDS_OF_DAY);
    entry->created_time = time_of(seconds);
    entry->created_hundredths = (uint8_t)(seconds % 2 * 100);
}

int64_t date_now(const struct fat_volume *volume) {
    int64_t now = volume->disk.now(volume->disk.context);
    return now == 0 ? DATE_UNKNOWN : now;
}
