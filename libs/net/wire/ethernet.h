/* ethernet.h: Ethernet II frames, without the FCS. */
#pragma once

#include <base/error.h>
#include <base/span.h>

#define ETHERNET_HEADER  14
#define ETHERNET_MINIMUM 60 /* shorter frames are padded */

enum ether_type { ETHER_IPV4 = 0x0800, ETHER_ARP = 0x0806, ETHER_IPV6 = 0x86dd };

struct mac {
    uint8_t bytes[6];
};

extern const struct mac MAC_BROADCAST;

static inline struct mac mac_of(const uint8_t bytes[6]) {
    struct mac mac;
    memcpy(mac.bytes, bytes, 6);
    return mac;
}

static inline bool mac_equal(struct mac a, struct mac b) {
    return memcmp(a.bytes, b.bytes, 6) == 0;
}

/* A group address: multicast, or broadcast. */
static inline bool mac_is_group(struct mac mac) {
    return (mac.bytes[0] & 1) != 0;
}

/* Neither a group nor all zeros: an address that one station can have. */
bool mac_is_station(struct mac mac);

struct ethernet_header {
    struct mac destination, source;
    uint16_t type; /* enum ether_type */
};

/* ERR_MALFORMED: shorter than a header, or the source is a group. *payload: what follows the header, padding
 * included. */
enum error ethernet_parse(struct span frame, struct ethernet_header *header, struct span *payload);
void ethernet_write(struct writer *writer, const struct ethernet_header *header);
