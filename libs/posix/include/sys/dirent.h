/* sys/dirent.h: the part of <dirent.h> that the C library leaves to the system. */
#pragma once

#include <sys/types.h>

#define DT_UNKNOWN 0
#define DT_DIR     4
#define DT_REG     8

struct dirent {
    ino_t d_ino;
    unsigned char d_type; /* DT_REG or DT_DIR */
    char d_name[256];
};

typedef struct directory DIR;
