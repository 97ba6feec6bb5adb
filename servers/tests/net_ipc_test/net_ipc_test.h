/* net_ipc_test.h: what the parts of the test share. */
#pragma once

#include "../check.h"
#include <ipc/tcpip.h>

#define SLOTS        1024
#define REPORT_USAGE 3

struct client {
    handle_t ready, event, session;
    volatile uint32_t *words;
};

enum error client_open(handle_t port, struct client *client);
void client_close(struct client *client);

struct usage {
    uint32_t sessions, sockets, parked;
};
struct usage usage_now(handle_t port);
/* Whether tcpip comes to hold that much and no more, within two seconds. */
bool usage_returns(handle_t port, struct usage wanted);

void test_objects(struct checks *t, handle_t port);
void test_messages(struct checks *t, handle_t port);
void test_floods(struct checks *t, handle_t port);
void test_deaths(struct checks *t, handle_t port, const char *host, const char *silent_port);
/* Waits in the call of that phase until it is killed. */
int child(handle_t port, int phase, const char *host, const char *silent_port);
