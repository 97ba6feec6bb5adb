/* test_drops.c: whatever is dropped is counted by its reason: for each such counter a frame that moves it,
 * and no other one. Whoever adds a counter adds a row, or says below that it counts no drops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/wire/arp.h>
#include <net/wire/dhcp.h>
#include <net/wire/udp.h>
#include <netsim/guard.h>
#include <netsim/script/rig.h>

enum { DHCP = 2, IGMP = 2 };
#define OURS (RIG_ENDS.destination)
#define PEER (RIG_ENDS.source)

static struct rig rig;

/* ---- Frames ---- */

static void give(size_t length) {
    rig_receive(&rig, rig.frame, length);
}

static void give_packet(uint8_t protocol, const void *bytes, size_t length) {
    give(forge_packet(rig.frame, &RIG_ENDS, &(struct ipv4_header){.protocol = protocol},
                      span_of(bytes, length)));
}

static size_t make_datagram(uint16_t from, uint16_t to) {
    return forge_datagram(rig.frame, &RIG_ENDS, from, to, span_of("hello", 5));
}

/* The byte at this place of the frame is another one. */
static void give_spoilt(size_t length, size_t place) {
    rig.frame[place] ^= 0x55;
    give(length);
}

static void give_arp(uint16_t operation, struct mac sender_mac, uint32_t sender, uint32_t target) {
    struct arp_packet packet = {operation, sender_mac, RIG_ENDS.to, sender, target};
    struct writer writer = writer_of(rig.frame, sizeof rig.frame);
    ethernet_write(&writer, &(struct ethernet_header){MAC_BROADCAST, RIG_ENDS.from, ETHER_ARP});
    arp_write(&writer, &packet);
    give(writer.length);
}

/* A segment of a flow, so far off from the right one. */
static size_t make_segment(uint32_t flow, uint8_t flags, uint32_t seq, uint32_t ack, size_t length) {
    static const uint8_t text[1400];
    struct forge_expectation right;
    rig_expect(&rig.flow[flow], &right);
    struct tcp_header header = {.source_port = right.from,
                                .destination_port = right.to,
                                .seq = seq_add(right.seq, seq),
                                .ack = seq_add(right.ack, ack),
                                .flags = flags,
                                .window = 1000,
                                .options = {.has_timestamp = right.stamped,
                                            .sack_permitted = (flags & TCP_SYN) != 0,
                                            .timestamp = right.timestamp,
                                            .timestamp_echo = right.timestamp_echo}};
    header.options.has_timestamp |= (flags & TCP_SYN) != 0;
    return forge_segment(rig.frame, &RIG_ENDS, &header, (struct span){0}, span_of(text, length));
}

static void give_segment(uint32_t flow, uint8_t flags, uint32_t seq, uint32_t ack, size_t length) {
    give(make_segment(flow, flags, seq, ack, length));
}

static void give_from(uint16_t from, uint16_t to, uint8_t flags) {
    rig.flow[7] = (struct rig_flow){.engine_port = to, .peer_port = from, .clock = 1000};
    give_segment(7, flags, 0, 0, 0);
}

/* An error about a packet that looks as if we had sent it. */
static void give_error(uint8_t type, uint32_t source, uint8_t protocol, struct sequence seq) {
    uint8_t quote[28];
    struct writer writer = writer_of(quote, sizeof quote);
    struct ipv4_header header = {.source = source, .destination = PEER, .protocol = protocol};
    ipv4_write(&writer, &header, 8);
    write_be16(&writer, rig.flow[0].engine_port);
    write_be16(&writer, rig.flow[0].peer_port);
    write_be32(&writer, seq.value);
    struct icmp_message message = {.type = type, .code = 1, .payload = writer_span(&writer)};
    give(forge_icmp(rig.frame, &RIG_ENDS, &message));
}

/* Piece by piece of a datagram with this name. */
static void give_piece(uint16_t id, size_t offset, size_t length, bool more) {
    static const uint8_t bytes[1400];
    struct ipv4_header header = {
        .protocol = IP_UDP, .id = id, .fragment_offset = (uint16_t)offset, .more_fragments = more};
    give(forge_packet(rig.frame, &RIG_ENDS, &header, span_of(bytes, length)));
}

static void give_dhcp(uint8_t type, uint32_t xid, uint32_t address) {
    uint8_t bytes[600];
    struct dhcp_message message = {.reply = true,
                                   .type = type,
                                   .xid = xid,
                                   .client_mac = RIG_ENDS.to,
                                   .your_address = address,
                                   .server = PEER};
    struct writer writer = writer_of(bytes, sizeof bytes);
    dhcp_write(&writer, &message);
    give(forge_datagram(rig.frame, &RIG_ENDS, DHCP_SERVER_PORT, DHCP_CLIENT_PORT, writer_span(&writer)));
}

/* ---- Sockets ---- */

static net_socket_id open_socket(uint32_t place, enum net_type type, uint16_t port) {
    net_socket_id id;
    struct net_endpoint local = {.port = port};
    assert_int_equal(net_open(rig.caller.net, type, rig.caller.owner, &id), ERR_NONE);
    caller_keep(&rig.caller, place, id, type == NET_STREAM);
    assert_int_equal(net_bind(rig.caller.net, id, &local), ERR_NONE);
    return id;
}

/* Flow 0: what is sent to the peer's port 7, from its SYN on. */
static void begin_connection(void) {
    struct net_endpoint peer = {net_ipv4(PEER), 7};
    net_socket_id id = open_socket(0, NET_STREAM, 0);
    assert_int_equal(net_connect(rig.caller.net, id, &peer, rig.caller.now), ERR_IN_PROGRESS);
    rig_settle(&rig);
}

static void connect_it(void) {
    begin_connection();
    give_segment(0, TCP_SYN | TCP_ACK, 0, 0, 0);
    rig_settle(&rig);
}

static void listen_at_1(void) {
    assert_int_equal(net_listen(rig.caller.net, open_socket(1, NET_STREAM, 1), 1), ERR_NONE);
}

/* As many as may wait have come. */
static void fill_backlog(void) {
    listen_at_1();
    rig.flow[1] = (struct rig_flow){.engine_port = 1, .peer_port = 1001, .clock = 1000};
    rig.flows = 2;
    give_segment(1, TCP_SYN, 0, 0, 0);
    rig_settle(&rig);
    give_segment(1, TCP_ACK, 0, 0, 0);
    rig_settle(&rig);
}

static void flood_listener(void) {
    listen_at_1();
    for (uint16_t i = 0; i < 65; i++) {
        give_from((uint16_t)(2000 + i), 1, TCP_SYN);
    }
    rig_settle(&rig);
}

static void fill_datagram_socket(void) {
    (void)open_socket(3, NET_DATAGRAM, 2);
    static const uint8_t large[1400];
    uint64_t full = net_counters(rig.caller.net)->udp_queue_full;
    while (net_counters(rig.caller.net)->udp_queue_full == full) {
        give(forge_datagram(rig.frame, &RIG_ENDS, 1, 2, span_of(large, sizeof large)));
    }
}

static void use_up_tokens(void) {
    for (int i = 0; i < 50; i++) {
        give(make_datagram(1, 999));
        rig_settle(&rig);
    }
}

static void fill_echoes(void) {
    rig.silent_arp = true;
    for (int i = 0; i < 64; i++) {
        give_packet(IP_ICMP, "\x08\0\xf7\xff\0\0\0\0", 8);
    }
}

static void fill_arp_replies(void) {
    for (int i = 0; i < 8; i++) {
        give_arp(ARP_REQUEST, RIG_ENDS.from, PEER, OURS);
    }
}

/* Nobody answers, so no question can be given up for another. */
static void fill_neighbours(void) {
    for (uint32_t i = 0; i < 64; i++) {
        net_socket_id id = open_socket(3, NET_DATAGRAM, 0);
        struct net_endpoint peer = {net_ipv4(OURS + 50 + i), 9};
        (void)!net_send_to(rig.caller.net, id, "x", 1, &peer, rig.caller.now);
        rig_settle(&rig);
    }
}

static void fill_replies(void) {
    uint64_t full = net_counters(rig.caller.net)->tcp_replies_dropped;
    for (uint16_t i = 0; net_counters(rig.caller.net)->tcp_replies_dropped == full; i++) {
        give_from(3000 + i, 99, TCP_ACK);
    }
}

static void ask_for_name(void) {
    assert_int_equal(net_resolve(rig.caller.net, rig.caller.owner, "a.example", NET_IPV4, &rig.caller.query,
                                 rig.caller.now),
                     ERR_NONE);
    rig_settle(&rig);
}

static void take_text(void) {
    connect_it();
    give_segment(0, TCP_ACK, 0, 0, 100);
    rig_settle(&rig);
}

static void send_text(void) {
    connect_it();
    assert_int_equal(caller_write(&rig.caller, &rig.caller.socket[0], 500), 500);
    rig_settle(&rig);
}

static void take_fin(void) {
    connect_it();
    give_segment(0, TCP_ACK | TCP_FIN, 0, 0, 0);
    rig_settle(&rig);
}

static void pull_cable(void) {
    rig_link(&rig, false);
}

static void start_piece(void) {
    give_piece(1, 0, 16, true);
}

static void start_pieces_and_wait(void) {
    start_piece();
    rig.caller.now += 31 * NET_SECOND;
}

static void many_unfinished(void) {
    for (uint16_t id = 0; id < 64; id++) {
        give_piece(id, 0, 16, true);
    }
}

/* ---- What is dropped ---- */

static void ethernet_short(void) {
    give(9);
}
static void ethernet_not_ours(void) {
    give_spoilt(make_datagram(1, 2), 5);
}
static void ethernet_unknown_type(void) {
    give_spoilt(make_datagram(1, 2), 12);
}
static void any_frame(void) {
    give(make_datagram(1, 2));
}
static void arp_malformed(void) {
    struct writer writer = writer_of(rig.frame, sizeof rig.frame);
    ethernet_write(&writer, &(struct ethernet_header){MAC_BROADCAST, RIG_ENDS.from, ETHER_ARP});
    give(writer.length);
}
static void arp_echoed(void) {
    give_arp(ARP_REQUEST, RIG_ENDS.to, PEER + 9, PEER);
}
static void arp_not_ours(void) {
    give_arp(ARP_REQUEST, RIG_ENDS.from, PEER + 9, PEER + 8);
}
static void arp_unsolicited(void) {
    give_arp(ARP_REPLY, RIG_ENDS.from, PEER + 9, OURS);
}
static void arp_conflicts(void) {
    give_arp(ARP_REQUEST, RIG_ENDS.from, OURS, PEER);
}
static void arp_question(void) {
    give_arp(ARP_REQUEST, RIG_ENDS.from, PEER + 150, OURS);
}
static void ipv4_malformed(void) {
    give_spoilt(make_datagram(1, 2), 14);
}
static void ipv4_checksum(void) {
    give_spoilt(make_datagram(1, 2), 24);
}
static void ipv4_not_ours(void) {
    struct forge_ends ends = RIG_ENDS;
    ends.destination = PEER + 50;
    give(forge_datagram(rig.frame, &ends, 1, 2, (struct span){0}));
}
static void forward(void) {
    net_set_forwarding(rig.caller.net, true);
}
static void ipv4_to_nowhere(void) {
    struct forge_ends ends = RIG_ENDS;
    ends.destination = UINT32_C(0xf0000001); /* no station's, whatever the routes say */
    give(forge_datagram(rig.frame, &ends, 1, 2, (struct span){0}));
}
static void ipv4_bad_source(void) {
    struct forge_ends ends = RIG_ENDS;
    ends.source = OURS;
    give(forge_datagram(rig.frame, &ends, 1, 2, (struct span){0}));
}
static void ipv4_unknown_protocol(void) {
    give_packet(99, "x", 1);
}
static void ipv4_no_way(void) {
    struct forge_ends ends = RIG_ENDS;
    ends.source = PEER + 99; /* nobody answers for it */
    rig.flow[7] = (struct rig_flow){.engine_port = 99, .peer_port = 98};
    give(forge_icmp(rig.frame, &ends, &(struct icmp_message){.type = ICMP_ECHO}));
    for (int i = 0; i < 5; i++) {
        rig_settle(&rig);
        rig.caller.now += NET_SECOND;
    }
    rig_settle(&rig);
}
static void piece_again(void) {
    give_piece(1, 0, 16, true);
}
static void piece_over_piece(void) {
    give_piece(1, 8, 16, true);
}
static void piece_of_nothing(void) {
    give_piece(1, 16, 0, true);
}
static void piece_of_another(void) {
    give_piece(100, 0, 16, true);
}
static void time_passes(void) {
    rig_settle(&rig);
}
static void icmp_malformed(void) {
    give_packet(IP_ICMP, "\x08\0\0", 3);
}
static void icmp_checksum(void) {
    give_packet(IP_ICMP, "\x08\0\0\0\0\0\0\0", 8);
}
static void icmp_redirect(void) {
    give_error(ICMP_REDIRECT, OURS, IP_TCP, seq_of(0));
}
static void icmp_echo(void) {
    give_packet(IP_ICMP, "\x08\0\xf7\xff\0\0\0\0", 8);
}
static void icmp_reply(void) {
    give_packet(IP_ICMP, "\0\0\xff\xff\0\0\0\0", 8);
}
static void icmp_of_another(void) {
    give_error(ICMP_UNREACHABLE, PEER + 9, IP_TCP, seq_of(0));
}
static void icmp_of_nothing_sent(void) {
    give_error(ICMP_UNREACHABLE, OURS, IP_TCP, rig.flow[0].next);
}
static void icmp_of_no_socket(void) {
    give_error(ICMP_UNREACHABLE, OURS, IP_UDP, seq_of(0));
}
static void udp_malformed(void) {
    give_packet(IP_UDP, "\0\1\0\2\0\7\0\0", 8);
}
static void udp_checksum(void) {
    give_spoilt(make_datagram(1, 2), 42);
}
static void udp_no_socket(void) {
    give(make_datagram(1, 999));
}
static void udp_one_more(void) {
    static const uint8_t large[1400];
    give(forge_datagram(rig.frame, &RIG_ENDS, 1, 2, span_of(large, sizeof large)));
}
static void tcp_malformed(void) {
    give_packet(IP_TCP, "\0\1\0\2", 4);
}
static void tcp_port_0(void) {
    give_from(1000, 0, TCP_SYN);
}
static void tcp_checksum(void) {
    give_spoilt(make_segment(0, TCP_ACK, 0, 0, 10), 60);
}
static void tcp_no_socket(void) {
    give_from(1000, 99, TCP_RST);
}
static void tcp_beyond(void) {
    give_segment(0, TCP_ACK, 1 << 20, 0, 10);
}
static void tcp_before(void) {
    give_segment(0, TCP_ACK, (uint32_t)-100, 0, 100);
}
static void tcp_absurd_ack(void) {
    give_segment(0, TCP_ACK, 0, 1 << 20, 0);
}
static void tcp_ack_to_listener(void) {
    give_from(1000, 1, TCP_ACK);
}
static void tcp_syn_ack_to_listener(void) {
    give_from(1000, 1, TCP_SYN | TCP_ACK);
}
static void tcp_reset_nearby(void) {
    give_segment(0, TCP_RST, 100, 0, 0);
}
static void tcp_reset_of_syn(void) {
    give_segment(0, TCP_RST, 0, 0, 0);
}
static void tcp_syn_within(void) {
    give_segment(0, TCP_SYN | TCP_ACK, 100, 0, 0);
}
static void tcp_no_ack(void) {
    give_segment(0, TCP_PSH, 0, 0, 10);
}
static void tcp_fin_to_listener(void) {
    give_from(1000, 1, TCP_FIN);
}
static void tcp_text(void) {
    give_segment(0, TCP_ACK, 0, 0, 10);
}
static void tcp_syn_to_listener(void) {
    give_from(5000, 1, TCP_SYN);
}
static void tcp_old(void) {
    rig.flow[0].clock -= 1000;
    give_segment(0, TCP_ACK, 0, 0, 10);
}
static void tcp_bad_sack(void) {
    struct forge_expectation right;
    rig_expect(&rig.flow[0], &right);
    struct tcp_header header = {.source_port = right.from,
                                .destination_port = right.to,
                                .seq = right.seq,
                                .ack = seq_of(right.ack.value - 500),
                                .flags = TCP_ACK,
                                .window = 1000,
                                .options = {.has_timestamp = right.stamped,
                                            .timestamp = right.timestamp,
                                            .timestamp_echo = right.timestamp_echo,
                                            .sack_count = 1,
                                            .sack = {{right.sent, seq_add(right.sent, 100)}}}};
    give(forge_segment(rig.frame, &RIG_ENDS, &header, (struct span){0}, (struct span){0}));
}
static void one_more_for_nobody(void) {
    give_from(4000, 99, TCP_ACK);
}
static void dhcp_malformed(void) {
    give(forge_datagram(rig.frame, &RIG_ENDS, DHCP_SERVER_PORT, DHCP_CLIENT_PORT, span_of("x", 1)));
}
static void dhcp_of_another(void) {
    give_dhcp(DHCP_OFFER, rig.dhcp_xid ^ 1, OURS);
}
static void dhcp_too_early(void) {
    give_dhcp(DHCP_ACK, rig.dhcp_xid, OURS);
}
static void dns_malformed(void) {
    give(forge_datagram(rig.frame, &RIG_ENDS, 53, rig.dns_port, span_of("xy", 2)));
}
static void dns_unexpected(void) {
    static const uint8_t answer[12];
    give(forge_datagram(rig.frame, &RIG_ENDS, 53, rig.dns_port, span_of(answer, sizeof answer)));
}

static void other_group(void) {
    struct forge_ends ends = RIG_ENDS;
    ends.destination = UINT32_C(0xe0010203);
    ends.to = (struct mac){{1, 0, 0x5e, 1, 2, 3}};
    give(forge_datagram(rig.frame, &ends, 1, 2, (struct span){0}));
}
static void give_igmp(const void *bytes, size_t length) {
    struct forge_ends ends = RIG_ENDS;
    ends.destination = UINT32_C(0xe0000001);
    ends.to = (struct mac){{1, 0, 0x5e, 0, 0, 1}};
    give(forge_packet(rig.frame, &ends, &(struct ipv4_header){.protocol = IGMP, .ttl = 1},
                      span_of(bytes, length)));
}
static void igmp_malformed(void) {
    give_igmp("\x11", 1);
}
static void igmp_checksum(void) {
    give_igmp("\x11\0\0\0\0\0\0\0", 8);
}
static void tcp_syn_without_memory(void) {
    guard_refuse(1, UINT32_MAX);
    tcp_syn_to_listener();
    guard_refuse(0, 0);
}
static void cut_without_memory(void) {
    static const uint8_t large[3000];
    struct net_endpoint peer = {net_ipv4(PEER), 9};
    (void)!net_send_to(rig.caller.net, rig.caller.socket[3].id, large, sizeof large, &peer, rig.caller.now);
    guard_refuse(1, UINT32_MAX);
    rig_settle(&rig);
    guard_refuse(0, 0);
}
static void open_datagrams(void) {
    (void)open_socket(3, NET_DATAGRAM, 2);
}

/* ---- The table ---- */

static const struct row {
    const char *counter;
    void (*prepare)(void);
    void (*drive)(void);
    uint8_t kind;     /* of engine: rig.h */
    const char *also; /* why the frame was dropped, when it is its answer that the row is about */
} rows[] = {
    {"frames_link_down", pull_cable, any_frame, 0, NULL},
    {"ethernet_short", NULL, ethernet_short, 0, NULL},
    {"ethernet_not_ours", NULL, ethernet_not_ours, 0, NULL},
    {"ethernet_unknown_type", NULL, ethernet_unknown_type, 0, NULL},
    {"arp_malformed", NULL, arp_malformed, 0, NULL},
    {"arp_echoed", NULL, arp_echoed, 0, NULL},
    {"arp_not_ours", NULL, arp_not_ours, 0, NULL},
    {"arp_unsolicited", NULL, arp_unsolicited, 0, NULL},
    {"arp_conflicts", NULL, arp_conflicts, 0, NULL},
    {"arp_queue_full", fill_arp_replies, arp_question, 0, NULL},
    {"arp_table_full", fill_neighbours, arp_question, 0, NULL},
    {"ipv4_malformed", NULL, ipv4_malformed, 0, NULL},
    {"ipv4_checksum", NULL, ipv4_checksum, 0, NULL},
    {"ipv4_not_ours", NULL, ipv4_not_ours, 0, NULL},
    {"ipv4_forward_refused", forward, ipv4_to_nowhere, 0, NULL},
    {"ipv4_bad_source", NULL, ipv4_bad_source, 0, NULL},
    {"ipv4_unknown_protocol", NULL, ipv4_unknown_protocol, 0, NULL},
    {"ipv4_no_way", NULL, ipv4_no_way, 0, NULL},
    {"ipv4_reassembly_duplicate", start_piece, piece_again, 0, NULL},
    {"ipv4_reassembly_overlap", start_piece, piece_over_piece, 0, NULL},
    {"ipv4_reassembly_malformed", start_piece, piece_of_nothing, 0, NULL},
    {"ipv4_reassembly_timeout", start_pieces_and_wait, time_passes, 0, NULL},
    {"ipv4_reassembly_overflow", many_unfinished, piece_of_another, 0, NULL},
    {"icmp_malformed", NULL, icmp_malformed, 0, NULL},
    {"icmp_checksum", NULL, icmp_checksum, 0, NULL},
    {"icmp_ignored", NULL, icmp_redirect, 0, NULL},
    {"icmp_ignored", NULL, icmp_reply, 0, NULL},
    {"icmp_unmatched", NULL, icmp_of_another, 0, NULL},
    {"icmp_unmatched", connect_it, icmp_of_nothing_sent, 0, NULL},
    {"icmp_unmatched", NULL, icmp_of_no_socket, 0, NULL},
    {"icmp_queue_full", fill_echoes, icmp_echo, 0, NULL},
    {"udp_malformed", NULL, udp_malformed, 0, NULL},
    {"udp_checksum", NULL, udp_checksum, 0, NULL},
    {"udp_no_socket", NULL, udp_no_socket, 0, NULL},
    {"udp_queue_full", fill_datagram_socket, udp_one_more, 0, NULL},
    {"tcp_malformed", NULL, tcp_malformed, 0, NULL},
    {"tcp_malformed", NULL, tcp_port_0, 0, NULL},
    {"tcp_checksum", connect_it, tcp_checksum, 0, NULL},
    {"tcp_no_socket", NULL, tcp_no_socket, 0, NULL},
    {"tcp_out_of_window", connect_it, tcp_beyond, 0, NULL},
    {"tcp_duplicate", take_text, tcp_before, 0, NULL},
    {"tcp_bad_ack", connect_it, tcp_absurd_ack, 0, NULL},
    {"tcp_bad_ack", begin_connection, tcp_absurd_ack, 0, NULL},
    {"tcp_bad_ack", listen_at_1, tcp_ack_to_listener, 0, NULL},
    {"tcp_bad_ack", listen_at_1, tcp_syn_ack_to_listener, 0, NULL},
    {"tcp_bad_reset", connect_it, tcp_reset_nearby, 0, NULL},
    {"tcp_bad_reset", begin_connection, tcp_reset_of_syn, 0, NULL},
    {"tcp_bad_syn", connect_it, tcp_syn_within, 0, NULL},
    {"tcp_ignored", connect_it, tcp_no_ack, 0, NULL},
    {"tcp_ignored", begin_connection, tcp_no_ack, 0, NULL},
    {"tcp_ignored", listen_at_1, tcp_fin_to_listener, 0, NULL},
    {"tcp_ignored", take_fin, tcp_text, 0, NULL},
    {"tcp_listen_overflow", fill_backlog, tcp_syn_to_listener, 0, NULL},
    {"tcp_cookies_failed", flood_listener, tcp_ack_to_listener, 0, NULL},
    {"tcp_old_timestamp", take_text, tcp_old, 0, NULL},
    {"tcp_bad_sack", send_text, tcp_bad_sack, 0, NULL},
    {"tcp_replies_dropped", fill_replies, one_more_for_nobody, 0, "tcp_no_socket"},
    {"tcp_no_memory", listen_at_1, tcp_syn_without_memory, 0, NULL},
    {"icmp_rate_limited", use_up_tokens, udp_no_socket, 0, "udp_no_socket"},
    {"ipv4_cut_failed", open_datagrams, cut_without_memory, 0, NULL},
    {"ipv4_other_group", NULL, other_group, 0, NULL},
    {"igmp_malformed", NULL, igmp_malformed, 0, NULL},
    {"igmp_checksum", NULL, igmp_checksum, 0, NULL},
    {"dhcp_malformed", NULL, dhcp_malformed, DHCP, NULL},
    {"dhcp_not_ours", NULL, dhcp_of_another, DHCP, NULL},
    {"dhcp_unexpected", NULL, dhcp_too_early, DHCP, NULL},
    {"dns_malformed", ask_for_name, dns_malformed, 0, NULL},
    {"dns_unexpected", ask_for_name, dns_unexpected, 0, NULL},
};

/* What counts something else than a drop, or what a single frame cannot bring about (with the test that
 * does). */
static const char *const others[] = {
    "frames_in",
    "frames_out",
    "arp_unanswered",
    "ipv4_forwarded",
    "ipv4_forward_full" /* test_forward.c */,
    "ipv4_forward_merged" /* test_forward.c */,
    "ipv4_fragments_in",
    "ipv4_reassembled",
    "ipv4_mtu_learned",
    "ipv4_cut",
    "ipv4_fragments_out",
    "icmp_echo",
    "icmp_timestamp",
    "igmp_in",
    "igmp_out",
    "udp_in",
    "udp_out",
    "tcp_in",
    "tcp_out",
    "tcp_cookies_sent",
    "tcp_cookies_received",
    "tcp_out_of_order",
    "tcp_retransmits",
    "tcp_tail_probes",
    "tcp_lost_again",
    "tcp_sack_overflow" /* test_sack.c */,
    "tcp_duplicate_reports",
    "tcp_congestion_marks",
    "tcp_marked_windows",
    "tcp_fast_retransmits",
    "tcp_timeouts",
    "tcp_black_holes",
    "tcp_resets_in",
    "tcp_resets_out",
    "tcp_zero_window_probes",
    "tcp_keepalive_probes",
    "tcp_fast_opens",
    "tcp_fast_open_ignored",
    "tcp_reordering_seen",
    "tcp_reorder_timeouts",
    "tcp_spurious_recoveries",
    "tcp_spurious_timeouts",
};

static const char *const names[] = {
#define NAME(name) #name,
    NET_COUNTERS(NAME)
#undef NAME
};

enum { COUNTERS = sizeof names / sizeof names[0] };

static bool is_other(const char *name) {
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(others[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void read_counters(uint64_t values[COUNTERS]) {
    memcpy(values, net_counters(rig.caller.net), COUNTERS * sizeof values[0]);
}

static void try_row(const struct row *row) {
    uint64_t before[COUNTERS], after[COUNTERS];
    rig_start(&rig, row->kind, false);
    rig.caller.now += 20 * NET_SECOND; /* the address has been announced */
    rig_settle(&rig);
    if (row->prepare != NULL) {
        row->prepare();
    }
    read_counters(before);
    row->drive();
    read_counters(after);
    for (size_t i = 0; i < COUNTERS; i++) {
        bool meant =
            strcmp(names[i], row->counter) == 0 || (row->also != NULL && strcmp(names[i], row->also) == 0);
        if (!is_other(names[i]) && after[i] - before[i] != meant) {
            fail_msg("%s moves %s by %llu", row->counter, names[i],
                     (unsigned long long)(after[i] - before[i]));
        }
    }
    rig.silent_arp = false;
    rig_stop(&rig);
}

static void test_each_reason(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        try_row(&rows[i]);
    }
}

static void test_every_counter_has_a_row(void **state) {
    for (size_t i = 0; i < COUNTERS; i++) {
        bool told = is_other(names[i]);
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            told |= strcmp(rows[j].counter, names[i]) == 0;
        }
        if (!told) {
            fail_msg("%s: add a row that shows when it moves, or name it among the others", names[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_reason),
        cmocka_unit_test(test_every_counter_has_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
