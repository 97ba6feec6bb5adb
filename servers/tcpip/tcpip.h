/* tcpip.h: the server's one object, and what its files do for each other.
 *
 * A *session* is a client: its readiness page, its event, its bill (the engine's owner). A *socket* is a
 * socket of the engine. A *holder* is one client's hold on a socket and what a socket handle's badge names:
 * usually a socket has one; a socket that was handed to another task has one more for each session that
 * adopted it. The socket closes with its last holder; a session is forgotten when its client is gone and
 * nothing is left that it pays for. Badges are made by this server alone, so they are believed; everything
 * else in a message is checked. */
#pragma once

#include "device.h"
#include <base/list.h>
#include <base/random.h>
#include <ipc/tcpip.h>
#include <net/net.h>
#include <os/server.h>

#define SESSIONS_MAX        128
#define SOCKETS_MAX         4096
#define SOCKETS_PER_SESSION 2048
#define PARKED_MAX          256 /* a task waits in one call at a time, so this is a number of tasks */
#define READY_PAGE_MAX      65536
#define BUCKETS             1024
#define LINKS               2 /* network cards, as the manifest has drivers */

_Static_assert(LINKS <= NET_INTERFACES_MAX, "the engine's links");

struct session {
    struct list link; /* in the list of free ones, or of those with news for their client */
    bool used;
    bool closed; /* the client is gone; what it pays for is not */
    net_owner owner;
    uint64_t ticket; /* a secret by which the client names its session to a socket */
    handle_t event;
    uint32_t *ready; /* the client's page, mapped here; never read back */
    size_t ready_size;
    uint32_t slots;     /* words in it */
    uint32_t slot_hint; /* where to look for a free one */
    uint64_t taken[SOCKETS_PER_SESSION / 64];
    uint32_t references; /* holders of this session and sockets on its bill */
    struct list parked;  /* its look-ups that wait */
};

struct socket {
    struct list link; /* in the list of free ones, or in its bucket */
    net_socket_id id; /* of the engine; 0: closed, but there are holders yet */
    enum net_type type;
    struct session *payer;
    struct list holders, parked;
};

struct holder {
    struct list link; /* in the list of free ones, or in its socket's list */
    struct socket *socket;
    struct session *session;
    uint32_t slot, shown; /* the word in the session's page, and what stands there */
};

enum call_kind {
    CALL_ACCEPT,
    CALL_CONNECT,
    CALL_SEND,
    CALL_RECEIVE,
    CALL_SEND_TO,
    CALL_RECEIVE_FROM,
    CALL_RESOLVE
};

/* A call that may have to wait. While it is being tried for the first time `request` is set, later `parked`.
 */
struct call {
    struct list link; /* in the list of free ones, or in its socket's or session's list */
    enum call_kind kind;
    bool wait, peek, more;
    struct request *request;
    struct parked parked;
    struct holder *holder; /* null for a look-up */
    uint32_t length, done; /* bytes asked for (to send: all of them), bytes moved so far */
    uint32_t query;        /* of the engine, for a look-up */
    uint64_t source[2];    /* the halves of an address: where a datagram is to be sent from; zeros: nowhere in
                              particular */
};

struct tcpip_counters {
    uint64_t calls, parked, cancelled, refused, signals;
};

/* A network card and the engine's link of the same number. */
struct link {
    struct device device;
    struct net_config config; /* the first one's: of the whole engine */
};

struct tcpip {
    struct server server;
    struct net *net;
    struct link link[LINKS];
    struct random random;
    uint64_t seed[2];
    bool busy;         /* work was left, look again at once */
    uint64_t known_at; /* when to publish the port at the latest, ns; NEVER: it is published */

    struct session sessions[SESSIONS_MAX];
    struct socket sockets[SOCKETS_MAX];
    struct holder holders[SOCKETS_MAX];
    struct call calls[PARKED_MAX];
    struct list free_sessions, free_sockets, free_holders, free_calls;
    struct list buckets[BUCKETS]; /* sockets by the engine's id */
    struct list news;             /* sessions to be signalled */
    uint32_t sessions_used, sockets_used, calls_used;
    struct tcpip_counters counters;

    uint8_t
        receive_buffer[1024]; /* first bytes of a call's payload; the rest is pulled to where it belongs */
    uint8_t scratch[65536];   /* datagrams and reports on their way */
};

/* ---- batch.c ---- */

net_time tcpip_now(void);
/* Once per batch of messages, and when batch_deadline is over. */
void batch_run(struct tcpip *tcpip);
/* When there is something to do though nobody calls; ns. */
uint64_t batch_deadline(struct tcpip *tcpip);
/* Takes what the driver says of its device into the link's configuration; then tells the engine, which runs
 * already. */
void batch_follow_device(struct link *link);
void batch_link_changed(struct tcpip *tcpip, unsigned number);
/* Passes packets for others on between the links, or stops that. */
void batch_set_forwarding(struct tcpip *tcpip, bool on);

/* ---- config.c ---- */

/* Reads the value of the option "ip": "dhcp", or ADDRESS/PREFIX with ,gw=ADDRESS and ,dns=ADDRESS behind it;
 * either with ,probe (net_config.probe). ERR_MALFORMED, and the configuration is left alone. */
enum error config_parse(const char *text, struct net_config *config);
/* Reads the value of the option "ip1", of the second link: ADDRESS/PREFIX. The same. */
enum error config_parse_second(const char *text, struct net_config *config);
/* Reads the value of the option "forward": 0 or 1. The same. */
enum error config_parse_forward(const char *text, struct net_config *config);
/* Reads the value of the option "ecn": 0 off, 1 asks for it and accepts it, 2 (as without it) accepts it.
 * ERR_MALFORMED, and the configuration is left alone. */
enum error config_parse_ecn(const char *text, struct net_config *config);

/* ---- session.c ---- */

void sessions_init(struct tcpip *tcpip);
/* A session for a client; takes both handles over in any case. *handle: the session's, for the client. */
enum error session_open(struct tcpip *tcpip, handle_t ready, handle_t event, handle_t *handle);
/* Whom a badge names; null if it is of another kind or the client is gone. */
struct session *session_of(struct tcpip *tcpip, uint64_t badge);
struct session *session_by_ticket(struct tcpip *tcpip, uint64_t ticket);
struct session *session_by_owner(struct tcpip *tcpip, net_owner owner);
struct holder *holder_of(struct tcpip *tcpip, uint64_t badge);
struct socket *socket_by_id(struct tcpip *tcpip, net_socket_id id);

/* Whether the session can take one more socket. ERR_TOO_MANY. */
enum error session_room(struct tcpip *tcpip, const struct session *session);
/* A socket of the engine on the session's bill, with the session as its holder: *handle and *slot are for the
 * client. Asked after session_room. On failure the engine's socket is aborted. */
enum error socket_make(struct tcpip *tcpip, struct session *session, net_socket_id id, enum net_type type,
                       handle_t *handle, uint32_t *slot);
/* One more holder of a socket. Asked after session_room. */
enum error holder_make(struct tcpip *tcpip, struct session *session, struct socket *socket, handle_t *handle,
                       uint32_t *slot);
/* Closes the engine's socket, though there are holders. */
void socket_close(struct tcpip *tcpip, struct socket *socket);
/* The last handle with a badge is gone. */
void badge_closed(struct tcpip *tcpip, uint64_t badge);

/* Shows a socket's readiness to its holders; those that see new bits are signalled at the end of the batch.
 */
void socket_refresh(struct tcpip *tcpip, struct socket *socket);
/* The same with given bits, for what will be true when the answer arrives. */
void socket_show(struct tcpip *tcpip, struct socket *socket, uint32_t bits);
void sessions_signal(struct tcpip *tcpip);

/* ---- parked.c ---- */

/* Tries a call; answers it, or parks it if it must and may wait. */
void call_run(struct tcpip *tcpip, struct call *call);
/* Tries again what waits at a socket. */
void calls_retry(struct tcpip *tcpip, struct socket *socket);
/* A look-up has ended. */
void calls_resolved(struct tcpip *tcpip, net_owner owner, uint32_t query);
/* Cancels what waits in a list: all, or only what came by `holder`. */
void calls_cancel(struct tcpip *tcpip, struct list *list, const struct holder *holder);

/* ---- transfer.c ---- ERR_NONE: answered; ERR_WOULD_BLOCK: nothing yet; else what to answer */

enum error try_accept(struct tcpip *tcpip, struct call *call);
enum error try_connect(struct tcpip *tcpip, struct call *call);
enum error try_send(struct tcpip *tcpip, struct call *call);
enum error try_receive(struct tcpip *tcpip, struct call *call);
enum error try_send_to(struct tcpip *tcpip, struct call *call);
enum error try_receive_from(struct tcpip *tcpip, struct call *call);
enum error try_resolve(struct tcpip *tcpip, struct call *call);

struct net_endpoint endpoint_in(const struct tcpip_endpoint *endpoint);
struct tcpip_endpoint endpoint_out(const struct net_endpoint *endpoint);

/* ---- calls.c ---- */

/* Takes a request of any kind. */
void calls_dispatch(struct tcpip *tcpip, struct request *request);

/* ---- admin.c ---- */

/* The badge of who came by the name "netadmin"; of a kind that session.c does not give. */
#define BADGE_ADMIN (UINT64_C(3) << 32)

/* Takes a request of netadmin.idl; false: it is none. */
bool admin_dispatch(struct tcpip *tcpip, struct request *request);

/* ---- report.c ---- */

/* Text for netstat into tcpip->scratch; its length. ERR_INVALID: no such kind. */
enum error report_write(struct tcpip *tcpip, uint32_t kind, size_t *length);
