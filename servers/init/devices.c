/* devices.c: the device tree (Devicetree Specification 0.4), read with libfdt; virtio-mmio registers as in
 * virtio 1.2, 4.2.2. */
#include "devices.h"

#include <libfdt.h>
#include <os/os.h>
#include <os/syscall.h>
#include <stdio.h>

#define VIRTIO_MAGIC     0x74726976u
#define VIRTIO_DEVICE_ID 2  /* in 32-bit registers: offset 0x008 */
#define VIRTIO_STATUS    28 /* 0x070 */
#define RTC_TIME_LOW     0  /* reading it latches the high half */
#define RTC_TIME_HIGH    1

/* The first region and interrupt of a node; two cells each for address and size, as all buses of these
 * machines have. */
static bool read_node(const void *tree, int node, struct device *device) {
    int length;
    const fdt64_t *region = fdt_getprop(tree, node, "reg", &length);
    if (region == NULL || length < 16) {
        return false;
    }
    device->physical = fdt64_to_cpu(region[0]);
    device->size = fdt64_to_cpu(region[1]);
    const fdt32_t *interrupt = fdt_getprop(tree, node, "interrupts", &length);
    device->interrupt = interrupt != NULL && length >= 4 ? fdt32_to_cpu(interrupt[0]) : 0;
    return true;
}

static volatile uint32_t *map_registers(handle_t machine, const struct device *device) {
    uint64_t memory, address = 0;
    if (sys_memory_device(machine, device->physical, device->size, &memory) != ERR_NONE) {
        return NULL;
    }
    enum error error =
        sys_memory_map(HANDLE_NONE, (handle_t)memory, &address, 0, 0, RIGHT_READ | RIGHT_WRITE);
    (void)!handle_close((handle_t)memory);
    return error == ERR_NONE ? (volatile uint32_t *)address : NULL;
}

/* Adds the device as "kindN", N counting those of that kind from 0. */
static void add(struct devices *devices, struct device device, const char *kind) {
    unsigned same = 0;
    for (unsigned i = 0; i < devices->count; i++) {
        same += strncmp(devices->devices[i].name, kind, strlen(kind)) == 0;
    }
    if (devices->count < DEVICES) {
        snprintf(device.name, sizeof device.name, "%s%u", kind, same);
        devices->devices[devices->count++] = device;
    }
}

static const char *virtio_kind(uint32_t id) {
    switch (id) {
    case 1: return "net";
    case 2: return "disk";
    case 4: return "rng";
    default: return NULL; /* 0: an empty slot */
    }
}

static void add_virtio(struct devices *devices, handle_t machine, struct device device) {
    device.registers = map_registers(machine, &device);
    if (device.registers == NULL || device.registers[0] != VIRTIO_MAGIC) {
        return;
    }
    const char *kind = virtio_kind(device.registers[VIRTIO_DEVICE_ID]);
    if (kind != NULL) {
        add(devices, device, kind);
    } else {
        (void)!memory_unmap((void *)device.registers, device.size);
    }
}

static int next_compatible(struct span tree, int after, const char *compatible) {
    return fdt_node_offset_by_compatible(tree.data, after, compatible);
}

void devices_find(struct devices *devices, handle_t machine, struct span tree) {
    struct device device = {0};
    if (fdt_check_header(tree.data) != 0) {
        return;
    }
    for (int node = -1; (node = next_compatible(tree, node, "ns16550a")) >= 0;) {
        if (read_node(tree.data, node, &device)) {
            add(devices, device, "uart");
        }
    }
    for (int node = -1; (node = next_compatible(tree, node, "virtio,mmio")) >= 0;) {
        if (read_node(tree.data, node, &device)) {
            add_virtio(devices, machine, device);
        }
    }
}

struct device *devices_named(struct devices *devices, const char *name) {
    for (unsigned i = 0; i < devices->count; i++) {
        if (strcmp(devices->devices[i].name, name) == 0) {
            return &devices->devices[i];
        }
    }
    return NULL;
}

void device_stop(struct device *device) {
    if (device->registers != NULL) {
        device->registers[VIRTIO_STATUS] = 0;
    }
}

int64_t devices_wall_clock(handle_t machine, struct span tree) {
    struct device device;
    if (fdt_check_header(tree.data) != 0) {
        return 0;
    }
    int node = next_compatible(tree, -1, "google,goldfish-rtc");
    if (node < 0 || !read_node(tree.data, node, &device)) {
        return 0;
    }
    volatile uint32_t *registers = map_registers(machine, &device);
    if (registers == NULL) {
        return 0;
    }
    uint64_t low = registers[RTC_TIME_LOW];
    uint64_t time = (uint64_t)registers[RTC_TIME_HIGH] << 32 | low;
    (void)!memory_unmap((void *)registers, device.size);
    return (int64_t)time;
}
