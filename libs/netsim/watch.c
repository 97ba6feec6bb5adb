/* watch.c: what no sender may do; read watch.h first. */
#include <net/wire/ethernet.h>
#include <netsim/watch.h>

/* A TCP segment, and whose it is. */
struct sight {
    struct ipv4_header ip;
    struct tcp_header tcp;
    struct span text;
    struct watch_end *from, *to;
    net_time now;
};

void watch_init(struct watch *watch, struct verdict *verdict) {
    watch->verdict = verdict;
    watch->count = watch->last = watch->addresses = 0;
    watch->segments = 0;
}

struct watch_tally *watch_of(struct watch *watch, uint32_t address) {
    const uint32_t most = sizeof watch->tally / sizeof watch->tally[0];
    for (uint32_t i = 0; i < watch->addresses; i++) {
        if (watch->tally[i].address == address) {
            return &watch->tally[i];
        }
    }
    struct watch_tally *tally = &watch->tally[watch->addresses < most ? watch->addresses++ : most - 1];
    *tally = (struct watch_tally){.address = address};
    return tally;
}

/* ---- Whose segment it is ---- */

static bool take_apart(struct span frame, struct sight *sight) {
    struct ethernet_header ethernet;
    struct span packet, segment;
    return ethernet_parse(frame, &ethernet, &packet) == ERR_NONE && ethernet.type == ETHER_IPV4 &&
           ipv4_parse(packet, &sight->ip, &segment) == ERR_NONE && sight->ip.protocol == IP_TCP &&
           !ipv4_is_fragment(&sight->ip) && tcp_parse(segment, &sight->tcp, &sight->text) == ERR_NONE;
}

static bool is_end(const struct watch_end *end, uint32_t address, uint16_t port) {
    return end->port == port && end->address == address;
}

static bool belongs(struct watch_connection *connection, struct sight *sight) {
    for (int i = 0; i < 2; i++) {
        sight->from = &connection->end[i];
        sight->to = &connection->end[!i];
        if (is_end(sight->from, sight->ip.source, sight->tcp.source_port) &&
            is_end(sight->to, sight->ip.destination, sight->tcp.destination_port)) {
            return true;
        }
    }
    return false;
}

/* The newest first: who used the same ports before is forgotten. */
static bool find(struct watch *watch, struct sight *sight) {
    if (watch->last < watch->count && belongs(&watch->connection[watch->last], sight)) {
        return true;
    }
    for (uint32_t i = watch->count; i > 0; i--) {
        if (belongs(&watch->connection[i - 1], sight)) {
            watch->last = i - 1;
            return true;
        }
    }
    return false;
}

static bool add(struct watch *watch, struct sight *sight) {
    if (watch->count == WATCH_CONNECTIONS) {
        return false;
    }
    watch->last = watch->count++;
    struct watch_connection *connection = &watch->connection[watch->last];
    *connection =
        (struct watch_connection){{{.address = sight->ip.source, .port = sight->tcp.source_port},
                                   {.address = sight->ip.destination, .port = sight->tcp.destination_port}}};
    sight->from = &connection->end[0];
    sight->to = &connection->end[1];
    return true;
}

/* ---- What is sent ---- */

static bool has(const struct sight *sight, uint8_t flags) {
    return (sight->tcp.flags & flags) != 0;
}

static uint32_t length_of(const struct sight *sight) {
    return (uint32_t)sight->text.length + has(sight, TCP_SYN) + has(sight, TCP_FIN);
}

static void fail(struct watch *watch, const struct sight *sight, const char *what, uint32_t is,
                 uint32_t bound) {
    verdict_fail(watch->verdict, sight->now, "port %u to port %u: %s (%u, bound %u)", sight->tcp.source_port,
                 sight->tcp.destination_port, what, is, bound);
}

/* The scale holds only if both have offered one (RFC 7323 2.2). */
static uint8_t shift_of(const struct sight *sight, const struct watch_end *end,
                        const struct watch_end *other) {
    return !has(sight, TCP_SYN) && end->scale_offered && other->scale_offered ? end->shift : 0;
}

static struct sequence edge_of(const struct sight *sight) {
    return seq_add(sight->tcp.ack, (uint32_t)sight->tcp.window << shift_of(sight, sight->from, sight->to));
}

/* A SYN begins anew: who was refused, or forgotten half-open, may choose another number. */
static void see_syn(struct sight *sight) {
    struct watch_end *from = sight->from;
    const struct tcp_options *options = &sight->tcp.options;
    uint8_t marks = sight->tcp.flags & (TCP_ECE | TCP_CWR);
    from->ecn_offered |= marks == (has(sight, TCP_ACK) ? TCP_ECE : TCP_ECE | TCP_CWR);
    if (from->syn_sent && seq_equal(from->iss, sight->tcp.seq)) {
        return;
    }
    *from = (struct watch_end){.address = from->address,
                               .port = from->port,
                               .told = from->told,
                               .told_edge = from->told_edge,
                               .heard = from->heard,
                               .heard_until = from->heard_until,
                               .syn_sent = true,
                               .iss = sight->tcp.seq,
                               .sent = sight->tcp.seq,
                               .mss = options->mss != 0 ? options->mss : 536,
                               .shift = options->window_scale < 14 ? options->window_scale : 14,
                               .scale_offered = options->has_window_scale,
                               .stamp_offered = options->has_timestamp,
                               .ecn_offered = from->ecn_offered};
    sight->to->heard = sight->to->acked = false;
}

static void check_ack(struct watch *watch, struct sight *sight) {
    struct watch_end *from = sight->from;
    struct sequence ack = sight->tcp.ack;
    if (from->acked && seq_before(ack, from->ack)) {
        fail(watch, sight, "an acknowledgment goes back", ack.value, from->ack.value);
    }
    if (from->heard && seq_after(ack, from->heard_until)) {
        fail(watch, sight, "acknowledges what has not come", ack.value, from->heard_until.value);
    }
    uint32_t granule = UINT32_C(1) << shift_of(sight, sight->from, sight->to);
    struct sequence edge = edge_of(sight), least = seq_of(from->edge.value - (granule - 1));
    /* A SYN that is repeated cannot say more than 64 KiB - 1. */
    if (from->acked && !has(sight, TCP_SYN) && seq_before(edge, least)) {
        fail(watch, sight, "the right edge of the window moves left", edge.value, from->edge.value);
    }
    from->edge = from->acked ? seq_max(edge, from->edge) : edge;
    from->ack = ack;
    from->acked = true;
}

/* RFC 3168 6.1.1: a SYN asks by ECE and CWR, its answer agrees by ECE alone. 6.1.4, 6.1.5: what is not new
 * text is not capable. */
static void check_ecn(struct watch *watch, struct sight *sight) {
    bool capable = (sight->ip.tos & 3) != 0;
    if (capable && !(sight->from->ecn_offered && sight->to->ecn_offered)) {
        fail(watch, sight, "capable of ECN without agreement", sight->tcp.flags, sight->ip.tos);
    }
    bool is_new = seq_after_or_at(sight->tcp.seq, sight->from->sent);
    if (capable && (!is_new || sight->text.length == 0)) {
        fail(watch, sight, "capable of ECN though no new text", sight->tcp.seq.value,
             sight->from->sent.value);
    }
}

static void check_text(struct watch *watch, struct sight *sight) {
    struct watch_end *from = sight->from;
    uint32_t text = (uint32_t)sight->text.length;
    struct sequence seq = sight->tcp.seq, end = seq_add(seq, text);
    if (seq_after(seq, from->sent) && !watch_of(watch, from->address)->gives_up) {
        fail(watch, sight, "leaves a hole before what it sends", seq.value, from->sent.value);
    }
    bool probes = from->told && text == 1 && seq_equal(seq, from->told_edge);
    if (text != 0 && !has(sight, TCP_SYN) && (!from->told || seq_after(end, from->told_edge)) && !probes) {
        fail(watch, sight, "sends beyond the window", end.value, from->told_edge.value);
    }
    size_t options = tcp_header_length(&sight->tcp) - TCP_HEADER;
    if (text != 0 && sight->to->mss != 0 && text + options > sight->to->mss) {
        fail(watch, sight, "sends a larger segment than the peer takes", text, sight->to->mss);
    }
    check_ecn(watch, sight);
    from->sent = seq_max(from->sent, seq_add(seq, length_of(sight)));
}

/* D-SACK (RFC 2883): the first block may lie before the acknowledgment, or in the second. */
static void check_blocks(struct watch *watch, struct sight *sight) {
    for (int i = 0; i < sight->tcp.options.sack_count; i++) {
        struct tcp_sack block = sight->tcp.options.sack[i];
        if (!seq_before(block.start, block.end)) {
            fail(watch, sight, "an empty SACK block", block.start.value, block.end.value);
        }
        if (i > 0 && !seq_after(block.start, sight->tcp.ack)) {
            fail(watch, sight, "a SACK block before the acknowledgment", block.start.value,
                 sight->tcp.ack.value);
        }
        if (sight->from->heard && seq_after(block.end, sight->from->heard_until)) {
            fail(watch, sight, "SACK tells of what has not come", block.end.value,
                 sight->from->heard_until.value);
        }
    }
}

static void check_clock(struct watch *watch, struct sight *sight) {
    struct watch_end *from = sight->from;
    const struct tcp_options *options = &sight->tcp.options;
    bool agreed = from->stamp_offered && sight->to->stamp_offered;
    if (options->has_timestamp && from->stamped && (int32_t)(options->timestamp - from->stamp) < 0) {
        fail(watch, sight, "the clock of timestamps goes back", options->timestamp, from->stamp);
    }
    if (agreed && !options->has_timestamp) {
        fail(watch, sight, "the timestamp that was agreed on is missing", sight->tcp.flags, 0);
    }
    if (options->has_timestamp && !agreed && !has(sight, TCP_SYN)) {
        fail(watch, sight, "a timestamp that nobody agreed on", sight->tcp.flags, 0);
    }
    from->stamp = options->has_timestamp ? options->timestamp : from->stamp;
    from->stamped |= options->has_timestamp;
}

void watch_sent(struct watch *watch, struct span frame, net_time now) {
    struct sight sight = {.now = now};
    if (!take_apart(frame, &sight)) {
        return;
    }
    watch->segments++;
    struct watch_tally *tally = watch_of(watch, sight.ip.source);
    tally->segments++;
    tally->text += sight.text.length;
    bool opens = has(&sight, TCP_SYN) && !has(&sight, TCP_ACK);
    if (has(&sight, TCP_RST) || (!find(watch, &sight) && (!opens || !add(watch, &sight)))) {
        return; /* resets may answer anything, with any numbers */
    }
    if (has(&sight, TCP_SYN)) {
        see_syn(&sight);
    }
    check_text(watch, &sight);
    check_clock(watch, &sight);
    if (has(&sight, TCP_ACK)) {
        check_ack(watch, &sight);
        check_blocks(watch, &sight);
    }
}

/* ---- What arrives ---- */

static void hear(struct sight *sight) {
    struct watch_end *to = sight->to;
    struct sequence end = seq_add(sight->tcp.seq, length_of(sight));
    if (has(sight, TCP_SYN) && !seq_equal(sight->tcp.seq, sight->from->iss)) {
        return; /* of an attempt that has been given up */
    }
    to->heard_until = to->heard ? seq_max(to->heard_until, end) : end;
    to->heard = true;
    if (has(sight, TCP_ACK)) {
        struct sequence edge = edge_of(sight);
        to->told_edge = to->told ? seq_max(to->told_edge, edge) : edge;
        to->told = true;
    }
}

void watch_arrived(struct watch *watch, struct span frame) {
    struct sight sight = {0};
    if (take_apart(frame, &sight)) {
        watch_of(watch, sight.ip.destination)->arrived++;
        if (!has(&sight, TCP_RST) && find(watch, &sight)) {
            hear(&sight);
        }
    }
}
