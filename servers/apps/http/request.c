/* request.c: the request's head and where its body comes from. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum code body_open(struct client *client) {
    const struct options *options = &client->options;
    struct body *body = &client->body;
    const char *path = options->upload ? options->upload : options->data_file;
    if (options->data) {
        *body =
            (struct body){.text = options->data, .fd = -1, .size = strlen(options->data), .present = true};
    }
    if (!path) {
        return CODE_OK;
    }
    struct stat status;
    body->fd = open(path, O_RDONLY);
    if (body->fd < 0 || fstat(body->fd, &status) < 0) {
        return fail(client, CODE_READ, "%s cannot be read: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(client, CODE_READ, "%s is not a file", path);
    }
    body->size = (uint64_t)status.st_size;
    body->present = true;
    return CODE_OK;
}

/* The field of that name that the user gave, or null. */
static const char *own_field(const struct options *options, const char *name) {
    const size_t length = strlen(name);
    for (unsigned i = 0; i < options->field_count; i++) {
        if (http_same_prefix(options->fields[i], name, length) && options->fields[i][length] == ':') {
            return options->fields[i];
        }
    }
    return NULL;
}

static void add_default(const struct client *client, struct http_text *text, const char *name,
                        const char *value) {
    if (!own_field(&client->options, name)) {
        http_text_string(text, name);
        http_text_string(text, ": ");
        http_text_string(text, value);
        http_text_string(text, "\r\n");
    }
}

static void add_host(const struct client *client, struct http_text *text) {
    const struct http_url *url = &client->url;
    if (own_field(&client->options, "Host") && !client->foreign) {
        return;
    }
    http_text_string(text, url->is_ipv6 ? "Host: [" : "Host: ");
    http_text_string(text, url->host);
    http_text_string(text, url->is_ipv6 ? "]" : "");
    if (url->port != 80) {
        http_text_string(text, ":");
        http_text_number(text, url->port);
    }
    http_text_string(text, "\r\n");
}

static bool names(const char *field, const char *name) {
    return http_same_prefix(field, name, strlen(name)) && field[strlen(name)] == ':';
}

/* The user's fields; one without a value only keeps the default away. What is meant for one host alone is not
 * told to another that it redirects to. */
static void add_own_fields(const struct client *client, struct http_text *text) {
    for (unsigned i = 0; i < client->options.field_count; i++) {
        const char *field = client->options.fields[i];
        const char *value = strchr(field, ':') + 1;
        const bool secret = names(field, "Authorization") || names(field, "Cookie") || names(field, "Host");
        if (value[strspn(value, " \t")] && !(client->foreign && secret)) {
            http_text_string(text, field);
            http_text_string(text, "\r\n");
        }
    }
}

bool request_compose(struct client *client, struct http_text *text) {
    http_text_init(text, client->request, sizeof(client->request));
    http_text_string(text, client->method);
    http_text_string(text, " ");
    http_text_string(text, client->url.target);
    http_text_string(text, " HTTP/1.1\r\n");
    add_host(client, text);
    add_default(client, text, "User-Agent", "minato-http/1.0");
    add_default(client, text, "Accept", "*/*");
    add_default(client, text, "Connection", "close");
    if (client->body.present) {
        http_text_string(text, "Content-Length: ");
        http_text_number(text, client->body.size);
        http_text_string(text, "\r\n");
        if (!client->options.upload) {
            add_default(client, text, "Content-Type", "application/x-www-form-urlencoded");
        }
    }
    add_own_fields(client, text);
    http_text_string(text, "\r\n");
    return !text->overflow;
}
