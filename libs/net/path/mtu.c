/* mtu.c: the MTU of paths; read mtu.h first. */
#include <net/path/mtu.h>
#include <stddef.h>

uint16_t mtu_plateau(uint16_t length) {
    static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
    for (size_t i = 0; i < sizeof plateaus / sizeof plateaus[0]; i++) {
        if (plateaus[i] < length) {
            return plateaus[i];
        }
    }
    return 68;
}

static struct path_mtu *find(struct path_mtus *mtus, uint32_t destination) {
    for (uint32_t i = 0; i < mtus->count; i++) {
        if (mtus->path[i].destination == destination) {
            return &mtus->path[i];
        }
    }
    return NULL;
}

static struct path_mtu *make_room(struct path_mtus *mtus) {
    if (mtus->count < MTU_PATHS_MAX) {
        return &mtus->path[mtus->count++];
    }
    struct path_mtu *first = &mtus->path[0];
    for (uint32_t i = 1; i < MTU_PATHS_MAX; i++) {
        first = mtus->path[i].expires < first->expires ? &mtus->path[i] : first;
    }
    return first;
}

uint16_t mtu_learn(struct path_mtus *mtus, uint32_t destination, uint16_t mtu, net_time now) {
    bool locked = mtu < MTU_LEAST;
    mtu = locked ? MTU_LEAST : mtu;
    struct path_mtu *path = find(mtus, destination);
    bool fresh = path == NULL || path->expires <= now;
    if (!fresh && path->mtu < mtu) {
        return path->mtu; /* an answer to an older packet */
    }
    path = path != NULL ? path : make_room(mtus);
    *path = (struct path_mtu){destination, mtu, locked, net_time_after(now, MTU_LIFE)};
    return mtu;
}

uint16_t mtu_look(const struct path_mtus *mtus, uint32_t destination, uint16_t link, net_time now) {
    for (uint32_t i = 0; i < mtus->count; i++) {
        const struct path_mtu *path = &mtus->path[i];
        if (path->destination == destination && path->expires > now && path->mtu < link) {
            return path->mtu;
        }
    }
    return link;
}

uint16_t mtu_find(struct path_mtus *mtus, uint32_t destination, uint16_t link, bool *locked, net_time now) {
    struct path_mtu *path = find(mtus, destination);
    *locked = false;
    if (path == NULL) {
        return link;
    }
    if (path->expires <= now) { /* the last one takes its place */
        *path = mtus->path[--mtus->count];
        return link;
    }
    *locked = path->locked;
    return path->mtu < link ? path->mtu : link;
}
