/* checksum.c: the Internet checksum, summed a machine word at a time.
 *
 * The sum of 16-bit words does not depend on their byte order until it is read (RFC 1071 2.B), so words are
 * added as the machine loads them and swapped once at the end. A 64-bit load is added as two 32-bit halves
 * into two accumulators: no carry has to be looked at for 2^32 words. */
#include <net/wire/checksum.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the sum is swapped once, from little-endian words");

static uint64_t load64(const uint8_t *aligned) {
    uint64_t word;
    memcpy(&word, __builtin_assume_aligned(aligned, 8), 8);
    return word;
}

static void store64(uint8_t *aligned, uint64_t word) {
    memcpy(__builtin_assume_aligned(aligned, 8), &word, 8);
}

static uint32_t low(uint64_t word) {
    return (uint32_t)word;
}

static uint16_t fold(uint64_t sum) {
    sum = (sum >> 32) + low(sum);
    sum = (sum >> 32) + low(sum);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

/* Single bytes, each into the half of the word where it stands. */
static void add_bytes(struct checksum *sum, const uint8_t *bytes, size_t length) {
    uint64_t words = 0;
    for (size_t i = 0; i < length; i++) {
        words += sum->odd ? (uint64_t)bytes[i] << 8 : bytes[i];
        sum->odd = !sum->odd;
    }
    sum->sum += words;
}

/* Adds a sum of whole words that began at the byte where `sum` is now. */
static void add_whole(struct checksum *sum, uint64_t words) {
    if (sum->odd) {
        words = __builtin_bswap16(fold(words));
    }
    sum->sum += words;
}

/* Bytes before the next multiple of 8, at most `length`. */
static size_t bytes_to_align(const void *at, size_t length) {
    size_t head = -(uintptr_t)at & 7;
    return head < length ? head : length;
}

void checksum_add(struct checksum *sum, const void *data, size_t length) {
    if (length == 0) { /* then data may be null */
        return;
    }
    const uint8_t *bytes = data;
    size_t head = bytes_to_align(bytes, length);
    add_bytes(sum, bytes, head);
    bytes += head;
    length -= head;
    uint64_t a = 0, b = 0;
    for (; length >= 32; bytes += 32, length -= 32) {
        uint64_t w = load64(bytes), x = load64(bytes + 8), y = load64(bytes + 16), z = load64(bytes + 24);
        a += low(w), b += w >> 32;
        a += low(x), b += x >> 32;
        a += low(y), b += y >> 32;
        a += low(z), b += z >> 32;
    }
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t w = load64(bytes);
        a += low(w), b += w >> 32;
    }
    add_whole(sum, a + b);
    add_bytes(sum, bytes, length);
}

/* Copies and adds words from `from` to `to`, both aligned; returns how many bytes. */
static size_t copy_aligned(struct checksum *sum, uint8_t *to, const uint8_t *from, size_t length) {
    uint64_t a = 0, b = 0;
    size_t done = 0;
    for (; length - done >= 32; done += 32) {
        uint64_t w = load64(from + done), x = load64(from + done + 8);
        uint64_t y = load64(from + done + 16), z = load64(from + done + 24);
        store64(to + done, w), store64(to + done + 8, x);
        store64(to + done + 16, y), store64(to + done + 24, z);
        a += low(w), b += w >> 32;
        a += low(x), b += x >> 32;
        a += low(y), b += y >> 32;
        a += low(z), b += z >> 32;
    }
    for (; length - done >= 8; done += 8) {
        uint64_t w = load64(from + done);
        store64(to + done, w);
        a += low(w), b += w >> 32;
    }
    add_whole(sum, a + b);
    return done;
}

/* The same when only `to` is aligned: each word is put together out of two aligned ones, because the compiler
 * must assume that a misaligned load traps. Stops early enough never to load beyond the end. */
static size_t copy_shifted(struct checksum *sum, uint8_t *to, const uint8_t *from, size_t length) {
    size_t skew = (uintptr_t)from & 7;
    if (length < 24) {
        return 0;
    }
    uint64_t a = 0, b = 0, before = 0;
    memcpy((uint8_t *)&before + skew, from, 8 - skew);
    const uint8_t *next = from + (8 - skew);
    size_t done = 0;
    for (; length - done >= 16; done += 8, next += 8) {
        uint64_t after = load64(next);
        uint64_t w = before >> (skew * 8) | after << (64 - skew * 8);
        store64(to + done, w);
        a += low(w), b += w >> 32;
        before = after;
    }
    add_whole(sum, a + b);
    return done;
}

void checksum_copy(struct checksum *sum, void *to, const void *from, size_t length) {
    if (length == 0) {
        return;
    }
    uint8_t *target = to;
    const uint8_t *source = from;
    size_t head = bytes_to_align(target, length);
    size_t done = head;
    if (head != 0) {
        memcpy(target, source, head);
        add_bytes(sum, source, head);
    }
    if (((uintptr_t)(source + head) & 7) == 0) {
        done += copy_aligned(sum, target + head, source + head, length - head);
    } else {
        done += copy_shifted(sum, target + head, source + head, length - head);
    }
    if (done < length) {
        memcpy(target + done, source + done, length - done);
        add_bytes(sum, source + done, length - done);
    }
}

void checksum_combine(struct checksum *sum, const struct checksum *piece) {
    add_whole(sum, piece->sum);
    sum->odd = sum->odd != piece->odd;
}

void checksum_add_pseudo(struct checksum *sum, uint32_t source, uint32_t destination, uint8_t protocol,
                         uint32_t length) {
    uint64_t words = (uint64_t)__builtin_bswap32(source) + __builtin_bswap32(destination);
    add_whole(sum, words + __builtin_bswap32(protocol) + __builtin_bswap32(length));
}

uint16_t checksum_folded(const struct checksum *sum) {
    return __builtin_bswap16(fold(sum->sum));
}

uint16_t checksum_value(const struct checksum *sum) {
    return (uint16_t)~checksum_folded(sum);
}

uint16_t checksum_of(const void *data, size_t length) {
    struct checksum sum = {0};
    checksum_add(&sum, data, length);
    return checksum_value(&sum);
}

uint16_t checksum_update(uint16_t checksum, uint16_t old_word, uint16_t new_word) {
    return (uint16_t)~fold((uint64_t)(uint16_t)~checksum + (uint16_t)~old_word + new_word);
}
