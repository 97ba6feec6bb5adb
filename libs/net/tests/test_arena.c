/* test_arena.c: the arena against a naive model: nothing overlaps, nothing is lost, everybody pays for what
 * they hold. */
#include <net/arena.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE   (1u << 20)
#define BUDGET 200000
#define PIECES 200

struct piece {
    uint8_t *memory;
    size_t size;
    net_owner owner;
    uint8_t mark;
};

static uint32_t next_random(uint32_t *random) {
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

static void check_and_give(struct arena *arena, struct piece *piece) {
    for (size_t i = 0; i < piece->size; i++) {
        assert_int_equal(piece->memory[i], piece->mark);
    }
    arena_give(arena, piece->owner, piece->memory);
    piece->memory = NULL;
}

static void take(struct arena *arena, struct piece *piece, uint32_t *random, size_t *held) {
    size_t size = 1 + next_random(random) % (1u << (next_random(random) % 17));
    net_owner owner = (net_owner)(next_random(random) % 3);
    void *memory;
    enum error error = arena_take(arena, owner, size, &memory);
    if (error != ERR_NONE) {
        assert_true(error == ERR_NO_MEMORY || (owner != 0 && held[owner] + arena_cost(size) > BUDGET));
        return;
    }
    assert_int_equal((uintptr_t)memory % 64, 0);
    *piece = (struct piece){memory, size, owner, (uint8_t)next_random(random)};
    memset(memory, piece->mark, size);
    held[owner] += arena_cost(size);
    assert_true(owner == 0 || held[owner] <= BUDGET);
}

static void test_against_model(void **state) {
    (void)state;
    uint8_t *memory = malloc(SIZE);
    struct arena arena;
    struct piece pieces[PIECES] = {0};
    size_t held[3] = {0};
    uint32_t random = 1;
    assert_int_equal(arena_init(&arena, memory, SIZE, 3, BUDGET), ERR_NONE);
    for (int i = 0; i < 100000; i++) {
        struct piece *piece = &pieces[next_random(&random) % PIECES];
        if (piece->memory == NULL) {
            take(&arena, piece, &random, held);
        } else {
            held[piece->owner] -= arena_cost(piece->size);
            check_and_give(&arena, piece);
        }
        assert_int_equal(arena.used, held[0] + held[1] + held[2]);
    }
    for (int i = 0; i < PIECES; i++) {
        if (pieces[i].memory != NULL) {
            check_and_give(&arena, &pieces[i]);
        }
    }
    void *large; /* all is joined again */
    assert_int_equal(arena_take(&arena, 0, SIZE / 2, &large), ERR_NONE);
    arena_give(&arena, 0, large);
    assert_int_equal(arena.used, 0);
    free(memory);
}

static void test_bills(void **state) {
    (void)state;
    uint8_t *memory = malloc(SIZE);
    struct arena arena;
    void *a, *b, *c;
    assert_int_equal(arena_init(&arena, memory, SIZE, 3, 2000), ERR_NONE);
    assert_int_equal(arena_take(&arena, 1, 1000, &a), ERR_NONE);
    assert_int_equal(arena_take(&arena, 1, 1000, &b), ERR_QUOTA);
    assert_int_equal(arena_take(&arena, 2, 1000, &b), ERR_NONE);
    assert_int_equal(arena_move_bill(&arena, 1, 2, a), ERR_QUOTA);
    assert_int_equal(arena_move_bill(&arena, 1, 0, a), ERR_NONE);
    assert_int_equal(arena_take(&arena, 1, 1000, &c), ERR_NONE);
    arena_give(&arena, 0, a);
    arena_give(&arena, 2, b);
    arena_give(&arena, 1, c);
    assert_int_equal(arena.used, 0);
    assert_int_equal(arena_init(&arena, memory, 200, 3, 2000), ERR_NO_MEMORY);
    free(memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_bills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
