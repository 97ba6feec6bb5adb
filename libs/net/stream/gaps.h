/* gaps.h: which ranges beyond the end of a stream have arrived (TCP reassembly, and what SACK will tell).
 *
 * Offsets count from the next byte that is wanted in order (RCV.NXT). Ranges are kept sorted, apart from each
 * other and bounded in number: what would need one more is refused, and the peer sends it again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GAPS_MAX 252 /* a window whose every second segment was lost has that many */

struct gap_range {
    uint32_t start, end; /* [start, end), start > 0 */
};

struct gaps {
    uint32_t count;
    uint32_t limit; /* ranges that there is memory for: the owner may have given less than GAPS_MAX */
    struct gap_range range[GAPS_MAX];
};

static inline bool gaps_empty(const struct gaps *gaps) {
    return gaps->count == 0;
}

/* [start, end) has arrived; start < end. Returns how many bytes, from the wanted one on, are thereby there
 * without a gap; these are taken out of the list and all offsets move down by them: 0 as long as the first
 * gap is open. *kept false: there was no room for one more range, nothing has changed and the bytes must not
 * be counted as arrived. */
uint32_t gaps_add(struct gaps *gaps, uint32_t start, uint32_t end, bool *kept);

/* The range that contains `offset`. false: none does. */
bool gaps_find(const struct gaps *gaps, uint32_t offset, struct gap_range *range);

/* Bytes that have arrived beyond the first gap. */
uint32_t gaps_bytes(const struct gaps *gaps);
