/* test_blocks.c: what SACK tells the peer (RFC 2018, RFC 2883). */
#include "script.h"

static void establish(struct script *s, bool with_time) {
    struct net_endpoint peer;
    script_listen(s, 8);
    IN(.flags = SYN, .mss = 1460, .sack_ok = true, .has_time = with_time);
    OUT(.flags = SYN | ACK, .ack = 1);
    assert_true(s->last.options.sack_permitted);
    IN(.flags = ACK, .seq = 1, .ack = 1, .has_time = with_time);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    QUIET();
}

/* 100 bytes at `seq`, with timestamps if `with_time`. */
static void arrive(struct script *s, uint32_t seq) {
    IN(.flags = ACK, .seq = seq, .ack = 1, .length = 100);
}

static void no_blocks(struct script *s) {
    assert_int_equal(s->last.options.sack_count, 0);
}

static void test_not_agreed(void **state) {
    struct script *s = *state;
    script_reach(s, TCP_ESTABLISHED); /* the peer does not permit it */
    assert_false(s->last.options.sack_permitted);
    arrive(s, 201);
    OUT(.flags = ACK, .seq = 1, .ack = 1);
    no_blocks(s);
}

static void test_not_wanted(void **state) {
    (void)state;
    struct script script, *s = &script;
    struct net_config config = script_config();
    config.no_sack = true;
    script_start_with(s, &config);
    script_connect(s);
    OUT(.flags = SYN);
    assert_false(s->last.options.sack_permitted);
    script_stop(s);
}

/* RFC 2018 section 4: the newest first, then those before it. */
static void test_newest_first(void **state) {
    struct script *s = *state;
    establish(s, false);
    arrive(s, 201);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .blocks = 1, .block = {{201, 301}});
    arrive(s, 601);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .blocks = 2, .block = {{601, 701}, {201, 301}});
    arrive(s, 401);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .blocks = 3, .block = {{401, 501}, {601, 701}, {201, 301}});
    arrive(s, 301); /* joins two */
    OUT(.flags = ACK, .seq = 1, .ack = 1, .blocks = 2, .block = {{201, 501}, {601, 701}});
    arrive(s, 1);
    OUT(.flags = ACK, .seq = 1, .ack = 101, .blocks = 2, .block = {{201, 501}, {601, 701}});
    arrive(s, 101);
    OUT(.flags = ACK, .seq = 1, .ack = 501, .blocks = 1, .block = {{601, 701}});
    arrive(s, 501);
    OUT(.flags = ACK, .seq = 1, .ack = 701);
    no_blocks(s);
}

static void test_a_growing_block_does_not_push_others_out(void **state) {
    struct script *s = *state;
    establish(s, false);
    static const uint32_t order[] = {1601, 2001, 201, 301, 401, 501};
    for (int i = 0; i < 6; i++) {
        arrive(s, order[i]);
        OUT(.flags = ACK, .seq = 1, .ack = 1);
    }
    arrive(s, 601);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .blocks = 3, .block = {{201, 701}, {2001, 2101}, {1601, 1701}});
}

static void test_four_fit_and_three_beside_timestamps(void **state) {
    (void)state;
    for (int with_time = 0; with_time < 2; with_time++) {
        struct script script, *s = &script;
        script_start(s);
        establish(s, with_time != 0);
        for (uint32_t i = 1; i <= 5; i++) {
            arrive(s, 1 + 200 * i);
            OUT(.flags = ACK, .seq = 1, .ack = 1);
        }
        assert_int_equal(s->last.options.sack_count, with_time ? 3 : 4);
        assert_int_equal(s->last.options.sack[0].start.value - PEER_ISN, 1001);
        script_stop(s);
    }
}

static void test_duplicates_are_told_once(void **state) {
    struct script *s = *state;
    establish(s, false);
    arrive(s, 1);
    OUT(.flags = ACK, .seq = 1, .ack = 101);
    arrive(s, 1); /* all of it old */
    OUT(.flags = ACK, .seq = 1, .ack = 101, .blocks = 1, .block = {{1, 101}});
    arrive(s, 301);
    OUT(.flags = ACK, .seq = 1, .ack = 101, .blocks = 1, .block = {{301, 401}});
    arrive(s, 301); /* beyond the gap: RFC 2883 4, then the block that it lies in */
    OUT(.flags = ACK, .seq = 1, .ack = 101, .blocks = 2, .block = {{301, 401}, {301, 401}});
    arrive(s, 51); /* half of it old */
    OUT(.flags = ACK, .seq = 1, .ack = 151, .blocks = 2, .block = {{51, 101}, {301, 401}});
}

/* What came in one batch is told as if it had come one by one: what was in order first, and then the gap. */
static void test_an_ack_goes_ahead_of_the_gap(void **state) {
    struct script *s = *state;
    establish(s, false);
    arrive(s, 1);
    arrive(s, 101);
    arrive(s, 301); /* 201 is lost */
    arrive(s, 401);
    OUT(.flags = ACK, .seq = 1, .ack = 201);
    assert_int_equal(s->last.options.sack_count, 0);
    OUT(.flags = ACK, .seq = 1, .ack = 201, .blocks = 1, .block = {{301, 501}});
    OUT(.flags = ACK, .seq = 1, .ack = 201, .blocks = 1, .block = {{301, 501}});
    QUIET();
}

/* A batch that fills its own gap has none; a D-SACK is told by the first that goes. */
static void test_a_gap_that_is_filled_at_once(void **state) {
    struct script *s = *state;
    establish(s, false);
    arrive(s, 1);
    arrive(s, 201);
    arrive(s, 101);
    OUT(.flags = ACK, .seq = 1, .ack = 301);
    no_blocks(s);
    OUT(.flags = ACK, .seq = 1, .ack = 301);
    QUIET();
    arrive(s, 301);
    arrive(s, 1);
    arrive(s, 501);
    OUT(.flags = ACK, .seq = 1, .ack = 401, .blocks = 1, .block = {{1, 101}});
    OUT(.flags = ACK, .seq = 1, .ack = 401, .blocks = 1, .block = {{501, 601}});
    QUIET();
}

/* Blocks beside text: the segment is shorter by them. */
static void test_text_makes_room(void **state) {
    struct script *s = *state;
    establish(s, true);
    arrive(s, 201);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .blocks = 1, .block = {{201, 301}});
    script_send(s, 5000);
    OUT(.flags = ACK, .seq = 1, .ack = 1, .length = 1436, .blocks = 1, .block = {{201, 301}});
    OUT(.flags = ACK, .seq = 1437, .ack = 1, .length = 1436);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_not_agreed),
        cmocka_unit_test(test_not_wanted),
        WITH(test_newest_first),
        WITH(test_a_growing_block_does_not_push_others_out),
        cmocka_unit_test(test_four_fit_and_three_beside_timestamps),
        WITH(test_duplicates_are_told_once),
        WITH(test_an_ack_goes_ahead_of_the_gap),
        WITH(test_a_gap_that_is_filled_at_once),
        WITH(test_text_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
