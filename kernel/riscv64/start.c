/* start.c: from the first C function to the first task. Owns the one struct of the system. */
#include "bytes.h"
#include "riscv64.h"

extern char image_end[]; /* by the linker script: first byte after .bss */

void kernel_start(uint64_t hart_id, uint64_t tree);

static struct system the_system;

static uint64_t page_down(uint64_t address) {
    return address / PAGE_SIZE * PAGE_SIZE;
}

static uint64_t page_up(uint64_t address) {
    return page_down(address + PAGE_SIZE - 1);
}

struct range {
    uint64_t start, end;
};

/* Hands the allocator all of [start, end) that is not in one of the reserved ranges. */
static void add_free(struct pages *pages, uint64_t start, uint64_t end, const struct range *reserved,
                     unsigned count) {
    while (start < end) {
        uint64_t stop = end, next = end;
        for (unsigned i = 0; i < count; i++) {
            if (reserved[i].end <= start || reserved[i].start >= stop)
                continue;
            stop = reserved[i].start > start ? reserved[i].start : start;
            next = reserved[i].end;
        }
        if (stop > start)
            pages_free(pages, start, (stop - start) / PAGE_SIZE);
        start = next;
    }
}

/* The allocator's table of orders lies behind the image; all between that and the end of RAM is free, but for
 * what the loader put there. */
static void memory_init(struct kernel *kernel) {
    struct platform *platform = &kernel->platform;
    uint64_t image = (uint64_t)image_end - IMAGE_BASE + IMAGE_LOAD, ram_end = page_down(kernel->ram_end);
    uint64_t start = page_up(image + (ram_end - kernel->ram_base) / PAGE_SIZE);
    const struct range reserved[] = {
        {page_down(platform->tree), page_up(platform->tree + platform->tree_size)},
        {page_down(platform->archive), page_up(platform->archive_end)},
    };
    pages_init(&kernel->pages, kernel->ram_base, ram_end, physical_pointer(image));
    add_free(&kernel->pages, start, ram_end, reserved, sizeof(reserved) / sizeof(*reserved));
    kernel->pages.total_bytes = ram_end - kernel->ram_base;
}

/* The hart that boots is hart 0 of the kernel, whatever its number at the firmware. */
static void number_harts(struct kernel *kernel, uint64_t boot_id) {
    struct platform *platform = &kernel->platform;
    kernel->hart[0].id = (uint32_t)boot_id;
    kernel->harts = 1;
    for (uint32_t i = 0; i < platform->harts && kernel->harts < MAX_HARTS; i++)
        if (platform->hart_id[i] != boot_id)
            kernel->hart[kernel->harts++].id = platform->hart_id[i];
}

/* Called by boot/start.S on the boot stack, with the boot page table: hart number at the firmware, and where
 * the device tree is in physical memory. */
void kernel_start(uint64_t hart_id, uint64_t tree) {
    struct system *system = &the_system;
    struct kernel *kernel = &system->kernel;
    struct hart *hart = &kernel->hart[0];
    struct platform platform = {};
    bool understood = fdt_read(physical_pointer(tree), &platform);
    kernel_init(kernel, &platform);
    this_hart_set(hart);
    if (!understood)
        machine_panic("the device tree makes no sense", tree);
    number_harts(kernel, hart_id);
    kernel_lock(kernel, hart);
    memory_init(kernel);
    paging_init(system, (uint64_t)image_end);
    plic_init(kernel);
    hart->stack_top = (uint64_t)boot_stack_top;
    harts_start(system); /* they wait for the lock */
    first_task(kernel);
    kernel_unlock(kernel);
    hart_main(hart);
}
