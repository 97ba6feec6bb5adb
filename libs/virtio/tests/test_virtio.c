/* test_virtio.c: transport and virtqueues against a fake device, honest and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <virtio/virtqueue.h>
#include <virtio_fake/fake.h>

#define SIZE 8

struct fixture {
    struct fake_device fake;
    struct virtio_device device;
    struct virtqueue queue;
    struct dma_memory memory;
    uint8_t data[64];
};

static void begin(struct fixture *fixture, bool event_idx) {
    fake_init(&fixture->fake, VIRTIO_NET, 0, 2, 1024);
    struct virtio_registers registers = fake_registers(&fixture->fake);
    assert_int_equal(virtio_open(&fixture->device, &registers, VIRTIO_NET), ERR_NONE);
    assert_int_equal(virtio_negotiate(&fixture->device, event_idx ? VIRTIO_FEATURE_EVENT_IDX : 0), ERR_NONE);
    size_t size = (virtqueue_bytes(SIZE) + 63) & ~63ul;
    void *data = aligned_alloc(64, size);
    fixture->memory = (struct dma_memory){data, (uint64_t)data, size};
    assert_int_equal(virtqueue_setup(&fixture->queue, &fixture->device, 0, SIZE, fixture->memory), ERR_NONE);
    assert_int_equal(virtio_start(&fixture->device), ERR_NONE);
}

static void end(struct fixture *fixture) {
    free(fixture->memory.data);
}

static uint16_t add(struct fixture *fixture, unsigned out, unsigned in) {
    struct virtqueue_piece pieces[SIZE];
    for (unsigned i = 0; i < out + in; i++) {
        pieces[i] = (struct virtqueue_piece){(uint64_t)&fixture->data[i], 1};
    }
    uint16_t chain = UINT16_MAX;
    assert_true(virtqueue_add(&fixture->queue, pieces, out, in, &chain));
    return chain;
}

static void opens_only_what_it_knows(void **state) {
    struct fake_device fake;
    struct virtio_device device;
    fake_init(&fake, VIRTIO_BLOCK, 0, 1, SIZE);
    struct virtio_registers registers = fake_registers(&fake);
    assert_int_equal(virtio_open(&device, &registers, VIRTIO_NET), ERR_NOT_FOUND);
    assert_int_equal(virtio_open(&device, &registers, VIRTIO_BLOCK), ERR_NONE);
    fake.version = 1;
    assert_int_equal(virtio_open(&device, &registers, VIRTIO_BLOCK), ERR_NOT_SUPPORTED);
}

static void accepts_by_allow_list(void **state) {
    struct fake_device fake;
    struct virtio_device device;
    fake_init(&fake, VIRTIO_NET, VIRTIO_FEATURE(5) | VIRTIO_FEATURE(40), 1, SIZE);
    struct virtio_registers registers = fake_registers(&fake);
    assert_int_equal(virtio_open(&device, &registers, VIRTIO_NET), ERR_NONE);
    assert_int_equal(virtio_negotiate(&device, VIRTIO_FEATURE(5) | VIRTIO_FEATURE(6)), ERR_NONE);
    assert_int_equal(fake.accepted, VIRTIO_FEATURE(5) | VIRTIO_FEATURE_VERSION_1);
    assert_int_equal(device.features, fake.accepted);
    assert_int_equal(fake.status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    fake.refuses_features = true;
    assert_int_equal(virtio_negotiate(&device, 0), ERR_NOT_SUPPORTED);
    assert_true(virtio_failed(&device));
    fake.refuses_features = false;
    fake.offered &= ~VIRTIO_FEATURE_VERSION_1;
    assert_int_equal(virtio_negotiate(&device, 0), ERR_NOT_SUPPORTED);
    fake.stuck = true;
    assert_int_equal(virtio_negotiate(&device, 0), ERR_IO);
}

static void configuration_is_of_one_generation(void **state) {
    struct fixture fixture;
    begin(&fixture, true);
    const uint8_t mac[6] = {2, 3, 5, 7, 11, 13};
    memcpy(fixture.fake.config, mac, 6);
    fixture.fake.config[10] = 0xdc;
    fixture.fake.config[11] = 0x05;
    uint8_t bytes[6] = {0};
    uint16_t mtu = 0;
    fixture.fake.config_changes = 9;
    assert_int_equal(virtio_config(&fixture.device, 0, bytes, 1, 6), ERR_NONE);
    assert_memory_equal(bytes, mac, 6);
    assert_int_equal(virtio_config(&fixture.device, 10, &mtu, 2, 1), ERR_NONE);
    assert_int_equal(mtu, 1500);
    fixture.fake.config_changes = UINT32_MAX;
    assert_int_equal(virtio_config(&fixture.device, 0, bytes, 1, 6), ERR_IO);
    end(&fixture);
}

static void interrupts_are_taken_once(void **state) {
    struct fixture fixture;
    begin(&fixture, true);
    fixture.fake.interrupt = 3;
    assert_int_equal(virtio_interrupts(&fixture.device), VIRTIO_USED_BUFFERS | VIRTIO_CONFIG_CHANGED);
    assert_int_equal(virtio_interrupts(&fixture.device), 0);
    end(&fixture);
}

/* Chains of 1 to 3 pieces through the wrap of the 16-bit indices, given back out of order. */
static void chains_come_back(void **state) {
    struct fixture fixture;
    begin(&fixture, (bool)(uintptr_t)*state);
    for (unsigned round = 0; round < 40000; round++) {
        uint16_t first = add(&fixture, 1, round % 3);
        uint16_t second = add(&fixture, 1, 1);
        assert_int_not_equal(first, second);
        virtqueue_publish(&fixture.queue);
        struct fake_chain a = {0}, b = {0};
        assert_true(fake_take(&fixture.fake, 0, &a) && fake_take(&fixture.fake, 0, &b));
        assert_int_equal(a.head, first);
        assert_int_equal(a.in, round % 3);
        fake_use(&fixture.fake, 0, b.head, 1);
        fake_use(&fixture.fake, 0, a.head, 0);
        uint16_t chain;
        uint32_t length;
        assert_true(virtqueue_collect(&fixture.queue, &chain, &length));
        assert_int_equal(chain, second);
        assert_int_equal(length, 1);
        assert_true(virtqueue_collect(&fixture.queue, &chain, &length));
        assert_int_equal(chain, first);
        assert_false(virtqueue_collect(&fixture.queue, &chain, &length));
    }
    assert_int_equal(virtqueue_space(&fixture.queue), SIZE);
    assert_int_equal(virtqueue_in_flight(&fixture.queue), 0);
    assert_int_equal(fixture.queue.broken, 0);
    assert_true(fixture.fake.interrupts <= 1); /* nobody asked */
    end(&fixture);
}

static void full_queue(void **state) {
    struct fixture fixture;
    begin(&fixture, true);
    add(&fixture, 2, 3);
    add(&fixture, 0, 3);
    uint16_t chain;
    struct virtqueue_piece piece = {0};
    assert_false(virtqueue_add(&fixture.queue, &piece, 1, 0, &chain));
    assert_int_equal(virtqueue_in_flight(&fixture.queue), 2);
    end(&fixture);
}

static void one_notification_a_batch(void **state) {
    struct fixture fixture;
    begin(&fixture, true);
    struct fake_chain chain;
    add(&fixture, 1, 0);
    add(&fixture, 1, 0);
    virtqueue_publish(&fixture.queue);
    assert_int_equal(fixture.fake.queues[0].notified, 1);
    add(&fixture, 1, 0); /* the device has not looked yet: it knows */
    virtqueue_publish(&fixture.queue);
    assert_int_equal(fixture.fake.queues[0].notified, 1);
    while (fake_take(&fixture.fake, 0, &chain)) {
    }
    virtqueue_publish(&fixture.queue); /* nothing new */
    assert_int_equal(fixture.fake.queues[0].notified, 1);
    add(&fixture, 1, 0);
    virtqueue_publish(&fixture.queue);
    assert_int_equal(fixture.fake.queues[0].notified, 2);
    end(&fixture);
}

static void interrupts_only_for_sleepers(void **state) {
    struct fixture fixture;
    begin(&fixture, (bool)(uintptr_t)*state);
    uint16_t chains[4], chain;
    uint32_t length;
    for (int i = 0; i < 4; i++) {
        chains[i] = add(&fixture, 1, 0);
    }
    virtqueue_publish(&fixture.queue);
    assert_true(virtqueue_sleep(&fixture.queue, 1));
    fake_use(&fixture.fake, 0, chains[0], 0);
    assert_int_equal(fixture.fake.interrupts, 1);
    assert_false(virtqueue_sleep(&fixture.queue, 1)); /* there is something after all */
    fake_use(&fixture.fake, 0, chains[1], 0);
    assert_int_equal(fixture.fake.interrupts, 1);
    assert_true(virtqueue_collect(&fixture.queue, &chain, &length));
    assert_true(virtqueue_collect(&fixture.queue, &chain, &length));
    if (*state != NULL) { /* with EVENT_IDX: only when both are done */
        assert_true(virtqueue_sleep(&fixture.queue, 2));
        fake_use(&fixture.fake, 0, chains[2], 0);
        assert_int_equal(fixture.fake.interrupts, 1);
        fake_use(&fixture.fake, 0, chains[3], 0);
        assert_int_equal(fixture.fake.interrupts, 2);
    }
    end(&fixture);
}

static void lies_are_counted(void **state) {
    struct fixture fixture;
    begin(&fixture, true);
    uint16_t given = add(&fixture, 1, 2), chain;
    uint32_t length;
    fake_claim(&fixture.fake, 0, 1); /* before it was published */
    assert_false(virtqueue_collect(&fixture.queue, &chain, &length));
    assert_int_equal(fixture.queue.broken, 1);
    fake_claim(&fixture.fake, 0, UINT16_MAX); /* takes it back */
    add(&fixture, 1, 0);
    add(&fixture, 1, 0);
    add(&fixture, 1, 0);
    virtqueue_publish(&fixture.queue);
    fake_use(&fixture.fake, 0, SIZE, 0);
    fake_use(&fixture.fake, 0, UINT32_MAX, 0);
    fake_use(&fixture.fake, 0, given, 1000);
    fake_use(&fixture.fake, 0, given, 1); /* twice */
    assert_true(virtqueue_collect(&fixture.queue, &chain, &length));
    assert_int_equal(chain, given);
    assert_int_equal(length, 2);
    assert_false(virtqueue_collect(&fixture.queue, &chain, &length));
    assert_int_equal(fixture.queue.broken, 5);
    fake_claim(&fixture.fake, 0, 5);
    assert_false(virtqueue_collect(&fixture.queue, &chain, &length));
    assert_true(virtqueue_sleep(&fixture.queue, 1)); /* a liar keeps nobody awake */
    end(&fixture);
}

static void queue_that_is_not_there(void **state) {
    struct fixture fixture;
    begin(&fixture, true);
    struct virtqueue queue;
    assert_int_equal(virtqueue_setup(&queue, &fixture.device, 2, SIZE, fixture.memory), ERR_NOT_FOUND);
    assert_int_equal(virtqueue_setup(&queue, &fixture.device, 1, 2 * SIZE, fixture.memory), ERR_NO_MEMORY);
    fixture.fake.queues[1].size_max = 4;
    assert_int_equal(virtqueue_setup(&queue, &fixture.device, 1, SIZE, fixture.memory), ERR_NONE);
    assert_int_equal(queue.size, 4);
    end(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_only_what_it_knows),
        cmocka_unit_test(accepts_by_allow_list),
        cmocka_unit_test(configuration_is_of_one_generation),
        cmocka_unit_test(interrupts_are_taken_once),
        cmocka_unit_test_prestate(chains_come_back, NULL),
        cmocka_unit_test_prestate(chains_come_back, (void *)1),
        cmocka_unit_test(full_queue),
        cmocka_unit_test(one_notification_a_batch),
        cmocka_unit_test_prestate(interrupts_only_for_sleepers, NULL),
        cmocka_unit_test_prestate(interrupts_only_for_sleepers, (void *)1),
        cmocka_unit_test(lies_are_counted),
        cmocka_unit_test(queue_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
