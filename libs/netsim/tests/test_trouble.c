/* test_trouble.c: links that go away, peers that vanish, floods, and more connections than usual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow.h"
#include <net/wire/ethernet.h>
#include <net/wire/tcp.h>

enum { MEMORY = 16 << 20, MANY = 200 };
#define HOUR (3600 * NET_SECOND)
#define B    UINT32_C(0x0a000002)

static struct sim *sim;
static struct sim_node *a, *b;
static struct flow flow[MANY];
static struct flows flows;

static struct net_config config_of(uint8_t number) {
    return (struct net_config){.mac = {2, 0, 0, 0, 0, number},
                               .mtu = 1500,
                               .address = net_ipv4(0x0a000000u + number),
                               .prefix_length = 24,
                               .sockets_max = 3 * MANY,
                               .owner_budget = 1 << 20};
}

static int set_up(void **state) {
    const struct link_config link = {.delay = 2000, .rate = 1 << 20, .queue = 64 << 10};
    struct net_config config_a = config_of(1), config_b = config_of(2);
    sim = sim_new(99);
    a = sim_add_engine(sim, &config_a, MEMORY, &link);
    b = sim_add_engine(sim, &config_b, MEMORY, &link);
    flows = (struct flows){.sim = sim, .flow = flow};
    return a != NULL && b != NULL ? 0 : -1;
}

/* In the end both engines have forgotten everything. */
static int tear_down(void **state) {
    int left = sim_run(sim, sim_now(sim) + 5 * HOUR, NULL, NULL) != SIM_IDLE;
    for (int i = 0; i < 2; i++) {
        struct net_usage usage;
        net_usage(sim_net(i == 0 ? a : b), &usage);
        left += usage.arena_used != 0 || usage.sockets != 0 || usage.connections != 0;
    }
    sim_free(sim);
    return left;
}

static void start(uint32_t count, uint64_t up, uint64_t down) {
    for (uint32_t i = 0; i < count; i++) {
        flow_start(&flow[i], a, b, (uint16_t)(100 + i), up, down);
    }
    flows.count = count;
}

static void finish(void) {
    assert_int_equal(sim_run(sim, sim_now(sim) + HOUR, flows_run, &flows), SIM_DONE);
    for (uint32_t i = 0; i < flows.count; i++) {
        flow_check(&flow[i]);
    }
}

static bool nothing(void *context) {
    (void)flows_run(context);
    return false;
}

static void run_for(net_time time) {
    (void)sim_run(sim, sim_now(sim) + time, nothing, &flows);
}

static void a_link_that_goes_and_returns(void **state) {
    struct net_config config = config_of(1);
    start(2, 400000, 400000);
    run_for(NET_SECOND / 4);
    for (int i = 0; i < 3; i++) { /* as when a driver dies and another takes over */
        assert_int_equal(net_link(sim_net(a), &config, false, sim_now(sim)), ERR_NONE);
        run_for((i + 1) * NET_SECOND);
        assert_int_equal(net_link(sim_net(a), &config, true, sim_now(sim)), ERR_NONE);
        run_for(NET_SECOND / 10);
    }
    assert_true(flow[0].client.received < 400000);
    finish();
}

static void a_silence_of_a_minute(void **state) {
    start(1, 400000, 400000); /* more than the cable carries before the silence */
    run_for(NET_SECOND / 4);
    sim_link(a)->config.loss = sim_link(b)->config.loss = 1000;
    run_for(60 * NET_SECOND);
    sim_link(a)->config.loss = sim_link(b)->config.loss = 0;
    finish();
}

static void a_peer_that_vanishes(void **state) {
    start(1, 4000000, 0);
    run_for(NET_SECOND / 4);
    sim_link(b)->config.loss = 1000;
    assert_int_equal(sim_run(sim, sim_now(sim) + HOUR, nothing, &flows), SIM_IDLE);
    assert_true(flow[0].client.error == ERR_TIMED_OUT || flow[0].client.error == ERR_HOST_UNREACHABLE);
    assert_true(flow[0].client.closed);
    net_owner_close(sim_net(b), flow[0].server.owner, sim_now(sim)); /* who only listens never learns of it */
}

static void owners_that_die_in_the_middle(void **state) {
    start(8, 100000, 100000);
    run_for(NET_SECOND / 4);
    for (int i = 0; i < 8; i++) {
        struct flow_side *side = i % 2 == 0 ? &flow[i].client : &flow[i].server;
        net_owner_close(sim_net(side->node), side->owner, sim_now(sim));
        side->closed = true;
    }
    assert_int_equal(sim_run(sim, sim_now(sim) + HOUR, flows_run, &flows), SIM_DONE);
    for (int i = 0; i < 8; i++) {
        const struct flow_side *other = i % 2 == 0 ? &flow[i].server : &flow[i].client;
        assert_int_equal(other->error, ERR_RESET);
    }
}

static void many_at_once(void **state) {
    start(MANY, 3000, 20000);
    finish();
}

/* SYNs from addresses that do not exist, as fast as they come. */
static void flood(int count) {
    uint8_t frame[ETHERNET_MINIMUM] = {0};
    struct random *random = sim_random(sim);
    for (int i = 0; i < count; i++) {
        uint32_t source = ipv4_of(10, 0, 0, (uint8_t)(20 + random_below(random, 200)));
        struct writer writer = writer_of(frame, sizeof frame);
        struct tcp_header syn = {.source_port = (uint16_t)(1 + random_below(random, 65535)),
                                 .destination_port = 100,
                                 .seq = seq_of(random_u32(random)),
                                 .flags = TCP_SYN,
                                 .window = 0xffff};
        ethernet_write(&writer,
                       &(struct ethernet_header){{{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 0, 7}}, ETHER_IPV4});
        ipv4_write(&writer,
                   &(struct ipv4_header){.source = source, .destination = B, .protocol = IP_TCP, .ttl = 64},
                   TCP_HEADER);
        tcp_write(&writer, &syn);
        struct checksum none = {0};
        tcp_write_checksum(frame + ETHERNET_HEADER + IPV4_HEADER, TCP_HEADER, TCP_HEADER, source, B, &none);
        assert_false(writer.failed);
        net_receive(sim_net(b), &(struct net_frame){.data = frame, .length = sizeof frame}, sim_now(sim));
        if (i % 50 == 0) {
            run_for(NET_SECOND / 100);
        }
    }
}

static void a_flood_of_syns_is_bounded_and_passes(void **state) {
    struct net_usage before, during;
    start(1, 100000, 100000);
    flow[0].server.to_receive = 100000;
    run_for(NET_SECOND /
            4); /* an established one lives through it; its listener is closed by then, so open another */
    net_owner owner;
    net_socket_id listener;
    struct net_endpoint local = {.port = 100};
    assert_int_equal(net_owner_open(sim_net(b), &owner), ERR_NONE);
    assert_int_equal(net_open(sim_net(b), NET_STREAM, owner, &listener), ERR_NONE);
    assert_int_equal(net_set_option(sim_net(b), listener, NET_OPTION_REUSEADDR, 1), ERR_NONE);
    assert_int_equal(net_bind(sim_net(b), listener, &local), ERR_NONE);
    assert_int_equal(net_listen(sim_net(b), listener, 16), ERR_NONE);
    net_usage(sim_net(b), &before);
    flood(5000);
    net_usage(sim_net(b), &during);
    assert_true(during.connections < before.connections + 1000);
    assert_true(net_counters(sim_net(b))->tcp_cookies_sent > 0);
    finish();
    net_owner_close(sim_net(b), owner, sim_now(sim));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_link_that_goes_and_returns),
        TEST(a_silence_of_a_minute),
        TEST(a_peer_that_vanishes),
        TEST(owners_that_die_in_the_middle),
        TEST(many_at_once),
        TEST(a_flood_of_syns_is_bounded_and_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
