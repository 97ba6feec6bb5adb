/* output.c: where the answer goes. Small pieces are gathered, so that a file gets writes of 64 KiB. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum code output_open(struct client *client) {
    struct output *output = &client->output;
    const char *path = client->options.output;
    if (output->fd >= 0) {
        return CODE_OK;
    }
    output->to_file = path != NULL;
    output->fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : STDOUT_FILENO;
    if (output->fd < 0) {
        return fail(client, CODE_WRITE, "%s cannot be written: %s", path, strerror(errno));
    }
    return CODE_OK;
}

enum code output_flush(struct client *client) {
    struct output *output = &client->output;
    size_t done = 0;
    while (done < output->length) {
        const ssize_t n = write(output->fd, output->buffer + done, output->length - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            const char *reason = n < 0 ? strerror(errno) : "no room";
            output->length = 0;
            return fail(client, CODE_WRITE, "writing failed after %llu bytes: %s",
                        (unsigned long long)output->written, reason);
        }
        done += (size_t)n;
        output->written += (uint64_t)n;
    }
    output->length = 0;
    return CODE_OK;
}

enum code output_write(struct client *client, const char *data, size_t length) {
    struct output *output = &client->output;
    enum code code = output_open(client);
    while (code == CODE_OK && length) {
        const size_t room = sizeof(output->buffer) - output->length;
        const size_t part = length < room ? length : room;
        memcpy(output->buffer + output->length, data, part);
        output->length += part;
        data += part;
        length -= part;
        if (output->length == sizeof(output->buffer)) {
            code = output_flush(client);
        }
    }
    return code;
}

enum code output_close(struct client *client) {
    struct output *output = &client->output;
    if (output->fd < 0) {
        return CODE_OK;
    }
    enum code code = output_flush(client);
    if (output->to_file && close(output->fd) < 0 && code == CODE_OK) {
        code =
            fail(client, CODE_WRITE, "%s could not be closed: %s", client->options.output, strerror(errno));
    }
    output->fd = -1;
    return code;
}
