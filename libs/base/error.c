/* error.c: each error in plain words. */
#include <base/error.h>
#include <stddef.h>

static const char *const texts[ERR_COUNT] = {
    [ERR_NONE] = "no error",
    [ERR_INVALID] = "invalid argument",
    [ERR_BAD_HANDLE] = "bad handle",
    [ERR_NO_RIGHT] = "no right to do this",
    [ERR_BAD_ADDRESS] = "bad address",
    [ERR_NO_MEMORY] = "out of memory",
    [ERR_QUOTA] = "quota used up",
    [ERR_TIMED_OUT] = "timed out",
    [ERR_DEAD] = "the other side is gone",
    [ERR_WOULD_BLOCK] = "would block",
    [ERR_TOO_LARGE] = "too large",
    [ERR_NOT_FOUND] = "not found",
    [ERR_EXISTS] = "exists already",
    [ERR_BUSY] = "busy",
    [ERR_IO] = "input/output error",
    [ERR_NO_SPACE] = "no space left",
    [ERR_NOT_SUPPORTED] = "not supported",
    [ERR_IS_DIRECTORY] = "is a directory",
    [ERR_NOT_DIRECTORY] = "not a directory",
    [ERR_NOT_EMPTY] = "directory not empty",
    [ERR_READ_ONLY] = "read-only",
    [ERR_MALFORMED] = "malformed",
    [ERR_CANCELLED] = "cancelled",
    [ERR_TOO_MANY] = "too many",
    [ERR_REFUSED] = "connection refused",
    [ERR_RESET] = "connection reset by peer",
    [ERR_ABORTED] = "connection aborted",
    [ERR_NOT_CONNECTED] = "not connected",
    [ERR_IS_CONNECTED] = "already connected",
    [ERR_ADDRESS_IN_USE] = "address in use",
    [ERR_ADDRESS_NOT_AVAILABLE] = "address not available",
    [ERR_NET_UNREACHABLE] = "network unreachable",
    [ERR_HOST_UNREACHABLE] = "host unreachable",
    [ERR_IN_PROGRESS] = "in progress",
    [ERR_ALREADY] = "already in progress",
    [ERR_PIPE] = "sending side is shut",
    [ERR_MESSAGE_SIZE] = "message too long",
    [ERR_DESTINATION_REQUIRED] = "destination address required",
    [ERR_NO_NAME] = "no such name",
    [ERR_NAME_SERVER] = "name server failed",
    [ERR_WRONG_TYPE] = "wrong type of socket",
};

const char *error_text(enum error error) {
    if ((unsigned)error >= ERR_COUNT || texts[error] == NULL) {
        return "unknown error";
    }
    return texts[error];
}
