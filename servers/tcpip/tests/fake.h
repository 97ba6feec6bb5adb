/* fake.h: the operating system, a driver and a peer, all in one process, for tests of the server.
 *
 * Clients call the real stubs (ipc/tcpip.h); a call that the server parks returns FAKE_PENDING, and what
 * became of it is asked later. The driver moves frames between the rings and a second engine, the peer. Time
 * stands still unless fake_pass moves it. */
#pragma once

#include "tcpip.h"
#include <os/os.h>

#define FAKE_PENDING ((enum error)200)
#define FAKE_HANDLES 16384
#define FAKE_CALLERS 512

enum fake_kind { FAKE_FREE, FAKE_PORT, FAKE_EVENT, FAKE_MEMORY, FAKE_DRIVER };

struct fake_handle {
    enum fake_kind kind;
    uint64_t badge;  /* of a port */
    uint32_t object; /* of an event: index of its bits */
    uint32_t rights;
    uint8_t *memory;
    size_t size;
};

/* A task in the middle of a call. */
struct fake_caller {
    bool used, dead, answered;
    const void *payload;
    void *buffer;
    size_t length, capacity, received;
    uint64_t word[MESSAGE_WORDS];
    handle_t handle[MESSAGE_HANDLES];
    unsigned handle_count;
};

struct fake_driver {
    bool there, open, silent; /* silent: takes nothing and gives nothing */
    uint32_t opens;
    uint32_t kicks;
    handle_t event;
    uint8_t *pool;
    struct ring ring[NETDEV_RINGS];
};

struct fake {
    struct tcpip *tcpip;
    struct net *peer;
    void *memory[2];
    uint64_t time;
    struct fake_handle handles[FAKE_HANDLES];
    uint64_t bits[FAKE_HANDLES];
    uint32_t events;
    uint64_t closed[FAKE_HANDLES]; /* badges whose notice has not been delivered */
    uint32_t closed_count;
    void *memories[FAKE_HANDLES];
    uint32_t memory_count;
    struct fake_caller callers[FAKE_CALLERS];
    handle_t last_caller;
    struct fake_driver driver;
    handle_t port;
};

/* The one of the running test; the stubs have no other way to it. */
struct fake *fake_get(void);
void fake_start(void);
void fake_stop(void);

handle_t fake_memory(size_t size);
handle_t fake_event(void);
uint32_t fake_handles_used(void);
/* Runs server, driver and peer until nothing moves. */
void fake_pump(void);
void fake_pass(uint64_t time);
void fake_driver_dies(void);
void fake_driver_returns(void);

/* The call that was parked last. */
struct fake_caller *fake_parked(void);
/* The task dies in its call. */
void fake_kill(struct fake_caller *caller);

/* A client with a session of `slots` words. */
struct client {
    handle_t ready, event, session;
    uint32_t *words;
};
struct client client_make(uint32_t slots);
void client_close(struct client *client);
