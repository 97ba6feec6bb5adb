/* test_script.c: scripts by chance, for all of them (netsim/script.h): a short fuzzing run without a fuzzer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <netsim/script.h>

enum { LENGTH = 1200, RUNS = 400 };

static void any_bytes_at_all(const struct script *script, struct random *random) {
    uint8_t bytes[LENGTH];
    for (int run = 0; run < RUNS; run++) {
        size_t length = random_below(random, LENGTH);
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)random_u32(random);
        }
        script->run(span_of(bytes, length));
    }
}

static void write_step(const struct script *script, struct random *random, struct writer *writer) {
    uint8_t kind = script->some_kind(random_u32(random)), length = script->usual_length(kind);
    write_u8(writer, kind);
    write_be16(writer, length);
    for (uint8_t i = 0; i < length; i++) {
        uint32_t chance = random_u32(random);
        write_u8(writer, (uint8_t)((chance & 0x300) == 0 ? chance : (chance & 0x400) != 0 ? 0 : chance % 8));
    }
}

/* Steps as they should be, with mostly small numbers. */
static void steps(const struct script *script, struct random *random) {
    uint8_t bytes[LENGTH];
    for (int run = 0; run < RUNS; run++) {
        struct writer writer = writer_of(bytes, sizeof bytes);
        write_be32(&writer, random_u32(random));
        while (writer.length + 300 < sizeof bytes) {
            write_step(script, random, &writer);
        }
        script->run(writer_span(&writer));
    }
}

static void by_chance(const struct script *script) {
    struct random random;
    random_seed(&random, 1, 0);
    any_bytes_at_all(script, &random);
    steps(script, &random);
}

static void test_engine(void **state) {
    by_chance(&SCRIPT_ENGINE);
}

static void test_frames(void **state) {
    by_chance(&SCRIPT_FRAMES);
}

static void test_calls(void **state) {
    by_chance(&SCRIPT_CALLS);
}

static void test_duel(void **state) {
    by_chance(&SCRIPT_DUEL);
}

/* Missing arguments are 0, and a length that is too long ends with the script. */
static void test_steps_are_read(void **state) {
    static const uint8_t bytes[] = {7, 0, 2, 1, 2, 8, 0, 0, 9, 1, 0, 5, 6};
    struct reader script = reader_of(span_of(bytes, sizeof bytes)), args;
    uint8_t kind;
    assert_true(script_next(&script, &kind, &args));
    assert_int_equal(kind, 7);
    assert_int_equal(args.left.length, 2);
    assert_true(script_next(&script, &kind, &args));
    assert_int_equal(kind, 8);
    assert_int_equal(read_u8(&args), 0);
    assert_true(script_next(&script, &kind, &args));
    assert_int_equal(args.left.length, 2);
    assert_int_equal(read_u8(&args), 5);
    assert_false(script_next(&script, &kind, &args));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_are_read), cmocka_unit_test(test_engine), cmocka_unit_test(test_frames),
        cmocka_unit_test(test_calls),          cmocka_unit_test(test_duel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
