/* sequence.h: TCP sequence numbers (RFC 9293 3.4). A type of their own, compared only here, modulo 2^32. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sequence {
    uint32_t value;
};

static inline struct sequence seq_of(uint32_t value) {
    return (struct sequence){value};
}

static inline struct sequence seq_add(struct sequence a, uint32_t count) {
    return (struct sequence){a.value + count};
}

/* How far `a` lies behind (after) `b`; negative when before it. */
static inline int32_t seq_difference(struct sequence a, struct sequence b) {
    return (int32_t)(a.value - b.value);
}

static inline bool seq_equal(struct sequence a, struct sequence b) {
    return a.value == b.value;
}

static inline bool seq_before(struct sequence a, struct sequence b) {
    return seq_difference(a, b) < 0;
}

static inline bool seq_before_or_at(struct sequence a, struct sequence b) {
    return seq_difference(a, b) <= 0;
}

static inline bool seq_after(struct sequence a, struct sequence b) {
    return seq_difference(a, b) > 0;
}

static inline bool seq_after_or_at(struct sequence a, struct sequence b) {
    return seq_difference(a, b) >= 0;
}

static inline struct sequence seq_max(struct sequence a, struct sequence b) {
    return seq_before(a, b) ? b : a;
}

static inline struct sequence seq_min(struct sequence a, struct sequence b) {
    return seq_before(a, b) ? a : b;
}

/* Does `a` lie in [start, start + length)? */
static inline bool seq_within(struct sequence a, struct sequence start, uint32_t length) {
    return a.value - start.value < length;
}
