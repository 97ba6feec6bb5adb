/* test_forward.c: a router between two networks: A - (10.0.1.0/24) - R - (10.0.2.0/24) - B. */
#include <net/net.h>
#include <net/wire/ethernet.h>
#include <net/wire/igmp.h>
#include <net/wire/ipv4.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY (4u << 20)
#define FRAME  (14 + 65535)
#define HOST_A 0x0a000101u
#define HOST_B 0x0a000201u
#define VIA_A  0x0a0001feu /* R towards A */
#define VIA_B  0x0a0002feu /* R towards B */

enum { A, R, B, NODES };

static struct net *net[NODES];
static void *memory[NODES];
static net_owner owner[NODES];
static net_time now;
static struct net_config to_b; /* R's second link */
static uint8_t bytes[FRAME];
static unsigned carried[2]; /* frames on each network */
static unsigned reports[2]; /* of IGMP among them */
static uint8_t ttl;         /* of the last packet for B on its network */

static struct net_config config_of(int node) {
    static const uint32_t address[NODES] = {HOST_A, VIA_A, HOST_B}, gateway[NODES] = {VIA_A, 0, VIA_B};
    struct net_config config = {.mac = {2, 0, 0, 0, 0, (uint8_t)(node + 1)},
                                .mtu = 1500,
                                .address = net_ipv4(address[node]),
                                .prefix_length = 24,
                                .interfaces_max = node == R ? 2 : 1,
                                .forward = node == R,
                                .sockets_max = 64,
                                .owner_budget = 2u << 20,
                                .seed = {(uint64_t)node + 7, 99}};
    if (gateway[node] != 0) {
        config.gateway = net_ipv4(gateway[node]);
    }
    return config;
}

static void start_node(int node, const struct net_config *config) {
    memory[node] = aligned_alloc(64, MEMORY);
    assert_int_equal(net_init(&net[node], config, memory[node], MEMORY, now), ERR_NONE);
    assert_int_equal(net_owner_open(net[node], &owner[node]), ERR_NONE);
}

static void start_router(const struct net_config *config) {
    struct net_address address = net_ipv4(VIA_B);
    start_node(R, config);
    assert_int_equal(net_address_add(net[R], 1, &address, 24, now),
                     ERR_INVALID); /* there is no such link yet */
    assert_int_equal(net_interface_link(net[R], 1, &to_b, true, now), ERR_NONE);
    assert_int_equal(net_interface_link(net[R], 2, &to_b, true, now), ERR_INVALID);
    assert_int_equal(net_address_add(net[R], 1, &address, 24, now), ERR_NONE);
}

static int set_up(void **state) {
    (void)state;
    struct net_config a = config_of(A), r = config_of(R), b = config_of(B);
    now = 1000000;
    to_b = config_of(R);
    to_b.mac[4] = 9;
    memset(carried, 0, sizeof carried);
    memset(reports, 0, sizeof reports);
    start_node(A, &a);
    start_router(&r);
    start_node(B, &b);
    return 0;
}

/* ---- The two cables ---- */

static int network_of(int node, uint8_t interface) {
    return node == A ? 0 : node == B ? 1 : interface;
}

static void look(int network, const struct net_slot *slot) {
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct span packet, payload;
    carried[network]++;
    assert_int_equal(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet), ERR_NONE);
    if (ethernet.type != ETHER_IPV4) {
        return;
    }
    assert_int_equal(ipv4_parse(packet, &ipv4, &payload), ERR_NONE);
    assert_true(ipv4_checksum_good(packet));
    reports[network] += ipv4.protocol == IP_IGMP;
    if (network == 1 && ipv4.destination == HOST_B) {
        ttl = ipv4.ttl;
        assert_true(slot->gso_size != 0 || payload.length + IPV4_HEADER <= to_b.mtu);
    }
}

static void carry(int from, const struct net_slot *slot) {
    int network = network_of(from, slot->interface);
    look(network, slot);
    int others[2] = {network == 0 ? A : B, R};
    for (int i = 0; i < 2; i++) {
        struct net_frame frame = {slot->data, slot->length, slot->checksum_offset != 0, slot->gso_size, 0};
        frame.interface = others[i] == R ? (uint8_t)network : 0;
        if (others[i] != from) {
            net_receive(net[others[i]], &frame, now);
        }
    }
}

static void settle(void) {
    bool moved = true;
    for (int steps = 0; moved; steps++) {
        moved = false;
        assert_true(steps < 200000);
        for (int node = 0; node < NODES; node++) {
            struct net_slot slot = {.data = bytes, .capacity = sizeof bytes};
            if (net_transmit(net[node], &slot, now)) {
                moved = true;
                carry(node, &slot);
            }
        }
    }
}

static void pass(net_time duration) {
    net_time until = now + duration;
    settle();
    for (;;) {
        net_time next = NET_NEVER;
        for (int node = 0; node < NODES; node++) {
            next = net_time_min(next, net_deadline(net[node]));
        }
        if (next > until) {
            break;
        }
        now = next > now ? next : now;
        settle();
    }
    now = until;
}

/* Nothing is left anywhere. */
static int tear_down(void **state) {
    (void)state;
    for (int node = 0; node < NODES; node++) {
        net_owner_close(net[node], owner[node], now);
    }
    pass(200 * NET_SECOND);
    for (int node = 0; node < NODES; node++) {
        struct net_usage usage;
        net_usage(net[node], &usage);
        assert_int_equal(usage.arena_used, 0);
        free(memory[node]);
    }
    return 0;
}

/* ---- Sockets ---- */

static net_socket_id bound(int node, uint16_t port) {
    net_socket_id socket;
    struct net_endpoint local = {.port = port};
    assert_int_equal(net_open(net[node], NET_DATAGRAM, owner[node], &socket), ERR_NONE);
    assert_int_equal(net_set_option(net[node], socket, NET_OPTION_BROADCAST, 1), ERR_NONE);
    assert_int_equal(net_bind(net[node], socket, &local), ERR_NONE);
    return socket;
}

static void say(int node, net_socket_id from, uint32_t to, size_t length) {
    static uint8_t text[60000] = {'x'};
    struct net_endpoint peer = {net_ipv4(to), 9};
    assert_int_equal(net_send_to(net[node], from, text, length, &peer, now), ERR_NONE);
}

/* The length of the datagram that waits there; 0: none does. */
static size_t heard(int node, net_socket_id socket) {
    static uint8_t text[60000];
    size_t done = 0;
    uint32_t flags = 0;
    struct net_endpoint peer;
    return net_receive_from(net[node], socket, text, sizeof text, &flags, &done, &peer) == ERR_NONE ? done
                                                                                                    : 0;
}

/* What a datagram to there brings back; `wait`: for so long. */
static enum error answer_to(uint32_t to, int64_t hops, net_time wait) {
    struct net_endpoint peer = {net_ipv4(to), 9};
    net_socket_id socket;
    assert_int_equal(net_open(net[A], NET_DATAGRAM, owner[A], &socket), ERR_NONE);
    assert_int_equal(net_connect(net[A], socket, &peer, now), ERR_NONE);
    assert_int_equal(net_set_option(net[A], socket, NET_OPTION_TTL, hops), ERR_NONE);
    assert_int_equal(net_send_to(net[A], socket, "x", 1, NULL, now), ERR_NONE);
    pass(wait);
    enum error error = net_take_error(net[A], socket);
    assert_int_equal(net_close(net[A], socket, now), ERR_NONE);
    return error;
}

/* Moves `total` bytes from A to B, and compares them. */
static void transfer(size_t total) {
    struct net_endpoint server = {net_ipv4(HOST_B), 80}, local = {.port = 80}, peer;
    net_socket_id listener, a, b = 0;
    size_t sent = 0, got = 0, done;
    assert_int_equal(net_open(net[B], NET_STREAM, owner[B], &listener), ERR_NONE);
    assert_int_equal(net_bind(net[B], listener, &local), ERR_NONE);
    assert_int_equal(net_listen(net[B], listener, 1), ERR_NONE);
    assert_int_equal(net_open(net[A], NET_STREAM, owner[A], &a), ERR_NONE);
    assert_int_equal(net_connect(net[A], a, &server, now), ERR_IN_PROGRESS);
    for (int round = 0; got < total; round++) {
        uint8_t piece[1000];
        assert_true(round < 100000);
        for (size_t i = 0; i < sizeof piece; i++) {
            piece[i] = (uint8_t)((sent + i) * 7 >> 3);
        }
        if (sent < total && net_send(net[A], a, piece, sizeof piece, &done, now) == ERR_NONE) {
            sent += done;
        }
        settle();
        if (b == 0 && net_accept(net[B], listener, owner[B], &b, &peer) != ERR_NONE) {
            b = 0;
        }
        while (b != 0 && net_read(net[B], b, piece, sizeof piece, &done, now) == ERR_NONE && done > 0) {
            for (size_t i = 0; i < done; i++, got++) {
                assert_int_equal(piece[i], (uint8_t)(got * 7 >> 3));
            }
        }
        pass(1000);
    }
}

/* ---- Tests ---- */

static void test_datagrams_pass(void **state) {
    net_socket_id a = bound(A, 8), b = bound(B, 9);
    struct net_interface link;
    say(A, a, HOST_B, 100);
    settle();
    assert_int_equal(heard(B, b), 100);
    assert_int_equal(ttl, IPV4_TTL - 1);
    assert_int_equal(net_counters(net[R])->ipv4_forwarded, 1);
    assert_true(net_interface_at(net[R], 1, &link));
    assert_true(link.bound && link.frames_in > 0 && link.frames_out > 0);
    assert_int_equal(net_ipv4_value(&link.address), VIA_B);
    assert_false(net_interface_at(net[R], 2, &link));
}

/* A header and nothing behind it is a packet too. */
static void test_nothing_but_a_header(void **state) {
    uint8_t frame[ETHERNET_HEADER + IPV4_HEADER];
    struct writer writer = writer_of(frame, sizeof frame);
    struct ipv4_header header = {.source = HOST_A, .destination = HOST_B, .protocol = 99, .ttl = 9};
    struct net_interface link;
    say(A, bound(A, 8), HOST_B, 1); /* who is where, is known from here on */
    settle();
    assert_true(net_interface_at(net[R], 0, &link));
    ethernet_write(&writer, &(struct ethernet_header){mac_of(link.mac), {{2, 0, 0, 0, 0, 0x77}}, ETHER_IPV4});
    ipv4_write(&writer, &header, 0);
    assert_false(writer.failed);
    ttl = 0;
    net_receive(net[R], &(struct net_frame){.data = frame, .length = sizeof frame}, now);
    settle();
    assert_int_equal(ttl, 8);
}

static void test_off_unless_asked_for(void **state) {
    net_socket_id a = bound(A, 8), b = bound(B, 9);
    net_set_forwarding(net[R], false);
    say(A, a, HOST_B, 100);
    settle();
    assert_int_equal(heard(B, b), 0);
    assert_int_equal(net_counters(net[R])->ipv4_not_ours, 1);
    net_set_forwarding(net[R], true);
    say(A, a, HOST_B, 100);
    settle();
    assert_int_equal(heard(B, b), 100);
}

static void test_streams_pass(void **state) {
    transfer(200000);
}

/* A leaves its sums to the device; R's device vouches for them, but B's looks. */
static void test_sums_are_made_whole(void **state) {
    struct net_config config = config_of(A);
    config.checksum_out = true;
    assert_int_equal(net_link(net[A], &config, true, now), ERR_NONE);
    transfer(20000);
    assert_int_equal(net_counters(net[B])->tcp_checksum, 0);
}

/* What the device has merged cannot be passed on whole. */
static void test_merged_frames_are_counted(void **state) {
    net_socket_id a = bound(A, 8), b = bound(B, 9);
    struct net_slot slot = {.data = bytes, .capacity = sizeof bytes};
    say(A, a, HOST_B, 1);
    settle();
    assert_int_equal(heard(B, b), 1);
    say(A, a, HOST_B, 1);
    assert_true(net_transmit(net[A], &slot, now));
    struct net_frame frame = {slot.data, slot.length, true, 1448, 0};
    net_receive(net[R], &frame, now);
    settle();
    assert_int_equal(net_counters(net[R])->ipv4_forward_merged, 1);
    assert_int_equal(heard(B, b), 0);
}

static void test_senders_are_told(void **state) {
    assert_int_equal(answer_to(HOST_B, 2, NET_SECOND), ERR_REFUSED);          /* it got there */
    assert_int_equal(answer_to(HOST_B, 1, NET_SECOND), ERR_HOST_UNREACHABLE); /* it did not */
    assert_int_equal(answer_to(0x0b000001, 64, NET_SECOND), ERR_NET_UNREACHABLE);
    assert_int_equal(answer_to(0x0a000263, 64, 5 * NET_SECOND),
                     ERR_HOST_UNREACHABLE); /* nobody answers ARP */
    assert_int_equal(net_counters(net[R])->ipv4_forward_refused, 3);
    assert_int_equal(answer_to(VIA_B, 64, NET_SECOND), ERR_REFUSED); /* R's far address is R all the same */
}

/* Whoever's turn it is when a packet is given up, the error goes out then and does not wait for what comes
 * next. */
static void test_errors_go_out_at_once(void **state) {
    net_socket_id a = bound(A, 8), b = bound(B, 9);
    (void)state;
    for (uint32_t turn = 0; turn < 12; turn++) {
        for (uint32_t i = 0; i < turn; i++) {
            say(A, a, HOST_B, 1);
            settle();
            assert_int_equal(heard(B, b), 1);
        }
        assert_int_equal(answer_to(0x0a000270 + turn, 64, 5 * NET_SECOND), ERR_HOST_UNREACHABLE);
    }
}

static void test_a_link_that_is_down(void **state) {
    net_socket_id a = bound(A, 8), b = bound(B, 9);
    assert_int_equal(answer_to(0x0a000263, 64, 0), ERR_NONE); /* it waits for ARP */
    assert_int_equal(net_interface_link(net[R], 1, &to_b, false, now), ERR_NONE);
    assert_int_equal(answer_to(HOST_B, 64, NET_SECOND), ERR_NET_UNREACHABLE);
    net_socket_id r = bound(R, 8);
    say(R, r, HOST_B, 10); /* nor does the router itself get through */
    settle();
    assert_int_equal(net_counters(net[R])->ipv4_no_way, 1);
    assert_int_equal(net_take_error(net[R], r), ERR_NET_UNREACHABLE);
    assert_int_equal(answer_to(VIA_A, 64, NET_SECOND), ERR_REFUSED); /* the other link goes on */
    assert_int_equal(net_interface_link(net[R], 1, &to_b, true, now), ERR_NONE);
    say(A, a, HOST_B, 10);
    settle();
    assert_int_equal(heard(B, b), 10);
}

static void test_what_stays_on_its_network(void **state) {
    net_socket_id a = bound(A, 8), r = bound(R, 9), b = bound(B, 9);
    struct net_membership membership = {.group = net_ipv4(0xef010203)};
    static const uint32_t targets[] = {0x0a0002ff, 0xffffffff, 0x0a0001ff, 0xef010203};
    assert_int_equal(net_change_group(net[B], b, NET_GROUP_JOIN, &membership, now), ERR_NONE);
    assert_int_equal(net_change_group(net[R], r, NET_GROUP_JOIN, &membership, now), ERR_NONE);
    pass(5 * NET_SECOND);
    assert_int_equal(net_set_option(net[A], a, NET_OPTION_MULTICAST_TTL, 9), ERR_NONE);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        say(A, a, targets[i], 10);
        settle();
        assert_int_equal(heard(R, r), 10); /* R is meant, too */
        assert_int_equal(heard(B, b), 0);
    }
    assert_int_equal(net_counters(net[R])->ipv4_forwarded, 0);
}

static void limit_mtu(uint16_t mtu) {
    struct net_config b = config_of(B);
    to_b.mtu = b.mtu = mtu;
    assert_int_equal(net_interface_link(net[R], 1, &to_b, true, now), ERR_NONE);
    assert_int_equal(net_link(net[B], &b, true, now), ERR_NONE);
}

static void test_long_packets_are_cut(void **state) {
    net_socket_id a = bound(A, 8), b = bound(B, 9);
    limit_mtu(576);
    assert_int_equal(net_set_option(net[A], a, NET_OPTION_MTU_DISCOVER, 0), ERR_NONE);
    say(A, a, HOST_B, 1400);
    settle();
    assert_int_equal(heard(B, b), 1400);
    say(A, a, HOST_B, 9000); /* cut by A, and its pieces again by R */
    settle();
    assert_int_equal(heard(B, b), 9000);
}

static void test_path_mtu_is_told(void **state) {
    to_b.mtu = 600; /* B does not know */
    assert_int_equal(net_interface_link(net[R], 1, &to_b, true, now), ERR_NONE);
    transfer(50000);
    assert_true(net_counters(net[R])->ipv4_forward_refused > 0);
}

/* Packets that wait for ARP are bounded, and all their memory comes back (see tear_down). */
static void test_the_queue_is_bounded(void **state) {
    net_socket_id a = bound(A, 8);
    for (uint32_t i = 0; i < 1000; i++) {
        say(A, a, 0x0a000263, 100);
        settle();
    }
    assert_true(net_counters(net[R])->ipv4_forward_full > 500);
    net_socket_id b = bound(B, 9);
    pass(10 * NET_SECOND);
    say(A, a, HOST_B, 10);
    settle();
    assert_int_equal(heard(B, b), 10);
}

/* The router itself as a host: each network is reached over its own link, from its own address. */
static void test_the_router_speaks_to_both(void **state) {
    net_socket_id a = bound(A, 9), r = bound(R, 8), b = bound(B, 9);
    struct net_membership far = {.group = net_ipv4(0xef010203), .interface = net_ipv4(VIA_B)};
    struct net_neighbour neighbour;
    uint32_t cursor = 0, seen[2] = {0, 0};
    say(R, r, HOST_A, 10);
    say(R, r, HOST_B, 20);
    settle();
    assert_int_equal(heard(A, a), 10);
    assert_int_equal(heard(B, b), 20);
    while (net_neighbour_next(net[R], &cursor, &neighbour)) {
        seen[neighbour.interface]++;
        assert_int_equal(net_ipv4_value(&neighbour.address), neighbour.interface == 0 ? HOST_A : HOST_B);
    }
    assert_true(seen[0] == 1 && seen[1] == 1);
    pass(10 * NET_SECOND);
    assert_int_equal(net_change_group(net[R], r, NET_GROUP_JOIN, &far, now), ERR_NONE);
    pass(5 * NET_SECOND);
    assert_true(reports[0] == 0 && reports[1] == 2); /* only that network hears of it */
    struct net_membership by_number = {.group = net_ipv4(0xef010204), .interface = net_ipv4(VIA_A)};
    static const uint32_t nowhere[] = {NET_LOOPBACK, NET_LINK(2), NET_LINK(3), 256 + NET_LINK(1), UINT32_MAX};
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        by_number.link = nowhere[i];
        assert_int_equal(net_change_group(net[R], r, NET_GROUP_JOIN, &by_number, now), ERR_NOT_FOUND);
    }
    by_number.link = NET_LINK(1); /* which counts more than the address */
    assert_int_equal(net_change_group(net[R], r, NET_GROUP_JOIN, &by_number, now), ERR_NONE);
    pass(5 * NET_SECOND);
    assert_true(reports[0] == 0 && reports[1] == 4);
    assert_int_equal(net_set_option(net[R], r, NET_OPTION_MULTICAST_IF, VIA_B), ERR_NONE);
    assert_int_equal(
        net_change_group(net[B], b, NET_GROUP_JOIN, &(struct net_membership){.group = far.group}, now),
        ERR_NONE);
    say(R, r, 0xef010203, 30);
    settle();
    assert_int_equal(heard(B, b), 30);
}

static void test_addresses_belong_to_links(void **state) {
    struct net_address far = net_ipv4(VIA_B);
    struct net_own_address own;
    struct net_route route = {
        .destination = net_ipv4(0x0a090000), .prefix_length = 16, .gateway = net_ipv4(HOST_B)};
    uint32_t cursor = 0, links = 0;
    assert_int_equal(net_route_add(net[R], &route, now), ERR_NONE);
    while (net_route_next(net[R], &cursor, &route)) {
        links += route.interface == 1;
    }
    assert_int_equal(links, 2); /* to the network, and the one through B */
    for (cursor = 0; net_address_next(net[R], &cursor, &own);) {
        assert_int_equal(own.interface, net_ipv4_value(&own.address) == VIA_B);
    }
    assert_int_equal(net_address_remove(net[R], &far, now), ERR_NONE);
    for (cursor = 0; net_route_next(net[R], &cursor, &route);) {
        assert_int_equal(route.interface, 0);
    }
    assert_int_equal(answer_to(HOST_B, 64, NET_SECOND), ERR_NET_UNREACHABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_datagrams_pass),
        TEST(test_nothing_but_a_header),
        TEST(test_off_unless_asked_for),
        TEST(test_streams_pass),
        TEST(test_sums_are_made_whole),
        TEST(test_merged_frames_are_counted),
        TEST(test_senders_are_told),
        TEST(test_errors_go_out_at_once),
        TEST(test_a_link_that_is_down),
        TEST(test_what_stays_on_its_network),
        TEST(test_long_packets_are_cut),
        TEST(test_path_mtu_is_told),
        TEST(test_the_queue_is_bounded),
        TEST(test_the_router_speaks_to_both),
        TEST(test_addresses_belong_to_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
