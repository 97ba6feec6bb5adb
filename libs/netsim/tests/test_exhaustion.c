/* test_exhaustion.c: two engines move bytes over a bad link while memory is refused, by each take in turn,
 * and with arenas of every size: whatever fails is tried again or told, nothing crashes, and nothing is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <netsim/guard.h>
#include <netsim/script/pattern.h>
#include <netsim/sim.h>

enum { MEMORY = 1 << 20, PORT = 80, CHUNK = 4096, UP = 40000, DOWN = 50000, RUNS_MAX = 100 };
#define HOUR  (3600 * NET_SECOND)
#define AGAIN (NET_SECOND / 5)

/* One end, and how far it is. */
struct end {
    struct sim_node *node;
    net_owner owner;
    net_socket_id listener, socket, datagrams;
    uint32_t to_send, sent, to_receive, received;
    uint8_t salt_out, salt_in;
    net_time said; /* when the last datagram was sent */
    bool ended, shut, over;
    enum error error; /* why it is over */
    bool told;        /* the last call, if it failed, said that there is no memory */
};

struct pair_of_ends {
    struct sim *sim;
    struct end client, server;
    net_time acted; /* once at each moment: who asks without end keeps the engine awake */
};

static struct net_config config_of(uint8_t number, bool small) {
    return (struct net_config){.mac = {2, 0, 0, 0, 0, number},
                               .mtu = 1500,
                               .address = net_ipv4(0x0a000000u + number),
                               .prefix_length = 24,
                               .sockets_max = 8,
                               .owner_budget = small ? 40 << 10 : 1 << 20,
                               .seed = {number, 1}};
}

static net_time now_of(const struct end *end) {
    return sim_now(sim_of(end->node));
}

/* ---- What each end does, again and again until it works or is over ---- */

static bool is_final(enum error error) {
    return error != ERR_NONE && error != ERR_WOULD_BLOCK && error != ERR_NO_MEMORY && error != ERR_QUOTA &&
           error != ERR_TOO_MANY && error != ERR_IN_PROGRESS && error != ERR_ALREADY &&
           error != ERR_IS_CONNECTED;
}

static void note(struct end *end, enum error error) {
    end->told = error == ERR_NO_MEMORY;
    if (is_final(error)) {
        end->over = true;
        end->error = error;
    }
}

static void try_to_listen(struct end *end) {
    struct net *net = sim_net(end->node);
    struct net_endpoint local = {.port = PORT};
    if (end->listener == 0) {
        enum error error = net_open(net, NET_STREAM, end->owner, &end->listener);
        note(end, error);
        if (error != ERR_NONE) {
            end->listener = 0;
            return;
        }
        (void)!net_bind(net, end->listener, &local);
    }
    note(end, net_listen(net, end->listener, 4));
    struct net_endpoint peer;
    if (end->socket == 0 && net_accept(net, end->listener, end->owner, &end->socket, &peer) != ERR_NONE) {
        end->socket = 0;
    }
}

static void try_to_connect(struct end *end) {
    struct net *net = sim_net(end->node);
    struct net_endpoint peer = {net_ipv4(0x0a000002), PORT};
    if (end->socket == 0) {
        enum error error = net_open(net, NET_STREAM, end->owner, &end->socket);
        note(end, error);
        if (error != ERR_NONE) {
            end->socket = 0;
            return;
        }
    }
    note(end, net_connect(net, end->socket, &peer, now_of(end)));
}

/* A datagram socket needs its memory at once; its datagrams are only thrown away. */
static void use_datagrams(struct end *end) {
    struct net *net = sim_net(end->node);
    uint8_t bytes[CHUNK] = {0};
    struct net_endpoint peer = {net_ipv4(0x0a000002), 9};
    if (end->datagrams == 0 && net_open(net, NET_DATAGRAM, end->owner, &end->datagrams) != ERR_NONE) {
        end->datagrams = 0;
        return;
    }
    if (now_of(end) - end->said >= AGAIN) {
        end->said = now_of(end);
        (void)!net_send_to(net, end->datagrams, bytes, 200, &peer, end->said);
    }
}

static void push(struct end *end) {
    uint8_t bytes[CHUNK];
    enum error error = ERR_NONE;
    while (error == ERR_NONE && end->sent < end->to_send) {
        size_t left = end->to_send - end->sent, length = left < CHUNK ? left : CHUNK, done = 0;
        pattern_fill(bytes, end->salt_out, end->sent, length);
        error = net_send(sim_net(end->node), end->socket, bytes, length, &done, now_of(end));
        end->sent += (uint32_t)done;
    }
    note(end, error == ERR_NOT_CONNECTED ? ERR_NONE : error);
    if (end->sent == end->to_send && !end->shut) {
        end->shut = net_shutdown(sim_net(end->node), end->socket, NET_SHUT_WRITE, now_of(end)) == ERR_NONE;
    }
}

static void take(struct end *end) {
    uint8_t bytes[CHUNK];
    size_t done = 1;
    enum error error = ERR_NONE;
    while (!end->ended && error == ERR_NONE) {
        error = net_read(sim_net(end->node), end->socket, bytes, CHUNK, &done, now_of(end));
        assert_true(error != ERR_NONE || pattern_holds(bytes, end->salt_in, end->received, done));
        end->received += error == ERR_NONE ? (uint32_t)done : 0;
        end->ended = error == ERR_NONE && done == 0;
    }
    note(end, error == ERR_NOT_CONNECTED ? ERR_NONE : error);
}

static void act(struct end *end, bool listens) {
    struct net_event event;
    while (net_next_event(sim_net(end->node), &event)) {
    }
    if (end->over) {
        return;
    }
    use_datagrams(end);
    if (listens) {
        try_to_listen(end);
    } else if (end->sent == 0) {
        try_to_connect(end);
    }
    if (end->socket != 0 && !end->over) {
        take(end);
        push(end);
        end->over |= end->ended && end->shut;
    }
}

static bool run(void *context) {
    struct pair_of_ends *pair = context;
    if (pair->acted != sim_now(pair->sim)) {
        pair->acted = sim_now(pair->sim);
        act(&pair->server, true);
        act(&pair->client, false);
        sim_alarm(pair->sim, pair->acted + AGAIN);
    }
    return pair->client.over && (pair->server.over || pair->client.error != ERR_NONE);
}

/* ---- A run ---- */

static void start_end(struct end *end, struct sim_node *node, uint32_t up, uint32_t down) {
    *end = (struct end){
        .node = node, .to_send = up, .to_receive = down, .salt_out = up & 0xff, .salt_in = down & 0xff};
    assert_int_equal(net_owner_open(sim_net(node), &end->owner), ERR_NONE);
}

static void expect_nothing_left(struct sim_node *node) {
    struct net_usage usage;
    net_usage(sim_net(node), &usage);
    assert_int_equal(usage.arena_used, 0);
    assert_int_equal(usage.sockets, 0);
    assert_int_equal(usage.connections, 0);
}

/* Whoever is through without an error has everything. */
static bool judge(const struct end *end) {
    if (!end->over) {
        return false;
    }
    assert_true(end->error != ERR_NONE || (end->received == end->to_receive && end->sent == end->to_send));
    return end->error == ERR_NONE;
}

/* Has it been told, or will it be at its next call, that something is wrong? */
static bool knows(const struct end *end) {
    return end->told || (net_ready(sim_net(end->node), end->socket) & NET_READY_ERROR) != 0;
}

static bool nothing(void *context) {
    struct net_event event;
    while (net_next_event(sim_net(context), &event)) {
    }
    return false;
}

static void let_go(struct pair_of_ends *pair) {
    struct net *client = sim_net(pair->client.node), *server = sim_net(pair->server.node);
    net_owner_close(client, pair->client.owner, sim_now(pair->sim));
    net_owner_close(server, pair->server.owner, sim_now(pair->sim));
    (void)sim_run(pair->sim, sim_now(pair->sim) + HOUR, nothing, pair->client.node);
    expect_nothing_left(pair->client.node);
    expect_nothing_left(pair->server.node);
}

/* `count` takes of memory are refused, from the one of number `first` on. true: all bytes arrived
 * nevertheless. *takes: how many there were. */
static bool run_pair(size_t size, bool small, uint32_t first, uint32_t count, uint32_t *takes) {
    const struct link_config link = {
        .loss = 30, .delay = 3000, .jitter = 4000, .reorder = 50, .rate = 1 << 20};
    struct net_config a = config_of(1, small), b = config_of(2, small);
    struct pair_of_ends pair = {.sim = sim_new(7)};
    struct sim_node *client = sim_add_engine(pair.sim, &a, size, &link);
    struct sim_node *server = client != NULL ? sim_add_engine(pair.sim, &b, size, &link) : NULL;
    bool well = false;
    *takes = 0;
    if (server != NULL) {
        start_end(&pair.client, client, UP, DOWN);
        start_end(&pair.server, server, DOWN, UP);
        guard_start(true);
        guard_refuse(first, count);
        bool done = sim_run(pair.sim, sim_now(pair.sim) + HOUR, run, &pair) == SIM_DONE;
        assert_true(done || knows(&pair.client) || knows(&pair.server)); /* nobody waits for nothing */
        *takes = guard_takes();
        well = judge(&pair.client) && judge(&pair.server);
        let_go(&pair);
        guard_stop();
    }
    sim_free(pair.sim);
    return well;
}

/* ---- Sweeps ---- */

/* Until no take is refused any more because there were not that many. Returns how many runs came through
 * well. */
static uint32_t sweep(bool small, uint32_t count, uint32_t *runs) {
    uint32_t well = 0, takes = UINT32_MAX;
    for (*runs = 0; *runs < takes && *runs < RUNS_MAX; ++*runs) {
        well += run_pair(MEMORY, small, *runs + 1, count, &takes);
    }
    return well;
}

/* One alone: what it was for is tried again, and all goes well in the end. */
static void test_one_take_fails(void **state) {
    uint32_t runs, well = sweep(false, 1, &runs);
    print_message("one take refused: %u runs, %u went well\n", runs, well);
    assert_true(runs > 30);
    assert_int_equal(well, runs);
}

static void test_some_takes_fail(void **state) {
    uint32_t runs, well = sweep(true, 5, &runs);
    print_message("five takes refused: %u runs, %u went well\n", runs, well);
    assert_true(runs > 30);
    assert_int_equal(well, runs);
}

/* From there on there is no more memory for anybody: it ends with an error, unless enough was there already.
 */
static void test_all_takes_fail(void **state) {
    uint32_t runs, well = sweep(false, UINT32_MAX, &runs);
    print_message("all takes refused from some on: %u runs, %u went well\n", runs, well);
    assert_true(runs > 30);
    assert_true(well < runs);
}

/* Arenas from too small to begin with up to comfortable, with budgets that are too small too. */
static void test_sizes(void **state) {
    uint32_t well = 0, runs = 0, takes;
    for (size_t size = 32 << 10; size <= 512 << 10; size += 6000) {
        well += run_pair(size, (runs & 1) != 0, 0, 0, &takes);
        runs++;
    }
    print_message("arenas of all sizes: %u runs, %u went well\n", runs, well);
    assert_true(well > runs / 4);
    assert_true(well < runs);
}

static void test_nothing_is_refused(void **state) {
    uint32_t takes;
    assert_true(run_pair(MEMORY, false, 0, 0, &takes));
    assert_true(takes > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_refused),
        cmocka_unit_test(test_one_take_fails),
        cmocka_unit_test(test_some_takes_fail),
        cmocka_unit_test(test_all_takes_fail),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
