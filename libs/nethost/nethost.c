/* nethost.c: the life of an instance, its clock and its events; read nethost.h first. */
#include "instance.h"
#include <net/wire/ipv4.h>
#include <stdlib.h>
#include <time.h>

#define MICROSECOND 1000 /* nanoseconds */
#define MILLISECOND (NET_SECOND / 1000)

/* The errors are the engine's, with the sign turned. */
#define SAME(ours, theirs) _Static_assert((int)(ours) == -(int)(theirs), #ours)
SAME(NETHOST_INVALID, ERR_INVALID);
SAME(NETHOST_BAD_SOCKET, ERR_BAD_HANDLE);
SAME(NETHOST_NO_MEMORY, ERR_NO_MEMORY);
SAME(NETHOST_QUOTA, ERR_QUOTA);
SAME(NETHOST_TIMED_OUT, ERR_TIMED_OUT);
SAME(NETHOST_WOULD_BLOCK, ERR_WOULD_BLOCK);
SAME(NETHOST_TOO_MANY, ERR_TOO_MANY);
SAME(NETHOST_REFUSED, ERR_REFUSED);
SAME(NETHOST_RESET, ERR_RESET);
SAME(NETHOST_NOT_CONNECTED, ERR_NOT_CONNECTED);
SAME(NETHOST_IS_CONNECTED, ERR_IS_CONNECTED);
SAME(NETHOST_ADDRESS_IN_USE, ERR_ADDRESS_IN_USE);
SAME(NETHOST_NET_UNREACHABLE, ERR_NET_UNREACHABLE);
SAME(NETHOST_HOST_UNREACHABLE, ERR_HOST_UNREACHABLE);
SAME(NETHOST_IN_PROGRESS, ERR_IN_PROGRESS);
SAME(NETHOST_PIPE, ERR_PIPE);
SAME(NETHOST_MESSAGE_SIZE, ERR_MESSAGE_SIZE);
_Static_assert((int)NETHOST_IN == NET_READY_IN && (int)NETHOST_OUT == NET_READY_OUT &&
                   (int)NETHOST_ERROR == NET_READY_ERROR && (int)NETHOST_HANGUP == NET_READY_HANGUP,
               "readiness is the engine's");
_Static_assert((int)NETHOST_STREAM == NET_STREAM && (int)NETHOST_DATAGRAM == NET_DATAGRAM &&
                   (int)NETHOST_SHUT_WRITE == NET_SHUT_WRITE && (int)NETHOST_SHUT_BOTH == NET_SHUT_BOTH,
               "so are types and directions");

const char *nethost_error_text(int error) {
    return error_text((enum error)(error < 0 ? -error : 0));
}

/* ---- Life ---- */

void nethost_defaults(struct nethost_config *config) {
    *config = (struct nethost_config){.mode = NETHOST_FRAMES,
                                      .mac = {2, 0, 0, 0, 2, 1},
                                      .mtu = 1500,
                                      .address = {192, 0, 2, 1},
                                      .prefix_length = 24,
                                      .memory = 8 << 20,
                                      .sockets_max = 256,
                                      .seed = {1, 2}};
}

static struct net_address address_of(const uint8_t ip[4]) {
    struct net_address address = {.family = NET_IPV4};
    memcpy(address.bytes, ip, 4);
    static const struct net_address none = {0};
    return net_address_is_any(&address) ? none : address;
}

/* Sockets leave a quarter of the memory to the engine, so that connections can begin and end when they have
 * filled all of theirs. */
static uint32_t sockets_share(size_t memory) {
    size_t share = memory / 4 * 3;
    return share < UINT32_MAX ? (uint32_t)share : UINT32_MAX;
}

static struct net_config engine_config(const struct nethost_config *config) {
    struct net_config engine = {.mtu = config->mtu,
                                .dhcp = config->dhcp,
                                .address = address_of(config->address),
                                .prefix_length = config->prefix_length,
                                .gateway = address_of(config->gateway),
                                .sockets_max = config->sockets_max,
                                .owner_budget = sockets_share(config->memory),
                                .send_buffer = config->send_buffer,
                                .receive_buffer = config->receive_buffer,
                                .send_buffer_max = config->send_buffer_max,
                                .receive_buffer_max = config->receive_buffer_max,
                                .checksum_out = config->checksum_out,
                                .segment_out = config->segment_out,
                                .new_reno = config->new_reno,
                                .no_timestamps = config->no_timestamps,
                                .no_sack = config->no_sack,
                                .no_ecn = config->no_ecn,
                                .ask_ecn = config->ask_ecn,
                                .seed = {config->seed[0], config->seed[1]}};
    memcpy(engine.mac, config->mac, sizeof engine.mac);
    return engine;
}

/* The engine leaves an address out that no station can have, and lets a gateway be anywhere. */
static bool has_addresses(const struct nethost *host, const struct net_config *wanted) {
    struct net_interface is;
    uint32_t mask = ipv4_mask(wanted->prefix_length);
    uint32_t address = net_ipv4_value(&wanted->address), gateway = net_ipv4_value(&wanted->gateway);
    net_interface(host->net, &is);
    return wanted->dhcp ||
           (net_ipv4_value(&is.address) == address && (gateway == 0 || ((gateway ^ address) & mask) == 0));
}

/* Lays the engine out in the instance's memory. Where there are no neighbours everybody is on the link. */
static enum error begin(struct nethost *host, nethost_time now) {
    struct net_config engine = engine_config(&host->config);
    host->now = now;
    host->introduced = 0;
    host->last = &host->first;
    enum error error = net_init(&host->net, &engine, host->memory, host->config.memory, now);
    if (error == ERR_NONE) {
        error = has_addresses(host, &engine) ? net_owner_open(host->net, &host->owner) : ERR_INVALID;
    }
    if (error == ERR_NONE && host->config.mode == NETHOST_DATAGRAMS && engine.gateway.family == 0 &&
        host->config.prefix_length != 0) {
        error = net_route_add(host->net, &(struct net_route){.metric = 1}, now);
    }
    return error;
}

struct nethost *nethost_new(const struct nethost_config *config) {
    struct nethost *host = calloc(1, sizeof *host);
    if (host == NULL) {
        return NULL;
    }
    host->config = *config;
    host->memory = aligned_alloc(64, (config->memory + 63) & ~(size_t)63);
    if (host->memory == NULL || begin(host, config->now) != ERR_NONE) {
        free(host->memory);
        free(host);
        return NULL;
    }
    return host;
}

void nethost_free(struct nethost *host) {
    if (host != NULL) {
        nethost_forget_departed(host);
        free(host->memory);
        free(host);
    }
}

void nethost_reset(struct nethost *host, nethost_time now) {
    nethost_forget_departed(host);
    (void)!begin(host, now); /* it has worked before, in the same memory */
}

struct net *nethost_net(struct nethost *host) {
    return host->net;
}

/* ---- Events ---- */

bool nethost_next_event(struct nethost *host, uint32_t *socket, uint32_t *ready) {
    struct net_event event;
    while (net_next_event(host->net, &event)) {
        if (event.kind == NET_EVENT_SOCKET) {
            *socket = event.socket;
            *ready = event.ready;
            return true;
        }
    }
    return false;
}

bool nethost_tell(struct nethost *host) {
    uint32_t socket, ready;
    bool any = false;
    while (host->config.wake != NULL && nethost_next_event(host, &socket, &ready)) {
        host->config.wake(host->config.context, socket, ready);
        any = true;
    }
    return any;
}

/* ---- Time ---- */

nethost_time nethost_now(const struct nethost *host) {
    return host->now;
}

nethost_time nethost_deadline(const struct nethost *host) {
    return net_deadline(host->net);
}

/* All that is to be done at this moment; what a woken application does belongs to it. */
static void do_moment(struct nethost *host) {
    bool more = true;
    while (more) {
        more = nethost_collect(host);
        more |= nethost_tell(host);
    }
}

void nethost_advance(struct nethost *host, nethost_time now) {
    if (now <= host->now) {
        return;
    }
    do_moment(host);
    for (;;) {
        nethost_time next = net_deadline(host->net);
        if (next > now) {
            break;
        }
        host->now = next > host->now ? next : host->now;
        do_moment(host);
    }
    host->now = now;
}

nethost_time nethost_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (nethost_time)now.tv_sec * NET_SECOND + (nethost_time)now.tv_nsec / MICROSECOND;
}

int nethost_poll_timeout(const struct nethost *host) {
    nethost_time deadline = nethost_deadline(host), now = nethost_clock();
    if (deadline == NETHOST_NEVER) {
        return -1;
    }
    nethost_time left = deadline > now ? (deadline - now + MILLISECOND - 1) / MILLISECOND : 0;
    return left < INT32_MAX ? (int)left : INT32_MAX;
}
