/* middle.h: somebody in the middle between two engines, who sees every frame, knows what it says, and may
 * lose, hold, double, change or cut it, or add something of his own.
 *
 * What he changes or adds carries the bytes that belong there (netsim/script/pattern.h), so that a stream
 * must be right even then, as far as it goes. `forged` says that he has said what neither end would have
 * said: then a connection may end, or stand still. `garbled` says that bytes may be wrong too. */
#pragma once

#include <net/net.h>
#include <netsim/script/forge.h>

enum { MIDDLE_TRACKS = 8, MIDDLE_FATES = 32, MIDDLE_FLIGHTS = 128 };

/* A connection: of each side its port, its first and next sequence number, what it has acknowledged, its
 * clock. */
struct middle_track {
    uint16_t port[2];
    bool known[2], stamped;
    struct sequence iss[2], next[2], acked[2];
    uint32_t timestamp[2];
};

/* What becomes of the next frames from one side. */
struct middle_fate {
    uint8_t action, argument[2], count;
};

struct middle_flight {
    net_time arrival;
    uint32_t number;
    uint8_t to, behind; /* behind: so many frames to the same side pass it first */
    bool checksum_good;
    uint16_t gso_size;
    size_t length;
    uint8_t *frame;
};

struct middle {
    struct net *net[2];
    net_time now;
    bool forged, garbled;
    struct middle_track track[MIDDLE_TRACKS];
    uint32_t tracks; /* ever seen */
    struct middle_fate fate[2][MIDDLE_FATES];
    uint32_t fate_first[2], fate_end[2];
    struct middle_flight flight[MIDDLE_FLIGHTS];
    uint32_t flights, numbers;
};

extern const struct forge_ends MIDDLE_ENDS[2]; /* from that side to the other */

/* A frame comes from that side. */
void middle_take(struct middle *middle, int from, const struct net_slot *slot);
/* Hands over what has arrived; false: nothing had. */
bool middle_deliver(struct middle *middle);
/* When the next frame arrives; NET_NEVER: none is on its way. */
net_time middle_deadline(const struct middle *middle);
/* What is held goes on; from now on nothing happens to anything. */
void middle_behave(struct middle *middle);
/* What is on its way is lost. */
void middle_clear(struct middle *middle);

/* Steps, with arguments out of bytes. */
void middle_add_fate(struct middle *middle, struct reader *args);
void middle_inject(struct middle *middle, struct reader *args);
void middle_release(struct middle *middle);
