/* descriptor.c: the descriptor table, and the calls that work on descriptors of every kind.
 *
 * This file holds the library's only state. The standard descriptors are set up at the first use: what the
 * spawner granted as fd0, fd1 and fd2, else the console. */
#include "posix.h"
#include <errno.h>
#include <fcntl.h>
#include <ipc/init.h>
#include <os/os.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct posix state;

/* What the spawner granted; its value tells the kind. A file that programs write to in turn is appended to.
 */
static struct open_file *open_granted(const struct start_grant *grant, int flags) {
    if (grant->value == INIT_KIND_FILE) {
        return posix_file_open(grant->handle, flags == O_WRONLY ? flags | O_APPEND : flags);
    }
    return posix_console_open(grant->handle, flags);
}

static void open_standard(struct posix *posix) {
    static const char names[3][4] = {"fd0", "fd1", "fd2"};
    handle_t console = HANDLE_NONE;
    for (int fd = 0; fd < 3; fd++) {
        int flags = fd == 0 ? O_RDONLY : O_WRONLY;
        const struct start_grant *granted = start_grant(names[fd]);
        if (granted != NULL) {
            posix->table[fd] = open_granted(granted, flags);
        } else if (console != HANDLE_NONE || name_try("console", &console) == ERR_NONE) {
            posix->table[fd] = posix_console_open(console, flags);
        }
    }
}

struct posix *posix_state(void) {
    if (!state.started) {
        state.started = true;
        const char *directory = getenv("PWD");
        bool fits = directory != NULL && directory[0] == '/' && strlen(directory) < PATH_SIZE;
        snprintf(state.working_directory, PATH_SIZE, "%s", fits ? directory : "/");
        open_standard(&state);
    }
    return &state;
}

struct open_file *posix_file_make(const struct operations *operations, handle_t handle, int flags) {
    struct open_file *file = calloc(1, sizeof *file);
    if (file != NULL) {
        *file =
            (struct open_file){.operations = operations, .handle = handle, .references = 1, .flags = flags};
    }
    return file;
}

static void release(struct open_file *file) {
    if (--file->references == 0) {
        if (file->operations->close != NULL) {
            file->operations->close(file);
        }
        free(file);
    }
}

/* The lowest free descriptor from `from` on; -1 with EMFILE. */
static int find_free(struct posix *posix, int from) {
    for (int fd = from > posix->lowest ? from : posix->lowest; fd < DESCRIPTORS; fd++) {
        if (posix->table[fd] == NULL) {
            return fd;
        }
    }
    errno = EMFILE;
    return -1;
}

static int install_from(struct open_file *file, int from) {
    struct posix *posix = posix_state();
    int fd = find_free(posix, from);
    if (fd >= 0) {
        posix->table[fd] = file;
        if (from <= posix->lowest) {
            posix->lowest = fd + 1;
        }
    }
    return fd;
}

int posix_descriptor_install(struct open_file *file) {
    int fd = install_from(file, 0);
    if (fd < 0) {
        release(file);
        errno = EMFILE;
    }
    return fd;
}

struct open_file *posix_descriptor_get(int fd) {
    struct posix *posix = posix_state();
    if (fd < 0 || fd >= DESCRIPTORS || posix->table[fd] == NULL) {
        errno = EBADF;
        return NULL;
    }
    return posix->table[fd];
}

struct open_file *posix_descriptor_socket(int fd) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file != NULL && !posix_is_socket(file)) {
        errno = ENOTSOCK;
        return NULL;
    }
    return file;
}

int close(int fd) {
    struct posix *posix = posix_state();
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    posix->table[fd] = NULL;
    if (fd < posix->lowest) {
        posix->lowest = fd;
    }
    release(file);
    return 0;
}

static int duplicate_from(int fd, int from) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    if (from < 0 || from >= DESCRIPTORS) {
        return posix_fail(ERR_INVALID);
    }
    int copy = install_from(file, from);
    file->references += copy >= 0;
    return copy;
}

int dup(int fd) {
    return duplicate_from(fd, 0);
}

int dup2(int fd, int wanted) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL || fd == wanted) {
        return file == NULL ? -1 : wanted;
    }
    if (wanted < 0 || wanted >= DESCRIPTORS) {
        errno = EBADF;
        return -1;
    }
    struct posix *posix = posix_state();
    struct open_file *old = posix->table[wanted];
    posix->table[wanted] = file;
    file->references++;
    if (old != NULL) {
        release(old);
    }
    return wanted;
}

ssize_t read(int fd, void *data, size_t length) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    if (file->operations->read == NULL || (file->flags & O_ACCMODE) == O_WRONLY) {
        errno = EBADF;
        return -1;
    }
    return file->operations->read(file, data, length);
}

ssize_t write(int fd, const void *data, size_t length) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    if (file->operations->write == NULL || (file->flags & O_ACCMODE) == O_RDONLY) {
        errno = EBADF;
        return -1;
    }
    return file->operations->write(file, data, length);
}

ssize_t pread(int fd, void *data, size_t length, off_t offset) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    if (file->operations->read_at == NULL || offset < 0) {
        errno = offset < 0 ? EINVAL : ESPIPE;
        return -1;
    }
    return file->operations->read_at(file, data, length, (uint64_t)offset);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    if (file->operations->write_at == NULL || offset < 0) {
        errno = offset < 0 ? EINVAL : ESPIPE;
        return -1;
    }
    return file->operations->write_at(file, data, length, (uint64_t)offset);
}

off_t lseek(int fd, off_t offset, int whence) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    struct stat status = {0};
    if (file->operations->read_at == NULL) {
        errno = ESPIPE;
        return -1;
    }
    if (whence == SEEK_END && file->operations->status(file, &status) != 0) {
        return -1;
    }
    off_t base = whence == SEEK_CUR ? (off_t)file->offset : whence == SEEK_END ? status.st_size : 0;
    off_t position;
    if ((whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END) ||
        __builtin_add_overflow(base, offset, &position) || position < 0) {
        return posix_fail(ERR_INVALID);
    }
    file->offset = (uint64_t)position;
    return position;
}

int fstat(int fd, struct stat *status) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    *status = (struct stat){0};
    return file->operations->status(file, status);
}

int ftruncate(int fd, off_t size) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    if (file->operations->truncate == NULL || size < 0 || (file->flags & O_ACCMODE) == O_RDONLY) {
        return posix_fail(ERR_INVALID);
    }
    return file->operations->truncate(file, (uint64_t)size);
}

int fsync(int fd) {
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    return file->operations->sync != NULL ? file->operations->sync(file) : posix_fail(ERR_INVALID);
}

int isatty(int fd) {
    const struct open_file *file = posix_descriptor_get(fd);
    if (file != NULL && !file->operations->terminal) {
        errno = ENOTTY;
    }
    return file != NULL && file->operations->terminal;
}

int fcntl(int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    int argument = va_arg(list, int); /* read also where none was given: then it is not used */
    va_end(list);
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: return duplicate_from(fd, argument);
    case F_GETFD: return FD_CLOEXEC; /* a spawned task gets only what it is given */
    case F_SETFD: return 0;
    case F_GETFL: return file->flags;
    case F_SETFL:
        file->flags = (file->flags & ~(O_NONBLOCK | O_APPEND)) | (argument & (O_NONBLOCK | O_APPEND));
        return 0;
    default: return posix_fail(ERR_INVALID);
    }
}
