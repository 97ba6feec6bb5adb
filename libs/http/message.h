/* message.h: HTTP/1.1 messages (RFC 9112), requests and responses, read in pieces of any size.
 *
 * One struct http_parser reads one message: feed it bytes with http_parse() and it says what it has reached:
 * the head, a piece of the body, the end. All that it keeps is in the struct, so its size is the bound of
 * what a peer can make us store. The grammar is llhttp's work; limits and meaning are ours. */
#pragma once

#include <base/error.h>
#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_TEXT_SIZE  8192 /* target or reason phrase, and all fields, of one head */
#define HTTP_TARGET_MAX 4096 /* longest request target; a longer one is refused with 414 */
#define HTTP_FIELDS_MAX 100
#define HTTP_WIRE_MAX   16384 /* bytes on the wire that bring no body: head, chunk framing, trailer */

/* What http_parse() has reached. */
enum http_event {
    HTTP_NEED_MORE, /* all bytes are used; the message goes on */
    HTTP_GOT_HEAD,  /* the head is complete; reported once for each message */
    HTTP_GOT_BODY,  /* `body` and `body_length` hold a piece of the body, inside the bytes just given */
    HTTP_GOT_END,   /* the message is complete; bytes that were not used belong to the next one */
    HTTP_MALFORMED, /* not HTTP, or beyond our limits: see `refusal` and `reason` */
};

/* A header field: offsets of two strings in `text`, each ended by NUL. */
struct http_field {
    uint16_t name;
    uint16_t value;
};

struct http_parser {
    llhttp_t machine;
    llhttp_type_t role;

    /* How far this message is. `skip_body`: a response to HEAD, whose body never comes. */
    bool begun, in_value, head_seen, head_told, ended, skip_body;
    uint32_t overhead; /* wire bytes since the last body byte */

    /* The piece of body that HTTP_GOT_BODY speaks of. */
    const char *body;
    size_t body_length;

    /* Why it is HTTP_MALFORMED: the status that a server should answer, and a few words. */
    uint16_t refusal;
    const char *reason;

    /* The head: first the target (request) or the reason phrase (response), then the fields. */
    uint16_t text_length;
    uint16_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
    char text[HTTP_TEXT_SIZE];
};

/* Gets ready for the first byte of a message; role is HTTP_REQUEST or HTTP_RESPONSE. The big arrays are left
 * as they are. */
void http_parser_init(struct http_parser *parser, llhttp_type_t role);

/* For a response to HEAD: its head is all there is. Call before the head is complete. */
void http_parser_skip_body(struct http_parser *parser);

/* Reads from `length` bytes at `data`; *used says how many it took. Call again with the rest until
 * HTTP_NEED_MORE. After HTTP_GOT_END or HTTP_MALFORMED it says the same again until http_parser_init(). */
enum http_event http_parse(struct http_parser *parser, const char *data, size_t length, size_t *used);

/* The peer has closed its side: HTTP_GOT_END if that ends the message in order, HTTP_MALFORMED if it cuts it
 * short. */
enum http_event http_parse_eof(struct http_parser *parser);

/* The request target as sent; "" before the head is complete. */
const char *http_target(const struct http_parser *parser);

/* The reason phrase of a response; may be "". */
const char *http_reason_phrase(const struct http_parser *parser);

/* The value of the first field of that name (any case), or null. */
const char *http_field(const struct http_parser *parser, const char *name);

/* How many fields have that name. */
size_t http_field_count(const struct http_parser *parser, const char *name);

/* Whether a comma-separated list (Connection, Expect, Transfer-Encoding) holds the token, in any case. */
bool http_list_has(const char *list, const char *token);

/* The length announced by Content-Length; false if there is none or the body is chunked. */
bool http_body_size(const struct http_parser *parser, uint64_t *size);

/* Whether the head announces a body of at least one byte. Valid from HTTP_GOT_HEAD on. */
bool http_has_body(const struct http_parser *parser);

/* Whether the connection may carry another message after this one. Valid from HTTP_GOT_HEAD on. */
bool http_keep_alive(const struct http_parser *parser);
