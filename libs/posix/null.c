/* null.c: /dev/null, the one device file that there is: it takes everything and holds nothing. */
#include "posix.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static ssize_t read_nothing(struct open_file *file, void *data, size_t length) {
    return 0;
}

static ssize_t write_away(struct open_file *file, const void *data, size_t length) {
    return (ssize_t)length;
}

static ssize_t read_nothing_at(struct open_file *file, void *data, size_t length, uint64_t offset) {
    return 0;
}

static ssize_t write_away_at(struct open_file *file, const void *data, size_t length, uint64_t offset) {
    return (ssize_t)length;
}

void posix_null_status(struct stat *status) {
    *status = (struct stat){.st_mode = S_IFCHR | 0666, .st_nlink = 1, .st_blksize = 4096};
}

static int status_of_null(struct open_file *file, struct stat *status) {
    posix_null_status(status);
    return 0;
}

static const struct operations operations = {.read = read_nothing,
                                             .write = write_away,
                                             .read_at = read_nothing_at,
                                             .write_at = write_away_at,
                                             .status = status_of_null};

bool posix_is_null(const char *absolute) {
    return strcmp(absolute, "/dev/null") == 0;
}

int posix_null_open(int flags) {
    if ((flags & O_DIRECTORY) != 0) {
        return posix_fail(ERR_NOT_DIRECTORY);
    }
    if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) {
        return posix_fail(ERR_EXISTS);
    }
    struct open_file *file =
        posix_file_make(&operations, HANDLE_NONE, flags & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    return file != NULL ? posix_descriptor_install(file) : -1;
}
