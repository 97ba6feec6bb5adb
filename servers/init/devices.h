/* devices.h: which devices the machine has, from the device tree and, for virtio, the devices' own ID
 * registers. */
#pragma once

#include <base/span.h>
#include <ipc/abi.h>

#define DEVICES          16
#define DEVICE_NAME_SIZE 16

struct device {
    char name[DEVICE_NAME_SIZE]; /* "net0", "disk0", "rng0", "uart0"; a second one "net1" */
    uint64_t physical, size;
    uint32_t interrupt;
    volatile uint32_t *registers; /* of a virtio device, mapped here; else null */
};

struct devices {
    unsigned count;
    struct device devices[DEVICES];
};

/* Fills the table. `tree`: the flattened device tree. Devices that cannot be understood are left out. */
void devices_find(struct devices *devices, handle_t machine, struct span tree);

/* By name; null: the machine has none. */
struct device *devices_named(struct devices *devices, const char *name);

/* Stops what the device does on its own: a virtio device that its dead driver had set going may still write
 * into memory. */
void device_stop(struct device *device);

/* The wall clock of a goldfish RTC (QEMU virt): ns since 1970; 0 if there is none. */
int64_t devices_wall_clock(handle_t machine, struct span tree);
