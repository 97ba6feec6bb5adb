/* traffic.c: applications that move a pattern; read traffic.h first. */
#include <netsim/traffic.h>
#include <stdio.h>

enum { CHUNK = 16384, ATTEMPTS = 6 };
#define AGAIN_AFTER (2 * NET_SECOND)
#define POOR_PAUSE  (NET_SECOND / 10) /* until memory is asked for again */

static uint8_t pattern(uint64_t key, uint64_t at) {
    return (uint8_t)((at + key) * 0x9e3779b97f4a7c15 >> 56);
}

static net_time now_of(const struct traffic *traffic) {
    return sim_now(traffic->sim);
}

static struct traffic_side *other_side(struct traffic *traffic, const struct traffic_side *side) {
    return &traffic->side[side == &traffic->side[0]];
}

static void fail(struct traffic *traffic, const struct traffic_side *side, const char *what,
                 uint64_t number) {
    verdict_fail(traffic->verdict, now_of(traffic), "the %s of port %u: %s (%llu)",
                 side == &traffic->side[0] ? "client" : "server", traffic->plan->port, what,
                 (unsigned long long)number);
}

/* What must not go wrong, did. */
static bool went_well(struct traffic *traffic, const struct traffic_side *side, const char *what,
                      enum error error) {
    if (error != ERR_NONE) {
        fail(traffic, side, what, error);
    }
    return error == ERR_NONE;
}

static void wake_at(struct traffic_side *side, net_time time) {
    side->wake = net_time_min(side->wake, time);
}

/* ---- Ends ---- */

static void finish(struct traffic *traffic, struct traffic_side *side) {
    struct net *net = sim_net(side->node);
    if (side->socket != 0) {
        (void)went_well(traffic, side, "cannot close", net_close(net, side->socket, now_of(traffic)));
    }
    net_owner_close(net, side->owner, now_of(traffic));
    side->socket = side->listener = 0;
    side->phase = TRAFFIC_OVER;
    side->wake = side->read_at = NET_NEVER;
}

static void die(struct traffic *traffic, struct traffic_side *side, enum error error) {
    side->error = error;
    finish(traffic, side);
}

void traffic_give_up(struct traffic *traffic, int side) {
    struct traffic_side *who = &traffic->side[side];
    net_owner_close(sim_net(who->node), who->owner, now_of(traffic));
    who->socket = 0; /* gone with its owner */
    finish(traffic, who);
}

/* Nothing to be had now; later there may be. */
static bool is_poor(enum error error) {
    return error == ERR_NO_MEMORY || error == ERR_QUOTA;
}

/* ---- Sending ---- */

static void fill(const struct traffic_side *side, uint8_t *bytes, uint64_t offset, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bytes[i] = pattern(side->key, side->sent + offset + i);
    }
}

static enum error send_copy(struct traffic *traffic, struct traffic_side *side, size_t length, size_t *done) {
    uint8_t bytes[CHUNK];
    fill(side, bytes, 0, length);
    return net_send(sim_net(side->node), side->socket, bytes, length, done, now_of(traffic));
}

static enum error send_in_place(struct traffic *traffic, struct traffic_side *side, size_t length,
                                size_t *done) {
    struct net *net = sim_net(side->node);
    struct net_piece piece[2];
    size_t space = length;
    *done = 0;
    enum error error = net_send_space(net, side->socket, piece, &space);
    for (int i = 0; error == ERR_NONE && i < 2; i++) {
        size_t part = piece[i].length < length - *done ? piece[i].length : length - *done;
        fill(side, piece[i].data, *done, part);
        *done += part;
    }
    bool more = side->sent + *done < side->manners->amount && random_below(&traffic->random, 4) == 0;
    return error == ERR_NONE ? net_send_commit(net, side->socket, *done, more, now_of(traffic)) : error;
}

/* May it send? A pause begins here. */
static bool may_send(struct traffic *traffic, struct traffic_side *side) {
    const struct traffic_manners *manners = side->manners;
    if (side->sent == manners->amount || (manners->answers && !side->ended) ||
        (manners->echoes && side->sent == side->received)) {
        return false;
    }
    if (manners->pause != 0 && side->quiet_until == 0 && side->sent >= manners->pause_at) {
        side->quiet_until = net_time_after(now_of(traffic), manners->pause);
        wake_at(side, side->quiet_until);
    }
    return now_of(traffic) >= side->quiet_until;
}

static void push(struct traffic *traffic, struct traffic_side *side) {
    while (side->phase == TRAFFIC_OPEN && may_send(traffic, side)) {
        uint64_t left = (side->manners->echoes ? side->received : side->manners->amount) - side->sent;
        size_t length = 1 + random_below(&traffic->random, side->manners->write_most), done;
        length = left < length ? (size_t)left : length;
        enum error error = side->manners->in_place ? send_in_place(traffic, side, length, &done)
                                                   : send_copy(traffic, side, length, &done);
        if (error == ERR_WOULD_BLOCK) {
            return;
        }
        if (is_poor(error)) {
            wake_at(side, now_of(traffic) + POOR_PAUSE);
            return;
        }
        if (error != ERR_NONE) {
            die(traffic, side, error);
            return;
        }
        side->sent += done;
    }
}

/* ---- Receiving ---- */

static void compare(struct traffic *traffic, struct traffic_side *side, const uint8_t *bytes, size_t length) {
    uint64_t key = other_side(traffic, side)->key;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != pattern(key, side->received + i)) {
            fail(traffic, side, "received a wrong byte at", side->received + i);
            return;
        }
    }
    side->received += length;
}

static enum error read_copy_of(struct traffic *traffic, struct traffic_side *side, size_t most,
                               size_t *done) {
    uint8_t bytes[CHUNK];
    enum error error = net_read(sim_net(side->node), side->socket, bytes, most, done, now_of(traffic));
    if (error == ERR_NONE) {
        compare(traffic, side, bytes, *done);
    }
    return error;
}

static enum error read_in_place(struct traffic *traffic, struct traffic_side *side, size_t most,
                                size_t *done) {
    struct net *net = sim_net(side->node);
    struct net_piece piece[2];
    size_t length;
    *done = 0;
    enum error error = net_receive_data(net, side->socket, piece, &length);
    for (int i = 0; error == ERR_NONE && length != 0 && i < 2; i++) {
        size_t part = piece[i].length < most - *done ? piece[i].length : most - *done;
        compare(traffic, side, piece[i].data, part);
        *done += part;
    }
    return error == ERR_NONE ? net_receive_consume(net, side->socket, *done, now_of(traffic)) : error;
}

static void see_end(struct traffic *traffic, struct traffic_side *side) {
    const struct traffic_side *other = other_side(traffic, side);
    side->ended = true;
    if (!other->shut || side->received != other->manners->amount) {
        fail(traffic, side, "an end of the stream that the other side has not made, after bytes",
             side->received);
    }
}

static void take(struct traffic *traffic, struct traffic_side *side) {
    const struct traffic_manners *manners = side->manners;
    while (side->phase == TRAFFIC_OPEN && !side->ended &&
           (!manners->echoes || side->sent == side->received) &&
           (manners->read_pause == 0 || now_of(traffic) >= side->read_at || side->read_at == NET_NEVER)) {
        size_t most = 1 + random_below(&traffic->random, manners->read_most), done;
        enum error error = manners->in_place ? read_in_place(traffic, side, most, &done)
                                             : read_copy_of(traffic, side, most, &done);
        if (error == ERR_WOULD_BLOCK) {
            side->read_at = NET_NEVER;
            return;
        }
        if (error != ERR_NONE) {
            die(traffic, side, error);
            return;
        }
        if (done == 0) {
            see_end(traffic, side);
        } else if (manners->read_pause != 0) {
            side->read_at = net_time_after(now_of(traffic), manners->read_pause);
        }
    }
}

/* ---- One turn ---- */

static bool aborts(struct traffic *traffic, struct traffic_side *side) {
    uint64_t at = side->manners->abort_at;
    if (at == 0 || side->sent + side->received < at) {
        return false;
    }
    (void)went_well(traffic, side, "cannot abort",
                    net_abort(sim_net(side->node), side->socket, now_of(traffic)));
    side->socket = 0;
    side->aborted = true;
    finish(traffic, side);
    return true;
}

static void end_sending(struct traffic *traffic, struct traffic_side *side) {
    struct net *net = sim_net(side->node);
    side->shut = true;
    if (side->manners->leaves) {
        finish(traffic, side);
        return;
    }
    enum error error = net_shutdown(net, side->socket, NET_SHUT_WRITE, now_of(traffic));
    if (error == ERR_NOT_CONNECTED) { /* it has died; reading tells why */
        error = net_take_error(net, side->socket);
        die(traffic, side, error != ERR_NONE ? error : ERR_NOT_CONNECTED);
        return;
    }
    (void)went_well(traffic, side, "cannot shut its side", error);
}

static void act(struct traffic *traffic, struct traffic_side *side, bool hold) {
    uint64_t moved;
    do { /* who answers may have seen the end, who echoes may have room for more */
        moved = side->sent + side->received;
        push(traffic, side);
        take(traffic, side);
        push(traffic, side);
    } while (side->manners->echoes && side->sent + side->received != moved);
    if (side->phase != TRAFFIC_OPEN || aborts(traffic, side)) {
        return;
    }
    if (!side->shut && side->sent == side->manners->amount && !hold) {
        end_sending(traffic, side);
    }
    if (side->phase == TRAFFIC_OPEN && side->ended && side->shut) {
        finish(traffic, side);
    }
}

/* ---- Beginnings ---- */

static enum error set_options(struct net *net, net_socket_id socket, const struct traffic_manners *manners,
                              bool buffers) {
    enum error error = net_set_option(net, socket, NET_OPTION_NODELAY, manners->nodelay);
    if (error == ERR_NONE && buffers && manners->send_buffer != 0) {
        error = net_set_option(net, socket, NET_OPTION_SNDBUF, manners->send_buffer);
    }
    if (error == ERR_NONE && buffers && manners->receive_buffer != 0) {
        error = net_set_option(net, socket, NET_OPTION_RCVBUF, manners->receive_buffer);
    }
    if (error == ERR_NONE && manners->keep_idle != 0) {
        error = net_set_option(net, socket, NET_OPTION_KEEPIDLE, manners->keep_idle);
        error = error == ERR_NONE ? net_set_option(net, socket, NET_OPTION_KEEPINTVL, manners->keep_interval)
                                  : error;
        error = error == ERR_NONE ? net_set_option(net, socket, NET_OPTION_KEEPALIVE, 1) : error;
    }
    return error;
}

static struct net_address address_of(struct sim_node *node) {
    struct net_interface interface;
    net_interface(sim_net(node), &interface);
    return interface.address;
}

static void connect(struct traffic *traffic, struct traffic_side *side) {
    struct net *net = sim_net(side->node);
    enum error error = net_open(net, NET_STREAM, side->owner, &side->socket);
    if (is_poor(error)) {
        side->socket = 0;
        wake_at(side, now_of(traffic) + POOR_PAUSE);
        return;
    }
    if (went_well(traffic, side, "cannot open a socket", error) &&
        went_well(traffic, side, "cannot set options", set_options(net, side->socket, side->manners, true))) {
        side->peer = (struct net_endpoint){address_of(other_side(traffic, side)->node), traffic->plan->port};
        error = net_connect(net, side->socket, &side->peer, now_of(traffic));
        (void)went_well(traffic, side, "cannot begin to connect",
                        error == ERR_IN_PROGRESS ? ERR_NONE : error);
        (void)went_well(traffic, side, "cannot tell its address", net_local(net, side->socket, &side->local));
    }
    side->phase = TRAFFIC_OPENS;
}

static void listen(struct traffic *traffic, struct traffic_side *side) {
    struct net *net = sim_net(side->node);
    struct net_endpoint local = {.port = traffic->plan->port};
    side->phase = TRAFFIC_OPENS;
    (void)(went_well(traffic, side, "cannot open a listener",
                     net_open(net, NET_STREAM, side->owner, &side->listener)) &&
           went_well(traffic, side, "cannot bind", net_bind(net, side->listener, &local)) &&
           went_well(traffic, side, "cannot set a listener's options",
                     set_options(net, side->listener, side->manners, true)) &&
           went_well(traffic, side, "cannot listen", net_listen(net, side->listener, 2)));
}

/* Lost requests of ARP and lost SYNs are no bug: try again, as a user would. */
static void see_connected(struct traffic *traffic, struct traffic_side *side) {
    struct net *net = sim_net(side->node);
    uint32_t ready = net_ready(net, side->socket);
    if ((ready & NET_READY_ERROR) == 0) {
        side->phase = (ready & NET_READY_OUT) != 0 ? TRAFFIC_OPEN : TRAFFIC_OPENS;
        return;
    }
    enum error error = net_take_error(net, side->socket);
    if (side->attempts++ == ATTEMPTS || (error != ERR_TIMED_OUT && error != ERR_HOST_UNREACHABLE)) {
        die(traffic, side, error);
        return;
    }
    (void)went_well(traffic, side, "cannot close", net_close(net, side->socket, now_of(traffic)));
    side->socket = 0;
    side->phase = TRAFFIC_WAITS;
    side->wake = net_time_after(now_of(traffic), AGAIN_AFTER);
}

static void accept(struct traffic *traffic, struct traffic_side *side) {
    struct net *net = sim_net(side->node);
    enum error error = net_accept(net, side->listener, side->owner, &side->socket, &side->peer);
    if (error == ERR_WOULD_BLOCK) {
        return;
    }
    if (!went_well(traffic, side, "cannot accept", error)) {
        return;
    }
    side->phase = TRAFFIC_OPEN;
    error = net_local(net, side->socket, &side->local);
    (void)(went_well(traffic, side, "cannot tell its address", error) &&
           went_well(traffic, side, "cannot set options",
                     set_options(net, side->socket, side->manners, false)) &&
           went_well(traffic, side, "cannot close its listener",
                     net_close(net, side->listener, now_of(traffic))));
    side->listener = 0;
}

static void start_side(struct traffic *traffic, int index, struct sim_node *node) {
    struct traffic_side *side = &traffic->side[index];
    *side = (struct traffic_side){.manners = &traffic->plan->manners[index],
                                  .node = node,
                                  .key = traffic->plan->port + (index == 0 ? 0 : UINT64_C(77777)),
                                  .wake = NET_NEVER,
                                  .read_at = NET_NEVER};
    (void)went_well(traffic, side, "cannot get an owner", net_owner_open(sim_net(node), &side->owner));
}

void traffic_start(struct traffic *traffic, const struct traffic_plan *plan, struct sim *sim,
                   struct sim_node *const nodes[], struct verdict *verdict, uint64_t seed) {
    *traffic = (struct traffic){.plan = plan, .sim = sim, .verdict = verdict};
    random_seed(&traffic->random, seed, plan->port);
    for (int i = 0; i < 2; i++) {
        start_side(traffic, i, nodes[plan->node[i]]);
    }
    listen(traffic, &traffic->side[1]);
    traffic->side[0].wake = net_time_after(sim_now(sim), plan->start);
}

/* ---- Events and time ---- */

static void touch(struct traffic *traffic, struct traffic_side *side, bool hold) {
    if (side->phase == TRAFFIC_OPENS && side->socket != 0) {
        see_connected(traffic, side);
    }
    if (side->phase == TRAFFIC_OPENS && side->listener != 0) {
        accept(traffic, side);
    }
    if (side->phase == TRAFFIC_OPEN) {
        act(traffic, side, hold);
    }
}

void traffic_event(struct traffic *traffic, const struct sim_node *node, const struct net_event *event,
                   bool hold) {
    for (int i = 0; i < 2; i++) {
        struct traffic_side *side = &traffic->side[i];
        bool its = side->socket == event->socket || side->listener == event->socket;
        if (side->node == node && its && event->socket != 0) {
            touch(traffic, side, hold);
        }
    }
}

static void tick(struct traffic *traffic, struct traffic_side *side, bool hold) {
    net_time now = now_of(traffic);
    bool due = side->wake <= now || side->read_at <= now;
    bool released =
        !hold && side->phase == TRAFFIC_OPEN && !side->shut && side->sent == side->manners->amount;
    if (!due && !released) {
        return;
    }
    side->wake = side->wake <= now ? NET_NEVER : side->wake;
    if (side->phase == TRAFFIC_WAITS) {
        connect(traffic, side);
    } else if (side->phase == TRAFFIC_OPEN) {
        act(traffic, side, hold);
    }
    side->read_at = side->read_at <= now ? NET_NEVER : side->read_at;
}

net_time traffic_tick(struct traffic *traffic, bool hold) {
    net_time next = NET_NEVER;
    for (int i = 0; i < 2; i++) {
        struct traffic_side *side = &traffic->side[i];
        tick(traffic, side, hold);
        next = net_time_min(next, net_time_min(side->wake, side->read_at));
    }
    return next;
}

bool traffic_is_done(const struct traffic *traffic, int side) {
    const struct traffic_side *who = &traffic->side[side];
    return who->phase == TRAFFIC_OVER || (who->phase == TRAFFIC_OPEN && who->sent == who->manners->amount &&
                                          who->received == traffic->side[!side].manners->amount);
}

bool traffic_is_over(const struct traffic *traffic) {
    return traffic->side[0].phase == TRAFFIC_OVER && traffic->side[1].phase == TRAFFIC_OVER;
}

void traffic_print(const struct traffic *traffic, FILE *out) {
    static const char *const phases[] = {"waits", "opens", "open", "over"};
    for (int i = 0; i < 2; i++) {
        const struct traffic_side *side = &traffic->side[i];
        fprintf(out, "  port %u, %s: %s, sent %llu of %llu, received %llu of %llu%s%s%s, attempt %u: %s\n",
                traffic->plan->port, i == 0 ? "client" : "server", phases[side->phase],
                (unsigned long long)side->sent, (unsigned long long)side->manners->amount,
                (unsigned long long)side->received, (unsigned long long)traffic->side[!i].manners->amount,
                side->shut ? ", shut" : "", side->ended ? ", saw the end" : "",
                side->aborted ? ", aborted" : "", side->attempts + 1, error_text(side->error));
    }
}
