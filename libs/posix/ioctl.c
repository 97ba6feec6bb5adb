/* ioctl.c: the few requests that programs make of sockets. */
#include "socket.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>

static int queue_length(int fd, uint32_t option, int *length) {
    struct open_file *file = posix_descriptor_socket(fd);
    int64_t value = 0;
    if (file == NULL) {
        errno = ENOTTY;
        return -1;
    }
    if (file->socket.listening) { /* as Linux has it */
        return posix_fail(ERR_INVALID);
    }
    enum error error = tcpip_get_option(file->handle, option, &value);
    error = posix_session_result(file->socket.generation, error);
    *length = (int)value;
    return error == ERR_NONE ? 0 : posix_fail_socket(error);
}

int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    int *value = va_arg(list, int *);
    va_end(list);
    struct open_file *file = posix_descriptor_get(fd);
    if (file == NULL) {
        return -1;
    }
    if (value == NULL) {
        return posix_fail(ERR_BAD_ADDRESS);
    }
    switch (request) {
    case FIONBIO: file->flags = (file->flags & ~O_NONBLOCK) | (*value != 0 ? O_NONBLOCK : 0); return 0;
    case FIONREAD: return queue_length(fd, TCPIP_OPTION_READABLE, value);
    case SIOCOUTQ: return queue_length(fd, TCPIP_OPTION_UNACKED, value);
    case SIOCOUTQNSD: return queue_length(fd, TCPIP_OPTION_UNSENT, value);
    default: errno = ENOTTY; return -1;
    }
}
