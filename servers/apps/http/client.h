/* client.h: the http client: what its files share.
 *
 * main.c reads the options and follows redirects; each request is one exchange (exchange.c) over a connection
 * of its own (connect.c), whose answer goes through output.c. A failure is an exit code of curl's and a
 * sentence, said once, where it is found, by fail(). Everything hangs on one struct client that main.c owns.
 */
#pragma once

#include <http/message.h>
#include <http/text.h>
#include <http/url.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDIRECTS_MAX 10
#define FIELDS_MAX    32
#define BUFFER_SIZE   65536
#define CONNECT_MS    20000 /* for one address */
#define STALL_MS      60000 /* without a byte either way */
#define INTERIM_MAX   16    /* answers of 1xx before the real one */

/* curl's numbers, so that scripts carry over. */
enum code {
    CODE_OK = 0,
    CODE_PROTOCOL = 1,
    CODE_USAGE = 2,
    CODE_URL = 3,
    CODE_RESOLVE = 6,
    CODE_CONNECT = 7,
    CODE_WEIRD_REPLY = 8,
    CODE_CUT_SHORT = 18,
    CODE_STATUS = 22,
    CODE_WRITE = 23,
    CODE_READ = 26,
    CODE_MEMORY = 27,
    CODE_TIMED_OUT = 28,
    CODE_REDIRECTS = 47,
    CODE_EMPTY_REPLY = 52,
    CODE_SEND = 55,
    CODE_RECEIVE = 56,
};

struct options {
    const char *url;
    const char *output; /* null: the standard output */
    const char *upload; /* -T */
    const char *data_file;
    char *data; /* -d, joined by '&'; on the heap */
    const char *fields[FIELDS_MAX];
    unsigned field_count;
    unsigned seconds; /* -m; 0: no limit */
    bool head_only, include, verbose, silent, fail;
};

/* Where the request's body comes from: text, or a file that is streamed. */
struct body {
    const char *text;
    int fd; /* -1: none */
    uint64_t size;
    bool present;
};

struct output {
    int fd; /* -1: not opened yet */
    bool to_file;
    uint64_t written;
    size_t length;
    char buffer[BUFFER_SIZE];
};

struct progress {
    bool wanted, shown;
    uint64_t total;                    /* 0: not known */
    uint64_t done, done_before, speed; /* bytes, bytes a second */
    uint64_t started, drawn;           /* milliseconds */
};

struct client {
    struct options options;
    uint64_t deadline; /* of -m, in milliseconds; UINT64_MAX without */
    struct http_url url, first_url;
    const char *method;
    struct body body;
    struct output output;
    struct progress progress;

    /* The exchange in hand. */
    int fd;
    bool foreign; /* redirected to another host: credentials stay at home */
    struct http_parser response;
    char request[HTTP_URL_MAX + HTTP_TEXT_SIZE];
    char sending[BUFFER_SIZE];
    char receiving[BUFFER_SIZE];
};

/* main.c */
uint64_t milliseconds(void);

/* Says why, unless -s was given, and returns the code. */
[[gnu::format(printf, 3, 4)]] enum code fail(const struct client *client, enum code code, const char *format,
                                             ...);

/* options.c. CODE_OK, or what to exit with; `help` is set if help was asked for and shown. */
enum code options_read(struct client *client, int count, char **arguments, bool *help);

/* request.c: opens the body; writes the head of the request; false if it is too long. */
enum code body_open(struct client *client);
bool request_compose(struct client *client, struct http_text *text);

/* connect.c: connects client->fd to the host of client->url. */
enum code connect_to_host(struct client *client);

/* Waits until `events` of the connection are there, at most `patience` milliseconds and never past -m.
 * Returns what poll() saw, 0 when time is up. */
int wait_for(const struct client *client, int fd, short events, uint64_t patience);

/* exchange.c: one request and its answer. The body of a redirect (and with -f of an error) is not read. */
enum code exchange(struct client *client);
bool is_redirect(const struct client *client);

/* output.c */
enum code output_open(struct client *client);
enum code output_write(struct client *client, const char *data, size_t length);
enum code output_flush(struct client *client);
enum code output_close(struct client *client);

/* progress.c: a line on the standard error for what takes longer than a second and does not go to the screen.
 */
void progress_start(struct progress *progress, bool wanted, uint64_t total);
void progress_step(struct progress *progress, uint64_t bytes);
void progress_end(struct progress *progress);
