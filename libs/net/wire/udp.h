/* udp.h: UDP headers (RFC 768). */
#pragma once

#include <net/wire/ipv4.h>

#define UDP_HEADER          8
#define UDP_CHECKSUM_OFFSET 6

struct udp_header {
    uint16_t source_port, destination_port;
    bool no_checksum; /* the sender did not make one */
};

/* ERR_MALFORMED: short, or its length field says more than there is or less than a header. Cuts off what lies
 * behind the length. Does not check the sum. */
enum error udp_parse(struct span bytes, struct udp_header *header, struct span *payload);
/* `bytes` has passed udp_parse. True also when the sender made no sum. */
bool udp_checksum_good(struct span bytes, uint32_t source, uint32_t destination);
/* Writes header, payload and sum (0 sent as 0xffff) for addresses in host order; copies and sums in one pass.
 */
void udp_write(struct writer *writer, const struct udp_header *header, uint32_t source, uint32_t destination,
               struct span payload);
