/* test_random.c: thousands of random operations, compared step by step with a model that is too simple to be
 * wrong, and now and then with fsck.fat and with what mtools reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include <base/random.h>

#define FILES          20
#define SIZE_MAX_MODEL 150000
#define STEPS          4000
#define FSCK_EVERY     800

struct model_file {
    bool exists;
    uint32_t size;
    uint8_t data[SIZE_MAX_MODEL];
    struct fat_node *node; /* while it is held open */
};

struct world {
    struct image image;
    struct fat_volume volume;
    struct random random;
    struct model_file files[FILES];
    uint8_t buffer[SIZE_MAX_MODEL];
};

static uint32_t below(struct world *world, uint32_t limit) {
    return random_below(&world->random, limit);
}

/* Names of every kind, in four directories; now and then in another case. */
static const char *path_of(struct world *world, unsigned file, char path[256]) {
    static const char *directories[] = {"", "/sub", "/sub/deeper directory", "/D"};
    static const char *names[] = {"PLAIN%u.TXT", "a long name number %u.html", "x%u", "many.dots.%u.tar.gz",
                                  "\xd0\xbf\xd0\xbe\xd1\x80\xd1\x82 %u"};
    char name[128];
    snprintf(name, sizeof name, names[file % 5], file);
    snprintf(path, 256, "%s/%s", directories[file % 4], name);
    for (char *at = path; *at != '\0' && below(world, 4) == 0; at++) {
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at;
    }
    return path;
}

static struct fat_node *open_file(struct world *world, unsigned number) {
    char path[256];
    struct fat_node *node;
    struct model_file *file = &world->files[number];
    uint32_t flags = FAT_WRITE | (file->exists ? 0 : FAT_CREATE);
    assert_int_equal(fat_open(&world->volume, path_of(world, number, path), flags, &node), ERR_NONE);
    file->exists = true;
    return node;
}

/* Lengths of all magnitudes. */
static uint32_t some_length(struct world *world, uint32_t limit) {
    return below(world, 1u << below(world, 18)) % (limit + 1);
}

static void do_write(struct world *world, unsigned number) {
    struct model_file *file = &world->files[number];
    struct fat_node *node = open_file(world, number);
    bool append = below(world, 2) == 0;
    uint32_t offset = append ? file->size : some_length(world, SIZE_MAX_MODEL - 1), done;
    uint32_t length = some_length(world, SIZE_MAX_MODEL - offset);
    for (uint32_t i = 0; i < length; i++) {
        world->buffer[i] = (uint8_t)(i * 31 + i / 256 + world->random.counter);
    }
    assert_int_equal(fat_write(&world->volume, node, offset, world->buffer, length, &done), ERR_NONE);
    assert_int_equal(done, length);
    memcpy(file->data + offset, world->buffer, length);
    file->size = length > 0 && offset + length > file->size ? offset + length : file->size;
    fat_close(&world->volume, node);
}

static void do_truncate(struct world *world, unsigned number) {
    struct model_file *file = &world->files[number];
    struct fat_node *node = open_file(world, number);
    uint32_t size = some_length(world, SIZE_MAX_MODEL);
    assert_int_equal(fat_truncate(&world->volume, node, size), ERR_NONE);
    if (size < file->size) {
        memset(file->data + size, 0, file->size - size);
    }
    file->size = size;
    fat_close(&world->volume, node);
}

static void do_read(struct world *world, unsigned number) {
    struct model_file *file = &world->files[number];
    char path[256];
    struct fat_node *node;
    uint32_t done, offset = some_length(world, SIZE_MAX_MODEL - 1),
                   length = some_length(world, SIZE_MAX_MODEL);
    enum error error = fat_open(&world->volume, path_of(world, number, path), 0, &node);
    assert_int_equal(error, file->exists ? ERR_NONE : ERR_NOT_FOUND);
    if (error != ERR_NONE) {
        return;
    }
    assert_int_equal(fat_read(&world->volume, node, offset, world->buffer, length, &done), ERR_NONE);
    uint32_t left = offset < file->size ? file->size - offset : 0;
    assert_int_equal(done, length < left ? length : left);
    assert_memory_equal(world->buffer, file->data + offset, done);
    fat_close(&world->volume, node);
}

static void do_remove(struct world *world, unsigned number) {
    struct model_file *file = &world->files[number];
    char path[256];
    enum error error = fat_remove(&world->volume, path_of(world, number, path));
    assert_int_equal(error, !file->exists ? ERR_NOT_FOUND : file->node != NULL ? ERR_BUSY : ERR_NONE);
    if (error == ERR_NONE) {
        file->exists = false;
        file->size = 0;
        memset(file->data, 0, sizeof file->data);
    }
}

static void do_rename(struct world *world, unsigned number) {
    unsigned other = below(world, FILES);
    struct model_file *from = &world->files[number], *to = &world->files[other];
    char from_path[256], to_path[256];
    path_of(world, number, from_path);
    path_of(world, other, to_path);
    enum error error = fat_rename(&world->volume, from_path, to_path);
    if (!from->exists) {
        assert_int_equal(error, ERR_NOT_FOUND);
    } else if (from != to && to->exists && to->node != NULL) {
        assert_int_equal(error, ERR_BUSY);
    } else {
        assert_int_equal(error, ERR_NONE);
        if (from != to) {
            *to = *from;
            memset(from, 0, sizeof *from);
        }
    }
}

static void do_hold(struct world *world, unsigned number) {
    struct model_file *file = &world->files[number];
    if (file->node != NULL) {
        fat_close(&world->volume, file->node);
        file->node = NULL;
    } else if (file->exists) {
        file->node = open_file(world, number);
    }
}

static void let_go(struct world *world) {
    for (unsigned i = 0; i < FILES; i++) {
        if (world->files[i].node != NULL) {
            do_hold(world, i);
        }
    }
}

static void check_all(struct world *world, bool fsck) {
    let_go(world);
    assert_int_equal(fat_sync(&world->volume, true), ERR_NONE);
    if (fsck) {
        image_check(&world->image);
    }
    uint32_t free = world->volume.free_clusters;
    assert_int_equal(fat_mount(&world->volume, &world->image.disk), ERR_NONE);
    assert_int_equal(table_count_free(&world->volume), ERR_NONE);
    assert_int_equal(world->volume.free_clusters, free);
    assert_int_equal(world->volume.broken, 0);
    for (unsigned i = 0; i < FILES; i++) {
        do_read(world, i);
    }
}

static void step(struct world *world) {
    unsigned number = below(world, FILES);
    switch (below(world, 16)) {
    case 0: do_remove(world, number); break;
    case 1: do_truncate(world, number); break;
    case 2:
    case 3: do_rename(world, number); break;
    case 4: do_hold(world, number); break;
    case 5: assert_int_equal(fat_sync(&world->volume, false), ERR_NONE); break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10: do_write(world, number); break;
    default: do_read(world, number); break;
    }
}

static void as_the_model_says(void **state) {
    unsigned cluster = (unsigned)(uintptr_t)*state;
    struct world *world = calloc(1, sizeof *world);
    image_make(&world->image, 66, cluster);
    random_seed(&world->random, cluster, 20261121);
    assert_int_equal(fat_mount(&world->volume, &world->image.disk), ERR_NONE);
    assert_int_equal(fat_make_directory(&world->volume, "/sub"), ERR_NONE);
    assert_int_equal(fat_make_directory(&world->volume, "/sub/deeper directory"), ERR_NONE);
    assert_int_equal(fat_make_directory(&world->volume, "/D"), ERR_NONE);
    for (unsigned i = 1; i <= STEPS; i++) {
        step(world);
        if (i % (FSCK_EVERY / 4) == 0) {
            check_all(world, i % FSCK_EVERY == 0);
        }
    }
    image_free(&world->image);
    free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(as_the_model_says, (void *)1),
        cmocka_unit_test_prestate(as_the_model_says, (void *)2),
        cmocka_unit_test_prestate(as_the_model_says, (void *)8),
    };
    if (!image_tools()) {
        print_message("mtools or dosfstools are not installed: nothing is tested\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
