/* transfer.h: moving bytes through sockets, and how long a call is willing to wait. */
#pragma once

#include "socket.h"

/* How a call waits: not at all, parked in the server, or here, until a time limit of the socket. */
struct patience {
    bool park;  /* the server is to keep the call until it can be answered */
    bool timed; /* we wait ourselves, until `deadline` */
    uint64_t deadline;
};

/* flags: MSG_DONTWAIT or 0. timeout: ns, 0 for none. */
void posix_patience_begin(struct patience *patience, const struct open_file *file, int flags,
                          uint64_t timeout);
/* Whether the call is worth its while: ERR_WOULD_BLOCK when none of `bits` (nor an error) holds and waiting
 * is over or unwanted. */
enum error posix_patience_wait(const struct patience *patience, const struct open_file *file, uint32_t bits);
/* Whether to wait once more after the server has said `error`. */
bool posix_patience_again(const struct patience *patience, enum error error);

/* What stands beside the bytes of a datagram; see struct datagram of the interface. */
struct envelope {
    struct tcpip_endpoint peer; /* family 0: none */
    uint8_t local[16], destination[16];
    uint8_t interface, ttl, tos;
    bool tos_given, truncated;
};

/* As recv() and send(); -1 with errno. envelope: out, of datagrams only, else it stays as it is; or what to
 * send with. May be null. */
ssize_t posix_socket_receive(struct open_file *file, void *data, size_t length, int flags,
                             struct envelope *envelope);
ssize_t posix_socket_send(struct open_file *file, const void *data, size_t length, int flags,
                          const struct envelope *envelope);
