/* script.c: an engine driven by bytes; read script.h first. */
#include <net/net.h>
#include <net/wire/arp.h>
#include <net/wire/checksum.h>
#include <net/wire/dhcp.h>
#include <net/wire/icmp.h>
#include <net/wire/tcp.h>
#include <net/wire/udp.h>
#include <netsim/script.h>
#include <stdio.h>
#include <stdlib.h>

enum { MEMORY = 512 << 10, SOCKETS = 8, FLOWS = 8, SLOT = 14 + 65535, FRAME_MAX = 1514 };
enum { STEPS_MAX = 400, FRAMES_AT_ONCE = 20000, MOMENTS_MAX = 20000 };
#define OURS UINT32_C(0x0a000001)
#define PEER UINT32_C(0x0a000002)

static const struct mac our_mac = {{2, 0, 0, 0, 0, 1}}, peer_mac = {{2, 0, 0, 0, 0, 2}};

/* A connection as the peer sees it: what the engine will send next, and what it expects. */
struct script_flow {
    uint16_t engine_port, peer_port;
    struct sequence next, expected;
};

struct script {
    struct reader reader;
    struct net *net;
    net_time now;
    net_owner owner;
    net_socket_id socket[SOCKETS];
    uint32_t query;
    struct script_flow flow[FLOWS];
    uint32_t flows; /* ever seen */
    uint16_t dns_port, dns_id;
    uint32_t dhcp_xid;
    bool silent_arp;
    struct net_config config;
    uint8_t slot[SLOT];
    uint8_t frame[FRAME_MAX];
};

/* What must hold, or else. */
static void must(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "script: %s\n", what);
        abort();
    }
}

/* ---- What the engine sends is looked at, and ARP answered ---- */

static void receive(struct script *script, const uint8_t *frame, size_t length) {
    uint8_t *exact =
        malloc(length != 0 ? length : 1); /* so that the sanitizer sees each step beyond its end */
    if (length != 0) {
        memcpy(exact, frame, length);
    }
    net_receive(script->net, &(struct net_frame){.data = exact, .length = length}, script->now);
    free(exact);
}

static struct writer begin_frame(struct script *script, uint16_t type) {
    struct writer writer = writer_of(script->frame, sizeof script->frame);
    ethernet_write(&writer, &(struct ethernet_header){our_mac, peer_mac, type});
    return writer;
}

static struct writer begin_packet(struct script *script, uint8_t protocol, size_t length) {
    struct writer writer = begin_frame(script, ETHER_IPV4);
    struct ipv4_header header = {.source = PEER, .destination = OURS, .protocol = protocol, .ttl = 64};
    ipv4_write(&writer, &header, length);
    return writer;
}

static void finish_frame(struct script *script, const struct writer *writer) {
    if (!writer->failed) {
        receive(script, script->frame, writer->length);
    }
}

static void see_arp(struct script *script, struct span bytes) {
    struct arp_packet arp;
    must(arp_parse(bytes, &arp) == ERR_NONE, "the engine sends a malformed ARP packet");
    if (arp.operation != ARP_REQUEST || arp.target_address != PEER || script->silent_arp) {
        return;
    }
    struct writer writer = begin_frame(script, ETHER_ARP);
    arp_write(&writer, &(struct arp_packet){ARP_REPLY, peer_mac, our_mac, PEER, arp.sender_address});
    finish_frame(script, &writer);
}

static struct script_flow *flow_of(struct script *script, uint16_t engine_port, uint16_t peer_port) {
    for (uint32_t i = 0; i < FLOWS; i++) {
        if (script->flow[i].engine_port == engine_port && script->flow[i].peer_port == peer_port) {
            return &script->flow[i];
        }
    }
    struct script_flow *flow = &script->flow[script->flows++ % FLOWS];
    *flow = (struct script_flow){engine_port, peer_port, {0}, {0}};
    return flow;
}

static void see_tcp(struct script *script, const struct ipv4_header *ip, struct span bytes, bool summed) {
    struct tcp_header tcp;
    struct span payload;
    must(tcp_parse(bytes, &tcp, &payload) == ERR_NONE, "the engine sends a malformed segment");
    must(!summed || tcp_checksum_good(bytes, ip->source, ip->destination),
         "the engine sends a wrong TCP sum");
    struct script_flow *flow = flow_of(script, tcp.source_port, tcp.destination_port);
    uint32_t length = (uint32_t)payload.length + ((tcp.flags & TCP_SYN) != 0) + ((tcp.flags & TCP_FIN) != 0);
    flow->next = seq_add(tcp.seq, length);
    if ((tcp.flags & TCP_ACK) != 0) {
        flow->expected = tcp.ack;
    }
}

static void see_udp(struct script *script, const struct ipv4_header *ip, struct span bytes) {
    struct udp_header udp;
    struct span payload;
    must(udp_parse(bytes, &udp, &payload) == ERR_NONE, "the engine sends a malformed datagram");
    must(udp_checksum_good(bytes, ip->source, ip->destination), "the engine sends a wrong UDP sum");
    struct dhcp_message dhcp;
    if (udp.destination_port == 53 && payload.length >= 2) {
        script->dns_port = udp.source_port;
        script->dns_id = (uint16_t)(payload.data[0] << 8 | payload.data[1]);
    } else if (udp.destination_port == DHCP_SERVER_PORT && dhcp_parse(payload, &dhcp) == ERR_NONE) {
        script->dhcp_xid = dhcp.xid;
    }
}

static void see(struct script *script, const struct net_slot *slot) {
    struct ethernet_header ethernet;
    struct ipv4_header ip;
    struct span packet, payload;
    must(slot->length <= slot->capacity, "a frame longer than its slot");
    must(ethernet_parse(span_of(slot->data, slot->length), &ethernet, &packet) == ERR_NONE,
         "a malformed frame");
    must(mac_equal(ethernet.source, our_mac), "a frame from another");
    if (ethernet.type == ETHER_ARP) {
        see_arp(script, packet);
        return;
    }
    must(ipv4_parse(packet, &ip, &payload) == ERR_NONE, "a malformed packet");
    must(ipv4_checksum_good(packet), "a wrong IPv4 sum");
    must(slot->gso_size != 0 || slot->length <= 14u + script->config.mtu, "a packet longer than the MTU");
    switch (ip.protocol) {
    case IP_TCP: see_tcp(script, &ip, payload, slot->checksum_start == 0); break;
    case IP_UDP: see_udp(script, &ip, payload); break;
    case IP_ICMP: must(icmp_checksum_good(payload), "a wrong ICMP sum"); break;
    default: must(false, "an unknown protocol"); break;
    }
}

static void transmit_all(struct script *script) {
    for (int frames = 0;; frames++) {
        struct net_slot slot = {.data = script->slot, .capacity = SLOT};
        if (!net_transmit(script->net, &slot, script->now)) {
            break;
        }
        must(frames < FRAMES_AT_ONCE, "frames without end");
        see(script, &slot);
    }
    must(net_deadline(script->net) > script->now, "nothing to send, but wants to be called again at once");
}

static void take_events(struct script *script) {
    struct net_event event;
    for (int events = 0; net_next_event(script->net, &event); events++) {
        must(events < 1000, "events without end");
    }
}

static void check(const struct script *script) {
    struct net_usage usage;
    net_usage(script->net, &usage);
    must(usage.arena_used <= usage.arena_size, "more memory used than there is");
    must(usage.sockets <= script->config.sockets_max, "more sockets than there are");
}

/* ---- Steps ---- */

static net_socket_id any_socket(struct script *script) {
    return script->socket[read_u8(&script->reader) % SOCKETS];
}

static void keep_socket(struct script *script, net_socket_id socket) {
    uint32_t place = read_u8(&script->reader) % SOCKETS;
    if (script->socket[place] != 0) {
        (void)!net_close(script->net, script->socket[place], script->now);
    }
    script->socket[place] = socket;
}

static struct net_endpoint endpoint(struct script *script, uint32_t address) {
    return (struct net_endpoint){net_ipv4(address), (uint16_t)(1 + read_u8(&script->reader) % 16)};
}

static void step_time(struct script *script) {
    script->now += (net_time)read_be16(&script->reader) * 1000;
}

static void step_deadline(struct script *script) {
    net_time deadline = net_deadline(script->net);
    if (deadline != NET_NEVER) {
        script->now = deadline > script->now ? deadline : script->now;
    }
}

static void step_raw_frame(struct script *script) {
    struct span bytes = read_bytes(&script->reader, read_u8(&script->reader));
    receive(script, bytes.data, bytes.length);
}

/* Any bytes behind a good IPv4 header; as ICMP with a good sum. */
static void step_packet(struct script *script) {
    static const uint8_t protocols[] = {IP_ICMP, IP_TCP, IP_UDP, 99};
    uint8_t protocol = protocols[read_u8(&script->reader) % 4];
    struct span bytes = read_bytes(&script->reader, read_u8(&script->reader));
    struct writer writer = begin_packet(script, protocol, bytes.length);
    uint8_t *payload = script->frame + writer.length;
    write_bytes(&writer, bytes.data, bytes.length);
    if (protocol == IP_ICMP && bytes.length >= 4) {
        payload[2] = payload[3] = 0;
        uint16_t sum = checksum_of(payload, bytes.length);
        payload[2] = (uint8_t)(sum >> 8);
        payload[3] = (uint8_t)sum;
    }
    finish_frame(script, &writer);
}

static void send_segment(struct script *script, struct tcp_header *header, size_t length) {
    uint8_t options = read_u8(&script->reader);
    header->options = (struct tcp_options){.mss = options & 1 ? 536 : 0,
                                           .has_window_scale = options & 2,
                                           .window_scale = options >> 4,
                                           .sack_permitted = options & 4,
                                           .has_timestamp = options & 8};
    size_t header_length = tcp_header_length(header);
    struct writer writer = begin_packet(script, IP_TCP, header_length + length);
    uint8_t *segment = script->frame + writer.length;
    tcp_write(&writer, header);
    write_zeros(&writer, length);
    struct checksum zeros = {0};
    tcp_write_checksum(segment, header_length, header_length + length, PEER, OURS, &zeros);
    finish_frame(script, &writer);
}

/* A segment of a known connection, some way off from the right one; 0 differences: in order. */
static void step_segment(struct script *script) {
    struct reader *reader = &script->reader;
    const struct script_flow *flow = &script->flow[read_u8(reader) % FLOWS];
    struct tcp_header header = {.source_port = flow->peer_port, .destination_port = flow->engine_port};
    header.flags = read_u8(reader);
    header.seq = seq_add(flow->expected, (uint32_t)(int8_t)read_u8(reader) * 16u);
    header.ack = seq_add(flow->next, (uint32_t)(int8_t)read_u8(reader) * 16u);
    header.window = (uint16_t)(read_u8(reader) << 8);
    send_segment(script, &header, (size_t)read_u8(reader) * 5);
}

/* A SYN to a port that may be listened at. */
static void step_syn(struct script *script) {
    struct reader *reader = &script->reader;
    struct tcp_header header = {.flags = TCP_SYN, .window = 0xffff};
    header.destination_port = 1 + read_u8(reader) % 16;
    header.source_port = 1000 + read_u8(reader) % 16;
    header.seq = seq_of(read_be32(reader));
    send_segment(script, &header, 0);
}

static void step_open(struct script *script) {
    net_socket_id socket;
    enum net_type type = read_u8(&script->reader) & 1 ? NET_STREAM : NET_DATAGRAM;
    if (net_open(script->net, type, script->owner, &socket) == ERR_NONE) {
        keep_socket(script, socket);
    }
}

static void step_connect(struct script *script) {
    net_socket_id socket = any_socket(script);
    struct net_endpoint peer = endpoint(script, PEER);
    (void)!net_connect(script->net, socket, &peer, script->now);
}

static void step_listen(struct script *script) {
    net_socket_id socket = any_socket(script);
    struct net_endpoint local = endpoint(script, 0);
    local.address.family = 0;
    (void)!net_bind(script->net, socket, &local);
    (void)!net_listen(script->net, socket, 1 + read_u8(&script->reader) % 4);
}

static void step_accept(struct script *script) {
    net_socket_id connection;
    struct net_endpoint peer;
    if (net_accept(script->net, any_socket(script), script->owner, &connection, &peer) == ERR_NONE) {
        keep_socket(script, connection);
    }
}

static void step_send(struct script *script) {
    static const uint8_t zeros[4096];
    net_socket_id socket = any_socket(script);
    size_t length = (size_t)read_u8(&script->reader) * 16, done;
    struct net_endpoint peer = endpoint(script, PEER);
    if (net_send(script->net, socket, zeros, length, &done, script->now) == ERR_NONE) {
        must(done <= length, "more sent than was given");
    }
    (void)!net_send_to(script->net, socket, zeros, length, &peer, script->now);
}

static void step_read(struct script *script) {
    uint8_t bytes[4096];
    net_socket_id socket = any_socket(script);
    size_t length = (size_t)read_u8(&script->reader) * 16, done;
    uint32_t flags = 0;
    struct net_endpoint peer;
    if (net_read(script->net, socket, bytes, length, &done, script->now) == ERR_NONE) {
        must(done <= length, "more read than asked for");
    }
    (void)!net_receive_from(script->net, socket, bytes, length, &flags, &done, &peer);
}

static void step_end(struct script *script) {
    net_socket_id socket = any_socket(script);
    switch (read_u8(&script->reader) % 5) {
    case 0: (void)!net_shutdown(script->net, socket, NET_SHUT_READ, script->now); break;
    case 1: (void)!net_shutdown(script->net, socket, NET_SHUT_WRITE, script->now); break;
    case 2: (void)!net_shutdown(script->net, socket, NET_SHUT_BOTH, script->now); break;
    case 3: (void)!net_close(script->net, socket, script->now); break;
    default: (void)!net_abort(script->net, socket, script->now); break;
    }
}

static void send_datagram(struct script *script, uint16_t from, uint16_t to, struct span payload) {
    struct writer writer = begin_packet(script, IP_UDP, UDP_HEADER + payload.length);
    udp_write(&writer, &(struct udp_header){from, to, false}, PEER, OURS, payload);
    finish_frame(script, &writer);
}

static void step_datagram(struct script *script) {
    uint16_t from = read_u8(&script->reader), to = 1 + read_u8(&script->reader) % 16;
    send_datagram(script, from, to, read_bytes(&script->reader, read_u8(&script->reader)));
}

/* Any bytes as the answer to the last DNS query. */
static void step_dns(struct script *script) {
    uint8_t answer[260];
    struct writer writer = writer_of(answer, sizeof answer);
    struct span bytes = read_bytes(&script->reader, read_u8(&script->reader));
    write_be16(&writer, script->dns_id);
    write_bytes(&writer, bytes.data, bytes.length);
    send_datagram(script, 53, script->dns_port, writer_span(&writer));
}

static void step_dhcp(struct script *script) {
    uint8_t bytes[600];
    struct reader *reader = &script->reader;
    struct dhcp_message message = {.reply = true,
                                   .type = read_u8(reader) % 8,
                                   .xid = script->dhcp_xid,
                                   .client_mac = our_mac,
                                   .your_address = read_u8(reader) & 1 ? OURS : read_be32(reader),
                                   .subnet_mask = ipv4_mask(read_u8(reader) % 33),
                                   .router = PEER,
                                   .name_server = {PEER},
                                   .has_lease = true,
                                   .lease = read_be16(reader),
                                   .server = PEER,
                                   .renewal = read_u8(reader),
                                   .rebinding = read_u8(reader)};
    struct writer writer = writer_of(bytes, sizeof bytes);
    dhcp_write(&writer, &message);
    send_datagram(script, DHCP_SERVER_PORT, DHCP_CLIENT_PORT, writer_span(&writer));
}

static void step_resolve(struct script *script) {
    static const char *const names[] = {"a.example", "b.example", "10.0.0.7", "no name"};
    struct net_address addresses[4];
    size_t count = 4;
    uint8_t what = read_u8(&script->reader);
    if (what & 0x80) {
        (void)!net_resolve_result(script->net, script->query, addresses, &count);
    } else if (what & 0x40) {
        net_resolve_cancel(script->net, script->query);
    } else {
        (void)!net_resolve(script->net, script->owner, names[what % 4], NET_IPV4, &script->query,
                           script->now);
    }
}

static void step_link(struct script *script) {
    uint8_t what = read_u8(&script->reader);
    (void)!net_link(script->net, &script->config, (what & 1) != 0, script->now);
    script->silent_arp = (what & 2) != 0;
}

static void step_option(struct script *script) {
    static const int64_t values[] = {0, 1, -1, 5, 30, 4096, 65536, INT64_MAX};
    net_socket_id socket = any_socket(script);
    enum net_option option = read_u8(&script->reader) % 16;
    int64_t value = values[read_u8(&script->reader) % 8];
    (void)!net_set_option(script->net, socket, option, value);
    (void)!net_get_option(script->net, socket, option, &value);
}

static void step_look(struct script *script) {
    struct net_socket_info info;
    struct net_interface interface;
    uint32_t cursor = 0;
    for (int sockets = 0; net_socket_next(script->net, &cursor, &info); sockets++) {
        must(sockets < 10000, "sockets without end");
    }
    net_interface(script->net, &interface);
    struct net_endpoint end;
    (void)!net_local(script->net, any_socket(script), &end);
    (void)!net_peer(script->net, any_socket(script), &end);
    (void)!net_take_error(script->net, any_socket(script));
}

static void (*const steps[])(struct script *) = {
    step_time, step_deadline, step_raw_frame, step_packet, step_segment,  step_segment, step_segment,
    step_syn,  step_open,     step_connect,   step_listen, step_accept,   step_send,    step_read,
    step_end,  step_datagram, step_dns,       step_dhcp,   step_resolve,  step_link,    step_option,
    step_look, step_segment,  step_read,      step_accept, step_deadline,
};

/* ---- A run ---- */

static void set_up(struct script *script, void *memory) {
    uint8_t kind = read_u8(&script->reader);
    script->now = NET_SECOND;
    script->config = (struct net_config){.mtu = kind & 1 ? 576 : 1500,
                                         .dhcp = kind & 2,
                                         .address = net_ipv4(OURS),
                                         .prefix_length = 24,
                                         .gateway = net_ipv4(PEER),
                                         .dns = {net_ipv4(PEER)},
                                         .sockets_max = 16,
                                         .owner_budget = kind & 4 ? 16 << 10 : 256 << 10,
                                         .checksum_out = kind & 8,
                                         .segment_out = (kind & 24) == 24,
                                         .seed = {1, 2}};
    memcpy(script->config.mac, our_mac.bytes, 6);
    must(net_init(&script->net, &script->config, memory, MEMORY, script->now) == ERR_NONE, "net_init");
    must(net_owner_open(script->net, &script->owner) == ERR_NONE, "net_owner_open");
    transmit_all(script);
}

/* The owner dies and the peer falls silent: in the end nothing may be left. */
static void tear_down(struct script *script) {
    struct net_usage usage;
    net_owner_close(script->net, script->owner, script->now);
    (void)!net_link(script->net, &script->config, true, script->now);
    net_time limit = script->now + 4000 * NET_SECOND;
    for (int moments = 0; script->now < limit; moments++) {
        must(moments < MOMENTS_MAX, "moments without end");
        transmit_all(script);
        take_events(script);
        net_time deadline = net_deadline(script->net);
        script->now = deadline < limit ? deadline : limit;
    }
    net_usage(script->net, &usage);
    must(usage.sockets == 0, "sockets are left");
    must(usage.connections == 0, "connections are left");
    must(usage.queries == 0, "queries are left");
    must(usage.arena_used == 0, "memory is left");
}

void script_run(struct span bytes) {
    struct script *script = calloc(1, sizeof *script);
    void *memory = aligned_alloc(64, MEMORY);
    script->reader = reader_of(bytes);
    set_up(script, memory);
    for (int i = 0; i < STEPS_MAX && script->reader.left.length > 0 && !script->reader.failed; i++) {
        steps[read_u8(&script->reader) % (sizeof steps / sizeof steps[0])](script);
        transmit_all(script);
        take_events(script);
        check(script);
    }
    tear_down(script);
    free(memory);
    free(script);
}
