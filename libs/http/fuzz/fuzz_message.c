/* fuzz_message.c: one message whole, and the same bytes in small pieces: both must tell the same. The first
 * byte chooses role and size of the pieces. */
#include <http/message.h>

#include <stdlib.h>
#include <string.h>

struct outcome {
    enum http_event last;
    unsigned refusal;
    uint64_t body_length, body_sum;
    size_t used, field_count;
    uint16_t text_length;
};

static void read_message(struct outcome *outcome, llhttp_type_t role, const char *data, size_t length,
                         size_t piece) {
    struct http_parser *parser = malloc(sizeof(*parser));
    *outcome = (struct outcome){0};
    http_parser_init(parser, role);
    do {
        size_t used, left = length - outcome->used;
        const bool at_end = left == 0;
        left = left < piece ? left : piece;
        char *exact = malloc(left + !left); /* so that reading past it is caught */
        memcpy(exact, data + outcome->used, left);
        outcome->last = http_parse(parser, exact, left, &used);
        outcome->used += used;
        if (outcome->last == HTTP_GOT_BODY) {
            outcome->body_length += parser->body_length;
            for (size_t i = 0; i < parser->body_length; i++) {
                outcome->body_sum = outcome->body_sum * 31 + (unsigned char)parser->body[i];
            }
        }
        free(exact);
        if (outcome->last == HTTP_NEED_MORE && at_end) {
            outcome->last = http_parse_eof(parser);
            break;
        }
    } while (outcome->last != HTTP_GOT_END && outcome->last != HTTP_MALFORMED);
    outcome->refusal = parser->refusal;
    outcome->field_count = parser->field_count;
    outcome->text_length = parser->text_length;
    free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct outcome whole, cut;
    if (size < 1 || size > 8000) {
        return 0;
    }
    const llhttp_type_t role = data[0] & 1 ? HTTP_REQUEST : HTTP_RESPONSE;
    read_message(&whole, role, (const char *)data + 1, size - 1, size);
    read_message(&cut, role, (const char *)data + 1, size - 1, 1 + data[0] / 2);
    if (whole.last != cut.last || whole.refusal != cut.refusal) {
        abort();
    }
    if (whole.last == HTTP_GOT_END &&
        (whole.used != cut.used || whole.body_length != cut.body_length || whole.body_sum != cut.body_sum ||
         whole.field_count != cut.field_count || whole.text_length != cut.text_length)) {
        abort();
    }
    return 0;
}
