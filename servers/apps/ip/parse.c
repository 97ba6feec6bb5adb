/* parse.c: ip's command line, which is iproute2's: an object, a verb, and pairs of words; all but the values
 * may be cut short. */
#include "ip.h"
#include <base/text.h>
#include <string.h>

const char ip_usage[] = "usage: ip OBJECT [COMMAND]\n"
                        "  ip addr  [show [dev LINK]]\n"
                        "  ip addr  add|del ADDRESS[/LENGTH] [dev LINK]\n"
                        "  ip route [show]\n"
                        "  ip route add|del NETWORK[/LENGTH]|default [via GATEWAY] [src ADDRESS]\n"
                        "                   [metric NUMBER] [dev LINK]\n"
                        "  ip neigh [show]\n"
                        "  ip neigh add ADDRESS lladdr MAC [dev LINK]\n"
                        "  ip neigh del ADDRESS [dev LINK]\n"
                        "  ip neigh flush [all]\n"
                        "  ip link  [show [LINK]]\n"
                        "  ip forward [on|off]\n"
                        "Exit status: 0 done, 1 a mistake in the command, 2 refused by the network server.\n";

/* The words that are left, and where to say what is wrong with them. */
struct parser {
    int count;
    char **words;
    struct command *command;
    char *mistake;
};

static bool wrong(struct parser *parser, const char *format, const char *word) {
    snprintf(parser->mistake, MISTAKE_SIZE, format, word);
    return false;
}

static const char *take(struct parser *parser) {
    if (parser->count == 0) {
        return NULL;
    }
    parser->count--;
    return *parser->words++;
}

/* Is `word` the beginning of `full`? */
static bool means(const char *word, const char *full) {
    return word[0] != '\0' && strncmp(word, full, strlen(word)) == 0;
}

/* ---- Values ---- */

static bool read_quad(const char **at, uint8_t bytes[16]) {
    memset(bytes, 0, 16);
    for (int i = 0; i < 4; i++) {
        uint64_t value;
        if ((i > 0 && *(*at)++ != '.') || !text_number(*at, 10, &value, at) || value > 255) {
            return false;
        }
        bytes[i] = (uint8_t)value;
    }
    return true;
}

static bool read_address(struct parser *parser, const char *word, uint8_t bytes[16]) {
    const char *at = word;
    if (word == NULL) {
        return wrong(parser, "%s", "an address is missing");
    }
    return (read_quad(&at, bytes) && *at == '\0') || wrong(parser, "\"%s\" is not an address", word);
}

/* ADDRESS or ADDRESS/LENGTH; without a length it is 32. */
static bool read_prefix(struct parser *parser, const char *word, uint8_t bytes[16], uint8_t *length) {
    const char *at = word;
    uint64_t value = 32;
    if (word == NULL) {
        return wrong(parser, "%s", "an address is missing");
    }
    bool good = read_quad(&at, bytes);
    if (good && *at == '/') {
        at++;
        good = text_number(at, 10, &value, &at) && value <= 32;
    }
    *length = (uint8_t)value;
    return (good && *at == '\0') || wrong(parser, "\"%s\" is not an address with a prefix", word);
}

static bool read_mac(struct parser *parser, const char *word, uint8_t mac[6]) {
    const char *at = word;
    if (word == NULL) {
        return wrong(parser, "%s", "lladdr: an address is missing");
    }
    for (int i = 0; i < 6; i++) {
        uint64_t value;
        if ((i > 0 && *at++ != ':') || !text_number(at, 16, &value, &at) || value > 255) {
            return wrong(parser, "\"%s\" is not a link address", word);
        }
        mac[i] = (uint8_t)value;
    }
    return *at == '\0' || wrong(parser, "\"%s\" is not a link address", word);
}

static bool read_metric(struct parser *parser, const char *word, uint32_t *metric) {
    uint64_t value;
    if (word == NULL || !text_to_u64(word, &value) || value > UINT32_MAX) {
        return wrong(parser, "metric: \"%s\" is not a number", word != NULL ? word : "");
    }
    *metric = (uint32_t)value;
    return true;
}

static bool read_device(struct parser *parser) {
    parser->command->device = take(parser);
    return parser->command->device != NULL || wrong(parser, "%s", "dev: a link's name is missing");
}

/* ---- Objects ---- */

/* What may stand behind every other value: [dev LINK]. */
static bool rest(struct parser *parser) {
    const char *word = take(parser);
    if (word == NULL) {
        return true;
    }
    if (strcmp(word, "dev") != 0) {
        return wrong(parser, "\"%s\" is not understood here", word);
    }
    return read_device(parser) && rest(parser);
}

static bool is_show(const char *verb) {
    return verb == NULL || means(verb, "show") || means(verb, "list");
}

static bool parse_link(struct parser *parser) {
    const char *verb = take(parser);
    parser->command->action = ACTION_SHOW_LINKS;
    if (!is_show(verb)) {
        return wrong(parser, "link: \"%s\" is not understood", verb);
    }
    if (parser->count > 0 && strcmp(parser->words[0], "dev") != 0) {
        parser->command->device = take(parser);
    }
    return rest(parser);
}

static bool parse_address(struct parser *parser) {
    struct netadmin_address *address = &parser->command->address;
    const char *verb = take(parser);
    if (is_show(verb)) {
        parser->command->action = ACTION_SHOW_ADDRESSES;
        if (parser->count > 0 && strcmp(parser->words[0], "dev") != 0) {
            parser->command->device = take(parser);
        }
        return rest(parser);
    }
    bool add = means(verb, "add");
    if (!add && !means(verb, "delete")) {
        return wrong(parser, "addr: \"%s\" is not understood", verb);
    }
    parser->command->action = add ? ACTION_ADD_ADDRESS : ACTION_REMOVE_ADDRESS;
    address->family = 4;
    return read_prefix(parser, take(parser), address->address, &address->prefix_length) && rest(parser);
}

/* One pair of words behind the destination. */
static bool parse_route_pair(struct parser *parser, const char *word) {
    struct netadmin_route *route = &parser->command->route;
    if (strcmp(word, "via") == 0) {
        return read_address(parser, take(parser), route->gateway);
    }
    if (strcmp(word, "src") == 0) {
        return read_address(parser, take(parser), route->source);
    }
    if (strcmp(word, "metric") == 0) {
        return read_metric(parser, take(parser), &route->metric);
    }
    if (strcmp(word, "dev") == 0) {
        return read_device(parser);
    }
    return wrong(parser, "route: \"%s\" is not understood", word);
}

static bool parse_route(struct parser *parser) {
    struct netadmin_route *route = &parser->command->route;
    const char *verb = take(parser);
    if (is_show(verb)) {
        parser->command->action = ACTION_SHOW_ROUTES;
        return rest(parser);
    }
    bool add = means(verb, "add");
    if (!add && !means(verb, "delete")) {
        return wrong(parser, "route: \"%s\" is not understood", verb);
    }
    parser->command->action = add ? ACTION_ADD_ROUTE : ACTION_REMOVE_ROUTE;
    route->family = 4;
    const char *word = take(parser);
    if (word == NULL) {
        return wrong(parser, "%s", "route: a destination is missing");
    }
    if (strcmp(word, "default") != 0 &&
        !read_prefix(parser, word, route->destination, &route->prefix_length)) {
        return false;
    }
    while ((word = take(parser)) != NULL) {
        if (!parse_route_pair(parser, word)) {
            return false;
        }
    }
    static const uint8_t none[16];
    bool somewhere = memcmp(route->gateway, none, 16) != 0 || parser->command->device != NULL;
    return !add || somewhere || wrong(parser, "%s", "route: \"via\" or \"dev\" is missing");
}

static bool parse_neighbour_add(struct parser *parser) {
    struct netadmin_neighbour *neighbour = &parser->command->neighbour;
    bool known = false;
    parser->command->action = ACTION_ADD_NEIGHBOUR;
    if (!read_address(parser, take(parser), neighbour->address)) {
        return false;
    }
    for (const char *word; (word = take(parser)) != NULL;) {
        bool lladdr = strcmp(word, "lladdr") == 0;
        if (!lladdr && strcmp(word, "dev") != 0) {
            return wrong(parser, "neigh: \"%s\" is not understood", word);
        }
        if (lladdr ? !read_mac(parser, take(parser), neighbour->mac) : !read_device(parser)) {
            return false;
        }
        known |= lladdr;
    }
    return known || wrong(parser, "%s", "neigh: \"lladdr\" is missing");
}

static bool parse_neighbour(struct parser *parser) {
    struct netadmin_neighbour *neighbour = &parser->command->neighbour;
    const char *verb = take(parser);
    neighbour->family = 4;
    if (is_show(verb)) {
        parser->command->action = ACTION_SHOW_NEIGHBOURS;
        return rest(parser);
    }
    if (means(verb, "add")) {
        return parse_neighbour_add(parser);
    }
    if (means(verb, "delete")) {
        parser->command->action = ACTION_REMOVE_NEIGHBOUR;
        return read_address(parser, take(parser), neighbour->address) && rest(parser);
    }
    if (!means(verb, "flush")) {
        return wrong(parser, "neigh: \"%s\" is not understood", verb);
    }
    parser->command->action = ACTION_FLUSH_NEIGHBOURS;
    if (parser->count > 0 && strcmp(parser->words[0], "all") == 0) {
        (void)take(parser);
    }
    return rest(parser);
}

/* Not iproute2's, which leaves it to sysctl. */
static bool parse_forward(struct parser *parser) {
    const char *word = take(parser);
    parser->command->action = is_show(word) ? ACTION_SHOW_FORWARDING : ACTION_SET_FORWARDING;
    if (is_show(word)) {
        return rest(parser);
    }
    parser->command->on = strcmp(word, "on") == 0;
    if (!parser->command->on && strcmp(word, "off") != 0) {
        return wrong(parser, "forward: \"%s\" is neither on nor off", word);
    }
    return rest(parser);
}

static bool parse_help(struct parser *parser) {
    parser->command->action = ACTION_HELP;
    return true;
}

bool parse_command(int count, char **words, struct command *command, char mistake[MISTAKE_SIZE]) {
    static const struct {
        const char *name;
        bool (*parse)(struct parser *parser);
    } objects[] = {{"address", parse_address},    {"route", parse_route}, {"neighbour", parse_neighbour},
                   {"neighbor", parse_neighbour}, {"link", parse_link},   {"forward", parse_forward},
                   {"help", parse_help}};
    struct parser parser = {count, words, command, mistake};
    *command = (struct command){0};
    mistake[0] = '\0';
    while (parser.count > 0 && strcmp(parser.words[0], "-4") == 0) {
        (void)take(&parser);
    }
    const char *object = take(&parser);
    if (object == NULL) {
        return wrong(&parser, "%s", "an object is missing");
    }
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        if (means(object, objects[i].name)) {
            return objects[i].parse(&parser);
        }
    }
    return wrong(&parser, "object \"%s\" is unknown", object);
}
