/* show.c: tables as iproute2 prints them. */
#include "ip.h"
#include <string.h>

#define ADDRESS_TEXT 16

const struct netadmin_link *link_named(const struct links *links, const char *name) {
    for (size_t i = 0; i < links->count; i++) {
        if (strcmp(links->entry[i].name, name) == 0) {
            return &links->entry[i];
        }
    }
    return NULL;
}

static const char *name_of(const struct links *links, uint32_t number) {
    for (size_t i = 0; i < links->count; i++) {
        if (links->entry[i].number == number) {
            return links->entry[i].name;
        }
    }
    return "?";
}

static bool is_shown(uint32_t link, uint32_t only) {
    return only == 0 || link == only;
}

static const char *quad(char text[ADDRESS_TEXT], const uint8_t *b) {
    snprintf(text, ADDRESS_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    return text;
}

static bool is_any(const uint8_t address[16]) {
    static const uint8_t none[16];
    return memcmp(address, none, sizeof none) == 0;
}

static void print_mac(FILE *out, const uint8_t m[6]) {
    fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* ---- Links ---- */

static void show_link(FILE *out, const struct netadmin_link *link) {
    bool loopback = (link->flags & NETADMIN_LOOPBACK) != 0, running = (link->flags & NETADMIN_RUNNING) != 0;
    fprintf(out, "%u: %s: <%s%s%s> mtu %u state %s\n    link/%s ", link->number, link->name,
            loopback  ? "LOOPBACK"
            : running ? "BROADCAST,MULTICAST"
                      : "NO-CARRIER,BROADCAST,MULTICAST",
            (link->flags & NETADMIN_UP) != 0 ? ",UP" : "", running ? ",LOWER_UP" : "", link->mtu,
            loopback  ? "UNKNOWN"
            : running ? "UP"
                      : "DOWN",
            loopback ? "loopback" : "ether");
    print_mac(out, link->mac);
    fprintf(out, " brd %s\n", loopback ? "00:00:00:00:00:00" : "ff:ff:ff:ff:ff:ff");
}

void show_links(FILE *out, const struct links *links, uint32_t only) {
    for (size_t i = 0; i < links->count; i++) {
        if (is_shown(links->entry[i].number, only)) {
            show_link(out, &links->entry[i]);
        }
    }
}

/* ---- Addresses ---- */

static void show_address(FILE *out, const struct netadmin_link *link,
                         const struct netadmin_address *address) {
    char text[ADDRESS_TEXT];
    bool loopback = (link->flags & NETADMIN_LOOPBACK) != 0;
    fprintf(out, "    inet %s/%u", quad(text, address->address), address->prefix_length);
    if (!loopback && address->prefix_length < 31) {
        uint8_t broadcast[4];
        uint32_t host = UINT32_MAX >> address->prefix_length;
        for (int i = 0; i < 4; i++) {
            broadcast[i] = (uint8_t)(address->address[i] | host >> (24 - 8 * i));
        }
        fprintf(out, " brd %s", quad(text, broadcast));
    }
    fprintf(out, " scope %s%s%s%s%s %s\n", loopback ? "host" : "global",
            (address->flags & NETADMIN_SECONDARY) != 0 ? " secondary" : "",
            address->origin == NETADMIN_FROM_LEASE ? " dynamic" : "",
            (address->flags & NETADMIN_DUPLICATE) != 0 ? " dadfailed" : "",
            (address->flags & NETADMIN_TENTATIVE) != 0 ? " tentative" : "", link->name);
}

void show_addresses(FILE *out, const struct links *links, uint32_t only,
                    const struct netadmin_address *addresses, size_t count) {
    for (size_t i = 0; i < links->count; i++) {
        const struct netadmin_link *link = &links->entry[i];
        if (!is_shown(link->number, only)) {
            continue;
        }
        show_link(out, link);
        for (size_t a = 0; a < count; a++) {
            if (addresses[a].link == link->number) {
                show_address(out, link, &addresses[a]);
            }
        }
    }
}

/* ---- Routes ---- */

static void show_route(FILE *out, const struct links *links, const struct netadmin_route *route) {
    static const char *const protocols[] = {"", " proto dhcp", " proto kernel"};
    char text[ADDRESS_TEXT];
    bool direct = is_any(route->gateway);
    if (route->prefix_length == 0) {
        fprintf(out, "default");
    } else {
        fprintf(out, "%s", quad(text, route->destination));
    }
    if (route->prefix_length != 0 && route->prefix_length != 32) {
        fprintf(out, "/%u", route->prefix_length);
    }
    if (!direct) {
        fprintf(out, " via %s", quad(text, route->gateway));
    }
    fprintf(out, " dev %s%s%s", name_of(links, route->link),
            route->origin <= NETADMIN_FROM_ADDRESS ? protocols[route->origin] : "",
            direct ? " scope link" : "");
    if (!is_any(route->source)) {
        fprintf(out, " src %s", quad(text, route->source));
    }
    if (route->metric != 0) {
        fprintf(out, " metric %u", route->metric);
    }
    fputc('\n', out);
}

/* The table goes from the longest prefix to the default route; people look for that first. */
void show_routes(FILE *out, const struct links *links, uint32_t only, const struct netadmin_route *routes,
                 size_t count) {
    for (int defaults = 1; defaults >= 0; defaults--) {
        for (size_t i = 0; i < count; i++) {
            if ((routes[i].prefix_length == 0) == (defaults == 1) && is_shown(routes[i].link, only)) {
                show_route(out, links, &routes[i]);
            }
        }
    }
}

/* ---- Neighbours ---- */

void show_neighbours(FILE *out, const struct links *links, uint32_t only,
                     const struct netadmin_neighbour *neighbours, size_t count) {
    static const char *const states[] = {"NONE",  "INCOMPLETE", "REACHABLE", "STALE",
                                         "DELAY", "PROBE",      "FAILED",    "PERMANENT"};
    static const uint8_t unknown[6];
    for (size_t i = 0; i < count; i++) {
        const struct netadmin_neighbour *neighbour = &neighbours[i];
        char text[ADDRESS_TEXT];
        if (!is_shown(neighbour->link, only)) {
            continue;
        }
        fprintf(out, "%s dev %s ", quad(text, neighbour->address), name_of(links, neighbour->link));
        if (memcmp(neighbour->mac, unknown, sizeof unknown) != 0) {
            fprintf(out, "lladdr ");
            print_mac(out, neighbour->mac);
            fputc(' ', out);
        }
        fprintf(out, "%s\n", states[neighbour->state < 8 ? neighbour->state : 0]);
    }
}
