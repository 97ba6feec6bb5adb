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
                               .send_buffer_max = BUFFER,
                               .receive_buffer_max = BUFFER,
                               .owner_budget = 3 << 20};
}

/* Virtual microseconds for `amount` bytes from one engine to the other. */
static net_time transfer_of(uint64_t seed, const struct link_config *link, const struct net_config *from,
                            const struct net_config *to, size_t memory, uint64_t amount) {
    struct sim *sim = sim_new(seed);
    struct flow flow;
    struct flows flows = {.sim = sim, .flow = &flow, .count = 1};
    struct sim_node *a = sim_add_engine(sim, from, memory, link), *b = sim_add_engine(sim, to, memory, link);
    net_time start = sim_now(sim);
    flow_start(&flow, a, b, 80, amount, 0);
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
        taken += transfer_of(seed, &link, from, to, MEMORY, AMOUNT);
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

/* With the buffers of a machine that nobody has configured, in the memory that tcpip has on a large one: a
 * download over 100 ms begins with windows of 64 KiB, and fills a link of 100 Mbit/s once they have grown. */
static void defaults_fill_a_long_link(void **state) {
    enum { LARGE = 13 << 20, HALF = 48 << 20, LONG_QUEUE = 1280 << 10 };
    struct link_config link = {.delay = 50000, .rate = RATE, .queue = LONG_QUEUE};
    struct net_config a = config_of(1), b = config_of(2);
    a.send_buffer = a.receive_buffer = b.send_buffer = b.receive_buffer = 0;
    a.send_buffer_max = a.receive_buffer_max = b.send_buffer_max = b.receive_buffer_max = 0;
    a.owner_budget = b.owner_budget = LARGE / 2;
    net_time half = transfer_of(0, &link, &a, &b, LARGE, HALF);
    net_time whole = transfer_of(0, &link, &a, &b, LARGE, 2 * HALF);
    uint64_t rate = (uint64_t)HALF * NET_SECOND / (whole - half);
    print_message("defaults, round trip 100 ms: %llu KiB/s of %u once grown, the first 48 MiB in %llu ms\n",
                  (unsigned long long)rate >> 10, RATE >> 10, (unsigned long long)half / 1000);
    assert_true(rate >= RATE / 10 * 9);
    assert_true(half <= 6 * NET_SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(through_loss),
        cmocka_unit_test(defaults_fill_a_long_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
