/* disk.c: see disk.h. */
#include "disk.h"

/* Features [5.2.3]. */
#define FEATURE_RO       VIRTIO_FEATURE(5)
#define FEATURE_BLK_SIZE VIRTIO_FEATURE(6)
#define FEATURE_FLUSH    VIRTIO_FEATURE(9)
#define ALLOWED          (FEATURE_RO | FEATURE_BLK_SIZE | FEATURE_FLUSH | VIRTIO_FEATURE_EVENT_IDX)

#define CONFIG_CAPACITY 0
#define QUEUE_SIZE      16 /* three descriptors a request */
#define STATUS_OK       0
#define STATUS_NONE     0xff /* before the device has written one */

/* What the device reads first [5.2.6]; the status byte that it writes last lies behind. */
struct disk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
    uint8_t status;
};
#define HEADER_BYTES 16

static volatile struct disk_header *header_of(const struct disk_slot *slot) {
    return (volatile struct disk_header *)(slot->data + DISK_DATA_MAX);
}

size_t disk_queue_bytes(void) {
    return (virtqueue_bytes(QUEUE_SIZE) + 4095) & ~(size_t)4095;
}

static enum error read_configuration(struct disk *disk) {
    uint32_t capacity[2];
    enum error error = virtio_config(&disk->device, CONFIG_CAPACITY, capacity, 4, 2);
    disk->sectors = error == ERR_NONE ? capacity[0] | (uint64_t)capacity[1] << 32 : 0;
    disk->read_only = virtio_has(&disk->device, FEATURE_RO);
    disk->can_flush = virtio_has(&disk->device, FEATURE_FLUSH);
    return error;
}

enum error disk_init(struct disk *disk, const struct virtio_registers *registers, struct dma_memory queue,
                     struct dma_memory data) {
    *disk = (struct disk){0};
    if (data.size < (size_t)DISK_SLOTS * DISK_SLOT_SIZE) {
        return ERR_NO_MEMORY;
    }
    for (unsigned i = 0; i < DISK_SLOTS; i++) {
        disk->slots[i].data = (uint8_t *)data.data + i * DISK_SLOT_SIZE;
        disk->slots[i].physical = data.physical + i * DISK_SLOT_SIZE;
    }
    enum error error = virtio_open(&disk->device, registers, VIRTIO_BLOCK);
    if (error == ERR_NONE) {
        error = virtio_negotiate(&disk->device, ALLOWED);
    }
    if (error == ERR_NONE) {
        error = read_configuration(disk);
    }
    if (error == ERR_NONE) {
        error = virtqueue_setup(&disk->queue, &disk->device, 0, QUEUE_SIZE, queue);
    }
    if (error == ERR_NONE && disk->queue.size < 4) {
        error = ERR_NOT_SUPPORTED; /* not even one request would fit */
    }
    return error == ERR_NONE ? virtio_start(&disk->device) : error;
}

enum error disk_check(const struct disk *disk, enum disk_operation operation, uint64_t sector,
                      uint64_t bytes) {
    if (operation == DISK_FLUSH) {
        return ERR_NONE;
    }
    if (bytes == 0 || bytes > DISK_DATA_MAX || bytes % DISK_SECTOR != 0) {
        return ERR_INVALID;
    }
    if (sector >= disk->sectors || bytes / DISK_SECTOR > disk->sectors - sector) {
        return ERR_INVALID;
    }
    return operation == DISK_WRITE && disk->read_only ? ERR_READ_ONLY : ERR_NONE;
}

struct disk_slot *disk_free_slot(struct disk *disk) {
    if (virtqueue_space(&disk->queue) < 3) {
        return NULL;
    }
    for (unsigned i = 0; i < DISK_SLOTS; i++) {
        if (!disk->slots[i].busy) {
            return &disk->slots[i];
        }
    }
    return NULL;
}

void disk_submit(struct disk *disk, struct disk_slot *slot, enum disk_operation operation, uint64_t sector,
                 uint32_t bytes) {
    *header_of(slot) = (struct disk_header){operation, 0, operation == DISK_FLUSH ? 0 : sector, STATUS_NONE};
    uint64_t header = slot->physical + DISK_DATA_MAX;
    struct virtqueue_piece pieces[3] = {{header, HEADER_BYTES}};
    unsigned count = 1;
    if (operation != DISK_FLUSH) {
        pieces[count++] = (struct virtqueue_piece){slot->physical, bytes};
    }
    pieces[count++] = (struct virtqueue_piece){header + offsetof(struct disk_header, status), 1};
    unsigned in = operation == DISK_READ ? 2 : 1;
    slot->operation = operation;
    slot->length = operation == DISK_FLUSH ? 0 : bytes;
    slot->busy = virtqueue_add(&disk->queue, pieces, count - in, in, &slot->chain);
    virtqueue_publish(&disk->queue);
}

static struct disk_slot *slot_of_chain(struct disk *disk, uint16_t chain) {
    for (unsigned i = 0; i < DISK_SLOTS; i++) {
        if (disk->slots[i].busy && disk->slots[i].chain == chain) {
            return &disk->slots[i];
        }
    }
    return NULL;
}

struct disk_slot *disk_collect(struct disk *disk, enum error *error) {
    uint16_t chain;
    uint32_t written;
    if (!virtqueue_collect(&disk->queue, &chain, &written)) {
        return NULL;
    }
    struct disk_slot *slot = slot_of_chain(disk, chain);
    if (slot == NULL) {
        return NULL;
    }
    slot->busy = false;
    uint32_t expected = 1 + (slot->operation == DISK_READ ? slot->length : 0);
    bool done = header_of(slot)->status == STATUS_OK && written >= expected;
    disk->failed += !done;
    *error = done ? ERR_NONE : ERR_IO;
    return slot;
}

void disk_interrupt(struct disk *disk) {
    (void)virtio_interrupts(&disk->device);
}

bool disk_sleep(struct disk *disk) {
    return virtqueue_in_flight(&disk->queue) == 0 || virtqueue_sleep(&disk->queue, 1);
}
