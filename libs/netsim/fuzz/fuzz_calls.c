/* fuzz_calls.c: the whole engine under socket calls in any order, opposite a peer that behaves or does not.
 */
#include "mutate.h"

FUZZ_SCRIPT(SCRIPT_CALLS)
