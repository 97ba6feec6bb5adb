/* fuzz_wire.c: every parser of wire/ on any bytes; what was understood is written again where there is a
 * writer. */
#include <net/wire/arp.h>
#include <net/wire/dhcp.h>
#include <net/wire/dns.h>
#include <net/wire/icmp.h>
#include <net/wire/igmp.h>
#include <net/wire/tcp.h>
#include <net/wire/udp.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void inside(struct span part, struct span whole) {
    must(part.length == 0 ||
         (part.data >= whole.data && part.data + part.length <= whole.data + whole.length));
}

static void try_arp(struct span input) {
    struct arp_packet packet;
    uint8_t bytes[ARP_LENGTH];
    struct writer writer = writer_of(bytes, sizeof bytes);
    if (arp_parse(input, &packet) == ERR_NONE) {
        arp_write(&writer, &packet);
        must(span_equal(writer_span(&writer), span_slice(input, 0, ARP_LENGTH)));
    }
}

static void try_ipv4(struct span input) {
    struct ipv4_header header;
    struct icmp_quote quote;
    struct span payload;
    if (ipv4_parse(input, &header, &payload) == ERR_NONE) {
        inside(payload, input);
        inside(header.options, input);
        (void)ipv4_checksum_good(input);
    }
    (void)!icmp_parse_quote(input, &quote);
}

static void try_icmp_and_udp(struct span input) {
    struct icmp_message icmp;
    struct udp_header udp;
    struct span payload;
    if (icmp_parse(input, &icmp) == ERR_NONE) {
        inside(icmp.payload, input);
        (void)icmp_checksum_good(input);
    }
    if (udp_parse(input, &udp, &payload) == ERR_NONE) {
        inside(payload, input);
        (void)udp_checksum_good(input, 1, 2);
    }
}

static void try_igmp(struct span input) {
    struct igmp_message message;
    if (igmp_parse(input, &message) == ERR_NONE) {
        inside(message.sources, input);
        must(message.sources.length == (size_t)message.source_count * 4);
        for (uint16_t i = 0; i < message.source_count; i++) {
            (void)igmp_source(&message, i);
        }
        (void)igmp_checksum_good(input);
    }
}

static void try_tcp(struct span input) {
    struct tcp_header header, again;
    struct span payload;
    uint8_t bytes[TCP_HEADER_MAX];
    struct writer writer = writer_of(bytes, sizeof bytes);
    if (tcp_parse(input, &header, &payload) != ERR_NONE) {
        return;
    }
    inside(payload, input);
    (void)tcp_checksum_good(input, 1, 2);
    tcp_write(&writer, &header);
    must(!writer.failed && writer.length == tcp_header_length(&header));
    must(tcp_parse(writer_span(&writer), &again, &payload) == ERR_NONE);
    must(again.flags == header.flags && seq_equal(again.seq, header.seq));
}

static void try_dhcp(struct span input) {
    struct dhcp_message message, again;
    uint8_t bytes[1024];
    struct writer writer = writer_of(bytes, sizeof bytes);
    if (dhcp_parse(input, &message) == ERR_NONE) {
        dhcp_write(&writer, &message);
        must(dhcp_parse(writer_span(&writer), &again) == ERR_NONE);
        must(again.type == message.type && again.router == message.router && again.lease == message.lease);
    }
}

static void try_dns(struct span input) {
    struct dns_message message;
    struct dns_record record;
    struct dns_name name;
    uint16_t type;
    if (dns_parse(input, &message) != ERR_NONE) {
        return;
    }
    while (dns_next_question(&message, &name, &type) == ERR_NONE) {
        must(name.length > 0 && name.bytes[name.length - 1] == 0);
    }
    while (dns_next_answer(&message, &record) == ERR_NONE) {
        inside(record.data, input);
    }
    while (dns_next_authority(&message, &record) == ERR_NONE) {
        inside(record.data, input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span input = span_of(data, size), payload;
    struct ethernet_header ethernet;
    if (ethernet_parse(input, &ethernet, &payload) == ERR_NONE) {
        inside(payload, input);
    }
    try_arp(input);
    try_ipv4(input);
    try_icmp_and_udp(input);
    try_igmp(input);
    try_tcp(input);
    try_dhcp(input);
    try_dns(input);
    return 0;
}
