/* test_nethost.c: the engine as a library, by its public header alone: between two instances, and driven
 * packet by packet as a tester would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nethost/nethost.h>
#include <stdlib.h>
#include <string.h>

enum { A, B, AMOUNT = 300000, FLIGHTS = 4096 };
#define SECOND ((nethost_time)1000000)
#define DELAY  ((nethost_time)10000)

struct flight {
    nethost_time arrival;
    int to;
    size_t length;
    uint8_t *bytes;
};

struct world {
    struct nethost *host[2];
    struct flight flight[FLIGHTS];
    uint32_t first, count; /* all arrive in the order in which they were sent */
    uint64_t hash, packets;
    nethost_time now;
    uint32_t listener, client, server;
    size_t sent, received;
    bool connected, ended;
    int64_t error;
};

/* ---- Two instances with a cable between them ---- */

static void see(struct world *world, const struct nethost_packet *packet) {
    world->packets++;
    world->hash = (world->hash ^ packet->time) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < packet->length; i++) {
        world->hash = (world->hash ^ packet->data[i]) * UINT64_C(0x100000001b3);
    }
}

static void collect(struct world *world) {
    struct nethost_packet packet;
    for (int side = 0; side < 2; side++) {
        while (nethost_output(world->host[side], &packet)) {
            struct flight *flight = &world->flight[(world->first + world->count++) % FLIGHTS];
            assert_true(world->count < FLIGHTS);
            see(world, &packet);
            *flight = (struct flight){packet.time + DELAY, !side, packet.length, malloc(packet.length)};
            memcpy(flight->bytes, packet.data, packet.length);
        }
    }
}

static void deliver(struct world *world) {
    while (world->count > 0 && world->flight[world->first].arrival <= world->now) {
        struct flight *flight = &world->flight[world->first];
        nethost_input(world->host[flight->to], flight->bytes, flight->length);
        free(flight->bytes);
        world->first = (world->first + 1) % FLIGHTS;
        world->count--;
    }
}

/* false: nothing will happen any more before `until`. */
static bool step(struct world *world, nethost_time until) {
    collect(world);
    nethost_time next = world->count > 0 ? world->flight[world->first].arrival : NETHOST_NEVER;
    for (int side = 0; side < 2; side++) {
        nethost_time deadline = nethost_deadline(world->host[side]);
        next = deadline < next ? deadline : next;
    }
    if (next > until) {
        return false;
    }
    world->now = next > world->now ? next : world->now;
    nethost_advance(world->host[A], world->now);
    nethost_advance(world->host[B], world->now);
    deliver(world);
    return true;
}

/* ---- The applications: A sends, B receives ---- */

static void pump(struct world *world) {
    uint8_t bytes[5000];
    int64_t done = 1;
    while (world->sent < AMOUNT && done > 0) {
        size_t left = AMOUNT - world->sent, length = left < sizeof bytes ? left : sizeof bytes;
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)((world->sent + i) * 131 >> 3);
        }
        done = nethost_send(world->host[A], world->client, bytes, length);
        world->sent += done > 0 ? (size_t)done : 0;
    }
    if (world->sent == AMOUNT) {
        assert_int_equal(nethost_shutdown(world->host[A], world->client, NETHOST_SHUT_WRITE), NETHOST_OK);
    }
}

static void drain(struct world *world) {
    uint8_t bytes[3333];
    int64_t done;
    while ((done = nethost_receive(world->host[B], world->server, bytes, sizeof bytes)) > 0) {
        for (int64_t i = 0; i < done; i++) {
            assert_int_equal(bytes[i], (uint8_t)((world->received + (size_t)i) * 131 >> 3));
        }
        world->received += (size_t)done;
    }
    world->ended |= done == 0;
}

static void wake_a(void *context, uint32_t socket, uint32_t ready) {
    struct world *world = context;
    assert_int_equal(socket, world->client);
    if ((ready & NETHOST_ERROR) != 0) {
        world->error = nethost_take_error(world->host[A], socket);
    } else if ((ready & NETHOST_OUT) != 0 && world->sent < AMOUNT) {
        world->connected = true;
        pump(world);
    }
}

static void wake_b(void *context, uint32_t socket, uint32_t ready) {
    struct world *world = context;
    (void)ready;
    if (socket == world->listener) {
        struct nethost_endpoint peer;
        assert_int_equal(nethost_accept(world->host[B], socket, &world->server, &peer), NETHOST_OK);
        assert_int_equal(peer.ip[3], 1);
    }
    drain(world);
}

static void config_of(struct nethost_config *config, int side, enum nethost_mode mode, struct world *world) {
    nethost_defaults(config);
    config->mode = mode;
    config->mac[5] = (uint8_t)(side + 1);
    config->address[3] = (uint8_t)(side + 1);
    config->seed[0] = (uint64_t)side + 77;
    config->now = SECOND;
    config->wake = side == A ? wake_a : wake_b;
    config->context = world;
}

static void start_in(struct world *world, enum nethost_mode mode) {
    *world = (struct world){.now = SECOND};
    for (int side = 0; side < 2; side++) {
        struct nethost_config config;
        config_of(&config, side, mode, world);
        world->host[side] = nethost_new(&config);
        assert_non_null(world->host[side]);
    }
}

static void stop(struct world *world) {
    while (world->count > 0) {
        free(world->flight[world->first].bytes);
        world->first = (world->first + 1) % FLIGHTS;
        world->count--;
    }
    nethost_free(world->host[A]);
    nethost_free(world->host[B]);
}

static void listen_and_connect(struct world *world, uint16_t port) {
    struct nethost_endpoint any = {.port = 80}, peer = {{192, 0, 2, 2}, port};
    assert_int_equal(nethost_socket(world->host[B], NETHOST_STREAM, &world->listener), NETHOST_OK);
    assert_int_equal(nethost_bind(world->host[B], world->listener, &any), NETHOST_OK);
    assert_int_equal(nethost_listen(world->host[B], world->listener, 4), NETHOST_OK);
    assert_int_equal(nethost_socket(world->host[A], NETHOST_STREAM, &world->client), NETHOST_OK);
    assert_int_equal(nethost_connect(world->host[A], world->client, &peer), NETHOST_IN_PROGRESS);
    assert_int_equal(nethost_send(world->host[A], world->client, "x", 1), NETHOST_WOULD_BLOCK);
}

static void transfer(struct world *world) {
    listen_and_connect(world, 80);
    while (!world->ended) {
        assert_true(step(world, 100 * SECOND));
    }
    assert_true(world->connected);
    assert_int_equal(world->received, AMOUNT);
    assert_int_equal(nethost_close(world->host[B], world->server), NETHOST_OK);
    assert_int_equal(nethost_close(world->host[B], world->listener), NETHOST_OK);
    assert_int_equal(nethost_close(world->host[A], world->client), NETHOST_OK);
    while (step(world, world->now + 200 * SECOND)) {
    }
}

static void bytes_get_through(void **state) {
    for (int mode = NETHOST_FRAMES; mode <= NETHOST_DATAGRAMS; mode++) {
        struct world *world = malloc(sizeof *world);
        start_in(world, (enum nethost_mode)mode);
        transfer(world);
        assert_int_equal(nethost_deadline(world->host[A]), NETHOST_NEVER);
        assert_int_equal(nethost_poll_timeout(world->host[A]), -1);
        stop(world);
        free(world);
    }
}

static uint64_t trace_of(uint64_t seed) {
    struct world *world = malloc(sizeof *world);
    *world = (struct world){.now = SECOND};
    for (int side = 0; side < 2; side++) {
        struct nethost_config config;
        config_of(&config, side, NETHOST_FRAMES, world);
        config.seed[1] = seed;
        world->host[side] = nethost_new(&config);
    }
    transfer(world);
    uint64_t hash = world->hash;
    stop(world);
    free(world);
    return hash;
}

static void the_same_seed_gives_the_same_packets(void **state) {
    assert_int_equal(trace_of(5), trace_of(5));
    assert_int_not_equal(trace_of(5), trace_of(6));
}

static void reset_begins_anew(void **state) {
    struct world *world = malloc(sizeof *world);
    start_in(world, NETHOST_DATAGRAMS);
    transfer(world);
    uint64_t first = world->hash, packets = world->packets;
    struct nethost *hosts[2] = {world->host[A], world->host[B]};
    *world = (struct world){.now = SECOND, .host = {hosts[0], hosts[1]}};
    nethost_reset(world->host[A], SECOND);
    nethost_reset(world->host[B], SECOND);
    transfer(world);
    assert_int_equal(world->packets, packets);
    assert_int_equal(world->hash, first);
    stop(world);
    free(world);
}

static void who_is_refused_hears_of_it(void **state) {
    struct world *world = malloc(sizeof *world);
    start_in(world, NETHOST_DATAGRAMS);
    listen_and_connect(world, 81);
    while (step(world, 10 * SECOND)) {
    }
    assert_int_equal(world->error, NETHOST_REFUSED);
    assert_string_equal(nethost_error_text((int)world->error), "connection refused");
    assert_int_equal(nethost_send(world->host[A], world->client + 1, "x", 1), NETHOST_BAD_SOCKET);
    stop(world);
    free(world);
}

/* ---- Packet by packet ---- */

struct bench {
    struct nethost *host;
    uint32_t listener;
};

static void put(uint8_t *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
}

static uint32_t get(const uint8_t *at, int bytes) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static uint16_t sum_of(const uint8_t *bytes, size_t length, uint32_t sum) {
    for (size_t i = 0; i < length; i += 2) {
        sum += get(bytes + i, 2);
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* A TCP segment without text or options from 198.51.100.7, which is in no network of ours, to port 80. */
static void say(struct bench *bench, uint8_t flags, uint32_t seq, uint32_t ack) {
    uint8_t packet[40] = {0x45};
    put(packet + 2, sizeof packet, 2);
    packet[8] = 64;
    packet[9] = 6;
    put(packet + 12, 0xc6336407, 4);
    put(packet + 16, 0xc0000201, 4);
    put(packet + 10, sum_of(packet, 20, 0), 2);
    put(packet + 20, 5000, 2);
    put(packet + 22, 80, 2);
    put(packet + 24, seq, 4);
    put(packet + 28, ack, 4);
    packet[32] = 0x50;
    packet[33] = flags;
    put(packet + 34, 1000, 2);
    put(packet + 36, sum_of(packet + 12, 28, 6 + 20), 2);
    nethost_input(bench->host, packet, sizeof packet);
}

static int set_up(void **state) {
    struct bench *bench = malloc(sizeof *bench);
    struct nethost_config config;
    struct nethost_endpoint local = {.port = 80};
    nethost_defaults(&config);
    config.mode = NETHOST_DATAGRAMS;
    bench->host = nethost_new(&config);
    *state = bench;
    return nethost_socket(bench->host, NETHOST_STREAM, &bench->listener) ||
           nethost_bind(bench->host, bench->listener, &local) ||
           nethost_listen(bench->host, bench->listener, 4);
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    nethost_free(bench->host);
    free(bench);
    return 0;
}

/* The next packet must be a segment with these flags that left then. */
static const uint8_t *expect(struct bench *bench, nethost_time time, uint8_t flags) {
    static struct nethost_packet packet;
    assert_true(nethost_output(bench->host, &packet));
    assert_int_equal(packet.time, time);
    assert_true(packet.length >= 40);
    assert_int_equal(packet.data[0], 0x45); /* no Ethernet, no padding */
    assert_int_equal(get(packet.data + 2, 2), packet.length);
    assert_int_equal(packet.data[33], flags);
    return packet.data;
}

static void expect_nothing(struct bench *bench) {
    struct nethost_packet packet;
    assert_false(nethost_output(bench->host, &packet));
}

enum { SYN = 2, RST = 4, ACK = 16, FIN = 1 };

static void each_packet_leaves_at_its_time(void **state) {
    struct bench *bench = *state;
    nethost_advance(bench->host, 5 * SECOND);
    expect_nothing(bench);
    say(bench, SYN, 100, 0);
    const uint8_t *answer = expect(bench, 5 * SECOND, SYN | ACK);
    assert_int_equal(get(answer + 28, 4), 101);
    expect_nothing(bench);
    assert_int_equal(nethost_deadline(bench->host), 6 * SECOND);
    nethost_advance(bench->host, 14 * SECOND); /* three have left on the way */
    uint32_t iss = get(expect(bench, 6 * SECOND, SYN | ACK) + 24, 4);
    (void)expect(bench, 8 * SECOND, SYN | ACK);
    (void)expect(bench, 12 * SECOND, SYN | ACK);
    expect_nothing(bench);
    say(bench, ACK, 101, iss + 1);
    uint32_t socket, ready, connection;
    assert_true(nethost_next_event(bench->host, &socket, &ready));
    assert_int_equal(socket, bench->listener);
    assert_int_equal(ready, NETHOST_IN);
    struct nethost_endpoint peer;
    assert_int_equal(nethost_accept(bench->host, socket, &connection, &peer), NETHOST_OK);
    assert_int_equal(peer.port, 5000);
    assert_int_equal(peer.ip[0], 198);
    assert_int_equal(nethost_close(bench->host, connection), NETHOST_OK);
    (void)expect(bench, 14 * SECOND, FIN | ACK);
    expect_nothing(bench);
}

static void nobody_listens(void **state) {
    struct bench *bench = *state;
    assert_int_equal(nethost_close(bench->host, bench->listener), NETHOST_OK);
    say(bench, SYN, 100, 0);
    (void)expect(bench, 0, RST | ACK);
    expect_nothing(bench);
}

static void time_does_not_go_back(void **state) {
    struct bench *bench = *state;
    nethost_advance(bench->host, SECOND);
    nethost_advance(bench->host, SECOND / 2);
    assert_int_equal(nethost_now(bench->host), SECOND);
    nethost_time clock = nethost_clock();
    assert_true(nethost_clock() >= clock);
}

static void what_makes_no_sense_is_refused(void **state) {
    struct nethost_config config;
    nethost_defaults(&config);
    config.mtu = 100;
    assert_null(nethost_new(&config));
    nethost_defaults(&config);
    config.memory = 1000;
    assert_null(nethost_new(&config));
    nethost_defaults(&config);
    config.address[0] = 224; /* a group's */
    assert_null(nethost_new(&config));
    nethost_defaults(&config);
    memcpy(config.gateway, (uint8_t[]){192, 0, 3, 1}, 4); /* on no link */
    assert_null(nethost_new(&config));
    nethost_free(NULL);
    struct bench *bench = *state;
    uint8_t junk[100] = {0};
    for (size_t length = 0; length < sizeof junk; length++) {
        nethost_input(bench->host, junk, length);
    }
    expect_nothing(bench);
}

static void datagrams(void **state) {
    struct bench *bench = *state;
    uint32_t socket;
    struct nethost_endpoint local = {.port = 7}, peer = {{198, 51, 100, 7}, 9};
    struct nethost_packet packet;
    char text[10];
    assert_int_equal(nethost_socket(bench->host, NETHOST_DATAGRAM, &socket), NETHOST_OK);
    assert_int_equal(nethost_bind(bench->host, socket, &local), NETHOST_OK);
    assert_int_equal(nethost_receive_from(bench->host, socket, text, sizeof text, &peer),
                     NETHOST_WOULD_BLOCK);
    peer = (struct nethost_endpoint){{198, 51, 100, 7}, 9};
    assert_int_equal(nethost_send_to(bench->host, socket, "hello", 5, &peer), 5);
    assert_true(nethost_output(bench->host, &packet));
    assert_int_equal(packet.length, 20 + 8 + 5);
    uint8_t back[33];
    memcpy(back, packet.data, sizeof back);
    memcpy(back + 12, packet.data + 16, 4);
    memcpy(back + 16, packet.data + 12, 4);
    memcpy(back + 20, packet.data + 22, 2);
    memcpy(back + 22, packet.data + 20, 2);
    nethost_input(bench->host, back, sizeof back);
    assert_int_equal(nethost_receive_from(bench->host, socket, text, sizeof text, &peer), 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(peer.port, 9);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_get_through),
        cmocka_unit_test(the_same_seed_gives_the_same_packets),
        cmocka_unit_test(reset_begins_anew),
        cmocka_unit_test(who_is_refused_hears_of_it),
        TEST(each_packet_leaves_at_its_time),
        TEST(nobody_listens),
        TEST(time_does_not_go_back),
        TEST(what_makes_no_sense_is_refused),
        TEST(datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
