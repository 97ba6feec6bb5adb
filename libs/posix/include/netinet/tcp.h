/* netinet/tcp.h: options of TCP sockets, with Linux' numbers. */
#pragma once

#define TCP_NODELAY          1
#define TCP_MAXSEG           2
#define TCP_CORK             3
#define TCP_KEEPIDLE         4 /* seconds */
#define TCP_KEEPINTVL        5 /* seconds */
#define TCP_KEEPCNT          6
#define TCP_FASTOPEN_CONNECT 30 /* 0 or 1: connect() may wait for the first data, which goes with the SYN */
