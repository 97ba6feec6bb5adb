/* net_ipc_test: [HOST PORT]: speaks to tcpip over its IPC interface, well and badly: wrong objects, lengths,
 * handles and addresses, floods, and children that die in the middle of a call. Afterwards tcpip must hold
 * what it held before. HOST PORT: a server on another machine that accepts and then stays silent.
 * `net_ipc_test child PHASE HOST PORT` is such a child. */
#include "net_ipc_test.h"
#include <os/os.h>
#include <stdlib.h>
#include <string.h>

enum error client_open(handle_t port, struct client *client) {
    void *words;
    enum error error = memory_make(SLOTS * sizeof(uint32_t), false, &client->ready, &words);
    client->words = words;
    if (error == ERR_NONE) {
        error = event_make(&client->event);
    }
    return error == ERR_NONE ? tcpip_attach(port, client->ready, client->event, &client->session) : error;
}

void client_close(struct client *client) {
    (void)!handle_close(client->session);
    (void)!handle_close(client->event);
    (void)!handle_close(client->ready);
    (void)!memory_unmap((void *)client->words, PAGE_SIZE);
}

/* The number behind a name in tcpip's report. */
static uint32_t value_of(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at != NULL ? (uint32_t)strtoul(at + strlen(name), NULL, 10) : 0;
}

struct usage usage_now(handle_t port) {
    static char text[65536];
    size_t length = 0;
    enum error error = tcpip_report(port, REPORT_USAGE, text, sizeof text - 1, &length);
    text[error == ERR_NONE ? length : 0] = '\0';
    return (struct usage){value_of(text, "\nsessions "), value_of(text, "\nclient_sockets "),
                          value_of(text, "\nparked_calls ")};
}

bool usage_returns(handle_t port, struct usage wanted) {
    for (int i = 0; i < 200; i++) {
        struct usage now = usage_now(port);
        if (memcmp(&now, &wanted, sizeof now) == 0) {
            return true;
        }
        clock_sleep_until(clock_now() + 10000000);
    }
    return false;
}

/* What tcpip holds for others, when nobody has come or gone for a while. */
static struct usage usage_settled(handle_t port) {
    struct usage last = usage_now(port);
    for (int quiet = 0; quiet < 50;) {
        clock_sleep_until(clock_now() + 10000000);
        struct usage now = usage_now(port);
        quiet = memcmp(&now, &last, sizeof now) == 0 ? quiet + 1 : 0;
        last = now;
    }
    return last;
}

int main(int argc, char **argv) {
    struct checks checks = {0};
    handle_t port;
    if (name_find("tcpip", &port) != ERR_NONE) {
        printf("net_ipc_test: no network server\n");
        return 1;
    }
    if (argc == 5 && strcmp(argv[1], "child") == 0) {
        return child(port, atoi(argv[2]), argv[3], argv[4]);
    }
    struct usage before = usage_settled(port);
    test_objects(&checks, port);
    test_messages(&checks, port);
    test_floods(&checks, port);
    if (argc == 3) {
        test_deaths(&checks, port, argv[1], argv[2]);
    }
    CHECK(&checks, usage_returns(port, before));
    return check_report(&checks, "net_ipc_test");
}
