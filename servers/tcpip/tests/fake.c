/* fake.c: see fake.h. */
#include "fake.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PEER_ARENA (8u << 20)
#define REPLY_BASE 1000000u

static struct fake *fake;

struct fake *fake_get(void) {
    return fake;
}

/* ---- Handles ---- */

static handle_t handle_make(struct fake_handle value) {
    for (handle_t i = 1; i < FAKE_HANDLES; i++) {
        if (fake->handles[i].kind == FAKE_FREE) {
            fake->handles[i] = value;
            return i;
        }
    }
    abort();
}

static struct fake_handle *handle_at(handle_t handle) {
    bool good = handle != 0 && handle < FAKE_HANDLES && fake->handles[handle].kind != FAKE_FREE;
    return good ? &fake->handles[handle] : NULL;
}

uint32_t fake_handles_used(void) {
    uint32_t used = 0;
    for (handle_t i = 1; i < FAKE_HANDLES; i++) {
        used += fake->handles[i].kind != FAKE_FREE;
    }
    return used;
}

handle_t fake_memory(size_t size) {
    uint8_t *memory = calloc(1, size == 0 ? 1 : size);
    fake->memories[fake->memory_count++] = memory;
    return handle_make(
        (struct fake_handle){.kind = FAKE_MEMORY, .rights = RIGHT_ALL, .memory = memory, .size = size});
}

handle_t fake_event(void) {
    return handle_make(
        (struct fake_handle){.kind = FAKE_EVENT, .rights = RIGHT_ALL, .object = fake->events++});
}

static bool last_of_badge(uint64_t badge) {
    for (handle_t i = 1; i < FAKE_HANDLES; i++) {
        if (fake->handles[i].kind == FAKE_PORT && fake->handles[i].badge == badge) {
            return false;
        }
    }
    return true;
}

enum error handle_close(handle_t handle) {
    struct fake_handle *at = handle_at(handle);
    if (at == NULL) {
        return ERR_BAD_HANDLE;
    }
    struct fake_handle old = *at;
    *at = (struct fake_handle){0};
    if (old.kind == FAKE_PORT && old.badge != 0 && last_of_badge(old.badge)) {
        fake->closed[fake->closed_count++] = old.badge;
    }
    return ERR_NONE;
}

static void deliver_notices(void) {
    for (uint32_t i = 0; i < fake->closed_count; i++) {
        badge_closed(fake->tcpip, fake->closed[i]);
    }
    fake->closed_count = 0;
}

enum error handle_duplicate(handle_t handle, uint32_t rights, uint64_t badge, handle_t *copy) {
    struct fake_handle *at = handle_at(handle);
    if (at == NULL) {
        return ERR_BAD_HANDLE;
    }
    struct fake_handle value = *at;
    value.rights &= rights;
    value.badge = badge != 0 ? badge : value.badge;
    *copy = handle_make(value);
    return ERR_NONE;
}

/* ---- The rest of the system ---- */

uint64_t clock_now(void) {
    return fake->time;
}

void log_line(const char *format, ...) {
    (void)format;
}

enum error event_make(handle_t *event) {
    *event = fake_event();
    return ERR_NONE;
}

enum error event_signal(handle_t event, uint64_t bits) {
    struct fake_handle *at = handle_at(event);
    if (at == NULL || at->kind != FAKE_EVENT) {
        return ERR_BAD_HANDLE;
    }
    if ((at->rights & RIGHT_SIGNAL) == 0) {
        return ERR_NO_RIGHT;
    }
    fake->bits[at->object] |= bits;
    return ERR_NONE;
}

enum error memory_make(size_t size, bool contiguous, handle_t *memory, void **address) {
    handle_t handle = fake_memory(size);
    *address = fake->handles[handle].memory;
    if (memory != NULL) {
        *memory = handle;
    }
    return ERR_NONE;
}

enum error memory_size(handle_t memory, size_t *size) {
    struct fake_handle *at = handle_at(memory);
    if (at == NULL || at->kind != FAKE_MEMORY) {
        return ERR_BAD_HANDLE;
    }
    *size = at->size;
    return ERR_NONE;
}

enum error memory_map(handle_t memory, uint32_t rights, void **address, size_t *size) {
    struct fake_handle *at = handle_at(memory);
    if (at == NULL || at->kind != FAKE_MEMORY) {
        return ERR_BAD_HANDLE;
    }
    if ((at->rights & rights) != rights) {
        return ERR_NO_RIGHT;
    }
    *address = at->memory;
    *size = at->size;
    return ERR_NONE;
}

enum error memory_unmap(void *address, size_t size) {
    return ERR_NONE;
}

enum error name_watch(const char *name, handle_t event, uint64_t bits) {
    return ERR_NONE;
}

enum error name_try(const char *name, handle_t *port) {
    if (!fake->driver.there) {
        return ERR_NOT_FOUND;
    }
    *port = handle_make((struct fake_handle){.kind = FAKE_DRIVER, .rights = RIGHT_ALL});
    return ERR_NONE;
}

/* ---- Answers ---- */

static struct fake_caller *caller_of(handle_t reply) {
    struct fake_caller *caller = &fake->callers[reply - REPLY_BASE];
    assert(reply >= REPLY_BASE && reply < REPLY_BASE + FAKE_CALLERS && caller->used);
    return caller->dead || caller->answered ? NULL : caller;
}

static enum error answer(handle_t reply, const uint64_t *words, const void *payload, size_t length,
                         const handle_t *handles, unsigned count, unsigned move) {
    struct fake_caller *caller = caller_of(reply);
    if (caller == NULL) {
        assert(fake->callers[reply - REPLY_BASE].dead); /* nobody is answered twice */
        fake->callers[reply - REPLY_BASE].used = false;
        for (unsigned i = 0; i < count; i++) {
            if (move >> i & 1) {
                (void)!handle_close(handles[i]);
            }
        }
        return ERR_DEAD;
    }
    caller->answered = true;
    caller->received = length;
    memcpy(caller->word, words, sizeof caller->word);
    if (payload != NULL && length != 0) {
        memcpy(caller->buffer, payload, length < caller->capacity ? length : caller->capacity);
    }
    caller->handle_count = count;
    for (unsigned i = 0; i < count; i++) {
        caller->handle[i] = handles[i];
        if ((move >> i & 1) == 0) {
            (void)!handle_duplicate(handles[i], RIGHT_ALL, 0, &caller->handle[i]);
        }
    }
    return ERR_NONE;
}

void request_reply(struct request *request, const uint64_t *words, const void *payload, size_t length,
                   const handle_t *handles, unsigned count, unsigned move) {
    if (!request->done) {
        request->done = true;
        (void)!answer(request->reply, words, payload, length, handles, count, move);
    }
}

void request_fail(struct request *request, enum error error) {
    uint64_t words[MESSAGE_WORDS] = {error};
    request_reply(request, words, NULL, 0, NULL, 0, 0);
}

void request_park(struct request *request, struct parked *parked) {
    *parked = (struct parked){.reply = request->reply, .badge = request->badge, .method = request->word[0]};
    request->done = true;
}

enum error parked_reply(struct parked *parked, const uint64_t *words, const void *payload, size_t length,
                        const handle_t *handles, unsigned count, unsigned move) {
    handle_t reply = parked->reply;
    parked->reply = HANDLE_NONE;
    return answer(reply, words, payload, length, handles, count, move);
}

void parked_fail(struct parked *parked, enum error error) {
    uint64_t words[MESSAGE_WORDS] = {error};
    (void)!parked_reply(parked, words, NULL, 0, NULL, 0, 0);
}

static enum error read_caller(handle_t reply, size_t offset, void *data, size_t length, size_t *done) {
    struct fake_caller *caller = caller_of(reply);
    *done = 0;
    if (caller == NULL) {
        return ERR_DEAD;
    }
    if (offset < caller->length) {
        *done = caller->length - offset < length ? caller->length - offset : length;
        if (*done != 0) {
            memcpy(data, (const uint8_t *)caller->payload + offset, *done);
        }
    }
    return ERR_NONE;
}

static enum error write_caller(handle_t reply, size_t offset, const void *data, size_t length, size_t *done) {
    struct fake_caller *caller = caller_of(reply);
    *done = 0;
    if (caller == NULL) {
        return ERR_DEAD;
    }
    if (offset < caller->capacity) {
        *done = caller->capacity - offset < length ? caller->capacity - offset : length;
        memcpy((uint8_t *)caller->buffer + offset, data, *done);
    }
    return ERR_NONE;
}

enum error request_read(const struct request *request, size_t offset, void *data, size_t length,
                        size_t *done) {
    return read_caller(request->reply, offset, data, length, done);
}

enum error request_write(const struct request *request, size_t offset, const void *data, size_t length,
                         size_t *done) {
    return write_caller(request->reply, offset, data, length, done);
}

enum error parked_read(const struct parked *parked, size_t offset, void *data, size_t length, size_t *done) {
    return read_caller(parked->reply, offset, data, length, done);
}

enum error parked_write(const struct parked *parked, size_t offset, const void *data, size_t length,
                        size_t *done) {
    return write_caller(parked->reply, offset, data, length, done);
}

/* ---- Calls ---- */

void stub_send_handle(struct stub_call *stub, handle_t handle, bool move) {
    if (handle == HANDLE_NONE) {
        stub->absent |= (uint8_t)(1u << (stub->handle_count + (unsigned)__builtin_popcount(stub->absent)));
        return;
    }
    stub->move |= (uint8_t)(move ? 1u << stub->handle_count : 0);
    stub->handle[stub->handle_count++] = handle;
}

size_t stub_received(const struct stub_call *stub, enum error *error) {
    return *error == ERR_NONE ? stub->received : 0;
}

void stub_received_exactly(const struct stub_call *stub, size_t size, enum error *error) {
    if (*error == ERR_NONE && stub->received != size) {
        *error = ERR_MALFORMED;
    }
}

void stub_received_string(const struct stub_call *stub, char *text, size_t capacity, enum error *error) {
    (void)stub, (void)text, (void)capacity, (void)error;
}

static void driver_attach(struct fake_driver *driver, uint8_t *rings) {
    for (int i = 0; i < NETDEV_RINGS; i++) {
        ring_attach(&driver->ring[i], rings + (size_t)i * netdev_ring_stride(), NETDEV_RING_SIZE,
                    sizeof(struct netdev_descriptor));
    }
    (void)ring_sleep(&driver->ring[NETDEV_TX_PENDING]);
    (void)ring_sleep(&driver->ring[NETDEV_RX_FREE]);
}

static enum error call_driver(struct stub_call *stub) {
    struct fake_driver *driver = &fake->driver;
    struct netdev_info info = {.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .link_up = 1};
    if (!driver->there) {
        return ERR_DEAD;
    }
    if (stub->word[0] == NETDEV_CALL_OPEN) {
        driver->open = true;
        driver->opens++;
        driver->pool = fake->handles[stub->handle[0]].memory;
        driver_attach(driver, fake->handles[stub->handle[1]].memory);
        (void)!handle_duplicate(stub->handle[2], RIGHT_ALL, 0, &driver->event);
        stub->handle[0] = fake_event();
    }
    assert(stub->buffer != NULL && stub->capacity >= sizeof info);
    memcpy(stub->buffer, &info, sizeof info);
    stub->received = sizeof info;
    return ERR_NONE;
}

static handle_t reply_make(const struct fake_caller *value) {
    for (handle_t i = 0; i < FAKE_CALLERS; i++) {
        if (!fake->callers[i].used) {
            fake->callers[i] = *value;
            return REPLY_BASE + i;
        }
    }
    abort();
}

/* Hands the message to the server; what the handler did not take is closed, as libs/os does. */
static void call_server(struct request *request) {
    calls_dispatch(fake->tcpip, request);
    for (unsigned i = 0; i < MESSAGE_HANDLES; i++) {
        if (request->handle[i] != HANDLE_NONE) {
            (void)!handle_close(request->handle[i]);
        }
    }
    assert(request->done);
}

enum error stub_call(handle_t port, struct stub_call *stub, unsigned handles, unsigned optional) {
    struct fake_handle *at = handle_at(port);
    if (at == NULL || (at->kind != FAKE_PORT && at->kind != FAKE_DRIVER)) {
        return ERR_BAD_HANDLE;
    }
    if (at->kind == FAKE_DRIVER) {
        return call_driver(stub);
    }
    deliver_notices();
    struct tcpip *tcpip = fake->tcpip;
    struct fake_caller caller = {.used = true,
                                 .payload = stub->payload,
                                 .length = stub->length,
                                 .buffer = stub->buffer,
                                 .capacity = stub->capacity};
    size_t room = sizeof tcpip->receive_buffer;
    struct request request = {.server = &tcpip->server,
                              .badge = at->badge,
                              .payload = tcpip->receive_buffer,
                              .payload_length = stub->length,
                              .payload_copied = stub->length < room ? stub->length : room,
                              .handle_count = stub->handle_count};
    memcpy(request.word, stub->word, sizeof request.word);
    request.word[0] |= (uint64_t)stub->absent << 16;
    if (request.payload_copied != 0) {
        memcpy(tcpip->receive_buffer, stub->payload, request.payload_copied);
    }
    for (unsigned i = 0; i < stub->handle_count; i++) {
        if (stub->move >> i & 1) {
            request.handle[i] = stub->handle[i];
        } else if (handle_duplicate(stub->handle[i], RIGHT_ALL, 0, &request.handle[i]) != ERR_NONE) {
            return ERR_BAD_HANDLE;
        }
    }
    request.reply = reply_make(&caller);
    call_server(&request);
    struct fake_caller *after = &fake->callers[request.reply - REPLY_BASE];
    if (!after->answered) {
        fake->last_caller = request.reply;
        return FAKE_PENDING;
    }
    memcpy(stub->word, after->word, sizeof stub->word);
    memcpy(stub->handle, after->handle, sizeof stub->handle);
    stub->received = (uint32_t)after->received;
    after->used = false;
    return (enum error)(uint32_t)stub->word[0];
}

struct fake_caller *fake_parked(void) {
    return &fake->callers[fake->last_caller - REPLY_BASE];
}

void fake_kill(struct fake_caller *caller) {
    caller->dead = true;
}

/* ---- Driver and peer ---- */

static bool to_peer(struct fake_driver *driver) {
    struct netdev_descriptor frame;
    if (!ring_take(&driver->ring[NETDEV_TX_PENDING], &frame)) {
        return false;
    }
    struct net_frame in = {.data = driver->pool + frame.offset, .length = frame.length};
    net_receive(fake->peer, &in, fake->time / 1000);
    (void)ring_put(&driver->ring[NETDEV_TX_DONE], &frame);
    (void)ring_publish(&driver->ring[NETDEV_TX_DONE]);
    return true;
}

static bool from_peer(struct fake_driver *driver) {
    static uint8_t bytes[2048];
    struct net_slot slot = {.data = bytes, .capacity = sizeof bytes};
    struct netdev_descriptor buffer;
    if (ring_count(&driver->ring[NETDEV_RX_FREE]) == 0 ||
        !net_transmit(fake->peer, &slot, fake->time / 1000)) {
        return false;
    }
    (void)ring_take(&driver->ring[NETDEV_RX_FREE], &buffer);
    memcpy(driver->pool + buffer.offset, bytes, slot.length);
    buffer.length = (uint32_t)slot.length;
    (void)ring_put(&driver->ring[NETDEV_RX_USED], &buffer);
    (void)ring_publish(&driver->ring[NETDEV_RX_USED]);
    return true;
}

void fake_pump(void) {
    struct fake_driver *driver = &fake->driver;
    struct net_event event;
    deliver_notices();
    for (bool moved = true; moved;) {
        batch_run(fake->tcpip);
        moved = false;
        while (driver->open && !driver->silent && to_peer(driver)) {
            moved = true;
        }
        while (driver->open && !driver->silent && from_peer(driver)) {
            moved = true;
        }
    }
    while (net_next_event(fake->peer, &event)) {
    }
}

void fake_pass(uint64_t time) {
    for (uint64_t until = fake->time + time; fake->time < until; fake->time += 10000000) {
        fake_pump();
    }
}

void fake_driver_dies(void) {
    fake->driver.there = fake->driver.open = false;
}

void fake_driver_returns(void) {
    fake->driver.there = true;
    if (device_connect(&fake->tcpip->link[0].device)) {
        batch_link_changed(fake->tcpip, 0);
    }
}

/* ---- Life ---- */

static struct net_config config_of(uint8_t last) {
    return (struct net_config){.mac = {2, 0, 0, 0, 0, last},
                               .mtu = 1500,
                               .address = {.family = NET_IPV4, .bytes = {10, 0, 0, last}},
                               .prefix_length = 24,
                               .sockets_max = SOCKETS_MAX,
                               .owner_budget = PEER_ARENA / 2,
                               .seed = {last, 7}};
}

void fake_start(void) {
    struct net_config peer = config_of(2);
    fake = calloc(1, sizeof *fake);
    fake->time = 1000000000;
    fake->tcpip = calloc(1, sizeof *fake->tcpip);
    fake->memory[0] = aligned_alloc(64, PEER_ARENA);
    fake->memory[1] = aligned_alloc(64, PEER_ARENA);
    fake->driver.there = true;
    struct tcpip *tcpip = fake->tcpip;
    sessions_init(tcpip);
    random_seed(&tcpip->random, 1, 2);
    tcpip->link[0].config = config_of(1);
    tcpip->server.port = fake->port =
        handle_make((struct fake_handle){.kind = FAKE_PORT, .rights = RIGHT_ALL});
    tcpip->server.event = fake_event();
    enum error error = device_init(&tcpip->link[0].device, 0, "net0", tcpip->server.event);
    assert(error == ERR_NONE && device_connect(&tcpip->link[0].device));
    batch_follow_device(&tcpip->link[0]);
    error = net_init(&tcpip->net, &tcpip->link[0].config, fake->memory[0], PEER_ARENA, tcpip_now());
    assert(error == ERR_NONE);
    error = net_init(&fake->peer, &peer, fake->memory[1], PEER_ARENA, tcpip_now());
    assert(error == ERR_NONE);
    fake_pump();
}

void fake_stop(void) {
    for (uint32_t i = 0; i < fake->memory_count; i++) {
        free(fake->memories[i]);
    }
    free(fake->memory[0]);
    free(fake->memory[1]);
    free(fake->tcpip);
    free(fake);
    fake = NULL;
}

struct client client_make(uint32_t slots) {
    struct client client = {.ready = fake_memory(slots * sizeof(uint32_t)), .event = fake_event()};
    client.words = (uint32_t *)(void *)fake->handles[client.ready].memory;
    enum error error = tcpip_attach(fake->port, client.ready, client.event, &client.session);
    assert(error == ERR_NONE);
    return client;
}

void client_close(struct client *client) {
    (void)!handle_close(client->session);
    (void)!handle_close(client->ready);
    (void)!handle_close(client->event);
}
