/* disk.h: a virtio block device (virtio 1.2, section 5.2): requests in, answers out, a few at a time.
 *
 * Each slot owns 64 KiB of DMA memory and can carry one request. The caller fills a slot's data, submits it,
 * and collects it when the device is done. The device's answers are checked: see virtqueue.h. */
#pragma once

#include <base/error.h>
#include <virtio/virtqueue.h>

#define DISK_SLOTS     4
#define DISK_SECTOR    512
#define DISK_DATA_MAX  65536
#define DISK_SLOT_SIZE (DISK_DATA_MAX + 4096) /* data, then header and status on a page of their own */

enum disk_operation { DISK_READ = 0, DISK_WRITE = 1, DISK_FLUSH = 4 }; /* the device's own numbers [5.2.6] */

struct disk_slot {
    uint8_t *data; /* DISK_DATA_MAX bytes */
    uint64_t physical;
    bool busy;
    uint16_t chain;
    enum disk_operation operation;
    uint32_t length; /* bytes of data */
};

struct disk {
    struct virtio_device device;
    struct virtqueue queue;
    uint64_t sectors;
    bool read_only, can_flush;
    struct disk_slot slots[DISK_SLOTS];
    uint64_t failed; /* requests that the device did not do */
};

size_t disk_queue_bytes(void);

/* Resets the device and starts it. queue: disk_queue_bytes() of DMA memory; data: DISK_SLOTS * DISK_SLOT_SIZE
 * bytes of it. Errors of virtio_open and virtio_negotiate, ERR_NO_MEMORY, ERR_IO. */
enum error disk_init(struct disk *disk, const struct virtio_registers *registers, struct dma_memory queue,
                     struct dma_memory data);

/* ERR_INVALID: none, too many, or not all on the disk; ERR_READ_ONLY. */
enum error disk_check(const struct disk *disk, enum disk_operation operation, uint64_t sector,
                      uint64_t bytes);

/* A slot that carries nothing; null: all do. */
struct disk_slot *disk_free_slot(struct disk *disk);

/* Gives a checked request to the device; its answer comes out of disk_collect. For a write, slot->data is
 * filled before. */
void disk_submit(struct disk *disk, struct disk_slot *slot, enum disk_operation operation, uint64_t sector,
                 uint32_t bytes);

/* A slot whose request is done, and free again; its data stays until the next submit. *error: ERR_NONE,
 * ERR_IO. Null: none is done. */
struct disk_slot *disk_collect(struct disk *disk, enum error *error);

/* Takes the interrupt back to the device; arms the next one. false: something is done already. */
void disk_interrupt(struct disk *disk);
bool disk_sleep(struct disk *disk);
