/* script.c: one engine and a peer that is played segment by segment. */
#include "script.h"
#include <net/wire/arp.h>
#include <net/wire/icmp.h>

#define MEMORY  (2u << 20)
#define OUR_IP  UINT32_C(0x0a000001)
#define PEER_IP UINT32_C(0x0a000002)

static const struct mac our_mac = {{2, 0, 0, 0, 0, 1}}, peer_mac = {{2, 0, 0, 0, 0, 2}};

struct net_config script_config(void) {
    return (struct net_config){.mac = {2, 0, 0, 0, 0, 1},
                               .mtu = 1500,
                               .address = {NET_IPV4, {10, 0, 0, 1}},
                               .prefix_length = 24,
                               .sockets_max = 64,
                               .owner_budget = 1u << 20,
                               .send_buffer_max = 1u << 16,
                               .receive_buffer_max = 1u << 16,
                               .seed = {1, 2}};
}

static void give_frame(struct script *script, const struct writer *frame) {
    struct net_frame in = {.data = frame->data, .length = frame->length};
    net_receive(script->net, &in, script->now);
}

/* As a request the peer becomes known, as a reply it is confirmed. */
static void introduce_peer(struct script *script, uint16_t operation) {
    uint8_t bytes[64];
    struct writer writer = writer_of(bytes, sizeof bytes);
    struct ethernet_header ethernet = {our_mac, peer_mac, ETHER_ARP};
    struct arp_packet arp = {operation, peer_mac, our_mac, PEER_IP, OUR_IP};
    ethernet_write(&writer, &ethernet);
    arp_write(&writer, &arp);
    give_frame(script, &writer);
}

void script_pass(struct script *script, net_time duration) {
    script->now += duration;
    introduce_peer(script, ARP_REQUEST);
}

/* The engine has announced its address when a test begins. */
static void let_announce(struct script *script) {
    struct tcp_header header;
    struct span text;
    for (int i = 0; i < 10; i++) {
        script->now += NET_SECOND;
        assert_false(script_take(script, &header, &text));
    }
    introduce_peer(script, ARP_REQUEST);
    assert_false(script_take(script, &header, &text));
}

void script_start_with(struct script *script, const struct net_config *config) {
    *script = (struct script){.now = 5 * NET_SECOND, .port = SERVER_PORT};
    script->memory = aligned_alloc(64, MEMORY);
    memset(script->memory, 0x5a, MEMORY);
    assert_int_equal(net_init(&script->net, config, script->memory, MEMORY, script->now), ERR_NONE);
    assert_int_equal(net_owner_open(script->net, &script->owner), ERR_NONE);
    let_announce(script);
}

void script_start(struct script *script) {
    struct net_config config = script_config();
    script_start_with(script, &config);
}

int script_setup(void **state) {
    struct script *script = malloc(sizeof *script);
    script_start(script);
    *state = script;
    return 0;
}

int script_teardown(void **state) {
    script_stop(*state);
    free(*state);
    return 0;
}

void script_stop(struct script *script) {
    struct tcp_header header;
    struct span text;
    net_owner_close(script->net, script->owner, script->now);
    for (int i = 0; i < 400; i++) { /* orphans try eight times, ever more slowly */
        script->now += 2 * NET_SECOND;
        while (script_take(script, &header, &text)) {
        }
    }
    struct net_usage usage;
    net_usage(script->net, &usage);
    assert_int_equal(usage.sockets, 0);
    assert_int_equal(usage.connections, 0);
    assert_int_equal(usage.arena_used, 0);
    free(script->memory);
}

static void write_packet(struct writer *writer, uint8_t protocol, uint8_t tos, size_t length) {
    struct ethernet_header ethernet = {our_mac, peer_mac, ETHER_IPV4};
    struct ipv4_header ipv4 = {
        .source = PEER_IP, .destination = OUR_IP, .protocol = protocol, .ttl = 64, .tos = tos};
    ethernet_write(writer, &ethernet);
    ipv4_write(writer, &ipv4, length);
}

/* What the text at this place of a stream looks like. */
static uint8_t text_at(uint32_t seq) {
    return (uint8_t)(seq * 7 + (seq >> 8));
}

void script_in(struct script *script, struct shape shape) {
    static const size_t headers = ETHERNET_HEADER + IPV4_HEADER;
    uint8_t *bytes = malloc(70000);
    struct writer writer = writer_of(bytes, 70000);
    struct tcp_header header = {.source_port = shape.from != 0 ? shape.from : PEER_PORT,
                                .destination_port = shape.to != 0 ? shape.to : script->port,
                                .seq = seq_of(PEER_ISN + shape.seq),
                                .ack = seq_of((shape.flags & TCP_ACK) != 0 ? script->iss + shape.ack : 0),
                                .flags = shape.flags,
                                .window = shape.shut          ? 0
                                          : shape.window != 0 ? (uint16_t)shape.window
                                                              : 65535};
    header.options.mss = shape.mss;
    header.options.has_window_scale = shape.has_shift;
    header.options.window_scale = shape.shift;
    header.options.has_timestamp = shape.has_time;
    header.options.sack_permitted = shape.sack_ok;
    header.options.has_fast_open = shape.cookie != 0;
    header.options.fast_open.length = shape.cookie;
    memset(header.options.fast_open.bytes, shape.cookie, shape.cookie);
    header.options.sack_count = (uint8_t)shape.blocks;
    for (uint32_t i = 0; i < shape.blocks; i++) {
        header.options.sack[i] = (struct tcp_sack){seq_of(script->iss + shape.block[i].start),
                                                   seq_of(script->iss + shape.block[i].end)};
    }
    header.options.timestamp = PEER_CLOCK + shape.time;
    header.options.timestamp_echo = shape.echo;
    size_t header_length = tcp_header_length(&header);
    write_packet(&writer, IP_TCP, shape.tos, header_length + shape.length);
    tcp_write(&writer, &header);
    uint8_t *text = write_space(&writer, shape.length);
    for (uint32_t i = 0; i < shape.length; i++) {
        text[i] = text_at(shape.seq + i);
    }
    struct checksum sum = {0};
    checksum_add(&sum, text, shape.length);
    tcp_write_checksum(bytes + headers, header_length, header_length + shape.length, PEER_IP, OUR_IP, &sum);
    bytes[headers + TCP_CHECKSUM_OFFSET] ^= shape.bad_sum;
    assert_false(writer.failed);
    give_frame(script, &writer);
    free(bytes);
}

/* The engine asks whether the peer is still there. */
static void answer_arp(struct script *script, struct span packet) {
    struct arp_packet arp;
    assert_int_equal(arp_parse(packet, &arp), ERR_NONE);
    if (arp.operation == ARP_REQUEST && arp.target_address == PEER_IP) {
        introduce_peer(script, ARP_REPLY);
    }
}

bool script_take(struct script *script, struct tcp_header *header, struct span *text) {
    static uint8_t bytes[70000];
    for (;;) {
        struct net_slot slot = {.data = bytes, .capacity = sizeof bytes};
        struct ethernet_header ethernet;
        struct ipv4_header ipv4;
        struct span packet, segment;
        if (!net_transmit(script->net, &slot, script->now)) {
            return false;
        }
        assert_int_equal(ethernet_parse(span_of(bytes, slot.length), &ethernet, &packet), ERR_NONE);
        if (ethernet.type == ETHER_ARP) {
            answer_arp(script, packet);
            continue;
        }
        assert_true(mac_equal(ethernet.destination, peer_mac));
        assert_int_equal(ipv4_parse(packet, &ipv4, &segment), ERR_NONE);
        assert_true(ipv4_checksum_good(packet));
        script->last_tos = ipv4.tos;
        script->last_ttl = ipv4.ttl;
        assert_int_equal(tcp_parse(segment, header, text), ERR_NONE);
        if (slot.checksum_offset == 0) {
            assert_true(tcp_checksum_good(segment, ipv4.source, ipv4.destination));
        }
        return true;
    }
}

static void fail_at(const char *where, int line, const char *what, uint64_t got, uint64_t want) {
    print_error("%s:%d: %s is %llu, not %llu\n", where, line, what, (unsigned long long)got,
                (unsigned long long)want);
    _fail(where, line);
}

static void same(const char *where, int line, const char *what, uint64_t got, uint64_t want) {
    if (got != want) {
        fail_at(where, line, what, got, want);
    }
}

static void check_blocks(const char *where, int line, const struct tcp_options *options,
                         const struct shape *shape) {
    if (shape->blocks == 0) {
        return;
    }
    same(where, line, "SACK blocks", options->sack_count, shape->blocks);
    for (uint32_t i = 0; i < shape->blocks; i++) {
        same(where, line, "a block's start", options->sack[i].start.value - PEER_ISN, shape->block[i].start);
        same(where, line, "a block's end", options->sack[i].end.value - PEER_ISN, shape->block[i].end);
    }
}

static void check_cookie(const char *where, int line, const struct tcp_options *options,
                         const struct shape *shape) {
    same(where, line, "has_fast_open", options->has_fast_open, shape->asks || shape->cookie != 0);
    same(where, line, "the cookie's length", options->fast_open.length, shape->cookie);
    for (uint8_t i = 0; i < shape->cookie; i++) {
        same(where, line, "the cookie", options->fast_open.bytes[i], shape->cookie);
    }
}

void script_out(struct script *script, const char *where, int line, struct shape shape) {
    struct tcp_header header = {0};
    struct span text = {0};
    if (!script_take(script, &header, &text)) {
        fail_at(where, line, "segments due", 0, 1);
    }
    script->last = header;
    if ((header.flags & TCP_SYN) != 0 && !script->iss_known) {
        script->iss = header.seq.value;
        script->iss_known = true;
    }
    same(where, line, "flags", header.flags & ~(unsigned)TCP_PSH, shape.flags & ~(unsigned)TCP_PSH);
    same(where, line, "PSH", header.flags & TCP_PSH,
         (shape.flags & TCP_PSH) != 0 ? TCP_PSH : header.flags & TCP_PSH);
    if (!shape.any_seq) {
        same(where, line, "seq", header.seq.value - script->iss, shape.seq);
    }
    if ((header.flags & TCP_ACK) != 0) {
        same(where, line, "ack", header.ack.value - PEER_ISN, shape.ack);
    }
    same(where, line, "text", text.length, shape.length);
    same(where, line, "TOS", script->last_tos, shape.tos);
    if (shape.window != 0 || shape.shut) {
        same(where, line, "window", header.window, shape.window);
    }
    if (shape.mss != 0) {
        same(where, line, "mss", header.options.mss, shape.mss);
    }
    if (shape.has_time) {
        same(where, line, "has_timestamp", header.options.has_timestamp, true);
        same(where, line, "echo", header.options.timestamp_echo, PEER_CLOCK + shape.echo);
    }
    check_blocks(where, line, &header.options, &shape);
    if ((header.flags & TCP_SYN) != 0) {
        check_cookie(where, line, &header.options, &shape);
    }
    if (shape.has_shift) {
        same(where, line, "shift", header.options.window_scale, shape.shift);
        same(where, line, "has_window_scale", header.options.has_window_scale, true);
    }
    uint32_t first = header.seq.value - script->iss + ((header.flags & TCP_SYN) != 0);
    for (size_t i = 0; i < text.length; i++) {
        same(where, line, "byte", text.data[i], text_at(first + (uint32_t)i));
    }
    script->sent_text += text.length;
}

void script_quiet(struct script *script, const char *where, int line) {
    struct tcp_header header;
    struct span text;
    if (script_take(script, &header, &text)) {
        print_error("%s:%d: flags %x seq %u ack %u text %zu\n", where, line, header.flags,
                    header.seq.value - script->iss, header.ack.value - PEER_ISN, text.length);
        fail_at(where, line, "segments due", 1, 0);
    }
}

void script_unreachable(struct script *script, uint8_t code, uint32_t seq, uint16_t mtu) {
    uint8_t quote[28], bytes[128];
    struct writer inner = writer_of(quote, sizeof quote), writer = writer_of(bytes, sizeof bytes);
    struct ipv4_header ours = {.source = OUR_IP, .destination = PEER_IP, .protocol = IP_TCP, .ttl = 60};
    ipv4_write(&inner, &ours, 8);
    write_be16(&inner, script->port);
    write_be16(&inner, PEER_PORT);
    write_be32(&inner, script->iss + seq);
    struct icmp_message message = {
        .type = ICMP_UNREACHABLE, .code = code, .mtu = mtu, .payload = span_of(quote, sizeof quote)};
    write_packet(&writer, IP_ICMP, 0, ICMP_HEADER + sizeof quote);
    icmp_write(&writer, &message);
    give_frame(script, &writer);
}

/* ---- Getting somewhere ---- */

void script_listen(struct script *script, uint32_t backlog) {
    struct net_endpoint local = {.port = SERVER_PORT};
    assert_int_equal(net_open(script->net, NET_STREAM, script->owner, &script->listener), ERR_NONE);
    assert_int_equal(net_bind(script->net, script->listener, &local), ERR_NONE);
    assert_int_equal(net_listen(script->net, script->listener, backlog), ERR_NONE);
}

void script_connect(struct script *script) {
    struct net_endpoint peer = {{NET_IPV4, {10, 0, 0, 2}}, PEER_PORT}, local;
    assert_int_equal(net_open(script->net, NET_STREAM, script->owner, &script->socket), ERR_NONE);
    assert_int_equal(net_connect(script->net, script->socket, &peer, script->now), ERR_IN_PROGRESS);
    assert_int_equal(net_local(script->net, script->socket, &local), ERR_NONE);
    script->port = local.port;
}

enum tcp_state script_state_of(const struct script *script, uint16_t peer_port) {
    struct net_socket_info info;
    uint32_t cursor = 0;
    while (net_socket_next(script->net, &cursor, &info)) {
        if (info.type == NET_STREAM && info.peer.port == peer_port && info.state != TCP_CLOSED) {
            return (enum tcp_state)info.state;
        }
    }
    return TCP_CLOSED;
}

enum tcp_state script_state(const struct script *script) {
    return script_state_of(script, PEER_PORT);
}

static void establish(struct script *s) {
    struct net_endpoint peer;
    script_listen(s, 8);
    IN(.flags = SYN, .seq = 0, .mss = 1460);
    OUT(.flags = SYN | ACK, .ack = 1);
    IN(.flags = ACK, .seq = 1, .ack = 1);
    assert_int_equal(net_accept(s->net, s->listener, s->owner, &s->socket, &peer), ERR_NONE);
    QUIET();
}

static void shut_write(struct script *s) {
    assert_int_equal(net_shutdown(s->net, s->socket, NET_SHUT_WRITE, s->now), ERR_NONE);
}

static void reach_closing_states(struct script *s, enum tcp_state state) {
    shut_write(s);
    OUT(.flags = FIN | ACK, .seq = 1, .ack = 1);
    if (state == TCP_CLOSING) {
        IN(.flags = FIN | ACK, .seq = 1, .ack = 1);
        OUT(.flags = ACK, .seq = 2, .ack = 2);
    } else if (state != TCP_FIN_WAIT_1) {
        IN(.flags = ACK, .seq = 1, .ack = 2);
        if (state == TCP_TIME_WAIT) {
            IN(.flags = FIN | ACK, .seq = 1, .ack = 2);
            OUT(.flags = ACK, .seq = 2, .ack = 2);
        }
    }
}

void script_reach(struct script *s, enum tcp_state state) {
    switch (state) {
    case TCP_CLOSED: break;
    case TCP_LISTEN: script_listen(s, 8); break;
    case TCP_SYN_SENT:
        script_connect(s);
        OUT(.flags = SYN);
        break;
    case TCP_SYN_RECEIVED:
        script_listen(s, 8);
        IN(.flags = SYN, .mss = 1460);
        OUT(.flags = SYN | ACK, .ack = 1);
        break;
    case TCP_ESTABLISHED: establish(s); break;
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
        establish(s);
        IN(.flags = FIN | ACK, .seq = 1, .ack = 1);
        OUT(.flags = ACK, .seq = 1, .ack = 2);
        if (state == TCP_LAST_ACK) {
            shut_write(s);
            OUT(.flags = FIN | ACK, .seq = 1, .ack = 2);
        }
        break;
    default:
        establish(s);
        reach_closing_states(s, state);
        break;
    }
    if (state != TCP_LISTEN && state != TCP_CLOSED) {
        STATE(state);
    }
    QUIET();
}

void script_send(struct script *s, size_t length) {
    uint32_t at = 1 + (uint32_t)s->written;
    uint8_t *bytes = malloc(length);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = text_at(at + (uint32_t)i);
    }
    size_t done;
    assert_int_equal(net_send(s->net, s->socket, bytes, length, &done, s->now), ERR_NONE);
    assert_int_equal(done, length);
    s->written += length;
    free(bytes);
}

size_t script_read(struct script *s, size_t capacity) {
    uint8_t *bytes = malloc(capacity);
    size_t done;
    enum error error = net_read(s->net, s->socket, bytes, capacity, &done, s->now);
    assert_true(error == ERR_NONE || error == ERR_WOULD_BLOCK);
    for (size_t i = 0; i < done; i++) {
        assert_int_equal(bytes[i], text_at(1 + (uint32_t)(s->read + i)));
    }
    s->read += done;
    free(bytes);
    return done;
}
