/* main.c: the network driver's server: netdev.idl on one side, the device's interrupt on the other.
 *
 * The event loop: take the interrupt if it was one, let the driver move everything that there is, arm all
 * sources of new work, sleep. Read driver.h for what is moved. The client's pool and rings stay mapped until
 * the next open: the device may write into them until it has been reset. */
#include <ipc/netdev.h>
#include <os/os.h>
#include <os/server.h>
#include <os/syscall.h>
#include <virtio/riscv64/mmio.h>

#include "driver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 64 /* of work before the port is looked at again */

struct mapping {
    handle_t memory;
    void *address;
    size_t size;
};

struct virtio_net {
    struct server server;
    struct driver driver;
    handle_t interrupt;
    handle_t kick; /* the server's event, for clients: only to be signalled */
    struct dma_memory queues[2];
    bool busy; /* work was left when the port had to be looked at */

    /* The client's, since its last open. */
    struct mapping pool, rings;
    handle_t client; /* its event */
    struct netdev_info info;
};

static void fill_info(struct virtio_net *net) {
    const struct driver *driver = &net->driver;
    net->info =
        (struct netdev_info){.mtu = driver->mtu, .offloads = driver->offloads, .link_up = driver->link_up};
    memcpy(net->info.mac, driver->mac, sizeof net->info.mac);
}

static void unmap(struct mapping *mapping) {
    if (mapping->address != NULL) {
        (void)memory_unmap(mapping->address, mapping->size);
    }
    if (mapping->memory != HANDLE_NONE) {
        (void)handle_close(mapping->memory);
    }
    *mapping = (struct mapping){0};
}

/* Takes the memory over, whatever the outcome. */
static enum error map(struct mapping *mapping, handle_t memory) {
    mapping->memory = memory;
    return memory_map(memory, RIGHT_READ | RIGHT_WRITE, &mapping->address, &mapping->size);
}

static enum error adopt(const struct mapping *pool, const struct mapping *rings,
                        struct driver_memory *memory) {
    size_t contiguous = 0;
    uint64_t physical = 0;
    enum error error = memory_physical(pool->memory, 0, &physical, &contiguous);
    if (error != ERR_NONE) {
        return error;
    }
    if (contiguous < pool->size || rings->size < NETDEV_RINGS * netdev_ring_stride()) {
        return ERR_INVALID;
    }
    *memory = (struct driver_memory){{pool->address, physical, pool->size}, rings->address};
    return ERR_NONE;
}

/* The old client's memory is let go only when the device has been reset and can no longer write there. */
static void replace_client(struct virtio_net *net, const struct mapping *pool, const struct mapping *rings,
                           handle_t event) {
    unmap(&net->pool);
    unmap(&net->rings);
    if (net->client != HANDLE_NONE) {
        (void)handle_close(net->client);
    }
    net->pool = *pool;
    net->rings = *rings;
    net->client = event;
}

static void handle_open(void *context, struct request *request, uint32_t offloads_wanted,
                        handle_t pool_memory, handle_t rings_memory, handle_t event) {
    struct virtio_net *net = context;
    struct mapping pool = {0}, rings = {0};
    struct driver_memory memory;
    enum error error = map(&pool, pool_memory);
    enum error rings_error = map(&rings, rings_memory);
    error = error == ERR_NONE ? rings_error : error;
    error = error == ERR_NONE ? adopt(&pool, &rings, &memory) : error;
    if (error == ERR_NONE) {
        error = driver_open(&net->driver, offloads_wanted, &memory, net->queues);
        if (error == ERR_NONE) {
            replace_client(net, &pool, &rings, event);
            fill_info(net);
            netdev_open_reply(request, net->kick, false, &net->info);
            return;
        }
    }
    unmap(&pool);
    unmap(&rings);
    (void)handle_close(event);
    request_fail(request, error);
}

static void handle_info(void *context, struct request *request) {
    struct virtio_net *net = context;
    fill_info(net);
    netdev_info_reply(request, &net->info);
}

static const struct netdev_handlers handlers = {.open = handle_open, .info = handle_info};

static void on_call(void *context, struct request *request) {
    (void)netdev_dispatch(&handlers, context, request);
}

static void tell_client(struct virtio_net *net, uint64_t signals) {
    if (signals != 0 && net->client != HANDLE_NONE) {
        (void)event_signal(net->client, signals); /* a client that is gone misses nothing */
    }
}

static void on_event(void *context, uint64_t bits) {
    struct virtio_net *net = context;
    if ((bits & START_INTERRUPT) != 0) {
        tell_client(net, driver_interrupt(&net->driver));
        (void)interrupt_acknowledge(net->interrupt);
    }
    driver_awake(&net->driver);
}

static void on_idle(void *context) {
    struct virtio_net *net = context;
    net->busy = true;
    for (int i = 0; i < ROUNDS_MAX && net->busy; i++) {
        tell_client(net, driver_work(&net->driver));
        net->busy = !driver_sleep(&net->driver);
    }
}

static uint64_t deadline(void *context) {
    const struct virtio_net *net = context;
    if (net->busy) {
        return clock_now();
    }
    return driver_holds_sent_buffers(&net->driver) ? clock_now() + NETDEV_RECLAIM_TIME : NEVER;
}

static const struct server_handlers server_handlers = {
    .call = on_call, .event = on_event, .idle = on_idle, .deadline = deadline};

static enum error make_queue_memory(struct dma_memory *memory) {
    handle_t handle;
    size_t contiguous;
    memory->size = driver_queue_bytes();
    enum error error = memory_make(memory->size, true, &handle, &memory->data);
    return error == ERR_NONE ? memory_physical(handle, 0, &memory->physical, &contiguous) : error;
}

/* A handle that init has granted for the device of this name. */
static handle_t granted(const char *kind, const char *device) {
    char name[32];
    snprintf(name, sizeof name, "%s.%s", kind, device);
    return start_handle(name);
}

static enum error start(struct virtio_net *net, const char *device) {
    void *base;
    size_t size;
    enum error error = memory_map(granted("device", device), RIGHT_READ | RIGHT_WRITE, &base, &size);
    if (error == ERR_NONE) {
        struct virtio_registers registers = mmio_registers(base);
        error = driver_init(&net->driver, &registers);
    }
    for (int i = 0; i < 2 && error == ERR_NONE; i++) {
        error = make_queue_memory(&net->queues[i]);
    }
    if (error == ERR_NONE) {
        net->interrupt = granted("irq", device);
        error = server_init_event(&net->server, &server_handlers, net, NULL, 0, start_handle("irq-event"));
    }
    if (error == ERR_NONE) {
        error = handle_duplicate(net->server.event, RIGHT_SIGNAL | RIGHT_PASS, 0, &net->kick);
    }
    return error;
}

/* Which device is told by the manifest; the port is known by the same name. */
int main(int argc, char **argv) {
    static struct virtio_net net;
    const char *device = argc > 1 ? argv[1] : "net0";
    enum error error = start(&net, device);
    if (error == ERR_NONE) {
        error = name_publish(device, net.server.port);
    }
    if (error != ERR_NONE) {
        log_line("no network device: %s", error_text(error));
        return EXIT_FAILURE;
    }
    server_run(&net.server);
}
