/* test_fragments.c: datagrams of every length between two engines, over links of every kind. */
#include "pair.h"
#include <base/random.h>
#include <net/wire/ethernet.h>
#include <net/wire/icmp.h>

enum { LONGEST = 65507 };

static uint8_t content[LONGEST + 1], got[LONGEST + 1];

static net_socket_id open_socket(struct pair *pair, int side, uint16_t port) {
    net_socket_id socket;
    struct net_endpoint local = {.port = port};
    assert_int_equal(net_open(pair->net[side], NET_DATAGRAM, pair->owner[side], &socket), ERR_NONE);
    assert_int_equal(net_bind(pair->net[side], socket, &local), ERR_NONE);
    return socket;
}

static void send_to(struct pair *pair, net_socket_id from, size_t length) {
    struct net_endpoint to = pair_endpoint(B, 7);
    for (size_t i = 0; i < length; i++) {
        content[i] = (uint8_t)(i * 3 + i / 253 + length);
    }
    assert_int_equal(net_send_to(pair->net[A], from, content, length, &to, pair->now), ERR_NONE);
}

/* The last one sent has arrived. */
static void expect(struct pair *pair, net_socket_id at, size_t length) {
    uint32_t flags = 0;
    size_t done;
    struct net_endpoint from;
    assert_int_equal(net_receive_from(pair->net[B], at, got, sizeof got, &flags, &done, &from), ERR_NONE);
    assert_int_equal(done, length);
    assert_int_equal(flags, 0);
    assert_int_equal(from.port, 9);
    assert_memory_equal(got, content, length);
}

/* What each frame from A must be like; in context. */
struct seen {
    unsigned frames;
    bool dont_fragment[64], fragment[64];
    struct random dice;
    uint8_t kept[64][1514];
    size_t length[64];
    unsigned kept_count;
    bool keep; /* instead of carrying */
};

static bool look(struct pair *pair, int from, const struct net_slot *slot) {
    struct seen *seen = pair->context;
    struct ethernet_header ethernet;
    struct ipv4_header header;
    struct span packet, payload;
    assert_int_equal(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet), ERR_NONE);
    if (from != A || ethernet.type != ETHER_IPV4) {
        return true;
    }
    assert_true(slot->length <= 1514);
    assert_int_equal(ipv4_parse(packet, &header, &payload), ERR_NONE);
    assert_true(ipv4_checksum_good(packet));
    assert_true(seen->frames < 64);
    seen->dont_fragment[seen->frames] = header.dont_fragment;
    seen->fragment[seen->frames++] = ipv4_is_fragment(&header);
    if (seen->keep) {
        memcpy(seen->kept[seen->kept_count], slot->data, slot->length);
        seen->length[seen->kept_count++] = slot->length;
    }
    return !seen->keep;
}

static void start(struct pair *pair, struct seen *seen) {
    struct net_config a = pair_config(A), b = pair_config(B);
    *seen = (struct seen){0};
    random_seed(&seen->dice, 8, 9);
    pair_start_with(pair, &a, &b, 4u << 20);
    pair->carry = look;
    pair->context = seen;
}

static void test_every_length(void **state) {
    (void)state;
    static const size_t lengths[] = {0,    1,    1471,  1472,  1473,  1480, 2952,
                                     2953, 4432, 16384, 32767, 65506, 65507};
    static struct seen seen;
    struct pair pair;
    start(&pair, &seen);
    net_socket_id a = open_socket(&pair, A, 9), b = open_socket(&pair, B, 7);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        seen.frames = 0;
        send_to(&pair, a, lengths[i]);
        pair_settle(&pair);
        expect(&pair, b, lengths[i]);
        assert_int_equal(seen.frames, lengths[i] <= 1472 ? 1 : (lengths[i] + 8 + 1479) / 1480);
        for (unsigned n = 0; n < seen.frames; n++) {
            assert_int_equal(seen.fragment[n], lengths[i] > 1472);
            assert_int_equal(seen.dont_fragment[n], lengths[i] <= 1472);
        }
    }
    struct net_endpoint to = pair_endpoint(B, 7);
    assert_int_equal(net_send_to(pair.net[A], a, content, LONGEST + 1, &to, pair.now), ERR_MESSAGE_SIZE);
    pair_stop(&pair);
}

static void test_discovery_option(void **state) {
    (void)state;
    static struct seen seen;
    struct pair pair;
    struct net_endpoint to = pair_endpoint(B, 7);
    start(&pair, &seen);
    net_socket_id a = open_socket(&pair, A, 9), b = open_socket(&pair, B, 7);
    for (int discovery = 0; discovery <= 3; discovery++) {
        seen.frames = 0;
        assert_int_equal(net_set_option(pair.net[A], a, NET_OPTION_MTU_DISCOVER, discovery), ERR_NONE);
        send_to(&pair, a, 1472);
        pair_settle(&pair);
        expect(&pair, b, 1472);
        assert_int_equal(seen.dont_fragment[0], discovery != 0);
        enum error error = net_send_to(pair.net[A], a, content, 1473, &to, pair.now);
        assert_int_equal(error, discovery >= 2 ? ERR_MESSAGE_SIZE : ERR_NONE);
        pair_settle(&pair);
        if (error == ERR_NONE) {
            expect(&pair, b, 1473);
        }
    }
    assert_int_equal(net_set_option(pair.net[A], a, NET_OPTION_MTU_DISCOVER, 4), ERR_INVALID);
    pair_stop(&pair);
}

/* Fragments in any order, with TCP beside them; every loss costs one datagram, and no memory. */
static void test_shuffled_and_lost(void **state) {
    (void)state;
    static struct seen seen;
    struct pair pair;
    start(&pair, &seen);
    net_socket_id a = open_socket(&pair, A, 9), b = open_socket(&pair, B, 7);
    send_to(&pair, a, 1);
    pair_settle(&pair);
    expect(&pair, b, 1);
    for (int round = 0; round < 50; round++) {
        size_t length = 20000 + (size_t)random_below(&seen.dice, 40000);
        seen.keep = true;
        seen.frames = seen.kept_count = 0;
        send_to(&pair, a, length);
        pair_settle(&pair);
        bool lose = round % 3 == 0;
        for (unsigned left = seen.kept_count; left > (lose ? 1u : 0u); left--) {
            unsigned n = random_below(&seen.dice, left);
            struct net_frame frame = {seen.kept[n], seen.length[n], true, 0, 0};
            net_receive(pair.net[B], &frame, pair.now);
            memmove(seen.kept[n], seen.kept[left - 1], seen.length[left - 1]);
            seen.length[n] = seen.length[left - 1];
        }
        uint32_t ready = net_ready(pair.net[B], b);
        assert_int_equal(ready & NET_READY_IN, lose ? 0 : NET_READY_IN);
        if (!lose) {
            expect(&pair, b, length);
        }
    }
    seen.keep = false;
    pair_stop(&pair);
}

/* The socket is gone while its datagram is half on its way. */
static void test_closed_on_the_way(void **state) {
    (void)state;
    static struct seen seen;
    struct pair pair;
    start(&pair, &seen);
    net_socket_id a = open_socket(&pair, A, 9), b = open_socket(&pair, B, 7);
    send_to(&pair, a, 1);
    pair_settle(&pair);
    expect(&pair, b, 1);
    send_to(&pair, a, 50000);
    assert_true(pair_step(&pair, A));
    assert_int_equal(net_close(pair.net[A], a, pair.now), ERR_NONE);
    pair_settle(&pair);
    expect(&pair, b, 50000);
    pair_stop(&pair);
}

/* Nobody vouches for the sum of the whole. */
static void test_sum_of_the_whole(void **state) {
    (void)state;
    static struct seen seen;
    struct pair pair;
    start(&pair, &seen);
    net_socket_id a = open_socket(&pair, A, 9), b = open_socket(&pair, B, 7);
    send_to(&pair, a, 1);
    pair_settle(&pair);
    expect(&pair, b, 1);
    seen.keep = true;
    send_to(&pair, a, 3000);
    pair_settle(&pair);
    seen.kept[1][100] ^= 1;
    for (unsigned n = 0; n < seen.kept_count; n++) {
        struct net_frame frame = {seen.kept[n], seen.length[n], true, 0, 0};
        net_receive(pair.net[B], &frame, pair.now);
    }
    assert_int_equal(net_counters(pair.net[B])->ipv4_reassembled, 1);
    assert_int_equal(net_counters(pair.net[B])->udp_checksum, 1);
    assert_int_equal(net_ready(pair.net[B], b) & NET_READY_IN, 0);
    seen.keep = false;
    pair_stop(&pair);
}

/* Through 127.0.0.1 too. */
static void test_loopback(void **state) {
    (void)state;
    struct pair pair;
    uint32_t flags = 0;
    size_t done;
    struct net_endpoint from, to = {{NET_IPV4, {127, 0, 0, 1}}, 7};
    pair_start(&pair);
    net_socket_id a = open_socket(&pair, A, 9), b = open_socket(&pair, A, 7);
    for (size_t i = 0; i < LONGEST; i++) {
        content[i] = (uint8_t)(i / 3);
    }
    assert_int_equal(net_send_to(pair.net[A], a, content, LONGEST, &to, pair.now), ERR_NONE);
    pair_settle(&pair);
    assert_int_equal(net_receive_from(pair.net[A], b, got, sizeof got, &flags, &done, &from), ERR_NONE);
    assert_int_equal(done, LONGEST);
    assert_memory_equal(got, content, LONGEST);
    pair_stop(&pair);
}

static void test_buffer_options(void **state) {
    (void)state;
    static struct seen seen;
    struct pair pair;
    int64_t value;
    start(&pair, &seen);
    net_socket_id a = open_socket(&pair, A, 9), b = open_socket(&pair, B, 7);
    assert_int_equal(net_get_option(pair.net[B], b, NET_OPTION_RCVBUF, &value), ERR_NONE);
    assert_int_equal(value, 212992);
    assert_int_equal(net_set_option(pair.net[B], b, NET_OPTION_RCVBUF, 1), ERR_NONE);
    assert_int_equal(net_get_option(pair.net[B], b, NET_OPTION_RCVBUF, &value), ERR_NONE);
    assert_int_equal(value, 2304);
    assert_int_equal(net_set_option(pair.net[B], b, NET_OPTION_RCVBUF, 10000000), ERR_NONE);
    assert_int_equal(net_get_option(pair.net[B], b, NET_OPTION_RCVBUF, &value), ERR_NONE);
    assert_int_equal(value, 2 * 212992);
    assert_int_equal(net_set_option(pair.net[B], b, NET_OPTION_RCVBUF, 4096), ERR_NONE);
    for (int i = 0; i < 20; i++) {
        send_to(&pair, a, 1000);
        pair_settle(&pair);
    }
    assert_int_equal(net_counters(pair.net[B])->udp_queue_full,
                     20 - 5); /* 2,048 bytes each, one more than fits */
    assert_int_equal(net_set_option(pair.net[A], a, NET_OPTION_SNDBUF, 0), ERR_NONE);
    assert_int_equal(net_get_option(pair.net[A], a, NET_OPTION_SNDBUF, &value), ERR_NONE);
    assert_int_equal(value, 4608);
    send_to(&pair, a, 4000);
    struct net_endpoint to = pair_endpoint(B, 7);
    assert_int_equal(net_ready(pair.net[A], a) & NET_READY_OUT, 0);
    assert_int_equal(net_send_to(pair.net[A], a, content, 1, &to, pair.now), ERR_NONE);
    assert_int_equal(net_send_to(pair.net[A], a, content, 4000, &to, pair.now), ERR_NONE);
    assert_int_equal(net_send_to(pair.net[A], a, content, 1, &to, pair.now), ERR_WOULD_BLOCK);
    pair_settle(&pair);
    assert_int_equal(net_ready(pair.net[A], a) & NET_READY_OUT, NET_READY_OUT);
    pair_stop(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),      cmocka_unit_test(test_discovery_option),
        cmocka_unit_test(test_shuffled_and_lost), cmocka_unit_test(test_closed_on_the_way),
        cmocka_unit_test(test_sum_of_the_whole),  cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_buffer_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
