/* receive.c: a frame's whole way in, read from top to bottom: Ethernet, then ARP or IPv4, then ICMP, UDP or
 * TCP.
 *
 * Nothing is sent from here and nothing of the frame is kept: the protocols copy what they store and mark
 * what is due. What is wrong with a frame is counted where it is seen. A packet filter's hooks have their
 * places here: prerouting, input and forward; output and postrouting are in transmit.c. */
#include "engine.h"
#include <net/wire/udp.h>

/* What is known about the packet so far. */
struct packet {
    struct interface *in;
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct span bytes;   /* from the IPv4 header on, without padding */
    struct span payload; /* behind the IPv4 header */
    bool checksum_good;  /* somebody vouches for the transport's sum */
    uint16_t gso_size;   /* as in struct net_frame */
    bool looped;         /* it has never left us: transmit.c says so, no field of the frame does */
    bool to_us;          /* to one of our own addresses, no group or broadcast */
    net_time now;
};

static void receive_arp(struct net *net, const struct packet *packet, struct span payload);
static void receive_ipv4(struct net *net, struct packet *packet, struct span bytes);
static void receive_icmp(struct net *net, struct packet *packet);
static void receive_igmp(struct net *net, struct packet *packet);
static void receive_udp(struct net *net, struct packet *packet);
static void receive_tcp(struct net *net, struct packet *packet);

/* ---- Ethernet ---- */

static void receive_frame(struct net *net, const struct net_frame *frame, bool looped, net_time now) {
    struct packet packet = {
        .looped = looped, .checksum_good = frame->checksum_good, .gso_size = frame->gso_size, .now = now};
    struct span payload;
    net->settled = false;
    net->latest = now;
    net->counters.frames_in++;
    if (frame->interface >= net->interface_count || !net->interface[frame->interface].up) {
        net->counters.frames_link_down++;
        return;
    }
    packet.in = &net->interface[frame->interface];
    packet.in->frames_in += !looped;
    if (ethernet_parse(span_of(frame->data, frame->length), &packet.ethernet, &payload) != ERR_NONE) {
        net->counters.ethernet_short++;
        return;
    }
    struct mac destination = packet.ethernet.destination;
    if (!mac_is_group(destination) && !mac_equal(destination, packet.in->mac)) {
        net->counters.ethernet_not_ours++;
        return;
    }
    switch (packet.ethernet.type) {
    case ETHER_ARP: receive_arp(net, &packet, payload); break;
    case ETHER_IPV4: receive_ipv4(net, &packet, payload); break;
    default: net->counters.ethernet_unknown_type++; break;
    }
}

void net_receive(struct net *net, const struct net_frame *frame, net_time now) {
    receive_frame(net, frame, false, now);
}

void receive_looped(struct net *net, const struct net_frame *frame, net_time now) {
    receive_frame(net, frame, true, now);
}

/* ---- ARP ---- */

static void receive_arp(struct net *net, const struct packet *packet, struct span payload) {
    struct interface *in = packet->in;
    struct arp_packet arp;
    if (arp_parse(payload, &arp) != ERR_NONE) {
        net->counters.arp_malformed++;
        return;
    }
    if (!claims_input(&in->claims, &arp, packet->now)) {
        neighbours_input(&in->neighbours, &net->routes, &arp, packet->now);
    }
}

/* ---- IPv4 ---- */

/* RFC 1122 3.2.1.3: addresses that no packet may come from. What comes from one of our own is a forgery,
 * unless it has never left us. */
static bool good_source(const struct net *net, const struct packet *packet) {
    uint32_t source = packet->ipv4.source;
    if (source == IPV4_ANY && packet->ipv4.protocol == IP_IGMP) {
        return true; /* a switch that asks in a router's place has no address (RFC 4541 2.1.1) */
    }
    bool own = ipv4_is_loopback(source) || routes_is_own(&net->routes, source);
    return ipv4_is_source(source) && !routes_is_broadcast(&net->routes, source) && own == packet->looped;
}

/* While there is no lease yet, the answer of a DHCP server comes to the address that it is about to give. */
static bool is_lease_offer(const struct net *net, const struct packet *packet) {
    struct reader reader = reader_of(packet->payload);
    (void)read_be16(&reader);
    return net->config.dhcp && !dhcp_is_bound(&net->dhcp) && packet->ipv4.protocol == IP_UDP &&
           !mac_is_group(packet->ethernet.destination) && read_be16(&reader) == DHCP_CLIENT_PORT;
}

/* Only the groups that somebody here is in (RFC 1122 3.3.7); the others count apart. */
static bool is_for_our_group(struct net *net, const struct packet *packet) {
    if (!ipv4_is_multicast(packet->ipv4.destination)) {
        return false;
    }
    bool wanted = igmp_wants(&packet->in->igmp, packet->ipv4.destination, packet->ipv4.source);
    net->counters.ipv4_other_group += !wanted;
    return wanted;
}

static bool is_for_us(struct net *net, struct packet *packet) {
    uint32_t destination = packet->ipv4.destination;
    bool own = routes_is_own(&net->routes, destination) || (ipv4_is_loopback(destination) && packet->looped);
    packet->to_us = own && !mac_is_group(packet->ethernet.destination);
    return packet->to_us || routes_is_broadcast(&net->routes, destination) || is_for_our_group(net, packet) ||
           is_lease_offer(net, packet);
}

static void deliver(struct net *net, struct packet *packet) {
    switch (packet->ipv4.protocol) {
    case IP_ICMP: receive_icmp(net, packet); break;
    case IP_IGMP: receive_igmp(net, packet); break;
    case IP_UDP: receive_udp(net, packet); break;
    case IP_TCP: receive_tcp(net, packet); break;
    default:
        net->counters.ipv4_unknown_protocol++;
        if (packet->to_us) {
            icmp_error(&net->icmp, ICMP_UNREACHABLE, ICMP_PROTOCOL_UNREACHABLE, packet->bytes, packet->now);
        }
    }
}

/* Whoever has vouched for the sum of a fragment knew nothing of the whole. */
static void receive_fragment(struct net *net, struct packet *packet) {
    struct fragment fragment = {packet->bytes, packet->payload, &packet->ipv4, packet->to_us};
    struct reassembled whole;
    if (!reassembly_input(&net->reassembler, &fragment, &whole, packet->now)) {
        return;
    }
    packet->bytes = whole.packet;
    packet->to_us = whole.to_us;
    packet->checksum_good = false;
    packet->gso_size = 0;
    if (ipv4_parse(whole.packet, &packet->ipv4, &packet->payload) == ERR_NONE) {
        /* input */
        deliver(net, packet);
    }
    reassembly_release(&net->reassembler);
}

/* What is for somebody else and was sent to us on purpose is passed on, if that is our task. */
static void receive_for_others(struct net *net, const struct packet *packet) {
    bool ours_to_carry =
        net->config.forward && !packet->looped && !mac_is_group(packet->ethernet.destination);
    if (ipv4_is_multicast(packet->ipv4.destination)) {
        return; /* counted already */
    }
    if (!ours_to_carry) {
        net->counters.ipv4_not_ours++;
    } else if (packet->gso_size != 0) {
        net->counters.ipv4_forward_merged++;
    } else {
        /* forward */
        forward_packet(net, &packet->ipv4, packet->bytes, packet->checksum_good, packet->now);
    }
}

/* Who sends a wrong option is told (RFC 1122 3.2.2.5), if nothing else is wrong. */
static void report_option(struct net *net, struct packet *packet, struct span bytes) {
    bool to_a_group = ipv4_is_multicast(packet->ipv4.destination);
    if (ipv4_checksum_good(bytes) && good_source(net, packet) && !to_a_group && is_for_us(net, packet) &&
        packet->to_us) {
        icmp_error_option(&net->icmp, packet->ipv4.bad_option, bytes, packet->now);
    }
}

static void receive_ipv4(struct net *net, struct packet *packet, struct span bytes) {
    enum error error = ipv4_parse(bytes, &packet->ipv4, &packet->payload);
    if (error != ERR_NONE) {
        net->counters.ipv4_malformed++;
        if (error == ERR_NOT_SUPPORTED) {
            report_option(net, packet, bytes);
        }
        return;
    }
    if (!ipv4_checksum_good(bytes)) {
        net->counters.ipv4_checksum++;
        return;
    }
    packet->bytes = span_of(bytes.data, (size_t)(packet->payload.data - bytes.data) + packet->payload.length);
    if (!good_source(net, packet)) {
        net->counters.ipv4_bad_source++;
        return;
    }
    /* prerouting */
    if (!is_for_us(net, packet)) {
        receive_for_others(net, packet);
        return;
    }
    if (ipv4_is_fragment(&packet->ipv4)) {
        receive_fragment(net, packet);
        return;
    }
    /* input */
    deliver(net, packet);
}

/* ---- ICMP ---- */

/* Is this an address that we may have sent from, so that a report with it can be about us? */
static bool is_our_source(const struct net *net, const struct packet *packet, uint32_t address) {
    return routes_is_own(&net->routes, address) || (packet->looped && ipv4_is_loopback(address));
}

/* What did not fit into `told` bytes (0: the router did not say). Only less than is believed is news. */
static void learn_mtu(struct net *net, const struct icmp_report *report, net_time now) {
    uint32_t destination = report->quote.destination;
    uint16_t told = report->mtu != 0 ? report->mtu : mtu_plateau(report->quote.length);
    if (told < net_path_mtu(net, destination, now)) {
        (void)mtu_learn(&net->mtus, destination, told, now);
        net->counters.ipv4_mtu_learned++;
    }
}

static void take_tcp_report(struct net *net, const struct icmp_report *report, net_time now) {
    const struct icmp_quote *quote = &report->quote;
    struct tcp_key key = {quote->source, quote->destination, quote->source_port, quote->destination_port};
    if (report->error != ERR_MESSAGE_SIZE) {
        tcp_unreachable(net->tcp, &key, quote->sequence, report->error);
    } else if (tcp_is_on_its_way(net->tcp, &key, quote->sequence)) {
        learn_mtu(net, report, now);
        tcp_too_large(net->tcp, &key, net_path_mtu(net, quote->destination, now), now);
    } else {
        net->counters.icmp_unmatched++;
    }
}

static void take_udp_report(struct net *net, const struct icmp_report *report, net_time now) {
    const struct icmp_quote *quote = &report->quote;
    struct net_endpoint local = {net_ipv4(quote->source), quote->source_port};
    struct net_endpoint peer = {net_ipv4(quote->destination), quote->destination_port};
    bool ours = udp_may_have_sent(&net->udp, &local, &peer);
    if (ours && report->error == ERR_MESSAGE_SIZE) {
        learn_mtu(net, report, now);
    }
    struct udp_socket *socket = udp_report(&net->udp, &local, &peer, report->error);
    if (socket != NULL) {
        datagram_changed(net, socket);
    }
    net->counters.icmp_unmatched += !ours;
}

static void take_report(struct net *net, const struct packet *packet, const struct icmp_report *report) {
    if (!is_our_source(net, packet, report->quote.source)) {
        net->counters.icmp_unmatched++;
        return;
    }
    switch (report->quote.protocol) {
    case IP_TCP: take_tcp_report(net, report, packet->now); break;
    case IP_UDP: take_udp_report(net, report, packet->now); break;
    default: net->counters.icmp_unmatched++; break; /* nothing else of ours waits for an answer, nor has DF */
    }
}

static void receive_icmp(struct net *net, struct packet *packet) {
    struct icmp_message message;
    struct icmp_report report;
    if (icmp_parse(packet->payload, &message) != ERR_NONE) {
        net->counters.icmp_malformed++;
        return;
    }
    if (!icmp_checksum_good(packet->payload)) {
        net->counters.icmp_checksum++;
        return;
    }
    if (icmp_input(&net->icmp, &packet->ipv4, &message, packet->to_us, &report, packet->now)) {
        take_report(net, packet, &report);
    }
}

/* ---- IGMP ---- */

static void receive_igmp(struct net *net, struct packet *packet) {
    struct igmp_message message;
    if (igmp_parse(packet->payload, &message) != ERR_NONE) {
        net->counters.igmp_malformed++;
    } else if (!igmp_checksum_good(packet->payload)) {
        net->counters.igmp_checksum++;
    } else {
        igmp_input(&packet->in->igmp, &message, packet->now);
    }
}

/* ---- UDP ---- */

static void receive_dhcp(struct net *net, struct span payload, net_time now) {
    struct dhcp_message message;
    if (dhcp_parse(payload, &message) != ERR_NONE) {
        net->counters.dhcp_malformed++;
        return;
    }
    dhcp_input(&net->dhcp, &message, now);
}

/* To a group or to all: a copy for each that listens. */
static void receive_by_all(struct net *net, const struct udp_arrival *arrival) {
    struct udp_socket *socket = udp_input_to_all(&net->udp, arrival, NULL);
    net->counters.udp_no_socket += socket == NULL;
    for (; socket != NULL; socket = udp_input_to_all(&net->udp, arrival, socket)) {
        datagram_changed(net, socket);
    }
}

static void receive_datagram(struct net *net, const struct packet *packet,
                             const struct udp_arrival *arrival) {
    if (!packet->to_us) {
        receive_by_all(net, arrival);
        return;
    }
    struct udp_socket *socket = udp_input(&net->udp, arrival);
    if (socket != NULL) {
        datagram_changed(net, socket);
        return;
    }
    net->counters.udp_no_socket++;
    icmp_error(&net->icmp, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, packet->bytes, packet->now);
}

static void receive_udp(struct net *net, struct packet *packet) {
    struct udp_header header;
    struct udp_arrival arrival;
    if (udp_parse(packet->payload, &header, &arrival.payload) != ERR_NONE) {
        net->counters.udp_malformed++;
        return;
    }
    if (!packet->checksum_good &&
        !udp_checksum_good(packet->payload, packet->ipv4.source, packet->ipv4.destination)) {
        net->counters.udp_checksum++;
        return;
    }
    net->counters.udp_in++;
    arrival.interface = packet->in->number;
    arrival.ttl = packet->ipv4.ttl;
    arrival.tos = packet->ipv4.tos;
    arrival.looped = packet->looped && packet->to_us;
    arrival.source = (struct net_endpoint){net_ipv4(packet->ipv4.source), header.source_port};
    arrival.destination = (struct net_endpoint){net_ipv4(packet->ipv4.destination), header.destination_port};
    bool from_dhcp_server =
        header.destination_port == DHCP_CLIENT_PORT && header.source_port == DHCP_SERVER_PORT;
    if (net->config.dhcp && from_dhcp_server) {
        receive_dhcp(net, arrival.payload, packet->now);
    } else if (packet->to_us && dns_wants(&net->dns, header.destination_port)) {
        dns_input(&net->dns, &arrival.source, header.destination_port, arrival.payload, packet->now);
    } else {
        receive_datagram(net, packet, &arrival);
    }
}

/* ---- TCP ---- */

/* Port 0 is nobody's; to the sockets it means "not connected". */
static bool has_ports(const struct tcp_header *header) {
    return header->source_port != 0 && header->destination_port != 0;
}

static void receive_tcp(struct net *net, struct packet *packet) {
    struct tcp_segment segment;
    if (!packet->to_us) { /* RFC 9293 MUST-57: never to a group */
        net->counters.tcp_malformed++;
        return;
    }
    if (tcp_parse(packet->payload, &segment.header, &segment.payload) != ERR_NONE ||
        !has_ports(&segment.header)) {
        net->counters.tcp_malformed++;
        return;
    }
    if (!packet->checksum_good &&
        !tcp_checksum_good(packet->payload, packet->ipv4.source, packet->ipv4.destination)) {
        net->counters.tcp_checksum++;
        return;
    }
    net->counters.tcp_in++;
    segment.gso_size = packet->gso_size;
    segment.tos = packet->ipv4.tos;
    segment.key = (struct tcp_key){packet->ipv4.destination, packet->ipv4.source,
                                   segment.header.destination_port, segment.header.source_port};
    if (tcp_input(net->tcp, &segment, packet->now)) { /* RFC 1122 2.3.2.1: ARP need not ask */
        struct path back = routes_find(&net->routes, packet->ipv4.source, 0);
        neighbour_confirm(&net->interface[back.interface].neighbours, back.next_hop, packet->now);
    }
}
