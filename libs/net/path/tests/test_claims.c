/* test_claims.c: an own address from its first probe to its defence, in a time of its own (RFC 5227). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/path/claims.h>

static const struct mac ours = {{2, 0, 0, 0, 0, 1}}, theirs = {{2, 0, 0, 0, 0, 2}};
#define OURS   UINT32_C(0x0a00000f)
#define THEIRS UINT32_C(0x0a000002)

static struct net_counters counters;
static struct random dice;
static struct claims claims;
static net_time now;

static int set_up(void **state) {
    counters = (struct net_counters){0};
    random_seed(&dice, 1, 2);
    now = 5 * NET_SECOND;
    claims_init(&claims, ours, &dice, &counters);
    return claims_deadline(&claims) == NET_NEVER ? 0 : -1;
}

static void hear(uint16_t operation, struct mac mac, uint32_t sender, uint32_t target) {
    struct arp_packet packet = {
        .operation = operation, .sender_mac = mac, .sender_address = sender, .target_address = target};
    (void)claims_input(&claims, &packet, now);
}

static bool send(struct arp_output *output) {
    claims_expire(&claims, now);
    if (!claims_next(&claims, now, output)) {
        return false;
    }
    assert_true(mac_equal(output->destination, MAC_BROADCAST));
    assert_true(mac_equal(output->packet.sender_mac, ours));
    assert_int_equal(output->packet.operation, ARP_REQUEST);
    claims_sent(&claims, output, now);
    return true;
}

static void assert_sent_from(uint32_t sender) {
    struct arp_output output;
    assert_true(send(&output));
    assert_int_equal(output.packet.sender_address, sender);
    assert_int_equal(output.packet.target_address, OURS);
    assert_false(send(&output));
}

static void assert_news(enum claim_news news) {
    uint32_t address = 0;
    assert_int_equal(claims_take_news(&claims, &address), news);
    assert_int_equal(address, news != CLAIM_NOTHING ? OURS : 0);
    if (news != CLAIM_NOTHING) {
        assert_int_equal(claims_take_news(&claims, &address), CLAIM_NOTHING);
    }
}

/* Moves on to the deadline, which is between `least` and `most` from now. */
static void wait(net_time least, net_time most) {
    struct arp_output output;
    net_time deadline = claims_deadline(&claims);
    assert_in_range(deadline - now, least, most);
    if (deadline > now) {
        now = deadline - 1;
        assert_false(send(&output));
    }
    now = deadline;
}

static void hold(void) {
    claims_add(&claims, OURS, false, now);
    assert_sent_from(IPV4_ANY);
    wait(CLAIM_ANNOUNCE_WAIT, CLAIM_ANNOUNCE_WAIT);
    assert_sent_from(OURS);
    wait(CLAIM_ANNOUNCE_GAP, CLAIM_ANNOUNCE_GAP);
    assert_sent_from(OURS);
    assert_true(claims_deadline(&claims) == NET_NEVER);
    assert_news(CLAIM_WON);
}

static void three_probes_and_two_announcements(void **state) {
    claims_add(&claims, OURS, true, now);
    wait(0, CLAIM_PROBE_WAIT);
    assert_sent_from(IPV4_ANY);
    for (int i = 1; i < CLAIM_PROBES; i++) {
        wait(CLAIM_PROBE_LEAST, CLAIM_PROBE_MOST);
        assert_sent_from(IPV4_ANY);
    }
    assert_news(CLAIM_NOTHING);
    wait(CLAIM_ANNOUNCE_WAIT, CLAIM_ANNOUNCE_WAIT);
    assert_sent_from(OURS);
    assert_news(CLAIM_WON);
    wait(CLAIM_ANNOUNCE_GAP, CLAIM_ANNOUNCE_GAP);
    assert_sent_from(OURS);
    assert_true(claims_deadline(&claims) == NET_NEVER);
    assert_news(CLAIM_NOTHING);
}

static void the_times_of_probes_vary(void **state) {
    net_time first = 0, wait_of[20];
    for (uint32_t i = 0; i < 20; i++) {
        claims_add(&claims, OURS, true, now);
        wait_of[i] = claims_deadline(&claims) - now;
        assert_true(wait_of[i] < CLAIM_PROBE_WAIT);
        first |= wait_of[i] ^ wait_of[0];
    }
    assert_true(first != 0);
}

static void an_answer_to_a_probe_loses_the_address(void **state) {
    struct arp_output output;
    claims_add(&claims, OURS, true, now);
    wait(0, CLAIM_PROBE_WAIT);
    assert_sent_from(IPV4_ANY);
    hear(ARP_REPLY, theirs, OURS, IPV4_ANY);
    assert_news(CLAIM_LOST);
    assert_int_equal(counters.arp_conflicts, 1);
    now += 20 * NET_SECOND;
    assert_false(send(&output));
}

static void a_request_from_it_loses_it_too_even_before_the_first_probe(void **state) {
    claims_add(&claims, OURS, true, now);
    hear(ARP_REQUEST, theirs, OURS, THEIRS);
    assert_news(CLAIM_LOST);
}

static void of_two_who_probe_neither_gets_it(void **state) {
    claims_add(&claims, OURS, true, now);
    hear(ARP_REQUEST, ours, IPV4_ANY, OURS); /* our own probe, back from a hub */
    assert_news(CLAIM_NOTHING);
    hear(ARP_REQUEST, theirs, IPV4_ANY, THEIRS); /* a probe for another address */
    assert_news(CLAIM_NOTHING);
    hear(ARP_REQUEST, theirs, IPV4_ANY, OURS);
    assert_news(CLAIM_LOST);
}

static void a_probe_does_not_touch_what_is_held(void **state) {
    hold();
    hear(ARP_REQUEST, theirs, IPV4_ANY, OURS);
    assert_news(CLAIM_NOTHING);
    assert_int_equal(counters.arp_conflicts, 0);
}

static void a_held_address_is_defended_once(void **state) {
    hold();
    hear(ARP_REQUEST, theirs, OURS, THEIRS);
    assert_true(claims_deadline(&claims) <= now);
    assert_sent_from(OURS);
    assert_news(CLAIM_NOTHING);
    now += CLAIM_DEFENCE; /* long ago: defended again */
    hear(ARP_REPLY, theirs, OURS, THEIRS);
    assert_sent_from(OURS);
    assert_news(CLAIM_NOTHING);
    now += CLAIM_DEFENCE - 1;
    hear(ARP_REQUEST, theirs, OURS, THEIRS);
    assert_news(CLAIM_LOST);
    struct arp_output output;
    assert_false(send(&output)); /* never two within ten seconds */
    assert_int_equal(counters.arp_conflicts, 3);
}

static void it_is_defended_while_it_is_announced(void **state) {
    claims_add(&claims, OURS, false, now);
    assert_sent_from(IPV4_ANY);
    wait(CLAIM_ANNOUNCE_WAIT, CLAIM_ANNOUNCE_WAIT);
    assert_sent_from(OURS);
    assert_news(CLAIM_WON);
    hear(ARP_REQUEST, theirs, OURS, THEIRS);
    assert_sent_from(OURS); /* the defence */
    wait(CLAIM_ANNOUNCE_GAP, CLAIM_ANNOUNCE_GAP);
    assert_sent_from(OURS);
    assert_news(CLAIM_NOTHING);
}

static void each_address_is_claimed_by_itself(void **state) {
    struct arp_output output;
    uint32_t address;
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        claims_add(&claims, OURS + i, false, now);
    }
    for (uint32_t i = 0; i < ADDRESSES_MAX; i++) {
        assert_true(send(&output));
    }
    assert_false(send(&output));
    hear(ARP_REPLY, theirs, OURS + 3, OURS + 3);
    assert_int_equal(claims_take_news(&claims, &address), CLAIM_LOST);
    assert_int_equal(address, OURS + 3);
    claims_remove(&claims, OURS + 3);
    now += CLAIM_ANNOUNCE_WAIT;
    for (uint32_t i = 0; i + 1 < ADDRESSES_MAX; i++) {
        assert_true(send(&output));
        assert_int_not_equal(output.packet.target_address, OURS + 3);
    }
    assert_false(send(&output));
    claims_add(&claims, OURS + 3, false, now); /* there is room again */
    assert_true(send(&output));
    assert_int_equal(output.packet.target_address, OURS + 3);
}

static void another_link_is_asked_anew(void **state) {
    hold();
    claims_restart(&claims, ours, now);
    assert_sent_from(IPV4_ANY);
    wait(CLAIM_ANNOUNCE_WAIT, CLAIM_ANNOUNCE_WAIT);
    assert_sent_from(OURS);
}

static void what_was_being_probed_is_probed_from_the_start(void **state) {
    claims_add(&claims, OURS, true, now);
    for (int i = 0; i < CLAIM_PROBES; i++) {
        wait(0, CLAIM_PROBE_MOST);
        assert_sent_from(IPV4_ANY);
    }
    claims_restart(&claims, ours, now);
    for (int i = 0; i < CLAIM_PROBES; i++) {
        wait(0, CLAIM_PROBE_MOST);
        assert_sent_from(IPV4_ANY);
        assert_news(CLAIM_NOTHING);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(three_probes_and_two_announcements),
        TEST(the_times_of_probes_vary),
        TEST(an_answer_to_a_probe_loses_the_address),
        TEST(a_request_from_it_loses_it_too_even_before_the_first_probe),
        TEST(of_two_who_probe_neither_gets_it),
        TEST(a_probe_does_not_touch_what_is_held),
        TEST(a_held_address_is_defended_once),
        TEST(it_is_defended_while_it_is_announced),
        TEST(each_address_is_claimed_by_itself),
        TEST(another_link_is_asked_anew),
        TEST(what_was_being_probed_is_probed_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
