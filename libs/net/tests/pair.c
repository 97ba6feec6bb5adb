/* pair.c: two engines back to back. */
#include "pair.h"

#define MEMORY (4u << 20)

struct net_config pair_config(int side) {
    struct net_config config = {.mac = {2, 0, 0, 0, 0, (uint8_t)(side + 1)},
                                .mtu = 1500,
                                .address = {NET_IPV4, {10, 0, 0, (uint8_t)(side + 1)}},
                                .prefix_length = 24,
                                .sockets_max = 64,
                                .owner_budget = 2u << 20,
                                .seed = {(uint64_t)side + 7, 99}};
    return config;
}

static void start_side(struct pair *pair, int side, const struct net_config *config, size_t size) {
    pair->memory[side] = aligned_alloc(64, size);
    memset(pair->memory[side], 0xa5, size);
    assert_int_equal(net_init(&pair->net[side], config, pair->memory[side], size, pair->now), ERR_NONE);
    assert_int_equal(net_owner_open(pair->net[side], &pair->owner[side]), ERR_NONE);
}

void pair_start_with(struct pair *pair, const struct net_config *a, const struct net_config *b, size_t size) {
    *pair = (struct pair){.now = 1000000};
    start_side(pair, A, a, size);
    start_side(pair, B, b, size);
}

void pair_start(struct pair *pair) {
    struct net_config a = pair_config(A), b = pair_config(B);
    pair_start_with(pair, &a, &b, MEMORY);
}

void pair_stop(struct pair *pair) {
    pair->carry = NULL;
    for (int side = 0; side < 2; side++) {
        net_owner_close(pair->net[side], pair->owner[side], pair->now);
    }
    pair_pass(pair, 200 * NET_SECOND);
    for (int side = 0; side < 2; side++) {
        struct net_usage usage;
        net_usage(pair->net[side], &usage);
        assert_int_equal(usage.sockets, 0);
        assert_int_equal(usage.connections, 0);
        assert_int_equal(usage.arena_used, 0);
        free(pair->memory[side]);
    }
}

bool pair_step(struct pair *pair, int from) {
    struct net_slot slot = {.data = pair->slot, .capacity = sizeof pair->slot};
    if (!net_transmit(pair->net[from], &slot, pair->now)) {
        return false;
    }
    if (pair->carry == NULL || pair->carry(pair, from, &slot)) {
        struct net_frame frame = {slot.data, slot.length, slot.checksum_offset != 0, slot.gso_size,
                                  slot.interface};
        pair->carried[from]++;
        net_receive(pair->net[!from], &frame, pair->now);
    }
    return true;
}

void pair_settle(struct pair *pair) {
    unsigned steps = 0;
    bool moved = true;
    while (moved) {
        moved = pair_step(pair, A);
        moved |= pair_step(pair, B);
        assert_true(++steps < 100000);
    }
}

bool pair_jump(struct pair *pair, net_time until) {
    net_time a = net_deadline(pair->net[A]), b = net_deadline(pair->net[B]);
    net_time next = net_time_min(a, b);
    if (next > until) {
        pair->now = until;
        return false;
    }
    pair->now = next > pair->now ? next : pair->now;
    pair_settle(pair);
    return true;
}

void pair_pass(struct pair *pair, net_time duration) {
    net_time until = pair->now + duration;
    unsigned jumps = 0;
    pair_settle(pair);
    while (pair_jump(pair, until)) {
        assert_true(++jumps < 100000);
    }
}

struct net_endpoint pair_endpoint(int side, uint16_t port) {
    return (struct net_endpoint){{NET_IPV4, {10, 0, 0, (uint8_t)(side + 1)}}, port};
}

net_socket_id pair_listen(struct pair *pair, int side, uint16_t port, uint32_t backlog) {
    net_socket_id listener;
    struct net_endpoint local = {.port = port};
    assert_int_equal(net_open(pair->net[side], NET_STREAM, pair->owner[side], &listener), ERR_NONE);
    assert_int_equal(net_bind(pair->net[side], listener, &local), ERR_NONE);
    assert_int_equal(net_listen(pair->net[side], listener, backlog), ERR_NONE);
    return listener;
}

net_socket_id pair_connect(struct pair *pair, int side, uint16_t port) {
    net_socket_id socket;
    struct net_endpoint peer = pair_endpoint(!side, port);
    assert_int_equal(net_open(pair->net[side], NET_STREAM, pair->owner[side], &socket), ERR_NONE);
    assert_int_equal(net_connect(pair->net[side], socket, &peer, pair->now), ERR_IN_PROGRESS);
    return socket;
}

struct connected pair_connected(struct pair *pair, uint16_t port) {
    struct connected c;
    struct net_endpoint peer;
    c.listener = pair_listen(pair, B, port, 8);
    c.a = pair_connect(pair, A, port);
    pair_settle(pair);
    assert_int_equal(net_accept(pair->net[B], c.listener, pair->owner[B], &c.b, &peer), ERR_NONE);
    return c;
}
