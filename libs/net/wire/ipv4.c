/* ipv4.c: IPv4 headers (RFC 791, RFC 1122 3.2.1). */
#include <net/wire/checksum.h>
#include <net/wire/ipv4.h>

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_ROUTER_ALERT = 148 };
enum { FLAG_DONT_FRAGMENT = 0x4000, FLAG_MORE_FRAGMENTS = 0x2000, OFFSET_MASK = 0x1fff };

/* Where in `options` the first one stands that does not end inside; their length: all do. Their meaning is
 * skipped: none is needed by a host, and source routes are better not obeyed. */
static size_t bad_option(struct span options) {
    struct reader reader = reader_of(options);
    while (reader.left.length > 0) {
        size_t at = options.length - reader.left.length;
        uint8_t kind = read_u8(&reader);
        if (kind == OPTION_END) {
            break;
        }
        if (kind == OPTION_NOP) {
            continue;
        }
        uint8_t length = read_u8(&reader);
        (void)read_bytes(&reader, length < 2 ? SIZE_MAX : length - 2u);
        if (reader.failed) {
            return at;
        }
    }
    return options.length;
}

enum error ipv4_parse(struct span packet, struct ipv4_header *header, struct span *payload) {
    struct reader reader = reader_of(packet);
    uint8_t version = read_u8(&reader);
    size_t header_length = (size_t)(version & 0xf) * 4;
    header->tos = read_u8(&reader);
    size_t total = read_be16(&reader);
    header->id = read_be16(&reader);
    uint16_t flags = read_be16(&reader);
    header->ttl = read_u8(&reader);
    header->protocol = read_u8(&reader);
    (void)read_be16(&reader); /* the sum: ipv4_checksum_good */
    header->source = read_be32(&reader);
    header->destination = read_be32(&reader);
    bool lengths = header_length >= IPV4_HEADER && header_length <= total && total <= packet.length;
    if (reader.failed || version >> 4 != 4 || !lengths) {
        return ERR_MALFORMED;
    }
    header->dont_fragment = (flags & FLAG_DONT_FRAGMENT) != 0;
    header->more_fragments = (flags & FLAG_MORE_FRAGMENTS) != 0;
    header->fragment_offset = (uint16_t)((flags & OFFSET_MASK) * 8);
    header->router_alert = false;
    header->options = span_slice(packet, IPV4_HEADER, header_length - IPV4_HEADER);
    *payload = span_of(packet.data + header_length, total - header_length);
    size_t bad = bad_option(header->options);
    header->bad_option = (uint8_t)(IPV4_HEADER + bad);
    if (header->fragment_offset + total > UINT16_MAX) {
        return ERR_MALFORMED;
    }
    return bad == header->options.length ? ERR_NONE : ERR_NOT_SUPPORTED;
}

bool ipv4_checksum_good(struct span packet) {
    size_t header_length = (size_t)(packet.data[0] & 0xf) * 4;
    return checksum_of(packet.data, header_length) == 0;
}

void ipv4_write(struct writer *writer, const struct ipv4_header *header, size_t payload_length) {
    size_t header_length = IPV4_HEADER + (header->router_alert ? IPV4_ALERT : 0);
    uint8_t *start = write_space(writer, header_length);
    if (start == NULL || payload_length > UINT16_MAX - header_length) {
        writer->failed = true;
        return;
    }
    uint16_t flags = (uint16_t)(header->fragment_offset / 8);
    flags |= header->dont_fragment ? FLAG_DONT_FRAGMENT : 0;
    flags |= header->more_fragments ? FLAG_MORE_FRAGMENTS : 0;
    struct writer at = writer_of(start, header_length);
    write_u8(&at, (uint8_t)(4 << 4 | header_length / 4));
    write_u8(&at, header->tos);
    write_be16(&at, (uint16_t)(header_length + payload_length));
    write_be16(&at, header->id);
    write_be16(&at, flags);
    write_u8(&at, header->ttl);
    write_u8(&at, header->protocol);
    write_be16(&at, 0);
    write_be32(&at, header->source);
    write_be32(&at, header->destination);
    if (header->router_alert) {
        write_be32(&at, (uint32_t)OPTION_ROUTER_ALERT << 24 | IPV4_ALERT << 16);
    }
    struct writer sum = writer_of(start + 10, 2);
    write_be16(&sum, checksum_of(start, header_length));
}

/* One number 0..255; *text moves behind it. -1: none. */
static int read_number(const char **text) {
    int value = 0, digits = 0;
    for (; **text >= '0' && **text <= '9'; ++*text, digits++) {
        value = value * 10 + (**text - '0');
        if (value > 255) {
            return -1;
        }
    }
    return digits > 0 ? value : -1;
}

enum error ipv4_from_text(const char *text, uint32_t *address) {
    uint32_t result = 0;
    for (int i = 0; i < 4; i++) {
        if (i > 0 && *text++ != '.') {
            return ERR_MALFORMED;
        }
        int number = read_number(&text);
        if (number < 0) {
            return ERR_MALFORMED;
        }
        result = result << 8 | (uint32_t)number;
    }
    if (*text != '\0') {
        return ERR_MALFORMED;
    }
    *address = result;
    return ERR_NONE;
}
