/* test_strangers.c: answers to whom ARP has to be asked about first: they wait for it, but not many of them.
 */
#include "pair.h"
#include <net/wire/checksum.h>
#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>

/* B has forgotten who A is. */
static void forget(struct pair *pair) {
    net_neighbour_flush(pair->net[B], pair->now);
}

static net_socket_id open_socket(struct pair *pair, int side, enum net_type type, uint16_t port) {
    net_socket_id socket;
    struct net_endpoint local = {.port = port};
    assert_int_equal(net_open(pair->net[side], type, pair->owner[side], &socket), ERR_NONE);
    assert_int_equal(net_bind(pair->net[side], socket, &local), ERR_NONE);
    return socket;
}

static void test_a_reset_survives(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    struct connected c = pair_connected(&pair, 80); /* now A knows B */
    forget(&pair);
    net_time before = pair.now;
    net_socket_id a = pair_connect(&pair, A, 81);
    pair_settle(&pair);
    assert_int_equal(net_take_error(pair.net[A], a), ERR_REFUSED);
    assert_true(pair.now == before);
    assert_int_equal(net_counters(pair.net[B])->tcp_replies_dropped, 0);
    (void)c;
    pair_stop(&pair);
}

static void test_an_error_survives(void **state) {
    (void)state;
    struct pair pair;
    struct net_endpoint peer = pair_endpoint(B, 9);
    pair_start(&pair);
    (void)pair_connected(&pair, 80);
    forget(&pair);
    net_socket_id a = open_socket(&pair, A, NET_DATAGRAM, 7);
    assert_int_equal(net_connect(pair.net[A], a, &peer, pair.now), ERR_NONE);
    assert_int_equal(net_send_to(pair.net[A], a, "x", 1, NULL, pair.now), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(net_take_error(pair.net[A], a), ERR_REFUSED);
    pair_stop(&pair);
}

/* A's frames come from forged addresses, one after the other; in context: the last byte of the next one. */
static bool forge(struct pair *pair, int from, const struct net_slot *slot) {
    uint8_t *last = pair->context, *ip = slot->data + ETHERNET_HEADER;
    if (from == A && slot->data[12] == 8 && slot->data[13] == 0) {
        struct net_frame frame = {.data = slot->data, .length = slot->length, .checksum_good = true};
        for (int i = 0; i < 2 * 32; i++) {
            ip[15] = (*last)++;
            ip[10] = ip[11] = 0;
            uint16_t sum = checksum_of(ip, IPV4_HEADER);
            ip[10] = (uint8_t)(sum >> 8);
            ip[11] = (uint8_t)sum;
            net_receive(pair->net[B], &frame, pair->now);
        }
        return false;
    }
    return true;
}

static void test_a_flood_of_strangers(void **state) {
    (void)state;
    struct pair pair;
    uint8_t last = 100;
    pair_start(&pair);
    (void)pair_connected(&pair, 80);
    pair.carry = forge;
    pair.context = &last;
    net_socket_id a = pair_connect(&pair, A, 81);
    pair_settle(&pair);
    assert_int_equal(net_counters(pair.net[B])->tcp_replies_dropped, 32);
    assert_int_equal(net_close(pair.net[A], a, pair.now), ERR_NONE);
    pair.carry = NULL;
    pair_pass(&pair, 10 * NET_SECOND); /* nobody has answered: they are given up */
    forget(&pair);
    a = pair_connect(&pair, A, 82);
    pair_settle(&pair);
    assert_int_equal(net_take_error(pair.net[A], a), ERR_REFUSED);
    assert_int_equal(net_counters(pair.net[B])->tcp_replies_dropped, 32);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reset_survives),
        cmocka_unit_test(test_an_error_survives),
        cmocka_unit_test(test_a_flood_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
