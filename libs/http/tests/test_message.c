/* Messages, whole and cut at any byte; what is refused and why. */
#include "../message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What came out of one message, as text: head, body bytes, how it ended. */
struct story {
    char text[4096];
    size_t length;
    size_t used; /* of the input */
};

static void tell(struct story *story, const char *data, size_t length) {
    assert_true(story->length + length < sizeof(story->text));
    memcpy(story->text + story->length, data, length);
    story->length += length;
    story->text[story->length] = 0;
}

static void tell_head(struct story *story, const struct http_parser *parser) {
    char line[256];
    snprintf(line, sizeof(line), "[%u %u %s|", parser->machine.method, parser->machine.status_code,
             http_target(parser));
    tell(story, line, strlen(line));
    for (size_t i = 0; i < parser->field_count; i++) {
        snprintf(line, sizeof(line), "%s=%s|", parser->text + parser->fields[i].name,
                 parser->text + parser->fields[i].value);
        tell(story, line, strlen(line));
    }
    tell(story, "]", 1);
}

/* Reads one message, handing over at most `piece` bytes at a time, then the end of the stream if `eof`. */
static void read_message(struct story *story, llhttp_type_t role, bool skip_body, const char *data,
                         size_t length, size_t piece, bool eof) {
    struct http_parser *parser = malloc(sizeof(*parser));
    memset(parser, 0xa5, sizeof(*parser));
    http_parser_init(parser, role);
    if (skip_body) {
        http_parser_skip_body(parser);
    }
    *story = (struct story){0};
    for (;;) {
        size_t left = length - story->used, used = 0;
        const bool at_end = left == 0;
        left = left < piece ? left : piece;
        char *exact = malloc(left + !left); /* so that reading past it is caught */
        memcpy(exact, data + story->used, left);
        const enum http_event event =
            at_end && eof ? http_parse_eof(parser) : http_parse(parser, exact, left, &used);
        assert_true(used <= left);
        story->used += used;
        if (event == HTTP_GOT_HEAD) {
            tell_head(story, parser);
        } else if (event == HTTP_GOT_BODY) {
            tell(story, parser->body, parser->body_length);
        }
        free(exact);
        char end[64];
        if (event == HTTP_GOT_END || event == HTTP_MALFORMED || (event == HTTP_NEED_MORE && at_end)) {
            snprintf(end, sizeof(end),
                     event == HTTP_GOT_END     ? "END"
                     : event == HTTP_MALFORMED ? "BAD %u"
                                               : "MORE",
                     parser->refusal);
            tell(story, end, strlen(end));
            break;
        }
    }
    free(parser);
}

/* The same story must come out however the bytes are cut. */
static void expect(llhttp_type_t role, bool eof, const char *data, const char *story_text) {
    const size_t length = strlen(data);
    for (size_t piece = 1; piece <= length + 1; piece++) {
        struct story story;
        read_message(&story, role, false, data, length, piece, eof);
        assert_string_equal(story.text, story_text);
    }
}

static void requests_at_any_cut(void **state) {
    expect(HTTP_REQUEST, false, "GET /a?b HTTP/1.1\r\nHost: x\r\nEmpty:\r\nSpaced: \t v w \t\r\n\r\n",
           "[1 0 /a?b|Host=x|Empty=|Spaced=v w|]END");
    expect(HTTP_REQUEST, false, "HEAD / HTTP/1.0\r\n\r\n", "[2 0 /|]END");
    expect(HTTP_REQUEST, false, "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "[1 0 /|Host=x|]END");
    expect(HTTP_REQUEST, false, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
           "[3 0 /p|Host=x|Content-Length=5|]helloEND");
    expect(HTTP_REQUEST, false,
           "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: "
           "1\r\n\r\n",
           "[3 0 /p|Host=x|Transfer-Encoding=chunked|]abc0123456789END");
    expect(HTTP_REQUEST, false, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
           "[1 0 /|Host=x|Connection=Upgrade|Upgrade=h2c|]END");
    expect(HTTP_REQUEST, false, "GET / HTTP/1.1\r\nHost: x\r\nX: unfinished", "MORE");
    expect(HTTP_REQUEST, true, "GET / HTTP/1.1\r\nHost: x\r\nX: unfinished", "BAD 400");
}

static void responses_at_any_cut(void **state) {
    expect(HTTP_RESPONSE, true, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
           "[0 200 OK|Content-Length=3|]abcEND");
    expect(HTTP_RESPONSE, true, "HTTP/1.1 200\r\nA: b\r\n\r\nuntil close", "[0 200 |A=b|]until closeEND");
    expect(HTTP_RESPONSE, true, "HTTP/1.0 200 OK\n\nbare line feeds", "[0 200 OK|]bare line feedsEND");
    expect(HTTP_RESPONSE, true, "HTTP/1.1 204 No Content\r\n\r\n", "[0 204 No Content|]END");
    expect(HTTP_RESPONSE, true, "HTTP/1.1 100 Continue\r\n\r\n", "[0 100 Continue|]END");
    expect(HTTP_RESPONSE, true, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
           "[0 304 Not Modified|Content-Length=9|]END");
    expect(HTTP_RESPONSE, true, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
           "[0 200 OK|Transfer-Encoding=chunked|]hiEND");
}

static void cut_short_responses(void **state) {
    struct story story;
    const char counted[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    read_message(&story, HTTP_RESPONSE, false, counted, strlen(counted), 7, true);
    assert_string_equal(story.text, "[0 200 OK|Content-Length=9|]abcBAD 400");
    const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";
    read_message(&story, HTTP_RESPONSE, false, chunked, strlen(chunked), 100, true);
    assert_string_equal(story.text, "[0 200 OK|Transfer-Encoding=chunked|]abBAD 400");
    read_message(&story, HTTP_RESPONSE, false, "HTTP/1.1 20", 11, 100, true);
    assert_string_equal(story.text, "BAD 400");
}

static void response_to_head_has_no_body(void **state) {
    const char data[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 404 Gone\r\n\r\n";
    for (size_t piece = 1; piece < sizeof(data); piece++) {
        struct story story;
        read_message(&story, HTTP_RESPONSE, true, data, strlen(data), piece, false);
        assert_string_equal(story.text, "[0 200 OK|Content-Length=9|]END");
        assert_int_equal(story.used, 38);
    }
}

/* Whatever the cut, a message takes its own bytes and none of the next. */
static void pipelined_messages_are_kept_apart(void **state) {
    const char data[] = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
                        "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                        "POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
                        "GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static const char *const starts[] = {"[1 0 /1|", "[3 0 /2|", "[3 0 /3|", "[1 0 /4|"};
    for (size_t piece = 1; piece <= sizeof(data); piece++) {
        size_t at = 0;
        for (int i = 0; i < 4; i++) {
            struct story story;
            read_message(&story, HTTP_REQUEST, false, data + at, strlen(data) - at, piece, false);
            assert_memory_equal(story.text, starts[i], strlen(starts[i]));
            assert_string_equal(story.text + story.length - 3, "END");
            at += story.used;
        }
        assert_int_equal(at, strlen(data));
    }
}

struct refused {
    const char *data;
    unsigned status;
};

static void refusals(void **state) {
    static const struct refused cases[] = {
        {"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"GETT / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"get / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"\x16\x03\x01", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET / HTTP/3.7\r\nHost: x\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET /\r\n\r\n", 400},
        {"GET / HTTP/1.x\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTX/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nx", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\nx", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nxyz", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0",
         400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nxyz", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nxyz", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: \x1b[2J\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const size_t length = strlen(cases[i].data);
        for (size_t piece = 1; piece <= length; piece++) {
            struct story story;
            char end[16];
            read_message(&story, HTTP_REQUEST, false, cases[i].data, length, piece, false);
            snprintf(end, sizeof(end), "BAD %u", cases[i].status);
            if (story.length < strlen(end) || strcmp(story.text + story.length - strlen(end), end) != 0) {
                fail_msg("%s (pieces of %zu): %s, wanted %s", cases[i].data, piece, story.text, end);
            }
        }
    }
}

static void nul_bytes_are_refused(void **state) {
    struct story story;
    static const char in_value[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
                      in_target[] = "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n";
    read_message(&story, HTTP_REQUEST, false, in_value, sizeof(in_value) - 1, 100, false);
    assert_string_equal(story.text, "BAD 400");
    read_message(&story, HTTP_REQUEST, false, in_target, sizeof(in_target) - 1, 100, false);
    assert_string_equal(story.text, "BAD 400");
}

/* What a server says ends up on terminals. */
static void control_characters_are_refused(void **state) {
    static const char *const cases[] = {"HTTP/1.1 200 \x1b[2J\r\n\r\n", "HTTP/1.1 200 a\x07z\r\n\r\n",
                                        "HTTP/1.1 200 \x7f\r\n\r\n", "HTTP/1.1 200 OK\r\nA: \x1b[2J\r\n\r\n"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct story story;
        read_message(&story, HTTP_RESPONSE, false, cases[i], strlen(cases[i]), 100, false);
        assert_string_equal(story.text, "BAD 400");
    }
}

/* A head, chunk extension or trailer without end: `start`, then `filler` over and over. */
static void endless(llhttp_type_t role, const char *start, const char *filler, unsigned status) {
    static char data[1 << 17];
    struct story story;
    char end[16];
    size_t length = strlen(start);
    memcpy(data, start, length);
    while (length + strlen(filler) < sizeof(data)) {
        memcpy(data + length, filler, strlen(filler));
        length += strlen(filler);
    }
    snprintf(end, sizeof(end), "BAD %u", status);
    for (size_t piece = 1; piece < 100000; piece = piece * 7 + 1) {
        read_message(&story, role, false, data, length, piece, false);
        assert_string_equal(story.text + story.length - strlen(end), end);
    }
}

static void endless_heads(void **state) {
    endless(HTTP_REQUEST, "GET /", "a", 414);
    endless(HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: x\r\nX: ", "a", 431);
    endless(HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: x\r\n", "A: b\r\n", 431);
    endless(HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: x\r\n", "a", 431);
    endless(HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: x\r\nX:", " ", 431);
    endless(HTTP_REQUEST, "", "\r\n", 431);
    endless(HTTP_RESPONSE, "HTTP/1.1 200 ", "a", 431);
    endless(HTTP_RESPONSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "a", 400);
    endless(HTTP_RESPONSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", 400);
}

static void many_fields(void **state) {
    char data[8192] = "GET / HTTP/1.0\r\n";
    struct story story;
    for (int i = 0; i < HTTP_FIELDS_MAX; i++) {
        strcat(data, "A: b\r\n");
    }
    char *end = data + strlen(data);
    strcpy(end, "\r\n");
    read_message(&story, HTTP_REQUEST, false, data, strlen(data), 10000, false);
    assert_string_equal(story.text + story.length - 3, "END");
    strcpy(end, "A: b\r\n\r\n");
    read_message(&story, HTTP_REQUEST, false, data, strlen(data), 10000, false);
    assert_string_equal(story.text, "BAD 431");
}

static void questions_about_the_head(void **state) {
    static const char data[] =
        "POST / HTTP/1.1\r\nhost: x\r\nContent-Length: 12\r\nConnection: close, TE\r\nA: 1\r\na: 2\r\n\r\n";
    struct http_parser parser;
    size_t used;
    uint64_t size;
    http_parser_init(&parser, HTTP_REQUEST);
    assert_string_equal(http_target(&parser), "");
    assert_int_equal(http_parse(&parser, data, strlen(data), &used), HTTP_GOT_HEAD);
    assert_int_equal(used, strlen(data));
    assert_string_equal(http_field(&parser, "HOST"), "x");
    assert_null(http_field(&parser, "Hos"));
    assert_int_equal(http_field_count(&parser, "A"), 2);
    assert_true(http_body_size(&parser, &size));
    assert_int_equal(size, 12);
    assert_true(http_has_body(&parser));
    assert_false(http_keep_alive(&parser));
}

static void lists(void **state) {
    assert_true(http_list_has("close, TE", "te"));
    assert_true(http_list_has(" ,chunked;q=1", "Chunked"));
    assert_false(http_list_has("closed", "close"));
    assert_false(http_list_has("", "close"));
    assert_false(http_list_has(NULL, "close"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_at_any_cut),
        cmocka_unit_test(responses_at_any_cut),
        cmocka_unit_test(cut_short_responses),
        cmocka_unit_test(response_to_head_has_no_body),
        cmocka_unit_test(pipelined_messages_are_kept_apart),
        cmocka_unit_test(refusals),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(endless_heads),
        cmocka_unit_test(many_fields),
        cmocka_unit_test(questions_about_the_head),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
