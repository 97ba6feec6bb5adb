/* rig.h: one engine with a user (netsim/script/caller.h), opposite a peer that is made of bytes but knows
 * what the engine has sent, so that all of TCP's states are within reach of a few bytes. What must always
 * hold is checked after every step, and at the end that nothing is left; a violation aborts the program. */
#pragma once

#include <base/random.h>
#include <netsim/script/caller.h>
#include <netsim/script/forge.h>

enum { RIG_FLOWS = 8 };

/* A connection as the peer sees it: what the engine will send next, and what it expects. */
struct rig_flow {
    uint16_t engine_port, peer_port;
    struct sequence next, expected;
    uint32_t timestamp, clock; /* the engine's last one; what ours shows */
    bool stamped;
};

struct rig {
    struct caller caller;
    struct net_config config;
    struct rig_flow flow[RIG_FLOWS];
    uint32_t flows; /* ever seen */
    uint16_t dns_port, dns_id;
    uint32_t dhcp_xid;
    bool silent_arp;
    uint8_t arrives_by; /* the link by which the next frames come */
    struct random reflex;
    uint16_t reflexes;       /* of a thousand segments of the engine so many are answered, somehow */
    struct ipv4_header last; /* of the last packet that the engine sent */
    uint8_t quote[60];       /* its start, without Ethernet's header */
    size_t quote_length;
    bool passed_on; /* it was somebody else's */
    uint8_t frame[FORGE_MAX];
};

/* What kind of engine: bits out of an input's first byte. routes: it has a second link, and passes packets
 * on. */
void rig_start(struct rig *rig, uint8_t kind, bool routes);
/* All that is due is sent, looked at and answered where the peer answers by itself; events are taken;
 * invariants. */
void rig_settle(struct rig *rig);
/* The owner dies and the peer falls silent: in the end nothing may be left. */
void rig_stop(struct rig *rig);

extern const struct forge_ends RIG_ENDS; /* from the peer to the engine */
extern const struct forge_ends
    RIG_BEYOND; /* from somebody on the second link to the engine's address there */
void rig_receive(struct rig *rig, const uint8_t *frame, size_t length);
void rig_expect(const struct rig_flow *flow, struct forge_expectation *right);
void rig_link(struct rig *rig, bool up);
