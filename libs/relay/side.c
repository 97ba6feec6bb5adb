/* side.c: see side.h. */
#include "side.h"

#include <arpa/inet.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (8 << 20) /* bytes that the kernel may keep for us; it grants less to whoever is not root */

/* Large buffers, so that a relay that does not get the CPU for a while loses nothing by itself. */
static void enlarge(int fd) {
    const int size = BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
}

/* A port's number at *text, which moves behind it. */
static bool read_port(const char **text, uint16_t *port) {
    uint64_t number;
    if (!text_number(*text, 10, &number, text) || number == 0 || number > 65535) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

static int open_udp(const char *ports) {
    uint16_t local, remote;
    if (!read_port(&ports, &local) || *ports++ != ':' || !read_port(&ports, &remote) || *ports != '\0') {
        errno = EINVAL;
        return -1;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_port = htons(local);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    address.sin_port = htons(remote);
    good = good && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    return good ? fd : -1;
}

static int open_tap(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    if (!text_copy(request.ifr_name, sizeof request.ifr_name, name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open("/dev/net/tun", O_RDWR);
    return fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0 ? fd : -1;
}

static int take_fd(const char *text) {
    uint64_t number;
    if (!text_to_u64(text, &number) || number > 65535) {
        errno = EINVAL;
        return -1;
    }
    return (int)number;
}

int side_open(const char *name) {
    static const struct {
        const char *kind;
        int (*open)(const char *rest);
    } kinds[] = {{"udp:", open_udp}, {"tap:", open_tap}, {"fd:", take_fd}};
    int fd = -1;
    errno = EINVAL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = strlen(kinds[i].kind);
        if (strncmp(name, kinds[i].kind, length) == 0) {
            fd = kinds[i].open(name + length);
        }
    }
    if (fd < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        fprintf(stderr, "relay: %s: %s\n", name, strerror(errno));
        return -1;
    }
    enlarge(fd);
    return fd;
}
