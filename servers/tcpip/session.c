/* session.c: sessions, sockets, holders: who may do what, who pays, and when it ends. Read tcpip.h first. */
#include "tcpip.h"
#include <os/os.h>
#include <string.h>

#define BADGE_SESSION   (1ull << 32)
#define BADGE_HOLDER    (2ull << 32)
#define BADGE_KIND      (3ull << 32)
#define BADGE_INDEX     0xffffffffull
#define EVENT_NEWS      1 /* bit of the client's event */
#define SHOWN_OF_CLOSED (NET_READY_IN | NET_READY_OUT | NET_READY_ERROR | NET_READY_HANGUP)

void sessions_init(struct tcpip *tcpip) {
    list_init(&tcpip->free_sessions);
    list_init(&tcpip->free_sockets);
    list_init(&tcpip->free_holders);
    list_init(&tcpip->free_calls);
    list_init(&tcpip->news);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        list_append(&tcpip->free_sessions, &tcpip->sessions[i].link);
    }
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        list_append(&tcpip->free_sockets, &tcpip->sockets[i].link);
        list_append(&tcpip->free_holders, &tcpip->holders[i].link);
    }
    for (size_t i = 0; i < PARKED_MAX; i++) {
        list_append(&tcpip->free_calls, &tcpip->calls[i].link);
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        list_init(&tcpip->buckets[i]);
    }
}

/* ---- Finding ---- */

struct session *session_of(struct tcpip *tcpip, uint64_t badge) {
    uint64_t index = (badge & BADGE_INDEX) - 1;
    if ((badge & BADGE_KIND) != BADGE_SESSION || index >= SESSIONS_MAX) {
        return NULL;
    }
    struct session *session = &tcpip->sessions[index];
    return session->used && !session->closed ? session : NULL;
}

struct session *session_by_ticket(struct tcpip *tcpip, uint64_t ticket) {
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &tcpip->sessions[i];
        if (session->used && !session->closed && session->ticket == ticket) {
            return session;
        }
    }
    return NULL;
}

struct session *session_by_owner(struct tcpip *tcpip, net_owner owner) {
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (tcpip->sessions[i].used && tcpip->sessions[i].owner == owner) {
            return &tcpip->sessions[i];
        }
    }
    return NULL;
}

struct holder *holder_of(struct tcpip *tcpip, uint64_t badge) {
    uint64_t index = (badge & BADGE_INDEX) - 1;
    if ((badge & BADGE_KIND) != BADGE_HOLDER || index >= SOCKETS_MAX) {
        return NULL;
    }
    struct holder *holder = &tcpip->holders[index];
    return holder->socket != NULL ? holder : NULL;
}

static struct list *bucket_of(struct tcpip *tcpip, net_socket_id id) {
    return &tcpip->buckets[(id * 0x9e3779b1u) >> 22];
}

_Static_assert(BUCKETS == 1u << (32 - 22), "the hash gives as many bits as there are buckets");

struct socket *socket_by_id(struct tcpip *tcpip, net_socket_id id) {
    struct list *bucket = bucket_of(tcpip, id);
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct socket *socket = LIST_ENTRY(link, struct socket, link);
        if (socket->id == id) {
            return socket;
        }
    }
    return NULL;
}

/* ---- Opening a session ---- */

/* The client's page, mapped; it must be memory that it let us write, of a sensible size. */
static enum error map_page(struct session *session, handle_t ready) {
    void *page;
    size_t size;
    enum error error = memory_size(ready, &size);
    if (error != ERR_NONE || size == 0 || size > READY_PAGE_MAX) {
        return ERR_INVALID;
    }
    error = memory_map(ready, RIGHT_READ | RIGHT_WRITE, &page, &session->ready_size);
    if (error != ERR_NONE) {
        return error == ERR_QUOTA || error == ERR_NO_MEMORY ? ERR_NO_MEMORY : ERR_INVALID;
    }
    session->ready = page;
    size_t words = session->ready_size / sizeof(uint32_t);
    session->slots = words < SOCKETS_PER_SESSION ? (uint32_t)words : SOCKETS_PER_SESSION;
    return ERR_NONE;
}

static void session_forget(struct tcpip *tcpip, struct session *session) {
    net_owner_close(tcpip->net, session->owner, tcpip_now());
    list_remove(&session->link);
    session->used = false;
    list_append(&tcpip->free_sessions, &session->link);
    tcpip->sessions_used--;
}

/* The client's side of it: page and event. */
static void session_detach(struct session *session) {
    if (session->ready != NULL) {
        (void)!memory_unmap(session->ready, session->ready_size);
    }
    if (session->event != HANDLE_NONE) {
        (void)!handle_close(session->event);
    }
    session->ready = NULL;
    session->event = HANDLE_NONE;
}

static enum error badge_mint(struct tcpip *tcpip, uint64_t badge, handle_t *handle) {
    return handle_duplicate(tcpip->server.port, RIGHT_SEND | RIGHT_PASS, badge, handle);
}

static enum error session_fill(struct tcpip *tcpip, struct session *session, handle_t ready,
                               handle_t *handle) {
    enum error error = map_page(session, ready);
    /* Signalling nothing tells whether it is an event, and one that we may signal. */
    if (error == ERR_NONE && event_signal(session->event, 0) != ERR_NONE) {
        error = ERR_INVALID;
    }
    if (error == ERR_NONE) {
        error = net_owner_open(tcpip->net, &session->owner);
    }
    if (error == ERR_NONE) {
        error = badge_mint(tcpip, BADGE_SESSION | ((uint64_t)(session - tcpip->sessions) + 1), handle);
        if (error != ERR_NONE) {
            net_owner_close(tcpip->net, session->owner, tcpip_now());
        }
    }
    return error;
}

enum error session_open(struct tcpip *tcpip, handle_t ready, handle_t event, handle_t *handle) {
    struct list *link = list_first(&tcpip->free_sessions);
    enum error error = ERR_TOO_MANY;
    if (link != NULL) {
        struct session *session = LIST_ENTRY(link, struct session, link);
        list_remove(link);
        *session = (struct session){.event = event, .ticket = random_u64(&tcpip->random)};
        list_init(&session->link);
        list_init(&session->parked);
        error = session_fill(tcpip, session, ready, handle);
        if (error == ERR_NONE) {
            session->used = true;
            tcpip->sessions_used++;
        } else {
            session_detach(session);
            list_append(&tcpip->free_sessions, &session->link);
        }
    } else {
        (void)!handle_close(event);
    }
    (void)!handle_close(ready); /* the mapping keeps the memory */
    return error;
}

/* ---- Holders and sockets ---- */

/* Forgets a session whose client is gone when it no longer pays for anything. */
static void session_put(struct tcpip *tcpip, struct session *session) {
    session->references--;
    if (session->closed && session->references == 0) {
        session_forget(tcpip, session);
    }
}

static bool slot_find(struct session *session, uint32_t *slot) {
    for (uint32_t i = 0; i < session->slots; i++) {
        uint32_t candidate = (session->slot_hint + i) % session->slots;
        if ((session->taken[candidate / 64] >> candidate % 64 & 1) == 0) {
            *slot = candidate;
            return true;
        }
    }
    return false;
}

enum error session_room(struct tcpip *tcpip, const struct session *session) {
    uint32_t slot;
    bool room = !list_is_empty(&tcpip->free_sockets) && !list_is_empty(&tcpip->free_holders) &&
                session->ready != NULL && slot_find((struct session *)session, &slot);
    return room ? ERR_NONE : ERR_TOO_MANY;
}

enum error holder_make(struct tcpip *tcpip, struct session *session, struct socket *socket, handle_t *handle,
                       uint32_t *slot) {
    struct holder *holder = LIST_ENTRY(list_first(&tcpip->free_holders), struct holder, link);
    enum error error = badge_mint(tcpip, BADGE_HOLDER | ((uint64_t)(holder - tcpip->holders) + 1), handle);
    if (error != ERR_NONE) {
        return error;
    }
    (void)slot_find(session, slot); /* session_room has seen one */
    session->taken[*slot / 64] |= 1ull << *slot % 64;
    session->slot_hint = *slot + 1;
    session->references++;
    session->ready[*slot] = 0;
    list_remove(&holder->link);
    *holder = (struct holder){.socket = socket, .session = session, .slot = *slot};
    list_init(&holder->link);
    list_append(&socket->holders, &holder->link);
    socket_refresh(tcpip, socket);
    return ERR_NONE;
}

static void socket_free(struct tcpip *tcpip, struct socket *socket) {
    list_remove(&socket->link);
    list_append(&tcpip->free_sockets, &socket->link);
    tcpip->sockets_used--;
}

enum error socket_make(struct tcpip *tcpip, struct session *session, net_socket_id id, enum net_type type,
                       handle_t *handle, uint32_t *slot) {
    struct socket *socket = LIST_ENTRY(list_take(&tcpip->free_sockets), struct socket, link);
    *socket = (struct socket){.id = id, .type = type, .payer = session};
    list_init(&socket->link);
    list_init(&socket->holders);
    list_init(&socket->parked);
    list_append(bucket_of(tcpip, id), &socket->link);
    session->references++;
    tcpip->sockets_used++;
    enum error error = holder_make(tcpip, session, socket, handle, slot);
    if (error != ERR_NONE) {
        (void)!net_abort(tcpip->net, id, tcpip_now());
        socket_free(tcpip, socket);
        session_put(tcpip, session);
    }
    return error;
}

void socket_close(struct tcpip *tcpip, struct socket *socket) {
    if (socket->id == 0) {
        return;
    }
    calls_cancel(tcpip, &socket->parked, NULL);
    (void)!net_close(tcpip->net, socket->id, tcpip_now());
    list_remove(&socket->link);
    socket->id = 0;
    session_put(tcpip, socket->payer);
    socket->payer = NULL;
    socket_show(tcpip, socket, SHOWN_OF_CLOSED);
}

static void holder_closed(struct tcpip *tcpip, struct holder *holder) {
    struct socket *socket = holder->socket;
    struct session *session = holder->session;
    calls_cancel(tcpip, &socket->parked, holder);
    session->taken[holder->slot / 64] &= ~(1ull << holder->slot % 64);
    session->slot_hint = holder->slot;
    if (session->ready != NULL) {
        session->ready[holder->slot] = 0;
    }
    list_remove(&holder->link);
    holder->socket = NULL;
    list_append(&tcpip->free_holders, &holder->link);
    if (list_is_empty(&socket->holders)) {
        socket_close(tcpip, socket);
        socket_free(tcpip, socket);
    }
    session_put(tcpip, session);
}

static void session_closed(struct tcpip *tcpip, struct session *session) {
    calls_cancel(tcpip, &session->parked, NULL);
    session_detach(session);
    session->closed = true;
    session->references++;
    session_put(tcpip, session);
}

void badge_closed(struct tcpip *tcpip, uint64_t badge) {
    struct session *session = session_of(tcpip, badge);
    struct holder *holder = holder_of(tcpip, badge);
    if (session != NULL) {
        session_closed(tcpip, session);
    } else if (holder != NULL) {
        holder_closed(tcpip, holder);
    }
}

/* ---- Readiness ---- */

void socket_show(struct tcpip *tcpip, struct socket *socket, uint32_t bits) {
    for (struct list *link = socket->holders.next; link != &socket->holders; link = link->next) {
        struct holder *holder = LIST_ENTRY(link, struct holder, link);
        struct session *session = holder->session;
        uint32_t fresh = bits & ~holder->shown;
        if (bits == holder->shown || session->ready == NULL) {
            continue;
        }
        __atomic_store_n(&session->ready[holder->slot], bits, __ATOMIC_RELEASE);
        holder->shown = bits;
        if (fresh != 0 && !list_is_linked(&session->link)) {
            list_append(&tcpip->news, &session->link);
        }
    }
}

void socket_refresh(struct tcpip *tcpip, struct socket *socket) {
    if (socket->id != 0) {
        socket_show(tcpip, socket, net_ready(tcpip->net, socket->id));
    }
}

void sessions_signal(struct tcpip *tcpip) {
    struct list *link;
    while ((link = list_take(&tcpip->news)) != NULL) {
        struct session *session = LIST_ENTRY(link, struct session, link);
        if (session->event != HANDLE_NONE) {
            (void)!event_signal(session->event, EVENT_NEWS);
            tcpip->counters.signals++;
        }
    }
}
