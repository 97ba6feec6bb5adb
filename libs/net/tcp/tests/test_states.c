/* test_states.c: what arrives in each state (RFC 9293 3.10.7), row by row. */
#include "script.h"

/* ---- 3.10.7.1: CLOSED ---- */

static void test_closed(void **state) {
    struct script *s = *state;
    IN(.flags = RST, .seq = 5);
    QUIET();
    IN(.flags = SYN, .seq = 5);
    OUT(.flags = RST | ACK, .seq = 0, .ack = 6);
    IN(.flags = FIN, .seq = 5, .length = 10);
    OUT(.flags = RST | ACK, .seq = 0, .ack = 16);
    IN(.flags = ACK, .seq = 5, .ack = 77);
    OUT(.flags = RST, .seq = 77);
    IN(.flags = RST | ACK, .seq = 5, .ack = 77);
    QUIET();
}

static void test_bad_checksum_is_dropped(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = RST, .seq = 1, .bad_sum = true);
    STATE(TCP_ESTABLISHED);
    assert_int_equal(net_counters(s->net)->tcp_checksum, 1);
}

/* ---- 3.10.7.2: LISTEN ---- */

static void test_listen(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_LISTEN);
    IN(.flags = RST, .seq = 5);
    QUIET();
    IN(.flags = ACK, .seq = 5, .ack = 9);
    OUT(.flags = RST, .seq = 9);
    IN(.flags = SYN | ACK, .seq = 5, .ack = 9);
    OUT(.flags = RST, .seq = 9);
    IN(.flags = PSH, .seq = 5, .length = 3);
    QUIET();
    IN(.flags = SYN | FIN, .seq = 5); /* only scanners do that */
    QUIET();
    IN(.flags = SYN, .seq = 0, .mss = 1460, .has_shift = true, .shift = 7);
    OUT(.flags = SYN | ACK, .ack = 1, .mss = 1460, .has_shift = true, .shift = 1, .window = 65535);
    STATE(TCP_SYN_RECEIVED);
}

/* No option, no option in return. */
static void test_listen_without_scale(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_LISTEN);
    IN(.flags = SYN, .seq = 0);
    OUT(.flags = SYN | ACK, .ack = 1);
    assert_false(s->last.options.has_window_scale);
}

/* ---- 3.10.7.3: SYN-SENT ---- */

static void test_syn_sent_bad_ack(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    IN(.flags = ACK, .seq = 0, .ack = 0);
    OUT(.flags = RST, .seq = 0);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 2);
    OUT(.flags = RST, .seq = 2);
    IN(.flags = RST | ACK, .seq = 0, .ack = 2);
    QUIET();
    STATE(TCP_SYN_SENT);
    assert_int_equal(net_counters(s->net)->tcp_bad_ack, 3);
}

static void test_syn_sent_reset(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    IN(.flags = RST, .seq = 0);
    STATE(TCP_SYN_SENT);
    IN(.flags = RST | ACK, .seq = 0, .ack = 1);
    QUIET();
    STATE(TCP_CLOSED);
    assert_int_equal(net_take_error(s->net, s->socket), ERR_REFUSED);
}

static void test_syn_sent_ack_without_syn(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    QUIET();
    STATE(TCP_SYN_SENT);
}

static void test_syn_sent_established(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_ESTABLISHED);
    script_send(s, 1500);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1000);
    OUT(.flags = ACK | PSH, .seq = 1001, .ack = 1, .length = 500);
}

static void test_simultaneous_open(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    IN(.flags = SYN, .seq = 0, .mss = 1460);
    OUT(.flags = SYN | ACK, .seq = 0, .ack = 1);
    STATE(TCP_SYN_RECEIVED);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1460);
    STATE(TCP_ESTABLISHED);
    QUIET();
    script_send(s, 3);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 3);
}

static void test_simultaneous_open_by_ack(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    IN(.flags = SYN, .seq = 0, .mss = 1460);
    OUT(.flags = SYN | ACK, .seq = 0, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_ESTABLISHED);
    QUIET();
}

/* ---- 3.10.7.4, first: sequence number; in every synchronized state ---- */

static const enum tcp_state synchronized[] = {
    TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
    TCP_CLOSE_WAIT,   TCP_CLOSING,     TCP_LAST_ACK,
};

/* Next sequence numbers in that state: ours (sent), the peer's. */
static uint32_t ours(enum tcp_state state) {
    return state == TCP_SYN_RECEIVED || state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT ? 1 : 2;
}

static uint32_t theirs(enum tcp_state state) {
    return state == TCP_CLOSE_WAIT || state == TCP_CLOSING || state == TCP_LAST_ACK ? 2 : 1;
}

static void for_each_state(void (*run)(struct script *s, enum tcp_state state)) {
    for (size_t i = 0; i < sizeof synchronized / sizeof synchronized[0]; i++) {
        struct script script;
        script_start(&script);
        script_reach(&script, synchronized[i]);
        run(&script, synchronized[i]);
        script_stop(&script);
    }
}

static void old_segment(struct script *s, enum tcp_state state) {
    IN(.flags = ACK, .seq = theirs(state) - 100, .ack = ours(state), .length = 50);
    OUT(.flags = ACK, .seq = ours(state), .ack = theirs(state));
    STATE(state);
    IN(.flags = ACK, .seq = theirs(state) + 70000, .ack = ours(state), .length = 5);
    OUT(.flags = ACK, .seq = ours(state), .ack = theirs(state));
    IN(.flags = RST, .seq = theirs(state) + 70000);
    QUIET();
    STATE(state);
}

static void test_out_of_window(void **state) {
    (void)state;
    for_each_state(old_segment);
}

/* Empty segments out of the window are answered at most twice a second, or two such hosts would talk for
 * ever. */
static void test_out_of_window_is_limited(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 0, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    IN(.flags = ACK, .seq = 0, .ack = 1);
    QUIET();
    PASS(NET_SECOND / 2);
    IN(.flags = ACK, .seq = 0, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
}

static void test_trimmed_on_both_sides(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 101);
    IN(.flags = ACK, .seq = 51, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 151);
    assert_int_equal(script_read(s, 1000), 150);
}

/* ---- Second: RST ---- */

static void exact_reset(struct script *s, enum tcp_state state) {
    IN(.flags = RST, .seq = theirs(state));
    QUIET();
    STATE(TCP_CLOSED);
    assert_int_equal(net_counters(s->net)->tcp_resets_in, 1);
    if (state == TCP_SYN_RECEIVED) {
        return;
    }
    bool in_order = state == TCP_CLOSING || state == TCP_LAST_ACK;
    enum error expected = in_order ? ERR_NONE : state == TCP_CLOSE_WAIT ? ERR_PIPE : ERR_RESET;
    assert_int_equal(net_take_error(s->net, s->socket), expected);
}

static void test_reset(void **state) {
    (void)state;
    for_each_state(exact_reset);
}

/* SHLD-2: a RST may carry text that says why; it closes all the same and nobody reads it. */
static void test_reset_with_text(void **state) {
    struct script *s = *state;
    uint8_t byte;
    size_t done;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = RST | ACK, .seq = 1, .ack = 1, .length = 20);
    STATE(TCP_CLOSED);
    assert_int_equal(net_read(s->net, s->socket, &byte, 1, &done, s->now), ERR_RESET);
    assert_int_equal(script_read(s, 100), 0);
    QUIET();
}

/* RFC 5961 3.2: within the window, but not exact. */
static void near_reset(struct script *s, enum tcp_state state) {
    IN(.flags = RST, .seq = theirs(state) + 10);
    OUT(.flags = ACK, .seq = ours(state), .ack = theirs(state));
    STATE(state);
}

static void test_reset_challenged(void **state) {
    (void)state;
    for_each_state(near_reset);
}

/* At most two answers a second (RFC 5961 7): whatever asks for them, each connection by itself. */
static void test_challenges_are_limited(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = RST, .seq = 11);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    IN(.flags = RST, .seq = 12);
    IN(.flags = SYN, .seq = 11);
    IN(.flags = SYN, .seq = 0);
    IN(.flags = ACK, .seq = 1, .ack = 7);
    IN(.flags = ACK, .seq = 0, .ack = 1);
    QUIET();
    IN(.flags = ACK, .seq = 0, .ack = 1, .length = 1); /* text is no answer: it cannot go on for ever */
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    PASS(NET_SECOND / 2);
    IN(.flags = SYN, .seq = 11);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_ESTABLISHED);
}

/* A peer that counts its FIN only once it is acknowledged resets at the FIN's place. */
static void reset_at_fin(struct script *s, enum tcp_state state) {
    bool taken = theirs(state) == 2;
    IN(.flags = RST, .seq = theirs(state) - 1);
    QUIET();
    STATE(taken ? TCP_CLOSED : state);
}

static void test_reset_at_the_fin(void **state) {
    (void)state;
    for_each_state(reset_at_fin);
}

/* A peer that resets while something is missing does so behind the last that it has sent. */
static void test_reset_behind_a_gap(void **state) {
    struct script *s = *state;
    struct net_endpoint peer;
    script_listen(s, 8);
    IN(.flags = SYN, .mss = 1460, .sack_ok = true);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 301, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    IN(.flags = RST, .seq = 201);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_ESTABLISHED);
    IN(.flags = RST, .seq = 401);
    QUIET();
    STATE(TCP_CLOSED);
}

/* Without SACK nobody knows what we have. */
static void test_reset_behind_a_gap_without_sack(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    IN(.flags = RST, .seq = 201);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_ESTABLISHED);
}

static void test_reset_returns_to_listen(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_RECEIVED);
    IN(.flags = RST, .seq = 1);
    STATE(TCP_CLOSED);
    s->iss_known = false;
    IN(.flags = SYN, .seq = 0);
    OUT(.flags = SYN | ACK, .ack = 1);
}

/* Data that had arrived before the RST can still be read, then comes the error, then the end. */
static void test_data_before_reset(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    IN(.flags = RST, .seq = 11);
    assert_int_equal(script_read(s, 100), 10);
    uint8_t byte;
    size_t done;
    assert_int_equal(net_read(s->net, s->socket, &byte, 1, &done, s->now), ERR_RESET);
    assert_int_equal(net_read(s->net, s->socket, &byte, 1, &done, s->now), ERR_NONE);
    assert_int_equal(done, 0);
    assert_int_equal(net_send(s->net, s->socket, &byte, 1, &done, s->now), ERR_PIPE);
}

/* ---- Fourth: SYN ---- */

static void stray_syn(struct script *s, enum tcp_state state) {
    if (state == TCP_SYN_RECEIVED) {
        return;
    }
    IN(.flags = SYN, .seq = theirs(state) + 10);
    OUT(.flags = ACK, .seq = ours(state), .ack = theirs(state));
    STATE(state);
}

static void test_syn_challenged(void **state) {
    (void)state;
    for_each_state(stray_syn);
}

static void test_syn_received_again(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_RECEIVED);
    IN(.flags = SYN, .seq = 0, .mss = 1460);
    OUT(.flags = SYN | ACK, .seq = 0, .ack = 1);
    IN(.flags = SYN, .seq = 0, .mss = 1460); /* twice a second at most */
    QUIET();
    PASS(NET_SECOND / 2);
    IN(.flags = SYN, .seq = 0, .mss = 1460);
    OUT(.flags = SYN | ACK, .seq = 0, .ack = 1);
}

/* Nobody opens a passive one with an ACK of his own SYN. */
static void test_syn_received_syn_ack(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_RECEIVED);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1460);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_SYN_RECEIVED);
}

/* ---- Fifth: ACK ---- */

static void no_ack(struct script *s, enum tcp_state state) {
    IN(.flags = 0, .seq = theirs(state), .length = 10);
    QUIET();
    STATE(state);
}

static void test_no_ack_is_dropped(void **state) {
    (void)state;
    for_each_state(no_ack);
}

static void test_syn_received_bad_ack(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_RECEIVED);
    IN(.flags = ACK, .seq = 1, .ack = 5);
    OUT(.flags = RST, .seq = 5);
    STATE(TCP_SYN_RECEIVED);
    IN(.flags = ACK, .seq = 1, .ack = 0); /* of our ISN only */
    OUT(.flags = RST, .seq = 0);
    IN(.flags = ACK, .seq = 100000, .ack = 5); /* wherever it stands */
    OUT(.flags = RST, .seq = 5);
    IN(.flags = SYN | ACK, .seq = 10, .ack = 5);
    OUT(.flags = RST, .seq = 5);
    IN(.flags = ACK, .seq = 100000, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_SYN_RECEIVED);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_ESTABLISHED);
}

/* RFC 5961 5.2. */
static void absurd_ack(struct script *s, enum tcp_state state) {
    if (state == TCP_SYN_RECEIVED) {
        return;
    }
    IN(.flags = ACK, .seq = theirs(state), .ack = ours(state) + 1, .length = 0);
    OUT(.flags = ACK, .seq = ours(state), .ack = theirs(state));
}

static void ancient_ack(struct script *s, enum tcp_state state) {
    if (state == TCP_SYN_RECEIVED) {
        return;
    }
    IN(.flags = ACK, .seq = theirs(state), .ack = ours(state) - 70000);
    OUT(.flags = ACK, .seq = ours(state), .ack = theirs(state));
    STATE(state);
}

/* Before our ISN there was nothing. */
static void ack_before_the_first(struct script *s, enum tcp_state state) {
    if (state == TCP_SYN_RECEIVED) {
        return;
    }
    IN(.flags = ACK, .seq = theirs(state), .ack = 0);
    OUT(.flags = ACK, .seq = ours(state), .ack = theirs(state));
    STATE(state);
}

static void test_ack_of_what_was_not_sent(void **state) {
    (void)state;
    for_each_state(absurd_ack);
    for_each_state(ancient_ack);
    for_each_state(ack_before_the_first);
}

/* An old ACK of something that was sent is just late. */
static void test_late_ack(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 20);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 20);
    IN(.flags = ACK, .seq = 1, .ack = 21);
    IN(.flags = ACK, .seq = 1, .ack = 11);
    QUIET();
    assert_int_equal(net_counters(s->net)->tcp_bad_ack, 0);
}

static void test_fin_wait_1_to_2(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_FIN_WAIT_1);
    IN(.flags = ACK, .seq = 1, .ack = 2);
    QUIET();
    STATE(TCP_FIN_WAIT_2);
}

static void test_fin_wait_1_to_time_wait(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_FIN_WAIT_1);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 2);
    OUT(.flags = ACK, .seq = 2, .ack = 2);
    STATE(TCP_TIME_WAIT);
}

static void test_closing_to_time_wait(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_CLOSING);
    IN(.flags = ACK, .seq = 2, .ack = 2);
    QUIET();
    STATE(TCP_TIME_WAIT);
}

static void test_last_ack_to_closed(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_LAST_ACK);
    IN(.flags = ACK, .seq = 2, .ack = 2);
    QUIET();
    STATE(TCP_CLOSED);
}

/* ---- Seventh: text ---- */

static void text(struct script *s, enum tcp_state state) {
    bool open = state <= TCP_FIN_WAIT_2;
    IN(.flags = ACK, .seq = theirs(state), .ack = ours(state) - (state == TCP_FIN_WAIT_1), .length = 10);
    if (!open) { /* the peer has sent its FIN: what stands behind it is not looked at */
        QUIET();
        return;
    }
    OUT(.flags = ACK, .seq = ours(state), .ack = 11);
    if (state != TCP_SYN_RECEIVED) {
        assert_int_equal(script_read(s, 100), 10);
    }
}

static void test_text(void **state) {
    (void)state;
    for_each_state(text);
}

static void test_out_of_order(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 301, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1); /* one duplicate for each */
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    OUT(.flags = ACK, .seq = 1, .ack = 201);
    IN(.flags = ACK, .seq = 151, .ack = 1, .length = 200);
    OUT(.flags = ACK, .seq = 1, .ack = 401);
    assert_int_equal(script_read(s, 1000), 400);
    assert_int_equal(net_counters(s->net)->tcp_out_of_order, 2);
}

/* ---- Eighth: FIN ---- */

static void test_fin_established(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 10);
    OUT(.flags = ACK, .seq = 1, .ack = 12);
    STATE(TCP_CLOSE_WAIT);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 10);
    OUT(.flags = ACK, .seq = 1, .ack = 12);
    assert_int_equal(script_read(s, 100), 10);
    script_send(s, 20); /* half-closed: this direction goes on */
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 12, .length = 20);
}

static void test_fin_in_syn_received(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_RECEIVED);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 1, .length = 5);
    OUT(.flags = ACK, .seq = 1, .ack = 7);
    STATE(TCP_CLOSE_WAIT);
}

static void test_fin_before_its_data(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = FIN | ACK, .seq = 11, .ack = 1, .length = 10);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    STATE(TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    OUT(.flags = ACK, .seq = 1, .ack = 22);
    STATE(TCP_CLOSE_WAIT);
}

/* The stream ends where the first FIN said; another one elsewhere changes nothing. */
static void test_second_fin(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = FIN | ACK, .seq = 11, .ack = 1, .length = 10);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    IN(.flags = FIN | ACK, .seq = 101, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1); /* out of order */
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    OUT(.flags = ACK, .seq = 1, .ack = 22);
    STATE(TCP_CLOSE_WAIT);
}

static void test_fin_wait_1_to_closing(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_FIN_WAIT_1);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 1);
    OUT(.flags = ACK, .seq = 2, .ack = 2);
    STATE(TCP_CLOSING);
}

static void test_half_close(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_FIN_WAIT_2);
    IN(.flags = ACK, .seq = 1, .ack = 2, .length = 500);
    assert_int_equal(script_read(s, 1000), 500);
    OUT(.flags = ACK, .seq = 2, .ack = 501);
    IN(.flags = FIN | ACK, .seq = 501, .ack = 2);
    OUT(.flags = ACK, .seq = 2, .ack = 502);
    STATE(TCP_TIME_WAIT);
    uint8_t byte;
    size_t done = 1;
    assert_int_equal(net_read(s->net, s->socket, &byte, 1, &done, s->now), ERR_NONE);
    assert_int_equal(done, 0);
}

/* ---- TIME-WAIT ---- */

static void test_time_wait(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_TIME_WAIT);
    IN(.flags = RST, .seq = 2);
    STATE(TCP_TIME_WAIT);
    PASS(59 * NET_SECOND);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 2);
    OUT(.flags = ACK, .seq = 2, .ack = 2);
    PASS(59 * NET_SECOND); /* the FIN has started it anew */
    QUIET();
    STATE(TCP_TIME_WAIT);
    IN(.flags = ACK, .seq = 2, .ack = 2);
    QUIET();
    IN(.flags = ACK, .seq = 2, .ack = 2, .length = 4);
    OUT(.flags = ACK, .seq = 2, .ack = 2);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    STATE(TCP_TIME_WAIT);
    PASS(2 * NET_SECOND);
    QUIET();
    STATE(TCP_CLOSED);
}

static void test_time_wait_reuse(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_TIME_WAIT);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    IN(.flags = SYN, .seq = 1);
    OUT(.flags = ACK, .seq = 2, .ack = 2); /* not new: an old duplicate perhaps */
    IN(.flags = SYN, .seq = 1);
    QUIET(); /* told already */
    PASS(NET_SECOND / 2);
    IN(.flags = SYN, .seq = 2);
    OUT(.flags = ACK, .seq = 2, .ack = 2); /* nor is this one */
    STATE(TCP_TIME_WAIT);
    uint32_t before = s->iss + 2;
    s->iss_known = false;
    IN(.flags = SYN, .seq = 3);
    OUT(.flags = SYN | ACK, .seq = 0, .ack = 4);
    STATE(TCP_SYN_RECEIVED);
    assert_true((int32_t)(s->iss - before) > 0);
}

/* A connection that its user has closed first. */
static void wait_for(struct script *s, uint16_t from) {
    struct net_endpoint peer;
    net_socket_id socket;
    s->iss_known = false;
    IN(.flags = SYN, .mss = 1460, .from = from);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1, .from = from);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &socket, &peer), ERR_NONE);
    assert_int_equal(net_close(s->net, socket, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 1);
    IN(.flags = FIN | ACK, .seq = 1, .ack = 2, .from = from);
    OUT(.flags = ACK, .seq = 2, .ack = 2);
}

/* There are only so many; the oldest gives way. */
static void test_time_wait_is_bounded(void **state) {
    struct script *s = *state;
    struct net_usage usage;
    script_listen(s, 8);
    for (uint16_t from = 1; from <= 4000; from++) {
        wait_for(s, from);
    }
    net_usage(s->net, &usage);
    assert_in_range(usage.connections, 1000, 2100); /* an eighth of the memory */
    assert_int_equal(script_state_of(s, 1), TCP_CLOSED);
    assert_int_equal(script_state_of(s, 4000), TCP_TIME_WAIT);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_closed),
        WITH(test_bad_checksum_is_dropped),
        WITH(test_listen),
        WITH(test_listen_without_scale),
        WITH(test_syn_sent_bad_ack),
        WITH(test_syn_sent_reset),
        WITH(test_syn_sent_ack_without_syn),
        WITH(test_syn_sent_established),
        WITH(test_simultaneous_open),
        WITH(test_simultaneous_open_by_ack),
        cmocka_unit_test(test_out_of_window),
        WITH(test_out_of_window_is_limited),
        WITH(test_trimmed_on_both_sides),
        cmocka_unit_test(test_reset),
        WITH(test_reset_with_text),
        cmocka_unit_test(test_reset_challenged),
        WITH(test_challenges_are_limited),
        cmocka_unit_test(test_reset_at_the_fin),
        WITH(test_reset_behind_a_gap),
        WITH(test_reset_behind_a_gap_without_sack),
        WITH(test_late_ack),
        WITH(test_syn_received_syn_ack),
        WITH(test_reset_returns_to_listen),
        WITH(test_data_before_reset),
        cmocka_unit_test(test_syn_challenged),
        WITH(test_syn_received_again),
        cmocka_unit_test(test_no_ack_is_dropped),
        WITH(test_syn_received_bad_ack),
        cmocka_unit_test(test_ack_of_what_was_not_sent),
        WITH(test_fin_wait_1_to_2),
        WITH(test_fin_wait_1_to_time_wait),
        WITH(test_closing_to_time_wait),
        WITH(test_last_ack_to_closed),
        cmocka_unit_test(test_text),
        WITH(test_out_of_order),
        WITH(test_fin_established),
        WITH(test_fin_in_syn_received),
        WITH(test_fin_before_its_data),
        WITH(test_second_fin),
        WITH(test_fin_wait_1_to_closing),
        WITH(test_half_close),
        WITH(test_time_wait),
        WITH(test_time_wait_reuse),
        WITH(test_time_wait_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
