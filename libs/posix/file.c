/* file.c: open files and directories of the file server. */
#include "file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <os/os.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_at(struct open_file *file, void *data, size_t length, uint64_t offset) {
    uint8_t *to = data;
    size_t done = 0;
    while (done < length) {
        size_t part = length - done < TRANSFER_MAX ? length - done : TRANSFER_MAX, got;
        enum error error = fs_read(file->handle, offset + done, (uint32_t)part, to + done, part, &got);
        if (error != ERR_NONE) {
            return done != 0 ? (ssize_t)done : posix_file_fail(error);
        }
        done += got;
        if (got < part) {
            break;
        }
    }
    return (ssize_t)done;
}

static ssize_t write_at(struct open_file *file, const void *data, size_t length, uint64_t offset) {
    const uint8_t *from = data;
    size_t done = 0;
    while (done < length) {
        size_t part = length - done < TRANSFER_MAX ? length - done : TRANSFER_MAX;
        uint32_t written = 0;
        enum error error = fs_write(file->handle, offset + done, from + done, part, &written);
        if (error != ERR_NONE || written == 0) {
            return done != 0 ? (ssize_t)done : posix_file_fail(error != ERR_NONE ? error : ERR_NO_SPACE);
        }
        done += written;
    }
    return (ssize_t)done;
}

static ssize_t read_file(struct open_file *file, void *data, size_t length) {
    ssize_t done = read_at(file, data, length, file->offset);
    file->offset += done > 0 ? (uint64_t)done : 0;
    return done;
}

static ssize_t write_file(struct open_file *file, const void *data, size_t length) {
    struct fs_stat status;
    if ((file->flags & O_APPEND) != 0) {
        enum error error = fs_file_stat(file->handle, &status);
        if (error != ERR_NONE) {
            return posix_file_fail(error);
        }
        file->offset = status.size;
    }
    ssize_t done = write_at(file, data, length, file->offset);
    file->offset += done > 0 ? (uint64_t)done : 0;
    return done;
}

static int status_of_file(struct open_file *file, struct stat *status) {
    struct fs_stat found;
    enum error error = fs_file_stat(file->handle, &found);
    if (error != ERR_NONE) {
        return posix_file_fail(error);
    }
    posix_file_status(&found, status);
    return 0;
}

static int truncate_file(struct open_file *file, uint64_t size) {
    enum error error = fs_truncate(file->handle, size);
    return error == ERR_NONE ? 0 : posix_file_fail(error);
}

static int sync_file(struct open_file *file) {
    enum error error = fs_file_sync(file->handle);
    return error == ERR_NONE ? 0 : posix_file_fail(error);
}

static void close_file(struct open_file *file) {
    (void)handle_close(file->handle);
}

static const struct operations operations = {
    .read = read_file,
    .write = write_file,
    .read_at = read_at,
    .write_at = write_at,
    .status = status_of_file,
    .truncate = truncate_file,
    .sync = sync_file,
    .close = close_file,
};

struct open_file *posix_file_open(handle_t handle, int flags) {
    return posix_file_make(&operations, handle, flags);
}

int posix_file_install(handle_t handle, int flags) {
    struct open_file *file = posix_file_open(handle, flags);
    if (file == NULL) {
        (void)handle_close(handle);
        return -1;
    }
    return posix_descriptor_install(file);
}

/* ---- Directories ---- */

struct directory {
    int fd;
    uint64_t position; /* of the entries after those in `entries` */
    size_t used, length;
    struct dirent entry; /* what readdir() gave last */
    uint8_t entries[TRANSFER_MAX];
};

DIR *fdopendir(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return NULL;
    }
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return NULL;
    }
    struct directory *directory = malloc(sizeof *directory);
    if (directory != NULL) {
        directory->fd = fd;
        rewinddir(directory);
    }
    return directory;
}

DIR *opendir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return NULL;
    }
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        close(fd);
    }
    return directory;
}

/* Fetches the next batch of entries; false at the end, or with errno. */
static bool refill(struct directory *directory) {
    struct open_file *file = posix_descriptor_get(directory->fd);
    if (file == NULL) {
        return false;
    }
    enum error error = fs_list(file->handle, directory->position, &directory->position, directory->entries,
                               sizeof directory->entries, &directory->length);
    directory->used = 0;
    if (error != ERR_NONE) {
        directory->length = 0;
        (void)posix_file_fail(error);
    }
    return directory->length != 0;
}

struct dirent *readdir(DIR *directory) {
    struct fs_stat status;
    if (directory->used >= directory->length && !refill(directory)) {
        return NULL;
    }
    const uint8_t *at = directory->entries + directory->used;
    size_t left = directory->length - directory->used;
    const uint8_t *end = left > sizeof status ? memchr(at + sizeof status, '\0', left - sizeof status) : NULL;
    if (end == NULL || (size_t)(end - at) - sizeof status >= sizeof directory->entry.d_name) {
        errno = EIO;
        return NULL;
    }
    memcpy(&status, at, sizeof status);
    directory->entry.d_ino = (ino_t)status.id;
    directory->entry.d_type = (status.flags & FS_IS_DIRECTORY) != 0 ? DT_DIR : DT_REG;
    memcpy(directory->entry.d_name, at + sizeof status, (size_t)(end - at) - sizeof status + 1);
    directory->used += ((size_t)(end - at) + 1 + 7) / 8 * 8;
    return &directory->entry;
}

void rewinddir(DIR *directory) {
    directory->position = 0;
    directory->used = directory->length = 0;
}

int closedir(DIR *directory) {
    int result = close(directory->fd);
    free(directory);
    return result;
}

int dirfd(DIR *directory) {
    return directory->fd;
}
