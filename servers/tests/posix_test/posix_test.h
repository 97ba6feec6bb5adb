/* posix_test.h: the parts of the test of libs/posix. Each wants errno values as POSIX and Linux have them. */
#pragma once

#include "../check.h"
#include <errno.h>
#include <sys/socket.h>

/* The call must fail with this errno. */
#define CHECK_ERRNO(checks, call, number)                                                                    \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        CHECK_EQUAL(checks, (call), -1);                                                                     \
        CHECK_EQUAL(checks, errno, number);                                                                  \
    } while (0)

void test_descriptors(struct checks *t);
void test_files(struct checks *t);
void test_sockets(struct checks *t);
void test_options(struct checks *t);
void test_names(struct checks *t);
/* With a peer on another machine: an echo server at `host`:`port`; nobody listens at `port` + 1. */
void test_peer(struct checks *t, const char *host, const char *port);
