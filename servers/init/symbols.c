/* symbols.c: a walk over the lines; crashes are rare and tables short. */
#include "symbols.h"

#include <base/text.h>

/* The next line of the table; false at its end. */
static bool next_line(struct span *table, struct span *line) {
    if (table->length == 0) {
        return false;
    }
    const uint8_t *end = memchr(table->data, '\n', table->length);
    size_t length = end != NULL ? (size_t)(end - table->data) : table->length;
    *line = span_slice(*table, 0, length);
    *table = span_slice(*table, length + 1, SIZE_MAX);
    return true;
}

static bool read_address(struct span *line, uint64_t *address) {
    size_t digits = 0;
    *address = 0;
    while (digits < line->length && text_digit((char)line->data[digits]) < 16) {
        *address = *address << 4 | text_digit((char)line->data[digits++]);
    }
    bool good = digits != 0 && digits < line->length && line->data[digits] == ' ';
    *line = span_slice(*line, digits + 1, SIZE_MAX);
    return good;
}

bool symbol_find(struct span table, uint64_t address, char name[SYMBOL_SIZE], uint64_t *offset) {
    struct span line, best = {0};
    uint64_t start, best_start = 0;
    while (next_line(&table, &line)) {
        if (read_address(&line, &start) && start <= address && start >= best_start) {
            best = line;
            best_start = start;
        }
    }
    if (best.length == 0) {
        return false;
    }
    size_t length = best.length < SYMBOL_SIZE - 1 ? best.length : SYMBOL_SIZE - 1;
    memcpy(name, best.data, length);
    name[length] = '\0';
    *offset = address - best_start;
    return true;
}
