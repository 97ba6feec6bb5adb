/* names.c: three small tables; linear search is enough for two dozen names. */
#include "names.h"

#include "process.h"

#include <base/text.h>
#include <os/os.h>

static struct name *find_name(const struct init *init, const char *name) {
    for (unsigned i = 0; i < NAMES; i++) {
        if (strcmp(init->names[i].name, name) == 0) {
            return (struct name *)&init->names[i];
        }
    }
    return NULL;
}

handle_t names_find(const struct init *init, const char *name) {
    const struct name *entry = find_name(init, name);
    return entry != NULL ? entry->port : HANDLE_NONE;
}

static void answer_finds(struct init *init, const struct name *entry) {
    for (unsigned i = 0; i < PARKED_FINDS; i++) {
        struct find *find = &init->finds[i];
        if (find->parked.reply != HANDLE_NONE && strcmp(find->name, entry->name) == 0) {
            (void)!init_find_reply_parked(&find->parked, entry->port, false);
        }
    }
}

static void signal_watches(struct init *init, const struct name *entry) {
    for (unsigned i = 0; i < WATCHES; i++) {
        const struct watch *watch = &init->watches[i];
        if (watch->event != HANDLE_NONE && strcmp(watch->name, entry->name) == 0) {
            (void)!event_signal(watch->event, watch->bits);
        }
    }
}

enum error names_publish(struct init *init, const char *name, handle_t port, uint32_t owner) {
    struct name *entry = find_name(init, name);
    if (entry != NULL && entry->owner != owner) {
        return ERR_EXISTS;
    }
    if (entry == NULL) {
        entry = find_name(init, "");
    }
    if (entry == NULL) {
        return ERR_TOO_MANY;
    }
    if (entry->port != HANDLE_NONE) {
        (void)!handle_close(entry->port);
    }
    *entry = (struct name){.port = port, .owner = owner};
    text_copy(entry->name, sizeof entry->name, name);
    answer_finds(init, entry);
    signal_watches(init, entry);
    return ERR_NONE;
}

enum error names_park(struct init *init, struct request *request, const char *name) {
    for (unsigned i = 0; i < PARKED_FINDS; i++) {
        struct find *find = &init->finds[i];
        if (find->parked.reply == HANDLE_NONE) {
            request_park(request, &find->parked);
            text_copy(find->name, sizeof find->name, name);
            return ERR_NONE;
        }
    }
    return ERR_TOO_MANY;
}

static unsigned watches_of(const struct init *init, uint32_t owner) {
    unsigned count = 0;
    for (unsigned i = 0; i < WATCHES; i++) {
        count += init->watches[i].event != HANDLE_NONE && init->watches[i].owner == owner;
    }
    return count;
}

enum error names_watch(struct init *init, const char *name, handle_t event, uint64_t bits, uint32_t owner) {
    if (watches_of(init, owner) >= WATCHES_OF_ONE) {
        return ERR_TOO_MANY;
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        struct watch *watch = &init->watches[i];
        if (watch->event != HANDLE_NONE) {
            continue;
        }
        *watch = (struct watch){.event = event, .bits = bits, .owner = owner};
        text_copy(watch->name, sizeof watch->name, name);
        if (names_find(init, name) != HANDLE_NONE) {
            (void)!event_signal(event, bits);
        }
        return ERR_NONE;
    }
    return ERR_TOO_MANY;
}

void names_give_up(struct init *init) {
    for (unsigned i = 0; i < PARKED_FINDS; i++) {
        struct find *find = &init->finds[i];
        if (find->parked.reply != HANDLE_NONE && !process_will_serve(init, find->name)) {
            parked_fail(&find->parked, ERR_NOT_FOUND);
        }
    }
}

void names_drop_owner(struct init *init, uint32_t owner) {
    for (unsigned i = 0; i < NAMES; i++) {
        if (init->names[i].name[0] != '\0' && init->names[i].owner == owner) {
            (void)!handle_close(init->names[i].port);
            init->names[i] = (struct name){0};
        }
    }
    for (unsigned i = 0; i < PARKED_FINDS; i++) {
        if (init->finds[i].parked.reply != HANDLE_NONE && init->finds[i].parked.badge == owner) {
            parked_fail(&init->finds[i].parked, ERR_DEAD);
        }
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        if (init->watches[i].event != HANDLE_NONE && init->watches[i].owner == owner) {
            (void)!handle_close(init->watches[i].event);
            init->watches[i] = (struct watch){0};
        }
    }
}
