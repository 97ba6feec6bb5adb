/* text.c: the bounded writer and the codings; see text.h. */
#include "text.h"

#include <string.h>

void http_text_init(struct http_text *text, char *data, size_t size) {
    *text = (struct http_text){.data = data, .size = size};
}

void http_text_add(struct http_text *text, const char *data, size_t length) {
    if (length > text->size - text->length) {
        text->overflow = true;
        return;
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
}

void http_text_string(struct http_text *text, const char *string) {
    http_text_add(text, string, strlen(string));
}

void http_text_number(struct http_text *text, uint64_t number) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    http_text_add(text, digits + at, sizeof(digits) - at);
}

static const char *html_escape(char c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

void http_text_html(struct http_text *text, const char *string) {
    for (; *string; string++) {
        const char *escape = html_escape(*string);
        if (escape) {
            http_text_string(text, escape);
        } else {
            http_text_add(text, string, 1);
        }
    }
}

static bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

void http_text_url(struct http_text *text, const char *string) {
    static const char hex[] = "0123456789ABCDEF";
    for (; *string; string++) {
        const unsigned char c = (unsigned char)*string;
        if (is_alphanumeric(*string) || strchr("-._~/", c)) {
            http_text_add(text, string, 1);
        } else {
            const char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            http_text_add(text, escape, sizeof(escape));
        }
    }
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool http_same_prefix(const char *a, const char *b, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
        if (a[i] == 0) {
            break;
        }
    }
    return true;
}

bool http_same_name(const char *a, const char *b) {
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == 0 && *b == 0;
}

bool http_is_token_char(char c) {
    return is_alphanumeric(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum error http_percent_decode(const char *from, size_t length, char *to, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = from[i];
        if (c == '%') {
            const int high = i + 1 < length ? hex_value(from[i + 1]) : -1;
            const int low = i + 2 < length ? hex_value(from[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return ERR_MALFORMED;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == 0) {
            return ERR_MALFORMED;
        }
        if (used + 1 >= size) {
            return ERR_TOO_LARGE;
        }
        to[used++] = c;
    }
    to[used] = 0;
    return ERR_NONE;
}

/* Skips "http://host" of a target in absolute form (RFC 9112 3.2.2). */
static const char *path_of(const char *target) {
    static const char scheme[] = "http://";
    if (http_same_prefix(target, scheme, sizeof(scheme) - 1)) {
        target += sizeof(scheme) - 1;
        target += strcspn(target, "/?#");
        return *target == '/' ? target : "/";
    }
    return target;
}

static bool has_forbidden(const char *path) {
    for (; *path; path++) {
        if ((unsigned char)*path < 0x20 || *path == 0x7f || *path == '\\') {
            return true;
        }
    }
    return false;
}

/* Names of dots and blanks alone: file systems that drop trailing ones could read them as "..". */
static bool is_dotty(const char *name, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (name[i] != '.' && name[i] != ' ') {
            return false;
        }
    }
    return true;
}

/* Resolves the segments of `path` in place: what is written never overtakes what is read. */
static enum error resolve(char *path) {
    char *out = path;
    const char *in = path;
    bool directory = true;
    while (*in) {
        in += strspn(in, "/");
        const size_t length = strcspn(in, "/");
        const bool up = length == 2 && in[0] == '.' && in[1] == '.';
        directory = in[length] == '/' || length == 0 || up || (length == 1 && *in == '.');
        if (length > 255) {
            return ERR_TOO_LARGE;
        }
        if (up) {
            if (out == path) {
                return ERR_NO_RIGHT;
            }
            while (*--out != '/') {
            }
        } else if (length > 1 && is_dotty(in, length)) {
            return ERR_NO_RIGHT;
        } else if (length > 0 && !(length == 1 && *in == '.')) {
            *out++ = '/';
            memmove(out, in, length);
            out += length;
        }
        in += length;
    }
    if (directory) {
        *out++ = '/';
    }
    *out = 0;
    return ERR_NONE;
}

enum error http_safe_path(const char *target, char *path, size_t size) {
    const char *start = path_of(target);
    if (*start != '/') {
        return ERR_MALFORMED;
    }
    const enum error error = http_percent_decode(start, strcspn(start, "?#"), path, size);
    if (error != ERR_NONE) {
        return error;
    }
    return has_forbidden(path) ? ERR_MALFORMED : resolve(path);
}
