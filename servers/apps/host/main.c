/* host: the addresses behind a name, as getaddrinfo finds them. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

static int look_up(const char *name) {
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int error = getaddrinfo(name, NULL, &hints, &found);
    if (error) {
        fprintf(stderr, "host: %s: %s\n", name, gai_strerror(error));
        return 1;
    }
    for (const struct addrinfo *each = found; each; each = each->ai_next) {
        char text[INET_ADDRSTRLEN];
        const struct sockaddr_in *address = (const void *)each->ai_addr;
        printf("%s has address %s\n", name, inet_ntop(AF_INET, &address->sin_addr, text, sizeof text));
    }
    freeaddrinfo(found);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: host NAME...\n", stderr);
        return 2;
    }
    int worst = 0;
    for (int i = 1; i < argc; i++) {
        worst |= look_up(argv[i]);
    }
    return worst;
}
