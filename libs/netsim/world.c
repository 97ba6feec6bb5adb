/* world.c: a world from its beginning to its end; read world.h first. */
#include <net/tcp/tcp.h>
#include <net/wire/arp.h>
#include <net/wire/icmp.h>
#include <netsim/trace.h>
#include <netsim/watch.h>
#include <netsim/world.h>
#include <stdlib.h>

enum { KEPT = 48, KEPT_BYTES = 14 + 9000, ROUNDS = 12 };
#define HOUR     (3600 * NET_SECOND)
#define ROUND    (48 * HOUR)            /* as long as it may take until somebody has a look at who is stuck */
#define GRACE    (20 * 60 * NET_SECOND) /* until what nobody takes is given up, too */
#define DEADLINE (130 * NET_SECOND)     /* no timer runs longer while something is unacknowledged */
#define ROUTER_MAC                                                                                           \
    { 2, 0, 0, 0, 0, 99 }
#define ROUTER_ADDR UINT32_C(0x0a000063)

struct kept_frame {
    net_time when;
    uint32_t from;
    size_t length;
    uint8_t bytes[KEPT_BYTES];
};

struct world {
    struct plan plan;
    struct sim *sim;
    struct sim_node *node[PLAN_ENGINES], *router;
    struct traffic traffic[PLAN_FLOWS];
    struct watch watch;
    struct verdict verdict;
    FILE *trace;
    uint64_t hash, frames;
    bool holding;        /* connections stay open though all is done */
    net_time rest_since; /* 0: not yet */
    uint64_t rest_frames;
    struct kept_frame kept[KEPT];

    /* For who asks before the run which numbers it is going to use. */
    bool scouting, scouted;
    uint32_t scout_number;
};

/* ---- The wire ---- */

static uint32_t index_of(const struct world *world, const struct sim_node *node) {
    for (uint32_t i = 0; i < world->plan.engines; i++) {
        if (world->node[i] == node) {
            return i;
        }
    }
    return PLAN_ENGINES;
}

static void mix(uint64_t *hash, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, length - i < 8 ? length - i : 8);
        *hash = (*hash ^ word) * 0x9e3779b97f4a7c15;
        *hash ^= *hash >> 29;
    }
}

static void note(struct world *world, uint32_t from, const uint8_t *frame, size_t length) {
    net_time now = sim_now(world->sim);
    struct kept_frame *kept = &world->kept[world->frames++ % KEPT];
    kept->when = now;
    kept->from = from;
    kept->length = length;
    memcpy(kept->bytes, frame, length < KEPT_BYTES ? length : KEPT_BYTES);
    mix(&world->hash, (const uint8_t *)&now, sizeof now);
    mix(&world->hash, frame, length);
    if (world->trace != NULL) {
        fprintf(world->trace, "%u ", from + 1);
        trace_frame(world->trace, now, span_of(frame, length));
    }
}

/* The number whose wrapping is wanted, out of the segment that shows it first. */
static void scout(struct world *world, const uint8_t *frame, size_t length) {
    const struct traffic_plan *flow = &world->plan.flow[0];
    struct ethernet_header ethernet;
    struct ipv4_header ip;
    struct tcp_header tcp;
    struct span packet, segment, text;
    if (world->scouted || ethernet_parse(span_of(frame, length), &ethernet, &packet) != ERR_NONE ||
        ethernet.type != ETHER_IPV4 || ipv4_parse(packet, &ip, &segment) != ERR_NONE ||
        ip.protocol != IP_TCP || tcp_parse(segment, &tcp, &text) != ERR_NONE) {
        return;
    }
    uint16_t port = world->plan.wrap_side == 0 ? tcp.destination_port : tcp.source_port;
    if (port != flow->port || (tcp.flags & TCP_SYN) == 0) {
        return;
    }
    world->scouted = true;
    world->scout_number = world->plan.wrap == PLAN_WRAP_SEQUENCE ? tcp.seq.value : tcp.options.timestamp;
}

static bool is_silenced(const struct world *world, uint32_t from, const uint8_t *frame) {
    const struct plan *plan = &world->plan;
    net_time age = sim_now(world->sim) - plan->start;
    bool now = age >= plan->silent_from && age < plan->silent_until;
    return now && (from == plan->silent || frame[5] == plan->silent + 1 || (frame[0] & 1) != 0);
}

/* RFC 1191: what would have been too long to go on. */
static void tell_mtu(struct world *world, const uint8_t *frame, size_t length) {
    uint8_t bytes[128];
    struct writer writer = writer_of(bytes, sizeof bytes);
    struct ipv4_header ip;
    struct span packet = span_of(frame + ETHERNET_HEADER, length - ETHERNET_HEADER), payload;
    if (ipv4_parse(packet, &ip, &payload) != ERR_NONE) {
        return;
    }
    struct icmp_message message = {.type = ICMP_UNREACHABLE,
                                   .code = ICMP_FRAGMENTATION_NEEDED,
                                   .mtu = world->plan.path_mtu,
                                   .payload = span_slice(packet, 0, IPV4_HEADER + 8)};
    struct ethernet_header ethernet = {mac_of(frame + 6), {ROUTER_MAC}, ETHER_IPV4};
    ethernet_write(&writer, &ethernet);
    ipv4_write(&writer,
               &(struct ipv4_header){
                   .source = ROUTER_ADDR, .destination = ip.source, .protocol = IP_ICMP, .ttl = IPV4_TTL},
               ICMP_HEADER + message.payload.length);
    icmp_write(&writer, &message);
    sim_send(world->router, bytes, writer.length);
}

static bool see_sent(void *context, struct sim_node *from, const uint8_t *frame, size_t length) {
    struct world *world = context;
    uint32_t index = index_of(world, from);
    note(world, index, frame, length);
    if (index == PLAN_ENGINES) {
        return true;
    }
    if (world->plan.wrap != PLAN_WRAP_NONE && world->scouting) {
        scout(world, frame, length);
    }
    if (net_counters(sim_net(from))->arp_unanswered != 0) {
        watch_of(&world->watch, 0x0a000001u + index)->gives_up = true;
    }
    watch_sent(&world->watch, span_of(frame, length), sim_now(world->sim));
    if (is_silenced(world, index, frame)) {
        return false;
    }
    if (world->plan.path_mtu != 0 && length > ETHERNET_HEADER + (size_t)world->plan.path_mtu) {
        if (world->plan.tells_mtu) {
            tell_mtu(world, frame, length);
        }
        return false;
    }
    return true;
}

static void see_arrived(void *context, struct sim_node *to, const uint8_t *frame, size_t length) {
    struct world *world = context;
    if (index_of(world, to) != PLAN_ENGINES) {
        watch_arrived(&world->watch, span_of(frame, length));
    }
}

/* The router answers ARP and nothing else. */
static void be_router(void *context, struct sim_node *node, const uint8_t *frame, size_t length) {
    struct ethernet_header ethernet;
    struct span payload;
    struct arp_packet arp;
    const struct mac mac = {ROUTER_MAC};
    if (ethernet_parse(span_of(frame, length), &ethernet, &payload) != ERR_NONE ||
        ethernet.type != ETHER_ARP || arp_parse(payload, &arp) != ERR_NONE || arp.operation != ARP_REQUEST ||
        arp.target_address != ROUTER_ADDR) {
        return;
    }
    uint8_t bytes[ETHERNET_MINIMUM] = {0};
    struct writer writer = writer_of(bytes, sizeof bytes);
    struct arp_packet answer = {ARP_REPLY, mac, arp.sender_mac, ROUTER_ADDR, arp.sender_address};
    ethernet_write(&writer, &(struct ethernet_header){arp.sender_mac, mac, ETHER_ARP});
    arp_write(&writer, &answer);
    sim_send(node, bytes, sizeof bytes);
}

/* ---- What must hold after each step ---- */

/* What a stream tells of itself (TCP_INFO) fits together. */
static const char *contradiction(const struct net_stream_info *info) {
    if (info->state == TCP_LISTEN) {
        return NULL;
    }
    if (info->bytes_acknowledged + info->bytes_resent > info->bytes_sent) {
        return "more is acknowledged than was sent";
    }
    if (info->window_limited_us + info->buffer_limited_us > info->busy_us) {
        return "it is held back for longer than it is busy";
    }
    if (info->arrived > info->out || info->lost > info->out || info->resent > info->out) {
        return "more has a fate than is out";
    }
    if (info->data_segments_out > info->segments_out || info->data_segments_in > info->segments_in) {
        return "more segments have text than there are";
    }
    return NULL;
}

static void check_stream(struct world *world, uint32_t index, net_socket_id socket) {
    net_time now = sim_now(world->sim);
    struct net_stream_info info;
    if (net_stream_info(sim_net(world->node[index]), socket, &info, now) != ERR_NONE) {
        return; /* it has no socket, or is none */
    }
    const char *what = contradiction(&info);
    if (what != NULL) {
        verdict_fail(&world->verdict, now, "engine %u: a stream says that %s", index + 1, what);
    }
}

static void check_engine(struct world *world, uint32_t index) {
    const struct net *net = sim_net(world->node[index]);
    net_time now = sim_now(world->sim), deadline = net_deadline(net);
    struct net_usage usage;
    net_usage(net, &usage);
    if (deadline <= now) {
        verdict_fail(&world->verdict, now, "engine %u has done all it could, but its deadline is not later",
                     index + 1);
    }
    if (usage.arena_used > usage.arena_size || usage.arena_peak > usage.arena_size) {
        verdict_fail(&world->verdict, now, "engine %u uses more memory than it has", index + 1);
    }
    struct net_socket_info info;
    uint32_t cursor = 0;
    bool waits = false;
    while (net_socket_next(net, &cursor, &info)) {
        check_stream(world, index, info.socket);
        waits |= info.send_queued != 0 && info.state >= TCP_SYN_SENT && info.state <= TCP_LAST_ACK;
    }
    if (waits && deadline > net_time_after(now, DEADLINE)) {
        verdict_fail(&world->verdict, now, "engine %u has something to send, but no timer", index + 1);
    }
}

/* ---- The applications ---- */

static bool all_done(const struct world *world) {
    bool done = true;
    for (uint32_t i = 0; i < world->plan.flows; i++) {
        done &= traffic_is_done(&world->traffic[i], 0) && traffic_is_done(&world->traffic[i], 1);
    }
    return done;
}

/* Nothing is left to be said but by keep-alives and by what ARP has to ask for them. */
static void check_rest(struct world *world) {
    bool kept_alive = false;
    for (uint32_t i = 0; i < world->plan.flows; i++) {
        const struct traffic_manners *manners = world->plan.flow[i].manners;
        kept_alive |= manners[0].keep_idle != 0 || manners[1].keep_idle != 0;
    }
    uint64_t said = world->frames - world->rest_frames;
    /* Every 30 s at most, a probe, an answer, ARP for both, doubled on the way, by both ends. */
    uint64_t most = kept_alive ? world->plan.flows * (world->plan.rest / (5 * NET_SECOND) + 1) * 2 : 0;
    if (said > most) {
        verdict_fail(&world->verdict, sim_now(world->sim), "%llu frames while everybody rests (bound %llu)",
                     (unsigned long long)said, (unsigned long long)most);
    }
}

/* The rest: when everything has been moved, a while later the counting begins. Returns when to look again. */
static net_time rest(struct world *world) {
    net_time now = sim_now(world->sim);
    if (!world->holding || (world->rest_since == 0 && !all_done(world))) {
        return NET_NEVER;
    }
    if (world->rest_since == 0) {
        world->rest_since = now + GRACE;
    } else if (now >= world->rest_since && world->rest_frames == 0) {
        world->rest_frames = world->frames;
    } else if (now >= world->rest_since + world->plan.rest) {
        check_rest(world);
        world->holding = false;
        return NET_NEVER;
    }
    return now < world->rest_since ? world->rest_since : world->rest_since + world->plan.rest;
}

static void take_events(struct world *world) {
    struct net_event event;
    for (uint32_t i = 0; i < world->plan.engines; i++) {
        while (net_next_event(sim_net(world->node[i]), &event)) {
            for (uint32_t k = 0; event.kind == NET_EVENT_SOCKET && k < world->plan.flows; k++) {
                traffic_event(&world->traffic[k], world->node[i], &event, world->holding);
            }
        }
    }
}

/* After every step; true: no more to come, or it has gone wrong. */
static bool step(void *context) {
    struct world *world = context;
    net_time next = NET_NEVER;
    bool over = true;
    for (uint32_t i = 0; i < world->plan.engines; i++) {
        check_engine(world, i);
    }
    take_events(world);
    next = rest(world);
    for (uint32_t i = 0; i < world->plan.flows; i++) {
        next = net_time_min(next, traffic_tick(&world->traffic[i], world->holding));
        over &= traffic_is_over(&world->traffic[i]);
    }
    sim_alarm(world->sim, next);
    return over || world->verdict.failed || world->scouted;
}

/* ---- Who is stuck ---- */

/* What the side's engine still has of its connection. */
static bool find_connection(const struct world *world, const struct traffic_side *side,
                            struct net_socket_info *info) {
    uint32_t cursor = 0;
    while (net_socket_next(sim_net(side->node), &cursor, info)) {
        if (info->socket == side->socket) {
            return true;
        }
    }
    return false;
}

static bool other_is_gone(const struct world *world, const struct traffic *traffic, int side) {
    const struct traffic_side *other = &traffic->side[!side], *own = &traffic->side[side];
    struct net_socket_info info;
    uint32_t cursor = 0;
    while (net_socket_next(sim_net(other->node), &cursor, &info)) {
        if (info.type == NET_STREAM && info.peer.port == own->local.port &&
            info.local.port == own->peer.port && net_address_equal(&info.peer.address, &own->local.address)) {
            return false;
        }
    }
    return true;
}

/* A side may wait for ever if its peer is gone without its knowing, and it has nothing to say and no
 * keep-alive that would find out (RFC 9293 3.8.4 leaves this to the application). */
static bool may_wait(const struct world *world, const struct traffic *traffic, int index) {
    const struct traffic_side *side = &traffic->side[index], *other = &traffic->side[!index];
    struct net_socket_info info;
    if (side->listener != 0) { /* it has never heard of anybody */
        return other->phase == TRAFFIC_OVER || other_is_gone(world, traffic, index);
    }
    bool says =
        !find_connection(world, side, &info) || info.send_queued != 0 || side->manners->keep_idle != 0;
    return side->phase == TRAFFIC_OPEN && !says && other_is_gone(world, traffic, index);
}

/* false: somebody is stuck who must not be. */
static bool release_stuck(struct world *world) {
    bool any = false;
    for (uint32_t i = 0; i < world->plan.flows; i++) {
        for (int side = 0; side < 2; side++) {
            struct traffic *traffic = &world->traffic[i];
            if (traffic->side[side].phase != TRAFFIC_OVER && may_wait(world, traffic, side)) {
                traffic_give_up(traffic, side);
                any = true;
            }
        }
    }
    return any;
}

/* ---- The end ---- */

static void check_side(struct world *world, const struct traffic *traffic, int index) {
    const struct traffic_side *side = &traffic->side[index], *other = &traffic->side[!index];
    bool excused = world->plan.harsh || other->aborted || side->aborted;
    if (!excused && (side->error != ERR_NONE || side->received != other->manners->amount)) {
        verdict_fail(&world->verdict, sim_now(world->sim), "the %s of port %u ended with: %s",
                     index == 0 ? "client" : "server", traffic->plan->port, error_text(side->error));
    }
}

static void check_left(struct world *world, uint32_t index) {
    struct net_usage usage;
    net_usage(sim_net(world->node[index]), &usage);
    if (usage.arena_used != 0 || usage.sockets != 0 || usage.connections != 0) {
        verdict_fail(&world->verdict, sim_now(world->sim),
                     "engine %u keeps %zu bytes, %u sockets, %u connections", index + 1, usage.arena_used,
                     usage.sockets, usage.connections);
    }
}

/* Effort is bounded: text by what there is to send (a few times over, and timeouts even for little), segments
 * by that and by what has come in. The bounds are about twice of what the worst of many seeds shows. */
static void check_effort(struct world *world, uint32_t index) {
    struct watch_tally *tally = watch_of(&world->watch, 0x0a000001u + index);
    uint64_t text = 0, flows = 0;
    for (uint32_t i = 0; i < world->plan.flows; i++) {
        for (int side = 0; side < 2; side++) {
            if (world->plan.flow[i].node[side] == index) {
                text += world->traffic[i].side[side].sent;
                flows++;
            }
        }
    }
    uint64_t most_text = 4 * (text + flows * (8192 + UINT64_C(4) * world->plan.config[index].mtu));
    uint64_t piece =
        world->plan.harsh ? 48 : 536; /* after a long silence a path may be taken for a black hole */
    uint64_t most_segments = 2 * (tally->arrived + tally->text / piece + flows * 40);
    if (tally->text > most_text || tally->segments > most_segments) {
        verdict_fail(&world->verdict, sim_now(world->sim),
                     "engine %u sends %llu bytes of text for %llu, %llu segments for %llu that came",
                     index + 1, (unsigned long long)tally->text, (unsigned long long)text,
                     (unsigned long long)tally->segments, (unsigned long long)tally->arrived);
    }
}

static void settle(struct world *world) {
    net_time until = sim_now(world->sim) + 4 * HOUR;
    if (sim_run(world->sim, until, NULL, NULL) != SIM_IDLE) {
        verdict_fail(&world->verdict, sim_now(world->sim), "no quiet though everybody has gone");
    }
    for (uint32_t i = 0; i < world->plan.engines; i++) {
        check_left(world, i);
        check_effort(world, i);
    }
}

static void run(struct world *world) {
    enum sim_end end = SIM_TIME_UP;
    for (int round = 0; round < ROUNDS && end != SIM_DONE; round++) {
        end = sim_run(world->sim, sim_now(world->sim) + ROUND, step, world);
        if (end != SIM_DONE && !release_stuck(world) && end == SIM_IDLE) {
            verdict_fail(&world->verdict, sim_now(world->sim), "somebody is stuck");
        }
    }
    if (end != SIM_DONE) {
        verdict_fail(&world->verdict, sim_now(world->sim), "it takes too long");
    }
    for (uint32_t i = 0; i < world->plan.flows && !world->verdict.failed; i++) {
        check_side(world, &world->traffic[i], 0);
        check_side(world, &world->traffic[i], 1);
    }
    if (!world->verdict.failed) {
        settle(world);
    }
}

/* ---- The beginning ---- */

static void begin(struct world *world) {
    const struct plan *plan = &world->plan;
    const struct link_config router = {.delay = 1000};
    world->sim = sim_new(plan->seed);
    sim_set_clock(world->sim, plan->start);
    sim_set_filter(world->sim, see_sent, world);
    sim_set_watcher(world->sim, see_arrived, world);
    watch_init(&world->watch, &world->verdict);
    for (uint32_t i = 0; i < plan->engines; i++) {
        world->node[i] = sim_add_engine(world->sim, &plan->config[i], plan->memory[i], &plan->link[i]);
        if (world->node[i] == NULL) {
            verdict_fail(&world->verdict, plan->start, "engine %u cannot be laid out", i + 1);
            return;
        }
        if (plan->merging[i] != 0) {
            sim_set_merging(world->node[i], plan->merging[i]);
        }
    }
    world->router = sim_add_host(world->sim, (uint8_t[6])ROUTER_MAC, be_router, world, &router);
    world->holding = plan->rest != 0;
    for (uint32_t i = 0; i < plan->flows; i++) {
        traffic_start(&world->traffic[i], &plan->flow[i], world->sim, world->node, &world->verdict,
                      plan->seed);
    }
}

/* The world is tried once to see which number the first flow gets, and its clock set so that this number
 * comes just before it wraps. Both the ISN (RFC 6528: 4 us a tick) and timestamps (1 ms) follow the clock. */
static void set_clock_before_wrap(struct world *world) {
    struct plan *plan = &world->plan;
    world->scouting = true;
    begin(world);
    if (!world->verdict.failed) {
        (void)sim_run(world->sim, plan->start + HOUR, step, world);
    }
    sim_free(world->sim);
    uint32_t ticks = 0 - world->scout_number - plan->wrap_before;
    net_time tick = plan->wrap == PLAN_WRAP_SEQUENCE ? 4 : NET_SECOND / 1000;
    struct plan planned = *plan;
    FILE *trace = world->trace;
    bool known = world->scouted;
    *world = (struct world){.plan = planned, .trace = trace};
    world->plan.start += known ? ticks * tick : 0;
}

static void print_failure(const struct world *world, FILE *out) {
    const struct plan *plan = &world->plan;
    fprintf(out, "seed %llu: at %.6f s: %s\n", (unsigned long long)plan->seed,
            (double)(world->verdict.at - plan->start) / (double)NET_SECOND, world->verdict.text);
    plan_print(plan, out);
    for (uint32_t i = 0; i < plan->flows; i++) {
        traffic_print(&world->traffic[i], out);
    }
    uint64_t first = world->frames < KEPT ? 0 : world->frames - KEPT;
    for (uint64_t i = first; i < world->frames; i++) {
        const struct kept_frame *kept = &world->kept[i % KEPT];
        fprintf(out, "%u ", kept->from + 1);
        trace_frame(out, kept->when - plan->start,
                    span_of(kept->bytes, kept->length < KEPT_BYTES ? kept->length : KEPT_BYTES));
    }
}

static uint32_t count_died(const struct world *world) {
    uint32_t died = 0;
    for (uint32_t i = 0; i < world->plan.flows; i++) {
        died += world->traffic[i].side[0].error != ERR_NONE;
        died += world->traffic[i].side[1].error != ERR_NONE;
    }
    return died;
}

static void add_counters(const struct world *world, struct net_counters *sum) {
    for (uint32_t i = 0; i < world->plan.engines && world->node[i] != NULL; i++) {
        const struct net_counters *own = net_counters(sim_net(world->node[i]));
#define ADD_COUNTER(name) sum->name += own->name;
        NET_COUNTERS(ADD_COUNTER)
#undef ADD_COUNTER
    }
}

void world_run(uint64_t seed, FILE *trace, FILE *out, struct world_report *report) {
    struct world *world = calloc(1, sizeof *world);
    plan_draw(&world->plan, seed);
    if (world->plan.wrap != PLAN_WRAP_NONE) {
        set_clock_before_wrap(world);
    }
    world->trace = trace;
    begin(world);
    if (!world->verdict.failed) {
        run(world);
    }
    if (world->verdict.failed) {
        print_failure(world, out);
    }
    *report = (struct world_report){.verdict = world->verdict,
                                    .hash = world->hash,
                                    .frames = world->frames,
                                    .lasted = sim_now(world->sim) - world->plan.start,
                                    .died = count_died(world)};
    add_counters(world, &report->counters);
    sim_free(world->sim);
    free(world);
}
