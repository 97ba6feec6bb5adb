/* duel.c: two engines; read duel.h first. */
#include <netsim/guard.h>
#include <netsim/script.h>
#include <netsim/script/caller.h>
#include <netsim/script/duel.h>
#include <netsim/script/invariants.h>
#include <netsim/script/middle.h>
#include <netsim/script/must.h>

enum { MEMORY = 320 << 10, SMALL_MEMORY = 144 << 10, SLOT = 14 + 65535, STEPS_MAX = 250 };
enum { FRAMES_AT_ONCE = 20000, MOMENTS_MAX = 30000, EVENTS_MAX = 1000 };
enum { PATIENCE = 4000 }; /* seconds: longer than any chain of timeouts */

struct duel {
    struct caller caller[2];
    struct net_config config[2];
    struct middle middle;
    bool serves; /* B does by itself what a server does */
};

/* ---- Time ---- */

static void set_time(struct duel *duel, net_time now) {
    duel->middle.now = now;
    duel->caller[0].now = now;
    duel->caller[1].now = now;
}

/* false: nothing is to be done on that side. Between two sockets of its own an engine moves only so much at
 * once. */
static bool transmit_one(struct duel *duel, int side) {
    static uint8_t data[SLOT];
    struct net_slot slot = {.data = data, .capacity = SLOT};
    struct net *net = duel->caller[side].net;
    if (!net_transmit(net, &slot, duel->middle.now)) {
        return net_deadline(net) <= duel->middle.now;
    }
    must(slot.length <= slot.capacity, "a frame longer than its slot");
    must(slot.gso_size != 0 || slot.length <= 14u + duel->config[side].mtu, "a packet longer than the MTU");
    middle_take(&duel->middle, side, &slot);
    return true;
}

static void take_events(struct duel *duel, int side) {
    struct net_event event;
    for (int events = 0; net_next_event(duel->caller[side].net, &event); events++) {
        must(events < EVENTS_MAX, "events without end");
    }
}

/* All that happens at this moment. */
static void settle(struct duel *duel) {
    bool moved = true;
    for (int frames = 0; moved; frames++) {
        must(frames < FRAMES_AT_ONCE, "frames without end");
        moved = transmit_one(duel, 0);
        moved |= transmit_one(duel, 1);
        moved |= middle_deliver(&duel->middle);
    }
    for (int side = 0; side < 2; side++) {
        take_events(duel, side);
        const char *broken = broken_invariant(duel->caller[side].net);
        must(broken == NULL, broken);
    }
}

/* On to the next moment at which anything happens, if it is before `limit`; else to that, and false. */
static bool jump(struct duel *duel, net_time limit) {
    net_time next = middle_deadline(&duel->middle);
    next = net_time_min(next, net_deadline(duel->caller[0].net));
    next = net_time_min(next, net_deadline(duel->caller[1].net));
    if (next > limit) {
        set_time(duel, limit);
        return false;
    }
    set_time(duel, next > duel->middle.now ? next : duel->middle.now);
    settle(duel);
    return true;
}

static void pass_time(struct duel *duel, net_time duration) {
    net_time limit = duel->middle.now + duration;
    int moments = 0;
    while (jump(duel, limit)) {
        must(++moments < MOMENTS_MAX, "moments without end");
    }
    settle(duel);
}

/* ---- A server's user ---- */

static void open_listener(struct caller *caller, uint32_t place, uint16_t port) {
    net_socket_id id;
    struct net_endpoint local = {.port = port};
    if (net_open(caller->net, NET_STREAM, caller->owner, &id) == ERR_NONE) {
        caller_keep(caller, place, id, true);
        (void)!net_bind(caller->net, id, &local);
        (void)!net_listen(caller->net, id, 3);
    }
}

static bool is_listener(const struct caller *caller, uint32_t place) {
    struct net_endpoint peer;
    return net_peer(caller->net, caller->socket[place].id, &peer) != ERR_NONE;
}

/* Takes connections, reads all, answers with half as much, closes at the end. */
static void serve(struct duel *duel) {
    struct caller *caller = &duel->caller[1];
    for (uint32_t i = 0; i < CALLER_SOCKETS; i++) {
        struct caller_socket *socket = &caller->socket[i];
        if (socket->id == 0) {
            continue;
        }
        if (is_listener(caller, i)) {
            caller_accept_all(caller, i);
            continue;
        }
        size_t got = caller_read(caller, socket, 4000);
        (void)caller_write(caller, socket, got / 2);
        if (socket->ended || socket->error != ERR_NONE) {
            (void)!net_close(caller->net, socket->id, caller->now);
            *socket = (struct caller_socket){0};
        }
    }
}

/* B opens a connection to A too. */
static void call_back(struct duel *duel, uint16_t port) {
    struct caller *caller = &duel->caller[1];
    struct net_endpoint peer = {net_ipv4(caller->peer), port};
    net_socket_id id;
    for (uint32_t i = 0; i < CALLER_SOCKETS; i++) {
        if (caller->socket[i].id == 0 && net_open(caller->net, NET_STREAM, caller->owner, &id) == ERR_NONE) {
            caller_keep(caller, i, id, true);
            (void)!net_connect(caller->net, id, &peer, caller->now);
            return;
        }
    }
}

/* ---- The end ---- */

static bool read_all(struct caller *caller) {
    bool any = false;
    for (uint32_t i = 0; i < CALLER_SOCKETS; i++) {
        struct caller_socket *socket = &caller->socket[i];
        while (socket->id != 0 && socket->stream && caller_read(caller, socket, SIZE_MAX) != 0) {
            any = true;
        }
    }
    return any;
}

/* What is read makes room for more. */
static void read_everything(struct duel *duel) {
    bool any = true;
    while (any) {
        any = read_all(&duel->caller[0]);
        any |= read_all(&duel->caller[1]);
        settle(duel);
    }
}

/* The other end of a connection; null: nobody has it. */
static struct caller_socket *other_end(struct duel *duel, int side, const struct caller_socket *socket) {
    struct net_endpoint local, peer, its_local, its_peer;
    struct caller *other = &duel->caller[!side];
    if (net_local(duel->caller[side].net, socket->id, &local) != ERR_NONE ||
        net_peer(duel->caller[side].net, socket->id, &peer) != ERR_NONE ||
        net_ipv4_value(&peer.address) != duel->caller[side].peer) {
        return NULL;
    }
    for (uint32_t i = 0; i < CALLER_SOCKETS; i++) {
        struct caller_socket *end = &other->socket[i];
        if (end->id != 0 && end->stream && net_local(other->net, end->id, &its_local) == ERR_NONE &&
            net_peer(other->net, end->id, &its_peer) == ERR_NONE && its_local.port == peer.port &&
            its_peer.port == local.port && net_ipv4_value(&its_peer.address) == other->peer) {
            return end;
        }
    }
    return NULL;
}

static bool has_failed(struct caller *caller, struct caller_socket *socket) {
    enum error error = net_take_error(caller->net, socket->id);
    socket->error = socket->error != ERR_NONE ? socket->error : error;
    return socket->error != ERR_NONE;
}

/* Has everything that went in on one side come out on the other, or is it known why not? */
static bool is_complete(struct duel *duel) {
    bool complete = true;
    for (uint32_t i = 0; i < CALLER_SOCKETS; i++) {
        struct caller_socket *a = &duel->caller[0].socket[i];
        struct caller_socket *b = a->id != 0 && a->stream ? other_end(duel, 0, a) : NULL;
        if (b == NULL || a->deaf || b->deaf || has_failed(&duel->caller[0], a) ||
            has_failed(&duel->caller[1], b)) {
            continue;
        }
        complete = complete && a->sent == b->received && b->sent == a->received;
    }
    return complete;
}

/* The link is good from now on, and everybody reads. */
static void come_to_terms(struct duel *duel) {
    net_time limit = duel->middle.now + PATIENCE * NET_SECOND;
    middle_behave(&duel->middle);
    read_everything(duel);
    for (int moments = 0; !is_complete(duel); moments++) {
        must(moments < MOMENTS_MAX, "moments without end");
        if (!jump(duel, limit)) {
            break;
        }
        read_everything(duel);
    }
    must(duel->middle.forged || is_complete(duel), "bytes are missing, and nobody knows");
}

static bool is_empty(const struct net *net) {
    struct net_usage usage;
    net_usage(net, &usage);
    return usage.sockets == 0 && usage.connections == 0 && usage.queries == 0 && usage.arena_used == 0;
}

static void stop(struct duel *duel) {
    struct net *a = duel->caller[0].net, *b = duel->caller[1].net;
    net_time limit = duel->middle.now + PATIENCE * NET_SECOND;
    net_owner_close(a, duel->caller[0].owner, duel->middle.now);
    net_owner_close(b, duel->caller[1].owner, duel->middle.now);
    settle(duel);
    for (int moments = 0; !is_empty(a) || !is_empty(b); moments++) {
        must(moments < MOMENTS_MAX, "moments without end");
        must(jump(duel, limit), "something is left");
    }
    middle_clear(&duel->middle);
    guard_stop();
}

/* ---- The beginning ---- */

static void configure(struct net_config *config, int side, uint8_t kind) {
    *config = (struct net_config){.mtu = (kind & 1) != 0 ? 576 : 1500,
                                  .address = net_ipv4(MIDDLE_ENDS[side].source),
                                  .prefix_length = 24,
                                  .sockets_max = 12,
                                  .owner_budget = (kind & 2) != 0 ? 24 << 10 : 192 << 10,
                                  .send_buffer = (kind & 4) != 0 ? 4096 : 0,
                                  .receive_buffer = (kind & 8) != 0 ? 4096 : 0,
                                  .checksum_out = (kind & 16) != 0,
                                  .segment_out = (kind & 48) == 48,
                                  .no_timestamps = (kind & 64) != 0,
                                  .no_sack = (kind & 128) != 0,
                                  .new_reno = (kind & 32) != 0,
                                  .seed = {(uint64_t)side + 3, 4}};
    memcpy(config->mac, MIDDLE_ENDS[side].from.bytes, 6);
}

static void start(struct duel *duel, const uint8_t header[SCRIPT_HEADER]) {
    _Alignas(64) static uint8_t memory[2][MEMORY];
    size_t size = (header[2] & 1) != 0 ? SMALL_MEMORY : MEMORY;
    *duel = (struct duel){.middle = {.now = NET_SECOND}};
    guard_start((header[2] & 2) == 0);
    for (int side = 0; side < 2; side++) {
        configure(&duel->config[side], side, header[side]);
        struct caller *caller = &duel->caller[side];
        *caller = (struct caller){.own = MIDDLE_ENDS[side].source, .peer = MIDDLE_ENDS[side].destination};
        must(net_init(&caller->net, &duel->config[side], memory[side], size, NET_SECOND) == ERR_NONE,
             "net_init");
        caller->pattern = true;
        caller_start(caller);
        duel->middle.net[side] = caller->net;
    }
    set_time(duel, NET_SECOND);
    settle(duel);
}

static struct reader begin(struct duel *duel, struct span bytes) {
    struct reader reader = reader_of(bytes);
    uint8_t header[SCRIPT_HEADER];
    for (int i = 0; i < SCRIPT_HEADER; i++) {
        header[i] = read_u8(&reader);
    }
    start(duel, header);
    return reader;
}

/* ---- Steps ---- */

static void step_time(struct duel *duel, struct reader *args) {
    pass_time(duel, (net_time)read_be16(args) * 1000);
}

static void step_deadlines(struct duel *duel, struct reader *args) {
    uint8_t what = read_u8(args);
    if (duel->serves && what >= 0xf0) {
        call_back(duel, what % 4);
        return;
    }
    for (int left = what % 8; left >= 0; left--) {
        (void)jump(duel, duel->middle.now + 300 * NET_SECOND);
    }
}

static void step_fate(struct duel *duel, struct reader *args) {
    middle_add_fate(&duel->middle, args);
}

static void step_inject(struct duel *duel, struct reader *args) {
    middle_inject(&duel->middle, args);
}

static void step_release(struct duel *duel, struct reader *args) {
    middle_release(&duel->middle);
}

static const struct {
    void (*make)(struct duel *duel, struct reader *args);
    uint8_t length;
} steps[] = {
    {step_time, 2}, {step_deadlines, 1}, {step_fate, 5},    {step_fate, 5},
    {step_fate, 5}, {step_inject, 14},   {step_inject, 14}, {step_release, 0},
};

enum { STEPS = sizeof steps / sizeof steps[0], TIME_KINDS = 2 };

/* Calls on A below B_CALLS, on B below OTHERS. */
enum { B_CALLS = 0x40, OTHERS = 0x80 };

static uint8_t duel_kind(uint32_t chance) {
    uint32_t kind = chance % (2u * caller_kind_count + STEPS), call = kind % caller_kind_count;
    return (uint8_t)(kind < caller_kind_count        ? call
                     : kind < 2u * caller_kind_count ? B_CALLS + call
                                                     : OTHERS + kind - 2 * caller_kind_count);
}

static uint8_t duel_length(uint8_t kind) {
    return kind < OTHERS ? caller_kind_length(kind % B_CALLS) : steps[kind % OTHERS].length;
}

static void distrust(struct duel *duel) {
    duel->caller[0].pattern = !duel->middle.garbled;
    duel->caller[1].pattern = !duel->middle.garbled;
}

static void run_duel(struct span bytes) {
    static struct duel duel;
    uint8_t kind;
    struct reader script = begin(&duel, bytes), args;
    for (int i = 0; i < STEPS_MAX && script_next(&script, &kind, &args); i++) {
        if (kind < OTHERS) {
            caller_call(&duel.caller[kind / B_CALLS], kind % B_CALLS % caller_kind_count, &args);
        } else {
            steps[kind % OTHERS % STEPS].make(&duel, &args);
        }
        distrust(&duel);
        settle(&duel);
        distrust(&duel);
    }
    come_to_terms(&duel);
    stop(&duel);
}

const struct script SCRIPT_DUEL = {run_duel, duel_kind, duel_length};

void duel_run_served(struct span bytes) {
    static struct duel duel;
    uint8_t kind;
    struct reader script = begin(&duel, bytes), args;
    duel.serves = true;
    open_listener(&duel.caller[1], 0, 1);
    open_listener(&duel.caller[1], 1, 2);
    for (int i = 0; i < STEPS_MAX && script_next(&script, &kind, &args); i++) {
        if (kind < OTHERS) {
            caller_call(&duel.caller[0], kind % caller_kind_count, &args);
        } else {
            steps[kind % TIME_KINDS].make(&duel, &args);
        }
        settle(&duel);
        serve(&duel);
        settle(&duel);
    }
    come_to_terms(&duel);
    stop(&duel);
}
