/* test_messages.c: calls, replies, events and ends, one rule at a time, and then all at random. */
#include "world.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void test_call_and_reply(void **state) {
    struct world world;
    uint64_t port;
    world_create(&world);
    assert_int_equal(CALL(&world, 0, SYS_PORT_CREATE, &port, 0), 0);
    uint64_t sender = pass(&world, 0, port, 1, RIGHT_SEND);
    assert_int_equal(CALL(&world, 1, SYS_CALL, NULL, sender, 1, 2, 3, 4, 5), SIMULATION_BLOCKED);
    assert_int_equal(CALL(&world, 0, SYS_RECEIVE, NULL, port, NEVER), 0);
    assert_int_equal(result(&world, 0, T0), RECEIVED_CALL);
    for (unsigned i = 1; i <= 5; i++)
        assert_int_equal(result(&world, 0, A0 + i), i);
    uint64_t to = result(&world, 0, T2);
    assert_int_equal(CALL(&world, 0, SYS_REPLY, NULL, to, 10, 20, 30, 40, 50), 0);
    assert_int_equal(world.task[1]->state, TASK_READY);
    assert_int_equal(result(&world, 1, A0), 0);
    assert_int_equal(result(&world, 1, A5), 50);
    assert_int_equal(CALL(&world, 0, SYS_REPLY, NULL, to, 1), ERR_BAD_HANDLE);
    world_free(&world);
}

/* One page shared by both ends of the payload would hide errors: so lengths cross pages, and ends do not
 * align. */
static void test_payload(void **state) {
    struct world world;
    uint64_t port;
    world_create(&world);
    assert_int_equal(CALL(&world, 0, SYS_PORT_CREATE, &port, 0), 0);
    uint64_t sender = pass(&world, 0, port, 1, RIGHT_SEND);
    for (unsigned i = 0; i < 20000; i++)
        *(uint8_t *)buffer_at(&world, 1, 5000 + i) = (uint8_t)(i * 13);
    *transfer_at(&world, 1) = (struct transfer){.send_address = BUFFER + 5000, .send_length = 20000};
    *transfer_at(&world, 0) = (struct transfer){.receive_address = BUFFER + 4099, .receive_capacity = 15000};
    assert_int_equal(CALL(&world, 1, SYS_CALL, NULL, sender, 0, 0, 0, 0, 0, BUFFER), SIMULATION_BLOCKED);
    assert_int_equal(CALL(&world, 0, SYS_RECEIVE, NULL, port, NEVER, 0, 0, 0, 0, BUFFER), 0);
    assert_int_equal(transfer_at(&world, 0)->receive_length, 20000);
    for (unsigned i = 0; i < 15000; i++)
        assert_int_equal(*(uint8_t *)buffer_at(&world, 0, 4099 + i), (uint8_t)(i * 13));
    assert_int_equal(*(uint8_t *)buffer_at(&world, 0, 4099 + 15000), 0);
    uint64_t to = result(&world, 0, T2), count;
    assert_int_equal(CALL(&world, 0, SYS_PAYLOAD_READ, &count, to, 19000, BUFFER + 40000, 5000), 0);
    assert_int_equal(count, 1000);
    assert_int_equal(*(uint8_t *)buffer_at(&world, 0, 40000), (uint8_t)(19000 * 13));
    world_free(&world);
}

/* One signal can carry bits for a waiter and for the receiver at the bound port: both are woken. */
static void test_signal_for_two(void **state) {
    struct world world;
    uint64_t port, event;
    world_create(&world);
    assert_int_equal(CALL(&world, 0, SYS_PORT_CREATE, &port, 0), 0);
    assert_int_equal(CALL(&world, 0, SYS_EVENT_CREATE, &event, 0), 0);
    assert_int_equal(CALL(&world, 0, SYS_PORT_BIND, NULL, port, event), 0);
    uint64_t waiters = pass(&world, 0, event, 1, RIGHT_WAIT),
             signallers = pass(&world, 0, event, 2, RIGHT_SIGNAL);
    assert_int_equal(CALL(&world, 1, SYS_EVENT_WAIT, NULL, waiters, 1, NEVER), SIMULATION_BLOCKED);
    assert_int_equal(CALL(&world, 0, SYS_RECEIVE, NULL, port, NEVER), SIMULATION_BLOCKED);
    assert_int_equal(CALL(&world, 2, SYS_EVENT_SIGNAL, NULL, signallers, 3), 0);
    assert_true(can_run(world.task[1]));
    assert_int_equal(result(&world, 1, A1), 1);
    assert_true(can_run(world.task[0]));
    assert_int_equal(result(&world, 0, T0), RECEIVED_EVENT);
    assert_int_equal(result(&world, 0, A1), 2);
    world_free(&world);
}

/* A server that dies with callers in all phases: each gets ERR_DEAD. */
static void test_server_dies(void **state) {
    struct world world;
    uint64_t port;
    world_create(&world);
    assert_int_equal(CALL(&world, 0, SYS_PORT_CREATE, &port, 0), 0);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(CALL(&world, i, SYS_CALL, NULL, pass(&world, 0, port, i, RIGHT_SEND), i),
                         SIMULATION_BLOCKED);
    assert_int_equal(CALL(&world, 0, SYS_RECEIVE, NULL, port, 0), 0);
    task_end(world.kernel, world.task[0], END_KILL, 0);
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(world.task[i]->state, TASK_READY);
        assert_int_equal(result(&world, i, A0), ERR_DEAD);
    }
    world_free(&world);
}

static void test_deadlines(void **state) {
    struct world world;
    world_create(&world);
    for (unsigned i = 0; i < WORLD_TASKS; i++) {
        uint64_t event;
        assert_int_equal(CALL(&world, i, SYS_EVENT_CREATE, &event, 0), 0);
        uint64_t deadline = 1000000 * (1 + (i * 5) % WORLD_TASKS);
        assert_int_equal(CALL(&world, i, SYS_EVENT_WAIT, NULL, event, 1, deadline), SIMULATION_BLOCKED);
    }
    assert_int_equal(world.simulation->timer, 10000);
    for (unsigned ms = 1; ms <= WORLD_TASKS; ms++) {
        unsigned waiting = 0;
        simulation_time(world.simulation, ms * 10000);
        for (unsigned i = 0; i < WORLD_TASKS; i++)
            waiting += world.task[i]->wait == WAIT_EVENT;
        assert_int_equal(waiting, WORLD_TASKS - ms);
    }
    assert_int_equal(result(&world, 3, A0), ERR_TIMED_OUT);
    world_free(&world);
}

static void test_quota(void **state) {
    struct world world;
    uint64_t memory, used;
    world_create(&world);
    used = world.task[0]->account->used;
    assert_int_equal(CALL(&world, 0, SYS_MEMORY_CREATE, NULL, 2 << 20), ERR_QUOTA);
    assert_int_equal(world.task[0]->account->used, used);
    while (CALL(&world, 0, SYS_MEMORY_CREATE, &memory, 64 << 10) == 0)
        ;
    while (CALL(&world, 0, SYS_EVENT_CREATE, NULL, 0) == 0)
        ;
    assert_in_range(world.task[0]->account->used, (1 << 20) - (128 << 10), 1 << 20);
    world_free(&world);
}

/* Between its decision for another task and the change of its register a hart still walks the old tables. */
static void test_tables_in_use(void **state) {
    struct simulation *simulation = simulation_create(4 << 20, 2);
    struct kernel *kernel = &simulation->kernel;
    struct task *old = simulation_task(simulation, 1 << 20), *next = simulation_task(simulation, 1 << 20);
    struct hart *other = &kernel->hart[1];
    machine_space_load(other, &old->space);
    other->satp = old->space.satp;
    machine_space_load(other, &next->space);
    task_end(kernel, old, END_KILL, 0);
    assert_false(reap_piece(kernel));
    assert_true(reap_pending(kernel));
    assert_int_equal(simulation->woken, 2);
    other->satp = next->space.satp;
    while (reap_piece(kernel))
        ;
    assert_false(reap_pending(kernel));
    simulation_free(simulation);
}

/* The kernel looks for a free range under the lock: the time must grow with the number of mappings, no
 * faster. */
static void test_many_mappings(void **state) {
    struct world world;
    uint64_t memory;
    world_create(&world);
    assert_int_equal(CALL(&world, 0, SYS_MEMORY_CREATE, &memory, PAGE_SIZE), 0);
    clock_t start = clock();
    for (unsigned i = 0; i < 2500; i++)
        assert_int_equal(CALL(&world, 0, SYS_MEMORY_MAP, NULL, 0, memory, 0, 0, 0, RIGHT_READ), 0);
    assert_true(clock() - start < CLOCKS_PER_SEC);
    world_free(&world);
}

/* What a dead task made and others still hold costs its maker only that much, not the dead task's quota. */
static void test_quota_of_the_dead(void **state) {
    struct world world;
    struct account *parent;
    struct task *child;
    world_create(&world);
    struct kernel *kernel = world.kernel;
    assert_int_equal(account_create(kernel, NULL, 4 << 20, &parent), 0);
    assert_int_equal(task_create(kernel, parent, 1 << 20, 16, &child), 0);
    struct memory *memory;
    assert_int_equal(memory_create(kernel, child->account, PAGE_SIZE, false, &memory), 0);
    assert_int_equal(memory_fill(kernel, memory), 0);
    assert_true(parent->used > 1 << 20);
    task_end(kernel, child, END_KILL, 0);
    while (reap_piece(kernel))
        ;
    assert_true(parent->used >= PAGE_SIZE && parent->used < 2 * PAGE_SIZE);
    object_put(kernel, &memory->object);
    assert_int_equal(parent->used, 0);
    account_close(kernel, parent);
    world_free(&world);
}

/* ---- everything at random ---- */

struct chance {
    uint64_t state;
};

static uint64_t pick(struct chance *chance, uint64_t below) {
    chance->state ^= chance->state << 13;
    chance->state ^= chance->state >> 7;
    chance->state ^= chance->state << 17;
    return (chance->state >> 11) % below;
}

enum kind { KIND_ANY, KIND_PORT, KIND_REPLY, KIND_EVENT, KIND_MEMORY };

static bool is_kind(const struct handle *handle, enum kind kind) {
    if (!handle->object || kind == KIND_ANY)
        return handle->object;
    if (handle->rights & HANDLE_REPLY || kind == KIND_REPLY)
        return kind == KIND_REPLY && (handle->rights & HANDLE_REPLY);
    enum object_type type = handle->object->type;
    return kind == KIND_PORT    ? type == OBJECT_PORT || type == OBJECT_BADGE
           : kind == KIND_EVENT ? type == OBJECT_EVENT
                                : type == OBJECT_MEMORY;
}

/* A handle that the task has, mostly of the kind that is wanted, or now and then one that it has not. */
static uint64_t some_handle(struct chance *chance, struct task *task, enum kind kind) {
    if (pick(chance, 12) == 0)
        kind = KIND_ANY;
    for (unsigned tries = 0; tries < 60 && task->handles.size; tries++) {
        uint32_t index = (uint32_t)pick(chance, 32) + 1;
        struct handle *handle = &task->handles.page[0][index];
        if (is_kind(handle, kind))
            return (uint64_t)handle->generation << HANDLE_INDEX_BITS | index;
    }
    return pick(chance, 1 << 16);
}

static void random_transfer(struct chance *chance, struct world *world, unsigned i) {
    struct transfer transfer = {
        .send_address = BUFFER + pick(chance, BUFFER_SIZE),
        .send_length = (uint32_t)pick(chance, pick(chance, 4) ? 300 : PAYLOAD_MAX + 2),
        .receive_capacity = (uint32_t)pick(chance, pick(chance, 4) ? 300 : PAYLOAD_MAX + 2),
        .receive_address = BUFFER + PAGE_SIZE + pick(chance, BUFFER_SIZE),
        .send_count = (uint8_t)(pick(chance, 3) ? 0 : pick(chance, 6)),
        .send_move = (uint8_t)pick(chance, 16),
    };
    for (unsigned j = 0; j < MESSAGE_HANDLES; j++)
        transfer.send_handle[j] = (handle_t)some_handle(chance, world->task[i], KIND_ANY);
    memcpy(transfer_at(world, i), &transfer, sizeof(transfer));
}

/* Calls, how often they are tried, and on what. */
static const struct {
    uint8_t number, weight;
    enum kind kind;
} choices[] = {
    {SYS_CALL, 4, KIND_PORT},          {SYS_RECEIVE, 12, KIND_PORT},
    {SYS_REPLY, 6, KIND_REPLY},        {SYS_REPLY_RECEIVE, 4, KIND_PORT},
    {SYS_PAYLOAD_READ, 2, KIND_REPLY}, {SYS_PAYLOAD_WRITE, 2, KIND_REPLY},
    {SYS_HANDLE_CLOSE, 1, KIND_ANY},   {SYS_HANDLE_DUPLICATE, 4, KIND_PORT},
    {SYS_PORT_CREATE, 1, KIND_ANY},    {SYS_PORT_BIND, 1, KIND_PORT},
    {SYS_EVENT_CREATE, 1, KIND_ANY},   {SYS_EVENT_SIGNAL, 3, KIND_EVENT},
    {SYS_EVENT_WAIT, 1, KIND_EVENT},   {SYS_MEMORY_CREATE, 1, KIND_ANY},
    {SYS_MEMORY_MAP, 2, KIND_MEMORY},  {SYS_MEMORY_UNMAP, 1, KIND_ANY},
};

#define CHOICES (sizeof(choices) / sizeof(*choices))

static unsigned random_choice(struct chance *chance) {
    uint64_t total = 0;
    for (unsigned i = 0; i < CHOICES; i++)
        total += choices[i].weight;
    uint64_t at = pick(chance, total);
    unsigned i = 0;
    while (at >= choices[i].weight)
        at -= choices[i++].weight;
    return i;
}

/* Arguments that give the call a fair chance to succeed. */
static void shape(struct chance *chance, struct world *world, struct task *task, uint64_t number,
                  uint64_t a[7]) {
    uint64_t soon = world->simulation->time * 100 + pick(chance, 10000000);
    switch (number) {
    case SYS_RECEIVE: a[1] = pick(chance, 2) ? 0 : soon; break;
    case SYS_EVENT_WAIT: a[1] = 7, a[2] = pick(chance, 2) ? 0 : soon; break;
    case SYS_HANDLE_DUPLICATE: a[1] = RIGHT_ALL, a[2] = pick(chance, 4); break;
    case SYS_PORT_BIND: a[1] = some_handle(chance, task, KIND_EVENT); break;
    case SYS_MEMORY_CREATE: a[0] = pick(chance, 8) * PAGE_SIZE, a[1] = pick(chance, 2); break;
    case SYS_MEMORY_MAP: a[1] = a[0], a[0] = 0, a[2] = 0, a[5] = 1u << 5 | pick(chance, 2) << 6; break;
    case SYS_MEMORY_UNMAP:
        a[0] = 0;
        a[1] = 0x40000000 + pick(chance, 40) * PAGE_SIZE;
        a[2] = (1 + pick(chance, 6)) * PAGE_SIZE;
        break;
    case SYS_PAYLOAD_READ:
    case SYS_PAYLOAD_WRITE: a[1] = pick(chance, 500), a[2] = BUFFER + a[2] % BUFFER_SIZE; break;
    default: break;
    }
}

static void random_call(struct chance *chance, struct world *world, unsigned i) {
    struct task *task = world->task[i];
    unsigned choice = random_choice(chance);
    uint64_t a[7] = {some_handle(chance, task, choices[choice].kind),
                     pick(chance, 4),
                     pick(chance, 1 << 20),
                     pick(chance, 4) * PAGE_SIZE,
                     pick(chance, 4) * PAGE_SIZE,
                     pick(chance, 8),
                     pick(chance, 2) * BUFFER};
    random_transfer(chance, world, i);
    shape(chance, world, task, choices[choice].number, a);
    context_set(task, T0, some_handle(chance, task, KIND_REPLY));
    context_set(task, T1, pick(chance, 2) ? 0 : world->simulation->time * 100 + pick(chance, 10000000));
    simulation_call(world->simulation, task, choices[choice].number, a);
}

/* A task with a port of its own that all others can call, under a badge each, and an event bound to it. */
static void connect(struct world *world, unsigned i) {
    uint64_t port, event, badged;
    assert_int_equal(CALL(world, i, SYS_PORT_CREATE, &port, 0), 0);
    assert_int_equal(CALL(world, i, SYS_EVENT_CREATE, &event, 0), 0);
    assert_int_equal(CALL(world, i, SYS_PORT_BIND, NULL, port, event), 0);
    for (unsigned other = 0; other < WORLD_TASKS; other++) {
        assert_int_equal(CALL(world, i, SYS_HANDLE_DUPLICATE, &badged, port, RIGHT_ALL, other + 1), 0);
        if (other != i && world->task[other]->handles.used < 20)
            pass(world, i, badged, other, RIGHT_ALL);
        assert_int_equal(CALL(world, i, SYS_HANDLE_CLOSE, NULL, badged), 0);
    }
}

static void random_step(struct chance *chance, struct world *world) {
    unsigned i = (unsigned)pick(chance, WORLD_TASKS), other = (unsigned)pick(chance, WORLD_TASKS);
    if (pick(chance, can_run(world->task[i]) ? 300 : 15) == 0) {
        world_task_end(world, i);
        world_task_begin(world, i);
        connect(world, i);
    }
    if (pick(chance, 5) == 0)
        simulation_time(world->simulation, world->simulation->time + pick(chance, 20000));
    uint64_t handle = some_handle(chance, world->task[i], KIND_ANY);
    struct handle *entry = handle_find(&world->task[i]->handles, handle);
    if (pick(chance, 10) == 0 && entry && !(entry->rights & HANDLE_REPLY) &&
        world->task[other]->handles.used < 20)
        pass(world, i, handle, other, pick(chance, 2) ? RIGHT_ALL : RIGHT_ALL & ~RIGHT_RECEIVE);
    if (can_run(world->task[i]))
        random_call(chance, world, i);
}

static void test_random(void **state) {
    struct chance chance = {0x853c49e6748fea9bull};
    uint64_t messages = 0;
    for (unsigned round = 0; round < 60; round++) {
        struct world world;
        world_create(&world);
        for (unsigned i = 0; i < WORLD_TASKS; i++)
            connect(&world, i);
        for (unsigned step = 0; step < 3000; step++)
            random_step(&chance, &world);
        messages += world.kernel->messages;
        world_free(&world);
    }
    assert_in_range(messages, 200, 1000000); /* else it tests nothing */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_and_reply), cmocka_unit_test(test_payload),
        cmocka_unit_test(test_server_dies),    cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_quota),          cmocka_unit_test(test_random),
        cmocka_unit_test(test_signal_for_two), cmocka_unit_test(test_quota_of_the_dead),
        cmocka_unit_test(test_many_mappings),  cmocka_unit_test(test_tables_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
