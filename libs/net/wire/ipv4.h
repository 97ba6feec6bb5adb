/* ipv4.h: IPv4 headers (RFC 791, RFC 1122 3.2.1). Addresses are in host order everywhere but on the wire. */
#pragma once

#include <base/error.h>
#include <base/span.h>

#define IPV4_HEADER           20
#define IPV4_ALERT            4 /* bytes of the router alert option (RFC 2113) */
#define IPV4_TTL              64
#define IPV4_MINIMUM_MTU      68
#define IPV4_MINIMUM_DATAGRAM 576 /* that every host takes (RFC 791 3.1) */

/* The low two bits of the TOS (RFC 3168 5): not capable, capable (two names for it), congestion met. */
#define IPV4_ECN 3
enum ecn { ECN_NOT_ECT = 0, ECN_ECT_1 = 1, ECN_ECT_0 = 2, ECN_CE = 3 };

enum ip_protocol { IP_ICMP = 1, IP_IGMP = 2, IP_TCP = 6, IP_UDP = 17 };

struct ipv4_header {
    uint32_t source, destination;
    uint8_t protocol, ttl;
    uint8_t tos; /* DSCP and, in the low two bits, ECN */
    uint16_t id;
    bool dont_fragment, more_fragments;
    uint16_t fragment_offset; /* bytes */
    bool router_alert;        /* written only */
    uint8_t bad_option;  /* parsed only, with ERR_NOT_SUPPORTED: the byte of the header where it begins */
    struct span options; /* parsed only: well-formed, borrowed from the packet */
};

static inline bool ipv4_is_fragment(const struct ipv4_header *header) {
    return header->more_fragments || header->fragment_offset != 0;
}

static inline uint32_t ipv4_of(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    return (uint32_t)a << 24 | (uint32_t)b << 16 | (uint32_t)c << 8 | d;
}

static inline uint32_t ipv4_mask(uint8_t prefix_length) {
    return prefix_length == 0 ? 0 : UINT32_MAX << (32 - prefix_length);
}

#define IPV4_ANY       UINT32_C(0)
#define IPV4_BROADCAST UINT32_MAX

static inline bool ipv4_is_multicast(uint32_t address) {
    return address >> 28 == 0xe;
}

static inline bool ipv4_is_loopback(uint32_t address) {
    return address >> 24 == 127;
}

/* Can a datagram come from it? Not from a group, the limited broadcast, class E, or 0.0.0.0/8 (but 0.0.0.0
 * itself is for the caller to judge, RFC 1122 3.2.1.3). */
static inline bool ipv4_is_source(uint32_t address) {
    return address < UINT32_C(0xe0000000) && address >> 24 != 0;
}

/* Parses header and options, and cuts off what lies behind the total length. Does not check the sum.
 * ERR_MALFORMED: version, header length, total length, or an end beyond 65,535. ERR_NOT_SUPPORTED: all of
 * that is right, but an option runs over (bad_option says which): its sender is to be told. */
enum error ipv4_parse(struct span packet, struct ipv4_header *header, struct span *payload);
/* Is the header checksum right? `packet` has passed ipv4_parse. */
bool ipv4_checksum_good(struct span packet);
/* Writes a header of 20 bytes, or 24 with the router alert, sum included, for `payload_length` bytes behind
 * it. */
void ipv4_write(struct writer *writer, const struct ipv4_header *header, size_t payload_length);

/* ERR_MALFORMED: not four decimal numbers 0..255 with dots between them, and nothing else. */
enum error ipv4_from_text(const char *text, uint32_t *address);
