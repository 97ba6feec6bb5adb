/* udp.c: datagram sockets; read udp.h first. */
#include <net/udp/udp.h>
#include <net/wire/udp.h>

void udp_init(struct udp *udp, struct arena *arena, size_t most, struct net_counters *counters) {
    udp->arena = arena;
    udp->used = 0;
    udp->most = most;
    udp->counters = counters;
    list_init(&udp->sending);
    for (uint32_t i = 0; i < UDP_BUCKETS; i++) {
        list_init(&udp->bucket[i]);
    }
}

void udp_open(struct udp_socket *socket, net_owner owner) {
    *socket = (struct udp_socket){
        .owner = owner, .ttl = IPV4_TTL, .discovery = UDP_DISCOVER_WANT, .group_ttl = 1, .group_loop = true};
    list_init(&socket->link);
    list_init(&socket->due);
    list_init(&socket->receive.messages);
    list_init(&socket->send.messages);
    socket->receive.limit = UDP_QUEUE_LIMIT;
    socket->send.limit = UDP_QUEUE_LIMIT;
}

/* ---- Queues ---- */

static struct udp_message *first_of(const struct udp_queue *queue) {
    struct list *link = list_first(&queue->messages);
    return link == NULL ? NULL : LIST_ENTRY(link, struct udp_message, link);
}

/* Puts a datagram at the end, whatever the limit says. */
static enum error enqueue(struct udp *udp, const struct udp_socket *socket, struct udp_queue *queue,
                          const struct net_endpoint *peer, const struct udp_marks *marks,
                          struct span payload) {
    void *memory;
    size_t size = sizeof(struct udp_message) + payload.length;
    enum error error = arena_take(udp->arena, socket->owner, size, &memory);
    if (error != ERR_NONE) {
        return error;
    }
    struct udp_message *message = memory;
    *message = (struct udp_message){.peer = *peer, .marks = *marks, .length = (uint16_t)payload.length};
    if (payload.length != 0) {
        memcpy(message->bytes, payload.data, payload.length);
    }
    list_init(&message->link);
    list_append(&queue->messages, &message->link);
    queue->used += (uint32_t)arena_cost(size);
    udp->used += arena_cost(size);
    queue->length += (uint32_t)payload.length;
    return ERR_NONE;
}

static void drop_first(struct udp *udp, const struct udp_socket *socket, struct udp_queue *queue) {
    struct udp_message *message = first_of(queue);
    size_t cost = arena_cost(sizeof *message + message->length);
    queue->used -= (uint32_t)cost;
    udp->used -= cost;
    queue->length -= message->length;
    list_remove(&message->link);
    arena_give(udp->arena, socket->owner, message);
}

void udp_close(struct udp *udp, struct udp_socket *socket) {
    list_remove(&socket->link);
    list_remove(&socket->due);
    while (first_of(&socket->receive) != NULL) {
        drop_first(udp, socket, &socket->receive);
    }
    while (first_of(&socket->send) != NULL) {
        drop_first(udp, socket, &socket->send);
    }
}

/* ---- Ports ---- */

static struct list *bucket_of(struct udp *udp, uint16_t port) {
    return &udp->bucket[port % UDP_BUCKETS];
}

static bool is_connected(const struct udp_socket *socket) {
    return socket->peer.port != 0;
}

/* Would the two get each other's datagrams? */
static bool overlap(const struct net_endpoint *a, const struct net_endpoint *b) {
    return a->port == b->port && (net_address_is_any(&a->address) || net_address_is_any(&b->address) ||
                                  net_address_equal(&a->address, &b->address));
}

/* Nobody else's port can be shared, so that no task can take another's datagrams (Linux compares users). */
static bool share_port(const struct udp_socket *a, const struct udp_socket *b) {
    return a->reuse_port && b->reuse_port && a->owner == b->owner;
}

static bool is_free(struct udp *udp, const struct udp_socket *socket, const struct net_endpoint *local,
                    bool reuse) {
    struct list *bucket = bucket_of(udp, local->port);
    for (struct list *at = bucket->next; at != bucket; at = at->next) {
        const struct udp_socket *other = LIST_ENTRY(at, struct udp_socket, link);
        bool shared = (reuse && other->shares_port) || share_port(other, socket);
        if (other != socket && overlap(&other->local, local) && !shared) {
            return false;
        }
    }
    return true;
}

/* RFC 6056 3.3.1: from a random one on. */
static bool choose_port(struct udp *udp, struct net_endpoint *local, struct random *random) {
    const struct udp_socket nobody = {.owner = NET_OWNER_ENGINE}; /* an ephemeral port is shared with none */
    uint32_t first = random_below(random, UDP_EPHEMERAL_COUNT);
    for (uint32_t i = 0; i < UDP_EPHEMERAL_COUNT; i++) {
        local->port = (uint16_t)(UDP_EPHEMERAL_FIRST + (first + i) % UDP_EPHEMERAL_COUNT);
        if (is_free(udp, &nobody, local, false)) {
            return true;
        }
    }
    return false;
}

enum error udp_bind(struct udp *udp, struct udp_socket *socket, const struct net_endpoint *local, bool reuse,
                    struct random *random) {
    if (socket->local.port != 0) {
        return ERR_INVALID;
    }
    struct net_endpoint chosen = *local;
    if (chosen.port == 0 ? !choose_port(udp, &chosen, random) : !is_free(udp, socket, &chosen, reuse)) {
        return ERR_ADDRESS_IN_USE;
    }
    socket->local = chosen;
    socket->shares_port = reuse;
    list_prepend(bucket_of(udp, chosen.port), &socket->link); /* with reuse, the latest comes first */
    return ERR_NONE;
}

enum error udp_connect(struct udp *udp, struct udp_socket *socket, const struct net_endpoint *peer,
                       struct random *random) {
    if (peer->address.family == 0) {
        socket->peer = (struct net_endpoint){0};
        return ERR_NONE;
    }
    if (socket->local.port == 0) {
        enum error error = udp_bind(udp, socket, &(struct net_endpoint){0}, false, random);
        if (error != ERR_NONE) {
            return error;
        }
    }
    socket->peer = *peer;
    return ERR_NONE;
}

/* ---- In ---- */

/* How well a socket fits a datagram: 0 not at all; a peer counts for more than a local address. */
static int fit(const struct udp_socket *socket, const struct net_endpoint *local,
               const struct net_endpoint *peer) {
    int score = 1;
    if (socket->local.port != local->port) {
        return 0;
    }
    if (!net_address_is_any(&socket->local.address)) {
        if (!net_address_equal(&socket->local.address, &local->address)) {
            return 0;
        }
        score += 1;
    }
    if (is_connected(socket)) {
        if (socket->peer.port != peer->port || !net_address_equal(&socket->peer.address, &peer->address)) {
            return 0;
        }
        score += 2;
    }
    return score;
}

/* Of those that fit equally well and share the port, the one that has the highest number by a hash of both
 * ends and of its own place: who comes or goes changes little for the others. */
static uint64_t weight(const struct udp *udp, const struct udp_socket *socket,
                       const struct net_endpoint *local, const struct net_endpoint *peer) {
    const uint64_t words[3] = {
        (uint64_t)net_ipv4_value(&local->address) << 32 | net_ipv4_value(&peer->address),
        (uint64_t)local->port << 16 | peer->port,
        (uint64_t)((const uint8_t *)socket - udp->arena->base),
    };
    uint8_t key[sizeof words];
    memcpy(key, words, sizeof key);
    return siphash(udp->hash_key, key, sizeof key);
}

static struct udp_socket *find(struct udp *udp, const struct net_endpoint *local,
                               const struct net_endpoint *peer) {
    struct list *bucket = bucket_of(udp, local->port);
    struct udp_socket *best = NULL;
    int best_fit = 0;
    for (struct list *at = bucket->next; at != bucket; at = at->next) {
        struct udp_socket *socket = LIST_ENTRY(at, struct udp_socket, link);
        int how_well = fit(socket, local, peer);
        bool rivals = how_well != 0 && how_well == best_fit && share_port(socket, best);
        if (how_well > best_fit ||
            (rivals && weight(udp, socket, local, peer) > weight(udp, best, local, peer))) {
            best = socket;
            best_fit = how_well;
        }
    }
    return best;
}

static void take_in(struct udp *udp, struct udp_socket *socket, const struct udp_arrival *arrival) {
    struct udp_queue *queue = &socket->receive;
    struct udp_marks marks = {.address = arrival->destination.address,
                              .interface =
                                  (uint8_t)(arrival->looped ? NET_LOOPBACK : NET_LINK(arrival->interface)),
                              .ttl = arrival->ttl,
                              .tos = arrival->tos};
    if (queue->used > queue->limit || udp->used > udp->most ||
        enqueue(udp, socket, queue, &arrival->source, &marks, arrival->payload) != ERR_NONE) {
        udp->counters->udp_queue_full++;
    }
}

struct udp_socket *udp_input(struct udp *udp, const struct udp_arrival *arrival) {
    struct udp_socket *socket = find(udp, &arrival->destination, &arrival->source);
    if (socket != NULL) {
        take_in(udp, socket, arrival);
    }
    return socket;
}

/* Does the socket want what comes to this group from there? */
static bool wants(const struct udp_socket *socket, const struct udp_arrival *arrival) {
    uint32_t group = net_ipv4_value(&arrival->destination.address);
    uint32_t source = net_ipv4_value(&arrival->source.address);
    return !ipv4_is_multicast(group) ||
           memberships_want(socket->memberships, group, arrival->interface, source, !socket->only_own_groups);
}

struct udp_socket *udp_input_to_all(struct udp *udp, const struct udp_arrival *arrival,
                                    const struct udp_socket *last) {
    struct list *bucket = bucket_of(udp, arrival->destination.port);
    for (struct list *at = last != NULL ? last->link.next : bucket->next; at != bucket; at = at->next) {
        struct udp_socket *socket = LIST_ENTRY(at, struct udp_socket, link);
        if (fit(socket, &arrival->destination, &arrival->source) == 0 || !wants(socket, arrival)) {
            continue;
        }
        take_in(udp, socket, arrival);
        return socket;
    }
    return NULL;
}

bool udp_may_have_sent(struct udp *udp, const struct net_endpoint *local, const struct net_endpoint *peer) {
    return find(udp, local, peer) != NULL;
}

struct udp_socket *udp_report(struct udp *udp, const struct net_endpoint *local,
                              const struct net_endpoint *peer, enum error error) {
    struct udp_socket *socket = find(udp, local, peer);
    if (socket == NULL || !is_connected(socket)) {
        return NULL; /* who sends to many could not tell whom the error is about */
    }
    if (error == ERR_MESSAGE_SIZE && socket->discovery == UDP_DISCOVER_NEVER) {
        return NULL; /* it is cut from now on */
    }
    socket->error = error;
    return socket;
}

/* ---- The user's side ---- */

static enum error take_error(struct udp_socket *socket) {
    enum error error = socket->error;
    socket->error = ERR_NONE;
    return error;
}

enum error udp_send(struct udp *udp, struct udp_socket *socket, const void *data, size_t length,
                    const struct net_endpoint *peer, const struct udp_marks *marks) {
    enum error error = take_error(socket);
    if (error != ERR_NONE) {
        return error;
    }
    if (peer == NULL && !is_connected(socket)) {
        return ERR_DESTINATION_REQUIRED;
    }
    if (length > UDP_PAYLOAD_MAX) {
        return ERR_MESSAGE_SIZE;
    }
    if (socket->send.used >= socket->send.limit) {
        return ERR_WOULD_BLOCK;
    }
    error = enqueue(udp, socket, &socket->send, peer != NULL ? peer : &socket->peer, marks,
                    span_of(data, length));
    if (error != ERR_NONE) {
        return error;
    }
    if (!list_is_linked(&socket->due)) {
        list_append(&udp->sending, &socket->due);
    }
    return ERR_NONE;
}

enum error udp_receive(struct udp *udp, struct udp_socket *socket, void *data, size_t capacity, bool take,
                       size_t *length, bool *truncated, struct net_endpoint *peer, struct udp_marks *marks) {
    enum error error = take_error(socket);
    if (error != ERR_NONE) {
        return error;
    }
    const struct udp_message *message = first_of(&socket->receive);
    if (message == NULL) {
        return ERR_WOULD_BLOCK;
    }
    *truncated = message->length > capacity;
    *length = *truncated ? capacity : message->length;
    if (*length != 0) {
        memcpy(data, message->bytes, *length);
    }
    *peer = message->peer;
    *marks = message->marks;
    if (take) {
        drop_first(udp, socket, &socket->receive);
    }
    return ERR_NONE;
}

uint32_t udp_next_length(const struct udp_socket *socket) {
    const struct udp_message *message = first_of(&socket->receive);
    return message != NULL ? message->length : 0;
}

bool udp_has_data(const struct udp_socket *socket) {
    return first_of(&socket->receive) != NULL;
}

bool udp_has_space(const struct udp_socket *socket) {
    return socket->send.used <= socket->send.limit / 2;
}

/* ---- Out ---- */

bool udp_next(struct udp *udp, struct udp_output *output) {
    for (struct list *at = udp->sending.next; at != &udp->sending; at = at->next) {
        struct udp_socket *socket = LIST_ENTRY(at, struct udp_socket, due);
        if (socket->waiting) {
            continue;
        }
        const struct udp_message *message = first_of(&socket->send);
        *output = (struct udp_output){.socket = socket,
                                      .local = socket->local,
                                      .peer = message->peer,
                                      .marks = message->marks,
                                      .payload = {message->bytes, message->length}};
        return true;
    }
    return false;
}

void udp_sent(struct udp *udp, const struct udp_output *output, enum error error) {
    struct udp_socket *socket = output->socket;
    drop_first(udp, socket, &socket->send);
    if (error != ERR_NONE) {
        socket->error = error;
    } else {
        udp->counters->udp_out++;
    }
    list_remove(&socket->due);
    if (first_of(&socket->send) != NULL) {
        list_append(&udp->sending, &socket->due); /* the others' turn first */
    }
}

void udp_wait(struct udp *udp, const struct udp_output *output) {
    output->socket->waiting = true;
}

void udp_wake(struct udp *udp) {
    for (struct list *at = udp->sending.next; at != &udp->sending; at = at->next) {
        LIST_ENTRY(at, struct udp_socket, due)->waiting = false;
    }
}
