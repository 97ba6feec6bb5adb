/* test_image.c: sound ELF files are understood, hostile ones refused; the archive and the symbol table keep
 * their bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "archive.h"
#include "image.h"
#include "symbols.h"

#include <base/random.h>
#include <ipc/abi.h>
#include <stdio.h>

#define FILE_SIZE 0x3000

/* A file with two load segments: code at 0x10000, data with room behind it at 0x12000. Fields as in the
 * ELF-64 headers. */
struct file {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_size, program_count, section_size, section_count, names;
    struct {
        uint32_t type, flags;
        uint64_t offset, address, physical, file_size, memory_size, alignment;
    } program[2];
    uint8_t rest[FILE_SIZE - 64 - 2 * 56];
};

static struct file sound(void) {
    return (struct file){.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                         .type = 2,
                         .machine = 243,
                         .entry = 0x10004,
                         .program_offset = 64,
                         .program_size = 56,
                         .program_count = 2,
                         .program = {{1, 5, 0x1000, 0x10000, 0, 0x800, 0x800, 0x1000},
                                     {1, 6, 0x2008, 0x12008, 0, 0x100, 0x2000, 0x1000}}};
}

static enum error check(const struct file *file, struct image *image) {
    return image_check(span_of(file, sizeof *file), image);
}

static void a_sound_file_is_understood(void **state) {
    (void)state;
    struct file file = sound();
    struct image image;
    assert_int_equal(check(&file, &image), ERR_NONE);
    assert_int_equal(image.count, 2);
    assert_int_equal(image.entry, 0x10004);
    assert_int_equal(image.segments[0].rights, RIGHT_READ | RIGHT_EXECUTE);
    assert_int_equal(image.segments[0].size, 0x1000);
    assert_int_equal(image.segments[1].address, 0x12000);
    assert_int_equal(image.segments[1].file_address, 0x12008);
    assert_int_equal(image.segments[1].size, 0x3000);
    assert_int_equal(image.segments[1].rights, RIGHT_READ | RIGHT_WRITE);
}

#define REFUSES(change)                                                                                      \
    do {                                                                                                     \
        struct file file = sound();                                                                          \
        struct image image;                                                                                  \
        change;                                                                                              \
        assert_int_equal(check(&file, &image), ERR_MALFORMED);                                               \
    } while (0)

static void hostile_files_are_refused(void **state) {
    (void)state;
    REFUSES(file.ident[0] = 0);
    REFUSES(file.ident[4] = 1);
    REFUSES(file.type = 3);
    REFUSES(file.machine = 62);
    REFUSES(file.program_size = 32);
    REFUSES(file.program_offset = sizeof file);
    REFUSES(file.program_offset = UINT64_MAX);
    REFUSES(file.program_count = UINT16_MAX);
    REFUSES(file.entry = 0x12008); /* data */
    REFUSES(file.entry = 0);
    REFUSES(file.program[0].flags = 7);            /* writable code */
    REFUSES(file.program[0].file_size = 0x801);    /* more than its memory */
    REFUSES(file.program[1].offset = sizeof file); /* beyond the file */
    REFUSES(file.program[1].offset = UINT64_MAX - 0xff7);
    REFUSES(file.program[1].file_size = file.program[1].memory_size = UINT64_MAX);
    REFUSES(file.program[1].memory_size = UINT64_MAX);
    REFUSES(file.program[1].memory_size = IMAGE_LIMIT);
    REFUSES(file.program[1].address = 0x12000); /* not alike in a page of file and memory */
    REFUSES(file.program[1].address = 0x10808); /* on the code's page */
    REFUSES(file.program[0].address = 0);
    REFUSES(file.program[0].address = UINT64_MAX - 0xfff);
    struct file none = sound();
    struct image image;
    none.program_count = 0;
    assert_int_equal(check(&none, &image), ERR_MALFORMED);
    assert_int_equal(image_check(span_of(&none, 63), &image), ERR_MALFORMED);
}

/* Whatever a file says, what is accepted lies within the file and below the limit, and nothing overlaps. */
static void accepted_segments_are_always_in_bounds(void **state) {
    (void)state;
    struct random random;
    random_seed(&random, 1, 2);
    for (int i = 0; i < 20000; i++) {
        struct file file = sound();
        struct image image;
        for (int changes = 0; changes < 3; changes++) {
            ((uint8_t *)&file)[random_below(&random, 176)] = (uint8_t)random_u32(&random);
        }
        if (check(&file, &image) != ERR_NONE) {
            continue;
        }
        for (unsigned s = 0; s < image.count; s++) {
            const struct image_segment *segment = &image.segments[s];
            assert_true(segment->offset + segment->file_size <= sizeof file);
            assert_true(segment->address % PAGE_SIZE == 0 && segment->size % PAGE_SIZE == 0);
            assert_true(segment->file_address + segment->file_size <= segment->address + segment->size);
            assert_true(segment->address + segment->size <= IMAGE_LIMIT + PAGE_SIZE);
        }
    }
}

/* ---- the archive ---- */

static void put_entry(uint8_t *block, const char *name, const char *size) {
    memset(block, 0, 512);
    memcpy(block, name, strlen(name));
    memcpy(block + 124, size, strlen(size));
    block[156] = '0';
}

static void files_are_found_in_the_archive(void **state) {
    (void)state;
    static uint8_t tar[512 * 5];
    put_entry(tar, "bin/a", "00000000003");
    memcpy(tar + 512, "abc", 3);
    put_entry(tar + 1024, "bin/bb", "00000000000");
    put_entry(tar + 1536, "manifest", "00000001000"); /* 512 bytes */
    struct span archive = span_of(tar, sizeof tar), contents;
    assert_true(archive_find(archive, "bin/a", &contents));
    assert_true(span_equal(contents, span_of("abc", 3)));
    assert_true(archive_find(archive, "manifest", &contents));
    assert_int_equal(contents.length, 512);
    assert_false(archive_find(archive, "bin/c", &contents));
    assert_false(archive_find(span_slice(archive, 0, sizeof tar - 1), "manifest", &contents)); /* cut */
    char name[ARCHIVE_NAME_SIZE];
    size_t position = 0;
    assert_true(archive_next(archive, "bin/", &position, name));
    assert_string_equal(name, "a");
    assert_true(archive_next(archive, "bin/", &position, name));
    assert_string_equal(name, "bb");
    assert_false(archive_next(archive, "bin/", &position, name));
}

static void nonsense_ends_the_archive(void **state) {
    (void)state;
    static uint8_t tar[1024];
    struct span contents;
    put_entry(tar, "a", "77777777777"); /* 8 GiB */
    assert_false(archive_find(span_of(tar, sizeof tar), "a", &contents));
    put_entry(tar, "a", "x");
    assert_false(archive_find(span_of(tar, sizeof tar), "a", &contents));
    assert_false(archive_find(span_of(tar, 100), "a", &contents));
    memset(tar, 'a', 512); /* a name without an end */
    memcpy(tar + 124, "0000", 4);
    assert_false(archive_find(span_of(tar, sizeof tar), "a", &contents));
}

/* ---- symbols ---- */

static void addresses_get_names(void **state) {
    (void)state;
    static const char text[] =
        "10000 _start\n10020 main\nzz\n\n10100 "
        "a_function_with_a_name_that_is_much_longer_than_any_line_has_room_for_really\n";
    struct span table = span_of(text, sizeof text - 1);
    char name[SYMBOL_SIZE];
    uint64_t offset;
    assert_false(symbol_find(table, 0xffff, name, &offset));
    assert_true(symbol_find(table, 0x10000, name, &offset));
    assert_string_equal(name, "_start");
    assert_true(symbol_find(table, 0x100ff, name, &offset));
    assert_string_equal(name, "main");
    assert_int_equal(offset, 0xdf);
    assert_true(symbol_find(table, UINT64_MAX, name, &offset));
    assert_int_equal(strlen(name), SYMBOL_SIZE - 1);
    assert_false(symbol_find(span_of("", 0), 1, name, &offset));
    assert_false(symbol_find(span_of("10", 2), 0x10, name, &offset));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_file_is_understood),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(accepted_segments_are_always_in_bounds),
        cmocka_unit_test(files_are_found_in_the_archive),
        cmocka_unit_test(nonsense_ends_the_archive),
        cmocka_unit_test(addresses_get_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
