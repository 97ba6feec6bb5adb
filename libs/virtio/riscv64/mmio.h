/* mmio.h: a virtio device's registers mapped into this task. For drivers on the machine itself. */
#pragma once

#include <virtio/virtio.h>

static inline uint32_t mmio_read(void *base, uint32_t offset, uint32_t width) {
    const volatile uint8_t *at = (const volatile uint8_t *)base + offset;
    uint32_t value = width == 1   ? *at
                     : width == 2 ? *(const volatile uint16_t *)at
                                  : *(const volatile uint32_t *)at;
    __asm__ volatile("fence i,rw" ::: "memory");
    return value;
}

static inline void mmio_write(void *base, uint32_t offset, uint32_t value) {
    __asm__ volatile("fence rw,o" ::: "memory");
    *(volatile uint32_t *)((volatile uint8_t *)base + offset) = value;
}

static inline struct virtio_registers mmio_registers(void *base) {
    return (struct virtio_registers){.context = base, .read = mmio_read, .write = mmio_write};
}
