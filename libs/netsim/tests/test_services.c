/* test_services.c: an engine among simulated hosts: addresses by DHCP, names by DNS, datagrams, echoes and
 * errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/wire/icmp.h>
#include <net/wire/udp.h>
#include <netsim/server.h>

enum { MEMORY = 1 << 20 };
#define SERVER UINT32_C(0x0a000202)
#define LEASED UINT32_C(0x0a00020f)
#define SECOND NET_SECOND

static struct sim *sim;
static struct sim_node *node;
static struct net *net;
static struct server server;
static net_owner owner;
static bool probe; /* addresses are probed before their use */

static void start(bool dhcp, const struct link_config *link) {
    struct net_config config = {.mac = {2, 0, 0, 0, 0, 1},
                                .mtu = 1500,
                                .dhcp = dhcp,
                                .probe = probe,
                                .address = net_ipv4(LEASED),
                                .prefix_length = 24,
                                .gateway = net_ipv4(SERVER),
                                .dns = {net_ipv4(SERVER)},
                                .host_name = "minato",
                                .sockets_max = 32,
                                .owner_budget = 256 << 10};
    server_add(sim, &server, link);
    node = sim_add_engine(sim, &config, MEMORY, link);
    assert_non_null(node);
    net = sim_net(node);
    assert_int_equal(net_owner_open(net, &owner), ERR_NONE);
}

static int set_up(void **state) {
    sim = sim_new(11);
    probe = false;
    server = (struct server){.address = SERVER,
                             .mac = {{2, 0, 0, 0, 0, 2}},
                             .lease_address = LEASED,
                             .lease_seconds = 3600,
                             .router = SERVER,
                             .name = {{"www.example.org", 0, "example.org"},
                                      {"example.org", 0x01020304, NULL},
                                      {"empty.org", 0, NULL}}};
    return 0;
}

/* Nothing that an owner held is left. */
static int tear_down(void **state) {
    struct net_usage usage;
    net_owner_close(net, owner, sim_now(sim));
    net_usage(net, &usage);
    sim_free(sim);
    return usage.sockets == 0 && usage.queries == 0 && usage.arena_used == 0 ? 0 : -1;
}

static const struct link_config good = {.delay = 500};

static struct net_interface interface(void) {
    struct net_interface interface;
    net_interface(net, &interface);
    return interface;
}

static bool is_bound(void *context) {
    return interface().bound;
}

static bool is_unbound(void *context) {
    return !interface().bound;
}

static void run_for(net_time time) {
    enum sim_end end = sim_run(sim, sim_now(sim) + time, NULL, NULL);
    assert_int_not_equal(end, SIM_DONE);
}

/* ---- DHCP ---- */

static void an_address_is_leased_and_renewed(void **state) {
    start(true, &good);
    assert_false(interface().bound);
    assert_int_equal(sim_run(sim, 10 * SECOND, is_bound, NULL), SIM_DONE);
    assert_true(sim_now(sim) < SECOND + SECOND / 100); /* nothing waits on the way */
    struct net_interface now = interface();
    assert_int_equal(net_ipv4_value(&now.address), LEASED);
    assert_int_equal(net_ipv4_value(&now.gateway), SERVER);
    assert_int_equal(net_ipv4_value(&now.dns[0]), SERVER);
    assert_int_equal(now.prefix_length, 24);
    assert_int_equal(now.lease_seconds, 3600);
    struct net_event event;
    bool told = false;
    while (net_next_event(net, &event)) {
        told |= event.kind == NET_EVENT_ADDRESS;
    }
    assert_true(told);
    run_for(24 * 3600 * SECOND); /* a day: renewed every half hour, from the server directly */
    assert_true(interface().bound);
    assert_int_equal(server.discovers, 1);
    assert_in_range(server.unicast_requests, 47, 48);
    assert_int_equal(server.requests, server.unicast_requests + 1);
}

static void a_lossy_link_delays_the_lease_only(void **state) {
    struct link_config bad = {.delay = 2000, .loss = 400, .duplicate = 100};
    start(true, &bad);
    assert_int_equal(sim_run(sim, 1000 * SECOND, is_bound, NULL), SIM_DONE);
    server.lease_seconds = 1000;
    run_for(24 * 3600 * SECOND);
    assert_true(server.requests > 20);
}

static void a_server_that_falls_silent_ends_the_lease(void **state) {
    start(true, &good);
    assert_int_equal(sim_run(sim, 10 * SECOND, is_bound, NULL), SIM_DONE);
    server.dhcp_silent = true;
    assert_int_equal(sim_run(sim, 7200 * SECOND, is_unbound, NULL), SIM_DONE);
    assert_in_range(sim_now(sim), 3600 * SECOND, 3602 * SECOND);
    server.dhcp_silent = false;
    assert_int_equal(sim_run(sim, 7200 * SECOND, is_bound, NULL), SIM_DONE);
}

static void a_refusal_takes_the_address_away(void **state) {
    start(true, &good);
    assert_int_equal(sim_run(sim, 10 * SECOND, is_bound, NULL), SIM_DONE);
    server.dhcp_refuses = true;
    assert_int_equal(sim_run(sim, 7200 * SECOND, is_unbound, NULL), SIM_DONE);
    assert_in_range(sim_now(sim), 1800 * SECOND, 1802 * SECOND);
    server.dhcp_refuses = false;
    server.lease_address = LEASED + 1;
    assert_int_equal(sim_run(sim, 7200 * SECOND, is_bound, NULL), SIM_DONE);
    struct net_interface now = interface();
    assert_int_equal(net_ipv4_value(&now.address), LEASED + 1);
}

static void a_conflict_is_declined(void **state) {
    server.usurped = LEASED;
    start(true, &good);
    assert_int_equal(sim_run(sim, 10 * SECOND, is_bound, NULL), SIM_DONE);
    assert_int_equal(sim_run(sim, 10 * SECOND, is_unbound, NULL), SIM_DONE);
    run_for(SECOND);
    assert_int_equal(server.declines, 1);
    server.usurped = 0;
    assert_int_equal(sim_run(sim, 60 * SECOND, is_bound, NULL), SIM_DONE);
    run_for(60 * SECOND);
    assert_true(interface().bound);
}

static void a_lease_is_probed_before_its_use(void **state) {
    probe = true;
    start(true, &good);
    assert_int_equal(sim_run(sim, 20 * SECOND, is_bound, NULL), SIM_DONE);
    assert_in_range(sim_now(sim), 5 * SECOND, 8 * SECOND + SECOND / 10); /* the simulation begins at 1 s */
    struct net_interface now = interface();
    assert_int_equal(net_ipv4_value(&now.gateway), SERVER);
    assert_int_equal(net_ipv4_value(&now.dns[0]), SERVER);
    run_for(24 * 3600 * SECOND); /* a renewed lease is not probed again */
    assert_true(interface().bound);
    assert_int_equal(server.discovers, 1);
}

static void a_lease_in_conflict_is_declined_unused(void **state) {
    probe = true;
    server.usurped = LEASED;
    start(true, &good);
    assert_int_equal(sim_run(sim, 10 * SECOND, is_bound, NULL), SIM_TIME_UP);
    assert_int_equal(server.declines, 1);
    run_for(600 * SECOND);
    assert_in_range(server.declines, 10, 25); /* after ten only one a minute (RFC 5227 2.1.1) */
    server.usurped = 0;
    assert_int_equal(sim_run(sim, sim_now(sim) + 100 * SECOND, is_bound, NULL), SIM_DONE);
}

static uint32_t count_addresses(void) {
    struct net_own_address address;
    uint32_t cursor = 0, count = 0;
    while (net_address_next(net, &cursor, &address)) {
        count++;
    }
    return count;
}

static uint32_t count_routes(enum net_origin origin) {
    struct net_route route;
    uint32_t cursor = 0, count = 0;
    while (net_route_next(net, &cursor, &route)) {
        count += route.origin == origin;
    }
    return count;
}

static bool has_two_addresses(void *context) {
    return count_addresses() == 2;
}

static bool has_one_address(void *context) {
    return count_addresses() == 1;
}

/* A lease comes and goes beside what was set by hand, before it and during it. */
static void what_is_set_by_hand_outlives_the_lease(void **state) {
    struct net_address alias = net_ipv4(UINT32_C(0xc0a80701)), leased = net_ipv4(LEASED);
    struct net_route route = {.destination = net_ipv4(UINT32_C(0xac100000)),
                              .prefix_length = 12,
                              .gateway = net_ipv4(UINT32_C(0xc0a80702))};
    start(true, &good);
    assert_int_equal(net_address_add(net, 0, &alias, 24, sim_now(sim)), ERR_NONE);
    assert_int_equal(net_route_add(net, &route, sim_now(sim)), ERR_NONE);
    assert_int_equal(sim_run(sim, 10 * SECOND, has_two_addresses, NULL), SIM_DONE);
    assert_int_equal(count_routes(NET_FROM_LEASE), 1);
    assert_int_equal(count_routes(NET_FROM_ADDRESS), 2);
    server.dhcp_refuses = true;
    assert_int_equal(sim_run(sim, 7200 * SECOND, has_one_address, NULL), SIM_DONE);
    assert_int_equal(net_address_remove(net, &leased, sim_now(sim)), ERR_NOT_FOUND);
    assert_int_equal(count_routes(NET_FROM_LEASE), 0);
    assert_int_equal(count_routes(NET_FROM_ADDRESS), 1);
    assert_int_equal(count_routes(NET_FROM_USER), 1);
    server.dhcp_refuses = false;
    assert_int_equal(sim_run(sim, 7200 * SECOND, has_two_addresses, NULL), SIM_DONE);
    assert_int_equal(net_address_remove(net, &alias, sim_now(sim)), ERR_NONE);
    run_for(7200 * SECOND);
    assert_int_equal(count_addresses(), 1);
    assert_int_equal(count_routes(NET_FROM_LEASE), 1);
}

/* An address that goes on from lease to lease is never away. */
static void a_renewed_lease_changes_the_gateway_only(void **state) {
    start(true, &good);
    assert_int_equal(sim_run(sim, 10 * SECOND, is_bound, NULL), SIM_DONE);
    server.router = SERVER + 1;
    sim_alarm(sim, sim_now(sim) + 1900 * SECOND);
    assert_int_equal(sim_run(sim, sim_now(sim) + 1900 * SECOND, is_unbound, NULL), SIM_TIME_UP);
    struct net_interface now = interface();
    assert_int_equal(net_ipv4_value(&now.gateway), SERVER + 1);
    assert_int_equal(count_routes(NET_FROM_LEASE), 1);
}

/* ---- DNS ---- */

static uint32_t finished;

static bool name_has_come(void *context) {
    struct net_event event;
    while (net_next_event(net, &event)) {
        if (event.kind == NET_EVENT_NAME) {
            assert_int_equal(event.owner, owner);
            finished = event.query;
        }
    }
    return finished != 0;
}

static enum error resolve(const char *name, uint32_t *address) {
    uint32_t query;
    finished = 0;
    assert_int_equal(net_resolve(net, owner, name, NET_IPV4, &query, sim_now(sim)), ERR_NONE);
    assert_int_equal(sim_run(sim, sim_now(sim) + 60 * SECOND, name_has_come, NULL), SIM_DONE);
    assert_int_equal(finished, query);
    struct net_address addresses[4];
    size_t count = 4;
    enum error error = net_resolve_result(net, query, addresses, &count);
    *address = error == ERR_NONE ? net_ipv4_value(&addresses[0]) : 0;
    return error;
}

static void names_are_resolved(void **state) {
    uint32_t address;
    start(false, &good);
    assert_int_equal(resolve("www.example.org", &address), ERR_NONE);
    assert_int_equal(address, 0x01020304);
    assert_int_equal(resolve("nobody.org", &address), ERR_NO_NAME);
    assert_int_equal(resolve("empty.org", &address), ERR_NO_NAME);
    assert_int_equal(resolve("10.1.2.3", &address), ERR_NONE);
    assert_int_equal(address, 0x0a010203);
    assert_int_equal(server.queries, 3);
    assert_int_equal(resolve("www.example.org", &address), ERR_NONE); /* kept */
    assert_int_equal(server.queries, 3);
}

static void lost_queries_are_sent_again(void **state) {
    uint32_t address;
    server.dns_ignores = 2;
    start(false, &good);
    assert_int_equal(resolve("example.org", &address), ERR_NONE);
    assert_int_equal(server.queries, 3);
}

static void a_server_that_never_answers_or_fails(void **state) {
    uint32_t address;
    server.dns_ignores = 100;
    start(false, &good);
    assert_int_equal(resolve("example.org", &address), ERR_TIMED_OUT);
    server.dns_ignores = 0;
    server.dns_fails = 100;
    assert_int_equal(resolve("example.org", &address), ERR_NAME_SERVER);
}

static void a_server_that_is_not_there(void **state) {
    uint32_t address;
    server.address = SERVER + 1; /* nobody answers ARP for the other */
    start(false, &good);
    assert_int_equal(resolve("example.org", &address), ERR_NAME_SERVER);
}

static void a_wrong_name_is_refused_at_once(void **state) {
    uint32_t query;
    start(false, &good);
    assert_int_equal(net_resolve(net, owner, "no name", NET_IPV4, &query, sim_now(sim)), ERR_INVALID);
    assert_int_equal(net_resolve(net, owner, "example.org", NET_IPV4, &query, sim_now(sim)), ERR_NONE);
    net_resolve_cancel(net, query);
    finished = 0;
    assert_int_equal(sim_run(sim, 60 * SECOND, name_has_come, NULL), SIM_IDLE);
}

/* ---- UDP and ICMP, against a second engine ---- */

static struct sim_node *peer_node;
static struct net *peer;
static net_owner peer_owner;
#define PEER UINT32_C(0x0a000214)

static void start_two(const struct link_config *link) {
    start(false, link);
    struct net_config config = {.mac = {2, 0, 0, 0, 0, 9},
                                .mtu = 1500,
                                .address = net_ipv4(PEER),
                                .prefix_length = 24,
                                .sockets_max = 8,
                                .owner_budget = 256 << 10};
    peer_node = sim_add_engine(sim, &config, MEMORY, link);
    assert_non_null(peer_node);
    peer = sim_net(peer_node);
    assert_int_equal(net_owner_open(peer, &peer_owner), ERR_NONE);
}

static net_socket_id datagram(struct net *of, net_owner who, uint16_t port) {
    net_socket_id socket;
    struct net_endpoint local = {.port = port};
    assert_int_equal(net_open(of, NET_DATAGRAM, who, &socket), ERR_NONE);
    assert_int_equal(net_bind(of, socket, &local), ERR_NONE);
    return socket;
}

static void datagrams_go_there_and_back(void **state) {
    char text[1472] = "hello";
    size_t length;
    uint32_t flags = 0;
    struct net_endpoint to = {net_ipv4(PEER), 7}, from;
    start_two(&good);
    net_socket_id ours = datagram(net, owner, 0), theirs = datagram(peer, peer_owner, 7);
    assert_int_equal(net_send_to(net, ours, text, sizeof text, &to, sim_now(sim)), ERR_NONE);
    run_for(SECOND);
    assert_true(net_ready(peer, theirs) & NET_READY_IN);
    assert_int_equal(net_receive_from(peer, theirs, text, sizeof text, &flags, &length, &from), ERR_NONE);
    assert_int_equal(length, sizeof text);
    assert_int_equal(net_ipv4_value(&from.address), LEASED);
    assert_int_equal(net_send_to(peer, theirs, "there", 5, &from, sim_now(sim)), ERR_NONE);
    run_for(SECOND);
    assert_int_equal(net_receive_from(net, ours, text, sizeof text, &flags, &length, &from), ERR_NONE);
    assert_memory_equal(text, "there", 5);
    assert_int_equal(net_receive_from(net, ours, text, sizeof text, &flags, &length, &from), ERR_WOULD_BLOCK);
    net_owner_close(peer, peer_owner, sim_now(sim));
}

static void a_closed_port_refuses(void **state) {
    struct net_endpoint to = {net_ipv4(PEER), 7};
    start_two(&good);
    net_socket_id ours = datagram(net, owner, 0);
    assert_int_equal(net_connect(net, ours, &to, sim_now(sim)), ERR_NONE);
    assert_int_equal(net_send_to(net, ours, "x", 1, NULL, sim_now(sim)), ERR_NONE);
    run_for(SECOND);
    assert_true(net_ready(net, ours) & NET_READY_ERROR);
    assert_int_equal(net_take_error(net, ours), ERR_REFUSED);
    assert_int_equal(net_take_error(net, ours), ERR_NONE);
    assert_int_equal(net_counters(peer)->udp_no_socket, 1);
}

static void a_host_that_is_not_there_is_unreachable(void **state) {
    struct net_endpoint to = {net_ipv4(PEER + 5), 7};
    start_two(&good);
    net_socket_id ours = datagram(net, owner, 0), stream;
    assert_int_equal(net_connect(net, ours, &to, sim_now(sim)), ERR_NONE);
    assert_int_equal(net_send_to(net, ours, "x", 1, NULL, sim_now(sim)), ERR_NONE);
    assert_int_equal(net_open(net, NET_STREAM, owner, &stream), ERR_NONE);
    assert_int_equal(net_connect(net, stream, &to, sim_now(sim)), ERR_IN_PROGRESS);
    net_time began = sim_now(sim);
    run_for(3 * SECOND - 1);
    assert_int_equal(net_take_error(net, ours), ERR_NONE);
    run_for(began + 4 * SECOND - sim_now(sim));
    assert_int_equal(net_take_error(net, ours), ERR_HOST_UNREACHABLE);
    assert_int_equal(net_take_error(net, stream), ERR_HOST_UNREACHABLE);
    assert_int_equal(net_counters(net)->arp_unanswered, 1);
}

/* Sends a frame to the engine as it stands. */
static void inject(struct span packet) {
    uint8_t frame[1600];
    struct writer writer = writer_of(frame, sizeof frame);
    if (packet.data == NULL) {
        fail_msg("no packet");
        return;
    }
    ethernet_write(&writer,
                   &(struct ethernet_header){{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 9}}, ETHER_IPV4});
    write_bytes(&writer, packet.data, packet.length);
    assert_false(writer.failed);
    net_receive(net, &(struct net_frame){.data = frame, .length = writer.length}, sim_now(sim));
}

static uint32_t replies;

static bool count_replies(void *context, struct sim_node *from, const uint8_t *frame, size_t length) {
    replies += from == node && length > 34 && frame[12] == 8 && frame[13] == 0 && frame[23] == IP_ICMP &&
               frame[34] == *(uint8_t *)context;
    return true;
}

static void ping(uint32_t source, uint32_t destination) {
    uint8_t packet[100];
    struct writer writer = writer_of(packet, sizeof packet);
    struct icmp_message echo = {.type = ICMP_ECHO, .id = 1, .sequence = 2, .payload = span_of("ping", 4)};
    ipv4_write(
        &writer,
        &(struct ipv4_header){.source = source, .destination = destination, .protocol = IP_ICMP, .ttl = 3},
        12);
    icmp_write(&writer, &echo);
    inject(writer_span(&writer));
}

static void echoes_are_answered_but_not_to_broadcasts(void **state) {
    uint8_t type = ICMP_ECHO_REPLY;
    start_two(&good);
    sim_set_filter(sim, count_replies, &type);
    replies = 0;
    ping(PEER, LEASED);
    run_for(SECOND);
    assert_int_equal(replies, 1);
    ping(PEER, IPV4_BROADCAST);
    ping(PEER, 0x0a0002ff);
    ping(IPV4_BROADCAST, LEASED);
    ping(LEASED, LEASED);
    ping(0x7f000001, LEASED);
    ping(0xe0000001, LEASED);
    ping(PEER, LEASED + 1);
    run_for(SECOND);
    assert_int_equal(replies, 1);
}

static void errors_are_reported_to_who_may_hear_them(void **state) {
    uint8_t type = ICMP_UNREACHABLE, packet[100];
    struct udp_header udp = {.source_port = 1, .destination_port = 9};
    start_two(&good);
    sim_set_filter(sim, count_replies, &type);
    replies = 0;
    const uint32_t destination[] = {LEASED, IPV4_BROADCAST, 0x0a0002ff};
    for (int i = 0; i < 3; i++) {
        struct writer writer = writer_of(packet, sizeof packet);
        ipv4_write(&writer,
                   &(struct ipv4_header){
                       .source = PEER, .destination = destination[i], .protocol = IP_UDP, .ttl = 3},
                   9);
        udp_write(&writer, &udp, PEER, destination[i], span_of("x", 1));
        inject(writer_span(&writer));
    }
    run_for(SECOND);
    assert_int_equal(replies, 1); /* port unreachable, for the first only */
    struct writer writer = writer_of(packet, sizeof packet);
    ipv4_write(&writer,
               &(struct ipv4_header){.source = PEER, .destination = LEASED, .protocol = 99, .ttl = 3}, 9);
    write_zeros(&writer, 9);
    inject(writer_span(&writer));
    run_for(SECOND);
    assert_int_equal(replies, 2); /* protocol unreachable */
    assert_int_equal(net_counters(net)->ipv4_unknown_protocol, 1);
}

static void an_idle_engine_sleeps(void **state) {
    start_two(&good);
    assert_int_equal(sim_run(sim, 3600 * SECOND, NULL, NULL), SIM_IDLE);
    assert_true(sim_now(sim) < 10 * SECOND); /* the announcements of the addresses are over */
    assert_true(net_deadline(net) == NET_NEVER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_address_is_leased_and_renewed),
        TEST(a_lossy_link_delays_the_lease_only),
        TEST(a_server_that_falls_silent_ends_the_lease),
        TEST(a_refusal_takes_the_address_away),
        TEST(a_conflict_is_declined),
        TEST(a_lease_is_probed_before_its_use),
        TEST(a_lease_in_conflict_is_declined_unused),
        TEST(what_is_set_by_hand_outlives_the_lease),
        TEST(a_renewed_lease_changes_the_gateway_only),
        TEST(names_are_resolved),
        TEST(lost_queries_are_sent_again),
        TEST(a_server_that_never_answers_or_fails),
        TEST(a_server_that_is_not_there),
        TEST(a_wrong_name_is_refused_at_once),
        TEST(datagrams_go_there_and_back),
        TEST(a_closed_port_refuses),
        TEST(a_host_that_is_not_there_is_unreachable),
        TEST(echoes_are_answered_but_not_to_broadcasts),
        TEST(errors_are_reported_to_who_may_hear_them),
        TEST(an_idle_engine_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
