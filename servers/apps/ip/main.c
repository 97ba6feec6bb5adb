/* ip: addresses, routes, neighbours and links, in the manner of iproute2. To change them it comes to tcpip by
 * the name "netadmin", which the manifest gives to it and to few others; to look at them any way will do. */
#include "ip.h"
#include <os/os.h>
#include <string.h>

enum { EXIT_DONE, EXIT_MISTAKE, EXIT_REFUSED };

#define TABLE_SIZE 4096

static enum error find_server(handle_t *server) {
    enum error error = name_try("netadmin", server);
    return error == ERR_NO_RIGHT || error == ERR_NOT_FOUND ? name_find("tcpip", server) : error;
}

static enum error fetch_links(handle_t server, struct links *links) {
    size_t length = 0;
    enum error error = netadmin_links(server, links->entry, sizeof links->entry, &length);
    links->count = length / sizeof links->entry[0];
    return error;
}

/* The number of the link that the command names; 0: it names none. False: there is none of that name. */
static bool find_device(const struct command *command, const struct links *links, uint32_t *number) {
    *number = 0;
    if (command->device == NULL) {
        return true;
    }
    const struct netadmin_link *link = link_named(links, command->device);
    *number = link != NULL ? link->number : 0;
    return link != NULL;
}

/* ---- Tables ---- */

static enum error show_all_addresses(handle_t server, const struct links *links, uint32_t link) {
    struct netadmin_address table[TABLE_SIZE / sizeof(struct netadmin_address)];
    size_t length = 0;
    enum error error = netadmin_addresses(server, table, sizeof table, &length);
    if (error == ERR_NONE) {
        show_addresses(stdout, links, link, table, length / sizeof table[0]);
    }
    return error;
}

static enum error show_all_routes(handle_t server, const struct links *links, uint32_t link) {
    struct netadmin_route table[TABLE_SIZE / sizeof(struct netadmin_route)];
    size_t length = 0;
    enum error error = netadmin_routes(server, table, sizeof table, &length);
    if (error == ERR_NONE) {
        show_routes(stdout, links, link, table, length / sizeof table[0]);
    }
    return error;
}

static enum error show_all_neighbours(handle_t server, const struct links *links, uint32_t link) {
    struct netadmin_neighbour table[TABLE_SIZE / sizeof(struct netadmin_neighbour)];
    size_t length = 0;
    enum error error = netadmin_neighbours(server, table, sizeof table, &length);
    if (error == ERR_NONE) {
        show_neighbours(stdout, links, link, table, length / sizeof table[0]);
    }
    return error;
}

static enum error show_forwarding(handle_t server) {
    uint32_t on = 0;
    enum error error = netadmin_forwarding(server, &on);
    if (error == ERR_NONE) {
        puts(on != 0 ? "on" : "off");
    }
    return error;
}

/* ---- Commands ---- */

static enum error carry_out(handle_t server, struct command *command, const struct links *links,
                            uint32_t link) {
    command->address.link = command->route.link = command->neighbour.link = link;
    switch (command->action) {
    case ACTION_SHOW_LINKS: show_links(stdout, links, link); return ERR_NONE;
    case ACTION_SHOW_ADDRESSES: return show_all_addresses(server, links, link);
    case ACTION_SHOW_ROUTES: return show_all_routes(server, links, link);
    case ACTION_SHOW_NEIGHBOURS: return show_all_neighbours(server, links, link);
    case ACTION_ADD_ADDRESS: return netadmin_address_add(server, &command->address);
    case ACTION_REMOVE_ADDRESS: return netadmin_address_remove(server, &command->address);
    case ACTION_ADD_ROUTE: return netadmin_route_add(server, &command->route);
    case ACTION_REMOVE_ROUTE: return netadmin_route_remove(server, &command->route);
    case ACTION_ADD_NEIGHBOUR: return netadmin_neighbour_add(server, &command->neighbour);
    case ACTION_REMOVE_NEIGHBOUR: return netadmin_neighbour_remove(server, &command->neighbour);
    case ACTION_FLUSH_NEIGHBOURS: return netadmin_neighbour_flush(server);
    case ACTION_SHOW_FORWARDING: return show_forwarding(server);
    case ACTION_SET_FORWARDING: return netadmin_forwarding_set(server, command->on);
    case ACTION_HELP: fputs(ip_usage, stdout); return ERR_NONE;
    }
    return ERR_INVALID;
}

int main(int argc, char **argv) {
    struct command command = {.action = ACTION_HELP};
    struct links links = {.count = 0};
    char mistake[MISTAKE_SIZE];
    handle_t server = HANDLE_NONE;
    uint32_t link = 0;
    if (!parse_command(argc - 1, argv + 1, &command, mistake)) {
        fprintf(stderr, "ip: %s\n%s", mistake, ip_usage);
        return EXIT_MISTAKE;
    }
    enum error error = command.action == ACTION_HELP ? ERR_NONE : find_server(&server);
    if (error == ERR_NONE && command.action != ACTION_HELP) {
        error = fetch_links(server, &links);
    }
    if (error == ERR_NONE && !find_device(&command, &links, &link)) {
        fprintf(stderr, "ip: there is no link \"%s\"\n", command.device);
        return EXIT_MISTAKE;
    }
    error = error == ERR_NONE ? carry_out(server, &command, &links, link) : error;
    if (error != ERR_NONE) {
        fprintf(stderr, "ip: %s\n", error_text(error));
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}
