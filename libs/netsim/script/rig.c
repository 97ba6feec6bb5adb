/* rig.c: one engine opposite bytes; read rig.h first. */
#include <net/wire/arp.h>
#include <net/wire/dhcp.h>
#include <net/wire/udp.h>
#include <netsim/guard.h>
#include <netsim/script/invariants.h>
#include <netsim/script/must.h>
#include <netsim/script/rig.h>

enum { MEMORY = 320 << 10, SMALL_MEMORY = 144 << 10, SLOT = 14 + 65535 };
enum { PATIENCE = 4000 }; /* seconds: longer than any chain of timeouts */
enum { FRAMES_AT_ONCE = 20000, MOMENTS_MAX = 20000, EVENTS_MAX = 1000 };
#define OURS UINT32_C(0x0a000001)
#define PEER UINT32_C(0x0a000002)

const struct forge_ends RIG_ENDS = {{{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 0, 1}}, PEER, OURS};
const struct forge_ends RIG_BEYOND = {
    {{2, 0, 0, 0, 1, 2}}, {{2, 0, 0, 0, 1, 1}}, PEER + 0x10000, OURS + 0x10000};

/* On heap memory of exactly the frame's size, so that the sanitizer sees each step beyond its end. */
void rig_receive(struct rig *rig, const uint8_t *frame, size_t length) {
    uint8_t *exact = malloc(length != 0 ? length : 1);
    if (length != 0) {
        memcpy(exact, frame, length);
    }
    struct net_frame given = {.data = exact, .length = length, .interface = rig->arrives_by};
    net_receive(rig->caller.net, &given, rig->caller.now);
    free(exact);
}

/* ---- What the engine sends is looked at, and ARP answered ---- */

static void see_arp(struct rig *rig, const struct net_slot *slot, struct span bytes) {
    const struct forge_ends *ends = slot->interface == 0 ? &RIG_ENDS : &RIG_BEYOND;
    struct arp_packet arp;
    must(arp_parse(bytes, &arp) == ERR_NONE, "the engine sends a malformed ARP packet");
    if (arp.operation != ARP_REQUEST || arp.target_address != ends->source || rig->silent_arp) {
        return;
    }
    struct writer writer = writer_of(rig->frame, sizeof rig->frame);
    uint8_t before = rig->arrives_by;
    ethernet_write(&writer, &(struct ethernet_header){ends->to, ends->from, ETHER_ARP});
    arp_write(&writer,
              &(struct arp_packet){ARP_REPLY, ends->from, ends->to, ends->source, arp.sender_address});
    rig->arrives_by = slot->interface;
    rig_receive(rig, rig->frame, writer.length);
    rig->arrives_by = before;
}

static struct rig_flow *flow_of(struct rig *rig, uint16_t engine_port, uint16_t peer_port) {
    for (uint32_t i = 0; i < RIG_FLOWS; i++) {
        if (rig->flow[i].engine_port == engine_port && rig->flow[i].peer_port == peer_port) {
            return &rig->flow[i];
        }
    }
    struct rig_flow *flow = &rig->flow[rig->flows++ % RIG_FLOWS];
    *flow = (struct rig_flow){.engine_port = engine_port, .peer_port = peer_port, .clock = 1000};
    return flow;
}

void rig_expect(const struct rig_flow *flow, struct forge_expectation *right) {
    *right = (struct forge_expectation){.from = flow->peer_port,
                                        .to = flow->engine_port,
                                        .seq = flow->expected,
                                        .ack = flow->next,
                                        .sent = flow->next,
                                        .stamped = flow->stamped,
                                        .timestamp = flow->clock,
                                        .timestamp_echo = flow->timestamp};
}

/* A hostile peer's reflex: an answer that is right in most things. */
static void answer(struct rig *rig, const struct rig_flow *flow, uint8_t seen) {
    static const uint8_t flags[] = {
        TCP_ACK,           TCP_ACK,           TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN,
        TCP_RST | TCP_ACK, TCP_SYN | TCP_ACK, TCP_ACK | TCP_ECE, 0};
    uint8_t bytes[FORGE_ARGUMENTS + 4];
    for (size_t i = 0; i < sizeof bytes; i++) {
        uint32_t chance = random_u32(&rig->reflex);
        bytes[i] = (chance & 0xf00) == 0 ? (uint8_t)chance : 0;
    }
    bytes[0] = flags[random_u32(&rig->reflex) % ((seen & TCP_SYN) != 0 ? 8 : 4)];
    bytes[0] = seen == TCP_SYN && random_below(&rig->reflex, 8) != 0 ? TCP_SYN | TCP_ACK : bytes[0];
    bytes[4] |= (seen & TCP_SYN) != 0 ? 0x2e : 0; /* all the options */
    struct reader args = reader_of(span_of(bytes, sizeof bytes));
    struct forge_expectation right;
    struct tcp_header header;
    size_t length;
    rig_expect(flow, &right);
    forge_read(&args, &right, &header, &length);
    static const uint8_t zeros[255 * 6];
    rig_receive(rig, rig->frame,
                forge_segment(rig->frame, &RIG_ENDS, &header, (struct span){0}, span_of(zeros, length)));
}

static void see_tcp(struct rig *rig, const struct ipv4_header *ip, struct span bytes, bool summed) {
    struct tcp_header tcp;
    struct span payload;
    must(tcp_parse(bytes, &tcp, &payload) == ERR_NONE, "the engine sends a malformed segment");
    must(!summed || tcp_checksum_good(bytes, ip->source, ip->destination),
         "the engine sends a wrong TCP sum");
    struct rig_flow *flow = flow_of(rig, tcp.source_port, tcp.destination_port);
    uint32_t length = (uint32_t)payload.length + ((tcp.flags & TCP_SYN) != 0) + ((tcp.flags & TCP_FIN) != 0);
    flow->next = seq_add(tcp.seq, length);
    flow->stamped = tcp.options.has_timestamp;
    flow->timestamp = tcp.options.has_timestamp ? tcp.options.timestamp : flow->timestamp;
    flow->clock++;
    if ((tcp.flags & TCP_ACK) != 0) {
        flow->expected = tcp.ack;
    }
    if ((tcp.flags & TCP_RST) == 0 && random_below(&rig->reflex, 1000) < rig->reflexes) {
        answer(rig, flow, tcp.flags & (TCP_SYN | TCP_ACK));
    }
}

static void see_udp(struct rig *rig, const struct ipv4_header *ip, struct span bytes) {
    struct udp_header udp;
    struct span payload;
    must(udp_parse(bytes, &udp, &payload) == ERR_NONE, "the engine sends a malformed datagram");
    must(udp_checksum_good(bytes, ip->source, ip->destination), "the engine sends a wrong UDP sum");
    struct dhcp_message dhcp;
    if (udp.destination_port == 53 && payload.length >= 2) {
        rig->dns_port = udp.source_port;
        rig->dns_id = (uint16_t)(payload.data[0] << 8 | payload.data[1]);
    } else if (udp.destination_port == DHCP_SERVER_PORT && dhcp_parse(payload, &dhcp) == ERR_NONE) {
        rig->dhcp_xid = dhcp.xid;
    }
}

static void see_ipv4(struct rig *rig, const struct net_slot *slot, struct span packet) {
    struct ipv4_header ip;
    struct span payload;
    must(ipv4_parse(packet, &ip, &payload) == ERR_NONE, "a malformed packet");
    must(ipv4_checksum_good(packet), "a wrong IPv4 sum");
    must(slot->gso_size != 0 || slot->length <= 14u + rig->config.mtu, "a packet longer than the MTU");
    rig->last = ip;
    rig->quote_length = packet.length < sizeof rig->quote ? packet.length : sizeof rig->quote;
    memcpy(rig->quote, packet.data, rig->quote_length);
    if (ipv4_is_fragment(&ip) || rig->passed_on) {
        return;
    }
    switch (ip.protocol) {
    case IP_TCP: see_tcp(rig, &ip, payload, slot->checksum_start == 0); break;
    case IP_UDP: see_udp(rig, &ip, payload); break;
    case IP_ICMP: must(icmp_checksum_good(payload), "a wrong ICMP sum"); break;
    case 2: break; /* IGMP */
    default: must(rig->config.forward, "an unknown protocol"); break;
    }
}

static void see(struct rig *rig, const struct net_slot *slot) {
    struct ethernet_header ethernet;
    struct span packet;
    must(slot->length <= slot->capacity, "a frame longer than its slot");
    must(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet) == ERR_NONE,
         "a malformed frame");
    must(slot->interface < 2, "a frame for a link that is not there");
    must(mac_equal(ethernet.source, (slot->interface == 0 ? RIG_ENDS : RIG_BEYOND).to),
         "a frame from another");
    if (ethernet.type == ETHER_ARP) {
        see_arp(rig, slot, packet);
    } else {
        see_ipv4(rig, slot, packet);
    }
}

/* ---- A step ---- */

/* Between two sockets of its own an engine moves only so much at once, and wants to be called again then. */
static void transmit_all(struct rig *rig) {
    static uint8_t data[SLOT];
    struct net *net = rig->caller.net;
    for (int frames = 0;; frames++) {
        struct net_slot slot = {.data = data, .capacity = SLOT};
        must(frames < FRAMES_AT_ONCE, "frames without end");
        uint64_t passed_on = net_counters(net)->ipv4_forwarded;
        if (net_transmit(net, &slot, rig->caller.now)) {
            rig->passed_on = net_counters(net)->ipv4_forwarded != passed_on;
            see(rig, &slot);
        } else if (net_deadline(net) > rig->caller.now) {
            break;
        }
    }
}

static void take_events(struct rig *rig) {
    struct net_event event;
    for (int events = 0; net_next_event(rig->caller.net, &event); events++) {
        must(events < EVENTS_MAX, "events without end");
    }
}

void rig_settle(struct rig *rig) {
    transmit_all(rig);
    take_events(rig);
    const char *broken = broken_invariant(rig->caller.net);
    must(broken == NULL, broken);
}

void rig_link(struct rig *rig, bool up) {
    (void)!net_link(rig->caller.net, &rig->config, up, rig->caller.now);
}

/* ---- A run ---- */

static void add_second_link(struct rig *rig) {
    struct net_config config = rig->config;
    struct net_address address = net_ipv4(RIG_BEYOND.destination);
    memcpy(config.mac, RIG_BEYOND.to.bytes, 6);
    must(net_interface_link(rig->caller.net, 1, &config, true, rig->caller.now) == ERR_NONE, "a second link");
    must(net_address_add(rig->caller.net, 1, &address, 24, rig->caller.now) == ERR_NONE, "its address");
}

void rig_start(struct rig *rig, uint8_t kind, bool routes) {
    _Alignas(64) static uint8_t memory[MEMORY];
    size_t size = (kind & 32) != 0 ? SMALL_MEMORY : MEMORY;
    *rig = (struct rig){.caller = {.now = NET_SECOND, .own = OURS, .peer = PEER}};
    rig->config = (struct net_config){.mtu = (kind & 1) != 0 ? 576 : 1500,
                                      .dhcp = (kind & 2) != 0,
                                      .address = net_ipv4(OURS),
                                      .prefix_length = 24,
                                      .gateway = net_ipv4(PEER),
                                      .dns = {net_ipv4(PEER), net_ipv4(PEER + 1)},
                                      .interfaces_max = routes ? 2 : 1,
                                      .forward = routes,
                                      .sockets_max = 12,
                                      .owner_budget = (kind & 4) != 0 ? 16 << 10 : 192 << 10,
                                      .checksum_out = (kind & 8) != 0,
                                      .segment_out = (kind & 24) == 24,
                                      .new_reno = (kind & 64) != 0,
                                      .seed = {1, 2}};
    memcpy(rig->config.mac, RIG_ENDS.to.bytes, 6);
    guard_start((kind & 128) == 0);
    must(net_init(&rig->caller.net, &rig->config, memory, size, rig->caller.now) == ERR_NONE, "net_init");
    caller_start(&rig->caller);
    if (routes) {
        add_second_link(rig);
    }
    transmit_all(rig);
}

static bool is_empty(const struct net *net) {
    struct net_usage usage;
    net_usage(net, &usage);
    return usage.sockets == 0 && usage.connections == 0 && usage.queries == 0 && usage.arena_used == 0;
}

void rig_stop(struct rig *rig) {
    rig->reflexes = 0;
    net_owner_close(rig->caller.net, rig->caller.owner, rig->caller.now);
    rig_link(rig, true);
    net_time limit = rig->caller.now + PATIENCE * NET_SECOND;
    rig_settle(rig);
    for (int moments = 0; !is_empty(rig->caller.net); moments++) {
        net_time deadline = net_deadline(rig->caller.net);
        must(moments < MOMENTS_MAX, "moments without end");
        must(deadline <= limit, "something is left");
        rig->caller.now = deadline;
        rig_settle(rig);
    }
    guard_stop();
}
