/* services.h: echo (RFC 862), discard (863), chargen (864) and daytime (867), over TCP and UDP.
 *
 * One poll loop (server.c) serves everybody. A connection's life is in stream.c, the answers to datagrams in
 * datagram.c. Everything hangs on one struct server that main.c owns. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECHO_SIZE       8192  /* what a connection may have in hand between recv() and send() */
#define SCRATCH_SIZE    65536 /* larger than any datagram */
#define LINE_LENGTH     74    /* chargen: 72 characters and CR LF */
#define PATTERN_LENGTH  (95 * LINE_LENGTH)
#define PATTERN_COPIES  8 /* so that a send() is worth its while */
#define DAYTIME_SIZE    64
#define CONNECTIONS_MAX 200 /* a program has 256 handles */

enum kind { KIND_ECHO, KIND_DISCARD, KIND_DAYTIME, KIND_CHARGEN, KIND_COUNT };

struct options {
    bool tcp, udp;
    uint16_t ports[KIND_COUNT]; /* 0: not served */
    unsigned connections_max;
    unsigned idle_ms;
    const char *group; /* multicast group whose datagrams are answered too; null: none */
};

struct connection {
    int fd;
    enum kind kind;
    uint64_t active;   /* milliseconds: when it last got on */
    bool said_all;     /* daytime: our direction is shut, what still comes is thrown away */
    size_t at, length; /* what of `data` is to be sent; chargen: `at` is the place in the pattern */
    char data[ECHO_SIZE];
};

struct server {
    struct options options;
    uint64_t now; /* milliseconds, read once a round */

    /* Entries of polls: a listener a kind, a datagram socket a kind, then entry i of connections. */
    struct pollfd polls[2 * KIND_COUNT + CONNECTIONS_MAX];
    struct connection *connections;
    unsigned count;
    uint64_t accept_at; /* accept() rests until then, after it failed for lack of something */

    uint32_t next_line; /* chargen over UDP */
    char pattern[PATTERN_COPIES * PATTERN_LENGTH];
    char scratch[SCRATCH_SIZE];
};

extern const char *const kind_names[KIND_COUNT];

/* server.c. Opens every socket; false, with a message, if one cannot be had. */
bool server_start(struct server *server);

/* Serves until poll() itself fails. */
void server_run(struct server *server);

/* stream.c: what the connection waits for, and one turn of it; false when it is over. */
short stream_events(const struct connection *connection);
bool stream_ready(struct server *server, struct connection *connection, short events);

/* datagram.c: answers what waits at the socket, a bounded number. */
void datagram_ready(struct server *server, int fd, enum kind kind);

/* text.c: fills server->pattern; writes the date and its length. */
void text_pattern(struct server *server);
size_t text_daytime(char text[DAYTIME_SIZE]);
