/* port.c: ports, badges and notices; see port.h. */
#include "port.h"
#include "kernel.h"

HOT enum error port_of(struct handle *handle, struct port **port, uint64_t *badge) {
    if (!handle || (handle->rights & HANDLE_REPLY))
        return ERR_BAD_HANDLE;
    if (handle->object->type == OBJECT_BADGE) {
        struct badge *seen = (struct badge *)handle->object;
        *port = seen->port;
        *badge = seen->notice.badge;
        return ERR_NONE;
    }
    *port = (struct port *)handle->object;
    *badge = 0;
    return handle->object->type == OBJECT_PORT ? ERR_NONE : ERR_BAD_HANDLE;
}

/* ---- what a receive finds beside calls ---- */

static void received(struct task *task, enum received kind, uint64_t badge) {
    context_set(task, T0, kind);
    context_set(task, T1, badge);
    context_set(task, T2, HANDLE_NONE);
}

static void take_notice(struct kernel *kernel, struct task *task, struct notice *notice) {
    list_remove(&notice->link);
    received(task, notice->kind, notice->badge);
    if (notice->kind == RECEIVED_ENDED) {
        struct task *ended = container_of(notice, struct task, end_notice);
        context_set(task, A1, ended->end);
        context_set(task, A2, (uint64_t)ended->status);
        object_put(kernel, &ended->object);
    } else {
        struct badge *badge = container_of(notice, struct badge, notice);
        object_put(kernel, &badge->port->object);
        object_free(kernel, &badge->object);
    }
}

HOT bool port_take_pending(struct kernel *kernel, struct port *port, struct task *task) {
    if (port->event && port->event->bits) {
        received(task, RECEIVED_EVENT, 0);
        context_set(task, A1, port->event->bits);
        port->event->bits = 0;
        return true;
    }
    if (list_empty(&port->notices))
        return false;
    take_notice(kernel, task, container_of(port->notices.next, struct notice, link));
    return true;
}

static void serve_receiver(struct kernel *kernel, struct port *port) {
    if (list_empty(&port->receivers))
        return;
    struct task *task = container_of(port->receivers.next, struct task, wait_link);
    if (!port_take_pending(kernel, port, task))
        return;
    list_remove(&task->wait_link);
    task_wake(kernel, task, ERR_NONE);
}

void port_event_pending(struct kernel *kernel, struct port *port) {
    serve_receiver(kernel, port);
}

void port_notify(struct kernel *kernel, struct port *port, struct notice *notice) {
    list_append(&port->notices, &notice->link);
    serve_receiver(kernel, port);
}

/* ---- badges ---- */

static struct link *badge_bucket(struct kernel *kernel, struct port *port, uint64_t value) {
    uint64_t hash = (value ^ (uint64_t)(uintptr_t)port >> 4) * 0x9e3779b97f4a7c15ull;
    return &kernel->badges[hash >> 32 & (BADGE_BUCKETS - 1)];
}

enum error badge_mint(struct kernel *kernel, struct account *account, struct port *port, uint64_t value,
                      struct badge **minted) {
    struct link *bucket = badge_bucket(kernel, port, value);
    for (struct link *link = bucket->next; link != bucket; link = link->next) {
        struct badge *badge = container_of(link, struct badge, hash);
        if (badge->port == port && badge->notice.badge == value) {
            object_get(&badge->object);
            *minted = badge;
            return ERR_NONE;
        }
    }
    struct badge *badge;
    enum error error = object_create(kernel, OBJECT_BADGE, account, &badge);
    if (error)
        return error;
    object_get(&port->object);
    badge->port = port;
    badge->notice.kind = RECEIVED_CLOSED;
    badge->notice.badge = value;
    list_append(bucket, &badge->hash);
    *minted = badge;
    return ERR_NONE;
}

void badge_unused(struct kernel *kernel, struct badge *badge) {
    struct port *port = badge->port;
    list_remove(&badge->hash); /* a new badge of this value is another one, with a notice of its own */
    if (!port->dead) {
        port_notify(kernel, port, &badge->notice);
        return;
    }
    object_free(kernel, &badge->object);
    object_put(kernel, &port->object);
}

/* ---- life ---- */

static void unbind(struct kernel *kernel, struct port *port) {
    struct event *event = port->event;
    if (!event)
        return;
    port->event = NULL;
    event->port = NULL;
    object_put(kernel, &event->object);
}

static void drop_notice(struct kernel *kernel, struct notice *notice) {
    list_remove(&notice->link);
    if (notice->kind == RECEIVED_ENDED) {
        object_put(kernel, &container_of(notice, struct task, end_notice)->object);
        return;
    }
    struct badge *badge = container_of(notice, struct badge, notice);
    object_put(kernel, &badge->port->object);
    object_free(kernel, &badge->object);
}

void port_release(struct kernel *kernel, struct port *port) {
    if (--port->receive_handles > 0)
        return;
    port->dead = true;
    unbind(kernel, port);
    while (!list_empty(&port->callers)) {
        struct task *caller = container_of(port->callers.next, struct task, wait_link);
        list_remove(&caller->wait_link);
        task_wake(kernel, caller, ERR_DEAD);
    }
    while (!list_empty(&port->notices))
        drop_notice(kernel, container_of(port->notices.next, struct notice, link));
}

void port_destroy(struct kernel *kernel, struct port *port) {
    object_free(kernel, &port->object);
}

enum error sys_port_create(struct kernel *kernel, struct task *task) {
    struct port *port;
    enum error error = object_create(kernel, OBJECT_PORT, task->account, &port);
    if (error)
        return error;
    list_init(&port->receivers);
    list_init(&port->callers);
    list_init(&port->notices);
    return handle_give(kernel, task, &port->object, RIGHT_PASS | RIGHT_SEND | RIGHT_RECEIVE,
                       context_out(task, A1));
}

enum error sys_port_bind(struct kernel *kernel, struct task *task) {
    struct handle *handle, *target;
    enum error error =
        handle_check(&task->handles, context_get(task, A0), OBJECT_PORT, RIGHT_RECEIVE, &handle);
    if (error)
        return error;
    struct port *port = (struct port *)handle->object;
    if (context_get(task, A1) == HANDLE_NONE) {
        unbind(kernel, port);
        return ERR_NONE;
    }
    error = handle_check(&task->handles, context_get(task, A1), OBJECT_EVENT, RIGHT_WAIT, &target);
    if (error)
        return error;
    struct event *event = (struct event *)target->object;
    if (event->port)
        return event->port == port ? ERR_NONE : ERR_BUSY;
    unbind(kernel, port);
    object_get(&event->object);
    port->event = event;
    event->port = port;
    port_event_pending(kernel, port);
    return ERR_NONE;
}
