/* side.h: what the relay stands between: a socket or a tap that gives and takes one frame a call. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens what `name` says; its descriptor never blocks. -1 with a message on the standard error.
 *   udp:LOCAL:REMOTE   two ports of 127.0.0.1, ours and the other's, as for QEMU's -netdev dgram
 *   tap:NAME           a network device of this machine's kernel (in this network namespace)
 *   fd:N               one that is open already: a connected datagram socket, or a tap */
int side_open(const char *name);
