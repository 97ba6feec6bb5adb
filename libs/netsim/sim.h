/* sim.h: several engines on Ethernet segments, in virtual time.
 *
 * Time stands still while anything is to be done and then jumps to the next arrival, deadline or alarm: a day
 * of time-outs takes milliseconds, and the same seed gives the same run. Each node sends over a link of its
 * own, which may be bad. Beside engines there can be hosts made of a function (netsim/server.h). */
#pragma once

#include <net/net.h>
#include <netsim/link.h>

struct sim;
struct sim_node;

/* A frame came to a node that is a function; it answers with sim_send. */
typedef void sim_host(void *context, struct sim_node *node, const uint8_t *frame, size_t length);

/* Sees every frame as it enters a link; false: the frame disappears. */
typedef bool sim_filter(void *context, struct sim_node *from, const uint8_t *frame, size_t length);

/* Sees every undamaged frame that reaches a node, before the node does and before frames are merged. */
typedef void sim_watcher(void *context, struct sim_node *to, const uint8_t *frame, size_t length);

struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *sim);
/* The clock shows `now` (else one second) at the start. Before any node is added. */
void sim_set_clock(struct sim *sim, net_time now);

/* A node with an engine in `memory_size` bytes of its own. config's seed is filled in. Null: net_init
 * refused. */
struct sim_node *sim_add_engine(struct sim *sim, const struct net_config *config, size_t memory_size,
                                const struct link_config *link);
struct sim_node *sim_add_host(struct sim *sim, const uint8_t mac[6], sim_host *host, void *context,
                              const struct link_config *link);

/* A node that is just made is on segment 0; it hears only those on its own. Before anything is sent. */
void sim_set_segment(struct sim_node *node, uint32_t segment);
/* One more link of an engine, with a MAC address, MTU and offloads of its own, on some segment. It is a node
 * as seen by filters and watchers. Null: net_interface_link refused. */
struct sim_node *sim_add_port(struct sim_node *engine, uint8_t interface, const struct net_config *config,
                              uint32_t segment, const struct link_config *link);

struct net *sim_net(struct sim_node *node);
struct link *
sim_link(struct sim_node *node); /* to change its manners on the way, or to look at what it lost */
struct sim *sim_of(struct sim_node *node);
net_time sim_now(const struct sim *sim);
struct random *sim_random(struct sim *sim);

void sim_send(struct sim_node *node, const uint8_t *frame, size_t length);
void sim_set_filter(struct sim *sim, sim_filter *filter, void *context);
void sim_set_watcher(struct sim *sim, sim_watcher *watcher, void *context);
/* The node's device tells its engine of frames only every `interval`, checks their sums, and merges the
 * segments of one connection that have come meanwhile, as virtio devices with large receive do. */
void sim_set_merging(struct sim_node *node, net_time interval);
/* A step will happen at `time` even if nothing else does. */
void sim_alarm(struct sim *sim, net_time time);

/* Called after every step: takes events, makes socket calls. True: done. */
typedef bool sim_application(void *context);

enum sim_end {
    SIM_DONE,   /* the application said so */
    SIM_IDLE,   /* nothing will ever happen again */
    SIM_TIME_UP /* the limit has been reached */
};

/* Runs until the application is done (null: never), at most up to the moment `limit`. */
enum sim_end sim_run(struct sim *sim, net_time limit, sim_application *application, void *context);

/* Frames that were sent and have not arrived. */
uint32_t sim_in_flight(const struct sim *sim);
