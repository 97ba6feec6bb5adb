/* test_dns.c: questions, tries, answers, and what a liar may try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/dns/dns.h>
#include <net/wire/ipv4.h>

static struct net_counters counters;
static struct random dice;
static struct dns dns;
static net_time now;
static struct net_address server[2];

static int set_up(void **state) {
    counters = (struct net_counters){0};
    random_seed(&dice, 5, 6);
    now = NET_SECOND;
    dns_init(&dns, &dice, &counters);
    server[0] = net_ipv4(0x0a000203);
    server[1] = net_ipv4(0x08080808);
    dns_set_servers(&dns, server, 2, now);
    return 0;
}

/* At the end nothing may be left of any query. */
static int tear_down(void **state) {
    for (int i = 0; i < DNS_QUESTIONS_MAX; i++) {
        if (dns.question[i].name.length != 0) {
            return -1;
        }
    }
    return dns_query_count(&dns) == 0 && dns_deadline(&dns) == NET_NEVER ? 0 : -1;
}

static uint32_t start(const char *name) {
    uint32_t query = 0;
    assert_int_equal(dns_start(&dns, 1, name, NET_IPV4, &query, now), ERR_NONE);
    return query;
}

static struct dns_output send_next(void) {
    struct dns_output output;
    dns_expire(&dns, now);
    assert_true(dns_next(&dns, &output));
    dns_sent(&dns, &output, now);
    return output;
}

/* A message about what was asked: flags and counts, the question, then records as they stand. */
struct reply {
    uint16_t flags, answers, authorities;
    const char *records;
    size_t length;
};

static void deliver(const struct dns_output *asked, const struct reply *reply, struct net_address from) {
    static uint8_t bytes[1024];
    struct net_endpoint endpoint = {from, DNS_PORT};
    struct writer writer = writer_of(bytes, sizeof bytes);
    write_be16(&writer, asked->id);
    write_be16(&writer, reply->flags);
    write_be16(&writer, 1);
    write_be16(&writer, reply->answers);
    write_be16(&writer, reply->authorities);
    write_be16(&writer, 0);
    write_bytes(&writer, asked->name->bytes, asked->name->length);
    write_be16(&writer, asked->type);
    write_be16(&writer, DNS_INTERNET);
    write_bytes(&writer, reply->records, reply->length);
    dns_input(&dns, &endpoint, asked->port, writer_span(&writer), now);
}

#define REPLY(flags, answers, authorities, records)                                                          \
    &(struct reply) {                                                                                        \
        flags, answers, authorities, records, sizeof(records) - 1                                            \
    }
#define RECORD_A      "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
#define RECORD_CIRCLE "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c"
#define RECORD_SOA                                                                                           \
    "\xc0\x0c\0\6\0\1\0\0\0\x3c\0\x18\xc0\x0c\xc0\x0c\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x1e"
enum { GOOD = 0x8180, TRUNCATED = 0x8380, SERVFAIL = 0x8182, NXDOMAIN = 0x8183 };

static enum error result_of(uint32_t query, uint32_t *address) {
    struct net_address addresses[DNS_ADDRESSES_MAX];
    size_t count = DNS_ADDRESSES_MAX;
    enum error error = dns_result(&dns, query, addresses, &count);
    *address = error == ERR_NONE && count > 0 ? net_ipv4_value(&addresses[0]) : 0;
    return error;
}

static void expect(uint32_t query, enum error error, uint32_t address) {
    uint32_t found;
    assert_int_equal(result_of(query, &found), error);
    assert_int_equal(found, address);
}

static void a_name_becomes_an_address(void **state) {
    uint32_t query = start("Example.org"), finished;
    net_owner owner;
    expect(query, ERR_WOULD_BLOCK, 0);
    assert_true(dns_deadline(&dns) <= now);
    struct dns_output output = send_next();
    assert_true(net_address_equal(&output.server, &server[0]));
    assert_int_equal(output.type, DNS_A);
    assert_true(dns_wants(&dns, output.port));
    assert_false(dns_wants(&dns, output.port ^ 1));
    assert_false(dns_take_finished(&dns, &finished, &owner));
    deliver(&output, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    assert_true(dns_take_finished(&dns, &finished, &owner));
    assert_int_equal(finished, query);
    assert_int_equal(owner, 1);
    assert_false(dns_take_finished(&dns, &finished, &owner));
    expect(query, ERR_NONE, 0x01020304);
    expect(query, ERR_NOT_FOUND, 0);
}

static void answers_are_kept_for_their_time(void **state) {
    uint32_t query = start("example.org");
    struct dns_output output = send_next();
    deliver(&output, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    expect(query, ERR_NONE, 0x01020304);
    now += 59 * NET_SECOND;
    query = start("EXAMPLE.org.");
    assert_false(dns_next(&dns, &output));
    expect(query, ERR_NONE, 0x01020304);
    now += NET_SECOND;
    query = start("example.org");
    expect(query, ERR_WOULD_BLOCK, 0);
    dns_cancel(&dns, query);
}

static void aliases_are_followed(void **state) {
    uint32_t query = start("www.example.org");
    struct dns_output output = send_next();
    /* The address first, then: www.example.org is c.b (at 12 + 17 + 4 + 2 …), c.b is a.b */
    deliver(&output,
            REPLY(GOOD, 3, 0,
                  "\1a\1b\0\0\1\0\1\0\0\0\x3c\0\4\5\6\7\x08"
                  "\1c\1b\0\0\5\0\1\0\0\0\x3c\0\5\1a\1b\0"
                  "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\5\1c\1b\0"),
            server[0]);
    expect(query, ERR_NONE, 0x05060708);
    query = start("www.example.org"); /* kept under the name that was asked */
    expect(query, ERR_NONE, 0x05060708);
}

static void an_address_of_another_name_is_not_taken(void **state) {
    uint32_t query = start("example.org");
    struct dns_output output = send_next();
    deliver(&output, REPLY(GOOD, 1, 0, "\1a\1b\0\0\1\0\1\0\0\0\x3c\0\4\5\6\7\x08"), server[0]);
    expect(query, ERR_NO_NAME, 0);
}

static void a_circle_of_aliases_is_malformed(void **state) {
    uint32_t query = start("example.org");
    struct dns_output output = send_next();
    deliver(&output, REPLY(GOOD, 1, 0, RECORD_CIRCLE), server[0]);
    assert_int_equal(counters.dns_malformed, 1);
    expect(query, ERR_WOULD_BLOCK, 0);
    dns_cancel(&dns, query);
}

static void no_such_name_is_kept_too(void **state) {
    uint32_t query = start("example.org");
    struct dns_output output = send_next();
    deliver(&output, REPLY(NXDOMAIN, 0, 1, RECORD_SOA), server[0]);
    expect(query, ERR_NO_NAME, 0);
    now += 29 * NET_SECOND; /* the SOA's minimum is 30 */
    expect(start("example.org"), ERR_NO_NAME, 0);
    now += NET_SECOND;
    query = start("example.org");
    output = send_next();
    deliver(&output, REPLY(NXDOMAIN, 0, 0, ""), server[0]); /* without a SOA: not kept */
    expect(query, ERR_NO_NAME, 0);
    query = start("example.org");
    expect(query, ERR_WOULD_BLOCK, 0);
    dns_cancel(&dns, query);
}

static void a_name_without_an_address_is_no_name(void **state) {
    uint32_t query = start("example.org");
    struct dns_output output = send_next();
    deliver(&output, REPLY(GOOD, 0, 1, RECORD_SOA), server[0]);
    expect(query, ERR_NO_NAME, 0);
}

static void a_failing_server_hands_over_to_the_next(void **state) {
    uint32_t query = start("example.org");
    struct dns_output first = send_next();
    deliver(&first, REPLY(SERVFAIL, 0, 0, ""), server[0]);
    struct dns_output second = send_next();
    assert_true(net_address_equal(&second.server, &server[1]));
    deliver(&second, REPLY(GOOD, 1, 0, RECORD_A), server[1]);
    expect(query, ERR_NONE, 0x01020304);
    query = start("other.org");
    first = send_next();
    deliver(&first, REPLY(SERVFAIL, 0, 0, ""), server[0]);
    second = send_next();
    deliver(&second, REPLY(0x8185, 0, 0, ""), server[1]);
    expect(query, ERR_NAME_SERVER, 0);
}

static void silence_is_tried_again_elsewhere_then_given_up(void **state) {
    uint32_t query = start("example.org");
    net_time began = now;
    uint16_t last_id = 0, last_port = 0;
    for (int i = 0; i < DNS_TRIES; i++) {
        struct dns_output output = send_next();
        assert_true(net_address_equal(&output.server, &server[i % 2]));
        assert_true(output.id != last_id && output.port != last_port);
        last_id = output.id;
        last_port = output.port;
        assert_false(dns_next(&dns, &output));
        now = dns_deadline(&dns);
    }
    dns_expire(&dns, now);
    assert_true(now - began <= 20 * NET_SECOND);
    expect(query, ERR_TIMED_OUT, 0);
}

static void an_answer_to_an_earlier_try_is_not_taken(void **state) {
    uint32_t query = start("example.org");
    struct dns_output first = send_next();
    now = dns_deadline(&dns);
    struct dns_output second = send_next();
    deliver(&first, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    assert_int_equal(counters.dns_unexpected, 1);
    deliver(&second, REPLY(GOOD, 1, 0, RECORD_A), server[1]);
    expect(query, ERR_NONE, 0x01020304);
}

static void forgeries_are_counted(void **state) {
    uint32_t query = start("example.org");
    struct dns_output output = send_next(), forged = output;
    deliver(&output, REPLY(GOOD, 1, 0, RECORD_A), server[1]); /* from another */
    forged.id++;
    deliver(&forged, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    forged = output;
    forged.port ^= 1;
    deliver(&forged, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    forged = output;
    forged.type = DNS_AAAA;
    deliver(&forged, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    struct dns_name other;
    assert_int_equal(dns_name_from_text("evil.org", &other), ERR_NONE);
    forged = output;
    forged.name = &other;
    deliver(&forged, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    deliver(&output, REPLY(0x0100, 0, 0, ""), server[0]); /* a query */
    assert_int_equal(counters.dns_unexpected, 6);
    struct net_endpoint from = {server[0], DNS_PORT};
    dns_input(&dns, &from, output.port, span_of("short", 5), now);
    deliver(&output, REPLY(GOOD, 1, 0, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\x40"), server[0]); /* runs over */
    assert_int_equal(counters.dns_malformed, 2);
    expect(query, ERR_WOULD_BLOCK, 0);
    deliver(&output, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    expect(query, ERR_NONE, 0x01020304);
}

static void a_truncated_answer_counts_for_what_it_holds(void **state) {
    uint32_t query = start("example.org");
    struct dns_output output = send_next();
    deliver(&output, REPLY(TRUNCATED, 1, 0, RECORD_A), server[0]);
    expect(query, ERR_NONE, 0x01020304);
    query = start("example.org"); /* but it is not kept */
    output = send_next();
    deliver(&output, REPLY(TRUNCATED, 0, 0, ""), server[0]);
    output = send_next();
    deliver(&output, REPLY(TRUNCATED, 0, 0, ""), server[1]);
    expect(query, ERR_NAME_SERVER, 0);
}

static void who_asks_the_same_shares_the_question(void **state) {
    uint32_t first = start("example.org"), second = start("example.ORG"), third = start("example.org");
    struct dns_output output = send_next(), none;
    assert_false(dns_next(&dns, &none));
    dns_cancel(&dns, first);
    deliver(&output, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
    expect(first, ERR_NOT_FOUND, 0);
    expect(second, ERR_NONE, 0x01020304);
    expect(third, ERR_NONE, 0x01020304);
}

static void a_question_that_nobody_asks_any_more_ends(void **state) {
    uint32_t query = start("example.org");
    send_next();
    assert_int_equal(dns_query_count(&dns), 1);
    start("other.org");
    dns_cancel(&dns, query);
    dns_cancel(&dns, query);
    dns_cancel_owner(&dns, 2);
    assert_int_equal(dns_query_count(&dns), 1);
    dns_cancel_owner(&dns, 1);
}

static void tables_are_bounded(void **state) {
    char name[] = "a.org";
    uint32_t query;
    for (int i = 0; i < DNS_QUESTIONS_MAX; i++, name[0]++) {
        start(name);
    }
    assert_int_equal(dns_start(&dns, 1, name, NET_IPV4, &query, now), ERR_TOO_MANY);
    for (int i = DNS_QUESTIONS_MAX; i < DNS_QUERIES_MAX; i++) {
        start("a.org");
    }
    assert_int_equal(dns_start(&dns, 1, "a.org", NET_IPV4, &query, now), ERR_TOO_MANY);
    dns_cancel_owner(&dns, 1);
}

static void the_cache_forgets_what_expires_first(void **state) {
    char name[] = "aa.org";
    for (int i = 0; i < DNS_CACHE_MAX + 1; i++) {
        name[0] = (char)('a' + i / 26);
        name[1] = (char)('a' + i % 26);
        uint32_t query = start(name);
        struct dns_output output = send_next();
        deliver(&output, REPLY(GOOD, 1, 0, RECORD_A), server[0]);
        expect(query, ERR_NONE, 0x01020304);
        now += NET_SECOND / 100;
    }
    expect(start("ab.org"), ERR_NONE, 0x01020304);
    uint32_t query = start("aa.org");
    expect(query, ERR_WOULD_BLOCK, 0);
    dns_cancel(&dns, query);
}

static void what_needs_no_server(void **state) {
    uint32_t query;
    dns_set_servers(&dns, NULL, 0, now);
    struct net_address gateway = net_ipv4(0x0a000202);
    assert_int_equal(dns_add_host(&dns, "gateway.lan", &gateway), ERR_NONE);
    assert_int_equal(dns_add_host(&dns, "no name", &gateway), ERR_INVALID);
    expect(start("10.1.2.3"), ERR_NONE, 0x0a010203);
    expect(start("localhost"), ERR_NONE, 0x7f000001);
    expect(start("www.localhost."), ERR_NONE, 0x7f000001);
    expect(start("Gateway.lan"), ERR_NONE, 0x0a000202);
    assert_int_equal(dns_start(&dns, 1, "example.org", NET_IPV4, &query, now), ERR_NAME_SERVER);
    assert_int_equal(dns_start(&dns, 1, "no name", NET_IPV4, &query, now), ERR_INVALID);
    assert_int_equal(dns_start(&dns, 1, "gateway.lan", NET_IPV6, &query, now), ERR_NAME_SERVER);
}

static void new_servers_are_asked_at_once(void **state) {
    uint32_t query = start("example.org");
    send_next();
    dns_set_servers(&dns, &server[1], 1, now);
    struct dns_output output = send_next();
    assert_true(net_address_equal(&output.server, &server[1]));
    dns_set_servers(&dns, NULL, 0, now);
    expect(query, ERR_NAME_SERVER, 0);
}

static void an_unknown_neighbour_is_waited_for(void **state) {
    struct dns_output output;
    uint32_t query = start("example.org");
    assert_true(dns_next(&dns, &output));
    dns_wait(&dns, &output);
    assert_false(dns_next(&dns, &output));
    assert_true(dns_deadline(&dns) == NET_NEVER);
    dns_wake(&dns);
    assert_true(dns_next(&dns, &output));
    dns_unreachable(&dns, &output, now);
    assert_true(dns_next(&dns, &output));
    assert_true(net_address_equal(&output.server, &server[1]));
    dns_unreachable(&dns, &output, now);
    expect(query, ERR_NAME_SERVER, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_name_becomes_an_address),
        TEST(answers_are_kept_for_their_time),
        TEST(aliases_are_followed),
        TEST(an_address_of_another_name_is_not_taken),
        TEST(a_circle_of_aliases_is_malformed),
        TEST(no_such_name_is_kept_too),
        TEST(a_name_without_an_address_is_no_name),
        TEST(a_failing_server_hands_over_to_the_next),
        TEST(silence_is_tried_again_elsewhere_then_given_up),
        TEST(an_answer_to_an_earlier_try_is_not_taken),
        TEST(forgeries_are_counted),
        TEST(a_truncated_answer_counts_for_what_it_holds),
        TEST(who_asks_the_same_shares_the_question),
        TEST(a_question_that_nobody_asks_any_more_ends),
        TEST(tables_are_bounded),
        TEST(the_cache_forgets_what_expires_first),
        TEST(what_needs_no_server),
        TEST(new_servers_are_asked_at_once),
        TEST(an_unknown_neighbour_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
