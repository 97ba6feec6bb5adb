/* test_transfer.c: two engines move bytes over bad links, for many seeds: every byte arrives in order and
 * once, nothing is left behind, and in the end all is quiet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow.h"
#include <stdio.h>
#include <stdlib.h>

enum { MEMORY = 4 << 20, FLOWS_MAX = 8 };
#define HOUR (3600 * NET_SECOND)

static struct net_config config_of(uint8_t number) {
    return (struct net_config){.mac = {2, 0, 0, 0, 0, number},
                               .mtu = 1500,
                               .address = net_ipv4(0x0a000000u + number),
                               .prefix_length = 24,
                               .sockets_max = 64,
                               .owner_budget = 1 << 20};
}

struct pair {
    struct sim *sim;
    struct sim_node *a, *b;
    struct flow flow[FLOWS_MAX];
    struct flows flows;
};

static void pair_start(struct pair *pair, uint64_t seed, const struct net_config *a,
                       const struct net_config *b, const struct link_config *there,
                       const struct link_config *back) {
    *pair = (struct pair){.sim = sim_new(seed)};
    pair->a = sim_add_engine(pair->sim, a, MEMORY, there);
    pair->b = sim_add_engine(pair->sim, b, MEMORY, back);
    assert_non_null(pair->a);
    assert_non_null(pair->b);
    pair->flows = (struct flows){.sim = pair->sim, .flow = pair->flow};
}

/* Until both engines have forgotten everything that they can forget. */
static void pair_settle(struct pair *pair) {
    assert_int_equal(sim_run(pair->sim, sim_now(pair->sim) + HOUR, NULL, NULL), SIM_IDLE);
    assert_int_equal(sim_in_flight(pair->sim), 0);
    for (int i = 0; i < 2; i++) {
        struct net_usage usage;
        net_usage(sim_net(i == 0 ? pair->a : pair->b), &usage);
        assert_int_equal(usage.arena_used, 0);
        assert_int_equal(usage.sockets, 0);
        assert_int_equal(usage.connections, 0);
        assert_true(usage.arena_peak <= usage.arena_size);
    }
}

static void pair_run(struct pair *pair, uint64_t seed) {
    enum sim_end end = sim_run(pair->sim, sim_now(pair->sim) + HOUR, flows_run, &pair->flows);
    if (end != SIM_DONE) {
        for (uint32_t i = 0; i < pair->flows.count; i++) {
            flow_print(&pair->flow[i]);
        }
        fail_msg("seed %llu: the transfer %s", (unsigned long long)seed,
                 end == SIM_IDLE ? "stands still" : "takes too long");
    }
    for (uint32_t i = 0; i < pair->flows.count; i++) {
        flow_check(&pair->flow[i]);
    }
    pair_settle(pair);
    sim_free(pair->sim);
}

/* Options and congestion control as the seed says: both ends have SACK, one, or none; so with the rest. */
static void vary(uint64_t seed, struct net_config *a, struct net_config *b) {
    a->no_sack = seed % 4 == 1 || seed % 4 == 2;
    b->no_sack = seed % 4 == 1 || seed % 4 == 3;
    a->no_timestamps = seed % 8 >= 4;
    b->new_reno = a->new_reno = seed % 3 == 1;
}

/* Four times: SACK on both ends, on neither, on one of them. */
static void one_flow(uint64_t seed, const struct link_config *link, uint64_t up, uint64_t down) {
    for (uint64_t mode = 0; mode < 4; mode++) {
        struct pair pair;
        struct net_config a = config_of(1), b = config_of(2);
        vary(seed * 4 + mode, &a, &b);
        pair_start(&pair, seed, &a, &b, link, link);
        flow_start(&pair.flow[0], pair.a, pair.b, 80, up, down);
        pair.flows.count = 1;
        pair_run(&pair, seed);
    }
}

static void a_good_link(void **state) {
    struct link_config link = {.delay = 1000};
    one_flow(1, &link, 0, 0);
    one_flow(2, &link, 1, 0);
    one_flow(3, &link, 0, 1);
    one_flow(4, &link, 300000, 0);
    one_flow(5, &link, 0, 300000);
    one_flow(6, &link, 300000, 200000);
}

static void no_delay_at_all(void **state) {
    struct link_config link = {0};
    one_flow(1, &link, 100000, 100000);
}

static void loss(void **state) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct link_config link = {.delay = 5000, .loss = (uint16_t)(10 + seed % 6 * 30)};
        one_flow(seed, &link, 40000, 20000);
    }
}

static void bursts(void **state) {
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct link_config link = {.delay = 20000, .burst_starts = 20, .burst_goes_on = 500};
        one_flow(seed, &link, 60000, 30000);
    }
}

static void reordering_and_doubling(void **state) {
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct link_config link = {.delay = 10000, .jitter = 30000, .reorder = 200, .duplicate = 100};
        one_flow(seed, &link, 60000, 30000);
    }
}

static void damage(void **state) {
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct link_config link = {.delay = 2000, .corrupt = 50};
        one_flow(seed, &link, 50000, 50000);
    }
}

static void slow_links_with_short_queues(void **state) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct link_config link = {.delay = 30000, .rate = 125000, .queue = (uint32_t)(4500 + seed * 1500)};
        one_flow(seed, &link, 100000, 0);
    }
}

static void everything_at_once_and_several_flows(void **state) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct pair pair;
        struct net_config a = config_of(1), b = config_of(2);
        vary(seed / 2, &a, &b);
        struct link_config there = {.delay = 8000,
                                    .jitter = 10000,
                                    .loss = 30,
                                    .burst_starts = 3,
                                    .burst_goes_on = 500,
                                    .reorder = 50,
                                    .duplicate = 20,
                                    .corrupt = 20,
                                    .rate = 1 << 20,
                                    .queue = 64 << 10};
        struct link_config back = {
            .delay = 40000, .jitter = 5000, .loss = 50, .reorder = 100, .duplicate = 50};
        pair_start(&pair, seed, &a, &b, &there, &back);
        for (uint16_t i = 0; i < 4; i++) {
            bool forth = i % 2 == 0;
            flow_start(&pair.flow[i], forth ? pair.a : pair.b, forth ? pair.b : pair.a, 1000 + i, 10000u * i,
                       15000);
            pair.flows.count++;
        }
        pair_run(&pair, seed);
    }
}

static void small_buffers_and_packets(void **state) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct pair pair;
        struct net_config a = config_of(1), b = config_of(2);
        struct link_config link = {.delay = 3000, .loss = 20};
        a.mtu = 576;
        b.receive_buffer = a.send_buffer = 4096;
        vary(seed, &a, &b);
        pair_start(&pair, seed, &a, &b, &link, &link);
        flow_start(&pair.flow[0], pair.a, pair.b, 80, 50000, 30000);
        pair.flows.count = 1;
        pair_run(&pair, seed);
    }
}

static void slow_readers_close_the_window(void **state) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct pair pair;
        struct net_config a = config_of(1), b = config_of(2);
        struct link_config link = {.delay = 3000, .loss = (uint16_t)(seed % 20 * 10)};
        b.receive_buffer = 8192;
        vary(seed / 2, &a, &b);
        pair_start(&pair, seed, &a, &b, &link, &link);
        flow_start(&pair.flow[0], pair.a, pair.b, 80, 60000, 0);
        pair.flow[0].server.lazy = true;
        pair.flows.count = 1;
        pair_run(&pair, seed);
    }
}

static void a_device_that_sums_and_cuts(void **state) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct pair pair;
        struct net_config a = config_of(1), b = config_of(2);
        struct link_config link = {.delay = 3000, .loss = (uint16_t)(seed % 4 * 10)};
        a.checksum_out = a.segment_out = true;
        b.checksum_out = true;
        vary(seed, &a, &b);
        pair_start(&pair, seed, &a, &b, &link, &link);
        flow_start(&pair.flow[0], pair.a, pair.b, 80, 300000, 50000);
        pair.flows.count = 1;
        pair_run(&pair, seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_link),
        cmocka_unit_test(no_delay_at_all),
        cmocka_unit_test(loss),
        cmocka_unit_test(bursts),
        cmocka_unit_test(reordering_and_doubling),
        cmocka_unit_test(damage),
        cmocka_unit_test(slow_links_with_short_queues),
        cmocka_unit_test(everything_at_once_and_several_flows),
        cmocka_unit_test(small_buffers_and_packets),
        cmocka_unit_test(slow_readers_close_the_window),
        cmocka_unit_test(a_device_that_sums_and_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
