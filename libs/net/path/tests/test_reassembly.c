/* test_reassembly.c: fragments in every order and of every kind, beside a model that keeps a flag a byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <base/random.h>
#include <net/path/reassembly.h>
#include <net/wire/checksum.h>

enum { MEMORY = 2 << 20, BUDGET = 512 << 10, LONGEST = 65535 - IPV4_HEADER };
#define PEER UINT32_C(0x0a000002)
#define US   UINT32_C(0x0a000001)

static const uint64_t key[2] = {1, 2};
static struct net_counters counters;
static struct arena arena;
static struct reassembler reassembler;
static struct reassembled whole;
static uint8_t content[1 << 16];
static net_time now;
static void *memory;

static int set_up(void **state) {
    counters = (struct net_counters){0};
    memory = malloc(MEMORY);
    now = NET_SECOND;
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i * 7 + i / 251);
    }
    (void)!arena_init(&arena, memory, MEMORY, 1, 0);
    reassembly_init(&reassembler, &arena, &counters, BUDGET, key);
    return 0;
}

/* Whatever happened, nothing is lost. */
static int tear_down(void **state) {
    reassembly_clear(&reassembler);
    assert_int_equal(reassembler.used, 0);
    assert_int_equal(arena.used, 0);
    for (uint32_t i = 0; i < REASSEMBLY_BUCKETS; i++) {
        assert_true(list_is_empty(&reassembler.bucket[i]));
    }
    free(memory);
    return 0;
}

/* What a fragment differs in from the usual one. */
struct piece {
    uint32_t start, length;
    bool more;
    uint16_t id;
    uint32_t source;
    uint8_t protocol, tos;
    uint8_t options; /* bytes */
    bool to_group;
    uint8_t salt; /* added to each byte */
};

static bool input(struct piece piece) {
    uint8_t *bytes = malloc(60 + piece.length), *payload = bytes + IPV4_HEADER + piece.options;
    size_t total = IPV4_HEADER + piece.options + piece.length;
    struct ipv4_header header = {.source = piece.source != 0 ? piece.source : PEER,
                                 .destination = US,
                                 .protocol = piece.protocol != 0 ? piece.protocol : IP_UDP,
                                 .ttl = 7,
                                 .tos = piece.tos,
                                 .id = piece.id,
                                 .more_fragments = piece.more,
                                 .fragment_offset = (uint16_t)piece.start};
    struct writer writer = writer_of(bytes, IPV4_HEADER);
    ipv4_write(&writer, &header, piece.options + piece.length);
    memset(bytes + IPV4_HEADER, 1, piece.options);
    bytes[0] = (uint8_t)(0x45 + piece.options / 4);
    for (uint32_t i = 0; i < piece.length; i++) {
        payload[i] = (uint8_t)(content[(piece.start + i) & 0xffff] + piece.salt);
    }
    struct fragment fragment = {span_of(bytes, total), span_of(payload, piece.length), &header,
                                !piece.to_group};
    bool complete = reassembly_input(&reassembler, &fragment, &whole, now);
    free(bytes);
    return complete;
}
#define INPUT(...) input((struct piece){__VA_ARGS__})

/* The whole is what a packet of that length would have been. */
static void assert_whole(size_t length) {
    struct ipv4_header header;
    struct span payload;
    assert_int_equal(ipv4_parse(whole.packet, &header, &payload), ERR_NONE);
    assert_true(ipv4_checksum_good(whole.packet));
    assert_false(ipv4_is_fragment(&header));
    assert_int_equal(header.source, PEER);
    assert_int_equal(header.ttl, 7);
    assert_int_equal(payload.length, length);
    assert_memory_equal(payload.data, content, length);
    reassembly_release(&reassembler);
    assert_int_equal(arena.used, reassembler.used);
}

static void in_order_backwards_and_from_the_middle(void **state) {
    static const uint32_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < 6; i++) {
        for (size_t n = 0; n < 3; n++) {
            uint32_t at = orders[i][n];
            bool complete =
                INPUT(.start = at * 1480, .length = at == 2 ? 77 : 1480, .more = at != 2, .id = 9);
            assert_int_equal(complete, n == 2);
        }
        assert_whole(2 * 1480 + 77);
    }
    assert_int_equal(counters.ipv4_fragments_in, 18);
    assert_int_equal(counters.ipv4_reassembled, 6);
}

static void the_longest_datagram(void **state) {
    for (uint32_t start = 0; start + 1480 < LONGEST; start += 1480) {
        assert_false(INPUT(.start = start, .length = 1480, .more = true));
    }
    assert_true(INPUT(.start = LONGEST / 1480 * 1480, .length = LONGEST % 1480));
    assert_whole(LONGEST);
    /* With options in its header the same payload is too long. */
    assert_false(INPUT(.start = 65000, .length = LONGEST - 65000, .id = 1));
    for (uint32_t start = 0; start < 65000; start += 1000) {
        assert_false(
            INPUT(.start = start, .length = 1000, .more = true, .id = 1, .options = start == 0 ? 4 : 0));
    }
    assert_int_equal(counters.ipv4_reassembly_malformed, 1);
    assert_int_equal(arena.used, 0);
}

static void the_first_fragments_header_is_kept(void **state) {
    assert_false(INPUT(.start = 8, .length = 100));
    assert_true(INPUT(.length = 8, .more = true, .options = 12));
    assert_int_equal(whole.packet.length, 32 + 108);
    assert_whole(108);
}

static void keys_are_told_apart(void **state) {
    assert_false(INPUT(.length = 8, .more = true));
    assert_false(INPUT(.start = 8, .length = 8, .id = 1));
    assert_false(INPUT(.start = 8, .length = 8, .protocol = IP_TCP));
    assert_false(INPUT(.start = 8, .length = 8, .source = PEER + 1));
    assert_true(INPUT(.start = 8, .length = 8));
    reassembly_release(&reassembler);
}

static void duplicates_are_ignored_and_the_first_counts(void **state) {
    assert_false(INPUT(.length = 800, .more = true));
    assert_false(INPUT(.length = 800, .more = true, .salt = 1));
    assert_false(INPUT(.start = 80, .length = 160, .more = true, .salt = 1)); /* within what is there */
    assert_false(INPUT(.start = 1600, .length = 8));
    assert_false(INPUT(.start = 1600, .length = 8, .salt = 1));
    assert_true(INPUT(.start = 800, .length = 800, .more = true));
    assert_whole(1608);
    assert_int_equal(counters.ipv4_reassembly_duplicate, 3);
    assert_int_equal(counters.ipv4_reassembly_overlap, 0);
}

/* What two make together is there as well. */
static void a_duplicate_of_several(void **state) {
    assert_false(INPUT(.length = 800, .more = true));
    assert_false(INPUT(.start = 800, .length = 800, .more = true));
    assert_false(INPUT(.start = 400, .length = 800, .more = true, .salt = 1));
    assert_int_equal(counters.ipv4_reassembly_duplicate, 1);
    assert_true(INPUT(.start = 1600, .length = 1));
    assert_whole(1601);
}

static void overlaps_make_the_whole_void(void **state) {
    static const struct {
        uint32_t start, length;
    } overlaps[] = {{400, 800}, {792, 16}, {0, 808}, {1592, 16}, {1200, 1000}, {0, 4000}, {2392, 16}};
    for (size_t i = 0; i < sizeof overlaps / sizeof overlaps[0]; i++) {
        assert_false(INPUT(.length = 800, .more = true));
        assert_false(INPUT(.start = 1600, .length = 800, .more = true));
        assert_false(INPUT(.start = overlaps[i].start, .length = overlaps[i].length, .more = true));
        assert_int_equal(counters.ipv4_reassembly_overlap, i + 1);
        assert_int_equal(arena.used, 0);
    }
}

static void what_cannot_be_makes_the_whole_void(void **state) {
    static const struct piece pieces[][2] = {
        {{.start = 800, .length = 80}, {.start = 800, .length = 88}},              /* the end is elsewhere */
        {{.start = 800, .length = 80}, {.start = 400, .length = 8}},               /* and before */
        {{.start = 800, .length = 80}, {.start = 880, .length = 8, .more = true}}, /* behind the end */
        {{.start = 800, .length = 80, .more = true}, {.start = 400, .length = 8}}, /* the end is before */
        {{.length = 8, .more = true}, {.start = 8, .length = 0, .more = true}},    /* nothing */
        {{.length = 8, .more = true}, {.start = 8, .length = 0}},                  /* nothing, at the end */
        {{.length = 8, .more = true}, {.start = 8, .length = 7, .more = true}},    /* less than a unit */
        {{.length = 8, .more = true, .tos = 3}, {.start = 8, .length = 8, .tos = 0}} /* RFC 3168 5.3 */
    };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        assert_false(input(pieces[i][0]));
        assert_false(input(pieces[i][1]));
        assert_int_equal(counters.ipv4_reassembly_malformed, i + 1);
        assert_int_equal(arena.used, 0);
    }
}

/* Of a middle fragment whole units count. */
static void odd_lengths_in_the_middle_are_cut(void **state) {
    assert_false(INPUT(.length = 815, .more = true));
    assert_false(INPUT(.start = 816, .length = 8));
    assert_true(INPUT(.start = 808, .length = 8, .more = true));
    assert_whole(824);
}

static void congestion_of_a_part_is_that_of_the_whole(void **state) {
    static const struct {
        uint8_t a, b, tos;
    } cases[] = {{0x20, 0x20, 0x20}, {1, 3, 3}, {0xb9, 3, 0xbb}, {3, 2, 3}, {2, 2, 2}, {1, 2, 1}, {3, 3, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(INPUT(.start = 8, .length = 8, .tos = cases[i].b));
        assert_true(INPUT(.length = 8, .more = true, .tos = cases[i].a));
        assert_int_equal(whole.packet.data[1], cases[i].tos);
        assert_whole(16);
    }
}

static void to_a_group_once_is_to_a_group(void **state) {
    assert_false(INPUT(.length = 8, .more = true, .to_group = true));
    assert_true(INPUT(.start = 8, .length = 8));
    assert_false(whole.to_us);
    assert_whole(16);
    assert_false(INPUT(.length = 8, .more = true));
    assert_true(INPUT(.start = 8, .length = 8));
    assert_true(whole.to_us);
    assert_whole(16);
}

static void who_waits_too_long_is_told(void **state) {
    struct span first;
    struct ipv4_header header;
    struct span payload;
    assert_int_equal(reassembly_deadline(&reassembler), NET_NEVER);
    assert_false(INPUT(.start = 8, .length = 8, .id = 1));
    now += NET_SECOND;
    assert_false(INPUT(.length = 203, .more = true, .id = 2, .options = 4));
    assert_false(INPUT(.length = 16, .more = true, .id = 3, .to_group = true));
    assert_int_equal(reassembly_deadline(&reassembler), 31 * NET_SECOND);
    assert_false(reassembly_expire(&reassembler, &first, 31 * NET_SECOND - 1));
    assert_true(reassembly_expire(&reassembler, &first, 31 * NET_SECOND));
    assert_int_equal(first.length, 0); /* its first fragment has never come */
    assert_int_equal(reassembly_deadline(&reassembler), 32 * NET_SECOND);
    assert_true(reassembly_expire(&reassembler, &first, 32 * NET_SECOND));
    assert_int_equal(first.length, 24 + 203);
    assert_int_equal(ipv4_parse(first, &header, &payload), ERR_NONE);
    assert_int_equal(header.id, 2);
    assert_memory_equal(payload.data, content, 203);
    reassembly_release(&reassembler);
    assert_true(reassembly_expire(&reassembler, &first, 32 * NET_SECOND));
    assert_int_equal(first.length, 0); /* groups are not told */
    assert_false(reassembly_expire(&reassembler, &first, 99 * NET_SECOND));
    assert_int_equal(counters.ipv4_reassembly_timeout, 3);
    assert_int_equal(arena.used, 0);
}

/* 8,190 pieces of a unit each would make one datagram. */
static void the_number_of_pieces_is_bounded(void **state) {
    for (uint32_t i = 0; i < REASSEMBLY_FRAGMENTS_MAX; i++) {
        assert_false(INPUT(.start = 16 * i, .length = 8, .more = true));
        assert_int_equal(counters.ipv4_reassembly_overflow, 0);
    }
    assert_false(INPUT(.start = 16 * REASSEMBLY_FRAGMENTS_MAX, .length = 8, .more = true));
    assert_int_equal(counters.ipv4_reassembly_overflow, 1);
    assert_int_equal(arena.used, 0);
}

static void a_source_has_so_many_unfinished_ones(void **state) {
    for (uint32_t id = 0; id < 2 * REASSEMBLY_PER_SOURCE; id++) {
        assert_false(INPUT(.length = 8, .more = true, .id = (uint16_t)id));
    }
    assert_int_equal(counters.ipv4_reassembly_overflow, REASSEMBLY_PER_SOURCE);
    assert_false(INPUT(.start = 8, .length = 8, .id = REASSEMBLY_PER_SOURCE - 1)); /* gone */
    assert_true(INPUT(.start = 8, .length = 8, .id = 2 * REASSEMBLY_PER_SOURCE - 1));
    reassembly_release(&reassembler);
    /* Another one is not touched by that. */
    assert_false(INPUT(.length = 8, .more = true, .source = PEER + 1));
    for (uint32_t id = 0; id < 2 * REASSEMBLY_PER_SOURCE; id++) {
        assert_false(INPUT(.length = 8, .more = true, .id = (uint16_t)(1000 + id)));
    }
    assert_true(INPUT(.start = 8, .length = 8, .source = PEER + 1));
    reassembly_release(&reassembler);
}

/* Whole ones count as well: after enough of them an id means another datagram. */
static void an_id_that_has_come_round_means_another_datagram(void **state) {
    for (uint32_t between = REASSEMBLY_DISTANCE - 2; between <= REASSEMBLY_DISTANCE; between += 2) {
        bool too_far = between == REASSEMBLY_DISTANCE;
        assert_false(INPUT(.length = 8, .more = true, .salt = too_far));
        for (uint32_t i = 0; i < between; i += 2) {
            assert_false(INPUT(.length = 8, .more = true, .id = 1));
            assert_true(INPUT(.start = 8, .length = 8, .id = 1));
            reassembly_release(&reassembler);
        }
        assert_int_equal(INPUT(.start = 8, .length = 8), !too_far);
        if (too_far) {
            assert_int_equal(counters.ipv4_reassembly_overflow, 1);
            assert_true(INPUT(.length = 8, .more = true));
        }
        assert_whole(16);
    }
}

/* Sources by the thousand: the oldest gives way, the memory stays within its bound. */
static void a_flood_stays_within_the_budget(void **state) {
    for (uint32_t i = 0; i < 10000; i++) {
        assert_false(INPUT(.length = 1000, .more = true, .source = PEER + 1 + i));
        assert_true(reassembler.used <= BUDGET && arena.used == reassembler.used);
    }
    assert_true(counters.ipv4_reassembly_overflow > 9000);
    assert_false(INPUT(.length = 1000, .more = true));
    for (uint32_t i = 0; i < 100; i++) {
        assert_false(INPUT(.start = 5000, .length = 1000, .source = PEER + 1 + i));
    }
    assert_true(INPUT(.start = 1000, .length = 8));
    assert_whole(1008);
    assert_false(INPUT(.start = 1000, .length = 8, .source = PEER + 1)); /* made way long ago */
}

/* It is not the one that a fragment has just come for that gives way to it. */
static void the_present_one_stays(void **state) {
    reassembler.budget = 5632;
    assert_false(INPUT(.length = 1000, .more = true));
    assert_false(INPUT(.length = 1000, .more = true, .id = 1));
    assert_false(INPUT(.start = 1000, .length = 1000, .more = true));
    assert_int_equal(counters.ipv4_reassembly_overflow, 0);
    assert_false(INPUT(.start = 2000, .length = 1000, .more = true));
    assert_int_equal(counters.ipv4_reassembly_overflow, 1);
    assert_true(INPUT(.start = 3000, .length = 1));
    assert_whole(3001);
}

/* One datagram alone cannot take more than there is, and memory that others hold is missed quietly. */
static void without_memory(void **state) {
    reassembler.budget = 4096;
    for (uint32_t i = 0; i < 10; i++) {
        assert_false(INPUT(.start = 1480 * i, .length = 1480, .more = true));
        assert_true(reassembler.used <= 4096);
    }
    assert_true(counters.ipv4_reassembly_overflow > 0);
    reassembly_clear(&reassembler);
    reassembler.budget = 100;
    assert_false(INPUT(.length = 8, .more = true));
    assert_int_equal(arena.used, 0);
    reassembler.budget = 300; /* for the datagram and its source, but no piece */
    assert_false(INPUT(.length = 8, .more = true));
    assert_int_equal(arena.used, 0);
    reassembler.budget = BUDGET;
    void *rest, *last = NULL;
    assert_false(INPUT(.length = 8, .more = true));
    while (arena_take(&arena, NET_OWNER_ENGINE, ARENA_BLOCK, &rest) == ERR_NONE) {
        last = rest;
    }
    arena_give(&arena, NET_OWNER_ENGINE, last);
    assert_false(INPUT(.start = 8, .length = 8)); /* room for the piece, but not for the whole */
    assert_false(INPUT(.start = 8, .length = 2000, .id = 1));
    reassembly_clear(&reassembler);
    assert_int_equal(reassembler.used, 0);
    (void)!arena_init(&arena, memory, MEMORY, 1, 0);
}

/* ---- Beside a model ---- */

struct model {
    uint8_t there[LONGEST + 8], byte[LONGEST + 8];
    uint32_t length, count;
    bool last_seen;
};

/* The rules as they are told, byte by byte. true: the datagram is complete. */
static bool model_input(struct model *model, struct piece piece) {
    uint32_t end = piece.start + piece.length, there = 0;
    end -= piece.more ? end % 8 : 0;
    bool bad_end = piece.more ? model->last_seen && end > model->length
                              : end < model->length || (model->last_seen && end != model->length);
    if (end == piece.start || bad_end) {
        *model = (struct model){0};
        return false;
    }
    for (uint32_t i = piece.start; i < end; i++) {
        there += model->there[i];
    }
    if (there != 0 || model->count == REASSEMBLY_FRAGMENTS_MAX) {
        if (there != end - piece.start) {
            *model = (struct model){0};
        }
        return false;
    }
    for (uint32_t i = piece.start; i < end; i++) {
        model->there[i] = 1;
        model->byte[i] = (uint8_t)(content[i] + piece.salt);
    }
    model->count++;
    model->last_seen |= !piece.more;
    model->length = end > model->length ? end : model->length;
    for (uint32_t i = 0; i < model->length; i++) {
        if (!model->there[i]) {
            return false;
        }
    }
    return model->last_seen;
}

/* Mostly a piece of a datagram cut at regular places, sometimes anything. */
static struct piece any_piece(struct random *dice, uint32_t length, uint32_t unit) {
    uint32_t count = (length + unit - 1) / unit, n = random_below(dice, count);
    struct piece piece = {.start = n * unit, .salt = (uint8_t)random_below(dice, 2)};
    piece.more = n + 1 < count;
    piece.length = piece.more ? unit : length - piece.start;
    if (random_below(dice, 40 + 4 * count) == 0) {
        piece.start = random_below(dice, 200) * 8;
        piece.length = random_below(dice, 1200);
        piece.more = random_below(dice, 4) != 0;
    }
    return piece;
}

static void like_a_model_that_keeps_a_flag_a_byte(void **state) {
    static struct model model;
    struct random dice;
    uint32_t completed = 0;
    random_seed(&dice, 4, 2);
    reassembler.budget = MEMORY;
    for (int round = 0; round < 1500; round++) {
        uint32_t length = 1 + random_below(&dice, round % 10 == 0 ? LONGEST : 3000);
        uint32_t unit = 8 * (1 + random_below(&dice, round % 10 == 0 ? 500 : 60));
        model = (struct model){0};
        reassembly_clear(&reassembler);
        for (uint32_t i = 0; i < 3 * (length / unit + 2); i++) {
            struct piece piece = any_piece(&dice, length, unit);
            bool complete = model_input(&model, piece);
            assert_int_equal(input(piece), complete);
            if (complete) {
                assert_int_equal(whole.packet.length, IPV4_HEADER + model.length);
                assert_memory_equal(whole.packet.data + IPV4_HEADER, model.byte, model.length);
                reassembly_release(&reassembler);
                model = (struct model){0};
                completed++;
            }
        }
    }
    assert_in_range(completed, 500, 100000);
    assert_in_range(counters.ipv4_reassembly_overlap, 100, 1000000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(in_order_backwards_and_from_the_middle),
        TEST(the_longest_datagram),
        TEST(the_first_fragments_header_is_kept),
        TEST(keys_are_told_apart),
        TEST(duplicates_are_ignored_and_the_first_counts),
        TEST(a_duplicate_of_several),
        TEST(overlaps_make_the_whole_void),
        TEST(what_cannot_be_makes_the_whole_void),
        TEST(odd_lengths_in_the_middle_are_cut),
        TEST(congestion_of_a_part_is_that_of_the_whole),
        TEST(to_a_group_once_is_to_a_group),
        TEST(who_waits_too_long_is_told),
        TEST(the_number_of_pieces_is_bounded),
        TEST(a_source_has_so_many_unfinished_ones),
        TEST(an_id_that_has_come_round_means_another_datagram),
        TEST(a_flood_stays_within_the_budget),
        TEST(the_present_one_stays),
        TEST(without_memory),
        TEST(like_a_model_that_keeps_a_flag_a_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
