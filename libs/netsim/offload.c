/* offload.c: what devices do for engines, done by hand; read offload.h first. */
#include <assert.h>
#include <base/span.h>
#include <net/wire/checksum.h>
#include <net/wire/ethernet.h>
#include <net/wire/tcp.h>
#include <netsim/offload.h>
#include <stdlib.h>

enum { FRAME_MAX = 14 + 65535 };
enum { IPV4_TOTAL = 14 + 2, IPV4_ID = 14 + 4, IPV4_SUM = 14 + 10, TCP_SEQ = 4, TCP_FLAGS = 13 };

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Stores the sum over everything from `start` on, to which the pseudo header's part has been added in its
 * place. */
static void sum_up(uint8_t *frame, size_t length, uint16_t start, uint16_t offset) {
    assert(start + offset + 2u <= length);
    uint16_t value = checksum_of(frame + start, length - start);
    put16(frame + start + offset, value != 0 ? value : 0xffff);
}

/* One piece of a segment that was too long: headers with its own length, id, sequence number and flags. */
static size_t make_piece(uint8_t *piece, const struct net_slot *slot, size_t from, size_t length,
                         uint16_t index) {
    size_t headers = slot->header_length;
    bool last = from + length == slot->length;
    memcpy(piece, slot->data, headers);
    memcpy(piece + headers, slot->data + from, length);
    uint8_t *tcp = piece + slot->checksum_start;
    put16(piece + IPV4_TOTAL, (uint16_t)(headers + length - ETHERNET_HEADER));
    put16(piece + IPV4_ID, (uint16_t)(get16(piece + IPV4_ID) + index));
    put16(piece + IPV4_SUM, 0);
    put16(piece + IPV4_SUM, checksum_of(piece + ETHERNET_HEADER, IPV4_HEADER));
    struct writer seq = writer_of(tcp + TCP_SEQ, 4);
    struct reader old = reader_of(span_of(slot->data + slot->checksum_start + TCP_SEQ, 4));
    write_be32(&seq, read_be32(&old) + (uint32_t)(from - headers));
    tcp[TCP_FLAGS] &= last ? 0xff : (uint8_t) ~(TCP_FIN | TCP_PSH);
    /* The sum in place is over a pseudo header with the length of all: take that out and put this one's in.
     */
    uint16_t whole = (uint16_t)(slot->length - slot->checksum_start);
    uint16_t mine = (uint16_t)(headers + length - slot->checksum_start);
    uint16_t partial = get16(tcp + slot->checksum_offset);
    put16(tcp + slot->checksum_offset, (uint16_t)~checksum_update((uint16_t)~partial, whole, mine));
    sum_up(piece, headers + length, slot->checksum_start, slot->checksum_offset);
    return headers + length;
}

void offload_finish(const struct net_slot *slot,
                    void (*send)(void *context, const uint8_t *frame, size_t length), void *context) {
    uint8_t *frame = malloc(FRAME_MAX);
    if (slot->gso_size == 0) {
        memcpy(frame, slot->data, slot->length);
        if (slot->checksum_start != 0) {
            sum_up(frame, slot->length, slot->checksum_start, slot->checksum_offset);
        }
        send(context, frame, slot->length);
    }
    uint16_t index = 0;
    for (size_t from = slot->header_length; slot->gso_size != 0 && from < slot->length;
         from += slot->gso_size) {
        size_t left = slot->length - from;
        size_t length = make_piece(frame, slot, from, left < slot->gso_size ? left : slot->gso_size, index++);
        send(context, frame, length);
    }
    free(frame);
}

/* ---- Merging ---- */

#define MERGED_MAX (ETHERNET_HEADER + 65535)

/* A frame that a device would merge, taken apart. */
struct part {
    struct ipv4_header ip;
    struct tcp_header tcp;
    struct span payload;
    size_t headers;
};

/* The device vouches for the sums of what it merges, so it has to look at them. */
static bool can_merge(const uint8_t *frame, size_t length, struct part *part) {
    struct ethernet_header ethernet;
    struct span packet, segment;
    if (ethernet_parse(span_of(frame, length), &ethernet, &packet) != ERR_NONE ||
        ethernet.type != ETHER_IPV4 || ipv4_parse(packet, &part->ip, &segment) != ERR_NONE ||
        !ipv4_checksum_good(packet) || part->ip.protocol != IP_TCP || ipv4_is_fragment(&part->ip) ||
        part->ip.options.length != 0 || tcp_parse(segment, &part->tcp, &part->payload) != ERR_NONE ||
        !tcp_checksum_good(segment, part->ip.source, part->ip.destination)) {
        return false;
    }
    part->headers = (size_t)(part->payload.data - frame);
    return part->payload.length != 0 && (part->tcp.flags & ~TCP_PSH & ~TCP_FIN) == TCP_ACK;
}

/* Do they differ in nothing but the place in the stream, and follow each other? */
static bool follows(const struct merged *merged, const struct part *first, const uint8_t *frame,
                    const struct part *next) {
    size_t held = merged->length - first->headers, options = ETHERNET_HEADER + IPV4_HEADER + TCP_HEADER;
    return next->headers == first->headers && next->ip.source == first->ip.source &&
           next->ip.destination == first->ip.destination && next->ip.tos == first->ip.tos &&
           next->tcp.source_port == first->tcp.source_port &&
           next->tcp.destination_port == first->tcp.destination_port &&
           seq_equal(next->tcp.ack, first->tcp.ack) &&
           seq_equal(next->tcp.seq, seq_add(first->tcp.seq, (uint32_t)held)) &&
           memcmp(frame + options, merged->frame + options, first->headers - options) == 0 &&
           next->payload.length <= merged->gso_size && merged->length + next->payload.length <= MERGED_MAX;
}

static void begin_merging(struct merged *merged, const uint8_t *frame, const struct part *part) {
    merged->length = part->headers + part->payload.length;
    merged->gso_size = (uint16_t)part->payload.length;
    merged->count = 1;
    merged->ended = (part->tcp.flags & (TCP_PSH | TCP_FIN)) != 0;
    memcpy(merged->frame, frame, merged->length);
}

static void append(struct merged *merged, const struct part *next) {
    memcpy(merged->frame + merged->length, next->payload.data, next->payload.length);
    merged->length += next->payload.length;
    merged->count++;
    merged->frame[ETHERNET_HEADER + IPV4_HEADER + TCP_FLAGS] |= next->tcp.flags;
    merged->ended = next->payload.length < merged->gso_size || (next->tcp.flags & (TCP_PSH | TCP_FIN)) != 0;
    put16(merged->frame + IPV4_TOTAL, (uint16_t)(merged->length - ETHERNET_HEADER));
    put16(merged->frame + IPV4_SUM, 0);
    put16(merged->frame + IPV4_SUM, checksum_of(merged->frame + ETHERNET_HEADER, IPV4_HEADER));
}

bool offload_merge(struct merged *merged, const uint8_t *frame, size_t length) {
    struct part first, next;
    if (!can_merge(frame, length, &next)) {
        return false;
    }
    if (merged->count == 0) {
        begin_merging(merged, frame, &next);
        return true;
    }
    /* The TCP sum of what is merged is wrong by now: its headers are parsed without it. */
    struct span packet = span_of(merged->frame + ETHERNET_HEADER, merged->length - ETHERNET_HEADER), segment;
    if (merged->ended || ipv4_parse(packet, &first.ip, &segment) != ERR_NONE ||
        tcp_parse(segment, &first.tcp, &first.payload) != ERR_NONE) {
        return false;
    }
    first.headers = (size_t)(first.payload.data - merged->frame);
    if (!follows(merged, &first, frame, &next)) {
        return false;
    }
    append(merged, &next);
    return true;
}
