/* test_goodput.c: how fast bytes get through a lossy path: a table to look at, and the least that is wanted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow.h"

enum { MEMORY = 8 << 20, AMOUNT = 2 << 20, BUFFER = 1 << 20, SEEDS = 3, RATE = 12500000, QUEUE = 128 << 10 };
#define HOUR (3600 * NET_SECOND)

static struct net_config config_of(uint8_t number) {
    return (struct net_config){.mac = {2, 0, 0, 0, 0, number},
                               .mtu = 1500,
                               .address = net_ipv4(0x0a000000u + number),
                               .prefix_length = 24,
                               .sockets_max = 16,
                               .send_buffer = BUFFER,
                               .receive_buffer = BUFFER,
                               .owner_budget = 3 << 20};
}

/* Virtual microseconds for AMOUNT bytes from one engine to the other. */
static net_time transfer(uint64_t seed, const struct link_config *link, const struct net_config *from,
                         const struct net_config *to) {
    struct sim *sim = sim_new(seed);
    struct flow flow;
    struct flows flows = {.sim = sim, .flow = &flow, .count = 1};
    struct sim_node *a = sim_add_engine(sim, from, MEMORY, link), *b = sim_add_engine(sim, to, MEMORY, link);
    net_time start = sim_now(sim);
    flow_start(&flow, a, b, 80, AMOUNT, 0);
    assert_int_equal(sim_run(sim, start + HOUR, flows_run, &flows), SIM_DONE);
    flow_check(&flow);
    net_time end = sim_now(sim);
    sim_free(sim);
    return end - start;
}

/* KiB a second over a path with `loss` in thousandths and this round-trip time. */
static uint64_t goodput(uint16_t loss, net_time rtt, const struct net_config *from,
                        const struct net_config *to) {
    struct link_config link = {.loss = loss, .delay = rtt / 2, .rate = RATE, .queue = QUEUE};
    net_time taken = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        taken += transfer(seed, &link, from, to);
    }
    return (uint64_t)AMOUNT * SEEDS * NET_SECOND / taken >> 10;
}

/* At least `least` KiB a second, and more than is reached without SACK and with NewReno. */
static void compare(uint16_t loss, net_time rtt, uint64_t least) {
    struct net_config a = config_of(1), b = config_of(2);
    uint64_t now = goodput(loss, rtt, &a, &b);
    a.no_sack = a.no_timestamps = a.new_reno = true;
    uint64_t plain = goodput(loss, rtt, &a, &b);
    print_message("loss %2u/1000, round trip %3u ms: %5llu KiB/s; NewReno without SACK: %5llu KiB/s\n", loss,
                  (unsigned)(rtt / 1000), (unsigned long long)now, (unsigned long long)plain);
    assert_true(now >= least);
    assert_true(now >= plain);
}

static void through_loss(void **state) {
    compare(0, 20000, 5000);
    compare(0, 100000, 1500);
    compare(10, 20000, 1200);
    compare(10, 100000, 250);
    compare(30, 20000, 500);
    compare(30, 100000, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(through_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
