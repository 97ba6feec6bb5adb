/* manners.h: what the files of this program share. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

/* Prints a line "what: text"; printf's format. */
__attribute__((format(printf, 2, 3))) void say(const char *what, const char *format, ...);
/* The name of what a call returned: "0", "17", or that of errno if it is negative. The last four stay. */
const char *outcome(long result);

/* A socket that listens at 127.0.0.1; its port is chosen. `prepared`: made and given its options before, or
 * -1. */
int listening(int prepared, struct sockaddr_in *address);
/* Both ends of a connection on 127.0.0.1; end[0] has connected. */
void connected(int end[2]);

void options(void);
void queues(void);
void endings(void);
void ports(void);
void information(void);
void messages(void);
