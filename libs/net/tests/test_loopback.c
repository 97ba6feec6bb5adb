/* test_loopback.c: what never leaves the host, and what comes from the wire and claims never to have left. */
#include "pair.h"

#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>
#include <net/wire/tcp.h>
#include <net/wire/udp.h>

#define LOOPBACK 0x7f000001u

static struct net_endpoint loopback(uint16_t port) {
    return (struct net_endpoint){net_ipv4(LOOPBACK), port};
}

static net_socket_id bound(struct pair *pair, enum net_type type, struct net_endpoint local) {
    net_socket_id socket;
    assert_int_equal(net_open(pair->net[A], type, pair->owner[A], &socket), ERR_NONE);
    assert_int_equal(net_bind(pair->net[A], socket, &local), ERR_NONE);
    return socket;
}

/* A datagram as a liar on the wire would send it to A: from A's own MAC address. */
static size_t forge(uint8_t *bytes, size_t size, uint32_t source, uint32_t destination, uint16_t port) {
    struct net_config config = pair_config(A);
    struct ethernet_header ethernet = {mac_of(config.mac), mac_of(config.mac), ETHER_IPV4};
    struct ipv4_header ipv4 = {
        .source = source, .destination = destination, .protocol = IP_UDP, .ttl = IPV4_TTL};
    struct udp_header ports = {.source_port = 1234, .destination_port = port};
    struct writer writer = writer_of(bytes, size);
    ethernet_write(&writer, &ethernet);
    ipv4_write(&writer, &ipv4, UDP_HEADER + 4);
    udp_write(&writer, &ports, source, destination, span_of((const uint8_t *)"hush", 4));
    assert_false(writer.failed);
    return writer.length;
}

static void test_forged_source_is_not_ours(void **state) {
    (void)state;
    static const struct {
        uint32_t source, destination;
    } forged[] = {
        {LOOPBACK, LOOPBACK}, {0x0a000001, LOOPBACK}, {0x0a000001, 0x0a000001}, {0x0a000002, LOOPBACK}};
    struct pair pair;
    uint8_t bytes[128];
    pair_start(&pair);
    net_socket_id any = bound(&pair, NET_DATAGRAM, (struct net_endpoint){.port = 9});
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        struct net_frame frame = {.data = bytes};
        frame.length = forge(bytes, sizeof bytes, forged[i].source, forged[i].destination, 9);
        net_receive(pair.net[A], &frame, pair.now);
        assert_int_equal(net_ready(pair.net[A], any) & NET_READY_IN, 0);
    }
    assert_int_equal(net_counters(pair.net[A])->ipv4_bad_source, 3);
    assert_int_equal(net_counters(pair.net[A])->ipv4_not_ours, 1);
    pair_stop(&pair);
}

static void test_stays_at_home(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint far = pair_endpoint(B, 80);
    pair_start(&pair);
    net_socket_id stream = bound(&pair, NET_STREAM, loopback(1000));
    net_socket_id datagram = bound(&pair, NET_DATAGRAM, loopback(1000));
    assert_int_equal(net_connect(pair.net[A], stream, &far, pair.now), ERR_NET_UNREACHABLE);
    assert_int_equal(net_connect(pair.net[A], datagram, &far, pair.now), ERR_NET_UNREACHABLE);
    assert_int_equal(net_send_to(pair.net[A], datagram, "x", 1, &far, pair.now), ERR_NET_UNREACHABLE);
    pair_settle(&pair);
    pair_stop(&pair);
}

static void test_streams_and_datagrams(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint server = loopback(80), peer;
    net_socket_id client, accepted;
    size_t done;
    uint8_t byte = 0;
    pair_start(&pair);
    net_socket_id listener = bound(&pair, NET_STREAM, server);
    assert_int_equal(net_listen(pair.net[A], listener, 1), ERR_NONE);
    assert_int_equal(net_open(pair.net[A], NET_STREAM, pair.owner[A], &client), ERR_NONE);
    assert_int_equal(net_connect(pair.net[A], client, &server, pair.now), ERR_IN_PROGRESS);
    pair_settle(&pair);
    assert_int_equal(net_accept(pair.net[A], listener, pair.owner[A], &accepted, &peer), ERR_NONE);
    assert_int_equal(net_send(pair.net[A], client, "x", 1, &done, pair.now), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(net_read(pair.net[A], accepted, &byte, 1, &done, pair.now), ERR_NONE);
    assert_int_equal(byte, 'x');
    pair_stop(&pair);
}

static void test_closed_port_is_reported(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint nobody = loopback(9), peer;
    uint32_t flags = 0;
    size_t done;
    uint8_t byte;
    pair_start(&pair);
    net_socket_id socket = bound(&pair, NET_DATAGRAM, loopback(0));
    assert_int_equal(net_connect(pair.net[A], socket, &nobody, pair.now), ERR_NONE);
    assert_int_equal(net_send_to(pair.net[A], socket, "x", 1, NULL, pair.now), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(net_receive_from(pair.net[A], socket, &byte, 1, &flags, &done, &peer), ERR_REFUSED);
    assert_int_equal(net_receive_from(pair.net[A], socket, &byte, 1, &flags, &done, &peer), ERR_WOULD_BLOCK);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_source_is_not_ours),
        cmocka_unit_test(test_stays_at_home),
        cmocka_unit_test(test_streams_and_datagrams),
        cmocka_unit_test(test_closed_port_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
