/* udp.c: datagram sockets; read udp.h first. */
#include <net/udp/udp.h>
#include <net/wire/udp.h>

#define PAYLOAD_MAX    65507 /* an IPv4 packet of 65,535 bytes */
#define USUAL_DATAGRAM 1472

void udp_init(struct udp *udp, struct net_counters *counters) {
    udp->counters = counters;
    list_init(&udp->sending);
    for (uint32_t i = 0; i < UDP_BUCKETS; i++) {
        list_init(&udp->bucket[i]);
    }
}

void udp_open(struct udp_socket *socket, uint8_t *memory, uint32_t receive_capacity, uint32_t send_capacity) {
    *socket = (struct udp_socket){.ttl = IPV4_TTL};
    list_init(&socket->link);
    list_init(&socket->due);
    ring_init(&socket->receive, memory, receive_capacity);
    ring_init(&socket->send, memory + receive_capacity, send_capacity);
}

void udp_close(struct udp_socket *socket) {
    list_remove(&socket->link);
    list_remove(&socket->due);
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

static bool is_free(struct udp *udp, const struct net_endpoint *local, bool reuse) {
    struct list *bucket = bucket_of(udp, local->port);
    for (struct list *at = bucket->next; at != bucket; at = at->next) {
        const struct udp_socket *other = LIST_ENTRY(at, struct udp_socket, link);
        if (overlap(&other->local, local) && !(reuse && other->shares_port)) {
            return false;
        }
    }
    return true;
}

/* RFC 6056 3.3.1: from a random one on. */
static bool choose_port(struct udp *udp, struct net_endpoint *local, struct random *random) {
    uint32_t first = random_below(random, UDP_EPHEMERAL_COUNT);
    for (uint32_t i = 0; i < UDP_EPHEMERAL_COUNT; i++) {
        local->port = (uint16_t)(UDP_EPHEMERAL_FIRST + (first + i) % UDP_EPHEMERAL_COUNT);
        if (is_free(udp, local, false)) {
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
    if (chosen.port == 0 ? !choose_port(udp, &chosen, random) : !is_free(udp, &chosen, reuse)) {
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

static struct udp_socket *find(struct udp *udp, const struct net_endpoint *local,
                               const struct net_endpoint *peer) {
    struct list *bucket = bucket_of(udp, local->port);
    struct udp_socket *best = NULL;
    int best_fit = 0;
    for (struct list *at = bucket->next; at != bucket; at = at->next) {
        struct udp_socket *socket = LIST_ENTRY(at, struct udp_socket, link);
        int how_well = fit(socket, local, peer);
        if (how_well > best_fit) {
            best = socket;
            best_fit = how_well;
        }
    }
    return best;
}

/* Puts a datagram at the end of a queue; false: it does not fit. */
static bool enqueue(struct ring *ring, const struct net_endpoint *peer, struct span payload) {
    struct udp_record record = {
        .length = (uint16_t)payload.length, .port = peer->port, .address = peer->address};
    if (ring_space(ring) < UDP_RECORD + payload.length) {
        return false;
    }
    ring_append(ring, &record, UDP_RECORD);
    ring_append(ring, payload.data, (uint32_t)payload.length);
    return true;
}

static void drop_first(struct ring *ring) {
    struct udp_record record;
    ring_peek(ring, 0, &record, UDP_RECORD);
    ring_consume(ring, (uint32_t)UDP_RECORD + record.length);
}

struct udp_socket *udp_input(struct udp *udp, const struct udp_arrival *arrival) {
    struct udp_socket *socket = find(udp, &arrival->destination, &arrival->source);
    if (socket != NULL && !enqueue(&socket->receive, &arrival->source, arrival->payload)) {
        udp->counters->udp_queue_full++;
    }
    return socket;
}

struct udp_socket *udp_report(struct udp *udp, const struct net_endpoint *local,
                              const struct net_endpoint *peer, enum error error) {
    struct udp_socket *socket = find(udp, local, peer);
    if (socket == NULL || !is_connected(socket)) {
        return NULL; /* who sends to many could not tell whom the error is about */
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
                    const struct net_endpoint *peer) {
    enum error error = take_error(socket);
    if (error != ERR_NONE) {
        return error;
    }
    if (peer == NULL && !is_connected(socket)) {
        return ERR_DESTINATION_REQUIRED;
    }
    if (length > PAYLOAD_MAX || UDP_RECORD + length > socket->send.capacity) {
        return ERR_MESSAGE_SIZE;
    }
    if (!enqueue(&socket->send, peer != NULL ? peer : &socket->peer, span_of(data, length))) {
        return ERR_WOULD_BLOCK;
    }
    if (!list_is_linked(&socket->due)) {
        list_append(&udp->sending, &socket->due);
    }
    return ERR_NONE;
}

enum error udp_receive(struct udp_socket *socket, void *data, size_t capacity, bool take, size_t *length,
                       bool *truncated, struct net_endpoint *peer) {
    enum error error = take_error(socket);
    if (error != ERR_NONE) {
        return error;
    }
    struct udp_record record;
    if (ring_peek(&socket->receive, 0, &record, UDP_RECORD) == 0) {
        return ERR_WOULD_BLOCK;
    }
    *truncated = record.length > capacity;
    uint32_t wanted = *truncated ? (uint32_t)capacity : record.length;
    *length = ring_peek(&socket->receive, UDP_RECORD, data, wanted);
    *peer = (struct net_endpoint){record.address, record.port};
    if (take) {
        drop_first(&socket->receive);
    }
    return ERR_NONE;
}

bool udp_has_data(const struct udp_socket *socket) {
    return ring_length(&socket->receive) != 0;
}

bool udp_has_space(const struct udp_socket *socket) {
    return ring_space(&socket->send) >= UDP_RECORD + USUAL_DATAGRAM;
}

/* ---- Out ---- */

bool udp_next(struct udp *udp, struct udp_output *output) {
    for (struct list *at = udp->sending.next; at != &udp->sending; at = at->next) {
        struct udp_socket *socket = LIST_ENTRY(at, struct udp_socket, due);
        struct udp_record record;
        if (socket->waiting) {
            continue;
        }
        ring_peek(&socket->send, 0, &record, UDP_RECORD);
        *output = (struct udp_output){
            .socket = socket,
            .local = socket->local,
            .peer = {record.address, record.port},
            .length = record.length,
            .payload = ring_readable(&socket->send, UDP_RECORD, record.length),
        };
        return true;
    }
    return false;
}

void udp_sent(struct udp *udp, const struct udp_output *output, enum error error) {
    struct udp_socket *socket = output->socket;
    drop_first(&socket->send);
    if (error != ERR_NONE) {
        socket->error = error;
    } else {
        udp->counters->udp_out++;
    }
    list_remove(&socket->due);
    if (ring_length(&socket->send) != 0) {
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
