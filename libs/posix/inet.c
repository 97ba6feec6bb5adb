/* inet.c: IPv4 and IPv6 addresses between text and bytes. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

/* One number of at most `digits` digits; *text moves behind it. False if there is none, or it is over `most`.
 */
static bool number(const char **text, unsigned base, unsigned digits, uint32_t most, uint32_t *value) {
    static const char names[] = "0123456789abcdef";
    unsigned count = 0;
    uint64_t sum = 0;
    for (; count < digits; count++, (*text)++) {
        char c = **text >= 'A' && **text <= 'F' ? (char)(**text + 'a' - 'A') : **text;
        const char *digit = c != '\0' ? strchr(names, c) : NULL;
        if (digit == NULL || digit - names >= (int)base) {
            break;
        }
        sum = sum * base + (uint64_t)(digit - names);
    }
    *value = (uint32_t)sum;
    return count != 0 && sum <= most;
}

/* Dotted quad and nothing else: four decimal numbers without leading zeros, as inet_pton() must have it. */
static bool parse4(const char *text, uint8_t bytes[4]) {
    for (int i = 0; i < 4; i++) {
        uint32_t value;
        const char *start = text;
        if (!number(&text, 10, 3, 255, &value) || (*start == '0' && text - start > 1)) {
            return false;
        }
        bytes[i] = (uint8_t)value;
        if (*text++ != (i < 3 ? '.' : '\0')) {
            return false;
        }
    }
    return true;
}

/* RFC 4291 2.2: eight groups, "::" for a run of zero groups, perhaps a dotted quad at the end. */
static bool parse6(const char *text, uint8_t bytes[16]) {
    uint16_t groups[8] = {0};
    int count = 0, gap = -1;
    if (text[0] == ':' && *++text != ':') {
        return false;
    }
    while (*text != '\0') {
        uint32_t value;
        const char *start = text;
        uint8_t quad[4];
        if (*text == ':' && gap < 0) {
            gap = count;
            text++;
            continue;
        }
        if (count == 8 || !number(&text, 16, 4, 0xffff, &value)) {
            return false;
        }
        if (*text == '.') {
            if (count > 6 || !parse4(start, quad)) {
                return false;
            }
            groups[count++] = (uint16_t)(quad[0] << 8 | quad[1]);
            groups[count++] = (uint16_t)(quad[2] << 8 | quad[3]);
            break;
        }
        groups[count++] = (uint16_t)value;
        if (*text != '\0' && (*text++ != ':' || *text == '\0')) {
            return false;
        }
    }
    if (gap < 0 ? count != 8 : count > 7) {
        return false;
    }
    memset(bytes, 0, 16);
    for (int i = 0; i < count; i++) {
        int at = gap >= 0 && i >= gap ? i + 8 - count : i;
        bytes[2 * at] = (uint8_t)(groups[i] >> 8);
        bytes[2 * at + 1] = (uint8_t)groups[i];
    }
    return true;
}

int inet_pton(int family, const char *text, void *address) {
    uint8_t bytes[16];
    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (!(family == AF_INET ? parse4(text, bytes) : parse6(text, bytes))) {
        return 0;
    }
    memcpy(address, bytes, family == AF_INET ? 4 : 16);
    return 1;
}

/* The classful forms that inet_aton() knows besides: a, a.b, a.b.c; decimal, octal (0…) or hexadecimal (0x…).
 */
int inet_aton(const char *text, struct in_addr *address) {
    uint32_t parts[4], result = 0;
    int count = 0;
    for (;; text++) {
        bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
        text += hexadecimal ? 2 : 0;
        unsigned base = hexadecimal ? 16 : text[0] == '0' ? 8 : 10;
        if (count == 4 || !number(&text, base, hexadecimal ? 8 : 10, 0xffffffff, &parts[count++])) {
            return 0;
        }
        if (*text != '.') {
            break;
        }
    }
    if (*text != '\0') {
        return 0;
    }
    for (int i = 0; i < count; i++) {
        int bits = i < count - 1 ? 8 : 8 * (5 - count);
        if (bits < 32 && parts[i] >> bits != 0) {
            return 0;
        }
        result = bits < 32 ? result << bits | parts[i] : parts[i];
    }
    address->s_addr = htonl(result);
    return 1;
}

in_addr_t inet_addr(const char *text) {
    struct in_addr address;
    return inet_aton(text, &address) != 0 ? address.s_addr : INADDR_NONE;
}

static void print4(const uint8_t bytes[4], char text[INET_ADDRSTRLEN]) {
    snprintf(text, INET_ADDRSTRLEN, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* RFC 5952: lower case, no leading zeros, the longest run of at least two zero groups as "::". */
static void print6(const uint8_t bytes[16], char text[INET6_ADDRSTRLEN]) {
    int best = 8, best_length = 1;
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && bytes[2 * (i + length)] == 0 && bytes[2 * (i + length) + 1] == 0) {
            length++;
        }
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    char *at = text;
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            at += sprintf(at, "::");
            i += best_length - 1;
            continue;
        }
        bool separate = i != 0 && i != best + best_length;
        at += sprintf(at, separate ? ":%x" : "%x", bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
}

const char *inet_ntop(int family, const void *address, char *text, socklen_t size) {
    char buffer[INET6_ADDRSTRLEN];
    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    family == AF_INET ? print4(address, buffer) : print6(address, buffer);
    size_t length = strlen(buffer) + 1;
    if (length > size) {
        errno = ENOSPC;
        return NULL;
    }
    return memcpy(text, buffer, length);
}

char *inet_ntoa(struct in_addr address) {
    static char text[INET_ADDRSTRLEN];
    print4((const uint8_t *)&address.s_addr, text);
    return text;
}
