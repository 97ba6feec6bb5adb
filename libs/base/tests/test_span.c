/* test_span.c: readers and writers stay inside, and a failure sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <base/span.h>

static void reads_in_order(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    struct reader reader = reader_of(span_of(bytes, sizeof bytes));
    assert_int_equal(read_u8(&reader), 1);
    assert_int_equal(read_be16(&reader), 0x0203);
    assert_int_equal(read_be32(&reader), 0x04050607);
    assert_int_equal(read_le16(&reader), 0x0908);
    assert_int_equal(read_le32(&reader), 0x0d0c0b0a);
    assert_int_equal(reader.left.length, 0);
    assert_false(reader.failed);
}

static void a_short_read_fails_for_good(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 2, 3};
    struct reader reader = reader_of(span_of(bytes, sizeof bytes));
    assert_int_equal(read_be32(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(read_u8(&reader), 0); /* there is a byte, but the parse is lost */
    uint8_t copy = 77;
    read_copy(&reader, &copy, 1);
    assert_int_equal(copy, 77);
}

static void writes_what_can_be_read(void **state) {
    (void)state;
    uint8_t bytes[16];
    struct writer writer = writer_of(bytes, sizeof bytes);
    write_u8(&writer, 1);
    write_be16(&writer, 0x0203);
    write_be32(&writer, 0x04050607);
    write_le16(&writer, 0x0809);
    write_le32(&writer, 0x0a0b0c0d);
    write_bytes(&writer, "x", 1);
    write_zeros(&writer, 2);
    assert_false(writer.failed);
    const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 9, 8, 13, 12, 11, 10, 'x', 0, 0};
    assert_true(span_equal(writer_span(&writer), span_of(expected, sizeof expected)));
}

static void a_write_beyond_the_end_fails_for_good(void **state) {
    (void)state;
    uint8_t bytes[4] = {0, 0, 0, 9};
    struct writer writer = writer_of(bytes, 3);
    write_be16(&writer, 1);
    write_be16(&writer, 2);
    assert_true(writer.failed);
    write_u8(&writer, 3);
    assert_int_equal(writer.length, 2);
    assert_int_equal(bytes[2], 0);
    assert_int_equal(bytes[3], 9);
}

static void slices_stay_inside(void **state) {
    (void)state;
    struct span span = span_of("abcdef", 6);
    assert_int_equal(span_slice(span, 4, 9).length, 2);
    assert_int_equal(span_slice(span, 6, 1).length, 0);
    assert_ptr_equal(span_slice(span, 6, 1).data, span.data + 6);
    assert_ptr_equal(span_slice(span, 9, 1).data, span.data + 6);
    assert_null(span_slice((struct span){0}, 1, 1).data);
    assert_int_equal(span_slice(span, SIZE_MAX, SIZE_MAX).length, 0);
    assert_int_equal(span_slice(span, 1, SIZE_MAX).length, 5);
}

/* The vectors of the SipHash paper: key 00 01 … 0f, input 00 01 … */
static void siphash_follows_its_paper(void **state) {
    (void)state;
    const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t input[15];
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)i;
    }
    assert_true(siphash(key, input, 15) == 0xa129ca6149be45e5);
    assert_true(siphash(key, input, 0) == 0x726fdb47dd0e0e31);
}

static void random_repeats_and_stays_below(void **state) {
    (void)state;
    struct random a, b, c;
    random_seed(&a, 1, 2);
    random_seed(&b, 1, 2);
    random_seed(&c, 2, 1);
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = random_u64(&a);
        assert_true(value == random_u64(&b));
        equal += value == random_u64(&c);
        assert_true(random_below(&a, 7) < 7);
        (void)random_u32(&b);
    }
    assert_int_equal(equal, 0);
    assert_int_equal(random_below(&a, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_order),
        cmocka_unit_test(a_short_read_fails_for_good),
        cmocka_unit_test(writes_what_can_be_read),
        cmocka_unit_test(a_write_beyond_the_end_fails_for_good),
        cmocka_unit_test(slices_stay_inside),
        cmocka_unit_test(siphash_follows_its_paper),
        cmocka_unit_test(random_repeats_and_stays_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
