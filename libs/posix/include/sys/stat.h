/* sys/stat.h: the C library's, plus lstat(). */
#pragma once

#include_next <sys/stat.h>

int lstat(const char *restrict path, struct stat *restrict status);
