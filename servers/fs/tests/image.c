/* image.c: see image.h. */
#include "image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool image_tools(void) {
    return system("PATH=$PATH:/usr/sbin:/sbin; command -v mformat >/dev/null && command -v fsck.fat "
                  ">/dev/null") == 0;
}

static bool fails(struct image *image) {
    return image->fail_after != 0 && --image->fail_after == 0 && ++image->fail_after != 0;
}

static enum error image_read(void *context, uint64_t sector, uint32_t count, void *data) {
    struct image *image = context;
    assert_true(count > 0 && count <= FAT_TRANSFER_MAX && sector + count <= image->disk.sectors);
    image->reads++;
    memcpy(data, image->data + sector * FAT_SECTOR, count * FAT_SECTOR);
    return fails(image) ? ERR_IO : ERR_NONE;
}

static enum error image_write(void *context, uint64_t sector, uint32_t count, const void *data) {
    struct image *image = context;
    assert_true(count > 0 && count <= FAT_TRANSFER_MAX && sector + count <= image->disk.sectors);
    image->writes++;
    if (fails(image)) {
        return ERR_IO;
    }
    memcpy(image->data + sector * FAT_SECTOR, data, count * FAT_SECTOR);
    return ERR_NONE;
}

static enum error image_flush(void *context) {
    return ERR_NONE;
}

static int64_t image_now(void *context) {
    return ((struct image *)context)->now;
}

/* A private file that holds the image for a while. */
static void with_file(char path[64]) {
    snprintf(path, 64, "/tmp/minato-fat-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
}

static void save(const struct image *image, const char *path) {
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(image->data, FAT_SECTOR, image->disk.sectors, file), image->disk.sectors);
    fclose(file);
}

static void load(struct image *image, const char *path) {
    FILE *file = fopen(path, "rb");
    assert_int_equal(fread(image->data, FAT_SECTOR, image->disk.sectors, file), image->disk.sectors);
    fclose(file);
}

void image_make(struct image *image, unsigned megabytes, unsigned cluster) {
    char path[64], command[256];
    *image = (struct image){0};
    image->disk = (struct fat_disk){.context = image,
                                    .sectors = megabytes * 2048ull,
                                    .read = image_read,
                                    .write = image_write,
                                    .flush = image_flush,
                                    .now = image_now};
    image->data = calloc(image->disk.sectors, FAT_SECTOR);
    with_file(path);
    save(image, path);
    if (cluster <= 2) {
        snprintf(command, sizeof command, "mformat -i %s -F -T %lu -h 64 -s 32 -c %u -v TEST ::", path,
                 (unsigned long)image->disk.sectors, cluster);
    } else { /* mformat makes no FAT32 of so few clusters */
        snprintf(command, sizeof command,
                 "PATH=$PATH:/usr/sbin:/sbin mkfs.fat -F 32 -s %u %s >/dev/null 2>&1", cluster, path);
    }
    assert_int_equal(system(command), 0);
    load(image, path);
    unlink(path);
}

void image_free(struct image *image) {
    free(image->data);
}

int image_run(struct image *image, const char *command, char output[4096]) {
    char path[64], line[512], whole[600];
    with_file(path);
    save(image, path);
    snprintf(line, sizeof line, command, path);
    snprintf(whole, sizeof whole, "PATH=$PATH:/usr/sbin:/sbin; export MTOOLS_SKIP_CHECK=1; %s 2>&1", line);
    FILE *pipe = popen(whole, "r");
    size_t length = fread(output, 1, 4000, pipe);
    output[length] = '\0';
    while (fgetc(pipe) != EOF) {
    }
    int status = pclose(pipe);
    load(image, path);
    unlink(path);
    return status;
}

void image_check(const struct image *image) {
    char output[4096];
    struct image copy = *image;
    copy.data = malloc(copy.disk.sectors * FAT_SECTOR);
    memcpy(copy.data, image->data, copy.disk.sectors * FAT_SECTOR);
    int status = image_run(&copy, "fsck.fat -n -v %s", output);
    free(copy.data);
    if (status != 0) {
        print_error("%s\n", output);
    }
    assert_int_equal(status, 0);
}
