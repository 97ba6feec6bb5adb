/* test_black_hole.c: whole transfers over paths that swallow what is long, beside loss and delay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow.h"

enum { MEMORY = 8 << 20 };
#define HOUR (3600 * NET_SECOND)

static struct sim *sim;
static struct sim_node *a, *b;
static struct flow flow[4];
static struct flows flows;
static size_t most; /* bytes of frame that get through */

static struct net_config config_of(uint8_t number, bool offload) {
    return (struct net_config){.mac = {2, 0, 0, 0, 0, number},
                               .mtu = 1500,
                               .address = net_ipv4(0x0a000000u + number),
                               .prefix_length = 24,
                               .sockets_max = 64,
                               .checksum_out = offload,
                               .segment_out = offload,
                               .owner_budget = 1 << 20};
}

static bool swallow(void *context, struct sim_node *from, const uint8_t *frame, size_t length) {
    return length <= most;
}

static void start_world(const struct link_config *link, bool offload) {
    struct net_config config_a = config_of(1, offload), config_b = config_of(2, offload);
    sim = sim_new(7);
    a = sim_add_engine(sim, &config_a, MEMORY, link);
    b = sim_add_engine(sim, &config_b, MEMORY, link);
    flows = (struct flows){.sim = sim, .flow = flow};
    sim_set_filter(sim, swallow, NULL);
}

static void end_world(void) {
    for (uint32_t i = 0; i < flows.count; i++) {
        flow_check(&flow[i]);
    }
    assert_int_equal(sim_run(sim, sim_now(sim) + 5 * HOUR, NULL, NULL), SIM_IDLE);
    for (int i = 0; i < 2; i++) {
        struct net_usage usage;
        net_usage(sim_net(i == 0 ? a : b), &usage);
        assert_int_equal(usage.arena_used, 0);
    }
    sim_free(sim);
}

static void run(uint64_t up, uint64_t down, net_time limit) {
    for (uint32_t i = 0; i < 4; i++) {
        flow_start(&flow[i], a, b, (uint16_t)(100 + i), up, down);
    }
    flows.count = 4;
    assert_int_equal(sim_run(sim, sim_now(sim) + limit, flows_run, &flows), SIM_DONE);
}

/* Only the handshake gets through; both sides have to find out. */
static void from_the_start(void **state) {
    static const size_t holes[] = {1400, 1100, 900, 600, 300};
    const struct link_config link = {.delay = 10000, .rate = 1 << 20, .queue = 64 << 10};
    for (size_t i = 0; i < 2 * sizeof holes / sizeof holes[0]; i++) {
        most = holes[i / 2];
        start_world(&link, i % 2);
        run(60000, 60000, 120 * NET_SECOND);
        assert_true(net_counters(sim_net(a))->tcp_black_holes > 0);
        assert_true(net_counters(sim_net(b))->tcp_black_holes > 0);
        end_world();
    }
}

/* In the middle of a transfer the way changes; it does so back again, too. */
static void on_the_way(void **state) {
    const struct link_config link = {.delay = 10000, .rate = 1 << 19, .queue = 64 << 10, .loss = 5};
    most = 1514;
    start_world(&link, false);
    for (uint32_t i = 0; i < 4; i++) {
        flow_start(&flow[i], a, b, (uint16_t)(100 + i), 1200000, 1200000);
    }
    flows.count = 4;
    assert_int_equal(sim_run(sim, sim_now(sim) + NET_SECOND, flows_run, &flows), SIM_TIME_UP);
    most = 800;
    assert_int_equal(sim_run(sim, sim_now(sim) + 6 * NET_SECOND, flows_run, &flows), SIM_TIME_UP);
    assert_true(net_counters(sim_net(a))->tcp_black_holes > 0);
    most = 1514;
    assert_int_equal(sim_run(sim, sim_now(sim) + HOUR, flows_run, &flows), SIM_DONE);
    end_world();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_start),
        cmocka_unit_test(on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
