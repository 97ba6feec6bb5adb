/* test_icmp.c: who gets an answer, who an error, and who neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/icmp/icmp.h>

static struct net_counters counters;
static struct icmp icmp;
static struct arena arena;
static struct random dice;
static uint8_t memory[1 << 20] __attribute__((aligned(64)));

static int set_up(void **state) {
    counters = (struct net_counters){0};
    (void)!arena_init(&arena, memory, sizeof memory, 1, 0);
    random_seed(&dice, 1, 2);
    icmp_init(&icmp, &arena, &dice, &counters, NET_SECOND);
    return 0;
}

static const struct ipv4_header from_peer = {
    .source = 0x0a000002, .destination = 0x0a00000f, .protocol = IP_ICMP};

/* A packet of 20 + `length` bytes, the payload beginning with `first`. */
static struct span packet(struct ipv4_header header, uint8_t first, size_t length) {
    static uint8_t bytes[1500];
    struct writer writer = writer_of(bytes, sizeof bytes);
    ipv4_write(&writer, &header, length);
    write_u8(&writer, first);
    write_zeros(&writer, length - 1);
    assert_false(writer.failed);
    return writer_span(&writer);
}

static void echo(bool to_us, size_t length) {
    static uint8_t data[65507] = "ping data";
    struct icmp_message message = {.type = ICMP_ECHO, .id = 7, .sequence = 9, .payload = {data, length}};
    struct icmp_report report;
    assert_false(icmp_input(&icmp, &from_peer, &message, to_us, &report, NET_SECOND));
}

static void an_echo_is_answered(void **state) {
    struct icmp_output output;
    echo(true, 10);
    assert_true(icmp_next(&icmp, &output));
    assert_int_equal(output.source, 0x0a00000f);
    assert_int_equal(output.destination, 0x0a000002);
    assert_int_equal(output.message.type, ICMP_ECHO_REPLY);
    assert_int_equal(output.message.id, 7);
    assert_int_equal(output.message.sequence, 9);
    assert_int_equal(output.message.payload.length, 10);
    assert_memory_equal(output.message.payload.data, "ping data", 10);
    icmp_sent(&icmp, &output);
    assert_false(icmp_next(&icmp, &output));
}

static void take_all(int count) {
    struct icmp_output output;
    for (int i = 0; i < count; i++) {
        assert_true(icmp_next(&icmp, &output));
        icmp_sent(&icmp, &output);
    }
    assert_false(icmp_next(&icmp, &output));
    assert_int_equal(arena.used, 0);
}

static void echoes_to_groups_and_too_many_are_not(void **state) {
    struct icmp_output output;
    echo(false, 10);
    assert_false(icmp_next(&icmp, &output));
    for (int i = 0; i < ICMP_WAITING_MAX + 3; i++) {
        echo(true, 10);
    }
    assert_int_equal(counters.icmp_queue_full, 3);
    take_all(ICMP_WAITING_MAX);
}

/* Of any length, as long as there is memory for what waits. */
static void long_echoes_are_answered(void **state) {
    struct icmp_output output;
    echo(true, 65507);
    assert_true(icmp_next(&icmp, &output));
    assert_int_equal(output.message.payload.length, 65507);
    echo(true, 65507);
    assert_int_equal(counters.icmp_queue_full, 0);
    echo(true, 65507);
    assert_int_equal(counters.icmp_queue_full, 1);
    assert_true(arena.used <= ICMP_MEMORY_MAX);
    take_all(2);
}

static void who_waits_is_passed_over(void **state) {
    struct icmp_output first, second;
    echo(true, 1);
    echo(true, 2);
    assert_true(icmp_next(&icmp, &first));
    icmp_wait(&icmp, &first);
    assert_true(icmp_next(&icmp, &second));
    assert_int_equal(second.message.payload.length, 2);
    icmp_sent(&icmp, &second);
    assert_false(icmp_next(&icmp, &second));
    icmp_wake(&icmp);
    assert_true(icmp_next(&icmp, &second));
    assert_int_equal(second.message.payload.length, 1);
}

static const struct ipv4_header udp_from_peer = {
    .source = 0x0a000002, .destination = 0x0a00000f, .protocol = IP_UDP};

static bool reported(struct ipv4_header header, uint8_t first) {
    struct icmp_output output;
    icmp_error(&icmp, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, packet(header, first, 40), NET_SECOND);
    if (!icmp_next(&icmp, &output)) {
        return false;
    }
    assert_int_equal(output.source, header.destination);
    assert_int_equal(output.destination, header.source);
    assert_int_equal(output.message.type, ICMP_UNREACHABLE);
    assert_int_equal(output.message.code, ICMP_PORT_UNREACHABLE);
    assert_int_equal(output.message.payload.length, 60);
    icmp_sent(&icmp, &output);
    return true;
}

static void errors_are_sent_about_what_may_be_reported(void **state) {
    struct ipv4_header header = udp_from_peer;
    assert_true(reported(header, 1));
    header.more_fragments = true;
    assert_true(reported(header, 1)); /* the first fragment */
    header.fragment_offset = 8;
    assert_false(reported(header, 1));
    header = udp_from_peer;
    header.source = ipv4_of(224, 0, 0, 1);
    assert_false(reported(header, 1));
    header.source = IPV4_ANY;
    assert_false(reported(header, 1));
    header.source = IPV4_BROADCAST;
    assert_false(reported(header, 1));
    header.source = ipv4_of(127, 0, 0, 1);
    assert_false(reported(header, 1));
    assert_false(reported(from_peer, ICMP_UNREACHABLE));
    assert_false(reported(from_peer, ICMP_TIME_EXCEEDED));
    assert_true(reported(from_peer, 200)); /* a type that reports nothing */
}

static void a_long_packet_is_quoted_in_part(void **state) {
    struct icmp_output output;
    icmp_error(&icmp, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, packet(udp_from_peer, 1, 1400), NET_SECOND);
    assert_true(icmp_next(&icmp, &output));
    assert_int_equal(output.message.payload.length, ICMP_QUOTE_MAX);
}

/* `count` errors, to as many peers or always the same; returns how many may go. */
static int ask(uint32_t first, uint32_t peers, int count, net_time now) {
    int allowed = 0;
    for (int i = 0; i < count; i++) {
        allowed += icmp_limit_allows(&icmp.limit, first + (uint32_t)i % peers, now);
    }
    return allowed;
}

static void a_peer_gets_six_errors_and_then_one_a_second(void **state) {
    assert_int_equal(ask(7, 1, 20, NET_SECOND), ICMP_PEER_BURST);
    assert_int_equal(ask(8, 1, 1, NET_SECOND), 1);
    assert_int_equal(ask(7, 1, 5, 2 * NET_SECOND - 1), 0);
    assert_int_equal(ask(7, 1, 5, 2 * NET_SECOND), 1);
    assert_int_equal(ask(7, 1, 5, 5 * NET_SECOND), 3);
    assert_int_equal(ask(7, 1, 20, 100 * NET_SECOND), ICMP_PEER_BURST);
}

/* One, two or three tokens each: nobody can count how many others got. */
static void all_get_fifty_tokens_and_then_a_thousand_a_second(void **state) {
    int first = ask(1, 1000, 1000, NET_SECOND);
    assert_in_range(first, ICMP_ERRORS_BURST / 3, ICMP_ERRORS_BURST - 10);
    assert_int_equal(ask(1, 1000, 10, NET_SECOND), 0);
    assert_int_equal(ask(2000, 1, 1, NET_SECOND + ICMP_ERROR_EVERY), 1);
    int second = 0, third = 0;
    for (uint32_t i = 1; i <= 100; i++) { /* ten tokens each time */
        second += ask(10000 + 20 * i, 20, 20, 2 * NET_SECOND + i * 10 * ICMP_ERROR_EVERY);
    }
    assert_in_range(second, 450, 700); /* two tokens on average */
    for (net_time now = 100 * NET_SECOND; now < 110 * NET_SECOND; now += NET_SECOND) {
        third += ask(1, 1000, 1000, now) == first;
    }
    assert_in_range(third, 0, 5);
}

static void what_is_limited_is_counted(void **state) {
    int sent = 0;
    for (int i = 0; i < 10; i++) {
        sent += reported(udp_from_peer, 1);
    }
    assert_int_equal(sent, ICMP_PEER_BURST);
    assert_int_equal(counters.icmp_rate_limited, 10 - ICMP_PEER_BURST);
    struct icmp_output output;
    for (int i = 0; i < 10; i++) { /* nor is what path MTU discovery lives of */
        icmp_router_error(&icmp, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, 1400,
                          packet(udp_from_peer, 1, 40), NET_SECOND);
        assert_true(icmp_next(&icmp, &output));
        icmp_sent(&icmp, &output);
    }
    /* Who talks to himself is not limited. */
    struct ipv4_header own = {.source = 0x7f000001, .destination = 0x7f000001, .protocol = IP_UDP};
    for (int i = 0; i < 100; i++) {
        assert_true(reported(own, 1));
    }
}

static void a_timestamp_is_answered(void **state) {
    static const uint8_t stamps[14] = {0, 1, 2, 3};
    struct icmp_message question = {.type = ICMP_TIMESTAMP, .id = 5, .sequence = 6, .payload = {stamps, 14}};
    struct icmp_report report;
    struct icmp_output output;
    for (net_time now = NET_SECOND; now <= 2 * NET_SECOND; now += NET_SECOND) {
        assert_false(icmp_input(&icmp, &from_peer, &question, true, &report, now));
    }
    uint32_t time[2];
    for (int i = 0; i < 2; i++) {
        assert_true(icmp_next(&icmp, &output));
        assert_int_equal(output.message.type, ICMP_TIMESTAMP_REPLY);
        assert_int_equal(output.message.id, 5);
        assert_int_equal(output.message.sequence, 6);
        assert_int_equal(output.message.payload.length, 12);
        struct reader reader = reader_of(output.message.payload);
        assert_int_equal(read_be32(&reader), 0x00010203);
        time[i] = read_be32(&reader);
        assert_int_equal(read_be32(&reader), time[i]);
        assert_true(time[i] >> 31); /* no time of day */
        icmp_sent(&icmp, &output);
    }
    assert_int_equal((time[1] - time[0]) & 0x7fffffff, 1000);
    question.payload.length = 11;
    assert_false(icmp_input(&icmp, &from_peer, &question, true, &report, NET_SECOND));
    question.payload.length = 12;
    assert_false(icmp_input(&icmp, &from_peer, &question, false, &report, NET_SECOND)); /* to a group */
    assert_false(icmp_next(&icmp, &output));
    assert_int_equal(counters.icmp_malformed, 1);
}

static void a_wrong_option_is_reported(void **state) {
    struct icmp_output output;
    uint8_t bytes[64] = {0};
    struct writer writer = writer_of(bytes, sizeof bytes);
    ipv4_write(&writer, &udp_from_peer, 12);
    bytes[0] = 0x47; /* eight bytes of options: two NOPs, and one that runs over */
    bytes[20] = bytes[21] = 1;
    bytes[22] = 7;
    bytes[23] = 9;
    struct span packet = span_of(bytes, 32);
    icmp_error(&icmp, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, packet, NET_SECOND);
    assert_false(icmp_next(&icmp, &output));
    icmp_error_option(&icmp, 22, packet, NET_SECOND);
    assert_true(icmp_next(&icmp, &output));
    assert_int_equal(output.message.type, ICMP_PARAMETER_PROBLEM);
    assert_int_equal(output.message.code, 0);
    assert_int_equal(output.message.pointer, 22);
    assert_int_equal(output.message.payload.length, 32);
    icmp_sent(&icmp, &output);
}

static bool read_error(uint8_t type, uint8_t code, uint16_t mtu, struct icmp_report *report) {
    struct ipv4_header sent = {.source = 0x0a00000f, .destination = 0x08080808, .protocol = IP_TCP};
    static uint8_t bytes[64];
    struct writer writer = writer_of(bytes, sizeof bytes);
    ipv4_write(&writer, &sent, 8);
    write_be16(&writer, 4000);
    write_be16(&writer, 80);
    write_be32(&writer, 0x12345678);
    struct icmp_message message = {.type = type, .code = code, .mtu = mtu, .payload = writer_span(&writer)};
    return icmp_input(&icmp, &from_peer, &message, true, report, NET_SECOND);
}

static void errors_tell_what_they_are_about(void **state) {
    struct icmp_report report;
    assert_true(read_error(ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0, &report));
    assert_int_equal(report.error, ERR_REFUSED);
    assert_true(report.hard);
    assert_int_equal(report.quote.protocol, IP_TCP);
    assert_int_equal(report.quote.source, 0x0a00000f);
    assert_int_equal(report.quote.destination, 0x08080808);
    assert_int_equal(report.quote.source_port, 4000);
    assert_int_equal(report.quote.destination_port, 80);
    assert_int_equal(report.quote.sequence.value, 0x12345678);
    assert_true(read_error(ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0, &report));
    assert_int_equal(report.error, ERR_NET_UNREACHABLE);
    assert_false(report.hard);
    assert_true(read_error(ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0, &report));
    assert_int_equal(report.error, ERR_HOST_UNREACHABLE);
    assert_true(read_error(ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, 1400, &report));
    assert_int_equal(report.error, ERR_MESSAGE_SIZE);
    assert_int_equal(report.mtu, 1400);
    assert_true(read_error(ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, 20, &report));
    assert_int_equal(report.mtu, 20);
    assert_true(read_error(ICMP_TIME_EXCEEDED, 0, 0, &report));
    assert_int_equal(report.error, ERR_HOST_UNREACHABLE);
    assert_false(read_error(ICMP_SOURCE_QUENCH, 0, 0, &report));
    assert_false(read_error(ICMP_REDIRECT, 0, 0, &report));
}

static void an_error_without_a_quote_is_counted(void **state) {
    struct icmp_report report;
    struct icmp_message message = {.type = ICMP_UNREACHABLE, .payload = {(const uint8_t *)"short", 5}};
    assert_false(icmp_input(&icmp, &from_peer, &message, true, &report, NET_SECOND));
    assert_int_equal(counters.icmp_malformed, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_echo_is_answered, set_up),
        cmocka_unit_test_setup(echoes_to_groups_and_too_many_are_not, set_up),
        cmocka_unit_test_setup(long_echoes_are_answered, set_up),
        cmocka_unit_test_setup(who_waits_is_passed_over, set_up),
        cmocka_unit_test_setup(errors_are_sent_about_what_may_be_reported, set_up),
        cmocka_unit_test_setup(a_long_packet_is_quoted_in_part, set_up),
        cmocka_unit_test_setup(a_peer_gets_six_errors_and_then_one_a_second, set_up),
        cmocka_unit_test_setup(all_get_fifty_tokens_and_then_a_thousand_a_second, set_up),
        cmocka_unit_test_setup(what_is_limited_is_counted, set_up),
        cmocka_unit_test_setup(a_timestamp_is_answered, set_up),
        cmocka_unit_test_setup(a_wrong_option_is_reported, set_up),
        cmocka_unit_test_setup(errors_tell_what_they_are_about, set_up),
        cmocka_unit_test_setup(an_error_without_a_quote_is_counted, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
