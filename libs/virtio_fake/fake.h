/* fake.h: a virtio device played in host memory, so that drivers are tested without a machine.
 *
 * Registers behave as virtio 1.2 says of the memory-mapped transport; "physical" addresses are pointers. The
 * test plays the rest: it takes chains that the driver made available, looks at them and uses them, truly or
 * with lies. */
#pragma once

#include <virtio/virtqueue.h>

#define FAKE_QUEUES 4
#define FAKE_PIECES 8

struct fake_queue {
    uint32_t size_max, size, ready;
    uint64_t descriptors, available, used; /* pointers */
    uint16_t taken;                        /* chains taken out of the available ring */
    uint16_t done;                         /* used index */
    uint16_t signalled; /* used index when the driver was last asked whether it wants an interrupt */
    unsigned notified;  /* notifications that came */
};

struct fake_device {
    uint32_t version, id;
    uint64_t offered, accepted;
    uint32_t status, interrupt, generation;
    uint32_t features_select, driver_features_select, queue_select;
    uint8_t config[64];
    struct fake_queue queues[FAKE_QUEUES];
    unsigned interrupts; /* interrupts raised */
    unsigned resets;
    bool refuses_features;   /* FEATURES_OK does not stick */
    bool stuck;              /* reset never ends */
    unsigned config_changes; /* the generation changes this many times while it is being read */
};

struct fake_chain {
    uint16_t head;
    unsigned out, in; /* pieces */
    struct span_of_chain {
        uint8_t *data;
        uint32_t length;
    } pieces[FAKE_PIECES];
};

/* A device with `queues` queues of `size_max` entries that offers `features`, VERSION_1 and EVENT_IDX. */
void fake_init(struct fake_device *device, uint32_t id, uint64_t features, unsigned queues,
               uint32_t size_max);
struct virtio_registers fake_registers(struct fake_device *device);

/* The next chain that the driver published; false: none. Fails the test on a chain that breaks the format. */
bool fake_take(struct fake_device *device, unsigned queue, struct fake_chain *chain);
/* Gives a chain back. Any id and length may be used: the honest ones are chain.head and the bytes written.
 * Raises an interrupt if the driver asked for it. */
void fake_use(struct fake_device *device, unsigned queue, uint32_t id, uint32_t length);
/* Claims `count` used entries that were never written. */
void fake_claim(struct fake_device *device, unsigned queue, uint16_t count);
