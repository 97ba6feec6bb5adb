/* listing.c: the page that shows what is in a directory: directories first, then files, each by name. */
#include "httpd.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENTRIES_MAX 2000
#define NAMES_SIZE  (128u << 10)
#define ROW_SIZE    256 /* what a row needs besides its name */
#define PAGE_SIZE   4096

struct entry {
    const char *name;
    uint64_t size;
    int64_t modified;
    bool is_directory;
};

struct listing {
    size_t count, names_length;
    bool cut; /* there were more */
    struct entry entries[ENTRIES_MAX];
    char names[NAMES_SIZE];
};

static const char page_start[] =
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
    "<style>body{font:1rem/1.6 system-ui,sans-serif;max-width:50rem;margin:3rem auto;padding:0 "
    "1rem;color:#123}"
    "h1{font-size:1.4rem;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}"
    "td{padding:.2rem .6rem;border-top:1px solid "
    "#dde6ee}td+td{text-align:right;white-space:nowrap;color:#567}"
    "a{color:#06c;text-decoration:none;overflow-wrap:anywhere}a:hover{text-decoration:underline}</"
    "style><title>";

/* Hidden names stay hidden; whatever cannot be looked at, or is neither file nor directory, is left out. */
static void take_entry(struct httpd *server, struct listing *listing, const char *directory,
                       const char *name) {
    char path[PATH_SIZE], full[PATH_SIZE];
    struct stat status;
    const size_t length = strlen(name), prefix = strlen(directory);
    if (name[0] == '.' || prefix + length >= sizeof(path)) {
        return;
    }
    if (listing->count == ENTRIES_MAX || listing->names_length + length >= NAMES_SIZE) {
        listing->cut = true;
        return;
    }
    memcpy(path, directory, prefix);
    memcpy(path + prefix, name, length + 1);
    if (!files_full_path(&server->files, path, full) || stat(full, &status) < 0 ||
        (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) {
        return;
    }
    char *kept = listing->names + listing->names_length;
    memcpy(kept, name, length + 1);
    listing->names_length += length + 1;
    listing->entries[listing->count++] = (struct entry){.name = kept,
                                                        .size = (uint64_t)status.st_size,
                                                        .modified = status.st_mtime,
                                                        .is_directory = S_ISDIR(status.st_mode)};
}

static bool read_directory(struct httpd *server, struct listing *listing, const char *directory) {
    char full[PATH_SIZE];
    DIR *stream = files_full_path(&server->files, directory, full) ? opendir(full) : NULL;
    if (!stream) {
        return false;
    }
    for (const struct dirent *entry; (entry = readdir(stream)) && !listing->cut;) {
        take_entry(server, listing, directory, entry->d_name);
    }
    closedir(stream);
    return true;
}

static int compare(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    if (a->is_directory != b->is_directory) {
        return a->is_directory ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

static void add_size(struct http_text *page, uint64_t size) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    size_t unit = 0;
    uint64_t tenths = size * 10;
    while (tenths >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        tenths /= 1024;
        unit++;
    }
    http_text_number(page, tenths / 10);
    if (unit) {
        http_text_string(page, ".");
        http_text_number(page, tenths % 10);
    }
    http_text_string(page, units[unit]);
}

static void add_row(struct http_text *page, const struct entry *entry) {
    char date[HTTP_DATE_SIZE];
    const char *slash = entry->is_directory ? "/" : "";
    http_text_string(page, "<tr><td><a href=\"./");
    http_text_url(page, entry->name);
    http_text_string(page, slash);
    http_text_string(page, "\">");
    http_text_html(page, entry->name);
    http_text_string(page, slash);
    http_text_string(page, "</a><td>");
    if (!entry->is_directory) {
        add_size(page, entry->size);
    }
    http_date_format(entry->modified, date);
    http_text_string(page, "<td>");
    http_text_add(page, date + 5, 17);
    http_text_string(page, "\n");
}

static void write_page(struct http_text *page, const struct listing *listing, const char *title) {
    http_text_string(page, page_start);
    http_text_html(page, title);
    http_text_string(page, "</title><h1>");
    http_text_html(page, title);
    http_text_string(page, "</h1><table>\n");
    if (strcmp(title, "/") != 0) {
        http_text_string(page, "<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for (size_t i = 0; i < listing->count; i++) {
        add_row(page, &listing->entries[i]);
    }
    http_text_string(page, "</table>\n");
    if (listing->cut) {
        http_text_string(page, "<p>There is more here than this page can list.</p>\n");
    }
}

/* A name grows at most three times in a URL and six times in HTML. */
static size_t page_size(const struct listing *listing, const char *title) {
    return PAGE_SIZE + 12 * strlen(title) + listing->count * ROW_SIZE + listing->names_length * 9;
}

bool listing_make(struct httpd *server, const char *directory, const char *title, struct block *page) {
    struct listing *listing = budget_alloc(&server->budget, sizeof(*listing));
    if (!listing) {
        return false;
    }
    listing->count = listing->names_length = 0;
    listing->cut = false;
    if (read_directory(server, listing, directory)) {
        qsort(listing->entries, listing->count, sizeof(listing->entries[0]), compare);
        page->size = page_size(listing, title);
        page->data = budget_alloc(&server->budget, page->size);
    }
    if (page->data) {
        struct http_text text;
        http_text_init(&text, page->data, page->size);
        write_page(&text, listing, title);
        page->length = text.length;
    }
    budget_free(&server->budget, listing, sizeof(*listing));
    return page->data;
}
