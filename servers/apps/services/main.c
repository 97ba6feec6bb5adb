/* main.c: services: reads the options, makes the one struct server, runs. */
#include "services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const kind_names[KIND_COUNT] = {"echo", "discard", "daytime", "chargen"};
static const uint16_t usual_ports[KIND_COUNT] = {7, 9, 13, 19};

static const char usage[] =
    "usage: services [-t | -u] [-c CONNECTIONS] [-i SECONDS] [-g GROUP] [SERVICE[=PORT]...]\n"
    "  SERVICE         echo (port 7), discard (9), daytime (13), chargen (19); all\n"
    "  -t, -u          only over TCP, only over UDP\n"
    "  -c CONNECTIONS  at most so many at once (64)\n"
    "  -i SECONDS      give up a connection that is idle for so long (300)\n"
    "  -g GROUP        over UDP also for this multicast group\n";

/* Reads a number between 1 and most; 0 with a message if it is none. */
static unsigned parse_number(const char *what, const char *text, unsigned long most) {
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || number < 1 || number > most) {
        fprintf(stderr, "services: %s wants a number from 1 to %lu, not \"%s\"\n", what, most, text);
        return 0;
    }
    return (unsigned)number;
}

/* SERVICE or SERVICE=PORT. */
static bool take_service(struct options *options, const char *word) {
    const size_t length = strcspn(word, "=");
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (strncmp(word, kind_names[kind], length) == 0 && kind_names[kind][length] == '\0') {
            const bool given = word[length] == '=';
            options->ports[kind] = given ? (uint16_t)parse_number(kind_names[kind], word + length + 1, 65535)
                                         : usual_ports[kind];
            return options->ports[kind] != 0;
        }
    }
    fprintf(stderr, "services: there is no service \"%s\"\n%s", word, usage);
    return false;
}

/* -c, -i and -g, with their value. */
static bool take_value(struct options *options, const char *option, const char *value) {
    if (value && strcmp(option, "-g") == 0) {
        options->group = value;
        return true;
    }
    if (!value || (strcmp(option, "-c") != 0 && strcmp(option, "-i") != 0)) {
        fputs(usage, stderr);
        return false;
    }
    if (option[1] == 'c') {
        options->connections_max = parse_number(option, value, CONNECTIONS_MAX);
        return options->connections_max != 0;
    }
    options->idle_ms = parse_number(option, value, 3600) * 1000;
    return options->idle_ms != 0;
}

static bool read_options(struct options *options, int count, char **arguments) {
    bool named = false;
    *options = (struct options){.tcp = true, .udp = true, .connections_max = 64, .idle_ms = 300000};
    for (int i = 1; i < count; i++) {
        const char *word = arguments[i];
        bool good = true;
        if (strcmp(word, "-t") == 0) {
            options->udp = false;
        } else if (strcmp(word, "-u") == 0) {
            options->tcp = false;
        } else if (word[0] == '-') {
            good = take_value(options, word, ++i < count ? arguments[i] : NULL);
        } else {
            named = true;
            good = take_service(options, word);
        }
        if (!good) {
            return false;
        }
    }
    if (!named) {
        memcpy(options->ports, usual_ports, sizeof usual_ports);
    }
    if (!options->tcp && !options->udp) {
        fputs(usage, stderr);
    }
    return options->tcp || options->udp;
}

/* The exit status: 2 for wrong usage, else 1, since serving ends only by a failure. */
int main(int count, char **arguments) {
    struct server *server = calloc(1, sizeof *server);
    if (!server) {
        fputs("services: out of memory\n", stderr);
        return 1;
    }
    int status = 2;
    if (read_options(&server->options, count, arguments)) {
        status = 1;
        server->connections = calloc(server->options.connections_max, sizeof *server->connections);
        if (!server->connections) {
            fputs("services: out of memory\n", stderr);
        } else if (server_start(server)) {
            server_run(server);
        }
    }
    free(server->connections);
    free(server);
    return status;
}
