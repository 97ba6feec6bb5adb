/* test_flow.c: how much is sent and when: windows, Nagle, silly windows, loss recovery, congestion, offload.
 */
#include "script.h"

#define MS  (NET_SECOND / 1000)
#define MSS 1460

/* With NewReno, whose windows are easily reckoned. */
static int setup(void **state) {
    struct script *s = malloc(sizeof *s);
    struct net_config config = script_config();
    config.new_reno = true;
    script_start_with(s, &config);
    *state = s;
    return 0;
}

/* `count` full segments from the one that starts at `seq` on. */
static void take_full(struct script *s, uint32_t seq, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        OUT(.flags = ACK, .seq = seq + i * MSS, .ack = 1, .length = MSS);
    }
}

/* ---- What is small waits (RFC 896, RFC 9293 3.8.6.2.1) ---- */

static void test_nagle(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10);
    script_send(s, 10);
    script_send(s, 10);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 11);
    OUT(.flags = ACK | PSH, .seq = 11, .ack = 1, .length = 20);
    QUIET();
}

static void test_nodelay(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_NODELAY, 1), ERR_NONE);
    script_send(s, 10);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 20);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 21, .ack = 1, .length = 10);
}

/* Minshall: a small segment may follow full ones. */
static void test_tail_follows_full_segments(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 2 * MSS + 100);
    take_full(s, 1, 2);
    OUT(.flags = ACK | PSH, .seq = 1 + 2 * MSS, .ack = 1, .length = 100);
    script_send(s, 100);
    QUIET();
}

static void commit(struct script *s, size_t length, bool more) {
    struct net_piece piece[2];
    size_t space = length;
    assert_int_equal(net_send_space(s->net, s->socket, piece, &space), ERR_NONE);
    assert_true(space >= length && piece[0].length >= length);
    for (size_t i = 0; i < length; i++) {
        uint32_t seq = 1 + (uint32_t)(s->written + i);
        piece[0].data[i] = (uint8_t)(seq * 7 + (seq >> 8));
    }
    s->written += length;
    assert_int_equal(net_send_commit(s->net, s->socket, length, more, s->now), ERR_NONE);
}

static void test_more_follows(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    commit(s, 100, true);
    QUIET();
    commit(s, 50, false);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 150);
    IN(.flags = ACK, .seq = 1, .ack = 151);
    commit(s, 100, true);
    QUIET();
    PASS(200 * MS); /* it did not follow */
    OUT(.flags = ACK, .seq = 151, .ack = 1, .length = 100);
}

static void test_commit_without_space(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(net_send_commit(s->net, s->socket, 1, false, s->now), ERR_INVALID);
    commit(s, 0, false);
    QUIET();
}

/* A window that opens by a little is not used, unless it stays so (RFC 9293 3.8.6.2.1). */
static void test_silly_window_of_the_peer(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 100);
    script_send(s, 3000);
    QUIET();
    PASS(200 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 1, .ack = 101, .window = 2000);
    OUT(.flags = ACK, .seq = 101, .ack = 1, .length = MSS);
    QUIET();
}

/* ---- The peer's window ---- */

static void test_window_is_filled_exactly(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 3 * MSS);
    script_send(s, 10 * MSS);
    take_full(s, 1, 3);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + MSS, .window = 3 * MSS);
    take_full(s, 1 + 3 * MSS, 1);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + 4 * MSS, .shut = true);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + 4 * MSS, .window = 2 * MSS);
    take_full(s, 1 + 4 * MSS, 2);
    QUIET();
}

/* The window of what acknowledges something new counts, though segments with later text came before it: kept
 * from snd.una on, the old one would reach beyond what was ever offered. */
static void test_window_of_a_late_acknowledgment(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 4 * MSS);
    take_full(s, 1, 4);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 50, .window = 4 * MSS);
    OUT(.flags = ACK, .seq = 1 + 4 * MSS, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1 + 2 * MSS, .window = 2 * MSS);
    script_send(s, 4 * MSS);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + 2 * MSS, .window = 3 * MSS);
    take_full(s, 1 + 4 * MSS, 1);
    QUIET();
}

/* An old segment must not bring an old window back (SND.WL1, SND.WL2). */
static void test_old_window_is_ignored(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 101, .ack = 1, .length = 50, .shut = true);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 100, .window = 1000); /* sent before, came after */
    OUT(.flags = ACK, .seq = 1, .ack = 151);
    script_send(s, 10);
    QUIET();
    IN(.flags = ACK, .seq = 151, .ack = 1, .window = 1000);
    OUT(.flags = ACK, .seq = 1, .ack = 151, .length = 10);
}

/* A peer that takes its window back gets nothing more, and may open it again (RFC 9293 SHLD-14). */
static void test_window_shrinks(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 3 * MSS);
    script_send(s, 6 * MSS);
    take_full(s, 1, 3);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = MSS);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + MSS, .window = 5 * MSS);
    take_full(s, 1 + 3 * MSS, 3);
}

static void test_scaled_windows(void **state) {
    struct script *s = *state;
    struct net_endpoint peer;
    script_listen(s, 4);
    IN(.flags = SYN, .mss = MSS, .has_shift = true, .shift = 3, .window = 8);
    OUT(.flags = SYN | ACK, .ack = 1, .window = 65535, .has_shift = true, .shift = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 365); /* times 8: two segments */
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    script_send(s, 10 * MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS, .window = 32768);
    OUT(.flags = ACK, .seq = 1 + MSS, .ack = 1, .length = MSS);
    QUIET();
}

/* The right edge after all that is due has been taken, with a scale of 3. */
static uint32_t latest_edge(struct script *s, uint32_t edge) {
    struct tcp_header header;
    struct span text;
    while (script_take(s, &header, &text)) {
        uint32_t told = header.ack.value - PEER_ISN + ((uint32_t)header.window << 3);
        edge = told > edge ? told : edge;
    }
    return edge;
}

/* What a scaled window's rounding has told is taken, and so is an acknowledgment from its very edge: a peer
 * whose text is on its way, or lost, has no other sequence number. */
static void test_all_that_was_told_is_taken(void **state) {
    struct script script, *s = &script;
    struct net_config config = script_config();
    struct net_endpoint peer;
    config.receive_buffer = config.receive_buffer_max = 1 << 18;
    script_start_with(s, &config);
    script_listen(s, 4);
    IN(.flags = SYN, .mss = MSS, .has_shift = true, .shift = 0);
    OUT(.flags = SYN | ACK, .ack = 1, .has_shift = true, .shift = 3);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    uint32_t seq = 1, edge = 0;
    do {
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = 999);
        seq += 999;
        edge = latest_edge(s, edge);
        PASS(40 * MS); /* the delayed ones */
        edge = latest_edge(s, edge);
    } while (edge - seq >= 999);
    script_send(s, 100);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = seq, .length = 100);
    IN(.flags = ACK, .seq = edge, .ack = 101);
    PASS(2 * NET_SECOND);
    QUIET();
    IN(.flags = ACK, .seq = seq, .ack = 101, .length = edge - seq);
    PASS(40 * MS);
    OUT(.flags = ACK, .seq = 101, .ack = edge, .shut = true);
    script_send(s, 100);
    OUT(.flags = ACK | PSH, .seq = 101, .ack = edge, .length = 100);
    IN(.flags = ACK, .seq = edge, .ack = 201);
    PASS(2 * NET_SECOND);
    QUIET();
    script_stop(s);
}

/* RFC 7323 2.3: more than 14 counts as 14. */
static void test_scale_beyond_the_limit(void **state) {
    struct script *s = *state;
    script_listen(s, 4);
    IN(.flags = SYN, .mss = MSS, .has_shift = true, .shift = 15);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 1); /* 16,384 bytes */
    struct net_endpoint peer;
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    script_send(s, 40 * MSS);
    take_full(s, 1, 10); /* the initial congestion window */
    for (uint32_t i = 1; i <= 10; i++) {
        IN(.flags = ACK, .seq = 1, .ack = 1 + i * MSS, .window = 1);
    }
    take_full(s, 1 + 10 * MSS, 16384 / MSS);
    QUIET(); /* no more than the window holds in full segments */
}

/* RFC 9293 SHLD-16: what was sent before the window shrank goes out again within it, and no more. */
static void test_resent_within_a_shrunk_window(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 3 * MSS);
    script_send(s, 6 * MSS);
    take_full(s, 1, 3);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 2 * MSS);
    PASS(NET_SECOND + NET_SECOND / 10);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    QUIET();
}

/* SHLD-17: data beyond the edge of a window that shrank to nothing does not end the connection, however often
 * the peer says so; when the window opens all of it goes out again. */
static void test_window_shrinks_to_nothing(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 3 * MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    OUT(.flags = ACK, .seq = 1 + MSS, .ack = 1, .length = MSS);
    OUT(.flags = ACK | PSH, .seq = 1 + 2 * MSS, .ack = 1, .length = MSS);
    IN(.flags = ACK, .seq = 1, .ack = 1, .shut = true);
    struct tcp_header header;
    struct span text;
    int probes = 0;
    for (int seconds = 0; seconds < 3600; seconds++) {
        PASS(NET_SECOND);
        while (script_take(s, &header, &text)) {
            assert_true(text.length <= 1);
            probes++;
            IN(.flags = ACK, .seq = 1, .ack = 1, .shut = true);
        }
    }
    assert_in_range(probes, 30, 90);
    STATE(TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .window = 10 * MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
}

/* ---- Our window ---- */

/* It closes as data stands unread, never moves its edge back, and opens again by a worthwhile step. */
static void test_our_window(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    uint32_t seq = 1;
    for (int i = 0; i < 65; i++) {
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = 1000);
        seq += 1000;
    }
    OUT(.flags = ACK, .seq = 1, .ack = 65001, .window = 535);
    IN(.flags = ACK, .seq = seq, .ack = 1, .length = 1000);
    OUT(.flags = ACK, .seq = 1, .ack = 65536, .shut = true);
    IN(.flags = ACK, .seq = 65536, .ack = 1, .length = 1); /* a probe */
    OUT(.flags = ACK, .seq = 1, .ack = 65536, .shut = true);
    assert_int_equal(script_read(s, 500), 500);
    QUIET();
    assert_int_equal(script_read(s, 1500), 1500);
    OUT(.flags = ACK, .seq = 1, .ack = 65536, .window = 2001);
    assert_int_equal(script_read(s, 60000), 60000);
    OUT(.flags = ACK, .seq = 1, .ack = 65536, .window = 62001);
    assert_int_equal(script_read(s, 60000), 3535);
    QUIET();
}

static void test_text_beyond_our_window_is_cut(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 60000);
    OUT(.flags = ACK, .seq = 1, .ack = 60001, .window = 5535);
    IN(.flags = FIN | ACK, .seq = 60001, .ack = 1, .length = 5536);
    OUT(.flags = ACK, .seq = 1, .ack = 65536, .shut = true);
    STATE(TCP_ESTABLISHED); /* its FIN stood beyond the window */
    assert_int_equal(script_read(s, 65535), 65535);
}

/* ---- Loss (RFC 5681, 6582, 3042) ---- */

static void duplicate(struct script *s, uint32_t ack) {
    IN(.flags = ACK, .seq = 1, .ack = ack);
}

static void test_limited_and_fast_retransmit(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 30 * MSS);
    take_full(s, 1, 10);
    QUIET();
    duplicate(s, 1);
    take_full(s, 1 + 10 * MSS, 1); /* RFC 3042 */
    duplicate(s, 1);
    take_full(s, 1 + 11 * MSS, 1);
    QUIET();
    duplicate(s, 1);
    take_full(s, 1, 1);
    QUIET();
    for (int i = 4; i <= 6; i++) { /* half of 12: until so many are left each second or third lets one out */
        duplicate(s, 1);
    }
    QUIET();
    duplicate(s, 1);
    take_full(s, 1 + 12 * MSS, 1);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + 12 * MSS); /* all that was out when it was seen */
    take_full(s, 1 + 13 * MSS, 5);
    QUIET();
    assert_int_equal(net_counters(s->net)->tcp_fast_retransmits, 1);
    assert_int_equal(net_counters(s->net)->tcp_timeouts, 0);
}

/* Ten segments are out, and the first of them goes again. */
static void lose_the_first(struct script *s) {
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 10 * MSS);
    take_full(s, 1, 10);
    for (int i = 0; i < 3; i++) {
        duplicate(s, 1);
    }
    take_full(s, 1, 1);
}

static void test_partial_ack(void **state) {
    struct script *s = *state;
    lose_the_first(s);
    IN(.flags = ACK, .seq = 1, .ack = 1 + 4 * MSS); /* the next hole */
    take_full(s, 1 + 4 * MSS, 1);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + 10 * MSS);
    QUIET();
    assert_int_equal(net_counters(s->net)->tcp_fast_retransmits, 1);
    assert_int_equal(net_counters(s->net)->tcp_retransmits, 2);
}

/* Each round trip makes one hole good without SACK; the timer, begun anew by the first partial ACK only, is
 * faster. */
static void test_the_timer_is_impatient(void **state) {
    struct script *s = *state;
    lose_the_first(s);
    PASS(NET_SECOND / 10);
    for (uint32_t hole = 2; hole < 5; hole++) { /* 100, 180 and 260 ms after the first sending */
        IN(.flags = ACK, .seq = 1, .ack = 1 + hole * MSS);
        take_full(s, 1 + hole * MSS, 1);
        PASS(NET_SECOND / 100 * 8);
    }
    assert_int_equal(net_counters(s->net)->tcp_timeouts, 0);
    take_full(s, 1 + 4 * MSS, 1); /* 340 ms, of which 240 since the first partial ACK */
    assert_int_equal(net_counters(s->net)->tcp_timeouts, 1);
}

/* ACKs that change the window, carry data, or come with nothing on its way are no duplicates (RFC 5681 2). */
static void test_what_is_no_duplicate(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    for (int i = 0; i < 4; i++) {
        duplicate(s, 1);
    }
    script_send(s, 2 * MSS);
    take_full(s, 1, 2);
    for (uint32_t i = 0; i < 4; i++) {
        IN(.flags = ACK, .seq = 1, .ack = 1, .window = 60000 - i);
    }
    for (uint32_t i = 0; i < 4; i++) {
        IN(.flags = ACK, .seq = 1 + i * 10, .ack = 1, .length = 10, .window = 59997);
    }
    OUT(.flags = ACK, .seq = 1 + 2 * MSS, .ack = 41);
    QUIET();
    assert_int_equal(net_counters(s->net)->tcp_fast_retransmits, 0);
}

/* ---- Congestion ---- */

static void test_slow_start(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 40 * MSS);
    take_full(s, 1, 10); /* RFC 6928 */
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + 2 * MSS);
    take_full(s, 1 + 10 * MSS, 4);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + 10 * MSS); /* eight at once count as two (RFC 3465) */
    take_full(s, 1 + 14 * MSS, 10);
    QUIET();
}

/* After a pause of more than a timeout the network is asked anew: no more than the initial window (RFC 5681
 * 4.1). */
static void test_restart_after_idle(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 30 * MSS);
    take_full(s, 1, 10);
    for (uint32_t i = 2; i <= 10; i += 2) {
        IN(.flags = ACK, .seq = 1, .ack = 1 + i * MSS);
        take_full(s, 1 + (6 + 2 * i) * MSS, 4);
    }
    IN(.flags = ACK, .seq = 1, .ack = 1 + 30 * MSS);
    PASS(NET_SECOND);
    script_send(s, 20 * MSS);
    take_full(s, 1 + 30 * MSS, 10);
    QUIET();
}

/* A SYN that had to go twice: one segment must do for a start (RFC 5681 3.1), and nothing has been measured,
 * so it waits three seconds (RFC 6298 5.7). */
static void test_lost_syn(void **state) {
    struct script *s = *state;
    script_connect(s);
    OUT(.flags = SYN);
    PASS(NET_SECOND);
    OUT(.flags = SYN);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    script_send(s, 3 * MSS);
    take_full(s, 1, 1);
    QUIET();
    PASS(3 * NET_SECOND - 1);
    QUIET();
    PASS(1);
    take_full(s, 1, 1);
}

/* ---- Offload ---- */

static void test_segments_cut_by_the_device(void **state) {
    (void)state;
    struct script script, *s = &script;
    struct net_config config = script_config();
    config.checksum_out = true;
    config.segment_out = true;
    script_start_with(s, &config);
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 20 * MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 10 * MSS);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + 10 * MSS);
    OUT(.flags = ACK, .seq = 1 + 10 * MSS, .ack = 1, .length = 10 * MSS);
    script_stop(s);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_nagle),
        WITH(test_nodelay),
        WITH(test_tail_follows_full_segments),
        WITH(test_more_follows),
        WITH(test_commit_without_space),
        WITH(test_silly_window_of_the_peer),
        WITH(test_window_is_filled_exactly),
        WITH(test_window_of_a_late_acknowledgment),
        WITH(test_old_window_is_ignored),
        WITH(test_window_shrinks),
        WITH(test_scaled_windows),
        cmocka_unit_test(test_all_that_was_told_is_taken),
        WITH(test_scale_beyond_the_limit),
        WITH(test_resent_within_a_shrunk_window),
        WITH(test_window_shrinks_to_nothing),
        WITH(test_our_window),
        WITH(test_text_beyond_our_window_is_cut),
        WITH(test_limited_and_fast_retransmit),
        WITH(test_partial_ack),
        WITH(test_the_timer_is_impatient),
        WITH(test_what_is_no_duplicate),
        WITH(test_slow_start),
        WITH(test_restart_after_idle),
        WITH(test_lost_syn),
        cmocka_unit_test(test_segments_cut_by_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
