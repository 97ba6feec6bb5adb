/* paging.c: satp, flushes, and the kernel's half of the address space.
 *
 * The kernel's half is the same in all spaces and global: a direct map of everything in 1 GiB leaves, not
 * executable, and the kernel's image in 4 KiB leaves, where nothing is both writable and executable. */
#include "bytes.h"
#include "csr.h"
#include "page_table.h"
#include "riscv64.h"

#define GIGABYTE     (1ull << 30)
#define KERNEL_FLAGS (PTE_V | PTE_G | PTE_A | PTE_D)

/* By the linker script. */
extern char text_end[], constants_end[];

static uint64_t table_new(struct kernel *kernel) {
    uint64_t address = pages_allocate(&kernel->pages, 1);
    if (!address)
        machine_panic("no memory for page tables", 0);
    memset(physical_pointer(address), 0, PAGE_SIZE);
    return address;
}

static uint64_t image_flags(uint64_t address) {
    if (address < (uint64_t)text_end)
        return KERNEL_FLAGS | PTE_R | PTE_X;
    return KERNEL_FLAGS | PTE_R | (address < (uint64_t)constants_end ? 0 : PTE_W);
}

static void map_image(struct kernel *kernel, uint64_t *root, uint64_t image_end) {
    uint64_t middle = table_new(kernel), last = 0;
    root[table_index(IMAGE_BASE, 2)] = pte_make(middle, PTE_V);
    for (uint64_t at = (uint64_t)image_start; at < image_end; at += PAGE_SIZE) {
        uint64_t *pte = (uint64_t *)physical_pointer(middle) + table_index(at, 1);
        if (!*pte) {
            last = table_new(kernel);
            *pte = pte_make(last, PTE_V);
        }
        ((uint64_t *)physical_pointer(last))[table_index(at, 0)] =
            pte_make(at - IMAGE_BASE + IMAGE_LOAD, image_flags(at));
    }
}

/* How many address space identifiers the CPU keeps: it drops the bits of satp that it does not have. */
static uint64_t count_asids(uint64_t satp) {
    write_csr(satp, satp | SATP_ASID_MASK << SATP_ASID_SHIFT);
    uint64_t asids = read_csr(satp) >> SATP_ASID_SHIFT & SATP_ASID_MASK;
    write_csr(satp, satp);
    return asids;
}

void paging_init(struct system *system, uint64_t image_end) {
    uint64_t root = table_new(&system->kernel);
    uint64_t *table = physical_pointer(root);
    for (uint64_t i = 0; i < table_index(IMAGE_BASE, 2) - TABLE_ENTRIES / 2; i++)
        table[TABLE_ENTRIES / 2 + i] = pte_make(i * GIGABYTE, KERNEL_FLAGS | PTE_R | PTE_W);
    map_image(&system->kernel, table, image_end);
    system->space.root = root;
    system->space.satp = SATP_SV39 | root >> 12;
    system->space.asids = count_asids(system->space.satp);
    __asm__ volatile("sfence.vma" ::: "memory");
}

void machine_space_init(struct kernel *kernel, struct space *space, uint32_t asid) {
    struct system *system = system_of(kernel);
    uint64_t *from = physical_pointer(system->space.root), *to = physical_pointer(space->root);
    memcpy(to + TABLE_ENTRIES / 2, from + TABLE_ENTRIES / 2, PAGE_SIZE / 2);
    uint64_t number = asid <= system->space.asids ? asid : 0;
    space->satp = SATP_SV39 | number << SATP_ASID_SHIFT | space->root >> 12;
}

HOT void machine_space_load(struct hart *hart, struct space *space) {
    struct system *system = system_of(hart->kernel);
    uint32_t bit = 1u << hart->number;
    hart->kernel->address_space_switches += hart->space != space;
    hart->space = space;
    hart->wanted = space ? space->satp : system->space.satp;
    if (!space) {
        hart->satp = hart->wanted;
        write_csr(satp, hart->satp);
        return;
    }
    bool shared = (space->satp >> SATP_ASID_SHIFT & SATP_ASID_MASK) == 0;
    if (!(space->stale & bit) && !shared)
        return;
    space->stale &= ~bit;
    hart->satp = space->satp;
    write_csr(satp, hart->satp);
    __asm__ volatile("sfence.vma\nfence.i" ::: "memory");
}

void machine_flush(struct kernel *kernel, struct space *space) {
    space->stale = UINT32_MAX; /* harts that only have it loaded flush when they enter it again */
    for (uint32_t i = 0; i < kernel->harts; i++) {
        struct hart *hart = &kernel->hart[i];
        if (!hart->current || hart->space != space)
            continue;
        space->stale &= ~(1u << i);
        if (hart == kernel->here)
            __asm__ volatile("sfence.vma\nfence.i" ::: "memory");
        else
            sbi_flush(hart->id);
    }
}
