/* test_edges.c: where things end: configurations that make no sense, tables that are full, memory and ports
 * that are used up, calls at the wrong time. Each is an error value, and nothing is lost by it. */
#include "pair.h"

#define MEMORY (4u << 20)

/* ---- Configurations ---- */

static enum error try_config(const struct net_config *config, size_t size, size_t skew) {
    uint8_t *memory = aligned_alloc(64, MEMORY);
    struct net *net;
    enum error error = net_init(&net, config, memory + skew, size, 0);
    free(memory);
    return error;
}

static void test_configurations(void **state) {
    static const struct {
        uint16_t mtu;
        uint8_t prefix_length;
        uint32_t sockets_max, send_buffer, receive_buffer;
        bool segment_out, checksum_out;
        enum error error;
    } rows[] = {
        {1500, 24, 64, 0, 0, false, false, ERR_NONE},
        {575, 24, 64, 0, 0, false, false, ERR_INVALID},
        {9001, 24, 64, 0, 0, false, false, ERR_INVALID},
        {1500, 33, 64, 0, 0, false, false, ERR_INVALID},
        {1500, 24, 0, 0, 0, false, false, ERR_INVALID},
        {1500, 24, 65536, 0, 0, false, false, ERR_INVALID},
        {1500, 24, 64, 5000, 0, false, false, ERR_INVALID},
        {1500, 24, 64, 2048, 0, false, false, ERR_INVALID},
        {1500, 24, 64, 0, 1u << 30, false, false, ERR_INVALID},
        {1500, 24, 64, 0, 0, true, false, ERR_INVALID},
        {1500, 24, 64, 0, 0, true, true, ERR_NONE},
        {1500, 24, 65535, 0, 0, false, false, ERR_NO_MEMORY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct net_config config = pair_config(A);
        config.mtu = rows[i].mtu;
        config.prefix_length = rows[i].prefix_length;
        config.sockets_max = rows[i].sockets_max;
        config.send_buffer = rows[i].send_buffer;
        config.receive_buffer = rows[i].receive_buffer;
        config.segment_out = rows[i].segment_out;
        config.checksum_out = rows[i].checksum_out;
        assert_int_equal(try_config(&config, MEMORY, 0), rows[i].error);
    }
}

/* From nothing on up to where it works, and never again a failure beyond that; no byte outside is touched. */
static void test_memory_sizes(void **state) {
    struct net_config config = pair_config(A);
    enum error last = ERR_NO_MEMORY;
    for (size_t size = 0; size < MEMORY; size += size < 4096 ? 256 : 1024) {
        uint8_t *memory = aligned_alloc(64, (size + 63) / 64 * 64 + 64); /* the sanitizer watches its end */
        struct net *net;
        enum error error = net_init(&net, &config, memory, size, 0);
        free(memory);
        assert_true(error == ERR_NONE || (error == ERR_NO_MEMORY && last == ERR_NO_MEMORY));
        last = error;
        size += error == ERR_NONE ? 256 << 10 : 0;
    }
    assert_int_equal(last, ERR_NONE);
    assert_int_equal(try_config(&config, MEMORY - 8, 8), ERR_INVALID); /* not aligned */
}

static void test_links(void **state) {
    struct pair pair;
    pair_start(&pair);
    struct net_config config = pair_config(A);
    config.mtu = 100;
    assert_int_equal(net_link(pair.net[A], &config, true, pair.now), ERR_INVALID);
    config.mtu = 9001;
    assert_int_equal(net_link(pair.net[A], &config, true, pair.now), ERR_INVALID);
    config.mtu = 1500;
    config.segment_out = true;
    assert_int_equal(net_link(pair.net[A], &config, true, pair.now), ERR_INVALID);
    pair_stop(&pair);
}

/* ---- Tables ---- */

static void test_owners_run_out(void **state) {
    struct pair pair;
    net_owner owner = 0, last = 0;
    pair_start(&pair);
    while (net_owner_open(pair.net[A], &owner) == ERR_NONE) {
        assert_int_not_equal(owner, last);
        last = owner;
    }
    assert_int_equal(net_owner_open(pair.net[A], &owner), ERR_TOO_MANY);
    net_owner_close(pair.net[A], last, pair.now);
    assert_int_equal(net_owner_open(pair.net[A], &owner), ERR_NONE);
    assert_int_equal(owner, last);
    net_owner_close(pair.net[A], NET_OWNER_ENGINE, pair.now); /* nobody's to close */
    net_owner_close(pair.net[A], UINT16_MAX, pair.now);
    pair_stop(&pair);
}

static void test_sockets_run_out(void **state) {
    struct net_config config = pair_config(A);
    struct pair pair;
    net_socket_id socket, last = 0;
    struct net_endpoint peer;
    config.sockets_max = 4;
    struct net_config b = pair_config(B);
    b.sockets_max = 1;
    pair_start_with(&pair, &config, &b, MEMORY);
    net_socket_id listener = pair_listen(&pair, B, 80, 2);
    net_socket_id client = pair_connect(&pair, A, 80);
    pair_settle(&pair);
    /* The listener has the only place: whoever waits goes on waiting. */
    assert_int_equal(net_accept(pair.net[B], listener, pair.owner[B], &socket, &peer), ERR_TOO_MANY);
    assert_int_equal(net_ready(pair.net[B], listener) & NET_READY_IN, NET_READY_IN);
    assert_int_equal(net_accept(pair.net[B], listener, 999, &socket, &peer), ERR_INVALID);
    while (net_open(pair.net[A], NET_STREAM, pair.owner[A], &socket) == ERR_NONE) {
        last = socket;
    }
    assert_int_equal(net_open(pair.net[A], NET_STREAM, pair.owner[A], &socket), ERR_TOO_MANY);
    assert_int_equal(net_open(pair.net[A], NET_DATAGRAM, pair.owner[A], &socket), ERR_TOO_MANY);
    assert_int_equal(net_close(pair.net[A], last, pair.now), ERR_NONE);
    assert_int_equal(net_open(pair.net[A], NET_DATAGRAM, pair.owner[A], &socket), ERR_NONE);
    assert_int_equal(net_ready(pair.net[A], last), 0); /* a stale name stays stale */
    assert_int_not_equal(net_ready(pair.net[A], client), 0);
    pair_stop(&pair);
}

/* TCBs run out before memory does: what waits to be accepted or has been closed needs one too. */
static void test_connections_run_out(void **state) {
    struct net_config config = pair_config(A);
    struct pair pair;
    net_socket_id socket = 0;
    config.sockets_max = 2;
    struct net_config b = pair_config(B);
    pair_start_with(&pair, &config, &b, MEMORY);
    (void)pair_listen(&pair, A, 80, 4096);
    uint32_t opened = 0;
    while (net_counters(pair.net[A])->tcp_no_memory == 0 && opened < 60) {
        socket = pair_connect(&pair, B, 80);
        pair_settle(&pair);
        opened++;
    }
    assert_true(opened > 30);
    assert_int_equal(net_abort(pair.net[B], socket, pair.now), ERR_NONE);
    pair_stop(&pair);
}

/* All ephemeral ports to one place are taken; to another one they are free. */
static void test_ports_run_out(void **state) {
    enum { PORTS = 28232, LARGE = 96 << 20 };
    struct net_config config = pair_config(A), b = pair_config(B);
    struct pair pair;
    struct net_endpoint peer = pair_endpoint(B, 80), other = pair_endpoint(B, 81);
    net_socket_id socket;
    config.sockets_max = PORTS + 2;
    pair_start_with(&pair, &config, &b, LARGE);
    for (uint32_t i = 0; i < PORTS; i++) {
        assert_int_equal(net_open(pair.net[A], NET_STREAM, pair.owner[A], &socket), ERR_NONE);
        assert_int_equal(net_connect(pair.net[A], socket, &peer, pair.now), ERR_IN_PROGRESS);
    }
    assert_int_equal(net_open(pair.net[A], NET_STREAM, pair.owner[A], &socket), ERR_NONE);
    assert_int_equal(net_connect(pair.net[A], socket, &peer, pair.now), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(net_connect(pair.net[A], socket, &other, pair.now), ERR_IN_PROGRESS);
    pair_stop(&pair);
}

/* ---- Memory ---- */

/* What a datagram socket needs does not fit into the budget, or into the arena. */
static void test_no_budget(void **state) {
    struct net_config config = pair_config(A), b = pair_config(B);
    struct pair pair;
    net_socket_id socket;
    size_t done;
    config.owner_budget = 64;
    pair_start_with(&pair, &config, &b, MEMORY);
    struct net_usage before, after;
    net_usage(pair.net[A], &before);
    enum error error = net_open(pair.net[A], NET_DATAGRAM, pair.owner[A], &socket);
    if (error == ERR_NONE) { /* then sending asks for it */
        struct net_endpoint peer = pair_endpoint(B, 9);
        error = net_send_to(pair.net[A], socket, "x", 1, &peer, pair.now);
        assert_int_equal(net_close(pair.net[A], socket, pair.now), ERR_NONE);
    }
    assert_int_equal(error, ERR_QUOTA);
    net_usage(pair.net[A], &after);
    assert_int_equal(after.arena_used, before.arena_used);
    (void)pair_listen(&pair, B, 80, 1);
    socket = pair_connect(&pair, A, 80);
    pair_settle(&pair);
    assert_int_equal(net_send(pair.net[A], socket, "x", 1, &done, pair.now), ERR_QUOTA);
    pair_stop(&pair);
}

/* ---- At the wrong time ---- */

static void test_two_connections_with_one_name(void **state) {
    struct pair pair;
    net_socket_id first, second, third;
    struct net_endpoint local = {.port = 5000}, peer = pair_endpoint(B, 80), other = pair_endpoint(A, 5000);
    pair_start(&pair);
    net_socket_id *sockets[] = {&first, &second, &third};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(net_open(pair.net[A], NET_STREAM, pair.owner[A], sockets[i]), ERR_NONE);
        assert_int_equal(net_set_option(pair.net[A], *sockets[i], NET_OPTION_REUSEADDR, 1), ERR_NONE);
        assert_int_equal(net_bind(pair.net[A], *sockets[i], &local), ERR_NONE);
    }
    assert_int_equal(net_connect(pair.net[A], first, &peer, pair.now), ERR_IN_PROGRESS);
    assert_int_equal(net_connect(pair.net[A], second, &peer, pair.now), ERR_ADDRESS_IN_USE);
    assert_int_equal(net_listen(pair.net[A], second, 1), ERR_NONE);
    assert_int_equal(net_listen(pair.net[A], third, 1), ERR_ADDRESS_IN_USE);
    other.port = 0;
    assert_int_equal(net_connect(pair.net[A], third, &other, pair.now), ERR_INVALID);
    pair_stop(&pair);
}

/* Between asking for room and saying how much was written the connection may end. */
static void test_commit_after_the_end(void **state) {
    struct pair pair;
    pair_start(&pair);
    struct connected c = pair_connected(&pair, 80);
    struct net_piece piece[2];
    size_t space = 10;
    assert_int_equal(net_send_space(pair.net[A], c.a, piece, &space), ERR_NONE);
    assert_int_equal(net_abort(pair.net[B], c.b, pair.now), ERR_NONE);
    pair_settle(&pair);
    enum error error = net_send_commit(pair.net[A], c.a, 5, false, pair.now);
    assert_true(error == ERR_PIPE || error == ERR_INVALID);
    assert_int_equal(net_take_error(pair.net[A], c.a), ERR_RESET);
    assert_int_equal(net_send_commit(pair.net[A], c.a, (size_t)UINT32_MAX + 1, false, pair.now), ERR_INVALID);
    assert_int_equal(net_receive_consume(pair.net[A], c.a, (size_t)UINT32_MAX + 1, pair.now), ERR_INVALID);
    pair_stop(&pair);
}

static void test_nothing_of_ipv6(void **state) {
    struct pair pair;
    net_socket_id stream, datagram;
    struct net_endpoint six = {{NET_IPV6, {0xfe, 0x80, 1}}, 80};
    pair_start(&pair);
    assert_int_equal(net_open(pair.net[A], NET_STREAM, pair.owner[A], &stream), ERR_NONE);
    assert_int_equal(net_open(pair.net[A], NET_DATAGRAM, pair.owner[A], &datagram), ERR_NONE);
    assert_int_equal(net_bind(pair.net[A], stream, &six), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(net_connect(pair.net[A], stream, &six, pair.now), ERR_INVALID);
    assert_int_equal(net_connect(pair.net[A], datagram, &six, pair.now), ERR_INVALID);
    assert_int_equal(net_send_to(pair.net[A], datagram, "x", 1, &six, pair.now), ERR_INVALID);
    struct net_address address = six.address;
    struct net_route route = {.destination = address, .prefix_length = 64};
    assert_int_equal(net_address_add(pair.net[A], 0, &address, 64, pair.now), ERR_INVALID);
    assert_int_equal(net_address_remove(pair.net[A], &address, pair.now), ERR_NOT_FOUND);
    assert_int_equal(net_route_add(pair.net[A], &route, pair.now), ERR_INVALID);
    assert_int_equal(net_route_remove(pair.net[A], &route, pair.now), ERR_INVALID);
    assert_int_equal(net_neighbour_remove(pair.net[A], &address, pair.now), ERR_NOT_FOUND);
    pair_stop(&pair);
}

/* Through all that a neighbour can be, as it is shown. */
static void test_neighbour_states(void **state) {
    struct pair pair;
    struct net_neighbour neighbour;
    struct net_endpoint nobody = {net_ipv4(0x0a000063), 9}, peer = pair_endpoint(B, 9);
    net_socket_id socket;
    uint32_t cursor = 0;
    pair_start(&pair);
    pair_pass(&pair, 20 * NET_SECOND);
    net_neighbour_flush(pair.net[A], pair.now);
    assert_int_equal(net_open(pair.net[A], NET_DATAGRAM, pair.owner[A], &socket), ERR_NONE);
    assert_int_equal(net_send_to(pair.net[A], socket, "x", 1, &nobody, pair.now), ERR_NONE);
    pair_settle(&pair);
    assert_true(net_neighbour_next(pair.net[A], &cursor, &neighbour));
    assert_int_equal(neighbour.state, NET_NEIGHBOUR_INCOMPLETE);
    pair_pass(&pair, 3 * NET_SECOND + 1000);
    cursor = 0;
    assert_true(net_neighbour_next(pair.net[A], &cursor, &neighbour));
    assert_int_equal(neighbour.state, NET_NEIGHBOUR_FAILED);
    net_neighbour_flush(pair.net[A], pair.now);
    (void)net_take_error(pair.net[A], socket);
    static const struct {
        net_time after;
        bool sends;
        uint8_t state;
    } rows[] = {
        {0, true, NET_NEIGHBOUR_REACHABLE},
        {60 * NET_SECOND, false, NET_NEIGHBOUR_STALE},
        {0, true, NET_NEIGHBOUR_DELAY},
        {6 * NET_SECOND, false, NET_NEIGHBOUR_REACHABLE}, /* asked, and answered */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pair_pass(&pair, rows[i].after);
        pair_settle(&pair); /* the engine learns what time it is */
        if (rows[i].sends) {
            assert_int_equal(net_send_to(pair.net[A], socket, "x", 1, &peer, pair.now), ERR_NONE);
            pair_settle(&pair);
        }
        cursor = 0;
        assert_true(net_neighbour_next(pair.net[A], &cursor, &neighbour));
        assert_int_equal(neighbour.state, rows[i].state);
    }
    pair_stop(&pair);
}

/* What waits to leave can be asked for, and who may share a port says so. */
static void test_datagrams_that_wait(void **state) {
    (void)state;
    struct pair pair;
    net_socket_id socket;
    int64_t value;
    struct net_endpoint to = pair_endpoint(B, 9);
    pair_start(&pair);
    assert_int_equal(net_open(pair.net[A], NET_DATAGRAM, pair.owner[A], &socket), ERR_NONE);
    assert_int_equal(net_get_option(pair.net[A], socket, NET_OPTION_REUSEPORT, &value), ERR_NONE);
    assert_int_equal(value, 0);
    assert_int_equal(net_set_option(pair.net[A], socket, NET_OPTION_REUSEPORT, 1), ERR_NONE);
    assert_int_equal(net_get_option(pair.net[A], socket, NET_OPTION_REUSEPORT, &value), ERR_NONE);
    assert_int_equal(value, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(net_send_to(pair.net[A], socket, "x", 1, &to, pair.now), ERR_NONE);
    }
    assert_int_equal(net_get_option(pair.net[A], socket, NET_OPTION_UNACKED, &value), ERR_NONE);
    assert_true(value > 0);
    pair_settle(&pair);
    assert_int_equal(net_get_option(pair.net[A], socket, NET_OPTION_UNACKED, &value), ERR_NONE);
    assert_int_equal(value, 0);
    pair_stop(&pair);
}

/* Between its own sockets an engine moves so many frames at a time, then lets others have a turn. */
static void test_talking_to_itself(void **state) {
    enum { DATAGRAMS = 100 };
    struct pair pair;
    net_socket_id from, to;
    struct net_endpoint local = {.port = 9}, self = pair_endpoint(A, 9);
    struct net_slot slot = {.data = pair.slot, .capacity = sizeof pair.slot};
    uint32_t flags = 0, received = 0;
    char byte;
    size_t done;
    pair_start(&pair);
    pair_pass(&pair, 20 * NET_SECOND);
    assert_int_equal(net_open(pair.net[A], NET_DATAGRAM, pair.owner[A], &from), ERR_NONE);
    assert_int_equal(net_open(pair.net[A], NET_DATAGRAM, pair.owner[A], &to), ERR_NONE);
    assert_int_equal(net_bind(pair.net[A], to, &local), ERR_NONE);
    for (int i = 0; i < DATAGRAMS; i++) {
        assert_int_equal(net_send_to(pair.net[A], from, "x", 1, &self, pair.now), ERR_NONE);
    }
    slot.data = pair.slot;
    assert_false(net_transmit(pair.net[A], &slot, pair.now));
    assert_true(net_deadline(pair.net[A]) <= pair.now); /* there is more */
    assert_false(net_transmit(pair.net[A], &slot, pair.now));
    assert_true(net_deadline(pair.net[A]) > pair.now);
    struct net_endpoint peer;
    while (net_receive_from(pair.net[A], to, &byte, 1, &flags, &done, &peer) == ERR_NONE) {
        received++;
    }
    assert_int_equal(received, DATAGRAMS);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_memory_sizes),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_owners_run_out),
        cmocka_unit_test(test_sockets_run_out),
        cmocka_unit_test(test_connections_run_out),
        cmocka_unit_test(test_ports_run_out),
        cmocka_unit_test(test_no_budget),
        cmocka_unit_test(test_two_connections_with_one_name),
        cmocka_unit_test(test_commit_after_the_end),
        cmocka_unit_test(test_nothing_of_ipv6),
        cmocka_unit_test(test_neighbour_states),
        cmocka_unit_test(test_datagrams_that_wait),
        cmocka_unit_test(test_talking_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
