/* net.c: the engine's life: how its memory is laid out, how time passes, and what there is to see. Read
 * engine.h first; then receive.c and transmit.c, where a packet's way is written down. */
#include "engine.h"

#define BUFFER_DEFAULT   65536
#define BUFFER_LEAST     4096
#define BUFFER_MOST      (UINT32_C(1) << 22)
#define GROWN_DEFAULT    (UINT32_C(1) << 22)
#define GROWN_MOST       (UINT32_C(1) << 24)
#define OWNERS_MAX       1024
#define REMNANTS_MOST    16384
#define REMNANTS_SHARE   8 /* of the memory */
#define DATAGRAMS_SHARE  4
#define REASSEMBLY_SHARE 8
#define REASSEMBLY_LEAST ((size_t)256 << 10)
#define REASSEMBLY_MOST  ((size_t)4 << 20)

/* ---- Layout ---- */

struct layout {
    size_t interfaces, sockets, owners, tcp, arena; /* offsets */
    struct tcp_config tcp_config;
    uint32_t owners_max;
};

static size_t aligned(size_t value) {
    return (value + 63) & ~(size_t)63;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static struct layout lay_out(const struct net_config *config, size_t size) {
    uint32_t most = config->sockets_max;
    uint32_t share = (uint32_t)(size / REMNANTS_SHARE / ARENA_BLOCK);
    struct layout layout = {.owners_max = smaller(most + 1, OWNERS_MAX)};
    layout.tcp_config = (struct tcp_config){.tcbs_max = 2 * most + 128,
                                            .remnants_max = smaller(share + 16, REMNANTS_MOST),
                                            .orphans_max = most + 16,
                                            .send_buffer = config->send_buffer,
                                            .receive_buffer = config->receive_buffer,
                                            .send_most = config->send_buffer_max,
                                            .receive_most = config->receive_buffer_max,
                                            .mtu = config->mtu,
                                            .segment_out = config->segment_out,
                                            .new_reno = config->new_reno,
                                            .no_timestamps = config->no_timestamps,
                                            .no_sack = config->no_sack,
                                            .no_ecn = config->no_ecn,
                                            .ask_ecn = config->ask_ecn,
                                            .seed = {config->seed[0] ^ 1, config->seed[1]}};
    layout.interfaces = aligned(sizeof(struct net));
    layout.sockets = aligned(layout.interfaces + config->interfaces_max * sizeof(struct interface));
    layout.owners = aligned(layout.sockets + most * sizeof(struct socket));
    layout.tcp = aligned(layout.owners + layout.owners_max * sizeof(struct owner));
    layout.arena = aligned(layout.tcp + tcp_size(&layout.tcp_config));
    return layout;
}

static bool good_buffer(uint32_t size) {
    return size >= BUFFER_LEAST && size <= BUFFER_MOST && (size & (size - 1)) == 0;
}

static bool good_growth(uint32_t first, uint32_t most) {
    return good_buffer(first) && most >= first && most <= GROWN_MOST && (most & (most - 1)) == 0;
}

static bool good_config(const struct net_config *config) {
    return config->mtu >= 576 && config->mtu <= 9000 && config->prefix_length <= 32 &&
           config->interfaces_max >= 1 && config->interfaces_max <= NET_INTERFACES_MAX &&
           config->sockets_max >= 1 && config->sockets_max <= 65535 &&
           good_growth(config->send_buffer, config->send_buffer_max) &&
           good_growth(config->receive_buffer, config->receive_buffer_max) &&
           (!config->segment_out || config->checksum_out);
}

/* What fragments may hold: a part of the memory, but enough for the longest datagram, if there is so much. */
static size_t reassembly_budget(const struct net *net) {
    size_t size = net->arena.blocks * ARENA_BLOCK, budget = size / REASSEMBLY_SHARE;
    budget = budget < REASSEMBLY_LEAST ? REASSEMBLY_LEAST : budget;
    budget = budget > REASSEMBLY_MOST ? REASSEMBLY_MOST : budget;
    return budget > size / 2 ? size / 2 : budget;
}

/* Takes over what the device says of itself. */
static void set_link(struct interface *interface, const struct net_config *config, bool up) {
    interface->up = up;
    interface->mac = mac_of(config->mac);
    interface->mtu = config->mtu;
    interface->checksum_out = config->checksum_out;
    interface->segment_out = config->segment_out;
}

static void init_interface(struct net *net, struct interface *interface, const struct net_config *config) {
    interface->used = true;
    interface->number = (uint8_t)(interface - net->interface);
    set_link(interface, config, true);
    neighbours_init(&interface->neighbours, interface->mac, &net->counters);
    claims_init(&interface->claims, interface->mac, &net->random, &net->counters);
    igmp_init(&interface->igmp, &net->random, &net->counters);
    forward_init(&interface->forwarder, &net->arena, &net->counters);
}

static void init_protocols(struct net *net, net_time now) {
    uint64_t key[2] = {random_u64(&net->random), random_u64(&net->random)};
    identities_init(&net->identities, &net->random);
    cutter_init(&net->cutter, &net->arena, &net->counters);
    reassembly_init(&net->reassembler, &net->arena, &net->counters, reassembly_budget(net), key);
    struct mac mac = mac_of(net->config.mac);
    init_interface(net, &net->interface[0], &net->config);
    icmp_init(&net->icmp, &net->arena, &net->random, &net->counters, now);
    udp_init(&net->udp, &net->arena, net->arena.blocks * ARENA_BLOCK / DATAGRAMS_SHARE, &net->counters);
    net->udp.hash_key[0] = net->config.seed[0] ^ 2;
    net->udp.hash_key[1] = net->config.seed[1];
    dhcp_init(&net->dhcp, mac, net->config.host_name, &net->random, &net->counters);
    dns_init(&net->dns, &net->random, &net->counters);
}

/* While a buffer grows, its old half is there too: one and a half of it must fit into an owner's budget, and
 * one owner's should be no more than half of the memory. */
static uint32_t grown_default(const struct net_config *config, uint32_t first, size_t size) {
    size_t budget = config->owner_budget < size / 2 ? config->owner_budget : size / 2;
    uint32_t most = GROWN_DEFAULT;
    while (most > first && most > budget / 3 * 2) {
        most /= 2;
    }
    return most > first ? most : first;
}

static void fill_in_defaults(struct net_config *config, size_t size) {
    config->interfaces_max = config->interfaces_max == 0 ? 1 : config->interfaces_max;
    config->send_buffer = config->send_buffer == 0 ? BUFFER_DEFAULT : config->send_buffer;
    config->receive_buffer = config->receive_buffer == 0 ? BUFFER_DEFAULT : config->receive_buffer;
    if (config->send_buffer_max == 0) {
        config->send_buffer_max = grown_default(config, config->send_buffer, size);
    }
    if (config->receive_buffer_max == 0) {
        config->receive_buffer_max = grown_default(config, config->receive_buffer, size);
    }
}

enum error net_init(struct net **out, const struct net_config *given, void *memory, size_t size,
                    net_time now) {
    struct net_config config = *given;
    fill_in_defaults(&config, size);
    if (!good_config(&config) || ((uintptr_t)memory & 15) != 0) {
        return ERR_INVALID;
    }
    struct layout layout = lay_out(&config, size);
    if (size < layout.arena) {
        return ERR_NO_MEMORY;
    }
    memset(memory, 0, layout.tcp);
    struct net *net = memory;
    uint8_t *base = memory;
    net->config = config;
    net->up = true;
    net->interface = (struct interface *)(base + layout.interfaces);
    net->interface_count = config.interfaces_max;
    net->sockets = (struct socket *)(base + layout.sockets);
    net->owners = (struct owner *)(base + layout.owners);
    net->owners_max = layout.owners_max;
    for (uint32_t i = 0; i < net->owners_max; i++) {
        list_init(&net->owners[i].sockets);
    }
    net->owners[NET_OWNER_ENGINE].used = true;
    list_init(&net->changed);
    enum error error = arena_init(&net->arena, base + layout.arena, size - layout.arena, net->owners_max,
                                  config.owner_budget);
    if (error != ERR_NONE) {
        return error;
    }
    layout.tcp_config.arena = &net->arena;
    layout.tcp_config.counters = &net->counters;
    net->tcp = tcp_init(&layout.tcp_config, base + layout.tcp);
    random_seed(&net->random, config.seed[0], config.seed[1]);
    init_protocols(net, now);
    addresses_start(net, now);
    *out = net;
    return ERR_NONE;
}

/* ---- Links ---- */

struct interface *net_next_interface(const struct net *net, const struct interface *interface) {
    uint32_t number = interface == NULL ? 0 : interface->number + 1u;
    for (; number < net->interface_count; number++) {
        if (net->interface[number].used) {
            return &net->interface[number];
        }
    }
    return NULL;
}

bool net_link_numbered(const struct net *net, uint32_t number, uint8_t *link) {
    *link = (uint8_t)(number - NET_LINK(0));
    return number >= NET_LINK(0) && number < NET_LINK(net->interface_count) && net->interface[*link].used;
}

/* What goes for all links: TCP makes its segments before it knows over which they leave. */
static void follow_links(struct net *net) {
    uint16_t mtu = UINT16_MAX;
    net->up = false;
    net->config.checksum_out = net->config.segment_out = true;
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        net->up |= i->up;
        mtu = i->mtu < mtu ? i->mtu : mtu;
        net->config.checksum_out &= i->checksum_out;
        net->config.segment_out &= i->segment_out;
    }
    net->config.mtu = mtu;
    tcp_set_link(net->tcp, mtu, net->config.segment_out);
}

enum error net_interface_link(struct net *net, uint32_t number, const struct net_config *config, bool up,
                              net_time now) {
    if (number >= net->interface_count || config->mtu < 576 || config->mtu > 9000 ||
        (config->segment_out && !config->checksum_out)) {
        return ERR_INVALID;
    }
    struct interface *interface = &net->interface[number];
    bool came = up && !interface->up;
    net->settled = false;
    if (!interface->used) {
        init_interface(net, interface, config);
    }
    set_link(interface, config, up);
    follow_links(net);
    interface->neighbours.mac = interface->mac;
    if (number == 0) {
        net->dhcp.mac = interface->mac;
    }
    neighbours_clear(&interface->neighbours);
    if (up) {
        addresses_restart(net, interface, came, now);
        igmp_restart(&interface->igmp, now);
    } else {
        forward_flush(&interface->forwarder);
    }
    return ERR_NONE;
}

enum error net_link(struct net *net, const struct net_config *config, bool up, net_time now) {
    return net_interface_link(net, 0, config, up, now);
}

/* ---- Time ---- */

/* Whose fragments did not all come in time is told so. */
static void expire_fragments(struct net *net, net_time now) {
    struct span first;
    while (reassembly_expire(&net->reassembler, &first, now)) {
        if (first.length != 0) {
            icmp_error(&net->icmp, ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_TIME_EXCEEDED, first, now);
        }
        reassembly_release(&net->reassembler);
    }
}

/* Who waited for a neighbour, or for another way, looks again. */
static void wake_waiting(struct net *net) {
    uint32_t generation = 0;
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        generation += i->neighbours.generation;
    }
    if (net->generation != generation) {
        net->generation = generation;
        for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
            forward_wake(&i->forwarder);
        }
        icmp_wake(&net->icmp);
        udp_wake(&net->udp);
        dhcp_wake(&net->dhcp);
        dns_wake(&net->dns);
        tcp_unpark(net->tcp);
    }
}

void net_pass_time(struct net *net, net_time now) {
    expire_fragments(net, now);
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        if (neighbours_deadline(&i->neighbours) <= now) {
            neighbours_expire(&i->neighbours, now);
        }
    }
    wake_waiting(net); /* whose own time may be over too */
    addresses_pass_time(net, now);
    if (net->asking) {
        net_time deadline = dns_deadline(&net->dns);
        net->asking = deadline != NET_NEVER || dns_query_count(&net->dns) != 0;
        if (deadline <= now) {
            dns_expire(&net->dns, now);
        }
    }
    wake_waiting(net);
}

/* A link that is down has time: nothing of it can be sent. */
static net_time links_deadline(const struct net *net) {
    net_time first = NET_NEVER;
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        if (i->up) {
            first = net_time_min(first, neighbours_deadline(&i->neighbours));
            first = net_time_min(first, claims_deadline(&i->claims));
            first = net_time_min(first, igmp_deadline(&i->igmp));
        }
    }
    return first;
}

net_time net_deadline(const struct net *net) {
    if (!net->up) {
        return NET_NEVER;
    }
    if (!net->settled) {
        return 0;
    }
    net_time first = net_time_min(tcp_deadline(net->tcp), links_deadline(net));
    first = net_time_min(first, dhcp_deadline(&net->dhcp));
    first = net_time_min(first, reassembly_deadline(&net->reassembler));
    return net->asking ? net_time_min(first, dns_deadline(&net->dns)) : first;
}

uint16_t net_path_mtu(const struct net *net, uint32_t destination, net_time now) {
    const struct path path = routes_find(&net->routes, destination, 0);
    return mtu_look(&net->mtus, destination, net->interface[path.interface].mtu, now);
}

/* ---- Events ---- */

static bool socket_event(struct socket *socket, net_socket_id id, struct net_event *event) {
    uint32_t ready = socket_ready(socket);
    bool gained = (ready & ~socket->reported) != 0;
    socket->reported = ready;
    *event =
        (struct net_event){.kind = NET_EVENT_SOCKET, .socket = id, .ready = ready, .owner = socket->owner};
    return gained;
}

static bool next_socket_event(struct net *net, struct net_event *event) {
    net_socket_id id;
    while (tcp_take_changed(net->tcp, &id)) {
        struct socket *socket = socket_find(net, id);
        if (socket != NULL && socket_event(socket, id, event)) {
            return true;
        }
    }
    struct list *link;
    while ((link = list_take(&net->changed)) != NULL) {
        struct socket *socket = LIST_ENTRY(link, struct socket, changed);
        if (socket_event(socket, socket_id(net, socket), event)) {
            return true;
        }
    }
    return false;
}

bool net_next_event(struct net *net, struct net_event *event) {
    if (next_socket_event(net, event)) {
        return true;
    }
    *event = (struct net_event){0};
    if (dns_take_finished(&net->dns, &event->query, &event->owner)) {
        event->kind = NET_EVENT_NAME;
        return true;
    }
    bool changed = net->address_changed;
    net->address_changed = false;
    event->kind = NET_EVENT_ADDRESS;
    return changed;
}

/* ---- Owners ---- */

enum error net_owner_open(struct net *net, net_owner *owner) {
    for (uint32_t i = 1; i < net->owners_max; i++) {
        if (!net->owners[i].used) {
            net->owners[i].used = true;
            *owner = (net_owner)i;
            return ERR_NONE;
        }
    }
    return ERR_TOO_MANY;
}

void net_owner_close(struct net *net, net_owner owner, net_time now) {
    (void)now;
    if (owner == NET_OWNER_ENGINE || owner >= net->owners_max || !net->owners[owner].used) {
        return;
    }
    struct list *link;
    while ((link = list_first(&net->owners[owner].sockets)) != NULL) {
        socket_abort(net, LIST_ENTRY(link, struct socket, by_owner));
    }
    dns_cancel_owner(&net->dns, owner);
    net->owners[owner].used = false;
    net->settled = false;
}

/* ---- Names ---- */

enum error net_resolve(struct net *net, net_owner owner, const char *name, enum net_family family,
                       uint32_t *query, net_time now) {
    net->settled = false;
    net->asking = true;
    return dns_start(&net->dns, owner, name, family, query, now);
}

enum error net_resolve_result(struct net *net, uint32_t query, struct net_address *addresses, size_t *count) {
    return dns_result(&net->dns, query, addresses, count);
}

void net_resolve_cancel(struct net *net, uint32_t query) {
    dns_cancel(&net->dns, query);
}

/* ---- What there is to see ---- */

static uint32_t count_neighbours(const struct net *net) {
    uint32_t count = 0;
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        count += neighbours_count(&i->neighbours, net->latest);
    }
    return count;
}

void net_usage(const struct net *net, struct net_usage *usage) {
    struct tcp_usage tcp;
    tcp_usage(net->tcp, &tcp);
    *usage = (struct net_usage){.arena_size = net->arena.blocks * ARENA_BLOCK,
                                .arena_used = net->arena.used,
                                .arena_peak = net->arena.peak,
                                .sockets = net->sockets_used,
                                .connections = tcp.tcbs + tcp.remnants,
                                .queries = dns_query_count(&net->dns),
                                .neighbours = count_neighbours(net)};
}

const struct net_counters *net_counters(const struct net *net) {
    return &net->counters;
}
