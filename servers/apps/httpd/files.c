/* files.c: see files.h. The slots form sets of four; within a set the one not used for longest makes room. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <http/text.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAYS           4
#define SETTLE_SECONDS 3 /* FAT counts time in steps of two seconds */

void files_init(struct file_cache *cache, const char *root, struct budget *budget) {
    memset(cache, 0, sizeof(*cache));
    cache->root = strcmp(root, "/") == 0 ? "" : root;
    cache->budget = budget;
    cache->content_limit = budget->limit / 4;
}

bool files_full_path(const struct file_cache *cache, const char *path, char full[PATH_SIZE]) {
    const size_t root = strlen(cache->root), length = strlen(path);
    if (root + length >= PATH_SIZE) {
        return false;
    }
    memcpy(full, cache->root, root);
    memcpy(full + root, path, length + 1);
    return true;
}

static void forget_content(struct file_cache *cache, struct file *file) {
    if (file->content) {
        cache->content_used -= file->size;
        budget_free(cache->budget, file->content, file->size);
        file->content = NULL;
    }
}

static void prepare_fields(struct file *file) {
    struct http_text text;
    http_text_init(&text, file->fields, sizeof(file->fields));
    http_text_string(&text, "Last-Modified: ");
    http_text_string(&text, file->date);
    http_text_string(&text, "\r\nETag: ");
    http_text_string(&text, file->etag);
    http_text_string(&text, "\r\nAccept-Ranges: bytes\r\nContent-Type: ");
    http_text_string(&text, file->type);
    http_text_string(&text, "\r\nContent-Length: ");
    http_text_number(&text, file->size);
    http_text_string(&text, "\r\n");
    file->fields_length = text.length;
}

static void take_marks(struct file *file, const char *path, const struct stat *status) {
    file->kind = S_ISDIR(status->st_mode)   ? FILE_DIRECTORY
                 : S_ISREG(status->st_mode) ? FILE_REGULAR
                                            : FILE_MISSING;
    file->size = (uint64_t)status->st_size;
    file->modified = status->st_mtime;
    file->type = http_media_type(path);
    http_etag(file->size, file->modified, file->etag);
    http_date_format(file->modified, file->date);
    prepare_fields(file);
}

int files_open(struct file_cache *cache, struct file *file, const char *path) {
    char full[PATH_SIZE];
    struct stat status;
    if (!files_full_path(cache, path, full)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int fd = open(full, O_RDONLY);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        errno = ENOENT;
        return -1;
    }
    forget_content(cache, file);
    take_marks(file, path, &status);
    return fd;
}

static bool read_whole(int fd, char *data, size_t size) {
    size_t got = 0;
    while (got < size) {
        const ssize_t n = read(fd, data + got, size - got);
        if (n <= 0) {
            return false;
        }
        got += (size_t)n;
    }
    return true;
}

/* Keeps the content of a small file. Failing is no harm: it is then read when it is sent. */
static void load(struct file_cache *cache, struct file *file, const char *path) {
    if (file->size > CACHED_FILE_MAX || cache->content_used + file->size > cache->content_limit) {
        return;
    }
    const int fd = files_open(cache, file, path);
    if (fd < 0) {
        return;
    }
    char *content = file->size <= CACHED_FILE_MAX ? budget_alloc(cache->budget, file->size) : NULL;
    if (content && read_whole(fd, content, file->size)) {
        file->content = content;
        cache->content_used += file->size;
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        file->settled = now.tv_sec - file->modified > SETTLE_SECONDS;
    } else {
        budget_free(cache->budget, content, file->size);
    }
    close(fd);
}

static enum file_kind kind_of_failure(void) {
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EINVAL: /* a name that the file system cannot even ask for */
    case EACCES:
    case ELOOP: return FILE_MISSING;
    default: return FILE_TROUBLE;
    }
}

/* Looks at the file itself, and reads it again if it is not as it was. */
static void refresh(struct file_cache *cache, struct file *file, const char *path, uint64_t now) {
    char full[PATH_SIZE];
    struct stat status;
    if (!files_full_path(cache, path, full) || stat(full, &status) < 0) {
        forget_content(cache, file);
        file->kind = kind_of_failure();
        return;
    }
    file->checked_at = now;
    const bool same = file->content && file->settled && S_ISREG(status.st_mode) &&
                      (uint64_t)status.st_size == file->size && status.st_mtime == file->modified;
    if (same) {
        return;
    }
    forget_content(cache, file);
    take_marks(file, path, &status);
    if (file->kind == FILE_REGULAR) {
        load(cache, file, path);
    }
}

static uint32_t hash(const char *path) {
    uint32_t sum = 2166136261u;
    for (; *path; path++) {
        sum = (sum ^ (unsigned char)*path) * 16777619u;
    }
    return sum ^ sum >> 15;
}

/* The slot of that path, or the one to make room in. */
static struct file *slot_for(struct file_cache *cache, const char *path) {
    struct file *set = &cache->slots[hash(path) % (CACHE_SLOTS / WAYS) * WAYS];
    struct file *oldest = set;
    for (struct file *file = set; file < set + WAYS; file++) {
        if (strcmp(file->path, path) == 0) {
            return file;
        }
        if (file->used_at < oldest->used_at) {
            oldest = file;
        }
    }
    return oldest;
}

struct file *files_find(struct file_cache *cache, const char *path, uint64_t now) {
    const size_t length = strlen(path);
    struct file *file = length < CACHED_PATH_SIZE ? slot_for(cache, path) : &cache->passing;
    const bool known = file != &cache->passing && strcmp(file->path, path) == 0;
    if (!known) {
        forget_content(cache, file);
        memcpy(file->path, path, length < CACHED_PATH_SIZE ? length + 1 : 1);
    }
    if (!known || file->kind == FILE_MISSING || file->kind == FILE_TROUBLE ||
        now - file->checked_at >= RECHECK_MS) {
        refresh(cache, file, path, now);
    }
    file->used_at = now;
    return file;
}
