/* test_classes.c: the class of service of datagrams and of what ICMP answers (RFC 1122 4.1.4, RFC 1349 5.1,
 * RFC 1812 4.3.2.5). */
#include "pair.h"

#include <net/wire/ethernet.h>
#include <net/wire/icmp.h>
#include <net/wire/ipv4.h>
#include <net/wire/udp.h>

/* The last IPv4 packet of each side: what it carries and its TOS. */
struct seen {
    uint8_t protocol[2], tos[2];
};

static bool look(struct pair *pair, int from, const struct net_slot *slot) {
    struct seen *seen = pair->context;
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct span packet, payload;
    assert_int_equal(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet), ERR_NONE);
    if (ethernet.type == ETHER_IPV4) {
        assert_int_equal(ipv4_parse(packet, &ipv4, &payload), ERR_NONE);
        seen->protocol[from] = ipv4.protocol;
        seen->tos[from] = ipv4.tos;
    }
    return true;
}

static void start(struct pair *pair, struct seen *seen) {
    pair_start(pair);
    pair->carry = look;
    pair->context = seen;
}

static net_socket_id datagram_socket(struct pair *pair, int side, int64_t tos) {
    net_socket_id socket;
    assert_int_equal(net_open(pair->net[side], NET_DATAGRAM, pair->owner[side], &socket), ERR_NONE);
    assert_int_equal(net_set_option(pair->net[side], socket, NET_OPTION_TOS, tos), ERR_NONE);
    return socket;
}

static void send_to_closed_port(struct pair *pair, net_socket_id socket) {
    struct net_endpoint peer = pair_endpoint(B, 9);
    assert_int_equal(net_send_to(pair->net[A], socket, "x", 1, &peer, pair->now), ERR_NONE);
    pair_settle(pair);
}

/* All eight bits are the user's. */
static void test_datagram(void **state) {
    (void)state;
    struct pair pair;
    struct seen seen = {0};
    int64_t value;
    start(&pair, &seen);
    net_socket_id socket = datagram_socket(&pair, A, 0xb9);
    assert_int_equal(net_get_option(pair.net[A], socket, NET_OPTION_TOS, &value), ERR_NONE);
    assert_int_equal(value, 0xb9);
    assert_int_equal(net_set_option(pair.net[A], socket, NET_OPTION_TOS, 256), ERR_INVALID);
    send_to_closed_port(&pair, socket);
    assert_int_equal(seen.protocol[A], IP_UDP);
    assert_int_equal(seen.tos[A], 0xb9);
    pair_stop(&pair);
}

/* The precedence of internetwork control, beside the four bits of the datagram that it is about. */
static void test_error(void **state) {
    (void)state;
    struct pair pair;
    struct seen seen = {0};
    start(&pair, &seen);
    send_to_closed_port(&pair, datagram_socket(&pair, A, 0x3f));
    assert_int_equal(seen.protocol[B], IP_ICMP);
    assert_int_equal(seen.tos[B], 0xde);
    pair_stop(&pair);
}

static void test_echo(void **state) {
    (void)state;
    struct pair pair;
    struct seen seen = {0};
    uint8_t bytes[64];
    struct net_config a = pair_config(A), b = pair_config(B);
    struct ethernet_header ethernet = {mac_of(b.mac), mac_of(a.mac), ETHER_IPV4};
    struct ipv4_header ipv4 = {
        .source = 0x0a000001, .destination = 0x0a000002, .protocol = IP_ICMP, .ttl = 64, .tos = 0x10};
    struct icmp_message echo = {.type = ICMP_ECHO};
    struct writer writer = writer_of(bytes, sizeof bytes);
    start(&pair, &seen);
    ethernet_write(&writer, &ethernet);
    ipv4_write(&writer, &ipv4, ICMP_HEADER);
    icmp_write(&writer, &echo);
    struct net_frame frame = {.data = bytes, .length = writer.length};
    net_receive(pair.net[B], &frame, pair.now);
    pair_settle(&pair);
    assert_int_equal(seen.protocol[B], IP_ICMP);
    assert_int_equal(seen.tos[B], 0x10);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagram),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_echo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
