/* udp.c: UDP headers (RFC 768). */
#include <net/wire/checksum.h>
#include <net/wire/udp.h>

enum error udp_parse(struct span bytes, struct udp_header *header, struct span *payload) {
    struct reader reader = reader_of(bytes);
    header->source_port = read_be16(&reader);
    header->destination_port = read_be16(&reader);
    size_t length = read_be16(&reader);
    header->no_checksum = read_be16(&reader) == 0;
    if (reader.failed || length < UDP_HEADER || length > bytes.length) {
        return ERR_MALFORMED;
    }
    *payload = span_slice(bytes, UDP_HEADER, length - UDP_HEADER);
    return ERR_NONE;
}

bool udp_checksum_good(struct span bytes, uint32_t source, uint32_t destination) {
    struct reader reader = reader_of(bytes);
    (void)read_be32(&reader);
    uint16_t length = read_be16(&reader);
    if (read_be16(&reader) == 0) {
        return true;
    }
    struct checksum sum = {0};
    checksum_add_pseudo(&sum, source, destination, IP_UDP, length);
    checksum_add(&sum, bytes.data, length);
    return checksum_value(&sum) == 0;
}

void udp_write(struct writer *writer, const struct udp_header *header, uint32_t source, uint32_t destination,
               struct span payload) {
    size_t length = UDP_HEADER + payload.length;
    uint8_t *start = write_space(writer, UDP_HEADER);
    uint8_t *data = write_space(writer, length - UDP_HEADER);
    if (start == NULL || data == NULL || length > UINT16_MAX) {
        writer->failed = true;
        return;
    }
    struct writer at = writer_of(start, UDP_HEADER);
    write_be16(&at, header->source_port);
    write_be16(&at, header->destination_port);
    write_be16(&at, (uint16_t)length);
    write_be16(&at, 0);
    struct checksum sum = {0};
    checksum_add_pseudo(&sum, source, destination, IP_UDP, (uint32_t)length);
    checksum_add(&sum, start, UDP_HEADER);
    checksum_copy(&sum, data, payload.data, payload.length);
    uint16_t value = checksum_value(&sum);
    struct writer place = writer_of(start + 6, 2);
    write_be16(&place, value != 0 ? value : 0xffff); /* 0 would say: no sum */
}
