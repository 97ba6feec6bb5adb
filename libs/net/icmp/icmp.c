/* icmp.c: echoes, errors out and errors in; read icmp.h first. */
#include <net/icmp/icmp.h>

/* RFC 1812 4.3.2.5: an error has the precedence of internetwork control, and the TOS bits of its cause. */
#define INTERNETWORK_CONTROL 0xc0
#define TOS_KEPT             0x1e

void icmp_init(struct icmp *icmp, struct arena *arena, struct random *random, struct net_counters *counters,
               net_time now) {
    *icmp = (struct icmp){.clock = random_u32(random), .arena = arena, .counters = counters};
    icmp_limit_init(&icmp->limit, random, now);
    list_init(&icmp->items);
}

/* A message with a copy of `payload`, otherwise empty, at the end of the queue; null when that is full. */
static struct icmp_item *queue_message(struct icmp *icmp, struct span payload) {
    size_t size = sizeof(struct icmp_item) + payload.length;
    void *memory;
    if (icmp->count == ICMP_WAITING_MAX || icmp->used + arena_cost(size) > ICMP_MEMORY_MAX ||
        arena_take(icmp->arena, NET_OWNER_ENGINE, size, &memory) != ERR_NONE) {
        icmp->counters->icmp_queue_full++;
        return NULL;
    }
    struct icmp_item *item = memory;
    *item = (struct icmp_item){.message.payload = {item->bytes, payload.length}};
    if (payload.length != 0) {
        memcpy(item->bytes, payload.data, payload.length);
    }
    list_init(&item->link);
    list_append(&icmp->items, &item->link);
    icmp->count++;
    icmp->used += arena_cost(size);
    return item;
}

/* ---- In ---- */

/* An answer goes back from where the question went to, with its TOS (RFC 1349 5.1). Null: no room. */
static struct icmp_item *queue_answer(struct icmp *icmp, const struct ipv4_header *header, uint8_t type,
                                      const struct icmp_message *question) {
    struct icmp_item *item = queue_message(icmp, question->payload);
    if (item != NULL) {
        item->source = header->destination;
        item->destination = header->source;
        item->tos = header->tos;
        item->message.type = type;
        item->message.id = question->id;
        item->message.sequence = question->sequence;
    }
    return item;
}

static void answer_echo(struct icmp *icmp, const struct ipv4_header *header,
                        const struct icmp_message *question) {
    icmp->counters->icmp_echo += queue_answer(icmp, header, ICMP_ECHO_REPLY, question) != NULL;
}

/* RFC 792: milliseconds since midnight; who does not know the time of day sets the highest bit. */
static void answer_timestamp(struct icmp *icmp, const struct ipv4_header *header,
                             const struct icmp_message *question, net_time now) {
    uint32_t time = ((uint32_t)(now / 1000) + icmp->clock) | UINT32_C(1) << 31;
    if (question->payload.length < ICMP_TIMESTAMPS) {
        icmp->counters->icmp_malformed++;
        return;
    }
    struct icmp_message cut = *question;
    cut.payload = span_slice(question->payload, 0, ICMP_TIMESTAMPS);
    struct icmp_item *item = queue_answer(icmp, header, ICMP_TIMESTAMP_REPLY, &cut);
    if (item != NULL) {
        struct writer writer = writer_of(item->bytes + 4, ICMP_TIMESTAMPS - 4); /* behind the originator's */
        write_be32(&writer, time);
        write_be32(&writer, time);
        icmp->counters->icmp_timestamp++;
    }
}

/* What an unreachable's code means to a sender (RFC 1122 3.2.2.1 and 4.2.3.9; as Linux's icmp_err_convert).
 */
static void judge_unreachable(const struct icmp_message *message, struct icmp_report *report) {
    switch (message->code) {
    case ICMP_PROTOCOL_UNREACHABLE:
    case ICMP_PORT_UNREACHABLE:
        report->error = ERR_REFUSED;
        report->hard = true;
        break;
    case ICMP_FRAGMENTATION_NEEDED:
        report->error = ERR_MESSAGE_SIZE;
        report->mtu = message->mtu;
        break;
    case ICMP_NET_UNREACHABLE: report->error = ERR_NET_UNREACHABLE; break;
    case ICMP_ADMIN_PROHIBITED:
        report->error = ERR_HOST_UNREACHABLE;
        report->hard = true;
        break;
    default: report->error = ERR_HOST_UNREACHABLE; break;
    }
}

static bool read_error(struct icmp *icmp, const struct icmp_message *message, struct icmp_report *report) {
    *report = (struct icmp_report){.error = ERR_HOST_UNREACHABLE};
    if (icmp_parse_quote(message->payload, &report->quote) != ERR_NONE) {
        icmp->counters->icmp_malformed++;
        return false;
    }
    switch (message->type) {
    case ICMP_UNREACHABLE: judge_unreachable(message, report); return true;
    case ICMP_TIME_EXCEEDED: return true;
    case ICMP_PARAMETER_PROBLEM: report->hard = true; return true;
    default: /* source quench is obsolete (RFC 6633); redirects are not obeyed */
        icmp->counters->icmp_ignored++;
        return false;
    }
}

bool icmp_input(struct icmp *icmp, const struct ipv4_header *header, const struct icmp_message *message,
                bool to_us, struct icmp_report *report, net_time now) {
    if (icmp_is_error(message->type)) {
        return read_error(icmp, message, report);
    }
    if (message->type == ICMP_ECHO && to_us) {
        answer_echo(icmp, header, message);
    } else if (message->type == ICMP_TIMESTAMP && to_us) {
        answer_timestamp(icmp, header, message, now);
    } else {
        icmp->counters->icmp_ignored++;
    }
    return false;
}

/* ---- Errors out ---- */

/* May a packet with this header be reported about? (RFC 1122 3.2.2; between two loopback addresses it is our
 * own) */
static bool may_report(const struct ipv4_header *header, struct span payload) {
    bool about_error = header->protocol == IP_ICMP && (payload.length == 0 || icmp_is_error(payload.data[0]));
    bool nowhere = ipv4_is_loopback(header->source) && !ipv4_is_loopback(header->destination);
    return !about_error && header->fragment_offset == 0 && ipv4_is_source(header->source) && !nowhere;
}

/* As Linux: what we tell ourselves, and what path MTU discovery lives of. */
static bool is_unlimited(const struct ipv4_header *header, uint8_t type, uint8_t code) {
    bool own = ipv4_is_loopback(header->source) || header->source == header->destination;
    return own || (type == ICMP_UNREACHABLE && code == ICMP_FRAGMENTATION_NEEDED);
}

/* Null: it must not be sent. */
static struct icmp_item *queue_error(struct icmp *icmp, uint8_t type, uint8_t code, struct span packet,
                                     net_time now) {
    struct ipv4_header header;
    struct span payload;
    enum error error = ipv4_parse(packet, &header, &payload);
    bool good = error == ERR_NONE || (error == ERR_NOT_SUPPORTED && type == ICMP_PARAMETER_PROBLEM);
    if (!good || !may_report(&header, payload)) {
        return NULL;
    }
    if (!is_unlimited(&header, type, code) && !icmp_limit_allows(&icmp->limit, header.source, now)) {
        icmp->counters->icmp_rate_limited++;
        return NULL;
    }
    size_t length =
        (size_t)(payload.data - packet.data) + payload.length; /* without what follows the packet */
    struct icmp_item *item =
        queue_message(icmp, span_slice(packet, 0, length < ICMP_QUOTE_MAX ? length : ICMP_QUOTE_MAX));
    if (item != NULL) {
        item->source = header.destination;
        item->destination = header.source;
        item->tos = (header.tos & TOS_KEPT) | INTERNETWORK_CONTROL;
        item->message.type = type;
        item->message.code = code;
    }
    return item;
}

void icmp_error(struct icmp *icmp, uint8_t type, uint8_t code, struct span packet, net_time now) {
    (void)queue_error(icmp, type, code, packet, now);
}

void icmp_router_error(struct icmp *icmp, uint8_t type, uint8_t code, uint16_t mtu, struct span packet,
                       net_time now) {
    struct icmp_item *item = queue_error(icmp, type, code, packet, now);
    if (item != NULL) {
        item->source = IPV4_ANY;
        item->message.mtu = mtu;
    }
}

void icmp_error_option(struct icmp *icmp, uint8_t pointer, struct span packet, net_time now) {
    struct icmp_item *item = queue_error(icmp, ICMP_PARAMETER_PROBLEM, 0, packet, now);
    if (item != NULL) {
        item->message.pointer = pointer;
    }
}

/* ---- Out ---- */

bool icmp_next(const struct icmp *icmp, struct icmp_output *output) {
    for (struct list *at = icmp->items.next; at != &icmp->items; at = at->next) {
        struct icmp_item *item = LIST_ENTRY(at, struct icmp_item, link);
        if (!item->waiting) {
            *output = (struct icmp_output){item->source, item->destination, item->message, item, item->tos};
            return true;
        }
    }
    return false;
}

void icmp_sent(struct icmp *icmp, const struct icmp_output *output) {
    struct icmp_item *item = output->item;
    list_remove(&item->link);
    icmp->count--;
    icmp->used -= arena_cost(sizeof *item + item->message.payload.length);
    arena_give(icmp->arena, NET_OWNER_ENGINE, item);
}

void icmp_wait(struct icmp *icmp, const struct icmp_output *output) {
    output->item->waiting = true;
}

void icmp_wake(struct icmp *icmp) {
    for (struct list *at = icmp->items.next; at != &icmp->items; at = at->next) {
        LIST_ENTRY(at, struct icmp_item, link)->waiting = false;
    }
}
