/* options.h: the kernel's command line: words `key=value` or `key`, apart by spaces. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The value of `key`, "" where the word has no '='. The last one counts. Cut (and false) if it does not fit;
 * false also if the key is not there. */
bool option_find(const char *command_line, const char *key, char *value, size_t size);

/* Is `word` one of the comma-separated words of `list`? */
bool option_lists(const char *list, const char *word);
