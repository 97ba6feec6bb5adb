/* neighbours.c: ARP's state machine; read neighbours.h first. */
#include <net/path/neighbours.h>

void neighbours_init(struct neighbours *neighbours, struct mac mac, struct net_counters *counters) {
    *neighbours = (struct neighbours){.mac = mac, .counters = counters, .deadline = NET_NEVER};
}

void neighbours_flush(struct neighbours *neighbours) {
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        struct neighbour *neighbour = &neighbours->table[i];
        if (neighbour->state != NEIGHBOUR_PERMANENT) {
            neighbour->state = NEIGHBOUR_FREE;
        }
    }
    neighbours->deadline = NET_NEVER;
    neighbours->generation++;
}

void neighbours_clear(struct neighbours *neighbours) {
    neighbours_flush(neighbours);
    neighbours->reply_count = 0;
}

static bool is_asked(const struct neighbour *neighbour) {
    return neighbour->state == NEIGHBOUR_INCOMPLETE || neighbour->state == NEIGHBOUR_PROBE;
}

/* Keeps the earliest deadline at hand; called by everything that opens or closes a question. */
static void refresh_deadline(struct neighbours *neighbours) {
    net_time earliest = NET_NEVER;
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        const struct neighbour *neighbour = &neighbours->table[i];
        if (is_asked(neighbour)) {
            earliest = net_time_min(earliest, neighbour->deadline);
        }
    }
    neighbours->deadline = earliest;
}

/* ---- The table ---- */

static bool is_dead(const struct neighbour *neighbour, net_time now) {
    switch (neighbour->state) {
    case NEIGHBOUR_FREE: return true;
    case NEIGHBOUR_UNANSWERED: return now >= neighbour->deadline;
    case NEIGHBOUR_REACHABLE:
    case NEIGHBOUR_STALE: return now - neighbour->used >= NEIGHBOUR_LIFE;
    default: return false;
    }
}

static struct neighbour *find(struct neighbours *neighbours, uint32_t address, net_time now) {
    struct neighbour *recent = &neighbours->table[neighbours->recent];
    if (recent->address == address && !is_dead(recent, now)) {
        return recent;
    }
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        struct neighbour *neighbour = &neighbours->table[i];
        if (neighbour->address == address && !is_dead(neighbour, now)) {
            neighbours->recent = i;
            return neighbour;
        }
    }
    return NULL;
}

/* Room for a new entry: a dead one, else the one that has not been used for longest. Open questions stay. */
static struct neighbour *make_room(struct neighbours *neighbours, net_time now) {
    struct neighbour *oldest = NULL;
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        struct neighbour *neighbour = &neighbours->table[i];
        if (is_dead(neighbour, now)) {
            return neighbour;
        }
        bool stays = is_asked(neighbour) || neighbour->state == NEIGHBOUR_PERMANENT;
        if (!stays && (oldest == NULL || neighbour->used < oldest->used)) {
            oldest = neighbour;
        }
    }
    return oldest;
}

static void open_question(struct neighbour *neighbour, enum neighbour_state state, bool broadcast,
                          net_time first) {
    neighbour->state = state;
    neighbour->requests = 0;
    neighbour->broadcast = broadcast;
    neighbour->deadline = first;
}

/* ---- For senders ---- */

static enum neighbour_answer ask_newly(struct neighbours *neighbours, uint32_t address, net_time now) {
    struct neighbour *neighbour = make_room(neighbours, now);
    if (neighbour == NULL) {
        neighbours->counters->arp_table_full++;
        return NEIGHBOUR_FAILED;
    }
    *neighbour = (struct neighbour){.address = address, .used = now};
    open_question(neighbour, NEIGHBOUR_INCOMPLETE, true, now);
    refresh_deadline(neighbours);
    return NEIGHBOUR_WAITING;
}

enum neighbour_answer neighbour_lookup(struct neighbours *neighbours, uint32_t address, struct mac *mac,
                                       net_time now) {
    struct neighbour *neighbour = find(neighbours, address, now);
    if (neighbour == NULL) {
        return ask_newly(neighbours, address, now);
    }
    if (neighbour->state == NEIGHBOUR_UNANSWERED) {
        return NEIGHBOUR_FAILED;
    }
    neighbour->used = now;
    if (neighbour->state == NEIGHBOUR_INCOMPLETE) {
        return NEIGHBOUR_WAITING;
    }
    bool fresh = neighbour->state == NEIGHBOUR_PERMANENT ||
                 (neighbour->state == NEIGHBOUR_REACHABLE && now - neighbour->confirmed < NEIGHBOUR_FRESH);
    if (!fresh && neighbour->state != NEIGHBOUR_PROBE) {
        open_question(neighbour, NEIGHBOUR_PROBE, false, net_time_after(now, NEIGHBOUR_PROBE_DELAY));
        refresh_deadline(neighbours);
    }
    *mac = neighbour->mac;
    return NEIGHBOUR_READY;
}

static void set_reachable(struct neighbours *neighbours, struct neighbour *neighbour, net_time now) {
    bool was_asked = is_asked(neighbour);
    neighbour->state = NEIGHBOUR_REACHABLE;
    neighbour->confirmed = now;
    if (was_asked) {
        refresh_deadline(neighbours);
    }
}

void neighbour_confirm(struct neighbours *neighbours, uint32_t address, net_time now) {
    struct neighbour *neighbour = find(neighbours, address, now);
    bool known = neighbour != NULL && neighbour->state != NEIGHBOUR_INCOMPLETE &&
                 neighbour->state != NEIGHBOUR_UNANSWERED && neighbour->state != NEIGHBOUR_PERMANENT;
    /* Another station claims the address: only its own answer decides. */
    if (known && !(neighbour->state == NEIGHBOUR_PROBE && neighbour->broadcast)) {
        set_reachable(neighbours, neighbour, now);
    }
}

void neighbour_suspect(struct neighbours *neighbours, uint32_t address, net_time now) {
    struct neighbour *neighbour = find(neighbours, address, now);
    bool calm =
        neighbour != NULL && (neighbour->state == NEIGHBOUR_REACHABLE || neighbour->state == NEIGHBOUR_STALE);
    if (calm) {
        open_question(neighbour, NEIGHBOUR_PROBE, false, now);
        refresh_deadline(neighbours);
    }
}

/* ---- In ---- */

static void queue_reply(struct neighbours *neighbours, const struct arp_packet *request) {
    if (neighbours->reply_count == NEIGHBOUR_REPLIES_MAX) {
        neighbours->counters->arp_queue_full++;
        return;
    }
    neighbours->reply[neighbours->reply_count++] = (struct arp_output){
        .destination = request->sender_mac,
        .packet = {.operation = ARP_REPLY,
                   .sender_mac = neighbours->mac,
                   .sender_address = request->target_address,
                   .target_mac = request->sender_mac,
                   .target_address = request->sender_address},
    };
}

/* Who asks us will want an answer from us, or data: remember it, unconfirmed (RFC 826). */
static void learn(struct neighbours *neighbours, const struct arp_packet *packet, net_time now) {
    struct neighbour *neighbour = make_room(neighbours, now);
    if (neighbour != NULL) {
        *neighbour = (struct neighbour){.state = NEIGHBOUR_STALE,
                                        .address = packet->sender_address,
                                        .mac = packet->sender_mac,
                                        .used = now};
    }
    neighbours->counters->arp_table_full += neighbour == NULL;
}

/* The address of a known neighbour is claimed by another station, and we had not asked. That may be a machine
 * that took over, or a liar: keep what we know, and ask everybody at once. */
static void doubt(struct neighbours *neighbours, struct neighbour *neighbour, net_time now) {
    neighbours->counters->arp_unsolicited++;
    if (neighbour->state == NEIGHBOUR_REACHABLE || neighbour->state == NEIGHBOUR_STALE) {
        open_question(neighbour, NEIGHBOUR_PROBE, true, now);
        refresh_deadline(neighbours);
    }
}

static void hear(struct neighbours *neighbours, struct neighbour *neighbour, const struct arp_packet *packet,
                 net_time now) {
    if (neighbour->state == NEIGHBOUR_PERMANENT) {
        return;
    }
    bool answer = packet->operation == ARP_REPLY && is_asked(neighbour) && neighbour->requests > 0;
    bool new_information =
        neighbour->state == NEIGHBOUR_INCOMPLETE || neighbour->state == NEIGHBOUR_UNANSWERED;
    if (answer || new_information) {
        neighbour->mac = packet->sender_mac;
        set_reachable(neighbours, neighbour, now);
        neighbour->state = answer ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE;
        neighbours->generation++;
    } else if (!mac_equal(neighbour->mac, packet->sender_mac)) {
        doubt(neighbours, neighbour, now);
    } else if (packet->operation == ARP_REPLY) {
        neighbours->counters->arp_unsolicited++;
    }
}

void neighbours_input(struct neighbours *neighbours, const struct routes *routes,
                      const struct arp_packet *packet, net_time now) {
    if (mac_equal(packet->sender_mac, neighbours->mac)) {
        neighbours->counters->arp_echoed++;
        return; /* our own broadcast, sent back by a hub */
    }
    if (routes_is_own(routes, packet->sender_address)) {
        return; /* of another interface of ours: that one defends it */
    }
    bool asks_us = packet->operation == ARP_REQUEST && routes_is_own(routes, packet->target_address);
    if (asks_us) {
        queue_reply(neighbours, packet);
    }
    if (packet->sender_address == IPV4_ANY) {
        neighbours->counters->arp_not_ours += !asks_us;
        return; /* a probe: it does not have the address yet */
    }
    struct neighbour *neighbour = find(neighbours, packet->sender_address, now);
    if (neighbour != NULL) {
        hear(neighbours, neighbour, packet, now);
    } else if (asks_us) {
        learn(neighbours, packet, now);
    } else if (packet->operation == ARP_REPLY) {
        neighbours->counters->arp_unsolicited++;
    } else {
        neighbours->counters->arp_not_ours++;
    }
}

/* ---- Out ---- */

static struct arp_output request(const struct neighbours *neighbours, struct mac destination, uint32_t sender,
                                 uint32_t target) {
    return (struct arp_output){.destination = destination,
                               .packet = {.operation = ARP_REQUEST,
                                          .sender_mac = neighbours->mac,
                                          .sender_address = sender,
                                          .target_address = target}};
}

bool neighbours_next(const struct neighbours *neighbours, const struct routes *routes, net_time now,
                     struct arp_output *output) {
    if (neighbours->reply_count > 0) {
        *output = neighbours->reply[0];
        return true;
    }
    if (now < neighbours->deadline) {
        return false;
    }
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        const struct neighbour *neighbour = &neighbours->table[i];
        bool more = is_asked(neighbour) && neighbour->requests < NEIGHBOUR_REQUESTS_MAX;
        if (more && now >= neighbour->deadline) {
            struct mac destination = neighbour->broadcast ? MAC_BROADCAST : neighbour->mac;
            uint32_t sender = routes_find(routes, neighbour->address, 0).source;
            *output = request(neighbours, destination, sender, neighbour->address);
            return true;
        }
    }
    return false;
}

static void sent_reply(struct neighbours *neighbours) {
    neighbours->reply_count--;
    memmove(&neighbours->reply[0], &neighbours->reply[1],
            neighbours->reply_count * sizeof neighbours->reply[0]);
}

void neighbours_sent(struct neighbours *neighbours, const struct arp_output *output, net_time now) {
    const struct arp_packet *packet = &output->packet;
    if (packet->operation == ARP_REPLY) {
        sent_reply(neighbours);
        return;
    }
    struct neighbour *neighbour = find(neighbours, packet->target_address, now);
    if (neighbour != NULL && is_asked(neighbour)) {
        neighbour->requests++;
        neighbour->deadline = net_time_after(now, NET_SECOND);
        refresh_deadline(neighbours);
    }
}

void neighbours_expire(struct neighbours *neighbours, net_time now) {
    if (now < neighbours->deadline) {
        return;
    }
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        struct neighbour *neighbour = &neighbours->table[i];
        if (is_asked(neighbour) && neighbour->requests >= NEIGHBOUR_REQUESTS_MAX &&
            now >= neighbour->deadline) {
            neighbours->counters->arp_unanswered++;
            neighbours->generation++;
            /* One that was known once is asked again by broadcast before anybody's sending fails. */
            neighbour->state =
                neighbour->state == NEIGHBOUR_INCOMPLETE ? NEIGHBOUR_UNANSWERED : NEIGHBOUR_FREE;
            neighbour->deadline = net_time_after(now, NET_SECOND);
        }
    }
    refresh_deadline(neighbours);
}

net_time neighbours_deadline(const struct neighbours *neighbours) {
    return neighbours->reply_count > 0 ? 0 : neighbours->deadline;
}

/* ---- By hand ---- */

static uint32_t count_permanent(const struct neighbours *neighbours) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        count += neighbours->table[i].state == NEIGHBOUR_PERMANENT;
    }
    return count;
}

enum error neighbour_set(struct neighbours *neighbours, uint32_t address, struct mac mac, net_time now) {
    struct neighbour *neighbour = find(neighbours, address, now);
    if (neighbour == NULL || neighbour->state != NEIGHBOUR_PERMANENT) {
        neighbour = neighbour != NULL ? neighbour : make_room(neighbours, now);
        if (neighbour == NULL || count_permanent(neighbours) == NEIGHBOURS_PERMANENT) {
            return ERR_TOO_MANY;
        }
    }
    *neighbour =
        (struct neighbour){.state = NEIGHBOUR_PERMANENT, .address = address, .mac = mac, .used = now};
    neighbours->generation++;
    refresh_deadline(neighbours);
    return ERR_NONE;
}

enum error neighbour_remove(struct neighbours *neighbours, uint32_t address, net_time now) {
    struct neighbour *neighbour = find(neighbours, address, now);
    if (neighbour == NULL) {
        return ERR_NOT_FOUND;
    }
    neighbour->state = NEIGHBOUR_FREE;
    neighbours->generation++;
    refresh_deadline(neighbours);
    return ERR_NONE;
}

const struct neighbour *neighbour_next(const struct neighbours *neighbours, uint32_t *cursor, net_time now) {
    while (*cursor < NEIGHBOURS_MAX) {
        const struct neighbour *neighbour = &neighbours->table[(*cursor)++];
        if (!is_dead(neighbour, now)) {
            return neighbour;
        }
    }
    return NULL;
}

uint32_t neighbours_count(const struct neighbours *neighbours, net_time now) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
        count += !is_dead(&neighbours->table[i], now);
    }
    return count;
}
