/* test_routes.c: own addresses, broadcasts, and the longest prefix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/path/routes.h>

static enum error add_address(struct routes *routes, uint32_t address, uint8_t prefix_length) {
    struct interface_address own = {.address = address, .prefix_length = prefix_length};
    return routes_add_address(routes, &own);
}

static enum error add(struct routes *routes, uint32_t prefix, uint8_t prefix_length, uint32_t gateway) {
    struct route route = {.prefix = prefix, .prefix_length = prefix_length, .gateway = gateway};
    return routes_add(routes, &route);
}

static struct routes two_networks(void) {
    struct routes routes = {0};
    assert_int_equal(add_address(&routes, ipv4_of(10, 0, 2, 15), 24), ERR_NONE);
    assert_int_equal(add_address(&routes, ipv4_of(192, 168, 7, 1), 30), ERR_NONE);
    assert_int_equal(add(&routes, 0, 0, ipv4_of(10, 0, 2, 2)), ERR_NONE);
    assert_int_equal(add(&routes, ipv4_of(172, 16, 0, 0), 12, ipv4_of(10, 0, 2, 3)), ERR_NONE);
    assert_int_equal(add(&routes, ipv4_of(172, 16, 9, 0), 24, ipv4_of(192, 168, 7, 2)), ERR_NONE);
    return routes;
}

static void assert_hop(uint32_t destination, uint32_t next_hop, uint32_t source) {
    struct routes routes = two_networks();
    struct path path = routes_find(&routes, destination, 0);
    assert_int_equal(path.kind, PATH_NEIGHBOUR);
    assert_int_equal(path.next_hop, next_hop);
    assert_int_equal(path.source, source);
}

static void the_longest_prefix_wins(void **state) {
    assert_hop(ipv4_of(10, 0, 2, 9), ipv4_of(10, 0, 2, 9), ipv4_of(10, 0, 2, 15));
    assert_hop(ipv4_of(8, 8, 8, 8), ipv4_of(10, 0, 2, 2), ipv4_of(10, 0, 2, 15));
    assert_hop(ipv4_of(172, 31, 1, 1), ipv4_of(10, 0, 2, 3), ipv4_of(10, 0, 2, 15));
    assert_hop(ipv4_of(172, 32, 1, 1), ipv4_of(10, 0, 2, 2), ipv4_of(10, 0, 2, 15));
    assert_hop(ipv4_of(172, 16, 9, 77), ipv4_of(192, 168, 7, 2), ipv4_of(192, 168, 7, 1));
}

static enum path_kind kind_of(uint32_t destination) {
    struct routes routes = two_networks();
    return routes_find(&routes, destination, 0).kind;
}

static void special_destinations(void **state) {
    assert_int_equal(kind_of(ipv4_of(10, 0, 2, 15)), PATH_LOCAL);
    assert_int_equal(kind_of(ipv4_of(127, 1, 2, 3)), PATH_LOCAL);
    assert_int_equal(kind_of(IPV4_BROADCAST), PATH_BROADCAST);
    assert_int_equal(kind_of(ipv4_of(10, 0, 2, 255)), PATH_BROADCAST);
    assert_int_equal(kind_of(ipv4_of(192, 168, 7, 3)), PATH_BROADCAST);
    assert_int_equal(kind_of(ipv4_of(224, 0, 0, 1)), PATH_MULTICAST);
    assert_int_equal(kind_of(ipv4_of(240, 0, 0, 1)), PATH_NONE);
    assert_int_equal(kind_of(ipv4_of(0, 0, 0, 1)), PATH_NONE);
}

static void without_a_route_there_is_no_path(void **state) {
    struct routes routes = {0};
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), 0).kind, PATH_NONE);
    assert_int_equal(add_address(&routes, ipv4_of(10, 0, 0, 1), 8), ERR_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), 0).kind, PATH_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 9, 9, 9), 0).kind, PATH_NEIGHBOUR);
    routes = (struct routes){0};
    assert_int_equal(routes_find(&routes, ipv4_of(10, 9, 9, 9), 0).kind, PATH_NONE);
}

static void a_point_to_point_network_has_no_broadcast(void **state) {
    struct routes routes = {0};
    assert_int_equal(add_address(&routes, ipv4_of(10, 0, 0, 0), 31), ERR_NONE);
    assert_false(routes_is_broadcast(&routes, ipv4_of(10, 0, 0, 1)));
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 0, 1), 0).kind, PATH_NEIGHBOUR);
}

static void tables_are_bounded_and_checked(void **state) {
    struct routes routes = {0};
    for (uint32_t i = 0; i < ROUTES_MAX; i++) {
        assert_int_equal(add(&routes, i << 24, 8, 1), ERR_NONE);
    }
    assert_int_equal(add(&routes, ipv4_of(99, 0, 0, 0), 8, 1), ERR_TOO_MANY);
    assert_int_equal(add(&routes, ipv4_of(1, 2, 3, 4), 8, 1), ERR_EXISTS);
    assert_int_equal(add(&routes, 0, 33, 1), ERR_INVALID);
    routes = (struct routes){0};
    for (uint32_t i = 1; i <= ADDRESSES_MAX; i++) {
        assert_int_equal(add_address(&routes, ipv4_of(10, 0, 0, (uint8_t)i), 24), ERR_NONE);
    }
    assert_int_equal(routes.route_count, 1); /* aliases share their network's route */
    assert_int_equal(add_address(&routes, ipv4_of(10, 0, 0, 1), 24), ERR_EXISTS);
    assert_int_equal(add_address(&routes, ipv4_of(10, 0, 0, 99), 24), ERR_TOO_MANY);
    assert_int_equal(add_address(&routes, ipv4_of(224, 0, 0, 9), 24), ERR_INVALID);
    assert_int_equal(add_address(&routes, ipv4_of(127, 0, 0, 9), 24), ERR_INVALID);
}

static void the_least_metric_wins(void **state) {
    struct routes routes = {0};
    struct route route = {.gateway = 7, .metric = 100};
    assert_int_equal(routes_add(&routes, &route), ERR_NONE);
    assert_int_equal(routes_add(&routes, &route), ERR_EXISTS);
    route.gateway = 8, route.metric = 50;
    assert_int_equal(routes_add(&routes, &route), ERR_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), 0).next_hop, 8);
    assert_int_equal(add(&routes, ipv4_of(8, 0, 0, 0), 8, 9), ERR_NONE); /* the prefix counts before it */
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), 0).next_hop, 9);
    assert_int_equal(routes_find(&routes, ipv4_of(9, 8, 8, 8), 0).next_hop, 8);
    assert_int_equal(routes_remove(&routes, &(struct route){.metric = 50}), ERR_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(9, 8, 8, 8), 0).next_hop, 7);
    assert_int_equal(routes_remove(&routes, &(struct route){.gateway = 8}), ERR_NOT_FOUND);
    assert_int_equal(routes_remove(&routes, &(struct route){0}), ERR_NONE);
    assert_int_equal(routes_remove(&routes, &(struct route){0}), ERR_NOT_FOUND);
}

static void routes_are_checked(void **state) {
    struct routes routes = two_networks();
    struct route good = {
        .prefix = ipv4_of(10, 9, 0, 0), .prefix_length = 16, .gateway = ipv4_of(10, 0, 2, 9)};
    struct route route = good;
    assert_int_equal(routes_check(&routes, &route), ERR_NONE);
    route.prefix |= 1;
    assert_int_equal(routes_check(&routes, &route), ERR_INVALID);
    route = good, route.prefix_length = 33;
    assert_int_equal(routes_check(&routes, &route), ERR_INVALID);
    route = good, route.gateway = ipv4_of(10, 0, 2, 15); /* our own */
    assert_int_equal(routes_check(&routes, &route), ERR_INVALID);
    route = good, route.gateway = ipv4_of(10, 0, 2, 255);
    assert_int_equal(routes_check(&routes, &route), ERR_INVALID);
    route = good, route.gateway = ipv4_of(127, 0, 0, 2);
    assert_int_equal(routes_check(&routes, &route), ERR_INVALID);
    route = good, route.gateway = ipv4_of(8, 8, 8, 8); /* behind another gateway */
    assert_int_equal(routes_check(&routes, &route), ERR_NET_UNREACHABLE);
    route = good, route.source = ipv4_of(10, 0, 2, 16);
    assert_int_equal(routes_check(&routes, &route), ERR_INVALID);
    route = good, route.source = ipv4_of(192, 168, 7, 1);
    assert_int_equal(routes_check(&routes, &route), ERR_NONE);
    assert_int_equal(routes_add(&routes, &route), ERR_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 9, 1, 1), 0).source, ipv4_of(192, 168, 7, 1));
    assert_int_equal(routes_find(&routes, ipv4_of(10, 9, 1, 1), ipv4_of(10, 0, 2, 15)).source,
                     ipv4_of(10, 0, 2, 15));
}

static void a_network_goes_on_with_the_next_address(void **state) {
    struct routes routes = two_networks();
    struct route preferred = {.prefix = ipv4_of(10, 9, 0, 0),
                              .prefix_length = 16,
                              .gateway = ipv4_of(10, 0, 2, 9),
                              .source = ipv4_of(10, 0, 2, 15)};
    assert_int_equal(add_address(&routes, ipv4_of(10, 0, 2, 16), 24), ERR_NONE);
    assert_int_equal(routes_add(&routes, &preferred), ERR_NONE);
    assert_false(routes_is_secondary(&routes, routes_entry(&routes, ipv4_of(10, 0, 2, 15))));
    assert_true(routes_is_secondary(&routes, routes_entry(&routes, ipv4_of(10, 0, 2, 16))));
    assert_int_equal(routes_remove_address(&routes, ipv4_of(10, 0, 2, 15)), ERR_NONE);
    assert_int_equal(routes_remove_address(&routes, ipv4_of(10, 0, 2, 15)), ERR_NOT_FOUND);
    assert_false(routes_is_own(&routes, ipv4_of(10, 0, 2, 15)));
    struct path path = routes_find(&routes, ipv4_of(10, 0, 2, 9), 0);
    assert_int_equal(path.kind, PATH_NEIGHBOUR);
    assert_int_equal(path.source, ipv4_of(10, 0, 2, 16));
    assert_int_equal(routes_find(&routes, ipv4_of(10, 9, 1, 1), 0).next_hop,
                     ipv4_of(10, 0, 2, 2)); /* default */
    assert_int_equal(routes_remove_address(&routes, ipv4_of(10, 0, 2, 16)), ERR_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 2, 9), 0).next_hop, ipv4_of(10, 0, 2, 2));
    assert_int_equal(routes_remove_address(&routes, ipv4_of(192, 168, 7, 1)), ERR_NONE);
    assert_int_equal(routes.route_count, 0); /* without an address there is no way */
}

static void what_is_not_ours_is_no_source(void **state) {
    struct routes routes = two_networks();
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), ipv4_of(10, 0, 2, 99)).kind, PATH_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 2, 15), ipv4_of(10, 0, 2, 99)).kind, PATH_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(224, 0, 0, 1), ipv4_of(10, 0, 2, 99)).kind, PATH_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), ipv4_of(127, 0, 0, 1)).kind, PATH_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 2, 15), ipv4_of(127, 0, 0, 1)).kind, PATH_LOCAL);
}

static void a_tentative_address_is_not_ours_yet(void **state) {
    struct routes routes = {0};
    uint32_t address = ipv4_of(10, 0, 2, 15);
    assert_int_equal(routes_add_address(&routes, &(struct interface_address){.address = address,
                                                                             .prefix_length = 24,
                                                                             .origin = NET_FROM_LEASE,
                                                                             .tentative = true}),
                     ERR_NONE);
    assert_int_equal(routes_add_address(&routes, &(struct interface_address){.address = address,
                                                                             .prefix_length = 24,
                                                                             .origin = NET_FROM_USER,
                                                                             .tentative = false}),
                     ERR_EXISTS);
    assert_false(routes_is_own(&routes, address));
    assert_false(routes_is_broadcast(&routes, ipv4_of(10, 0, 2, 255)));
    assert_null(routes_first(&routes));
    assert_int_equal(routes.route_count, 0);
    routes_confirm(&routes, address);
    assert_true(routes_is_own(&routes, address));
    assert_true(routes_is_broadcast(&routes, ipv4_of(10, 0, 2, 255)));
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 2, 9), 0).source, address);
    struct interface_address second = {
        .address = ipv4_of(10, 0, 3, 7), .prefix_length = 24, .tentative = true};
    assert_int_equal(routes_add_address(&routes, &second), ERR_NONE);
    assert_int_equal(add(&routes, 0, 0, ipv4_of(10, 0, 3, 9)), ERR_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), 0).source, address); /* not the one probed */
    routes_refuse(&routes, address);                                                /* too late */
    routes_confirm(&routes, address);
    assert_true(routes_is_own(&routes, address));
}

static void a_refused_address_never_becomes_ours(void **state) {
    struct routes routes = {0};
    uint32_t address = ipv4_of(10, 0, 2, 15);
    assert_int_equal(routes_add_address(&routes, &(struct interface_address){.address = address,
                                                                             .prefix_length = 24,
                                                                             .origin = NET_FROM_USER,
                                                                             .tentative = true}),
                     ERR_NONE);
    routes_refuse(&routes, address);
    routes_confirm(&routes, address);
    assert_false(routes_is_own(&routes, address));
    assert_true(routes_entry(&routes, address)->duplicate);
    assert_int_equal(routes_remove_address(&routes, address), ERR_NONE);
}

static void a_lease_takes_only_its_own_routes(void **state) {
    struct routes routes = two_networks();
    struct route leased = {.gateway = ipv4_of(10, 0, 2, 7), .origin = NET_FROM_LEASE, .metric = 5};
    uint32_t count = routes.route_count;
    assert_int_equal(routes_add(&routes, &leased), ERR_NONE);
    routes_remove_from(&routes, NET_FROM_LEASE);
    assert_int_equal(routes.route_count, count);
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), 0).next_hop, ipv4_of(10, 0, 2, 2));
}

/* Two links with a network each; a route to the second; groups and broadcasts. */
static void every_network_has_its_link(void **state) {
    struct routes routes = {0};
    struct interface_address first = {.address = ipv4_of(10, 0, 1, 1), .prefix_length = 24};
    struct interface_address second = {.address = ipv4_of(10, 0, 2, 1), .prefix_length = 24, .interface = 1};
    struct route route = {
        .prefix = ipv4_of(10, 9, 0, 0), .prefix_length = 16, .gateway = ipv4_of(10, 0, 2, 9), .interface = 0};
    assert_int_equal(routes_add_address(&routes, &first), ERR_NONE);
    assert_int_equal(routes_add_address(&routes, &second), ERR_NONE);
    assert_int_equal(routes_check(&routes, &route), ERR_NONE);
    assert_int_equal(route.interface, 1); /* where its gateway is */
    assert_int_equal(routes_add(&routes, &route), ERR_NONE);
    struct path path = routes_find(&routes, ipv4_of(10, 9, 1, 1), 0);
    assert_int_equal(path.interface, 1);
    assert_int_equal(path.source, ipv4_of(10, 0, 2, 1));
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 1, 7), 0).interface, 0);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 2, 255), 0).interface, 1);
    assert_int_equal(routes_find(&routes, IPV4_BROADCAST, 0).interface, 0);
    assert_int_equal(routes_find(&routes, IPV4_BROADCAST, ipv4_of(10, 0, 2, 1)).interface, 1);
    assert_int_equal(routes_find(&routes, ipv4_of(239, 1, 1, 1), ipv4_of(10, 0, 2, 1)).interface, 1);
    assert_int_equal(routes_source_of(&routes, 1), ipv4_of(10, 0, 2, 1));
    assert_int_equal(routes_remove_address(&routes, ipv4_of(10, 0, 2, 1)), ERR_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 9, 1, 1), 0).kind,
                     PATH_NONE); /* its link has none now */
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 1, 7), 0).kind, PATH_NEIGHBOUR);
    assert_int_equal(routes_source_of(&routes, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_prefix_wins),
        cmocka_unit_test(special_destinations),
        cmocka_unit_test(without_a_route_there_is_no_path),
        cmocka_unit_test(a_point_to_point_network_has_no_broadcast),
        cmocka_unit_test(tables_are_bounded_and_checked),
        cmocka_unit_test(the_least_metric_wins),
        cmocka_unit_test(routes_are_checked),
        cmocka_unit_test(a_network_goes_on_with_the_next_address),
        cmocka_unit_test(what_is_not_ours_is_no_source),
        cmocka_unit_test(a_tentative_address_is_not_ours_yet),
        cmocka_unit_test(a_refused_address_never_becomes_ours),
        cmocka_unit_test(a_lease_takes_only_its_own_routes),
        cmocka_unit_test(every_network_has_its_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
