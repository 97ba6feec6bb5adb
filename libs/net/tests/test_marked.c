/* test_marked.c: a way that marks packets instead of dropping them (RFC 3168), from end to end. */
#include "pair.h"

#include <net/wire/checksum.h>
#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>
#include <net/wire/tcp.h>

#define LENGTH (1u << 20)

/* What a router does: every tenth packet that says it can be marked is. */
struct router {
    unsigned capable, marked, cut_with_cwr;
};

static void mark(uint8_t *packet) {
    packet[1] |= ECN_CE;
    packet[10] = packet[11] = 0;
    uint16_t sum = checksum_of(packet, IPV4_HEADER);
    packet[10] = (uint8_t)(sum >> 8);
    packet[11] = (uint8_t)sum;
}

static bool route(struct pair *pair, int from, const struct net_slot *slot) {
    struct router *router = pair->context;
    uint8_t *packet = slot->data + ETHERNET_HEADER;
    bool is_ipv4 = slot->data[12] == 8 && slot->data[13] == 0;
    (void)from;
    if (is_ipv4 && (packet[1] & IPV4_ECN) == ECN_ECT_0) {
        if (++router->capable % 10 == 0) {
            router->marked++;
            mark(packet);
        }
        router->cut_with_cwr += slot->gso_size != 0 && (packet[IPV4_HEADER + 13] & TCP_CWR) != 0;
    }
    return true;
}

static void transfer(struct pair *pair, const struct connected *c) {
    size_t sent = 0, got = 0, done;
    uint8_t bytes[4096];
    while (got < LENGTH) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)((sent + i) * 31 >> 3);
        }
        size_t left = LENGTH - sent < sizeof bytes ? LENGTH - sent : sizeof bytes;
        if (left != 0 && net_send(pair->net[A], c->a, bytes, left, &done, pair->now) == ERR_NONE) {
            sent += done;
        }
        pair_pass(pair, NET_SECOND / 100);
        while (net_read(pair->net[B], c->b, bytes, sizeof bytes, &done, pair->now) == ERR_NONE) {
            for (size_t i = 0; i < done; i++, got++) {
                assert_int_equal(bytes[i], (uint8_t)(got * 31 >> 3));
            }
        }
    }
}

/* Everything arrives, nothing is taken for lost, and each mark is heard of. */
static void run(bool cutting) {
    struct pair pair;
    struct router router = {0};
    struct net_config a = pair_config(A), b = pair_config(B);
    a.ask_ecn = true;
    a.checksum_out = a.segment_out = cutting;
    pair_start_with(&pair, &a, &b, 4u << 20);
    pair.carry = route;
    pair.context = &router;
    struct connected c = pair_connected(&pair, 80);
    transfer(&pair, &c);
    const struct net_counters *sender = net_counters(pair.net[A]), *receiver = net_counters(pair.net[B]);
    assert_true(router.marked > 20);
    assert_int_equal(receiver->tcp_congestion_marks, router.marked);
    assert_true(sender->tcp_marked_windows > 10);
    assert_true(sender->tcp_marked_windows <= router.marked);
    assert_int_equal(sender->tcp_fast_retransmits, 0);
    assert_int_equal(sender->tcp_timeouts, 0);
    assert_int_equal(router.cut_with_cwr, 0);
    pair_stop(&pair);
}

static void test_segments(void **state) {
    (void)state;
    run(false);
}

static void test_merged_frames(void **state) {
    (void)state;
    run(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_merged_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
