/* wire.c: see wire.h. */
#include "wire.h"
#include <os/os.h>
#include <string.h>

#define PATIENCE 2000000ull /* ns to wait for tcpip in one round */

net_time wire_now(void) {
    return clock_now() / 1000;
}

/* ---- netdev.idl ---- */

static struct netdev_info info(void) {
    return (struct netdev_info){.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .link_up = 1};
}

static enum error adopt(struct wire *wire, handle_t pool, handle_t rings) {
    void *address;
    size_t size;
    enum error error = memory_map(pool, RIGHT_READ | RIGHT_WRITE, &address, &wire->pool_size);
    if (error == ERR_NONE) {
        wire->pool = address;
        error = memory_map(rings, RIGHT_READ | RIGHT_WRITE, &wire->rings, &size);
    }
    if (error == ERR_NONE && size < NETDEV_RINGS * netdev_ring_stride()) {
        error = ERR_INVALID;
    }
    return error;
}

static void on_open(void *context, struct request *request, uint32_t offloads, handle_t pool, handle_t rings,
                    handle_t event) {
    struct wire *wire = context;
    struct netdev_info own = info();
    enum error error = adopt(wire, pool, rings);
    (void)!handle_close(pool);
    (void)!handle_close(rings);
    if (error != ERR_NONE) {
        (void)!handle_close(event);
        request_fail(request, error);
        return;
    }
    for (int i = 0; i < NETDEV_RINGS; i++) {
        ring_attach(&wire->ring[i], (uint8_t *)wire->rings + (size_t)i * netdev_ring_stride(),
                    NETDEV_RING_SIZE, sizeof(struct netdev_descriptor));
    }
    (void)ring_sleep(&wire->ring[NETDEV_TX_PENDING]);
    wire->client = event;
    wire->opens++;
    netdev_open_reply(request, wire->server.event, false, &own);
}

static void on_info(void *context, struct request *request) {
    struct netdev_info own = info();
    netdev_info_reply(request, &own);
}

static void on_call(void *context, struct request *request) {
    static const struct netdev_handlers handlers = {.open = on_open, .info = on_info};
    (void)netdev_dispatch(&handlers, context, request);
}

enum error wire_publish(struct wire *wire) {
    static const struct server_handlers handlers = {.call = on_call};
    if (wire->server.port != HANDLE_NONE) {
        (void)!handle_close(wire->server.port);
        (void)!handle_close(wire->server.event);
    }
    enum error error = server_init(&wire->server, &handlers, wire, NULL, 0);
    return error == ERR_NONE ? name_publish("net0", wire->server.port) : error;
}

/* ---- Frames ---- */

static bool to_peer(struct wire *wire) {
    struct netdev_descriptor sent;
    if (!ring_take(&wire->ring[NETDEV_TX_PENDING], &sent)) {
        return false;
    }
    if (sent.offset < wire->pool_size && sent.length <= wire->pool_size - sent.offset) {
        struct net_frame frame = {.data = wire->pool + sent.offset, .length = sent.length};
        net_receive(wire->peer, &frame, wire_now());
    }
    wire_put(wire, NETDEV_TX_DONE, &sent);
    return true;
}

void wire_put(struct wire *wire, enum netdev_ring ring, const struct netdev_descriptor *descriptor) {
    (void)ring_put(&wire->ring[ring], descriptor);
    if (ring_publish(&wire->ring[ring])) {
        uint64_t bit = ring == NETDEV_RX_USED ? NETDEV_SIGNAL_RX_USED : NETDEV_SIGNAL_TX_DONE;
        (void)!event_signal(wire->client, bit);
    }
}

bool wire_inject(struct wire *wire, const void *frame, size_t length) {
    struct netdev_descriptor buffer;
    if (!ring_take(&wire->ring[NETDEV_RX_FREE], &buffer)) {
        return false;
    }
    memcpy(wire->pool + buffer.offset, frame, length);
    buffer.length = (uint32_t)length;
    wire_put(wire, NETDEV_RX_USED, &buffer);
    return true;
}

static bool from_peer(struct wire *wire) {
    uint8_t bytes[2048];
    struct net_slot slot = {.data = bytes, .capacity = sizeof bytes};
    return ring_count(&wire->ring[NETDEV_RX_FREE]) != 0 && net_transmit(wire->peer, &slot, wire_now()) &&
           wire_inject(wire, bytes, slot.length);
}

void wire_run(struct wire *wire, unsigned time) {
    struct net_event event;
    uint64_t until = clock_now() + time * 1000000ull;
    while (clock_now() < until) {
        if (wire->opens != 0 && !wire->silent) {
            ring_awake(&wire->ring[NETDEV_TX_PENDING]);
            while (to_peer(wire) || from_peer(wire)) {
            }
            (void)ring_sleep(&wire->ring[NETDEV_TX_PENDING]);
        }
        while (net_next_event(wire->peer, &event)) {
        }
        (void)!server_step(&wire->server, clock_now() + PATIENCE);
    }
}
