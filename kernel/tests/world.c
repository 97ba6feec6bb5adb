/* world.c: see world.h. */
#include "world.h"

uint64_t call(struct world *world, unsigned i, uint64_t number, const uint64_t a[7], uint64_t *one) {
    uint64_t error = simulation_call(world->simulation, world->task[i], number, a);
    if (one)
        *one = error == 0 ? result(world, i, A1) : 0;
    return error;
}

uint64_t result(struct world *world, unsigned i, enum register_number number) {
    return context_get(world->task[i], number);
}

void world_task_begin(struct world *world, unsigned i) {
    uint64_t memory;
    world->task[i] = simulation_task(world->simulation, 1 << 20);
    assert_non_null(world->task[i]);
    object_get(&world->task[i]->object); /* ours, to look at it after its end */
    assert_int_equal(CALL(world, i, SYS_MEMORY_CREATE, &memory, BUFFER_SIZE), 0);
    assert_int_equal(CALL(world, i, SYS_MEMORY_MAP, NULL, 0, memory, BUFFER, 0, 0, RIGHT_READ | RIGHT_WRITE),
                     0);
    assert_int_equal(CALL(world, i, SYS_HANDLE_CLOSE, NULL, memory), 0);
}

void world_task_end(struct world *world, unsigned i) {
    task_end(world->kernel, world->task[i], END_KILL, 0);
    machine_space_load(world->kernel->here, NULL);
    while (reap_piece(world->kernel))
        ;
    object_put(world->kernel, &world->task[i]->object);
    world->task[i] = NULL;
}

void world_create(struct world *world) {
    world->simulation = simulation_create(16 << 20, 1);
    world->kernel = &world->simulation->kernel;
    world->free_at_start = memory_free(world->kernel);
    for (unsigned i = 0; i < WORLD_TASKS; i++)
        world_task_begin(world, i);
}

void world_free(struct world *world) {
    struct kernel *kernel = world->kernel;
    for (unsigned i = 0; i < WORLD_TASKS; i++)
        world_task_end(world, i);
    assert_int_equal(memory_free(kernel), world->free_at_start);
    assert_int_equal(kernel->pages.free_bytes, world->free_at_start);
    for (unsigned i = 0; i < CACHES; i++)
        assert_int_equal(kernel->caches[i].used, 0);
    assert_int_equal(kernel->deadlines.count, 0);
    assert_int_equal(kernel->ready.bitmap, 0);
    for (unsigned i = 0; i < BADGE_BUCKETS; i++)
        assert_true(list_empty(&kernel->badges[i]));
    simulation_free(world->simulation);
}

void *buffer_at(struct world *world, unsigned i, uint64_t offset) {
    return space_reach(&world->task[i]->space, BUFFER + offset, ACCESS_WRITE);
}

struct transfer *transfer_at(struct world *world, unsigned i) {
    return buffer_at(world, i, 0);
}

uint64_t pass(struct world *world, unsigned from, uint64_t handle, unsigned to, uint32_t rights) {
    struct handle *entry = handle_find(&world->task[from]->handles, handle);
    assert_non_null(entry);
    assert_int_equal(handle_reserve(world->kernel, world->task[to], 1), 0);
    return handle_insert(world->task[to], entry->object, entry->rights & rights, 0);
}
