/* checksum.c: the Internet checksum, summed a machine word at a time.
 *
 * The sum of 16-bit words does not depend on their byte order until it is read (RFC 1071 2.B), so words are
 * added as the machine loads them and swapped once at the end. Words of 64 bits are added with their carries
 * counted: four instructions for eight bytes. */
#include <net/wire/checksum.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the sum is swapped once, from little-endian words");

static uint64_t load64(const uint8_t *aligned) {
    uint64_t word;
    memcpy(&word, __builtin_assume_aligned(aligned, 8), 8);
    return word;
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

/* A carry out of 64 bits is worth 1, as out of 16. */
static inline void add_word(uint64_t *sum, uint64_t *carries, uint64_t word) {
    *sum += word;
    *carries += *sum < word;
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
    uint64_t a = 0, carries = 0;
    for (; length >= 64; bytes += 64, length -= 64) {
        for (size_t i = 0; i < 64; i += 8) { /* unrolled by the compiler */
            add_word(&a, &carries, load64(bytes + i));
        }
    }
    for (; length >= 8; bytes += 8, length -= 8) {
        add_word(&a, &carries, load64(bytes));
    }
    add_whole(sum, (a >> 32) + low(a) + carries);
    add_bytes(sum, bytes, length);
}

/* Two passes: memcpy and the sum are both fast whatever the alignment, which one loop for both cannot be. */
void checksum_copy(struct checksum *sum, void *to, const void *from, size_t length) {
    if (length != 0) {
        memcpy(to, from, length);
        checksum_add(sum, to, length);
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
