/* traffic.h: applications on both ends of connections, who move a known pattern of bytes and check what
 * comes: in order, once, and an end of the stream only where the other side has ended it.
 *
 * They act on events alone (and on their own clock), so that a lost event stops them. How they behave is
 * drawn by whoever starts them: slow readers, pauses, half-closes, aborts and so on. */
#pragma once

#include <netsim/sim.h>
#include <netsim/verdict.h>
#include <stdio.h>

/* How one side behaves. */
struct traffic_manners {
    uint64_t amount;     /* bytes that it sends */
    uint32_t write_most; /* at most so many at once */
    uint32_t read_most;  /* likewise; with read_pause the only read before the next pause */
    net_time read_pause; /* 0: reads all that there is */
    uint64_t pause_at;   /* having sent so many bytes, it sends nothing … */
    net_time pause;      /* … for so long */
    uint64_t abort_at;   /* having moved so many bytes, it aborts; 0: never */
    bool answers;        /* sends only after the other's end */
    bool echoes;         /* sends only as much as it has read, and reads no more before */
    bool leaves;         /* closes as soon as it has sent all, where nothing comes back */
    bool in_place;       /* net_send_space and net_receive_data instead of the copying calls */
    bool nodelay;        /* NET_OPTION_NODELAY */
    uint32_t send_buffer, receive_buffer; /* bytes; 0: the engine's */
    uint16_t keep_idle, keep_interval;    /* seconds; 0: no keep-alive */
};

struct traffic_plan {
    uint16_t port;
    net_time start;   /* of the client, after the start of all */
    uint32_t node[2]; /* client, server */
    struct traffic_manners manners[2];
};

enum traffic_phase {
    TRAFFIC_WAITS, /* its time has not come */
    TRAFFIC_OPENS, /* connects, or listens */
    TRAFFIC_OPEN,
    TRAFFIC_OVER
};

struct traffic_side {
    const struct traffic_manners *manners;
    struct sim_node *node;
    enum traffic_phase phase;
    net_owner owner;
    net_socket_id socket, listener;
    uint64_t key; /* of the pattern that it sends */
    uint64_t sent, received;
    bool shut, ended; /* its own direction, the other's */
    bool aborted;
    net_time quiet_until; /* its pause; 0: none yet */
    uint32_t attempts;
    net_time wake, read_at; /* its own clock; NET_NEVER: nothing planned */
    enum error error;       /* what it died of */
    struct net_endpoint local, peer;
};

struct traffic {
    const struct traffic_plan *plan;
    struct sim *sim;
    struct verdict *verdict;
    struct random random;
    struct traffic_side side[2]; /* client, server */
};

/* The server listens at once, the client connects at its time. Keeps `plan`. */
void traffic_start(struct traffic *traffic, const struct traffic_plan *plan, struct sim *sim,
                   struct sim_node *const nodes[], struct verdict *verdict, uint64_t seed);
/* An event of that node's engine. */
void traffic_event(struct traffic *traffic, const struct sim_node *node, const struct net_event *event,
                   bool hold);
/* What the clock alone makes them do. hold, here and above: who has sent everything keeps the connection
 * open. Returns when they want to be called again. */
net_time traffic_tick(struct traffic *traffic, bool hold);
/* Has the side moved all that it has to? */
bool traffic_is_done(const struct traffic *traffic, int side);
/* Is everything over on both sides? */
bool traffic_is_over(const struct traffic *traffic);
/* The side gives up whatever it still has. */
void traffic_give_up(struct traffic *traffic, int side);
void traffic_print(const struct traffic *traffic, FILE *out);
