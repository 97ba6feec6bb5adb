/* forge.c: frames by hand; read forge.h first. */
#include <net/wire/udp.h>
#include <netsim/script/forge.h>

enum { IPV4_SUM = 10, UDP_SUM = 6, ICMP_SUM = 2, TCP_OFFSET = 12 };

static void put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static struct writer begin(uint8_t *frame, const struct forge_ends *ends, const struct ipv4_header *header,
                           size_t length) {
    struct writer writer = writer_of(frame, FORGE_MAX);
    struct ipv4_header own = *header;
    own.source = ends->source;
    own.destination = ends->destination;
    own.ttl = own.ttl != 0 ? own.ttl : IPV4_TTL;
    ethernet_write(&writer, &(struct ethernet_header){ends->to, ends->from, ETHER_IPV4});
    ipv4_write(&writer, &own, length);
    return writer;
}

static size_t end(const struct writer *writer) {
    return writer->failed ? 0 : writer->length;
}

size_t forge_packet(uint8_t *frame, const struct forge_ends *ends, const struct ipv4_header *header,
                    struct span payload) {
    struct writer writer = begin(frame, ends, header, payload.length);
    write_bytes(&writer, payload.data, payload.length);
    return end(&writer);
}

size_t forge_datagram(uint8_t *frame, const struct forge_ends *ends, uint16_t from, uint16_t to,
                      struct span payload) {
    struct writer writer =
        begin(frame, ends, &(struct ipv4_header){.protocol = IP_UDP}, UDP_HEADER + payload.length);
    udp_write(&writer, &(struct udp_header){from, to, false}, ends->source, ends->destination, payload);
    return end(&writer);
}

size_t forge_icmp(uint8_t *frame, const struct forge_ends *ends, const struct icmp_message *message) {
    struct writer writer =
        begin(frame, ends, &(struct ipv4_header){.protocol = IP_ICMP}, ICMP_HEADER + message->payload.length);
    icmp_write(&writer, message);
    return end(&writer);
}

size_t forge_segment(uint8_t *frame, const struct forge_ends *ends, const struct tcp_header *header,
                     struct span options, struct span payload) {
    struct tcp_header own = *header;
    options = span_slice(options, 0, TCP_HEADER_MAX - TCP_HEADER);
    if (options.length != 0) {
        own.options = (struct tcp_options){0};
    }
    size_t padded = (options.length + 3) / 4 * 4, header_length = tcp_header_length(&own) + padded;
    struct writer writer =
        begin(frame, ends, &(struct ipv4_header){.protocol = IP_TCP}, header_length + payload.length);
    uint8_t *segment = frame + writer.length;
    tcp_write(&writer, &own);
    write_bytes(&writer, options.data, options.length);
    write_zeros(&writer, padded - options.length);
    write_bytes(&writer, payload.data, payload.length);
    if (!writer.failed) {
        segment[TCP_OFFSET] = (uint8_t)(header_length / 4 << 4);
        forge_repair(frame, writer.length);
    }
    return end(&writer);
}

size_t forge_fragment(uint8_t *frame, struct span whole, size_t offset, size_t length) {
    struct ethernet_header ethernet;
    struct ipv4_header header;
    struct span packet, payload;
    if (ethernet_parse(whole, &ethernet, &packet) != ERR_NONE || ethernet.type != ETHER_IPV4 ||
        ipv4_parse(packet, &header, &payload) != ERR_NONE) {
        return 0;
    }
    offset = offset / 8 * 8;
    struct span piece = span_slice(payload, offset, length / 8 * 8);
    header.more_fragments |= offset + piece.length < payload.length;
    header.fragment_offset = (uint16_t)(header.fragment_offset + offset);
    header.dont_fragment = false;
    struct forge_ends ends = {ethernet.source, ethernet.destination, header.source, header.destination};
    return forge_packet(frame, &ends, &header, piece);
}

/* ---- Sums ---- */

static void repair_payload(const struct ipv4_header *ip, uint8_t *bytes, size_t length) {
    static const struct {
        uint8_t protocol, sum, least;
    } kinds[] = {
        {IP_TCP, TCP_CHECKSUM_OFFSET, TCP_HEADER}, {IP_UDP, UDP_SUM, UDP_HEADER}, {IP_ICMP, ICMP_SUM, 4}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (ip->protocol != kinds[i].protocol || length < kinds[i].least) {
            continue;
        }
        struct checksum sum = {0};
        put16(bytes + kinds[i].sum, 0);
        checksum_add(&sum, bytes, length);
        if (ip->protocol != IP_ICMP) {
            checksum_add_pseudo(&sum, ip->source, ip->destination, ip->protocol, (uint32_t)length);
        }
        put16(bytes + kinds[i].sum, checksum_value(&sum));
    }
}

void forge_repair(uint8_t *frame, size_t length) {
    struct ethernet_header ethernet;
    struct ipv4_header ip;
    struct span packet, payload;
    if (ethernet_parse(span_of(frame, length), &ethernet, &packet) != ERR_NONE ||
        ethernet.type != ETHER_IPV4 || ipv4_parse(packet, &ip, &payload) != ERR_NONE) {
        return;
    }
    uint8_t *at = frame + ETHERNET_HEADER;
    put16(at + IPV4_SUM, 0);
    put16(at + IPV4_SUM, checksum_of(at, (size_t)(payload.data - packet.data)));
    if (!ipv4_is_fragment(&ip)) {
        repair_payload(&ip, frame + (payload.data - frame), payload.length);
    }
}

/* ---- Segments by differences ---- */

uint32_t forge_difference(uint8_t byte) {
    int32_t value = byte < 128 ? byte : byte - 256;
    uint32_t size = (uint32_t)(value < 0 ? -value : value), scaled = size;
    if (size > 120) {
        scaled = (size - 119) << 28;
    } else if (size > 96) {
        scaled = (size - 95) << 16;
    } else if (size > 16) {
        scaled = (size - 15) * 90;
    }
    return value < 0 ? 0 - scaled : scaled;
}

/* Blocks by their distance before what has been sent, one byte each for that and for their length. */
static void read_blocks(struct reader *args, const struct forge_expectation *right, uint8_t count,
                        struct tcp_options *options) {
    options->sack_count = count;
    for (uint8_t i = 0; i < count; i++) {
        options->sack[i].start = seq_of(right->sent.value - forge_difference(read_u8(args)));
        options->sack[i].end = seq_add(options->sack[i].start, read_u8(args) * 90u);
    }
}

void forge_read(struct reader *args, const struct forge_expectation *right, struct tcp_header *header,
                size_t *length) {
    *header = (struct tcp_header){.source_port = right->from, .destination_port = right->to};
    header->flags = read_u8(args);
    header->seq = seq_add(right->seq, forge_difference(read_u8(args)));
    header->ack = seq_add(right->ack, forge_difference(read_u8(args)));
    uint8_t window = read_u8(args), options = read_u8(args);
    *length = (size_t)read_u8(args) * 6;
    header->window = (uint16_t)(window < 128 ? 0xffff >> (window & 15) : (window & 127) << 6);
    header->urgent = window == 127 ? 1 : 0;
    header->options = (struct tcp_options){.mss = (options & 1) != 0 ? 536 : 0,
                                           .has_window_scale = (options & 2) != 0,
                                           .window_scale = options >> 4,
                                           .sack_permitted = (options & 4) != 0,
                                           .has_timestamp = right->stamped != ((options & 8) != 0)};
    header->options.timestamp = right->timestamp + forge_difference(read_u8(args));
    header->options.timestamp_echo = right->timestamp_echo + forge_difference(read_u8(args));
    bool syn = (header->flags & TCP_SYN) != 0;
    read_blocks(args, right, syn ? 0 : options >> 4 & 3, &header->options);
}
