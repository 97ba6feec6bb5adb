/* test_limits.c: what a user can ask of a stream beyond the usual: how long it may stall, when small segments
 * go, how large they are, how much may wait, who shares a port. */
#include "script.h"

#define MS  (NET_SECOND / 1000)
#define MSS 1460

static void set(struct script *s, enum net_option option, int64_t value) {
    assert_int_equal(net_set_option(s->net, s->socket, option, value), ERR_NONE);
}

static int64_t get(struct script *s, enum net_option option) {
    int64_t value = -77;
    assert_int_equal(net_get_option(s->net, s->socket, option, &value), ERR_NONE);
    return value;
}

static bool is_ready(struct script *s, uint32_t bits) {
    return (net_ready(s->net, s->socket) & bits) == bits;
}

/* Lets the clock run as the engine asks for it until the connection has ended, with `answer` after each
 * segment. Returns how long that took. */
static net_time until_over(struct script *s, void (*answer)(struct script *s)) {
    net_time began = s->now;
    struct tcp_header header;
    struct span text;
    for (int i = 0; i < 1000 && !is_ready(s, NET_READY_ERROR); i++) {
        while (script_take(s, &header, &text)) {
            if (answer != NULL) {
                answer(s);
            }
        }
        if (is_ready(s, NET_READY_ERROR)) {
            break;
        }
        net_time next = net_deadline(s->net);
        assert_true(next != NET_NEVER);
        s->now = next > s->now ? next : s->now;
    }
    assert_int_equal(net_take_error(s->net, s->socket), ERR_TIMED_OUT);
    return s->now - began;
}

/* ---- The user timeout (RFC 5482, RFC 9293 MUST-21 and 22) ---- */

static void test_timeout_of_data(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_USER_TIMEOUT, 5000);
    assert_int_equal(get(s, NET_OPTION_USER_TIMEOUT), 5000);
    script_send(s, 10);
    assert_int_equal(until_over(s, NULL), 5 * NET_SECOND);
}

/* Longer than all retries would take. */
static void test_timeout_may_be_long(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_USER_TIMEOUT, 3600 * 1000);
    script_send(s, 10);
    assert_int_equal(until_over(s, NULL), 3600 * NET_SECOND);
}

static void test_progress_gives_the_full_time(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_USER_TIMEOUT, 5000);
    script_send(s, 20);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 20);
    PASS(4 * NET_SECOND);
    IN(.flags = ACK, .seq = 1, .ack = 11);
    assert_int_equal(until_over(s, NULL), 5 * NET_SECOND);
}

/* It is never over before something has been sent again. */
static void test_shorter_than_the_first_retry(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_USER_TIMEOUT, 1);
    script_send(s, 10);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    assert_int_equal(until_over(s, NULL), 200 * MS);
}

/* There is room for so many orphans only: the patience of a user who has gone keeps none of it. */
static void test_timeout_of_an_orphan(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_USER_TIMEOUT, INT32_MAX);
    script_send(s, 10);
    net_time began = s->now;
    struct net_usage before, after;
    net_usage(s->net, &before);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    for (after = before; after.connections == before.connections; net_usage(s->net, &after)) {
        net_time next = net_deadline(s->net);
        assert_true(next != NET_NEVER && (next < s->now || next - began < 3600 * NET_SECOND));
        s->now = next > s->now ? next : s->now;
        while (script_take(s, &(struct tcp_header){0}, &(struct span){0})) {
        }
    }
    assert_in_range(s->now - began, 60 * NET_SECOND, 300 * NET_SECOND);
}

static void still_shut(struct script *s) {
    IN(.flags = ACK, .seq = 1, .ack = 1, .shut = true);
}

/* A peer that answers each probe, but never opens its window. */
static void test_timeout_of_a_shut_window(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_USER_TIMEOUT, 30000);
    IN(.flags = ACK, .seq = 1, .ack = 1, .shut = true);
    script_send(s, 10);
    assert_int_equal(until_over(s, still_shut), 30 * NET_SECOND);
}

static void test_timeout_of_a_handshake(void **state) {
    struct script *s = *state;
    script_connect(s);
    set(s, NET_OPTION_USER_TIMEOUT, 5000);
    OUT(.flags = SYN);
    assert_int_equal(until_over(s, NULL), 5 * NET_SECOND);
}

static void test_timeout_of_keepalive(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_KEEPIDLE, 10);
    set(s, NET_OPTION_KEEPINTVL, 1);
    set(s, NET_OPTION_KEEPCNT, 2);
    set(s, NET_OPTION_USER_TIMEOUT, 15000);
    set(s, NET_OPTION_KEEPALIVE, 1);
    assert_int_equal(until_over(s, NULL), 15 * NET_SECOND);
}

static void test_syn_count(void **state) {
    struct script *s = *state;
    script_connect(s);
    set(s, NET_OPTION_SYNCNT, 2);
    OUT(.flags = SYN);
    assert_int_equal(until_over(s, NULL), (1 + 2 + 4) * NET_SECOND);
}

/* ---- FIN_WAIT_2 without a user ---- */

static void test_fin_wait(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_FIN_WAIT_2);
    set(s, NET_OPTION_LINGER2, 7);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    QUIET();
    PASS(7 * NET_SECOND - 1);
    QUIET();
    STATE(TCP_FIN_WAIT_2);
    PASS(1);
    QUIET();
    STATE(TCP_CLOSED);
}

static void test_no_fin_wait(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_FIN_WAIT_2);
    set(s, NET_OPTION_LINGER2, -5);
    assert_int_equal(get(s, NET_OPTION_LINGER2), -1);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = RST | ACK, .seq = 2, .ack = 1);
    STATE(TCP_CLOSED);
}

/* ---- When segments go, and how large they are ---- */

static void test_cork(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_CORK, 1);
    set(s, NET_OPTION_NODELAY, 1);
    script_send(s, 100);
    QUIET();
    script_send(s, MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    QUIET();
    set(s, NET_OPTION_CORK, 0);
    OUT(.flags = ACK | PSH, .seq = 1 + MSS, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 1, .ack = 1 + MSS + 100);
    set(s, NET_OPTION_CORK, 1);
    script_send(s, 50);
    PASS(199 * MS);
    QUIET();
    PASS(MS); /* as long as it may */
    OUT(.flags = ACK | PSH, .seq = 1 + MSS + 100, .ack = 1, .length = 50);
}

/* Asking for TCP_NODELAY lets go what is held back, once, also if it is corked. */
static void test_no_delay_pushes(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_CORK, 1);
    script_send(s, 100);
    QUIET();
    set(s, NET_OPTION_NODELAY, 1);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100);
    script_send(s, 100);
    QUIET();
}

/* What is not asked for is told as what it usually is. */
static void test_usual_values(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(get(s, NET_OPTION_SYNCNT), 6);
    assert_int_equal(get(s, NET_OPTION_LINGER2), 60);
    assert_int_equal(get(s, NET_OPTION_USER_TIMEOUT), 0);
    set(s, NET_OPTION_NOTSENT_LOWAT, -1); /* no limit, as large as it is */
    assert_int_equal(get(s, NET_OPTION_NOTSENT_LOWAT), UINT32_MAX);
    set(s, NET_OPTION_LINGER, INT32_MAX);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_SYNCNT, 128), ERR_INVALID);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_USER_TIMEOUT, -1), ERR_INVALID);
}

static void test_segment_size(void **state) {
    struct script *s = *state;
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, 2}}, PEER_PORT}, local;
    assert_int_equal(net_open(s->net, NET_STREAM, s->owner, &s->socket), ERR_NONE);
    assert_int_equal(get(s, NET_OPTION_MAXSEG), 536);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_MAXSEG, 87), ERR_INVALID);
    set(s, NET_OPTION_MAXSEG, 700);
    assert_int_equal(get(s, NET_OPTION_MAXSEG), 700);
    assert_int_equal(net_connect(s->net, s->socket, &peer, s->now), ERR_IN_PROGRESS);
    assert_int_equal(net_local(s->net, s->socket, &local), ERR_NONE);
    s->port = local.port;
    OUT(.flags = SYN, .mss = 700);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1460);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    script_send(s, 1000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 700);
    assert_int_equal(get(s, NET_OPTION_MAXSEG), 700);
}

static void test_quick_acks(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(get(s, NET_OPTION_QUICKACK), 1);
    set(s, NET_OPTION_QUICKACK, 0);
    assert_int_equal(get(s, NET_OPTION_QUICKACK), 0);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    QUIET();
    set(s, NET_OPTION_QUICKACK, 1);
    OUT(.flags = ACK, .seq = 1, .ack = 101);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 201);
}

static void test_congestion_control(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(get(s, NET_OPTION_CONGESTION), 0);
    set(s, NET_OPTION_CONGESTION, 1);
    assert_int_equal(get(s, NET_OPTION_CONGESTION), 1);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_CONGESTION, 2), ERR_INVALID);
    script_send(s, 10 * MSS);
    for (uint32_t i = 0; i < 10; i++) {
        OUT(.flags = ACK, .seq = 1 + i * MSS, .ack = 1, .length = MSS);
    }
    for (int i = 0; i < 3; i++) {
        IN(.flags = ACK, .seq = 1, .ack = 1);
    }
    struct net_stream_info info;
    assert_int_equal(net_stream_info(s->net, s->socket, &info, s->now), ERR_NONE);
    assert_int_equal(info.threshold, 5); /* half, where CUBIC would leave 7 */
}

/* ---- How much may wait ---- */

static void test_receive_low(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(get(s, NET_OPTION_RCVLOWAT), 1);
    set(s, NET_OPTION_RCVLOWAT, 150);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 101);
    assert_false(is_ready(s, NET_READY_IN));
    assert_int_equal(get(s, NET_OPTION_READABLE), 100);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 50);
    OUT(.flags = ACK, .seq = 1, .ack = 151);
    assert_true(is_ready(s, NET_READY_IN));
    assert_int_equal(script_read(s, 100), 100);
    assert_false(is_ready(s, NET_READY_IN));
    IN(.flags = FIN | ACK, .seq = 151, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 152);
    assert_true(is_ready(s, NET_READY_IN)); /* no more will come */
}

/* Bounded by half the buffer, or it would never come true. */
static void test_receive_low_is_possible(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_RCVLOWAT, 1 << 30);
    assert_int_equal(get(s, NET_OPTION_RCVLOWAT), 32768);
}

static void test_unsent_low(void **state) {
    struct script *s = *state;
    size_t space = 1;
    struct net_piece piece[2];
    script_reach(s, TCP_ESTABLISHED);
    set(s, NET_OPTION_NOTSENT_LOWAT, 1000);
    script_send(s, 10 * MSS);
    assert_int_equal(get(s, NET_OPTION_UNSENT), 10 * MSS);
    assert_false(is_ready(s, NET_READY_OUT));
    assert_int_equal(net_send_space(s->net, s->socket, piece, &space), ERR_WOULD_BLOCK);
    for (uint32_t i = 0; i < 10; i++) {
        OUT(.flags = ACK, .seq = 1 + i * MSS, .ack = 1, .length = MSS);
    }
    assert_true(is_ready(s, NET_READY_OUT));
    struct net_event event;
    bool told = false;
    while (net_next_event(s->net, &event)) {
        told |= event.socket == s->socket && (event.ready & NET_READY_OUT) != 0;
    }
    assert_true(told);
    assert_int_equal(get(s, NET_OPTION_UNSENT), 0);
    assert_int_equal(get(s, NET_OPTION_UNACKED), 10 * MSS);
}

/* For a close that waits. */
static void test_all_is_acknowledged(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 10);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 10);
    IN(.flags = ACK, .seq = 1, .ack = 11);
    assert_false(is_ready(s, NET_READY_SENT));
    IN(.flags = ACK, .seq = 1, .ack = 12);
    assert_true(is_ready(s, NET_READY_SENT));
}

/* ---- Sharing a port ---- */

static net_socket_id open_shared(struct script *s, net_owner owner, enum error bind_result) {
    net_socket_id socket;
    struct net_endpoint local = {.port = SERVER_PORT};
    assert_int_equal(net_open(s->net, NET_STREAM, owner, &socket), ERR_NONE);
    assert_int_equal(net_set_option(s->net, socket, NET_OPTION_REUSEPORT, 1), ERR_NONE);
    assert_int_equal(net_bind(s->net, socket, &local), bind_result);
    return socket;
}

static void test_shared_port(void **state) {
    enum { LISTENERS = 4, CLIENTS = 200 };
    struct script *s = *state;
    net_socket_id listener[LISTENERS], accepted = 0;
    struct net_endpoint peer;
    net_owner stranger;
    int taken[LISTENERS] = {0};
    for (int i = 0; i < LISTENERS; i++) {
        listener[i] = open_shared(s, s->owner, ERR_NONE);
        assert_int_equal(net_listen(s->net, listener[i], CLIENTS), ERR_NONE);
    }
    assert_int_equal(net_owner_open(s->net, &stranger), ERR_NONE);
    (void)open_shared(s, stranger, ERR_ADDRESS_IN_USE); /* nobody else's task */
    net_owner_close(s->net, stranger, s->now);
    for (unsigned i = 0; i < CLIENTS; i++) {
        s->iss_known = false;
        IN(.flags = SYN, .mss = MSS, .from = (uint16_t)(2000 + i));
        OUT(.flags = SYN | ACK, .ack = 1);
        IN(.flags = ACK, .seq = 1, .ack = 1, .from = (uint16_t)(2000 + i));
        int found = -1;
        for (int j = 0; j < LISTENERS; j++) {
            net_socket_id candidate;
            if (net_accept(s->net, listener[j], s->owner, &candidate, &peer) == ERR_NONE) {
                assert_int_equal(found, -1);
                found = j;
                accepted = candidate;
            }
        }
        assert_true(found >= 0); /* the ACK has found the listener of its SYN */
        taken[found]++;
        assert_int_equal(net_abort(s->net, accepted, s->now), ERR_NONE);
        OUT(.flags = RST | ACK, .seq = 1, .ack = 1);
    }
    for (int i = 0; i < LISTENERS; i++) { /* 50 each, give or take */
        assert_in_range(taken[i], 25, 80);
    }
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_timeout_of_data),
        WITH(test_timeout_may_be_long),
        WITH(test_progress_gives_the_full_time),
        WITH(test_shorter_than_the_first_retry),
        WITH(test_timeout_of_an_orphan),
        WITH(test_timeout_of_a_shut_window),
        WITH(test_timeout_of_a_handshake),
        WITH(test_timeout_of_keepalive),
        WITH(test_syn_count),
        WITH(test_fin_wait),
        WITH(test_no_fin_wait),
        WITH(test_cork),
        WITH(test_no_delay_pushes),
        WITH(test_usual_values),
        WITH(test_segment_size),
        WITH(test_quick_acks),
        WITH(test_congestion_control),
        WITH(test_receive_low),
        WITH(test_receive_low_is_possible),
        WITH(test_unsent_low),
        WITH(test_all_is_acknowledged),
        WITH(test_shared_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
