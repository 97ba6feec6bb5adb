/* pair.h: two engines back to back, in virtual time, with whatever a test wants to happen to the frames
 * between them. */
#pragma once

#include <net/net.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAME_MAX (14 + 65535)
#define A         0
#define B         1

struct pair {
    struct net *net[2];
    void *memory[2];
    net_time now;
    net_owner owner[2];
    /* Called for each frame on its way; false: it is lost. Null: all arrive. */
    bool (*carry)(struct pair *pair, int from, const struct net_slot *slot);
    void *context;
    unsigned carried[2];
    uint8_t slot[FRAME_MAX];
};

/* The configuration that pair_start gives, to be changed by a test: 10.0.0.1 and 10.0.0.2. */
struct net_config pair_config(int side);
void pair_start(struct pair *pair);
void pair_start_with(struct pair *pair, const struct net_config *a, const struct net_config *b, size_t size);
/* Ends the engines; checks that no socket, connection or memory is left in use after TIME_WAIT has passed. */
void pair_stop(struct pair *pair);

/* Lets one frame go, if one is due. */
bool pair_step(struct pair *pair, int from);
/* Carries frames both ways until nobody has anything to send at this time. */
void pair_settle(struct pair *pair);
/* Moves time on to the next deadline, but not beyond `until`, and settles; false: nothing happens before. */
bool pair_jump(struct pair *pair, net_time until);
/* Lets `duration` pass with everything that happens in it. */
void pair_pass(struct pair *pair, net_time duration);

/* A listening socket on B, a connection from A, and its accepted end. */
struct connected {
    net_socket_id listener, a, b;
};
net_socket_id pair_listen(struct pair *pair, int side, uint16_t port, uint32_t backlog);
net_socket_id pair_connect(struct pair *pair, int side, uint16_t port);
struct connected pair_connected(struct pair *pair, uint16_t port);
struct net_endpoint pair_endpoint(int side, uint16_t port);
