/* test_ip.c: what the command line means, and how tables are printed. */
#include "ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct command command;
static char mistake[MISTAKE_SIZE];

static bool parse(const char *line) {
    static char text[256];
    char *words[32];
    int count = 0;
    strncpy(text, line, sizeof text - 1);
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    return parse_command(count, words, &command, mistake);
}

static void means(const char *line, enum action action) {
    assert_true(parse(line));
    assert_int_equal(command.action, action);
}

static void refuses(const char *line, const char *why) {
    assert_false(parse(line));
    assert_string_equal(mistake, why);
}

static void objects_and_verbs_may_be_short(void **state) {
    means("addr", ACTION_SHOW_ADDRESSES);
    means("a", ACTION_SHOW_ADDRESSES);
    means("address list", ACTION_SHOW_ADDRESSES);
    means("-4 r s", ACTION_SHOW_ROUTES);
    means("neigh", ACTION_SHOW_NEIGHBOURS);
    means("neighbor show dev eth0", ACTION_SHOW_NEIGHBOURS);
    assert_string_equal(command.device, "eth0");
    means("link show eth0", ACTION_SHOW_LINKS);
    assert_string_equal(command.device, "eth0");
    means("help", ACTION_HELP);
    refuses("", "an object is missing");
    refuses("tunnel", "object \"tunnel\" is unknown");
    refuses("addresses", "object \"addresses\" is unknown");
}

static void addresses(void **state) {
    static const uint8_t expected[16] = {10, 0, 2, 200};
    means("addr add 10.0.2.200/24 dev eth0", ACTION_ADD_ADDRESS);
    assert_memory_equal(command.address.address, expected, 16);
    assert_int_equal(command.address.prefix_length, 24);
    assert_int_equal(command.address.family, 4);
    assert_string_equal(command.device, "eth0");
    means("a del 10.0.2.200", ACTION_REMOVE_ADDRESS);
    assert_int_equal(command.address.prefix_length, 32);
    assert_null(command.device);
    refuses("addr add", "an address is missing");
    refuses("addr add 10.0.2/24", "\"10.0.2/24\" is not an address with a prefix");
    refuses("addr add 10.0.2.256/24", "\"10.0.2.256/24\" is not an address with a prefix");
    refuses("addr add 10.0.2.1/33", "\"10.0.2.1/33\" is not an address with a prefix");
    refuses("addr add 10.0.2.1/", "\"10.0.2.1/\" is not an address with a prefix");
    refuses("addr add 10.0.2.1/24x", "\"10.0.2.1/24x\" is not an address with a prefix");
    refuses("addr add 10.0.2.1/24 eth0", "\"eth0\" is not understood here");
    refuses("addr add 10.0.2.1/24 dev", "dev: a link's name is missing");
    refuses("addr change 10.0.2.1", "addr: \"change\" is not understood");
}

static void routes(void **state) {
    static const uint8_t network[16] = {172, 16}, gateway[16] = {10, 0, 2, 2}, none[16];
    means("route add 172.16.0.0/12 via 10.0.2.2 metric 50", ACTION_ADD_ROUTE);
    assert_memory_equal(command.route.destination, network, 16);
    assert_memory_equal(command.route.gateway, gateway, 16);
    assert_int_equal(command.route.prefix_length, 12);
    assert_int_equal(command.route.metric, 50);
    means("route del default", ACTION_REMOVE_ROUTE);
    assert_memory_equal(command.route.destination, none, 16);
    assert_int_equal(command.route.prefix_length, 0);
    means("r a default via 10.0.2.2 src 10.0.2.2", ACTION_ADD_ROUTE);
    assert_memory_equal(command.route.source, gateway, 16);
    means("route add 10.9.0.0/16 dev eth0", ACTION_ADD_ROUTE);
    refuses("route add 10.9.0.0/16", "route: \"via\" or \"dev\" is missing");
    refuses("route add", "route: a destination is missing");
    refuses("route add default via", "an address is missing");
    refuses("route add default via 10.0.2.2/24", "\"10.0.2.2/24\" is not an address");
    refuses("route add default via 10.0.2.2 metric 4294967296", "metric: \"4294967296\" is not a number");
    refuses("route add default through 10.0.2.2", "route: \"through\" is not understood");
}

static void neighbours(void **state) {
    static const uint8_t mac[6] = {0x52, 0x55, 0xa, 0, 2, 0xff};
    means("neigh add 10.0.2.9 lladdr 52:55:0a:00:02:ff dev eth0", ACTION_ADD_NEIGHBOUR);
    assert_memory_equal(command.neighbour.mac, mac, 6);
    means("neigh del 10.0.2.9 dev eth0", ACTION_REMOVE_NEIGHBOUR);
    means("neigh flush", ACTION_FLUSH_NEIGHBOURS);
    means("neigh flush all", ACTION_FLUSH_NEIGHBOURS);
    means("forward", ACTION_SHOW_FORWARDING);
    means("forward off", ACTION_SET_FORWARDING);
    refuses("neigh add 10.0.2.9", "neigh: \"lladdr\" is missing");
    refuses("neigh add 10.0.2.9 lladdr 52:55:0a:00:02", "\"52:55:0a:00:02\" is not a link address");
    refuses("neigh add 10.0.2.9 lladdr 52:55:0a:00:02:100", "\"52:55:0a:00:02:100\" is not a link address");
    refuses("neigh add 10.0.2.9 lladdr 52:55:0a:00:02:10:1", "\"52:55:0a:00:02:10:1\" is not a link address");
    refuses("neigh add 10.0.2.9 at 1", "neigh: \"at\" is not understood");
}

/* ---- Tables ---- */

static const struct links links = {
    {{.number = 1, .flags = NETADMIN_UP | NETADMIN_RUNNING | NETADMIN_LOOPBACK, .mtu = 65536, .name = "lo"},
     {.number = 2,
      .flags = NETADMIN_UP | NETADMIN_RUNNING,
      .mtu = 1500,
      .mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56},
      .name = "eth0"}},
    2};

static FILE *out;
static char *text;
static size_t length;

static int open_text(void **state) {
    out = open_memstream(&text, &length);
    return out == NULL;
}

static int close_text(void **state) {
    free(text);
    return 0;
}

static void assert_printed(const char *expected) {
    fclose(out);
    assert_string_equal(text, expected);
}

static void addresses_are_shown(void **state) {
    static const struct netadmin_address table[] = {
        {.family = 4, .prefix_length = 8, .link = 1, .address = {127, 0, 0, 1}},
        {.family = 4,
         .prefix_length = 24,
         .origin = NETADMIN_FROM_LEASE,
         .link = 2,
         .address = {10, 0, 2, 15}},
        {.family = 4,
         .prefix_length = 20,
         .flags = NETADMIN_SECONDARY | NETADMIN_TENTATIVE,
         .link = 2,
         .address = {10, 0, 34, 9}},
        {.family = 4, .prefix_length = 32, .link = 2, .address = {10, 9, 9, 9}}};
    show_addresses(out, &links, 0, table, 4);
    assert_printed("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN\n"
                   "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
                   "    inet 127.0.0.1/8 scope host lo\n"
                   "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n"
                   "    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff\n"
                   "    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0\n"
                   "    inet 10.0.34.9/20 brd 10.0.47.255 scope global secondary tentative eth0\n"
                   "    inet 10.9.9.9/32 scope global eth0\n");
}

static void routes_are_shown(void **state) {
    static const struct netadmin_route table[] = {
        {.family = 4, .prefix_length = 32, .link = 2, .destination = {10, 9, 9, 9}, .gateway = {10, 0, 2, 3}},
        {.family = 4,
         .prefix_length = 24,
         .origin = NETADMIN_FROM_ADDRESS,
         .link = 2,
         .destination = {10, 0, 2},
         .source = {10, 0, 2, 15}},
        {.family = 4, .origin = NETADMIN_FROM_LEASE, .link = 2, .gateway = {10, 0, 2, 2}},
        {.family = 4, .link = 2, .metric = 7, .gateway = {10, 0, 2, 4}}};
    show_routes(out, &links, 0, table, 4);
    assert_printed("default via 10.0.2.2 dev eth0 proto dhcp\n"
                   "default via 10.0.2.4 dev eth0 metric 7\n"
                   "10.9.9.9 via 10.0.2.3 dev eth0\n"
                   "10.0.2.0/24 dev eth0 proto kernel scope link src 10.0.2.15\n");
}

static void neighbours_are_shown(void **state) {
    static const struct netadmin_neighbour table[] = {
        {.family = 4,
         .state = NETADMIN_REACHABLE,
         .link = 2,
         .address = {10, 0, 2, 2},
         .mac = {0x52, 0x55, 10, 0, 2, 2}},
        {.family = 4, .state = NETADMIN_FAILED, .link = 2, .address = {10, 0, 2, 9}}};
    show_neighbours(out, &links, 2, table, 2);
    show_neighbours(out, &links, 1, table, 2);
    assert_printed("10.0.2.2 dev eth0 lladdr 52:55:0a:00:02:02 REACHABLE\n"
                   "10.0.2.9 dev eth0 FAILED\n");
}

static void a_link_without_a_carrier(void **state) {
    struct links down = links;
    down.entry[1].flags = NETADMIN_UP;
    show_links(out, &down, 2);
    assert_printed("2: eth0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 state DOWN\n"
                   "    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff\n");
    assert_ptr_equal(link_named(&links, "eth0"), &links.entry[1]);
    assert_null(link_named(&links, "eth1"));
}

#define SHOWS(name) cmocka_unit_test_setup_teardown(name, open_text, close_text)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_verbs_may_be_short),
        cmocka_unit_test(addresses),
        cmocka_unit_test(routes),
        cmocka_unit_test(neighbours),
        SHOWS(addresses_are_shown),
        SHOWS(routes_are_shown),
        SHOWS(neighbours_are_shown),
        SHOWS(a_link_without_a_carrier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
