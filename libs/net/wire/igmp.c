/* igmp.c: IGMP messages (RFC 1112, 2236, 3376). */
#include <net/wire/checksum.h>
#include <net/wire/igmp.h>

#define CHECKSUM_OFFSET 2
#define COUNT_OFFSET    6

/* RFC 3376 4.1.1 and 4.1.7: small values as they are, larger ones with a mantissa of four bits. */
static uint32_t time_of_code(uint8_t code) {
    return code < 128 ? code : (uint32_t)((code & 0xf) | 0x10) << ((code >> 4 & 7) + 3);
}

static enum error parse_query(struct reader *reader, uint8_t code, size_t length,
                              struct igmp_message *message) {
    if (length == IGMP_SHORT) {
        message->version = code == 0 ? 1 : 2;
        message->response = code == 0 ? IGMP_V1_RESPONSE : code;
        return ERR_NONE;
    }
    message->version = 3;
    message->response = time_of_code(code);
    message->robustness = read_u8(reader) & 7;
    message->interval = time_of_code(read_u8(reader));
    message->source_count = read_be16(reader);
    message->sources = read_bytes(reader, (size_t)message->source_count * 4);
    return reader->failed ? ERR_MALFORMED : ERR_NONE;
}

enum error igmp_parse(struct span bytes, struct igmp_message *message) {
    struct reader reader = reader_of(bytes);
    *message = (struct igmp_message){.type = read_u8(&reader)};
    uint8_t code = read_u8(&reader);
    (void)read_be16(&reader); /* the sum: igmp_checksum_good */
    message->group = read_be32(&reader);
    if (reader.failed) {
        return ERR_MALFORMED;
    }
    bool general = message->type == IGMP_QUERY && message->group == 0;
    bool names_group = message->type != IGMP_V3_REPORT && !general;
    if (names_group && !ipv4_is_multicast(message->group)) {
        return ERR_MALFORMED;
    }
    return message->type == IGMP_QUERY ? parse_query(&reader, code, bytes.length, message) : ERR_NONE;
}

bool igmp_checksum_good(struct span bytes) {
    return checksum_of(bytes.data, bytes.length) == 0;
}

uint32_t igmp_source(const struct igmp_message *message, uint16_t index) {
    struct reader reader = reader_of(span_slice(message->sources, (size_t)index * 4, 4));
    return read_be32(&reader);
}

/* Fills in the sum over all that has been written. */
static void write_sum(struct writer *writer) {
    if (!writer->failed) {
        struct writer place = writer_of(writer->data + CHECKSUM_OFFSET, 2);
        write_be16(&place, checksum_of(writer->data, writer->length));
    }
}

void igmp_write_short(struct writer *writer, uint8_t type, uint32_t group) {
    write_u8(writer, type);
    write_u8(writer, 0);
    write_be16(writer, 0);
    write_be32(writer, group);
    write_sum(writer);
}

void igmp_begin_report(struct writer *writer) {
    write_u8(writer, IGMP_V3_REPORT);
    write_zeros(writer, IGMP_SHORT - 1);
}

void igmp_write_record(struct writer *writer, enum igmp_record_type type, uint32_t group,
                       const uint32_t *sources, uint16_t count) {
    write_u8(writer, (uint8_t)type);
    write_u8(writer, 0); /* no auxiliary data */
    write_be16(writer, count);
    write_be32(writer, group);
    for (uint16_t i = 0; i < count; i++) {
        write_be32(writer, sources[i]);
    }
}

void igmp_end_report(struct writer *writer, uint16_t records) {
    if (!writer->failed) {
        struct writer place = writer_of(writer->data + COUNT_OFFSET, 2);
        write_be16(&place, records);
        write_sum(writer);
    }
}
