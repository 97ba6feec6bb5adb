/* test_messages.c: what stands beside the bytes of a datagram, both ways (RFC 1122 4.1.3.5, 4.1.4). */
#include "pair.h"

#include <net/wire/arp.h>
#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>

#define OWN_A   0x0a000001u /* 10.0.0.1 */
#define OWN_B   0x0a000002u
#define ALIAS_B 0x0a000066u /* 10.0.0.102 */
#define HOME    0x0a0000ffu /* 10.0.0.255 */
#define SECOND  0x0a000901u /* 10.0.9.1, on A's second link */
#define FAR     0x0a000902u

static const struct net_control nothing = {.ttl = -1, .tos = -1};

static net_socket_id bound(struct pair *pair, int side, uint16_t port) {
    net_socket_id socket;
    struct net_endpoint local = {.port = port};
    assert_int_equal(net_open(pair->net[side], NET_DATAGRAM, pair->owner[side], &socket), ERR_NONE);
    assert_int_equal(net_set_option(pair->net[side], socket, NET_OPTION_BROADCAST, 1), ERR_NONE);
    assert_int_equal(net_bind(pair->net[side], socket, &local), ERR_NONE);
    return socket;
}

static enum error say(struct pair *pair, int side, net_socket_id from, uint32_t to, uint16_t port,
                      struct net_control control) {
    struct net_endpoint peer = {net_ipv4(to), port};
    enum error error = net_send_message(pair->net[side], from, "x", 1, &peer, &control, pair->now);
    pair_settle(pair);
    return error;
}

/* The next datagram there: who sent it, and what is said beside it. */
static uint32_t hear(struct pair *pair, int side, net_socket_id socket, struct net_control *control) {
    uint8_t byte;
    size_t done;
    uint32_t flags = 0;
    struct net_endpoint peer;
    assert_int_equal(net_receive_message(pair->net[side], socket, &byte, 1, &flags, &done, &peer, control),
                     ERR_NONE);
    return net_ipv4_value(&peer.address);
}

static void alias(struct pair *pair) {
    struct net_address address = net_ipv4(ALIAS_B);
    assert_int_equal(net_address_add(pair->net[B], 0, &address, 24, pair->now), ERR_NONE);
}

static void test_who_is_asked_answers(void **state) {
    (void)state;
    static const uint32_t asked[] = {OWN_B, ALIAS_B, HOME, IPV4_BROADCAST};
    static const uint32_t answers[] = {OWN_B, ALIAS_B, OWN_B, OWN_B};
    struct pair pair;
    struct net_control control;
    pair_start(&pair);
    alias(&pair);
    net_socket_id a = bound(&pair, A, 7), b = bound(&pair, B, 9);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(say(&pair, A, a, asked[i], 9, nothing), ERR_NONE);
        assert_int_equal(hear(&pair, B, b, &control), OWN_A);
        assert_int_equal(net_ipv4_value(&control.destination), asked[i]);
        assert_int_equal(net_ipv4_value(&control.local), answers[i]);
        assert_int_equal(control.interface, NET_LINK(0));
        assert_int_equal(control.ttl, 64);
        assert_int_equal(control.tos, 0);
        struct net_control answer = {.local = control.local, .ttl = -1, .tos = -1};
        assert_int_equal(say(&pair, B, b, OWN_A, 7, answer), ERR_NONE);
        assert_int_equal(hear(&pair, A, a, &control), answers[i]);
    }
    pair_stop(&pair);
}

/* What the message says goes for it alone. */
static void test_ttl_and_tos(void **state) {
    (void)state;
    struct pair pair;
    struct net_control control;
    pair_start(&pair);
    net_socket_id a = bound(&pair, A, 7), b = bound(&pair, B, 9);
    assert_int_equal(net_set_option(pair.net[A], a, NET_OPTION_TTL, 33), ERR_NONE);
    assert_int_equal(net_set_option(pair.net[A], a, NET_OPTION_TOS, 0x10), ERR_NONE);
    static const int16_t said[][4] = {
        {-1, -1, 33, 0x10}, {1, -1, 1, 0x10}, {-1, 0, 33, 0}, {255, 255, 255, 255}, {-1, -1, 33, 0x10}};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct net_control wanted = {.ttl = said[i][0], .tos = said[i][1]};
        assert_int_equal(say(&pair, A, a, OWN_B, 9, wanted), ERR_NONE);
        (void)hear(&pair, B, b, &control);
        assert_int_equal(control.ttl, said[i][2]);
        assert_int_equal(control.tos, said[i][3]);
    }
    pair_stop(&pair);
}

static void test_what_makes_no_sense(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair_settle(&pair);
    net_socket_id a = bound(&pair, A, 7);
    static const struct net_control wrong[] = {
        {.local = {NET_IPV4, {0}}, .ttl = -1, .tos = -1},
        {.local = {NET_IPV4, {239, 1, 2, 3}}, .ttl = -1, .tos = -1},
        {.local = {NET_IPV6, {1}}, .ttl = -1, .tos = -1},
        {.local = {99, {10, 0, 0, 1}}, .ttl = -1, .tos = -1},
        {.ttl = 0, .tos = -1},
        {.ttl = 256, .tos = -1},
        {.ttl = -2, .tos = -1},
        {.ttl = -1, .tos = -2},
        {.ttl = -1, .tos = 256},
    };
    struct net_endpoint peer = {net_ipv4(OWN_B), 9};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(net_send_message(pair.net[A], a, "x", 1, &peer, &wrong[i], pair.now), ERR_INVALID);
    }
    for (uint8_t i = 3; i < 5; i++) { /* the peer's address, all's */
        struct net_control control = {
            .local = {NET_IPV4, {10, 0, 0, i == 3 ? 2 : 255}}, .interface = i, .ttl = -1, .tos = -1};
        assert_int_equal(net_send_message(pair.net[A], a, "x", 1, &peer, &control, pair.now),
                         ERR_NET_UNREACHABLE);
    }
    for (unsigned i = NET_LINK(1); i < 256; i++) {
        struct net_control control = {.interface = (uint8_t)i, .ttl = -1, .tos = -1};
        assert_int_equal(net_send_message(pair.net[A], a, "x", 1, &peer, &control, pair.now), ERR_NOT_FOUND);
    }
    assert_false(pair_step(&pair, A));
    pair_stop(&pair);
}

/* An address that goes while the datagram waits: it is dropped, and its sender hears of it. */
static void test_the_address_goes(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    alias(&pair);
    net_socket_id b = bound(&pair, B, 9);
    struct net_address address = net_ipv4(ALIAS_B);
    struct net_endpoint peer = {net_ipv4(OWN_A), 7};
    struct net_control control = {.local = address, .ttl = -1, .tos = -1};
    assert_int_equal(net_send_message(pair.net[B], b, "x", 1, &peer, &control, pair.now), ERR_NONE);
    assert_int_equal(net_address_remove(pair.net[B], &address, pair.now), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(net_take_error(pair.net[B], b), ERR_NET_UNREACHABLE);
    pair_stop(&pair);
}

/* ---- Which link ---- */

static uint8_t left_by;          /* the link of the last packet that is no ARP */
static uint32_t left_from, next; /* its source; whom ARP asked for last */

static bool look(struct pair *pair, int from, const struct net_slot *slot) {
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct span packet, payload;
    assert_int_equal(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet), ERR_NONE);
    if (ethernet.type == ETHER_IPV4 && ipv4_parse(packet, &ipv4, &payload) == ERR_NONE &&
        ipv4.protocol == IP_UDP) {
        left_by = slot->interface;
        left_from = ipv4.source;
    } else if (ethernet.type == ETHER_ARP) {
        struct arp_packet arp;
        assert_int_equal(arp_parse(packet, &arp), ERR_NONE);
        next = arp.target_address;
    }
    return slot->interface == 0;
}

static void test_which_link(void **state) {
    (void)state;
    struct pair pair;
    struct net_config a = pair_config(A), b = pair_config(B), second;
    a.interfaces_max = 2;
    second = a;
    second.mac[4] = 9;
    struct net_address address = net_ipv4(SECOND);
    pair_start_with(&pair, &a, &b, 4u << 20);
    pair.carry = look;
    assert_int_equal(net_interface_link(pair.net[A], 1, &second, true, pair.now), ERR_NONE);
    assert_int_equal(net_address_add(pair.net[A], 1, &address, 24, pair.now), ERR_NONE);
    net_socket_id socket = bound(&pair, A, 7), other = bound(&pair, A, 8);
    static const struct net_control by_first = {.interface = NET_LINK(0), .ttl = -1, .tos = -1},
                                    by_loopback = {.interface = NET_LOOPBACK, .ttl = -1, .tos = -1},
                                    by_second = {.interface = NET_LINK(1), .ttl = -1, .tos = -1};
    /* To all: by the first link, or by the one that is asked for, from its address. */
    assert_int_equal(say(&pair, A, socket, IPV4_BROADCAST, 9, nothing), ERR_NONE);
    assert_int_equal(left_by, 0);
    assert_int_equal(left_from, OWN_A);
    assert_int_equal(say(&pair, A, socket, IPV4_BROADCAST, 9, by_second), ERR_NONE);
    assert_int_equal(left_by, 1);
    assert_int_equal(left_from, SECOND);
    assert_int_equal(say(&pair, A, socket, 0xef010203, 9, by_second), ERR_NONE);
    assert_int_equal(left_by, 1);
    /* To one whom no route of that link leads to: as if he were on it. */
    assert_int_equal(say(&pair, A, other, FAR, 9, by_first), ERR_NONE);
    assert_int_equal(next, FAR);
    assert_int_equal(say(&pair, A, socket, OWN_B, 9, by_first), ERR_NONE);
    assert_int_equal(left_by, 0);
    /* What is for ourselves needs no link. */
    struct net_control control;
    assert_int_equal(say(&pair, A, socket, OWN_A, 7, by_second), ERR_NONE);
    assert_int_equal(hear(&pair, A, socket, &control), OWN_A);
    assert_int_equal(control.interface, NET_LOOPBACK);
    assert_int_equal(say(&pair, A, socket, OWN_A, 7, by_loopback), ERR_NONE);
    assert_int_equal(hear(&pair, A, socket, &control), OWN_A);
    assert_int_equal(say(&pair, A, socket, OWN_B, 7, by_loopback), ERR_NET_UNREACHABLE);
    pair_pass(&pair, 10 * NET_SECOND);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_asked_answers), cmocka_unit_test(test_ttl_and_tos),
        cmocka_unit_test(test_what_makes_no_sense),  cmocka_unit_test(test_the_address_goes),
        cmocka_unit_test(test_which_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
