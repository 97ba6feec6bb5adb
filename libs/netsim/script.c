/* script.c: the scripts with one engine; read script.h first. */
#include <netsim/script.h>
#include <netsim/script/duel.h>
#include <netsim/script/frames.h>

enum { STEPS_MAX = 400, REFLEX_STEPS_MAX = 150 };

bool script_next(struct reader *script, uint8_t *kind, struct reader *args) {
    if (script->left.length < SCRIPT_STEP) {
        return false;
    }
    *kind = read_u8(script);
    size_t length = read_be16(script);
    length = length < script->left.length ? length : script->left.length;
    *args = reader_of(read_bytes(script, length));
    return true;
}

static struct reader begin(struct rig *rig, struct span bytes, uint8_t header[SCRIPT_HEADER]) {
    struct reader reader = reader_of(bytes);
    for (int i = 0; i < SCRIPT_HEADER; i++) {
        header[i] = read_u8(&reader);
    }
    rig_start(rig, header[0], (header[3] & 1) != 0);
    return reader;
}

/* ---- Everything ---- */

/* Socket calls below FRAMES, frames and time above it: whoever adds a kind changes the sense of no old
 * script. */
enum { FRAMES = 0x80 };

static uint8_t engine_kind(uint32_t chance) {
    uint32_t kind = chance % (caller_kind_count + frame_kind_count);
    return (uint8_t)(kind < caller_kind_count ? kind : FRAMES + kind - caller_kind_count);
}

static uint8_t engine_length(uint8_t kind) {
    return kind < FRAMES ? caller_kind_length(kind) : frame_kind_length(kind % FRAMES);
}

static void engine_step(struct rig *rig, uint8_t kind, struct reader *args) {
    if (kind < FRAMES) {
        caller_call(&rig->caller, kind % caller_kind_count, args);
    } else {
        frame_step(rig, kind % FRAMES % frame_kind_count, args);
    }
    rig_settle(rig);
}

static void run_engine(struct span bytes) {
    static struct rig rig;
    uint8_t header[SCRIPT_HEADER], kind;
    struct reader script = begin(&rig, bytes, header), args;
    for (int i = 0; i < STEPS_MAX && script_next(&script, &kind, &args); i++) {
        engine_step(&rig, kind, &args);
    }
    rig_stop(&rig);
}

const struct script SCRIPT_ENGINE = {run_engine, engine_kind, engine_length};

/* ---- Frames ---- */

static net_socket_id open_at(struct rig *rig, uint32_t place, enum net_type type, uint16_t port) {
    net_socket_id id;
    struct net_endpoint local = {.port = port};
    if (net_open(rig->caller.net, type, rig->caller.owner, &id) != ERR_NONE) {
        return 0;
    }
    caller_keep(&rig->caller, place, id, type == NET_STREAM);
    (void)!net_bind(rig->caller.net, id, &local);
    return id;
}

static void play(struct rig *rig, uint32_t flow, uint8_t flags) {
    struct forge_expectation right;
    rig_expect(&rig->flow[flow], &right);
    struct tcp_header header = {.source_port = right.from,
                                .destination_port = right.to,
                                .seq = right.seq,
                                .ack = right.ack,
                                .flags = flags,
                                .window = UINT16_MAX};
    if ((flags & TCP_SYN) != 0) {
        header.options = (struct tcp_options){.mss = 1460,
                                              .has_window_scale = true,
                                              .window_scale = 4,
                                              .sack_permitted = true,
                                              .has_timestamp = true};
    }
    header.options.has_timestamp |= right.stamped;
    header.options.timestamp = right.timestamp;
    header.options.timestamp_echo = right.timestamp_echo;
    rig_receive(rig, rig->frame,
                forge_segment(rig->frame, &RIG_ENDS, &header, (struct span){0}, (struct span){0}));
    rig_settle(rig);
}

/* A connection out, which sends; one that has come in; a listener; a datagram socket; a name that is looked
 * for. */
static void open_everything(struct rig *rig) {
    struct net_endpoint peer = {net_ipv4(rig->caller.peer), 7};
    (void)!net_connect(rig->caller.net, open_at(rig, 0, NET_STREAM, 0), &peer, rig->caller.now);
    rig_settle(rig);
    play(rig, 0, TCP_SYN | TCP_ACK);
    (void)!net_listen(rig->caller.net, open_at(rig, 1, NET_STREAM, 1), 2);
    rig->flow[1] = (struct rig_flow){.engine_port = 1, .peer_port = 1001, .clock = 1000};
    rig->flows = 2;
    play(rig, 1, TCP_SYN);
    play(rig, 1, TCP_ACK);
    caller_accept_all(&rig->caller, 1);
    (void)open_at(rig, 3, NET_DATAGRAM, 2);
    (void)!net_resolve(rig->caller.net, rig->caller.owner, "a.example", NET_IPV4, &rig->caller.query,
                       rig->caller.now);
    (void)caller_write(&rig->caller, &rig->caller.socket[0], 6000);
    rig_settle(rig);
}

/* The user reads, writes and accepts as it comes. */
static void use_sockets(struct rig *rig) {
    caller_accept_all(&rig->caller, 1);
    for (uint32_t i = 0; i < CALLER_SOCKETS; i++) {
        if (rig->caller.socket[i].id != 0 && i != 1 && i != 4) {
            (void)caller_read(&rig->caller, &rig->caller.socket[i], 3000);
        }
    }
    (void)caller_write(&rig->caller, &rig->caller.socket[2], 500);
    rig_settle(rig);
}

static uint8_t frames_kind(uint32_t chance) {
    return chance % frame_kind_count;
}

static void run_frames(struct span bytes) {
    static struct rig rig;
    uint8_t header[SCRIPT_HEADER], kind;
    struct reader script = begin(&rig, bytes, header), args;
    open_everything(&rig);
    for (int i = 0; i < STEPS_MAX && script_next(&script, &kind, &args); i++) {
        frame_step(&rig, kind % frame_kind_count, &args);
        rig_settle(&rig);
        if ((header[1] >> (i & 7) & 1) != 0) {
            use_sockets(&rig);
        }
    }
    rig_stop(&rig);
}

const struct script SCRIPT_FRAMES = {run_frames, frames_kind, frame_kind_length};

/* ---- Calls ---- */

enum { TIME_KINDS = 2 }; /* of frames.c: time, and deadlines */

static uint8_t calls_kind(uint32_t chance) {
    return engine_kind(chance % (caller_kind_count + TIME_KINDS));
}

static void run_against_reflexes(struct span bytes) {
    static struct rig rig;
    uint8_t header[SCRIPT_HEADER], kind;
    struct reader script = begin(&rig, bytes, header), args;
    random_seed(&rig.reflex, header[2], header[3]);
    rig.reflexes = 700;
    for (int i = 0; i < REFLEX_STEPS_MAX && script_next(&script, &kind, &args); i++) {
        engine_step(&rig, kind < FRAMES ? kind : FRAMES + kind % TIME_KINDS, &args);
    }
    rig_stop(&rig);
}

static void run_calls(struct span bytes) {
    if (bytes.length > 1 && (bytes.data[1] & 1) != 0) {
        run_against_reflexes(bytes);
    } else {
        duel_run_served(bytes);
    }
}

const struct script SCRIPT_CALLS = {run_calls, calls_kind, engine_length};
