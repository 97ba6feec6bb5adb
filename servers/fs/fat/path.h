/* path.h: from paths to entries, and from entries to open nodes. */
#pragma once

#include "directory.h"

/* file.c: takes one more reference to what lies at entry->location. ERR_TOO_MANY. */
enum error node_open(struct fat_volume *volume, const struct entry *entry, struct fat_node **node);

void entry_stat(const struct location *location, const struct raw_entry *raw, struct fat_stat *stat);
