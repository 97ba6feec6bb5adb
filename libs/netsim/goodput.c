/* goodput.c: the table of goodput and fairness; read goodput.h first. */
#include <assert.h>
#include <netsim/bulk.h>
#include <netsim/goodput.h>

enum { MEMORY = 48 << 20, AMOUNT = 6 << 20, LOSSES = 5, RTTS = 4, BUFFERS = 3, QUEUES = 3, SEEDS = 3 };
#define MILLISECOND (NET_SECOND / 1000)
#define TIME_LIMIT  (30 * NET_SECOND)
#define RATE        UINT64_C(12500000) /* 100 Mbit/s */
#define SMALL_QUEUE 30000              /* twenty full frames */

static const char head[] = "# What the engine gets through, as the simulator measures it in virtual time: "
                           "the same on every machine.\n"
                           "# `make goodput` writes this file anew; a test compares it line by line. It "
                           "changes only with a reason,\n"
                           "# which stands in the commit's message.\n";

static const struct {
    const char *name;
    uint32_t bytes;
} buffers[BUFFERS] = {{"64K", 64 << 10}, {"default", 0}, {"4M", 4 << 20}};

static const char *const queues[QUEUES] = {"small", "bdp", "bloat"};
static const uint16_t losses[LOSSES] = {0, 1, 10, 30, 100}; /* thousandths */
static const net_time rtts[RTTS] = {MILLISECOND, 20 * MILLISECOND, 100 * MILLISECOND, 300 * MILLISECOND};

static struct net_config config_of(uint8_t number, bool new_reno, uint32_t buffer) {
    return (struct net_config){.mac = {2, 0, 0, 0, 0, number},
                               .mtu = 1500,
                               .address = net_ipv4(0x0a000000u + number),
                               .prefix_length = 24,
                               .sockets_max = 32,
                               .owner_budget = MEMORY,
                               .send_buffer = buffer,
                               .receive_buffer = buffer,
                               .send_buffer_max = buffer, /* 0: they grow */
                               .receive_buffer_max = buffer,
                               .new_reno = new_reno};
}

/* ---- One flow ---- */

/* Bytes that may wait before the bottleneck: few, what the path holds, or a second's worth. */
static uint32_t queue_of(int kind, uint64_t rate, net_time rtt) {
    uint64_t held = rate * rtt / NET_SECOND;
    switch (kind) {
    case 0: return SMALL_QUEUE;
    case 1: return (uint32_t)(held > SMALL_QUEUE ? held : SMALL_QUEUE);
    default: return (uint32_t)rate;
    }
}

struct path {
    bool new_reno;
    uint32_t buffer;
    int queue;
    net_time rtt;
    uint16_t loss;
};

/* Bytes received and time taken are added. */
static void measure_once(const struct path *path, uint64_t seed, uint64_t *bytes, net_time *time) {
    struct link_config there = {.loss = path->loss,
                                .delay = path->rtt / 2,
                                .rate = RATE,
                                .queue = queue_of(path->queue, RATE, path->rtt)};
    struct link_config back = {.loss = path->loss, .delay = path->rtt - path->rtt / 2};
    struct net_config a = config_of(1, path->new_reno, path->buffer);
    struct net_config b = config_of(2, path->new_reno, path->buffer);
    struct sim *sim = sim_new(seed);
    struct bulk bulk = {.sim = sim, .enough = AMOUNT};
    struct sim_node *from = sim_add_engine(sim, &a, MEMORY, &there);
    struct sim_node *to = sim_add_engine(sim, &b, MEMORY, &back);
    assert(from != NULL && to != NULL);
    net_time start = sim_now(sim);
    bulk_add(&bulk, from, to, start);
    (void)sim_run(sim, start + TIME_LIMIT, bulk_run, &bulk);
    *bytes += bulk_received(&bulk);
    *time += sim_now(sim) - start;
    sim_free(sim);
}

/* KiB a second. Without loss there is no chance in it, so once is enough. */
static uint64_t measure(const struct path *path) {
    uint64_t bytes = 0;
    net_time time = 0;
    for (uint64_t seed = 0; seed < (path->loss == 0 ? 1 : SEEDS); seed++) {
        measure_once(path, seed, &bytes, &time);
    }
    return time != 0 ? bytes * NET_SECOND / time >> 10 : 0;
}

static void print_line(FILE *out, struct path path, const char *buffer) {
    fprintf(out, "%-8s %-8s %-6s %6u", path.new_reno ? "newreno" : "cubic", buffer, queues[path.queue],
            (unsigned)(path.rtt / MILLISECOND));
    for (int i = 0; i < LOSSES; i++) {
        path.loss = losses[i];
        fprintf(out, " %7llu", (unsigned long long)measure(&path));
    }
    fputc('\n', out);
}

static void print_goodput(FILE *out) {
    fprintf(
        out,
        "\n# Goodput, KiB/s, of one flow over a bottleneck of %llu KiB/s; round-trip time in ms; queue "
        "before "
        "the\n# bottleneck of twenty frames, of what the path holds, of a second's worth; loss both ways.\n",
        (unsigned long long)(RATE >> 10));
    fprintf(out, "%-8s %-8s %-6s %6s %7s %7s %7s %7s %7s\n", "control", "buffers", "queue", "rtt", "0%",
            "0.1%", "1%", "3%", "10%");
    for (int control = 0; control < 2; control++) {
        for (int buffer = 0; buffer < BUFFERS; buffer++) {
            for (int queue = 0; queue < QUEUES; queue++) {
                for (int rtt = 0; rtt < RTTS; rtt++) {
                    struct path path = {control == 1, buffers[buffer].bytes, queue, rtts[rtt], 0};
                    print_line(out, path, buffers[buffer].name);
                }
            }
        }
    }
}

/* ---- Several flows through one bottleneck ---- */

#define SHARED_RATE UINT64_C(1250000) /* 10 Mbit/s */
#define WARM_UP     (10 * NET_SECOND)
#define WATCHED     (30 * NET_SECOND)

struct sharing {
    bool new_reno;
    uint32_t flows;
    net_time rtt[2]; /* of every other flow */
    int queue;
};

/* All send through the one engine's link; the two receivers are near and far. Bytes that each has received in
 * the time that is watched. */
static void share(const struct sharing *sharing, uint64_t received[BULK_FLOWS]) {
    net_time there = sharing->rtt[0] / 2;
    struct link_config link = {
        .delay = there, .rate = SHARED_RATE, .queue = queue_of(sharing->queue, SHARED_RATE, sharing->rtt[0])};
    struct sim *sim = sim_new(sharing->flows);
    struct bulk bulk = {.sim = sim, .enough = UINT64_MAX};
    struct sim_node *node[3];
    for (uint8_t i = 0; i < 3; i++) {
        struct link_config back = {.delay = sharing->rtt[i == 2] - there};
        struct net_config config = config_of(i + 1, sharing->new_reno, 1 << 20);
        node[i] = sim_add_engine(sim, &config, MEMORY, i == 0 ? &link : &back);
        assert(node[i] != NULL);
    }
    net_time start = sim_now(sim);
    for (uint32_t i = 0; i < sharing->flows; i++) {
        bulk_add(&bulk, node[0], node[1 + i % 2], start + i * 97 * MILLISECOND);
    }
    (void)sim_run(sim, start + WARM_UP, bulk_run, &bulk);
    for (uint32_t i = 0; i < sharing->flows; i++) {
        received[i] = bulk.flow[i].received;
    }
    (void)sim_run(sim, start + WARM_UP + WATCHED, bulk_run, &bulk);
    for (uint32_t i = 0; i < sharing->flows; i++) {
        received[i] = bulk.flow[i].received - received[i];
    }
    sim_free(sim);
}

/* Jain's index, (sum x)^2 / (n sum x^2), in thousandths: 1000 is fair, 1000 / n is all for one. */
static unsigned jain(const uint64_t *x, uint32_t count) {
    uint64_t sum = 0, squares = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t units = x[i] >> 10;
        sum += units;
        squares += units * units;
    }
    return squares == 0 ? 0 : (unsigned)(1000 * sum * sum / (count * squares));
}

static void print_sharing(FILE *out, const struct sharing *sharing) {
    uint64_t received[BULK_FLOWS], sum = 0;
    share(sharing, received);
    for (uint32_t i = 0; i < sharing->flows; i++) {
        sum += received[i];
    }
    unsigned index = jain(received, sharing->flows);
    fprintf(out, "%-8s %-6s %4u %4u %5u %7llu  %u.%03u ", sharing->new_reno ? "newreno" : "cubic",
            queues[sharing->queue], (unsigned)(sharing->rtt[0] / MILLISECOND),
            (unsigned)(sharing->rtt[1] / MILLISECOND), sharing->flows,
            (unsigned long long)(sum * NET_SECOND / WATCHED >> 10), index / 1000, index % 1000);
    for (uint32_t i = 0; i < sharing->flows; i++) {
        fprintf(out, " %2u", (unsigned)((received[i] * 100 + sum / 2) / (sum != 0 ? sum : 1)));
    }
    fputc('\n', out);
}

static void print_fairness(FILE *out) {
    static const net_time far[2] = {40 * MILLISECOND, 160 * MILLISECOND};
    fprintf(out,
            "\n# Flows that share a bottleneck of %llu KiB/s, the second and every other one with the second "
            "round-trip\n# time; buffers of 1 MiB; KiB/s of all, Jain's index, and the shares in per cent.\n",
            (unsigned long long)(SHARED_RATE >> 10));
    fprintf(out, "%-8s %-6s %9s %5s %7s  %5s  %s\n", "control", "queue", "rtt", "flows", "all", "jain",
            "shares");
    for (int control = 0; control < 2; control++) {
        for (int queue = 0; queue < QUEUES; queue++) {
            for (int apart = 0; apart < 2; apart++) {
                for (uint32_t flows = 2; flows <= BULK_FLOWS; flows *= 4) {
                    struct sharing sharing = {control == 1, flows, {far[0], far[apart]}, queue};
                    print_sharing(out, &sharing);
                }
            }
        }
    }
}

void goodput_print(FILE *out) {
    fputs(head, out);
    print_goodput(out);
    print_fairness(out);
}
