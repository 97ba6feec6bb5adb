/* files.c: built-in commands about files. */
#include "shell.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIST_MAX  1024
#define PATH_SIZE 1024

static int failed(struct shell *shell, const char *who, const char *path) {
    return complain(shell, 1, who, "%s: %s", path, strerror(errno));
}

/* Like an absolute path: there is no working directory. */
static const char *absolute(const char *path, char buffer[PATH_SIZE]) {
    if (*path == '/') {
        return path;
    }
    snprintf(buffer, PATH_SIZE, "/%s", path);
    return buffer;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_one(struct shell *shell, const char *folder, const char *name, bool details) {
    char path[PATH_SIZE];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (stat(path, &status) != 0) {
        failed(shell, "ls", path);
        return;
    }
    const char *mark = S_ISDIR(status.st_mode) ? "/" : "";
    if (!details) {
        say(shell, "%s%s\n", name, mark);
        return;
    }
    char when[32] = "";
    struct tm parts;
    time_t modified = status.st_mtime;
    if (gmtime_r(&modified, &parts)) {
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &parts);
    }
    say(shell, "%12lld  %s  %s%s\n", (long long)status.st_size, when, name, mark);
}

static size_t read_names(DIR *directory, bool all, char **names) {
    size_t count = 0;
    struct dirent *entry;
    while (count < LIST_MAX && (entry = readdir(directory))) {
        if (all || entry->d_name[0] != '.') {
            if ((names[count] = strdup(entry->d_name))) {
                count++;
            }
        }
    }
    qsort(names, count, sizeof names[0], by_name);
    return count;
}

static int list_directory(struct shell *shell, const char *path, bool all, bool details) {
    DIR *directory = opendir(path);
    if (!directory) {
        return failed(shell, "ls", path);
    }
    char **names = (char **)(void *)shell->buffer; /* 64 KiB: room for more than LIST_MAX pointers */
    size_t count = read_names(directory, all, names);
    bool more = readdir(directory) != NULL;
    closedir(directory);
    for (size_t i = 0; i < count; i++) {
        list_one(shell, path, names[i], details);
        free(names[i]);
    }
    return more ? complain(shell, 1, "ls", "%s: only the first %d entries are shown", path, LIST_MAX) : 0;
}

static int list(struct shell *shell, const char *path, bool all, bool details) {
    char buffer[PATH_SIZE];
    struct stat status;
    path = absolute(path, buffer);
    if (stat(path, &status) != 0) {
        return failed(shell, "ls", path);
    }
    if (S_ISDIR(status.st_mode)) {
        return list_directory(shell, path, all, details);
    }
    list_one(shell, "", *path == '/' ? path + 1 : path, details);
    return 0;
}

int command_ls(struct shell *shell, int argc, char **argv) {
    bool all = false, details = false;
    int option, worst = 0;
    int first = 1;
    for (; first < argc && argv[first][0] == '-' && argv[first][1]; first++) {
        for (const char *letter = argv[first] + 1; (option = *letter); letter++) {
            if (option != 'a' && option != 'l') {
                return complain(shell, STATUS_USAGE, "ls", "unknown option -%c (use: ls [-al] [PATH...])",
                                option);
            }
            all |= option == 'a';
            details |= option == 'l';
        }
    }
    if (first == argc) {
        return list(shell, "/", all, details);
    }
    for (int i = first; i < argc; i++) {
        if (argc - first > 1) {
            say(shell, "%s:\n", argv[i]);
        }
        worst |= list(shell, argv[i], all, details);
    }
    return worst;
}

/* Copies from one descriptor to another. 0, or -1 with errno; *wrote tells which side it was. */
static int copy(struct shell *shell, int from, int to, bool *wrote) {
    for (;;) {
        *wrote = false;
        ssize_t count = read(from, shell->buffer, sizeof shell->buffer);
        if (count <= 0) {
            return (int)count;
        }
        *wrote = true;
        for (ssize_t done = 0; done < count;) {
            ssize_t written = write(to, shell->buffer + done, (size_t)(count - done));
            if (written <= 0) {
                return -1;
            }
            done += written;
        }
    }
}

int command_cat(struct shell *shell, int argc, char **argv) {
    if (argc < 2) {
        return complain(shell, STATUS_USAGE, "cat", "use: cat FILE...");
    }
    int worst = 0;
    for (int i = 1; i < argc; i++) {
        char buffer[PATH_SIZE];
        const char *path = absolute(argv[i], buffer);
        bool wrote;
        int from = open(path, O_RDONLY);
        if (from < 0 || copy(shell, from, shell->output, &wrote) != 0) {
            worst = failed(shell, "cat", path);
        }
        if (from >= 0) {
            close(from);
        }
    }
    return worst;
}

/* Where a file named `from` goes when told to go to `to`: into it, if that is a directory. */
static const char *target(const char *from, const char *to, char buffer[PATH_SIZE]) {
    struct stat status;
    if (stat(to, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return to;
    }
    const char *slash = strrchr(from, '/');
    snprintf(buffer, PATH_SIZE, "%s/%s", to, slash ? slash + 1 : from);
    return buffer;
}

static int copy_file(struct shell *shell, const char *source, const char *destination) {
    int from = open(source, O_RDONLY);
    if (from < 0) {
        return failed(shell, "cp", source);
    }
    int to = open(destination, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    bool wrote = true;
    int result = to < 0 ? -1 : copy(shell, from, to, &wrote);
    int status = result == 0 ? 0 : failed(shell, "cp", wrote ? destination : source);
    if (to >= 0 && close(to) != 0 && status == 0) {
        status = failed(shell, "cp", destination);
    }
    close(from);
    return status;
}

/* cp and mv: the last word is where the others go. */
static int for_each_source(struct shell *shell, int argc, char **argv,
                           int (*move)(struct shell *, const char *, const char *)) {
    if (argc < 3) {
        return complain(shell, STATUS_USAGE, argv[0], "use: %s FROM... TO", argv[0]);
    }
    char to_buffer[PATH_SIZE], from_buffer[PATH_SIZE], target_buffer[PATH_SIZE];
    const char *to = absolute(argv[argc - 1], to_buffer);
    struct stat status;
    if (argc > 3 && (stat(to, &status) != 0 || !S_ISDIR(status.st_mode))) {
        return complain(shell, 1, argv[0], "%s: not a directory", to);
    }
    int worst = 0;
    for (int i = 1; i < argc - 1; i++) {
        const char *from = absolute(argv[i], from_buffer);
        const char *place = target(from, to, target_buffer);
        worst |= strcmp(from, place) == 0 ? complain(shell, 1, argv[0], "%s: is the same file", from)
                                          : move(shell, from, place);
    }
    return worst;
}

int command_cp(struct shell *shell, int argc, char **argv) {
    return for_each_source(shell, argc, argv, copy_file);
}

static int rename_file(struct shell *shell, const char *from, const char *to) {
    return rename(from, to) == 0 ? 0 : failed(shell, "mv", from);
}

int command_mv(struct shell *shell, int argc, char **argv) {
    return for_each_source(shell, argc, argv, rename_file);
}

int command_rm(struct shell *shell, int argc, char **argv) {
    if (argc < 2) {
        return complain(shell, STATUS_USAGE, "rm", "use: rm FILE-OR-EMPTY-FOLDER...");
    }
    int worst = 0;
    for (int i = 1; i < argc; i++) {
        char buffer[PATH_SIZE];
        const char *path = absolute(argv[i], buffer);
        if (unlink(path) != 0) {
            worst = failed(shell, "rm", path);
        }
    }
    return worst;
}

int command_mkdir(struct shell *shell, int argc, char **argv) {
    if (argc < 2) {
        return complain(shell, STATUS_USAGE, "mkdir", "use: mkdir FOLDER...");
    }
    int worst = 0;
    for (int i = 1; i < argc; i++) {
        char buffer[PATH_SIZE];
        const char *path = absolute(argv[i], buffer);
        if (mkdir(path, 0777) != 0) {
            worst = failed(shell, "mkdir", path);
        }
    }
    return worst;
}

int command_sync(struct shell *shell, int argc, char **argv) {
    (void)shell, (void)argc, (void)argv;
    sync();
    return 0;
}
