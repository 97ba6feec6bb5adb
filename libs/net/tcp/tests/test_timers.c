/* test_timers.c: what time alone does: retransmission, probes, keep-alive, delayed ACKs, TIME_WAIT. */
#include "script.h"

#define MS (NET_SECOND / 1000)

/* Wakes whenever the engine asks for it: nothing is sent before `delay` is over, and then it wants to be
 * woken. */
static void wait_until_deadline(struct script *s, net_time delay) {
    net_time target = s->now + delay, next;
    for (;;) {
        QUIET();
        next = net_deadline(s->net);
        if (next >= target) {
            break;
        }
        assert_true(next > s->now);
        s->now = next;
    }
    assert_int_equal(next - s->now, target - s->now);
    s->now = target;
}

/* ---- Retransmission (RFC 6298) ---- */

static void test_syn_backs_off_and_gives_up(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_SENT);
    net_time rto = NET_SECOND;
    for (int i = 0; i < 6; i++) {
        wait_until_deadline(s, rto);
        OUT(.flags = SYN, .seq = 0);
        rto = rto * 2 > 60 * NET_SECOND ? 60 * NET_SECOND : rto * 2;
    }
    wait_until_deadline(s, rto);
    QUIET();
    STATE(TCP_CLOSED);
    assert_int_equal(net_ready(s->net, s->socket) & NET_READY_ERROR, NET_READY_ERROR);
    assert_int_equal(net_take_error(s->net, s->socket), ERR_TIMED_OUT);
    assert_int_equal(net_deadline(s->net), NET_NEVER);
}

static void test_half_open_gives_up(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_SYN_RECEIVED);
    net_time rto = NET_SECOND;
    for (int i = 0; i < 5; i++) {
        wait_until_deadline(s, rto);
        OUT(.flags = SYN | ACK, .seq = 0, .ack = 1);
        rto *= 2;
    }
    wait_until_deadline(s, rto);
    QUIET();
    STATE(TCP_CLOSED);
}

/* The SYN is to go again, but waits for the neighbour: then the answer to the first one comes. */
static void test_answer_while_the_syn_waits(void **state) {
    struct script *s = *state;
    struct net_config config = script_config();
    uint8_t data[1514];
    struct net_slot slot = {.data = data, .capacity = sizeof data};
    script_connect(s);
    OUT(.flags = SYN);
    assert_int_equal(net_link(s->net, &config, true, s->now), ERR_NONE); /* forgets the neighbours */
    s->now += NET_SECOND;
    while (net_transmit(s->net, &slot, s->now)) { /* ARP, unanswered */
    }
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1460);
    PASS(0);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    script_send(s, 100);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 1, .ack = 101);
    QUIET();
}

/* The handshake took 100 ms: srtt 100, rttvar 50, so rto 300 ms. */
static void establish_slowly(struct script *s) {
    script_connect(s);
    OUT(.flags = SYN);
    PASS(100 * MS);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1460);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
}

static void test_rto_is_measured(void **state) {
    struct script *s = *state;
    establish_slowly(s);
    script_send(s, 100);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    wait_until_deadline(s, 300 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    wait_until_deadline(s, 600 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    /* Karn: the ACK of what was resent measures nothing; the back-off stays until something new is measured.
     */
    IN(.flags = ACK, .seq = 1, .ack = 101);
    QUIET();
    assert_int_equal(net_deadline(s->net), NET_NEVER);
    script_send(s, 100);
    OUT(.flags = ACK, .seq = 101, .ack = 1, .length = 100);
    PASS(100 * MS);
    IN(.flags = ACK, .seq = 1, .ack = 201);
    script_send(s, 100);
    OUT(.flags = ACK, .seq = 201, .ack = 1, .length = 100);
    wait_until_deadline(s, 300 * MS); /* rttvar would be 37.5 ms now, but counts 50 at least */
    OUT(.flags = ACK, .seq = 201, .ack = 1, .length = 100);
}

static void test_rto_minimum(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 10);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    wait_until_deadline(s, 200 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
}

/* An ACK of new data gives what is left the full time (RFC 6298 5.3). */
static void test_rto_restarts(void **state) {
    struct script *s = *state;
    establish_slowly(s);
    script_send(s, 2920);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    OUT(.flags = ACK, .seq = 1461, .ack = 1, .length = 1460);
    PASS(100 * MS);
    IN(.flags = ACK, .seq = 1, .ack = 1461);
    wait_until_deadline(s, 300 * MS);
    OUT(.flags = ACK, .seq = 1461, .ack = 1, .length = 1460);
}

/* After a timeout one segment goes out, then slow start sends the rest again. */
static void test_timeout_goes_back(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 5 * 1460);
    for (uint32_t i = 0; i < 5; i++) {
        OUT(.flags = ACK, .seq = 1 + i * 1460, .ack = 1, .length = 1460);
    }
    wait_until_deadline(s, 200 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1461);
    OUT(.flags = ACK, .seq = 1461, .ack = 1, .length = 1460);
    OUT(.flags = ACK, .seq = 2921, .ack = 1, .length = 1460);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 7301); /* the others had arrived */
    QUIET();
    assert_int_equal(net_counters(s->net)->tcp_timeouts, 1);
}

static void test_data_gives_up(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    script_send(s, 10);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
    net_time began = s->now, rto = 200 * MS;
    for (int i = 0; i < 15; i++) {
        wait_until_deadline(s, rto);
        OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 10);
        rto = rto * 2 > 60 * NET_SECOND ? 60 * NET_SECOND : rto * 2;
    }
    wait_until_deadline(s, rto);
    QUIET();
    STATE(TCP_CLOSED);
    assert_true(s->now - began > 100 * NET_SECOND); /* R2 of RFC 9293 3.8.3 */
    assert_int_equal(net_take_error(s->net, s->socket), ERR_TIMED_OUT);
}

/* ---- Zero window (RFC 9293 3.8.6.1) ---- */

static void test_probes_go_on(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .shut = true);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 1, .shut = true);
    OUT(.flags = ACK, .seq = 1, .ack = 2);
    script_send(s, 100);
    net_time delay = 200 * MS;
    for (int i = 0; i < 30; i++) { /* twice what silence would be allowed */
        wait_until_deadline(s, delay);
        OUT(.flags = ACK, .seq = 1, .ack = 2, .length = 1);
        IN(.flags = ACK, .seq = 2, .ack = 1, .shut = true);
        delay = delay * 2 > 60 * NET_SECOND ? 60 * NET_SECOND : delay * 2;
    }
    STATE(TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 2, .ack = 1, .window = 5000);
    OUT(.flags = ACK, .seq = 1, .ack = 2, .length = 100);
    IN(.flags = ACK, .seq = 2, .ack = 101);
    QUIET();
}

static void test_probe_is_taken(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 1, .shut = true);
    OUT(.flags = ACK, .seq = 1, .ack = 2);
    script_send(s, 3);
    wait_until_deadline(s, 200 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = 2, .length = 1);
    IN(.flags = ACK, .seq = 2, .ack = 2, .window = 1000);
    OUT(.flags = ACK, .seq = 2, .ack = 2, .length = 2);
    IN(.flags = ACK, .seq = 2, .ack = 4, .window = 1000);
    QUIET();
    assert_int_equal(net_deadline(s->net), NET_NEVER);
}

/* Both have taken a byte with which the other probed, and neither knows: what each says has the sequence
 * number of that byte and is old to the other. The answer to what is old tells from behind the byte. */
static void test_probes_of_both_are_taken(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 1, .shut = true);
    OUT(.flags = ACK, .seq = 1, .ack = 2);
    script_send(s, 100);
    wait_until_deadline(s, 200 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = 2, .length = 1);
    IN(.flags = ACK, .seq = 2, .ack = 1, .length = 1, .shut = true);
    OUT(.flags = ACK, .seq = 1, .ack = 3);
    IN(.flags = ACK, .seq = 2, .ack = 2, .length = 1, .window = 1000);
    OUT(.flags = ACK, .seq = 2, .ack = 3);
    IN(.flags = ACK, .seq = 3, .ack = 2, .window = 1000);
    OUT(.flags = ACK, .seq = 2, .ack = 3, .length = 99);
    IN(.flags = ACK, .seq = 3, .ack = 101, .window = 1000);
}

static void test_probes_unanswered(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 1, .shut = true);
    OUT(.flags = ACK, .seq = 1, .ack = 2);
    script_send(s, 100);
    net_time delay = 200 * MS;
    for (int i = 0; i < 15; i++) {
        wait_until_deadline(s, delay);
        OUT(.flags = ACK, .seq = 1, .ack = 2, .length = 1);
        delay = delay * 2 > 60 * NET_SECOND ? 60 * NET_SECOND : delay * 2;
    }
    wait_until_deadline(s, delay);
    QUIET();
    assert_int_equal(net_take_error(s->net, s->socket), ERR_TIMED_OUT);
}

/* A FIN that is lost before a shut window goes again until it is answered: no probe asks about it. */
static void test_fin_before_a_shut_window(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 1, .shut = true);
    OUT(.flags = ACK, .seq = 1, .ack = 2);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 2);
    for (int i = 0; i < 5; i++) {
        struct tcp_header header;
        struct span text;
        for (int seconds = 0; !script_take(s, &header, &text); seconds++) {
            assert_true(seconds < 120);
            PASS(NET_SECOND);
        }
        assert_int_equal(header.flags, FIN | ACK);
        IN(.flags = ACK, .seq = 2, .ack = 1, .shut = true);
        QUIET();
    }
    IN(.flags = ACK, .seq = 2, .ack = 2, .shut = true);
    STATE(TCP_FIN_WAIT_2);
    QUIET();
}

/* ---- Keep-alive (RFC 9293 3.8.4) ---- */

static void keep_alive(struct script *s) {
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(net_deadline(s->net), NET_NEVER); /* off by default: an idle system sleeps */
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_KEEPIDLE, 100), ERR_NONE);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_KEEPINTVL, 10), ERR_NONE);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_KEEPCNT, 3), ERR_NONE);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_KEEPALIVE, 1), ERR_NONE);
}

static void test_keepalive_answered(void **state) {
    struct script *s = *state;
    keep_alive(s);
    for (int i = 0; i < 5; i++) {
        PASS(99 * NET_SECOND);
        QUIET();
        PASS(NET_SECOND);
        OUT(.flags = ACK, .seq = 0, .ack = 1);
        IN(.flags = ACK, .seq = 1, .ack = 1);
        QUIET();
        PASS(10 * NET_SECOND); /* the next probe would have been due, had there been no answer */
        QUIET();
        s->now -= 10 * NET_SECOND;
    }
    STATE(TCP_ESTABLISHED);
    assert_int_equal(net_counters(s->net)->tcp_keepalive_probes, 5);
}

static void test_keepalive_by_default(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_KEEPALIVE, 1), ERR_NONE);
    PASS(2 * 3600 * NET_SECOND - 1);
    QUIET();
    PASS(1);
    OUT(.flags = ACK, .seq = 0, .ack = 1);
    PASS(75 * NET_SECOND - 1);
    QUIET();
    PASS(1);
    OUT(.flags = ACK, .seq = 0, .ack = 1);
}

static void test_keepalive_unanswered(void **state) {
    struct script *s = *state;
    keep_alive(s);
    PASS(100 * NET_SECOND);
    for (int i = 0; i < 3; i++) {
        OUT(.flags = ACK, .seq = 0, .ack = 1);
        QUIET();
        PASS(10 * NET_SECOND);
    }
    OUT(.flags = RST | ACK, .seq = 1, .ack = 1);
    assert_int_equal(net_take_error(s->net, s->socket), ERR_TIMED_OUT);
}

static void test_keepalive_is_answered(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 0, .ack = 1);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
}

/* ---- Delayed ACKs (RFC 9293 3.8.6.3) ---- */

/* Until the quick ones of the start are used up. */
static uint32_t use_quick_acks(struct script *s) {
    uint32_t seq = 1;
    for (int i = 0; i < 16; i++) {
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = 1000);
        seq += 1000;
        OUT(.flags = ACK, .seq = 1, .ack = seq);
        script_read(s, 1000);
    }
    return seq;
}

static void test_ack_is_delayed(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    uint32_t seq = use_quick_acks(s);
    IN(.flags = ACK, .seq = seq, .ack = 1, .length = 1000);
    wait_until_deadline(s, 40 * MS);
    OUT(.flags = ACK, .seq = 1, .ack = seq + 1000);
    QUIET();
    assert_int_equal(net_deadline(s->net), NET_NEVER);
}

/* The peer has few segments on their way then, and needs each ACK. */
static void test_ack_is_quick_after_a_loss(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    uint32_t seq = use_quick_acks(s);
    IN(.flags = ACK, .seq = seq + 1000, .ack = 1, .length = 1000);
    OUT(.flags = ACK, .seq = 1, .ack = seq);
    IN(.flags = ACK, .seq = seq, .ack = 1, .length = 1000);
    seq += 2000;
    OUT(.flags = ACK, .seq = 1, .ack = seq);
    for (int i = 0; i < 63; i++) { /* one was that which told of the gap's end */
        IN(.flags = ACK, .seq = seq, .ack = 1, .length = 1000);
        seq += 1000;
        OUT(.flags = ACK, .seq = 1, .ack = seq);
        script_read(s, 1000);
    }
    IN(.flags = ACK, .seq = seq, .ack = 1, .length = 1000);
    QUIET();
}

static void test_every_second_is_acknowledged(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    uint32_t seq = use_quick_acks(s);
    IN(.flags = ACK, .seq = seq, .ack = 1, .length = 1000);
    QUIET();
    IN(.flags = ACK, .seq = seq + 1000, .ack = 1, .length = 1000);
    OUT(.flags = ACK, .seq = 1, .ack = seq + 2000);
    QUIET();
}

/* A batch of segments is acknowledged once. */
static void test_batch(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    for (uint32_t i = 0; i < 10; i++) {
        IN(.flags = ACK, .seq = 1 + i * 1000, .ack = 1, .length = 1000);
    }
    OUT(.flags = ACK, .seq = 1, .ack = 10001);
    QUIET();
}

/* The answer carries the ACK; from then on the connection is taken for a conversation. */
static void test_answer_carries_the_ack(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    IN(.flags = ACK, .seq = 1, .ack = 1, .length = 100);
    script_send(s, 200);
    OUT(.flags = ACK, .seq = 1, .ack = 101, .length = 200);
    QUIET();
    IN(.flags = ACK, .seq = 101, .ack = 201, .length = 100);
    QUIET();
    script_send(s, 200);
    OUT(.flags = ACK, .seq = 201, .ack = 201, .length = 200);
    QUIET();
}

/* ---- FIN_WAIT_2 without a user, TIME_WAIT ---- */

static void test_orphan_waits_a_minute(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_FIN_WAIT_2);
    PASS(500 * NET_SECOND);
    QUIET();
    STATE(TCP_FIN_WAIT_2); /* with a user it waits for ever: half-close */
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    PASS(59 * NET_SECOND);
    QUIET();
    STATE(TCP_FIN_WAIT_2);
    PASS(NET_SECOND);
    QUIET();
    STATE(TCP_CLOSED);
}

static void test_time_wait_lasts_two_msl(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_TIME_WAIT);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    wait_until_deadline(s, 60 * NET_SECOND);
    QUIET();
    STATE(TCP_CLOSED);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_syn_backs_off_and_gives_up),
        WITH(test_half_open_gives_up),
        WITH(test_answer_while_the_syn_waits),
        WITH(test_rto_is_measured),
        WITH(test_rto_minimum),
        WITH(test_rto_restarts),
        WITH(test_timeout_goes_back),
        WITH(test_data_gives_up),
        WITH(test_probes_go_on),
        WITH(test_probe_is_taken),
        WITH(test_probes_of_both_are_taken),
        WITH(test_probes_unanswered),
        WITH(test_fin_before_a_shut_window),
        WITH(test_keepalive_answered),
        WITH(test_keepalive_by_default),
        WITH(test_keepalive_unanswered),
        WITH(test_keepalive_is_answered),
        WITH(test_ack_is_delayed),
        WITH(test_ack_is_quick_after_a_loss),
        WITH(test_every_second_is_acknowledged),
        WITH(test_batch),
        WITH(test_answer_carries_the_ack),
        WITH(test_orphan_waits_a_minute),
        WITH(test_time_wait_lasts_two_msl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
