/* tcp.h: TCP headers and options (RFC 9293 3.1, 7323, 2018).
 *
 * Sending: tcp_header_length, tcp_write (sum still 0), the payload copied behind it with checksum_copy, then
 * tcp_write_checksum. */
#pragma once

#include <net/wire/checksum.h>
#include <net/wire/ipv4.h>
#include <net/wire/sequence.h>

#define TCP_HEADER          20
#define TCP_HEADER_MAX      60
#define TCP_CHECKSUM_OFFSET 16
#define TCP_SACK_MAX        4

enum tcp_flag {
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_PSH = 8,
    TCP_ACK = 16,
    TCP_URG = 32,
    TCP_ECE = 64,
    TCP_CWR = 128
};

struct tcp_sack {
    struct sequence start, end; /* end: the byte behind the block */
};

/* RFC 7413 4.1.1. */
#define TCP_COOKIE_MAX 16
struct tcp_cookie {
    uint8_t length; /* 4 to 16, even; 0: a request for one */
    uint8_t bytes[TCP_COOKIE_MAX];
};

struct tcp_options {
    uint16_t mss; /* 0: absent */
    bool has_window_scale, sack_permitted, has_timestamp;
    uint8_t window_scale; /* as it came; RFC 7323 2.3 treats more than 14 as 14 */
    uint8_t sack_count;
    struct tcp_sack sack[TCP_SACK_MAX];
    uint32_t timestamp, timestamp_echo;
    bool has_fast_open; /* in a SYN */
    struct tcp_cookie fast_open;
};

struct tcp_header {
    uint16_t source_port, destination_port;
    struct sequence seq, ack;
    uint8_t flags; /* enum tcp_flag */
    uint16_t window;
    uint16_t urgent;
    struct tcp_options options;
};

/* Parses header and options. ERR_MALFORMED: short, data offset below 5 or beyond the segment, or an option
 * whose length runs over. Unknown options, and known ones of a wrong length, are skipped. Does not check the
 * sum. */
enum error tcp_parse(struct span segment, struct tcp_header *header, struct span *payload);
bool tcp_checksum_good(struct span segment, uint32_t source, uint32_t destination);

/* Bytes that tcp_write will write: a multiple of 4. SACK blocks that do not fit beside the rest are left out.
 */
size_t tcp_header_length(const struct tcp_header *header);
/* Writes header and options in Linux's order, with 0 for the sum. In a SYN: MSS, SACK permitted, timestamp,
 * window scale, Fast Open; else: timestamp, SACK. */
void tcp_write(struct writer *writer, const struct tcp_header *header);
/* Puts the sum into the header at `segment`. `payload` is the sum over the `length - header_length` bytes of
 * payload. */
void tcp_write_checksum(uint8_t *segment, size_t header_length, size_t length, uint32_t source,
                        uint32_t destination, const struct checksum *payload);
