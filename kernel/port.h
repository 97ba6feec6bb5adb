/* port.h: where servers receive: queues of callers and receivers, badges, notices.
 *
 * What is to be said to a port later lives in a struct notice that was paid for beforehand: inside the badge
 * or the task that it is about. So a notice cannot be lost for want of memory. */
#pragma once

#include "list.h"
#include "object.h"

struct event;
struct handle;
struct task;

struct notice {
    struct link link;
    enum received kind; /* RECEIVED_CLOSED or RECEIVED_ENDED */
    uint64_t badge;
};

struct port {
    struct object object;
    uint32_t receive_handles; /* dead when none is left */
    bool dead;
    struct event *event;   /* bound; held */
    struct link receivers; /* struct task: wait_link */
    struct link callers;   /* struct task: wait_link */
    struct link notices;   /* struct notice: link */
};

/* One for each (port, badge) that has handles; its references are those handles. */
struct badge {
    struct object object;
    struct port *port; /* held */
    struct link hash;  /* in kernel->badges */
    struct notice notice;
};

/* The port that a handle leads to and the badge it carries (0: none); ERR_BAD_HANDLE if it is not a port's.
 */
enum error port_of(struct handle *handle, struct port **port, uint64_t *badge);

/* A receive handle is gone; with the last one the port dies and its callers get ERR_DEAD. */
void port_release(struct kernel *kernel, struct port *port);
void port_destroy(struct kernel *kernel, struct port *port);

/* The bound event has bits: hand them to a waiting receiver, if there is one. */
void port_event_pending(struct kernel *kernel, struct port *port);

/* Queues a notice, or gives it to a waiting receiver at once. The port must not be dead. */
void port_notify(struct kernel *kernel, struct port *port, struct notice *notice);

/* Gives the next event bits or notice, if any, to a task in or at receive. */
bool port_take_pending(struct kernel *kernel, struct port *port, struct task *task);

/* The badge's last handle is gone: tells the port. */
void badge_unused(struct kernel *kernel, struct badge *badge);

/* Finds or makes the badge and takes a reference; errors: ERR_QUOTA, ERR_NO_MEMORY. */
enum error badge_mint(struct kernel *kernel, struct account *account, struct port *port, uint64_t value,
                      struct badge **badge);

/* System calls; see abi.h. */
enum error sys_port_create(struct kernel *kernel, struct task *task);
enum error sys_port_bind(struct kernel *kernel, struct task *task);
