/* test_fastopen.c: Fast Open, the client's side (RFC 7413 4.1.3, 4.2.1). */
#include "script.h"

#include <net/tcp/tcb.h>

#define MSS    1460
#define COOKIE 8
#define FIRST  (MSS - 40) /* text in a SYN with any options */
#define MINUTE (60 * NET_SECOND)

/* The next connection: what connect says. */
static enum error begin(struct script *s, bool fast) {
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, 2}}, PEER_PORT}, local;
    assert_int_equal(net_open(s->net, NET_STREAM, s->owner, &s->socket), ERR_NONE);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_FASTOPEN_CONNECT, fast), ERR_NONE);
    enum error error = net_connect(s->net, s->socket, &peer, s->now);
    assert_int_equal(net_local(s->net, s->socket, &local), ERR_NONE);
    s->port = local.port;
    s->iss_known = false;
    s->written = s->read = 0;
    return error;
}

static void end(struct script *s) {
    assert_int_equal(net_abort(s->net, s->socket, s->now), ERR_NONE);
    struct tcp_header header;
    struct span text;
    while (script_take(s, &header, &text)) {
    }
}

/* The first connection gets a cookie. */
static void get_cookie(struct script *s, uint8_t length) {
    assert_int_equal(begin(s, true), ERR_IN_PROGRESS);
    OUT(.flags = SYN, .seq = 0, .asks = true);
    IN(.flags = SYN | ACK, .ack = 1, .mss = MSS, .cookie = length);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    end(s);
}

static uint32_t ready(struct script *s) {
    return net_ready(s->net, s->socket);
}

/* What TCP_INFO says of it: why it failed, and whether the data in the SYN was taken. */
static void tells(struct script *s, uint8_t fail, bool taken) {
    struct net_stream_info info;
    assert_int_equal(net_stream_info(s->net, s->socket, &info, s->now), ERR_NONE);
    assert_int_equal(info.flags >> 1 & 3, fail);
    assert_int_equal((info.options & NET_STREAM_SYN_DATA) != 0, taken);
}

static void test_cookie_is_asked_for(void **state) {
    get_cookie(*state, COOKIE);
}

/* Nobody's data goes so who has not said that it may. */
static void test_only_on_request(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, false), ERR_IN_PROGRESS);
    OUT(.flags = SYN, .seq = 0);
    IN(.flags = SYN | ACK, .ack = 1, .mss = MSS, .cookie = 4); /* not asked for: not learnt */
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    end(s);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 10);
    OUT(.flags = SYN, .seq = 0, .length = 10, .cookie = COOKIE);
}

static void test_data_in_the_syn(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    QUIET(); /* it waits for data */
    assert_int_equal(ready(s), NET_READY_OUT);
    script_send(s, 100);
    OUT(.flags = SYN, .seq = 0, .length = 100, .cookie = COOKIE, .mss = MSS);
    QUIET();
    assert_int_equal(ready(s), 0);
    IN(.flags = SYN | ACK, .ack = 101, .mss = MSS);
    OUT(.flags = ACK, .seq = 101, .ack = 1);
    QUIET();
    STATE(TCP_ESTABLISHED);
    tells(s, 0, true);
    struct net_stream_info info;
    assert_int_equal(net_stream_info(s->net, s->socket, &info, s->now), ERR_NONE);
    assert_int_equal(info.bytes_sent, 100);
    assert_int_equal(info.bytes_acknowledged, 100);
    script_send(s, 20);
    OUT(.flags = ACK | PSH, .seq = 101, .ack = 1, .length = 20);
    IN(.flags = ACK, .seq = 1, .ack = 121, .length = 7);
    OUT(.flags = ACK, .seq = 121, .ack = 8);
    assert_int_equal(script_read(s, 100), 7);
    assert_int_equal(net_counters(s->net)->tcp_fast_opens, 1);
    assert_int_equal(net_counters(s->net)->tcp_retransmits, 0);
}

/* The rest follows the handshake. */
static void test_more_than_fits(void **state) {
    struct script *s = *state;
    get_cookie(s, 16);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 3000);
    OUT(.flags = SYN, .seq = 0, .length = FIRST, .cookie = 16);
    QUIET();
    IN(.flags = SYN | ACK, .ack = 1 + FIRST, .mss = MSS);
    OUT(.flags = ACK, .seq = 1 + FIRST, .ack = 1, .length = MSS);
    OUT(.flags = ACK | PSH, .seq = 1 + FIRST + MSS, .ack = 1, .length = 3000 - FIRST - MSS);
}

/* A server that tells no MSS takes 536 bytes at once, options among them. */
static void test_default_segment_size(void **state) {
    struct script *s = *state;
    assert_int_equal(begin(s, true), ERR_IN_PROGRESS);
    OUT(.flags = SYN, .seq = 0, .asks = true);
    IN(.flags = SYN | ACK, .ack = 1, .cookie = COOKIE);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    end(s);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 3000);
    OUT(.flags = SYN, .seq = 0, .length = 536 - 40, .cookie = COOKIE);
}

/* The server takes a part of it. */
static void test_partly_taken(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 100);
    OUT(.flags = SYN, .seq = 0, .length = 100, .cookie = COOKIE);
    IN(.flags = SYN | ACK, .ack = 41, .mss = MSS);
    OUT(.flags = ACK | PSH, .seq = 41, .ack = 1, .length = 60);
}

/* What waits for data is no connection yet. */
static void test_waiting(void **state) {
    struct script *s = *state;
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, 2}}, PEER_PORT};
    uint8_t byte;
    size_t done;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    assert_int_equal(net_read(s->net, s->socket, &byte, 1, &done, s->now), ERR_NOT_CONNECTED);
    assert_int_equal(net_connect(s->net, s->socket, &peer, s->now), ERR_IS_CONNECTED);
    assert_int_equal(net_peer(s->net, s->socket, &peer), ERR_NOT_CONNECTED);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_FASTOPEN_CONNECT, 0), ERR_INVALID);
    IN(.flags = SYN, .seq = 0, .mss = MSS);
    OUT(.flags = RST | ACK, .any_seq = true, .ack = 1);
    s->iss_known = false;
    PASS(1000 * NET_SECOND); /* however long */
    QUIET();
    script_send(s, 1);
    OUT(.flags = SYN, .seq = 0, .length = 1, .cookie = COOKIE);
}

static void test_closed_while_waiting(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    assert_int_equal(net_close(s->net, s->socket, s->now), ERR_NONE);
    QUIET();
    assert_int_equal(begin(s, true), ERR_NONE);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_BOTH, s->now), ERR_NONE);
    QUIET();
    STATE(TCP_CLOSED);
    size_t done;
    assert_int_equal(net_send(s->net, s->socket, "x", 1, &done, s->now), ERR_NOT_CONNECTED);
}

static void test_refused(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 100);
    OUT(.flags = SYN, .seq = 0, .length = 100, .cookie = COOKIE);
    IN(.flags = RST | ACK, .ack = 101);
    QUIET();
    STATE(TCP_CLOSED);
    assert_int_equal(net_take_error(s->net, s->socket), ERR_REFUSED);
}

/* 4.2.1, 4.1.3.1: the data goes again, and not in a SYN for a while; the cookie is doubted. */
static void test_ignored(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 100);
    OUT(.flags = SYN, .seq = 0, .length = 100, .cookie = COOKIE);
    IN(.flags = SYN | ACK, .ack = 1, .mss = MSS);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 1, .ack = 101);
    tells(s, 2, false);
    assert_int_equal(net_counters(s->net)->tcp_fast_open_ignored, 1);
    assert_int_equal(net_counters(s->net)->tcp_retransmits, 0);
    end(s);
    assert_int_equal(begin(s, true), ERR_IN_PROGRESS);
    OUT(.flags = SYN, .seq = 0);
    end(s);
    PASS(MINUTE);
    get_cookie(s, 4);
}

/* Another cookie comes with the refusal of the old one. */
static void test_cookie_is_replaced(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 100);
    OUT(.flags = SYN, .seq = 0, .length = 100, .cookie = COOKIE);
    IN(.flags = SYN | ACK, .ack = 1, .mss = 600, .cookie = 6);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100);
    end(s);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 1000);
    OUT(.flags = SYN, .seq = 0, .length = 560, .cookie = 6);
}

/* Somebody on the way may drop such SYNs: the next ones are plain, each time for twice as long. */
static void test_lost(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    for (uint32_t time = 1; time <= 4; time *= 2) {
        assert_int_equal(begin(s, true), ERR_NONE);
        script_send(s, 100);
        OUT(.flags = SYN, .seq = 0, .length = 100, .cookie = COOKIE);
        PASS(NET_SECOND);
        OUT(.flags = SYN, .seq = 0);
        IN(.flags = SYN | ACK, .ack = 1, .mss = MSS);
        OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100);
        tells(s, 3, false);
        end(s);
        PASS(time * MINUTE - 2 * NET_SECOND);
        assert_int_equal(begin(s, true), ERR_IN_PROGRESS);
        OUT(.flags = SYN, .seq = 0);
        end(s);
        PASS(2 * NET_SECOND);
    }
}

/* The SYN was not lost but late: what it brought counts. */
static void test_late_answer(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 100);
    OUT(.flags = SYN, .seq = 0, .length = 100, .cookie = COOKIE);
    PASS(NET_SECOND);
    OUT(.flags = SYN, .seq = 0);
    IN(.flags = SYN | ACK, .ack = 101, .mss = MSS);
    OUT(.flags = ACK, .seq = 101, .ack = 1);
    QUIET();
}

/* A late cookie is one, too, and nothing was lost. */
static void test_late_cookie(void **state) {
    struct script *s = *state;
    assert_int_equal(begin(s, true), ERR_IN_PROGRESS);
    OUT(.flags = SYN, .seq = 0, .asks = true);
    PASS(NET_SECOND);
    OUT(.flags = SYN, .seq = 0);
    IN(.flags = SYN | ACK, .ack = 1, .mss = MSS, .cookie = COOKIE);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    end(s);
    assert_int_equal(begin(s, true), ERR_NONE);
}

/* The peer was faster than our SYN: a SYN-ACK asks for nothing. */
static void test_answer_asks_for_nothing(void **state) {
    struct script *s = *state;
    assert_int_equal(begin(s, true), ERR_IN_PROGRESS);
    IN(.flags = SYN, .seq = 0, .mss = MSS);
    OUT(.flags = SYN | ACK, .seq = 0, .ack = 1);
}

/* Who gives no cookie is not asked again for an hour. */
static void test_server_without(void **state) {
    struct script *s = *state;
    assert_int_equal(begin(s, true), ERR_IN_PROGRESS);
    OUT(.flags = SYN, .seq = 0, .asks = true);
    IN(.flags = SYN | ACK, .ack = 1, .mss = MSS);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    end(s);
    PASS(59 * MINUTE);
    assert_int_equal(begin(s, true), ERR_IN_PROGRESS);
    OUT(.flags = SYN, .seq = 0);
    end(s);
    PASS(MINUTE);
    get_cookie(s, COOKIE);
}

/* Both open at once: the data goes when that is done. */
static void test_simultaneous_open(void **state) {
    struct script *s = *state;
    get_cookie(s, COOKIE);
    assert_int_equal(begin(s, true), ERR_NONE);
    script_send(s, 100);
    OUT(.flags = SYN, .seq = 0, .length = 100, .cookie = COOKIE);
    IN(.flags = SYN, .seq = 0, .mss = MSS);
    OUT(.flags = SYN | ACK, .seq = 0, .ack = 1);
    IN(.flags = SYN | ACK, .seq = 0, .ack = 1, .mss = MSS);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100);
    IN(.flags = ACK, .seq = 1, .ack = 101);
    QUIET();
    STATE(TCP_ESTABLISHED);
}

/* There is room for so many servers; who was not spoken to for longest is forgotten. */
static void test_table_is_bounded(void **state) {
    (void)state;
    static struct net_counters counters;
    struct tcp *tcp = calloc(1, sizeof *tcp);
    struct tcp_header answer = {.options = {.has_fast_open = true, .fast_open = {.length = 4}}};
    tcp->counters = &counters;
    for (uint32_t peer = 1; peer <= TCP_HINTS + 1; peer++) {
        struct tcp_beside beside = {.asked.fast_open = true};
        struct tcb tcb = {.entry.key.peer_address = peer, .beside = &beside, .fast_asked = true};
        tcp_fast_answered(tcp, &tcb, &answer, peer * NET_SECOND);
    }
    assert_false(tcp_fast_may_wait(tcp, 1, 100 * NET_SECOND));
    for (uint32_t peer = 2; peer <= TCP_HINTS + 1; peer++) {
        assert_true(tcp_fast_may_wait(tcp, peer, 100 * NET_SECOND));
    }
    free(tcp);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_cookie_is_asked_for),
        WITH(test_only_on_request),
        WITH(test_data_in_the_syn),
        WITH(test_more_than_fits),
        WITH(test_default_segment_size),
        WITH(test_partly_taken),
        WITH(test_waiting),
        WITH(test_closed_while_waiting),
        WITH(test_refused),
        WITH(test_ignored),
        WITH(test_cookie_is_replaced),
        WITH(test_lost),
        WITH(test_late_answer),
        WITH(test_late_cookie),
        WITH(test_answer_asks_for_nothing),
        WITH(test_server_without),
        WITH(test_simultaneous_open),
        cmocka_unit_test(test_table_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
