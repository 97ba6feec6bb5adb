/* flow.c: transfers between two engines; read flow.h first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow.h"

enum { CHUNK = 8192, LAZY_PAUSE = 300000, LAZY_BITE = 3000 };

static uint8_t pattern(uint64_t key, uint64_t at) {
    uint64_t x = (at + key) * 0x9e3779b97f4a7c15;
    return (uint8_t)(x >> 56);
}

static net_time now_of(const struct flow_side *side) {
    return sim_now(sim_of(side->node));
}

static struct net_address address_of(struct sim_node *node) {
    struct net_interface interface;
    net_interface(sim_net(node), &interface);
    return interface.address;
}

static void connect(struct flow_side *side) {
    struct net *net = sim_net(side->node);
    assert_int_equal(net_open(net, NET_STREAM, side->owner, &side->socket), ERR_NONE);
    assert_int_equal(net_connect(net, side->socket, &side->peer, now_of(side)), ERR_IN_PROGRESS);
}

void flow_start(struct flow *flow, struct sim_node *client, struct sim_node *server, uint16_t port,
                uint64_t up, uint64_t down) {
    *flow = (struct flow){.port = port};
    flow->client = (struct flow_side){.node = client, .key = port, .to_send = up, .to_receive = down};
    flow->server = (struct flow_side){.node = server, .key = port + 7777u, .to_send = down, .to_receive = up};
    struct net_endpoint local = {.port = port};
    flow->client.peer = (struct net_endpoint){address_of(server), port};
    assert_int_equal(net_owner_open(sim_net(server), &flow->server.owner), ERR_NONE);
    assert_int_equal(net_owner_open(sim_net(client), &flow->client.owner), ERR_NONE);
    assert_int_equal(net_open(sim_net(server), NET_STREAM, flow->server.owner, &flow->server.listener),
                     ERR_NONE);
    assert_int_equal(net_bind(sim_net(server), flow->server.listener, &local), ERR_NONE);
    assert_int_equal(net_listen(sim_net(server), flow->server.listener, 4), ERR_NONE);
    connect(&flow->client);
}

static void fail_side(struct flow_side *side, enum error error) {
    side->error = error;
    side->ended = side->shut = true;
}

static void push(struct flow_side *side) {
    struct net *net = sim_net(side->node);
    uint8_t bytes[CHUNK];
    while (side->sent < side->to_send) {
        uint64_t left = side->to_send - side->sent;
        size_t length = 1 + random_below(sim_random(sim_of(side->node)), CHUNK), done;
        length = left < length ? (size_t)left : length;
        for (size_t i = 0; i < length; i++) {
            bytes[i] = pattern(side->key, side->sent + i);
        }
        enum error error = net_send(net, side->socket, bytes, length, &done, now_of(side));
        if (error == ERR_WOULD_BLOCK) {
            return;
        }
        if (error != ERR_NONE) {
            fail_side(side, error);
            return;
        }
        side->sent += done;
    }
    if (!side->shut) {
        assert_int_equal(net_shutdown(net, side->socket, NET_SHUT_WRITE, now_of(side)), ERR_NONE);
        side->shut = true;
    }
}

static void take(struct flow_side *side, uint64_t key) {
    struct net *net = sim_net(side->node);
    uint8_t bytes[CHUNK];
    if (side->lazy && now_of(side) < side->lazy_until) {
        return;
    }
    while (!side->ended) {
        size_t most = side->lazy ? LAZY_BITE : 1 + random_below(sim_random(sim_of(side->node)), CHUNK), done;
        enum error error = net_read(net, side->socket, bytes, most, &done, now_of(side));
        if (error == ERR_WOULD_BLOCK) {
            return;
        }
        if (error != ERR_NONE) {
            fail_side(side, error);
            return;
        }
        for (size_t i = 0; i < done; i++) {
            if (bytes[i] != pattern(key, side->received + i)) {
                fail_msg("byte %llu is wrong", (unsigned long long)(side->received + i));
            }
        }
        side->received += done;
        side->ended = done == 0;
        if (side->lazy && !side->ended) {
            side->lazy_until = now_of(side) + LAZY_PAUSE;
            sim_alarm(sim_of(side->node), side->lazy_until);
            return;
        }
    }
}

/* Three lost ARP requests, or seven lost SYNs, are no bug: try again a little later, as a user would. */
static void wait_for_connection(struct flow_side *side) {
    struct net *net = sim_net(side->node);
    uint32_t ready = net_ready(net, side->socket);
    if ((ready & NET_READY_ERROR) == 0) {
        side->connected = (ready & NET_READY_OUT) != 0;
        return;
    }
    enum error error = net_take_error(net, side->socket);
    bool unlucky = error == ERR_HOST_UNREACHABLE || error == ERR_TIMED_OUT;
    if (!unlucky || side->retries++ >= 5) {
        fail_side(side, error);
        return;
    }
    assert_int_equal(net_close(net, side->socket, now_of(side)), ERR_NONE);
    side->socket = 0;
    side->again_at = now_of(side) + 2 * NET_SECOND;
    sim_alarm(sim_of(side->node), side->again_at);
}

static void act(struct flow_side *side, const struct flow_side *other) {
    if (side->closed || side->socket == 0) {
        return;
    }
    if (!side->connected) {
        wait_for_connection(side);
    }
    if (side->connected) {
        push(side);
        take(side, other->key);
    }
    if (side->ended && side->shut && net_close(sim_net(side->node), side->socket, now_of(side)) == ERR_NONE) {
        side->closed = true;
        net_owner_close(sim_net(side->node), side->owner, now_of(side));
    }
}

static void accept(struct flow_side *side) {
    struct net_endpoint peer;
    enum error error = net_accept(sim_net(side->node), side->listener, side->owner, &side->socket, &peer);
    if (error != ERR_WOULD_BLOCK) {
        assert_int_equal(error, ERR_NONE);
        side->connected = true;
        assert_int_equal(net_close(sim_net(side->node), side->listener, now_of(side)), ERR_NONE);
        side->listener = 0;
    }
}

/* An event of a node: whoever owns the socket acts. */
static void dispatch(struct flow *flow, const struct net *net, const struct net_event *event) {
    bool for_client = sim_net(flow->client.node) == net && event->socket == flow->client.socket;
    bool for_server = sim_net(flow->server.node) == net && event->socket == flow->server.socket;
    if (sim_net(flow->server.node) == net && event->socket == flow->server.listener && !flow->server.closed) {
        accept(&flow->server);
        for_server = true;
    }
    if (for_client) {
        act(&flow->client, &flow->server);
    }
    if (for_server) {
        act(&flow->server, &flow->client);
    }
}

static void take_events(struct flows *flows, struct net *net) {
    struct net_event event;
    while (net_next_event(net, &event)) {
        for (uint32_t i = 0; event.kind == NET_EVENT_SOCKET && i < flows->count; i++) {
            dispatch(&flows->flow[i], net, &event);
        }
    }
}

/* What the clock alone makes a side do. */
static void wake(struct flow_side *side, const struct flow_side *other) {
    if (side->socket == 0 && side->again_at != 0 && now_of(side) >= side->again_at) {
        connect(side);
    }
    if (side->lazy && side->lazy_until != 0 && now_of(side) >= side->lazy_until) {
        act(side, other);
    }
}

bool flows_run(void *context) {
    struct flows *flows = context;
    bool all_over = true;
    for (uint32_t i = 0; i < flows->count; i++) {
        struct flow *flow = &flows->flow[i];
        take_events(flows, sim_net(flow->client.node));
        take_events(flows, sim_net(flow->server.node));
        wake(&flow->client, &flow->server);
        wake(&flow->server, &flow->client);
        all_over &= flow->client.closed && flow->server.closed;
    }
    return all_over;
}

static void side_check(const struct flow_side *side) {
    assert_int_equal(side->error, ERR_NONE);
    assert_int_equal(side->sent, side->to_send);
    assert_int_equal(side->received, side->to_receive);
    assert_true(side->closed);
}

void flow_check(const struct flow *flow) {
    side_check(&flow->client);
    side_check(&flow->server);
}

static void side_print(const char *name, const struct flow_side *side) {
    print_message("%s: sent %llu of %llu, received %llu of %llu, error %d, %s%s%s, connects again: %u\n",
                  name, (unsigned long long)side->sent, (unsigned long long)side->to_send,
                  (unsigned long long)side->received, (unsigned long long)side->to_receive, side->error,
                  side->connected ? "connected " : "", side->shut ? "shut " : "",
                  side->closed ? "closed" : "", side->retries);
}

void flow_print(const struct flow *flow) {
    side_print("client", &flow->client);
    side_print("server", &flow->server);
}
