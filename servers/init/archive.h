/* archive.h: files in the boot archive, a plain ustar. Pure; the archive is read in place. */
#pragma once

#include <base/span.h>
#include <stdbool.h>

/* The contents of the file called `name`. False: there is none, or the archive ends too early. */
bool archive_find(struct span archive, const char *name, struct span *contents);

/* Walks the files whose names start with `prefix`. *position is 0 at first; false: no more. *name is
 * NUL-terminated, of at most 100 characters, without the prefix, and valid until the next call with the same
 * buffer. */
#define ARCHIVE_NAME_SIZE 101
bool archive_next(struct span archive, const char *prefix, size_t *position, char name[ARCHIVE_NAME_SIZE]);
