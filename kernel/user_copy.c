/* user_copy.c: see user_copy.h. Page by page, each page checked by a walk of the tables just before. */
#include "user_copy.h"
#include "bytes.h"
#include "kernel.h"

static uint64_t to_page_end(uint64_t address, uint64_t length) {
    uint64_t left = PAGE_SIZE - (address & (PAGE_SIZE - 1));
    return left < length ? left : length;
}

HOT enum error user_read(const struct space *space, void *to, uint64_t from, uint64_t length) {
    while (length > 0) {
        const void *source = space_reach(space, from, ACCESS_READ);
        uint64_t part = to_page_end(from, length);
        if (!source)
            return ERR_BAD_ADDRESS;
        memcpy(to, source, part);
        to = (char *)to + part;
        from += part;
        length -= part;
    }
    return ERR_NONE;
}

HOT enum error user_write(const struct space *space, uint64_t to, const void *from, uint64_t length) {
    while (length > 0) {
        void *target = space_reach(space, to, ACCESS_WRITE);
        uint64_t part = to_page_end(to, length);
        if (!target)
            return ERR_BAD_ADDRESS;
        memcpy(target, from, part);
        from = (const char *)from + part;
        to += part;
        length -= part;
    }
    return ERR_NONE;
}

HOT enum error user_copy(struct place to, struct place from, uint64_t length, bool *to_failed) {
    while (length > 0) {
        const void *source = space_reach(from.space, from.address, from.access);
        void *target = space_reach(to.space, to.address, to.access);
        *to_failed = !target;
        if (!source || !target)
            return ERR_BAD_ADDRESS;
        uint64_t part = to_page_end(to.address, to_page_end(from.address, length));
        memcpy(target, source, part);
        from.address += part;
        to.address += part;
        length -= part;
    }
    return ERR_NONE;
}
