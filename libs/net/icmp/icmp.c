/* icmp.c: echoes, errors out and errors in; read icmp.h first. */
#include <net/icmp/icmp.h>

/* RFC 1812 4.3.2.5: an error has the precedence of internetwork control, and the TOS bits of its cause. */
#define INTERNETWORK_CONTROL 0xc0
#define TOS_KEPT             0x1e

void icmp_init(struct icmp *icmp, struct net_counters *counters, net_time now) {
    *icmp = (struct icmp){.tokens = ICMP_ERRORS_BURST, .refilled = now, .counters = counters};
}

/* A slot with a copy of `payload`, otherwise empty; null when all are taken. */
static struct icmp_slot *take_slot(struct icmp *icmp, struct span payload) {
    for (uint32_t i = 0; i < ICMP_SLOTS; i++) {
        struct icmp_slot *slot = &icmp->slot[i];
        if (!slot->used && payload.length <= ICMP_PAYLOAD_MAX) {
            slot->used = true;
            icmp->in_use++;
            slot->waiting = false;
            if (payload.length != 0) {
                memcpy(slot->payload, payload.data, payload.length);
            }
            slot->message = (struct icmp_message){.payload = {slot->payload, payload.length}};
            return slot;
        }
    }
    icmp->counters->icmp_queue_full++;
    return NULL;
}

/* ---- In ---- */

static void answer_echo(struct icmp *icmp, const struct ipv4_header *header,
                        const struct icmp_message *echo) {
    struct icmp_slot *slot = take_slot(icmp, echo->payload);
    if (slot == NULL) {
        return;
    }
    icmp->counters->icmp_echo++;
    slot->source = header->destination;
    slot->destination = header->source;
    slot->tos = header->tos; /* RFC 1349 5.1 */
    slot->message.type = ICMP_ECHO_REPLY;
    slot->message.id = echo->id;
    slot->message.sequence = echo->sequence;
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
        report->mtu = message->mtu != 0 && message->mtu < IPV4_MINIMUM_MTU ? IPV4_MINIMUM_MTU : message->mtu;
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
    default: return false; /* source quench is obsolete (RFC 6633); redirects are not obeyed */
    }
}

bool icmp_input(struct icmp *icmp, const struct ipv4_header *header, const struct icmp_message *message,
                bool to_us, struct icmp_report *report) {
    if (icmp_is_error(message->type)) {
        return read_error(icmp, message, report);
    }
    if (message->type == ICMP_ECHO && to_us) {
        answer_echo(icmp, header, message);
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

static void refill(struct icmp *icmp, net_time now) {
    net_time earned = (now - icmp->refilled) / ICMP_ERROR_EVERY;
    net_time missing = ICMP_ERRORS_BURST - icmp->tokens;
    if (earned >= missing) {
        icmp->tokens = ICMP_ERRORS_BURST;
        icmp->refilled = now;
    } else {
        icmp->tokens += (uint32_t)earned;
        icmp->refilled += earned * ICMP_ERROR_EVERY;
    }
}

void icmp_error(struct icmp *icmp, uint8_t type, uint8_t code, struct span packet, net_time now) {
    struct ipv4_header header;
    struct span payload;
    if (ipv4_parse(packet, &header, &payload) != ERR_NONE || !may_report(&header, payload)) {
        return;
    }
    refill(icmp, now);
    if (icmp->tokens == 0) {
        icmp->counters->icmp_rate_limited++;
        return;
    }
    size_t length =
        (size_t)(payload.data - packet.data) + payload.length; /* without what follows the packet */
    struct icmp_slot *slot =
        take_slot(icmp, span_slice(packet, 0, length < ICMP_QUOTE_MAX ? length : ICMP_QUOTE_MAX));
    if (slot == NULL) {
        return;
    }
    icmp->tokens--;
    slot->source = header.destination;
    slot->destination = header.source;
    slot->tos = (header.tos & TOS_KEPT) | INTERNETWORK_CONTROL;
    slot->message.type = type;
    slot->message.code = code;
}

/* ---- Out ---- */

bool icmp_next(const struct icmp *icmp, struct icmp_output *output) {
    for (uint32_t i = 0; i < ICMP_SLOTS && icmp->in_use != 0; i++) {
        const struct icmp_slot *slot = &icmp->slot[i];
        if (slot->used && !slot->waiting) {
            *output = (struct icmp_output){slot->source, slot->destination, slot->message, i, slot->tos};
            return true;
        }
    }
    return false;
}

void icmp_sent(struct icmp *icmp, const struct icmp_output *output) {
    icmp->slot[output->slot].used = false;
    icmp->in_use--;
}

void icmp_wait(struct icmp *icmp, const struct icmp_output *output) {
    icmp->slot[output->slot].waiting = true;
}

void icmp_wake(struct icmp *icmp) {
    for (uint32_t i = 0; i < ICMP_SLOTS && icmp->in_use != 0; i++) {
        icmp->slot[i].waiting = false;
    }
}
