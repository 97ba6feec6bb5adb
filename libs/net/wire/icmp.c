/* icmp.c: ICMP messages (RFC 792). */
#include <net/wire/checksum.h>
#include <net/wire/icmp.h>

enum error icmp_parse(struct span bytes, struct icmp_message *message) {
    struct reader reader = reader_of(bytes);
    *message = (struct icmp_message){.type = read_u8(&reader), .code = read_u8(&reader)};
    (void)read_be16(&reader); /* the sum: icmp_checksum_good */
    uint16_t first = read_be16(&reader), second = read_be16(&reader);
    switch (message->type) {
    case ICMP_ECHO:
    case ICMP_ECHO_REPLY:
    case ICMP_TIMESTAMP:
    case ICMP_TIMESTAMP_REPLY:
        message->id = first;
        message->sequence = second;
        break;
    case ICMP_UNREACHABLE: message->mtu = message->code == ICMP_FRAGMENTATION_NEEDED ? second : 0; break;
    case ICMP_PARAMETER_PROBLEM: message->pointer = (uint8_t)(first >> 8); break;
    default: break;
    }
    message->payload = reader.left;
    return reader.failed ? ERR_MALFORMED : ERR_NONE;
}

bool icmp_checksum_good(struct span bytes) {
    return checksum_of(bytes.data, bytes.length) == 0;
}

void icmp_write(struct writer *writer, const struct icmp_message *message) {
    uint8_t *start = write_space(writer, ICMP_HEADER);
    uint8_t *payload = write_space(writer, message->payload.length);
    if (start == NULL || payload == NULL) {
        return;
    }
    bool question = message->type == ICMP_ECHO || message->type == ICMP_ECHO_REPLY ||
                    message->type == ICMP_TIMESTAMP || message->type == ICMP_TIMESTAMP_REPLY;
    struct writer at = writer_of(start, ICMP_HEADER);
    write_u8(&at, message->type);
    write_u8(&at, message->code);
    write_be16(&at, 0);
    write_be16(&at, question ? message->id : (uint16_t)(message->pointer << 8));
    write_be16(&at, question ? message->sequence : message->mtu);
    struct checksum sum = {0};
    checksum_add(&sum, start, ICMP_HEADER);
    checksum_copy(&sum, payload, message->payload.data, message->payload.length);
    struct writer place = writer_of(start + 2, 2);
    write_be16(&place, checksum_value(&sum));
}

enum error icmp_parse_quote(struct span bytes, struct icmp_quote *quote) {
    struct reader reader = reader_of(bytes);
    *quote = (struct icmp_quote){0};
    uint8_t version = read_u8(&reader);
    (void)read_u8(&reader);
    quote->length = read_be16(&reader);
    (void)read_be16(&reader);
    uint16_t offset = read_be16(&reader) & 0x1fff;
    (void)read_u8(&reader);
    quote->protocol = read_u8(&reader);
    (void)read_be16(&reader);
    quote->source = read_be32(&reader);
    quote->destination = read_be32(&reader);
    size_t header_length = (size_t)(version & 0xf) * 4;
    if (version >> 4 != 4 || header_length < IPV4_HEADER || offset != 0) {
        return ERR_MALFORMED;
    }
    (void)read_bytes(&reader, header_length - IPV4_HEADER);
    struct reader transport = reader_of(read_bytes(&reader, 8));
    if (quote->protocol == IP_TCP || quote->protocol == IP_UDP) {
        quote->source_port = read_be16(&transport);
        quote->destination_port = read_be16(&transport);
        quote->sequence = seq_of(quote->protocol == IP_TCP ? read_be32(&transport) : 0);
    }
    return reader.failed ? ERR_MALFORMED : ERR_NONE;
}
