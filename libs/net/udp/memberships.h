/* memberships.h: the groups that one socket has joined, and the sources that it wants of each (RFC 3376 3.1):
 * on each link by itself.
 *
 * A table that is made when a socket joins its first group. Errors are those of Linux. */
#pragma once

#include <base/error.h>
#include <stdbool.h>
#include <stdint.h>

#define MEMBERSHIPS_MAX        20 /* as Linux's igmp_max_memberships */
#define MEMBERSHIP_SOURCES_MAX 10 /* as its igmp_max_msf */

struct membership {
    uint32_t group;
    uint8_t interface; /* the link on which it is joined */
    bool exclude;      /* all sources but these; else only these */
    uint8_t count;
    uint32_t source[MEMBERSHIP_SOURCES_MAX];
};

struct memberships {
    uint8_t count;
    struct membership entry[MEMBERSHIPS_MAX];
};

/* All sources of the group. ERR_ADDRESS_IN_USE: joined already; ERR_TOO_MANY. */
enum error memberships_join(struct memberships *memberships, uint32_t group, uint8_t interface);
/* ERR_ADDRESS_NOT_AVAILABLE: not joined. */
enum error memberships_leave(struct memberships *memberships, uint32_t group, uint8_t interface);
/* One source more, or less, of a group that is joined source by source; the first joins it, the last leaves
 * it. ERR_INVALID: it is joined as a whole, or (to leave) not at all; ERR_ADDRESS_NOT_AVAILABLE: the source
 * is there already, or (to leave) is not; ERR_TOO_MANY. */
enum error memberships_join_source(struct memberships *memberships, uint32_t group, uint8_t interface,
                                   uint32_t source);
enum error memberships_leave_source(struct memberships *memberships, uint32_t group, uint8_t interface,
                                    uint32_t source);
/* Nothing from this source, or something again, of a group that is joined as a whole. Errors as above. */
enum error memberships_block(struct memberships *memberships, uint32_t group, uint8_t interface,
                             uint32_t source);
enum error memberships_unblock(struct memberships *memberships, uint32_t group, uint8_t interface,
                               uint32_t source);

/* Does the socket want what comes from there? In groups that it has not joined `otherwise` counts. Null: it
 * has joined none. */
bool memberships_want(const struct memberships *memberships, uint32_t group, uint8_t interface,
                      uint32_t source, bool otherwise);
