/* device.c: where frames come from and go to; read nettap.h first. */
#include "nettap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES_A_TURN 64
#define PATIENCE      100 /* milliseconds */

typedef struct virtio_net_hdr vnet_header;

static bool fails(const char *what) {
    fprintf(stderr, "nettap: %s: %s\n", what, strerror(errno));
    return false;
}

/* ---- Opening ---- */

static bool open_tun(struct device *device, const char *name, bool offload) {
    struct ifreq request = {0};
    if (name[0] == '\0' || strlen(name) >= sizeof request.ifr_name) {
        errno = ENAMETOOLONG;
        return fails(name);
    }
    memcpy(request.ifr_name, name, strlen(name));
    device->datagrams = strncmp(name, "tun", 3) == 0;
    device->headers = offload;
    device->owned = true;
    device->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device->fd < 0) {
        return fails("/dev/net/tun");
    }
    request.ifr_flags =
        (short)((device->datagrams ? IFF_TUN : IFF_TAP) | IFF_NO_PI | (device->headers ? IFF_VNET_HDR : 0));
    if (ioctl(device->fd, TUNSETIFF, &request) != 0) {
        bool other = errno == EINVAL;
        fails(name);
        if (other) {
            fprintf(stderr, "nettap: there is something of that name, but no %s\n",
                    device->datagrams ? "tun" : "tap");
        }
        return false;
    }
    return !device->headers || ioctl(device->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) == 0 || fails(name);
}

/* "OWN:OTHER" */
static bool read_ports(const char *ports, uint16_t *own, uint16_t *other) {
    char first[6] = {0};
    uint64_t number[2];
    size_t length = strcspn(ports, ":");
    memcpy(first, ports, length < sizeof first ? length : sizeof first - 1);
    if (ports[length] != ':' || length >= sizeof first || !number_read(first, 1, 65535, &number[0]) ||
        !number_read(ports + length + 1, 1, 65535, &number[1])) {
        fprintf(stderr, "nettap: udp wants two ports, as udp:4000:4001\n");
        return false;
    }
    *own = (uint16_t)number[0];
    *other = (uint16_t)number[1];
    return true;
}

static bool open_udp(struct device *device, const char *ports) {
    uint16_t own, other;
    if (!read_ports(ports, &own, &other)) {
        return false;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    device->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_port = htons(own);
    if (device->fd < 0 || bind(device->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        return fails(ports);
    }
    address.sin_port = htons(other);
    return connect(device->fd, (struct sockaddr *)&address, sizeof address) == 0 || fails(ports);
}

static bool open_descriptor(struct device *device, const char *text) {
    uint64_t number;
    if (!number_read(text, 0, INT_MAX, &number)) {
        fprintf(stderr, "nettap: fd wants a descriptor's number, as fd:3\n");
        return false;
    }
    device->fd = (int)number;
    device->ends = true;
    int flags = fcntl(device->fd, F_GETFL);
    return (flags >= 0 && fcntl(device->fd, F_SETFL, flags | O_NONBLOCK) == 0) || fails(text);
}

bool device_open(struct device *device, const char *name, bool offload) {
    bool descriptor = strncmp(name, "fd:", 3) == 0, udp = strncmp(name, "udp:", 4) == 0;
    if ((descriptor || udp) && offload) {
        fprintf(stderr, "nettap: -o is for taps and tuns\n");
        return false;
    }
    return descriptor ? open_descriptor(device, name + 3)
           : udp      ? open_udp(device, name + 4)
                      : open_tun(device, name, offload);
}

static bool set_address(int any_socket, struct ifreq *request, unsigned long what, uint32_t value) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = value};
    memcpy(&request->ifr_addr, &address, sizeof address);
    return ioctl(any_socket, what, request) == 0;
}

bool device_plug(const struct device *device, const char *name, const uint8_t address[4],
                 uint8_t prefix_length, uint16_t mtu) {
    struct ifreq request = {0};
    uint32_t own, mask = htonl(prefix_length != 0 ? UINT32_MAX << (32 - prefix_length) : 0);
    if (!device->owned) {
        fprintf(stderr, "nettap: -u is for taps and tuns\n");
        return false;
    }
    memcpy(request.ifr_name, name, strlen(name));
    memcpy(&own, address, sizeof own);
    int any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool good = any_socket >= 0 && set_address(any_socket, &request, SIOCSIFADDR, own) &&
                set_address(any_socket, &request, SIOCSIFNETMASK, mask);
    request.ifr_mtu = mtu;
    good = good && ioctl(any_socket, SIOCSIFMTU, &request) == 0;
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    good = good && ioctl(any_socket, SIOCSIFFLAGS, &request) == 0;
    good = good || fails("-u");
    if (any_socket >= 0) {
        close(any_socket);
    }
    return good;
}

void device_close(struct device *device) {
    if (device->fd >= 0) {
        close(device->fd);
    }
}

/* ---- Frames ---- */

/* Nothing to be had now; or, with datagrams, nobody there at present. */
static bool is_quiet(void) {
    return errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED;
}

static void give(struct device *device, struct nethost *host, size_t length) {
    if (!device->headers) {
        nethost_input(host, device->in, length);
        return;
    }
    vnet_header header;
    if (length < sizeof header) {
        return;
    }
    memcpy(&header, device->in, sizeof header);
    bool good = (header.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0;
    bool merged = header.gso_type != VIRTIO_NET_HDR_GSO_NONE;
    nethost_input_offloaded(host, device->in + sizeof header, length - sizeof header, good,
                            merged ? header.gso_size : 0);
}

bool device_read(struct device *device, struct nethost *host) {
    for (int i = 0; i < FRAMES_A_TURN; i++) {
        ssize_t length = read(device->fd, device->in, sizeof device->in);
        if (length < 0) {
            return is_quiet() || fails("reading");
        }
        if (length == 0 && device->ends) {
            fprintf(stderr, "nettap: the device has ended\n");
            return false;
        }
        give(device, host, (size_t)length);
    }
    return true;
}

static void put_header(struct device *device, const struct nethost_packet *packet) {
    vnet_header header = {0};
    if (packet->checksum_start != 0) {
        header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header.csum_start = packet->checksum_start;
        header.csum_offset = packet->checksum_offset;
    }
    if (packet->gso_size != 0) {
        header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        header.gso_size = packet->gso_size;
        header.hdr_len = packet->header_length;
    }
    memcpy(device->out, &header, sizeof header);
}

static size_t lay_out(struct device *device, const struct nethost_packet *packet) {
    size_t before = device->headers ? sizeof(vnet_header) : 0;
    if (device->headers) {
        put_header(device, packet);
    }
    memcpy(device->out + before, packet->data, packet->length);
    return before + packet->length;
}

/* Interfaces that are down, datagrams to nobody and full queues are like a bad cable. */
static bool is_loss(void) {
    return errno == EIO || errno == ECONNREFUSED || errno == ENETDOWN || errno == ENOBUFS ||
           errno == EAGAIN || errno == EMSGSIZE || errno == EINTR;
}

/* *patience: how many milliseconds it may take; 0 when that was too short. */
static bool put(const struct device *device, size_t length, int *patience) {
    ssize_t done = write(device->fd, device->out, length);
    if (done < 0 && errno == EAGAIN && *patience != 0) {
        struct pollfd room = {.fd = device->fd, .events = POLLOUT};
        if (poll(&room, 1, *patience) > 0) {
            done = write(device->fd, device->out, length);
        } else {
            *patience = 0;
            errno = EAGAIN;
        }
    }
    return done >= 0 || is_loss() || fails("writing");
}

bool device_write(struct device *device, struct nethost *host) {
    struct nethost_packet packet;
    int patience = PATIENCE;
    while (nethost_output(host, &packet)) {
        if (!put(device, lay_out(device, &packet), &patience)) {
            return false;
        }
    }
    return true;
}
