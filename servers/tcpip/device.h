/* device.h: the network driver, seen from tcpip: packet pool, rings, and their life across the driver's
 * deaths.
 *
 * The pool belongs to tcpip. A buffer is either ours or the driver's; a buffer that a dead driver had stays
 * untouched until the next open has returned, because until then the device may still write into it. Whatever
 * comes out of a ring is checked against what was given. */
#pragma once

#include <base/error.h>
#include <ipc/abi.h>
#include <ipc/netdev.h>
#include <net/net.h>
#include <ring/netdev.h>

#define DEVICE_BUFFERS 512 /* of both kinds, at most */
/* Beyond the drivers' own signals: the name of driver `number` has been published. */
#define DEVICE_SIGNAL_PUBLISHED(number) (UINT64_C(8) << (number))

struct device_counters {
    uint64_t opens, frames_in, frames_out, frames_lost, bad_descriptors, starved;
};

struct pool {
    handle_t memory;
    uint8_t *base;
    uint32_t receive_count, receive_size; /* buffers 0 .. receive_count-1 */
    uint32_t send_count, send_size;       /* the ones behind them */
    bool lent[DEVICE_BUFFERS];            /* the driver has it */
    uint16_t free_send[DEVICE_BUFFERS];   /* numbers of the buffers to send that are ours */
    uint32_t free_count;
    uint16_t back[DEVICE_BUFFERS]; /* buffers with received frames, to be lent again */
    uint32_t back_count;
};

struct device {
    const char *name; /* the driver is known by */
    handle_t driver;  /* its port; HANDLE_NONE: away */
    handle_t kick;    /* the event that the driver waits for */
    handle_t event;   /* ours, for the driver: it may only signal */
    handle_t rings_memory;
    uint8_t *rings;
    struct ring ring[NETDEV_RINGS];
    struct netdev_info info;
    struct pool pool;
    uint8_t *assembly;   /* 64 KiB for frames in pieces and for frames that nobody will send */
    uint64_t lost_at;    /* ns; when the driver was last seen to be away */
    uint64_t full_since; /* ns; 0: there was a buffer when last looked (device_has_room) */
    bool open, starved;  /* starved: frames are due and no buffer is left */
    bool unmerged;       /* the device must not join what it receives */
    struct device_counters counters;
};

/* Asks init to signal `event` when driver `number`, known by "net" and the number, is published. `name` is
 * borrowed for good. */
enum error device_init(struct device *device, unsigned number, const char *name, handle_t event);
/* Looks for the driver and opens it, if it is there. True: the device is open anew, with device->info. */
bool device_connect(struct device *device);
/* Whether the device may join what it receives (NETDEV_SEGMENT_IN). A device that is open is opened anew for
 * a change: true, with device->info, and what was on its way is lost. */
bool device_set_unmerged(struct device *device, bool unmerged);
/* Asks the driver whether the link is up; a dead driver is noticed by this. */
void device_refresh(struct device *device);

/* The next received frame, valid until device_give_back. False: none. */
bool device_receive(struct device *device, struct net_frame *frame);
/* Gives all buffers received since the last call back to the driver. */
void device_refill(struct device *device);

/* Where the next frame to send goes; false: no buffer. Without a driver, after some time, a place that is
 * never sent, so that the timers of the engine go on as on a cut wire. */
bool device_slot(struct device *device, struct net_slot *slot);
/* Sends what the slot holds now. */
void device_send(struct device *device, const struct net_slot *slot);
/* For a frame that was written to another device's slot, as the way it goes by is known only afterwards.
 * Room: device_copy will not lose it; or the driver is away, or has given no buffer back for some time, and
 * frames for it go nowhere rather than hold up the other devices. */
bool device_has_room(struct device *device);
/* Sends a copy of what the slot holds. */
void device_copy(struct device *device, const struct net_slot *slot);
/* Makes everything put since the last call visible, and wakes the driver if it sleeps. */
void device_flush(struct device *device);

/* Before a batch: no signals needed. Before sleeping: signals wanted; false: there is work after all. */
void device_awake(struct device *device);
bool device_sleep(struct device *device);
