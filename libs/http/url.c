/* url.c: see url.h. */
#include "url.h"
#include "text.h"

#include <string.h>

#define PORT_DEFAULT 80

/* The length of the scheme that `text` starts with, 0 if none. "host:port" is not one: "//" must follow. */
static size_t scheme_length(const char *text) {
    const size_t length = strcspn(text, ":/?#");
    return strncmp(text + length, "://", 3) == 0 ? length : 0;
}

static enum error parse_port(const char *text, size_t length, uint16_t *port) {
    uint32_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || number > UINT16_MAX) {
            return ERR_MALFORMED;
        }
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    if (length == 0) {
        *port = PORT_DEFAULT;
        return ERR_NONE;
    }
    if (number == 0 || number > UINT16_MAX) {
        return ERR_MALFORMED;
    }
    *port = (uint16_t)number;
    return ERR_NONE;
}

static bool host_is_sane(const char *host, size_t length, bool is_ipv6) {
    static const char letters[] = "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ-_~%!$&'()*+;=";
    for (size_t i = 0; i < length; i++) {
        const char c = host[i];
        const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        const bool is_mark =
            c == '.' || (is_ipv6 ? c == ':' : memchr(letters, c, sizeof(letters) - 1) != NULL);
        if (!is_hex && !is_mark) {
            return false;
        }
    }
    return length > 0;
}

/* "host", "host:port", "[address]:port"; user names are not for us. */
static enum error parse_authority(const char *text, size_t length, struct http_url *url) {
    const char *end = text + length, *host = text, *host_end;
    url->is_ipv6 = length && *text == '[';
    if (url->is_ipv6) {
        host = text + 1;
        host_end = memchr(text, ']', length);
    } else {
        host_end = memchr(text, ':', length);
        host_end = host_end ? host_end : end;
    }
    if (!host_end || !host_is_sane(host, (size_t)(host_end - host), url->is_ipv6)) {
        return ERR_MALFORMED;
    }
    if (host_end - host > HTTP_HOST_MAX) {
        return ERR_TOO_LARGE;
    }
    memcpy(url->host, host, (size_t)(host_end - host));
    url->host[host_end - host] = 0;
    const char *rest = host_end + url->is_ipv6;
    if (rest < end && *rest != ':') {
        return ERR_MALFORMED;
    }
    rest += rest < end;
    return parse_port(rest, (size_t)(end - rest), &url->port);
}

/* Writes the target with whatever a request line cannot carry as %XX. */
static enum error put_target(const char *text, char *target) {
    static const char hex[] = "0123456789ABCDEF";
    struct http_text out;
    http_text_init(&out, target, HTTP_URL_MAX - 1);
    if (*text != '/') {
        http_text_string(&out, "/");
    }
    for (; *text && *text != '#'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) {
            return ERR_MALFORMED;
        }
        if (c > 0x7f || strchr(" \"<>\\^`{|}", c)) {
            const char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            http_text_add(&out, escape, sizeof(escape));
        } else {
            http_text_add(&out, text, 1);
        }
    }
    target[out.length] = 0;
    return out.overflow ? ERR_TOO_LARGE : ERR_NONE;
}

enum error http_url_parse(const char *text, struct http_url *url) {
    const size_t scheme = scheme_length(text);
    if (scheme) {
        if (scheme != 4 || !http_same_prefix(text, "http", 4)) {
            return ERR_NOT_SUPPORTED;
        }
        text += scheme + 3;
    }
    const size_t authority = strcspn(text, "/?#");
    const enum error error = parse_authority(text, authority, url);
    return error == ERR_NONE ? put_target(text + authority, url->target) : error;
}

/* Removes "." and ".." segments from the path of a target, in place (RFC 3986 5.2.4). */
static void remove_dots(char *target) {
    char *query = target + strcspn(target, "?");
    char *out = target;
    for (const char *in = target; in < query;) {
        const char *name = in + 1;
        const size_t length = strcspn(name, "/?");
        const bool last = name + length == query;
        if (length == 2 && name[0] == '.' && name[1] == '.') {
            while (out > target && *--out != '/') {
            }
            out += last ? 1 : 0;
        } else if (length == 1 && name[0] == '.') {
            out += last ? 1 : 0;
        } else {
            memmove(out, in, length + 1);
            out += length + 1;
        }
        in = name + length;
    }
    target[0] = '/';
    out += out == target;
    memmove(out, query, strlen(query) + 1);
}

/* Puts the part of the base's target that stays before a relative reference. */
static void put_base(const char *base, char first, struct http_text *out) {
    size_t keep = strcspn(base, "?");
    if (first == '#' || first == 0) {
        keep = strlen(base);
    } else if (first != '?') {
        while (keep > 0 && base[keep - 1] != '/') {
            keep--;
        }
    }
    http_text_add(out, base, keep);
}

enum error http_url_resolve(const struct http_url *base, const char *reference, struct http_url *result) {
    struct http_url url;
    char merged[HTTP_URL_MAX];
    enum error error;
    const size_t colon = strcspn(reference, ":/?#");
    if (scheme_length(reference)) {
        error = http_url_parse(reference, &url);
    } else if (reference[colon] == ':') {
        return ERR_NOT_SUPPORTED; /* mailto: and kin */
    } else if (strncmp(reference, "//", 2) == 0) {
        error = http_url_parse(reference + 2, &url);
    } else {
        struct http_text out;
        http_text_init(&out, merged, sizeof(merged) - 1);
        if (*reference != '/') {
            put_base(base->target, *reference, &out);
        }
        http_text_string(&out, reference);
        merged[out.length] = 0;
        url = *base;
        error = out.overflow ? ERR_TOO_LARGE : put_target(merged, url.target);
    }
    if (error == ERR_NONE) {
        remove_dots(url.target);
        *result = url;
    }
    return error;
}
