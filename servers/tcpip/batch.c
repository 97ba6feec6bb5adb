/* batch.c: what is done once for many messages: frames in, events on to their sockets, frames out, one
 * wake-up each. */
#include "tcpip.h"
#include <os/os.h>
#include <string.h>

#define MICROSECOND      1000u        /* ns */
#define STARVED_DELAY    5000000ull   /* ns until a look at a driver that gives no buffers back */
#define AWAY_DELAY       100000000ull /* ns until frames for a driver that is away are looked at again */
#define FRAMES_PER_BATCH 256
#define MTU_MOST         2000 /* what a buffer of the pool holds */

net_time tcpip_now(void) {
    return clock_now() / MICROSECOND;
}

void batch_follow_device(struct link *link) {
    const struct netdev_info *info = &link->device.info;
    struct net_config *config = &link->config;
    memcpy(config->mac, info->mac, sizeof config->mac);
    config->mtu = info->mtu >= 576 && info->mtu <= MTU_MOST ? info->mtu : 1500;
    config->checksum_out = (info->offloads & NETDEV_CHECKSUM_OUT) != 0;
    config->segment_out = config->checksum_out && (info->offloads & NETDEV_SEGMENT_OUT) != 0;
}

void batch_link_changed(struct tcpip *tcpip, unsigned number) {
    struct link *link = &tcpip->link[number];
    struct net_interface before;
    bool is_new = !net_interface_at(tcpip->net, number, &before);
    batch_follow_device(link);
    /* The configuration keeps to the engine's bounds. */
    (void)!net_interface_link(tcpip->net, number, &link->config, link->device.info.link_up != 0, tcpip_now());
    if (is_new && link->config.address.family != 0 &&
        net_address_add(tcpip->net, number, &link->config.address, link->config.prefix_length, tcpip_now()) !=
            ERR_NONE) {
        log_line("%s does not get its address", link->device.name);
    }
}

void batch_set_forwarding(struct tcpip *tcpip, bool on) {
    tcpip->link[0].config.forward = on;
    net_set_forwarding(tcpip->net, on);
    for (unsigned i = 0; i < LINKS; i++) {
        /* What a device has joined is too long to go on. */
        if (device_set_unmerged(&tcpip->link[i].device, on)) {
            batch_link_changed(tcpip, i);
        }
    }
}

static void receive_frames(struct tcpip *tcpip, unsigned number) {
    struct device *device = &tcpip->link[number].device;
    struct net_frame frame;
    net_time now = tcpip_now();
    for (int i = 0; i < FRAMES_PER_BATCH && device_receive(device, &frame); i++) {
        frame.interface = (uint8_t)number;
        net_receive(tcpip->net, &frame, now);
    }
    device_refill(device);
}

/* The engine says which link a frame goes by only when it has made it. It makes all in slots of the first
 * one's pool, and those for others are copied: the usual machine has one card. */
static bool next_slot(struct tcpip *tcpip, struct net_slot *slot) {
    for (unsigned i = 1; i < LINKS; i++) {
        if (!device_has_room(&tcpip->link[i].device)) {
            return false;
        }
    }
    return device_slot(&tcpip->link[0].device, slot);
}

static void transmit_frames(struct tcpip *tcpip) {
    struct net_slot slot;
    net_time now = tcpip_now();
    while (next_slot(tcpip, &slot) && net_transmit(tcpip->net, &slot, now)) {
        if (slot.interface == 0) {
            device_send(&tcpip->link[0].device, &slot);
        } else {
            device_copy(&tcpip->link[slot.interface].device, &slot);
        }
    }
}

/* Hands the engine's events on. False: there were none. */
static bool take_events(struct tcpip *tcpip) {
    struct net_event event;
    bool any = false;
    while (net_next_event(tcpip->net, &event)) {
        struct socket *socket;
        any = true;
        switch (event.kind) {
        case NET_EVENT_SOCKET:
            socket = socket_by_id(tcpip, event.socket);
            if (socket != NULL) {
                calls_retry(tcpip, socket);
            }
            break;
        case NET_EVENT_NAME: calls_resolved(tcpip, event.owner, event.query); break;
        case NET_EVENT_ADDRESS: break;
        }
    }
    return any;
}

void batch_run(struct tcpip *tcpip) {
    for (unsigned i = 0; i < LINKS; i++) {
        device_awake(&tcpip->link[i].device);
        receive_frames(tcpip, i);
    }
    do {
        (void)take_events(tcpip);
        transmit_frames(tcpip);
    } while (
        take_events(tcpip)); /* answers make room for more to send, and time that has passed makes events */
    for (unsigned i = 0; i < LINKS; i++) {
        device_flush(&tcpip->link[i].device);
    }
    sessions_signal(tcpip);
    tcpip->busy = false;
    for (unsigned i = 0; i < LINKS; i++) {
        tcpip->busy |= !device_sleep(&tcpip->link[i].device);
    }
}

uint64_t batch_deadline(struct tcpip *tcpip) {
    if (tcpip->busy) {
        return 0;
    }
    net_time next = net_deadline(tcpip->net);
    uint64_t time = next < NET_NEVER / MICROSECOND ? next * MICROSECOND : NEVER;
    bool away = !tcpip->link[0].device.open, starved = false;
    for (unsigned i = 0; i < LINKS; i++) {
        starved |= tcpip->link[i].device.starved;
    }
    uint64_t patience = clock_now() + (away ? AWAY_DELAY : STARVED_DELAY);
    return (away || starved) && time < patience ? patience : time;
}
