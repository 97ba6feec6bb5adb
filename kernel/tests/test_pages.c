/* test_pages.c: the page allocator and the object caches against what they must give back. */
#include "cache.h"
#include "page.h"
#include <ipc/abi.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGES 1000

struct arena {
    struct pages pages;
    uint8_t order_of[PAGES];
    void *ram;
};

static struct arena *arena_create(void) {
    struct arena *arena = calloc(1, sizeof(*arena));
    arena->ram = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
    uint64_t base = (uint64_t)arena->ram;
    pages_init(&arena->pages, base, base + PAGES * PAGE_SIZE, arena->order_of);
    pages_free(&arena->pages, base, PAGES);
    return arena;
}

static void arena_free(struct arena *arena) {
    free(arena->ram);
    free(arena);
}

static void test_all_and_back(void **state) {
    struct arena *arena = arena_create();
    uint64_t taken[PAGES];
    for (unsigned i = 0; i < PAGES; i++) {
        taken[i] = pages_allocate(&arena->pages, 1);
        assert_true(taken[i]);
        memset((void *)taken[i], (int)i, PAGE_SIZE);
    }
    assert_false(pages_allocate(&arena->pages, 1));
    assert_int_equal(arena->pages.free_bytes, 0);
    for (unsigned i = 0; i < PAGES; i++)
        pages_free(&arena->pages, taken[i], 1);
    assert_true(pages_allocate(&arena->pages, 512)); /* they have melted again */
    arena_free(arena);
}

/* Random runs; no two overlap, and all comes back. */
static void test_random_runs(void **state) {
    struct arena *arena = arena_create();
    struct {
        uint64_t base, count;
    } runs[64] = {0};
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned i = (unsigned)rand() % 64;
        if (runs[i].count) {
            for (uint64_t page = 0; page < runs[i].count; page++)
                assert_int_equal(*(uint64_t *)(runs[i].base + page * PAGE_SIZE), i + 1);
            pages_free(&arena->pages, runs[i].base, runs[i].count);
            runs[i].count = 0;
            continue;
        }
        uint64_t count = 1 + (uint64_t)rand() % 40;
        runs[i].base = pages_allocate(&arena->pages, count);
        runs[i].count = runs[i].base ? count : 0;
        for (uint64_t page = 0; page < runs[i].count; page++)
            *(uint64_t *)(runs[i].base + page * PAGE_SIZE) = i + 1;
    }
    for (unsigned i = 0; i < 64; i++)
        if (runs[i].count)
            pages_free(&arena->pages, runs[i].base, runs[i].count);
    assert_int_equal(arena->pages.free_bytes, PAGES * PAGE_SIZE);
    assert_true(pages_allocate(&arena->pages, 512));
    arena_free(arena);
}

static void test_cache(void **state) {
    struct arena *arena = arena_create();
    struct cache cache;
    void *objects[500];
    cache_init(&cache, 100);
    for (unsigned i = 0; i < 500; i++) {
        objects[i] = cache_allocate(&cache, &arena->pages);
        assert_non_null(objects[i]);
        for (unsigned byte = 0; byte < 100; byte++)
            assert_int_equal(((uint8_t *)objects[i])[byte], 0);
        memset(objects[i], 0xff, 100);
    }
    assert_int_equal(cache.used, 500);
    assert_int_equal(cache_spare(&cache), cache.held * PAGE_SIZE - 500 * 112);
    for (unsigned i = 0; i < 500; i++)
        cache_free(&cache, &arena->pages, objects[i * 7 % 500]);
    assert_int_equal(cache.held, 0);
    assert_int_equal(arena->pages.free_bytes, PAGES * PAGE_SIZE);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_and_back),
        cmocka_unit_test(test_random_runs),
        cmocka_unit_test(test_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
