/* test_addresses.c: addresses, routes and neighbours that come and go while the engine runs. */
#include "pair.h"

#include <net/wire/arp.h>
#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>

#define ALIAS_A 0x0a000065u /* 10.0.0.101 */
#define FAR     0x0a090001u /* 10.9.0.1 */

static enum error add(struct pair *pair, int side, uint32_t address, uint8_t prefix_length) {
    struct net_address value = net_ipv4(address);
    return net_address_add(pair->net[side], 0, &value, prefix_length, pair->now);
}

static enum error take(struct pair *pair, int side, uint32_t address) {
    struct net_address value = net_ipv4(address);
    return net_address_remove(pair->net[side], &value, pair->now);
}

static net_socket_id bound(struct pair *pair, int side, uint32_t address, uint16_t port) {
    net_socket_id socket;
    struct net_endpoint local = {net_ipv4(address), port};
    assert_int_equal(net_open(pair->net[side], NET_DATAGRAM, pair->owner[side], &socket), ERR_NONE);
    assert_int_equal(net_bind(pair->net[side], socket, &local), ERR_NONE);
    return socket;
}

static enum error say(struct pair *pair, int side, net_socket_id from, uint32_t to, uint16_t port) {
    struct net_endpoint peer = {net_ipv4(to), port};
    return net_send_to(pair->net[side], from, "x", 1, &peer, pair->now);
}

/* Who sent the datagram that waits there; 0: none does. */
static uint32_t heard_from(struct pair *pair, int side, net_socket_id socket) {
    uint8_t byte;
    size_t done;
    uint32_t flags = 0;
    struct net_endpoint peer;
    enum error error = net_receive_from(pair->net[side], socket, &byte, 1, &flags, &done, &peer);
    return error == ERR_NONE ? net_ipv4_value(&peer.address) : 0;
}

static struct net_own_address entry(struct pair *pair, int side, uint32_t wanted) {
    struct net_own_address address;
    uint32_t cursor = 0;
    while (net_address_next(pair->net[side], &cursor, &address)) {
        if (net_ipv4_value(&address.address) == wanted) {
            return address;
        }
    }
    return (struct net_own_address){0};
}

static void test_alias(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    assert_int_equal(add(&pair, A, ALIAS_A, 24), ERR_NONE);
    assert_int_equal(add(&pair, A, ALIAS_A, 24), ERR_EXISTS);
    assert_int_equal(add(&pair, A, 0x7f000002, 8), ERR_INVALID);
    assert_true(entry(&pair, A, ALIAS_A).secondary);
    assert_false(entry(&pair, A, 0x0a000001).secondary);
    net_socket_id a = bound(&pair, A, ALIAS_A, 7), any = bound(&pair, A, 0, 8), b = bound(&pair, B, 0, 9);
    assert_int_equal(say(&pair, B, b, ALIAS_A, 7), ERR_NONE);
    assert_int_equal(say(&pair, A, a, 0x0a000002, 9), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(heard_from(&pair, A, a), 0x0a000002);
    assert_int_equal(heard_from(&pair, B, b), ALIAS_A); /* from the address it is bound to */
    assert_int_equal(say(&pair, A, any, 0x0a000002, 9), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(heard_from(&pair, B, b), 0x0a000001); /* else from the primary one */
    assert_int_equal(take(&pair, A, 0x0a000001), ERR_NONE);
    assert_int_equal(take(&pair, A, 0x0a000001), ERR_NOT_FOUND);
    assert_int_equal(say(&pair, A, any, 0x0a000002, 9), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(heard_from(&pair, B, b), ALIAS_A); /* the alias takes over */
    pair_stop(&pair);
}

/* The connection cannot send while its address is away; it goes on when it is back, and times out when not.
 */
static void test_connections_stay(void **state) {
    (void)state;
    struct pair pair;
    size_t done;
    uint8_t byte = 0;
    pair_start(&pair);
    struct connected c = pair_connected(&pair, 80);
    assert_int_equal(take(&pair, A, 0x0a000001), ERR_NONE);
    assert_int_equal(net_send(pair.net[A], c.a, "x", 1, &done, pair.now), ERR_NONE);
    pair_pass(&pair, 2 * NET_SECOND);
    assert_int_equal(net_read(pair.net[B], c.b, &byte, 1, &done, pair.now), ERR_WOULD_BLOCK);
    assert_int_equal(net_ready(pair.net[A], c.a) & NET_READY_ERROR, 0);
    assert_int_equal(add(&pair, A, 0x0a000001, 24), ERR_NONE);
    pair_pass(&pair, 4 * NET_SECOND);
    assert_int_equal(net_read(pair.net[B], c.b, &byte, 1, &done, pair.now), ERR_NONE);
    assert_int_equal(byte, 'x');
    assert_int_equal(take(&pair, A, 0x0a000001), ERR_NONE);
    assert_int_equal(net_send(pair.net[A], c.a, "y", 1, &done, pair.now), ERR_NONE);
    pair_pass(&pair, 3600 * NET_SECOND);
    assert_int_not_equal(net_ready(pair.net[A], c.a) & NET_READY_ERROR, 0);
    assert_int_not_equal(net_take_error(pair.net[A], c.a), ERR_NONE);
    pair_stop(&pair);
}

static void test_a_datagram_from_a_lost_address(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    net_socket_id a = bound(&pair, A, 0x0a000001, 7);
    assert_int_equal(add(&pair, A, ALIAS_A, 24), ERR_NONE);
    assert_int_equal(take(&pair, A, 0x0a000001), ERR_NONE);
    assert_int_equal(say(&pair, A, a, 0x0a000002, 9), ERR_NET_UNREACHABLE);
    pair_stop(&pair);
}

static struct net_route route_to(uint32_t prefix, uint8_t prefix_length, uint32_t gateway) {
    return (struct net_route){
        .destination = net_ipv4(prefix), .prefix_length = prefix_length, .gateway = net_ipv4(gateway)};
}

/* B has an address in another network; A finds it through a route, and answers from the preferred source. */
static void test_routes(void **state) {
    (void)state;
    struct pair pair;
    struct net_route route = route_to(0x0a090000, 16, 0x0a000002), seen;
    uint32_t cursor = 0, count = 0;
    pair_start(&pair);
    assert_int_equal(add(&pair, B, FAR, 32), ERR_NONE);
    assert_int_equal(add(&pair, A, ALIAS_A, 24), ERR_NONE);
    net_socket_id a = bound(&pair, A, 0, 7), b = bound(&pair, B, 0, 9);
    assert_int_equal(say(&pair, A, a, FAR, 9), ERR_NET_UNREACHABLE);
    assert_int_equal(net_route_add(pair.net[A], &route, pair.now), ERR_NONE);
    assert_int_equal(net_route_add(pair.net[A], &route, pair.now), ERR_EXISTS);
    assert_int_equal(say(&pair, A, a, FAR, 9), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(heard_from(&pair, B, b), 0x0a000001);
    route.metric = 7;
    route.source = net_ipv4(ALIAS_A);
    assert_int_equal(net_route_add(pair.net[A], &route, pair.now), ERR_NONE);
    assert_int_equal(
        net_route_remove(pair.net[A],
                         &(struct net_route){.destination = route.destination, .prefix_length = 16},
                         pair.now),
        ERR_NONE); /* the first: the one without a metric */
    assert_int_equal(say(&pair, A, a, FAR, 9), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(heard_from(&pair, B, b), ALIAS_A);
    while (net_route_next(pair.net[A], &cursor, &seen)) {
        count += seen.metric == 7 && seen.origin == NET_FROM_USER;
    }
    assert_int_equal(count, 1);
    assert_int_equal(net_route_remove(pair.net[A], &route, pair.now), ERR_NONE);
    assert_int_equal(net_route_remove(pair.net[A], &route, pair.now), ERR_NOT_FOUND);
    assert_int_equal(say(&pair, A, a, FAR, 9), ERR_NET_UNREACHABLE);
    route.gateway = net_ipv4(0x0b000001);
    assert_int_equal(net_route_add(pair.net[A], &route, pair.now), ERR_NET_UNREACHABLE);
    pair_stop(&pair);
}

static bool ask_nobody(struct pair *pair, int from, const struct net_slot *slot) {
    unsigned *requests = pair->context;
    *requests += from == A && slot->data[12] == 8 && slot->data[13] == 6 && slot->data[21] == ARP_REQUEST;
    return true;
}

static void test_neighbours(void **state) {
    (void)state;
    struct pair pair;
    unsigned requests = 0;
    struct net_config config = pair_config(B);
    struct net_address b_address = net_ipv4(0x0a000002);
    struct net_neighbour seen;
    uint32_t cursor = 0;
    pair_start(&pair);
    pair_pass(&pair, 10 * NET_SECOND);
    pair.context = &requests;
    pair.carry = ask_nobody;
    net_socket_id a = bound(&pair, A, 0, 7), b = bound(&pair, B, 0, 9);
    assert_int_equal(net_neighbour_add(pair.net[A], &b_address, config.mac, pair.now), ERR_NONE);
    assert_int_equal(say(&pair, A, a, 0x0a000002, 9), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(heard_from(&pair, B, b), 0x0a000001);
    assert_int_equal(requests, 0); /* nobody had to be asked */
    net_neighbour_flush(pair.net[A], pair.now);
    assert_true(net_neighbour_next(pair.net[A], &cursor, &seen));
    assert_int_equal(seen.state, NET_NEIGHBOUR_PERMANENT);
    assert_memory_equal(seen.mac, config.mac, 6);
    assert_false(net_neighbour_next(pair.net[A], &cursor, &seen));
    assert_int_equal(net_neighbour_remove(pair.net[A], &b_address, pair.now), ERR_NONE);
    assert_int_equal(net_neighbour_remove(pair.net[A], &b_address, pair.now), ERR_NOT_FOUND);
    assert_int_equal(say(&pair, A, a, 0x0a000002, 9), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(heard_from(&pair, B, b), 0x0a000001);
    assert_int_equal(requests, 1);
    const uint8_t group[6] = {1, 0, 0x5e};
    assert_int_equal(net_neighbour_add(pair.net[A], &b_address, group, pair.now), ERR_INVALID);
    pair_stop(&pair);
}

/* ---- Probing before use ---- */

static void start_careful(struct pair *pair, uint8_t last_of_b) {
    struct net_config a = pair_config(A), b = pair_config(B);
    a.probe = true;
    a.gateway = net_ipv4(0x0a000002);
    b.address = net_ipv4(0x0a000000 | last_of_b);
    pair_start_with(pair, &a, &b, 4u << 20);
}

static bool is_bound(struct pair *pair) {
    struct net_interface interface;
    net_interface(pair->net[A], &interface);
    return interface.bound;
}

static void test_probed_before_use(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint local = {net_ipv4(0x0a000001), 80};
    struct net_event event;
    net_socket_id socket;
    start_careful(&pair, 2);
    net_socket_id b = bound(&pair, B, 0, 9);
    assert_int_equal(net_open(pair.net[A], NET_STREAM, pair.owner[A], &socket), ERR_NONE);
    assert_int_equal(net_bind(pair.net[A], socket, &local), ERR_ADDRESS_NOT_AVAILABLE);
    while (net_next_event(pair.net[A], &event)) {
    }
    pair_pass(&pair, 3900000); /* less than the shortest that RFC 5227 allows */
    assert_false(is_bound(&pair));
    assert_true(entry(&pair, A, 0x0a000001).tentative);
    assert_int_equal(say(&pair, B, b, 0x0a000001, 9), ERR_NONE); /* ARP is not answered */
    pair_settle(&pair);
    assert_int_equal(net_counters(pair.net[A])->udp_in, 0);
    pair_pass(&pair, 3200000); /* more than the longest */
    assert_true(is_bound(&pair));
    assert_true(net_next_event(pair.net[A], &event) && event.kind == NET_EVENT_ADDRESS);
    assert_int_equal(net_bind(pair.net[A], socket, &local), ERR_NONE);
    struct net_interface interface;
    net_interface(pair.net[A], &interface);
    assert_int_equal(net_ipv4_value(&interface.gateway), 0x0a000002);
    pair_stop(&pair);
}

static void test_a_duplicate_is_never_used(void **state) {
    (void)state;
    struct pair pair;
    start_careful(&pair, 1); /* B has A's address */
    pair_pass(&pair, 20 * NET_SECOND);
    assert_false(is_bound(&pair));
    assert_true(entry(&pair, A, 0x0a000001).duplicate);
    assert_int_equal(net_counters(pair.net[B])->arp_conflicts, 0); /* probes hurt nobody */
    assert_int_equal(net_counters(pair.net[A])->arp_conflicts, 1);
    assert_int_equal(take(&pair, A, 0x0a000001), ERR_NONE);
    assert_int_equal(add(&pair, A, ALIAS_A, 24), ERR_NONE);
    pair_pass(&pair, 10 * NET_SECOND);
    assert_true(is_bound(&pair));
    assert_false(entry(&pair, A, ALIAS_A).tentative);
    pair_stop(&pair);
}

static bool after_a_second(struct pair *pair, int from, const struct net_slot *slot) {
    net_time *since = pair->context;
    return pair->now >= *since + NET_SECOND;
}

/* The probe is lost, so both have it; neither gives it up, and neither speaks up more than once in ten
 * seconds. */
static void test_defence_without_end(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair_pass(&pair, 20 * NET_SECOND);
    net_time since = pair.now;
    pair.context = &since;
    pair.carry = after_a_second;
    pair.carried[A] = pair.carried[B] = 0;
    assert_int_equal(add(&pair, A, 0x0a000002, 24), ERR_NONE);
    pair_pass(&pair, 100 * NET_SECOND);
    assert_false(entry(&pair, A, 0x0a000002).tentative);
    assert_true(entry(&pair, A, 0x0a000002).prefix_length == 24);
    assert_int_equal(pair.carried[A], 3); /* two announcements and a defence */
    assert_int_equal(pair.carried[B], 1);
    assert_int_equal(net_counters(pair.net[A])->arp_conflicts, 1);
    assert_int_equal(net_counters(pair.net[B])->arp_conflicts, 3);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alias),
        cmocka_unit_test(test_connections_stay),
        cmocka_unit_test(test_a_datagram_from_a_lost_address),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_probed_before_use),
        cmocka_unit_test(test_a_duplicate_is_never_used),
        cmocka_unit_test(test_defence_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
