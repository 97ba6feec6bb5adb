/* test_calls.c: sessions, sockets, parked calls and readiness, against the real engine, with clients that die
 * or lie. */
#include "fake.h"
#include <ipc/netadmin.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK(call) assert_int_equal(call, ERR_NONE)

static const struct tcpip_endpoint any80 = {.family = 4, .port = 80};
static const struct tcpip_endpoint peer80 = {.family = 4, .port = 80, .address = {10, 0, 0, 2}};
static uint8_t out[65536], in[65536];

struct use {
    uint32_t sessions, sockets, calls, handles;
};

static struct use use_now(void) {
    fake_pump();
    const struct tcpip *tcpip = fake_get()->tcpip;
    return (struct use){tcpip->sessions_used, tcpip->sockets_used, tcpip->calls_used, fake_handles_used()};
}

static void assert_unused(struct use before) {
    struct use after = use_now();
    assert_int_equal(after.sessions, before.sessions);
    assert_int_equal(after.sockets, before.sockets);
    assert_int_equal(after.calls, before.calls);
    assert_int_equal(after.handles, before.handles);
}

static int setup(void **state) {
    fake_start();
    return 0;
}

static int teardown(void **state) {
    fake_stop();
    return 0;
}

static handle_t make_socket(const struct client *client, uint32_t type, uint32_t *slot) {
    handle_t socket = HANDLE_NONE;
    OK(tcpip_socket(client->session, type, &socket, slot));
    return socket;
}

/* A listener of the peer's engine. */
static net_socket_id peer_listens(void) {
    struct net_endpoint local = {.address.family = NET_IPV4, .port = 80};
    net_socket_id id;
    OK(net_open(fake_get()->peer, NET_STREAM, NET_OWNER_ENGINE, &id));
    OK(net_bind(fake_get()->peer, id, &local));
    OK(net_listen(fake_get()->peer, id, 64));
    return id;
}

static net_socket_id peer_accepts(net_socket_id listener) {
    struct net_endpoint from;
    net_socket_id id;
    OK(net_accept(fake_get()->peer, listener, NET_OWNER_ENGINE, &id, &from));
    return id;
}

static net_socket_id peer_connects(void) {
    struct net_endpoint to = {.address = {.family = NET_IPV4, .bytes = {10, 0, 0, 1}}, .port = 80};
    net_socket_id id;
    OK(net_open(fake_get()->peer, NET_STREAM, NET_OWNER_ENGINE, &id));
    assert_int_equal(net_connect(fake_get()->peer, id, &to, tcpip_now()), ERR_IN_PROGRESS);
    return id;
}

/* What the peer has received; 0 when there is nothing yet. */
static size_t peer_reads(net_socket_id peer, uint8_t *data, size_t capacity) {
    size_t got = 0;
    enum error error = net_read(fake_get()->peer, peer, data, capacity, &got, tcpip_now());
    assert_true(error == ERR_NONE || error == ERR_WOULD_BLOCK);
    return got;
}

/* A client's socket connected to *peer. */
static handle_t connected(const struct client *client, uint32_t *slot, net_socket_id *peer) {
    static net_socket_id listener;
    listener = peer_listens();
    handle_t socket = make_socket(client, TCPIP_STREAM, slot);
    assert_int_equal(tcpip_connect(socket, true, &peer80), FAKE_PENDING);
    fake_pump();
    assert_true(fake_parked()->answered);
    assert_int_equal(fake_parked()->word[0], ERR_NONE);
    fake_parked()->used = false;
    *peer = peer_accepts(listener);
    OK(net_close(fake_get()->peer, listener, tcpip_now()));
    return socket;
}

static handle_t listening(const struct client *client, uint32_t *slot) {
    handle_t socket = make_socket(client, TCPIP_STREAM, slot);
    OK(tcpip_bind(socket, &any80));
    OK(tcpip_listen(socket, 16));
    return socket;
}

/* ---- Sessions ---- */

static void attach_refuses_what_is_no_page_or_event(void **state) {
    struct use before = use_now();
    handle_t page = fake_memory(4096), event = fake_event(), huge = fake_memory(READY_PAGE_MAX + 4096);
    handle_t empty = fake_memory(0), session, mute, read_only;
    OK(handle_duplicate(event, RIGHT_WAIT | RIGHT_PASS, 0, &mute));
    OK(handle_duplicate(page, RIGHT_READ | RIGHT_PASS, 0, &read_only));
    handle_t port = fake_get()->port;
    assert_int_equal(tcpip_attach(port, event, event, &session), ERR_INVALID);
    assert_int_equal(tcpip_attach(port, page, page, &session), ERR_INVALID);
    assert_int_equal(tcpip_attach(port, huge, event, &session), ERR_INVALID);
    assert_int_equal(tcpip_attach(port, empty, event, &session), ERR_INVALID);
    assert_int_equal(tcpip_attach(port, page, mute, &session), ERR_INVALID);
    assert_int_equal(tcpip_attach(port, read_only, event, &session), ERR_INVALID);
    assert_int_equal(tcpip_attach(port, page, HANDLE_NONE, &session), ERR_INVALID);
    handle_t all[] = {page, event, huge, empty, mute, read_only};
    for (size_t i = 0; i < 6; i++) {
        OK(handle_close(all[i]));
    }
    assert_unused(before);
}

static void flood_of_sessions_ends_in_an_error(void **state) {
    struct use before = use_now();
    struct client clients[SESSIONS_MAX];
    handle_t session;
    for (int i = 0; i < SESSIONS_MAX; i++) {
        clients[i] = client_make(64);
    }
    assert_int_equal(tcpip_attach(fake_get()->port, clients[0].ready, clients[0].event, &session),
                     ERR_TOO_MANY);
    for (int i = 0; i < SESSIONS_MAX; i++) {
        client_close(&clients[i]);
    }
    assert_unused(before);
    clients[0] = client_make(64);
    client_close(&clients[0]);
    assert_unused(before);
}

static void sockets_are_bounded_by_the_page(void **state) {
    struct use before = use_now();
    struct client client = client_make(8), other = client_make(8);
    handle_t sockets[8], more;
    uint32_t slot;
    for (int i = 0; i < 8; i++) {
        sockets[i] = make_socket(&client, TCPIP_STREAM, &slot);
        assert_true(slot < 8);
    }
    assert_int_equal(tcpip_socket(client.session, TCPIP_STREAM, &more, &slot), ERR_TOO_MANY);
    handle_t mine = make_socket(&other, TCPIP_STREAM, &slot);
    OK(handle_close(sockets[3]));
    OK(tcpip_socket(client.session, TCPIP_STREAM, &sockets[3], &slot));
    for (int i = 0; i < 8; i++) {
        OK(handle_close(sockets[i]));
    }
    OK(handle_close(mine));
    client_close(&client);
    client_close(&other);
    assert_unused(before);
}

static void calls_on_the_wrong_object_are_refused(void **state) {
    struct use before = use_now();
    struct client client = client_make(64);
    handle_t port = fake_get()->port, none;
    uint32_t slot, value;
    uint64_t ticket;
    handle_t socket = make_socket(&client, TCPIP_STREAM, &slot);
    assert_int_equal(tcpip_socket(port, TCPIP_STREAM, &none, &slot), ERR_INVALID);
    assert_int_equal(tcpip_socket(socket, TCPIP_STREAM, &none, &slot), ERR_INVALID);
    assert_int_equal(tcpip_socket(client.session, 0, &none, &slot), ERR_INVALID);
    assert_int_equal(tcpip_socket(client.session, 3, &none, &slot), ERR_INVALID);
    assert_int_equal(tcpip_bind(client.session, &any80), ERR_INVALID);
    assert_int_equal(tcpip_listen(port, 4), ERR_INVALID);
    assert_int_equal(tcpip_error(client.session, &value), ERR_INVALID);
    assert_int_equal(tcpip_ticket(socket, &ticket), ERR_INVALID);
    assert_int_equal(tcpip_adopt(socket, 12345, &none, &slot, &value), ERR_INVALID);
    assert_int_equal(tcpip_shutdown(socket, 3), ERR_INVALID);
    OK(tcpip_close(socket));
    assert_int_equal(tcpip_close(socket), ERR_BAD_HANDLE);
    assert_int_equal(tcpip_bind(socket, &any80), ERR_BAD_HANDLE);
    assert_int_equal(client.words[slot] & NET_READY_HANGUP, NET_READY_HANGUP);
    OK(handle_close(socket));
    client_close(&client);
    assert_unused(before);
}

/* ---- Streams ---- */

static void bytes_go_both_ways(void **state) {
    struct use before = use_now();
    struct client client = client_make(64);
    net_socket_id peer;
    uint32_t slot, sent;
    size_t got, total = 0;
    handle_t socket = connected(&client, &slot, &peer);
    assert_int_equal(client.words[slot], NET_READY_OUT);
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(i * 31);
    }
    OK(tcpip_send(socket, false, false, out, 50000, &sent));
    assert_int_equal(sent, 50000);
    while (total < 50000) {
        fake_pump();
        OK(net_read(fake_get()->peer, peer, in + total, sizeof in - total, &got, tcpip_now()));
        total += got;
    }
    assert_memory_equal(in, out, 50000);
    OK(net_send(fake_get()->peer, peer, out, 3000, &got, tcpip_now()));
    fake_pump();
    assert_int_equal(client.words[slot], NET_READY_IN | NET_READY_OUT);
    memset(in, 0, sizeof in);
    OK(tcpip_receive(socket, false, true, 100, in, 100, &got));
    OK(tcpip_receive(socket, false, false, sizeof in, in, sizeof in, &got));
    assert_int_equal(got, 3000);
    assert_memory_equal(in, out, 3000);
    assert_int_equal(client.words[slot], NET_READY_OUT);
    assert_int_equal(tcpip_receive(socket, false, false, 1, in, 1, &got), ERR_WOULD_BLOCK);
    OK(net_close(fake_get()->peer, peer, tcpip_now()));
    fake_pump();
    OK(tcpip_receive(socket, false, false, sizeof in, in, sizeof in, &got));
    assert_int_equal(got, 0);
    assert_true(client.words[slot] & NET_READY_EOF);
    OK(handle_close(socket));
    client_close(&client);
    assert_unused(before);
}

static void a_parked_receive_gets_the_next_bytes(void **state) {
    struct client client = client_make(64);
    net_socket_id peer;
    uint32_t slot;
    size_t got;
    handle_t socket = connected(&client, &slot, &peer);
    uint64_t signals = fake_get()->tcpip->counters.signals;
    memset(in, 0, sizeof in);
    assert_int_equal(tcpip_receive(socket, true, false, sizeof in, in, sizeof in, &got), FAKE_PENDING);
    OK(net_send(fake_get()->peer, peer, "hello", 5, &got, tcpip_now()));
    fake_pump();
    assert_true(fake_parked()->answered);
    assert_int_equal(fake_parked()->received, 5);
    assert_memory_equal(in, "hello", 5);
    assert_int_equal(client.words[slot], NET_READY_OUT);
    assert_int_equal(fake_get()->tcpip->counters.signals, signals); /* the answer wakes */
}

static void a_parked_send_goes_on_as_there_is_room(void **state) {
    struct client client = client_make(64);
    net_socket_id peer;
    uint32_t slot, sent;
    size_t got, total = 0;
    handle_t socket = connected(&client, &slot, &peer);
    uint8_t *all = malloc(20 * sizeof out);
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(i * 7 + i / 256);
    }
    int calls = 0;
    while (tcpip_send(socket, true, false, out, sizeof out, &sent) == ERR_NONE) {
        calls++;
    }
    calls++;
    while (total < (size_t)calls * sizeof out) {
        fake_pass(50000000);
        OK(net_read(fake_get()->peer, peer, all + total, 20 * sizeof out - total, &got, tcpip_now()));
        total += got;
    }
    assert_true(fake_parked()->answered);
    assert_int_equal(fake_parked()->word[1], sizeof out);
    for (int i = 0; i < calls; i++) {
        assert_memory_equal(all + (size_t)i * sizeof out, out, sizeof out);
    }
    free(all);
}

static void refused_and_reset_are_told_apart(void **state) {
    struct client client = client_make(64);
    uint32_t slot, pending, sent;
    size_t got;
    handle_t socket = make_socket(&client, TCPIP_STREAM, &slot);
    assert_int_equal(tcpip_connect(socket, true, &peer80), FAKE_PENDING);
    fake_pump();
    assert_true(fake_parked()->answered);
    assert_int_equal(fake_parked()->word[0], ERR_REFUSED);
    handle_t quick = make_socket(&client, TCPIP_STREAM, &slot);
    assert_int_equal(tcpip_connect(quick, false, &peer80), ERR_IN_PROGRESS);
    fake_pump();
    assert_true(client.words[slot] & NET_READY_ERROR);
    OK(tcpip_error(quick, &pending));
    assert_int_equal(pending, ERR_REFUSED);
    net_socket_id peer;
    handle_t third = connected(&client, &slot, &peer);
    OK(net_abort(fake_get()->peer, peer, tcpip_now()));
    fake_pump();
    assert_true(client.words[slot] & NET_READY_ERROR);
    assert_int_equal(tcpip_receive(third, true, false, 10, in, 10, &got), ERR_RESET);
    assert_int_not_equal(tcpip_send(third, true, false, out, 10, &sent), ERR_NONE);
}

/* ---- Accepting ---- */

static void accept_waits_and_gives_a_socket(void **state) {
    struct use before = use_now();
    struct client client = client_make(64);
    struct tcpip_endpoint peer;
    uint32_t slot, second;
    handle_t accepted;
    handle_t listener = listening(&client, &slot);
    assert_int_equal(tcpip_accept(listener, false, &accepted, &second, &peer), ERR_WOULD_BLOCK);
    assert_int_equal(tcpip_accept(listener, true, &accepted, &second, &peer), FAKE_PENDING);
    peer_connects();
    fake_pump();
    assert_true(fake_parked()->answered);
    assert_int_equal(fake_parked()->handle_count, 1);
    OK(handle_close(fake_parked()->handle[0]));
    peer_connects();
    fake_pump();
    assert_int_equal(client.words[slot], NET_READY_IN);
    OK(tcpip_accept(listener, false, &accepted, &second, &peer));
    assert_int_equal(peer.address[3], 2);
    assert_int_equal(client.words[slot], 0);
    OK(handle_close(accepted));
    OK(handle_close(listener));
    client_close(&client);
    assert_unused(before);
}

static void a_connection_is_not_given_to_the_dead(void **state) {
    struct client client = client_make(64);
    struct tcpip_endpoint peer;
    uint32_t slot, second;
    handle_t accepted;
    handle_t listener = listening(&client, &slot);
    assert_int_equal(tcpip_accept(listener, true, &accepted, &second, &peer), FAKE_PENDING);
    fake_kill(fake_parked()); /* another task holds the listener too, so that its handle stays */
    assert_int_equal(tcpip_accept(listener, true, &accepted, &second, &peer), FAKE_PENDING);
    struct fake_caller *alive = fake_parked();
    peer_connects();
    fake_pump();
    assert_true(alive->answered);
    assert_int_equal(alive->word[0], ERR_NONE);
    assert_int_equal(fake_get()->tcpip->calls_used, 0);
}

static void the_parked_table_is_bounded_and_swept(void **state) {
    struct client client = client_make(64);
    struct tcpip_endpoint peer;
    uint32_t slot, second;
    handle_t accepted;
    handle_t listener = listening(&client, &slot);
    struct fake_caller *callers[PARKED_MAX];
    for (int i = 0; i < PARKED_MAX; i++) {
        assert_int_equal(tcpip_accept(listener, true, &accepted, &second, &peer), FAKE_PENDING);
        callers[i] = fake_parked();
    }
    assert_int_equal(tcpip_accept(listener, true, &accepted, &second, &peer), ERR_TOO_MANY);
    for (int i = 0; i < PARKED_MAX; i += 2) {
        fake_kill(callers[i]);
    }
    assert_int_equal(tcpip_accept(listener, true, &accepted, &second, &peer), FAKE_PENDING);
    assert_int_equal(fake_get()->tcpip->calls_used, PARKED_MAX / 2 + 1);
    OK(tcpip_close(listener));
    assert_int_equal(fake_get()->tcpip->calls_used, 0);
    assert_int_equal(callers[1]->word[0], ERR_CANCELLED);
}

/* ---- Death in every phase ---- */

static enum error begin(int phase, handle_t socket, handle_t listener, handle_t datagram, handle_t session) {
    struct tcpip_endpoint peer;
    uint32_t slot, sent;
    uint64_t word[4];
    handle_t accepted;
    size_t got;
    switch (phase) {
    case 0: return tcpip_accept(listener, true, &accepted, &slot, &peer);
    case 1: return tcpip_connect(socket, true, &(struct tcpip_endpoint){4, 81, 0, {10, 0, 0, 77}});
    case 2:
        return tcpip_receive_from(datagram, true, false, 100, &word[0], &word[1], &word[2], &word[3], in, 132,
                                  &got);
    case 3: return tcpip_resolve(session, 4, "www.example.com", in, 1024, &got);
    case 4: return tcpip_receive(socket, true, false, 100, in, 100, &got);
    default:
        while (tcpip_send(socket, true, false, out, sizeof out, &sent) == ERR_NONE) {
        }
        return FAKE_PENDING;
    }
}

static void clients_die_in_every_phase(void **state) {
    for (int phase = 0; phase < 6; phase++) {
        for (int order = 0; order < 2; order++) {
            struct use before = use_now();
            struct client client = client_make(64);
            net_socket_id peer;
            uint32_t slot;
            handle_t listener = listening(&client, &slot);
            handle_t datagram = make_socket(&client, TCPIP_DATAGRAM, &slot);
            handle_t socket =
                phase < 4 ? make_socket(&client, TCPIP_STREAM, &slot) : connected(&client, &slot, &peer);
            OK(tcpip_bind(datagram, &(struct tcpip_endpoint){.family = 4, .port = 5000}));
            enum error error = begin(phase, socket, listener, datagram, client.session);
            assert_true(error == FAKE_PENDING || phase == 3); /* a look-up may fail at once: no server */
            if (error == FAKE_PENDING) {
                fake_kill(fake_parked());
            }
            if (order == 1) {
                client_close(&client);
            }
            OK(handle_close(socket));
            OK(handle_close(datagram));
            OK(handle_close(listener));
            if (order == 0) {
                client_close(&client);
            }
            fake_pass(100000000);
            assert_unused(before);
        }
    }
}

/* ---- Sockets that are handed on ---- */

static void an_adopted_socket_outlives_its_maker(void **state) {
    struct use before = use_now();
    struct client maker = client_make(64), heir = client_make(64);
    net_socket_id peer;
    uint32_t slot, new_slot, type;
    uint64_t ticket;
    size_t got;
    handle_t given, own;
    handle_t socket = connected(&maker, &slot, &peer);
    OK(handle_duplicate(socket, RIGHT_ALL, 0, &given));
    OK(tcpip_ticket(heir.session, &ticket));
    OK(tcpip_adopt(given, ticket, &own, &new_slot, &type));
    OK(handle_close(given));
    assert_int_equal(type, TCPIP_STREAM);
    assert_int_equal(heir.words[new_slot], NET_READY_OUT);
    OK(handle_close(socket));
    client_close(&maker);
    OK(net_send(fake_get()->peer, peer, "still here", 10, &got, tcpip_now()));
    fake_pump();
    assert_int_equal(heir.words[new_slot], NET_READY_IN | NET_READY_OUT);
    OK(tcpip_receive(own, false, false, 100, in, 100, &got));
    assert_int_equal(got, 10);
    OK(handle_close(own));
    client_close(&heir);
    assert_unused(before);
}

static void a_stream_tells_of_itself(void **state) {
    struct client client = client_make(64);
    struct tcpip_stream_info info;
    uint32_t slot, sent;
    net_socket_id peer;
    handle_t socket = connected(&client, &slot, &peer),
             datagram = make_socket(&client, TCPIP_DATAGRAM, &slot);
    OK(tcpip_send(socket, false, false, "hello", 5, &sent));
    fake_pump();
    OK(tcpip_stream_info(socket, &info));
    assert_int_equal(info.state, 4);
    assert_int_equal(info.bytes_sent, 5);
    assert_int_equal(info.bytes_acknowledged, 5);
    assert_int_equal(tcpip_stream_info(datagram, &info), ERR_WRONG_TYPE);
    assert_int_equal(tcpip_stream_info(client.session, &info), ERR_INVALID);
    client_close(&client);
    OK(net_abort(fake_get()->peer, peer, tcpip_now()));
}

/* The last holder's close says goodbye, and readiness tells when all has arrived; with another holder nothing
 * happens. */
static void a_close_can_wait(void **state) {
    struct client client = client_make(64), other = client_make(64);
    uint32_t slot, slots[2], type;
    uint64_t ticket;
    bool last = true;
    net_socket_id peer;
    handle_t adopted, socket = connected(&client, &slot, &peer);
    OK(tcpip_ticket(other.session, &ticket));
    OK(tcpip_adopt(socket, ticket, &adopted, &slots[0], &type));
    OK(tcpip_finish(socket, &last));
    assert_false(last);
    fake_pump();
    assert_int_equal(net_ready(fake_get()->peer, peer) & NET_READY_EOF, 0);
    OK(handle_close(adopted));
    fake_pump();
    OK(tcpip_finish(socket, &last));
    assert_true(last);
    assert_int_equal(client.words[slot] & TCPIP_READY_SENT, 0);
    fake_pump();
    assert_int_equal(client.words[slot] & TCPIP_READY_SENT, TCPIP_READY_SENT);
    assert_int_equal(net_ready(fake_get()->peer, peer) & NET_READY_EOF, NET_READY_EOF);
    handle_t datagram = make_socket(&client, TCPIP_DATAGRAM, &slots[1]);
    assert_int_equal(tcpip_finish(datagram, &last), ERR_WRONG_TYPE);
    client_close(&client);
    client_close(&other);
    OK(net_abort(fake_get()->peer, peer, tcpip_now()));
}

/* A call that waits gets as much as SO_RCVLOWAT says, or as it has asked for; one that does not, what there
 * is. */
static void a_parked_receive_waits_for_enough(void **state) {
    struct client client = client_make(64);
    uint32_t slot;
    net_socket_id peer;
    size_t got = 0, done;
    handle_t socket = connected(&client, &slot, &peer);
    OK(tcpip_set_option(socket, TCPIP_OPTION_RCVLOWAT, 10));
    OK(net_send(fake_get()->peer, peer, "abcde", 5, &done, tcpip_now()));
    fake_pump();
    OK(tcpip_receive(socket, true, true, 5, in, sizeof in, &got));
    assert_int_equal(got, 5);
    OK(tcpip_receive(socket, false, true, 20, in, sizeof in, &got));
    assert_int_equal(got, 5);
    assert_int_equal(tcpip_receive(socket, true, false, 20, in, sizeof in, &got), FAKE_PENDING);
    OK(net_send(fake_get()->peer, peer, "fghij", 5, &done, tcpip_now()));
    fake_pump();
    assert_true(fake_parked()->answered);
    assert_int_equal(fake_parked()->received, 10);
    fake_parked()->used = false;
    client_close(&client);
    OK(net_abort(fake_get()->peer, peer, tcpip_now()));
}

static void one_signal_a_batch(void **state) {
    struct client client = client_make(64);
    net_socket_id peers[4];
    uint32_t slot;
    size_t got;
    for (int i = 0; i < 4; i++) {
        (void)connected(&client, &slot, &peers[i]);
    }
    fake_pump();
    uint64_t signals = fake_get()->tcpip->counters.signals;
    fake_get()->driver.silent = true;
    for (int i = 0; i < 4; i++) {
        OK(net_send(fake_get()->peer, peers[i], "x", 1, &got, tcpip_now()));
    }
    fake_get()->driver.silent = false;
    fake_pump();
    assert_int_equal(fake_get()->tcpip->counters.signals - signals, 1);
}

/* ---- The driver ---- */

static void connections_outlive_the_driver(void **state) {
    struct client client = client_make(64);
    net_socket_id peer;
    uint32_t slot, sent;
    size_t got = 0;
    handle_t socket = connected(&client, &slot, &peer);
    fake_driver_dies();
    for (size_t i = 0; i < 30000; i++) {
        out[i] = (uint8_t)(i * 11);
    }
    OK(tcpip_send(socket, false, false, out, 30000, &sent));
    fake_pass(100000000);
    fake_driver_returns();
    assert_int_equal(fake_get()->driver.opens, 2);
    while (got < 30000) {
        fake_pass(50000000);
        got += peer_reads(peer, in + got, sizeof in - got);
    }
    assert_memory_equal(in, out, 30000);
    assert_int_equal(fake_get()->tcpip->link[0].device.counters.bad_descriptors, 0);
}

/* Without a driver nothing is sent for a while; then time goes on as on a cut wire, and what waits ends with
 * an error. */
static void a_driver_that_stays_away_is_a_cut_wire(void **state) {
    struct client client = client_make(64);
    uint32_t slot;
    handle_t socket = make_socket(&client, TCPIP_STREAM, &slot);
    fake_driver_dies();
    device_refresh(&fake_get()->tcpip->link[0].device);
    assert_false(fake_get()->tcpip->link[0].device.open);
    assert_int_equal(tcpip_connect(socket, true, &peer80), FAKE_PENDING);
    fake_pass(1000000000);
    assert_false(fake_parked()->answered);
    for (int i = 0; i < 300 && !fake_parked()->answered; i++) {
        fake_get()->time += 900000000;
        fake_pump();
    }
    assert_true(fake_parked()->answered);
    assert_int_not_equal(fake_parked()->word[0], ERR_NONE);
    assert_true(fake_get()->tcpip->link[0].device.counters.frames_lost > 0);
}

static void a_stalled_driver_loses_nothing(void **state) {
    struct client client = client_make(64);
    net_socket_id peer;
    uint32_t slot, sent;
    size_t got = 0;
    handle_t socket = connected(&client, &slot, &peer);
    fake_get()->driver.silent = true;
    OK(tcpip_send(socket, false, false, out, 60000, &sent));
    fake_pass(50000000);
    assert_true(batch_deadline(fake_get()->tcpip) > fake_get()->time); /* no spinning while nothing moves */
    fake_get()->driver.silent = false;
    while (got < sent) {
        fake_pass(50000000);
        got += peer_reads(peer, in + got, sizeof in - got);
    }
    assert_memory_equal(in, out, sent);
}

/* ---- Datagrams and names ---- */

static void datagrams_carry_their_peer(void **state) {
    struct client client = client_make(64);
    struct net_endpoint to = {.address = {.family = NET_IPV4, .bytes = {10, 0, 0, 1}}, .port = 5000};
    struct tcpip_datagram header;
    uint32_t slot;
    uint64_t local[2], destination[2];
    size_t got;
    net_socket_id peer;
    handle_t socket = make_socket(&client, TCPIP_DATAGRAM, &slot);
    OK(tcpip_bind(socket, &(struct tcpip_endpoint){.family = 4, .port = 5000}));
    OK(net_open(fake_get()->peer, NET_DATAGRAM, NET_OWNER_ENGINE, &peer));
    OK(net_bind(fake_get()->peer, peer, &(struct net_endpoint){.port = 7, .address.family = NET_IPV4}));
    assert_int_equal(tcpip_receive_from(socket, true, false, 1000, &local[0], &local[1], &destination[0],
                                        &destination[1], in, 1032, &got),
                     FAKE_PENDING);
    OK(net_send_to(fake_get()->peer, peer, "ping", 4, &to, tcpip_now()));
    fake_pass(20000000);
    assert_true(fake_parked()->answered);
    assert_int_equal(fake_parked()->received, sizeof header + 4);
    memcpy(&header, in, sizeof header);
    assert_int_equal(header.peer.port, 7);
    assert_memory_equal(in + sizeof header, "ping", 4);
    uint8_t message[sizeof header + 4];
    memcpy(message, &header, sizeof header);
    memcpy(message + sizeof header, "pong", 4);
    OK(tcpip_send_to(socket, true, 0, 0, message, sizeof message));
    assert_int_equal(tcpip_send_to(socket, true, 0, 0, message, 10), ERR_INVALID);
    fake_pass(20000000);
    uint32_t flags = 0;
    OK(net_receive_from(fake_get()->peer, peer, in, sizeof in, &flags, &got, &to));
    assert_memory_equal(in, "pong", 4);
}

static void numeric_names_resolve_at_once(void **state) {
    struct client client = client_make(64);
    struct tcpip_endpoint found[4];
    size_t length;
    OK(tcpip_resolve(client.session, 4, "192.0.2.7", found, sizeof found, &length));
    assert_int_equal(length, sizeof found[0]);
    assert_int_equal(found[0].address[3], 7);
    assert_int_equal(tcpip_resolve(client.session, 5, "192.0.2.7", found, sizeof found, &length),
                     ERR_INVALID);
}

static void reports_are_text(void **state) {
    struct client client = client_make(64);
    size_t length;
    for (uint32_t kind = 0; kind < 5; kind++) {
        OK(tcpip_report(fake_get()->port, kind, in, sizeof in, &length));
        assert_true(length > 20 && in[length - 1] == '\n');
        assert_null(memchr(in, 0, length));
    }
    assert_int_equal(tcpip_report(fake_get()->port, 5, in, sizeof in, &length), ERR_INVALID);
    client_close(&client);
}

/* ---- Anything at all ---- */

static void random_messages_do_no_harm(void **state) {
    struct use before = use_now();
    struct client client = client_make(64), other = client_make(64);
    struct random random;
    handle_t targets[40] = {fake_get()->port, client.session};
    uint32_t count = 2, slot;
    random_seed(&random, 5, 6);
    handle_t witness = make_socket(&other, TCPIP_STREAM, &slot);
    for (int round = 0; round < 20000; round++) {
        struct stub_call stub = stub_begin(0x600000000ull | random_below(&random, 24));
        for (int i = 1; i < MESSAGE_WORDS; i++) {
            stub.word[i] = random_below(&random, 4) == 0 ? random_u64(&random) : random_below(&random, 70);
        }
        static const size_t lengths[] = {0, 1, 24, 32, 33, 100, 1024, 1025, 4000, 65536};
        stub_send(&stub, out, lengths[random_below(&random, 10)], 65536);
        stub_receive(&stub, in, random_below(&random, 3) == 0 ? 0 : sizeof in);
        for (uint32_t i = random_below(&random, 3); i > 0; i--) {
            stub_send_handle(&stub, random_below(&random, 2) == 0 ? client.ready : client.event, false);
        }
        enum error error = stub_call(targets[random_below(&random, count)], &stub, 0, 0);
        if (error == FAKE_PENDING) {
            fake_kill(fake_parked());
        } else if (error == ERR_NONE && stub.handle[0] != HANDLE_NONE && count < 40) {
            targets[count++] = stub.handle[0];
        } else if (error == ERR_NONE && stub.handle[0] != HANDLE_NONE) {
            (void)!handle_close(stub.handle[0]);
        }
        if (round % 64 == 0) {
            fake_get()->time += 5000000;
            fake_pump();
        }
    }
    OK(tcpip_bind(witness, &(struct tcpip_endpoint){.family = 4, .port = 4444}));
    for (uint32_t i = 2; i < count; i++) {
        (void)!handle_close(targets[i]);
    }
    OK(handle_close(witness));
    client_close(&client);
    client_close(&other);
    fake_pass(50000000);
    assert_unused(before);
}

static handle_t admin_door(void) {
    handle_t door = HANDLE_NONE;
    OK(handle_duplicate(fake_get()->port, RIGHT_SEND | RIGHT_PASS, BADGE_ADMIN, &door));
    return door;
}

static size_t count_addresses(handle_t port, struct netadmin_address table[8]) {
    size_t length = 0;
    OK(netadmin_addresses(port, table, 8 * sizeof table[0], &length));
    return length / sizeof table[0];
}

static void addresses_change_through_their_door(void **state) {
    handle_t door = admin_door(), port = fake_get()->port;
    struct netadmin_address table[8];
    struct netadmin_address alias = {.family = 4, .prefix_length = 24, .address = {10, 0, 0, 99}};
    assert_int_equal(netadmin_address_add(port, &alias), ERR_NO_RIGHT);
    assert_int_equal(count_addresses(port, table), 2); /* loopback, and the one of the configuration */
    OK(netadmin_address_add(door, &alias));
    assert_int_equal(netadmin_address_add(door, &alias), ERR_EXISTS);
    assert_int_equal(count_addresses(port, table), 3);
    assert_memory_equal(table[2].address, alias.address, 16);
    assert_int_equal(table[2].flags, NETADMIN_SECONDARY);
    alias.link = 1;
    assert_int_equal(netadmin_address_remove(door, &alias), ERR_NOT_SUPPORTED);
    alias.link = 3;
    assert_int_equal(netadmin_address_add(door, &alias), ERR_INVALID); /* there is no such link */
    alias.link = 2;
    alias.prefix_length = 25;
    assert_int_equal(netadmin_address_remove(door, &alias), ERR_NOT_FOUND);
    alias.prefix_length = 24;
    OK(netadmin_address_remove(door, &alias));
    alias.family = 6;
    assert_int_equal(netadmin_address_add(door, &alias), ERR_NOT_SUPPORTED);
    (void)!handle_close(door);
}

static void routes_change_through_their_door(void **state) {
    handle_t door = admin_door(), port = fake_get()->port;
    struct netadmin_route table[8];
    struct netadmin_route route = {
        .family = 4, .prefix_length = 8, .destination = {11}, .gateway = {10, 0, 0, 2}, .metric = 3};
    size_t length = 0;
    route.link = 258; /* which in a byte would be the first */
    assert_int_equal(netadmin_route_add(door, &route), ERR_INVALID);
    route.link = 0;
    assert_int_equal(netadmin_route_add(port, &route), ERR_NO_RIGHT);
    OK(netadmin_route_add(door, &route));
    OK(netadmin_routes(port, table, sizeof table, &length));
    assert_int_equal(length, 2 * sizeof table[0]);
    assert_memory_equal(table[1].gateway, route.gateway, 16);
    assert_int_equal(table[1].metric, 3);
    OK(netadmin_route_remove(door, &route));
    assert_int_equal(netadmin_route_remove(door, &route), ERR_NOT_FOUND);
    (void)!handle_close(door);
}

static void neighbours_change_through_their_door(void **state) {
    handle_t door = admin_door(), port = fake_get()->port;
    struct netadmin_neighbour table[8];
    struct netadmin_neighbour neighbour = {.family = 4, .address = {10, 0, 0, 7}, .mac = {2, 0, 0, 0, 0, 7}};
    size_t length = 0;
    assert_int_equal(netadmin_neighbour_add(port, &neighbour), ERR_NO_RIGHT);
    OK(netadmin_neighbour_add(door, &neighbour));
    OK(netadmin_neighbour_flush(door));
    OK(netadmin_neighbours(port, table, sizeof table, &length));
    assert_int_equal(length, sizeof table[0]);
    assert_int_equal(table[0].state, NETADMIN_PERMANENT);
    OK(netadmin_neighbour_remove(door, &neighbour));
    OK(netadmin_neighbours(port, table, sizeof table, &length));
    assert_int_equal(length, 0);
    (void)!handle_close(door);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(attach_refuses_what_is_no_page_or_event),
        TEST(flood_of_sessions_ends_in_an_error),
        TEST(sockets_are_bounded_by_the_page),
        TEST(calls_on_the_wrong_object_are_refused),
        TEST(bytes_go_both_ways),
        TEST(a_parked_receive_gets_the_next_bytes),
        TEST(a_parked_send_goes_on_as_there_is_room),
        TEST(refused_and_reset_are_told_apart),
        TEST(accept_waits_and_gives_a_socket),
        TEST(a_connection_is_not_given_to_the_dead),
        TEST(the_parked_table_is_bounded_and_swept),
        TEST(clients_die_in_every_phase),
        TEST(an_adopted_socket_outlives_its_maker),
        TEST(a_stream_tells_of_itself),
        TEST(a_close_can_wait),
        TEST(a_parked_receive_waits_for_enough),
        TEST(one_signal_a_batch),
        TEST(connections_outlive_the_driver),
        TEST(a_driver_that_stays_away_is_a_cut_wire),
        TEST(a_stalled_driver_loses_nothing),
        TEST(datagrams_carry_their_peer),
        TEST(numeric_names_resolve_at_once),
        TEST(reports_are_text),
        TEST(addresses_change_through_their_door),
        TEST(routes_change_through_their_door),
        TEST(neighbours_change_through_their_door),
        TEST(random_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
