/* test_igmp_format.c: IGMP's bytes, as the RFCs draw them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/wire/checksum.h>
#include <net/wire/igmp.h>

static struct igmp_message message;

static enum error parse(const void *bytes, size_t length) {
    return igmp_parse(span_of(bytes, length), &message);
}

static void queries_of_three_versions(void **state) {
    static const uint8_t v1[8] = {0x11}, v2[8] = {0x11, 50, 0, 0, 239, 1, 2, 3};
    static const uint8_t v3[20] = {0x11, 0x8f, 0,  0, 239, 1, 2,  3, 0xf3, 0xff,
                                   0,    2,    10, 0, 0,   9, 10, 0, 0,    8};
    assert_int_equal(parse(v1, 8), ERR_NONE);
    assert_int_equal(message.version, 1);
    assert_int_equal(message.response, 100);
    assert_int_equal(message.group, 0);
    assert_int_equal(parse(v2, 8), ERR_NONE);
    assert_int_equal(message.version, 2);
    assert_int_equal(message.response, 50);
    assert_int_equal(message.group, 0xef010203);
    assert_int_equal(parse(v3, 20), ERR_NONE);
    assert_int_equal(message.version, 3);
    assert_int_equal(message.response, 31 << 3); /* (0xf | 0x10) << (0 + 3) */
    assert_int_equal(message.robustness, 3);
    assert_int_equal(message.interval, 31 << 10);
    assert_int_equal(message.source_count, 2);
    assert_int_equal(igmp_source(&message, 0), 0x0a000009);
    assert_int_equal(igmp_source(&message, 1), 0x0a000008);
    assert_int_equal(igmp_source(&message, 2), 0);
}

static void what_is_no_message(void **state) {
    uint8_t query[20] = {0x11, 10, 0, 0, 239, 1, 2, 3, 2, 125, 0, 2};
    for (size_t length = 0; length < 20; length++) {
        bool whole = length == 8; /* cut there it is one of version 2 */
        assert_int_equal(parse(query, length), whole ? ERR_NONE : ERR_MALFORMED);
    }
    assert_int_equal(parse(query, 20), ERR_NONE);
    query[4] = 10; /* no group */
    assert_int_equal(parse(query, 20), ERR_MALFORMED);
    query[0] = IGMP_V2_REPORT;
    assert_int_equal(parse(query, 8), ERR_MALFORMED);
    query[4] = 0; /* a report about nothing */
    query[5] = query[6] = query[7] = 0;
    assert_int_equal(parse(query, 8), ERR_MALFORMED);
    query[0] = IGMP_V3_REPORT;
    assert_int_equal(parse(query, 8), ERR_NONE);
}

static void short_messages_are_written(void **state) {
    static const uint8_t expected[8] = {0x16, 0, 0xf9, 0xfb, 239, 1, 1, 2};
    uint8_t bytes[8];
    struct writer writer = writer_of(bytes, sizeof bytes);
    igmp_write_short(&writer, IGMP_V2_REPORT, 0xef010102);
    assert_memory_equal(bytes, expected, 8);
    assert_true(igmp_checksum_good(writer_span(&writer)));
    bytes[7] ^= 1;
    assert_false(igmp_checksum_good(writer_span(&writer)));
}

static void reports_are_written(void **state) {
    static const uint32_t sources[] = {0x0a000009, 0x0a000008};
    static const uint8_t records[] = {4,   0, 0, 0, 239, 1, 2, 3, 5,  0, 0, 2,
                                      239, 9, 9, 9, 10,  0, 0, 9, 10, 0, 0, 8};
    uint8_t bytes[32];
    struct writer writer = writer_of(bytes, sizeof bytes);
    igmp_begin_report(&writer);
    igmp_write_record(&writer, IGMP_TO_EXCLUDE, 0xef010203, NULL, 0);
    igmp_write_record(&writer, IGMP_ALLOW, 0xef090909, sources, 2);
    igmp_end_report(&writer, 2);
    assert_false(writer.failed);
    assert_int_equal(writer.length, 8 + sizeof records);
    assert_int_equal(bytes[0], 0x22);
    assert_int_equal(bytes[6] << 8 | bytes[7], 2);
    assert_memory_equal(bytes + 8, records, sizeof records);
    assert_true(igmp_checksum_good(writer_span(&writer)));
    igmp_write_record(&writer, IGMP_ALLOW, 0xef090909, sources, 2);
    assert_true(writer.failed);
}

static void the_header_can_alert_routers(void **state) {
    uint8_t bytes[40];
    struct ipv4_header header = {
        .source = 1, .destination = IGMP_V3_ROUTERS, .protocol = IP_IGMP, .ttl = 1, .router_alert = true};
    struct span payload;
    struct writer writer = writer_of(bytes, sizeof bytes);
    ipv4_write(&writer, &header, 8);
    write_zeros(&writer, 8);
    assert_int_equal(writer.length, 32);
    assert_int_equal(bytes[0], 0x46);
    static const uint8_t alert[4] = {0x94, 4, 0, 0};
    assert_memory_equal(bytes + 20, alert, 4);
    assert_int_equal(ipv4_parse(writer_span(&writer), &header, &payload), ERR_NONE);
    assert_true(ipv4_checksum_good(writer_span(&writer)));
    assert_int_equal(payload.length, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_of_three_versions),    cmocka_unit_test(what_is_no_message),
        cmocka_unit_test(short_messages_are_written),   cmocka_unit_test(reports_are_written),
        cmocka_unit_test(the_header_can_alert_routers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
