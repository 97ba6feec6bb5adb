/* date.h: FAT's dates and times (two-second steps, from 1980 on, taken as UTC) to and from seconds since
 * 1970. */
#pragma once

#include "volume.h"

/* 2026-01-01 00:00:00: what a machine without a clock writes. */
#define DATE_UNKNOWN 1767225600

int64_t date_modified(const struct raw_entry *entry);
void date_set_modified(struct raw_entry *entry, int64_t seconds);
void date_set_created(struct raw_entry *entry, int64_t seconds);
/* The volume's clock. */
int64_t date_now(const struct fat_volume *volume);
