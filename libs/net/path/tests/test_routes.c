/* test_routes.c: own addresses, broadcasts, and the longest prefix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/path/routes.h>

static struct routes two_networks(void) {
    struct routes routes = {0};
    assert_int_equal(routes_add_address(&routes, ipv4_of(10, 0, 2, 15), 24), ERR_NONE);
    assert_int_equal(routes_add_address(&routes, ipv4_of(192, 168, 7, 1), 30), ERR_NONE);
    assert_int_equal(routes_add(&routes, 0, 0, ipv4_of(10, 0, 2, 2)), ERR_NONE);
    assert_int_equal(routes_add(&routes, ipv4_of(172, 16, 0, 0), 12, ipv4_of(10, 0, 2, 3)), ERR_NONE);
    assert_int_equal(routes_add(&routes, ipv4_of(172, 16, 9, 0), 24, ipv4_of(192, 168, 7, 2)), ERR_NONE);
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
    assert_int_equal(routes_add_address(&routes, ipv4_of(10, 0, 0, 1), 8), ERR_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(8, 8, 8, 8), 0).kind, PATH_NONE);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 9, 9, 9), 0).kind, PATH_NEIGHBOUR);
    routes_clear(&routes);
    assert_int_equal(routes_find(&routes, ipv4_of(10, 9, 9, 9), 0).kind, PATH_NONE);
}

static void a_point_to_point_network_has_no_broadcast(void **state) {
    struct routes routes = {0};
    assert_int_equal(routes_add_address(&routes, ipv4_of(10, 0, 0, 0), 31), ERR_NONE);
    assert_false(routes_is_broadcast(&routes, ipv4_of(10, 0, 0, 1)));
    assert_int_equal(routes_find(&routes, ipv4_of(10, 0, 0, 1), 0).kind, PATH_NEIGHBOUR);
}

static void tables_are_bounded_and_checked(void **state) {
    struct routes routes = {0};
    for (uint32_t i = 0; i < ROUTES_MAX; i++) {
        assert_int_equal(routes_add(&routes, i << 24, 8, 1), ERR_NONE);
    }
    assert_int_equal(routes_add(&routes, ipv4_of(99, 0, 0, 0), 8, 1), ERR_TOO_MANY);
    assert_int_equal(routes_add(&routes, ipv4_of(1, 2, 3, 4), 8, 1), ERR_EXISTS);
    assert_int_equal(routes_add(&routes, 0, 33, 1), ERR_INVALID);
    routes_clear(&routes);
    for (uint32_t i = 1; i <= ADDRESSES_MAX; i++) {
        assert_int_equal(routes_add_address(&routes, ipv4_of(10, 0, 0, (uint8_t)i), 24), ERR_NONE);
    }
    assert_int_equal(routes.route_count, 1); /* aliases share their network's route */
    assert_int_equal(routes_add_address(&routes, ipv4_of(10, 0, 0, 1), 24), ERR_EXISTS);
    assert_int_equal(routes_add_address(&routes, ipv4_of(10, 0, 0, 9), 24), ERR_TOO_MANY);
    assert_int_equal(routes_add_address(&routes, ipv4_of(224, 0, 0, 9), 24), ERR_INVALID);
    assert_int_equal(routes_add_address(&routes, ipv4_of(127, 0, 0, 9), 24), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_prefix_wins),
        cmocka_unit_test(special_destinations),
        cmocka_unit_test(without_a_route_there_is_no_path),
        cmocka_unit_test(a_point_to_point_network_has_no_broadcast),
        cmocka_unit_test(tables_are_bounded_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
