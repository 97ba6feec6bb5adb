/* bulk.c: flows for measuring; read bulk.h first. */
#include <assert.h>
#include <netsim/bulk.h>

#define PORT_FIRST  2000
#define AGAIN_AFTER NET_SECOND

static void must(enum error error) {
    assert(error == ERR_NONE);
    (void)error;
}

void bulk_add(struct bulk *bulk, struct sim_node *from, struct sim_node *to, net_time start) {
    assert(bulk->count < BULK_FLOWS);
    struct bulk_flow *flow = &bulk->flow[bulk->count];
    *flow = (struct bulk_flow){.from = from, .to = to, .start = start};
    struct net_endpoint local = {.port = (uint16_t)(PORT_FIRST + bulk->count++)};
    must(net_open(sim_net(to), NET_STREAM, NET_OWNER_ENGINE, &flow->listener));
    must(net_bind(sim_net(to), flow->listener, &local));
    must(net_listen(sim_net(to), flow->listener, 1));
    sim_alarm(bulk->sim, start);
}

static void connect(struct bulk *bulk, struct bulk_flow *flow, uint16_t port) {
    struct net *net = sim_net(flow->from);
    struct net_interface interface;
    net_interface(sim_net(flow->to), &interface);
    struct net_endpoint peer = {interface.address, port};
    must(net_open(net, NET_STREAM, NET_OWNER_ENGINE, &flow->sender));
    enum error error = net_connect(net, flow->sender, &peer, sim_now(bulk->sim));
    assert(error == ERR_IN_PROGRESS);
    (void)error;
    flow->start = NET_NEVER;
}

/* Fills the send stream with whatever its memory holds. */
static void send(struct bulk *bulk, struct bulk_flow *flow) {
    struct net *net = sim_net(flow->from);
    struct net_piece piece[2];
    size_t space = SIZE_MAX;
    enum error error;
    while ((error = net_send_space(net, flow->sender, piece, &space)) == ERR_NONE) {
        must(net_send_commit(net, flow->sender, space, false, sim_now(bulk->sim)));
        space = SIZE_MAX;
    }
    if (error != ERR_WOULD_BLOCK) { /* ARP or SYNs were lost, or all retransmissions */
        must(net_close(net, flow->sender, sim_now(bulk->sim)));
        flow->sender = 0;
        flow->start = sim_now(bulk->sim) + AGAIN_AFTER;
        sim_alarm(bulk->sim, flow->start);
    }
}

static void receive(struct bulk *bulk, struct bulk_flow *flow) {
    struct net *net = sim_net(flow->to);
    struct net_piece piece[2];
    size_t length;
    while (net_receive_data(net, flow->receiver, piece, &length) == ERR_NONE && length != 0) {
        flow->received += length;
        must(net_receive_consume(net, flow->receiver, length, sim_now(bulk->sim)));
    }
}

static void take(struct bulk *bulk, struct bulk_flow *flow, const struct net *net,
                 const struct net_event *event) {
    struct net_endpoint peer;
    if (net == sim_net(flow->to) && event->socket == flow->listener) {
        (void)!net_accept(sim_net(flow->to), flow->listener, NET_OWNER_ENGINE, &flow->receiver, &peer);
    }
    if (net == sim_net(flow->to) && flow->receiver != 0 &&
        (event->socket == flow->receiver || event->socket == flow->listener)) {
        receive(bulk, flow);
    }
    if (net == sim_net(flow->from) && flow->sender != 0 && event->socket == flow->sender) {
        send(bulk, flow);
    }
}

static void take_events(struct bulk *bulk, struct net *net) {
    struct net_event event;
    while (net_next_event(net, &event)) {
        for (uint32_t i = 0; event.kind == NET_EVENT_SOCKET && i < bulk->count; i++) {
            take(bulk, &bulk->flow[i], net, &event);
        }
    }
}

uint64_t bulk_received(const struct bulk *bulk) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < bulk->count; i++) {
        sum += bulk->flow[i].received;
    }
    return sum;
}

bool bulk_run(void *context) {
    struct bulk *bulk = context;
    for (uint32_t i = 0; i < bulk->count; i++) {
        struct bulk_flow *flow = &bulk->flow[i];
        take_events(bulk, sim_net(flow->from));
        take_events(bulk, sim_net(flow->to));
        if (flow->start <= sim_now(bulk->sim)) {
            connect(bulk, flow, (uint16_t)(PORT_FIRST + i));
        } else if (flow->start != NET_NEVER) {
            sim_alarm(bulk->sim, flow->start);
        }
    }
    return bulk_received(bulk) >= bulk->enough;
}
