/* arp.c: ARP packets (RFC 826). */
#include <net/wire/arp.h>
#include <net/wire/ipv4.h>

#define HARDWARE_ETHERNET 1

enum error arp_parse(struct span bytes, struct arp_packet *packet) {
    struct reader reader = reader_of(bytes);
    bool ethernet = read_be16(&reader) == HARDWARE_ETHERNET;
    bool ipv4 = read_be16(&reader) == ETHER_IPV4;
    uint8_t hardware_length = read_u8(&reader), protocol_length = read_u8(&reader);
    packet->operation = read_be16(&reader);
    read_copy(&reader, packet->sender_mac.bytes, 6);
    packet->sender_address = read_be32(&reader);
    read_copy(&reader, packet->target_mac.bytes, 6);
    packet->target_address = read_be32(&reader);
    if (reader.failed || !ethernet || !ipv4 || hardware_length != 6 || protocol_length != 4 ||
        !mac_is_station(packet->sender_mac)) {
        return ERR_MALFORMED;
    }
    bool probe = packet->operation == ARP_REQUEST && packet->sender_address == IPV4_ANY;
    bool known = packet->operation == ARP_REQUEST || packet->operation == ARP_REPLY;
    bool sender = ipv4_is_source(packet->sender_address) || probe;
    return known && sender ? ERR_NONE : ERR_MALFORMED;
}

void arp_write(struct writer *writer, const struct arp_packet *packet) {
    write_be16(writer, HARDWARE_ETHERNET);
    write_be16(writer, ETHER_IPV4);
    write_u8(writer, 6);
    write_u8(writer, 4);
    write_be16(writer, packet->operation);
    write_bytes(writer, packet->sender_mac.bytes, 6);
    write_be32(writer, packet->sender_address);
    write_bytes(writer, packet->target_mac.bytes, 6);
    write_be32(writer, packet->target_address);
}
