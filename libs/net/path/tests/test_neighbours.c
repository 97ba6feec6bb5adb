/* test_neighbours.c: every state of ARP, in a time of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/path/neighbours.h>

static const struct mac ours = {{2, 0, 0, 0, 0, 1}}, theirs = {{2, 0, 0, 0, 0, 2}},
                        liar = {{2, 0, 0, 0, 0, 3}};
#define OURS   UINT32_C(0x0a00000f)
#define THEIRS UINT32_C(0x0a000002)

static struct net_counters counters;
static struct neighbours neighbours;
static struct routes routes;
static net_time now;

static int set_up(void **state) {
    counters = (struct net_counters){0};
    routes = (struct routes){0};
    now = 5 * NET_SECOND;
    neighbours_init(&neighbours, ours, &counters);
    struct interface_address own = {.address = OURS, .prefix_length = 24};
    return routes_add_address(&routes, &own) == ERR_NONE ? 0 : -1;
}

static void hear(uint16_t operation, struct mac mac, uint32_t sender, uint32_t target) {
    struct arp_packet packet = {
        .operation = operation, .sender_mac = mac, .sender_address = sender, .target_address = target};
    neighbours_input(&neighbours, &routes, &packet, now);
}

static enum neighbour_answer look(struct mac *mac) {
    return neighbour_lookup(&neighbours, THEIRS, mac, now);
}

static bool send(struct arp_output *output) {
    neighbours_expire(&neighbours, now);
    if (!neighbours_next(&neighbours, &routes, now, output)) {
        return false;
    }
    neighbours_sent(&neighbours, output, now);
    return true;
}

static void assert_request_goes_to(struct mac destination) {
    struct arp_output output;
    assert_true(send(&output));
    assert_true(mac_equal(output.destination, destination));
    assert_int_equal(output.packet.operation, ARP_REQUEST);
    assert_int_equal(output.packet.sender_address, OURS);
    assert_int_equal(output.packet.target_address, THEIRS);
    assert_false(send(&output));
}

static void become_reachable(void) {
    struct mac mac;
    assert_int_equal(look(&mac), NEIGHBOUR_WAITING);
    assert_request_goes_to(MAC_BROADCAST);
    hear(ARP_REPLY, theirs, THEIRS, OURS);
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    assert_true(mac_equal(mac, theirs));
    assert_true(neighbours_deadline(&neighbours) == NET_NEVER);
}

static void an_answer_makes_it_ready(void **state) {
    uint32_t generation = neighbours.generation;
    become_reachable();
    assert_int_not_equal(neighbours.generation, generation);
    assert_int_equal(neighbours_count(&neighbours, now), 1);
}

static void three_requests_a_second_apart_then_failure(void **state) {
    struct mac mac;
    struct arp_output output;
    assert_int_equal(look(&mac), NEIGHBOUR_WAITING);
    for (int i = 0; i < NEIGHBOUR_REQUESTS_MAX; i++) {
        assert_true(neighbours_deadline(&neighbours) == now);
        assert_request_goes_to(MAC_BROADCAST);
        assert_true(neighbours_deadline(&neighbours) == now + NET_SECOND);
        now += NET_SECOND - 1;
        assert_false(send(&output));
        assert_int_equal(look(&mac), NEIGHBOUR_WAITING);
        now += 1;
    }
    uint32_t generation = neighbours.generation;
    assert_false(send(&output));
    assert_int_not_equal(neighbours.generation, generation);
    assert_int_equal(look(&mac), NEIGHBOUR_FAILED);
    assert_int_equal(counters.arp_unanswered, 1);
    assert_true(neighbours_deadline(&neighbours) == NET_NEVER);
    now += NET_SECOND; /* a new sender may try again */
    assert_int_equal(look(&mac), NEIGHBOUR_WAITING);
    assert_request_goes_to(MAC_BROADCAST);
}

static void an_old_one_is_used_and_asked_directly(void **state) {
    struct mac mac;
    become_reachable();
    now += NEIGHBOUR_FRESH;
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    assert_true(neighbours_deadline(&neighbours) == now + NEIGHBOUR_PROBE_DELAY);
    now += NEIGHBOUR_PROBE_DELAY;
    assert_request_goes_to(theirs);
    hear(ARP_REPLY, theirs, THEIRS, OURS);
    assert_true(neighbours_deadline(&neighbours) == NET_NEVER);
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
}

static void traffic_confirms_without_asking(void **state) {
    struct mac mac;
    struct arp_output output;
    become_reachable();
    now += NEIGHBOUR_FRESH;
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    neighbour_confirm(&neighbours, THEIRS, now);
    assert_true(neighbours_deadline(&neighbours) == NET_NEVER);
    now += NEIGHBOUR_PROBE_DELAY;
    assert_false(send(&output));
    neighbour_confirm(&neighbours, THEIRS + 1, now); /* nobody we know */
    assert_int_equal(neighbours_count(&neighbours, now), 1);
}

static void one_that_died_is_asked_by_broadcast_again(void **state) {
    struct mac mac;
    become_reachable();
    now += NEIGHBOUR_FRESH;
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    now += NEIGHBOUR_PROBE_DELAY;
    for (int i = 0; i < NEIGHBOUR_REQUESTS_MAX; i++) {
        assert_request_goes_to(theirs);
        now += NET_SECOND;
    }
    neighbours_expire(&neighbours, now);
    assert_int_equal(look(&mac), NEIGHBOUR_WAITING);
    assert_request_goes_to(MAC_BROADCAST);
}

static void replies_nobody_asked_for_change_nothing(void **state) {
    struct mac mac;
    hear(ARP_REPLY, liar, THEIRS, OURS);
    assert_int_equal(neighbours_count(&neighbours, now), 0);
    become_reachable();
    hear(ARP_REPLY, liar, THEIRS, OURS);
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    assert_true(mac_equal(mac, theirs));
    assert_int_equal(counters.arp_unsolicited, 2);
    assert_request_goes_to(MAC_BROADCAST); /* but the doubt is cleared up */
    neighbour_confirm(&neighbours, THEIRS, now);
    hear(ARP_REPLY, theirs, THEIRS, OURS);
    hear(ARP_REPLY, liar, THEIRS, OURS); /* too late: another doubt, no change */
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    assert_true(mac_equal(mac, theirs));
}

static void a_reply_before_the_question_changes_nothing(void **state) {
    struct mac mac;
    become_reachable();
    now += NEIGHBOUR_FRESH;
    assert_int_equal(look(&mac), NEIGHBOUR_READY); /* it will be asked, but has not been */
    hear(ARP_REPLY, liar, THEIRS, OURS);
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    assert_true(mac_equal(mac, theirs));
}

static void a_machine_that_takes_over_is_believed_when_it_answers(void **state) {
    struct mac mac;
    become_reachable();
    hear(ARP_REQUEST, liar, THEIRS, THEIRS); /* gratuitous */
    assert_request_goes_to(MAC_BROADCAST);
    hear(ARP_REPLY, liar, THEIRS, OURS);
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    assert_true(mac_equal(mac, liar));
}

static void requests_are_answered_and_their_senders_learned(void **state) {
    struct mac mac;
    struct arp_output output;
    hear(ARP_REQUEST, theirs, THEIRS, OURS);
    assert_true(neighbours_deadline(&neighbours) <= now);
    assert_true(send(&output));
    assert_int_equal(output.packet.operation, ARP_REPLY);
    assert_true(mac_equal(output.destination, theirs));
    assert_true(mac_equal(output.packet.sender_mac, ours));
    assert_int_equal(output.packet.sender_address, OURS);
    assert_int_equal(output.packet.target_address, THEIRS);
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    hear(ARP_REQUEST, theirs, THEIRS + 5, OURS + 1); /* not for us */
    assert_false(send(&output));
    assert_int_equal(neighbours_count(&neighbours, now), 1);
}

static void a_flood_of_requests_is_counted(void **state) {
    struct arp_output output;
    for (uint32_t i = 0; i < 200; i++) {
        hear(ARP_REQUEST, theirs, THEIRS + 20 + i, OURS);
    }
    assert_int_equal(counters.arp_queue_full, 200 - NEIGHBOUR_REPLIES_MAX);
    int replies = 0;
    while (send(&output)) {
        replies++;
    }
    assert_int_equal(replies, NEIGHBOUR_REPLIES_MAX);
    assert_int_equal(neighbours_count(&neighbours, now), NEIGHBOURS_MAX);
}

static void open_questions_are_not_pushed_out(void **state) {
    struct mac mac;
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        assert_int_equal(neighbour_lookup(&neighbours, THEIRS + 20 + i, &mac, now), NEIGHBOUR_WAITING);
    }
    assert_int_equal(look(&mac), NEIGHBOUR_FAILED);
    hear(ARP_REQUEST, theirs, THEIRS, OURS); /* no room: answered, not learned */
    struct arp_output output;
    assert_true(send(&output));
    assert_int_equal(output.packet.operation, ARP_REPLY);
}

static void entries_expire_without_use(void **state) {
    become_reachable();
    now += NEIGHBOUR_LIFE - 1;
    assert_int_equal(neighbours_count(&neighbours, now), 1);
    now += 1;
    assert_int_equal(neighbours_count(&neighbours, now), 0);
}

static void what_is_set_by_hand_stays(void **state) {
    struct mac mac;
    struct arp_output output;
    become_reachable();
    assert_int_equal(neighbour_set(&neighbours, THEIRS, liar, now), ERR_NONE);
    hear(ARP_REPLY, theirs, THEIRS, OURS);
    hear(ARP_REQUEST, theirs, THEIRS, OURS);
    assert_true(send(&output)); /* the answer to the request, and no question */
    assert_int_equal(output.packet.operation, ARP_REPLY);
    now += 2 * NEIGHBOUR_LIFE;
    neighbour_confirm(&neighbours, THEIRS, now);
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    assert_true(mac_equal(mac, liar));
    assert_true(neighbours_deadline(&neighbours) == NET_NEVER);
    neighbours_flush(&neighbours);
    assert_int_equal(look(&mac), NEIGHBOUR_READY);
    assert_int_equal(neighbour_remove(&neighbours, THEIRS, now), ERR_NONE);
    assert_int_equal(neighbour_remove(&neighbours, THEIRS, now), ERR_NOT_FOUND);
    assert_int_equal(look(&mac), NEIGHBOUR_WAITING);
}

static void what_is_set_by_hand_leaves_room(void **state) {
    struct mac mac;
    for (uint32_t i = 0; i < NEIGHBOURS_PERMANENT; i++) {
        assert_int_equal(neighbour_set(&neighbours, THEIRS + 20 + i, liar, now), ERR_NONE);
    }
    assert_int_equal(neighbour_set(&neighbours, THEIRS, liar, now), ERR_TOO_MANY);
    assert_int_equal(neighbour_set(&neighbours, THEIRS + 20, theirs, now), ERR_NONE); /* changed, not added */
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        hear(ARP_REQUEST, theirs, THEIRS + 100 + i, OURS);
    }
    assert_int_equal(neighbour_lookup(&neighbours, THEIRS + 20, &mac, now), NEIGHBOUR_READY);
    assert_true(mac_equal(mac, theirs));
    assert_int_equal(look(&mac), NEIGHBOUR_WAITING); /* there is room for it */
}

static void what_was_learned_can_be_forgotten(void **state) {
    struct mac mac;
    uint32_t cursor = 0;
    become_reachable();
    assert_non_null(neighbour_next(&neighbours, &cursor, now));
    assert_null(neighbour_next(&neighbours, &cursor, now));
    uint32_t generation = neighbours.generation;
    neighbours_flush(&neighbours);
    assert_int_not_equal(neighbours.generation, generation);
    cursor = 0;
    assert_null(neighbour_next(&neighbours, &cursor, now));
    assert_int_equal(look(&mac), NEIGHBOUR_WAITING);
    assert_int_equal(neighbour_remove(&neighbours, THEIRS, now), ERR_NONE); /* with its question */
    assert_true(neighbours_deadline(&neighbours) == NET_NEVER);
}

static void a_probe_for_our_address_is_answered_not_learned(void **state) {
    struct arp_output output;
    hear(ARP_REQUEST, liar, IPV4_ANY, OURS);
    assert_true(send(&output));
    assert_int_equal(output.packet.operation, ARP_REPLY);
    assert_int_equal(neighbours_count(&neighbours, now), 0);
    hear(ARP_REQUEST, ours, THEIRS, OURS); /* our own, back from a hub */
    assert_false(send(&output));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_answer_makes_it_ready, set_up),
        cmocka_unit_test_setup(three_requests_a_second_apart_then_failure, set_up),
        cmocka_unit_test_setup(an_old_one_is_used_and_asked_directly, set_up),
        cmocka_unit_test_setup(traffic_confirms_without_asking, set_up),
        cmocka_unit_test_setup(one_that_died_is_asked_by_broadcast_again, set_up),
        cmocka_unit_test_setup(replies_nobody_asked_for_change_nothing, set_up),
        cmocka_unit_test_setup(a_reply_before_the_question_changes_nothing, set_up),
        cmocka_unit_test_setup(a_machine_that_takes_over_is_believed_when_it_answers, set_up),
        cmocka_unit_test_setup(requests_are_answered_and_their_senders_learned, set_up),
        cmocka_unit_test_setup(a_flood_of_requests_is_counted, set_up),
        cmocka_unit_test_setup(open_questions_are_not_pushed_out, set_up),
        cmocka_unit_test_setup(entries_expire_without_use, set_up),
        cmocka_unit_test_setup(what_is_set_by_hand_stays, set_up),
        cmocka_unit_test_setup(what_is_set_by_hand_leaves_room, set_up),
        cmocka_unit_test_setup(what_was_learned_can_be_forgotten, set_up),
        cmocka_unit_test_setup(a_probe_for_our_address_is_answered_not_learned, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
