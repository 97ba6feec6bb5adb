/* sys/ioctl.h: how much waits in a socket, and whether a descriptor waits, with Linux' numbers. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#define FIONBIO  0x5421 /* int: 0 or 1, as O_NONBLOCK */
#define FIONREAD 0x541b /* int: bytes that can be read; of a datagram socket, of the next datagram */
#define TIOCOUTQ 0x5411 /* int: bytes that were written and are not acknowledged */

#define SIOCINQ     FIONREAD
#define SIOCOUTQ    TIOCOUTQ
#define SIOCOUTQNSD 0x894b /* int: bytes that were written and have not been sent */

int ioctl(int fd, unsigned long request, ...);

#ifdef __cplusplus
}
#endif
