/* names.c: host and service names. Numeric addresses are answered here, names by tcpip's resolver. */
#include "socket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_MAX 16

struct service {
    const char *name;
    uint16_t port;
};

static const struct service services[] = {{"echo", 7},    {"discard", 9}, {"daytime", 13}, {"chargen", 19},
                                          {"ftp", 21},    {"ssh", 22},    {"telnet", 23},  {"smtp", 25},
                                          {"domain", 53}, {"tftp", 69},   {"http", 80},    {"pop3", 110},
                                          {"ntp", 123},   {"imap", 143},  {"https", 443}};

static bool find_port(const char *text, bool numeric_only, uint16_t *port) {
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number <= 65535) {
        *port = (uint16_t)number;
        return true;
    }
    for (size_t i = 0; !numeric_only && i < sizeof services / sizeof services[0]; i++) {
        if (strcmp(services[i].name, text) == 0) {
            *port = services[i].port;
            return true;
        }
    }
    return false;
}

static int lookup_error(enum error error) {
    switch (error) {
    case ERR_NONE: return 0;
    case ERR_NO_NAME:
    case ERR_INVALID: return EAI_NONAME;
    case ERR_NAME_SERVER:
    case ERR_TIMED_OUT:
    case ERR_TOO_MANY: return EAI_AGAIN;
    case ERR_NO_MEMORY: return EAI_MEMORY;
    default: posix_fail_socket(error); return EAI_SYSTEM;
    }
}

static enum error ask(const char *name, struct tcpip_endpoint *found, size_t *count) {
    enum error error = ERR_DEAD;
    size_t length = 0;
    posix_flush();
    for (int attempt = 0; attempt < 2 && error == ERR_DEAD; attempt++) {
        struct session *session;
        error = posix_session_open(&session);
        if (error == ERR_NONE) {
            error = tcpip_resolve(session->handle, 4, name, found, ADDRESSES_MAX * sizeof *found, &length);
            error = posix_session_result(session->generation, error);
        }
    }
    *count = length / sizeof *found;
    return error;
}

/* The addresses of `node`: of this machine when it is null. 0 or EAI_*. */
static int find_addresses(const char *node, int flags, struct in_addr addresses[ADDRESSES_MAX],
                          size_t *count) {
    *count = 1;
    if (node == NULL || strcmp(node, "localhost") == 0) {
        addresses[0].s_addr = htonl(node == NULL && (flags & AI_PASSIVE) != 0 ? INADDR_ANY : INADDR_LOOPBACK);
        return 0;
    }
    if (inet_aton(node, &addresses[0]) != 0) {
        return 0;
    }
    if ((flags & AI_NUMERICHOST) != 0 || strlen(node) > 253) {
        return EAI_NONAME;
    }
    struct tcpip_endpoint found[ADDRESSES_MAX];
    int result = lookup_error(ask(node, found, count));
    for (size_t i = 0; result == 0 && i < *count; i++) {
        memcpy(&addresses[i], found[i].address, sizeof addresses[i]);
    }
    return result == 0 && *count == 0 ? EAI_NONAME : result;
}

/* One entry of the answer, with its address behind it in the same memory. */
static struct addrinfo *make_entry(struct in_addr address, uint16_t port, int type) {
    struct entry {
        struct addrinfo info;
        struct sockaddr_in address;
    } *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    entry->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
    entry->info = (struct addrinfo){.ai_family = AF_INET,
                                    .ai_socktype = type,
                                    .ai_protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP,
                                    .ai_addrlen = sizeof entry->address,
                                    .ai_addr = (struct sockaddr *)&entry->address};
    return &entry->info;
}

static int check_hints(const struct addrinfo *hints) {
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET) {
        return EAI_FAMILY;
    }
    if (hints->ai_socktype != 0 && hints->ai_socktype != SOCK_STREAM && hints->ai_socktype != SOCK_DGRAM) {
        return EAI_SOCKTYPE;
    }
    return 0;
}

/* Builds the list: each address for each kind of socket that the hints leave open. */
static int build(const struct in_addr *addresses, size_t count, uint16_t port, const struct addrinfo *hints,
                 const char *name, struct addrinfo **result) {
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    struct addrinfo **tail = result;
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; t < 2; t++) {
            if (hints->ai_socktype != 0 && hints->ai_socktype != types[t]) {
                continue;
            }
            *tail = make_entry(addresses[i], port, types[t]);
            if (*tail == NULL) {
                return EAI_MEMORY;
            }
            tail = &(*tail)->ai_next;
        }
    }
    if ((hints->ai_flags & AI_CANONNAME) != 0 &&
        ((*result)->ai_canonname = strdup(name != NULL ? name : "")) == NULL) {
        return EAI_MEMORY;
    }
    return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
    static const struct addrinfo no_hints;
    struct in_addr addresses[ADDRESSES_MAX];
    size_t count;
    uint16_t port = 0;
    *result = NULL;
    hints = hints != NULL ? hints : &no_hints;
    int error = node == NULL && service == NULL ? EAI_NONAME : check_hints(hints);
    if (error == 0 && service != NULL &&
        !find_port(service, (hints->ai_flags & AI_NUMERICSERV) != 0, &port)) {
        error = EAI_SERVICE;
    }
    if (error == 0) {
        error = find_addresses(node, hints->ai_flags, addresses, &count);
    }
    if (error == 0) {
        error = build(addresses, count, port, hints, node, result);
    }
    if (error != 0) {
        freeaddrinfo(*result);
        *result = NULL;
    }
    return error;
}

void freeaddrinfo(struct addrinfo *list) {
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_canonname);
        free(list);
        list = next;
    }
}

const char *gai_strerror(int error) {
    switch (error) {
    case 0: return "no error";
    case EAI_BADFLAGS: return "bad flags";
    case EAI_NONAME: return "name or service not known";
    case EAI_AGAIN: return "temporary failure in name resolution";
    case EAI_FAIL: return "name resolution failed";
    case EAI_NODATA: return "no address for this name";
    case EAI_FAMILY: return "address family not supported";
    case EAI_SOCKTYPE: return "socket type not supported";
    case EAI_SERVICE: return "service not known";
    case EAI_MEMORY: return "out of memory";
    case EAI_SYSTEM: return "system error";
    case EAI_OVERFLOW: return "buffer too small";
    default: return "unknown error";
    }
}

static const char *service_name(uint16_t port) {
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (services[i].port == port) {
            return services[i].name;
        }
    }
    return NULL;
}

/* Hosts are told by number: nobody is asked for the name of an address. */
int getnameinfo(const struct sockaddr *address, socklen_t length, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags) {
    struct sockaddr_in in;
    if (length < sizeof in || address->sa_family != AF_INET) {
        return EAI_FAMILY;
    }
    memcpy(&in, address, sizeof in);
    if (host != NULL && host_size != 0) {
        if ((flags & NI_NAMEREQD) != 0) {
            return EAI_NONAME;
        }
        if (inet_ntop(AF_INET, &in.sin_addr, host, host_size) == NULL) {
            return EAI_OVERFLOW;
        }
    }
    if (service != NULL && service_size != 0) {
        const char *name = (flags & NI_NUMERICSERV) == 0 ? service_name(ntohs(in.sin_port)) : NULL;
        int written = name != NULL ? snprintf(service, service_size, "%s", name)
                                   : snprintf(service, service_size, "%u", ntohs(in.sin_port));
        if (written < 0 || (socklen_t)written >= service_size) {
            return EAI_OVERFLOW;
        }
    }
    return 0;
}
