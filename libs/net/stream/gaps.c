/* gaps.c: ranges that have arrived out of order; read gaps.h first. */
#include <net/stream/gaps.h>
#include <string.h>

/* The first range that ends at or behind `offset`: the first that a range starting there can touch. */
static uint32_t first_touching(const struct gaps *gaps, uint32_t offset) {
    uint32_t i = 0;
    while (i < gaps->count && gaps->range[i].end < offset) {
        i++;
    }
    return i;
}

/* Puts `range` in the place of the ranges `from` … `to`-1. */
static void replace(struct gaps *gaps, uint32_t from, uint32_t to, struct gap_range range) {
    memmove(&gaps->range[from + 1], &gaps->range[to], (gaps->count - to) * sizeof range);
    gaps->range[from] = range;
    gaps->count = gaps->count - (to - from) + 1;
}

/* The stream has grown by `length` bytes: all offsets count from its new end. */
static void move_down(struct gaps *gaps, uint32_t length) {
    for (uint32_t i = 0; i < gaps->count; i++) {
        gaps->range[i].start -= length;
        gaps->range[i].end -= length;
    }
}

/* Takes the ranges `from` … `to`-1 out. */
static void take_out(struct gaps *gaps, uint32_t from, uint32_t to) {
    memmove(&gaps->range[from], &gaps->range[to], (gaps->count - to) * sizeof gaps->range[0]);
    gaps->count -= to - from;
}

uint32_t gaps_add(struct gaps *gaps, uint32_t start, uint32_t end, bool *kept) {
    struct gap_range range = {start, end};
    uint32_t from = first_touching(gaps, start), to = from;
    while (to < gaps->count && gaps->range[to].start <= end) {
        range.start = gaps->range[to].start < range.start ? gaps->range[to].start : range.start;
        range.end = gaps->range[to].end > range.end ? gaps->range[to].end : range.end;
        to++;
    }
    *kept = range.start == 0 || from != to || gaps->count < gaps->limit;
    if (range.start == 0) { /* in order: it needs no place in the list */
        take_out(gaps, from, to);
        move_down(gaps, range.end);
        return range.end;
    }
    if (*kept) {
        replace(gaps, from, to, range);
    }
    return 0;
}

bool gaps_find(const struct gaps *gaps, uint32_t offset, struct gap_range *range) {
    for (uint32_t i = 0; i < gaps->count; i++) {
        if (offset >= gaps->range[i].start && offset < gaps->range[i].end) {
            *range = gaps->range[i];
            return true;
        }
    }
    return false;
}

uint32_t gaps_bytes(const struct gaps *gaps) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < gaps->count; i++) {
        bytes += gaps->range[i].end - gaps->range[i].start;
    }
    return bytes;
}
