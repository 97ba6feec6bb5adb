/* text.h: numbers and words out of text, for parsers of what people type.
 *
 * Texts are NUL-terminated; every conversion looks at the whole text and says whether it was one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The value of a digit in any base up to 16, or 16 and above when it is none. */
static inline unsigned text_digit(char c) {
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a' + 10) : 255;
}

/* The leading digits of `text`, as many as fit; *end is behind them. False: no digit, or more than 64 bits.
 */
static inline bool text_number(const char *text, unsigned base, uint64_t *value, const char **end) {
    uint64_t sum = 0;
    const char *at = text;
    for (; text_digit(*at) < base; at++) {
        uint64_t next;
        if (__builtin_mul_overflow(sum, base, &next) || __builtin_add_overflow(next, text_digit(*at), &sum)) {
            return false;
        }
    }
    *value = sum;
    *end = at;
    return at != text;
}

/* All of `text` as a decimal number, or hexadecimal with 0x in front; *value is left alone on failure. */
static inline bool text_to_u64(const char *text, uint64_t *value) {
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    uint64_t number;
    const char *end;
    if (!text_number(hex ? text + 2 : text, hex ? 16 : 10, &number, &end) || *end != '\0') {
        return false;
    }
    *value = number;
    return true;
}

/* Copies as much of `from` as fits into `size` bytes, always NUL-terminated. False: it was cut. */
static inline bool text_copy(char *to, size_t size, const char *from) {
    size_t length = strnlen(from, size);
    bool fits = length < size;
    size_t kept = fits ? length : size - (size != 0);
    if (size != 0) {
        memcpy(to, from, kept);
        to[kept] = '\0';
    }
    return fits;
}
