/* test_ecn.c: explicit congestion notification (RFC 3168 section 6). */
#include "script.h"

#include <net/wire/ipv4.h>

#define MSS   1460
#define ECT   ECN_ECT_0
#define FIRST (10 * MSS) /* the first window */

static struct script *start(const struct net_config *config) {
    struct script *s = malloc(sizeof *s);
    script_start_with(s, config);
    return s;
}

static int setup(void **state) {
    struct net_config config = script_config();
    *state = start(&config);
    return 0;
}

static int setup_asking(void **state) {
    struct net_config config = script_config();
    config.ask_ecn = true;
    *state = start(&config);
    return 0;
}

static int setup_refusing(void **state) {
    struct net_config config = script_config();
    config.no_ecn = true;
    config.ask_ecn = true; /* no means no */
    *state = start(&config);
    return 0;
}

static int setup_cutting(void **state) {
    struct net_config config = script_config();
    config.checksum_out = config.segment_out = true;
    *state = start(&config);
    return 0;
}

static void accept_one(struct script *s) {
    struct net_endpoint peer;
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
}

/* A connection on which both have agreed; the peer asked. */
static void reach_agreed(struct script *s) {
    script_listen(s, 8);
    IN(.flags = SYN | ECE | CWR, .mss = MSS);
    OUT(.flags = SYN | ACK | ECE, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    accept_one(s);
    QUIET();
}

static uint32_t window(const struct script *s) {
    struct net_socket_info info;
    uint32_t cursor = 0;
    while (net_socket_next(s->net, &cursor, &info)) {
        if (info.socket == s->socket) {
            return info.congestion_window;
        }
    }
    fail();
    return 0;
}

/* The next `count` full segments from `seq` on, marked as new data is. */
static void take_marked(struct script *s, uint32_t seq, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        OUT(.flags = ACK, .seq = seq + i * MSS, .ack = 1, .length = MSS, .tos = ECT);
    }
}

/* ---- Negotiation: 6.1.1 ---- */

static void test_accepted(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10, .tos = ECT);
}

static void test_not_asked_for_by_default(void **state) {
    struct script *s = *state;
    script_connect(s);
    OUT(.flags = SYN, .seq = 0);
    IN(.flags = SYN | ACK | ECE, .ack = 1, .mss = MSS); /* nobody has asked */
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10);
}

static void test_refused(void **state) {
    struct script *s = *state;
    script_listen(s, 8);
    IN(.flags = SYN | ECE | CWR, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    accept_one(s);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10);
    script_connect(s);
    s->iss_known = false;
    OUT(.flags = SYN, .seq = 0);
}

/* ECE alone, CWR alone, or a SYN that is marked itself, which no honest one is: no request. */
static void test_what_is_no_request(void **state) {
    static const struct {
        uint8_t flags, tos;
    } syns[] = {{ECE, 0}, {CWR, 0}, {ECE | CWR, ECN_ECT_0}, {ECE | CWR, ECN_CE}};
    struct script *s = *state;
    script_listen(s, 8);
    for (size_t i = 0; i < sizeof syns / sizeof syns[0]; i++) {
        IN(.flags = SYN | syns[i].flags, .tos = syns[i].tos, .mss = MSS, .from = (uint16_t)(7000 + i));
        s->iss_known = false;
        OUT(.flags = SYN | ACK, .ack = 1);
        IN(.flags = RST, .seq = 1, .from = (uint16_t)(7000 + i));
    }
}

static void test_asked_for(void **state) {
    struct script *s = *state;
    script_connect(s);
    OUT(.flags = SYN | ECE | CWR, .seq = 0);
    IN(.flags = SYN | ACK | ECE, .ack = 1, .mss = MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10, .tos = ECT);
}

static void asked_in_vain(struct script *s, uint8_t answer) {
    script_connect(s);
    OUT(.flags = SYN | ECE | CWR, .seq = 0);
    IN(.flags = SYN | ACK | answer, .ack = 1, .mss = MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10);
}

static void test_answered_without(void **state) {
    asked_in_vain(*state, 0);
}

/* Old hosts send back whatever bits they get. */
static void test_bits_reflected(void **state) {
    asked_in_vain(*state, ECE | CWR);
}

/* A SYN that asks may be dropped by those who do not know it: the second one asks for nothing, and after it
 * nothing is marked, though the answer to the first may still come. What the peer marks is echoed. */
static void test_fallback(void **state) {
    struct script *s = *state;
    script_connect(s);
    OUT(.flags = SYN | ECE | CWR, .seq = 0);
    PASS(NET_SECOND);
    OUT(.flags = SYN, .seq = 0);
    IN(.flags = SYN | ACK | ECE, .ack = 1, .mss = MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10);
    IN(.flags = ACK, .seq = 1, .ack = 11, .length = 10, .tos = ECN_CE);
    OUT(.flags = ACK | ECE, .seq = 11, .ack = 11);
}

/* The same from the other side: the answer to the second SYN promises nothing. */
static void test_peer_falls_back(void **state) {
    struct script *s = *state;
    script_listen(s, 8);
    IN(.flags = SYN | ECE | CWR, .mss = MSS);
    OUT(.flags = SYN | ACK | ECE, .ack = 1);
    IN(.flags = SYN, .mss = MSS);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    accept_one(s);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10);
}

static void test_syn_ack_again(void **state) {
    struct script *s = *state;
    script_listen(s, 8);
    IN(.flags = SYN | ECE | CWR, .mss = MSS);
    OUT(.flags = SYN | ACK | ECE, .ack = 1);
    PASS(NET_SECOND);
    OUT(.flags = SYN | ACK | ECE, .ack = 1);
    IN(.flags = RST, .seq = 1);
}

static void both_at_once(struct script *s, uint8_t theirs, uint8_t answer, uint8_t tos) {
    script_connect(s);
    OUT(.flags = SYN | ECE | CWR, .seq = 0);
    IN(.flags = SYN | theirs, .mss = MSS);
    OUT(.flags = SYN | ACK | answer, .seq = 0, .ack = 1);
    IN(.flags = SYN | ACK | answer, .seq = 0, .ack = 1, .mss = MSS);
    QUIET();
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10, .tos = tos);
}

static void test_simultaneous_open(void **state) {
    both_at_once(*state, ECE | CWR, ECE, ECT);
}

static void test_simultaneous_open_without(void **state) {
    both_at_once(*state, 0, 0, 0);
}

/* ---- What is marked: 6.1.4 to 6.1.6 ---- */

static void test_only_new_data_is_marked(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10, .tos = ECT);
    OUT(.flags = ACK, .seq = 1, .ack = 11); /* an ACK alone */
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 11, .length = 10, .tos = ECT);
    PASS(NET_SECOND);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 11, .length = 10); /* sent again */
    IN(.flags = ACK, .seq = 11, .ack = 11, .shut = true);
    script_send(s, 10);
    PASS(5 * NET_SECOND);
    OUT(.flags = ACK, .seq = 11, .ack = 11, .length = 1); /* a probe of the shut window */
    IN(.flags = ACK, .seq = 11, .ack = 12);
    OUT(.flags = ACK | PSH | CWR, .seq = 12, .ack = 11, .length = 9, .tos = ECT);
    IN(.flags = ACK, .seq = 11, .ack = 21);
    assert_int_equal(script_read(s, 100), 10);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 21, .ack = 11); /* a FIN alone */
}

static void test_reset_says_nothing(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10, .tos = ECN_CE);
    OUT(.flags = ACK | ECE, .seq = 1, .ack = 11);
    assert_int_equal(net_abort(s->net, s->socket, s->now), ERR_NONE);
    OUT(.flags = RST | ACK, .seq = 1, .ack = 11);
}

/* ---- The receiver: 6.1.3 ---- */

static void test_echo_until_told(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10, .tos = ECN_CE);
    OUT(.flags = ACK | ECE, .seq = 1, .ack = 11);
    IN(.flags = ACK, .seq = 11, .ack = 1, .length = 10, .tos = ECT);
    OUT(.flags = ACK | ECE, .seq = 1, .ack = 21); /* goes on without another mark */
    script_send(s, 10);
    OUT(.flags = ACK | PSH | ECE, .seq = 1, .ack = 21, .length = 10, .tos = ECT);
    IN(.flags = ACK | CWR, .seq = 21, .ack = 11, .length = 10, .tos = ECT);
    OUT(.flags = ACK, .seq = 11, .ack = 31);
    IN(.flags = ACK | CWR, .seq = 31, .ack = 11, .length = 10, .tos = ECN_CE);
    OUT(.flags = ACK | ECE, .seq = 11, .ack = 41); /* marked itself: a new one */
    assert_int_equal(net_counters(s->net)->tcp_congestion_marks, 2);
}

/* However long ACKs are held back otherwise. */
static void test_mark_is_acknowledged_at_once(void **state) {
    struct script *s = *state;
    uint32_t seq = 1;
    reach_agreed(s);
    for (int i = 0; i < 20; i++, seq += 10) { /* at the start all ACKs are quick */
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = 10, .tos = ECT);
        PASS(NET_SECOND / 10);
        OUT(.flags = ACK, .seq = 1, .ack = seq + 10);
    }
    IN(.flags = ACK, .seq = seq, .ack = 1, .length = 10, .tos = ECT);
    QUIET();
    IN(.flags = ACK, .seq = seq + 10, .ack = 1, .length = 10, .tos = ECN_CE);
    OUT(.flags = ACK | ECE, .seq = 1, .ack = seq + 20);
    IN(.flags = ACK, .seq = seq + 20, .ack = 1, .length = 10, .tos = ECT);
    OUT(.flags = ACK | ECE, .seq = 1, .ack = seq + 30); /* and so is the next one */
}

/* Data without a mark from somebody who marks has been sent again: he waits. */
static void test_resent_data_is_acknowledged_at_once(void **state) {
    struct script *s = *state;
    uint32_t seq = 1;
    reach_agreed(s);
    for (int i = 0; i < 20; i++, seq += 10) {
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = 10, .tos = ECT);
        PASS(NET_SECOND / 10);
        OUT(.flags = ACK, .seq = 1, .ack = seq + 10);
    }
    IN(.flags = ACK, .seq = seq, .ack = 1, .length = 10);
    OUT(.flags = ACK, .seq = 1, .ack = seq + 10);
}

/* 6.1.5: what lies outside of the window could come from anybody. */
static void test_marks_out_of_window_are_ignored(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10, .tos = ECT);
    OUT(.flags = ACK, .seq = 1, .ack = 11);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10, .tos = ECN_CE); /* old */
    OUT(.flags = ACK, .seq = 1, .ack = 11);
    IN(.flags = ACK, .seq = 100001, .ack = 1, .length = 10, .tos = ECN_CE);
    OUT(.flags = ACK, .seq = 1, .ack = 11);
    assert_int_equal(net_counters(s->net)->tcp_congestion_marks, 0);
}

static void test_marks_without_agreement_are_ignored(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 10, .tos = ECN_CE);
    OUT(.flags = ACK, .seq = 1, .ack = 11);
    script_send(s, 2 * MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 11, .length = MSS);
    OUT(.flags = ACK | PSH, .seq = 1 + MSS, .ack = 11, .length = MSS);
    uint32_t before = window(s);
    IN(.flags = ACK | ECE, .seq = 11, .ack = 1 + MSS);
    assert_true(window(s) >= before);
}

/* ---- The sender: 6.1.2 ---- */

/* Once for each window of data, with CWR on the first new data after it, and without growth meanwhile. */
static void test_one_reduction_a_window(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    script_send(s, 30 * MSS);
    take_marked(s, 1, 10);
    QUIET();
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + 2 * MSS);
    assert_int_equal(window(s), FIRST * 7 / 10);
    QUIET();
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + 4 * MSS); /* six are out, and seven may be */
    OUT(.flags = ACK | CWR, .seq = 1 + FIRST, .ack = 1, .length = MSS, .tos = ECT);
    QUIET();
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + 6 * MSS);
    take_marked(s, 1 + FIRST + MSS, 2); /* CWR is said once */
    assert_int_equal(window(s), FIRST * 7 / 10);
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + 10 * MSS); /* the peer has not seen CWR yet */
    take_marked(s, 1 + FIRST + 3 * MSS, 4);
    assert_int_equal(window(s), FIRST * 7 / 10);
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + 11 * MSS); /* now it has: this is another mark */
    assert_true(window(s) < FIRST * 6 / 10);
    assert_int_equal(net_counters(s->net)->tcp_marked_windows, 2);
    struct net_stream_info info;
    assert_int_equal(net_stream_info(s->net, s->socket, &info, s->now), ERR_NONE);
    assert_int_equal(info.delivered_marked, 11);
    assert_int_equal(net_counters(s->net)->tcp_retransmits, 0);
}

static void test_growth_goes_on_afterwards(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    script_send(s, 40 * MSS);
    take_marked(s, 1, 10);
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + 10 * MSS);
    OUT(.flags = ACK | CWR, .seq = 1 + FIRST, .ack = 1, .length = MSS, .tos = ECT);
    take_marked(s, 1 + FIRST + MSS, 6);
    IN(.flags = ACK, .seq = 1, .ack = 1 + 17 * MSS);
    assert_true(window(s) > FIRST * 7 / 10);
}

/* An ACK from the past says nothing about the present. */
static void test_old_echo_is_ignored(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    script_send(s, 10 * MSS);
    take_marked(s, 1, 9);
    OUT(.flags = ACK | PSH, .seq = 1 + 9 * MSS, .ack = 1, .length = MSS, .tos = ECT);
    IN(.flags = ACK, .seq = 1, .ack = 1 + 4 * MSS);
    uint32_t before = window(s);
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + 2 * MSS);
    assert_int_equal(window(s), before);
}

/* The device would copy CWR onto every piece. */
static void test_device_cuts_no_cwr(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    script_send(s, 30 * MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = FIRST, .tos = ECT);
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + FIRST);
    OUT(.flags = ACK | CWR, .seq = 1 + FIRST, .ack = 1, .length = MSS, .tos = ECT);
    OUT(.flags = ACK, .seq = 1 + FIRST + MSS, .ack = 1, .length = 6 * MSS, .tos = ECT);
}

/* What is lost in a window that a mark has reduced goes out as ever. */
static void test_mark_then_loss(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    script_send(s, 30 * MSS);
    take_marked(s, 1, 10);
    for (int i = 0; i < 3; i++) {
        IN(.flags = ACK | ECE, .seq = 1, .ack = 1);
    }
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS); /* unmarked, and no CWR */
    while (script_take(s, &(struct tcp_header){0}, &(struct span){0})) {
    }
    assert_int_equal(net_counters(s->net)->tcp_marked_windows, 1);
}

/* 6.1.2: whatever reduced the window, the next new data says so. */
static void test_loss_says_cwr(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    script_send(s, 30 * MSS);
    take_marked(s, 1, 10);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    take_marked(s, 1 + FIRST, 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    take_marked(s, 1 + FIRST + MSS, 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1 + FIRST + 2 * MSS);
    OUT(.flags = ACK | CWR, .seq = 1 + FIRST + 2 * MSS, .ack = 1, .length = MSS, .tos = ECT);
}

static void test_timeout_says_cwr(void **state) {
    struct script *s = *state;
    reach_agreed(s);
    script_send(s, 20 * MSS);
    take_marked(s, 1, 10);
    PASS(NET_SECOND);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS);
    IN(.flags = ACK | ECE, .seq = 1, .ack = 1 + FIRST); /* all is here: the timeout has reduced enough */
    uint32_t after = window(s);
    OUT(.flags = ACK | CWR, .seq = 1 + FIRST, .ack = 1, .length = MSS, .tos = ECT);
    assert_true(after >= 2 * MSS);
}

#define WITH(test)          cmocka_unit_test_setup_teardown(test, setup, script_teardown)
#define WITH_ASKING(test)   cmocka_unit_test_setup_teardown(test, setup_asking, script_teardown)
#define WITH_REFUSING(test) cmocka_unit_test_setup_teardown(test, setup_refusing, script_teardown)
#define WITH_CUTTING(test)  cmocka_unit_test_setup_teardown(test, setup_cutting, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_accepted),
        WITH(test_not_asked_for_by_default),
        WITH_REFUSING(test_refused),
        WITH(test_what_is_no_request),
        WITH_ASKING(test_asked_for),
        WITH_ASKING(test_answered_without),
        WITH_ASKING(test_bits_reflected),
        WITH_ASKING(test_fallback),
        WITH(test_peer_falls_back),
        WITH(test_syn_ack_again),
        WITH_ASKING(test_simultaneous_open),
        WITH_ASKING(test_simultaneous_open_without),
        WITH(test_only_new_data_is_marked),
        WITH(test_reset_says_nothing),
        WITH(test_echo_until_told),
        WITH(test_mark_is_acknowledged_at_once),
        WITH(test_resent_data_is_acknowledged_at_once),
        WITH(test_marks_out_of_window_are_ignored),
        WITH(test_marks_without_agreement_are_ignored),
        WITH(test_one_reduction_a_window),
        WITH(test_growth_goes_on_afterwards),
        WITH(test_old_echo_is_ignored),
        WITH_CUTTING(test_device_cuts_no_cwr),
        WITH(test_mark_then_loss),
        WITH(test_loss_says_cwr),
        WITH(test_timeout_says_cwr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
