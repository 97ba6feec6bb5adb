/* path.c: paths, and the calls that name a file instead of having it open. */
#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <os/os.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum error posix_path_absolute(const char *path, char absolute[PATH_SIZE]) {
    if (path[0] == '\0') {
        return ERR_NOT_FOUND;
    }
    const char *directory = path[0] == '/' ? "" : posix_state()->working_directory;
    const char *slash = path[0] == '/' || strcmp(directory, "/") == 0 ? "" : "/";
    int length = snprintf(absolute, PATH_SIZE, "%s%s%s", path[0] == '/' ? "" : directory, slash, path);
    return length < 0 || length >= PATH_SIZE ? ERR_TOO_LARGE : ERR_NONE;
}

enum error posix_file_server(handle_t *fs) {
    struct posix *posix = posix_state();
    if (posix->fs == HANDLE_NONE) {
        enum error error = name_find("fs", &posix->fs);
        if (error != ERR_NONE) {
            return error;
        }
    }
    *fs = posix->fs;
    return ERR_NONE;
}

int posix_file_fail(enum error error) {
    struct posix *posix = posix_state();
    if (error == ERR_DEAD && posix->fs != HANDLE_NONE) {
        (void)handle_close(posix->fs);
        posix->fs = HANDLE_NONE;
    }
    return posix_fail(error);
}

static int path_fail(enum error error) {
    if (error == ERR_TOO_LARGE) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return posix_file_fail(error);
}

/* What every call on a path begins with: its absolute form and the server. */
static enum error prepare(const char *path, char absolute[PATH_SIZE], handle_t *fs) {
    enum error error = posix_path_absolute(path, absolute);
    return error == ERR_NONE ? posix_file_server(fs) : error;
}

static int open_path(const char *path, int flags) {
    static const struct {
        int posix;
        uint32_t fs;
    } pairs[] = {{O_CREAT, FS_OPEN_CREATE},
                 {O_TRUNC, FS_OPEN_TRUNCATE},
                 {O_EXCL, FS_OPEN_EXCLUSIVE},
                 {O_DIRECTORY, FS_OPEN_DIRECTORY}};
    uint32_t wanted = (flags & O_ACCMODE) != O_RDONLY ? FS_OPEN_WRITE : 0;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        wanted |= (flags & pairs[i].posix) != 0 ? pairs[i].fs : 0;
    }
    char absolute[PATH_SIZE];
    handle_t fs, handle;
    struct fs_stat status;
    enum error error = posix_path_absolute(path, absolute);
    if (error == ERR_NONE && posix_is_null(absolute)) {
        return posix_null_open(flags);
    }
    error = error == ERR_NONE ? posix_file_server(&fs) : error;
    if (error == ERR_NONE) {
        error = fs_open(fs, wanted, absolute, &handle, &status);
    }
    /* POSIX lets a directory be opened for reading without O_DIRECTORY. */
    if (error == ERR_IS_DIRECTORY && wanted == 0) {
        error = fs_open(fs, FS_OPEN_DIRECTORY, absolute, &handle, &status);
    }
    return error == ERR_NONE ? posix_file_install(handle, flags & (O_ACCMODE | O_APPEND | O_NONBLOCK))
                             : path_fail(error);
}

int open(const char *path, int flags, ...) {
    return open_path(path, flags);
}

int creat(const char *path, mode_t mode) {
    return open_path(path, O_WRONLY | O_CREAT | O_TRUNC);
}

void posix_file_status(const struct fs_stat *from, struct stat *to) {
    *to = (struct stat){0};
    bool directory = (from->flags & FS_IS_DIRECTORY) != 0, read_only = (from->flags & FS_IS_READ_ONLY) != 0;
    to->st_mode = (directory ? S_IFDIR | 0111 : S_IFREG) | 0444 | (read_only ? 0 : 0200);
    to->st_ino = (ino_t)from->id;
    to->st_nlink = 1;
    to->st_size = (off_t)from->size;
    to->st_blksize = 4096;
    to->st_blocks = (blkcnt_t)((from->size + 511) / 512);
    to->st_mtime = to->st_atime = to->st_ctime = from->modified;
}

int stat(const char *restrict path, struct stat *restrict status) {
    char absolute[PATH_SIZE];
    handle_t fs;
    struct fs_stat found;
    enum error error = posix_path_absolute(path, absolute);
    if (error == ERR_NONE && posix_is_null(absolute)) {
        posix_null_status(status);
        return 0;
    }
    error = error == ERR_NONE ? posix_file_server(&fs) : error;
    if (error == ERR_NONE) {
        error = fs_stat(fs, absolute, &found);
    }
    if (error != ERR_NONE) {
        return path_fail(error);
    }
    posix_file_status(&found, status);
    return 0;
}

/* There are no links to be followed. */
int lstat(const char *restrict path, struct stat *restrict status) {
    return stat(path, status);
}

int access(const char *path, int mode) {
    struct stat status = {0};
    if (stat(path, &status) != 0) {
        return -1;
    }
    if ((mode & W_OK) != 0 && (status.st_mode & S_IWUSR) == 0) {
        errno = EACCES;
        return -1;
    }
    return 0;
}

static int remove_path(const char *path) {
    char absolute[PATH_SIZE];
    handle_t fs;
    enum error error = prepare(path, absolute, &fs);
    if (error == ERR_NONE) {
        error = fs_remove(fs, absolute);
    }
    return error == ERR_NONE ? 0 : path_fail(error);
}

/* The server removes whatever bears the name; that a call is for files or for directories is told here. */
int unlink(const char *path) {
    struct stat status = {0};
    if (stat(path, &status) != 0) {
        return -1;
    }
    return S_ISDIR(status.st_mode) ? posix_fail(ERR_IS_DIRECTORY) : remove_path(path);
}

int rmdir(const char *path) {
    struct stat status = {0};
    if (stat(path, &status) != 0) {
        return -1;
    }
    return S_ISDIR(status.st_mode) ? remove_path(path) : posix_fail(ERR_NOT_DIRECTORY);
}

int mkdir(const char *path, mode_t mode) {
    char absolute[PATH_SIZE];
    handle_t fs;
    enum error error = prepare(path, absolute, &fs);
    if (error == ERR_NONE) {
        error = fs_make_directory(fs, absolute);
    }
    return error == ERR_NONE ? 0 : path_fail(error);
}

int rename(const char *from, const char *to) {
    char paths[2 * PATH_SIZE];
    handle_t fs;
    enum error error = prepare(from, paths, &fs);
    size_t first = error == ERR_NONE ? strlen(paths) + 1 : 0;
    if (error == ERR_NONE) {
        error = posix_path_absolute(to, paths + first);
    }
    if (error == ERR_NONE) {
        error = fs_rename(fs, paths, first + strlen(paths + first));
    }
    return error == ERR_NONE ? 0 : path_fail(error);
}

int truncate(const char *path, off_t size) {
    int fd = open_path(path, O_WRONLY);
    if (fd < 0) {
        return -1;
    }
    int result = ftruncate(fd, size);
    int kept = errno;
    close(fd);
    errno = kept;
    return result;
}

void sync(void) {
    handle_t fs;
    if (posix_file_server(&fs) == ERR_NONE && fs_sync(fs) == ERR_DEAD) {
        (void)posix_file_fail(ERR_DEAD);
    }
}

int chdir(const char *path) {
    char absolute[PATH_SIZE] = "";
    struct stat status = {0};
    enum error error = posix_path_absolute(path, absolute);
    if (error != ERR_NONE) {
        return path_fail(error);
    }
    if (stat(absolute, &status) != 0) {
        return -1;
    }
    if (!S_ISDIR(status.st_mode)) {
        return posix_fail(ERR_NOT_DIRECTORY);
    }
    memcpy(posix_state()->working_directory, absolute, sizeof absolute);
    return 0;
}

char *getcwd(char *buffer, size_t size) {
    const char *directory = posix_state()->working_directory;
    if (buffer == NULL) {
        return strdup(directory);
    }
    size_t length = strlen(directory) + 1;
    if (length > size) {
        errno = ERANGE;
        return NULL;
    }
    return memcpy(buffer, directory, length);
}
