/* message.c: drives llhttp and keeps the head of one message; see message.h.
 *
 * llhttp is told to stop at three places: after a head that has a body, after each piece of body, after the
 * message. So http_parse() reads like a pull parser and no caller writes callbacks. */
#include "message.h"
#include "text.h"

#include <string.h>

static struct http_parser *parser_of(llhttp_t *machine) {
    return machine->data;
}

/* Notes why the message is refused and stops llhttp. */
static int refuse(struct http_parser *parser, uint16_t status, const char *reason) {
    parser->refusal = status;
    parser->reason = reason;
    llhttp_set_error_reason(&parser->machine, reason);
    return HPE_USER;
}

static bool append(struct http_parser *parser, const char *at, size_t length) {
    if (length >= (size_t)(HTTP_TEXT_SIZE - parser->text_length)) {
        return false;
    }
    memcpy(parser->text + parser->text_length, at, length);
    parser->text_length += length;
    return true;
}

/* append() always leaves room for one NUL. */
static bool terminate(struct http_parser *parser) {
    parser->text[parser->text_length++] = 0;
    return parser->text_length < HTTP_TEXT_SIZE;
}

static int too_large(struct http_parser *parser) {
    return refuse(parser, 431, "header fields too large");
}

static int on_message_begin(llhttp_t *machine) {
    parser_of(machine)->begun = true;
    return 0;
}

static int on_url(llhttp_t *machine, const char *at, size_t length) {
    struct http_parser *parser = parser_of(machine);
    if (parser->text_length + length > HTTP_TARGET_MAX) {
        return refuse(parser, 414, "request target too long");
    }
    return append(parser, at, length) ? 0 : too_large(parser);
}

/* llhttp lets everything but line ends through; a terminal would obey it (RFC 9112 4: HTAB, SP, VCHAR,
 * obs-text). */
static bool is_plain(const char *at, size_t length) {
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static int on_status(llhttp_t *machine, const char *at, size_t length) {
    struct http_parser *parser = parser_of(machine);
    if (!is_plain(at, length)) {
        return refuse(parser, 400, "control characters in the status line");
    }
    return append(parser, at, length) ? 0 : too_large(parser);
}

static int on_first_line(llhttp_t *machine) {
    struct http_parser *parser = parser_of(machine);
    return terminate(parser) ? 0 : too_large(parser);
}

static int on_version(llhttp_t *machine) {
    struct http_parser *parser = parser_of(machine);
    if (machine->http_major != 1) {
        return refuse(parser, 505, "HTTP version not supported");
    }
    return 0;
}

static int on_field(llhttp_t *machine, const char *at, size_t length) {
    struct http_parser *parser = parser_of(machine);
    if (parser->head_seen) {
        return 0; /* trailers are read over */
    }
    if (!parser->in_value) {
        if (parser->field_count == HTTP_FIELDS_MAX) {
            return too_large(parser);
        }
        parser->fields[parser->field_count].name = parser->text_length;
        parser->in_value = true;
    }
    return append(parser, at, length) ? 0 : too_large(parser);
}

static int on_field_complete(llhttp_t *machine) {
    struct http_parser *parser = parser_of(machine);
    if (parser->head_seen) {
        return 0;
    }
    if (!terminate(parser)) {
        return too_large(parser);
    }
    parser->fields[parser->field_count].value = parser->text_length;
    return 0;
}

static int on_value(llhttp_t *machine, const char *at, size_t length) {
    struct http_parser *parser = parser_of(machine);
    if (parser->head_seen) {
        return 0;
    }
    return append(parser, at, length) ? 0 : too_large(parser);
}

static int on_value_complete(llhttp_t *machine) {
    struct http_parser *parser = parser_of(machine);
    if (parser->head_seen) {
        return 0;
    }
    const uint16_t start = parser->fields[parser->field_count].value;
    while (parser->text_length > start && strchr(" \t", parser->text[parser->text_length - 1])) {
        parser->text_length--;
    }
    parser->field_count++;
    parser->in_value = false;
    return terminate(parser) ? 0 : too_large(parser);
}

/* What RFC 9112 asks of a request beyond its grammar. */
static int check_request(struct http_parser *parser) {
    const llhttp_t *machine = &parser->machine;
    if (machine->http_major != 1) {
        return refuse(parser, 400, "request line without a version");
    }
    const size_t hosts = http_field_count(parser, "Host");
    if (hosts > 1 || (hosts == 0 && machine->http_minor > 0)) {
        return refuse(parser, 400, hosts ? "more than one Host field" : "no Host field");
    }
    const char *coding = http_field(parser, "Transfer-Encoding");
    if (coding && (http_field_count(parser, "Transfer-Encoding") > 1 || !http_same_name(coding, "chunked"))) {
        return refuse(parser, 501, "transfer coding not implemented");
    }
    if (coding &&
        machine->http_minor == 0) { /* who passed it on may have framed it otherwise (RFC 9112 6.1) */
        return refuse(parser, 400, "a transfer coding in HTTP/1.0");
    }
    return 0;
}

static int on_headers_complete(llhttp_t *machine) {
    struct http_parser *parser = parser_of(machine);
    parser->head_seen = true;
    machine->upgrade = 0; /* an offer that may be ignored (RFC 9110 7.8); CONNECT is refused by its method */
    if (parser->role == HTTP_REQUEST) {
        const int refused = check_request(parser);
        if (refused) {
            return refused;
        }
    }
    if (parser->skip_body) {
        return 1;
    }
    return http_has_body(parser) ? HPE_PAUSED : 0;
}

static int on_body(llhttp_t *machine, const char *at, size_t length) {
    struct http_parser *parser = parser_of(machine);
    parser->body = at;
    parser->body_length = length;
    return length ? HPE_PAUSED : 0;
}

static int on_message_complete(llhttp_t *machine) {
    parser_of(machine)->ended = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_url_complete = on_first_line,
    .on_status = on_status,
    .on_status_complete = on_first_line,
    .on_version_complete = on_version,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_parser_init(struct http_parser *parser, llhttp_type_t role) {
    memset(parser, 0, offsetof(struct http_parser, fields));
    parser->text[0] = 0;
    parser->role = role;
    llhttp_init(&parser->machine, role, &settings);
    llhttp_set_lenient_version(&parser->machine, 1); /* on_version() knows which answer each deserves */
    if (role == HTTP_RESPONSE) {
        llhttp_set_lenient_optional_cr_before_lf(&parser->machine, 1); /* as RFC 9112 2.2 allows */
    }
    parser->machine.data = parser;
}

void http_parser_skip_body(struct http_parser *parser) {
    parser->skip_body = true;
}

/* The status that an error found by llhttp itself deserves. */
static uint16_t status_of(const struct http_parser *parser, llhttp_errno_t error) {
    const char *at = llhttp_get_error_pos(&parser->machine);
    switch (error) {
    case HPE_INVALID_METHOD: /* a token is a method that we do not know; anything else is noise */
        return at && http_is_token_char(*at) ? 501 : 400;
    case HPE_PAUSED_H2_UPGRADE: return 505;
    default: return 400;
    }
}

static enum http_event bad(struct http_parser *parser, llhttp_errno_t error) {
    if (parser->refusal == 0) {
        const char *reason = llhttp_get_error_reason(&parser->machine);
        parser->refusal = status_of(parser, error);
        parser->reason = reason && *reason ? reason : "malformed message";
    }
    return HTTP_MALFORMED;
}

/* Reports the head before anything that comes after it. */
static enum http_event tell(struct http_parser *parser) {
    if (parser->head_seen && !parser->head_told) {
        parser->head_told = true;
        return HTTP_GOT_HEAD;
    }
    if (parser->body_length) {
        return HTTP_GOT_BODY;
    }
    return parser->ended ? HTTP_GOT_END : HTTP_NEED_MORE;
}

/* Nothing but framing for too long: an endless head, chunk extension or trailer. */
static bool over_limit(struct http_parser *parser, size_t used) {
    if (parser->body_length) {
        parser->overhead = 0;
        return false;
    }
    parser->overhead += used > HTTP_WIRE_MAX ? HTTP_WIRE_MAX + 1 : used;
    return parser->overhead > HTTP_WIRE_MAX;
}

enum http_event http_parse(struct http_parser *parser, const char *data, size_t length, size_t *used) {
    *used = 0;
    if (parser->refusal) {
        return HTTP_MALFORMED;
    }
    if (parser->ended) {
        return tell(parser);
    }
    parser->body_length = 0;
    if (llhttp_get_errno(&parser->machine) == HPE_PAUSED) {
        llhttp_resume(&parser->machine);
    }
    const llhttp_errno_t error = llhttp_execute(&parser->machine, data, length);
    if (error != HPE_OK && error != HPE_PAUSED) {
        return bad(parser, error);
    }
    *used = error == HPE_OK ? length : (size_t)(llhttp_get_error_pos(&parser->machine) - data);
    if (over_limit(parser, *used)) {
        refuse(parser, parser->head_seen ? 400 : 431, "endless header or chunk framing");
        return HTTP_MALFORMED;
    }
    return tell(parser);
}

enum http_event http_parse_eof(struct http_parser *parser) {
    size_t used;
    const enum http_event due =
        http_parse(parser, "", 0, &used); /* llhttp may have stopped just before the end */
    if (due != HTTP_NEED_MORE) {
        return due;
    }
    const llhttp_errno_t error = llhttp_finish(&parser->machine);
    if (error != HPE_OK && error != HPE_PAUSED) {
        return bad(parser, error);
    }
    return parser->ended ? tell(parser) : bad(parser, HPE_INVALID_EOF_STATE);
}

const char *http_target(const struct http_parser *parser) {
    return parser->head_seen ? parser->text : "";
}

const char *http_reason_phrase(const struct http_parser *parser) {
    return http_target(parser);
}

const char *http_field(const struct http_parser *parser, const char *name) {
    for (size_t i = 0; i < parser->field_count; i++) {
        if (http_same_name(parser->text + parser->fields[i].name, name)) {
            return parser->text + parser->fields[i].value;
        }
    }
    return NULL;
}

size_t http_field_count(const struct http_parser *parser, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < parser->field_count; i++) {
        count += http_same_name(parser->text + parser->fields[i].name, name);
    }
    return count;
}

bool http_list_has(const char *list, const char *token) {
    const size_t length = strlen(token);
    while (list && *list) {
        list += strspn(list, " \t,");
        const size_t item = strcspn(list, " \t,;");
        if (item == length && http_same_prefix(list, token, length)) {
            return true;
        }
        list += strcspn(list, ",");
    }
    return false;
}

bool http_body_size(const struct http_parser *parser, uint64_t *size) {
    const llhttp_t *machine = &parser->machine;
    if ((machine->flags & F_CHUNKED) || !(machine->flags & F_CONTENT_LENGTH)) {
        return false;
    }
    const char *value = http_field(parser, "Content-Length");
    *size = 0;
    for (; value && *value >= '0' && *value <= '9'; value++) {
        *size = *size * 10 + (uint64_t)(*value - '0');
    }
    return true;
}

bool http_has_body(const struct http_parser *parser) {
    const llhttp_t *machine = &parser->machine;
    if (machine->flags & F_CHUNKED) {
        return true;
    }
    uint64_t size = 0;
    if (http_body_size(parser, &size)) {
        return size > 0;
    }
    const uint16_t status = machine->status_code;
    const bool never = status / 100 == 1 || status == 204 || status == 304;
    return parser->role == HTTP_RESPONSE && !parser->skip_body && !never; /* until the peer closes */
}

bool http_keep_alive(const struct http_parser *parser) {
    return llhttp_should_keep_alive(&parser->machine);
}
