/* test_frames.c: frames made by hand, and what the engine says to them: packets with wrong options (RFC 1122
 * 3.2.2.5), and the questions of multicast routers; and what it does about a neighbour that says nothing. */
#include "pair.h"

#include <net/wire/checksum.h>
#include <net/wire/ethernet.h>
#include <net/wire/icmp.h>
#include <net/wire/igmp.h>
#include <net/wire/ipv4.h>

#define HOST_A    UINT32_C(0x0a000001)
#define HOST_B    UINT32_C(0x0a000002)
#define BROADCAST UINT32_C(0x0a0000ff)
#define GROUP     UINT32_C(0xe1010203)

struct heard {
    unsigned count;
    uint32_t destination;
    uint8_t protocol;
    uint8_t bytes[1500];
    size_t length;
};

/* Notes what A sends, ARP aside; nothing of it arrives. */
static bool listen_in(struct pair *pair, int from, const struct net_slot *slot) {
    struct heard *heard = pair->context;
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct span packet, payload;
    assert_int_equal(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet), ERR_NONE);
    if (ethernet.type == ETHER_ARP) {
        return true;
    }
    assert_int_equal(ipv4_parse(packet, &ipv4, &payload), ERR_NONE);
    if (from == A) {
        heard->count++;
        heard->destination = ipv4.destination;
        heard->protocol = ipv4.protocol;
        heard->length = payload.length;
        memcpy(heard->bytes, payload.data, payload.length);
    }
    return false;
}

/* B and A know each other, and A has said all that it says by itself. */
static void start(struct pair *pair, struct heard *heard) {
    net_socket_id b;
    struct net_endpoint to = pair_endpoint(A, 9);
    pair_start(pair);
    assert_int_equal(net_open(pair->net[B], NET_DATAGRAM, pair->owner[B], &b), ERR_NONE);
    assert_int_equal(net_send_to(pair->net[B], b, "x", 1, &to, pair->now), ERR_NONE);
    pair_pass(pair, 30 * NET_SECOND);
    *heard = (struct heard){0};
    pair->context = heard;
    pair->carry = listen_in;
}

/* Gives A a packet: `header` has its first 20 bytes right but for lengths and sum. */
static void give(struct pair *pair, uint8_t *header, size_t options, uint32_t sum_error, struct mac to) {
    uint8_t frame[ETHERNET_HEADER + 60 + 8];
    struct writer writer = writer_of(frame, sizeof frame);
    size_t head = IPV4_HEADER + options, length = head + 8;
    header[0] = (uint8_t)(0x40 | head / 4);
    header[3] = (uint8_t)length;
    header[10] = header[11] = 0;
    uint16_t sum = (uint16_t)(checksum_of(header, head) ^ sum_error);
    header[10] = (uint8_t)(sum >> 8);
    header[11] = (uint8_t)sum;
    struct ethernet_header ethernet = {to, {{2, 0, 0, 0, 0, 2}}, ETHER_IPV4};
    ethernet_write(&writer, &ethernet);
    write_bytes(&writer, header, length);
    assert_false(writer.failed);
    struct net_frame given = {.data = frame, .length = ETHERNET_HEADER + length};
    net_receive(pair->net[A], &given, pair->now);
    pair_settle(pair);
}

static void test_wrong_options_are_reported(void **state) {
    (void)state;
    static const struct mac a = {{2, 0, 0, 0, 0, 1}};
    struct pair pair;
    struct heard heard;
    uint8_t packet[32] = {0x47, 0, 0, 36, 0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 1, 7, 9, 4};
    struct icmp_message message;
    start(&pair, &heard);
    give(&pair, packet, 4, 0, a); /* a record route of 9 bytes in 3 */
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.destination, HOST_B);
    assert_int_equal(icmp_parse(span_of(heard.bytes, heard.length), &message), ERR_NONE);
    assert_int_equal(message.type, ICMP_PARAMETER_PROBLEM);
    assert_int_equal(message.pointer, 21);
    pair_pass(&pair, 5 * NET_SECOND); /* errors are limited */
    give(&pair, packet, 4, 1, a);     /* a header that is broken says nothing */
    packet[19] = 0xff;
    give(&pair, packet, 4, 0, MAC_BROADCAST); /* what went to all is not answered */
    packet[19] = 9;
    give(&pair, packet, 4, 0, a); /* nor what is somebody else's */
    assert_int_equal(heard.count, 1);
    pair_stop(&pair);
}

static void join(struct pair *pair) {
    net_socket_id socket;
    struct net_membership membership = {.group = net_ipv4(GROUP)};
    assert_int_equal(net_open(pair->net[A], NET_DATAGRAM, pair->owner[A], &socket), ERR_NONE);
    assert_int_equal(net_change_group(pair->net[A], socket, NET_GROUP_JOIN, &membership, pair->now),
                     ERR_NONE);
}

static void give_igmp(struct pair *pair, uint8_t type, uint32_t group) {
    uint8_t packet[IPV4_HEADER + IGMP_SHORT] = {0x45, 0xc0, 0, 28, 0, 7, 0, 0, 1, 2, 0, 0, 10, 0, 0, 2};
    uint32_t to = type == IGMP_QUERY ? IGMP_ALL_HOSTS : group;
    struct writer address = writer_of(packet + 16, 4), message = writer_of(packet + IPV4_HEADER, IGMP_SHORT);
    write_be32(&address, to);
    igmp_write_short(&message, type, group);
    struct mac mac = {{1, 0, 0x5e, (uint8_t)(to >> 16) & 0x7f, (uint8_t)(to >> 8), (uint8_t)to}};
    give(pair, packet, 0, 0, mac);
}

static void test_a_router_is_answered(void **state) {
    (void)state;
    struct pair pair;
    struct heard heard;
    start(&pair, &heard);
    join(&pair);
    pair_pass(&pair, 30 * NET_SECOND); /* told when it was joined */
    heard.count = 0;
    give_igmp(&pair, IGMP_QUERY, 0); /* of version 1: no time in it */
    pair_pass(&pair, 11 * NET_SECOND);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.protocol, IP_IGMP);
    assert_int_equal(heard.destination, GROUP);
    assert_int_equal(heard.bytes[0], IGMP_V1_REPORT);
    give_igmp(&pair, IGMP_QUERY, 0);
    give_igmp(&pair, IGMP_V1_REPORT, GROUP); /* another station has answered for all */
    give_igmp(&pair, 0x99, GROUP);           /* no such type: nothing */
    pair_pass(&pair, 11 * NET_SECOND);
    assert_int_equal(heard.count, 1);
    pair_stop(&pair);
}

/* A's frames are lost; notes when it asks for a hardware address, and whom. */
static bool lose(struct pair *pair, int from, const struct net_slot *slot) {
    struct heard *heard = pair->context;
    struct ethernet_header ethernet;
    struct span packet;
    assert_int_equal(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet), ERR_NONE);
    if (from == A && ethernet.type == ETHER_ARP) {
        heard->count++;
        assert_false(mac_is_group(ethernet.destination)); /* the one that is known */
        return true;
    }
    return from != A;
}

/* After three retransmissions the next hop is asked whether it is still there, once for each answer, and not
 * only when it has not been heard of for long. */
static void test_a_silent_way_is_looked_at(void **state) {
    (void)state;
    struct pair pair;
    struct heard heard = {0};
    size_t done;
    pair_start(&pair);
    pair_pass(&pair, 30 * NET_SECOND);
    struct connected ends = pair_connected(&pair, 7);
    assert_int_equal(net_send(pair.net[A], ends.a, "x", 1, &done, pair.now), ERR_NONE);
    pair_settle(&pair); /* acknowledged: the way is good */
    pair.context = &heard;
    pair.carry = lose;
    assert_int_equal(net_send(pair.net[A], ends.a, "y", 1, &done, pair.now), ERR_NONE);
    while (net_counters(pair.net[A])->tcp_timeouts < 3) {
        assert_int_equal(heard.count, 0);
        assert_true(pair_jump(&pair, pair.now + 10 * NET_SECOND));
    }
    pair_pass(&pair, NET_SECOND / 10);
    assert_int_equal(heard.count, 1);
    pair_stop(&pair);
}

static bool lose_all(struct pair *pair, int from, const struct net_slot *slot) {
    (void)pair;
    (void)from;
    (void)slot;
    return false;
}

/* A connection that has given up waits with its reset for the neighbour's address; its user dies meanwhile,
 * and nothing of it is left in the end (pair_stop looks). */
static void test_a_reset_waits_while_its_user_dies(void **state) {
    static const enum net_option options[] = {NET_OPTION_KEEPIDLE, NET_OPTION_KEEPINTVL, NET_OPTION_KEEPCNT,
                                              NET_OPTION_KEEPALIVE};
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair_pass(&pair, 30 * NET_SECOND);
    struct connected ends = pair_connected(&pair, 7);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        assert_int_equal(net_set_option(pair.net[A], ends.a, options[i], 1), ERR_NONE);
    }
    pair.carry = lose_all;
    net_neighbour_flush(pair.net[A], pair.now);
    while ((net_ready(pair.net[A], ends.a) & NET_READY_ERROR) == 0) {
        assert_true(pair_jump(&pair, pair.now + 10 * NET_SECOND));
    }
    assert_int_equal(net_counters(pair.net[A])->tcp_resets_out, 0); /* it waits */
    assert_int_equal(net_abort(pair.net[A], ends.a, pair.now), ERR_NONE);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_options_are_reported),
        cmocka_unit_test(test_a_router_is_answered),
        cmocka_unit_test(test_a_silent_way_is_looked_at),
        cmocka_unit_test(test_a_reset_waits_while_its_user_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
