/* test_groups.c: who gets what is sent to a group or to all, and what the wire hears of it. */
#include "pair.h"

#include <net/wire/ethernet.h>
#include <net/wire/igmp.h>
#include <net/wire/ipv4.h>

#define GROUP 0xef010203u /* 239.1.2.3 */
#define OTHER 0xef010204u
#define HOME  0x0a0000ffu /* 10.0.0.255 */

static net_socket_id bound(struct pair *pair, int side, uint32_t address, uint16_t port) {
    net_socket_id socket;
    struct net_endpoint local = {net_ipv4(address), port};
    assert_int_equal(net_open(pair->net[side], NET_DATAGRAM, pair->owner[side], &socket), ERR_NONE);
    assert_int_equal(net_set_option(pair->net[side], socket, NET_OPTION_REUSEADDR, 1), ERR_NONE);
    assert_int_equal(net_set_option(pair->net[side], socket, NET_OPTION_BROADCAST, 1), ERR_NONE);
    assert_int_equal(net_bind(pair->net[side], socket, &local), ERR_NONE);
    return socket;
}

static enum error change(struct pair *pair, int side, net_socket_id socket, enum net_group_change what,
                         uint32_t group, uint32_t source) {
    struct net_membership membership = {.group = net_ipv4(group), .source = net_ipv4(source)};
    return net_change_group(pair->net[side], socket, what, &membership, pair->now);
}

static void join(struct pair *pair, int side, net_socket_id socket, uint32_t group) {
    assert_int_equal(change(pair, side, socket, NET_GROUP_JOIN, group, 0), ERR_NONE);
}

static void option(struct pair *pair, int side, net_socket_id socket, enum net_option name, int64_t value) {
    int64_t now;
    assert_int_equal(net_set_option(pair->net[side], socket, name, value), ERR_NONE);
    assert_int_equal(net_get_option(pair->net[side], socket, name, &now), ERR_NONE);
    assert_int_equal(now, value);
}

static void say(struct pair *pair, int side, net_socket_id from, uint32_t to) {
    struct net_endpoint peer = {net_ipv4(to), 9};
    assert_int_equal(net_send_to(pair->net[side], from, "x", 1, &peer, pair->now), ERR_NONE);
    pair_settle(pair);
}

/* How many datagrams wait there; they are taken. */
static unsigned heard(struct pair *pair, int side, net_socket_id socket) {
    uint8_t byte;
    size_t done;
    uint32_t flags = 0;
    struct net_endpoint peer;
    unsigned count = 0;
    while (net_receive_from(pair->net[side], socket, &byte, 1, &flags, &done, &peer) == ERR_NONE) {
        count++;
    }
    return count;
}

static void test_only_joined_groups(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    net_socket_id a = bound(&pair, A, 0, 8), b = bound(&pair, B, 0, 9), second = bound(&pair, B, 0, 9);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, B, b), 0);
    assert_int_equal(net_counters(pair.net[B])->ipv4_other_group, 1);
    join(&pair, B, b, GROUP);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, B, b), 1);
    assert_int_equal(heard(&pair, B, second), 1); /* the machine is in it, and the socket has not said no */
    option(&pair, B, second, NET_OPTION_MULTICAST_ALL, 0);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, B, b), 1);
    assert_int_equal(heard(&pair, B, second), 0);
    join(&pair, B, second, GROUP);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, B, b), 1);
    assert_int_equal(heard(&pair, B, second), 1); /* each has a copy */
    say(&pair, A, a, OTHER);
    assert_int_equal(heard(&pair, B, b) + heard(&pair, B, second), 0);
    assert_int_equal(net_close(pair.net[B], b, pair.now), ERR_NONE);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, B, second), 1);
    assert_int_equal(change(&pair, B, second, NET_GROUP_LEAVE, GROUP, 0), ERR_NONE);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, B, second), 0);
    say(&pair, A, a, IGMP_ALL_HOSTS); /* nobody has to join that one; but this socket wants only its own */
    assert_int_equal(heard(&pair, B, second), 0);
    option(&pair, B, second, NET_OPTION_MULTICAST_ALL, 1);
    say(&pair, A, a, IGMP_ALL_HOSTS);
    assert_int_equal(heard(&pair, B, second), 1);
    pair_stop(&pair);
}

static void test_sockets_bound_to_an_address(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint group = {net_ipv4(GROUP), 7};
    net_socket_id stream;
    pair_start(&pair);
    net_socket_id a = bound(&pair, A, 0, 8), b = bound(&pair, B, GROUP, 9),
                  c = bound(&pair, B, 0x0a000002, 9);
    join(&pair, B, b, GROUP);
    say(&pair, A, a, GROUP);
    say(&pair, A, a, 0x0a000002);
    assert_int_equal(heard(&pair, B, b), 1); /* the group's, not the address's */
    assert_int_equal(heard(&pair, B, c), 1); /* the reverse */
    net_socket_id ear = bound(&pair, A, 0, 9);
    say(&pair, B, b, 0x0a000001); /* a group is no source: it leaves from our address */
    assert_int_equal(heard(&pair, A, ear), 1);
    assert_int_equal(net_open(pair.net[B], NET_STREAM, pair.owner[B], &stream), ERR_NONE);
    assert_int_equal(net_bind(pair.net[B], stream, &group), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(change(&pair, B, stream, NET_GROUP_JOIN, GROUP, 0), ERR_WRONG_TYPE);
    pair_stop(&pair);
}

static void test_sources(void **state) {
    (void)state;
    struct pair pair;
    struct net_address alias = net_ipv4(0x0a000063);
    pair_start(&pair);
    assert_int_equal(net_address_add(pair.net[A], 0, &alias, 24, pair.now), ERR_NONE);
    net_socket_id one = bound(&pair, A, 0x0a000001, 8), two = bound(&pair, A, 0x0a000063, 8);
    net_socket_id b = bound(&pair, B, 0, 9), picky = bound(&pair, B, 0, 9);
    assert_int_equal(change(&pair, B, picky, NET_GROUP_JOIN_SOURCE, GROUP, 0x0a000001), ERR_NONE);
    say(&pair, A, one, GROUP);
    say(&pair, A, two, GROUP); /* not even the machine wants it */
    assert_int_equal(net_counters(pair.net[B])->ipv4_other_group, 1);
    assert_int_equal(heard(&pair, B, picky), 1);
    assert_int_equal(heard(&pair, B, b), 1);
    join(&pair, B, b, GROUP);
    assert_int_equal(change(&pair, B, b, NET_GROUP_BLOCK, GROUP, 0x0a000001), ERR_NONE);
    say(&pair, A, one, GROUP);
    say(&pair, A, two, GROUP);
    assert_int_equal(heard(&pair, B, picky), 1);
    assert_int_equal(heard(&pair, B, b), 1);
    assert_int_equal(net_counters(pair.net[B])->ipv4_other_group, 1);
    assert_int_equal(change(&pair, B, picky, NET_GROUP_LEAVE_SOURCE, GROUP, 0x0a000001), ERR_NONE);
    say(&pair, A, one, GROUP); /* now only who blocks it is left */
    assert_int_equal(net_counters(pair.net[B])->ipv4_other_group, 2);
    pair_stop(&pair);
}

/* More sources than the interface keeps: it lets all through, and the sockets choose. */
static void test_many_sources(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    net_socket_id a = bound(&pair, A, 0, 8), first = bound(&pair, B, 0, 9), second = bound(&pair, B, 0, 9);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(change(&pair, B, first, NET_GROUP_JOIN_SOURCE, GROUP, 0x0a000001 + i), ERR_NONE);
        assert_int_equal(change(&pair, B, second, NET_GROUP_JOIN_SOURCE, GROUP, 0x0a000020 + i), ERR_NONE);
    }
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, B, first), 1);
    assert_int_equal(heard(&pair, B, second), 0);
    pair_stop(&pair);
}

static void test_what_we_say_ourselves(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    net_socket_id a = bound(&pair, A, 0, 9), other = bound(&pair, A, 0, 9), b = bound(&pair, B, 0, 9);
    join(&pair, B, b, GROUP);
    say(&pair, A, a, GROUP); /* A is not in the group */
    assert_int_equal(heard(&pair, A, a) + heard(&pair, A, other), 0);
    join(&pair, A, other, GROUP);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, A, a), 1);
    assert_int_equal(heard(&pair, A, other), 1);
    assert_int_equal(heard(&pair, B, b), 2);
    option(&pair, A, a, NET_OPTION_MULTICAST_TTL, 0);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, A, other), 1);
    assert_int_equal(heard(&pair, B, b), 0); /* it does not leave the machine */
    option(&pair, A, a, NET_OPTION_MULTICAST_LOOP, 0);
    say(&pair, A, a, GROUP);
    option(&pair, A, a, NET_OPTION_MULTICAST_TTL, 1);
    say(&pair, A, a, GROUP);
    assert_int_equal(heard(&pair, A, other), 0);
    assert_int_equal(heard(&pair, B, b), 1);
    pair_stop(&pair);
}

static void test_long_datagrams_come_back_whole(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint group = {net_ipv4(GROUP), 9};
    uint8_t bytes[5000] = {1};
    pair_start(&pair);
    net_socket_id a = bound(&pair, A, 0, 9), b = bound(&pair, B, 0, 9);
    join(&pair, A, a, GROUP);
    join(&pair, B, b, GROUP);
    pair_pass(&pair, 10 * NET_SECOND);
    uint64_t before = net_counters(pair.net[A])->frames_in;
    assert_int_equal(net_send_to(pair.net[A], a, bytes, sizeof bytes, &group, pair.now), ERR_NONE);
    say(&pair, A, a, 0x0a000002); /* right behind it: only what is for the group comes back */
    assert_int_equal(heard(&pair, A, a), 1);
    assert_int_equal(heard(&pair, B, b), 2);
    assert_int_equal(net_counters(pair.net[A])->frames_in,
                     before + 4 + 1); /* four pieces, and an answer by ARP */
    pair_stop(&pair);
}

static void test_broadcasts_reach_all(void **state) {
    (void)state;
    static const uint32_t targets[] = {HOME, 0xffffffff};
    struct pair pair;
    pair_start(&pair);
    net_socket_id a = bound(&pair, A, 0, 9), one = bound(&pair, B, 0, 9), two = bound(&pair, B, 0, 9);
    net_socket_id exact = bound(&pair, B, HOME, 9), elsewhere = bound(&pair, B, 0x0a000002, 9);
    for (int i = 0; i < 2; i++) {
        say(&pair, A, a, targets[i]);
        assert_int_equal(heard(&pair, B, one), 1);
        assert_int_equal(heard(&pair, B, two), 1);
        assert_int_equal(heard(&pair, B, exact), targets[i] == HOME);
        assert_int_equal(heard(&pair, B, elsewhere), 0);
        assert_int_equal(heard(&pair, A, a), 1); /* as Linux has it */
    }
    pair_stop(&pair);
}

struct wire {
    unsigned reports, multicasts;
    uint8_t ttl;
    uint32_t source;
};

static bool watch(struct pair *pair, int from, const struct net_slot *slot) {
    struct wire *wire = pair->context;
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct span packet, payload;
    if (from != A || ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet) != ERR_NONE ||
        ethernet.type != ETHER_IPV4 || ipv4_parse(packet, &ipv4, &payload) != ERR_NONE) {
        return true;
    }
    static const struct mac group = {{1, 0, 0x5e, 1, 2, 3}}, routers = {{1, 0, 0x5e, 0, 0, 0x16}};
    if (ipv4.protocol == IP_IGMP) {
        wire->reports++;
        assert_int_equal(ipv4.destination, IGMP_V3_ROUTERS);
        assert_int_equal(ipv4.ttl, 1);
        assert_int_equal(ipv4.tos, 0xc0);
        assert_int_equal(ipv4.options.length, 4);
        assert_int_equal(ipv4.options.data[0], 148);
        assert_true(mac_equal(ethernet.destination, routers));
        assert_true(igmp_checksum_good(payload));
    } else if (ipv4_is_multicast(ipv4.destination)) {
        wire->multicasts++;
        wire->ttl = ipv4.ttl;
        wire->source = ipv4.source;
        assert_true(ipv4.dont_fragment); /* as every datagram that nobody wants to be cut */
        assert_true(mac_equal(ethernet.destination, group));
    }
    return true;
}

static void test_the_wire_hears_of_it(void **state) {
    (void)state;
    struct pair pair;
    struct wire wire = {0};
    struct net_address alias = net_ipv4(0x0a000063);
    pair_start(&pair);
    assert_int_equal(net_address_add(pair.net[A], 0, &alias, 24, pair.now), ERR_NONE);
    pair.context = &wire;
    pair.carry = watch;
    net_socket_id a = bound(&pair, A, 0, 9);
    join(&pair, A, a, GROUP);
    pair_pass(&pair, 2 * NET_SECOND);
    assert_int_equal(wire.reports, 2);
    say(&pair, A, a, GROUP);
    assert_int_equal(wire.ttl, 1);
    assert_int_equal(wire.source, 0x0a000001);
    option(&pair, A, a, NET_OPTION_MULTICAST_TTL, 7);
    option(&pair, A, a, NET_OPTION_MULTICAST_IF, 0x0a000063);
    assert_int_equal(net_set_option(pair.net[A], a, NET_OPTION_MULTICAST_IF, 0x0b000001),
                     ERR_ADDRESS_NOT_AVAILABLE);
    say(&pair, A, a, GROUP);
    assert_int_equal(wire.ttl, 7);
    assert_int_equal(wire.source, 0x0a000063);
    struct net_config config = pair_config(A);
    assert_int_equal(net_link(pair.net[A], &config, true, pair.now), ERR_NONE);
    pair_pass(&pair, 2 * NET_SECOND);
    assert_int_equal(wire.reports, 4); /* another link: told anew */
    assert_int_equal(net_close(pair.net[A], a, pair.now), ERR_NONE);
    pair_pass(&pair, 2 * NET_SECOND);
    assert_int_equal(wire.reports, 6);
    assert_int_equal(wire.multicasts, 2);
    pair.carry = NULL;
    pair_stop(&pair);
}

static void test_errors_and_bounds(void **state) {
    (void)state;
    struct pair pair;
    struct net_membership wrong = {.group = net_ipv4(GROUP), .interface = net_ipv4(0x0b000001)};
    net_socket_id sockets[3];
    pair_start(&pair);
    for (int i = 0; i < 3; i++) {
        sockets[i] = bound(&pair, A, 0, 9);
    }
    assert_int_equal(change(&pair, A, sockets[0], NET_GROUP_JOIN, 0x0a000001, 0), ERR_INVALID);
    assert_int_equal(change(&pair, A, sockets[0], (enum net_group_change)99, GROUP, 0), ERR_INVALID);
    assert_int_equal(change(&pair, A, sockets[0], NET_GROUP_LEAVE, GROUP, 0), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(net_change_group(pair.net[A], sockets[0], NET_GROUP_JOIN, &wrong, pair.now),
                     ERR_NOT_FOUND);
    wrong.interface = net_ipv4(0x0a000001);
    assert_int_equal(net_change_group(pair.net[A], sockets[0], NET_GROUP_JOIN, &wrong, pair.now), ERR_NONE);
    assert_int_equal(change(&pair, A, sockets[0], NET_GROUP_JOIN, GROUP, 0), ERR_ADDRESS_IN_USE);
    for (uint32_t i = 1; i < 20; i++) {
        join(&pair, A, sockets[0], GROUP + i);
    }
    assert_int_equal(change(&pair, A, sockets[0], NET_GROUP_JOIN, GROUP + 20, 0), ERR_TOO_MANY);
    for (uint32_t i = 20; i < 32; i++) {
        join(&pair, A, sockets[1], GROUP + i);
    }
    assert_int_equal(change(&pair, A, sockets[1], NET_GROUP_JOIN, GROUP + 32, 0), ERR_TOO_MANY);
    assert_int_equal(change(&pair, A, sockets[2], NET_GROUP_JOIN, GROUP + 32, 0), ERR_TOO_MANY);
    assert_int_equal(change(&pair, A, sockets[1], NET_GROUP_LEAVE, GROUP + 32, 0), ERR_ADDRESS_NOT_AVAILABLE);
    pair_stop(&pair); /* which looks for memory that was not given back */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_joined_groups),
        cmocka_unit_test(test_sockets_bound_to_an_address),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_many_sources),
        cmocka_unit_test(test_what_we_say_ourselves),
        cmocka_unit_test(test_long_datagrams_come_back_whole),
        cmocka_unit_test(test_broadcasts_reach_all),
        cmocka_unit_test(test_the_wire_hears_of_it),
        cmocka_unit_test(test_errors_and_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
