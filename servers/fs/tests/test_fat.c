/* test_fat.c: the FAT library on images that mtools made, step by step; fsck.fat has the last word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

struct fixture {
    struct image image;
    struct fat_volume volume;
    char output[4096];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    image_make(&f->image, 33, 1);
    assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_NONE);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    for (unsigned i = 0; i < FAT_NODES; i++) {
        assert_int_equal(f->volume.nodes[i].references, 0);
    }
    image_free(&f->image);
    free(f);
    return 0;
}

static void check(struct fixture *f) {
    assert_int_equal(fat_sync(&f->volume, true), ERR_NONE);
    uint32_t free = f->volume.free_clusters;
    image_check(&f->image);
    assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_NONE);
    assert_false(f->volume.was_dirty);
    assert_int_equal(f->volume.free_clusters, free);
}

static void put(struct fixture *f, const char *path, const void *data, uint32_t length) {
    struct fat_node *node;
    uint32_t done = 0;
    assert_int_equal(fat_open(&f->volume, path, FAT_WRITE | FAT_CREATE | FAT_TRUNCATE, &node), ERR_NONE);
    if (length > 0) {
        assert_int_equal(fat_write(&f->volume, node, 0, data, length, &done), ERR_NONE);
    }
    assert_int_equal(done, length);
    fat_close(&f->volume, node);
}

static void assert_holds(struct fixture *f, const char *path, const void *data, uint32_t length) {
    struct fat_node *node;
    uint32_t done;
    uint8_t *bytes = malloc(length + 100);
    assert_int_equal(fat_open(&f->volume, path, 0, &node), ERR_NONE);
    assert_int_equal(fat_read(&f->volume, node, 0, bytes, length + 100, &done), ERR_NONE);
    assert_int_equal(done, length);
    assert_memory_equal(bytes, data, length);
    fat_close(&f->volume, node);
    free(bytes);
}

static void reads_what_mtools_wrote(void **state) {
    struct fixture *f = *state;
    assert_int_equal(image_run(&f->image,
                               "mmd -i %1$s ::/www && printf hello | mcopy -i %1$s - ::/www/index.html && "
                               "printf x | mcopy -i %1$s - '::/www/A long name, with spaces.txt' && "
                               "printf yy | mcopy -i %1$s - ::/www/UPPER.TXT",
                               f->output),
                     0);
    assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_NONE);
    assert_holds(f, "/www/index.html", "hello", 5);
    assert_holds(f, "/WWW/./INDEX.HTML", "hello", 5);
    assert_holds(f, "/www/../www/a long name, with spaces.txt", "x", 1);
    assert_holds(f, "/www/upper.txt", "yy", 2);
    struct fat_stat stat;
    assert_int_equal(fat_stat(&f->volume, "/www/index.htm", &stat), ERR_NOT_FOUND);
    assert_int_equal(fat_stat(&f->volume, "/www/index.html/x", &stat), ERR_NOT_DIRECTORY);
    assert_int_equal(fat_stat(&f->volume, "www", &stat), ERR_INVALID);
    assert_int_equal(fat_stat(&f->volume, "/www/a:b", &stat), ERR_INVALID);
    assert_int_equal(fat_stat(&f->volume, "/", &stat), ERR_NONE);
    assert_true(stat.directory);
}

static void mtools_reads_what_we_wrote(void **state) {
    struct fixture *f = *state;
    f->image.now = 1782907688; /* 2026-07-01 12:08:08 */
    assert_int_equal(fat_make_directory(&f->volume, "/Directory with a long name"), ERR_NONE);
    put(f, "/Directory with a long name/short.txt", "one", 3);
    put(f, "/Directory with a long name/a.very.long.name.indeed.txt", "two", 3);
    put(f, "/\xc3\xa9t\xc3\xa9 \xf0\x9f\x9a\xa2.txt", "three", 5);
    put(f, "/PLAIN.TXT", "four", 4);
    put(f, "/EMPTY", "", 0);
    check(f);
    assert_int_equal(image_run(&f->image,
                               "mtype -i %s '::/Directory with a long name/a.very.long.name.indeed.txt'",
                               f->output),
                     0);
    assert_string_equal(f->output, "two");
    assert_int_equal(image_run(&f->image, "mdir -i %s ::", f->output), 0);
    assert_non_null(strstr(f->output, "Directory with a long name"));
    assert_non_null(strstr(f->output, "2026-07-01  12:08"));
    struct fat_stat stat;
    assert_int_equal(fat_stat(&f->volume, "/plain.txt", &stat), ERR_NONE);
    assert_int_equal(stat.modified, 1782907688);
    assert_int_equal(stat.size, 4);
    assert_holds(f, "/\xc3\x89T\xc3\x89 \xf0\x9f\x9a\xa2.TXT", "three", 5);
}

static void lists(void **state) {
    struct fixture *f = *state;
    char path[64], name[FAT_UTF8_MAX + 1];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/some file with a number %u", i);
        put(f, path, "", 0);
    }
    struct fat_node *node;
    struct fat_stat stat;
    uint32_t position = 0, count = 0;
    assert_int_equal(fat_open(&f->volume, "/", FAT_DIRECTORY, &node), ERR_NONE);
    enum error error;
    while ((error = fat_list(&f->volume, node, &position, &stat, name)) == ERR_NONE) {
        snprintf(path, sizeof path, "some file with a number %u", count++);
        assert_string_equal(name, path);
    }
    assert_int_equal(error, ERR_NOT_FOUND);
    assert_int_equal(count, 100);
    fat_close(&f->volume, node);
    check(f);
}

static void extends_with_zeros_and_cuts(void **state) {
    struct fixture *f = *state;
    struct fat_node *node;
    uint32_t done;
    uint8_t *expected = calloc(1, 100000);
    uint32_t free_before = f->volume.free_clusters;
    uint8_t *noise = malloc(200000);
    memset(noise, 0xee, 200000);
    put(f, "/noise", noise, 200000); /* so that free clusters are not zero by chance */
    assert_int_equal(fat_remove(&f->volume, "/noise"), ERR_NONE);
    assert_int_equal(fat_open(&f->volume, "/gap", FAT_WRITE | FAT_CREATE, &node), ERR_NONE);
    assert_int_equal(fat_write(&f->volume, node, 5, "abc", 3, &done), ERR_NONE);
    assert_int_equal(fat_write(&f->volume, node, 70001, "xyz", 3, &done), ERR_NONE);
    memcpy(expected + 5, "abc", 3);
    memcpy(expected + 70001, "xyz", 3);
    assert_holds(f, "/gap", expected, 70004);
    assert_int_equal(fat_truncate(&f->volume, node, 90000), ERR_NONE);
    assert_holds(f, "/gap", expected, 90000);
    check(f);
    assert_int_equal(fat_open(&f->volume, "/gap", FAT_WRITE, &node), ERR_NONE);
    assert_int_equal(fat_truncate(&f->volume, node, 6), ERR_NONE);
    assert_int_equal(fat_truncate(&f->volume, node, 1000), ERR_NONE);
    memset(expected + 6, 0, 100000 - 6);
    assert_holds(f, "/gap", expected, 1000);
    assert_int_equal(fat_truncate(&f->volume, node, 0), ERR_NONE);
    assert_int_equal(f->volume.free_clusters, free_before);
    assert_int_equal(fat_truncate(&f->volume, node, 1ull << 32), ERR_TOO_LARGE);
    assert_int_equal(fat_write(&f->volume, node, UINT32_MAX, "x", 1, &done), ERR_TOO_LARGE);
    fat_close(&f->volume, node);
    check(f);
    free(expected);
    free(noise);
}

static void full_disk(void **state) {
    struct fixture *f = *state;
    struct fat_node *node;
    uint8_t *block = calloc(1, 65536);
    uint32_t done, total = 0;
    enum error error;
    put(f, "/first", "1", 1);
    assert_int_equal(fat_open(&f->volume, "/all", FAT_WRITE | FAT_CREATE, &node), ERR_NONE);
    while ((error = fat_write(&f->volume, node, total, block, 65536, &done)) == ERR_NONE) {
        total += done;
    }
    assert_int_equal(error, ERR_NO_SPACE);
    assert_int_equal(f->volume.free_clusters, 0);
    assert_int_equal(fat_truncate(&f->volume, node, total + 100000), ERR_NO_SPACE);
    struct fat_stat stat;
    fat_node_stat(&f->volume, node, &stat);
    assert_int_equal(stat.size, total);
    assert_int_equal(fat_make_directory(&f->volume, "/no"), ERR_NO_SPACE);
    for (unsigned i = 0; i < 20; i++) { /* until the root directory would have to grow */
        char path[32];
        snprintf(path, sizeof path, "/F%u", i);
        struct fat_node *other;
        error = fat_open(&f->volume, path, FAT_CREATE, &other);
        if (error != ERR_NONE) {
            break;
        }
        fat_close(&f->volume, other);
    }
    assert_int_equal(error, ERR_NO_SPACE);
    fat_close(&f->volume, node);
    check(f);
    assert_int_equal(fat_remove(&f->volume, "/all"), ERR_NONE);
    assert_holds(f, "/first", "1", 1);
    check(f);
    free(block);
}

static void removes(void **state) {
    struct fixture *f = *state;
    struct fat_node *node;
    uint32_t free_before = f->volume.free_clusters;
    assert_int_equal(fat_make_directory(&f->volume, "/d"), ERR_NONE);
    assert_int_equal(fat_make_directory(&f->volume, "/D"), ERR_EXISTS);
    put(f, "/d/some long file name.txt", "1", 1);
    assert_int_equal(fat_remove(&f->volume, "/d"), ERR_NOT_EMPTY);
    assert_int_equal(fat_open(&f->volume, "/d/some long file name.txt", 0, &node), ERR_NONE);
    assert_int_equal(fat_remove(&f->volume, "/d/some long file name.txt"), ERR_BUSY);
    fat_close(&f->volume, node);
    assert_int_equal(fat_remove(&f->volume, "/d/some long file name.txt"), ERR_NONE);
    assert_int_equal(fat_open(&f->volume, "/d", FAT_DIRECTORY, &node), ERR_NONE);
    assert_int_equal(fat_remove(&f->volume, "/d"), ERR_BUSY);
    fat_close(&f->volume, node);
    assert_int_equal(fat_remove(&f->volume, "/d"), ERR_NONE);
    assert_int_equal(fat_remove(&f->volume, "/d"), ERR_NOT_FOUND);
    assert_int_equal(fat_remove(&f->volume, "/"), ERR_BUSY);
    assert_int_equal(f->volume.free_clusters, free_before);
    check(f);
}

static void renames(void **state) {
    struct fixture *f = *state;
    struct fat_node *node;
    uint32_t done;
    assert_int_equal(fat_make_directory(&f->volume, "/one"), ERR_NONE);
    assert_int_equal(fat_make_directory(&f->volume, "/two"), ERR_NONE);
    assert_int_equal(fat_make_directory(&f->volume, "/one/inner"), ERR_NONE);
    put(f, "/one/file", "1", 1);
    put(f, "/other", "22", 2);
    assert_int_equal(fat_rename(&f->volume, "/one", "/one/inner/one"), ERR_INVALID);
    assert_int_equal(fat_rename(&f->volume, "/one", "/one/x"), ERR_INVALID);
    assert_int_equal(fat_rename(&f->volume, "/nothing", "/x"), ERR_NOT_FOUND);
    assert_int_equal(fat_rename(&f->volume, "/other", "/nothing/x"), ERR_NOT_FOUND);
    assert_int_equal(fat_rename(&f->volume, "/other", "/two"), ERR_EXISTS);
    assert_int_equal(fat_rename(&f->volume, "/two", "/one"), ERR_NOT_EMPTY);
    assert_int_equal(fat_rename(&f->volume, "/one/inner", "/two/moved inner"), ERR_NONE);
    assert_int_equal(fat_rename(&f->volume, "/two/moved inner", "/inner"), ERR_NONE);
    assert_int_equal(fat_rename(&f->volume, "/two", "/inner"), ERR_NONE); /* replaces an empty one */
    assert_int_equal(fat_rename(&f->volume, "/other", "/OTHER"), ERR_NONE);
    assert_int_equal(fat_open(&f->volume, "/one/file", FAT_WRITE, &node), ERR_NONE);
    assert_int_equal(fat_rename(&f->volume, "/OTHER", "/one/file"), ERR_BUSY);
    assert_int_equal(fat_rename(&f->volume, "/one/file", "/other"), ERR_NONE); /* replaces */
    assert_int_equal(fat_write(&f->volume, node, 1, "!", 1, &done), ERR_NONE);
    fat_close(&f->volume, node);
    assert_holds(f, "/other", "1!", 2);
    check(f);
}

static void short_names_differ(void **state) {
    struct fixture *f = *state;
    char path[64];
    for (unsigned i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/similar name.%c%u", 'a' + i % 3, i);
        put(f, path, path, 10);
    }
    put(f, "/SIMILA~9", "", 0);
    check(f);
    assert_holds(f, "/similar name.a0", "/similar n", 10);
    assert_holds(f, "/SIMILA~1.A0", "/similar n", 10);
}

static void longest_names(void **state) {
    struct fixture *f = *state;
    char path[400];
    for (unsigned length = 250; length <= 256; length++) {
        path[0] = '/';
        memset(path + 1, 'n', length);
        path[length + 1] = '\0';
        struct fat_node *node;
        enum error error = fat_open(&f->volume, path, FAT_CREATE, &node);
        assert_int_equal(error, length <= 255 ? ERR_NONE : ERR_INVALID);
        if (error == ERR_NONE) {
            fat_close(&f->volume, node);
            assert_holds(f, path, "", 0);
        }
    }
    const char *bad[] = {"/a*",           "/a.",       "/a ",   "/\xff", "/\xc0\xaf",
                         "/\xed\xa0\x80", "/\xe2\x82", "/a\\b", "/\x01", ""};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fat_node *node;
        assert_int_equal(fat_open(&f->volume, bad[i], FAT_CREATE, &node), ERR_INVALID);
    }
    check(f);
}

static void opening(void **state) {
    struct fixture *f = *state;
    struct fat_node *a, *b, *nodes[FAT_NODES];
    put(f, "/f", "123", 3);
    assert_int_equal(fat_open(&f->volume, "/f", FAT_CREATE | FAT_EXCLUSIVE, &a), ERR_EXISTS);
    assert_int_equal(fat_open(&f->volume, "/f", FAT_DIRECTORY, &a), ERR_NOT_DIRECTORY);
    assert_int_equal(fat_open(&f->volume, "/", FAT_WRITE, &a), ERR_IS_DIRECTORY);
    assert_int_equal(fat_open(&f->volume, "/f/x", FAT_CREATE, &a), ERR_NOT_DIRECTORY);
    assert_int_equal(fat_open(&f->volume, "/f", 0, &a), ERR_NONE);
    assert_int_equal(fat_open(&f->volume, "/F", FAT_WRITE, &b), ERR_NONE);
    assert_ptr_equal(a, b);
    fat_close(&f->volume, a);
    fat_close(&f->volume, b);
    for (unsigned i = 0; i < FAT_NODES; i++) {
        char path[32];
        snprintf(path, sizeof path, "/many%u", i);
        assert_int_equal(fat_open(&f->volume, path, FAT_CREATE, &nodes[i]), ERR_NONE);
    }
    assert_int_equal(fat_open(&f->volume, "/f", 0, &a), ERR_TOO_MANY);
    for (unsigned i = 0; i < FAT_NODES; i++) {
        fat_close(&f->volume, nodes[i]);
    }
    f->volume.disk.read_only = true;
    assert_int_equal(fat_open(&f->volume, "/f", FAT_WRITE, &a), ERR_READ_ONLY);
    assert_int_equal(fat_remove(&f->volume, "/f"), ERR_READ_ONLY);
    assert_int_equal(fat_make_directory(&f->volume, "/x"), ERR_READ_ONLY);
    f->volume.disk.read_only = false;
    check(f);
}

static void dirty_until_synced(void **state) {
    struct fixture *f = *state;
    assert_false(fat_is_dirty(&f->volume));
    put(f, "/f", "123", 3);
    assert_true(fat_is_dirty(&f->volume));
    struct fat_volume *second = calloc(1, sizeof *second);
    assert_int_equal(fat_mount(second, &f->image.disk), ERR_NONE);
    assert_true(second->was_dirty);
    free(second);
    assert_int_equal(fat_sync(&f->volume, false), ERR_NONE);
    assert_false(fat_is_dirty(&f->volume));
    check(f);
}

/* Sets the table entry of a cluster, in both tables. */
static void set_entry(struct fixture *f, uint32_t cluster, uint32_t value) {
    for (unsigned copy = 0; copy < 2; copy++) {
        uint64_t sector = f->volume.table_sector + copy * f->volume.table_sectors;
        memcpy(f->image.data + sector * FAT_SECTOR + cluster * 4, &value, 4);
    }
}

static void broken_chains(void **state) {
    struct fixture *f = *state;
    uint8_t *data = calloc(1, 20000);
    const uint32_t wrong[] = {0, 1, 0x0ffffff7, 0x0ffffff0, 70000};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong + 1; i++) {
        put(f, "/f", data, 20000);
        assert_int_equal(fat_sync(&f->volume, false), ERR_NONE);
        struct fat_node *node;
        uint32_t done;
        assert_int_equal(fat_open(&f->volume, "/f", FAT_WRITE, &node), ERR_NONE);
        uint32_t first = entry_cluster(&node->entry);
        fat_close(&f->volume, node);
        set_entry(f, first + 5, i < sizeof wrong / sizeof *wrong ? wrong[i] : first); /* at last, a circle */
        assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_NONE);
        assert_int_equal(fat_open(&f->volume, "/f", FAT_WRITE, &node), ERR_NONE);
        enum error error = fat_read(&f->volume, node, 0, data, 20000, &done);
        if (i < sizeof wrong / sizeof *wrong) {
            assert_int_equal(error, ERR_IO);
            assert_true(f->volume.broken > 0);
        }
        assert_int_equal(fat_truncate(&f->volume, node, 0), ERR_IO);
        fat_close(&f->volume, node);
        set_entry(f, first + 5, 0x0fffffff);
        assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_NONE);
    }
    free(data);
}

static void not_a_volume(void **state) {
    struct fixture *f = *state;
    uint8_t boot[FAT_SECTOR];
    memcpy(boot, f->image.data, sizeof boot);
    srand(1);
    for (unsigned i = 0; i < 3000; i++) { /* whatever the boot sector says, mounting and looking ends well */
        memcpy(f->image.data, boot, sizeof boot);
        f->image.data[i % 90] = (uint8_t)rand();
        f->image.data[rand() % 90] = (uint8_t)rand();
        struct fat_stat stat;
        if (fat_mount(&f->volume, &f->image.disk) == ERR_NONE) {
            (void)fat_stat(&f->volume, "/some/file", &stat);
        }
    }
    memset(f->image.data, 0, sizeof boot);
    assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_MALFORMED);
}

/* Everything that a client can ask for; whatever comes back, it comes back. */
static void use_everything(struct fixture *f) {
    struct fat_node *node;
    struct fat_stat stat;
    uint32_t position = 0, done;
    char name[FAT_UTF8_MAX + 1];
    if (fat_open(&f->volume, "/sub", FAT_DIRECTORY, &node) == ERR_NONE) {
        while (fat_list(&f->volume, node, &position, &stat, name) == ERR_NONE) {
        }
        fat_close(&f->volume, node);
    }
    if (fat_open(&f->volume, "/sub/file", FAT_WRITE | FAT_CREATE, &node) == ERR_NONE) {
        (void)fat_read(&f->volume, node, 100, f->output, sizeof f->output, &done);
        (void)fat_write(&f->volume, node, 20000, f->output, sizeof f->output, &done);
        (void)fat_truncate(&f->volume, node, 700);
        fat_close(&f->volume, node);
    }
    (void)fat_rename(&f->volume, "/sub/file", "/sub/another name that is long");
    (void)fat_make_directory(&f->volume, "/sub/new");
    (void)fat_remove(&f->volume, "/sub/gone");
    (void)fat_sync(&f->volume, true);
}

static void hostile_images(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fat_make_directory(&f->volume, "/sub"), ERR_NONE);
    put(f, "/sub/file", f, 20000);
    put(f, "/sub/gone", f, 5000);
    assert_int_equal(fat_sync(&f->volume, true), ERR_NONE);
    const size_t head = (f->volume.data_sector + 64) * FAT_SECTOR; /* all that the test can reach */
    const size_t regions[] = {f->volume.table_sector, f->volume.table_sector + f->volume.table_sectors,
                              f->volume.data_sector, f->volume.data_sector + 1};
    uint8_t *saved = malloc(head);
    memcpy(saved, f->image.data, head);
    srand(2);
    for (unsigned round = 0; round < 1500; round++) {
        memcpy(f->image.data, saved, head);
        for (int i = 0; i < 1 + rand() % 6; i++) {
            f->image.data[regions[rand() % 4] * FAT_SECTOR + (size_t)(rand() % 300)] = (uint8_t)rand();
        }
        if (fat_mount(&f->volume, &f->image.disk) == ERR_NONE) {
            use_everything(f);
        }
    }
    free(saved);
}

static void bulk_is_few_calls(void **state) {
    struct fixture *f = *state;
    uint8_t *data = malloc(1 << 20), *back = malloc(65536);
    for (unsigned i = 0; i < 1 << 20; i++) {
        data[i] = (uint8_t)(i * 7 + i / 511);
    }
    struct fat_node *node;
    uint32_t done;
    assert_int_equal(fat_open(&f->volume, "/big", FAT_WRITE | FAT_CREATE, &node), ERR_NONE);
    unsigned writes = f->image.writes;
    for (uint32_t at = 0; at < 1 << 20; at += 65536) {
        assert_int_equal(fat_write(&f->volume, node, at, data + at, 65536, &done), ERR_NONE);
    }
    assert_true(f->image.writes - writes <= 20);
    unsigned reads = f->image.reads;
    for (uint32_t at = 0; at < 1 << 20; at += 65536) {
        assert_int_equal(fat_read(&f->volume, node, at, back, 65536, &done), ERR_NONE);
        assert_memory_equal(back, data + at, 65536);
    }
    assert_int_equal(f->image.reads - reads, 16);
    fat_close(&f->volume, node);
    check(f);
    free(data);
    free(back);
}

static void disk_errors_pass_through(void **state) {
    struct fixture *f = *state;
    for (unsigned after = 1; after < 40; after++) {
        struct fat_node *node;
        uint32_t done;
        assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_NONE);
        f->image.fail_after = after;
        enum error error = fat_open(&f->volume, "/some new file", FAT_WRITE | FAT_CREATE, &node);
        if (error == ERR_NONE) {
            error = fat_write(&f->volume, node, 3, f->output, sizeof f->output, &done);
            fat_close(&f->volume, node);
            error = error == ERR_NONE ? fat_sync(&f->volume, true) : error;
        }
        assert_true(error == ERR_IO || error == ERR_NONE);
        f->image.fail_after = 0;
    }
}

/* The power fails at the `cut`-th access to the disk while a rename is under way: false when it came later.
 */
static bool cut_short(struct fixture *f, unsigned cut, const char *from, const char *to) {
    assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_NONE);
    f->image.fail_after = cut;
    enum error error = fat_rename(&f->volume, from, to);
    error = error == ERR_NONE ? fat_sync(&f->volume, true) : error;
    f->image.fail_after = 0;
    assert_int_equal(fat_mount(&f->volume, &f->image.disk), ERR_NONE);
    return error != ERR_NONE;
}

static bool exists(struct fixture *f, const char *path) {
    struct fat_stat stat;
    return fat_stat(&f->volume, path, &stat) == ERR_NONE;
}

/* Whenever it happens: the file is there, under its old name or under its new one, and what it was to replace
 * is whole until it is replaced. */
static void a_power_cut_loses_no_renamed_file(void **state) {
    static const char *const paths[] = {"/first/file", "/last/file"};
    struct fixture *f = *state;
    char name[32];
    assert_int_equal(fat_make_directory(&f->volume, "/first"), ERR_NONE);
    for (int i = 0; i < 40; i++) { /* far apart: in different blocks of the cache */
        snprintf(name, sizeof name, "/between %d", i);
        assert_int_equal(fat_make_directory(&f->volume, name), ERR_NONE);
    }
    assert_int_equal(fat_make_directory(&f->volume, "/last"), ERR_NONE);
    const size_t size = f->image.disk.sectors * FAT_SECTOR;
    uint8_t *saved = malloc(size);
    for (unsigned way = 0; way < 4; way++) {
        const char *from = paths[way % 2], *to = paths[1 - way % 2];
        put(f, from, "the new one", 11);
        if (way >= 2) {
            put(f, to, "the old one", 11);
        }
        assert_int_equal(fat_sync(&f->volume, true), ERR_NONE);
        memcpy(saved, f->image.data, size);
        for (unsigned cut = 1; cut_short(f, cut, from, to); cut++) {
            assert_holds(f, exists(f, from) ? from : to, "the new one", 11);
            assert_true(way < 2 || exists(f, to));
            memcpy(f->image.data, saved, size);
        }
        assert_holds(f, to, "the new one", 11);
        assert_int_equal(fat_remove(&f->volume, to), ERR_NONE);
    }
    free(saved);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_what_mtools_wrote),
        TEST(mtools_reads_what_we_wrote),
        TEST(lists),
        TEST(extends_with_zeros_and_cuts),
        TEST(full_disk),
        TEST(removes),
        TEST(renames),
        TEST(short_names_differ),
        TEST(longest_names),
        TEST(opening),
        TEST(dirty_until_synced),
        TEST(broken_chains),
        TEST(not_a_volume),
        TEST(hostile_images),
        TEST(bulk_is_few_calls),
        TEST(disk_errors_pass_through),
        TEST(a_power_cut_loses_no_renamed_file),
    };
    if (!image_tools()) {
        print_message("mtools or dosfstools are not installed: nothing is tested\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
