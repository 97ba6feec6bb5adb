/* test_checksum.c: every way of summing against the definition of RFC 1071, word by word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <net/wire/checksum.h>
#include <stdlib.h>
#include <string.h>

enum { SPACE = 4096 };

static uint8_t bytes[SPACE], copy[SPACE];

static void fill(struct random *random, size_t length) {
    bool extreme = random_below(random, 4) == 0; /* all ones: as many carries as there can be */
    for (size_t i = 0; i < length; i++) {
        bytes[i] = extreme ? 0xff : (uint8_t)random_u32(random);
    }
}

static uint16_t naive(const uint8_t *data, size_t length) {
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* 0 and 0xffff are the same number in one's complement; which one comes out depends on the order of folding.
 */
static void assert_same(uint16_t a, uint16_t b) {
    if (a % 0xffff != b % 0xffff) {
        fail_msg("sums differ: %04x, %04x", a, b);
    }
}

static void the_example_of_rfc_1071(void **state) {
    const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(checksum_of(example, sizeof example), (uint16_t)~0xddf2);
}

static void any_piece_at_any_alignment(void **state) {
    struct random random;
    random_seed(&random, 1, 1);
    for (int round = 0; round < 20000; round++) {
        size_t length = random_below(&random, round % 100 == 0 ? SPACE - 8 : 100);
        size_t at = random_below(&random, 8);
        fill(&random, at + length);
        assert_same(checksum_of(bytes + at, length), naive(bytes + at, length));
    }
}

static void odd_pieces_one_after_the_other(void **state) {
    struct random random;
    random_seed(&random, 2, 2);
    for (int round = 0; round < 20000; round++) {
        size_t length = random_below(&random, 400), done = 0;
        fill(&random, length);
        memset(copy, 0, length + 8);
        struct checksum sum = {0};
        while (done < length) {
            size_t piece = 1 + random_below(&random, (uint32_t)(length - done));
            struct checksum apart = {0};
            switch (random_below(&random, 3)) {
            case 0: checksum_add(&sum, bytes + done, piece); break;
            case 1: checksum_copy(&sum, copy + done, bytes + done, piece); break;
            default:
                checksum_add(&apart, bytes + done, piece);
                checksum_combine(&sum, &apart);
                break;
            }
            done += piece;
        }
        assert_same(checksum_value(&sum), naive(bytes, length));
    }
}

static void copies_exactly_whatever_the_alignments(void **state) {
    struct random random;
    random_seed(&random, 3, 3);
    for (int round = 0; round < 20000; round++) {
        size_t length = random_below(&random, 200);
        /* On the heap and of the exact size, so that the sanitizer sees every byte too many. */
        size_t from_skew = random_below(&random, 8), to_skew = random_below(&random, 8);
        size_t whole = from_skew + length;
        uint8_t *from = malloc(whole != 0 ? whole : 1), *to = malloc(to_skew + length + 1);
        to[to_skew + length] = 0xa5;
        for (size_t i = 0; i < length; i++) {
            from[from_skew + i] = (uint8_t)random_u32(&random);
        }
        struct checksum sum = {0};
        checksum_copy(&sum, to + to_skew, from + from_skew, length);
        assert_memory_equal(to + to_skew, from + from_skew, length);
        assert_int_equal(to[to_skew + length], 0xa5);
        assert_same(checksum_value(&sum), naive(from + from_skew, length));
        free(from);
        free(to);
    }
}

static void pseudo_header_as_bytes(void **state) {
    const uint8_t pseudo[] = {10, 0, 2, 15, 192, 168, 7, 9, 0, 6, 0x12, 0x34};
    struct checksum sum = {0};
    checksum_add_pseudo(&sum, 0x0a00020f, 0xc0a80709, 6, 0x1234);
    assert_same(checksum_value(&sum), naive(pseudo, sizeof pseudo));
    assert_int_equal(checksum_folded(&sum), (uint16_t)~checksum_value(&sum));
}

static void an_update_equals_summing_again(void **state) {
    struct random random;
    random_seed(&random, 4, 4);
    for (int round = 0; round < 5000; round++) {
        fill(&random, 40);
        uint16_t before = checksum_of(bytes, 40);
        uint16_t old_word = (uint16_t)(bytes[10] << 8 | bytes[11]), new_word = (uint16_t)random_u32(&random);
        bytes[10] = (uint8_t)(new_word >> 8);
        bytes[11] = (uint8_t)new_word;
        assert_same(checksum_update(before, old_word, new_word), checksum_of(bytes, 40));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_1071),
        cmocka_unit_test(any_piece_at_any_alignment),
        cmocka_unit_test(odd_pieces_one_after_the_other),
        cmocka_unit_test(copies_exactly_whatever_the_alignments),
        cmocka_unit_test(pseudo_header_as_bytes),
        cmocka_unit_test(an_update_equals_summing_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
