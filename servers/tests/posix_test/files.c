/* files.c: files and directories of the disk. */
#include "posix_test.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FOLDER "/posix test"
#define PATH   FOLDER "/a file with a long name.txt"

static void errors_of_paths(struct checks *t) {
    struct stat status;
    char long_path[3000];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    CHECK_ERRNO(t, open("/no such file", O_RDONLY), ENOENT);
    CHECK_ERRNO(t, open("", O_RDONLY), ENOENT);
    CHECK_ERRNO(t, open(FOLDER, O_WRONLY), EISDIR);
    CHECK_ERRNO(t, open(PATH "/x", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(t, open(PATH, O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_ERRNO(t, open(long_path, O_RDONLY), ENAMETOOLONG);
    CHECK_ERRNO(t, stat("/no such file", &status), ENOENT);
    CHECK_ERRNO(t, mkdir(FOLDER, 0755), EEXIST);
    CHECK_ERRNO(t, rmdir(FOLDER), ENOTEMPTY);
    CHECK_ERRNO(t, unlink(FOLDER), EISDIR);
    CHECK_ERRNO(t, rmdir(PATH), ENOTDIR);
    CHECK_ERRNO(t, unlink("/no such file"), ENOENT);
    CHECK_ERRNO(t, access("/no such file", R_OK), ENOENT);
    CHECK_EQUAL(t, access(PATH, R_OK | W_OK), 0);
    CHECK(t, opendir(PATH) == NULL && errno == ENOTDIR);
}

static void reading_and_writing(struct checks *t) {
    char text[64] = "";
    struct stat status;
    int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(t, fd >= 0);
    CHECK_EQUAL(t, write(fd, "hello, world", 12), 12);
    CHECK_EQUAL(t, lseek(fd, 7, SEEK_SET), 7);
    CHECK_EQUAL(t, read(fd, text, sizeof text), 5);
    CHECK(t, memcmp(text, "world", 5) == 0);
    CHECK_EQUAL(t, read(fd, text, sizeof text), 0);
    CHECK_EQUAL(t, pread(fd, text, 5, 0), 5);
    CHECK_EQUAL(t, pwrite(fd, "J", 1, 0), 1);
    CHECK_EQUAL(t, lseek(fd, 0, SEEK_CUR), 12);
    CHECK_EQUAL(t, lseek(fd, -2, SEEK_END), 10);
    CHECK_ERRNO(t, (int)lseek(fd, -20, SEEK_CUR), EINVAL);
    CHECK_ERRNO(t, (int)lseek(fd, 0, 9), EINVAL);
    CHECK_EQUAL(t, ftruncate(fd, 5), 0);
    CHECK_EQUAL(t, fstat(fd, &status), 0);
    CHECK_EQUAL(t, status.st_size, 5);
    CHECK(t, S_ISREG(status.st_mode));
    CHECK_EQUAL(t, fsync(fd), 0);
    CHECK_EQUAL(t, close(fd), 0);
    fd = open(PATH, O_WRONLY | O_APPEND);
    CHECK_EQUAL(t, write(fd, "!", 1), 1);
    CHECK_ERRNO(t, (int)read(fd, text, 1), EBADF);
    CHECK_EQUAL(t, close(fd), 0);
    fd = open(PATH, O_RDONLY);
    CHECK_ERRNO(t, (int)write(fd, "x", 1), EBADF);
    CHECK_EQUAL(t, read(fd, text, sizeof text), 6);
    CHECK(t, memcmp(text, "Jello!", 6) == 0);
    CHECK_EQUAL(t, close(fd), 0);
}

static void pieces(struct checks *t) {
    char first[4] = "", second[10] = "";
    struct iovec out[3] = {{"in ", 3}, {NULL, 0}, {"pieces", 6}};
    struct iovec in[3] = {{first, 3}, {NULL, 0}, {second, sizeof second}};
    int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK_EQUAL(t, writev(fd, out, 3), 9);
    CHECK_EQUAL(t, lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQUAL(t, readv(fd, in, 3), 9);
    CHECK(t, memcmp(first, "in ", 3) == 0 && memcmp(second, "pieces", 6) == 0);
    CHECK_EQUAL(t, readv(fd, in, 3), 0);
    CHECK_ERRNO(t, (int)readv(fd, in, -1), EINVAL);
    CHECK_EQUAL(t, close(fd), 0);
    CHECK_ERRNO(t, (int)writev(fd, out, 3), EBADF);
}

static void streams(struct checks *t) {
    char line[64];
    FILE *file = fopen(FOLDER "/stream", "w");
    CHECK(t, file != NULL);
    for (int i = 0; file != NULL && i < 1000; i++) {
        fprintf(file, "line %d\n", i);
    }
    CHECK_EQUAL(t, fclose(file), 0);
    file = fopen(FOLDER "/stream", "r");
    int count = 0;
    bool right = true;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        int number = -1;
        right = right && sscanf(line, "line %d", &number) == 1 && number == count;
        count++;
    }
    CHECK_EQUAL(t, count, 1000);
    CHECK(t, right);
    CHECK_EQUAL(t, fclose(file), 0);
    CHECK_EQUAL(t, unlink(FOLDER "/stream"), 0);
}

static void directories(struct checks *t) {
    int files = 0;
    DIR *directory = opendir(FOLDER);
    CHECK(t, directory != NULL);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        files += strcmp(entry->d_name, "a file with a long name.txt") == 0 && entry->d_type == DT_REG;
    }
    CHECK_EQUAL(t, files, 1);
    if (directory != NULL) {
        CHECK_EQUAL(t, closedir(directory), 0);
    }
    CHECK_EQUAL(t, rename(PATH, FOLDER "/other"), 0);
    CHECK_ERRNO(t, rename(PATH, FOLDER "/third"), ENOENT);
    char before[64], here[64];
    CHECK(t, getcwd(before, sizeof before) != NULL);
    CHECK_EQUAL(t, chdir(FOLDER), 0);
    CHECK(t, getcwd(here, sizeof here) != NULL && strcmp(here, FOLDER) == 0);
    CHECK_EQUAL(t, access("other", R_OK), 0);
    CHECK_EQUAL(t, chdir(before), 0);
}

static void null_device(struct checks *t) {
    struct stat status;
    char byte;
    int fd = open("/dev/null", O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(t, fd >= 0);
    CHECK_EQUAL(t, write(fd, "gone", 4), 4);
    CHECK_EQUAL(t, lseek(fd, 0, SEEK_END), 0);
    CHECK_EQUAL(t, read(fd, &byte, 1), 0);
    CHECK_EQUAL(t, fstat(fd, &status), 0);
    CHECK(t, S_ISCHR(status.st_mode) && status.st_size == 0);
    CHECK(t, isatty(fd) == 0 && errno == ENOTTY);
    CHECK_EQUAL(t, close(fd), 0);
    CHECK_EQUAL(t, stat("/dev/null", &status), 0);
    CHECK(t, S_ISCHR(status.st_mode));
    fd = open("/dev/null", O_WRONLY);
    CHECK_ERRNO(t, (int)read(fd, &byte, 1), EBADF);
    CHECK_EQUAL(t, close(fd), 0);
    CHECK_ERRNO(t, open("/dev/null", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_ERRNO(t, open("/dev/null", O_RDONLY | O_DIRECTORY), ENOTDIR);
}

void test_files(struct checks *t) {
    null_device(t);
    (void)unlink(PATH);
    (void)unlink(FOLDER "/other");
    (void)rmdir(FOLDER);
    CHECK_EQUAL(t, mkdir(FOLDER, 0755), 0);
    reading_and_writing(t);
    pieces(t);
    errors_of_paths(t);
    streams(t);
    directories(t);
    CHECK_EQUAL(t, unlink(FOLDER "/other"), 0);
    CHECK_EQUAL(t, rmdir(FOLDER), 0);
}
