/* error.h: the one error type of the whole system.
 *
 * Kernel, servers and libraries return `enum error`; the compiler insists that it is looked at. It is
 * translated to errno in exactly one place (libs/posix). Values are part of the system call and message
 * formats: append, never renumber. */
#pragma once

/* clang-format 14 takes the attribute for an expression. */
/* clang-format off */
enum [[nodiscard]] error {
    ERR_NONE = 0,
    /* Kernel and general */
    ERR_INVALID = 1,         /* an argument makes no sense */
    ERR_BAD_HANDLE = 2,      /* no such handle, or of another kind */
    ERR_NO_RIGHT = 3,        /* the handle does not carry the right that this needs */
    ERR_BAD_ADDRESS = 4,     /* memory that the caller may not read or write */
    ERR_NO_MEMORY = 5,       /* the machine, or the server's arena, has none left */
    ERR_QUOTA = 6,           /* the caller's own budget is used up */
    ERR_TIMED_OUT = 7,       /* the deadline passed */
    ERR_DEAD = 8,            /* the other side (server, task, port) is gone */
    ERR_WOULD_BLOCK = 9,     /* nothing to be had now */
    ERR_TOO_LARGE = 10,      /* longer than the format or the buffer allows */
    ERR_NOT_FOUND = 11,      /* no such name, file, task, route */
    ERR_EXISTS = 12,         /* the name is taken */
    ERR_BUSY = 13,           /* in use by another */
    ERR_IO = 14,             /* the device failed */
    ERR_NO_SPACE = 15,       /* disk full */
    ERR_NOT_SUPPORTED = 16,  /* known, but not offered here */
    ERR_IS_DIRECTORY = 17,
    ERR_NOT_DIRECTORY = 18,
    ERR_NOT_EMPTY = 19,
    ERR_READ_ONLY = 20,
    ERR_MALFORMED = 21,      /* bytes that do not follow their format */
    ERR_CANCELLED = 22,      /* given up by whoever asked */
    ERR_TOO_MANY = 23,       /* a table of fixed size is full */
    /* Sockets */
    ERR_REFUSED = 32,        /* connection refused (RST to our SYN) */
    ERR_RESET = 33,          /* connection reset by the peer */
    ERR_ABORTED = 34,        /* connection aborted on this side */
    ERR_NOT_CONNECTED = 35,
    ERR_IS_CONNECTED = 36,
    ERR_ADDRESS_IN_USE = 37,
    ERR_ADDRESS_NOT_AVAILABLE = 38,
    ERR_NET_UNREACHABLE = 39,
    ERR_HOST_UNREACHABLE = 40,
    ERR_IN_PROGRESS = 41,
    ERR_ALREADY = 42,
    ERR_PIPE = 43,           /* sending after the sending side was shut */
    ERR_MESSAGE_SIZE = 44,   /* datagram longer than can be sent */
    ERR_DESTINATION_REQUIRED = 45,
    ERR_NO_NAME = 46,        /* DNS: NXDOMAIN, or no address of that kind */
    ERR_NAME_SERVER = 47,    /* DNS: the servers failed or did not answer */
    ERR_WRONG_TYPE = 48,     /* a stream call on a datagram socket or the reverse */
    ERR_COUNT
};
/* clang-format on */

/* The enumerator's name in plain words ("connection refused"); never null, also for values out of range. */
const char *error_text(enum error error);
