/* test_sack.c: what is sent again and when, by what the peer tells (RFC 6675, RFC 6937), and what of it is
 * not believed. */
#include "loss.h"
#include <base/random.h>

/* ACKs come several at once, and nothing is sent before all are taken in: the window has been used all the
 * same. */
static void test_acks_that_come_together(void **state) {
    struct script *s = *state;
    script_send(s, 40 * MSS);
    take_full(s, 0, 10);
    QUIET();
    for (uint32_t i = 2; i <= 10; i += 2) {
        IN(.flags = ACK, .seq = 1, .ack = AT(i));
    }
    take_full(s, 10, 20);
    QUIET();
}

/* And a loss that they tell of is a loss out of all that was on its way, whose place is free for others. */
static void test_a_loss_after_acks_that_come_together(void **state) {
    struct script *s = *state;
    script_send(s, 40 * MSS);
    take_full(s, 0, 10);
    for (uint32_t i = 2; i <= 6; i += 2) {
        IN(.flags = ACK, .seq = 1, .ack = AT(i));
    }
    for (uint32_t i = 8; i <= 10; i++) {
        told(s, 6, 7, i);
    }
    take_full(s, 6, 1);
    take_full(s, 10, 4); /* half of ten */
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = AT(10));
    take_full(s, 14, 1);
    QUIET();
}

/* Ten out; 0 and 4 are lost. */
static void test_two_holes_in_one_round_trip(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 2);
    told(s, 0, 1, 3);
    QUIET(); /* nothing more to send, and two are not enough */
    told(s, 0, 1, 4);
    take_full(s, 0, 1);
    QUIET();
    for (uint32_t i = 6; i <= 9; i++) {
        IN(.flags = ACK, .seq = 1, .ack = 1, .blocks = 2, .block = {{AT(5), AT(i)}, {AT(1), AT(4)}});
    }
    take_full(s, 4, 1);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = AT(4), .blocks = 1, .block = {{AT(5), AT(10)}});
    QUIET(); /* it is on its way already */
    IN(.flags = ACK, .seq = 1, .ack = AT(10));
    QUIET();
    assert_int_equal(counters(s)->tcp_fast_retransmits, 1);
    assert_int_equal(counters(s)->tcp_retransmits, 2);
    assert_int_equal(counters(s)->tcp_timeouts, 0);
}

/* IsLost: one ACK that tells of more than two segments is enough, though it is only the first duplicate. */
static void test_bytes_tell_of_loss(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 3);
    QUIET();
    told(s, 0, 1, 4);
    take_full(s, 0, 1);
}

/* Limited transmit (RFC 3042): what has arrived lets new segments out. */
static void test_limited_transmit(void **state) {
    struct script *s = *state;
    script_send(s, 20 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 2);
    take_full(s, 10, 1);
    told(s, 0, 1, 3);
    take_full(s, 11, 1);
    QUIET();
}

/* IsLost: three ranges are enough, however small. */
static void test_ranges_tell_of_loss(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    IN(.flags = ACK, .seq = 1, .ack = 1, .blocks = 2, .block = {{AT(3), AT(3) + 9}, {AT(1), AT(1) + 9}});
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = 1, .blocks = 1, .block = {{AT(5), AT(5) + 9}});
    take_full(s, 0, 1);
}

/* Segments of text that are due. */
static uint32_t take_all(struct script *s) {
    struct tcp_header header;
    struct span text;
    uint32_t count = 0;
    while (script_take(s, &header, &text)) {
        count += text.length != 0;
    }
    return count;
}

/* PRR: the window shrinks by one segment for every second one that arrives, with no pause and no burst. */
static void test_reduction_is_proportional(void **state) {
    struct script *s = *state;
    script_send(s, 44 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    for (uint32_t i = 2; i <= 10; i += 2) {
        IN(.flags = ACK, .seq = 1, .ack = AT(i));
        take_full(s, 6 + 2 * i, 4);
    }
    PASS(RTT);
    told(s, 10, 11, 15);
    uint32_t sent = take_all(s);
    for (uint32_t i = 16; i <= 30; i++) {
        PASS(MS);
        told(s, 10, 11, i);
        uint32_t now = take_all(s);
        assert_true(now <= 1);
        sent += now;
        assert_in_range(sent, (i - 12) / 2, (i - 11) / 2 + 1); /* at once, also while pipe is too large */
    }
}

/* PRR, slow start reduction bound: with most of the window lost, as much goes out as has come in. */
static void test_heavy_loss(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 7, 10);
    take_full(s, 0, 3);
    QUIET();
}

/* What was sent again and is lost again is seen by what was sent after it. */
static void test_lost_again(void **state) {
    struct script *s = *state;
    script_send(s, 40 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    told(s, 0, 1, 5);
    take_full(s, 0, 1);
    struct tcp_header header;
    struct span text;
    bool again = false;
    uint32_t highest = 10;
    for (uint32_t i = 6; i < 40 && i <= highest && !again; i++) {
        told(s, 0, 1, i);
        while (script_take(s, &header, &text)) {
            uint32_t segment = (header.seq.value - s->iss - 1) / MSS;
            again |= segment == 0;
            highest = segment + 1 > highest ? segment + 1 : highest;
        }
    }
    assert_true(again);
    assert_int_equal(counters(s)->tcp_timeouts, 0);
    assert_int_equal(counters(s)->tcp_lost_again, 1);
}

/* After a timeout what has arrived is not sent again, to the byte. */
static void test_timeout_skips_what_arrived(void **state) {
    struct script *s = *state;
    script_send(s, 4 * MSS);
    take_full(s, 0, 4);
    PASS(RTT);
    IN(.flags = ACK, .seq = 1, .ack = 1, .blocks = 1, .block = {{AT(1) - 500, AT(2) + 900}});
    QUIET();
    PASS(25 * MS - 1);
    QUIET();
    PASS(1);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS - 500); /* it was not late: RACK's timer */
    QUIET();
    PASS(2 * NET_SECOND);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = MSS - 500);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = AT(2) + 900);
    OUT(.flags = ACK, .seq = AT(2) + 900, .ack = 1, .length = MSS);
    OUT(.flags = ACK, .seq = AT(3) + 900, .ack = 1, .length = MSS - 900);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = AT(4));
}

/* A peer that throws away what it had told of gets it again (RFC 2018 8). */
static void test_reneging(void **state) {
    struct script *s = *state;
    script_send(s, 4 * MSS);
    take_full(s, 0, 4);
    PASS(RTT);
    told(s, 0, 1, 3);
    IN(.flags = ACK, .seq = 1, .ack = AT(1));
    QUIET();
    PASS(1000 * MS);
    take_full(s, 1, 1);
    IN(.flags = ACK, .seq = 1, .ack = AT(2));
    take_full(s, 2, 2);
}

/* Blocks of what was never sent, backwards, empty or acknowledged: none of them does anything. */
static void test_hostile_blocks(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    IN(.flags = ACK, .seq = 1, .ack = AT(1));
    for (uint32_t i = 0; i < 5; i++) {
        IN(.flags = ACK, .seq = 1, .ack = AT(1), .blocks = 4,
           .block = {{AT(9), AT(11)}, {AT(5), AT(4)}, {AT(5), AT(5)}, {AT(20), AT(21)}});
        IN(.flags = ACK, .seq = 1, .ack = AT(1), .blocks = 1, .block = {{AT(0), AT(1)}});
        IN(.flags = ACK, .seq = 1, .ack = AT(1), .blocks = 1, .block = {{AT(3), AT(3) + 0x80000001}});
    }
    IN(.flags = ACK, .seq = 1, .ack = AT(1), .blocks = 2, .block = {{AT(5), AT(6)}, {AT(4), AT(6)}});
    IN(.flags = ACK, .seq = 1, .ack = AT(1), .blocks = 2, /* half the numbers there are from end to end */
       .block = {{AT(4), AT(6)}, {AT(1) + 0x7fff0000, AT(10) + 0x80000010}});
    QUIET();
    assert_int_equal(counters(s)->tcp_bad_sack, 26);
    assert_int_equal(counters(s)->tcp_duplicate_reports, 6);
    assert_int_equal(counters(s)->tcp_fast_retransmits, 0);
}

/* A block for every second byte: the scoreboard is bounded, the rest is counted. */
static void test_crumbs(void **state) {
    struct script *s = *state;
    script_send(s, 10 * MSS);
    take_full(s, 0, 10);
    PASS(RTT);
    struct tcp_header header;
    struct span text;
    for (uint32_t i = 1; i < 500; i++) {
        IN(.flags = ACK, .seq = 1, .ack = 1, .blocks = 1, .block = {{1 + 2 * i, 2 + 2 * i}});
        while (script_take(s, &header, &text)) {
        }
    }
    assert_true(counters(s)->tcp_sack_overflow > 100);
    IN(.flags = ACK, .seq = 1, .ack = AT(10));
    QUIET();
}

/* Blocks and ACKs by chance, true and false ones: nothing is sent that was not written, nothing hangs,
 * nothing is left behind. */
static void test_blocks_by_chance(void **state) {
    struct script *s = *state;
    struct random random;
    random_seed(&random, 3, 0);
    uint32_t una = 1, out = 1;
    for (int round = 0; round < 20000; round++) {
        struct shape shape = {.flags = ACK, .seq = 1, .blocks = random_below(&random, 5)};
        struct tcp_header header;
        struct span text;
        if (s->written < una + 40 * MSS) {
            script_send(s, 1 + random_below(&random, 4 * MSS));
        }
        while (script_take(s, &header, &text)) {
            uint32_t end = header.seq.value - s->iss + (uint32_t)text.length;
            assert_true(end <= 1 + s->written);
            out = end > out ? end : out;
        }
        una += random_below(&random, 4) == 0 ? random_below(&random, out - una + 1) : 0;
        shape.ack = una;
        for (uint32_t i = 0; i < shape.blocks; i++) {
            uint32_t start = una + random_below(&random, out - una + 10) - 5;
            shape.block[i] = (struct shape_block){start, start + random_below(&random, 2 * MSS)};
        }
        script_in(s, shape);
        if (random_below(&random, 20) == 0) {
            PASS(random_below(&random, 600) * MS);
        }
    }
    assert_true(counters(s)->tcp_timeouts > 10);
    assert_true(counters(s)->tcp_fast_retransmits > 10);
    assert_true(counters(s)->tcp_tail_probes > 0);
    IN(.flags = RST, .seq = 1);
    STATE(TCP_CLOSED);
}

/* The FIN can be a hole too. */
static void test_fin_is_sent_again(void **state) {
    struct script *s = *state;
    script_send(s, 5 * MSS);
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
    take_full(s, 0, 4);
    OUT(.flags = FIN | ACK, .seq = AT(4), .ack = 1, .length = MSS);
    IN(.flags = ACK, .seq = 1, .ack = AT(1), .blocks = 1, .block = {{AT(2), AT(5) + 1}});
    take_full(s, 1, 1);
    QUIET();
    IN(.flags = ACK, .seq = 1, .ack = AT(5) + 1);
    STATE(TCP_FIN_WAIT_2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, loss_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_acks_that_come_together),
        WITH(test_a_loss_after_acks_that_come_together),
        WITH(test_two_holes_in_one_round_trip),
        WITH(test_bytes_tell_of_loss),
        WITH(test_ranges_tell_of_loss),
        WITH(test_heavy_loss),
        WITH(test_limited_transmit),
        WITH(test_reduction_is_proportional),
        WITH(test_lost_again),
        WITH(test_timeout_skips_what_arrived),
        WITH(test_reneging),
        WITH(test_hostile_blocks),
        WITH(test_crumbs),
        WITH(test_blocks_by_chance),
        WITH(test_fin_is_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
