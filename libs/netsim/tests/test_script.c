/* test_script.c: scripts by chance, and mutations of them that went far: a short fuzzing run that every test
 * run makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <netsim/script.h>

enum { LENGTH = 600, RUNS = 1500, STEPS = 26 };

static uint8_t script[LENGTH];

static void any_bytes_at_all(void **state) {
    struct random random;
    random_seed(&random, 1, 0);
    for (int run = 0; run < RUNS; run++) {
        size_t length = random_below(&random, LENGTH);
        for (size_t i = 0; i < length; i++) {
            script[i] = (uint8_t)random_u32(&random);
        }
        script_run(span_of(script, length));
    }
}

/* Numbers as they are wanted where steps stand: small ones. */
static void small_bytes(void **state) {
    struct random random;
    random_seed(&random, 2, 0);
    for (int run = 0; run < RUNS; run++) {
        for (size_t i = 0; i < LENGTH; i++) {
            uint32_t chance = random_u32(&random);
            script[i] = (uint8_t)((chance & 0x300) == 0 ? chance : (chance & 0x400) ? 0 : chance % STEPS);
        }
        script_run(span_of(script, LENGTH));
    }
}

/* Open, listen, SYN, ACK, accept; open, connect, SYN-ACK: then chance. */
static void from_connections_on(void **state) {
    static const uint8_t start[] = {0,   8, 1, 0,  10, 0, 4, 2, 7, 4, 3, 0, 0, 1, 0,  0, 4, 0,   16, 0, 0,
                                    255, 0, 0, 11, 0,  1, 8, 1, 2, 9, 2, 6, 4, 1, 18, 0, 0, 255, 0,  0};
    struct random random;
    random_seed(&random, 3, 0);
    for (int run = 0; run < RUNS; run++) {
        size_t length = sizeof start;
        memcpy(script, start, sizeof start);
        while (length < LENGTH - 16) {
            uint32_t chance = random_u32(&random);
            script[length++] = (uint8_t)(chance % 4 == 0 ? chance >> 8 : 4 + chance % 3);
            script[length++] = (uint8_t)(chance >> 16 & 1);
            script[length++] = (uint8_t)(chance >> 24 & 0x1f); /* flags, when it is a segment */
            script[length++] = (uint8_t)(chance >> 13 & 3) == 0 ? (uint8_t)(chance >> 15) : 0;
            script[length++] = (uint8_t)(chance >> 17 & 3) == 0 ? (uint8_t)(chance >> 19) : 0;
            script[length++] = (uint8_t)(chance >> 21);
            script[length++] = (uint8_t)(chance >> 9 & 0x3f);
            script[length++] = 0;
        }
        script_run(span_of(script, length));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes_at_all),
        cmocka_unit_test(small_bytes),
        cmocka_unit_test(from_connections_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
