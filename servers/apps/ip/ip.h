/* ip.h: what the parts of ip share: a command as parsed (parse.c), and tables as printed (show.c). */
#pragma once

#include <ipc/netadmin.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum action {
    ACTION_HELP,
    ACTION_SHOW_LINKS,
    ACTION_SHOW_ADDRESSES,
    ACTION_SHOW_ROUTES,
    ACTION_SHOW_NEIGHBOURS,
    ACTION_ADD_ADDRESS,
    ACTION_REMOVE_ADDRESS,
    ACTION_ADD_ROUTE,
    ACTION_REMOVE_ROUTE,
    ACTION_ADD_NEIGHBOUR,
    ACTION_REMOVE_NEIGHBOUR,
    ACTION_FLUSH_NEIGHBOURS,
    ACTION_SHOW_FORWARDING,
    ACTION_SET_FORWARDING
};

struct command {
    enum action action;
    const char *device; /* null: none was named */
    struct netadmin_address address;
    struct netadmin_route route;
    struct netadmin_neighbour neighbour;
    bool on;
};

#define MISTAKE_SIZE 128

extern const char ip_usage[];

/* Reads the words behind the program's name. False: `mistake` says what is wrong with them. */
bool parse_command(int count, char **words, struct command *command, char mistake[MISTAKE_SIZE]);

/* What tcpip says there is. */
struct links {
    struct netadmin_link entry[8];
    size_t count;
};

/* The link of that name, or number; null: none. */
const struct netadmin_link *link_named(const struct links *links, const char *name);

/* Tables as iproute2 prints them; `only`: number of the link to be shown, 0 for all. */
void show_links(FILE *out, const struct links *links, uint32_t only);
void show_addresses(FILE *out, const struct links *links, uint32_t only,
                    const struct netadmin_address *addresses, size_t count);
void show_routes(FILE *out, const struct links *links, uint32_t only, const struct netadmin_route *routes,
                 size_t count);
void show_neighbours(FILE *out, const struct links *links, uint32_t only,
                     const struct netadmin_neighbour *neighbours, size_t count);
