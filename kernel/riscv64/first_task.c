/* first_task.c: makes the first task out of the ELF file that the kernel carries.
 *
 * It owns the machine: all memory as its quota, handles to the machine, the device tree, the boot archive and
 * to itself, named in a page with struct boot_info. The file is our own, so anything odd in it is a panic. */
#include "bytes.h"
#include "riscv64.h"
#include "user_copy.h"

#define ELF_MAGIC    0x464c457f
#define PT_LOAD      1
#define STACK_TOP    0x3f000000ull
#define STACK_SIZE   0x20000ull
#define INFO_ADDRESS 0x3f100000ull
#define PRIORITY     24

struct elf_header {
    uint32_t magic;
    uint8_t identification[12];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t size, program_header_size, program_header_count;
};

struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, align;
};

extern const char first_task_elf[], first_task_elf_end[];

static void must(enum error error, const char *what) {
    if (error)
        machine_panic(what, error);
}

/* Pages of the task's own, mapped at an address, with the contents given. */
static void lay_out(struct kernel *kernel, struct task *task, uint64_t address, uint64_t size,
                    uint32_t rights, const void *contents, uint64_t length) {
    uint64_t start = address / PAGE_SIZE * PAGE_SIZE;
    struct memory *memory;
    must(memory_create(kernel, task->account, address - start + size, false, &memory), "first task's memory");
    while (memory->ready < memory->size)
        must(memory_fill(kernel, memory), "first task's memory");
    must(space_map(kernel, &task->space, memory, 0, memory->size, rights, rights, &start),
         "first task's mapping");
    object_put(kernel, &memory->object);
    for (uint64_t done = 0; done < length;) {
        uint64_t left = PAGE_SIZE - (address + done) % PAGE_SIZE,
                 part = left < length - done ? left : length - done;
        void *at = space_reach(&task->space, address + done, ACCESS_ANY);
        if (!at)
            machine_panic("first task's contents", address + done);
        memcpy(at, (const char *)contents + done, part);
        done += part;
    }
}

static uint64_t load(struct kernel *kernel, struct task *task) {
    const struct elf_header *header = (const void *)first_task_elf;
    if (header->magic != ELF_MAGIC)
        machine_panic("first task is no ELF file", header->magic);
    for (unsigned i = 0; i < header->program_header_count; i++) {
        const struct program_header *segment =
            (const void *)(first_task_elf + header->program_headers + i * header->program_header_size);
        if (segment->type != PT_LOAD || segment->memory_size == 0)
            continue;
        uint32_t rights = (segment->flags & 4 ? RIGHT_READ : 0) | (segment->flags & 2 ? RIGHT_WRITE : 0) |
                          (segment->flags & 1 ? RIGHT_EXECUTE : 0);
        lay_out(kernel, task, segment->address, segment->memory_size, rights,
                first_task_elf + segment->offset, segment->file_size);
    }
    return header->entry;
}

static handle_t give(struct kernel *kernel, struct task *task, struct object *object, uint32_t rights) {
    must(handle_reserve(kernel, task, 1), "first task's handles");
    return handle_insert(task, object, rights, 0);
}

/* RAM that the boot loader filled, as a memory object; 0 if there is none. */
static handle_t give_loaded(struct kernel *kernel, struct task *task, uint64_t base, uint64_t size,
                            uint32_t rights) {
    struct memory *memory;
    if (size == 0)
        return HANDLE_NONE;
    must(memory_adopt(kernel, task->account, base, size, false, &memory), "first task's archive");
    must(account_charge(task->account, memory->size), "first task's archive");
    handle_t handle = give(kernel, task, &memory->object, RIGHT_PASS | rights);
    object_put(kernel, &memory->object);
    return handle;
}

static void fill_info(struct kernel *kernel, struct task *task, struct boot_info *info) {
    struct platform *platform = &kernel->platform;
    uint64_t archive_size = platform->archive_end - platform->archive;
    info->magic = BOOT_INFO_MAGIC;
    info->timebase_frequency = platform->timebase;
    info->machine = give(kernel, task, &kernel->machine, RIGHT_ALL);
    info->device_tree = give_loaded(kernel, task, platform->tree, platform->tree_size, RIGHT_READ);
    info->boot_archive =
        give_loaded(kernel, task, platform->archive, archive_size, RIGHT_READ | RIGHT_EXECUTE);
    info->self = give(kernel, task, &task->object, RIGHT_PASS | RIGHT_MANAGE);
    info->device_tree_size = platform->tree_size;
    info->boot_archive_size = archive_size;
    info->free_memory = task->account->quota - task->account->used;
    memcpy(info->seed, platform->seed, sizeof(info->seed));
    memcpy(info->command_line, platform->command_line, sizeof(info->command_line));
    memset(platform->seed, 0, sizeof(platform->seed));
}

void first_task(struct kernel *kernel) {
    struct platform *platform = &kernel->platform;
    struct boot_info info = {};
    struct task *task;
    uint64_t loaded = platform->archive_end - platform->archive + platform->tree_size + 2 * PAGE_SIZE;
    must(task_create(kernel, NULL, memory_free(kernel) + loaded, HANDLES_MAX, &task), "first task");
    memcpy(task->name, "init", 5);
    task->priority = PRIORITY;
    task->dma = true;
    kernel->first_task = task;
    context_set(task, PC, load(kernel, task));
    fill_info(kernel, task, &info);
    lay_out(kernel, task, STACK_TOP - STACK_SIZE, STACK_SIZE, RIGHT_READ | RIGHT_WRITE, NULL, 0);
    lay_out(kernel, task, INFO_ADDRESS, sizeof(info), RIGHT_READ, &info, sizeof(info));
    context_set(task, SP, STACK_TOP);
    context_set(task, A0, INFO_ADDRESS);
    schedule_wake(kernel, task);
}
