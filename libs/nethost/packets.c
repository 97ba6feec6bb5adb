/* packets.c: packets in and out, with and without Ethernet around them; read nethost.h first. */
#include "instance.h"
#include <net/wire/arp.h>
#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>
#include <stdlib.h>

#define INTRODUCED_FOR (10 * NET_SECOND) /* less than ARP believes */

/* Where there are only datagrams all others share one station. */
static const struct mac others = {{2, 0, 0, 0, 2, 254}};

/* ---- In ---- */

static struct mac receiver_of(const struct nethost *host, const uint8_t *packet, size_t length) {
    struct mac mac = mac_of(host->config.mac);
    if (length < IPV4_HEADER) {
        return mac;
    }
    uint32_t to = ipv4_of(packet[16], packet[17], packet[18], packet[19]);
    if (to == IPV4_BROADCAST) {
        return MAC_BROADCAST;
    }
    if (ipv4_is_multicast(to)) {
        return (struct mac){{1, 0, 0x5e, packet[17] & 0x7f, packet[18], packet[19]}};
    }
    return mac;
}

static void give(struct nethost *host, const void *frame, size_t length, bool checksum_good,
                 uint16_t gso_size) {
    net_receive(host->net, &(struct net_frame){frame, length, checksum_good, gso_size, 0}, host->now);
}

static void give_arp(struct nethost *host, uint16_t operation, uint32_t of, uint32_t to) {
    struct arp_packet arp = {.operation = operation,
                             .sender_mac = others,
                             .target_mac = mac_of(host->config.mac),
                             .sender_address = of,
                             .target_address = to};
    uint8_t bytes[ETHERNET_MINIMUM];
    struct writer writer = writer_of(bytes, sizeof bytes);
    ethernet_write(&writer, &(struct ethernet_header){arp.target_mac, others, ETHER_ARP});
    arp_write(&writer, &arp);
    give(host, bytes, writer.length, false, 0);
}

/* What answers a stranger must not wait for ARP, for answers that belong to no connection do not: as if he
 * had asked for us just before, now and then. */
static void introduce(struct nethost *host, const uint8_t *packet, size_t length) {
    if (length < IPV4_HEADER) {
        return;
    }
    uint32_t from = ipv4_of(packet[12], packet[13], packet[14], packet[15]);
    uint32_t to = ipv4_of(packet[16], packet[17], packet[18], packet[19]);
    struct net_interface interface;
    net_interface(host->net, &interface);
    bool forged = from == IPV4_ANY || from == net_ipv4_value(&interface.address);
    if (forged) {
        return;
    }
    if (from != host->introduced || host->now - host->introduced_at >= INTRODUCED_FOR) {
        host->introduced = from;
        host->introduced_at = host->now;
        give_arp(host, ARP_REQUEST, from, to);
    }
}

/* The slot is free between calls, so the header can be put before the packet there. */
static void give_datagram(struct nethost *host, const uint8_t *packet, size_t length, bool checksum_good,
                          uint16_t gso_size) {
    struct writer writer = writer_of(host->slot, NETHOST_SLOT);
    introduce(host, packet, length);
    struct ethernet_header header = {receiver_of(host, packet, length), others, ETHER_IPV4};
    ethernet_write(&writer, &header);
    write_bytes(&writer, packet, length);
    if (!writer.failed) {
        give(host, host->slot, writer.length, checksum_good, gso_size);
    }
}

static void drop_given(struct nethost *host) {
    free(host->given);
    host->given = NULL;
}

void nethost_input_offloaded(struct nethost *host, const void *packet, size_t length, bool checksum_good,
                             uint16_t gso_size) {
    drop_given(host);
    if (host->config.mode == NETHOST_DATAGRAMS) {
        give_datagram(host, packet, length, checksum_good, gso_size);
    } else {
        give(host, packet, length, checksum_good, gso_size);
    }
    (void)nethost_tell(host);
}

void nethost_input(struct nethost *host, const void *packet, size_t length) {
    nethost_input_offloaded(host, packet, length, false, 0);
}

/* ---- Out ---- */

/* Whoever is asked for is there; but nobody has our own address, whose probes and announcements these are. */
static void answer_arp(struct nethost *host, struct span packet) {
    struct arp_packet arp;
    if (arp_parse(packet, &arp) != ERR_NONE || arp.operation != ARP_REQUEST ||
        arp.sender_address == arp.target_address || arp.sender_address == IPV4_ANY) {
        return;
    }
    give_arp(host, ARP_REPLY, arp.target_address, arp.sender_address);
}

/* Takes the Ethernet header off, and padding. false: it was no datagram; ARP gets its answer. */
static bool unwrap(struct nethost *host, struct nethost_packet *packet) {
    struct ethernet_header ethernet;
    struct ipv4_header ip;
    struct span inner, payload;
    if (ethernet_parse(span_of(packet->data, packet->length), &ethernet, &inner) != ERR_NONE) {
        return false;
    }
    if (ethernet.type == ETHER_ARP) {
        answer_arp(host, inner);
    }
    if (ethernet.type != ETHER_IPV4 || ipv4_parse(inner, &ip, &payload) != ERR_NONE) {
        return false;
    }
    packet->data = inner.data;
    packet->length = (size_t)(payload.data - inner.data) + payload.length;
    packet->checksum_start -= packet->checksum_start != 0 ? ETHERNET_HEADER : 0;
    packet->header_length -= packet->header_length != 0 ? ETHERNET_HEADER : 0;
    return true;
}

static bool transmit(struct nethost *host, struct nethost_packet *packet) {
    struct net_slot slot = {.data = host->slot, .capacity = NETHOST_SLOT};
    while (net_transmit(host->net, &slot, host->now)) {
        *packet = (struct nethost_packet){.data = slot.data,
                                          .length = slot.length,
                                          .time = host->now,
                                          .checksum_start = slot.checksum_start,
                                          .checksum_offset = slot.checksum_offset,
                                          .gso_size = slot.gso_size,
                                          .header_length = slot.header_length};
        if (host->config.mode == NETHOST_FRAMES || unwrap(host, packet)) {
            return true;
        }
    }
    return false;
}

bool nethost_collect(struct nethost *host) {
    struct nethost_packet packet;
    bool any = false;
    while (transmit(host, &packet)) {
        struct departed *departed = malloc(sizeof *departed + packet.length);
        any = true;
        if (departed == NULL) {
            continue; /* lost on the way, as far as the engine is concerned */
        }
        *departed = (struct departed){.packet = packet};
        memcpy(departed->bytes, packet.data, packet.length);
        departed->packet.data = departed->bytes;
        *host->last = departed;
        host->last = &departed->next;
    }
    return any;
}

void nethost_forget_departed(struct nethost *host) {
    drop_given(host);
    while (host->first != NULL) {
        struct departed *first = host->first;
        host->first = first->next;
        free(first);
    }
    host->last = &host->first;
}

bool nethost_output(struct nethost *host, struct nethost_packet *packet) {
    drop_given(host);
    if (host->first == NULL) {
        bool any = transmit(host, packet);
        if (any || host->config.wake == NULL || !nethost_tell(host)) {
            return any;
        }
        return transmit(host, packet);
    }
    host->given = host->first;
    host->first = host->given->next;
    host->last = host->first == NULL ? &host->first : host->last;
    *packet = host->given->packet;
    return true;
}
