/* socket.h: what the files about sockets share. */
#pragma once

#include "posix.h"
#include <ipc/tcpip.h>
#include <sys/socket.h>

/* The task's session with tcpip, made anew when there is none alive. */
enum error posix_session_open(struct session **session);
/* Asks a server that may have died whether it lives. */
void posix_session_check(void);
/* Takes note of ERR_DEAD in the result of a call on a session or a socket of that generation; returns the
 * result. */
enum error posix_session_result(uint32_t generation, enum error error);
/* Readiness bits (TCPIP_READY_*) that hold now, without a call; all of them when the server has died. */
uint32_t posix_socket_ready(const struct open_file *file);

/* Between BSD addresses and those of the interface. False, with errno EAFNOSUPPORT or EINVAL, if it is none
 * of ours. */
bool posix_endpoint_of(const struct sockaddr *address, socklen_t length, struct tcpip_endpoint *endpoint);
/* Cut at *length, which becomes the full length; address may be null. */
void posix_endpoint_store(const struct tcpip_endpoint *endpoint, struct sockaddr *address, socklen_t *length);

/* What setsockopt() and getsockopt() return for the server's answer. */
int posix_option_result(const struct open_file *file, enum error error);
/* Hands an option out, cut at the length that the caller has room for; as getsockopt(). */
int posix_give_option(const void *from, size_t size, void *value, socklen_t *length);

/* Is recvmsg() to tell of this: IP_PKTINFO, IP_RECVTTL or IP_RECVTOS? */
bool posix_tells(const struct open_file *file, int name);

/* ---- stream_options.c ---- as setsockopt() and getsockopt() */

/* Is it one of those of TCP that are no numbers? */
bool posix_is_stream_option(int level, int name);
int posix_set_stream_option(struct open_file *file, int name, const void *value, socklen_t length);
int posix_get_stream_option(struct open_file *file, int name, void *value, socklen_t *length);

/* ---- groups.c ---- */

struct in_addr;
/* Is it one of the options that join and leave groups, or choose an interface for them? */
bool posix_is_group_option(int level, int name);
int posix_set_group_option(struct open_file *file, int name, const void *value, socklen_t length);
int posix_get_group_interface(struct open_file *file, struct in_addr *address);
