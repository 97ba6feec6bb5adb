/* image.h: a FAT32 image in memory as a fat_disk, made by mformat and checked by fsck.fat. */
#pragma once

#include "../fat/volume.h"

struct image {
    uint8_t *data;
    struct fat_disk disk;
    unsigned reads, writes; /* calls */
    unsigned fail_after;    /* disk calls until all of them fail; 0: never */
    int64_t now;
};

/* False: mtools or dosfstools are not installed. */
bool image_tools(void);
/* A fresh volume of `megabytes` with clusters of `cluster` sectors. */
void image_make(struct image *image, unsigned megabytes, unsigned cluster);
void image_free(struct image *image);
/* What fsck.fat -n says: nothing. Fails the test otherwise. */
void image_check(const struct image *image);
/* Runs a command in which %s is the image's file, which is written before and read back afterwards; its
 * output (at most 4000 bytes) is in `output`. */
int image_run(struct image *image, const char *command, char output[4096]);
