/* forge.h: frames that an engine is made to believe, or not: packets with right sums around any bytes,
 * segments that differ from the right one by so much, errors that quote, pieces of packets. */
#pragma once

#include <base/span.h>
#include <net/wire/ethernet.h>
#include <net/wire/icmp.h>
#include <net/wire/tcp.h>

enum { FORGE_MAX = 14 + 2048 };

/* Who is said to send it to whom. */
struct forge_ends {
    struct mac from, to;
    uint32_t source, destination;
};

/* Each writes a frame to `frame`, of FORGE_MAX bytes, and returns its length; 0: it does not fit. */
size_t forge_packet(uint8_t *frame, const struct forge_ends *ends, const struct ipv4_header *header,
                    struct span payload);
size_t forge_datagram(uint8_t *frame, const struct forge_ends *ends, uint16_t from, uint16_t to,
                      struct span payload);
size_t forge_icmp(uint8_t *frame, const struct forge_ends *ends, const struct icmp_message *message);
/* options: not empty: these bytes in the place of the header's own options. */
size_t forge_segment(uint8_t *frame, const struct forge_ends *ends, const struct tcp_header *header,
                     struct span options, struct span payload);
/* `length` bytes of the payload of the packet in `whole`, from `offset` on, which is rounded down to eights.
 */
size_t forge_fragment(uint8_t *frame, struct span whole, size_t offset, size_t length);

/* Makes the sums right, of IPv4 and of what it carries, as far as they can be found. */
void forge_repair(uint8_t *frame, size_t length);

/* What the right segment would say at this moment. */
struct forge_expectation {
    uint16_t from, to; /* ports */
    struct sequence seq, ack;
    struct sequence sent; /* the first that the other end has not sent yet: SACK blocks lie before it */
    bool stamped;
    uint32_t timestamp, timestamp_echo;
};
/* Takes a segment out of FORGE_ARGUMENTS bytes: flags, then differences; all 0: right, but without any flag.
 * *length: how much text. */
enum { FORGE_ARGUMENTS = 10 };
void forge_read(struct reader *args, const struct forge_expectation *right, struct tcp_header *header,
                size_t *length);
/* A signed difference out of one byte: small ones as they are, then larger and larger. */
uint32_t forge_difference(uint8_t byte);
