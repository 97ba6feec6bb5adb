/* test_idle.c: what 10, 100, 1,000 and 10,000 connections cost while nothing happens on them: bytes of memory
 * for each, and instructions to find one of them, counted step by step. */
#include "pair.h"

#include <net/engine.h>
#include <net/tcp/tcb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST       10000
#define STAGES     4
#define AT_ONCE    500
#define KEYS       12
#define SAMPLES    1
#define STEPS_MOST 500000 /* a step takes some ten microseconds */
#define MEMORY     ((size_t)64 << 20)
#define PORT       80
#define STATE_MOST 1024 /* bytes */

/* A byte of text for B. */
struct sample {
    net_socket_id reader;
    size_t length;
    uint8_t frame[128];
};

struct crowd {
    struct pair pair;
    net_socket_id listener, a[MOST], b[MOST];
    uint32_t count;
    struct tcp_key key[KEYS]; /* of connections, as B sees them */
    uint32_t keys;
    struct sample sample[SAMPLES];
    uint32_t captured;
};

struct cost {
    size_t bytes;                              /* of the arena, for one connection, in the worse engine */
    uint64_t find, miss, find_listener, serve; /* instructions */
};

struct results {
    struct cost cost[STAGES]; /* of 10, 100, 1,000 and 10,000 */
    size_t tables;            /* bytes for each beside the arena */
};

static struct net_config crowd_config(int side, uint32_t sockets) {
    struct net_config config = pair_config(side);
    config.sockets_max = sockets;
    config.owner_budget = (uint32_t)MEMORY;
    return config;
}

static void start(struct crowd *crowd) {
    struct net_config a = crowd_config(A, MOST + 8), b = crowd_config(B, MOST + 8);
    pair_start_with(&crowd->pair, &a, &b, MEMORY);
    crowd->listener = pair_listen(&crowd->pair, B, PORT, AT_ONCE);
    crowd->count = 0;
}

static size_t used(const struct crowd *crowd, int side) {
    struct net_usage usage;
    net_usage(crowd->pair.net[side], &usage);
    return usage.arena_used;
}

/* Sends and takes text of `length` bytes on one connection, from `from`. */
static void say(struct crowd *crowd, uint32_t i, int from, size_t length) {
    static const uint8_t text[4000];
    uint8_t got[sizeof text];
    size_t done, all = 0;
    net_socket_id out = from == A ? crowd->a[i] : crowd->b[i], in = from == A ? crowd->b[i] : crowd->a[i];
    assert_int_equal(net_send(crowd->pair.net[from], out, text, length, &done, crowd->pair.now), ERR_NONE);
    assert_int_equal(done, length);
    while (all < length) {
        pair_settle(&crowd->pair);
        assert_int_equal(net_read(crowd->pair.net[!from], in, got, sizeof got, &done, crowd->pair.now),
                         ERR_NONE);
        all += done;
    }
}

static void open_until(struct crowd *crowd, uint32_t count) {
    struct pair *pair = &crowd->pair;
    struct net_endpoint peer;
    while (crowd->count < count) {
        uint32_t first = crowd->count;
        for (; crowd->count < count && crowd->count < first + AT_ONCE; crowd->count++) {
            crowd->a[crowd->count] = pair_connect(pair, A, PORT);
        }
        pair_settle(pair);
        for (uint32_t i = first; i < crowd->count; i++) {
            net_socket_id *b = &crowd->b[i];
            assert_int_equal(net_accept(pair->net[B], crowd->listener, pair->owner[B], b, &peer), ERR_NONE);
        }
        for (uint32_t i = first; i < crowd->count; i++) { /* accepted in another order, perhaps */
            assert_int_equal(net_ready(pair->net[A], crowd->a[i]), NET_READY_OUT);
        }
    }
}

/* ---- Counting ---- */

typedef void work(struct crowd *crowd);

static void find_all(struct crowd *crowd) {
    for (uint32_t i = 0; i < crowd->keys; i++) {
        if (tcp_table_find(crowd->pair.net[B]->tcp, &crowd->key[i]) == NULL) {
            _exit(1);
        }
    }
}

static void miss_all(struct crowd *crowd) {
    for (uint32_t i = 0; i < crowd->keys; i++) {
        struct tcp_key key = crowd->key[i];
        key.peer_address++;
        if (tcp_table_find(crowd->pair.net[B]->tcp, &key) != NULL) {
            _exit(1);
        }
    }
}

static void find_listener(struct crowd *crowd) {
    for (uint32_t i = 0; i < crowd->keys; i++) {
        if (tcp_find_listener(crowd->pair.net[B]->tcp, &crowd->key[i]) == NULL) {
            _exit(1);
        }
    }
}

/* Text in and read; when it is time, its ACK out; each for another connection. */
static void serve_all(struct crowd *crowd) {
    struct net *net = crowd->pair.net[B];
    struct net_slot slot = {.data = crowd->pair.slot, .capacity = FRAME_MAX};
    uint32_t acks = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct sample *sample = &crowd->sample[i];
        uint8_t byte;
        size_t done;
        net_receive(net, &(struct net_frame){.data = sample->frame, .length = sample->length},
                    crowd->pair.now);
        if (net_read(net, sample->reader, &byte, 1, &done, crowd->pair.now) != ERR_NONE) {
            _exit(1);
        }
    }
    while (net_transmit(net, &slot, crowd->pair.now + NET_SECOND)) {
        acks++;
    }
    if (acks != SAMPLES) {
        _exit(1);
    }
}

static void nothing(struct crowd *crowd) {
    (void)crowd;
}

static _Noreturn void be_traced(work *work, struct crowd *crowd) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(2);
    }
    raise(SIGSTOP);
    work(crowd);
    raise(SIGSTOP);
    _exit(0);
}

/* Instructions from one stop to the next in a child that has everything as we have it. 0: they cannot be
 * counted, for machines and jails differ in what they let one see. */
static uint64_t steps(work *work, struct crowd *crowd) {
    int status;
    uint64_t count = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        be_traced(work, crowd);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    while (WIFSTOPPED(status) && (count == 0 || WSTOPSIG(status) == SIGTRAP) && count < STEPS_MOST &&
           ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0) {
        count++;
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    bool counted = WIFSTOPPED(status) && count != 0;
    if (!WIFSIGNALED(status) && !WIFEXITED(status)) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    } else {
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 1); /* something was not found */
    }
    return counted ? count : 0;
}

static uint64_t count_each(work *work, struct crowd *crowd, uint32_t times) {
    uint64_t all = steps(work, crowd), frame = steps(nothing, crowd);
    return all > frame ? (all - frame) / times : 0;
}

/* ---- Samples ---- */

static bool capture(struct pair *pair, int from, const struct net_slot *slot) {
    struct crowd *crowd = pair->context;
    if (from == B || crowd->captured == SAMPLES) {
        return true;
    }
    struct sample *sample = &crowd->sample[crowd->captured++];
    assert_true(slot->length <= sizeof sample->frame);
    memcpy(sample->frame, slot->data, slot->length);
    sample->length = slot->length;
    return false;
}

/* The number-th of `of` that stand all over the crowd. */
static uint32_t one_of(const struct crowd *crowd, uint32_t number, uint32_t of) {
    return (uint32_t)((2 * (uint64_t)number + 1) * crowd->count / (2 * (uint64_t)of));
}

static void take_keys(struct crowd *crowd) {
    crowd->keys = crowd->count < KEYS ? crowd->count : KEYS;
    for (uint32_t i = 0; i < crowd->keys; i++) {
        struct net_endpoint end;
        assert_int_equal(net_local(crowd->pair.net[A], crowd->a[one_of(crowd, i, crowd->keys)], &end),
                         ERR_NONE);
        crowd->key[i] = (struct tcp_key){.local_address = ipv4_of(10, 0, 0, 2),
                                         .peer_address = ipv4_of(10, 0, 0, 1),
                                         .local_port = PORT,
                                         .peer_port = end.port};
    }
}

/* Each has a byte of text on its way, which is lost. */
static void take_samples(struct crowd *crowd) {
    struct pair *pair = &crowd->pair;
    crowd->captured = 0;
    pair->context = crowd;
    pair->carry = capture;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        size_t done;
        uint32_t number = one_of(crowd, i, SAMPLES);
        crowd->sample[i].reader = crowd->b[number];
        assert_int_equal(net_send(pair->net[A], crowd->a[number], "x", 1, &done, pair->now), ERR_NONE);
        (void)pair_step(pair, A);
    }
    pair->carry = NULL;
    assert_int_equal(crowd->captured, SAMPLES);
}

/* What was lost is sent again and read. */
static void become_idle(struct crowd *crowd) {
    pair_pass(&crowd->pair, 5 * NET_SECOND);
    for (uint32_t i = 0; i < crowd->count; i++) {
        uint8_t byte;
        size_t done;
        (void)!net_read(crowd->pair.net[B], crowd->b[i], &byte, 1, &done, crowd->pair.now);
    }
    pair_pass(&crowd->pair, 5 * NET_SECOND);
}

/* ---- The tests ---- */

static size_t worse(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Bytes outside of the arena that a socket has in the engine's tables, as many as it is made for. */
static size_t in_tables(void) {
    size_t tables[2];
    for (int i = 0; i < 2; i++) {
        struct net_config config = crowd_config(A, i == 0 ? 1 : MOST + 1);
        struct net *net;
        struct net_usage usage;
        void *memory = aligned_alloc(64, MEMORY);
        assert_int_equal(net_init(&net, &config, memory, MEMORY, 0), ERR_NONE);
        net_usage(net, &usage);
        tables[i] = MEMORY - usage.arena_size;
        free(memory);
    }
    return (tables[1] - tables[0] + MOST - 1) / MOST;
}

static struct cost cost_of(struct crowd *crowd, const size_t before[2]) {
    struct cost cost = {.bytes = worse((used(crowd, A) - before[A] + crowd->count - 1) / crowd->count,
                                       (used(crowd, B) - before[B] + crowd->count - 1) / crowd->count)};
    take_keys(crowd);
    take_samples(crowd);
    cost.find = count_each(find_all, crowd, crowd->keys);
    cost.miss = count_each(miss_all, crowd, crowd->keys);
    cost.find_listener = count_each(find_listener, crowd, crowd->keys);
    cost.serve = count_each(serve_all, crowd, SAMPLES);
    become_idle(crowd);
    return cost;
}

static void measure(struct cost cost[STAGES]) {
    struct crowd *crowd = calloc(1, sizeof *crowd);
    start(crowd);
    size_t before[2] = {used(crowd, A), used(crowd, B)};
    uint32_t count = 10;
    for (int i = 0; i < STAGES; i++, count *= 10) {
        open_until(crowd, count);
        for (uint32_t j = 0; j < count; j++) { /* they are not fresh: buffers have come and gone */
            say(crowd, j, A, 3000);
            say(crowd, j, B, 100);
        }
        become_idle(crowd);
        cost[i] = cost_of(crowd, before);
    }
    pair_stop(&crowd->pair);
    free(crowd);
}

static int measure_all(void **state) {
    struct results *results = calloc(1, sizeof *results);
    results->tables = in_tables();
    measure(results->cost);
    print_message("connections  bytes each  instructions: find  miss  listener  text, read, ACK\n");
    for (int i = 0, count = 10; i < STAGES; i++, count *= 10) {
        const struct cost *cost = &results->cost[i];
        print_message("%11d %5zu + %zu %18llu %5llu %9llu %16llu\n", count, cost->bytes, results->tables,
                      (unsigned long long)cost->find, (unsigned long long)cost->miss,
                      (unsigned long long)cost->find_listener, (unsigned long long)cost->serve);
    }
    *state = results;
    return 0;
}

static int forget_all(void **state) {
    free(*state);
    return 0;
}

static void idle_connections_are_small(void **state) {
    const struct results *results = *state;
    for (int i = 0; i < STAGES; i++) {
        assert_in_range(results->cost[i].bytes + results->tables, 1, STATE_MOST);
    }
}

static void costs_no_more(uint64_t few, uint64_t many) {
    assert_true(few != 0 && many != 0);
    assert_true(many * 10 <= few * 13);
}

static void finding_one_of_many_costs_no_more(void **state) {
    const struct results *results = *state;
    const struct cost *few = &results->cost[0], *many = &results->cost[STAGES - 1];
    if (few->find == 0) {
        print_message("instructions cannot be counted here: no single steps by ptrace\n");
        skip();
    }
    costs_no_more(few->find, many->find);
    costs_no_more(few->miss, many->miss);
    costs_no_more(few->find_listener, many->find_listener);
    costs_no_more(few->serve, many->serve);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(idle_connections_are_small),
                                       cmocka_unit_test(finding_one_of_many_costs_no_more)};
    return cmocka_run_group_tests(tests, measure_all, forget_all);
}
