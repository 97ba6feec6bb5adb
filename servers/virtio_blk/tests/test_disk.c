/* test_disk.c: the disk driver against a fake device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../disk.h"
#include <virtio_fake/fake.h>

#define SECTORS 1000
#define FLUSH   (1ull << 9)
#define RO      (1ull << 5)

struct fixture {
    struct fake_device fake;
    struct disk disk;
    struct dma_memory queue, data;
};

static struct dma_memory memory(size_t size) {
    void *data = aligned_alloc(4096, (size + 4095) & ~4095ul);
    memset(data, 0, size);
    return (struct dma_memory){data, (uint64_t)data, size};
}

static struct fixture begin(uint64_t features) {
    struct fixture f = {.queue = memory(disk_queue_bytes()), .data = memory(DISK_SLOTS * DISK_SLOT_SIZE)};
    fake_init(&f.fake, VIRTIO_BLOCK, features, 1, 256);
    memcpy(f.fake.config, &(uint64_t){SECTORS}, 8);
    return f;
}

static void start(struct fixture *f) {
    struct virtio_registers registers = fake_registers(&f->fake);
    assert_int_equal(disk_init(&f->disk, &registers, f->queue, f->data), ERR_NONE);
}

static void end(struct fixture *f) {
    free(f->queue.data);
    free(f->data.data);
}

/* The device looks at the next request and answers it. */
static struct fake_chain answer(struct fixture *f, uint8_t status, uint32_t written) {
    struct fake_chain chain;
    assert_true(fake_take(&f->fake, 0, &chain));
    chain.pieces[chain.out + chain.in - 1].data[0] = status;
    fake_use(&f->fake, 0, chain.head, written);
    return chain;
}

static void reads_what_the_device_says_of_itself(void **state) {
    struct fixture f = begin(RO);
    start(&f);
    assert_int_equal(f.disk.sectors, SECTORS);
    assert_true(f.disk.read_only);
    assert_false(f.disk.can_flush);
    assert_int_equal(disk_check(&f.disk, DISK_WRITE, 0, 512), ERR_READ_ONLY);
    end(&f);
}

static void reads_and_writes(void **state) {
    struct fixture f = begin(FLUSH);
    start(&f);
    struct disk_slot *slot = disk_free_slot(&f.disk);
    disk_submit(&f.disk, slot, DISK_READ, 7, 1024);
    assert_true(disk_sleep(&f.disk));
    struct fake_chain chain = answer(&f, 0, 1025);
    assert_int_equal(f.fake.interrupts, 1);
    assert_true(chain.out == 1 && chain.in == 2 && chain.pieces[0].length == 16 &&
                chain.pieces[1].length == 1024);
    assert_memory_equal(chain.pieces[0].data, ((const uint8_t[16]){[8] = 7}), 16);
    enum error error;
    assert_ptr_equal(disk_collect(&f.disk, &error), slot);
    assert_int_equal(error, ERR_NONE);

    slot = disk_free_slot(&f.disk);
    disk_submit(&f.disk, slot, DISK_WRITE, 1, 65536);
    chain = answer(&f, 0, 1);
    assert_true(chain.out == 2 && chain.in == 1 && chain.pieces[1].length == 65536 &&
                chain.pieces[0].data[0] == 1);
    assert_ptr_equal(disk_collect(&f.disk, &error), slot);
    assert_int_equal(error, ERR_NONE);

    disk_submit(&f.disk, slot, DISK_FLUSH, 99, 0);
    chain = answer(&f, 0, 1);
    assert_true(chain.out == 1 && chain.in == 1);
    assert_memory_equal(chain.pieces[0].data, ((const uint8_t[16]){4}), 16);
    assert_ptr_equal(disk_collect(&f.disk, &error), slot);
    assert_null(disk_collect(&f.disk, &error));
    end(&f);
}

static void several_in_flight_answered_in_any_order(void **state) {
    struct fixture f = begin(FLUSH);
    start(&f);
    struct disk_slot *slots[DISK_SLOTS];
    struct fake_chain chains[DISK_SLOTS];
    enum error error;
    for (unsigned i = 0; i < DISK_SLOTS; i++) {
        slots[i] = disk_free_slot(&f.disk);
        disk_submit(&f.disk, slots[i], DISK_READ, i, 512);
        assert_true(fake_take(&f.fake, 0, &chains[i]));
        chains[i].pieces[2].data[0] = 0;
    }
    assert_null(disk_free_slot(&f.disk));
    for (unsigned i = DISK_SLOTS; i-- > 0;) {
        fake_use(&f.fake, 0, chains[i].head, 513);
        assert_ptr_equal(disk_collect(&f.disk, &error), slots[i]);
    }
    end(&f);
}

static void errors_of_the_device(void **state) {
    struct fixture f = begin(FLUSH);
    start(&f);
    const struct {
        uint8_t status;
        uint32_t written;
    } bad[] = {{1, 513}, {2, 1}, {0xff, 513}, {0, 0}, {0, 512}};
    for (unsigned i = 0; i < 5; i++) {
        enum error error = ERR_NONE;
        disk_submit(&f.disk, disk_free_slot(&f.disk), DISK_READ, 0, 512);
        answer(&f, bad[i].status, bad[i].written);
        assert_non_null(disk_collect(&f.disk, &error));
        assert_int_equal(error, ERR_IO);
    }
    assert_int_equal(f.disk.failed, 5);
    end(&f);
}

static void checks_ranges(void **state) {
    struct fixture f = begin(FLUSH);
    start(&f);
    assert_int_equal(disk_check(&f.disk, DISK_READ, SECTORS - 1, 512), ERR_NONE);
    assert_int_equal(disk_check(&f.disk, DISK_READ, SECTORS - 1, 1024), ERR_INVALID);
    assert_int_equal(disk_check(&f.disk, DISK_READ, SECTORS, 512), ERR_INVALID);
    assert_int_equal(disk_check(&f.disk, DISK_READ, UINT64_MAX, 512), ERR_INVALID);
    assert_int_equal(disk_check(&f.disk, DISK_READ, 0, 0), ERR_INVALID);
    assert_int_equal(disk_check(&f.disk, DISK_WRITE, 0, 100), ERR_INVALID);
    assert_int_equal(disk_check(&f.disk, DISK_WRITE, 0, 65536 + 512), ERR_INVALID);
    assert_int_equal(disk_check(&f.disk, DISK_WRITE, 0, (uint64_t)UINT32_MAX * 512), ERR_INVALID);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_device_says_of_itself),
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(several_in_flight_answered_in_any_order),
        cmocka_unit_test(errors_of_the_device),
        cmocka_unit_test(checks_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
