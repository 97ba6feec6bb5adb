/* checksum.h: the Internet checksum (RFC 1071, incremental update RFC 1624).
 *
 * A `struct checksum` is a running one's complement sum. Pieces of any length, odd ones too, are added in the
 * order in which they stand in the packet; sums of pieces that were made apart are combined. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct checksum {
    uint64_t sum;
    bool odd; /* an odd number of bytes has been added: the next byte is the low half of a word */
};

/* Adds `length` bytes. */
void checksum_add(struct checksum *sum, const void *data, size_t length);
/* Copies `length` bytes and adds them. The two must not overlap. */
void checksum_copy(struct checksum *sum, void *to, const void *from, size_t length);
/* Adds a sum that was made, from zero, over the bytes that follow. */
void checksum_combine(struct checksum *sum, const struct checksum *piece);
/* Adds the pseudo header of RFC 9293 3.1 and RFC 768; addresses in host order, `length` of the transport
 * segment. */
void checksum_add_pseudo(struct checksum *sum, uint32_t source, uint32_t destination, uint8_t protocol,
                         uint32_t length);

/* The sum folded to 16 bits, as a value to be written with write_be16; not complemented: what a device that
 * fills in the checksum wants to find in its place. */
uint16_t checksum_folded(const struct checksum *sum);
/* The checksum: the complement of it. Over bytes that contain a right checksum it is 0. */
uint16_t checksum_value(const struct checksum *sum);

/* The checksum of one piece. */
uint16_t checksum_of(const void *data, size_t length);
/* `checksum` after a 16-bit word under it changed (RFC 1624 equation 3). */
uint16_t checksum_update(uint16_t checksum, uint16_t old_word, uint16_t new_word);
