/* options.c: see options.h. */
#include "options.h"

#include <string.h>

bool option_find(const char *command_line, const char *key, char *value, size_t size) {
    size_t length = strlen(key);
    bool found = false;
    if (length == 0 || size == 0) {
        return false;
    }
    for (const char *word = command_line; *word != '\0';) {
        size_t word_length = strcspn(word, " ");
        bool same = word_length >= length && memcmp(word, key, length) == 0;
        if (same && (word_length == length || word[length] == '=')) {
            size_t skip = word_length == length ? length : length + 1;
            size_t kept = word_length - skip < size ? word_length - skip : size - 1;
            memcpy(value, word + skip, kept);
            value[kept] = '\0';
            found = kept == word_length - skip;
        }
        word += word_length;
        word += strspn(word, " ");
    }
    return found;
}

bool option_lists(const char *list, const char *word) {
    size_t length = strlen(word);
    while (*list != '\0') {
        size_t item = strcspn(list, ",");
        if (item == length && memcmp(list, word, length) == 0) {
            return true;
        }
        list += item;
        list += *list == ',';
    }
    return false;
}
