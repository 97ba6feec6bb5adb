/* fuzz_engine.c: the whole engine under frames, socket calls and time in any order (netsim/script.h). */
#include <netsim/script.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    script_run(span_of(data, size));
    return 0;
}
