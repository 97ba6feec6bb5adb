/* span.h: bounded reading and writing of bytes.
 *
 * A span is a borrowed piece of memory. A reader walks over one, a writer fills one; neither ever leaves its
 * bounds. A step that does not fit does nothing but mark the reader (writer) as failed, and so does every
 * step after it: parse a whole format in a row and ask once at the end. A failed read gives 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data;
    size_t length;
};

static inline struct span span_of(const void *data, size_t length) {
    return (struct span){data, length};
}

/* The part of `span` from `offset` on, at most `length` bytes long; empty, at its end, when it lies outside.
 */
static inline struct span span_slice(struct span span, size_t offset, size_t length) {
    if (offset >= span.length) {
        return (struct span){span.length != 0 ? span.data + span.length : span.data, 0};
    }
    size_t left = span.length - offset;
    return (struct span){span.data + offset, length < left ? length : left};
}

static inline bool span_equal(struct span a, struct span b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* ---- Reading ---- */

struct reader {
    struct span left; /* what has not been read yet */
    bool failed;
};

static inline struct reader reader_of(struct span span) {
    return (struct reader){.left = span};
}

/* The next `length` bytes; an empty span, and failure, if there are fewer. */
static inline struct span read_bytes(struct reader *reader, size_t length) {
    if (reader->failed || length > reader->left.length) {
        reader->failed = true;
        return (struct span){0};
    }
    struct span bytes = {reader->left.data, length};
    if (length != 0) {
        reader->left.data += length;
        reader->left.length -= length;
    }
    return bytes;
}

static inline uint8_t read_u8(struct reader *reader) {
    struct span b = read_bytes(reader, 1);
    return b.length == 1 ? b.data[0] : 0;
}

static inline uint16_t read_be16(struct reader *reader) {
    struct span b = read_bytes(reader, 2);
    return b.length == 2 ? (uint16_t)(b.data[0] << 8 | b.data[1]) : 0;
}

static inline uint32_t read_be32(struct reader *reader) {
    uint32_t high = reader->left.length >= 4 ? read_be16(reader) : (reader->failed = true, 0);
    return high << 16 | read_be16(reader);
}

static inline uint16_t read_le16(struct reader *reader) {
    return __builtin_bswap16(read_be16(reader));
}

static inline uint32_t read_le32(struct reader *reader) {
    return __builtin_bswap32(read_be32(reader));
}

/* Copies the next `length` bytes to `to`, which is left alone on failure. */
static inline void read_copy(struct reader *reader, void *to, size_t length) {
    struct span bytes = read_bytes(reader, length);
    if (bytes.length != 0) {
        memcpy(to, bytes.data, bytes.length);
    }
}

/* ---- Writing ---- */

struct writer {
    uint8_t *data;
    size_t capacity;
    size_t length; /* bytes written so far */
    bool failed;
};

static inline struct writer writer_of(void *data, size_t capacity) {
    return (struct writer){.data = data, .capacity = capacity};
}

/* Where the next `length` bytes go, to be filled in by the caller; null, and failure, if they do not fit. */
static inline uint8_t *write_space(struct writer *writer, size_t length) {
    if (writer->failed || length > writer->capacity - writer->length) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *at = writer->data + writer->length;
    writer->length += length;
    return at;
}

static inline void write_u8(struct writer *writer, uint8_t value) {
    uint8_t *at = write_space(writer, 1);
    if (at != NULL) {
        at[0] = value;
    }
}

static inline void write_be16(struct writer *writer, uint16_t value) {
    uint8_t *at = write_space(writer, 2);
    if (at != NULL) {
        at[0] = (uint8_t)(value >> 8);
        at[1] = (uint8_t)value;
    }
}

static inline void write_be32(struct writer *writer, uint32_t value) {
    uint8_t *at = write_space(writer, 4);
    if (at != NULL) {
        at[0] = (uint8_t)(value >> 24);
        at[1] = (uint8_t)(value >> 16);
        at[2] = (uint8_t)(value >> 8);
        at[3] = (uint8_t)value;
    }
}

static inline void write_le16(struct writer *writer, uint16_t value) {
    write_be16(writer, __builtin_bswap16(value));
}

static inline void write_le32(struct writer *writer, uint32_t value) {
    write_be32(writer, __builtin_bswap32(value));
}

static inline void write_bytes(struct writer *writer, const void *bytes, size_t length) {
    uint8_t *at = write_space(writer, length);
    if (at != NULL && length != 0) {
        memcpy(at, bytes, length);
    }
}

static inline void write_zeros(struct writer *writer, size_t length) {
    uint8_t *at = write_space(writer, length);
    if (at != NULL && length != 0) {
        memset(at, 0, length);
    }
}

/* What has been written. */
static inline struct span writer_span(const struct writer *writer) {
    return (struct span){writer->data, writer->length};
}
