/* platform.h: what the kernel wants to know from the device tree. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PLATFORM_HARTS 8

struct platform {
    uint64_t tree, tree_size; /* the device tree itself */
    uint64_t ram_base, ram_size;
    uint64_t archive, archive_end; /* the initial RAM disk; 0: none */
    uint64_t interrupt_controller; /* PLIC */
    uint64_t power;                /* sifive_test; 0: none */
    uint64_t timebase;             /* Hz */
    uint32_t harts;
    uint32_t hart_id[PLATFORM_HARTS];
    bool sstc; /* the clock can be set without the firmware */
    uint8_t seed[32];
    char command_line[1024];
};
