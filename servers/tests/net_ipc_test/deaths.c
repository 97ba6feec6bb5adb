/* deaths.c: children that are killed while tcpip keeps their call. */
#include "net_ipc_test.h"
#include <arpa/inet.h>
#include <ipc/init.h>
#include <os/os.h>
#include <stdlib.h>
#include <string.h>

enum phase { ACCEPTING, CONNECTING, RECEIVING_DATAGRAM, RESOLVING, RECEIVING, SENDING, IDLE, PHASES };

static struct tcpip_endpoint endpoint(const char *host, int port) {
    struct tcpip_endpoint endpoint = {.family = 4, .port = (uint16_t)port};
    (void)inet_pton(AF_INET, host, endpoint.address);
    return endpoint;
}

static int wait_in(struct client *client, handle_t stream, handle_t datagram, enum phase phase) {
    static uint8_t bytes[65536];
    struct tcpip_endpoint peer, nobody = endpoint("10.0.2.99", 9), any = {.family = 4};
    handle_t accepted;
    uint32_t slot, sent;
    uint64_t word[4];
    size_t got;
    switch (phase) {
    case ACCEPTING:
        return tcpip_listen(stream, 4) != ERR_NONE ||
               tcpip_accept(stream, true, &accepted, &slot, &peer) != ERR_NONE;
    case CONNECTING: return tcpip_connect(stream, true, &nobody) != ERR_NONE;
    case RECEIVING_DATAGRAM:
        return tcpip_bind(datagram, &any) != ERR_NONE ||
               tcpip_receive_from(datagram, true, false, 99, &word[0], &word[1], &word[2], &word[3], bytes,
                                  sizeof bytes, &got) != ERR_NONE;
    case RESOLVING: return tcpip_resolve(client->session, 4, "a.name.invalid", bytes, 1024, &got) != ERR_NONE;
    case RECEIVING: return tcpip_receive(stream, true, false, 99, bytes, sizeof bytes, &got) != ERR_NONE;
    case SENDING:
        while (tcpip_send(stream, true, false, bytes, sizeof bytes, &sent) == ERR_NONE) {
        }
        return 1;
    default: clock_sleep_until(NEVER); return 0;
    }
}

int child(handle_t port, int phase, const char *host, const char *silent_port) {
    struct client client;
    handle_t stream, datagram;
    uint32_t slot;
    struct tcpip_endpoint peer = endpoint(host, atoi(silent_port));
    if (client_open(port, &client) != ERR_NONE ||
        tcpip_socket(client.session, TCPIP_STREAM, &stream, &slot) != ERR_NONE ||
        tcpip_socket(client.session, TCPIP_DATAGRAM, &datagram, &slot) != ERR_NONE) {
        return 1;
    }
    if ((phase == RECEIVING || phase == SENDING) && tcpip_connect(stream, true, &peer) != ERR_NONE) {
        return 1;
    }
    return wait_in(&client, stream, datagram, (enum phase)phase);
}

static enum error start_child(int phase, const char *host, const char *silent_port, uint32_t *id) {
    char arguments[256];
    int length = snprintf(arguments, sizeof arguments, "net_ipc_test%cchild%c%d%c%s%c%s", 0, 0, phase, 0,
                          host, 0, silent_port);
    return init_spawn(start_handle("init"), 0, 0, HANDLE_NONE, HANDLE_NONE, HANDLE_NONE, HANDLE_NONE,
                      arguments, (size_t)length + 1, id);
}

/* Waits until the child is in the middle of it: its call parked, or its sockets open. */
static bool in_the_middle(handle_t port, struct usage before, int phase) {
    for (int i = 0; i < 300; i++) {
        struct usage now = usage_now(port);
        if (now.parked > before.parked || (phase == IDLE && now.sockets >= before.sockets + 2)) {
            return true;
        }
        clock_sleep_until(clock_now() + 10000000);
    }
    return false;
}

void test_deaths(struct checks *t, handle_t port, const char *host, const char *silent_port) {
    handle_t init = start_handle("init");
    for (int phase = 0; phase < PHASES; phase++) {
        struct usage before = usage_now(port);
        uint32_t id = 0, end;
        int64_t status;
        CHECK_EQUAL(t, start_child(phase, host, silent_port, &id), ERR_NONE);
        CHECK(t,
              in_the_middle(port, before, phase) || phase == RESOLVING); /* the answer may have been quick */
        enum error killed = init_kill(init, id, "");
        CHECK(t, killed == ERR_NONE || phase == RESOLVING);
        CHECK_EQUAL(t, init_wait(init, id, true, &end, &status), ERR_NONE);
        CHECK(t, usage_returns(port, before));
    }
}
