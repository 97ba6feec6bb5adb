/* errno.c: the one place where the system's errors become errno values. */
#include "posix.h"
#include <errno.h>

static const unsigned char numbers[ERR_COUNT] = {
    [ERR_NONE] = 0,
    [ERR_INVALID] = EINVAL,
    [ERR_BAD_HANDLE] = EBADF,
    [ERR_NO_RIGHT] = EACCES,
    [ERR_BAD_ADDRESS] = EFAULT,
    [ERR_NO_MEMORY] = ENOMEM,
    [ERR_QUOTA] = ENOMEM,
    [ERR_TIMED_OUT] = ETIMEDOUT,
    [ERR_DEAD] = EIO,
    [ERR_WOULD_BLOCK] = EAGAIN,
    [ERR_TOO_LARGE] = EFBIG,
    [ERR_NOT_FOUND] = ENOENT,
    [ERR_EXISTS] = EEXIST,
    [ERR_BUSY] = EBUSY,
    [ERR_IO] = EIO,
    [ERR_NO_SPACE] = ENOSPC,
    [ERR_NOT_SUPPORTED] = EOPNOTSUPP,
    [ERR_IS_DIRECTORY] = EISDIR,
    [ERR_NOT_DIRECTORY] = ENOTDIR,
    [ERR_NOT_EMPTY] = ENOTEMPTY,
    [ERR_READ_ONLY] = EROFS,
    [ERR_MALFORMED] = EBADMSG,
    [ERR_CANCELLED] = ECANCELED,
    [ERR_TOO_MANY] = ENFILE,
    [ERR_REFUSED] = ECONNREFUSED,
    [ERR_RESET] = ECONNRESET,
    [ERR_ABORTED] = ECONNABORTED,
    [ERR_NOT_CONNECTED] = ENOTCONN,
    [ERR_IS_CONNECTED] = EISCONN,
    [ERR_ADDRESS_IN_USE] = EADDRINUSE,
    [ERR_ADDRESS_NOT_AVAILABLE] = EADDRNOTAVAIL,
    [ERR_NET_UNREACHABLE] = ENETUNREACH,
    [ERR_HOST_UNREACHABLE] = EHOSTUNREACH,
    [ERR_IN_PROGRESS] = EINPROGRESS,
    [ERR_ALREADY] = EALREADY,
    [ERR_PIPE] = EPIPE,
    [ERR_MESSAGE_SIZE] = EMSGSIZE,
    [ERR_DESTINATION_REQUIRED] = EDESTADDRREQ,
    [ERR_NO_NAME] = ENOENT,
    [ERR_NAME_SERVER] = EAGAIN,
    [ERR_WRONG_TYPE] = EOPNOTSUPP,
};

int posix_error_number(enum error error) {
    return (unsigned)error < ERR_COUNT && numbers[error] != 0 ? numbers[error] : EIO;
}

int posix_socket_error_number(enum error error) {
    switch (error) {
    case ERR_DEAD: return ECONNRESET; /* tcpip has died, and the connection with it */
    case ERR_QUOTA: return ENOBUFS;
    case ERR_NOT_FOUND: return ENODEV; /* the link that something is to leave by */
    case ERR_CANCELLED: return EBADF;  /* closed by another while we waited */
    default: return posix_error_number(error);
    }
}

int posix_fail(enum error error) {
    errno = posix_error_number(error);
    return -1;
}

int posix_fail_socket(enum error error) {
    errno = posix_socket_error_number(error);
    return -1;
}
