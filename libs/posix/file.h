/* file.h: what path.c and file.c share. */
#pragma once

#include "posix.h"
#include <ipc/fs.h>

/* Puts an open file of the file server into the descriptor table; takes the handle over in any case. -1 with
 * errno. */
int posix_file_install(handle_t handle, int flags);
/* What the server says of a file, in POSIX' words. */
void posix_file_status(const struct fs_stat *from, struct stat *to);
/* What to do when a call to the file server gave `error`: forgets a dead one, sets errno, returns -1. */
int posix_file_fail(enum error error);
/* The file server's port; waits until there is one. */
enum error posix_file_server(handle_t *fs);
/* The absolute path of `path`. ERR_TOO_LARGE, ERR_NOT_FOUND (empty). */
enum error posix_path_absolute(const char *path, char absolute[PATH_SIZE]);
