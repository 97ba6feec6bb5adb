/* files.h: what the server knows about the files below its root.
 *
 * Opening a file costs several messages to the file server, so marks and small contents are kept for a while;
 * at most once a second they are compared with the file's own. */
#pragma once

#include "memory.h"

#include <http/date.h>
#include <http/select.h>
#include <stdbool.h>
#include <stdint.h>

#define PATH_SIZE        1024
#define CACHED_FILE_MAX  16384
#define CACHED_PATH_SIZE 120
#define CACHE_SLOTS      64
#define HEADER_SIZE      256
#define RECHECK_MS       1000

enum file_kind {
    FILE_MISSING,
    FILE_REGULAR,
    FILE_DIRECTORY,
    FILE_TROUBLE, /* the file system failed; not the client's fault */
};

struct file {
    char path[CACHED_PATH_SIZE]; /* below the root; empty: the slot is free */
    enum file_kind kind;
    uint64_t checked_at; /* milliseconds */
    uint64_t used_at;
    bool settled; /* changed long before it was read: a later change shows in `modified` */

    uint64_t size;
    int64_t modified; /* seconds since 1970 */
    const char *type;
    char etag[HTTP_ETAG_SIZE];
    char date[HTTP_DATE_SIZE]; /* `modified` in words */

    /* The header fields of the commonest answer, 200 with the whole file, ready to be copied. */
    char fields[HEADER_SIZE];
    size_t fields_length;

    char *content; /* all `size` bytes; null if the file is not small, or could not be read */
};

struct file_cache {
    const char *root;
    struct budget *budget;
    size_t content_used, content_limit;
    struct file slots[CACHE_SLOTS];
    struct file passing; /* for paths that are too long to be kept */
};

void files_init(struct file_cache *cache, const char *root, struct budget *budget);

/* What `path` (as http_safe_path() makes them) names; valid until the next call. */
struct file *files_find(struct file_cache *cache, const char *path, uint64_t now);

/* Opens a regular file and takes its marks anew; -1 with errno set. */
int files_open(struct file_cache *cache, struct file *file, const char *path);

/* The path in the file system; false if it is too long. */
bool files_full_path(const struct file_cache *cache, const char *path, char full[PATH_SIZE]);
