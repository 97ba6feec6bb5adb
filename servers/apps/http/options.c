/* options.c: the command line, in curl's manner: single letters, which may be joined ("-sI"). */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: http [-I] [-i] [-v] [-s] [-f] [-o FILE] [-d DATA] [-T FILE] [-H FIELD]... [-m SECONDS] URL\n"
    "  -I          ask for the head alone\n"
    "  -i          show the head before the body\n"
    "  -v          tell what happens\n"
    "  -s          tell nothing, not even failures\n"
    "  -f          fail (22) on status 400 and above\n"
    "  -o FILE     write the body to FILE\n"
    "  -d DATA     POST this; @FILE: what the file holds\n"
    "  -T FILE     PUT the file\n"
    "  -H FIELD    add \"Name: value\" to the request; \"Name:\" leaves a field out\n"
    "  -m SECONDS  give up when it takes longer\n"
    "Redirects are followed, up to 10.\n";

/* Joins -d DATA to those before. */
static enum code add_data(struct client *client, const char *value) {
    struct options *options = &client->options;
    if (*value == '@') {
        options->data_file = value + 1;
        return CODE_OK;
    }
    const size_t before = options->data ? strlen(options->data) + 1 : 0;
    char *joined = realloc(options->data, before + strlen(value) + 1);
    if (!joined) {
        return fail(client, CODE_MEMORY, "out of memory");
    }
    if (before) {
        joined[before - 1] = '&';
    }
    strcpy(joined + before, value);
    options->data = joined;
    return CODE_OK;
}

/* A field that could smuggle another line into the request is refused. */
static enum code add_field(struct client *client, const char *value) {
    struct options *options = &client->options;
    const size_t name = strcspn(value, ":");
    bool good = name > 0 && value[name] == ':';
    for (size_t i = 0; value[i]; i++) {
        const unsigned char c = (unsigned char)value[i];
        good = good && (i < name ? http_is_token_char(value[i]) : (c >= 0x20 && c != 0x7f) || c == '\t');
    }
    if (!good) {
        return fail(client, CODE_USAGE, "-H wants \"Name: value\" without control characters");
    }
    if (options->field_count == FIELDS_MAX) {
        return fail(client, CODE_USAGE, "more than %d -H options", FIELDS_MAX);
    }
    options->fields[options->field_count++] = value;
    return CODE_OK;
}

static enum code set_seconds(struct client *client, const char *value) {
    char *end;
    const unsigned long seconds = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || seconds == 0 || seconds > 1000000) {
        return fail(client, CODE_USAGE, "-m wants a number of seconds, not \"%s\"", value);
    }
    client->options.seconds = (unsigned)seconds;
    return CODE_OK;
}

static enum code take_value(struct client *client, char option, const char *value) {
    switch (option) {
    case 'o': client->options.output = strcmp(value, "-") == 0 ? NULL : value; return CODE_OK;
    case 'T': client->options.upload = value; return CODE_OK;
    case 'd': return add_data(client, value);
    case 'H': return add_field(client, value);
    default: return set_seconds(client, value);
    }
}

static bool take_flag(struct options *options, char option) {
    switch (option) {
    case 'I': options->head_only = true; return true;
    case 'i': options->include = true; return true;
    case 'v': options->verbose = true; return true;
    case 's': options->silent = true; return true;
    case 'f': options->fail = true; return true;
    case 'L': /* always so */
    case 'S': return true;
    default: return false;
    }
}

/* One argument that starts with '-': flags, then perhaps an option with its value, here or in the next
 * argument. */
static enum code take_argument(struct client *client, const char *letters, const char *next,
                               bool *next_used) {
    *next_used = false;
    for (; *letters; letters++) {
        if (take_flag(&client->options, *letters)) {
            continue;
        }
        if (!strchr("odTHm", *letters)) {
            return fail(client, CODE_USAGE, "unknown option -%c; `http -h` lists them", *letters);
        }
        const char *value = letters[1] ? letters + 1 : next;
        *next_used = letters[1] == 0;
        return value ? take_value(client, *letters, value)
                     : fail(client, CODE_USAGE, "-%c wants a value", *letters);
    }
    return CODE_OK;
}

static enum code check(struct client *client) {
    const struct options *options = &client->options;
    if (!options->url) {
        fputs(usage, stderr);
        return CODE_USAGE;
    }
    const int bodies = (options->data != NULL) + (options->data_file != NULL) + (options->upload != NULL);
    if (bodies > 1 || (bodies && options->head_only)) {
        return fail(client, CODE_USAGE, "-I, -T, -d DATA and -d @FILE exclude each other");
    }
    client->method = options->head_only ? "HEAD" : options->upload ? "PUT" : bodies ? "POST" : "GET";
    return CODE_OK;
}

enum code options_read(struct client *client, int count, char **arguments, bool *help) {
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) {
            fputs(usage, stdout);
            *help = true;
            return CODE_OK;
        }
        if (argument[0] != '-' || !argument[1]) {
            if (client->options.url) {
                return fail(client, CODE_USAGE, "one URL at a time");
            }
            client->options.url = argument;
            continue;
        }
        bool next_used;
        const enum code code =
            take_argument(client, argument + 1, i + 1 < count ? arguments[i + 1] : NULL, &next_used);
        if (code != CODE_OK) {
            return code;
        }
        i += next_used;
    }
    return check(client);
}
