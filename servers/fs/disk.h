/* disk.h: the disk driver as the FAT library's fat_disk: found by name, found again when it died.
 *
 * A request that a dying driver took with it is asked again of its successor: reads and writes of whole
 * sectors may be done twice. A disk that does not come back within DISK_PATIENCE gives ERR_IO, and from then
 * on at once. */
#pragma once

#include "fat/fat.h"
#include <ipc/abi.h>

#define DISK_NAME     "disk0"
#define DISK_PATIENCE 3000000000ull /* ns */

struct disk {
    handle_t port; /* HANDLE_NONE: not found yet, or lost */
    bool missed;   /* it did not come back: no more patience until it does */
    struct fat_disk fat;
};

/* Finds the disk and fills in disk->fat. ERR_IO: there is none. */
enum error disk_open(struct disk *disk);
