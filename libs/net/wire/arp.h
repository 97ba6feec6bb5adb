/* arp.h: ARP packets for IPv4 over Ethernet (RFC 826). */
#pragma once

#include <net/wire/ethernet.h>

#define ARP_LENGTH 28

enum arp_operation { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_packet {
    uint16_t operation; /* enum arp_operation */
    struct mac sender_mac, target_mac;
    uint32_t sender_address, target_address; /* IPv4, host order */
};

/* ERR_MALFORMED: short, of another hardware or protocol, neither request nor reply, or a sender that cannot
 * be one (group MAC address; 0.0.0.0 is a probe, RFC 5227, and allowed in requests). */
enum error arp_parse(struct span bytes, struct arp_packet *packet);
void arp_write(struct writer *writer, const struct arp_packet *packet);
