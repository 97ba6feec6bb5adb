/* image.c: the checks of ELF-64 headers (System V ABI, chapters 4 and 5). */
#include "image.h"

#include <ipc/abi.h>
#include <stdbool.h>

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_size, program_count, section_size, section_count, names;
};

struct elf_program {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};

#define ELF_EXECUTABLE 2
#define ELF_RISCV      243
#define ELF_LOAD       1
#define ELF_X          1
#define ELF_W          2
#define ELF_R          4

static bool header_fits(const struct elf_header *header) {
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2 /* 64 bits */, 1 /* little-endian */, 1};
    return memcmp(header->ident, ident, sizeof ident) == 0 && header->type == ELF_EXECUTABLE &&
           header->machine == ELF_RISCV && header->program_size == sizeof(struct elf_program);
}

/* True: lies within file and address space, starts alike in a page of both, is not writable code. */
static bool program_fits(const struct elf_program *program, size_t file_size) {
    return program->file_size <= program->memory_size && program->offset <= file_size &&
           program->file_size <= file_size - program->offset && program->address >= IMAGE_LOWEST &&
           program->address <= IMAGE_LIMIT && program->memory_size <= IMAGE_LIMIT - program->address &&
           (program->address - program->offset) % PAGE_SIZE == 0 &&
           (program->flags & (ELF_W | ELF_X)) != (ELF_W | ELF_X);
}

static struct image_segment segment_of(const struct elf_program *program) {
    uint64_t start = program->address / PAGE_SIZE * PAGE_SIZE;
    uint64_t end = (program->address + program->memory_size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    uint32_t rights = ((program->flags & ELF_R) != 0 ? RIGHT_READ : 0) |
                      ((program->flags & ELF_W) != 0 ? RIGHT_WRITE : 0) |
                      ((program->flags & ELF_X) != 0 ? RIGHT_EXECUTE : 0);
    return (struct image_segment){.address = start,
                                  .size = end - start,
                                  .file_address = program->address,
                                  .offset = program->offset,
                                  .file_size = program->file_size,
                                  .rights = rights | RIGHT_READ};
}

static bool overlaps(const struct image *image, const struct image_segment *segment) {
    for (unsigned i = 0; i < image->count; i++) {
        const struct image_segment *other = &image->segments[i];
        if (segment->address < other->address + other->size &&
            other->address < segment->address + segment->size) {
            return true;
        }
    }
    return false;
}

static enum error add(struct image *image, const struct elf_program *program, size_t file_size) {
    if (program->type != ELF_LOAD || program->memory_size == 0) {
        return ERR_NONE;
    }
    if (image->count == IMAGE_SEGMENTS || !program_fits(program, file_size)) {
        return ERR_MALFORMED;
    }
    struct image_segment segment = segment_of(program);
    if (overlaps(image, &segment)) {
        return ERR_MALFORMED;
    }
    image->segments[image->count++] = segment;
    return ERR_NONE;
}

static bool entry_is_code(const struct image *image) {
    for (unsigned i = 0; i < image->count; i++) {
        const struct image_segment *segment = &image->segments[i];
        if ((segment->rights & RIGHT_EXECUTE) != 0 && image->entry >= segment->address &&
            image->entry - segment->address < segment->size) {
            return true;
        }
    }
    return false;
}

enum error image_check(struct span file, struct image *image) {
    struct elf_header header;
    struct reader reader = reader_of(file);
    read_copy(&reader, &header, sizeof header);
    if (reader.failed || !header_fits(&header)) {
        return ERR_MALFORMED;
    }
    *image = (struct image){.entry = header.entry};
    reader = reader_of(span_slice(file, header.program_offset, SIZE_MAX));
    for (unsigned i = 0; i < header.program_count; i++) {
        struct elf_program program;
        read_copy(&reader, &program, sizeof program);
        if (reader.failed || add(image, &program, file.length) != ERR_NONE) {
            return ERR_MALFORMED;
        }
    }
    return entry_is_code(image) ? ERR_NONE : ERR_MALFORMED;
}
