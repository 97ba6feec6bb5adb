/* dns.c: DNS messages and names (RFC 1035 3.1, 4.1). */
#include <net/wire/dns.h>

enum { LABEL_MAX = 63, HEADER = 12, POINTER = 0xc0 };
enum { FLAG_RESPONSE = 0x8000, FLAG_TRUNCATED = 0x0200, FLAG_RECURSION_DESIRED = 0x0100 };

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool is_host_character(uint8_t c) {
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* ---- Names ---- */

/* Adds one label; false: empty, too long, or no room for it and the root's 0. */
static bool add_label(struct dns_name *name, const uint8_t *label, size_t length) {
    if (length == 0 || length > LABEL_MAX || name->length + 1 + length + 1 > DNS_NAME_MAX) {
        return false;
    }
    name->bytes[name->length++] = (uint8_t)length;
    for (size_t i = 0; i < length; i++) {
        name->bytes[name->length++] = lower(label[i]);
    }
    return true;
}

static void end_name(struct dns_name *name) {
    name->bytes[name->length++] = 0;
}

enum error dns_name_from_text(const char *text, struct dns_name *name) {
    name->length = 0;
    while (*text != '\0') {
        const char *end = text;
        while (is_host_character((uint8_t)*end)) {
            end++;
        }
        bool stops = *end == '.' || *end == '\0';
        if (!stops || !add_label(name, (const uint8_t *)text, (size_t)(end - text))) {
            return ERR_INVALID;
        }
        text = *end == '.' ? end + 1 : end;
    }
    if (name->length == 0) {
        return ERR_INVALID;
    }
    end_name(name);
    return ERR_NONE;
}

/* Reads a name at *at of the message and moves *at behind it. A pointer must lead to before the place where
 * the piece that it ends began: so each leads strictly backwards, and there is an end to it. */
static enum error read_name(struct span all, size_t *at, struct dns_name *name) {
    size_t position = *at, piece = *at;
    bool jumped = false;
    name->length = 0;
    for (;;) {
        struct reader reader = reader_of(span_slice(all, position, SIZE_MAX));
        uint8_t length = read_u8(&reader);
        if (reader.failed || (length > LABEL_MAX && length < POINTER)) {
            return ERR_MALFORMED;
        }
        if (length >= POINTER) {
            size_t target = (size_t)(length & 0x3f) << 8 | read_u8(&reader);
            if (reader.failed || target >= piece) {
                return ERR_MALFORMED;
            }
            *at = jumped ? *at : position + 2;
            jumped = true;
            position = piece = target;
            continue;
        }
        struct span label = read_bytes(&reader, length);
        position += 1 + (size_t)length;
        if (length == 0) {
            break;
        }
        if (reader.failed || !add_label(name, label.data, label.length)) {
            return ERR_MALFORMED;
        }
    }
    end_name(name);
    *at = jumped ? *at : position;
    return ERR_NONE;
}

/* ---- Messages ---- */

enum error dns_parse(struct span bytes, struct dns_message *message) {
    struct reader reader = reader_of(bytes);
    message->id = read_be16(&reader);
    uint16_t flags = read_be16(&reader);
    message->response = (flags & FLAG_RESPONSE) != 0;
    message->truncated = (flags & FLAG_TRUNCATED) != 0;
    message->opcode = flags >> 11 & 0xf;
    message->code = flags & 0xf;
    message->questions = read_be16(&reader);
    message->answers = read_be16(&reader);
    message->authorities = read_be16(&reader);
    message->additionals = read_be16(&reader);
    message->all = bytes;
    message->at = HEADER;
    return reader.failed ? ERR_MALFORMED : ERR_NONE;
}

enum error dns_next_question(struct dns_message *message, struct dns_name *name, uint16_t *type) {
    if (message->questions == 0) {
        return ERR_NOT_FOUND;
    }
    enum error error = read_name(message->all, &message->at, name);
    if (error != ERR_NONE) {
        return error;
    }
    struct reader reader = reader_of(span_slice(message->all, message->at, 4));
    *type = read_be16(&reader);
    uint16_t class = read_be16(&reader);
    message->at += 4;
    message->questions--;
    return reader.failed || class != DNS_INTERNET ? ERR_MALFORMED : ERR_NONE;
}

/* A SOA's data: two names, then five numbers of which the last is the minimum. */
static enum error read_soa(struct dns_message *message, size_t at, struct dns_record *record) {
    struct dns_name ignored;
    for (int i = 0; i < 2; i++) {
        enum error error = read_name(message->all, &at, &ignored);
        if (error != ERR_NONE) {
            return error;
        }
    }
    struct reader reader = reader_of(span_slice(message->all, at, 20));
    (void)read_bytes(&reader, 16);
    record->minimum = read_be32(&reader);
    return reader.failed ? ERR_MALFORMED : ERR_NONE;
}

static enum error read_data(struct dns_message *message, size_t at, struct dns_record *record) {
    switch (record->type) {
    case DNS_A: return record->data.length == 4 ? ERR_NONE : ERR_MALFORMED;
    case DNS_AAAA: return record->data.length == 16 ? ERR_NONE : ERR_MALFORMED;
    case DNS_CNAME: return read_name(message->all, &at, &record->target);
    case DNS_SOA: return read_soa(message, at, record);
    default: return ERR_NONE;
    }
}

static enum error next_record(struct dns_message *message, uint16_t *left, struct dns_record *record) {
    if (*left == 0) {
        return ERR_NOT_FOUND;
    }
    enum error error = read_name(message->all, &message->at, &record->name);
    if (error != ERR_NONE) {
        return error;
    }
    struct reader reader = reader_of(span_slice(message->all, message->at, SIZE_MAX));
    record->type = read_be16(&reader);
    record->class = read_be16(&reader);
    record->ttl = read_be32(&reader);
    record->ttl = record->ttl >> 31 != 0 ? 0 : record->ttl;
    size_t length = read_be16(&reader);
    size_t data_at = message->at + 10;
    record->data = read_bytes(&reader, length);
    record->target.length = 0;
    record->minimum = 0;
    message->at = data_at + length;
    --*left;
    return reader.failed ? ERR_MALFORMED : read_data(message, data_at, record);
}

enum error dns_next_answer(struct dns_message *message, struct dns_record *record) {
    return next_record(message, &message->answers, record);
}

enum error dns_next_authority(struct dns_message *message, struct dns_record *record) {
    return next_record(message, &message->authorities, record);
}

void dns_write_query(struct writer *writer, uint16_t id, const struct dns_name *name, uint16_t type) {
    write_be16(writer, id);
    write_be16(writer, FLAG_RECURSION_DESIRED);
    write_be16(writer, 1);
    write_zeros(writer, 6);
    write_bytes(writer, name->bytes, name->length);
    write_be16(writer, type);
    write_be16(writer, DNS_INTERNET);
}
