/* main.c: httpd: reads the options, makes the one struct httpd, runs. */
#include "httpd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_READY (1u << 20) /* bytes: enough for what the usual load borrows */

static const char usage[] =
    "usage: httpd [-p PORT] [-r ROOT] [-l FILE] [-v] [-c CONNECTIONS] [-t SECONDS] [-m KIB]\n"
    "  -p PORT         listen there (80)\n"
    "  -r ROOT         serve the files below this directory (/www)\n"
    "  -l FILE         add the access log to FILE\n"
    "  -v              show the access log on the standard output\n"
    "  -c CONNECTIONS  serve at most so many at once (1024)\n"
    "  -t SECONDS      patience with a silent or slow client (15)\n"
    "  -m KIB          memory for requests and answers under way, and for the cache (4096)\n";

/* Reads a number between least and most; false with a message if it is none. */
static bool parse_number(char option, const char *text, unsigned long least, unsigned long most,
                         unsigned long *number) {
    char *end;
    *number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || *number < least || *number > most) {
        fprintf(stderr, "httpd: -%c wants a number from %lu to %lu, not \"%s\"\n", option, least, most, text);
        return false;
    }
    return true;
}

static bool take_option(struct options *options, char option, const char *value) {
    unsigned long number = 0;
    bool good = true;
    switch (option) {
    case 'r': options->root = value; break;
    case 'l': options->log_path = value; break;
    case 'p':
        good = parse_number(option, value, 1, 65535, &number);
        options->port = (uint16_t)number;
        break;
    case 'c':
        good = parse_number(option, value, 1, 4096, &number);
        options->connections_max = (unsigned)number;
        break;
    case 't':
        good = parse_number(option, value, 1, 3600, &number);
        options->timeout_ms = (unsigned)number * 1000;
        break;
    default:
        good = parse_number(option, value, 256, 1u << 20, &number);
        options->memory = (size_t)number * 1024;
        break;
    }
    return good;
}

static bool read_options(struct options *options, int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "-v") == 0) {
            options->verbose = true;
            continue;
        }
        if (argument[0] != '-' || !argument[1] || !strchr("prlctm", argument[1])) {
            fputs(usage, strcmp(argument, "-h") == 0 ? stdout : stderr);
            return false;
        }
        const char *value = argument[2] ? argument + 2 : i + 1 < count ? arguments[++i] : NULL;
        if (!value) {
            fprintf(stderr, "httpd: %s wants a value\n", argument);
            return false;
        }
        if (!take_option(options, argument[1], value)) {
            return false;
        }
    }
    return true;
}

/* All that is not borrowed later. The budget pays for the parser, which changes hands. */
static bool allocate(struct httpd *server) {
    const unsigned most = server->options.connections_max;
    server->budget.limit = server->options.memory;
    server->connections = calloc(most, sizeof(*server->connections));
    server->polls = calloc(most + 1, sizeof(*server->polls));
    server->windows = calloc(WINDOW_COUNT, sizeof(*server->windows));
    server->parser = budget_alloc(&server->budget, sizeof(*server->parser));
    /* The heap grows here, not under load: requests borrow from this and give it back. (Without the volatile
     * the compiler would see through it.) */
    void *volatile ready = malloc(HEAP_READY);
    free(ready);
    return server->connections && server->polls && server->windows && server->parser;
}

/* The exit status: 2 for wrong usage, else 1, since serving ends only by a failure. */
static int run(struct httpd *server, int count, char **arguments) {
    server->options = (struct options){
        .root = "/www", .port = 80, .connections_max = 1024, .timeout_ms = 15000, .memory = 4u << 20};
    if (!read_options(&server->options, count, arguments)) {
        return 2;
    }
    if (!allocate(server)) {
        fputs("httpd: out of memory\n", stderr);
        return 1;
    }
    if (!log_open(&server->log, server->options.log_path, server->options.verbose)) {
        perror(server->options.log_path);
        return 1;
    }
    files_init(&server->files, server->options.root, &server->budget);
    if (server_start(server)) {
        printf("httpd: serving %s on port %u\n", server->options.root, server->options.port);
        fflush(stdout);
        server_run(server);
    }
    return 1;
}

int main(int count, char **arguments) {
    struct httpd *server = calloc(1, sizeof(*server));
    if (!server) {
        fputs("httpd: out of memory\n", stderr);
        return 1;
    }
    const int status = run(server, count, arguments);
    free(server->connections);
    free(server->polls);
    free(server->windows);
    budget_free(&server->budget, server->parser, sizeof(*server->parser));
    free(server);
    return status;
}
