/* test_udp.c: ports, queues and turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/udp/udp.h>

enum { MEMORY = 1 << 20, SOCKETS = 3 };

static struct net_counters counters;
static struct udp udp;
static struct udp_socket socket[SOCKETS];
static struct arena arena;
static uint8_t memory[MEMORY] __attribute__((aligned(64)));
static struct random dice;
static struct udp_marks marks; /* of the last datagram that was received */

static int set_up(void **state) {
    counters = (struct net_counters){0};
    random_seed(&dice, 1, 1);
    (void)!arena_init(&arena, memory, MEMORY, 2, MEMORY / 2);
    udp_init(&udp, &arena, MEMORY / 4, &counters);
    for (int i = 0; i < SOCKETS; i++) {
        udp_open(&socket[i], 1);
    }
    return 0;
}

static int tear_down(void **state) {
    for (int i = 0; i < SOCKETS; i++) {
        udp_close(&udp, &socket[i]);
    }
    return list_is_empty(&udp.sending) && arena.used == 0 && udp.used == 0 ? 0 : -1;
}

static struct net_endpoint at(uint32_t address, uint16_t port) {
    struct net_endpoint endpoint = {.port = port};
    if (address != 0) {
        endpoint.address = net_ipv4(address);
    }
    return endpoint;
}

static enum error bind(int i, uint32_t address, uint16_t port) {
    struct net_endpoint local = at(address, port);
    return udp_bind(&udp, &socket[i], &local, false, &dice);
}

static enum error connect(int i, uint32_t address, uint16_t port) {
    struct net_endpoint peer = at(address, port);
    return udp_connect(&udp, &socket[i], &peer, &dice);
}

static struct udp_socket *arrive(uint32_t from, uint16_t from_port, uint32_t to, uint16_t port,
                                 const char *text) {
    struct udp_arrival arrival = {
        at(from, from_port), at(to, port), span_of(text, strlen(text)), 0, 63, 4, false};
    return udp_input(&udp, &arrival);
}

/* One owner's sockets share a port: each pair of ends keeps to one of them, all get their part, and who goes
 * takes only his own part with him. A stranger is kept out. */
static void a_port_is_shared_by_hash(void **state) {
    struct udp_socket *first[100];
    unsigned count[SOCKETS] = {0};
    for (int i = 0; i < SOCKETS; i++) {
        socket[i].reuse_port = true;
    }
    socket[2].owner = 0;
    assert_int_equal(bind(0, 0, 53), ERR_NONE);
    assert_int_equal(bind(1, 0, 53), ERR_NONE);
    assert_int_equal(bind(2, 0, 53), ERR_ADDRESS_IN_USE);
    socket[2].owner = 1;
    assert_int_equal(bind(2, 0, 53), ERR_NONE);
    for (uint16_t i = 0; i < 100; i++) {
        first[i] = arrive(9, (uint16_t)(1000 + i), 1, 53, "x");
        assert_ptr_equal(arrive(9, (uint16_t)(1000 + i), 1, 53, "x"), first[i]);
        count[first[i] - socket]++;
    }
    for (int i = 0; i < SOCKETS; i++) {
        assert_in_range(count[i], 15, 55);
    }
    udp_close(&udp, &socket[1]);
    for (uint16_t i = 0; i < 100; i++) {
        struct udp_socket *now = arrive(9, (uint16_t)(1000 + i), 1, 53, "x");
        assert_true(first[i] == &socket[1] ? now != NULL && now != &socket[1] : now == first[i]);
    }
}

static void the_best_fit_gets_the_datagram(void **state) {
    struct net_endpoint one = at(1, 53), all = at(0, 53);
    assert_int_equal(udp_bind(&udp, &socket[0], &all, true, &dice), ERR_NONE);
    assert_ptr_equal(arrive(9, 9, 1, 53, "x"), &socket[0]);
    assert_null(arrive(9, 9, 1, 54, "x"));
    assert_null(arrive(9, 9, 1, 53 + UDP_BUCKETS, "x")); /* same bucket, other port */
    assert_int_equal(bind(1, 1, 53), ERR_ADDRESS_IN_USE);
    assert_int_equal(udp_bind(&udp, &socket[1], &one, true, &dice), ERR_NONE);
    assert_ptr_equal(arrive(9, 9, 1, 53, "x"), &socket[1]);
    assert_ptr_equal(arrive(9, 9, 2, 53, "x"), &socket[0]);
    assert_int_equal(udp_bind(&udp, &socket[2], &all, true, &dice), ERR_NONE);
    assert_int_equal(connect(2, 7, 70), ERR_NONE);
    assert_ptr_equal(arrive(7, 70, 1, 53, "x"), &socket[2]);
    assert_ptr_equal(arrive(7, 71, 1, 53, "x"), &socket[1]);
    assert_int_equal(udp_bind(&udp, &socket[0], &all, true, &dice), ERR_INVALID);
}

static void a_port_is_shared_only_if_all_allow_it(void **state) {
    struct net_endpoint one = at(1, 53), all = at(0, 53);
    assert_int_equal(udp_bind(&udp, &socket[0], &all, false, &dice), ERR_NONE);
    assert_int_equal(udp_bind(&udp, &socket[1], &one, true, &dice), ERR_ADDRESS_IN_USE);
    assert_int_equal(udp_bind(&udp, &socket[1], &all, true, &dice), ERR_ADDRESS_IN_USE);
    udp_close(&udp, &socket[0]);
    assert_int_equal(udp_bind(&udp, &socket[1], &one, true, &dice), ERR_NONE);
    assert_int_equal(udp_bind(&udp, &socket[2], &one, false, &dice), ERR_ADDRESS_IN_USE);
    assert_int_equal(udp_bind(&udp, &socket[2], &one, true, &dice), ERR_NONE);
}

static void datagrams_keep_their_bounds_and_senders(void **state) {
    char text[16];
    size_t length;
    bool truncated;
    struct net_endpoint peer;
    assert_int_equal(bind(0, 0, 53), ERR_NONE);
    assert_int_equal(udp_receive(&udp, &socket[0], text, 16, true, &length, &truncated, &peer, &marks),
                     ERR_WOULD_BLOCK);
    assert_false(udp_has_data(&socket[0]));
    arrive(7, 70, 1, 53, "first");
    arrive(8, 80, 1, 53, "");
    arrive(9, 90, 1, 53, "third");
    assert_true(udp_has_data(&socket[0]));
    for (int taken = 0; taken < 2; taken++) { /* peeked, then taken */
        assert_int_equal(udp_receive(&udp, &socket[0], text, 16, taken, &length, &truncated, &peer, &marks),
                         ERR_NONE);
        assert_int_equal(length, 5);
        assert_memory_equal(text, "first", 5);
        assert_int_equal(net_ipv4_value(&peer.address), 7);
        assert_int_equal(peer.port, 70);
        assert_int_equal(net_ipv4_value(&marks.address), 1);
        assert_int_equal(marks.interface, NET_LINK(0));
        assert_int_equal(marks.ttl, 63);
        assert_int_equal(marks.tos, 4);
        assert_false(truncated);
    }
    assert_int_equal(udp_receive(&udp, &socket[0], text, 16, true, &length, &truncated, &peer, &marks),
                     ERR_NONE);
    assert_int_equal(length, 0);
    assert_int_equal(udp_receive(&udp, &socket[0], text, 3, true, &length, &truncated, &peer, &marks),
                     ERR_NONE);
    assert_int_equal(length, 3);
    assert_true(truncated);
    assert_int_equal(udp_receive(&udp, &socket[0], text, 16, true, &length, &truncated, &peer, &marks),
                     ERR_WOULD_BLOCK);
}

/* One more is taken as long as the limit is not passed; then as many are lost as come. */
static void a_full_queue_drops_and_counts(void **state) {
    assert_int_equal(bind(0, 0, 53), ERR_NONE);
    char long_text[101] = {0}, text[200];
    size_t length;
    bool truncated;
    struct net_endpoint peer;
    memset(long_text, 'x', 100);
    uint32_t cost = (uint32_t)arena_cost(sizeof(struct udp_message) + 100);
    socket[0].receive.limit = 4 * cost;
    for (uint32_t i = 0; i < 5 + 2; i++) {
        assert_ptr_equal(arrive(7, 70, 1, 53, long_text), &socket[0]);
        assert_int_equal(counters.udp_queue_full, i < 5 ? 0 : i - 4);
    }
    assert_int_equal(socket[0].receive.length, 500);
    assert_int_equal(socket[0].receive.used, 5 * cost);
    assert_int_equal(udp_receive(&udp, &socket[0], text, 200, true, &length, &truncated, &peer, &marks),
                     ERR_NONE);
    assert_ptr_equal(arrive(7, 70, 1, 53, long_text), &socket[0]);
    assert_int_equal(counters.udp_queue_full, 2);
}

/* All sockets together leave room for others, and an owner stays within its budget. */
static void memory_is_bounded(void **state) {
    static char large[8001];
    memset(large, 'x', 8000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bind(i, 0, (uint16_t)(53 + i)), ERR_NONE);
        socket[i].receive.limit = MEMORY;
    }
    for (int i = 0; i < 200; i++) {
        (void)arrive(7, 70, 1, (uint16_t)(53 + i % 2), large);
    }
    assert_in_range(udp.used, MEMORY / 4, MEMORY / 4 + 2 * 16384);
    assert_true(counters.udp_queue_full > 100);
    udp.most = MEMORY;
    for (int i = 0; i < 200; i++) {
        (void)arrive(7, 70, 1, 53, large);
    }
    assert_true(arena.charged[1] <= MEMORY / 2);
    assert_true(counters.udp_queue_full > 200);
}

static void the_longest_datagram(void **state) {
    static char large[UDP_PAYLOAD_MAX + 1], got[UDP_PAYLOAD_MAX + 1];
    struct net_endpoint peer = at(7, 70), from;
    struct udp_output output;
    size_t length;
    bool truncated;
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (char)(i * 5 + i / 250);
    }
    socket[0].send.limit = socket[0].receive.limit = 256; /* the first one always fits */
    assert_int_equal(bind(0, 0, 53), ERR_NONE);
    assert_int_equal(udp_send(&udp, &socket[0], large, sizeof large, &peer, &UDP_UNMARKED), ERR_MESSAGE_SIZE);
    assert_int_equal(udp_send(&udp, &socket[0], large, UDP_PAYLOAD_MAX, &peer, &UDP_UNMARKED), ERR_NONE);
    assert_int_equal(udp_send(&udp, &socket[0], large, 1, &peer, &UDP_UNMARKED), ERR_WOULD_BLOCK);
    assert_true(udp_next(&udp, &output));
    assert_int_equal(output.payload.length, UDP_PAYLOAD_MAX);
    assert_memory_equal(output.payload.data, large, UDP_PAYLOAD_MAX);
    struct udp_arrival arrival = {peer, at(1, 53), output.payload, 0, 63, 0, false};
    assert_ptr_equal(udp_input(&udp, &arrival), &socket[0]);
    udp_sent(&udp, &output, ERR_NONE);
    assert_int_equal(udp_receive(&udp, &socket[0], got, sizeof got, true, &length, &truncated, &from, &marks),
                     ERR_NONE);
    assert_int_equal(length, UDP_PAYLOAD_MAX);
    assert_false(truncated);
    assert_memory_equal(got, large, UDP_PAYLOAD_MAX);
}

static void ephemeral_ports_differ(void **state) {
    assert_int_equal(bind(0, 0, 0), ERR_NONE);
    assert_int_equal(bind(1, 0, 0), ERR_NONE);
    assert_true(socket[0].local.port >= UDP_EPHEMERAL_FIRST);
    assert_int_not_equal(socket[0].local.port, socket[1].local.port);
}

static void sending_needs_a_peer_and_room(void **state) {
    static char big[100000];
    struct net_endpoint peer = at(7, 70);
    struct udp_output output;
    assert_int_equal(bind(0, 0, 53), ERR_NONE);
    socket[0].send.limit = 1024;
    assert_int_equal(udp_send(&udp, &socket[0], "x", 1, NULL, &UDP_UNMARKED), ERR_DESTINATION_REQUIRED);
    assert_true(udp_has_space(&socket[0]));
    assert_int_equal(udp_send(&udp, &socket[0], big, 300, &peer, &UDP_UNMARKED), ERR_NONE);
    assert_true(udp_has_space(&socket[0])); /* 512 are half */
    assert_int_equal(udp_send(&udp, &socket[0], big, 300, &peer, &UDP_UNMARKED), ERR_NONE);
    assert_false(udp_has_space(&socket[0]));
    assert_int_equal(udp_send(&udp, &socket[0], big, 300, &peer, &UDP_UNMARKED), ERR_WOULD_BLOCK);
    assert_true(udp_next(&udp, &output));
    udp_sent(&udp, &output, ERR_NONE);
    assert_true(udp_has_space(&socket[0]));
    socket[0].send.limit = 2 * MEMORY;
    enum error error = ERR_NONE;
    while (error == ERR_NONE) {
        error = udp_send(&udp, &socket[0], big, 60000, &peer, &UDP_UNMARKED);
    }
    assert_int_equal(error, ERR_QUOTA);
}

static void sockets_take_turns(void **state) {
    struct udp_output output;
    assert_false(udp_next(&udp, &output));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(connect(i, 7, 70), ERR_NONE);
        assert_int_equal(udp_send(&udp, &socket[i], "ab", 2, NULL, &UDP_UNMARKED), ERR_NONE);
        assert_int_equal(udp_send(&udp, &socket[i], "cd", 2, NULL, &UDP_UNMARKED), ERR_NONE);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(udp_next(&udp, &output));
        assert_ptr_equal(output.socket, &socket[i % 2]);
        assert_int_equal(output.peer.port, 70);
        assert_int_equal(output.payload.length, 2);
        assert_memory_equal(output.payload.data, i < 2 ? "ab" : "cd", 2);
        udp_sent(&udp, &output, ERR_NONE);
    }
    assert_false(udp_next(&udp, &output));
    assert_int_equal(counters.udp_out, 4);
    assert_int_equal(socket[0].send.used, 0);
}

static void who_waits_for_a_neighbour_holds_up_nobody_else(void **state) {
    struct udp_output output;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(connect(i, 7, 70), ERR_NONE);
        assert_int_equal(udp_send(&udp, &socket[i], "ab", 2, NULL, &UDP_UNMARKED), ERR_NONE);
    }
    assert_true(udp_next(&udp, &output));
    udp_wait(&udp, &output);
    assert_true(udp_next(&udp, &output));
    assert_ptr_equal(output.socket, &socket[1]);
    udp_sent(&udp, &output, ERR_NONE);
    assert_false(udp_next(&udp, &output));
    udp_wake(&udp);
    assert_true(udp_next(&udp, &output));
    udp_sent(&udp, &output, ERR_HOST_UNREACHABLE);
    assert_int_equal(udp_send(&udp, &socket[0], "x", 1, NULL, &UDP_UNMARKED), ERR_HOST_UNREACHABLE);
    assert_int_equal(udp_send(&udp, &socket[0], "x", 1, NULL, &UDP_UNMARKED), ERR_NONE); /* reported once */
}

static void errors_reach_connected_sockets_only(void **state) {
    char text[4];
    size_t length;
    bool truncated;
    struct net_endpoint peer = at(7, 70), local, from;
    assert_int_equal(connect(0, 7, 70), ERR_NONE);
    local = at(1, socket[0].local.port);
    assert_ptr_equal(udp_report(&udp, &local, &peer, ERR_REFUSED), &socket[0]);
    assert_int_equal(udp_receive(&udp, &socket[0], text, 4, true, &length, &truncated, &from, &marks),
                     ERR_REFUSED);
    assert_int_equal(udp_receive(&udp, &socket[0], text, 4, true, &length, &truncated, &from, &marks),
                     ERR_WOULD_BLOCK);
    assert_int_equal(bind(1, 0, 53), ERR_NONE);
    local = at(1, 53);
    assert_null(udp_report(&udp, &local, &peer, ERR_REFUSED));
    assert_int_equal(connect(0, 0, 0), ERR_NONE); /* disconnected */
    assert_int_equal(udp_send(&udp, &socket[0], "x", 1, NULL, &UDP_UNMARKED), ERR_DESTINATION_REQUIRED);
}

static void closing_forgets_what_was_to_be_sent(void **state) {
    struct udp_output output;
    assert_int_equal(connect(0, 7, 70), ERR_NONE);
    assert_int_equal(udp_send(&udp, &socket[0], "ab", 2, NULL, &UDP_UNMARKED), ERR_NONE);
    uint16_t port = socket[0].local.port;
    udp_close(&udp, &socket[0]);
    assert_false(udp_next(&udp, &output));
    assert_null(arrive(7, 70, 1, port, "x"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_port_is_shared_by_hash),
        TEST(the_best_fit_gets_the_datagram),
        TEST(a_port_is_shared_only_if_all_allow_it),
        TEST(datagrams_keep_their_bounds_and_senders),
        TEST(a_full_queue_drops_and_counts),
        TEST(memory_is_bounded),
        TEST(the_longest_datagram),
        TEST(ephemeral_ports_differ),
        TEST(sending_needs_a_peer_and_room),
        TEST(sockets_take_turns),
        TEST(who_waits_for_a_neighbour_holds_up_nobody_else),
        TEST(errors_reach_connected_sockets_only),
        TEST(closing_forgets_what_was_to_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
