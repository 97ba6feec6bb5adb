/* frames.c: frames out of bytes, good, bad and nearly good; read frames.h first. */
#include <net/wire/arp.h>
#include <net/wire/dhcp.h>
#include <netsim/script/frames.h>

enum { TCP_SEQ = 4, TCP_ACK_AT = 8, PIECES_MAX = 12, WHOLE_MAX = 1472 };

static const uint8_t zeros[WHOLE_MAX];

static const struct rig_flow *any_flow(struct rig *rig, struct reader *args) {
    return &rig->flow[read_u8(args) % RIG_FLOWS];
}

/* Whom a packet is for: mostly the engine. */
static struct forge_ends any_ends(struct reader *args) {
    uint8_t choice = read_u8(args);
    struct forge_ends ends = (choice & 0x20) != 0 ? RIG_BEYOND : RIG_ENDS;
    switch (choice % 16) {
    case 1: ends.destination = UINT32_MAX; break;
    case 2: ends.destination = RIG_ENDS.destination | 0xff; break;
    case 3: ends.destination = UINT32_C(0xe0000001); break;
    case 4: ends.destination = UINT32_C(0xe00000fb); break;
    case 5: ends.destination = RIG_ENDS.destination + 50; break;
    case 6: ends.source = RIG_ENDS.destination; break;
    case 7: ends.source = UINT32_C(0x7f000001); break;
    case 8: ends.source = 0; break;
    case 9: ends.source = UINT32_C(0x08080808); break;
    case 10: ends.destination = RIG_BEYOND.source; break;
    case 11: ends.destination = UINT32_C(0x08080808); break;
    default: break;
    }
    ends.to = (choice & 0x10) != 0 ? MAC_BROADCAST : ends.to;
    return ends;
}

/* ---- Time ---- */

static void step_time(struct rig *rig, struct reader *args) {
    rig->caller.now += (net_time)read_be16(args) * 1000;
}

static void step_deadlines(struct rig *rig, struct reader *args) {
    for (int left = read_u8(args) % 16; left >= 0; left--) {
        net_time deadline = net_deadline(rig->caller.net);
        if (deadline == NET_NEVER) {
            return;
        }
        rig->caller.now = deadline > rig->caller.now ? deadline : rig->caller.now;
        rig_settle(rig);
    }
}

/* The cable is pulled, or put in; the neighbour falls silent. */
static void step_link(struct rig *rig, struct reader *args) {
    uint8_t what = read_u8(args);
    rig_link(rig, (what & 1) == 0);
    rig->silent_arp = (what & 2) != 0;
    rig->arrives_by = what >> 2 & 1;
    net_set_forwarding(rig->caller.net, rig->config.forward && (what & 8) == 0);
}

/* ---- Raw ---- */

static void add32(uint8_t *at, uint32_t more) {
    uint32_t value = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    struct writer writer = writer_of(at, 4);
    write_be32(&writer, value + more);
}

/* Whatever stands where TCP's numbers do counts from the flow's. */
static void make_relative(uint8_t *frame, size_t length, const struct rig_flow *flow) {
    enum { AT = ETHERNET_HEADER + IPV4_HEADER };
    if (length < AT + TCP_HEADER) {
        return;
    }
    struct writer ports = writer_of(frame + AT, 4);
    write_be16(&ports, flow->peer_port);
    write_be16(&ports, flow->engine_port);
    add32(frame + AT + TCP_SEQ, flow->expected.value);
    add32(frame + AT + TCP_ACK_AT, flow->next.value);
}

enum { RAW_REPAIRED = 1, RAW_RELATIVE = 2, RAW_ADDRESSED = 4 };

static void step_raw(struct rig *rig, struct reader *args) {
    uint8_t how = read_u8(args);
    const struct rig_flow *flow = &rig->flow[how >> 4 & 7];
    size_t length = args->left.length < sizeof rig->frame ? args->left.length : sizeof rig->frame;
    read_copy(args, rig->frame, length);
    if ((how & RAW_ADDRESSED) != 0 && length >= 12) {
        memcpy(rig->frame, RIG_ENDS.to.bytes, 6);
        memcpy(rig->frame + 6, RIG_ENDS.from.bytes, 6);
    }
    if ((how & RAW_RELATIVE) != 0) {
        make_relative(rig->frame, length, flow);
    }
    if ((how & RAW_REPAIRED) != 0) {
        forge_repair(rig->frame, length);
    }
    rig_receive(rig, rig->frame, length);
}

/* ---- Link and network layer ---- */

static void step_arp(struct rig *rig, struct reader *args) {
    static const uint32_t addresses[] = {UINT32_C(0x0a000002), UINT32_C(0x0a000001), 0,
                                         UINT32_C(0x0a000009), UINT32_MAX,           UINT32_C(0x0a000003)};
    uint8_t choice = read_u8(args), sender = read_u8(args), target = read_u8(args);
    struct mac strange = {{2, 0, 0, 0, 9, sender}};
    struct arp_packet packet = {.operation = 1 + (choice & 1) + (choice == 0xff),
                                .sender_mac = (choice & 2) != 0 ? strange : RIG_ENDS.from,
                                .target_mac = RIG_ENDS.to,
                                .sender_address = addresses[sender % 6],
                                .target_address = addresses[target % 6]};
    struct writer writer = writer_of(rig->frame, sizeof rig->frame);
    struct mac to = (choice & 4) != 0 ? MAC_BROADCAST : RIG_ENDS.to;
    ethernet_write(&writer, &(struct ethernet_header){to, packet.sender_mac, ETHER_ARP});
    arp_write(&writer, &packet);
    rig_receive(rig, rig->frame, writer.length);
}

/* Any bytes behind a good IPv4 header, with good sums. */
static void step_packet(struct rig *rig, struct reader *args) {
    static const uint8_t protocols[] = {IP_ICMP, IP_TCP, IP_UDP, 99, IP_IGMP};
    struct ipv4_header header = {.protocol = protocols[read_u8(args) % 5]};
    struct forge_ends ends = any_ends(args);
    uint8_t extra = read_u8(args);
    header.tos = extra & 3;
    header.more_fragments = extra == 0xff;
    size_t length = forge_packet(rig->frame, &ends, &header, args->left);
    if ((extra & 4) == 0) {
        forge_repair(rig->frame, length);
    }
    rig_receive(rig, rig->frame, length);
}

/* An error about what the engine sent last. */
static void step_icmp(struct rig *rig, struct reader *args) {
    static const uint8_t types[] = {ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED, ICMP_PARAMETER_PROBLEM,
                                    ICMP_SOURCE_QUENCH, ICMP_REDIRECT};
    struct icmp_message message = {.type = types[read_u8(args) % 5], .code = read_u8(args) % 16};
    message.mtu = read_be16(args);
    uint8_t cut = read_u8(args), place = read_u8(args), change = read_u8(args);
    message.payload = span_of(rig->quote, rig->quote_length - (cut < rig->quote_length ? cut : 0));
    if (place < rig->quote_length) {
        rig->quote[place] ^= change;
    }
    rig_receive(rig, rig->frame, forge_icmp(rig->frame, &RIG_ENDS, &message));
}

/* A datagram or a segment in pieces, which may be missing, overlap, or say different things. */
static void step_fragments(struct rig *rig, struct reader *args) {
    uint8_t whole[FORGE_MAX];
    uint8_t port = read_u8(args) % 16, kind = read_u8(args);
    size_t length = (size_t)read_u8(args) * 8 % WHOLE_MAX;
    struct tcp_header header = {.source_port = 1000, .destination_port = port, .flags = TCP_SYN};
    if ((kind & 1) != 0) {
        length = forge_segment(whole, &RIG_ENDS, &header, (struct span){0}, span_of(zeros, length));
    } else {
        length = forge_datagram(whole, &RIG_ENDS, 1, port, span_of(zeros, length));
    }
    struct writer id = writer_of(whole + ETHERNET_HEADER + 4, 2);
    write_be16(&id, kind >> 1 & 3);
    forge_repair(whole, length);
    for (int i = 0; i < PIECES_MAX && args->left.length >= 2; i++) {
        size_t offset = (size_t)read_u8(args) * 8, size = (size_t)read_u8(args) * 8;
        rig_receive(rig, rig->frame, forge_fragment(rig->frame, span_of(whole, length), offset, size));
    }
}

/* ---- TCP ---- */

/* A segment of a known connection, some way off from the right one. */
static void step_segment(struct rig *rig, struct reader *args) {
    struct forge_expectation right;
    struct tcp_header header;
    size_t length;
    rig_expect(any_flow(rig, args), &right);
    forge_read(args, &right, &header, &length);
    length =
        forge_segment(rig->frame, &RIG_ENDS, &header, (struct span){0}, span_of(zeros, length % WHOLE_MAX));
    rig_receive(rig, rig->frame, length);
}

/* The same, with any bytes for options. */
static void step_options(struct rig *rig, struct reader *args) {
    struct forge_expectation right;
    struct tcp_header header;
    size_t length;
    rig_expect(any_flow(rig, args), &right);
    struct reader first = reader_of(span_slice(args->left, 0, 6));
    forge_read(&first, &right, &header, &length);
    struct span options = span_slice(args->left, 6, args->left.length);
    length = forge_segment(rig->frame, &RIG_ENDS, &header, options, span_of(zeros, length % WHOLE_MAX));
    rig_receive(rig, rig->frame, length);
}

/* A SYN to a port that may be listened at. */
static void step_syn(struct rig *rig, struct reader *args) {
    uint8_t port = read_u8(args) % 16, from = read_u8(args) % 16, options = read_u8(args);
    struct tcp_header header = {.flags = TCP_SYN | (options & 0xc0), .window = 0xffff};
    header.destination_port = port;
    header.source_port = 1000 + from;
    header.seq = seq_of(read_be32(args));
    header.options = (struct tcp_options){.mss = (options & 1) != 0 ? 1460 : 0,
                                          .has_window_scale = (options & 2) != 0,
                                          .window_scale = (options >> 1) & 15,
                                          .sack_permitted = (options & 4) != 0,
                                          .has_timestamp = (options & 8) != 0,
                                          .timestamp = 1000};
    size_t text = (size_t)read_u8(args) * 4;
    rig_receive(rig, rig->frame,
                forge_segment(rig->frame, &RIG_ENDS, &header, args->left, span_of(zeros, text)));
}

/* ---- UDP ---- */

static void send_datagram(struct rig *rig, const struct forge_ends *ends, uint16_t from, uint16_t to,
                          struct span payload) {
    rig_receive(rig, rig->frame, forge_datagram(rig->frame, ends, from, to, payload));
}

static void step_datagram(struct rig *rig, struct reader *args) {
    uint16_t from = read_u8(args), to = read_u8(args) % 16;
    struct forge_ends ends = any_ends(args);
    send_datagram(rig, &ends, from, to, args->left);
}

/* Any bytes as the answer to the last DNS query. */
static void step_dns(struct rig *rig, struct reader *args) {
    uint8_t answer[600];
    struct writer writer = writer_of(answer, sizeof answer);
    write_be16(&writer, rig->dns_id);
    write_bytes(&writer, args->left.data, args->left.length);
    if (!writer.failed) {
        send_datagram(rig, &RIG_ENDS, 53, rig->dns_port, writer_span(&writer));
    }
}

static void step_dhcp(struct rig *rig, struct reader *args) {
    uint8_t bytes[600];
    struct dhcp_message message = {.reply = true,
                                   .type = read_u8(args) % 8,
                                   .xid = rig->dhcp_xid,
                                   .client_mac = RIG_ENDS.to,
                                   .your_address = RIG_ENDS.destination + (read_u8(args) & 3) * 0x100,
                                   .subnet_mask = ipv4_mask(24 + read_u8(args) % 9),
                                   .router = RIG_ENDS.source,
                                   .name_server = {RIG_ENDS.source},
                                   .has_lease = true,
                                   .lease = read_be16(args),
                                   .server = RIG_ENDS.source,
                                   .renewal = read_u8(args),
                                   .rebinding = read_u8(args)};
    struct writer writer = writer_of(bytes, sizeof bytes);
    dhcp_write(&writer, &message);
    send_datagram(rig, &RIG_ENDS, DHCP_SERVER_PORT, DHCP_CLIENT_PORT, writer_span(&writer));
}

/* ---- What an administrator does ---- */

static struct net_address address_of(uint8_t byte) {
    return byte < 0x80 ? net_ipv4(RIG_ENDS.destination + byte % 8)
                       : net_ipv4((byte & 0x40) != 0 ? 0 : UINT32_C(0x0b000000) + byte % 4);
}

static void step_address(struct rig *rig, struct reader *args) {
    struct net *net = rig->caller.net;
    uint8_t what = read_u8(args);
    struct net_address address = address_of(read_u8(args));
    struct net_own_address own;
    uint32_t cursor = 0;
    if ((what & 1) != 0) {
        (void)!net_address_remove(net, &address, rig->caller.now);
    } else {
        (void)!net_address_add(net, what >> 7, &address, (what >> 1) % 34, rig->caller.now);
    }
    while (net_address_next(net, &cursor, &own)) {
    }
}

static void step_route(struct rig *rig, struct reader *args) {
    struct net *net = rig->caller.net;
    uint8_t what = read_u8(args);
    struct net_route route = {.destination = address_of(read_u8(args)), .prefix_length = read_u8(args) % 34};
    route.gateway = (what & 2) != 0 ? address_of(read_u8(args)) : (struct net_address){0};
    route.source = (what & 4) != 0 ? address_of(read_u8(args)) : (struct net_address){0};
    route.metric = what >> 5;
    uint32_t cursor = 0;
    if ((what & 1) != 0) {
        (void)!net_route_remove(net, &route, rig->caller.now);
    } else {
        (void)!net_route_add(net, &route, rig->caller.now);
    }
    while (net_route_next(net, &cursor, &route)) {
    }
}

static void step_neighbour(struct rig *rig, struct reader *args) {
    struct net *net = rig->caller.net;
    struct net_neighbour neighbour;
    uint8_t what = read_u8(args);
    struct net_address address = address_of(read_u8(args));
    struct mac mac = {{(uint8_t)(what & 8), 0, 0, 0, 0, read_u8(args)}};
    uint32_t cursor = 0;
    switch (what % 4) {
    case 0: (void)!net_neighbour_add(net, &address, mac.bytes, rig->caller.now); break;
    case 1: (void)!net_neighbour_remove(net, &address, rig->caller.now); break;
    case 2: net_neighbour_flush(net, rig->caller.now); break;
    default: break;
    }
    while (net_neighbour_next(net, &cursor, &neighbour)) {
    }
}

/* ---- All of them ---- */

static const struct {
    void (*make)(struct rig *rig, struct reader *args);
    uint8_t length;
} frames[] = {
    {step_time, 2},    {step_deadlines, 1}, {step_link, 1},      {step_raw, 60},      {step_arp, 3},
    {step_packet, 30}, {step_icmp, 7},      {step_fragments, 9}, {step_segment, 12},  {step_segment, 12},
    {step_segment, 6}, {step_options, 20},  {step_syn, 8},       {step_datagram, 12}, {step_dns, 40},
    {step_dhcp, 7},    {step_address, 2},   {step_route, 5},     {step_neighbour, 3},
};

const uint8_t frame_kind_count = sizeof frames / sizeof frames[0];

uint8_t frame_kind_length(uint8_t kind) {
    return frames[kind].length;
}

void frame_step(struct rig *rig, uint8_t kind, struct reader *args) {
    frames[kind].make(rig, args);
}
