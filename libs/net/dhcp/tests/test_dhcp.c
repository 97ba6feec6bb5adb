/* test_dhcp.c: a lease from birth to end, in a time of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/dhcp/dhcp.h>
#include <net/wire/ipv4.h>

#define ADDRESS UINT32_C(0x0a00020f)
#define SERVER  UINT32_C(0x0a000202)
#define OTHER   UINT32_C(0x0a000303)

static const struct mac ours = {{2, 0, 0, 0, 0, 1}};
static struct net_counters counters;
static struct random dice;
static struct dhcp dhcp;
static net_time now;

static int set_up(void **state) {
    counters = (struct net_counters){0};
    random_seed(&dice, 3, 4);
    now = 7 * NET_SECOND;
    dhcp_init(&dhcp, ours, "minato", &dice, &counters);
    return dhcp_deadline(&dhcp) == NET_NEVER ? 0 : -1;
}

/* What is due at its deadline, sent. */
static struct dhcp_output send_next(enum dhcp_type type) {
    struct dhcp_output output;
    net_time deadline = dhcp_deadline(&dhcp);
    assert_true(deadline != NET_NEVER);
    now = deadline > now ? deadline : now;
    dhcp_expire(&dhcp, now);
    assert_true(dhcp_next(&dhcp, now, &output));
    assert_int_equal(output.message.type, type);
    assert_true(mac_equal(output.message.client_mac, ours));
    dhcp_sent(&dhcp, now);
    return output;
}

static void nothing_due(void) {
    struct dhcp_output output;
    dhcp_expire(&dhcp, now);
    assert_false(dhcp_next(&dhcp, now, &output));
}

static struct dhcp_message answer_of(enum dhcp_type type) {
    return (struct dhcp_message){.reply = true,
                                 .type = (uint8_t)type,
                                 .xid = dhcp.xid,
                                 .client_mac = ours,
                                 .your_address = ADDRESS,
                                 .subnet_mask = 0xffffff00,
                                 .router = SERVER,
                                 .name_server = {OTHER},
                                 .has_lease = type != DHCP_NAK,
                                 .lease = 3600,
                                 .server = SERVER};
}

static void answer(enum dhcp_type type) {
    struct dhcp_message message = answer_of(type);
    dhcp_input(&dhcp, &message, now);
}

static void become_bound(void) {
    dhcp_start(&dhcp, now);
    send_next(DHCP_DISCOVER);
    answer(DHCP_OFFER);
    send_next(DHCP_REQUEST);
    answer(DHCP_ACK);
    assert_true(dhcp_is_bound(&dhcp));
    assert_true(dhcp_take_change(&dhcp));
    nothing_due();
}

static void discover_offer_request_ack(void **state) {
    dhcp_start(&dhcp, now);
    struct dhcp_output output = send_next(DHCP_DISCOVER);
    assert_int_equal(output.source, IPV4_ANY);
    assert_true(output.destination == IPV4_BROADCAST);
    assert_true(output.message.broadcast && output.message.ask_parameters);
    assert_string_equal(output.message.host_name, "minato");
    nothing_due();
    answer(DHCP_OFFER);
    output = send_next(DHCP_REQUEST);
    assert_int_equal(output.message.requested_address, ADDRESS);
    assert_int_equal(output.message.server, SERVER);
    assert_int_equal(output.message.client_address, 0);
    assert_false(dhcp_take_change(&dhcp));
    answer(DHCP_ACK);
    assert_int_equal(dhcp.state, DHCP_BOUND);
    assert_true(dhcp_take_change(&dhcp));
    assert_false(dhcp_take_change(&dhcp));
    assert_int_equal(dhcp.lease.address, ADDRESS);
    assert_int_equal(dhcp.lease.prefix_length, 24);
    assert_int_equal(dhcp.lease.router, SERVER);
    assert_int_equal(dhcp.lease.name_server[0], OTHER);
    assert_true(dhcp_deadline(&dhcp) == now + 1800 * NET_SECOND);
}

static void discovers_are_repeated_with_back_off(void **state) {
    dhcp_start(&dhcp, now);
    net_time expected[] = {4, 8, 16, 32, 64, 64, 64};
    send_next(DHCP_DISCOVER);
    bool varied = false;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        net_time wait = dhcp_deadline(&dhcp) - now;
        assert_in_range(wait, (expected[i] - 1) * NET_SECOND, (expected[i] + 1) * NET_SECOND);
        varied |= wait % NET_SECOND != 0;
        struct dhcp_output output = send_next(DHCP_DISCOVER);
        assert_int_equal(output.message.seconds, (now - 7 * NET_SECOND) / NET_SECOND);
    }
    assert_true(varied);
}

static void what_is_not_for_us_changes_nothing(void **state) {
    dhcp_start(&dhcp, now);
    answer(DHCP_OFFER); /* nothing has been asked */
    assert_int_equal(dhcp.state, DHCP_INIT);
    send_next(DHCP_DISCOVER);
    answer(DHCP_ACK);
    answer(DHCP_NAK);
    struct dhcp_message message = answer_of(DHCP_OFFER);
    message.xid++;
    dhcp_input(&dhcp, &message, now);
    message = answer_of(DHCP_OFFER);
    message.client_mac.bytes[5]++;
    dhcp_input(&dhcp, &message, now);
    message = answer_of(DHCP_OFFER);
    message.reply = false;
    dhcp_input(&dhcp, &message, now);
    message = answer_of(DHCP_OFFER);
    message.your_address = IPV4_BROADCAST;
    dhcp_input(&dhcp, &message, now);
    message = answer_of(DHCP_OFFER);
    message.server = 0;
    dhcp_input(&dhcp, &message, now);
    assert_int_equal(dhcp.state, DHCP_SELECTING);
    assert_int_equal(counters.dhcp_malformed, 2);
    answer(DHCP_OFFER);
    answer(DHCP_ACK); /* too early */
    assert_int_equal(dhcp.state, DHCP_REQUESTING);
    send_next(DHCP_REQUEST);
    message = answer_of(DHCP_ACK);
    message.server = OTHER;
    dhcp_input(&dhcp, &message, now);
    message = answer_of(DHCP_ACK);
    message.your_address++;
    dhcp_input(&dhcp, &message, now);
    message = answer_of(DHCP_ACK);
    message.has_lease = false;
    dhcp_input(&dhcp, &message, now);
    assert_int_equal(dhcp.state, DHCP_REQUESTING);
    assert_int_equal(counters.dhcp_malformed, 4);
}

static void a_silent_server_is_given_up(void **state) {
    dhcp_start(&dhcp, now);
    send_next(DHCP_DISCOVER);
    uint32_t xid = dhcp.xid;
    answer(DHCP_OFFER);
    for (int i = 0; i < 4; i++) {
        send_next(DHCP_REQUEST);
    }
    send_next(DHCP_DISCOVER);
    assert_int_not_equal(dhcp.xid, xid);
}

static void a_nak_starts_over(void **state) {
    dhcp_start(&dhcp, now);
    send_next(DHCP_DISCOVER);
    answer(DHCP_OFFER);
    send_next(DHCP_REQUEST);
    answer(DHCP_NAK);
    assert_int_equal(dhcp.state, DHCP_INIT);
    send_next(DHCP_DISCOVER);
}

static void a_lease_is_renewed_from_its_server(void **state) {
    become_bound();
    struct dhcp_output output = send_next(DHCP_REQUEST);
    assert_int_equal(dhcp.state, DHCP_RENEWING);
    assert_int_equal(output.source, ADDRESS);
    assert_int_equal(output.destination, SERVER);
    assert_int_equal(output.message.client_address, ADDRESS);
    assert_int_equal(output.message.requested_address, 0);
    assert_int_equal(output.message.server, 0);
    assert_false(output.message.broadcast);
    answer(DHCP_ACK);
    assert_int_equal(dhcp.state, DHCP_BOUND);
    assert_false(dhcp_take_change(&dhcp)); /* the same as before */
    assert_true(dhcp_deadline(&dhcp) == now + 1800 * NET_SECOND);
    send_next(DHCP_REQUEST);
    struct dhcp_message message = answer_of(DHCP_ACK);
    message.router = OTHER;
    dhcp_input(&dhcp, &message, now);
    assert_true(dhcp_take_change(&dhcp));
    assert_int_equal(dhcp.lease.router, OTHER);
}

static void an_unknown_neighbour_is_waited_for(void **state) {
    struct dhcp_output output;
    become_bound();
    now = dhcp_deadline(&dhcp);
    dhcp_expire(&dhcp, now);
    assert_true(dhcp_next(&dhcp, now, &output));
    dhcp_wait(&dhcp);
    assert_false(dhcp_next(&dhcp, now, &output));
    assert_true(dhcp_deadline(&dhcp) == NET_NEVER);
    dhcp_wake(&dhcp);
    assert_true(dhcp_deadline(&dhcp) <= now);
    send_next(DHCP_REQUEST);
}

static void without_its_server_anybody_is_asked_until_the_end(void **state) {
    become_bound();
    net_time bound = now;
    int renewals = 0, rebindings = 0;
    for (;;) {
        net_time deadline = dhcp_deadline(&dhcp);
        now = deadline;
        dhcp_expire(&dhcp, now);
        if (!dhcp_is_bound(&dhcp)) {
            break;
        }
        assert_true(deadline < bound + 3600 * NET_SECOND);
        struct dhcp_output output = send_next(DHCP_REQUEST);
        bool renewing = output.destination == SERVER;
        assert_true(renewing == (now < bound + 3150 * NET_SECOND));
        assert_true(dhcp_deadline(&dhcp) >= now + 60 * NET_SECOND || dhcp_deadline(&dhcp) == dhcp.rebind ||
                    dhcp_deadline(&dhcp) == dhcp.expire);
        renewals += renewing;
        rebindings += !renewing;
        assert_true(rebindings < 100 && renewals < 100);
    }
    assert_true(renewals > 2 && rebindings > 2);
    assert_true(now == bound + 3600 * NET_SECOND);
    assert_true(dhcp_take_change(&dhcp)); /* gone */
    struct dhcp_output output = send_next(DHCP_DISCOVER);
    assert_int_equal(output.source, IPV4_ANY);
}

static void rebinding_takes_an_ack_of_another_server(void **state) {
    become_bound();
    while (dhcp.state != DHCP_REBINDING) {
        send_next(DHCP_REQUEST);
    }
    struct dhcp_message message = answer_of(DHCP_ACK);
    message.server = OTHER;
    dhcp_input(&dhcp, &message, now);
    assert_int_equal(dhcp.state, DHCP_BOUND);
    assert_int_equal(dhcp.lease.server, OTHER);
    struct dhcp_output output = send_next(DHCP_REQUEST);
    assert_int_equal(output.destination, OTHER);
}

static void a_nak_while_renewing_takes_the_address_away(void **state) {
    become_bound();
    send_next(DHCP_REQUEST);
    answer(DHCP_NAK);
    assert_false(dhcp_is_bound(&dhcp));
    assert_true(dhcp_take_change(&dhcp));
    send_next(DHCP_DISCOVER);
}

static void a_conflict_declines_the_address(void **state) {
    become_bound();
    dhcp_conflict(&dhcp, OTHER, now); /* not ours */
    assert_true(dhcp_is_bound(&dhcp));
    dhcp_conflict(&dhcp, ADDRESS, now);
    assert_false(dhcp_is_bound(&dhcp));
    assert_true(dhcp_take_change(&dhcp));
    struct dhcp_output output = send_next(DHCP_DECLINE);
    assert_int_equal(output.message.requested_address, ADDRESS);
    assert_int_equal(output.message.server, SERVER);
    net_time declined = now;
    nothing_due();
    send_next(DHCP_DISCOVER);
    assert_true(now == declined + 10 * NET_SECOND);
}

static void a_lease_for_ever_has_no_deadline(void **state) {
    dhcp_start(&dhcp, now);
    send_next(DHCP_DISCOVER);
    answer(DHCP_OFFER);
    send_next(DHCP_REQUEST);
    struct dhcp_message message = answer_of(DHCP_ACK);
    message.lease = UINT32_MAX;
    dhcp_input(&dhcp, &message, now);
    assert_true(dhcp_is_bound(&dhcp));
    assert_true(dhcp_deadline(&dhcp) == NET_NEVER);
}

static void told_times_are_kept_when_they_make_sense(void **state) {
    struct {
        uint32_t renewal, rebinding;
        net_time renew, rebind;
    } cases[] = {{100, 200, 100, 200}, {0, 0, 1800, 3150}, {5000, 200, 1800, 200}, {300, 9000, 300, 3150}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(set_up(state), 0);
        dhcp_start(&dhcp, now);
        send_next(DHCP_DISCOVER);
        answer(DHCP_OFFER);
        send_next(DHCP_REQUEST);
        struct dhcp_message message = answer_of(DHCP_ACK);
        message.renewal = cases[i].renewal;
        message.rebinding = cases[i].rebinding;
        dhcp_input(&dhcp, &message, now);
        assert_true(dhcp.renew == now + cases[i].renew * NET_SECOND);
        assert_true(dhcp.rebind == now + cases[i].rebind * NET_SECOND);
    }
}

static void masks_become_prefixes(void **state) {
    struct {
        uint32_t mask;
        uint8_t prefix;
    } cases[] = {{0xffffff00, 24},
                 {0xff000000, 8},
                 {UINT32_MAX, 32},
                 {0, 8 /* class A */},
                 {0xff00ff00, 32 /* holes */}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(set_up(state), 0);
        dhcp_start(&dhcp, now);
        send_next(DHCP_DISCOVER);
        struct dhcp_message message = answer_of(DHCP_OFFER);
        message.subnet_mask = cases[i].mask;
        dhcp_input(&dhcp, &message, now);
        assert_int_equal(dhcp.offer.prefix_length, cases[i].prefix);
    }
}

static void when_the_link_returns_the_lease_is_asked_for_again(void **state) {
    become_bound();
    now += 10 * NET_SECOND;
    dhcp_start(&dhcp, now);
    assert_true(dhcp_is_bound(&dhcp));
    struct dhcp_output output = send_next(DHCP_REQUEST);
    assert_true(output.destination == IPV4_BROADCAST);
    assert_int_equal(output.message.client_address, ADDRESS);
    assert_true(dhcp_deadline(&dhcp) <= now + 5 * NET_SECOND); /* not only when half the lease is over */
    answer(DHCP_ACK);
    assert_int_equal(dhcp.state, DHCP_BOUND);
    dhcp_start(&dhcp, now);
    send_next(DHCP_REQUEST);
    answer(DHCP_NAK); /* another network */
    assert_false(dhcp_is_bound(&dhcp));
    dhcp_stop(&dhcp);
    assert_true(dhcp_deadline(&dhcp) == NET_NEVER);
    nothing_due();
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(discover_offer_request_ack),
        TEST(discovers_are_repeated_with_back_off),
        TEST(what_is_not_for_us_changes_nothing),
        TEST(a_silent_server_is_given_up),
        TEST(a_nak_starts_over),
        TEST(a_lease_is_renewed_from_its_server),
        TEST(an_unknown_neighbour_is_waited_for),
        TEST(without_its_server_anybody_is_asked_until_the_end),
        TEST(rebinding_takes_an_ack_of_another_server),
        TEST(a_nak_while_renewing_takes_the_address_away),
        TEST(a_conflict_declines_the_address),
        TEST(a_lease_for_ever_has_no_deadline),
        TEST(told_times_are_kept_when_they_make_sense),
        TEST(masks_become_prefixes),
        TEST(when_the_link_returns_the_lease_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
