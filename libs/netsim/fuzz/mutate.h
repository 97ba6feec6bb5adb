/* mutate.h: mutations of scripts (netsim/script.h) that know where their steps begin. */
#pragma once

#include <netsim/script.h>

/* As LLVMFuzzerCustomMutator and LLVMFuzzerCustomCrossOver. */
size_t mutate_script(const struct script *script, uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t cross_scripts(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
                     size_t max_size, unsigned seed);

/* What a fuzzer of one script consists of. */
#define FUZZ_SCRIPT(script)                                                                                  \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                            \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);              \
    size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,       \
                                     uint8_t *out, size_t max_size, unsigned seed);                          \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {                                           \
        (script).run(span_of(data, size));                                                                   \
        return 0;                                                                                            \
    }                                                                                                        \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {             \
        return mutate_script(&(script), data, size, max_size, seed);                                         \
    }                                                                                                        \
    size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,       \
                                     uint8_t *out, size_t max_size, unsigned seed) {                         \
        return cross_scripts(a, a_size, b, b_size, out, max_size, seed);                                     \
    }
