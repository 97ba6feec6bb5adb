/* plan.c: what a seed says about a world; read plan.h first. */
#include <netsim/plan.h>

#define MILLISECOND (NET_SECOND / 1000)

/* ---- Chances ---- */

static bool chance(struct random *random, uint32_t percent) {
    return random_below(random, 100) < percent;
}

/* Not for all 2^64 values at once. */
static uint64_t between(struct random *random, uint64_t least, uint64_t most) {
    uint64_t count = most - least + 1;
    return least + (count != 0 ? random_u64(random) % count : 0);
}

/* Small values as often as large ones: each doubling is equally likely. */
static uint64_t between_doublings(struct random *random, uint64_t least, uint64_t most) {
    uint64_t top = least;
    uint32_t doublings = 0;
    while (top < most / 2) {
        top *= 2;
        doublings++;
    }
    uint64_t low = least << random_below(random, doublings + 1), high = low < most / 2 ? 2 * low : most;
    return between(random, low, high);
}

static uint32_t power_of_two(struct random *random, uint32_t least, uint32_t most) {
    uint32_t doublings = (uint32_t)__builtin_ctz(most) - (uint32_t)__builtin_ctz(least);
    return least << random_below(random, doublings + 1);
}

/* ---- Links ---- */

static void draw_losses(struct random *random, struct link_config *link) {
    static const uint16_t losses[] = {1, 5, 10, 20, 40, 100, 200, 300};
    if (chance(random, 50)) {
        uint32_t grade = random_below(random, chance(random, 25) ? 8 : 5);
        link->loss = (uint16_t)between(random, 1, losses[grade]);
    }
    if (chance(random, 15)) {
        link->burst_starts = (uint16_t)between(random, 1, 10);
        link->burst_goes_on = (uint16_t)between(random, 100, 700);
    }
    link->reorder = chance(random, 25) ? (uint16_t)between(random, 1, 300) : 0;
    link->duplicate = chance(random, 20) ? (uint16_t)between(random, 1, 100) : 0;
    link->corrupt = chance(random, 15) ? (uint16_t)between(random, 1, 20) : 0;
}

/* Bytes that may wait: a few frames, about what the delay holds, or a bloated buffer of seconds. */
static uint32_t draw_queue(struct random *random, const struct link_config *link) {
    uint64_t held = link->rate * link->delay / NET_SECOND;
    uint64_t bloated = 10 * link->rate < UINT32_MAX ? 10 * link->rate : UINT32_MAX;
    switch (random_below(random, 3)) {
    case 0: return (uint32_t)between(random, 20000, 60000);
    case 1: return (uint32_t)(held > 40000 ? held : 40000);
    default: return (uint32_t)bloated;
    }
}

static void draw_link(struct random *random, struct link_config *link) {
    *link = (struct link_config){0};
    link->delay = chance(random, 10) ? 0 : between_doublings(random, 50, 500 * MILLISECOND);
    link->jitter = link->delay != 0 ? between(random, 1, link->delay + 10 * MILLISECOND) : MILLISECOND;
    draw_losses(random, link);
    if (chance(random, 40)) {
        link->rate = between_doublings(random, 16 << 10, 128 << 20);
        link->queue = draw_queue(random, link);
        link->mark_from = chance(random, 30) ? (uint32_t)between(random, 3000, link->queue) : 0;
    }
    link->mark = chance(random, 10) ? (uint16_t)between(random, 1, 200) : 0;
}

/* Thousandths that are lost, whatever of. */
static uint32_t lost(const struct link_config *link) {
    uint32_t bursts = (uint32_t)link->burst_starts * 1000 / (1000 - link->burst_goes_on);
    return link->loss + link->corrupt + bursts;
}

/* ---- Engines ---- */

static void draw_engine(struct random *random, struct plan *plan, uint32_t index) {
    struct net_config *config = &plan->config[index];
    static const uint16_t mtus[] = {576, 1006, 1280, 1400, 1492, 4470, 9000};
    *config = (struct net_config){.mac = {2, 0, 0, 0, 0, (uint8_t)(index + 1)},
                                  .mtu = 1500,
                                  .address = net_ipv4(0x0a000001u + index),
                                  .prefix_length = 24,
                                  .sockets_max = 128,
                                  .owner_budget = 16 << 20};
    config->mtu = chance(random, 60) ? 1500 : mtus[random_below(random, sizeof mtus / sizeof mtus[0])];
    config->send_buffer = chance(random, 50) ? 0 : power_of_two(random, 4096, 1 << 20);
    config->receive_buffer = chance(random, 50) ? 0 : power_of_two(random, 4096, 1 << 20);
    if (chance(random, 40)) { /* they do not grow */
        config->send_buffer_max = config->send_buffer;
        config->receive_buffer_max = config->receive_buffer;
    }
    config->checksum_out = chance(random, 40);
    config->segment_out = config->checksum_out && chance(random, 60);
    config->new_reno = chance(random, 30);
    config->no_timestamps = chance(random, 25);
    config->no_sack = chance(random, 25);
    config->ask_ecn = chance(random, 40);
    config->no_ecn = chance(random, 10);
    plan->merging[index] = chance(random, 25) ? between(random, 10, 2 * MILLISECOND) : 0;
    plan->memory[index] = chance(random, 90) ? 16 << 20 : between(random, 640 << 10, 2 << 20);
}

/* ---- Flows ---- */

static void draw_keep_alive(struct random *random, struct traffic_manners *manners) {
    if (chance(random, 20)) {
        manners->keep_idle = (uint16_t)between(random, 30, 600);
        manners->keep_interval = (uint16_t)between(random, 5, 75);
    }
}

static void draw_manners(struct random *random, struct traffic_manners *manners, uint64_t most) {
    *manners = (struct traffic_manners){.write_most = 8192, .read_most = 8192};
    manners->amount = chance(random, 15) ? 0 : between_doublings(random, 1, most);
    manners->write_most = chance(random, 50) ? 16384 : (uint32_t)between_doublings(random, 1, 16384);
    manners->read_most = chance(random, 50) ? 16384 : (uint32_t)between_doublings(random, 1, 16384);
    manners->write_most = manners->amount / 200 > manners->write_most ? 8192 : manners->write_most;
    if (chance(random, 20)) {
        manners->read_pause = between_doublings(random, MILLISECOND, 2 * NET_SECOND);
        manners->read_most = manners->read_most < 2000 ? 2000 : manners->read_most;
    }
    if (chance(random, 15)) {
        manners->pause_at = between(random, 0, manners->amount);
        manners->pause = between_doublings(random, 10 * MILLISECOND, 600 * NET_SECOND);
    }
    manners->in_place = chance(random, 30);
    manners->nodelay = chance(random, 30);
    manners->send_buffer = chance(random, 15) ? power_of_two(random, 4096, 1 << 20) : 0;
    manners->receive_buffer = chance(random, 15) ? power_of_two(random, 4096, 1 << 20) : 0;
    draw_keep_alive(random, manners);
}

static void draw_flow(struct random *random, struct plan *plan, uint32_t index, uint64_t most) {
    struct traffic_plan *flow = &plan->flow[index];
    uint32_t client = random_below(random, plan->engines);
    *flow = (struct traffic_plan){.port = (uint16_t)(1000 + index)};
    flow->node[0] = client;
    uint32_t engines = plan->engines > 1 ? plan->engines : 2;
    flow->node[1] = (client + 1 + random_below(random, engines - 1)) % engines;
    flow->start = chance(random, 50) ? 0 : between(random, 0, 3 * NET_SECOND);
    struct traffic_manners *a = &flow->manners[0], *b = &flow->manners[1];
    draw_manners(random, a, most);
    draw_manners(random, b, most);
    uint64_t all = a->amount + b->amount;
    if (chance(random, 10) && all != 0) {
        flow->manners[random_below(random, 2)].abort_at = between(random, 1, all);
    }
    if (chance(random, 20)) {
        b->echoes = true;
        b->amount = a->amount;
        b->pause = 0;
    }
    b->answers = !b->echoes && plan->rest == 0 && chance(random, 30);
    a->leaves = plan->rest == 0 && b->amount == 0 && chance(random, 30);
}

/* Many large flows through much loss would take a day of CPU time and show nothing new. */
static void draw_flows(struct random *random, struct plan *plan) {
    bool few = chance(random, 50);
    plan->flows = (uint32_t)(few ? between(random, 1, 3) : between(random, 1, PLAN_FLOWS));
    uint64_t most = chance(random, 20) ? 1 << 20 : 64 << 10;
    for (uint32_t i = 0; i < plan->engines; i++) {
        if (lost(&plan->link[i]) > 60) {
            most = 32 << 10;
        }
    }
    for (uint32_t i = 0; i < plan->flows; i++) {
        draw_flow(random, plan, i, most);
    }
}

/* ---- What befalls all ---- */

/* Clocks of 32 bits somewhere within: microseconds, milliseconds, half of the range of each. */
static net_time draw_start(struct random *random) {
    static const net_time wraps[] = {UINT64_C(1) << 31, UINT64_C(1) << 32, (UINT64_C(1) << 31) * MILLISECOND,
                                     (UINT64_C(1) << 32) * MILLISECOND, (UINT64_C(1) << 32) * NET_SECOND};
    if (chance(random, 60)) {
        return NET_SECOND;
    }
    if (chance(random, 10)) {
        return 0;
    }
    return wraps[random_below(random, 5)] - between(random, 0, 10 * NET_SECOND);
}

static void draw_troubles(struct random *random, struct plan *plan) {
    plan->silent_from = plan->silent_until = NET_NEVER;
    if (chance(random, 12)) {
        plan->silent = random_below(random, plan->engines);
        plan->silent_from = between_doublings(random, 10 * MILLISECOND, 10 * NET_SECOND);
        plan->silent_until =
            chance(random, 50) ? NET_NEVER
                               : plan->silent_from + between_doublings(random, MILLISECOND, 60 * NET_SECOND);
    }
    if (chance(random, 10)) {
        plan->path_mtu = (uint16_t)between(random, 576, 1499);
        plan->tells_mtu = chance(random, 70);
    }
    if (chance(random, 10)) {
        plan->wrap = chance(random, 70) ? PLAN_WRAP_SEQUENCE : PLAN_WRAP_STAMP;
        plan->wrap_side = (int)random_below(random, 2);
        plan->wrap_before = (uint32_t)between_doublings(random, 1, 20000);
    }
}

static bool is_harsh(const struct plan *plan) {
    bool harsh = plan->silent_from != NET_NEVER || (plan->path_mtu != 0 && !plan->tells_mtu);
    for (uint32_t i = 0; i < plan->engines; i++) {
        const struct link_config *link = &plan->link[i];
        harsh |= lost(link) > 50 || plan->memory[i] < 16 << 20;
        harsh |= link->queue != 0 && (link->rate < 100000 || link->queue < 60000) && plan->flows > 3;
    }
    return harsh;
}

void plan_draw(struct plan *plan, uint64_t seed) {
    struct random random;
    random_seed(&random, seed, 0x776f726c64);
    *plan = (struct plan){.seed = seed, .engines = chance(&random, 80) ? 2 : 3};
    for (uint32_t i = 0; i < plan->engines; i++) {
        draw_engine(&random, plan, i);
        draw_link(&random, &plan->link[i]);
    }
    if (chance(&random, 30)) {
        plan->link[1] = plan->link[0];
    }
    plan->start = draw_start(&random);
    plan->rest = chance(&random, 20) ? between(&random, 1, 4) * 3600 * NET_SECOND : 0;
    draw_troubles(&random, plan);
    draw_flows(&random, plan);
    plan->harsh = is_harsh(plan);
}

/* ---- In words ---- */

static void print_engine(const struct plan *plan, uint32_t index, FILE *out) {
    const struct net_config *c = &plan->config[index];
    const struct link_config *l = &plan->link[index];
    fprintf(
        out,
        "  engine %u: mtu %u, buffers %u to %u, %u to %u, memory %zu%s%s%s%s%s%s%s, merging every %llu us\n",
        index + 1, c->mtu, c->send_buffer, c->send_buffer_max, c->receive_buffer, c->receive_buffer_max,
        plan->memory[index], c->checksum_out ? ", sums" : "", c->segment_out ? ", cuts" : "",
        c->new_reno ? ", newreno" : ", cubic", c->no_timestamps ? ", no timestamps" : "",
        c->no_sack ? ", no sack" : "", c->ask_ecn ? ", asks for ecn" : "", c->no_ecn ? ", no ecn" : "",
        (unsigned long long)plan->merging[index]);
    fprintf(
        out,
        "    link: delay %llu us, jitter %llu us, rate %llu, queue %u; thousandths: loss %u, burst %u %u, "
        "reorder %u, duplicate %u, corrupt %u, mark %u or from %u bytes\n",
        (unsigned long long)l->delay, (unsigned long long)l->jitter, (unsigned long long)l->rate, l->queue,
        l->loss, l->burst_starts, l->burst_goes_on, l->reorder, l->duplicate, l->corrupt, l->mark,
        l->mark_from);
}

static void print_manners(const struct traffic_manners *m, FILE *out) {
    fprintf(out, "    sends %llu by %u%s%s, reads %u every %llu us", (unsigned long long)m->amount,
            m->write_most, m->in_place ? " in place" : "", m->nodelay ? " nodelay" : "", m->read_most,
            (unsigned long long)m->read_pause);
    if (m->pause != 0) {
        fprintf(out, ", pauses at %llu for %.3f s", (unsigned long long)m->pause_at,
                (double)m->pause / (double)NET_SECOND);
    }
    if (m->abort_at != 0) {
        fprintf(out, ", aborts at %llu", (unsigned long long)m->abort_at);
    }
    fprintf(out, ", buffers %u %u, keep-alive %u %u%s%s%s\n", m->send_buffer, m->receive_buffer, m->keep_idle,
            m->keep_interval, m->answers ? ", answers" : "", m->echoes ? ", echoes" : "",
            m->leaves ? ", leaves" : "");
}

void plan_print(const struct plan *plan, FILE *out) {
    fprintf(out, "  clock starts at %llu us, %s%s", (unsigned long long)plan->start,
            plan->harsh ? "harsh" : "fair", plan->rest != 0 ? ", with a rest" : "");
    if (plan->wrap != PLAN_WRAP_NONE) {
        fprintf(out, ", the %s's %s wraps after %u", plan->wrap_side == 0 ? "client" : "server",
                plan->wrap == PLAN_WRAP_STAMP ? "timestamps" : "sequence number", plan->wrap_before);
    }
    if (plan->path_mtu != 0) {
        fprintf(out, ", path MTU %u, %s", plan->path_mtu, plan->tells_mtu ? "told" : "not told");
    }
    if (plan->silent_from != NET_NEVER) {
        fprintf(out, ", engine %u silent from %llu to %lld us", plan->silent + 1,
                (unsigned long long)plan->silent_from, (long long)plan->silent_until);
    }
    fputc('\n', out);
    for (uint32_t i = 0; i < plan->engines; i++) {
        print_engine(plan, i, out);
    }
    for (uint32_t i = 0; i < plan->flows; i++) {
        const struct traffic_plan *flow = &plan->flow[i];
        fprintf(out, "  port %u: engine %u to engine %u after %llu us\n", flow->port, flow->node[0] + 1,
                flow->node[1] + 1, (unsigned long long)flow->start);
        print_manners(&flow->manners[0], out);
        print_manners(&flow->manners[1], out);
    }
}
