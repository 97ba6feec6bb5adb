/* test_tos.c: the class of service that a user asks for, and that of answers (RFC 9293 3.9.2.1, RFC 1122
 * 4.1.4); and how far packets may go. */
#include "script.h"

#define URGENT   0xb8 /* expedited forwarding */
#define THROUGH  0x08
#define WITH_ECN 0x03

static void ask_for(struct script *s, net_socket_id socket, int64_t tos) {
    assert_int_equal(net_set_option(s->net, socket, NET_OPTION_TOS, tos), ERR_NONE);
}

static void shows(struct script *s, net_socket_id socket, int64_t tos) {
    int64_t value;
    assert_int_equal(net_get_option(s->net, socket, NET_OPTION_TOS, &value), ERR_NONE);
    assert_int_equal(value, tos);
}

/* Handed on from a listener, changed meanwhile, kept up to the last ACK. */
static void test_stream(void **state) {
    struct script *s = *state;
    struct net_endpoint peer;
    script_listen(s, 8);
    ask_for(s, s->listener, URGENT);
    IN(.flags = SYN, .seq = 0, .mss = 1460);
    OUT(.flags = SYN | ACK, .ack = 1, .tos = URGENT);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    shows(s, s->socket, URGENT);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10, .tos = URGENT);
    ask_for(s, s->socket, THROUGH);
    IN(.flags = ACK, .seq = 1, .ack = 11, .length = 5);
    OUT(.flags = ACK, .seq = 11, .ack = 6, .tos = THROUGH);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
    OUT(.flags = FIN | ACK, .seq = 11, .ack = 6, .tos = THROUGH);
    IN(.flags = FIN | ACK, .seq = 6, .ack = 12);
    OUT(.flags = ACK, .seq = 12, .ack = 7, .tos = THROUGH);
    IN(.flags = FIN | ACK, .seq = 6, .ack = 12); /* TIME-WAIT remembers it */
    OUT(.flags = ACK, .seq = 12, .ack = 7, .tos = THROUGH);
}

static void test_connect(void **state) {
    struct script *s = *state;
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, 2}}, PEER_PORT};
    assert_int_equal(net_open(s->net, NET_STREAM, s->owner, &s->socket), ERR_NONE);
    shows(s, s->socket, 0);
    ask_for(s, s->socket, URGENT);
    assert_int_equal(net_connect(s->net, s->socket, &peer, s->now), ERR_IN_PROGRESS);
    OUT(.flags = SYN, .seq = 0, .tos = URGENT);
}

/* Of a stream they are the engine's: what the user says of them is not heard. */
static void test_ecn_bits_of_a_stream(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    ask_for(s, s->socket, THROUGH | WITH_ECN);
    shows(s, s->socket, THROUGH);
    script_send(s, 10);
    OUT(.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 10, .tos = THROUGH);
}

static void test_time_to_live(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(s->last_ttl, 64);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_TTL, 0), ERR_INVALID);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_TTL, 256), ERR_INVALID);
    for (int64_t ttl = 1; ttl <= 255; ttl += 127) {
        assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_TTL, ttl), ERR_NONE);
        IN(.flags = ACK, .seq = 0, .ack = 1); /* is answered */
        OUT(.flags = ACK, .seq = 1, .ack = 1);
        assert_int_equal(s->last_ttl, ttl);
        PASS(NET_SECOND);
    }
}

static void test_range(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_TOS, 256), ERR_INVALID);
    assert_int_equal(net_set_option(s->net, s->socket, NET_OPTION_TOS, -1), ERR_INVALID);
    shows(s, s->socket, 0);
}

/* What resets a stranger's segment is of its class, but never marked. */
static void test_reset_reflects(void **state) {
    struct script *s = *state;
    IN(.flags = SYN, .seq = 5, .tos = URGENT | WITH_ECN);
    OUT(.flags = RST | ACK, .seq = 0, .ack = 6, .tos = URGENT);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_stream),       WITH(test_connect), WITH(test_ecn_bits_of_a_stream),
        WITH(test_time_to_live), WITH(test_range),   WITH(test_reset_reflects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
