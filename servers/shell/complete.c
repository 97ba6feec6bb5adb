/* complete.c: Tab. One candidate is put in; several are completed as far as they agree, then listed. */
#include "shell.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct candidates {
    const char *prefix;
    size_t prefix_length;
    char common[LINE_SIZE]; /* what all candidates begin with */
    size_t count;
    char list[2048]; /* for showing */
    size_t list_length;
    bool directory; /* the last one is a directory */
};

static void offer(struct candidates *candidates, const char *name) {
    if (strncmp(name, candidates->prefix, candidates->prefix_length) != 0) {
        return;
    }
    if (candidates->count++ == 0) {
        snprintf(candidates->common, sizeof candidates->common, "%s", name);
    }
    size_t same = 0;
    while (candidates->common[same] && candidates->common[same] == name[same]) {
        same++;
    }
    candidates->common[same] = 0;
    int length = snprintf(candidates->list + candidates->list_length,
                          sizeof candidates->list - candidates->list_length, "%s  ", name);
    if (length > 0 && candidates->list_length + (size_t)length < sizeof candidates->list) {
        candidates->list_length += (size_t)length;
    }
}

static void offer_commands(struct shell *shell, struct candidates *candidates) {
    const struct builtin *builtin;
    for (size_t i = 0; (builtin = builtin_at(i)); i++) {
        offer(candidates, builtin->name);
    }
    for (size_t at = 0; at < shell->names_length; at += strlen(shell->names + at) + 1) {
        offer(candidates, shell->names + at);
    }
}

/* path: the word typed so far. Its folder is listed, its last part completed. */
static void offer_files(struct candidates *candidates, const char *path) {
    char folder[LINE_SIZE], entry_path[2 * LINE_SIZE];
    const char *slash = strrchr(path, '/');
    size_t folder_length = slash ? (size_t)(slash - path) + 1 : 0;
    snprintf(folder, sizeof folder, "/%.*s", (int)folder_length, path);
    candidates->prefix = path + folder_length;
    candidates->prefix_length = strlen(candidates->prefix);
    DIR *directory = opendir(folder);
    if (!directory) {
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.' && candidates->prefix[0] != '.') {
            continue;
        }
        offer(candidates, entry->d_name);
    }
    closedir(directory);
    struct stat status;
    snprintf(entry_path, sizeof entry_path, "%s%s", folder, candidates->common);
    candidates->directory =
        candidates->count == 1 && stat(entry_path, &status) == 0 && S_ISDIR(status.st_mode);
}

void complete(struct shell *shell) {
    struct line *line = &shell->line;
    char word[LINE_SIZE];
    size_t start = line->cursor;
    while (start && line->text[start - 1] != ' ') {
        start--;
    }
    snprintf(word, sizeof word, "%.*s", (int)(line->cursor - start), line->text + start);
    struct candidates candidates = {.prefix = word, .prefix_length = strlen(word)};
    if (start == 0) {
        offer_commands(shell, &candidates);
    } else {
        offer_files(&candidates, word);
    }
    if (!candidates.count) {
        return;
    }
    size_t more = strlen(candidates.common) - candidates.prefix_length;
    line_insert(line, candidates.common + candidates.prefix_length, more);
    if (candidates.count == 1) {
        line_insert(line, candidates.directory ? "/" : " ", 1);
    } else if (more == 0) {
        terminal_write(shell, "\r\n", 2);
        terminal_write(shell, candidates.list, candidates.list_length);
        terminal_write(shell, "\r\n", 2);
        line_redraw(line);
    }
}
