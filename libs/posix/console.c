/* console.c: descriptors of a console. What has been typed comes raw, as it comes; programs that edit lines
 * do so themselves. */
#include "posix.h"
#include <errno.h>
#include <fcntl.h>
#include <ipc/console.h>
#include <os/os.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define TYPED_MAX 4096 /* the most that one call of console.idl gives */

/* Fetches what has been typed. ERR_WOULD_BLOCK: nothing, and `wait` is false. */
static enum error fetch(struct console *console, handle_t port, bool wait) {
    if (console->typed == NULL && (console->typed = malloc(TYPED_MAX)) == NULL) {
        return ERR_NO_MEMORY;
    }
    return console_read(port, wait, console->typed, TYPED_MAX, &console->typed_length);
}

static ssize_t read_console(struct open_file *file, void *data, size_t length) {
    struct console *console = &posix_state()->console;
    if (length == 0) {
        return 0;
    }
    if (console->typed_length == 0) {
        posix_flush();
        enum error error = fetch(console, file->handle, (file->flags & O_NONBLOCK) == 0);
        if (error != ERR_NONE) {
            return posix_fail(error);
        }
    }
    size_t taken = length < console->typed_length ? length : console->typed_length;
    memcpy(data, console->typed, taken);
    console->typed_length -= taken;
    memmove(console->typed, console->typed + taken, console->typed_length);
    return (ssize_t)taken;
}

/* Writes; a console that died is looked up anew, once. Its old handle may be another descriptor's too: it
 * stays. */
static enum error write_part(struct open_file *file, const char *text, size_t length) {
    enum error error = console_write(file->handle, text, length);
    handle_t port;
    if (error != ERR_DEAD || name_find("console", &port) != ERR_NONE) {
        return error;
    }
    file->handle = port;
    return console_write(file->handle, text, length);
}

static ssize_t write_console(struct open_file *file, const void *data, size_t length) {
    const char *text = data;
    for (size_t done = 0; done < length;) {
        size_t part = length - done < TRANSFER_MAX ? length - done : TRANSFER_MAX;
        enum error error = write_part(file, text + done, part);
        if (error != ERR_NONE) {
            return done != 0 ? (ssize_t)done : posix_fail(error);
        }
        done += part;
    }
    return (ssize_t)length;
}

static int status_of_console(struct open_file *file, struct stat *status) {
    status->st_mode = S_IFCHR | S_IRUSR | S_IWUSR;
    status->st_nlink = 1;
    status->st_blksize = TYPED_MAX;
    return 0;
}

/* Asks for a signal on input at the first poll: a program that never polls leaves the watch to its shell. */
static void watch(struct console *console, handle_t port) {
    handle_t event, copy;
    if (console->watched || posix_event(&event) != ERR_NONE ||
        handle_duplicate(event, RIGHT_PASS | RIGHT_SIGNAL, 0, &copy) != ERR_NONE) {
        return;
    }
    console->watched = console_watch(port, copy) == ERR_NONE;
}

static short ready(struct open_file *file) {
    struct console *console = &posix_state()->console;
    if ((file->flags & O_ACCMODE) == O_WRONLY) {
        return POLLOUT;
    }
    watch(console, file->handle);
    if (console->typed_length == 0 && fetch(console, file->handle, false) != ERR_NONE) {
        console->typed_length = 0;
    }
    return console->typed_length != 0 ? POLLIN | POLLOUT : POLLOUT;
}

static const struct operations operations = {.terminal = true,
                                             .read = read_console,
                                             .write = write_console,
                                             .status = status_of_console,
                                             .ready = ready};

struct open_file *posix_console_open(handle_t port, int flags) {
    return posix_file_make(&operations, port, flags);
}
