/* ethernet.c: Ethernet II headers. */
#include <net/wire/ethernet.h>

const struct mac MAC_BROADCAST = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

bool mac_is_station(struct mac mac) {
    static const struct mac none = {{0}};
    return !mac_is_group(mac) && !mac_equal(mac, none);
}

enum error ethernet_parse(struct span frame, struct ethernet_header *header, struct span *payload) {
    struct reader reader = reader_of(frame);
    read_copy(&reader, header->destination.bytes, 6);
    read_copy(&reader, header->source.bytes, 6);
    header->type = read_be16(&reader);
    *payload = reader.left;
    return reader.failed || mac_is_group(header->source) ? ERR_MALFORMED : ERR_NONE;
}

void ethernet_write(struct writer *writer, const struct ethernet_header *header) {
    write_bytes(writer, header->destination.bytes, 6);
    write_bytes(writer, header->source.bytes, 6);
    write_be16(writer, header->type);
}
