/* config.c: what the kernel's options say: "ip" is "dhcp", or
 * "10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3,dns=10.0.2.4", either with ",probe" behind it; "ip1", of the second
 * card, "10.0.3.1/24"; "ecn" is a digit with the meaning of Linux's tcp_ecn, "forward" one like its
 * ip_forward. */
#include "tcpip.h"
#include <base/text.h>
#include <string.h>

/* A dotted quad at *at, which moves behind it. */
static bool parse_address(const char **at, struct net_address *address) {
    *address = (struct net_address){.family = NET_IPV4};
    for (int i = 0; i < 4; i++) {
        uint64_t value;
        if (!text_number(*at, 10, &value, at) || value > 255 || (i < 3 && *(*at)++ != '.')) {
            return false;
        }
        address->bytes[i] = (uint8_t)value;
    }
    return true;
}

static bool parse_dns(const char **at, struct net_config *config) {
    for (int i = 0; i < 3; i++) {
        if (config->dns[i].family == 0) {
            return parse_address(at, &config->dns[i]);
        }
    }
    return false;
}

/* One of the parts behind the address. */
static bool parse_part(const char **at, struct net_config *config) {
    if (!config->dhcp && strncmp(*at, "gw=", 3) == 0) {
        *at += 3;
        return parse_address(at, &config->gateway);
    }
    if (!config->dhcp && strncmp(*at, "dns=", 4) == 0) {
        *at += 4;
        return parse_dns(at, config);
    }
    if (strncmp(*at, "probe", 5) == 0) {
        *at += 5;
        config->probe = true;
        return true;
    }
    return false;
}

enum error config_parse(const char *text, struct net_config *config) {
    struct net_config parsed = *config;
    const char *at = text;
    uint64_t prefix = 24;
    parsed.dhcp = strncmp(text, "dhcp", 4) == 0;
    parsed.probe = false;
    if (parsed.dhcp) {
        at += 4;
    } else {
        if (!parse_address(&at, &parsed.address)) {
            return ERR_MALFORMED;
        }
        if (*at == '/' && (++at, !text_number(at, 10, &prefix, &at) || prefix > 32)) {
            return ERR_MALFORMED;
        }
        parsed.prefix_length = (uint8_t)prefix;
    }
    while (*at != '\0') {
        if (*at++ != ',' || !parse_part(&at, &parsed)) {
            return ERR_MALFORMED;
        }
    }
    *config = parsed;
    return ERR_NONE;
}

enum error config_parse_second(const char *text, struct net_config *config) {
    struct net_config parsed = {0};
    enum error error = config_parse(text, &parsed);
    if (error != ERR_NONE || parsed.dhcp || strchr(text, ',') != NULL) {
        return ERR_MALFORMED; /* DHCP, gateway and DNS are the first link's */
    }
    config->address = parsed.address;
    config->prefix_length = parsed.prefix_length;
    return ERR_NONE;
}

/* One digit, and no more than `most`; negative: it is not. */
static int parse_digit(const char *text, char most) {
    return text[0] >= '0' && text[0] <= most && text[1] == '\0' ? text[0] - '0' : -1;
}

enum error config_parse_forward(const char *text, struct net_config *config) {
    int digit = parse_digit(text, '1');
    if (digit < 0) {
        return ERR_MALFORMED;
    }
    config->forward = digit == 1;
    return ERR_NONE;
}

enum error config_parse_ecn(const char *text, struct net_config *config) {
    int digit = parse_digit(text, '2');
    if (digit < 0) {
        return ERR_MALFORMED;
    }
    config->no_ecn = digit == 0;
    config->ask_ecn = digit == 1;
    return ERR_NONE;
}
