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

void batch_follow_device(struct tcpip *tcpip) {
    const struct netdev_info *info = &tcpip->device.info;
    struct net_config *config = &tcpip->config;
    memcpy(config->mac, info->mac, sizeof config->mac);
    config->mtu = info->mtu >= 576 && info->mtu <= MTU_MOST ? info->mtu : 1500;
    config->checksum_out = (info->offloads & NETDEV_CHECKSUM_OUT) != 0;
    config->segment_out = config->checksum_out && (info->offloads & NETDEV_SEGMENT_OUT) != 0;
    tcpip->link_up = info->link_up != 0;
}

void batch_link_changed(struct tcpip *tcpip) {
    batch_follow_device(tcpip);
    (void)!net_link(tcpip->net, &tcpip->config, tcpip->link_up, tcpip_now()); /* which keeps to its bounds */
}

static void receive_frames(struct tcpip *tcpip) {
    struct net_frame frame;
    net_time now = tcpip_now();
    for (int i = 0; i < FRAMES_PER_BATCH && device_receive(&tcpip->device, &frame); i++) {
        net_receive(tcpip->net, &frame, now);
    }
    device_refill(&tcpip->device);
}

static void transmit_frames(struct tcpip *tcpip) {
    struct net_slot slot;
    net_time now = tcpip_now();
    while (device_slot(&tcpip->device, &slot) && net_transmit(tcpip->net, &slot, now)) {
        device_send(&tcpip->device, &slot);
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
    device_awake(&tcpip->device);
    receive_frames(tcpip);
    do {
        (void)take_events(tcpip);
        transmit_frames(tcpip);
    } while (
        take_events(tcpip)); /* answers make room for more to send, and time that has passed makes events */
    device_flush(&tcpip->device);
    sessions_signal(tcpip);
    tcpip->busy = !device_sleep(&tcpip->device);
}

uint64_t batch_deadline(struct tcpip *tcpip) {
    if (tcpip->busy) {
        return 0;
    }
    net_time next = net_deadline(tcpip->net);
    uint64_t time = next < NET_NEVER / MICROSECOND ? next * MICROSECOND : NEVER;
    bool away = !tcpip->device.open;
    uint64_t patience = clock_now() + (away ? AWAY_DELAY : STARVED_DELAY);
    return (away || tcpip->device.starved) && time < patience ? patience : time;
}
