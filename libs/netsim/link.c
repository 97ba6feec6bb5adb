/* link.c: a bad cable; read link.h first. */
#include <net/wire/checksum.h>
#include <net/wire/ethernet.h>
#include <net/wire/ipv4.h>
#include <netsim/link.h>

#define BURST_PAUSE (NET_SECOND / 5)

void link_init(struct link *link, const struct link_config *config, uint64_t seed) {
    *link = (struct link){.config = *config};
    random_seed(&link->random, seed, 0x6c696e6b);
}

static bool happens(struct link *link, uint16_t thousandths) {
    return thousandths != 0 && random_below(&link->random, 1000) < thousandths;
}

static bool is_lost(struct link *link, net_time now) {
    link->in_burst &= now - link->burst_at < BURST_PAUSE;
    if (link->in_burst || happens(link, link->config.burst_starts)) {
        link->burst_at = now;
        link->in_burst = happens(link, link->config.burst_goes_on);
        return true;
    }
    return happens(link, link->config.loss);
}

/* Bytes that wait before a frame that comes now. */
static uint64_t queued_at(const struct link *link, net_time now) {
    return link->busy_until > now ? (link->busy_until - now) * link->config.rate / NET_SECOND : 0;
}

/* When the last bit of the frame has left, waiting behind those before it; NET_NEVER: no room in the queue.
 */
static net_time departure(struct link *link, size_t length, net_time now) {
    if (link->config.rate == 0) {
        return now;
    }
    net_time start = link->busy_until > now ? link->busy_until : now;
    if (link->config.queue != 0 && queued_at(link, now) + length > link->config.queue) {
        return NET_NEVER;
    }
    link->busy_until = start + length * NET_SECOND / link->config.rate;
    return link->busy_until;
}

struct link_fate link_carry(struct link *link, size_t length, net_time now) {
    struct link_fate fate = {0};
    link->sent++;
    fate.mark = happens(link, link->config.mark) ||
                (link->config.mark_from != 0 && queued_at(link, now) >= link->config.mark_from);
    net_time left = departure(link, length, now);
    if (left == NET_NEVER || is_lost(link, now)) {
        link->lost++;
        return fate;
    }
    fate.copies = happens(link, link->config.duplicate) ? 2 : 1;
    for (uint32_t i = 0; i < fate.copies; i++) {
        bool late = i > 0 || happens(link, link->config.reorder);
        net_time extra = late ? random_below(&link->random, (uint32_t)link->config.jitter + 1) : 0;
        fate.arrival[i] = left + link->config.delay + extra;
        fate.corrupt[i] = happens(link, link->config.corrupt);
    }
    return fate;
}

void link_mark(uint8_t *frame, size_t length) {
    bool ipv4 = length >= ETHERNET_HEADER + IPV4_HEADER && frame[12] == 8 && frame[13] == 0;
    uint8_t *packet = frame + ETHERNET_HEADER, ecn = ipv4 ? packet[1] & 3 : 0;
    if (ecn == 1 || ecn == 2) {
        uint16_t old = (uint16_t)(packet[0] << 8 | packet[1]), sum = (uint16_t)(packet[10] << 8 | packet[11]);
        packet[1] |= 3;
        sum = checksum_update(sum, old, (uint16_t)(packet[0] << 8 | packet[1]));
        packet[10] = (uint8_t)(sum >> 8);
        packet[11] = (uint8_t)sum;
    }
}

/* Not of the padding: nobody reads that. */
void link_damage(struct link *link, uint8_t *frame, size_t length) {
    bool ipv4 = length > 34 && frame[12] == 8 && frame[13] == 0;
    uint32_t packet = ipv4 ? (uint32_t)(frame[16] << 8 | frame[17]) : 0;
    if (ipv4 && 14 + packet <= length) {
        frame[14 + random_below(&link->random, packet)] ^= (uint8_t)(1u << random_below(&link->random, 8));
    }
}
