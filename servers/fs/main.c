/* main.c: the file server: fs.idl on one side, the FAT library (fat/fat.h) on the other.
 *
 * Paths come in on the port that the name "fs" gives, without a badge; each open file is a badged copy of it,
 * and goes when its last holder lets go. What was changed is written back when a file that was written is
 * closed, at most SYNC_DELAY after the first change, and on demand; only then is the disk's own cache flushed
 * too. */
#include <ipc/fs.h>
#include <os/os.h>
#include <os/server.h>

#include "disk.h"
#include "fat/volume.h"
#include <stdlib.h>
#include <string.h>

#define FILES_MAX  384           /* open handles */
#define SYNC_DELAY 1000000000ull /* ns */
#define LIST_BYTES 16384         /* of one answer to list; callers offer at least as much */

struct open_file {
    struct fat_node *node; /* null: free */
    bool writes;
};

struct fs {
    struct server server;
    struct disk disk;
    struct fat_volume volume;
    bool mounted;
    struct open_file files[FILES_MAX]; /* by badge - 1 */
    uint64_t dirty_since;              /* 0: the volume is clean */

    uint8_t receive_buffer[PAYLOAD_MAX];
    uint8_t answer[PAYLOAD_MAX];
};

/* ---- Volume and handles ---- */

/* A disk that was not there at first may come later. */
static enum error mount(struct fs *fs) {
    if (fs->mounted) {
        return ERR_NONE;
    }
    enum error error = disk_open(&fs->disk);
    if (error == ERR_NONE) {
        error = fat_mount(&fs->volume, &fs->disk.fat);
    }
    if (error == ERR_MALFORMED) {
        log_line("no FAT32 volume on the disk");
    }
    fs->mounted = error == ERR_NONE;
    return fs->mounted ? ERR_NONE : ERR_IO;
}

/* A path may only be named by who has found the server, not by who was given a file. */
static bool may_name(struct fs *fs, struct request *request) {
    enum error error = request->badge == 0 ? mount(fs) : ERR_NO_RIGHT;
    if (error != ERR_NONE) {
        request_fail(request, error);
    }
    return error == ERR_NONE;
}

/* The file that the request's handle stands for; else it has been answered. */
static struct open_file *file_of(struct fs *fs, struct request *request) {
    if (request->badge == 0 || request->badge > FILES_MAX || fs->files[request->badge - 1].node == NULL) {
        request_fail(request, ERR_INVALID);
        return NULL;
    }
    return &fs->files[request->badge - 1];
}

static struct open_file *file_to_write(struct fs *fs, struct request *request) {
    struct open_file *file = file_of(fs, request);
    if (file != NULL && !file->writes) {
        request_fail(request, ERR_READ_ONLY);
        return NULL;
    }
    return file;
}

static struct open_file *free_file(struct fs *fs) {
    for (unsigned i = 0; i < FILES_MAX; i++) {
        if (fs->files[i].node == NULL) {
            return &fs->files[i];
        }
    }
    return NULL;
}

static struct fs_stat stat_out(const struct fat_stat *stat) {
    uint32_t flags = (stat->directory ? FS_IS_DIRECTORY : 0) | (stat->read_only ? FS_IS_READ_ONLY : 0);
    return (struct fs_stat){.size = stat->size, .modified = stat->modified, .flags = flags, .id = stat->id};
}

/* For calls that give back nothing but their status. */
static void answer(struct request *request, enum error error) {
    request_fail(request, error);
}

static void sync(struct fs *fs) {
    bool clean = fat_sync(&fs->volume, false) == ERR_NONE;
    fs->dirty_since = clean ? 0 : clock_now(); /* tried again after another delay */
}

/* ---- Calls with a path ---- */

/* Gives the client its handle of an opened node. */
static enum error hand_out(struct fs *fs, struct request *request, struct fat_node *node, bool writes) {
    struct open_file *file = free_file(fs);
    handle_t handle;
    if (file == NULL) {
        return ERR_TOO_MANY;
    }
    uint64_t badge = (uint64_t)(file - fs->files) + 1;
    enum error error = handle_duplicate(fs->server.port, RIGHT_SEND | RIGHT_PASS, badge, &handle);
    if (error != ERR_NONE) {
        return error;
    }
    *file = (struct open_file){node, writes};
    struct fat_stat stat;
    fat_node_stat(&fs->volume, node, &stat);
    struct fs_stat out = stat_out(&stat);
    fs_open_reply(request, handle, &out);
    return ERR_NONE;
}

static void on_open(void *context, struct request *request, uint32_t flags, const char *path) {
    struct fs *fs = context;
    struct fat_node *node;
    if (!may_name(fs, request)) {
        return;
    }
    enum error error = fat_open(&fs->volume, path, flags, &node);
    if (error == ERR_NONE) {
        error = hand_out(fs, request, node, (flags & FS_OPEN_WRITE) != 0);
        if (error != ERR_NONE) {
            fat_close(&fs->volume, node);
        }
    }
    if (error != ERR_NONE) {
        request_fail(request, error);
    }
}

static void on_stat(void *context, struct request *request, const char *path) {
    struct fs *fs = context;
    struct fat_stat stat;
    if (!may_name(fs, request)) {
        return;
    }
    enum error error = fat_stat(&fs->volume, path, &stat);
    if (error != ERR_NONE) {
        request_fail(request, error);
        return;
    }
    struct fs_stat out = stat_out(&stat);
    fs_stat_reply(request, &out);
}

static void on_remove(void *context, struct request *request, const char *path) {
    struct fs *fs = context;
    if (may_name(fs, request)) {
        answer(request, fat_remove(&fs->volume, path));
    }
}

static void on_make_directory(void *context, struct request *request, const char *path) {
    struct fs *fs = context;
    if (may_name(fs, request)) {
        answer(request, fat_make_directory(&fs->volume, path));
    }
}

static void on_rename(void *context, struct request *request, const void *paths, size_t length) {
    struct fs *fs = context;
    char both[2 * FS_PATH_MAX + 2];
    if (!may_name(fs, request)) {
        return;
    }
    if (length >= sizeof both || request->payload_copied != length) {
        request_fail(request, ERR_INVALID);
        return;
    }
    memcpy(both, paths, length);
    both[length] = '\0';
    size_t first = strlen(both);
    enum error error = first < length ? fat_rename(&fs->volume, both, both + first + 1) : ERR_INVALID;
    answer(request, error);
}

static void on_space(void *context, struct request *request) {
    struct fs *fs = context;
    if (!may_name(fs, request)) {
        return;
    }
    struct fat_space space = fat_space(&fs->volume);
    struct fs_space out = {.total = space.total, .free = space.free, .cluster = space.cluster};
    fs_space_reply(request, &out);
}

static void on_sync(void *context, struct request *request) {
    struct fs *fs = context;
    if (may_name(fs, request)) {
        answer(request, fat_sync(&fs->volume, true));
    }
}

/* ---- Calls on an open file ---- */

static void on_read(void *context, struct request *request, uint64_t offset, uint32_t length) {
    struct fs *fs = context;
    struct open_file *file = file_of(fs, request);
    if (file == NULL) {
        return;
    }
    uint32_t done = 0;
    length = length < sizeof fs->answer ? length : (uint32_t)sizeof fs->answer;
    enum error error = fat_read(&fs->volume, file->node, offset, fs->answer, length, &done);
    if (error == ERR_NONE) {
        fs_read_reply(request, fs->answer, done);
    } else {
        request_fail(request, error);
    }
}

static void on_write(void *context, struct request *request, uint64_t offset, const void *data,
                     size_t length) {
    struct fs *fs = context;
    struct open_file *file = file_to_write(fs, request);
    if (file == NULL) {
        return;
    }
    uint32_t done = 0;
    enum error error =
        fat_write(&fs->volume, file->node, offset, data, (uint32_t)request->payload_copied, &done);
    if (error == ERR_NONE) {
        fs_write_reply(request, done);
    } else {
        request_fail(request, error);
    }
}

static void on_truncate(void *context, struct request *request, uint64_t size) {
    struct fs *fs = context;
    struct open_file *file = file_to_write(fs, request);
    if (file != NULL) {
        answer(request, fat_truncate(&fs->volume, file->node, size));
    }
}

static void on_file_stat(void *context, struct request *request) {
    struct fs *fs = context;
    struct open_file *file = file_of(fs, request);
    if (file != NULL) {
        struct fat_stat stat;
        fat_node_stat(&fs->volume, file->node, &stat);
        struct fs_stat out = stat_out(&stat);
        fs_file_stat_reply(request, &out);
    }
}

static void on_file_sync(void *context, struct request *request) {
    struct fs *fs = context;
    if (file_of(fs, request) != NULL) {
        answer(request, fat_sync(&fs->volume, true));
    }
}

/* Appends one entry: struct fs_stat, name, NUL, zeros up to 8. Returns its size. */
static size_t pack_entry(uint8_t *to, const struct fat_stat *stat, const char *name) {
    struct fs_stat out = stat_out(stat);
    size_t length = strlen(name) + 1;
    size_t padded = (sizeof out + length + 7) & ~(size_t)7;
    memcpy(to, &out, sizeof out);
    memset(to + sizeof out, 0, padded - sizeof out);
    memcpy(to + sizeof out, name, length);
    return padded;
}

static void on_list(void *context, struct request *request, uint64_t start) {
    struct fs *fs = context;
    struct open_file *file = file_of(fs, request);
    if (file == NULL) {
        return;
    }
    const size_t largest = sizeof(struct fs_stat) + FAT_UTF8_MAX + 8;
    uint32_t position = start < UINT32_MAX ? (uint32_t)start : UINT32_MAX;
    size_t length = 0;
    enum error error = ERR_NONE;
    while (error == ERR_NONE && length + largest <= LIST_BYTES) {
        struct fat_stat stat;
        char name[FAT_UTF8_MAX + 1];
        error = fat_list(&fs->volume, file->node, &position, &stat, name);
        length += error == ERR_NONE ? pack_entry(fs->answer + length, &stat, name) : 0;
    }
    if (error == ERR_NONE || error == ERR_NOT_FOUND) {
        fs_list_reply(request, position, fs->answer, length);
    } else {
        request_fail(request, error);
    }
}

/* ---- The server ---- */

static const struct fs_handlers handlers = {
    .open = on_open,
    .stat = on_stat,
    .remove = on_remove,
    .make_directory = on_make_directory,
    .rename = on_rename,
    .space = on_space,
    .sync = on_sync,
    .read = on_read,
    .write = on_write,
    .truncate = on_truncate,
    .file_stat = on_file_stat,
    .file_sync = on_file_sync,
    .list = on_list,
};

static void on_call(void *context, struct request *request) {
    (void)fs_dispatch(&handlers, context, request);
}

static void on_closed(void *context, uint64_t badge) {
    struct fs *fs = context;
    if (badge == 0 || badge > FILES_MAX || fs->files[badge - 1].node == NULL) {
        return;
    }
    struct open_file *file = &fs->files[badge - 1];
    fat_close(&fs->volume, file->node);
    if (file->writes && fat_is_dirty(&fs->volume)) {
        sync(fs);
    }
    *file = (struct open_file){0};
}

static void on_idle(void *context) {
    struct fs *fs = context;
    if (!fat_is_dirty(&fs->volume)) {
        fs->dirty_since = 0;
    } else if (fs->dirty_since == 0) {
        fs->dirty_since = clock_now();
    } else if (clock_now() >= fs->dirty_since + SYNC_DELAY) {
        sync(fs);
    }
}

static uint64_t deadline(void *context) {
    const struct fs *fs = context;
    return fs->dirty_since == 0 ? NEVER : fs->dirty_since + SYNC_DELAY;
}

static const struct server_handlers server_handlers = {
    .call = on_call, .closed = on_closed, .idle = on_idle, .deadline = deadline};

int main(void) {
    static struct fs fs;
    enum error error =
        server_init(&fs.server, &server_handlers, &fs, fs.receive_buffer, sizeof fs.receive_buffer);
    if (error == ERR_NONE) {
        error = name_publish("fs", fs.server.port);
    }
    if (error != ERR_NONE) {
        log_line("cannot serve: %s", error_text(error));
        return EXIT_FAILURE;
    }
    (void)mount(&fs); /* early, so that the first file is quick; a failure shows in every call */
    server_run(&fs.server);
}
