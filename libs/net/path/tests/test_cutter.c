/* test_cutter.c: what is cut fits together again, and every piece fits the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/path/cutter.h>

static struct net_counters counters;
static struct arena arena;
static struct cutter cutter;
static uint8_t memory[1 << 18] __attribute__((aligned(64)));
static uint8_t content[65535];

static int set_up(void **state) {
    counters = (struct net_counters){0};
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i * 11 + i / 241);
    }
    (void)!arena_init(&arena, memory, sizeof memory, 1, 0);
    cutter_init(&cutter, &arena, &counters);
    return 0;
}

static const struct ipv4_header sent = {
    .source = 1, .destination = 2, .protocol = IP_UDP, .id = 77, .tos = 4, .ttl = 9};

static void begin(size_t length, uint16_t mtu) {
    struct writer writer;
    assert_true(
        cutter_begin(&cutter, mac_of((const uint8_t[]){1, 2, 3, 4, 5, 6}), &sent, mtu, length, &writer));
    write_bytes(&writer, content, length);
    assert_false(writer.failed);
    assert_true(cutter_is_busy(&cutter));
}

static void pieces_make_the_whole(void **state) {
    static const size_t lengths[] = {49, 1481, 1488, 2960, 2961, 65515};
    static const uint16_t mtus[] = {68, 296, 552, 576, 1500, 1492, 9000};
    for (size_t i = 0; i < 6 * 7; i++) {
        size_t length = lengths[i / 7], at = 0, pieces = 0;
        uint16_t mtu = mtus[i % 7];
        begin(length, mtu);
        for (; cutter_is_busy(&cutter); pieces++) {
            struct ipv4_header header;
            struct span piece = cutter_next(&cutter, &header);
            assert_int_equal(header.fragment_offset, at);
            assert_int_equal(header.more_fragments, at + piece.length < length);
            assert_true(IPV4_HEADER + piece.length <= mtu);
            assert_true(!header.more_fragments || piece.length % 8 == 0);
            assert_true(!header.more_fragments ||
                        IPV4_HEADER + piece.length + 8 > mtu); /* as long as can be */
            assert_memory_equal(piece.data, content + at, piece.length);
            assert_int_equal(header.id, 77);
            assert_int_equal(header.tos, 4);
            assert_false(header.dont_fragment);
            at += piece.length;
            cutter_sent(&cutter);
        }
        assert_int_equal(at, length);
        assert_int_equal(counters.ipv4_fragments_out, pieces);
        assert_int_equal(counters.ipv4_cut, 1);
        assert_int_equal(arena.used, 0);
        counters = (struct net_counters){0};
    }
}

static void without_memory_it_is_counted(void **state) {
    struct writer writer;
    void *rest;
    assert_int_equal(arena_take(&arena, NET_OWNER_ENGINE, 1 << 17, &rest), ERR_NONE);
    assert_false(cutter_begin(&cutter, MAC_BROADCAST, &sent, 576, 65515, &writer) &&
                 cutter_begin(&cutter, MAC_BROADCAST, &sent, 576, 65515, &writer));
    assert_int_equal(counters.ipv4_cut_failed, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_make_the_whole, set_up),
        cmocka_unit_test_setup(without_memory_it_is_counted, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
