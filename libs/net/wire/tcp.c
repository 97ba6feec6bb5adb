/* tcp.c: TCP headers and options (RFC 9293 3.1, 7323, 2018). */
#include <net/wire/tcp.h>

enum option {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_SACK = 5,
    OPTION_TIMESTAMP = 8,
    OPTION_FAST_OPEN = 34
};
enum { LENGTH_MSS = 4, LENGTH_WINDOW_SCALE = 3, LENGTH_SACK_PERMITTED = 2, LENGTH_TIMESTAMP = 10 };
enum { LENGTH_SACK_BLOCK = 8 };

static void parse_sack(struct reader *body, struct tcp_options *options) {
    if (body->left.length == 0 || body->left.length % LENGTH_SACK_BLOCK != 0) {
        return;
    }
    options->sack_count = 0;
    while (body->left.length > 0 && options->sack_count < TCP_SACK_MAX) {
        struct tcp_sack *block = &options->sack[options->sack_count++];
        block->start = seq_of(read_be32(body));
        block->end = seq_of(read_be32(body));
    }
}

static void parse_fast_open(struct span cookie, struct tcp_options *options) {
    bool good = cookie.length >= 4 && cookie.length <= TCP_COOKIE_MAX && cookie.length % 2 == 0;
    if (!good && cookie.length != 0) {
        return;
    }
    options->has_fast_open = true;
    options->fast_open.length = (uint8_t)cookie.length;
    if (good) {
        memcpy(options->fast_open.bytes, cookie.data, cookie.length);
    }
}

static void parse_option(uint8_t kind, struct span bytes, struct tcp_options *options) {
    struct reader body = reader_of(bytes);
    size_t length = bytes.length + 2;
    if (kind == OPTION_MSS && length == LENGTH_MSS) {
        options->mss = read_be16(&body);
    } else if (kind == OPTION_WINDOW_SCALE && length == LENGTH_WINDOW_SCALE) {
        options->has_window_scale = true;
        options->window_scale = read_u8(&body);
    } else if (kind == OPTION_SACK_PERMITTED && length == LENGTH_SACK_PERMITTED) {
        options->sack_permitted = true;
    } else if (kind == OPTION_SACK) {
        parse_sack(&body, options);
    } else if (kind == OPTION_FAST_OPEN) {
        parse_fast_open(bytes, options);
    } else if (kind == OPTION_TIMESTAMP && length == LENGTH_TIMESTAMP) {
        options->has_timestamp = true;
        options->timestamp = read_be32(&body);
        options->timestamp_echo = read_be32(&body);
    }
}

/* What most segments carry, as everybody lays it out: two NOPs and a timestamp. */
static bool parse_timestamp_alone(struct span bytes, struct tcp_options *options) {
    static const uint8_t start[] = {OPTION_NOP, OPTION_NOP, OPTION_TIMESTAMP, LENGTH_TIMESTAMP};
    if (bytes.length != LENGTH_TIMESTAMP + 2 || memcmp(bytes.data, start, sizeof start) != 0) {
        return false;
    }
    parse_option(OPTION_TIMESTAMP, span_slice(bytes, sizeof start, LENGTH_TIMESTAMP - 2), options);
    return true;
}

static enum error parse_options(struct span bytes, struct tcp_options *options) {
    if (parse_timestamp_alone(bytes, options)) {
        return ERR_NONE;
    }
    struct reader reader = reader_of(bytes);
    while (reader.left.length > 0 && !reader.failed) {
        uint8_t kind = read_u8(&reader);
        if (kind == OPTION_END) {
            break;
        }
        if (kind == OPTION_NOP) {
            continue;
        }
        uint8_t length = read_u8(&reader);
        if (length < 2) {
            return ERR_MALFORMED;
        }
        struct span body = read_bytes(&reader, length - 2);
        if (!reader.failed) {
            parse_option(kind, body, options);
        }
    }
    return reader.failed ? ERR_MALFORMED : ERR_NONE;
}

enum error tcp_parse(struct span segment, struct tcp_header *header, struct span *payload) {
    struct reader reader = reader_of(segment);
    header->source_port = read_be16(&reader);
    header->destination_port = read_be16(&reader);
    header->seq = seq_of(read_be32(&reader));
    header->ack = seq_of(read_be32(&reader));
    size_t header_length = (size_t)(read_u8(&reader) >> 4) * 4;
    header->flags = read_u8(&reader);
    header->window = read_be16(&reader);
    (void)read_be16(&reader); /* the sum: tcp_checksum_good */
    header->urgent = read_be16(&reader);
    header->options = (struct tcp_options){0};
    if (reader.failed || header_length < TCP_HEADER || header_length > segment.length) {
        return ERR_MALFORMED;
    }
    *payload = span_slice(segment, header_length, segment.length - header_length);
    return parse_options(span_slice(segment, TCP_HEADER, header_length - TCP_HEADER), &header->options);
}

bool tcp_checksum_good(struct span segment, uint32_t source, uint32_t destination) {
    struct checksum sum = {0};
    checksum_add_pseudo(&sum, source, destination, IP_TCP, (uint32_t)segment.length);
    checksum_add(&sum, segment.data, segment.length);
    return checksum_value(&sum) == 0;
}

/* ---- Writing ---- each option is padded in front with NOPs to a multiple of 4, as Linux does */

static size_t fast_open_padding(const struct tcp_options *options) {
    return (6u - options->fast_open.length % 4) % 4;
}

/* Bytes of the SYN's options. SACK permitted stands in the timestamp's padding when both are there. */
static size_t syn_options_length(const struct tcp_options *options) {
    size_t length = options->mss != 0 ? LENGTH_MSS : 0;
    length += options->has_timestamp    ? LENGTH_TIMESTAMP + 2
              : options->sack_permitted ? LENGTH_SACK_PERMITTED + 2
                                        : 0;
    length += options->has_fast_open ? 2 + options->fast_open.length + fast_open_padding(options) : 0;
    return length + (options->has_window_scale ? LENGTH_WINDOW_SCALE + 1 : 0);
}

static size_t sack_blocks_that_fit(const struct tcp_options *options) {
    size_t room = TCP_HEADER_MAX - TCP_HEADER - (options->has_timestamp ? LENGTH_TIMESTAMP + 2 : 0);
    size_t most = (room - 4) / LENGTH_SACK_BLOCK;
    return options->sack_count < most ? options->sack_count : most;
}

size_t tcp_header_length(const struct tcp_header *header) {
    const struct tcp_options *options = &header->options;
    if ((header->flags & TCP_SYN) != 0) {
        return TCP_HEADER + syn_options_length(options);
    }
    size_t blocks = sack_blocks_that_fit(options);
    size_t length = options->has_timestamp ? LENGTH_TIMESTAMP + 2 : 0;
    return TCP_HEADER + length + (blocks != 0 ? 4 + blocks * LENGTH_SACK_BLOCK : 0);
}

static void write_option(struct writer *writer, enum option kind, uint8_t length) {
    write_u8(writer, (uint8_t)kind);
    write_u8(writer, length);
}

static void write_nops(struct writer *writer, int count) {
    for (int i = 0; i < count; i++) {
        write_u8(writer, OPTION_NOP);
    }
}

static void write_timestamp(struct writer *writer, const struct tcp_options *options) {
    write_option(writer, OPTION_TIMESTAMP, LENGTH_TIMESTAMP);
    write_be32(writer, options->timestamp);
    write_be32(writer, options->timestamp_echo);
}

static void write_syn_options(struct writer *writer, const struct tcp_options *options) {
    if (options->mss != 0) {
        write_option(writer, OPTION_MSS, LENGTH_MSS);
        write_be16(writer, options->mss);
    }
    if (options->has_timestamp || options->sack_permitted) {
        if (options->has_timestamp && options->sack_permitted) {
            write_option(writer, OPTION_SACK_PERMITTED, LENGTH_SACK_PERMITTED);
        } else {
            write_nops(writer, 2);
        }
        if (options->has_timestamp) {
            write_timestamp(writer, options);
        } else {
            write_option(writer, OPTION_SACK_PERMITTED, LENGTH_SACK_PERMITTED);
        }
    }
    if (options->has_window_scale) {
        write_nops(writer, 1);
        write_option(writer, OPTION_WINDOW_SCALE, LENGTH_WINDOW_SCALE);
        write_u8(writer, options->window_scale);
    }
    if (options->has_fast_open) {
        write_nops(writer, (int)fast_open_padding(options));
        write_option(writer, OPTION_FAST_OPEN, (uint8_t)(2 + options->fast_open.length));
        write_bytes(writer, options->fast_open.bytes, options->fast_open.length);
    }
}

static void write_options(struct writer *writer, const struct tcp_options *options) {
    if (options->has_timestamp) {
        write_nops(writer, 2);
        write_timestamp(writer, options);
    }
    size_t blocks = sack_blocks_that_fit(options);
    if (blocks == 0) {
        return;
    }
    write_nops(writer, 2);
    write_option(writer, OPTION_SACK, (uint8_t)(2 + blocks * LENGTH_SACK_BLOCK));
    for (size_t i = 0; i < blocks; i++) {
        write_be32(writer, options->sack[i].start.value);
        write_be32(writer, options->sack[i].end.value);
    }
}

void tcp_write(struct writer *writer, const struct tcp_header *header) {
    write_be16(writer, header->source_port);
    write_be16(writer, header->destination_port);
    write_be32(writer, header->seq.value);
    write_be32(writer, header->ack.value);
    write_u8(writer, (uint8_t)(tcp_header_length(header) / 4 << 4));
    write_u8(writer, header->flags);
    write_be16(writer, header->window);
    write_be16(writer, 0);
    write_be16(writer, header->urgent);
    if ((header->flags & TCP_SYN) != 0) {
        write_syn_options(writer, &header->options);
    } else {
        write_options(writer, &header->options);
    }
}

void tcp_write_checksum(uint8_t *segment, size_t header_length, size_t length, uint32_t source,
                        uint32_t destination, const struct checksum *payload) {
    struct checksum sum = {0};
    checksum_add_pseudo(&sum, source, destination, IP_TCP, (uint32_t)length);
    checksum_add(&sum, segment, header_length);
    checksum_combine(&sum, payload);
    struct writer place = writer_of(segment + TCP_CHECKSUM_OFFSET, 2);
    write_be16(&place, checksum_value(&sum));
}
