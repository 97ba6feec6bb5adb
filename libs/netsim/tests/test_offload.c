/* test_offload.c: what a device merges, and what it must not. Cutting is tried by every transfer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/wire/ethernet.h>
#include <net/wire/tcp.h>
#include <netsim/offload.h>
#include <stdlib.h>

#define HEADERS (ETHERNET_HEADER + IPV4_HEADER + TCP_HEADER)

struct bench {
    struct merged merged;
    uint8_t frame[2000];
    size_t length;
    struct tcp_header tcp;
    struct ipv4_header ip;
};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    bench->merged.frame = malloc(ETHERNET_HEADER + 65535);
    bench->tcp = (struct tcp_header){.source_port = 1,
                                     .destination_port = 2,
                                     .seq = {UINT32_MAX - 500},
                                     .ack = {7},
                                     .flags = TCP_ACK,
                                     .window = 1000};
    bench->ip = (struct ipv4_header){.source = 1, .destination = 2, .protocol = IP_TCP, .ttl = 64};
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    free(bench->merged.frame);
    free(bench);
    return 0;
}

/* The next frame of the stream, `length` bytes of text. */
static void make(struct bench *bench, size_t length) {
    struct writer writer = writer_of(bench->frame, sizeof bench->frame);
    size_t header = tcp_header_length(&bench->tcp);
    ethernet_write(&writer, &(struct ethernet_header){{{2}}, {{4}}, ETHER_IPV4});
    ipv4_write(&writer, &bench->ip, header + length);
    tcp_write(&writer, &bench->tcp);
    uint8_t *text = write_space(&writer, length);
    for (size_t i = 0; i < length; i++) {
        text[i] = (uint8_t)(bench->tcp.seq.value + i);
    }
    struct checksum sum = {0};
    checksum_add(&sum, text, length);
    tcp_write_checksum(bench->frame + ETHERNET_HEADER + IPV4_HEADER, header, header + length,
                       bench->ip.source, bench->ip.destination, &sum);
    bench->length = writer.length;
}

static bool merge(struct bench *bench, size_t length) {
    make(bench, length);
    bool done = offload_merge(&bench->merged, bench->frame, bench->length);
    bench->tcp.seq = seq_add(bench->tcp.seq, (uint32_t)length);
    return done;
}

static void what_follows_is_merged(void **state) {
    struct bench *bench = *state;
    assert_true(merge(bench, 400));
    assert_true(merge(bench, 400));
    bench->tcp.flags |= TCP_PSH;
    assert_true(merge(bench, 399));
    bench->tcp.flags = TCP_ACK;
    assert_false(merge(bench, 399)); /* a short one ends it */
    assert_int_equal(bench->merged.count, 3);
    assert_int_equal(bench->merged.gso_size, 400);
    assert_int_equal(bench->merged.length, HEADERS + 1199);
    struct ipv4_header ip;
    struct tcp_header tcp;
    struct span packet =
        span_of(bench->merged.frame + ETHERNET_HEADER, bench->merged.length - ETHERNET_HEADER);
    struct span segment, text;
    assert_int_equal(ipv4_parse(packet, &ip, &segment), ERR_NONE);
    assert_true(ipv4_checksum_good(packet));
    assert_int_equal(tcp_parse(segment, &tcp, &text), ERR_NONE);
    assert_int_equal(tcp.flags, TCP_ACK | TCP_PSH);
    assert_int_equal(text.length, 1199);
    for (size_t i = 0; i < text.length; i++) {
        assert_int_equal(text.data[i], (uint8_t)(UINT32_MAX - 500 + i));
    }
}

static void what_differs_is_not(void **state) {
    struct bench *bench = *state;
    assert_true(merge(bench, 400));
    struct tcp_header tcp = bench->tcp;
    struct ipv4_header ip = bench->ip;
    bench->tcp.seq = seq_add(tcp.seq, 1);
    assert_false(merge(bench, 400));
    bench->tcp = tcp;
    bench->tcp.ack = seq_of(8);
    assert_false(merge(bench, 400));
    bench->tcp = tcp;
    bench->tcp.source_port++;
    assert_false(merge(bench, 400));
    bench->tcp = tcp;
    bench->tcp.options.has_timestamp = true;
    assert_false(merge(bench, 400));
    bench->tcp = tcp;
    bench->ip.tos = 3;
    assert_false(merge(bench, 400));
    bench->ip = ip;
    bench->tcp = tcp;
    assert_false(merge(bench, 401));
    bench->tcp = tcp;
    assert_true(merge(bench, 400));
}

static void what_is_no_text_or_damaged_is_not(void **state) {
    struct bench *bench = *state;
    assert_false(merge(bench, 0));
    bench->tcp.flags |= TCP_RST;
    assert_false(merge(bench, 400));
    bench->tcp.flags = TCP_ACK;
    make(bench, 400);
    bench->frame[HEADERS + 17] ^= 4;
    assert_false(offload_merge(&bench->merged, bench->frame, bench->length));
    assert_int_equal(bench->merged.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_follows_is_merged),
        TEST(what_differs_is_not),
        TEST(what_is_no_text_or_damaged_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
