/* words.c: see words.h. */
#include "words.h"

#include <string.h>

struct scanner {
    const char *at;
    int status;
    struct command *command;
    size_t used; /* of command->text */
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_word(char c) {
    return c == 0 || c == '\n' || is_blank(c) || c == ';' || c == '&' || c == '|' || c == '>';
}

static enum error put(struct scanner *scanner, char c) {
    if (scanner->used == sizeof scanner->command->text) {
        return ERR_TOO_LARGE;
    }
    scanner->command->text[scanner->used++] = c;
    return ERR_NONE;
}

static enum error put_status(struct scanner *scanner) {
    char digits[12];
    size_t count = 0;
    unsigned value = (unsigned)scanner->status & 0xffffu;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    enum error error = ERR_NONE;
    while (count && error == ERR_NONE) {
        error = put(scanner, digits[--count]);
    }
    return error;
}

static enum error single_quoted(struct scanner *scanner) {
    for (scanner->at++; *scanner->at != '\''; scanner->at++) {
        if (!*scanner->at) {
            return ERR_MALFORMED;
        }
        enum error error = put(scanner, *scanner->at);
        if (error) {
            return error;
        }
    }
    scanner->at++;
    return ERR_NONE;
}

/* One character outside single quotes: an escape, $? or itself. */
static enum error plain(struct scanner *scanner) {
    if (scanner->at[0] == '$' && scanner->at[1] == '?') {
        scanner->at += 2;
        return put_status(scanner);
    }
    if (scanner->at[0] == '\\' && scanner->at[1]) {
        scanner->at++;
    }
    return put(scanner, *scanner->at++);
}

static enum error double_quoted(struct scanner *scanner) {
    scanner->at++;
    while (*scanner->at != '"') {
        if (!*scanner->at) {
            return ERR_MALFORMED;
        }
        enum error error = plain(scanner);
        if (error) {
            return error;
        }
    }
    scanner->at++;
    return ERR_NONE;
}

/* Reads one word into the text; *word points to it. */
static enum error word(struct scanner *scanner, char **word) {
    *word = scanner->command->text + scanner->used;
    while (!ends_word(*scanner->at)) {
        enum error error = *scanner->at == '\''  ? single_quoted(scanner)
                           : *scanner->at == '"' ? double_quoted(scanner)
                                                 : plain(scanner);
        if (error) {
            return error;
        }
    }
    return put(scanner, 0);
}

static void skip_blanks(struct scanner *scanner) {
    while (is_blank(*scanner->at)) {
        scanner->at++;
    }
    if (*scanner->at == '#') {
        while (*scanner->at && *scanner->at != '\n') {
            scanner->at++;
        }
    }
}

static enum error redirect(struct scanner *scanner) {
    scanner->at++;
    scanner->command->append = *scanner->at == '>';
    if (scanner->command->append) {
        scanner->at++;
    }
    while (is_blank(*scanner->at)) {
        scanner->at++;
    }
    if (ends_word(*scanner->at)) {
        return ERR_MALFORMED;
    }
    char *path;
    enum error error = word(scanner, &path);
    scanner->command->output = path;
    return error;
}

static void connector(struct scanner *scanner) {
    struct command *command = scanner->command;
    char c = *scanner->at;
    if (!c) {
        command->next = CONNECT_END;
        return;
    }
    bool twice = (c == '&' || c == '|') && scanner->at[1] == c;
    scanner->at += twice ? 2 : 1;
    command->background = c == '&' && !twice;
    command->next = !twice ? CONNECT_ALWAYS : c == '&' ? CONNECT_AND : CONNECT_OR;
}

static enum error words(struct scanner *scanner) {
    struct command *command = scanner->command;
    for (;;) {
        skip_blanks(scanner);
        if (*scanner->at == '>') {
            enum error error = redirect(scanner);
            if (error) {
                return error;
            }
            continue;
        }
        if (ends_word(*scanner->at)) {
            return ERR_NONE;
        }
        if (command->argc == WORDS_MAX) {
            return ERR_TOO_MANY;
        }
        enum error error = word(scanner, &command->argv[command->argc]);
        if (error) {
            return error;
        }
        command->argc++;
    }
}

enum error command_parse(const char **line, int status, struct command *command) {
    command->argc = 0;
    command->output = NULL;
    command->append = command->background = false;
    command->next = CONNECT_END;
    struct scanner scanner = {.at = *line, .status = status, .command = command};
    enum error error = words(&scanner);
    if (error) {
        return error;
    }
    if (scanner.at[0] == '|' && scanner.at[1] != '|') {
        return ERR_MALFORMED; /* no pipes */
    }
    command->argv[command->argc] = NULL;
    connector(&scanner);
    *line = scanner.at;
    return ERR_NONE;
}
