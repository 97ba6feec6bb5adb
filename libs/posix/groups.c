/* groups.c: the options that join and leave multicast groups, and choose the interface for them. */
#include "socket.h"
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* The three forms begin alike; the shorter ones are filled up. */
struct wish {
    struct in_addr group, interface, source;
    int link;
};

static bool read_wish(int name, const void *value, socklen_t length, struct wish *wish) {
    *wish = (struct wish){.link = 0};
    if (name != IP_ADD_MEMBERSHIP && name != IP_DROP_MEMBERSHIP) {
        struct ip_mreq_source given;
        if (length < sizeof given) {
            return false;
        }
        memcpy(&given, value, sizeof given);
        *wish = (struct wish){given.imr_multiaddr, given.imr_interface, given.imr_sourceaddr, 0};
        return true;
    }
    struct ip_mreqn given = {.imr_ifindex = 0};
    if (length < sizeof(struct ip_mreq)) {
        return false;
    }
    memcpy(&given, value, length < sizeof given ? sizeof(struct ip_mreq) : sizeof given);
    *wish = (struct wish){
        .group = given.imr_multiaddr, .interface = given.imr_address, .link = given.imr_ifindex};
    return true;
}

static struct tcpip_endpoint endpoint(struct in_addr address) {
    struct tcpip_endpoint out = {.family = 4};
    memcpy(out.address, &address, sizeof address);
    return out;
}

static uint32_t change_of(int name) {
    switch (name) {
    case IP_ADD_MEMBERSHIP: return TCPIP_GROUP_JOIN;
    case IP_DROP_MEMBERSHIP: return TCPIP_GROUP_LEAVE;
    case IP_ADD_SOURCE_MEMBERSHIP: return TCPIP_GROUP_JOIN_SOURCE;
    case IP_DROP_SOURCE_MEMBERSHIP: return TCPIP_GROUP_LEAVE_SOURCE;
    case IP_BLOCK_SOURCE: return TCPIP_GROUP_BLOCK;
    case IP_UNBLOCK_SOURCE: return TCPIP_GROUP_UNBLOCK;
    default: return 0;
    }
}

/* Linux's words for it. */
static int result(struct open_file *file, enum error error) {
    error = posix_session_result(file->socket.generation, error);
    switch (error) {
    case ERR_NONE: return 0;
    case ERR_NOT_FOUND: errno = ENODEV; return -1;
    case ERR_TOO_MANY: errno = ENOBUFS; return -1;
    case ERR_WRONG_TYPE: errno = EPROTO; return -1;
    default: return posix_fail_socket(error);
    }
}

static int change_group(struct open_file *file, int name, const void *value, socklen_t length) {
    struct wish wish;
    if (!read_wish(name, value, length, &wish)) {
        return posix_fail(ERR_INVALID);
    }
    struct tcpip_membership membership = {.group = endpoint(wish.group),
                                          .source = endpoint(wish.source),
                                          .interface = endpoint(wish.interface),
                                          .link = (uint32_t)wish.link};
    return result(file, tcpip_change_group(file->handle, change_of(name), &membership));
}

/* An address alone, or either form of a membership: of those only the interface counts. */
static int set_interface(struct open_file *file, const void *value, socklen_t length) {
    struct in_addr address;
    if (length >= sizeof(struct ip_mreq)) {
        address = ((const struct ip_mreq *)value)->imr_interface;
    } else if (length >= sizeof address) {
        memcpy(&address, value, sizeof address);
    } else {
        return posix_fail(ERR_INVALID);
    }
    return result(file, tcpip_set_option(file->handle, TCPIP_OPTION_MULTICAST_IF, ntohl(address.s_addr)));
}

bool posix_is_group_option(int level, int name) {
    return level == IPPROTO_IP && (name == IP_MULTICAST_IF || change_of(name) != 0);
}

int posix_set_group_option(struct open_file *file, int name, const void *value, socklen_t length) {
    if (value == NULL) {
        return posix_fail(ERR_BAD_ADDRESS);
    }
    return name == IP_MULTICAST_IF ? set_interface(file, value, length)
                                   : change_group(file, name, value, length);
}

int posix_get_group_interface(struct open_file *file, struct in_addr *address) {
    int64_t number = 0;
    int done = result(file, tcpip_get_option(file->handle, TCPIP_OPTION_MULTICAST_IF, &number));
    address->s_addr = htonl((uint32_t)number);
    return done;
}
