/* fs_test: speaks to the file server over its IPC interface, well and badly: calls on the wrong object, paths
 * and lengths that make no sense, offsets at the edge, memory that is not there. What it makes it removes,
 * and files opened stay bounded. */
#include "../check.h"
#include <base/random.h>
#include <ipc/fs.h>
#include <os/os.h>
#include <os/syscall.h>
#include <string.h>

#define UNMAPPED 0x7777777000ull
#define FOLDER   "/fs test"
#define PATH     FOLDER "/file"

static uint8_t bytes[65536];

/* A message as no stub would send it. */
static enum error raw(handle_t to, uint64_t method, uint64_t first, uint64_t address, uint32_t length) {
    uint64_t word[MESSAGE_WORDS] = {method, first};
    struct transfer transfer = {.send_address = address, .send_length = length};
    enum error error = sys_call(to, word, &transfer);
    for (unsigned i = 0; error == ERR_NONE && i < transfer.receive_count; i++) {
        (void)!handle_close(transfer.receive_handle[i]);
    }
    return error == ERR_NONE ? (enum error)(uint32_t)word[0] : error;
}

static handle_t open_file(struct checks *t, handle_t fs, uint32_t flags) {
    struct fs_stat status;
    handle_t file = HANDLE_NONE;
    CHECK_EQUAL(t, fs_open(fs, flags, PATH, &file, &status), ERR_NONE);
    return file;
}

static void reads_and_writes(struct checks *t, handle_t fs) {
    struct fs_stat status;
    uint32_t written = 0;
    size_t got = 0;
    handle_t file = open_file(t, fs, FS_OPEN_WRITE | FS_OPEN_CREATE | FS_OPEN_TRUNCATE);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 3 + i / 256);
    }
    CHECK_EQUAL(t, fs_write(file, 10, bytes, sizeof bytes, &written), ERR_NONE);
    CHECK_EQUAL(t, written, sizeof bytes);
    CHECK_EQUAL(t, fs_file_stat(file, &status), ERR_NONE);
    CHECK_EQUAL(t, status.size, sizeof bytes + 10);
    CHECK_EQUAL(t, fs_read(file, 0, 20, bytes, 20, &got), ERR_NONE);
    CHECK(t, got == 20 && bytes[0] == 0 && bytes[9] == 0 && bytes[11] == 3);
    CHECK_EQUAL(t, fs_read(file, status.size, 20, bytes, 20, &got), ERR_NONE);
    CHECK_EQUAL(t, got, 0);
    CHECK_EQUAL(t, fs_read(file, UINT64_MAX, 20, bytes, 20, &got), ERR_NONE);
    CHECK_EQUAL(t, got, 0);
    CHECK(t, fs_write(file, UINT64_MAX - 3, bytes, 8, &written) != ERR_NONE);
    CHECK(t, fs_write(file, 1ull << 40, bytes, 8, &written) != ERR_NONE);
    CHECK(t, fs_truncate(file, 1ull << 40) != ERR_NONE);
    CHECK_EQUAL(t, fs_truncate(file, 3), ERR_NONE);
    CHECK_EQUAL(t, fs_file_sync(file), ERR_NONE);
    CHECK_EQUAL(t, handle_close(file), ERR_NONE);
    file = open_file(t, fs, 0);
    CHECK_EQUAL(t, fs_write(file, 0, bytes, 1, &written), ERR_READ_ONLY);
    CHECK_EQUAL(t, fs_truncate(file, 0), ERR_READ_ONLY);
    CHECK_EQUAL(t, handle_close(file), ERR_NONE);
}

static void wrong_paths(struct checks *t, handle_t fs) {
    struct fs_stat status;
    handle_t file;
    char deep[1000];
    memset(deep, 'd', sizeof deep);
    deep[0] = '/';
    deep[sizeof deep - 1] = '\0';
    CHECK_EQUAL(t, fs_stat(fs, "/not there", &status), ERR_NOT_FOUND);
    CHECK_EQUAL(t, fs_stat(fs, PATH "/below", &status), ERR_NOT_DIRECTORY);
    CHECK(t, fs_stat(fs, "", &status) != ERR_NONE);
    CHECK(t, fs_stat(fs, deep, &status) != ERR_NONE);
    CHECK_EQUAL(t, fs_stat(fs, "/../.././fs test/../fs test/file", &status), ERR_NONE);
    CHECK(t, fs_open(fs, FS_OPEN_WRITE | FS_OPEN_CREATE, FOLDER "/a*b?", &file, &status) != ERR_NONE);
    CHECK_EQUAL(t, fs_open(fs, FS_OPEN_WRITE, FOLDER, &file, &status), ERR_IS_DIRECTORY);
    CHECK_EQUAL(t, fs_open(fs, FS_OPEN_WRITE | FS_OPEN_CREATE | FS_OPEN_EXCLUSIVE, PATH, &file, &status),
                ERR_EXISTS);
    CHECK_EQUAL(t, fs_open(fs, FS_OPEN_DIRECTORY, PATH, &file, &status), ERR_NOT_DIRECTORY);
    CHECK_EQUAL(t, fs_remove(fs, FOLDER), ERR_NOT_EMPTY);
    CHECK(t, fs_remove(fs, "/") != ERR_NONE);
    CHECK(t, fs_rename(fs, PATH, sizeof PATH) != ERR_NONE);              /* only one path */
    CHECK(t, fs_rename(fs, "/fs test\0/fs test/below", 24) != ERR_NONE); /* into itself */
    CHECK_EQUAL(t, fs_make_directory(fs, FOLDER), ERR_EXISTS);
}

static void wrong_objects(struct checks *t, handle_t fs) {
    struct fs_stat status;
    uint32_t written;
    uint64_t next;
    size_t got;
    handle_t file = open_file(t, fs, 0), directory, none;
    CHECK(t, fs_read(fs, 0, 10, bytes, 10, &got) != ERR_NONE);
    CHECK(t, fs_write(fs, 0, bytes, 10, &written) != ERR_NONE);
    CHECK(t, fs_open(file, 0, PATH, &none, &status) != ERR_NONE);
    CHECK_EQUAL(t, fs_list(file, 0, &next, bytes, sizeof bytes, &got), ERR_NOT_DIRECTORY);
    CHECK_EQUAL(t, fs_open(fs, FS_OPEN_DIRECTORY, FOLDER, &directory, &status), ERR_NONE);
    CHECK_EQUAL(t, fs_read(directory, 0, 10, bytes, 10, &got), ERR_IS_DIRECTORY);
    CHECK_EQUAL(t, fs_list(directory, 0, &next, bytes, sizeof bytes, &got), ERR_NONE);
    CHECK(t, fs_list(directory, UINT64_MAX, &next, bytes, sizeof bytes, &got) != ERR_DEAD);
    (void)!handle_close(directory);
    (void)!handle_close(file);
}

static void wrong_messages(struct checks *t, handle_t fs) {
    static const uint32_t lengths[] = {0, 1, 5, 100, 1023, 1024, 2047, 65536};
    handle_t file = open_file(t, fs, 0);
    handle_t to[] = {fs, file};
    struct random random;
    struct fs_stat status;
    random_seed(&random, 21, 22);
    CHECK_EQUAL(t, raw(fs, FS_CALL_OPEN, 0, UNMAPPED, 8), ERR_BAD_ADDRESS);
    CHECK_EQUAL(t, raw(fs, FS_CALL_STAT, 0, (uint64_t)(uintptr_t)bytes, 0), ERR_INVALID);
    CHECK_EQUAL(t, raw(fs, UINT64_MAX, 0, 0, 0), ERR_NOT_SUPPORTED);
    memset(bytes, 0xff, sizeof bytes);
    for (int i = 0; i < 3000; i++) {
        uint64_t address = random_below(&random, 8) == 0 ? UNMAPPED : (uint64_t)(uintptr_t)bytes;
        uint64_t first = random_below(&random, 2) == 0 ? random_u64(&random) : random_below(&random, 40);
        (void)!raw(to[random_below(&random, 2)], 0x400000000ull | random_below(&random, 20), first, address,
                   lengths[random_below(&random, 8)]);
    }
    CHECK_EQUAL(t, fs_stat(fs, PATH, &status), ERR_NONE);
    (void)!handle_close(file);
}

static void floods(struct checks *t, handle_t fs) {
    static handle_t files[4096];
    struct fs_stat status;
    enum error error = ERR_NONE;
    int count = 0;
    while (count < 4096 && (error = fs_open(fs, 0, PATH, &files[count], &status)) == ERR_NONE) {
        count++;
    }
    CHECK(t, count > 16 && (error == ERR_TOO_MANY || error == ERR_QUOTA));
    while (count > 0) {
        (void)!handle_close(files[--count]);
    }
    (void)!handle_close(open_file(t, fs, 0));
}

int main(void) {
    struct checks checks = {0};
    handle_t fs;
    if (name_find("fs", &fs) != ERR_NONE) {
        printf("fs_test: no file server\n");
        return 1;
    }
    (void)!fs_remove(fs, PATH);
    (void)!fs_remove(fs, FOLDER);
    CHECK_EQUAL(&checks, fs_make_directory(fs, FOLDER), ERR_NONE);
    reads_and_writes(&checks, fs);
    wrong_paths(&checks, fs);
    wrong_objects(&checks, fs);
    wrong_messages(&checks, fs);
    floods(&checks, fs);
    CHECK_EQUAL(&checks, fs_remove(fs, PATH), ERR_NONE);
    CHECK_EQUAL(&checks, fs_remove(fs, FOLDER), ERR_NONE);
    return check_report(&checks, "fs_test");
}
