/* address.c: BSD addresses and those of tcpip's interface. */
#include "socket.h"
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

bool posix_endpoint_of(const struct sockaddr *address, socklen_t length, struct tcpip_endpoint *endpoint) {
    struct sockaddr_in in;
    if (address == NULL || length < sizeof in) {
        errno = EINVAL;
        return false;
    }
    memcpy(&in, address, sizeof in);
    if (in.sin_family != AF_INET) {
        errno = EAFNOSUPPORT;
        return false;
    }
    *endpoint = (struct tcpip_endpoint){.family = 4, .port = ntohs(in.sin_port)};
    memcpy(endpoint->address, &in.sin_addr, 4);
    return true;
}

void posix_endpoint_store(const struct tcpip_endpoint *endpoint, struct sockaddr *address,
                          socklen_t *length) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    if (address == NULL || length == NULL) {
        return;
    }
    memcpy(&in.sin_addr, endpoint->address, 4);
    memcpy(address, &in, *length < sizeof in ? *length : sizeof in);
    *length = sizeof in;
}
