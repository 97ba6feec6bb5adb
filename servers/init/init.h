/* init.h: all that the first task knows. One struct, owned by main.c; every other file gets a pointer to it.
 *
 * loader.c makes tasks, process.c keeps book of them, names.c of what they publish, requests.c answers them,
 * crash.c tells why one died. archive, image, manifest, options, symbols and restart are pure and tested on
 * the build machine. */
#pragma once

#include "devices.h"
#include "manifest.h"

#include <base/random.h>
#include <base/span.h>
#include <ipc/init.h>
#include <os/server.h>
#include <os/start.h>

#define PROCESSES        64
#define CHILDREN_MAX     40 /* of one spawner, ended and not yet waited for included */
#define NAMES            24
#define PARKED_FINDS     48
#define WATCHES          64
#define WATCHES_OF_ONE   8     /* of one task */
#define RECEIVE_CAPACITY 32768 /* = INIT_SPAWN_MAX */

enum process_state {
    PROCESS_FREE,
    PROCESS_RUNNING,
    PROCESS_ENDED,  /* a program whose parent has not asked yet how it ended */
    PROCESS_RESTING /* a task of the manifest that is started again at restart_at (NEVER: no more) */
};

/* `task` is a handle only while running. `id` is also the badge of the task's handle to init and of its end.
 */
struct process {
    enum process_state state;
    uint32_t id, parent; /* parent 0: none, or no longer */
    char name[MANIFEST_NAME];
    const struct manifest_entry *entry;
    uint32_t may;  /* enum may: the entry's, for a program as far as its spawner's */
    uint32_t uses; /* bit i: entry->uses.name[i], for a program as far as its spawner's */
    handle_t task;
    struct restart_state restart;
    uint64_t restart_at;
    uint32_t end; /* enum task_end */
    int64_t status;
    struct parked waiter; /* the parent's wait */
    handle_t end_event;
    uint64_t end_bits;
};

struct name {
    char name[MANIFEST_NAME]; /* "": free */
    handle_t port;
    uint32_t owner;
};

struct find {
    struct parked parked;
    char name[MANIFEST_NAME];
};

struct watch {
    handle_t event; /* HANDLE_NONE: free */
    uint64_t bits;
    uint32_t owner;
    char name[MANIFEST_NAME];
};

struct init {
    const struct boot_info *boot;
    struct {
        struct start_info info;
        char name[8];
    } own; /* what libs/os asks for, made by init for itself */
    struct span archive;
    struct manifest manifest;
    struct devices devices;
    struct random random;
    int64_t wall_clock_offset;

    struct server server;
    struct process processes[PROCESSES];
    uint32_t last_id;
    struct name names[NAMES];
    struct find finds[PARKED_FINDS];
    struct watch watches[WATCHES];

    struct init_process listing[PROCESSES];
    uint8_t receive_buffer[RECEIVE_CAPACITY];
};
