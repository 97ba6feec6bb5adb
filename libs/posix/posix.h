/* posix.h: what the files of this library share: open files, the descriptor table, the one state of the task.
 *
 * A descriptor is an index into a table of open files; dup() makes two descriptors of one open file, which so
 * share its offset and flags, as POSIX wants it. What an open file can do is told by its table of operations;
 * an operation that is missing gives the errno that POSIX names for that kind. Names that programs can see
 * begin with posix_, because every other belongs to the program. */
#pragma once

#include <base/error.h>
#include <ipc/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define DESCRIPTORS  2048
#define TRANSFER_MAX 65536u /* bytes that one call to a server moves */
#define PATH_SIZE    1024
#define EVENT_SERVER 4 /* bit of the task's event: a server has published "tcpip" */

struct open_file;

struct operations {
    bool terminal; /* isatty() */
    ssize_t (*read)(struct open_file *file, void *data, size_t length);
    ssize_t (*write)(struct open_file *file, const void *data, size_t length);
    ssize_t (*read_at)(struct open_file *file, void *data, size_t length, uint64_t offset);
    ssize_t (*write_at)(struct open_file *file, const void *data, size_t length, uint64_t offset);
    int (*status)(struct open_file *file, struct stat *status);
    int (*truncate)(struct open_file *file, uint64_t size);
    int (*sync)(struct open_file *file);
    short (*ready)(struct open_file *file); /* poll bits that hold now; missing: always POLLIN and POLLOUT */
    void (*close)(struct open_file *file);
};

struct socket_state {
    uint32_t slot;                          /* its word in the session's readiness page */
    uint32_t generation;                    /* of the session that it belongs to */
    int type;                               /* SOCK_STREAM or SOCK_DGRAM */
    uint64_t receive_timeout, send_timeout; /* ns; 0: none */
    unsigned linger; /* seconds for which close() waits until all is acknowledged (SO_LINGER) */
    uint32_t low;    /* SO_RCVLOWAT, if it was set: then readiness does not tell whether there is anything */
    bool listening, adopted;
    int idle[15]; /* options that do nothing in the server, and differ from what is usual: see options.c */
};

struct open_file {
    const struct operations *operations;
    handle_t handle;
    unsigned references; /* descriptors that refer to it */
    int flags;           /* O_ACCMODE, O_APPEND, O_NONBLOCK */
    union {
        uint64_t offset; /* a file's or a directory's position */
        struct socket_state socket;
    };
};

/* The session with tcpip. It is opened by the first socket, and again after tcpip has died. */
struct session {
    handle_t handle;
    handle_t ready_memory;
    volatile uint32_t *ready; /* one word of enum net_ready bits per slot, written by tcpip */
    uint32_t generation;      /* 0: never opened */
    bool alive;
};

struct console {
    handle_t port;
    char *typed; /* bytes that came with a read and nobody has asked for yet */
    size_t typed_length;
    bool watched;
};

struct posix {
    struct open_file *table[DESCRIPTORS];
    int lowest; /* no descriptor below is free */
    bool started;
    handle_t event; /* something changed, look again: tcpip signals bit 0, the console 0 and 1, init
                       EVENT_SERVER */
    handle_t fs;
    struct session session;
    struct console console;
    char working_directory[PATH_SIZE];
};

struct posix *posix_state(void);
/* Where tcpip and the console signal; made at the first need. */
enum error posix_event(handle_t *event);

/* Set errno from `error` and return -1. The second is for calls to tcpip, where a dead server means a lost
 * connection. */
int posix_fail(enum error error);
int posix_fail_socket(enum error error);
/* The errno values themselves, for SO_ERROR. */
int posix_error_number(enum error error);
int posix_socket_error_number(enum error error);

/* An open file with one reference; null, with errno, without memory. */
struct open_file *posix_file_make(const struct operations *operations, handle_t handle, int flags);
/* Puts it under the lowest free descriptor, or drops it: -1 with EMFILE. */
int posix_descriptor_install(struct open_file *file);
/* The open file of a descriptor; null with EBADF. */
struct open_file *posix_descriptor_get(int fd);
/* The same, for a socket: null with EBADF or ENOTSOCK. */
struct open_file *posix_descriptor_socket(int fd);
bool posix_is_socket(const struct open_file *file);

struct open_file *posix_console_open(handle_t port, int flags);
struct open_file *posix_file_open(handle_t handle, int flags);
/* Whether a path is that of /dev/null, what open() makes of it, and what stat() says. */
bool posix_is_null(const char *absolute);
int posix_null_open(int flags);
void posix_null_status(struct stat *status);

/* Waits until something that the event tells of may have changed, or until deadline: ERR_TIMED_OUT. */
enum error posix_wait(uint64_t deadline);

/* Writes out what stdout and stderr hold; called before the task waits for somebody. */
void posix_flush(void);
