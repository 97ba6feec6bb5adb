/* icmp.h: ICMP messages (RFC 792, RFC 1122 3.2.2, RFC 1191). */
#pragma once

#include <net/wire/ipv4.h>
#include <net/wire/sequence.h>

#define ICMP_HEADER     8
#define ICMP_TIMESTAMPS 12 /* bytes behind it: originate, receive, transmit */

enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_SOURCE_QUENCH = 4,
    ICMP_REDIRECT = 5,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER_PROBLEM = 12,
    ICMP_TIMESTAMP = 13,
    ICMP_TIMESTAMP_REPLY = 14
};

enum icmp_unreachable {
    ICMP_NET_UNREACHABLE = 0,
    ICMP_HOST_UNREACHABLE = 1,
    ICMP_PROTOCOL_UNREACHABLE = 2,
    ICMP_PORT_UNREACHABLE = 3,
    ICMP_FRAGMENTATION_NEEDED = 4,
    ICMP_ADMIN_PROHIBITED = 13
};

enum icmp_time_exceeded { ICMP_TTL_EXCEEDED = 0, ICMP_REASSEMBLY_TIME_EXCEEDED = 1 };

struct icmp_message {
    uint8_t type, code;
    uint16_t id, sequence; /* echo and timestamp, and their replies */
    uint16_t mtu;          /* fragmentation needed; 0 from routers older than RFC 1191 */
    uint8_t pointer;       /* parameter problem: the byte that was wrong */
    struct span payload;   /* echo data, or the packet that an error quotes */
};

/* Types that report about another packet: never answered by an error (RFC 1122 3.2.2). */
static inline bool icmp_is_error(uint8_t type) {
    return (type >= ICMP_UNREACHABLE && type <= ICMP_REDIRECT) || type == ICMP_TIME_EXCEEDED ||
           type == ICMP_PARAMETER_PROBLEM;
}

/* ERR_MALFORMED: shorter than its header. Unknown types pass, with their payload. Does not check the sum. */
enum error icmp_parse(struct span bytes, struct icmp_message *message);
bool icmp_checksum_good(struct span bytes);
/* Writes the message, payload and sum included. */
void icmp_write(struct writer *writer, const struct icmp_message *message);

/* What an error quotes: the start of a packet that this host is said to have sent. */
struct icmp_quote {
    uint32_t source, destination;
    uint8_t protocol;
    uint16_t length;                        /* of the whole packet, as it says */
    uint16_t source_port, destination_port; /* TCP and UDP; 0 for others */
    struct sequence sequence;               /* TCP */
};

/* ERR_MALFORMED: less than a header and 8 bytes, not IPv4, or a fragment that does not carry the ports. The
 * quoted total length may run beyond the quote. */
enum error icmp_parse_quote(struct span bytes, struct icmp_quote *quote);
