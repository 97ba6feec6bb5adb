/* user_copy.h: copies from, to and between address spaces that survive any address. */
#pragma once

#include "space.h"

/* ERR_BAD_ADDRESS if the task may not read (write) all of it; a part may have been copied by then. */
enum error user_read(const struct space *space, void *to, uint64_t from, uint64_t length);
enum error user_write(const struct space *space, uint64_t to, const void *from, uint64_t length);

struct place {
    const struct space *space;
    uint64_t address;
    enum access access;
};

/* Copies between two spaces through the direct map; on an error `*to_failed` tells whose address was bad. */
enum error user_copy(struct place to, struct place from, uint64_t length, bool *to_failed);
