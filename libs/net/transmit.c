/* transmit.c: a frame's whole way out, read from top to bottom: whose turn it is, which way it goes, and the
 * headers and payload written in place into the one slot. What has no slot stays due with its protocol, so a
 * full device holds everybody back by itself. What waits for a neighbour is passed over until ARP has an
 * answer. */
#include "engine.h"
#include <net/wire/udp.h>

#define IP_OFFSET      ETHERNET_HEADER
#define TCP_OFFSET     (ETHERNET_HEADER + IPV4_HEADER)
#define HEADERS        (ETHERNET_HEADER + IPV4_HEADER)
#define LOOPED_AT_ONCE 64

/* ---- Which way ---- */

enum way_answer { WAY_READY, WAY_WAITING, WAY_NONE };

struct way {
    struct interface *out;
    struct mac destination;
    uint32_t source, next_hop;
    uint16_t mtu;       /* bytes of IP packet */
    bool local;         /* it never leaves us */
    bool dont_fragment; /* DF may be set: the path's MTU is not below what we believe */
    enum error error;
};

static struct mac group_mac(uint32_t address) {
    return (struct mac){
        {0x01, 0x00, 0x5e, (uint8_t)(address >> 16 & 0x7f), (uint8_t)(address >> 8), (uint8_t)address}};
}

static enum way_answer take_path(struct net *net, struct path path, uint32_t source, uint32_t destination,
                                 struct way *way, net_time now) {
    struct interface *out = &net->interface[path.interface];
    *way = (struct way){.out = out,
                        .source = source != 0 ? source : path.source,
                        .next_hop = path.next_hop,
                        .mtu = out->mtu,
                        .dont_fragment = true,
                        .error = ERR_NET_UNREACHABLE};
    if (path.kind != PATH_LOCAL && !out->up) {
        net->counters.ipv4_no_way++;
        return WAY_NONE;
    }
    switch (path.kind) {
    case PATH_NONE: net->counters.ipv4_no_way++; return WAY_NONE;
    case PATH_LOCAL:
        way->local = true;
        way->destination = out->mac;
        return WAY_READY;
    case PATH_BROADCAST: way->destination = MAC_BROADCAST; return WAY_READY;
    case PATH_MULTICAST: way->destination = group_mac(destination); return WAY_READY;
    case PATH_NEIGHBOUR: break;
    }
    bool locked;
    way->mtu = mtu_find(&net->mtus, destination, out->mtu, &locked, now);
    way->dont_fragment = !locked;
    way->error = ERR_HOST_UNREACHABLE;
    switch (neighbour_lookup(&out->neighbours, path.next_hop, &way->destination, now)) {
    case NEIGHBOUR_READY: return WAY_READY;
    case NEIGHBOUR_WAITING: return WAY_WAITING;
    case NEIGHBOUR_FAILED: break;
    }
    net->counters.ipv4_no_way++;
    return WAY_NONE;
}

static enum way_answer find_way(struct net *net, uint32_t source, uint32_t destination, struct way *way,
                                net_time now) {
    struct path path = routes_find(&net->routes, destination, source);
    return take_path(net, path, source, destination, way, now);
}

/* ---- The outer headers ---- */

static struct writer begin(struct net_slot *slot, const struct interface *out, struct mac destination,
                           uint16_t type) {
    struct writer writer = writer_of(slot->data, slot->capacity);
    struct ethernet_header header = {.destination = destination, .source = out->mac, .type = type};
    slot->interface = out->number;
    slot->checksum_start = 0;
    slot->checksum_offset = 0;
    slot->gso_size = 0;
    slot->header_length = 0;
    ethernet_write(&writer, &header);
    return writer;
}

/* packets: that the device will make of this one. */
static void complete_header(struct net *net, struct ipv4_header *header, uint32_t packets, net_time now) {
    struct identity_key key = {header->source, header->destination, header->protocol};
    header->ttl = header->ttl != 0 ? header->ttl : IPV4_TTL;
    header->id = identity_take(&net->identities, &key, packets, now);
}

/* false: it did not fit, which a slot of the promised size does not let happen. */
static bool finish(struct net *net, struct net_slot *slot, struct writer *writer) {
    if (writer->length < ETHERNET_MINIMUM) {
        write_zeros(writer, ETHERNET_MINIMUM - writer->length);
    }
    slot->length = writer->length;
    net->counters.frames_out += !writer->failed;
    net->interface[slot->interface].frames_out += !writer->failed;
    return !writer->failed;
}

/* ---- What may be too long for its way ---- */

static bool transmit_fragment(struct net *net, struct net_slot *slot) {
    if (!cutter_is_busy(&net->cutter)) {
        return false;
    }
    struct ipv4_header header;
    struct span piece = cutter_next(&net->cutter, &header);
    struct writer writer = begin(slot, net->cutting_for, net->cutter.destination, ETHER_IPV4);
    ipv4_write(&writer, &header, piece.length);
    write_bytes(&writer, piece.data, piece.length);
    cutter_sent(&net->cutter);
    net->comes_back = net->pieces_come_back;
    return finish(net, slot, &writer);
}

/* Gives a place to write `length` bytes of payload: in the frame, behind the headers, or, if that would be
 * too long for the way, in the cutter, and then without DF. false: there is none, the datagram is lost. */
static bool open_datagram(struct net *net, struct net_slot *slot, const struct way *way,
                          struct ipv4_header *header, size_t length, struct writer *payload, net_time now) {
    complete_header(net, header, 1, now);
    if (IPV4_HEADER + length <= way->mtu) {
        *payload = begin(slot, way->out, way->destination, ETHER_IPV4);
        ipv4_write(payload, header, length);
        return true;
    }
    header->dont_fragment = false;
    net->pieces_come_back = net->comes_back;
    net->cutting_for = way->out;
    return cutter_begin(&net->cutter, way->destination, header, way->mtu, length, payload);
}

/* The payload is written: the frame, or the first of several. */
static bool close_datagram(struct net *net, struct net_slot *slot, struct writer *payload) {
    return cutter_is_busy(&net->cutter) ? transmit_fragment(net, slot) : finish(net, slot, payload);
}

/* ---- ARP ---- */

static bool transmit_arp(struct net *net, struct net_slot *slot, net_time now) {
    struct arp_output output;
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        if (!i->up) {
            continue;
        }
        if (neighbours_next(&i->neighbours, &net->routes, now, &output)) {
            neighbours_sent(&i->neighbours, &output, now);
        } else if (claims_next(&i->claims, now, &output)) {
            claims_sent(&i->claims, &output, now);
        } else {
            continue;
        }
        struct writer writer = begin(slot, i, output.destination, ETHER_ARP);
        arp_write(&writer, &output.packet);
        return finish(net, slot, &writer);
    }
    return false;
}

/* ---- UDP of the engine itself: DHCP and DNS ---- */

static bool send_own_datagram(struct net *net, struct net_slot *slot, const struct way *way,
                              uint32_t destination, const struct udp_header *ports, struct span payload,
                              net_time now) {
    struct writer writer;
    struct ipv4_header header = {.source = way->source, .destination = destination, .protocol = IP_UDP};
    if (!open_datagram(net, slot, way, &header, UDP_HEADER + payload.length, &writer, now)) {
        return false;
    }
    udp_write(&writer, ports, way->source, destination, payload);
    return close_datagram(net, slot, &writer);
}

/* Before there is an address nobody can be asked for a MAC address: DHCP then goes to all. */
static bool transmit_dhcp(struct net *net, struct net_slot *slot, net_time now) {
    struct dhcp_output output;
    if (!dhcp_next(&net->dhcp, now, &output)) {
        return false;
    }
    struct interface *out = &net->interface[0];
    struct way way = {.out = out, .destination = MAC_BROADCAST, .source = output.source, .mtu = out->mtu};
    enum way_answer answer = WAY_READY;
    if (output.destination != IPV4_BROADCAST) {
        answer = find_way(net, output.source, output.destination, &way, now);
    }
    if (answer == WAY_WAITING) {
        dhcp_wait(&net->dhcp);
        return false;
    }
    dhcp_sent(&net->dhcp, now);
    if (answer == WAY_NONE) {
        return false; /* as good as lost on the way */
    }
    uint8_t bytes[576];
    struct writer message = writer_of(bytes, sizeof bytes);
    dhcp_write(&message, &output.message);
    struct udp_header ports = {.source_port = DHCP_CLIENT_PORT, .destination_port = DHCP_SERVER_PORT};
    return send_own_datagram(net, slot, &way, output.destination, &ports, writer_span(&message), now);
}

static bool transmit_dns(struct net *net, struct net_slot *slot, net_time now) {
    struct dns_output output;
    while (net->asking && dns_next(&net->dns, &output)) {
        struct way way;
        uint32_t server = net_ipv4_value(&output.server);
        switch (find_way(net, 0, server, &way, now)) {
        case WAY_WAITING: dns_wait(&net->dns, &output); continue;
        case WAY_NONE: dns_unreachable(&net->dns, &output, now); continue;
        case WAY_READY: break;
        }
        uint8_t bytes[DNS_QUERY_MAX];
        struct writer message = writer_of(bytes, sizeof bytes);
        dns_write_query(&message, output.id, output.name, output.type);
        dns_sent(&net->dns, &output, now);
        struct udp_header ports = {.source_port = output.port, .destination_port = DNS_PORT};
        return send_own_datagram(net, slot, &way, server, &ports, writer_span(&message), now);
    }
    return false;
}

/* ---- ICMP ---- */

/* Without DF, as Linux does it: what is too long for a link on the way is cut there. */
static bool write_icmp(struct net *net, struct net_slot *slot, const struct way *way,
                       const struct icmp_output *output, net_time now) {
    struct writer writer;
    struct ipv4_header header = {
        .source = way->source, .destination = output->destination, .protocol = IP_ICMP, .tos = output->tos};
    size_t length = ICMP_HEADER + output->message.payload.length;
    if (!open_datagram(net, slot, way, &header, length, &writer, now)) {
        return false;
    }
    icmp_write(&writer, &output->message);
    return close_datagram(net, slot, &writer);
}

static bool transmit_icmp(struct net *net, struct net_slot *slot, net_time now) {
    struct icmp_output output;
    while (icmp_next(&net->icmp, &output)) {
        struct way way;
        enum way_answer answer = find_way(net, output.source, output.destination, &way, now);
        if (answer == WAY_WAITING) {
            icmp_wait(&net->icmp, &output);
            continue;
        }
        bool made = answer == WAY_READY && write_icmp(net, slot, &way, &output, now);
        icmp_sent(&net->icmp, &output);
        if (made) {
            return true;
        }
    }
    return false;
}

/* ---- IGMP ---- */

/* To the next router, and no farther (RFC 3376 4). */
static bool write_igmp(struct net *net, struct net_slot *slot, const struct interface *out,
                       uint32_t destination, struct span message, net_time now) {
    struct ipv4_header header = {.source = routes_source_of(&net->routes, out->number),
                                 .destination = destination,
                                 .protocol = IP_IGMP,
                                 .ttl = 1,
                                 .tos = IGMP_PRECEDENCE,
                                 .router_alert = true};
    struct writer writer = begin(slot, out, group_mac(destination), ETHER_IPV4);
    complete_header(net, &header, 1, now);
    ipv4_write(&writer, &header, message.length);
    write_bytes(&writer, message.data, message.length);
    return finish(net, slot, &writer);
}

static bool transmit_igmp(struct net *net, struct net_slot *slot, net_time now) {
    uint8_t bytes[IPV4_MINIMUM_DATAGRAM - IPV4_HEADER - IPV4_ALERT];
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        struct writer message = writer_of(bytes, sizeof bytes);
        uint32_t destination;
        if (i->up && igmp_compose(&i->igmp, &message, &destination, now)) {
            return write_igmp(net, slot, i, destination, writer_span(&message), now);
        }
    }
    return false;
}

/* ---- Datagram sockets ---- */

/* As Linux: who asks for it by name gets it even where the path is not trusted. */
static bool may_set_df(const struct way *way, uint8_t discovery) {
    return discovery >= UDP_DISCOVER_DO || (discovery == UDP_DISCOVER_WANT && way->dont_fragment);
}

static uint8_t ttl_of(const struct udp_output *output) {
    const struct udp_socket *socket = output->socket;
    bool group = ipv4_is_multicast(net_ipv4_value(&output->peer.address));
    return output->marks.ttl >= 0 ? (uint8_t)output->marks.ttl : group ? socket->group_ttl : socket->ttl;
}

static bool write_datagram(struct net *net, struct net_slot *slot, struct way *way,
                           const struct udp_output *output, net_time now) {
    struct writer writer;
    uint8_t discovery = output->socket->discovery;
    way->mtu = discovery == UDP_DISCOVER_PROBE ? way->out->mtu : way->mtu;
    uint32_t destination = net_ipv4_value(&output->peer.address);
    const struct udp_socket *socket = output->socket;
    struct ipv4_header header = {.source = way->source,
                                 .destination = destination,
                                 .protocol = IP_UDP,
                                 .ttl = ttl_of(output),
                                 .tos = output->marks.tos >= 0 ? (uint8_t)output->marks.tos : socket->tos,
                                 .dont_fragment = may_set_df(way, discovery)};
    struct udp_header ports = {.source_port = output->local.port, .destination_port = output->peer.port};
    if (!open_datagram(net, slot, way, &header, UDP_HEADER + output->payload.length, &writer, now)) {
        return false;
    }
    udp_write(&writer, &ports, way->source, destination, output->payload);
    return close_datagram(net, slot, &writer);
}

/* What goes to a group or to all may be for our own sockets too; with a TTL of 0 it is for nobody else.
 * False: it is for nobody at all. */
static bool judge_group(struct net *net, const struct udp_output *output, struct way *way) {
    uint32_t destination = net_ipv4_value(&output->peer.address);
    bool group = ipv4_is_multicast(destination), at_home = group && ttl_of(output) == 0;
    bool ours = group ? output->socket->group_loop && igmp_wants(&way->out->igmp, destination, way->source)
                      : routes_is_broadcast(&net->routes, destination);
    net->comes_back = ours && !at_home;
    if (at_home) {
        way->destination = way->out->mac;
    }
    return ours || !at_home;
}

static bool transmit_udp(struct net *net, struct net_slot *slot, net_time now) {
    struct udp_output output;
    while (udp_next(&net->udp, &output)) {
        struct way way;
        uint32_t destination = net_ipv4_value(&output.peer.address);
        uint32_t source = datagram_source(net, output.socket, &output.marks, destination);
        struct path path = datagram_path(net, &output.marks, source, destination);
        enum way_answer answer = take_path(net, path, source, destination, &way, now);
        if (answer == WAY_WAITING) {
            udp_wait(&net->udp, &output);
            continue;
        }
        bool made = answer == WAY_READY && judge_group(net, &output, &way) &&
                    write_datagram(net, slot, &way, &output, now);
        udp_sent(&net->udp, &output, answer == WAY_NONE ? way.error : ERR_NONE);
        datagram_changed(net, output.socket);
        if (made) {
            return true;
        }
    }
    return false;
}

/* ---- Packets for others ---- */

/* As it is; or in pieces, which must do without the options of the whole. */
static bool write_forwarded(struct net *net, struct net_slot *slot, struct interface *out,
                            struct mac destination, const struct forward_item *item) {
    if (item->length <= out->mtu) {
        struct writer writer = begin(slot, out, destination, ETHER_IPV4);
        write_bytes(&writer, item->bytes, item->length);
        return finish(net, slot, &writer);
    }
    struct ipv4_header header;
    struct span payload;
    struct writer writer;
    if (ipv4_parse(span_of(item->bytes, item->length), &header, &payload) != ERR_NONE ||
        !cutter_begin(&net->cutter, destination, &header, out->mtu, payload.length, &writer)) {
        return false;
    }
    net->pieces_come_back = false;
    net->cutting_for = out;
    write_bytes(&writer, payload.data, payload.length);
    return transmit_fragment(net, slot);
}

/* The next of a link's queue; its sender hears when nobody is there to take it. */
static bool transmit_queued(struct net *net, struct net_slot *slot, struct interface *out, net_time now) {
    struct forward_item *item;
    while ((item = forward_next(&out->forwarder)) != NULL) {
        struct mac destination;
        bool made = false;
        switch (neighbour_lookup(&out->neighbours, item->next_hop, &destination, now)) {
        case NEIGHBOUR_WAITING: item->waiting = true; continue;
        case NEIGHBOUR_READY: made = write_forwarded(net, slot, out, destination, item); break;
        case NEIGHBOUR_FAILED:
            net->counters.ipv4_forward_refused++;
            icmp_router_error(&net->icmp, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0,
                              span_of(item->bytes, item->length), now);
            break;
        }
        forward_done(&out->forwarder, item);
        net->counters.ipv4_forwarded += made;
        if (made) {
            return true;
        }
    }
    return false;
}

static bool transmit_forwarded(struct net *net, struct net_slot *slot, net_time now) {
    for (struct interface *i = net_next_interface(net, NULL); i != NULL; i = net_next_interface(net, i)) {
        if (i->up && transmit_queued(net, slot, i, now)) {
            return true;
        }
    }
    return false;
}

/* ---- TCP ---- */

/* Header, then the payload copied and summed in one pass; or, if the device sums, just copied. */
static void write_tcp(const struct net *net, struct net_slot *slot, struct writer *writer,
                      const struct tcp_departure *out, size_t header_length) {
    tcp_write(writer, &out->header);
    size_t length = header_length + out->payload[0].length + out->payload[1].length;
    uint8_t *to = write_space(writer, length - header_length);
    if (to == NULL) {
        return;
    }
    struct checksum sum = {0};
    for (int i = 0; i < 2; i++) {
        if (out->payload[i].length == 0) {
            continue;
        }
        if (net->config.checksum_out) {
            memcpy(to, out->payload[i].data, out->payload[i].length);
        } else {
            checksum_copy(&sum, to, out->payload[i].data, out->payload[i].length);
        }
        to += out->payload[i].length;
    }
    uint8_t *segment = slot->data + TCP_OFFSET;
    if (!net->config.checksum_out) {
        tcp_write_checksum(segment, header_length, length, out->key.local_address, out->key.peer_address,
                           &sum);
        return;
    }
    checksum_add_pseudo(&sum, out->key.local_address, out->key.peer_address, IP_TCP, (uint32_t)length);
    uint16_t start = checksum_folded(&sum);
    segment[TCP_CHECKSUM_OFFSET] = (uint8_t)(start >> 8);
    segment[TCP_CHECKSUM_OFFSET + 1] = (uint8_t)start;
    slot->checksum_start = TCP_OFFSET;
    slot->checksum_offset = TCP_CHECKSUM_OFFSET;
}

static bool write_segment(struct net *net, struct net_slot *slot, const struct way *way,
                          const struct tcp_departure *out, net_time now) {
    size_t header_length = tcp_header_length(&out->header);
    size_t length = out->payload[0].length + out->payload[1].length;
    uint32_t packets = out->gso_size != 0 ? (uint32_t)(length + out->gso_size - 1) / out->gso_size : 1;
    struct writer writer = begin(slot, way->out, way->destination, ETHER_IPV4);
    struct ipv4_header header = {.source = out->key.local_address,
                                 .destination = out->key.peer_address,
                                 .protocol = IP_TCP,
                                 .ttl = out->ttl,
                                 .tos = out->tos,
                                 .dont_fragment = way->dont_fragment};
    complete_header(net, &header, packets, now);
    ipv4_write(&writer, &header, header_length + length);
    write_tcp(net, slot, &writer, out, header_length);
    slot->gso_size = out->gso_size;
    slot->header_length = out->gso_size != 0 ? (uint16_t)(HEADERS + header_length) : 0;
    return finish(net, slot, &writer);
}

static bool transmit_tcp(struct net *net, struct net_slot *slot, net_time now) {
    struct tcp_turn turn;
    while (tcp_due(net->tcp, &turn, now)) {
        struct way way;
        struct tcp_departure out;
        switch (find_way(net, turn.source, turn.destination, &way, now)) {
        case WAY_WAITING: tcp_park(net->tcp, &turn); continue;
        case WAY_NONE: tcp_give_up(net->tcp, &turn, way.error, now); continue;
        case WAY_READY: break;
        }
        tcp_set_path(net->tcp, &turn, way.mtu);
        if (tcp_compose(net->tcp, &turn, slot->capacity - ETHERNET_HEADER, &out, now)) {
            if (out.unanswered) {
                neighbour_suspect(&way.out->neighbours, way.next_hop, now);
            }
            return write_segment(net, slot, &way, &out, now);
        }
    }
    return false;
}

/* ---- Whose turn it is ---- */

/* ARP and DHCP come first, for the others wait for what they bring; a datagram that is being cut goes on
 * before another is begun; then the rest take turns. */
static bool transmit_one(struct net *net, struct net_slot *slot, net_time now) {
    static bool (*const takers[])(struct net * net, struct net_slot * slot, net_time now) = {
        transmit_tcp, transmit_udp, transmit_dns, transmit_icmp, transmit_igmp, transmit_forwarded};
    const uint32_t count = sizeof takers / sizeof takers[0];
    net->comes_back = false;
    net_pass_time(net, now);
    if (transmit_arp(net, slot, now) || transmit_fragment(net, slot) || transmit_dhcp(net, slot, now)) {
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (takers[net->turn++ % count](net, slot, now)) {
            return true;
        }
    }
    /* Those who had their turn may have asked for a neighbour, or given a packet of somebody else's up. */
    return transmit_arp(net, slot, now) || transmit_icmp(net, slot, now) || transmit_arp(net, slot, now);
}

/* What is for ourselves comes in again at once. */
static bool is_looped(const struct net *net, const struct net_slot *slot) {
    return memcmp(slot->data, net->interface[slot->interface].mac.bytes, 6) == 0;
}

static void loop_back(struct net *net, const struct net_slot *slot, net_time now) {
    struct net_frame frame = {slot->data, slot->length, true, slot->gso_size, slot->interface};
    receive_looped(net, &frame, now);
}

bool net_transmit(struct net *net, struct net_slot *slot, net_time now) {
    net->latest = now;
    if (!net->up) {
        return false;
    }
    for (int i = 0; i < LOOPED_AT_ONCE; i++) {
        if (!transmit_one(net, slot, now)) {
            net->settled = true;
            return false;
        }
        bool leaves = !is_looped(net, slot);
        if (!leaves || net->comes_back) {
            loop_back(net, slot, now);
        }
        if (leaves) {
            return true;
        }
    }
    return false;
}
