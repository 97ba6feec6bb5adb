/* test_path_mtu.c: a router on the way says what does not fit; who believes it, and what becomes of it. */
#include "pair.h"
#include <net/wire/ethernet.h>
#include <net/wire/icmp.h>
#include <net/wire/tcp.h>

/* The router between the two: what A sends and is longer than `mtu` is lost, and it may say so. */
struct router {
    uint16_t mtu;
    bool silent;
    uint16_t told; /* what it says; UINT16_MAX: the truth */
    unsigned lost;
    size_t longest; /* packet that came through */
    bool dont_fragment, fragmented;
};

static void say(struct pair *pair, const struct router *router, struct span packet) {
    uint8_t bytes[1514];
    struct ipv4_header quoted,
        header = {.source = 0x0a000002, .destination = 0x0a000001, .protocol = IP_ICMP};
    struct span payload;
    assert_int_equal(ipv4_parse(packet, &quoted, &payload), ERR_NONE);
    struct icmp_message message = {.type = ICMP_UNREACHABLE,
                                   .code = ICMP_FRAGMENTATION_NEEDED,
                                   .mtu = router->told != UINT16_MAX ? router->told : router->mtu,
                                   .payload = span_slice(packet, 0, IPV4_HEADER + 8)};
    struct writer writer = writer_of(bytes, sizeof bytes);
    ethernet_write(&writer, &(struct ethernet_header){.destination = {{2, 0, 0, 0, 0, 1}},
                                                      .source = {{2, 0, 0, 0, 0, 2}},
                                                      .type = ETHER_IPV4});
    ipv4_write(&writer, &header, ICMP_HEADER + message.payload.length);
    icmp_write(&writer, &message);
    struct net_frame frame = {.data = bytes, .length = writer.length};
    net_receive(pair->net[A], &frame, pair->now);
}

static bool route(struct pair *pair, int from, const struct net_slot *slot) {
    struct router *router = pair->context;
    struct ethernet_header ethernet;
    struct ipv4_header header;
    struct span packet, payload;
    assert_int_equal(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet), ERR_NONE);
    if (from != A || ethernet.type != ETHER_IPV4) {
        return true;
    }
    assert_int_equal(ipv4_parse(packet, &header, &payload), ERR_NONE);
    size_t length = (size_t)(payload.data - packet.data) + payload.length;
    if (length > router->mtu && header.dont_fragment) {
        router->lost++;
        if (!router->silent) {
            say(pair, router, packet);
        }
        return false;
    }
    router->longest = length > router->longest ? length : router->longest;
    router->dont_fragment = header.dont_fragment;
    router->fragmented = ipv4_is_fragment(&header);
    return true;
}

static void start(struct pair *pair, struct router *router, uint16_t mtu) {
    pair_start(pair);
    *router = (struct router){.mtu = mtu, .told = UINT16_MAX};
    pair->carry = route;
    pair->context = router;
}

static uint8_t content[20000], got[20000];

static net_socket_id open_socket(struct pair *pair, int side, uint16_t port, bool connect) {
    net_socket_id socket;
    struct net_endpoint local = {.port = port}, peer = pair_endpoint(!side, (uint16_t)(16 - port));
    assert_int_equal(net_open(pair->net[side], NET_DATAGRAM, pair->owner[side], &socket), ERR_NONE);
    assert_int_equal(net_bind(pair->net[side], socket, &local), ERR_NONE);
    if (connect) {
        assert_int_equal(net_connect(pair->net[side], socket, &peer, pair->now), ERR_NONE);
    }
    return socket;
}

static enum error send_to(struct pair *pair, net_socket_id from, size_t length) {
    struct net_endpoint to = pair_endpoint(B, 7);
    enum error error = net_send_to(pair->net[A], from, content, length, &to, pair->now);
    pair_settle(pair);
    return error;
}

static size_t received(struct pair *pair, net_socket_id at) {
    uint32_t flags = 0;
    size_t done;
    struct net_endpoint from;
    enum error error = net_receive_from(pair->net[B], at, got, sizeof got, &flags, &done, &from);
    return error == ERR_NONE ? done : SIZE_MAX;
}

static int64_t mtu_of(struct pair *pair, net_socket_id socket) {
    int64_t value;
    pair_settle(pair); /* so that the engine knows what time it is */
    assert_int_equal(net_get_option(pair->net[A], socket, NET_OPTION_MTU, &value), ERR_NONE);
    return value;
}

static void test_datagrams(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    int64_t value;
    start(&pair, &router, 1400);
    net_socket_id connected = open_socket(&pair, A, 9, true), b = open_socket(&pair, B, 7, false);
    net_socket_id other = open_socket(&pair, A, 10, false);
    assert_int_equal(mtu_of(&pair, connected), 1500);
    assert_int_equal(net_get_option(pair.net[A], other, NET_OPTION_MTU, &value), ERR_NOT_CONNECTED);
    assert_int_equal(net_set_option(pair.net[A], connected, NET_OPTION_MTU, 900), ERR_NOT_SUPPORTED);
    assert_int_equal(send_to(&pair, connected, 1472), ERR_NONE); /* lost on the way */
    assert_int_equal(received(&pair, b), SIZE_MAX);
    assert_int_equal(mtu_of(&pair, connected), 1400);
    assert_int_equal(net_counters(pair.net[A])->ipv4_mtu_learned, 1);
    assert_int_equal(send_to(&pair, connected, 1472), ERR_MESSAGE_SIZE); /* the error, once */
    assert_int_equal(send_to(&pair, connected, 1472), ERR_NONE);
    assert_int_equal(received(&pair, b), 1472);
    assert_true(router.fragmented && !router.dont_fragment && router.longest <= 1400);
    assert_int_equal(send_to(&pair, other, 20000),
                     ERR_NONE); /* it is the path that is known, not the socket */
    assert_int_equal(received(&pair, b), 20000);
    assert_int_equal(send_to(&pair, other, 1372), ERR_NONE);
    assert_true(router.dont_fragment && !router.fragmented);
    assert_int_equal(router.lost, 1);
    assert_int_equal(received(&pair, b), 1372);
    /* It is known to be too long: refused by who does not want it cut. */
    assert_int_equal(net_set_option(pair.net[A], other, NET_OPTION_MTU_DISCOVER, 2), ERR_NONE);
    assert_int_equal(send_to(&pair, other, 1373), ERR_MESSAGE_SIZE);
    assert_int_equal(send_to(&pair, other, 1372), ERR_NONE);
    assert_int_equal(received(&pair, b), 1372);
    assert_int_equal(net_set_option(pair.net[A], other, NET_OPTION_MTU_DISCOVER, 3), ERR_NONE);
    assert_int_equal(send_to(&pair, other, 1472), ERR_NONE); /* a probe */
    assert_int_equal(router.lost, 2);
    pair_pass(&pair, 601 * NET_SECOND);
    assert_int_equal(mtu_of(&pair, connected), 1500);
    router.mtu = 1500;
    assert_int_equal(send_to(&pair, connected, 1472), ERR_NONE);
    assert_int_equal(received(&pair, b), 1472);
    assert_int_equal(router.longest, 1500);
    pair_stop(&pair);
}

/* Who never sets DF is cut on the way, and hears nothing. */
static void test_without_df(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    start(&pair, &router, 1400);
    net_socket_id a = open_socket(&pair, A, 9, true), b = open_socket(&pair, B, 7, false);
    assert_int_equal(net_set_option(pair.net[A], a, NET_OPTION_MTU_DISCOVER, 0), ERR_NONE);
    assert_int_equal(send_to(&pair, a, 1472), ERR_NONE);
    assert_int_equal(received(&pair, b), 1472);
    assert_int_equal(router.lost, 0);
    pair_stop(&pair);
}

static void test_less_than_the_least(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    start(&pair, &router, 1400);
    router.told = 68;
    net_socket_id a = open_socket(&pair, A, 9, false), b = open_socket(&pair, B, 7, false);
    assert_int_equal(send_to(&pair, a, 1472), ERR_NONE);
    assert_int_equal(send_to(&pair, a, 500), ERR_NONE);
    assert_int_equal(received(&pair, b), 500);
    assert_true(!router.dont_fragment && !router.fragmented);
    assert_int_equal(send_to(&pair, a, 1472), ERR_NONE);
    assert_int_equal(received(&pair, b), 1472);
    assert_true(router.longest <= 552);
    pair_stop(&pair);
}

/* A router from before RFC 1191 says nothing: the plateau below is tried. */
static void test_without_a_size(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    start(&pair, &router, 1400);
    router.told = 0;
    net_socket_id a = open_socket(&pair, A, 9, false), b = open_socket(&pair, B, 7, false);
    assert_int_equal(send_to(&pair, a, 1472), ERR_NONE); /* 1492 is tried next */
    assert_int_equal(send_to(&pair, a, 1464), ERR_NONE); /* and 1006 */
    assert_int_equal(send_to(&pair, a, 1464), ERR_NONE);
    assert_int_equal(received(&pair, b), 1464);
    assert_int_equal(router.lost, 2);
    assert_true(router.longest <= 1006);
    pair_stop(&pair);
}

/* RFC 5927: what quotes nothing of ours is not believed. */
static void test_forgeries(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    start(&pair, &router, 1500);
    struct connected c = pair_connected(&pair, 80);
    net_socket_id a = open_socket(&pair, A, 9, true);
    struct net_endpoint local;
    assert_int_equal(net_local(pair.net[A], c.a, &local), ERR_NONE);
    uint8_t bytes[64];
    for (int i = 0; i < 5; i++) {
        struct writer writer = writer_of(bytes, sizeof bytes);
        struct ipv4_header header = {.source = i == 4 ? 0x0a000003 : 0x0a000001,
                                     .destination = 0x0a000002,
                                     .protocol = i < 2 ? IP_TCP : IP_UDP};
        ipv4_write(&writer, &header, 8);
        write_be16(&writer, i == 0 ? local.port : i == 1 ? 1 : i == 2 ? 11 : 9);
        write_be16(&writer, i < 2 ? 80 : i == 3 ? 8 : 7);
        write_be32(&writer, 12345); /* no sequence number that is on its way */
        router.told = 600;
        say(&pair, &router, writer_span(&writer));
        assert_int_equal(net_counters(pair.net[A])->ipv4_mtu_learned, 0);
    }
    assert_int_equal(mtu_of(&pair, a), 1500);
    pair_stop(&pair);
}

static void transfer(struct pair *pair, const struct connected *c, size_t length) {
    size_t done = 0, read = 0, part;
    while (read < length) {
        enum error error =
            net_send(pair->net[A], c->a, content,
                     length - done < sizeof content ? length - done : sizeof content, &part, pair->now);
        done += error == ERR_NONE ? part : 0;
        pair_pass(pair, NET_SECOND / 2);
        while (net_read(pair->net[B], c->b, got, sizeof got, &part, pair->now) == ERR_NONE && part != 0) {
            read += part;
        }
    }
}

static struct connected connect_again(struct pair *pair, net_socket_id listener) {
    struct connected c = {.listener = listener, .a = pair_connect(pair, A, 80)};
    struct net_endpoint peer;
    pair_settle(pair);
    assert_int_equal(net_accept(pair->net[B], listener, pair->owner[B], &c.b, &peer), ERR_NONE);
    return c;
}

static void test_connections(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    start(&pair, &router, 1400);
    struct connected c = pair_connected(&pair, 80);
    assert_int_equal(mtu_of(&pair, c.a), 1500);
    net_time before = pair.now;
    transfer(&pair, &c, 60000);
    assert_true(pair.now - before < 5 * NET_SECOND); /* what was too long went again at once */
    assert_int_equal(mtu_of(&pair, c.a), 1400);
    assert_int_equal(router.longest, 1400);
    assert_in_range(router.lost, 1, 12); /* the initial window, and no more */
    assert_int_equal(net_counters(pair.net[A])->tcp_timeouts, 0);
    unsigned lost = router.lost;
    struct connected second = connect_again(&pair, c.listener); /* it knows already */
    transfer(&pair, &second, 60000);
    assert_int_equal(router.lost, lost);
    /* After ten minutes both try longer ones again, one finds that they fit, one that they do not. */
    pair_pass(&pair, 601 * NET_SECOND);
    router.mtu = 1500;
    transfer(&pair, &c, 60000);
    assert_int_equal(router.longest, 1500);
    assert_int_equal(router.lost, lost);
    router.mtu = 1300;
    transfer(&pair, &second, 60000);
    assert_true(router.lost > lost);
    assert_int_equal(mtu_of(&pair, second.a), 1300);
    pair_stop(&pair);
}

/* The router does not say anything at all (a black hole), and the connection goes on nevertheless. */
static void test_black_hole(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    for (uint16_t mtu = 1100; mtu > 200; mtu -= 300) {
        start(&pair, &router, mtu);
        router.silent = true;
        struct connected c = pair_connected(&pair, 80); /* only the handshake gets through */
        transfer(&pair, &c, 20000);
        assert_int_equal(net_counters(pair.net[A])->tcp_black_holes, 1);
        assert_true(router.longest <= mtu && router.longest >= mtu / 2 - 50);
        pair_stop(&pair);
    }
}

/* It was not the path: the peer was gone for a while. Long segments come back soon. */
static void test_no_black_hole(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    start(&pair, &router, 1500);
    struct connected c = pair_connected(&pair, 80);
    transfer(&pair, &c, 100000);
    router.mtu = 20;
    router.silent = true;
    size_t done;
    assert_int_equal(net_send(pair.net[A], c.a, content, 5000, &done, pair.now), ERR_NONE);
    pair_pass(&pair, 20 * NET_SECOND);
    assert_int_equal(net_counters(pair.net[A])->tcp_black_holes, 1);
    router.mtu = 1500;
    router.longest = 0;
    pair_pass(&pair, 40 * NET_SECOND);
    assert_true(router.longest < 1100);
    while (net_read(pair.net[B], c.b, got, sizeof got, &done, pair.now) == ERR_NONE && done != 0) {
    }
    transfer(&pair, &c, 200000);
    assert_int_equal(router.longest, 1500);
    pair_stop(&pair);
}

/* One long segment is tried after two seconds, and the next after ten minutes. */
static void test_how_often_a_black_hole_is_tried(void **state) {
    (void)state;
    struct pair pair;
    struct router router;
    start(&pair, &router, 1100);
    router.silent = true;
    struct connected c = pair_connected(&pair, 80);
    transfer(&pair, &c, 200000);
    pair_pass(&pair, 3 * NET_SECOND);
    transfer(&pair, &c, 400000);
    unsigned lost = router.lost;
    for (int i = 0; i < 10; i++) {
        pair_pass(&pair, 30 * NET_SECOND);
        transfer(&pair, &c, 100000);
    }
    assert_int_equal(router.lost, lost);
    pair_pass(&pair, 600 * NET_SECOND);
    transfer(&pair, &c, 100000);
    transfer(&pair, &c, 100000);
    assert_int_equal(router.lost, lost + 1);
    router.mtu = 1500;
    pair_pass(&pair, 601 * NET_SECOND);
    transfer(&pair, &c, 100000);
    transfer(&pair, &c, 100000);
    assert_int_equal(router.longest, 1500);
    assert_int_equal(net_counters(pair.net[A])->tcp_black_holes, 1);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_without_df),
        cmocka_unit_test(test_less_than_the_least),
        cmocka_unit_test(test_without_a_size),
        cmocka_unit_test(test_forgeries),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_black_hole),
        cmocka_unit_test(test_no_black_hole),
        cmocka_unit_test(test_how_often_a_black_hole_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
