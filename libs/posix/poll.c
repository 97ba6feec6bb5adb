/* poll.c: waiting for any of several descriptors.
 *
 * A socket's readiness is a word in the page shared with tcpip, so that a round over hundreds of sockets
 * costs no call. Servers signal the task's one event when something changes; then the round is made again. */
#include "socket.h"
#include <errno.h>
#include <os/os.h>
#include <poll.h>
#include <sys/select.h>
#include <time.h>

#define MILLISECOND 1000000ull          /* ns */
#define REPORTED    (POLLERR | POLLHUP) /* told whether asked for or not */

static short ready_bits(const struct posix *posix, const struct pollfd *entry) {
    if (entry->fd < 0) {
        return 0;
    }
    struct open_file *file = entry->fd < DESCRIPTORS ? posix->table[entry->fd] : NULL;
    if (file == NULL) {
        return POLLNVAL;
    }
    short ready = file->operations->ready != NULL ? file->operations->ready(file) : POLLIN | POLLOUT;
    ready |= (ready & POLLIN ? POLLRDNORM : 0) | (ready & POLLOUT ? POLLWRNORM : 0);
    return (short)(ready & (entry->events | REPORTED));
}

static int scan(struct pollfd *fds, nfds_t count) {
    const struct posix *posix = posix_state();
    int found = 0;
    for (nfds_t i = 0; i < count; i++) {
        fds[i].revents = ready_bits(posix, &fds[i]);
        found += fds[i].revents != 0;
    }
    return found;
}

static int poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline) {
    for (;;) {
        int found = scan(fds, count);
        if (found != 0 || deadline == 0) {
            return found;
        }
        enum error error = posix_wait(deadline);
        if (error == ERR_TIMED_OUT) {
            return scan(fds, count);
        }
        if (error != ERR_NONE) {
            return posix_fail(error);
        }
    }
}

int poll(struct pollfd *fds, nfds_t count, int timeout) {
    uint64_t deadline = timeout < 0    ? NEVER
                        : timeout == 0 ? 0
                                       : clock_now() + (uint64_t)timeout * MILLISECOND;
    return poll_until(fds, count, deadline);
}

/* select() is poll() with another way to write the question down. */
static nfds_t gather(int count, fd_set *reads, fd_set *writes, struct pollfd *fds) {
    nfds_t used = 0;
    for (int fd = 0; fd < count; fd++) {
        short events = (short)((reads != NULL && FD_ISSET(fd, reads) ? POLLIN : 0) |
                               (writes != NULL && FD_ISSET(fd, writes) ? POLLOUT : 0));
        if (events != 0) {
            fds[used++] = (struct pollfd){.fd = fd, .events = events};
        }
    }
    return used;
}

static int spread(const struct pollfd *fds, nfds_t used, fd_set *reads, fd_set *writes) {
    int found = 0;
    for (nfds_t i = 0; i < used; i++) {
        bool readable = (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && (fds[i].events & POLLIN) != 0;
        bool writable = (fds[i].revents & (POLLOUT | POLLERR)) != 0 && (fds[i].events & POLLOUT) != 0;
        if (reads != NULL && !readable) {
            FD_CLR(fds[i].fd, reads);
        }
        if (writes != NULL && !writable) {
            FD_CLR(fds[i].fd, writes);
        }
        found += readable + writable;
    }
    return found;
}

int select(int count, fd_set *reads, fd_set *writes, fd_set *exceptions, struct timeval *timeout) {
    struct pollfd fds[FD_SETSIZE];
    if (count < 0 || count > FD_SETSIZE) {
        return posix_fail(ERR_INVALID);
    }
    nfds_t used = gather(count, reads, writes, fds);
    uint64_t deadline = NEVER;
    if (timeout != NULL) {
        uint64_t wait = (uint64_t)timeout->tv_sec * 1000 * MILLISECOND + (uint64_t)timeout->tv_usec * 1000;
        deadline = wait == 0 ? 0 : clock_now() + wait;
    }
    int found = poll_until(fds, used, deadline);
    for (nfds_t i = 0; found >= 0 && i < used; i++) {
        if ((fds[i].revents & POLLNVAL) != 0) {
            errno = EBADF;
            return -1;
        }
    }
    if (found < 0) {
        return -1;
    }
    if (exceptions != NULL) {
        FD_ZERO(exceptions);
    }
    return spread(fds, used, reads, writes);
}
