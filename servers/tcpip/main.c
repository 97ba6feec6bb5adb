/* main.c: the network server: the engine between its clients' calls and the driver's rings.
 *
 * One loop (libs/os/server): calls change the engine at once; what came in meanwhile and what is due to go
 * out is moved by on_idle, once per batch: take all frames, tell the sockets, fill frames to send, wake the
 * driver and the clients once each. Read tcpip.h next, then calls.c for what a client can ask, device.c for
 * the driver. */
#include "tcpip.h"
#include <ipc/init.h>
#include <os/os.h>
#include <os/syscall.h>
#include <stdlib.h>
#include <string.h>

#define DRIVER_PATIENCE  2000000000ull /* ns to wait for a driver before serving without one */
#define ADDRESS_PATIENCE 3000000000ull /* ns to wait for an address before serving without one */
#define ENGINE_SHARE(quota)                                                                                  \
    ((quota) / 8 * 5) /* of the task's memory; buffers for frames and the tables have the rest */
#define ENGINE_LEAST   (2u << 20)
#define RECEIVE_BUFFER (128u << 10) /* as Linux's tcp_rmem: a peer that doubles its window is not held up */

/* ---- What comes ---- */

static void on_call(void *context, struct request *request) {
    calls_dispatch(context, request);
}

static void on_closed(void *context, uint64_t badge) {
    badge_closed(context, badge);
}

/* A second name for the same port: who comes by it may change addresses and routes. */
static enum error open_admin_door(const struct tcpip *tcpip) {
    handle_t door;
    enum error error = handle_duplicate(tcpip->server.port, RIGHT_SEND | RIGHT_PASS, BADGE_ADMIN, &door);
    if (error == ERR_NONE) {
        error = name_publish("netadmin", door);
        (void)!handle_close(door);
    }
    return error;
}

/* Clients find the server when there is an address to connect from, so that what is started at boot does not
 * fail for being early; or, where none comes, after a while. */
static void make_known(struct tcpip *tcpip) {
    struct net_interface interface;
    net_interface(tcpip->net, &interface);
    if (interface.bound || clock_now() >= tcpip->known_at) {
        tcpip->known_at = NEVER;
        if (name_publish("tcpip", tcpip->server.port) != ERR_NONE || open_admin_door(tcpip) != ERR_NONE) {
            log_line("cannot make myself known");
        }
    }
}

static void on_idle(void *context) {
    struct tcpip *tcpip = context;
    batch_run(tcpip);
    if (tcpip->known_at != NEVER) {
        make_known(tcpip);
    }
}

static uint64_t deadline(void *context) {
    const struct tcpip *tcpip = context;
    uint64_t next = batch_deadline(context);
    return next < tcpip->known_at ? next : tcpip->known_at;
}

static void on_event(void *context, uint64_t bits) {
    struct tcpip *tcpip = context;
    for (unsigned i = 0; i < LINKS; i++) {
        struct device *device = &tcpip->link[i].device;
        if ((bits & DEVICE_SIGNAL_PUBLISHED(i)) != 0 && device_connect(device)) {
            batch_link_changed(tcpip, i);
        } else if ((bits & NETDEV_SIGNAL_LINK) != 0 && device->open) {
            device_refresh(device);
            batch_link_changed(tcpip, i);
        }
    }
}

/* ---- Start ---- */

/* The kernel's option `key`, if it is there. */
static bool has_option(const char *key, char *text, size_t size) {
    size_t length = 0;
    memset(text, 0, size);
    return init_option(start_handle("init"), key, text, size - 1, &length) == ERR_NONE && length != 0;
}

static void configure(struct tcpip *tcpip) {
    const uint8_t *seed = start_info()->seed;
    struct net_config *config = &tcpip->link[0].config;
    char text[1024];
    memcpy(config->seed, seed, sizeof config->seed);
    memcpy(tcpip->seed, seed + sizeof config->seed, sizeof tcpip->seed);
    random_seed(&tcpip->random, tcpip->seed[0], tcpip->seed[1]);
    config->dhcp = true;
    config->mtu = 1500;
    config->sockets_max = SOCKETS_MAX;
    config->interfaces_max = LINKS;
    memcpy(config->host_name, "minato", sizeof "minato");
    if (has_option("ip", text, sizeof text) && config_parse(text, config) != ERR_NONE) {
        log_line("ip=%s makes no sense: dhcp instead", text);
    }
    if (has_option("ecn", text, sizeof text) && config_parse_ecn(text, config) != ERR_NONE) {
        log_line("ecn=%s makes no sense: it is accepted, not asked for", text);
    }
    if (has_option("ip1", text, sizeof text) &&
        config_parse_second(text, &tcpip->link[1].config) != ERR_NONE) {
        log_line("ip1=%s makes no sense: no address", text);
    }
    if (has_option("forward", text, sizeof text) && config_parse_forward(text, config) != ERR_NONE) {
        log_line("forward=%s makes no sense: off", text);
    }
}

/* Gives the engine its memory: most of what the task may have. */
static enum error start_engine(struct tcpip *tcpip) {
    struct task_info info = {0};
    void *memory = NULL;
    enum error error = sys_task_info(HANDLE_NONE, &info);
    if (error != ERR_NONE) {
        return error;
    }
    size_t size = ENGINE_SHARE(info.quota - info.memory_used) & ~(size_t)(PAGE_SIZE - 1);
    while ((error = memory_make(size, false, NULL, &memory)) != ERR_NONE && size > ENGINE_LEAST) {
        size = size / 4 * 3 & ~(size_t)(PAGE_SIZE - 1);
    }
    if (error != ERR_NONE) {
        return error;
    }
    struct net_config *config = &tcpip->link[0].config;
    config->owner_budget = (uint32_t)(size / 2);
    config->receive_buffer = config->owner_budget >= 32 * RECEIVE_BUFFER ? RECEIVE_BUFFER : 0;
    /* A small machine has room for fewer sockets: half of the memory at most is for their fixed parts. */
    do {
        error = net_init(&tcpip->net, config, memory, size, tcpip_now());
    } while (error == ERR_NO_MEMORY && (config->sockets_max /= 2) != 0);
    return error;
}

/* The first driver usually comes within a moment; without one the server serves all the same, on a link that
 * is down. A second one is taken when it comes. */
static void wait_for_driver(struct tcpip *tcpip) {
    uint64_t bits, until = clock_now() + DRIVER_PATIENCE;
    struct link *link = &tcpip->link[0];
    (void)!event_wait(tcpip->server.event, DEVICE_SIGNAL_PUBLISHED(0), 0,
                      &bits); /* a driver that is there is found now */
    while (!device_connect(&link->device)) {
        if (event_wait(tcpip->server.event, DEVICE_SIGNAL_PUBLISHED(0), until, &bits) != ERR_NONE) {
            log_line("no network driver yet");
            return;
        }
    }
    batch_follow_device(link);
}

static enum error init_devices(struct tcpip *tcpip, handle_t event) {
    static const char *const names[LINKS] = {"net0", "net1"};
    enum error error = ERR_NONE;
    for (unsigned i = 0; i < LINKS && error == ERR_NONE; i++) {
        tcpip->link[i].device.unmerged = tcpip->link[0].config.forward;
        error = device_init(&tcpip->link[i].device, i, names[i], event);
    }
    return error;
}

static enum error start(struct tcpip *tcpip) {
    static const struct server_handlers handlers = {
        .call = on_call, .event = on_event, .closed = on_closed, .idle = on_idle, .deadline = deadline};
    handle_t event;
    sessions_init(tcpip);
    configure(tcpip);
    enum error error = event_make(&event);
    if (error == ERR_NONE) {
        tcpip->server.event = event;
        error = init_devices(tcpip, event);
    }
    if (error == ERR_NONE) {
        wait_for_driver(tcpip);
        error = start_engine(tcpip);
    }
    if (error == ERR_NONE) {
        error = server_init_event(&tcpip->server, &handlers, tcpip, tcpip->receive_buffer,
                                  sizeof tcpip->receive_buffer, event);
    }
    tcpip->known_at = clock_now() + ADDRESS_PATIENCE;
    return error;
}

int main(void) {
    static struct tcpip tcpip;
    enum error error = start(&tcpip);
    if (error != ERR_NONE) {
        log_line("cannot start: %s", error_text(error));
        return EXIT_FAILURE;
    }
    server_run(&tcpip.server);
}
