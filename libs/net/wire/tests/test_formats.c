/* test_formats.c: values to bytes and back, and every kind of bytes that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/random.h>
#include <net/wire/arp.h>
#include <net/wire/dhcp.h>
#include <net/wire/dns.h>
#include <net/wire/icmp.h>
#include <net/wire/tcp.h>
#include <net/wire/udp.h>
#include <stdlib.h>

static uint8_t bytes[2048];

/* ---- Every parser, on anything: it may refuse, but must stay inside. ---- */

static void try_dns(struct span input) {
    struct dns_message message;
    struct dns_record record;
    struct dns_name name;
    uint16_t type;
    if (dns_parse(input, &message) != ERR_NONE) {
        return;
    }
    int steps = 0;
    while (dns_next_question(&message, &name, &type) == ERR_NONE && steps++ < 10) {
    }
    while (dns_next_answer(&message, &record) == ERR_NONE && steps++ < 100) {
    }
    while (dns_next_authority(&message, &record) == ERR_NONE && steps++ < 200) {
    }
}

static void try_all(struct span input) {
    struct span payload;
    struct ethernet_header ethernet;
    struct arp_packet arp;
    struct ipv4_header ipv4;
    struct icmp_message icmp;
    struct icmp_quote quote;
    struct udp_header udp;
    struct tcp_header tcp;
    struct dhcp_message dhcp;
    unsigned accepted = ethernet_parse(input, &ethernet, &payload) == ERR_NONE;
    accepted += arp_parse(input, &arp) == ERR_NONE;
    accepted += ipv4_parse(input, &ipv4, &payload) == ERR_NONE && ipv4_checksum_good(input);
    accepted += icmp_parse(input, &icmp) == ERR_NONE && icmp_checksum_good(input);
    accepted += icmp_parse_quote(input, &quote) == ERR_NONE;
    accepted += udp_parse(input, &udp, &payload) == ERR_NONE && udp_checksum_good(input, 1, 2);
    accepted += tcp_parse(input, &tcp, &payload) == ERR_NONE && tcp_checksum_good(input, 1, 2);
    accepted += dhcp_parse(input, &dhcp) == ERR_NONE;
    assert_true(accepted <= 8);
    try_dns(input);
}

/* On a copy of exactly its size, so that the sanitizer sees a step beyond the end. */
static void try_exactly(const uint8_t *data, size_t length) {
    uint8_t *copy = malloc(length != 0 ? length : 1);
    if (length != 0) {
        memcpy(copy, data, length);
    }
    try_all(span_of(copy, length));
    free(copy);
}

static void abuse(struct span good) {
    static uint8_t mutant[2048];
    struct random random;
    random_seed(&random, good.length, 7);
    for (size_t length = 0; length <= good.length; length++) {
        try_exactly(good.data, length);
    }
    for (size_t i = 0; i < good.length; i++) {
        memcpy(mutant, good.data, good.length);
        for (unsigned value = 0; value < 256; value += 1 + random_below(&random, 24)) {
            mutant[i] = (uint8_t)value;
            try_exactly(mutant, good.length);
        }
    }
}

static void noise_is_survived(void **state) {
    struct random random;
    random_seed(&random, 1, 7);
    for (int round = 0; round < 20000; round++) {
        size_t length = random_below(&random, 400);
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)random_u32(&random);
        }
        bytes[0] = 0x45 + (round & 7); /* past IPv4's first hurdle */
        try_exactly(bytes, length);
    }
}

/* ---- Ethernet and ARP ---- */

static void ethernet_there_and_back(void **state) {
    struct ethernet_header in = {{{1, 2, 3, 4, 5, 6}}, {{2, 8, 9, 10, 11, 12}}, ETHER_ARP}, out;
    struct writer writer = writer_of(bytes, sizeof bytes);
    struct span payload;
    ethernet_write(&writer, &in);
    write_u8(&writer, 77);
    assert_int_equal(ethernet_parse(writer_span(&writer), &out, &payload), ERR_NONE);
    assert_true(mac_equal(in.destination, out.destination) && mac_equal(in.source, out.source));
    assert_int_equal(out.type, ETHER_ARP);
    assert_int_equal(payload.length, 1);
    assert_int_equal(ethernet_parse(span_of(bytes, 13), &out, &payload), ERR_MALFORMED);
    bytes[6] = 3; /* a group cannot send */
    assert_int_equal(ethernet_parse(writer_span(&writer), &out, &payload), ERR_MALFORMED);
}

static struct span an_arp(void) {
    struct arp_packet packet = {ARP_REQUEST, {{2, 2, 3, 4, 5, 6}}, {{0}}, 0x0a000001, 0x0a000002};
    struct writer writer = writer_of(bytes, sizeof bytes);
    arp_write(&writer, &packet);
    assert_int_equal(writer.length, ARP_LENGTH);
    return writer_span(&writer);
}

static enum error arp_with(size_t offset, uint8_t value) {
    struct arp_packet packet;
    struct span input = an_arp();
    bytes[offset] = value;
    return arp_parse(input, &packet);
}

static void arp_there_and_back(void **state) {
    struct arp_packet packet;
    assert_int_equal(arp_parse(an_arp(), &packet), ERR_NONE);
    assert_int_equal(packet.operation, ARP_REQUEST);
    assert_int_equal(packet.sender_address, 0x0a000001);
    assert_int_equal(packet.target_address, 0x0a000002);
    assert_int_equal(packet.sender_mac.bytes[5], 6);
    assert_int_equal(arp_parse(span_of(bytes, ARP_LENGTH - 1), &packet), ERR_MALFORMED);
    assert_int_equal(arp_with(1, 6), ERR_MALFORMED); /* hardware */
    assert_int_equal(arp_with(2, 9), ERR_MALFORMED); /* protocol */
    assert_int_equal(arp_with(4, 8), ERR_MALFORMED); /* lengths */
    assert_int_equal(arp_with(5, 16), ERR_MALFORMED);
    assert_int_equal(arp_with(7, 3), ERR_MALFORMED);    /* operation */
    assert_int_equal(arp_with(8, 1), ERR_MALFORMED);    /* sent by a group */
    assert_int_equal(arp_with(14, 224), ERR_MALFORMED); /* for a group */
    abuse(an_arp());
}

static void arp_probes_have_no_sender(void **state) {
    struct arp_packet packet = {ARP_REQUEST, {{2, 2, 3, 4, 5, 6}}, {{0}}, 0, 0x0a000002}, out;
    struct writer writer = writer_of(bytes, sizeof bytes);
    arp_write(&writer, &packet);
    assert_int_equal(arp_parse(writer_span(&writer), &out), ERR_NONE);
    packet.operation = ARP_REPLY;
    writer = writer_of(bytes, sizeof bytes);
    arp_write(&writer, &packet);
    assert_int_equal(arp_parse(writer_span(&writer), &out), ERR_MALFORMED);
}

/* ---- IPv4 ---- */

static struct span an_ipv4(void) {
    struct ipv4_header header = {.source = 0x0a00020f,
                                 .destination = 0x08080404,
                                 .protocol = IP_UDP,
                                 .ttl = 64,
                                 .tos = 0xb8,
                                 .id = 0x1234,
                                 .more_fragments = true,
                                 .fragment_offset = 1480};
    struct writer writer = writer_of(bytes, sizeof bytes);
    ipv4_write(&writer, &header, 5);
    write_bytes(&writer, "helloPADDING", 12);
    return writer_span(&writer);
}

static enum error ipv4_with(size_t offset, uint8_t value) {
    struct ipv4_header header;
    struct span payload, input = an_ipv4();
    bytes[offset] = value;
    return ipv4_parse(input, &header, &payload);
}

static void ipv4_there_and_back(void **state) {
    struct ipv4_header header;
    struct span payload, input = an_ipv4();
    assert_int_equal(ipv4_parse(input, &header, &payload), ERR_NONE);
    assert_true(ipv4_checksum_good(input));
    assert_int_equal(header.source, 0x0a00020f);
    assert_int_equal(header.destination, 0x08080404);
    assert_int_equal(header.protocol, IP_UDP);
    assert_int_equal(header.ttl, 64);
    assert_int_equal(header.tos, 0xb8);
    assert_int_equal(header.id, 0x1234);
    assert_true(header.more_fragments && !header.dont_fragment);
    assert_int_equal(header.fragment_offset, 1480);
    assert_true(ipv4_is_fragment(&header));
    assert_true(span_equal(payload, span_of("hello", 5)));
    bytes[8] ^= 1;
    assert_false(ipv4_checksum_good(input));
    abuse(an_ipv4());
}

static void ipv4_refuses(void **state) {
    assert_int_equal(ipv4_with(0, 0x55), ERR_MALFORMED); /* version */
    assert_int_equal(ipv4_with(0, 0x44), ERR_MALFORMED); /* header length 16 */
    assert_int_equal(ipv4_with(0, 0x4f), ERR_MALFORMED); /* header beyond the total */
    assert_int_equal(ipv4_with(3, 19), ERR_MALFORMED);   /* total below the header */
    assert_int_equal(ipv4_with(3, 33), ERR_MALFORMED);   /* total beyond the frame */
    assert_int_equal(ipv4_with(2, 0xff), ERR_MALFORMED);
    assert_int_equal(ipv4_with(6, 0x1f), ERR_NONE);
    bytes[7] = 0xff; /* the last possible offset: the end lies beyond 65,535 */
    struct ipv4_header header;
    struct span payload;
    assert_int_equal(ipv4_parse(span_of(bytes, 32), &header, &payload), ERR_MALFORMED);
    struct writer writer = writer_of(bytes, sizeof bytes);
    ipv4_write(&writer, &header, 65516);
    assert_true(writer.failed);
}

/* bad: where the wrong option begins, counted from the first one's begin. */
static enum error ipv4_with_options(const char *options, size_t length, unsigned bad) {
    struct ipv4_header header = {.source = 1 << 24, .destination = 2 << 24}, out;
    struct span payload;
    struct writer writer = writer_of(bytes, sizeof bytes);
    ipv4_write(&writer, &header, length + 3);
    write_bytes(&writer, options, length);
    write_bytes(&writer, "abc", 3);
    bytes[0] = (uint8_t)(0x45 + length / 4);
    enum error error = ipv4_parse(writer_span(&writer), &out, &payload);
    if (error == ERR_NONE) {
        assert_true(span_equal(payload, span_of("abc", 3)));
        assert_int_equal(out.options.length, length);
    } else {
        assert_int_equal(out.bad_option, IPV4_HEADER + bad);
    }
    return error;
}

static void ipv4_options_are_skipped_safely(void **state) {
    assert_int_equal(ipv4_with_options("\x94\x04\x00\x00", 4, 0), ERR_NONE); /* router alert */
    assert_int_equal(ipv4_with_options("\x01\x01\x01\x00", 4, 0), ERR_NONE); /* padding */
    assert_int_equal(ipv4_with_options("\x00\xff\xff\xff", 4, 0), ERR_NONE); /* the end hides the rest */
    assert_int_equal(ipv4_with_options("\x07\x07\x04\x01\x02\x03\x04\x00", 8, 0),
                     ERR_NONE); /* record route */
    assert_int_equal(ipv4_with_options("\x94\x00\x00\x00", 4, 0),
                     ERR_NOT_SUPPORTED); /* length 0: no progress */
    assert_int_equal(ipv4_with_options("\x94\x01\x00\x00", 4, 0), ERR_NOT_SUPPORTED);
    assert_int_equal(ipv4_with_options("\x94\x05\x00\x00", 4, 0), ERR_NOT_SUPPORTED); /* runs over */
    assert_int_equal(ipv4_with_options("\x01\x01\x01\x94", 4, 3), ERR_NOT_SUPPORTED); /* no length */
}

static void ipv4_addresses_in_text(void **state) {
    uint32_t address = 0;
    assert_int_equal(ipv4_from_text("10.0.2.100", &address), ERR_NONE);
    assert_int_equal(address, 0x0a000264);
    assert_int_equal(ipv4_from_text("255.255.255.255", &address), ERR_NONE);
    assert_true(address == UINT32_MAX);
    const char *bad[] = {
        "",       "1",       "1.2.3",    "1.2.3.",   "1.2.3.4.", "1.2.3.4.5",        "1.2.3.256",
        "1.2..4", "a.b.c.d", " 1.2.3.4", "1.2.3.4 ", "-1.2.3.4", "1.2.3.99999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ipv4_from_text(bad[i], &address), ERR_MALFORMED);
    }
}

/* ---- ICMP ---- */

static void icmp_there_and_back(void **state) {
    struct icmp_message in = {.type = ICMP_ECHO,
                              .id = 0x1234,
                              .sequence = 0x5678,
                              .payload = span_of("odd", 3)},
                        out;
    struct writer writer = writer_of(bytes, sizeof bytes);
    icmp_write(&writer, &in);
    assert_int_equal(icmp_parse(writer_span(&writer), &out), ERR_NONE);
    assert_true(icmp_checksum_good(writer_span(&writer)));
    assert_int_equal(out.id, 0x1234);
    assert_int_equal(out.sequence, 0x5678);
    assert_true(span_equal(out.payload, span_of("odd", 3)));
    bytes[9] ^= 0x10;
    assert_false(icmp_checksum_good(writer_span(&writer)));
    assert_int_equal(icmp_parse(span_of(bytes, 7), &out), ERR_MALFORMED);
    abuse(writer_span(&writer));
}

static void icmp_errors_keep_their_fields(void **state) {
    struct icmp_message in = {.type = ICMP_UNREACHABLE, .code = ICMP_FRAGMENTATION_NEEDED, .mtu = 1400}, out;
    struct writer writer = writer_of(bytes, sizeof bytes);
    icmp_write(&writer, &in);
    assert_int_equal(icmp_parse(writer_span(&writer), &out), ERR_NONE);
    assert_int_equal(out.mtu, 1400);
    in = (struct icmp_message){.type = ICMP_PARAMETER_PROBLEM, .pointer = 20};
    writer = writer_of(bytes, sizeof bytes);
    icmp_write(&writer, &in);
    assert_int_equal(icmp_parse(writer_span(&writer), &out), ERR_NONE);
    assert_int_equal(out.pointer, 20);
}

static struct span a_quote(uint8_t protocol) {
    struct ipv4_header header = {.source = 0x0a000001, .destination = 0x0a000002, .protocol = protocol};
    struct writer writer = writer_of(bytes, sizeof bytes);
    ipv4_write(&writer, &header, 1000); /* longer than what is quoted */
    write_be16(&writer, 1111);
    write_be16(&writer, 2222);
    write_be32(&writer, 0xfeedbeef);
    return writer_span(&writer);
}

static void quotes_are_read_and_checked(void **state) {
    struct icmp_quote quote;
    assert_int_equal(icmp_parse_quote(a_quote(IP_TCP), &quote), ERR_NONE);
    assert_int_equal(quote.source_port, 1111);
    assert_int_equal(quote.destination_port, 2222);
    assert_true(quote.sequence.value == 0xfeedbeef);
    assert_int_equal(icmp_parse_quote(a_quote(IP_UDP), &quote), ERR_NONE);
    assert_int_equal(quote.destination_port, 2222);
    assert_int_equal(icmp_parse_quote(a_quote(99), &quote), ERR_NONE);
    assert_int_equal(quote.destination_port, 0);
    struct span input = a_quote(IP_TCP);
    assert_int_equal(icmp_parse_quote(span_slice(input, 0, 27), &quote), ERR_MALFORMED);
    bytes[0] = 0x46; /* options that are not there */
    assert_int_equal(icmp_parse_quote(input, &quote), ERR_MALFORMED);
    bytes[0] = 0x65;
    assert_int_equal(icmp_parse_quote(input, &quote), ERR_MALFORMED);
    bytes[0] = 0x44;
    assert_int_equal(icmp_parse_quote(input, &quote), ERR_MALFORMED);
    bytes[0] = 0x45;
    bytes[7] = 1; /* a later fragment */
    assert_int_equal(icmp_parse_quote(input, &quote), ERR_MALFORMED);
    abuse(a_quote(IP_TCP));
}

/* ---- UDP ---- */

static struct span a_udp(void) {
    struct udp_header header = {.source_port = 5353, .destination_port = 53};
    struct writer writer = writer_of(bytes, sizeof bytes);
    udp_write(&writer, &header, 0x0a000001, 0x0a000002, span_of("odd", 3));
    return writer_span(&writer);
}

static void udp_there_and_back(void **state) {
    struct udp_header header;
    struct span payload, input = a_udp();
    assert_int_equal(udp_parse(input, &header, &payload), ERR_NONE);
    assert_int_equal(header.source_port, 5353);
    assert_int_equal(header.destination_port, 53);
    assert_false(header.no_checksum);
    assert_true(span_equal(payload, span_of("odd", 3)));
    assert_true(udp_checksum_good(input, 0x0a000001, 0x0a000002));
    assert_false(udp_checksum_good(input, 0x0a000001, 0x0a000003));
    bytes[6] = bytes[7] = 0;
    assert_int_equal(udp_parse(input, &header, &payload), ERR_NONE);
    assert_true(header.no_checksum);
    assert_true(udp_checksum_good(input, 0x0a000001, 0x0a000003));
    bytes[5] = 7;
    assert_int_equal(udp_parse(input, &header, &payload), ERR_MALFORMED);
    bytes[5] = 12;
    assert_int_equal(udp_parse(input, &header, &payload), ERR_MALFORMED);
    bytes[5] = 9; /* what lies behind the length is not payload */
    assert_int_equal(udp_parse(input, &header, &payload), ERR_NONE);
    assert_int_equal(payload.length, 1);
    abuse(a_udp());
}

static void a_udp_sum_of_zero_is_sent_as_ones(void **state) {
    struct udp_header header = {.source_port = 1, .destination_port = 2}, out;
    struct span payload;
    for (uint32_t i = 0; i < 65536; i++) { /* one of these payloads sums to zero */
        uint8_t data[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        struct writer writer = writer_of(bytes, sizeof bytes);
        udp_write(&writer, &header, 0x0a000001, 0x0a000002, span_of(data, 2));
        assert_int_equal(udp_parse(writer_span(&writer), &out, &payload), ERR_NONE);
        assert_false(out.no_checksum);
        assert_true(udp_checksum_good(writer_span(&writer), 0x0a000001, 0x0a000002));
    }
}

/* ---- TCP ---- */

static struct span a_tcp(const struct tcp_header *header, const char *text) {
    struct writer writer = writer_of(bytes, sizeof bytes);
    tcp_write(&writer, header);
    assert_int_equal(writer.length, tcp_header_length(header));
    size_t header_length = writer.length;
    struct checksum payload = {0};
    checksum_copy(&payload, write_space(&writer, strlen(text)), text, strlen(text));
    tcp_write_checksum(bytes, header_length, writer.length, 0x0a000001, 0x0a000002, &payload);
    return writer_span(&writer);
}

static void tcp_there_and_back(void **state) {
    struct tcp_header in = {.source_port = 80,
                            .destination_port = 40000,
                            .seq = {0xfffffff0},
                            .ack = {7},
                            .flags = TCP_ACK | TCP_PSH,
                            .window = 0xabcd,
                            .urgent = 3},
                      out;
    struct span payload, input = a_tcp(&in, "hello");
    assert_int_equal(tcp_parse(input, &out, &payload), ERR_NONE);
    assert_int_equal(out.source_port, 80);
    assert_int_equal(out.destination_port, 40000);
    assert_true(seq_equal(out.seq, in.seq) && seq_equal(out.ack, in.ack));
    assert_int_equal(out.flags, TCP_ACK | TCP_PSH);
    assert_int_equal(out.window, 0xabcd);
    assert_int_equal(out.urgent, 3);
    assert_true(span_equal(payload, span_of("hello", 5)));
    assert_true(tcp_checksum_good(input, 0x0a000001, 0x0a000002));
    assert_false(tcp_checksum_good(input, 0x0a000001, 0x0a000012));
    bytes[22] ^= 4;
    assert_false(tcp_checksum_good(input, 0x0a000001, 0x0a000002));
    for (unsigned length = 0; length < TCP_HEADER; length++) {
        assert_int_equal(tcp_parse(span_of(bytes, length), &out, &payload), ERR_MALFORMED);
    }
    bytes[12] = 0x40;
    assert_int_equal(tcp_parse(input, &out, &payload), ERR_MALFORMED);
    memset(bytes + TCP_HEADER, 1, 5); /* NOPs: well-formed as far as they go */
    bytes[12] = 0x70;
    assert_int_equal(tcp_parse(input, &out, &payload), ERR_MALFORMED);
}

static void a_syn_carries_its_options_as_linux_orders_them(void **state) {
    struct tcp_header in = {.flags = TCP_SYN,
                            .options = {.mss = 1460,
                                        .sack_permitted = true,
                                        .has_timestamp = true,
                                        .timestamp = 1,
                                        .timestamp_echo = 2,
                                        .has_window_scale = true,
                                        .window_scale = 7}},
                      out;
    const uint8_t linux_order[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7};
    struct span payload, input = a_tcp(&in, "");
    assert_true(span_equal(span_slice(input, 20, 40), span_of(linux_order, sizeof linux_order)));
    assert_int_equal(tcp_parse(input, &out, &payload), ERR_NONE);
    assert_int_equal(out.options.mss, 1460);
    assert_true(out.options.sack_permitted && out.options.has_timestamp && out.options.has_window_scale);
    assert_int_equal(out.options.timestamp, 1);
    assert_int_equal(out.options.timestamp_echo, 2);
    assert_int_equal(out.options.window_scale, 7);
    abuse(a_tcp(&in, "x"));
}

static void every_choice_of_syn_options_parses(void **state) {
    for (unsigned choice = 0; choice < 16; choice++) {
        struct tcp_header in = {.flags = TCP_SYN,
                                .options = {.mss = choice & 1 ? 536 : 0,
                                            .sack_permitted = choice & 2,
                                            .has_timestamp = choice & 4,
                                            .timestamp = 5,
                                            .has_window_scale = choice & 8,
                                            .window_scale = 3}},
                          out;
        struct span payload, input = a_tcp(&in, "data");
        assert_int_equal(tcp_parse(input, &out, &payload), ERR_NONE);
        assert_int_equal(out.options.mss, in.options.mss);
        assert_int_equal(out.options.sack_permitted, in.options.sack_permitted);
        assert_int_equal(out.options.has_timestamp, in.options.has_timestamp);
        assert_int_equal(out.options.has_window_scale, in.options.has_window_scale);
        assert_true(span_equal(payload, span_of("data", 4)));
    }
}

static void sack_blocks_go_as_far_as_there_is_room(void **state) {
    struct tcp_header in = {.flags = TCP_ACK, .options = {.sack_count = 4, .has_timestamp = true}}, out;
    for (uint32_t i = 0; i < 4; i++) {
        in.options.sack[i] = (struct tcp_sack){{i * 100}, {i * 100 + 50}};
    }
    struct span payload, input = a_tcp(&in, "");
    assert_int_equal(tcp_parse(input, &out, &payload), ERR_NONE);
    assert_int_equal(out.options.sack_count, 3);
    assert_int_equal(out.options.sack[2].end.value, 250);
    in.options.has_timestamp = false;
    input = a_tcp(&in, "");
    assert_int_equal(tcp_parse(input, &out, &payload), ERR_NONE);
    assert_int_equal(out.options.sack_count, 4);
    assert_int_equal(out.options.sack[3].start.value, 300);
    abuse(a_tcp(&in, "x"));
}

static enum error tcp_with_options(const char *options, size_t length, struct tcp_options *out) {
    struct tcp_header header = {.flags = TCP_SYN}, parsed;
    struct writer writer = writer_of(bytes, sizeof bytes);
    struct span payload;
    tcp_write(&writer, &header);
    write_bytes(&writer, options, length);
    bytes[12] = (uint8_t)((5 + length / 4) << 4);
    enum error error = tcp_parse(writer_span(&writer), &parsed, &payload);
    *out = parsed.options;
    return error;
}

static void fast_open_cookies_of_legal_length_parse(void **state) {
    (void)state;
    for (uint8_t length = 0; length <= 18; length++) {
        uint8_t option[20];
        memset(option, 1, sizeof option); /* what is left over are NOPs */
        option[0] = 34;
        option[1] = (uint8_t)(2 + length);
        for (uint8_t i = 0; i < length; i++) {
            option[2 + i] = (uint8_t)(0x30 + i);
        }
        bool good = length == 0 || (length >= 4 && length <= 16 && length % 2 == 0);
        struct tcp_options out;
        assert_int_equal(tcp_with_options((const char *)option, sizeof option, &out), ERR_NONE);
        assert_int_equal(out.has_fast_open, good);
        assert_int_equal(out.fast_open.length, good ? length : 0);
        if (good) {
            struct tcp_header in = {.flags = TCP_SYN, .options = out}, back;
            struct span payload;
            in.options.mss = 1460;
            in.options.has_timestamp = in.options.sack_permitted = in.options.has_window_scale = true;
            assert_int_equal(tcp_parse(a_tcp(&in, "data"), &back, &payload), ERR_NONE);
            assert_int_equal(back.options.fast_open.length, length);
            assert_memory_equal(back.options.fast_open.bytes, option + 2, length);
            assert_true(span_equal(payload, span_of("data", 4)));
        }
    }
}

static void tcp_options_are_read_safely(void **state) {
    struct tcp_options options;
    assert_int_equal(tcp_with_options("\x02\x00\x01\x01", 4, &options), ERR_MALFORMED);
    assert_int_equal(tcp_with_options("\x02\x01\x01\x01", 4, &options), ERR_MALFORMED);
    assert_int_equal(tcp_with_options("\x02\x05\x01\x01", 4, &options), ERR_MALFORMED);
    assert_int_equal(tcp_with_options("\x01\x01\x01\x02", 4, &options), ERR_MALFORMED);
    assert_int_equal(tcp_with_options("\x00\x02\x00\x02", 4, &options), ERR_NONE);
    assert_int_equal(tcp_with_options("\x02\x03\x01\x00", 4, &options),
                     ERR_NONE); /* wrong length: not taken */
    assert_int_equal(options.mss, 0);
    assert_int_equal(tcp_with_options("\xfe\x04\x01\x01\x04\x02\x00\x00", 8, &options),
                     ERR_NONE); /* unknown one before */
    assert_true(options.sack_permitted);
    assert_int_equal(tcp_with_options("\x05\x09zzzzzzz\x00\x00\x00", 12, &options),
                     ERR_NONE); /* 7 bytes are no block */
    assert_int_equal(options.sack_count, 0);
}

static void sequence_numbers_wrap(void **state) {
    struct sequence high = seq_of(0xfffffff0), low = seq_add(high, 0x20);
    assert_int_equal(low.value, 0x10);
    assert_true(seq_before(high, low) && seq_after(low, high) && !seq_before(low, high));
    assert_true(seq_before_or_at(low, low) && seq_after_or_at(low, low) && !seq_after(low, low));
    assert_int_equal(seq_difference(low, high), 0x20);
    assert_int_equal(seq_difference(high, low), -0x20);
    assert_true(seq_within(low, high, 0x21) && !seq_within(low, high, 0x20) && !seq_within(high, low, 0x21));
    assert_true(seq_equal(seq_max(high, low), low) && seq_equal(seq_min(high, low), high));
}

/* ---- DHCP ---- */

static struct dhcp_message an_ack_value(void) {
    return (struct dhcp_message){.reply = true,
                                 .type = DHCP_ACK,
                                 .xid = 0xdeadbeef,
                                 .your_address = 0x0a00020f,
                                 .client_mac = {{2, 1, 2, 3, 4, 5}},
                                 .subnet_mask = 0xffffff00,
                                 .router = 0x0a000202,
                                 .name_server = {0x0a000203, 0x08080808},
                                 .has_lease = true,
                                 .lease = 86400,
                                 .server = 0x0a000202,
                                 .renewal = 100,
                                 .rebinding = 200};
}

static struct span an_ack(void) {
    struct dhcp_message message = an_ack_value();
    struct writer writer = writer_of(bytes, sizeof bytes);
    dhcp_write(&writer, &message);
    assert_int_equal(writer.length, DHCP_LENGTH_MIN);
    return writer_span(&writer);
}

/* Equal in all that is written. */
static void assert_same_dhcp(const struct dhcp_message *a, const struct dhcp_message *b) {
    uint8_t first[600], second[600];
    struct writer one = writer_of(first, sizeof first), two = writer_of(second, sizeof second);
    dhcp_write(&one, a);
    dhcp_write(&two, b);
    assert_true(span_equal(writer_span(&one), writer_span(&two)));
}

static void dhcp_there_and_back(void **state) {
    struct dhcp_message in = an_ack_value(), out;
    assert_int_equal(dhcp_parse(an_ack(), &out), ERR_NONE);
    assert_same_dhcp(&in, &out);
    assert_int_equal(out.name_server[1], 0x08080808);
    in = (struct dhcp_message){.type = DHCP_DISCOVER,
                               .xid = 1,
                               .seconds = 9,
                               .broadcast = true,
                               .client_mac = {{2}},
                               .host_name = "minato",
                               .requested_address = 5,
                               .ask_parameters = true};
    struct writer writer = writer_of(bytes, sizeof bytes);
    dhcp_write(&writer, &in);
    assert_int_equal(dhcp_parse(writer_span(&writer), &out), ERR_NONE);
    in.ask_parameters = false; /* is only written */
    assert_same_dhcp(&in, &out);
    assert_string_equal(out.host_name, "minato");
    assert_true(out.broadcast && out.seconds == 9 && !out.reply);
}

static void dhcp_refuses(void **state) {
    struct dhcp_message out;
    struct span input = an_ack();
    for (size_t length = 0; length < 243; length++) { /* without the message type */
        assert_int_equal(dhcp_parse(span_slice(input, 0, length), &out), ERR_MALFORMED);
    }
    static const size_t offsets[] = {0, 1, 2, 236, 239};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        input = an_ack();
        bytes[offsets[i]] ^= 0x40; /* operation, hardware, its length, cookie */
        assert_int_equal(dhcp_parse(input, &out), ERR_MALFORMED);
    }
    input = an_ack();
    bytes[241] = 255; /* an option that runs over */
    assert_int_equal(dhcp_parse(input, &out), ERR_MALFORMED);
    abuse(an_ack());
}

static void dhcp_options_may_stand_in_file_and_sname(void **state) {
    struct dhcp_message out;
    struct span input = an_ack();
    const uint8_t options[] = {53, 1, DHCP_OFFER, 52, 1, 3, 255}, file[] = {1, 4, 255, 0, 0, 0, 255};
    const uint8_t sname[] = {3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 255};
    memcpy(bytes + 240, options, sizeof options);
    memcpy(bytes + 108, file, sizeof file);
    memcpy(bytes + 44, sname, sizeof sname);
    assert_int_equal(dhcp_parse(input, &out), ERR_NONE);
    assert_int_equal(out.type, DHCP_OFFER);
    assert_true(out.subnet_mask == 0xff000000);
    assert_int_equal(out.router, 0x01020304);
    assert_false(out.has_lease);
    memset(bytes + 44, 3, 64); /* runs over the end of the field */
    assert_int_equal(dhcp_parse(input, &out), ERR_MALFORMED);
}

/* ---- DNS ---- */

static void dns_names_out_of_text(void **state) {
    struct dns_name name, same;
    assert_int_equal(dns_name_from_text("Www.Example.ORG", &name), ERR_NONE);
    assert_int_equal(name.length, 17);
    assert_memory_equal(name.bytes,
                        "\x03www\x07"
                        "example\x03org\0",
                        17);
    assert_int_equal(dns_name_from_text("www.example.org.", &same), ERR_NONE);
    assert_true(dns_name_equal(&name, &same));
    char text[300];
    memset(text, 'a', sizeof text);
    text[63] = '.', text[127] = '.', text[191] = '.', text[253] = '\0'; /* 63+63+63+61: as long as it goes */
    assert_int_equal(dns_name_from_text(text, &name), ERR_NONE);
    assert_int_equal(name.length, DNS_NAME_MAX);
    text[253] = 'a', text[254] = '\0';
    assert_int_equal(dns_name_from_text(text, &name), ERR_INVALID);
    text[63] = 'a', text[64] = '\0'; /* a label of 64 */
    assert_int_equal(dns_name_from_text(text, &name), ERR_INVALID);
    const char *bad[] = {"", ".", "a..b", ".a", "a b", "a/b", "h\xc3\xa4", "a.."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(dns_name_from_text(bad[i], &name), ERR_INVALID);
    }
}

/* An answer about a.b: CNAME c.b, then c.b A 1.2.3.4, names compressed; then a SOA of b. */
static const uint8_t answer[] = {
    0x12, 0x34, 0x81, 0x80, 0, 1, 0,    2, 0, 1,  0, 0,  1,    'a', 1,    'B', 0, 0, 1, 0,
    1,                                                                        /* 12: a.b, A, IN */
    0xc0, 12,   0,    5,    0, 1, 0,    0, 0, 60, 0, 4,  1,    'c', 0xc0, 14, /* 21: CNAME at 33 */
    0xc0, 33,   0,    1,    0, 1, 0x80, 0, 0, 1,  0, 4,  1,    2,   3,    4,  /* 37 */
    0xc0, 14,   0,    6,    0, 1, 0,    0, 0, 9,  0, 24, 0xc0, 14,  0xc0, 14,  0, 0, 0, 1, /* 53: SOA */
    0,    0,    0,    2,    0, 0, 0,    3, 0, 0,  0, 4,  0,    0,   0,    5};

static void dns_answers_are_read(void **state) {
    struct dns_message message;
    struct dns_record record;
    struct dns_name name, question, target;
    uint16_t type;
    assert_int_equal(dns_name_from_text("a.b", &question), ERR_NONE);
    assert_int_equal(dns_name_from_text("c.b", &target), ERR_NONE);
    assert_int_equal(dns_parse(span_of(answer, sizeof answer), &message), ERR_NONE);
    assert_true(message.response && !message.truncated);
    assert_int_equal(message.id, 0x1234);
    assert_int_equal(message.code, DNS_OK);
    assert_int_equal(dns_next_question(&message, &name, &type), ERR_NONE);
    assert_true(dns_name_equal(&name, &question));
    assert_int_equal(dns_next_question(&message, &name, &type), ERR_NOT_FOUND);
    assert_int_equal(dns_next_answer(&message, &record), ERR_NONE);
    assert_int_equal(record.type, DNS_CNAME);
    assert_int_equal(record.ttl, 60);
    assert_true(dns_name_equal(&record.name, &question) && dns_name_equal(&record.target, &target));
    assert_int_equal(dns_next_answer(&message, &record), ERR_NONE);
    assert_int_equal(record.type, DNS_A);
    assert_int_equal(record.ttl, 0); /* the top bit was set */
    assert_true(dns_name_equal(&record.name, &target));
    assert_memory_equal(record.data.data, "\1\2\3\4", 4);
    assert_int_equal(dns_next_answer(&message, &record), ERR_NOT_FOUND);
    assert_int_equal(dns_next_authority(&message, &record), ERR_NONE);
    assert_int_equal(record.minimum, 5);
    abuse(span_of(answer, sizeof answer));
}

static enum error question_of(const uint8_t *name, size_t length) {
    struct dns_message message;
    struct dns_name out;
    uint16_t type;
    struct writer writer = writer_of(bytes, sizeof bytes);
    write_bytes(&writer, answer, 12);
    write_bytes(&writer, name, length);
    write_be32(&writer, 0x00010001);
    assert_int_equal(dns_parse(writer_span(&writer), &message), ERR_NONE);
    return dns_next_question(&message, &out, &type);
}

static void names_that_loop_are_refused(void **state) {
    assert_int_equal(question_of((const uint8_t[]){0xc0, 12}, 2), ERR_MALFORMED);         /* itself */
    assert_int_equal(question_of((const uint8_t[]){1, 'a', 0xc0, 12}, 4), ERR_MALFORMED); /* its own start */
    assert_int_equal(question_of((const uint8_t[]){0xc0, 14, 0xc0, 12}, 4), ERR_MALFORMED); /* each other */
    assert_int_equal(question_of((const uint8_t[]){0xc0, 40}, 2), ERR_MALFORMED);           /* forwards */
    assert_int_equal(question_of((const uint8_t[]){0xff, 0xff}, 2), ERR_MALFORMED);         /* outside */
    assert_int_equal(question_of((const uint8_t[]){0x40, 'a', 0}, 3), ERR_MALFORMED); /* reserved kinds */
    assert_int_equal(question_of((const uint8_t[]){0x80, 'a', 0}, 3), ERR_MALFORMED);
    uint8_t long_name[600]; /* labels without an end: 255 bytes are the most */
    memset(long_name, 1, sizeof long_name);
    assert_int_equal(question_of(long_name, sizeof long_name), ERR_MALFORMED);
}

static void a_query_is_a_message_with_one_question(void **state) {
    struct dns_name name, out;
    struct dns_message message;
    uint16_t type;
    struct writer writer = writer_of(bytes, sizeof bytes);
    assert_int_equal(dns_name_from_text("example.org", &name), ERR_NONE);
    dns_write_query(&writer, 0xabcd, &name, DNS_AAAA);
    assert_int_equal(dns_parse(writer_span(&writer), &message), ERR_NONE);
    assert_false(message.response);
    assert_int_equal(message.id, 0xabcd);
    assert_int_equal(dns_next_question(&message, &out, &type), ERR_NONE);
    assert_true(dns_name_equal(&name, &out));
    assert_int_equal(type, DNS_AAAA);
    assert_int_equal(message.at, writer.length);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_is_survived),
        cmocka_unit_test(ethernet_there_and_back),
        cmocka_unit_test(arp_there_and_back),
        cmocka_unit_test(arp_probes_have_no_sender),
        cmocka_unit_test(ipv4_there_and_back),
        cmocka_unit_test(ipv4_refuses),
        cmocka_unit_test(ipv4_options_are_skipped_safely),
        cmocka_unit_test(ipv4_addresses_in_text),
        cmocka_unit_test(icmp_there_and_back),
        cmocka_unit_test(icmp_errors_keep_their_fields),
        cmocka_unit_test(quotes_are_read_and_checked),
        cmocka_unit_test(udp_there_and_back),
        cmocka_unit_test(a_udp_sum_of_zero_is_sent_as_ones),
        cmocka_unit_test(tcp_there_and_back),
        cmocka_unit_test(a_syn_carries_its_options_as_linux_orders_them),
        cmocka_unit_test(every_choice_of_syn_options_parses),
        cmocka_unit_test(fast_open_cookies_of_legal_length_parse),
        cmocka_unit_test(sack_blocks_go_as_far_as_there_is_room),
        cmocka_unit_test(tcp_options_are_read_safely),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(dhcp_there_and_back),
        cmocka_unit_test(dhcp_refuses),
        cmocka_unit_test(dhcp_options_may_stand_in_file_and_sname),
        cmocka_unit_test(dns_names_out_of_text),
        cmocka_unit_test(dns_answers_are_read),
        cmocka_unit_test(names_that_loop_are_refused),
        cmocka_unit_test(a_query_is_a_message_with_one_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
