/* disk.c: see disk.h. */
#include "disk.h"

#include <ipc/block.h>
#include <os/os.h>

#define TRIES      3          /* of one request, with as many drivers */
#define LOOK_AGAIN 2000000ull /* ns between two looks for a driver that is not there */

_Static_assert(FAT_SECTOR == BLOCK_SECTOR_SIZE && FAT_TRANSFER_MAX <= BLOCK_SECTORS_MAX, "the same sectors");

static enum error find(struct disk *disk) {
    uint64_t until = clock_now() + (disk->missed ? 0 : DISK_PATIENCE);
    enum error error;
    while ((error = name_try(DISK_NAME, &disk->port)) == ERR_NOT_FOUND && clock_now() < until) {
        clock_sleep_until(clock_now() + LOOK_AGAIN);
    }
    disk->missed = error != ERR_NONE;
    if (error != ERR_NONE) {
        disk->port = HANDLE_NONE;
        return ERR_IO;
    }
    return ERR_NONE;
}

static void lose(struct disk *disk) {
    (void)handle_close(disk->port);
    disk->port = HANDLE_NONE;
}

struct request_to_disk {
    enum { READ, WRITE, FLUSH } kind;
    uint64_t sector;
    uint32_t count;
    void *into;
    const void *from;
};

static enum error ask(handle_t port, const struct request_to_disk *request) {
    size_t length = (size_t)request->count * FAT_SECTOR, got = 0;
    switch (request->kind) {
    case READ: {
        enum error error = block_read(port, request->sector, request->count, request->into, length, &got);
        return error == ERR_NONE && got != length ? ERR_IO : error;
    }
    case WRITE: return block_write(port, request->sector, request->from, length);
    case FLUSH: return block_flush(port);
    }
    return ERR_INVALID;
}

/* Whatever the driver's reason: to the file system it is an I/O error. */
static enum error ask_until_answered(struct disk *disk, const struct request_to_disk *request) {
    for (int i = 0; i < TRIES; i++) {
        if (disk->port == HANDLE_NONE && find(disk) != ERR_NONE) {
            return ERR_IO;
        }
        enum error error = ask(disk->port, request);
        if (error != ERR_DEAD) {
            return error == ERR_NONE ? ERR_NONE : ERR_IO;
        }
        lose(disk);
    }
    return ERR_IO;
}

static enum error disk_read(void *context, uint64_t sector, uint32_t count, void *data) {
    return ask_until_answered(
        context, &(struct request_to_disk){.kind = READ, .sector = sector, .count = count, .into = data});
}

static enum error disk_write(void *context, uint64_t sector, uint32_t count, const void *data) {
    return ask_until_answered(
        context, &(struct request_to_disk){.kind = WRITE, .sector = sector, .count = count, .from = data});
}

static enum error disk_flush(void *context) {
    return ask_until_answered(context, &(struct request_to_disk){.kind = FLUSH});
}

static int64_t disk_now(void *context) {
    int64_t offset = start_info()->wall_clock_offset;
    return offset == 0 ? 0 : (offset + (int64_t)clock_now()) / 1000000000;
}

enum error disk_open(struct disk *disk) {
    struct block_info info;
    enum error error = disk->port == HANDLE_NONE ? find(disk) : ERR_NONE;
    if (error == ERR_NONE) {
        error = block_info(disk->port, &info);
    }
    if (error == ERR_DEAD) {
        lose(disk);
    }
    if (error != ERR_NONE) {
        return ERR_IO;
    }
    disk->fat = (struct fat_disk){.context = disk,
                                  .sectors = info.sectors,
                                  .read_only = info.read_only != 0,
                                  .read = disk_read,
                                  .write = disk_write,
                                  .flush = disk_flush,
                                  .now = disk_now};
    return ERR_NONE;
}
