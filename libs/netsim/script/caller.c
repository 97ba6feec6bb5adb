/* caller.c: every call with any arguments; read caller.h first. */
#include <netsim/script/caller.h>
#include <netsim/script/must.h>
#include <netsim/script/pattern.h>

enum { CHUNK = 8192, WALK_MOST = 10000, STRANGE = 0xe0, USUAL_DATAGRAM = 1800, HUGE_FROM = 0xf800 };

/* ---- Arguments ---- */

static struct caller_socket *any_socket(struct caller *caller, struct reader *args) {
    return &caller->socket[read_u8(args) % CALLER_SOCKETS];
}

/* Mostly the name of a socket that is there; now and then one that is stale or has never been. */
static net_socket_id any_name(struct caller *caller, struct reader *args) {
    uint8_t choice = read_u8(args);
    net_socket_id id = caller->socket[choice % CALLER_SOCKETS].id;
    switch (choice >= STRANGE ? choice >> 3 & 3 : 4) {
    case 0: return id ^ 0x10000;
    case 1: return id ^ 1;
    case 2: return UINT32_MAX;
    case 3: return 0;
    default: return id;
    }
}

static struct net_address any_address(struct caller *caller, struct reader *args) {
    switch (read_u8(args) % 32) {
    case 1: return net_ipv4(caller->own);
    case 2: return (struct net_address){0};
    case 3: return net_ipv4(UINT32_C(0x7f000001));
    case 4: return net_ipv4(UINT32_MAX);
    case 5: return net_ipv4(caller->own | 0xff);
    case 6: return net_ipv4(UINT32_C(0xe00000fb));
    case 7: return (struct net_address){NET_IPV6, {0xfe, 0x80}};
    case 8: return net_ipv4(caller->peer + 70);
    case 9: return net_ipv4(UINT32_C(0x08080808));
    case 10: return net_ipv4(0);
    default: return net_ipv4(caller->peer);
    }
}

static struct net_endpoint any_endpoint(struct caller *caller, struct reader *args) {
    struct net_address address = any_address(caller, args);
    return (struct net_endpoint){address, read_u8(args) % 16};
}

/* ---- Streams ---- */

/* The salts of what the socket sends and of what it gets; false: it is not connected. */
static bool salts(const struct caller *caller, net_socket_id id, uint8_t *out, uint8_t *in) {
    struct net_endpoint local, peer;
    if (net_local(caller->net, id, &local) != ERR_NONE || net_peer(caller->net, id, &peer) != ERR_NONE) {
        return false;
    }
    *out = pattern_salt(local.port, peer.port);
    *in = pattern_salt(peer.port, local.port);
    return true;
}

static void note_error(struct caller_socket *socket, enum error error) {
    bool fatal = error != ERR_NONE && error != ERR_WOULD_BLOCK && error != ERR_PIPE &&
                 error != ERR_NOT_CONNECTED && error != ERR_QUOTA && error != ERR_NO_MEMORY &&
                 error != ERR_INVALID && error != ERR_WRONG_TYPE && error != ERR_BAD_HANDLE;
    if (fatal && socket->error == ERR_NONE) {
        socket->error = error;
    }
}

static void check_read(struct caller *caller, struct caller_socket *socket, const uint8_t *bytes,
                       size_t length) {
    uint8_t out, in;
    if (caller->pattern && salts(caller, socket->id, &out, &in)) {
        must(pattern_holds(bytes, in, socket->received, length), "a stream gives other bytes than were sent");
    }
    socket->received += (uint32_t)length;
}

size_t caller_read(struct caller *caller, struct caller_socket *socket, size_t length) {
    uint8_t bytes[CHUNK];
    size_t done, capacity = length < CHUNK ? length : CHUNK;
    enum error error = net_read(caller->net, socket->id, bytes, capacity, &done, caller->now);
    note_error(socket, error);
    if (error != ERR_NONE) {
        return 0;
    }
    must(done <= capacity, "more read than asked for");
    if (socket->stream) {
        check_read(caller, socket, bytes, done);
        socket->ended |= done == 0 && capacity != 0;
    }
    return done;
}

size_t caller_write(struct caller *caller, struct caller_socket *socket, size_t length) {
    uint8_t bytes[CHUNK] = {0}, out = 0, in;
    size_t done, wanted = length < CHUNK ? length : CHUNK;
    if (!socket->stream) {
        pattern_fill(bytes, (uint8_t)wanted, 0, wanted); /* as call_send_to */
    } else if (salts(caller, socket->id, &out, &in)) {
        pattern_fill(bytes, out, socket->sent, wanted);
    }
    enum error error = net_send(caller->net, socket->id, bytes, wanted, &done, caller->now);
    note_error(socket, error);
    if (error != ERR_NONE) {
        return 0;
    }
    must(done <= wanted, "more sent than was given");
    socket->sent += (uint32_t)done;
    return done;
}

/* ---- Coming ---- */

void caller_keep(struct caller *caller, uint32_t place, net_socket_id id, bool stream) {
    struct caller_socket *socket = &caller->socket[place % CALLER_SOCKETS];
    if (socket->id != 0) {
        (void)!net_close(caller->net, socket->id, caller->now);
    }
    *socket = (struct caller_socket){.id = id, .stream = stream};
}

void caller_start(struct caller *caller) {
    must(net_owner_open(caller->net, &caller->owner) == ERR_NONE, "net_owner_open");
}

static void call_open(struct caller *caller, struct reader *args) {
    uint8_t kind = read_u8(args);
    enum net_type type = (kind & 0xf0) == 0xf0 ? kind & 0xf : (kind & 1) != 0 ? NET_DATAGRAM : NET_STREAM;
    net_owner owner = kind == 0xee ? 999 : caller->owner;
    net_socket_id id;
    if (net_open(caller->net, type, owner, &id) == ERR_NONE) {
        caller_keep(caller, read_u8(args), id, type == NET_STREAM);
    }
}

static void call_bind(struct caller *caller, struct reader *args) {
    net_socket_id id = any_name(caller, args);
    struct net_endpoint local = any_endpoint(caller, args);
    (void)!net_bind(caller->net, id, &local);
}

static void call_listen(struct caller *caller, struct reader *args) {
    net_socket_id id = any_name(caller, args);
    uint8_t backlog = read_u8(args);
    (void)!net_listen(caller->net, id, backlog == 0xff ? UINT32_MAX : backlog % 4);
}

/* What makes a listener out of nothing in one step. */
static void call_serve(struct caller *caller, struct reader *args) {
    uint32_t place = read_u8(args);
    struct net_endpoint local = {.port = read_u8(args) % 16};
    net_socket_id id;
    if (net_open(caller->net, NET_STREAM, caller->owner, &id) == ERR_NONE) {
        caller_keep(caller, place, id, true);
        (void)!net_bind(caller->net, id, &local);
        (void)!net_listen(caller->net, id, 1 + read_u8(args) % 4);
    }
}

static bool accept_one(struct caller *caller, net_socket_id listener, uint32_t place) {
    net_socket_id id;
    struct net_endpoint peer;
    if (net_accept(caller->net, listener, caller->owner, &id, &peer) != ERR_NONE) {
        return false;
    }
    caller_keep(caller, place, id, true);
    return true;
}

static void call_accept(struct caller *caller, struct reader *args) {
    net_socket_id listener = any_name(caller, args);
    uint32_t place = read_u8(args) % CALLER_SOCKETS;
    place += caller->socket[place].id == listener; /* rather not the one that listens */
    (void)accept_one(caller, listener, place);
}

void caller_accept_all(struct caller *caller, uint32_t place) {
    net_socket_id listener = caller->socket[place].id;
    for (uint32_t i = 0; i < CALLER_SOCKETS && listener != 0; i++) {
        if (caller->socket[i].id == 0 && !accept_one(caller, listener, i)) {
            return;
        }
    }
}

static void call_connect(struct caller *caller, struct reader *args) {
    net_socket_id id = any_name(caller, args);
    struct net_endpoint peer = any_endpoint(caller, args);
    (void)!net_connect(caller->net, id, &peer, caller->now);
}

/* What makes a connection out of nothing in one step. */
static void call_open_and_connect(struct caller *caller, struct reader *args) {
    uint32_t place = read_u8(args);
    struct net_endpoint peer = {net_ipv4(caller->peer), read_u8(args) % 16};
    net_socket_id id;
    if (net_open(caller->net, NET_STREAM, caller->owner, &id) == ERR_NONE) {
        caller_keep(caller, place, id, true);
        (void)!net_connect(caller->net, id, &peer, caller->now);
    }
}

/* ---- Moving bytes ---- */

static void call_send(struct caller *caller, struct reader *args) {
    struct caller_socket *socket = any_socket(caller, args);
    (void)caller_write(caller, socket, read_be16(args));
}

/* In place, and less than was asked for, or more. */
static void call_send_pieces(struct caller *caller, struct reader *args) {
    struct caller_socket *socket = any_socket(caller, args);
    size_t space = read_be16(args), length = read_be16(args);
    bool more = (read_u8(args) & 1) != 0;
    struct net_piece piece[2] = {{0}, {0}};
    uint8_t out = 0, in;
    if (net_send_space(caller->net, socket->id, piece, &space) == ERR_NONE) {
        must(piece[0].length + piece[1].length == space, "pieces of another length than told");
        (void)salts(caller, socket->id, &out, &in);
        pattern_fill(piece[0].data, out, socket->sent, piece[0].length);
        pattern_fill(piece[1].data, out, socket->sent + (uint32_t)piece[0].length, piece[1].length);
        length = length == UINT16_MAX ? space + 1 : length % (space + 1);
    }
    if (net_send_commit(caller->net, socket->id, length, more, caller->now) == ERR_NONE) {
        socket->sent += (uint32_t)length;
    }
}

static void call_read(struct caller *caller, struct reader *args) {
    struct caller_socket *socket = any_socket(caller, args);
    (void)caller_read(caller, socket, read_be16(args));
}

static void call_read_pieces(struct caller *caller, struct reader *args) {
    struct caller_socket *socket = any_socket(caller, args);
    struct net_piece piece[2];
    size_t available, length = read_be16(args);
    enum error error = net_receive_data(caller->net, socket->id, piece, &available);
    note_error(socket, error);
    if (error != ERR_NONE) {
        (void)!net_receive_consume(caller->net, socket->id, length, caller->now);
        return;
    }
    must(piece[0].length + piece[1].length == available, "pieces of another length than told");
    length = length == UINT16_MAX ? available + 1 : length % (available + 1);
    uint32_t before = socket->received;
    size_t first = length < piece[0].length ? length : piece[0].length;
    check_read(caller, socket, piece[0].data, first);
    if (length > first && length <= available) {
        check_read(caller, socket, piece[1].data, length - first);
    }
    bool taken = net_receive_consume(caller->net, socket->id, length, caller->now) == ERR_NONE;
    must(taken == (length <= available), "what is there can be consumed, and no more");
    socket->received = taken ? socket->received : before;
}

static void call_send_to(struct caller *caller, struct reader *args) {
    static uint8_t bytes[UINT16_MAX];
    net_socket_id id = any_name(caller, args);
    size_t length = read_be16(args);
    length = length < HUGE_FROM ? length % USUAL_DATAGRAM : length;
    struct net_endpoint peer = any_endpoint(caller, args);
    pattern_fill(bytes, (uint8_t)length, 0, length);
    uint8_t how = read_u8(args);
    const struct net_endpoint *to = (how & 1) != 0 ? NULL : &peer;
    if (how < STRANGE) {
        (void)!net_send_to(caller->net, id, bytes, length, to, caller->now);
        return;
    }
    struct net_control control = {.interface = how & 3};
    control.local = (how & 4) != 0 ? any_address(caller, args) : (struct net_address){0};
    control.ttl = (int16_t)(read_u8(args) - 1);
    control.tos = (int16_t)(read_u8(args) - 1);
    (void)!net_send_message(caller->net, id, bytes, length, to, &control, caller->now);
}

static void call_receive_from(struct caller *caller, struct reader *args) {
    static uint8_t bytes[UINT16_MAX];
    net_socket_id id = any_name(caller, args);
    size_t capacity = read_be16(args), done = 0;
    uint32_t flags = (read_u8(args) & 1) != 0 ? NET_PEEK : 0;
    struct net_endpoint peer;
    struct net_control control;
    capacity = capacity == 0 ? UINT16_MAX : capacity;
    if (net_receive_message(caller->net, id, bytes, capacity, &flags, &done, &peer, &control) == ERR_NONE) {
        must(done <= capacity, "more received than there is room for");
        must(control.interface != 0 && control.interface < NET_LINK(NET_INTERFACES_MAX),
             "it came by no link");
        must(control.ttl >= 0 && control.tos >= 0, "it has no TTL or TOS");
        bool whole = (flags & NET_TRUNCATED) == 0;
        must(!caller->pattern || !whole || pattern_holds(bytes, (uint8_t)done, 0, done),
             "a datagram has other bytes than were sent");
    }
}

/* ---- Going ---- */

static void call_shutdown(struct caller *caller, struct reader *args) {
    struct caller_socket *socket = any_socket(caller, args);
    uint8_t how = read_u8(args);
    enum net_shutdown side = how == 0xff ? 77 : how % 3;
    if (net_shutdown(caller->net, socket->id, side, caller->now) == ERR_NONE) {
        socket->deaf |= side != NET_SHUT_WRITE;
    }
}

static void forget(struct caller *caller, net_socket_id id, enum error error) {
    for (uint32_t i = 0; i < CALLER_SOCKETS && error == ERR_NONE; i++) {
        if (caller->socket[i].id == id) {
            caller->socket[i] = (struct caller_socket){0};
        }
    }
}

static void call_close(struct caller *caller, struct reader *args) {
    net_socket_id id = any_name(caller, args);
    forget(caller, id, net_close(caller->net, id, caller->now));
}

static void call_abort(struct caller *caller, struct reader *args) {
    net_socket_id id = any_name(caller, args);
    forget(caller, id, net_abort(caller->net, id, caller->now));
}

/* The client dies with all that it has, and another comes. */
static void call_die(struct caller *caller, struct reader *args) {
    if (read_u8(args) % 8 == 7) {
        net_owner_close(caller->net, 12345, caller->now);
        net_owner_close(caller->net, NET_OWNER_ENGINE, caller->now);
        net_owner_close(caller->net, caller->owner, caller->now);
        memset(caller->socket, 0, sizeof caller->socket);
        caller_start(caller);
    }
}

/* ---- The rest ---- */

static void call_option(struct caller *caller, struct reader *args) {
    static const int64_t values[] = {0,         1,   -1,  5, 30,      4096,     65536,
                                     INT64_MAX, 255, 100, 2, 1 << 22, INT64_MIN};
    net_socket_id id = any_name(caller, args);
    enum net_option option = read_u8(args) % 80;
    uint8_t choice = read_u8(args);
    int64_t value = choice < sizeof values / sizeof values[0] ? values[choice] : choice * 37;
    (void)!net_set_option(caller->net, id, option, value);
    (void)!net_get_option(caller->net, id, option, &value);
}

static void call_look(struct caller *caller, struct reader *args) {
    struct net_socket_info info;
    struct net_interface interface;
    struct net_endpoint end;
    uint32_t cursor = read_u8(args) == 0xff ? UINT32_MAX - 1 : 0;
    for (int sockets = 0; net_socket_next(caller->net, &cursor, &info); sockets++) {
        must(sockets < WALK_MOST, "sockets without end");
    }
    net_interface(caller->net, &interface);
    struct caller_socket *socket = any_socket(caller, args);
    (void)!net_local(caller->net, socket->id, &end);
    (void)!net_peer(caller->net, socket->id, &end);
    (void)net_ready(caller->net, socket->id);
    note_error(socket, net_take_error(caller->net, socket->id));
    net_socket_id id = any_name(caller, args);
    (void)!net_peer(caller->net, id, &end);
    (void)!net_local(caller->net, id, &end);
}

static void call_resolve(struct caller *caller, struct reader *args) {
    static const char *const names[] = {"a.example", "b.example", "10.0.0.7", "no name", "", "c.example."};
    char name[300] = {0};
    uint8_t choice = read_u8(args);
    enum net_family family = (choice & 0x40) != 0 ? NET_IPV6 : NET_IPV4;
    if ((choice & 0x80) != 0) {
        struct span bytes = read_bytes(args, args->left.length % sizeof name);
        if (bytes.length != 0) {
            memcpy(name, bytes.data, bytes.length);
        }
        (void)!net_resolve(caller->net, caller->owner, name, family, &caller->query, caller->now);
    } else {
        (void)!net_resolve(caller->net, caller->owner, names[choice % 6], family, &caller->query,
                           caller->now);
    }
}

static void call_resolve_end(struct caller *caller, struct reader *args) {
    struct net_address addresses[4];
    uint8_t what = read_u8(args);
    size_t count = what % 5;
    uint32_t query = what >= STRANGE ? what * UINT32_C(0x01010101) : caller->query;
    if ((what & 8) != 0) {
        net_resolve_cancel(caller->net, query);
    } else if (net_resolve_result(caller->net, query, addresses, &count) == ERR_NONE) {
        must(count <= what % 5u, "more addresses than there is room for");
    }
}

static void call_group(struct caller *caller, struct reader *args) {
    net_socket_id id = any_name(caller, args);
    enum net_group_change change = read_u8(args) % 8;
    struct net_membership membership = {.group = net_ipv4(UINT32_C(0xe00000fa) + read_u8(args) % 40)};
    membership.source = any_address(caller, args);
    membership.interface = (read_u8(args) & 1) != 0 ? net_ipv4(caller->own) : (struct net_address){0};
    uint8_t link = read_u8(args);
    membership.link = link >= STRANGE ? link % 5u : 0;
    (void)!net_change_group(caller->net, id, change, &membership, caller->now);
}

/* ---- All of them ---- */

static const struct {
    void (*make)(struct caller *caller, struct reader *args);
    uint8_t length;
} calls[] = {
    {call_open, 2},
    {call_bind, 3},
    {call_listen, 2},
    {call_serve, 3},
    {call_accept, 2},
    {call_connect, 3},
    {call_open_and_connect, 2},
    {call_send, 3},
    {call_send_pieces, 6},
    {call_read, 3},
    {call_read_pieces, 3},
    {call_send_to, 9},
    {call_receive_from, 4},
    {call_shutdown, 2},
    {call_close, 1},
    {call_abort, 1},
    {call_die, 1},
    {call_option, 3},
    {call_look, 3},
    {call_resolve, 1},
    {call_resolve_end, 1},
    {call_group, 6},
};

const uint8_t caller_kind_count = sizeof calls / sizeof calls[0];

uint8_t caller_kind_length(uint8_t kind) {
    return calls[kind].length;
}

void caller_call(struct caller *caller, uint8_t kind, struct reader *args) {
    calls[kind].make(caller, args);
}
