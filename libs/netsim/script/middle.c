/* middle.c: frames on their way between two engines, and what happens to them; read middle.h first. */
#include <net/wire/ethernet.h>
#include <netsim/script/middle.h>
#include <netsim/script/must.h>
#include <netsim/script/pattern.h>

enum action {
    PASS,
    DROP,
    DOUBLE,
    DELAY,
    FALL_BEHIND,
    HOLD,
    DAMAGE,
    CUT_SHORT,
    FRAGMENT,
    TOO_LARGE,
    UNREACHABLE,
    ALTER,
    ACTIONS
};

enum { ALTERABLE = 8, TCP_AT = ETHERNET_HEADER + IPV4_HEADER, TEXT_MAX = 1400 };

const struct forge_ends MIDDLE_ENDS[2] = {
    {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}, UINT32_C(0x0a000001), UINT32_C(0x0a000002)},
    {{{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 0, 1}}, UINT32_C(0x0a000002), UINT32_C(0x0a000001)}};

/* ---- Connections ---- */

static struct middle_track *track_of(struct middle *middle, uint16_t a, uint16_t b) {
    for (uint32_t i = 0; i < MIDDLE_TRACKS; i++) {
        if (middle->track[i].port[0] == a && middle->track[i].port[1] == b) {
            return &middle->track[i];
        }
    }
    struct middle_track *track = &middle->track[middle->tracks++ % MIDDLE_TRACKS];
    *track = (struct middle_track){.port = {a, b}};
    return track;
}

/* The TCP header in a frame; false: there is none, or not all of it. */
static bool find_segment(struct span frame, struct tcp_header *tcp, struct span *payload) {
    struct ethernet_header ethernet;
    struct ipv4_header ip;
    struct span packet, segment;
    return ethernet_parse(frame, &ethernet, &packet) == ERR_NONE && ethernet.type == ETHER_IPV4 &&
           ipv4_parse(packet, &ip, &segment) == ERR_NONE && ip.protocol == IP_TCP && !ipv4_is_fragment(&ip) &&
           tcp_parse(segment, tcp, payload) == ERR_NONE;
}

static void follow(struct middle *middle, int from, const struct net_slot *slot) {
    struct tcp_header tcp;
    struct span payload;
    if (!find_segment(span_of(slot->data, slot->length), &tcp, &payload)) {
        return;
    }
    uint16_t ports[2] = {tcp.source_port, tcp.destination_port};
    struct middle_track *track = track_of(middle, ports[from], ports[!from]);
    if ((tcp.flags & TCP_SYN) != 0) {
        track->iss[from] = tcp.seq;
        track->known[from] = true;
    }
    uint32_t length = (uint32_t)payload.length + ((tcp.flags & TCP_SYN) != 0) + ((tcp.flags & TCP_FIN) != 0);
    track->next[from] = seq_add(tcp.seq, length);
    track->acked[from] = (tcp.flags & TCP_ACK) != 0 ? tcp.ack : track->acked[from];
    track->stamped = tcp.options.has_timestamp;
    track->timestamp[from] = tcp.options.timestamp;
}

/* The bytes that belong to this place of the stream. */
static void fill_text(struct middle *middle, const struct middle_track *track, int from, struct sequence seq,
                      uint8_t *text, size_t length) {
    middle->garbled |= length != 0 && !track->known[from];
    uint8_t salt = pattern_salt(track->port[from], track->port[!from]);
    pattern_fill(text, salt, seq.value - track->iss[from].value - 1, length);
}

/* ---- On their way ---- */

static void hand_over(struct middle *middle, uint32_t index) {
    struct middle_flight flight = middle->flight[index];
    middle->flight[index] = middle->flight[--middle->flights];
    struct net_frame frame = {flight.frame, flight.length, flight.checksum_good, flight.gso_size, 0};
    net_receive(middle->net[flight.to], &frame, middle->now);
    free(flight.frame);
}

static uint32_t first_flight(const struct middle *middle) {
    uint32_t first = 0;
    for (uint32_t i = 1; i < middle->flights; i++) {
        const struct middle_flight *a = &middle->flight[i], *b = &middle->flight[first];
        if (a->arrival < b->arrival || (a->arrival == b->arrival && a->number < b->number)) {
            first = i;
        }
    }
    return first;
}

/* On heap memory of exactly the frame's size, so that the sanitizer sees each step beyond its end. */
static void launch(struct middle *middle, struct middle_flight flight, const uint8_t *frame, size_t length) {
    if (length == 0) {
        return;
    }
    if (middle->flights == MIDDLE_FLIGHTS) {
        hand_over(middle, first_flight(middle));
    }
    flight.frame = malloc(length);
    flight.length = length;
    flight.number = middle->numbers++;
    memcpy(flight.frame, frame, length);
    middle->flight[middle->flights++] = flight;
}

bool middle_deliver(struct middle *middle) {
    bool any = false;
    while (middle->flights > 0) {
        uint32_t first = first_flight(middle);
        if (middle->flight[first].arrival > middle->now) {
            break;
        }
        hand_over(middle, first);
        any = true;
    }
    return any;
}

net_time middle_deadline(const struct middle *middle) {
    return middle->flights == 0 ? NET_NEVER : middle->flight[first_flight(middle)].arrival;
}

void middle_release(struct middle *middle) {
    for (uint32_t i = 0; i < middle->flights; i++) {
        middle->flight[i].arrival = net_time_min(middle->flight[i].arrival, middle->now);
    }
}

void middle_behave(struct middle *middle) {
    middle_release(middle);
    middle->fate_first[0] = middle->fate_end[0];
    middle->fate_first[1] = middle->fate_end[1];
}

void middle_clear(struct middle *middle) {
    while (middle->flights > 0) {
        free(middle->flight[--middle->flights].frame);
    }
}

/* Those that have let enough others pass go on. */
static void let_pass(struct middle *middle, uint8_t to) {
    for (uint32_t i = 0; i < middle->flights; i++) {
        struct middle_flight *flight = &middle->flight[i];
        if (flight->to == to && flight->behind != 0 && --flight->behind == 0) {
            flight->arrival = middle->now;
            flight->number = middle->numbers++;
        }
    }
}

/* ---- Fates ---- */

void middle_add_fate(struct middle *middle, struct reader *args) {
    int from = read_u8(args) & 1;
    struct middle_fate fate = {.action = read_u8(args) % ACTIONS, .argument = {read_u8(args), read_u8(args)}};
    fate.count = 1 + read_u8(args) % 16;
    if (middle->fate_end[from] - middle->fate_first[from] < MIDDLE_FATES) {
        middle->fate[from][middle->fate_end[from]++ % MIDDLE_FATES] = fate;
    }
}

static struct middle_fate next_fate(struct middle *middle, int from) {
    if (middle->fate_first[from] == middle->fate_end[from]) {
        return (struct middle_fate){0};
    }
    struct middle_fate *fate = &middle->fate[from][middle->fate_first[from] % MIDDLE_FATES];
    middle->fate_first[from] += --fate->count == 0;
    return *fate;
}

/* One field some way off, with a right sum again, and the bytes that belong there then. */
static size_t alter(struct middle *middle, int from, const struct middle_fate *fate,
                    const struct net_slot *slot, uint8_t *out) {
    struct tcp_header tcp;
    struct span payload;
    if (slot->length > FORGE_MAX || !find_segment(span_of(slot->data, slot->length), &tcp, &payload)) {
        return 0;
    }
    uint32_t difference = forge_difference(fate->argument[1]);
    uint16_t ports[2] = {tcp.source_port, tcp.destination_port};
    const struct middle_track *track = track_of(middle, ports[from], ports[!from]);
    uint8_t text[FORGE_MAX], flags = tcp.flags;
    switch (fate->argument[0] % ALTERABLE) {
    case 0: tcp.seq = seq_add(tcp.seq, difference); break;
    case 1: tcp.ack = seq_add(tcp.ack, difference); break;
    case 2: tcp.window = (uint16_t)(tcp.window + difference); break;
    case 3: tcp.flags ^= fate->argument[1]; break;
    case 4: tcp.options.timestamp += difference; break;
    case 5: tcp.options.timestamp_echo += difference; break;
    case 6: tcp.options.sack_count = 0; break;
    default:
        tcp.options.sack[0].end = seq_add(tcp.options.sack[0].end, difference);
        tcp.options.sack[1].start = seq_add(tcp.options.sack[1].start, difference);
        break;
    }
    middle->forged |= fate->argument[0] % ALTERABLE != 2;
    middle->garbled |= ((flags | tcp.flags) & TCP_SYN) != 0;
    fill_text(middle, track, from, tcp.seq, text, payload.length);
    return forge_segment(out, &MIDDLE_ENDS[from], &tcp, (struct span){0}, span_of(text, payload.length));
}

/* The pieces in order, or the last one first. */
static void fragment(struct middle *middle, const struct middle_fate *fate,
                     const struct middle_flight *flight, const struct net_slot *slot) {
    uint8_t piece[FORGE_MAX];
    size_t size = 8 + (size_t)(fate->argument[0] & 127) * 8, whole = slot->length - TCP_AT;
    size_t count = (whole + size - 1) / size;
    for (size_t i = 0; i < count; i++) {
        size_t offset = (fate->argument[1] & 1) != 0 ? (count - 1 - i) * size : i * size;
        size_t length = forge_fragment(piece, span_of(slot->data, slot->length), offset, size);
        launch(middle, *flight, piece, length);
    }
}

/* A router drops it and says why. */
static void report(struct middle *middle, int from, const struct icmp_message *error,
                   const struct net_slot *slot) {
    uint8_t frame[FORGE_MAX];
    struct icmp_message message = *error;
    message.payload = span_slice(span_of(slot->data, slot->length), ETHERNET_HEADER, 68);
    size_t length = forge_icmp(frame, &MIDDLE_ENDS[!from], &message);
    launch(middle, (struct middle_flight){.arrival = middle->now, .to = (uint8_t)from}, frame, length);
}

static bool is_ipv4(const struct net_slot *slot) {
    return slot->length > TCP_AT && slot->data[12] == 8 && slot->data[13] == 0;
}

/* What only happens to whole packets whose sums are there; false: it passes as it is. */
static bool befall(struct middle *middle, int from, const struct middle_fate *fate,
                   const struct middle_flight *flight, const struct net_slot *slot) {
    uint8_t changed[FORGE_MAX];
    if (!is_ipv4(slot) || slot->gso_size != 0 || slot->checksum_start != 0 || slot->length > FORGE_MAX) {
        return false;
    }
    size_t length = slot->length;
    memcpy(changed, slot->data, length);
    switch (fate->action) {
    case DAMAGE:
        changed[ETHERNET_HEADER + (fate->argument[0] * 8u + (fate->argument[1] >> 5)) %
                                      (length - ETHERNET_HEADER)] ^= (uint8_t)(1 << (fate->argument[1] & 7));
        break;
    case CUT_SHORT: length = fate->argument[0] * 8u % length; break;
    case ALTER: length = alter(middle, from, fate, slot, changed); break;
    case FRAGMENT: fragment(middle, fate, flight, slot); return true;
    default: return false;
    }
    launch(middle, *flight, changed, length);
    return true;
}

/* True: it is dealt with. */
static bool suffer(struct middle *middle, int from, const struct middle_fate *fate,
                   struct middle_flight *flight, const struct net_slot *slot) {
    struct icmp_message error = {.type = ICMP_UNREACHABLE};
    switch (fate->action) {
    case PASS: return false;
    case DROP: return true;
    case DOUBLE:
        launch(middle, *flight, slot->data, slot->length);
        flight->arrival += (net_time)fate->argument[0] * 1000;
        return false;
    case DELAY:
        flight->arrival += (net_time)(fate->argument[0] << 4 | fate->argument[1]) * 1000;
        return false;
    case FALL_BEHIND:
        flight->behind = fate->argument[0] % 8 + 1;
        flight->arrival = middle->now + NET_SECOND;
        return false;
    case HOLD: flight->arrival = middle->now + 3600 * NET_SECOND; return false;
    case TOO_LARGE:
        error.code = ICMP_FRAGMENTATION_NEEDED;
        error.mtu = (uint16_t)(fate->argument[0] * 8);
        break;
    case UNREACHABLE: error.code = fate->argument[0] % 16; break;
    default: return befall(middle, from, fate, flight, slot);
    }
    if (is_ipv4(slot)) {
        report(middle, from, &error, slot);
    }
    return is_ipv4(slot);
}

void middle_take(struct middle *middle, int from, const struct net_slot *slot) {
    follow(middle, from, slot);
    struct middle_fate fate = next_fate(middle, from);
    struct middle_flight flight = {.arrival = middle->now,
                                   .to = (uint8_t)!from,
                                   .checksum_good = slot->checksum_start != 0,
                                   .gso_size = slot->gso_size};
    if (!suffer(middle, from, &fate, &flight, slot)) {
        launch(middle, flight, slot->data, slot->length);
    }
    let_pass(middle, (uint8_t)!from);
}

/* ---- His own ---- */

void middle_inject(struct middle *middle, struct reader *args) {
    uint8_t frame[FORGE_MAX], text[TEXT_MAX], which = read_u8(args);
    int from = which >> 3 & 1;
    const struct middle_track *track = &middle->track[which % MIDDLE_TRACKS];
    struct forge_expectation right = {.from = track->port[from],
                                      .to = track->port[!from],
                                      .seq = track->acked[!from],
                                      .ack = track->next[!from],
                                      .sent = track->next[!from],
                                      .stamped = track->stamped,
                                      .timestamp = track->timestamp[from],
                                      .timestamp_echo = track->timestamp[!from]};
    struct tcp_header header;
    size_t length;
    forge_read(args, &right, &header, &length);
    length = length < TEXT_MAX ? length : TEXT_MAX;
    middle->forged = true;
    middle->garbled |= (header.flags & TCP_SYN) != 0;
    fill_text(middle, track, from, header.seq, text, length);
    length = forge_segment(frame, &MIDDLE_ENDS[from], &header, (struct span){0}, span_of(text, length));
    launch(middle, (struct middle_flight){.arrival = middle->now, .to = (uint8_t)!from}, frame, length);
}
