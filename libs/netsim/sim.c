/* sim.c: engines on a segment, in virtual time; read sim.h first. */
#include <assert.h>
#include <net/wire/ethernet.h>
#include <netsim/offload.h>
#include <netsim/sim.h>
#include <stdlib.h>

enum { NODES_MAX = 8, SLOT_SIZE = 14 + 65535, FRAMES_PER_TURN = 100000 };

struct sim_node {
    struct sim *sim;
    struct net *net; /* null: a host that is a function */
    void *memory;
    struct mac mac;
    uint32_t segment;
    uint8_t interface;                         /* of the engine whose port this is */
    struct sim_node *port[NET_INTERFACES_MAX]; /* of an engine: its links beside the first */
    struct link link;
    sim_host *host;
    void *context;
    net_time interval;    /* of what its device tells; 0: each frame at once, by itself */
    struct merged merged; /* what the device holds back */
};

/* A frame on its way. */
struct flight {
    net_time arrival;
    uint64_t number; /* of two that arrive together the one that was sent first comes first */
    struct sim_node *to;
    size_t length;
    uint8_t *frame;
    bool damaged;
};

struct sim {
    net_time now, alarm;
    struct random random;
    struct sim_node node[NODES_MAX];
    uint32_t node_count;
    struct flight *heap;
    uint32_t in_flight, heap_capacity;
    uint64_t numbers;
    sim_filter *filter;
    void *filter_context;
    sim_watcher *watcher;
    void *watcher_context;
    uint8_t slot[SLOT_SIZE];
};

struct sim *sim_new(uint64_t seed) {
    struct sim *sim = calloc(1, sizeof *sim);
    sim->now = NET_SECOND;
    sim->alarm = NET_NEVER;
    random_seed(&sim->random, seed, 0x73696d);
    return sim;
}

void sim_free(struct sim *sim) {
    for (uint32_t i = 0; i < sim->in_flight; i++) {
        free(sim->heap[i].frame);
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        free(sim->node[i].memory);
        free(sim->node[i].merged.frame);
    }
    free(sim->heap);
    free(sim);
}

void sim_set_clock(struct sim *sim, net_time now) {
    assert(sim->node_count == 0);
    sim->now = now;
}

/* ---- Nodes ---- */

static struct sim_node *add_node(struct sim *sim, const uint8_t mac[6], const struct link_config *link) {
    assert(sim->node_count < NODES_MAX);
    struct sim_node *node = &sim->node[sim->node_count++];
    *node = (struct sim_node){.sim = sim, .mac = mac_of(mac)};
    link_init(&node->link, link, random_u64(&sim->random));
    return node;
}

struct sim_node *sim_add_engine(struct sim *sim, const struct net_config *config, size_t memory_size,
                                const struct link_config *link) {
    struct net_config own = *config;
    own.seed[0] = random_u64(&sim->random);
    own.seed[1] = random_u64(&sim->random);
    struct sim_node *node = add_node(sim, config->mac, link);
    node->memory = aligned_alloc(64, (memory_size + 63) / 64 * 64);
    if (net_init(&node->net, &own, node->memory, memory_size, sim->now) != ERR_NONE) {
        free(node->memory);
        sim->node_count--;
        return NULL;
    }
    return node;
}

struct sim_node *sim_add_host(struct sim *sim, const uint8_t mac[6], sim_host *host, void *context,
                              const struct link_config *link) {
    struct sim_node *node = add_node(sim, mac, link);
    node->host = host;
    node->context = context;
    return node;
}

void sim_set_segment(struct sim_node *node, uint32_t segment) {
    node->segment = segment;
}

/* A frame came to a port; the context is the engine's node. */
static void receive_at_port(void *context, struct sim_node *port, const uint8_t *frame, size_t length) {
    struct sim_node *engine = context;
    struct net_frame in = {.data = frame, .length = length, .interface = port->interface};
    net_receive(engine->net, &in, engine->sim->now);
}

struct sim_node *sim_add_port(struct sim_node *engine, uint8_t interface, const struct net_config *config,
                              uint32_t segment, const struct link_config *link) {
    if (net_interface_link(engine->net, interface, config, true, engine->sim->now) != ERR_NONE) {
        return NULL;
    }
    struct sim_node *port = sim_add_host(engine->sim, config->mac, receive_at_port, engine, link);
    port->interface = interface;
    port->segment = segment;
    engine->port[interface] = port;
    return port;
}

struct net *sim_net(struct sim_node *node) {
    return node->net;
}

struct link *sim_link(struct sim_node *node) {
    return &node->link;
}

struct sim *sim_of(struct sim_node *node) {
    return node->sim;
}

net_time sim_now(const struct sim *sim) {
    return sim->now;
}

struct random *sim_random(struct sim *sim) {
    return &sim->random;
}

uint32_t sim_in_flight(const struct sim *sim) {
    return sim->in_flight;
}

void sim_set_filter(struct sim *sim, sim_filter *filter, void *context) {
    sim->filter = filter;
    sim->filter_context = context;
}

void sim_set_watcher(struct sim *sim, sim_watcher *watcher, void *context) {
    sim->watcher = watcher;
    sim->watcher_context = context;
}

void sim_set_merging(struct sim_node *node, net_time interval) {
    node->interval = interval;
    node->merged.frame = node->merged.frame != NULL ? node->merged.frame : malloc(SLOT_SIZE);
}

void sim_alarm(struct sim *sim, net_time time) {
    sim->alarm = net_time_min(sim->alarm, time);
}

/* ---- Frames in flight: a heap, the next to arrive on top ---- */

static bool arrives_before(const struct flight *a, const struct flight *b) {
    return a->arrival != b->arrival ? a->arrival < b->arrival : a->number < b->number;
}

static void swap(struct flight *a, struct flight *b) {
    struct flight c = *a;
    *a = *b;
    *b = c;
}

static void push(struct sim *sim, struct flight flight) {
    if (sim->in_flight == sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity * 2 + 64;
        sim->heap = realloc(sim->heap, sim->heap_capacity * sizeof *sim->heap);
    }
    uint32_t at = sim->in_flight++;
    sim->heap[at] = flight;
    for (; at > 0 && arrives_before(&sim->heap[at], &sim->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        swap(&sim->heap[at], &sim->heap[(at - 1) / 2]);
    }
}

static struct flight pop(struct sim *sim) {
    struct flight first = sim->heap[0];
    sim->heap[0] = sim->heap[--sim->in_flight];
    sim->heap[sim->in_flight].frame = NULL; /* it is the taker's now */
    for (uint32_t at = 0;;) {
        uint32_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < sim->in_flight && arrives_before(&sim->heap[left], &sim->heap[least])) {
            least = left;
        }
        if (right < sim->in_flight && arrives_before(&sim->heap[right], &sim->heap[least])) {
            least = right;
        }
        if (least == at) {
            return first;
        }
        swap(&sim->heap[at], &sim->heap[least]);
        at = least;
    }
}

/* ---- Sending and receiving ---- */

/* On heap memory of exactly the frame's size, so that the sanitizer sees every step beyond its end. */
static void launch(struct sim_node *from, struct sim_node *to, const uint8_t *frame, size_t length,
                   net_time arrival, bool marked, bool damaged) {
    uint8_t *copy = malloc(length);
    memcpy(copy, frame, length);
    if (marked) {
        link_mark(copy, length);
    }
    if (damaged) {
        link_damage(&from->link, copy, length);
    }
    if (to->interval != 0) { /* it is there, but nobody is told yet */
        arrival = (arrival + to->interval - 1) / to->interval * to->interval;
    }
    push(from->sim, (struct flight){arrival, from->sim->numbers++, to, length, copy, damaged});
}

void sim_send(struct sim_node *node, const uint8_t *frame, size_t length) {
    struct sim *sim = node->sim;
    assert(length >= ETHERNET_HEADER);
    if (sim->filter != NULL && !sim->filter(sim->filter_context, node, frame, length)) {
        return;
    }
    struct link_fate fate = link_carry(&node->link, length, sim->now);
    struct mac destination = mac_of(frame);
    for (uint32_t copy = 0; copy < fate.copies; copy++) {
        for (uint32_t i = 0; i < sim->node_count; i++) {
            struct sim_node *to = &sim->node[i];
            if (to != node && to->segment == node->segment &&
                (mac_is_group(destination) || mac_equal(destination, to->mac))) {
                launch(node, to, frame, length, fate.arrival[copy], fate.mark, fate.corrupt[copy]);
            }
        }
    }
}

static void send_from(void *context, const uint8_t *frame, size_t length) {
    sim_send(context, frame, length);
}

static void transmit_all(struct sim_node *node) {
    for (int i = 0; i < FRAMES_PER_TURN; i++) {
        struct net_slot slot = {.data = node->sim->slot, .capacity = SLOT_SIZE};
        if (!net_transmit(node->net, &slot, node->sim->now)) {
            return;
        }
        offload_finish(&slot, send_from, slot.interface == 0 ? node : node->port[slot.interface]);
    }
    assert(!"an engine that sends without end while time stands still");
}

/* What the device has merged so far goes to the engine. */
static void hand_over(struct sim_node *node, net_time now) {
    struct merged *merged = &node->merged;
    if (merged->count == 0) {
        return;
    }
    uint8_t *exact = malloc(merged->length);
    memcpy(exact, merged->frame, merged->length);
    struct net_frame frame = {exact, merged->length, true, merged->count > 1 ? merged->gso_size : 0, 0};
    net_receive(node->net, &frame, now);
    free(exact);
    merged->count = 0;
}

static void deliver(struct flight *flight, net_time now) {
    struct sim_node *to = flight->to;
    struct sim *sim = to->sim;
    if (sim->watcher != NULL && !flight->damaged) {
        sim->watcher(sim->watcher_context, to, flight->frame, flight->length);
    }
    if (to->net == NULL) {
        to->host(to->context, to, flight->frame, flight->length);
    } else if (to->interval == 0) {
        net_receive(to->net, &(struct net_frame){.data = flight->frame, .length = flight->length}, now);
    } else if (!offload_merge(&to->merged, flight->frame, flight->length)) {
        hand_over(to, now);
        if (!offload_merge(&to->merged, flight->frame, flight->length)) {
            net_receive(to->net, &(struct net_frame){.data = flight->frame, .length = flight->length}, now);
        }
    }
    free(flight->frame);
}

/* ---- Time ---- */

/* The next moment at which anything happens. */
static net_time next_moment(struct sim *sim) {
    net_time next = sim->alarm;
    if (sim->in_flight > 0) {
        next = net_time_min(next, sim->heap[0].arrival);
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (sim->node[i].net != NULL) {
            next = net_time_min(next, net_deadline(sim->node[i].net));
        }
    }
    return next > sim->now ? next : sim->now;
}

/* All that is to be done at this moment. */
static void work(struct sim *sim) {
    if (sim->alarm <= sim->now) {
        sim->alarm = NET_NEVER;
    }
    while (sim->in_flight > 0 && sim->heap[0].arrival <= sim->now) {
        struct flight flight = pop(sim);
        deliver(&flight, sim->now);
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        hand_over(&sim->node[i], sim->now);
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (sim->node[i].net != NULL) {
            transmit_all(&sim->node[i]);
        }
    }
}

enum sim_end sim_run(struct sim *sim, net_time limit, sim_application *application, void *context) {
    int idle_rounds = 0;
    for (;;) {
        net_time before = sim->now;
        work(sim);
        if (application != NULL && application(context)) {
            return SIM_DONE;
        }
        net_time next = next_moment(sim);
        if (next == NET_NEVER) {
            return SIM_IDLE;
        }
        if (next > limit) {
            sim->now = limit;
            return SIM_TIME_UP;
        }
        sim->now = next;
        idle_rounds = next == before ? idle_rounds + 1 : 0;
        assert(idle_rounds < FRAMES_PER_TURN && "time stands still");
    }
}
