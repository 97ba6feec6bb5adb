/* test_ring.c: the ring against a plain array that holds every byte there ever was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <net/stream/ring.h>
#include <string.h>

enum { CAPACITY = 64, LIFE = 1 << 18, ROUNDS = 40000 };

/* The model: byte i of the stream is life[i]; [start, end) is kept. */
struct model {
    uint8_t life[LIFE + CAPACITY];
    uint32_t start, end;
};

static struct model model;
static uint8_t memory[CAPACITY], larger[CAPACITY * 2];

static void check_all(struct ring *ring) {
    uint8_t bytes[CAPACITY * 2];
    assert_int_equal(ring_length(ring), model.end - model.start);
    assert_int_equal(ring_peek(ring, 0, bytes, sizeof bytes), model.end - model.start);
    assert_memory_equal(bytes, model.life + model.start, model.end - model.start);
}

static void append(struct ring *ring, struct random *random, uint32_t length) {
    uint8_t bytes[CAPACITY * 2];
    for (uint32_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)random_u32(random);
    }
    uint32_t space = ring_space(ring), done = ring_append(ring, bytes, length);
    assert_int_equal(done, length < space ? length : space);
    memcpy(model.life + model.end, bytes, done);
    model.end += done;
}

/* Writes two pieces beyond the end, the later one first, then reaches over both. */
static void place_out_of_order(struct ring *ring, struct random *random) {
    uint32_t space = ring_space(ring), total = random_below(random, space + 1);
    uint32_t cut = random_below(random, total + 1);
    uint8_t bytes[CAPACITY];
    for (uint32_t i = 0; i < total; i++) {
        bytes[i] = (uint8_t)random_u32(random);
    }
    assert_int_equal(ring_place(ring, cut, bytes + cut, total - cut), total - cut);
    assert_int_equal(ring_place(ring, 0, bytes, cut), cut);
    ring_extend(ring, total);
    memcpy(model.life + model.end, bytes, total);
    model.end += total;
}

static void peek_somewhere(struct ring *ring, struct random *random) {
    uint8_t bytes[CAPACITY * 2];
    uint32_t kept = model.end - model.start;
    uint32_t offset = random_below(random, CAPACITY * 2), length = random_below(random, CAPACITY * 2);
    uint32_t expected = offset >= kept ? 0 : length < kept - offset ? length : kept - offset;
    assert_int_equal(ring_peek(ring, offset, bytes, length), expected);
    assert_memory_equal(bytes, model.life + model.start + offset, expected);
}

static void run(struct ring *ring, uint64_t seed, int rounds) {
    struct random random;
    random_seed(&random, seed, 0);
    for (int i = 0; i < rounds && model.end < LIFE; i++) {
        uint32_t dropped;
        switch (random_below(&random, 4)) {
        case 0: append(ring, &random, random_below(&random, CAPACITY * 2)); break;
        case 1: place_out_of_order(ring, &random); break;
        case 2:
            dropped = random_below(&random, CAPACITY * 2);
            ring_consume(ring, dropped);
            model.start += dropped < model.end - model.start ? dropped : model.end - model.start;
            break;
        default: peek_somewhere(ring, &random); break;
        }
        check_all(ring);
    }
}

static void behaves_as_the_model(void **state) {
    struct ring ring;
    ring_init(&ring, memory, CAPACITY);
    memset(&model, 0, sizeof model);
    run(&ring, 1, ROUNDS);
}

static void indices_wrap_around(void **state) {
    struct ring ring;
    ring_init(&ring, memory, CAPACITY);
    ring.start = ring.end = UINT32_MAX - 100;
    memset(&model, 0, sizeof model);
    run(&ring, 2, 1000);
    assert_true(ring.end < UINT32_MAX / 2);
}

static void full_is_not_empty(void **state) {
    struct ring ring;
    uint8_t bytes[CAPACITY + 1] = {0};
    ring_init(&ring, memory, CAPACITY);
    assert_int_equal(ring_append(&ring, bytes, sizeof bytes), CAPACITY);
    assert_int_equal(ring_length(&ring), CAPACITY);
    assert_int_equal(ring_space(&ring), 0);
    ring_extend(&ring, 1); /* there is no room for what is not there */
    assert_int_equal(ring_length(&ring), CAPACITY);
    struct ring_pieces none = ring_writable(&ring, 0, 1);
    assert_int_equal(ring_pieces_length(&none), 0);
}

static void without_memory_nothing_fits(void **state) {
    struct ring ring;
    uint8_t byte = 1;
    ring_init(&ring, NULL, 0);
    assert_int_equal(ring_append(&ring, &byte, 1), 0);
    assert_int_equal(ring_peek(&ring, 0, &byte, 1), 0);
}

static void pieces_meet_at_the_wrap(void **state) {
    struct ring ring;
    ring_init(&ring, memory, CAPACITY);
    ring.start = ring.end = CAPACITY - 10;
    struct ring_pieces pieces = ring_writable(&ring, 4, 20);
    assert_ptr_equal(pieces.data[0], memory + CAPACITY - 6);
    assert_int_equal(pieces.length[0], 6);
    assert_ptr_equal(pieces.data[1], memory);
    assert_int_equal(pieces.length[1], 14);
}

static void moves_with_what_lies_beyond_the_end(void **state) {
    struct ring ring;
    ring_init(&ring, memory, CAPACITY);
    ring.start = ring.end = CAPACITY * 5 - 7;
    assert_int_equal(ring_append(&ring, "0123456789", 10), 10);
    assert_int_equal(ring_place(&ring, 3, "defg", 4), 4);
    ring_move(&ring, larger, CAPACITY * 2);
    assert_int_equal(ring_place(&ring, 0, "abc", 3), 3);
    ring_extend(&ring, 7);
    uint8_t bytes[17];
    assert_int_equal(ring_peek(&ring, 0, bytes, 17), 17);
    assert_memory_equal(bytes, "0123456789abcdefg", 17);
    assert_int_equal(ring_space(&ring), CAPACITY * 2 - 17);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_the_model),    cmocka_unit_test(indices_wrap_around),
        cmocka_unit_test(full_is_not_empty),       cmocka_unit_test(without_memory_nothing_fits),
        cmocka_unit_test(pieces_meet_at_the_wrap), cmocka_unit_test(moves_with_what_lies_beyond_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
