/* test_watch.c: each rule that the watcher keeps is broken once, and nothing that is right is taken for
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/wire/ethernet.h>
#include <netsim/watch.h>
#include <stdlib.h>

enum { A, B };

#define FRAME_MAX 2000

struct bench {
    struct watch watch;
    struct verdict verdict;
    uint8_t frame[FRAME_MAX];
};

/* A segment of one of the two, between ports 1000 and 80. */
struct part {
    int from;
    uint8_t flags;
    uint32_t seq, ack;
    uint16_t window;
    uint32_t length;
    struct tcp_options options;
    bool lost;
    uint8_t tos;
};

static struct span write_frame(struct bench *bench, const struct part *part) {
    struct writer writer = writer_of(bench->frame, FRAME_MAX);
    struct tcp_header tcp = {.source_port = part->from == A ? 1000 : 80,
                             .destination_port = part->from == A ? 80 : 1000,
                             .seq = seq_of(part->seq),
                             .ack = seq_of(part->ack),
                             .flags = part->flags,
                             .window = part->window,
                             .options = part->options};
    struct ipv4_header ip = {.source = 1 + (uint32_t)part->from,
                             .destination = 2 - (uint32_t)part->from,
                             .protocol = IP_TCP,
                             .tos = part->tos,
                             .ttl = 64};
    ethernet_write(&writer, &(struct ethernet_header){{{2}}, {{4}}, ETHER_IPV4});
    ipv4_write(&writer, &ip, tcp_header_length(&tcp) + part->length);
    tcp_write(&writer, &tcp);
    write_zeros(&writer, part->length);
    assert_false(writer.failed);
    return writer_span(&writer);
}

static void play(struct bench *bench, struct part part) {
    struct span frame = write_frame(bench, &part);
    watch_sent(&bench->watch, frame, 1);
    if (!part.lost) {
        watch_arrived(&bench->watch, frame);
    }
}

#define PLAY(...) play(bench, (struct part){__VA_ARGS__})

/* ISNs 100 and 500; the scale is 2 on B's side. */
static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    watch_init(&bench->watch, &bench->verdict);
    PLAY(.from = A, .flags = TCP_SYN, .seq = 100, .window = 4000,
         .options = {.mss = 1460, .has_window_scale = true});
    PLAY(.from = B, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = 101, .window = 4000,
         .options = {.mss = 1000, .has_window_scale = true, .window_scale = 2});
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000);
    *state = bench;
    return bench->verdict.failed;
}

static int tear_down(void **state) {
    free(*state);
    return 0;
}

static void wants(const struct bench *bench, const char *words) {
    assert_true(bench->verdict.failed);
    if (strstr(bench->verdict.text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, bench->verdict.text);
    }
}

static void what_is_right_is_right(void **state) {
    struct bench *bench = *state;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .length = 1000);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 1101, .window = 1000); /* the edge: 5101 */
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 1101, .window = 1000, .length = 1460);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 1101, .ack = 1961, .window = 2540, .length = 1000, .lost = true);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 2101, .ack = 1961, .window = 2540, .length = 1000);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 1961, .ack = 1101, .window = 1000,
         .options = {.sack_count = 1, .sack = {{{2101}, {3101}}}});
    PLAY(.from = A, .flags = TCP_ACK, .seq = 1101, .ack = 1961, .window = 2540, .length = 1000);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 1961, .ack = 3101, .window = 500);
    assert_false(bench->verdict.failed);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 1961, .ack = 3102, .window = 500);
    wants(bench, "acknowledges what has not come");
}

static void a_shut_window_may_be_probed_by_one_byte(void **state) {
    struct bench *bench = *state;
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 101, .window = 1000);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .length = 1000);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 1101, .ack = 501, .window = 4000, .length = 1000);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 2101, .ack = 501, .window = 4000, .length = 1000);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 3101, .ack = 501, .window = 4000, .length = 1000);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 4101, .ack = 501, .window = 4000, .length = 1);
    assert_false(bench->verdict.failed);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 4101, .ack = 501, .window = 4000, .length = 2);
    wants(bench, "beyond the window");
}

static void a_window_that_did_not_arrive_does_not_count(void **state) {
    struct bench *bench = *state;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 8000, .lost = true);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 101, .window = 1000, .length = 1460);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 1961, .ack = 101, .window = 1000, .length = 1460);
    assert_false(bench->verdict.failed);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 3421, .ack = 101, .window = 1000, .length = 1460);
    wants(bench, "beyond the window");
}

static void an_acknowledgment_that_goes_back(void **state) {
    struct bench *bench = *state;
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 101, .window = 1000, .length = 10);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 511, .window = 4000);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 510, .window = 4001);
    wants(bench, "goes back");
}

static void an_edge_that_moves_left(void **state) {
    struct bench *bench = *state;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 3999);
    wants(bench, "moves left");
}

static void an_edge_may_be_rounded(void **state) {
    struct bench *bench = *state;
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 101, .window = 1001);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .length = 1);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 102, .window = 1000);
    assert_false(bench->verdict.failed);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 102, .window = 999);
    wants(bench, "moves left");
}

static void a_hole(void **state) {
    struct bench *bench = *state;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 102, .ack = 501, .window = 4000, .length = 10);
    wants(bench, "hole");
}

static void too_large_a_segment(void **state) {
    struct bench *bench = *state;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .length = 1001);
    wants(bench, "larger segment");
}

static void sack_of_what_has_not_come(void **state) {
    struct bench *bench = *state;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .length = 10);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 111, .ack = 501, .window = 4000, .length = 10, .lost = true);
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 101, .window = 1000,
         .options = {.sack_count = 1, .sack = {{{105}, {112}}}});
    wants(bench, "SACK tells of what has not come");
}

static void sack_blocks_that_make_no_sense(void **state) {
    struct bench *bench = *state;
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 101, .window = 1000,
         .options = {.sack_count = 1, .sack = {{{101}, {101}}}});
    wants(bench, "empty SACK block");
    bench->verdict.failed = false;
    PLAY(.from = B, .flags = TCP_ACK, .seq = 501, .ack = 101, .window = 1000,
         .options = {.sack_count = 2, .sack = {{{99}, {100}}, {{100}, {101}}}});
    wants(bench, "before the acknowledgment");
}

static void timestamps(void **state) {
    struct bench *bench = *state;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000,
         .options = {.has_timestamp = true, .timestamp = 5});
    wants(bench, "nobody agreed on");
    watch_init(&bench->watch, &bench->verdict);
    bench->verdict.failed = false;
    struct tcp_options options = {.mss = 1460, .has_timestamp = true, .timestamp = 0xffffffff};
    PLAY(.from = A, .flags = TCP_SYN, .seq = 100, .window = 4000, .options = options);
    PLAY(.from = B, .flags = TCP_SYN | TCP_ACK, .seq = 500, .ack = 101, .window = 4000, .options = options);
    options.timestamp = 0;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .options = options);
    assert_false(bench->verdict.failed);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000);
    wants(bench, "is missing");
    bench->verdict.failed = false;
    options.timestamp = 0xffffffff;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .options = options);
    wants(bench, "clock of timestamps goes back");
}

static void capable_of_ecn_without_agreement(void **state) {
    struct bench *bench = *state;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .length = 9, .tos = 2);
    wants(bench, "without agreement");
}

static void capable_of_ecn_though_not_new(void **state) {
    struct bench *bench = *state;
    watch_init(&bench->watch, &bench->verdict);
    PLAY(.from = A, .flags = TCP_SYN | TCP_ECE | TCP_CWR, .seq = 100, .window = 4000);
    PLAY(.from = B, .flags = TCP_SYN | TCP_ACK | TCP_ECE, .seq = 500, .ack = 101, .window = 4000);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .length = 9, .tos = 2);
    assert_false(bench->verdict.failed);
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 501, .window = 4000, .length = 9, .tos = 2);
    wants(bench, "no new text");
    bench->verdict.failed = false;
    PLAY(.from = A, .flags = TCP_ACK, .seq = 110, .ack = 501, .window = 4000, .tos = 2);
    wants(bench, "no new text");
}

static void a_new_attempt_begins_anew(void **state) {
    struct bench *bench = *state;
    PLAY(.from = B, .flags = TCP_SYN | TCP_ACK, .seq = 70000, .ack = 101, .window = 4000,
         .options = {.mss = 1000, .has_window_scale = true, .window_scale = 2});
    PLAY(.from = A, .flags = TCP_ACK, .seq = 101, .ack = 70001, .window = 4000);
    assert_false(bench->verdict.failed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_right_is_right),
        TEST(a_shut_window_may_be_probed_by_one_byte),
        TEST(a_window_that_did_not_arrive_does_not_count),
        TEST(an_acknowledgment_that_goes_back),
        TEST(an_edge_that_moves_left),
        TEST(an_edge_may_be_rounded),
        TEST(a_hole),
        TEST(too_large_a_segment),
        TEST(sack_of_what_has_not_come),
        TEST(sack_blocks_that_make_no_sense),
        TEST(timestamps),
        TEST(capable_of_ecn_without_agreement),
        TEST(capable_of_ecn_though_not_new),
        TEST(a_new_attempt_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
