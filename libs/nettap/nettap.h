/* nettap.h: the engine on a tap of this machine, in real time, so that any network tester can speak with it.
 *
 * main.c reads the options and turns the loop: frames from the device into the instance, frames out of it to
 * the device, and the time from the machine's clock. device.c knows taps, descriptors and QEMU's datagrams;
 * services.c echoes, discards, and says what time it is. Everything hangs on the one struct that main owns.
 */
#pragma once

#include <nethost/nethost.h>

#define FRAME_MAX       (14 + 65535)
#define CONNECTIONS_MAX 256
#define PIECE           16384

/* ---- device.c ---- */

struct device {
    int fd;
    bool owned;     /* a tap or a tun, which is ours alone */
    bool ends;      /* an empty read is its end */
    bool datagrams; /* it is a tun: no Ethernet */
    bool headers;   /* each frame has a struct virtio_net_hdr before it: sums, large segments */
    uint8_t out[10 + FRAME_MAX], in[10 + FRAME_MAX];
};

/* The name of a tap, or of a tun if it begins so (made if it is not there), "fd:N", or "udp:PORT:PORT":
 * frames as datagrams between two ports of 127.0.0.1, ours first, as QEMU's `-netdev dgram` has them.
 * offload: with headers, taps and tuns only. false, with a message: it cannot be had. */
bool device_open(struct device *device, const char *name, bool offload);
/* This machine's side of the tap gets an address and an MTU, and is up. false, with a message. */
bool device_plug(const struct device *device, const char *name, const uint8_t address[4],
                 uint8_t prefix_length, uint16_t mtu);
/* What there is to read goes to the instance; at most some dozens of frames. false, with a message: the
 * device is gone. */
bool device_read(struct device *device, struct nethost *host);
/* All that is due goes out. A device that takes nothing for a while loses it, like any queue that is full.
 * false, with a message: the device is gone. */
bool device_write(struct device *device, struct nethost *host);
/* A tap that was made goes away; one that persists stays. */
void device_close(struct device *device);

/* ---- services.c ---- */

enum kind { KIND_ECHO, KIND_DISCARD, KIND_DAYTIME, KIND_CHARGEN, KIND_COUNT };

struct connection {
    uint32_t socket; /* 0: free */
    enum kind kind;
    bool said_all;
    bool starved;      /* there was no memory to send */
    size_t at, length; /* what of `data` is to be sent; chargen: `at` is the place in the pattern */
    uint8_t data[PIECE];
};

struct services {
    struct nethost *host;
    uint16_t port[KIND_COUNT]; /* 0: not served */
    uint32_t listener[KIND_COUNT], datagrams[KIND_COUNT];
    struct connection connection[CONNECTIONS_MAX];
    bool starved; /* any connection is: services_retry wants to be called soon */
    uint8_t pattern[95 * 74];
    uint8_t datagram[65536];
};

/* SERVICE or SERVICE=PORT; null: all of them. false: there is none of that name, or no such port. */
bool services_choose(struct services *services, const char *word);
/* Opens what was chosen. An error of nethost.h. */
int services_start(struct services *services, struct nethost *host);
/* The instance's wake callback; the context is the struct services. */
void services_wake(void *context, uint32_t socket, uint32_t ready);
/* Looks after connections that had no memory to send, for no event tells of that. */
void services_retry(struct services *services);
/* All connections are reset: the peers hear of it if what is due is still sent. */
void services_stop(struct services *services);

/* ---- main.c ---- */

/* A number within bounds, decimal or 0x…, and nothing behind it. */
bool number_read(const char *text, uint64_t least, uint64_t most, uint64_t *number);
