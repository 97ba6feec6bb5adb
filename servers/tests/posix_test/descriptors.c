/* descriptors.c: bad descriptors, dup, flags, a full table, clocks. */
#include "posix_test.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void bad_descriptors(struct checks *t, int fd) {
    char byte;
    struct stat status;
    CHECK_ERRNO(t, read(fd, &byte, 1), EBADF);
    CHECK_ERRNO(t, write(fd, &byte, 1), EBADF);
    CHECK_ERRNO(t, close(fd), EBADF);
    CHECK_ERRNO(t, (int)lseek(fd, 0, SEEK_SET), EBADF);
    CHECK_ERRNO(t, fstat(fd, &status), EBADF);
    CHECK_ERRNO(t, dup(fd), EBADF);
    CHECK_ERRNO(t, fcntl(fd, F_GETFL), EBADF);
    CHECK_ERRNO(t, listen(fd, 1), EBADF);
    CHECK_ERRNO(t, (int)recv(fd, &byte, 1, 0), EBADF);
    CHECK(t, !isatty(fd));
}

static void duplicates_share(struct checks *t) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int copy = dup(fd);
    CHECK(t, fd >= 3 && copy > fd);
    CHECK_EQUAL(t, fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    CHECK(t, (fcntl(copy, F_GETFL) & O_NONBLOCK) != 0);
    CHECK_EQUAL(t, close(fd), 0);
    struct stat status;
    CHECK_EQUAL(t, fstat(copy, &status), 0);
    CHECK(t, S_ISSOCK(status.st_mode));
    CHECK_EQUAL(t, dup2(copy, fd), fd);
    CHECK_EQUAL(t, dup2(fd, fd), fd);
    CHECK_ERRNO(t, dup2(fd, -1), EBADF);
    CHECK_EQUAL(t, close(copy), 0);
    CHECK_EQUAL(t, close(fd), 0);
    CHECK_ERRNO(t, close(fd), EBADF);
}

/* The lowest free number is given, and at the end of the table there is an error and not a crash. */
static void full_table(struct checks *t) {
    int first = dup(1), last = first, count = 1;
    for (int fd; (fd = dup(1)) >= 0; count++) {
        CHECK(t, fd == last + 1);
        last = fd;
    }
    CHECK_EQUAL(t, errno, EMFILE);
    CHECK(t, count > 1000);
    CHECK_ERRNO(t, socket(AF_INET, SOCK_STREAM, 0), EMFILE);
    CHECK_ERRNO(t, open("/", O_RDONLY), EMFILE);
    CHECK_EQUAL(t, close(first + 7), 0);
    CHECK_EQUAL(t, dup(1), first + 7);
    for (int fd = first; fd <= last; fd++) {
        (void)close(fd);
    }
    CHECK_EQUAL(t, dup(1), first);
    CHECK_EQUAL(t, close(first), 0);
}

static void clocks(struct checks *t) {
    struct timespec before, after, short_time = {.tv_nsec = 20000000}, wrong = {.tv_nsec = 1000000000};
    CHECK_EQUAL(t, clock_gettime(CLOCK_MONOTONIC, &before), 0);
    CHECK_EQUAL(t, nanosleep(&short_time, NULL), 0);
    CHECK_EQUAL(t, clock_gettime(CLOCK_MONOTONIC, &after), 0);
    int64_t passed = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    CHECK(t, passed >= 20000000);
    CHECK_ERRNO(t, nanosleep(&wrong, NULL), EINVAL);
    CHECK_ERRNO(t, clock_gettime(77, &before), EINVAL);
    CHECK(t, time(NULL) > 1700000000);
}

static void polls(struct checks *t) {
    struct pollfd fds[3] = {
        {.fd = 999, .events = POLLIN}, {.fd = -1, .events = POLLIN}, {.fd = 1, .events = POLLOUT}};
    CHECK_EQUAL(t, poll(fds, 3, 0), 2);
    CHECK_EQUAL(t, fds[0].revents, POLLNVAL);
    CHECK_EQUAL(t, fds[1].revents, 0);
    CHECK_EQUAL(t, fds[2].revents, POLLOUT);
    CHECK_EQUAL(t, poll(NULL, 0, 10), 0);
}

void test_descriptors(struct checks *t) {
    bad_descriptors(t, -1);
    bad_descriptors(t, 1000);
    bad_descriptors(t, 1 << 30);
    duplicates_share(t);
    full_table(t);
    clocks(t);
    polls(t);
}
