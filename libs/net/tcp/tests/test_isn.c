/* test_isn.c: initial sequence numbers (RFC 6528): a clock that a secret hides. */
#include "script.h"

/* The ISN of a connection of this host to the peer's port. */
static uint32_t isn(struct script *s, uint16_t port) {
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, 2}}, port}, local = {.port = 2000};
    struct tcp_header header;
    struct span text;
    net_socket_id socket;
    assert_int_equal(net_open(s->net, NET_STREAM, s->owner, &socket), ERR_NONE);
    assert_int_equal(net_bind(s->net, socket, &local), ERR_NONE);
    assert_int_equal(net_connect(s->net, socket, &peer, s->now), ERR_IN_PROGRESS);
    assert_true(script_take(s, &header, &text));
    assert_int_equal(header.flags, SYN);
    assert_int_equal(net_abort(s->net, socket, s->now), ERR_NONE);
    return header.seq.value;
}

static void start(struct script *s, uint64_t seed) {
    struct net_config config = script_config();
    config.seed[0] = seed;
    script_start_with(s, &config);
}

/* MUST-8: the same connection a second later begins 250,000 further on. */
static void it_follows_a_clock(void **state) {
    (void)state;
    struct script script, *s = &script;
    start(s, 1);
    uint32_t first = isn(s, 1000);
    PASS(NET_SECOND);
    assert_int_equal(isn(s, 1000) - first, 250000);
    script_stop(s);
}

/* MUST-9: what one port's numbers are says nothing about another's: neither the numbers nor their differences
 * are the same under another key. */
static void a_secret_hides_it(void **state) {
    (void)state;
    uint32_t number[2][2];
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct script script, *s = &script;
        start(s, seed);
        number[seed][0] = isn(s, 1000);
        number[seed][1] = isn(s, 1001);
        script_stop(s);
    }
    assert_int_not_equal(number[0][0], number[1][0]);
    assert_int_not_equal(number[0][1], number[1][1]);
    assert_int_not_equal(number[0][1] - number[0][0], number[1][1] - number[1][0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_a_clock),
        cmocka_unit_test(a_secret_hides_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
