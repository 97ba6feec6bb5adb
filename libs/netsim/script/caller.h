/* caller.h: a user of an engine who makes every call of net/net.h, with arguments out of bytes: sensible
 * ones, and others (stale names, other people's addresses, numbers out of range).
 *
 * What it writes follows netsim/script/pattern.h. What it reads is held against that, as long as `pattern`
 * says that the other end does the same. */
#pragma once

#include <base/span.h>
#include <net/net.h>

enum { CALLER_SOCKETS = 8 };

/* A socket, and what has gone over its stream. */
struct caller_socket {
    net_socket_id id; /* 0: none */
    bool stream;
    bool deaf;               /* its reading side has been shut */
    uint32_t sent, received; /* bytes */
    bool ended;              /* the peer's end has been read */
    enum error error;        /* how the connection ended, if not in order */
};

struct caller {
    struct net *net;
    net_time now;
    net_owner owner;
    uint32_t own, peer; /* addresses */
    bool pattern;
    uint32_t query;
    struct caller_socket socket[CALLER_SOCKETS];
};

/* Any `kind` below caller_kind_count is a call; caller_kind_length says how many bytes of arguments it likes
 * to have; what is missing counts as 0. */
extern const uint8_t caller_kind_count;
uint8_t caller_kind_length(uint8_t kind);
void caller_call(struct caller *caller, uint8_t kind, struct reader *args);

/* The owner begins. */
void caller_start(struct caller *caller);
/* Puts a socket into a place, closing what was there. */
void caller_keep(struct caller *caller, uint32_t place, net_socket_id id, bool stream);
/* Takes every connection that waits at this place, and puts it where there is none. */
void caller_accept_all(struct caller *caller, uint32_t place);
/* Reads up to `length` bytes of a stream and checks them; how many came. */
size_t caller_read(struct caller *caller, struct caller_socket *socket, size_t length);
/* Writes up to `length` bytes; how many went. */
size_t caller_write(struct caller *caller, struct caller_socket *socket, size_t length);
