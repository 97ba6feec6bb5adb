/* image.h: what of an ELF file goes where in a new task. Pure; the file is hostile until checked. */
#pragma once

#include <base/error.h>
#include <base/span.h>

#define IMAGE_SEGMENTS 8
#define IMAGE_LOWEST   0x1000ull     /* page 0 stays unmapped */
#define IMAGE_LIMIT    0x30000000ull /* the stack and the start-up block are above */

struct image_segment {
    uint64_t address, size; /* in the task, whole pages */
    uint64_t file_address;  /* where the file's bytes go, in the first page of it */
    uint64_t offset;        /* of these bytes in the file */
    uint64_t file_size;
    uint32_t rights; /* RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE */
};

struct image {
    uint64_t entry;
    unsigned count;
    struct image_segment segments[IMAGE_SEGMENTS];
};

/* Checks an ELF file and says what it asks for. ERR_MALFORMED: not an executable for this machine, or one
 * whose segments overlap, reach beyond file or address space, or are writable and executable at once. */
enum error image_check(struct span file, struct image *image);
