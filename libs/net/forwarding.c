/* forwarding.c: what becomes of a packet that is for somebody else (RFC 1812 5): whether it goes on, over
 * which link, and what its sender hears when it does not. Read path/forward.h first; transmit.c sends what is
 * queued.
 *
 * As Linux: redirects are not sent, source routes are not obeyed, other options pass untouched, broadcasts
 * and groups stay on their link, and where a packet came from need not be where its sender is. */
#include "engine.h"
#include <net/wire/checksum.h>
#include <net/wire/tcp.h>
#include <net/wire/udp.h>

/* The sum of a segment or datagram that came with less than a whole one, because its device would have filled
 * it in. */
static void fill_in_sum(struct forward_item *item) {
    struct ipv4_header header;
    struct span payload;
    if (ipv4_parse(span_of(item->bytes, item->length), &header, &payload) != ERR_NONE ||
        ipv4_is_fragment(&header)) {
        return;
    }
    bool tcp = header.protocol == IP_TCP && payload.length >= TCP_HEADER;
    bool udp = header.protocol == IP_UDP && payload.length >= UDP_HEADER &&
               (size_t)(payload.data[4] << 8 | payload.data[5]) == payload.length;
    uint8_t *bytes = item->bytes + (payload.data - item->bytes);
    uint8_t *place = bytes + (tcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET);
    if ((!tcp && !udp) || (udp && place[0] == 0 && place[1] == 0)) {
        return;
    }
    struct checksum sum = {0};
    place[0] = place[1] = 0;
    checksum_add_pseudo(&sum, header.source, header.destination, header.protocol, (uint32_t)payload.length);
    checksum_add(&sum, bytes, payload.length);
    uint16_t value = checksum_value(&sum);
    struct writer writer = writer_of(place, 2);
    write_be16(&writer, udp && value == 0 ? UINT16_MAX : value);
}

static void refuse(struct net *net, uint8_t type, uint8_t code, uint16_t mtu, struct span packet,
                   net_time now) {
    net->counters.ipv4_forward_refused++;
    icmp_router_error(&net->icmp, type, code, mtu, packet, now);
}

void forward_packet(struct net *net, const struct ipv4_header *header, struct span packet, bool sum_unsure,
                    net_time now) {
    if (!ipv4_is_source(header->destination) || ipv4_is_loopback(header->destination)) {
        net->counters.ipv4_forward_refused++; /* no station's address */
        return;
    }
    struct path path = routes_find(&net->routes, header->destination, 0);
    struct interface *out = &net->interface[path.interface];
    if (path.kind != PATH_NEIGHBOUR || !out->up) {
        refuse(net, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0, packet, now);
    } else if (header->ttl <= 1) {
        refuse(net, ICMP_TIME_EXCEEDED, ICMP_TTL_EXCEEDED, 0, packet, now);
    } else if (packet.length > out->mtu && header->dont_fragment) {
        refuse(net, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, out->mtu, packet, now);
    } else {
        struct forward_item *item = forward_put(&out->forwarder, packet, path.next_hop);
        if (item != NULL && sum_unsure) {
            fill_in_sum(item);
        }
    }
}

void net_set_forwarding(struct net *net, bool on) {
    net->config.forward = on;
}
