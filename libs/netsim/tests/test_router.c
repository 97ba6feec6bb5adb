/* test_router.c: engines in different networks, with one between them that forwards, over good and bad
 * cables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>
#include <netsim/sim.h>
#include <string.h>

enum { LEFT, RIGHT, NODES };
#define MEMORY    (4u << 20)
#define SECOND    NET_SECOND
#define LEFT_NET  UINT32_C(0x0a000100)
#define RIGHT_NET UINT32_C(0x0a000200)

static struct sim *sim;
static struct net *host[NODES], *router;
static net_owner owner[NODES];
static size_t total, sent, got;
static net_socket_id client, listener, accepted;
static unsigned wrong_ttls; /* packets that the router counted down twice, or by two */

static struct net_config config_of(uint8_t number, uint32_t address, uint32_t gateway) {
    struct net_config config = {.mac = {2, 0, 0, 0, 0, number},
                                .mtu = 1500,
                                .address = net_ipv4(address),
                                .prefix_length = 24,
                                .interfaces_max = 2,
                                .forward = true,
                                .sockets_max = 16,
                                .owner_budget = 2u << 20};
    if (gateway != 0) {
        config.gateway = net_ipv4(gateway);
    }
    return config;
}

/* Every packet has the TTL that it was given, or, behind the router, one less. */
static bool watch(void *context, struct sim_node *from, const uint8_t *frame, size_t length) {
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct span packet, payload;
    if (ethernet_parse(span_of(frame, length), &ethernet, &packet) == ERR_NONE &&
        ethernet.type == ETHER_IPV4 && ipv4_parse(packet, &ipv4, &payload) == ERR_NONE) {
        wrong_ttls += ipv4.ttl != IPV4_TTL && ipv4.ttl != IPV4_TTL - 1;
    }
    return true;
}

static void start(uint64_t seed, const struct link_config *link, uint16_t right_mtu) {
    struct net_config left = config_of(1, LEFT_NET + 1, LEFT_NET + 254);
    struct net_config right = config_of(2, RIGHT_NET + 1, RIGHT_NET + 254);
    struct net_config middle = config_of(3, LEFT_NET + 254, 0), far = config_of(4, 0, 0);
    struct net_address address = net_ipv4(RIGHT_NET + 254);
    far.mtu = right_mtu;
    sim = sim_new(seed);
    struct sim_node *a = sim_add_engine(sim, &left, MEMORY, link);
    struct sim_node *b = sim_add_engine(sim, &right, MEMORY, link);
    struct sim_node *r = sim_add_engine(sim, &middle, MEMORY, link);
    sim_set_segment(b, 1);
    assert_non_null(sim_add_port(r, 1, &far, 1, link));
    host[LEFT] = sim_net(a), host[RIGHT] = sim_net(b), router = sim_net(r);
    assert_int_equal(net_address_add(router, 1, &address, 24, sim_now(sim)), ERR_NONE);
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(net_owner_open(host[i], &owner[i]), ERR_NONE);
    }
    sim_set_filter(sim, watch, NULL);
    sent = got = wrong_ttls = 0;
    accepted = 0;
}

static void stop(void) {
    struct net_usage usage;
    for (int i = 0; i < NODES; i++) {
        net_owner_close(host[i], owner[i], sim_now(sim));
    }
    assert_int_not_equal(sim_run(sim, sim_now(sim) + 300 * SECOND, NULL, NULL), SIM_DONE);
    net_usage(router, &usage);
    assert_int_equal(usage.arena_used, 0);
    assert_int_equal(wrong_ttls, 0);
    sim_free(sim);
}

static void open_both(void) {
    struct net_endpoint server = {net_ipv4(RIGHT_NET + 1), 80}, local = {.port = 80};
    assert_int_equal(net_open(host[RIGHT], NET_STREAM, owner[RIGHT], &listener), ERR_NONE);
    assert_int_equal(net_bind(host[RIGHT], listener, &local), ERR_NONE);
    assert_int_equal(net_listen(host[RIGHT], listener, 1), ERR_NONE);
    assert_int_equal(net_open(host[LEFT], NET_STREAM, owner[LEFT], &client), ERR_NONE);
    assert_int_equal(net_connect(host[LEFT], client, &server, sim_now(sim)), ERR_IN_PROGRESS);
}

static uint8_t byte_at(size_t place) {
    return (uint8_t)(place * 13 >> 4);
}

/* Sends what there is room for, reads what has come, and compares it. */
static bool move(void *context) {
    uint8_t piece[4096];
    size_t done;
    struct net_endpoint peer;
    if (accepted == 0 && net_accept(host[RIGHT], listener, owner[RIGHT], &accepted, &peer) != ERR_NONE) {
        accepted = 0;
    }
    while (sent < total) {
        for (size_t i = 0; i < sizeof piece; i++) {
            piece[i] = byte_at(sent + i);
        }
        if (net_send(host[LEFT], client, piece, sizeof piece, &done, sim_now(sim)) != ERR_NONE) {
            break;
        }
        sent += done;
    }
    while (accepted != 0 &&
           net_read(host[RIGHT], accepted, piece, sizeof piece, &done, sim_now(sim)) == ERR_NONE &&
           done > 0) {
        for (size_t i = 0; i < done; i++, got++) {
            assert_int_equal(piece[i], byte_at(got));
        }
    }
    return got >= total;
}

static void transfer(size_t bytes, net_time limit) {
    total = bytes;
    open_both();
    assert_int_equal(sim_run(sim, sim_now(sim) + limit, move, NULL), SIM_DONE);
}

static void a_stream_crosses_the_router(void **state) {
    static const struct link_config good = {.delay = 1000, .rate = 12500000, .queue = 200000};
    start(1, &good, 1500);
    transfer(2u << 20, 10 * SECOND);
    assert_true(net_counters(router)->ipv4_forwarded > 2000);
    stop();
}

static void a_small_mtu_behind_it_is_found(void **state) {
    static const struct link_config good = {.delay = 1000};
    start(2, &good, 700);
    transfer(200000, 60 * SECOND);
    assert_in_range(net_counters(router)->ipv4_forward_refused, 1, 60);
    stop();
}

static void bad_cables_only_delay_it(void **state) {
    static const struct link_config bad = {
        .delay = 5000, .jitter = 3000, .loss = 20, .duplicate = 10, .reorder = 20, .corrupt = 5};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        start(seed, &bad, 1500);
        transfer(200000, 600 * SECOND);
        stop();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_crosses_the_router),
        cmocka_unit_test(a_small_mtu_behind_it_is_found),
        cmocka_unit_test(bad_cables_only_delay_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
