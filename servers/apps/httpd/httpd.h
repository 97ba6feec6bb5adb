/* httpd.h: the web server: what its files share.
 *
 * One poll loop serves every connection (server.c). A connection (connection.c) reads requests, lets
 * respond.c compose the answers into the server's one output buffer, and streams files (stream.c). An idle
 * connection owns nothing but its entry in the table; memory is borrowed from a budget while a request or an
 * answer is stuck half-way. Everything hangs on one struct httpd that main.c owns. */
#pragma once

#include "files.h"
#include "log.h"
#include "memory.h"

#include <http/date.h>
#include <http/message.h>
#include <http/text.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define INPUT_SIZE   16384
#define PIECE_SIZE   65536 /* one read of a file, one send */
#define OUTPUT_SIZE  (PIECE_SIZE + HEAD_ROOM)
#define HEAD_ROOM    4096 /* more than any head or error page that we compose */
#define WINDOW_COUNT 4
#define BODY_MAX     (1u << 20) /* a request body is read over up to here; beyond it the answer is 413 */
#define LINGER_MS    3000
#define RETRY_MS     100 /* how long accept() rests after it failed for lack of something */
#define LEAST_RATE   512 /* bytes per second below which a download is cut off in the end */

struct options {
    const char *root;
    const char *log_path;
    uint16_t port;
    bool verbose;
    unsigned connections_max;
    unsigned timeout_ms;
    size_t memory;
};

enum connection_state {
    CONNECTION_READING,   /* waits for a request or the rest of one */
    CONNECTION_WRITING,   /* an answer did not go out whole */
    CONNECTION_LINGERING, /* said its last word; input is thrown away until the peer closes */
};

/* A part of an open file that is still to be sent. fd is -1 when there is none. */
struct file_part {
    int fd;
    uint64_t id; /* of this answer alone: what was read for another file on the same connection is not its */
    uint64_t at, end;
};

/* Bytes on the heap, charged to the budget. Empty: data is null. */
struct block {
    char *data;
    size_t at, length, size;
};

struct connection {
    int fd;
    enum connection_state state;
    bool close_after; /* the answer in hand is the last one */
    bool unread;      /* the peer may still be sending: closing at once could destroy the answer on its way */
    uint64_t id;      /* grows with each connection */
    struct in_addr peer;

    /* Deadlines in milliseconds. `limit` bounds an answer as a whole, however steadily it trickles. */
    uint64_t deadline, limit;

    /* Only while a request is half read. */
    struct http_parser *parser;
    uint64_t body_seen;

    /* Only while an answer is half sent: bytes that go first, then the file; and requests that wait behind
     * it. */
    struct block out;
    struct file_part file;
    size_t piece; /* how much to read next: follows what the socket last took */
    struct block in;
};

/* A piece of a file that was read for an answer (file_part.id) and not sent whole. If another one took its
 * place, the bytes are read again: nobody waits for a window, nobody owns one. */
struct window {
    uint64_t owner, at;
    size_t length;
    char data[PIECE_SIZE];
};

struct httpd {
    struct options options;
    int listener;
    uint64_t now;        /* milliseconds, read once a round */
    uint64_t next_check; /* no deadline is earlier */
    uint64_t accept_at;  /* accept() rests until then */

    /* The table: entry i of connections belongs to entry i + 1 of polls; 0 is the listener. */
    struct connection *connections;
    struct pollfd *polls;
    unsigned count;
    uint64_t next_id; /* of connections and of answers */

    struct budget budget;
    struct file_cache files;
    struct log log;
    struct http_parser
        *parser; /* for whichever request comes next; handed to a connection that must keep it */
    struct window *windows;
    int64_t date_second;
    char date[HTTP_DATE_SIZE];
    char input[INPUT_SIZE];
    char output[OUTPUT_SIZE];
};

/* server.c. Returns only when the listening socket is lost. */
bool server_start(struct httpd *server);
void server_run(struct httpd *server);

/* No deadline earlier than `deadline` may be slept over. */
void server_deadline(struct httpd *server, struct connection *connection, uint64_t deadline);

/* connection.c. Each returns false when the connection is over and its entry can be taken out of the table.
 */
void connection_open(struct httpd *server, struct connection *connection, int fd, struct in_addr peer);
bool connection_ready(struct httpd *server, struct connection *connection, short events);
bool connection_expired(struct httpd *server, struct connection *connection);
bool connection_is_idle(const struct connection *connection);
short connection_events(const struct connection *connection);
void connection_close(struct httpd *server, struct connection *connection);

/* respond.c: composes the answer to the request just parsed, or to one that failed with `status`. */
void respond(struct httpd *server, struct connection *connection, const struct http_parser *request,
             struct http_text *out);
void respond_error(struct httpd *server, struct connection *connection, const struct http_parser *request,
                   unsigned status, struct http_text *out);

/* stream.c: sends what is due: the composed bytes, with the start of the file behind them; then the rest. */
enum progress {
    PROGRESS_DONE,
    PROGRESS_BLOCKED,
    PROGRESS_YIELD, /* could go on, but others should have their turn */
    PROGRESS_LOST,  /* the peer, or the file, is gone */
};
enum progress stream_send(struct httpd *server, struct connection *connection, struct http_text *out);
enum progress stream_continue(struct httpd *server, struct connection *connection);
void stream_close_file(struct connection *connection);

/* listing.c: makes the page that lists a directory, in a block that the caller frees. False: no memory, or no
 * such directory. */
bool listing_make(struct httpd *server, const char *directory, const char *title, struct block *page);
