/* main.c: nettap: options, and the loop; read nettap.h first. */
#include "nettap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define RETRY_DELAY 10 /* milliseconds */

/* Untouched memory costs nothing, so that all connections can have full buffers at once, and half of that
 * again while they grow, in the three quarters that sockets may have. */
#define BUFFER_MOST (512u << 10)
#define MEMORY      ((size_t)CONNECTIONS_MAX * 4 * BUFFER_MOST)

static const char usage[] =
    "usage: nettap [-o] [-u ADDRESS] [-g GATEWAY] [-m MTU] [-b BYTES] [-s SEED] DEVICE ADDRESS/PREFIX "
    "[SERVICE[=PORT]...]\n"
    "  A host with this address on the tap (made if need be; it goes when nettap ends, unless it persists).\n"
    "  DEVICE      tap0; tun0 (without Ethernet); fd:3; udp:4000:4001 (QEMU's -netdev dgram on 127.0.0.1)\n"
    "  SERVICE     echo (7), discard (9), daytime (13), chargen (19), over TCP and UDP; none named: all\n"
    "  -u ADDRESS  this machine's address on the tap, which is brought up\n"
    "  -g GATEWAY  where the host sends what is for other networks\n"
    "  -m MTU      576 to 9000 (1500)\n"
    "  -b BYTES    buffers of each connection, a power of two, 4096 to 4194304\n"
    "  -s SEED     a number instead of the machine's randomness\n"
    "  -o          sums and large segments are the tap's business\n"
    "example: nettap -u 10.1.0.1 tap0 10.1.0.2/24 & ping 10.1.0.2\n";

struct nettap {
    struct nethost_config config;
    struct nethost *host;
    struct device device;
    struct services services;
    const char *name, *address;
    uint8_t plug[4]; /* this machine's address */
    bool plugged, offload, seeded, helped;
    int signals;
};

/* ---- Options ---- */

bool number_read(const char *text, uint64_t least, uint64_t most, uint64_t *number) {
    char *rest;
    errno = 0;
    unsigned long long value = strtoull(text, &rest, text[0] == '0' && text[1] == 'x' ? 16 : 10);
    bool good =
        text[0] >= '0' && text[0] <= '9' && *rest == '\0' && errno == 0 && value >= least && value <= most;
    if (good) {
        *number = value;
    }
    return good;
}

/* "ADDRESS/PREFIX". Two of them on one segment have different MAC addresses. */
static bool read_address(struct nethost_config *config, const char *text) {
    char address[INET_ADDRSTRLEN] = {0};
    uint64_t prefix;
    size_t length = strcspn(text, "/");
    if (length >= sizeof address || text[length] != '/' || !number_read(text + length + 1, 1, 32, &prefix)) {
        return false;
    }
    memcpy(address, text, length);
    config->prefix_length = (uint8_t)prefix;
    bool good = inet_pton(AF_INET, address, config->address) == 1;
    memcpy(config->mac + 2, config->address, 4);
    return good;
}

static bool read_option(struct nettap *nettap, int option) {
    struct nethost_config *config = &nettap->config;
    uint64_t number = 0;
    bool good;
    switch (option) {
    case 'o': nettap->offload = true; return true;
    case 'u': nettap->plugged = true; return inet_pton(AF_INET, optarg, nettap->plug) == 1;
    case 'g': return inet_pton(AF_INET, optarg, config->gateway) == 1;
    case 'm':
        good = number_read(optarg, 576, 9000, &number);
        config->mtu = (uint16_t)number;
        return good;
    case 'b':
        good = number_read(optarg, 4096, 4 << 20, &number) && (number & (number - 1)) == 0;
        config->send_buffer = config->receive_buffer = (uint32_t)number;
        if (number > BUFFER_MOST) {
            config->send_buffer_max = config->receive_buffer_max = (uint32_t)number;
        }
        return good;
    case 's':
        good = number_read(optarg, 0, UINT64_MAX, &number);
        config->seed[0] = config->seed[1] = number;
        nettap->seeded = true;
        return good;
    default: return false;
    }
}

static bool is_wrong(const char *what, const char *word) {
    fprintf(stderr, "nettap: %s: %s; -h tells what there is\n", what, word);
    return false;
}

/* false, with a message: there is nothing to do. */
static bool read_options(struct nettap *nettap, int count, char **arguments) {
    int option;
    while ((option = getopt(count, arguments, "hou:g:m:b:s:")) != -1) {
        if (option == 'h' || option == '?') {
            nettap->helped = option == 'h';
            fputs(usage, nettap->helped ? stdout : stderr);
            return false;
        }
        if (!read_option(nettap, option)) {
            return is_wrong((const char[]){'-', (char)option, '\0'}, optarg);
        }
    }
    if (count - optind < 2) {
        fputs(usage, stderr);
        return false;
    }
    nettap->name = arguments[optind];
    nettap->address = arguments[optind + 1];
    if (!read_address(&nettap->config, nettap->address)) {
        return is_wrong("no address as 10.1.0.2/24", nettap->address);
    }
    for (int i = optind + 2; i < count; i++) {
        if (!services_choose(&nettap->services, arguments[i])) {
            return is_wrong("no such service, or no such port", arguments[i]);
        }
    }
    return count > optind + 2 || services_choose(&nettap->services, NULL);
}

/* ---- Life ---- */

static bool open_signals(struct nettap *nettap) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN); /* writing to a pipe that has ended tells it too */
    nettap->signals = signalfd(-1, &signals, SFD_CLOEXEC);
    return nettap->signals >= 0;
}

static bool open_host(struct nettap *nettap) {
    struct nethost_config *config = &nettap->config;
    config->mode = nettap->device.datagrams ? NETHOST_DATAGRAMS : NETHOST_FRAMES;
    config->checksum_out = config->segment_out = nettap->device.headers;
    config->now = nethost_clock();
    config->wake = services_wake;
    config->context = &nettap->services;
    nettap->host = nethost_new(config);
    if (nettap->host == NULL) {
        return is_wrong("no host can have that", nettap->address);
    }
    int error = services_start(&nettap->services, nettap->host);
    return error == NETHOST_OK || is_wrong("services", nethost_error_text(error));
}

/* false, with a message. */
static bool start(struct nettap *nettap) {
    uint64_t *seed = nettap->config.seed;
    if (!open_signals(nettap) ||
        (!nettap->seeded && getrandom(seed, sizeof nettap->config.seed, 0) != sizeof nettap->config.seed)) {
        perror("nettap");
        return false;
    }
    return device_open(&nettap->device, nettap->name, nettap->offload) && open_host(nettap) &&
           (!nettap->plugged || device_plug(&nettap->device, nettap->name, nettap->plug,
                                            nettap->config.prefix_length, nettap->config.mtu));
}

/* Milliseconds that the loop may sleep; -1: for ever. */
static int patience(const struct nettap *nettap) {
    int timeout = nethost_poll_timeout(nettap->host);
    bool soon = timeout < 0 || timeout > RETRY_DELAY;
    return nettap->services.starved && soon ? RETRY_DELAY : timeout;
}

/* Until a signal. false: until the end of the device. */
static bool run(struct nettap *nettap) {
    struct device *device = &nettap->device;
    struct pollfd polls[2] = {{.fd = device->fd, .events = POLLIN},
                              {.fd = nettap->signals, .events = POLLIN}};
    bool alive = true;
    while (alive && polls[1].revents == 0) {
        (void)poll(polls, 2, patience(nettap));
        nethost_advance(nettap->host, nethost_clock());
        services_retry(&nettap->services);
        alive = device_read(device, nettap->host) && device_write(device, nettap->host);
    }
    if (alive) {
        services_stop(&nettap->services);
        alive = device_write(device, nettap->host);
    }
    return alive;
}

int main(int count, char **arguments) {
    struct nettap *nettap = calloc(1, sizeof *nettap);
    if (nettap == NULL) {
        perror("nettap");
        return 1;
    }
    nethost_defaults(&nettap->config);
    nettap->config.memory = MEMORY;
    nettap->config.send_buffer_max = nettap->config.receive_buffer_max = BUFFER_MOST;
    nettap->config.sockets_max = 2 * KIND_COUNT + CONNECTIONS_MAX + 16;
    nettap->device.fd = -1;
    bool wanted = read_options(nettap, count, arguments), good = wanted && start(nettap);
    if (good) {
        printf("nettap: %s on %s\n", nettap->address, nettap->name);
        fflush(stdout);
        good = run(nettap);
    }
    int status = good || nettap->helped ? 0 : wanted ? 1 : 2;
    nethost_free(nettap->host);
    device_close(&nettap->device);
    free(nettap);
    return status;
}
