/* link.h: what a bad cable does to frames: each is lost, doubled, damaged, late or in time, by seeded chance.
 *
 * Chances are in thousandths. Losses come alone or in bursts (a burst begins by chance and goes on with
 * another, as in Gilbert's model, but not through a silence: what made it is over by then). With a rate,
 * frames queue up behind each other, and what does not fit into the queue is lost. */
#pragma once

#include <base/random.h>
#include <net/types.h>

struct link_config {
    uint16_t loss;         /* of a frame by itself */
    uint16_t burst_starts; /* a burst of losses begins with this frame */
    uint16_t burst_goes_on;
    uint16_t duplicate;
    uint16_t reorder; /* held back by up to `jitter` more */
    uint16_t
        corrupt; /* one bit of what lies behind the Ethernet header, IPv4 only: ARP has no sum of its own */
    net_time delay, jitter;
    uint64_t rate;  /* bytes a second; 0: without limit */
    uint32_t queue; /* bytes; 0: without limit */
    /* ECN (RFC 3168): what is capable of it is marked instead of lost, by chance, or as soon as so many bytes
     * wait before it; 0: never. */
    uint16_t mark;
    uint32_t mark_from;
};

struct link {
    struct link_config config;
    struct random random;
    bool in_burst;
    net_time burst_at;   /* when it lost its last frame */
    net_time busy_until; /* the last queued frame has left by then */
    uint64_t sent, lost; /* frames */
};

/* What becomes of one frame: `copies` of it (0: lost) arrive at these times, damaged or not. */
struct link_fate {
    uint32_t copies;
    net_time arrival[2];
    bool corrupt[2];
    bool mark;
};

void link_init(struct link *link, const struct link_config *config, uint64_t seed);
struct link_fate link_carry(struct link *link, size_t length, net_time now);
/* Sets CE in an IPv4 packet that says that its ends know what it means. */
void link_mark(uint8_t *frame, size_t length);
/* Turns one bit. */
void link_damage(struct link *link, uint8_t *frame, size_t length);
