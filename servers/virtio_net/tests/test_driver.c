/* test_driver.c: the network driver between a fake device and a client that may lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../driver.h"
#include <virtio_fake/fake.h>

#define POOL        (256 * 1024)
#define BUFFER      2048
#define HEADER      12
#define ALL_OFFERED (1ull << 0 | 1ull << 1 | 1ull << 5 | 1ull << 7 | 1ull << 11 | 1ull << 15 | 1ull << 16)

enum { RX, TX };

struct fixture {
    struct fake_device fake;
    struct driver driver;
    struct driver_memory memory;
    struct dma_memory queues[2];
    struct ring rx_free, rx_used, tx_pending, tx_done; /* the client's ends */
};

static void *zeroed(size_t size) {
    void *data = aligned_alloc(4096, (size + 4095) & ~4095ul);
    memset(data, 0, size);
    return data;
}

static void attach_client(struct fixture *f) {
    struct ring *rings[NETDEV_RINGS] = {&f->rx_free, &f->rx_used, &f->tx_pending, &f->tx_done};
    memset(f->memory.rings, 0, NETDEV_RINGS * netdev_ring_stride());
    for (unsigned i = 0; i < NETDEV_RINGS; i++) {
        ring_attach(rings[i], (uint8_t *)f->memory.rings + i * netdev_ring_stride(), NETDEV_RING_SIZE,
                    sizeof(struct netdev_descriptor));
    }
}

static int set_up(void **state) {
    struct fixture *f = zeroed(sizeof *f);
    fake_init(&f->fake, VIRTIO_NET, ALL_OFFERED, 2, 1024);
    memcpy(f->fake.config, (const uint8_t[]){2, 0, 0, 0, 0, 9, 1, 0}, 8);
    void *pool = zeroed(POOL);
    f->memory =
        (struct driver_memory){{pool, (uint64_t)pool, POOL}, zeroed(NETDEV_RINGS * netdev_ring_stride())};
    for (int i = 0; i < 2; i++) {
        void *data = zeroed(driver_queue_bytes());
        f->queues[i] = (struct dma_memory){data, (uint64_t)data, driver_queue_bytes()};
    }
    struct virtio_registers registers = fake_registers(&f->fake);
    assert_int_equal(driver_init(&f->driver, &registers), ERR_NONE);
    attach_client(f);
    assert_int_equal(driver_open(&f->driver, 0, &f->memory, f->queues), ERR_NONE);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    assert_int_equal(f->driver.rx.broken + f->driver.tx.broken, 0);
    free(f->memory.pool.data);
    free(f->memory.rings);
    free(f->queues[0].data);
    free(f->queues[1].data);
    free(f);
    return 0;
}

static void reopen(struct fixture *f, uint32_t wanted) {
    attach_client(f);
    assert_int_equal(driver_open(&f->driver, wanted, &f->memory, f->queues), ERR_NONE);
}

static struct netdev_descriptor buffer_at(uint32_t number, uint32_t length) {
    return (struct netdev_descriptor){
        .offset = number * BUFFER + NETDEV_HEADROOM, .length = length, .buffer = number};
}

static void give_buffers(struct fixture *f, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        struct netdev_descriptor buffer = buffer_at(i, BUFFER - NETDEV_HEADROOM);
        assert_true(ring_put(&f->rx_free, &buffer));
    }
    ring_publish(&f->rx_free);
}

/* The device writes a header and `length` bytes of `fill` into its next receive buffer. */
static void device_receives(struct fixture *f, const uint8_t header[HEADER], uint8_t fill, uint32_t length) {
    struct fake_chain chain;
    assert_true(fake_take(&f->fake, RX, &chain));
    assert_true(chain.in == 1 && chain.pieces[0].length >= HEADER + length);
    memcpy(chain.pieces[0].data, header, HEADER);
    memset(chain.pieces[0].data + HEADER, fill, length);
    fake_use(&f->fake, RX, chain.head, HEADER + length);
}

static const uint8_t plain_header[HEADER] = {[10] = 1};

static void tells_of_itself(void **state) {
    struct fixture *f = *state;
    assert_memory_equal(f->driver.mac, ((const uint8_t[]){2, 0, 0, 0, 0, 9}), 6);
    assert_int_equal(f->driver.mtu, 1500);
    assert_true(f->driver.link_up);
    assert_int_equal(f->driver.offloads, 0);
    f->fake.config[6] = 0;
    f->fake.interrupt = VIRTIO_CONFIG_CHANGED;
    assert_int_equal(driver_interrupt(&f->driver), NETDEV_SIGNAL_LINK);
    assert_false(f->driver.link_up);
    f->fake.interrupt = VIRTIO_CONFIG_CHANGED | VIRTIO_USED_BUFFERS;
    assert_int_equal(driver_interrupt(&f->driver), 0);
}

static void agrees_on_offloads(void **state) {
    struct fixture *f = *state;
    const uint32_t all =
        OFFLOAD_CHECKSUM_OUT | OFFLOAD_CHECKSUM_IN | OFFLOAD_SEGMENT_OUT | OFFLOAD_SEGMENT_IN;
    reopen(f, all);
    assert_int_equal(f->driver.offloads, all);
    reopen(f, OFFLOAD_SEGMENT_OUT | OFFLOAD_SEGMENT_IN); /* not without their checksums */
    assert_int_equal(f->driver.offloads, 0);
    f->driver.offered &= ~(1ull << 15);
    reopen(f, all);
    assert_int_equal(f->driver.offloads, all & ~OFFLOAD_SEGMENT_IN);
}

static void receives(void **state) {
    struct fixture *f = *state;
    give_buffers(f, 3, 4);
    assert_int_equal(driver_work(&f->driver), 0);
    assert_true(driver_sleep(&f->driver));
    assert_true(ring_sleep(&f->rx_used));
    device_receives(f, plain_header, 0xaa, 100);
    device_receives(f, plain_header, 0xbb, 200);
    assert_int_equal(f->fake.interrupts, 1); /* one for both */
    assert_int_equal(driver_work(&f->driver), NETDEV_SIGNAL_RX_USED);
    struct netdev_descriptor frame;
    assert_true(ring_take(&f->rx_used, &frame));
    assert_int_equal(frame.buffer, 3);
    assert_int_equal(frame.length, 100);
    assert_int_equal(frame.flags, 0);
    assert_int_equal(((uint8_t *)f->memory.pool.data)[frame.offset + 99], 0xaa);
    assert_true(ring_take(&f->rx_used, &frame));
    assert_int_equal(frame.length, 200);
    assert_false(ring_take(&f->rx_used, &frame));
}

static void is_woken_for_buffers_only_when_they_run_low(void **state) {
    struct fixture *f = *state;
    give_buffers(f, 0, 127);
    driver_work(&f->driver);
    device_receives(f, plain_header, 0, 60);
    driver_work(&f->driver);
    give_buffers(f, 0, 1);
    driver_work(&f->driver); /* 127 of 256 */
    assert_true(driver_sleep(&f->driver));
    struct netdev_descriptor buffer = buffer_at(1, BUFFER - NETDEV_HEADROOM);
    assert_true(ring_put(&f->rx_free, &buffer) && ring_publish(&f->rx_free));
    driver_awake(&f->driver);
    driver_work(&f->driver); /* 128 */
    assert_true(driver_sleep(&f->driver));
    assert_true(ring_put(&f->rx_free, &buffer) && !ring_publish(&f->rx_free));
}

static void sends(void **state) {
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 3; i++) {
        struct netdev_descriptor frame = buffer_at(i, 60 + i);
        assert_true(ring_put(&f->tx_pending, &frame));
    }
    assert_false(ring_publish(&f->tx_pending));
    memset(f->memory.pool.data, 0xff, BUFFER);
    driver_work(&f->driver);
    assert_int_equal(f->fake.queues[TX].notified, 1);
    assert_true(driver_sleep(&f->driver));
    assert_true(driver_holds_sent_buffers(&f->driver));
    struct fake_chain chain;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(fake_take(&f->fake, TX, &chain));
        assert_int_equal(chain.pieces[0].length, HEADER + 60 + i);
        assert_memory_equal(chain.pieces[0].data, ((const uint8_t[HEADER]){0}), HEADER);
        fake_use(&f->fake, TX, chain.head, 0);
    }
    assert_int_equal(f->fake.interrupts, 0); /* reclaimed without one */
    driver_work(&f->driver);
    struct netdev_descriptor done;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(ring_take(&f->tx_done, &done));
        assert_int_equal(done.buffer, i);
    }
    assert_false(driver_holds_sent_buffers(&f->driver));
}

static void interrupts_a_client_that_waits_for_buffers(void **state) {
    struct fixture *f = *state;
    struct netdev_descriptor frame = buffer_at(1, 60);
    assert_true(ring_put(&f->tx_pending, &frame));
    ring_publish(&f->tx_pending);
    assert_true(ring_sleep(&f->tx_done));
    assert_int_equal(driver_work(&f->driver), 0);
    assert_true(driver_sleep(&f->driver));
    struct fake_chain chain;
    assert_true(fake_take(&f->fake, TX, &chain));
    fake_use(&f->fake, TX, chain.head, 0);
    assert_int_equal(f->fake.interrupts, 1);
    assert_int_equal(driver_work(&f->driver), NETDEV_SIGNAL_TX_DONE);
}

static void passes_offloads_on(void **state) {
    struct fixture *f = *state;
    reopen(f, OFFLOAD_CHECKSUM_OUT | OFFLOAD_SEGMENT_OUT | OFFLOAD_CHECKSUM_IN);
    struct netdev_descriptor frame = buffer_at(2, 20000);
    frame.flags = NETDEV_NEEDS_CHECKSUM;
    frame.checksum_start = 34;
    frame.checksum_offset = 16;
    frame.gso_size = 1460;
    frame.header_length = 54;
    assert_true(ring_put(&f->tx_pending, &frame));
    ring_publish(&f->tx_pending);
    give_buffers(f, 20, 2);
    driver_work(&f->driver);
    struct fake_chain chain;
    assert_true(fake_take(&f->fake, TX, &chain));
    assert_memory_equal(chain.pieces[0].data, ((const uint8_t[]){1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0}),
                        HEADER);
    device_receives(f, (const uint8_t[HEADER]){2, [10] = 1}, 1, 60);
    device_receives(f, (const uint8_t[HEADER]){1, [6] = 34, [8] = 16, [10] = 1}, 1, 60);
    driver_work(&f->driver);
    assert_true(ring_take(&f->rx_used, &frame));
    assert_int_equal(frame.flags, NETDEV_CHECKSUM_GOOD);
    assert_true(ring_take(&f->rx_used, &frame));
    assert_int_equal(frame.flags, NETDEV_CHECKSUM_GOOD | NETDEV_NEEDS_CHECKSUM);
    assert_int_equal(frame.checksum_start, 34);
}

static void a_large_frame_comes_in_pieces(void **state) {
    struct fixture *f = *state;
    reopen(f, OFFLOAD_CHECKSUM_IN | OFFLOAD_SEGMENT_IN);
    give_buffers(f, 0, 4);
    driver_work(&f->driver);
    device_receives(f, (const uint8_t[HEADER]){2, 1, 54, 0, 0xb4, 5, [10] = 3}, 1, BUFFER - NETDEV_HEADROOM);
    const uint8_t data[HEADER] = "no header!!";
    device_receives(f, data, 2, BUFFER - NETDEV_HEADROOM);
    device_receives(f, data, 3, 100);
    device_receives(f, plain_header, 4, 60);
    driver_work(&f->driver);
    struct netdev_descriptor piece[4];
    for (int i = 0; i < 4; i++) {
        assert_true(ring_take(&f->rx_used, &piece[i]));
    }
    assert_int_equal(piece[0].flags, NETDEV_MORE | NETDEV_CHECKSUM_GOOD);
    assert_int_equal(piece[0].gso_size, 1460);
    assert_int_equal(piece[1].flags, NETDEV_MORE);
    assert_int_equal(piece[1].length, BUFFER - NETDEV_HEADROOM + HEADER);
    assert_memory_equal((uint8_t *)f->memory.pool.data + piece[1].offset, data, HEADER);
    assert_int_equal(piece[2].flags, 0);
    assert_int_equal(piece[2].length, 112);
    assert_int_equal(piece[3].flags, 0);
    assert_int_equal(piece[3].length, 60);
}

static void bad_requests_are_dropped_and_counted(void **state) {
    struct fixture *f = *state;
    const struct netdev_descriptor bad[] = {
        {.offset = 0, .length = 60}, /* no headroom */
        {.offset = 15, .length = 60},
        {.offset = POOL, .length = 60},
        {.offset = POOL - 59, .length = 60},
        {.offset = UINT32_MAX, .length = UINT32_MAX},
        {.offset = 16, .length = UINT32_MAX},
        {.offset = 16, .length = 1515}, /* longer than the MTU allows */
        {.offset = 16, .length = 13},
        {.offset = 16,
         .length = 60,
         .flags = NETDEV_NEEDS_CHECKSUM,
         .checksum_start = 34}, /* not agreed on */
        {.offset = 16, .length = 5000, .flags = NETDEV_NEEDS_CHECKSUM, .gso_size = 1460},
    };
    const uint32_t count = sizeof bad / sizeof *bad;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(ring_put(&f->tx_pending, &bad[i]));
        assert_true(ring_put(&f->rx_free, &bad[i]));
    }
    ring_publish(&f->tx_pending);
    ring_publish(&f->rx_free);
    driver_work(&f->driver);
    struct fake_chain chain;
    assert_false(fake_take(&f->fake, TX, &chain));
    assert_int_equal(f->driver.counters.bad_send_request, count);
    assert_int_equal(ring_count(&f->tx_done), count); /* the buffers come back */
    assert_int_equal(f->driver.counters.bad_receive_buffer, 7);
}

static void bad_frames_give_their_buffers_back(void **state) {
    struct fixture *f = *state;
    give_buffers(f, 0, 3);
    driver_work(&f->driver);
    struct fake_chain chain;
    const uint32_t lengths[] = {0, 12, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        assert_true(fake_take(&f->fake, RX, &chain));
        fake_use(&f->fake, RX, chain.head, lengths[i]);
    }
    driver_work(&f->driver);
    struct netdev_descriptor frame;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(ring_take(&f->rx_used, &frame));
        assert_int_equal(frame.buffer, i);
        assert_int_equal(frame.length, i < 2 ? 0 : BUFFER - NETDEV_HEADROOM);
    }
    assert_int_equal(f->driver.counters.bad_frame, 2);
    assert_int_equal(f->driver.rx.broken, 1);
    f->driver.rx.broken = 0;
}

static void a_client_that_takes_nothing_keeps_nobody_awake(void **state) {
    struct fixture *f = *state;
    for (uint32_t round = 0; round < 2; round++) {
        give_buffers(f, 0, 128);
        driver_work(&f->driver);
        for (int i = 0; i < 128; i++) {
            device_receives(f, plain_header, 0, 60);
        }
        driver_work(&f->driver);
    }
    give_buffers(f, 0, 1);
    driver_work(&f->driver);
    device_receives(f, plain_header, 0, 60);
    driver_work(&f->driver);
    assert_int_equal(ring_count(&f->rx_used), NETDEV_RING_SIZE);
    assert_true(driver_sleep(&f->driver));
}

static void a_new_open_takes_everything_away_from_the_device(void **state) {
    struct fixture *f = *state;
    give_buffers(f, 0, 8);
    driver_work(&f->driver);
    unsigned resets = f->fake.resets;
    reopen(f, 0);
    struct fake_chain chain;
    assert_int_equal(f->fake.resets, resets + 1);
    assert_false(fake_take(&f->fake, RX, &chain));
    assert_int_equal(driver_work(&f->driver), 0);
    give_buffers(f, 8, 1);
    driver_work(&f->driver);
    device_receives(f, plain_header, 0, 60);
    driver_work(&f->driver);
    assert_int_equal(ring_count(&f->rx_used), 1);
}

static void a_dead_device_is_an_error(void **state) {
    struct fixture *f = *state;
    f->fake.stuck = true;
    assert_int_equal(driver_open(&f->driver, 0, &f->memory, f->queues), ERR_IO);
    assert_int_equal(driver_work(&f->driver), 0);
    assert_true(driver_sleep(&f->driver));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(tells_of_itself),
        TEST(agrees_on_offloads),
        TEST(receives),
        TEST(is_woken_for_buffers_only_when_they_run_low),
        TEST(sends),
        TEST(interrupts_a_client_that_waits_for_buffers),
        TEST(passes_offloads_on),
        TEST(a_large_frame_comes_in_pieces),
        TEST(bad_requests_are_dropped_and_counted),
        TEST(bad_frames_give_their_buffers_back),
        TEST(a_client_that_takes_nothing_keeps_nobody_awake),
        TEST(a_new_open_takes_everything_away_from_the_device),
        TEST(a_dead_device_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
