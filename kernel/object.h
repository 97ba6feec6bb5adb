/* object.h: what all kernel objects share.
 *
 * An object lives while somebody refers to it: handles, and other objects as each kind says. It is charged to
 * the account of the task that made it. Handles hold more than a reference (a port lives by its receive
 * handles, a badge's last handle sends a notice), so they come and go by handle_hold and handle_drop. */
#pragma once

#include "account.h"
#include <ipc/abi.h>

struct task;

/* Functions on the way of a message: the linker puts them side by side. */
#define HOT        __attribute__((hot))
#define HOT_INLINE __attribute__((hot, always_inline)) inline

enum object_type : uint32_t {
    OBJECT_TASK,
    OBJECT_PORT,
    OBJECT_BADGE, /* a port, as seen through a badged handle */
    OBJECT_EVENT,
    OBJECT_MEMORY,
    OBJECT_INTERRUPT,
    OBJECT_MACHINE,
    OBJECT_TYPES
};

struct object {
    enum object_type type;
    uint32_t references;
    struct account *account;
};

/* A cleared object with one reference, charged to `account`; errors: ERR_QUOTA, ERR_NO_MEMORY. */
enum error object_create(struct kernel *kernel, enum object_type type, struct account *account, void *made);

/* Frees the object's own memory and its charge; only for the kinds' destroy functions. */
void object_free(struct kernel *kernel, struct object *object);

static inline void object_get(struct object *object) {
    object->references++;
}

/* Drops a reference; with the last one the object is destroyed. */
void object_put(struct kernel *kernel, struct object *object);
