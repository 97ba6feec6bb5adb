/* poll.h: waiting for any of several descriptors. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#define POLLIN     0x0001
#define POLLPRI    0x0002
#define POLLOUT    0x0004
#define POLLERR    0x0008
#define POLLHUP    0x0010
#define POLLNVAL   0x0020
#define POLLRDNORM 0x0040
#define POLLWRNORM 0x0100
#define POLLRDHUP  0x2000

typedef unsigned long nfds_t;

struct pollfd {
    int fd; /* negative: left out */
    short events;
    short revents;
};

/* timeout: milliseconds; negative: for ever. */
int poll(struct pollfd *fds, nfds_t count, int timeout);

#ifdef __cplusplus
}
#endif
