/* test_user.c: the user calls (RFC 9293 3.10.1 to 3.10.6), listening under load, and what closing leaves
 * behind. */
#include "script.h"

static net_socket_id open_socket(struct script *s) {
    net_socket_id socket;
    assert_int_equal(net_open(s->net, NET_STREAM, s->owner, &socket), ERR_NONE);
    return socket;
}

static enum error bind_to(struct script *s, net_socket_id socket, uint16_t port) {
    struct net_endpoint local = {.port = port};
    return net_bind(s->net, socket, &local);
}

static enum error connect_to(struct script *s, net_socket_id socket, uint8_t host, uint16_t port) {
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, host}}, port};
    return net_connect(s->net, socket, &peer, s->now);
}

static size_t arena_used(struct script *s) {
    struct net_usage usage;
    net_usage(s->net, &usage);
    return usage.arena_used;
}

/* ---- Names ---- */

static void test_stale_names(void **state) {
    struct script *s = *state;
    net_socket_id old = open_socket(s);
    assert_int_equal(net_close(s->net, old, s->now), ERR_NONE);
    net_socket_id new = open_socket(s);
    assert_int_not_equal(old, new);
    struct net_endpoint end;
    uint8_t byte = 0;
    size_t done;
    uint32_t flags = 0;
    assert_int_equal(net_close(s->net, old, s->now), ERR_BAD_HANDLE);
    assert_int_equal(net_close(s->net, 0, s->now), ERR_BAD_HANDLE);
    assert_int_equal(net_local(s->net, old, &end), ERR_BAD_HANDLE);
    assert_int_equal(net_send(s->net, old, &byte, 1, &done, s->now), ERR_BAD_HANDLE);
    assert_int_equal(net_read(s->net, old, &byte, 1, &done, s->now), ERR_BAD_HANDLE);
    assert_int_equal(net_receive_from(s->net, new, &byte, 1, &flags, &done, &end), ERR_WRONG_TYPE);
}

static void test_table_full(void **state) {
    struct script *s = *state;
    net_socket_id socket;
    for (int i = 0; i < 64; i++) {
        (void)open_socket(s);
    }
    assert_int_equal(net_open(s->net, NET_STREAM, s->owner, &socket), ERR_TOO_MANY);
}

/* ---- Bind ---- */

static void test_bind(void **state) {
    struct script *s = *state;
    net_socket_id a = open_socket(s), b = open_socket(s);
    struct net_endpoint foreign = {{NET_IPV4, {10, 0, 0, 9}}, 80}, own = {{NET_IPV4, {10, 0, 0, 1}}, 80};
    assert_int_equal(net_bind(s->net, a, &foreign), ERR_ADDRESS_NOT_AVAILABLE);
    assert_int_equal(bind_to(s, a, 80), ERR_NONE);
    assert_int_equal(bind_to(s, a, 81), ERR_INVALID);
    assert_int_equal(bind_to(s, b, 80), ERR_ADDRESS_IN_USE);
    assert_int_equal(net_bind(s->net, b, &own), ERR_ADDRESS_IN_USE);
    assert_int_equal(net_set_option(s->net, a, NET_OPTION_REUSEADDR, 1), ERR_NONE);
    assert_int_equal(net_set_option(s->net, b, NET_OPTION_REUSEADDR, 1), ERR_NONE);
    assert_int_equal(net_bind(s->net, b, &own), ERR_NONE);
    assert_int_equal(net_listen(s->net, a, 1), ERR_NONE);
    net_socket_id c = open_socket(s);
    assert_int_equal(net_set_option(s->net, c, NET_OPTION_REUSEADDR, 1), ERR_NONE);
    assert_int_equal(bind_to(s, c, 80), ERR_ADDRESS_IN_USE); /* one listens */
    assert_int_equal(net_close(s->net, a, s->now), ERR_NONE);
    assert_int_equal(bind_to(s, c, 80), ERR_NONE);
}

static void test_ephemeral_ports_differ(void **state) {
    struct script *s = *state;
    struct net_endpoint a, b;
    net_socket_id first = open_socket(s), second = open_socket(s);
    assert_int_equal(net_listen(s->net, first, 1), ERR_NONE);
    assert_int_equal(bind_to(s, second, 0), ERR_NONE);
    assert_int_equal(net_local(s->net, first, &a), ERR_NONE);
    assert_int_equal(net_local(s->net, second, &b), ERR_NONE);
    assert_true(a.port >= 32768 && b.port >= 32768 && a.port != b.port);
}

/* ---- Connect ---- */

static void test_connect_errors(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    assert_int_equal(connect_to(s, s->socket, 2, PEER_PORT), ERR_ALREADY);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    assert_int_equal(connect_to(s, s->socket, 2, PEER_PORT), ERR_IS_CONNECTED);
    net_socket_id other = open_socket(s);
    struct net_endpoint far = {{NET_IPV4, {192, 168, 1, 1}}, 80}, nowhere = {{NET_IPV4, {10, 0, 0, 2}}, 0};
    assert_int_equal(net_connect(s->net, other, &far, s->now), ERR_NET_UNREACHABLE);
    assert_int_equal(net_connect(s->net, other, &nowhere, s->now), ERR_INVALID);
    assert_int_equal(net_listen(s->net, other, 1), ERR_NONE);
    assert_int_equal(connect_to(s, other, 2, 80), ERR_INVALID);
}

/* MUST-46: a connection has one other end. */
static void test_connect_to_a_group(void **state) {
    struct script *s = *state;
    static const struct net_address groups[] = {
        {NET_IPV4, {255, 255, 255, 255}}, {NET_IPV4, {10, 0, 0, 255}}, {NET_IPV4, {224, 0, 0, 1}}};
    for (int i = 0; i < 3; i++) {
        struct net_endpoint peer = {groups[i], 80};
        assert_int_equal(net_connect(s->net, open_socket(s), &peer, s->now), ERR_NET_UNREACHABLE);
    }
    QUIET();
}

/* MUST-42: a port from which a connection is being opened can be listened on. */
static void test_listen_beside_a_connect(void **state) {
    struct script *s = *state;
    net_socket_id active = open_socket(s), passive = open_socket(s);
    assert_int_equal(net_set_option(s->net, active, NET_OPTION_REUSEADDR, 1), ERR_NONE);
    assert_int_equal(net_set_option(s->net, passive, NET_OPTION_REUSEADDR, 1), ERR_NONE);
    assert_int_equal(bind_to(s, active, SERVER_PORT), ERR_NONE);
    assert_int_equal(connect_to(s, active, 2, PEER_PORT), ERR_IN_PROGRESS);
    OUT(.flags = SYN);
    assert_int_equal(bind_to(s, passive, SERVER_PORT), ERR_NONE);
    assert_int_equal(net_listen(s->net, passive, 1), ERR_NONE);
    s->iss_known = false;
    IN(.flags = SYN, .from = PEER_PORT + 1);
    OUT(.flags = SYN | ACK, .ack = 1);
    STATE(TCP_SYN_SENT); /* MUST-41 */
}

/* MUST-49. */
static void test_time_to_live(void **state) {
    struct script *s = *state;
    uint8_t bytes[1514];
    struct net_slot slot = {.data = bytes, .capacity = sizeof bytes};
    net_socket_id socket = open_socket(s);
    assert_int_equal(net_set_option(s->net, socket, NET_OPTION_TTL, 7), ERR_NONE);
    assert_int_equal(connect_to(s, socket, 2, PEER_PORT), ERR_IN_PROGRESS);
    assert_true(net_transmit(s->net, &slot, s->now));
    assert_int_equal(bytes[ETHERNET_HEADER + 8], 7);
    assert_int_equal(net_abort(s->net, socket, s->now), ERR_NONE);
    QUIET();
}

static void test_nobody_answers_arp(void **state) {
    struct script *s = *state;
    net_socket_id socket = open_socket(s);
    assert_int_equal(connect_to(s, socket, 77, 80), ERR_IN_PROGRESS);
    for (int i = 0; i < 5; i++) {
        QUIET();
        PASS(NET_SECOND);
    }
    QUIET();
    assert_true((net_ready(s->net, socket) & NET_READY_ERROR) != 0);
    assert_int_equal(net_take_error(s->net, socket), ERR_HOST_UNREACHABLE);
}

static void test_icmp_while_opening(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    script_unreachable(s, 1, 5000, 0); /* about no segment of ours: RFC 5927 4.1 */
    STATE(TCP_SYN_SENT);
    script_unreachable(s, 1, 0, 0);
    STATE(TCP_CLOSED);
    assert_int_equal(net_take_error(s->net, s->socket), ERR_HOST_UNREACHABLE);
}

static void test_icmp_is_soft_when_open(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 10);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    script_unreachable(s, 3, 1, 0);
    STATE(TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 11);
    STATE(TCP_ESTABLISHED);
}

/* RFC 1191: the router's limit is kept to, what was too large goes again; absurd limits are not believed. */
static void test_path_mtu(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 2000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    OUT(.flags = ACK, .seq = 1461, .ack = 1, .length = 540);
    script_unreachable(s, 4, 90000, 1000);
    QUIET();
    script_unreachable(s, 4, 1, 1000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 960);
    OUT(.flags = ACK, .seq = 961, .ack = 1, .length = 960);
    OUT(.flags = ACK, .seq = 1921, .ack = 1, .length = 80);
    script_unreachable(s, 4, 1, 68);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 512);
}

static void test_failed_connect_may_be_tried_again(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    IN(.flags = RST | ACK, .seq = 0, .ack = 1);
    assert_int_equal(net_take_error(s->net, s->socket), ERR_REFUSED);
    assert_int_equal(connect_to(s, s->socket, 2, PEER_PORT), ERR_IN_PROGRESS);
    struct net_endpoint local;
    assert_int_equal(net_local(s->net, s->socket, &local), ERR_NONE);
    s->port = local.port;
    s->iss_known = false;
    OUT(.flags = SYN);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_ESTABLISHED);
}

/* The ISN clock is at the end of its numbers: everything works across the wrap. */
static void test_sequence_numbers_wrap(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    s->now += 4 * (net_time)(uint32_t)(0xfffffc00 - s->iss);
    assert_int_equal(net_abort(s->net, s->socket, s->now), ERR_NONE);
    struct net_endpoint from = {.port = s->port};
    s->socket = open_socket(s);
    assert_int_equal(net_bind(s->net, s->socket, &from), ERR_NONE);
    assert_int_equal(connect_to(s, s->socket, 2, PEER_PORT), ERR_IN_PROGRESS);
    s->iss_known = false;
    OUT(.flags = SYN);
    assert_int_equal(s->iss, 0xfffffc00);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    script_send(s, 3000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1000);
    OUT(.flags = ACK, .seq = 1001, .ack = 1, .length = 1000);
    OUT(.flags = ACK, .seq = 2001, .ack = 1, .length = 1000);
    IN(.flags = ACK, .seq = 1, .ack = 1001);
    PASS(NET_SECOND);
    OUT(.flags = ACK, .seq = 1001, .ack = 1, .length = 1000);
    IN(.flags = ACK, .seq = 1, .ack = 3001);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 3001, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 3002);
    STATE(TCP_FIN_WAIT_2);
}

/* ---- Listen ---- */

static void knock(struct script *s, uint16_t from) {
    IN(.flags = SYN, .seq = 0, .from = from);
}

static void finish(struct script *s, uint16_t from) {
    s->iss_known = false;
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1, .from = from);
}

static void test_accept_in_order(void **state) {
    struct script *s = *state;
    script_listen(s, 8);
    net_socket_id socket;
    struct net_endpoint peer;
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &socket, &peer), ERR_WOULD_BLOCK);
    for (uint16_t from = 1000; from < 1003; from++) {
        knock(s, from);
        finish(s, from);
    }
    assert_int_equal(net_ready(s->net, s->listener), NET_READY_IN);
    for (uint16_t from = 1000; from < 1003; from++) {
        assert_int_equal(net_accept(s->net, s->listener, s->owner, &socket, &peer), ERR_NONE);
        assert_int_equal(peer.port, from);
        assert_int_equal(peer.address.bytes[3], 2);
    }
    assert_int_equal(net_ready(s->net, s->listener), 0);
}

/* What comes before accept is kept. */
static void test_data_before_accept(void **state) {
    struct script *s = *state;
    struct net_endpoint peer;
    script_listen(s, 8);
    knock(s, PEER_PORT);
    finish(s, PEER_PORT);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 102);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    assert_int_equal(script_read(s, 1000), 100);
}

/* A full queue ignores SYNs, and the ACK of those that are half-open; both come again. */
static void test_backlog(void **state) {
    struct script *s = *state;
    net_socket_id socket;
    struct net_endpoint peer;
    script_listen(s, 2);
    knock(s, 1000);
    s->iss_known = false;
    OUT(.flags = SYN | ACK, .ack = 1);
    uint32_t first = s->iss;
    for (uint16_t from = 1001; from < 1003; from++) {
        knock(s, from);
        finish(s, from);
    }
    knock(s, 1003);
    QUIET();
    s->iss = first;
    IN(.flags = ACK, .seq = 1, .ack = 1, .from = 1000);
    QUIET();
    assert_int_equal(script_state_of(s, 1000), TCP_SYN_RECEIVED);
    assert_int_equal(net_counters(s->net)->tcp_listen_overflow, 2);
    assert_int_equal(net_counters(s->net)->tcp_resets_out, 0);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &socket, &peer), ERR_NONE);
    PASS(NET_SECOND);
    OUT(.flags = SYN | ACK, .seq = 0, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1, .from = 1000);
    assert_int_equal(script_state_of(s, 1000), TCP_ESTABLISHED);
}

/* A flood of SYNs takes a bounded amount of memory, keeps finished connections acceptable, and passes. */
static void test_flood(void **state) {
    struct script *s = *state;
    net_socket_id socket;
    struct net_endpoint peer;
    script_listen(s, 4);
    knock(s, 60000);
    finish(s, 60000);
    for (uint16_t from = 1; from < 5000; from++) {
        knock(s, from);
    }
    struct net_usage usage;
    net_usage(s->net, &usage);
    assert_true(usage.connections <= 2 + 64);
    assert_int_equal(net_counters(s->net)->tcp_cookies_sent, 4999 - 64);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &socket, &peer), ERR_NONE);
    struct tcp_header header;
    struct span text;
    while (script_take(s, &header, &text)) {
    }
    PASS(NET_SECOND);
    while (script_take(s, &header, &text)) {
    }
    knock(s, 61000); /* by a cookie: test_cookies.c */
    finish(s, 61000);
    assert_int_equal(script_state_of(s, 61000), TCP_ESTABLISHED);
    assert_int_equal(script_state_of(s, 1), TCP_SYN_RECEIVED);
    for (int i = 0; i < 7; i++) { /* when many are half open they are tried only twice more */
        PASS(NET_SECOND);
        while (script_take(s, &header, &text)) {
        }
    }
    assert_int_equal(script_state_of(s, 1), TCP_CLOSED);
}

static void test_closing_a_listener(void **state) {
    struct script *s = *state;
    script_listen(s, 8);
    knock(s, 1000);
    finish(s, 1000);
    knock(s, 1001);
    struct tcp_header header;
    struct span text;
    assert_true(script_take(s, &header, &text));
    assert_int_equal(net_close(s->net, s->listener, s->now), ERR_NONE);
    OUT(.flags = RST | ACK, .seq = 1, .ack = 1);
    QUIET();
    assert_int_equal(arena_used(s), 0);
}

/* ---- Owners and memory ---- */

static void test_budget_bounds_sending(void **state) {
    (void)state;
    struct script script, *s = &script;
    struct net_config config = script_config();
    config.owner_budget = 16384;
    script_start_with(s, &config);
    script_reach(s, TCP_ESTABLISHED);
    uint8_t *bytes = calloc(1, 65536);
    size_t done;
    assert_int_equal(net_send(s->net, s->socket, bytes, 65536, &done, s->now), ERR_NONE);
    assert_true(done > 0 && done <= 16384);
    assert_int_equal(net_send(s->net, s->socket, bytes, 65536, &done, s->now), ERR_WOULD_BLOCK);
    net_owner other;
    assert_int_equal(net_owner_open(s->net, &other), ERR_NONE); /* somebody else has a budget of their own */
    net_socket_id datagram;
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, 2}}, 9};
    assert_int_equal(net_open(s->net, NET_DATAGRAM, s->owner, &datagram), ERR_NONE);
    assert_int_equal(net_send_to(s->net, datagram, bytes, 1000, &peer, s->now), ERR_QUOTA);
    free(bytes);
    script_stop(s);
}

/* Who was refused for lack of memory is told when there is some again, though the stream was never full. */
static void test_budget_that_comes_back_is_told(void **state) {
    (void)state;
    struct script script, *s = &script;
    struct net_config config = script_config();
    struct tcp_header header;
    struct span text;
    struct net_event event;
    size_t done, sent;
    config.owner_budget = 16384;
    script_start_with(s, &config);
    script_reach(s, TCP_ESTABLISHED);
    uint8_t *bytes = calloc(1, 65536);
    assert_int_equal(net_send(s->net, s->socket, bytes, 65536, &sent, s->now), ERR_NONE);
    assert_int_equal(net_send(s->net, s->socket, bytes, 65536, &done, s->now), ERR_WOULD_BLOCK);
    assert_int_equal(net_ready(s->net, s->socket) & NET_READY_OUT, 0);
    while (net_next_event(s->net, &event)) {
    }
    for (uint32_t acked = 0; acked < sent; acked += (uint32_t)text.length) {
        assert_true(script_take(s, &header, &text));
        IN(.flags = ACK, .seq = 1, .ack = 1 + acked + (uint32_t)text.length);
    }
    assert_true(net_next_event(s->net, &event));
    assert_true((event.ready & NET_READY_OUT) != 0);
    assert_int_equal(net_send(s->net, s->socket, bytes, 1000, &done, s->now), ERR_NONE);
    assert_int_equal(done, 1000);
    free(bytes);
    script_stop(s);
}

/* What does not fit into the budget is dropped and not acknowledged; the peer sends it again. */
static void test_budget_bounds_receiving(void **state) {
    (void)state;
    struct script script, *s = &script;
    struct net_config config = script_config();
    config.owner_budget = 4096;
    script_start_with(s, &config);
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 4000);
    OUT(.flags = ACK, .seq = 1, .ack = 4001);
    IN(.flags = ACK, .seq = 4001, .ack = 1, .length = 1000);
    OUT(.flags = ACK, .seq = 1, .ack = 4001);
    assert_int_equal(net_counters(s->net)->tcp_no_memory, 1);
    assert_int_equal(script_read(s, 4000), 4000);
    IN(.flags = ACK, .seq = 4001, .ack = 1, .length = 1000);
    OUT(.flags = ACK, .seq = 1, .ack = 5001);
    script_stop(s);
}

static void test_idle_connection_has_no_buffers(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_true(arena_used(s) <= 3 * 1024);
    script_send(s, 50000);
    assert_true(arena_used(s) >= 50000);
    struct tcp_header header;
    struct span text;
    uint32_t seq = 1;
    while (script_take(s, &header, &text)) {
        seq += (uint32_t)text.length;
        IN(.flags = ACK, .seq = 1, .ack = seq);
    }
    assert_int_equal(seq, 50001);
    assert_true(arena_used(s) <= 3 * 1024);
}

static void test_owner_dies(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    net_owner_close(s->net, s->owner, s->now);
    OUT(.flags = RST | ACK, .seq = 1, .ack = 11);
    QUIET();
    assert_int_equal(arena_used(s), 0);
    assert_int_equal(net_ready(s->net, s->socket), 0);
}

/* ---- Close ---- */

static void test_close_finishes_in_the_background(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 100);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 100);
    PASS(NET_SECOND);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 1, .ack = 102);
    STATE(TCP_FIN_WAIT_2);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 102);
    OUT(.flags = ACK, .seq = 102, .ack = 2);
    STATE(TCP_TIME_WAIT);
}

/* RFC 9293 3.6.1: data for nobody is answered with RST. */
static void test_data_after_close(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 2, .length = 10);
    OUT(.flags = RST | ACK, .seq = 2, .ack = 1);
    STATE(TCP_CLOSED);
}

/* RFC 2525 2.17. */
static void test_close_with_unread_data(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = RST | ACK, .seq = 1, .ack = 11);
    QUIET();
    STATE(TCP_CLOSED);
}

static void test_linger_zero_aborts(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_LINGER, 0), ERR_NONE);
    script_send(s, 10);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = RST | ACK, .seq = 1, .ack = 1);
    QUIET();
}

static void test_abort_says_nothing_before_the_handshake(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    assert_int_equal(net_abort(s->net, s->socket, s->now), ERR_NONE);
    QUIET();
    assert_int_equal(arena_used(s), 0);
}

static void test_orphan_gives_up(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 10);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    for (int i = 0; i < 9; i++) {
        OUT(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 10);
        QUIET();
        PASS(61 * NET_SECOND);
    }
    QUIET();
    STATE(TCP_CLOSED);
}

static void test_simultaneous_close(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_CLOSING);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    IN(.flags = ACK, .seq = 2, .ack = 2);
    STATE(TCP_TIME_WAIT);
}

static void test_shutdown(void **state) {
    struct script *s = *state;
    uint8_t byte = 1;
    size_t done;
    net_socket_id fresh = open_socket(s);
    assert_int_equal(net_shutdown(s->net, fresh, NET_SHUT_WRITE, s->now), ERR_NOT_CONNECTED);
    assert_int_equal(net_send(s->net, fresh, &byte, 1, &done, s->now), ERR_NOT_CONNECTED);
    assert_int_equal(net_read(s->net, fresh, &byte, 1, &done, s->now), ERR_NOT_CONNECTED);
    script_reach(s, TCP_FIN_WAIT_1);
    assert_int_equal(net_send(s->net, s->socket, &byte, 1, &done, s->now), ERR_PIPE);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
    assert_int_equal(net_read(s->net, s->socket, &byte, 1, &done, s->now), ERR_WOULD_BLOCK);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_READ, s->now), ERR_NONE);
    assert_int_equal(net_read(s->net, s->socket, &byte, 1, &done, s->now), ERR_NONE);
    assert_int_equal(done, 0);
}

/* ---- Events ---- */

static uint32_t next_event(struct script *s, net_socket_id socket) {
    struct net_event event;
    while (net_next_event(s->net, &event)) {
        if (event.kind == NET_EVENT_SOCKET && event.socket == socket) {
            return event.ready;
        }
    }
    return 0;
}

static void test_events(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(next_event(s, s->socket), NET_READY_OUT);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    IN(.flags = ACK, .seq = 11, .ack = 1, .length = 10);
    assert_int_equal(next_event(s, s->socket), NET_READY_OUT | NET_READY_IN);
    assert_int_equal(next_event(s, s->socket), 0); /* merged */
    IN(.flags = ACK, .seq = 21, .ack = 1, .length = 10);
    assert_int_equal(next_event(s, s->socket), 0); /* nothing gained */
    assert_int_equal(script_read(s, 100), 30);
    IN(.flags = ACK, .seq = 31, .ack = 1, .length = 10);
    assert_int_equal(next_event(s, s->socket), NET_READY_OUT | NET_READY_IN);
    IN(.flags = FIN | ACK, .seq = 41, .ack = 1);
    assert_int_equal(next_event(s, s->socket), NET_READY_OUT | NET_READY_IN | NET_READY_EOF);
    IN(.flags = RST, .seq = 42);
    assert_int_equal(next_event(s, s->socket),
                     NET_READY_OUT | NET_READY_IN | NET_READY_EOF | NET_READY_ERROR | NET_READY_HANGUP);
}

/* Room is told of when a third of the buffer is free again, not for each byte. */
static void test_room_to_send(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 65536);
    assert_int_equal(net_ready(s->net, s->socket) & NET_READY_OUT, 0);
    (void)next_event(s, s->socket);
    struct tcp_header header;
    struct span text;
    uint32_t acked = 1;
    while (script_take(s, &header, &text)) {
        acked += (uint32_t)text.length;
        IN(.flags = ACK, .seq = 1, .ack = acked);
        bool told = (next_event(s, s->socket) & NET_READY_OUT) != 0;
        assert_int_equal(told, acked - 1 >= 21846 && acked - 1 < 21846 + text.length);
    }
    assert_int_equal(acked, 65537);
}

/* ---- Options ---- */

static void test_options(void **state) {
    struct script *s = *state;
    net_socket_id socket = open_socket(s);
    int64_t value;
    assert_int_equal(net_set_option(s->net, socket, NET_OPTION_TTL, 0), ERR_INVALID);
    assert_int_equal(net_set_option(s->net, socket, NET_OPTION_BROADCAST, 1), ERR_NOT_SUPPORTED);
    assert_int_equal(net_set_option(s->net, socket, NET_OPTION_RCVBUF, 100000), ERR_NONE);
    assert_int_equal(net_get_option(s->net, socket, NET_OPTION_RCVBUF, &value), ERR_NONE);
    assert_int_equal(value, 131072);
    assert_int_equal(net_listen(s->net, socket, 1), ERR_NONE);
    assert_int_equal(net_set_option(s->net, socket, NET_OPTION_RCVBUF, 4096), ERR_NONE);
    assert_int_equal(net_get_option(s->net, socket, NET_OPTION_RCVBUF, &value), ERR_NONE);
    assert_int_equal(value, 4096);
}

/* ---- Our own addresses ---- */

static void test_loopback(void **state) {
    struct script *s = *state;
    struct net_endpoint peer = {{NET_IPV4, {127, 0, 0, 1}}, SERVER_PORT};
    script_listen(s, 4);
    net_socket_id client = open_socket(s), server;
    assert_int_equal(net_connect(s->net, client, &peer, s->now), ERR_IN_PROGRESS);
    QUIET(); /* nothing of it leaves the machine */
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &server, &peer), ERR_NONE);
    assert_int_equal(peer.address.bytes[0], 127);
    uint8_t bytes[5000], back[5000];
    size_t done;
    memset(bytes, 0x77, sizeof bytes);
    assert_int_equal(net_send(s->net, client, bytes, sizeof bytes, &done, s->now), ERR_NONE);
    QUIET();
    assert_int_equal(net_read(s->net, server, back, sizeof back, &done, s->now), ERR_NONE);
    assert_int_equal(done, sizeof bytes);
    assert_memory_equal(bytes, back, sizeof back);
}

/* A connection over the loopback from one fixed port, which its user closes first. */
static enum error connect_from(struct script *s, net_socket_id client, uint16_t port) {
    struct net_endpoint local = {.port = port}, peer = {{NET_IPV4, {127, 0, 0, 1}}, SERVER_PORT};
    assert_int_equal(net_bind(s->net, client, &local), ERR_NONE);
    return net_connect(s->net, client, &peer, s->now);
}

static void open_and_close(struct script *s, uint16_t port) {
    net_socket_id client = open_socket(s), server;
    struct net_endpoint peer;
    assert_int_equal(connect_from(s, client, port), ERR_IN_PROGRESS);
    QUIET();
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &server, &peer), ERR_NONE);
    assert_int_equal(net_close(s->net, client, s->now), ERR_NONE);
    QUIET();
    assert_int_equal(net_close(s->net, server, s->now), ERR_NONE);
    QUIET();
}

/* On the loopback the four numbers of a connection in TIME-WAIT are free again after a second, for timestamps
 * keep the two apart (Linux's tcp_tw_reuse). */
static void test_own_time_wait(void **state) {
    struct script *s = *state;
    script_listen(s, 4);
    open_and_close(s, 4000);
    net_socket_id client = open_socket(s);
    assert_int_equal(connect_from(s, client, 4000), ERR_ADDRESS_IN_USE);
    assert_int_equal(net_close(s->net, client, s->now), ERR_NONE);
    PASS(2 * NET_SECOND);
    open_and_close(s, 4000);
}

/* Elsewhere they are not. */
static void test_time_wait_of_others(void **state) {
    struct script *s = *state;
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, 2}}, PEER_PORT}, local = {.port = 4000};
    s->socket = open_socket(s);
    assert_int_equal(net_bind(s->net, s->socket, &local), ERR_NONE);
    assert_int_equal(net_connect(s->net, s->socket, &peer, s->now), ERR_IN_PROGRESS);
    s->port = 4000;
    OUT(.flags = SYN, .seq = 0);
    IN(.flags = SYN | ACK, .ack = 1, .mss = 1460, .has_time = true);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 1);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 2, .has_time = true);
    OUT(.flags = ACK, .seq = 2, .ack = 2);
    PASS(10 * NET_SECOND);
    net_socket_id again = open_socket(s);
    assert_int_equal(net_bind(s->net, again, &local), ERR_NONE);
    assert_int_equal(net_connect(s->net, again, &peer, s->now), ERR_ADDRESS_IN_USE);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_stale_names),
        WITH(test_table_full),
        WITH(test_bind),
        WITH(test_ephemeral_ports_differ),
        WITH(test_connect_errors),
        WITH(test_connect_to_a_group),
        WITH(test_listen_beside_a_connect),
        WITH(test_time_to_live),
        WITH(test_nobody_answers_arp),
        WITH(test_icmp_while_opening),
        WITH(test_icmp_is_soft_when_open),
        WITH(test_path_mtu),
        WITH(test_failed_connect_may_be_tried_again),
        WITH(test_sequence_numbers_wrap),
        WITH(test_accept_in_order),
        WITH(test_data_before_accept),
        WITH(test_backlog),
        WITH(test_flood),
        WITH(test_closing_a_listener),
        cmocka_unit_test(test_budget_bounds_sending),
        cmocka_unit_test(test_budget_that_comes_back_is_told),
        cmocka_unit_test(test_budget_bounds_receiving),
        WITH(test_idle_connection_has_no_buffers),
        WITH(test_owner_dies),
        WITH(test_close_finishes_in_the_background),
        WITH(test_data_after_close),
        WITH(test_close_with_unread_data),
        WITH(test_linger_zero_aborts),
        WITH(test_abort_says_nothing_before_the_handshake),
        WITH(test_orphan_gives_up),
        WITH(test_simultaneous_close),
        WITH(test_shutdown),
        WITH(test_events),
        WITH(test_room_to_send),
        WITH(test_options),
        WITH(test_loopback),
        WITH(test_own_time_wait),
        WITH(test_time_wait_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
