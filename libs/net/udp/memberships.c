/* memberships.c: one socket's groups; read memberships.h first. */
#include <net/udp/memberships.h>
#include <stddef.h>
#include <string.h>

static struct membership *find(struct memberships *memberships, uint32_t group, uint8_t interface) {
    for (uint8_t i = 0; i < memberships->count; i++) {
        if (memberships->entry[i].group == group && memberships->entry[i].interface == interface) {
            return &memberships->entry[i];
        }
    }
    return NULL;
}

static struct membership *add(struct memberships *memberships, uint32_t group, uint8_t interface,
                              bool exclude) {
    if (memberships->count == MEMBERSHIPS_MAX) {
        return NULL;
    }
    struct membership *membership = &memberships->entry[memberships->count++];
    *membership = (struct membership){.group = group, .interface = interface, .exclude = exclude};
    return membership;
}

static void drop(struct memberships *memberships, struct membership *membership) {
    *membership = memberships->entry[--memberships->count];
}

enum error memberships_join(struct memberships *memberships, uint32_t group, uint8_t interface) {
    if (find(memberships, group, interface) != NULL) {
        return ERR_ADDRESS_IN_USE;
    }
    return add(memberships, group, interface, true) != NULL ? ERR_NONE : ERR_TOO_MANY;
}

enum error memberships_leave(struct memberships *memberships, uint32_t group, uint8_t interface) {
    struct membership *membership = find(memberships, group, interface);
    if (membership == NULL) {
        return ERR_ADDRESS_NOT_AVAILABLE;
    }
    drop(memberships, membership);
    return ERR_NONE;
}

/* ---- Sources ---- */

static int place_of(const struct membership *membership, uint32_t source) {
    for (int i = 0; i < membership->count; i++) {
        if (membership->source[i] == source) {
            return i;
        }
    }
    return -1;
}

static enum error list(struct membership *membership, uint32_t source) {
    if (place_of(membership, source) >= 0) {
        return ERR_ADDRESS_NOT_AVAILABLE;
    }
    if (membership->count == MEMBERSHIP_SOURCES_MAX) {
        return ERR_TOO_MANY;
    }
    membership->source[membership->count++] = source;
    return ERR_NONE;
}

static enum error strike(struct membership *membership, uint32_t source) {
    int place = place_of(membership, source);
    if (place < 0) {
        return ERR_ADDRESS_NOT_AVAILABLE;
    }
    membership->source[place] = membership->source[--membership->count];
    return ERR_NONE;
}

enum error memberships_join_source(struct memberships *memberships, uint32_t group, uint8_t interface,
                                   uint32_t source) {
    struct membership *membership = find(memberships, group, interface);
    if (membership == NULL) {
        membership = add(memberships, group, interface, false);
        return membership != NULL ? list(membership, source) : ERR_TOO_MANY;
    }
    return membership->exclude ? ERR_INVALID : list(membership, source);
}

enum error memberships_leave_source(struct memberships *memberships, uint32_t group, uint8_t interface,
                                    uint32_t source) {
    struct membership *membership = find(memberships, group, interface);
    if (membership == NULL || membership->exclude) {
        return ERR_INVALID;
    }
    enum error error = strike(membership, source);
    if (error == ERR_NONE && membership->count == 0) {
        drop(memberships, membership);
    }
    return error;
}

enum error memberships_block(struct memberships *memberships, uint32_t group, uint8_t interface,
                             uint32_t source) {
    struct membership *membership = find(memberships, group, interface);
    return membership == NULL || !membership->exclude ? ERR_INVALID : list(membership, source);
}

enum error memberships_unblock(struct memberships *memberships, uint32_t group, uint8_t interface,
                               uint32_t source) {
    struct membership *membership = find(memberships, group, interface);
    return membership == NULL || !membership->exclude ? ERR_INVALID : strike(membership, source);
}

bool memberships_want(const struct memberships *memberships, uint32_t group, uint8_t interface,
                      uint32_t source, bool otherwise) {
    for (uint8_t i = 0; memberships != NULL && i < memberships->count; i++) {
        const struct membership *membership = &memberships->entry[i];
        if (membership->group == group && membership->interface == interface) {
            return (place_of(membership, source) >= 0) != membership->exclude;
        }
    }
    return otherwise;
}
