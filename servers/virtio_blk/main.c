/* main.c: the disk driver's server: block.idl on one side, the device's interrupt on the other.
 *
 * Every request is parked and either given to the device or queued until a slot of disk.h is free; its answer
 * follows the device's. A device that answers nothing for DEVICE_PATIENCE is given up: the task ends, which
 * tells all callers at once, and init starts a new one. */
#include <ipc/block.h>
#include <os/os.h>
#include <os/server.h>
#include <os/syscall.h>
#include <virtio/riscv64/mmio.h>

#include "disk.h"
#include <stdlib.h>

#define WAITING_MAX     16
#define DEVICE_PATIENCE 30000000000ull /* ns */

_Static_assert(DISK_DATA_MAX == BLOCK_SECTORS_MAX * BLOCK_SECTOR_SIZE, "a slot holds the largest request");

struct job {
    struct parked parked;
    enum disk_operation operation;
    uint64_t sector;
    uint32_t bytes;
};

struct virtio_blk {
    struct server server;
    struct disk disk;
    handle_t interrupt;
    struct block_info info;
    struct job running[DISK_SLOTS]; /* by slot */
    struct job waiting[WAITING_MAX];
    unsigned first, count; /* of the waiting, which go round */
    uint64_t last_answer;  /* of the device */
};

static bool works(const struct virtio_blk *blk) {
    return virtqueue_in_flight(&blk->disk.queue) > 0;
}

/* Gives a job to the device. A client that went away, or sent less than it said, is out. */
static void begin(struct virtio_blk *blk, struct disk_slot *slot, struct job *job) {
    if (job->operation == DISK_WRITE) {
        size_t done = 0;
        enum error error = parked_read(&job->parked, 0, slot->data, job->bytes, &done);
        if (error != ERR_NONE || done != job->bytes) {
            parked_fail(&job->parked, ERR_INVALID);
            return;
        }
    }
    if (!works(blk)) {
        blk->last_answer = clock_now(); /* the device was idle: its time starts now */
    }
    blk->running[slot - blk->disk.slots] = *job;
    disk_submit(&blk->disk, slot, job->operation, job->sector, job->bytes);
}

static void accept(struct virtio_blk *blk, struct request *request, enum disk_operation operation,
                   uint64_t sector, uint64_t bytes) {
    struct job job = {.operation = operation, .sector = sector, .bytes = (uint32_t)bytes};
    enum error error = disk_check(&blk->disk, operation, sector, bytes);
    struct disk_slot *slot = disk_free_slot(&blk->disk);
    if (error == ERR_NONE && slot == NULL && blk->count == WAITING_MAX) {
        error = ERR_TOO_MANY;
    }
    if (error != ERR_NONE) {
        request_fail(request, error);
        return;
    }
    request_park(request, &job.parked);
    if (slot != NULL) {
        begin(blk, slot, &job);
    } else {
        blk->waiting[(blk->first + blk->count++) % WAITING_MAX] = job;
    }
}

static void handle_info(void *context, struct request *request) {
    struct virtio_blk *blk = context;
    blk->info = (struct block_info){.sectors = blk->disk.sectors, .read_only = blk->disk.read_only};
    block_info_reply(request, &blk->info);
}

static void handle_read(void *context, struct request *request, uint64_t sector, uint32_t count) {
    accept(context, request, DISK_READ, sector, (uint64_t)count * DISK_SECTOR);
}

static void handle_write(void *context, struct request *request, uint64_t sector, const void *data,
                         size_t length) {
    accept(context, request, DISK_WRITE, sector, length); /* the data is taken straight into the slot */
}

static void handle_flush(void *context, struct request *request) {
    struct virtio_blk *blk = context;
    if (blk->disk.can_flush) {
        accept(blk, request, DISK_FLUSH, 0, 0);
    } else {
        block_flush_reply(request); /* the device writes through */
    }
}

static const struct block_handlers handlers = {
    .info = handle_info, .read = handle_read, .write = handle_write, .flush = handle_flush};

static void on_call(void *context, struct request *request) {
    (void)block_dispatch(&handlers, context, request);
}

static void finish(struct job *job, const struct disk_slot *slot, enum error error) {
    if (error != ERR_NONE) {
        parked_fail(&job->parked, error);
    } else if (job->operation == DISK_READ) {
        (void)block_read_reply_parked(&job->parked, slot->data, slot->length); /* a dead client needs none */
    } else if (job->operation == DISK_WRITE) {
        (void)block_write_reply_parked(&job->parked);
    } else {
        (void)block_flush_reply_parked(&job->parked);
    }
}

static void on_event(void *context, uint64_t bits) {
    struct virtio_blk *blk = context;
    disk_interrupt(&blk->disk);
    (void)interrupt_acknowledge(blk->interrupt);
}

static void collect(struct virtio_blk *blk) {
    struct disk_slot *slot;
    enum error error;
    while ((slot = disk_collect(&blk->disk, &error)) != NULL) {
        blk->last_answer = clock_now();
        finish(&blk->running[slot - blk->disk.slots], slot, error);
    }
    while (blk->count > 0 && (slot = disk_free_slot(&blk->disk)) != NULL) {
        struct job job = blk->waiting[blk->first];
        blk->first = (blk->first + 1) % WAITING_MAX;
        blk->count--;
        begin(blk, slot, &job);
    }
}

static void on_idle(void *context) {
    struct virtio_blk *blk = context;
    do {
        collect(blk);
    } while (!disk_sleep(&blk->disk));
    if (works(blk) && clock_now() - blk->last_answer > DEVICE_PATIENCE) {
        log_line("the device does not answer");
        task_exit(EXIT_FAILURE);
    }
}

static uint64_t deadline(void *context) {
    const struct virtio_blk *blk = context;
    return works(blk) ? blk->last_answer + DEVICE_PATIENCE + 1 : NEVER;
}

static const struct server_handlers server_handlers = {
    .call = on_call, .event = on_event, .idle = on_idle, .deadline = deadline};

static enum error make_dma_memory(size_t size, struct dma_memory *memory) {
    handle_t handle;
    size_t contiguous;
    memory->size = size;
    enum error error = memory_make(size, true, &handle, &memory->data);
    return error == ERR_NONE ? memory_physical(handle, 0, &memory->physical, &contiguous) : error;
}

static enum error start(struct virtio_blk *blk) {
    void *base;
    size_t size;
    struct dma_memory queue = {0}, data = {0};
    enum error error = memory_map(start_handle("device.disk0"), RIGHT_READ | RIGHT_WRITE, &base, &size);
    if (error == ERR_NONE) {
        error = make_dma_memory(disk_queue_bytes(), &queue);
    }
    if (error == ERR_NONE) {
        error = make_dma_memory((size_t)DISK_SLOTS * DISK_SLOT_SIZE, &data);
    }
    if (error == ERR_NONE) {
        struct virtio_registers registers = mmio_registers(base);
        error = disk_init(&blk->disk, &registers, queue, data);
    }
    blk->interrupt = start_handle("irq.disk0");
    return error == ERR_NONE
               ? server_init_event(&blk->server, &server_handlers, blk, NULL, 0, start_handle("irq-event"))
               : error;
}

int main(void) {
    static struct virtio_blk blk;
    enum error error = start(&blk);
    if (error == ERR_NONE) {
        error = name_publish("disk0", blk.server.port);
    }
    if (error != ERR_NONE) {
        log_line("no disk: %s", error_text(error));
        return EXIT_FAILURE;
    }
    server_run(&blk.server);
}
