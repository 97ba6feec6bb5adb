/* main.c: http, the client: one transfer from its options to its exit code. */
#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

enum code fail(const struct client *client, enum code code, const char *format, ...) {
    if (!client->options.silent) {
        va_list arguments;
        va_start(arguments, format);
        fprintf(stderr, "http: (%d) ", code);
        vfprintf(stderr, format, arguments);
        fputs("\n", stderr);
        va_end(arguments);
    }
    return code;
}

static enum code url_failed(const struct client *client, enum error error, const char *text) {
    switch (error) {
    case ERR_NOT_SUPPORTED:
        return fail(client, CODE_PROTOCOL, "only http:// is spoken here, not \"%.200s\"", text);
    case ERR_TOO_LARGE: return fail(client, CODE_URL, "the URL is too long");
    default: return fail(client, CODE_URL, "\"%.200s\" is not a URL", text);
    }
}

static bool same_host(const struct http_url *a, const struct http_url *b) {
    return http_same_name(a->host, b->host) && a->port == b->port;
}

/* The method after a redirect (RFC 9110 15.4): 307 and 308 keep it, 303 makes it GET, and so do 301 and 302
 * of a POST. A body that is sent again starts again. */
static void choose_method(struct client *client) {
    const unsigned status = client->response.machine.status_code;
    const bool was_post = strcmp(client->method, "POST") == 0;
    const bool to_get = status == 303 || ((status == 301 || status == 302) && was_post);
    if (to_get && strcmp(client->method, "HEAD") != 0) {
        client->method = "GET";
        client->body.present = false;
    }
}

static enum code follow(struct client *client) {
    const char *location = http_field(&client->response, "Location");
    const enum error error = http_url_resolve(&client->url, location, &client->url);
    if (error != ERR_NONE) {
        return url_failed(client, error, location);
    }
    choose_method(client);
    client->foreign = !same_host(&client->url, &client->first_url);
    if (client->options.verbose) {
        fprintf(stderr, "* Redirected to %s port %u, %s\n", client->url.host, client->url.port,
                client->url.target);
    }
    return CODE_OK;
}

static enum code transfer(struct client *client) {
    for (int redirects = 0;; redirects++) {
        enum code code = exchange(client);
        if (code != CODE_OK || !is_redirect(client)) {
            return code;
        }
        if (redirects == REDIRECTS_MAX) {
            return fail(client, CODE_REDIRECTS, "more than %d redirects", REDIRECTS_MAX);
        }
        code = follow(client);
        if (code != CODE_OK) {
            return code;
        }
    }
}

static enum code run(struct client *client) {
    const struct options *options = &client->options;
    const enum error error = http_url_parse(options->url, &client->url);
    if (error != ERR_NONE) {
        return url_failed(client, error, options->url);
    }
    client->first_url = client->url;
    enum code code = body_open(client);
    if (code == CODE_OK) {
        code = transfer(client);
    }
    const enum code closed = output_close(client);
    progress_end(&client->progress);
    return code == CODE_OK ? closed : code;
}

int main(int count, char **arguments) {
    struct client *client = calloc(1, sizeof(*client));
    if (!client) {
        fputs("http: (27) out of memory\n", stderr);
        return CODE_MEMORY;
    }
    client->fd = client->body.fd = client->output.fd = -1;
    bool help = false;
    enum code code = options_read(client, count, arguments, &help);
    if (code == CODE_OK && !help) {
        const unsigned seconds = client->options.seconds;
        client->deadline = seconds ? milliseconds() + 1000ull * seconds : UINT64_MAX;
        code = run(client);
    }
    if (client->body.fd >= 0) {
        close(client->body.fd);
    }
    free(client->options.data);
    free(client);
    return (int)code;
}
