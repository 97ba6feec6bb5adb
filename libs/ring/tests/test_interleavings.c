/* test_interleavings.c: every interleaving of a producer and a consumer, on a machine that delays stores.
 *
 * The real ring.c is compiled in here with its atomic accesses replaced by steps of a model: each thread has
 * a store buffer that a fence, or any moment, empties. A thread is run up to its next step by running it from
 * its start with the values that it loaded before, so that a state is two logs, two buffers and three words.
 * Lost wake-ups show as a state in which nobody can go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint32_t model_load(const uint32_t *word);
static void model_store(uint32_t *word, uint32_t value);
static void model_fence(void);
#define __atomic_load_n(word, order)         model_load(word)
#define __atomic_store_n(word, value, order) model_store(word, value)
#define __atomic_thread_fence(order)         model_fence()
#include "../ring.c" // NOLINT(bugprone-suspicious-include)

enum { PRODUCER, CONSUMER, THREADS, LOG = 96, BUFFER = 8, CAPACITY = 4, SEEN = 1 << 20 };

struct thread {
    uint32_t log[LOG]; /* results of the steps done */
    uint8_t steps;
    uint8_t stored; /* entries of the store buffer */
    bool done;
    struct {
        uint32_t word; /* offset in the shared memory */
        uint32_t value;
    } buffer[BUFFER];
};

struct state {
    uint32_t memory[64];
    struct thread thread[THREADS];
    uint32_t signal; /* the consumer's event */
};

static struct {
    uint32_t memory[64] __attribute__((aligned(64))); /* addresses and elements; the words are in the state */
    struct state *state;                              /* being run */
    struct thread *self;
    uint64_t visited[SEEN];
    uint64_t states, stuck;
    jmp_buf out;
    unsigned replayed, elements;
    bool fences;
} model;

/* The one place where a thread acts: replays its log, then does one new step, then stops. */
static bool step_is_old(uint32_t *result) {
    if (model.replayed < model.self->steps) {
        *result = model.self->log[model.replayed++];
        return true;
    }
    return false;
}

static void step_done(uint32_t result) {
    assert_true(model.self->steps < LOG);
    model.self->log[model.self->steps++] = result;
    longjmp(model.out, 1);
}

static void drain_one(struct state *state, struct thread *thread) {
    state->memory[thread->buffer[0].word] = thread->buffer[0].value;
    memmove(thread->buffer, thread->buffer + 1, sizeof thread->buffer - sizeof thread->buffer[0]);
    memset(&thread->buffer[--thread->stored], 0, sizeof thread->buffer[0]);
}

static uint32_t model_load(const uint32_t *word) {
    uint32_t result;
    if (!step_is_old(&result)) {
        uint32_t at = (uint32_t)(word - model.memory);
        result = model.state->memory[at];
        for (unsigned i = 0; i < model.self->stored; i++) {
            result = model.self->buffer[i].word == at ? model.self->buffer[i].value : result;
        }
        step_done(result);
    }
    return result;
}

static void model_store(uint32_t *word, uint32_t value) {
    uint32_t result;
    if (!step_is_old(&result)) {
        assert_true(model.self->stored < BUFFER);
        model.self->buffer[model.self->stored].word = (uint32_t)(word - model.memory);
        model.self->buffer[model.self->stored++].value = value;
        step_done(0);
    }
}

static void model_fence(void) {
    uint32_t result;
    if (!step_is_old(&result)) {
        while (model.fences && model.self->stored > 0) {
            drain_one(model.state, model.self);
        }
        step_done(0);
    }
}

/* A system call: all stores are out when the kernel runs. */
static void event(bool signal) {
    uint32_t result;
    if (!step_is_old(&result)) {
        while (model.self->stored > 0) {
            drain_one(model.state, model.self);
        }
        if (!signal && model.state->signal == 0) {
            longjmp(model.out, 2); /* asleep: no step */
        }
        model.state->signal = signal;
        step_done(0);
    }
}

static void produce(void) {
    struct ring ring;
    ring_attach(&ring, model.memory, CAPACITY, sizeof(uint32_t));
    for (uint32_t i = 1; i <= model.elements; i++) {
        assert_true(ring_put(&ring, &i)); /* never full here: waiting for room is not the rule under test */
        if (ring_publish(&ring)) {
            event(true);
        }
    }
    assert_int_equal(ring.broken, 0);
}

static void consume(void) {
    struct ring ring;
    ring_attach(&ring, model.memory, CAPACITY, sizeof(uint32_t));
    for (uint32_t taken = 0; taken < model.elements;) {
        uint32_t element;
        while (ring_take(&ring, &element)) {
            taken++;
        }
        if (taken < model.elements && ring_sleep(&ring)) {
            event(false);
            ring_awake(&ring);
        }
    }
    assert_int_equal(ring.broken, 0);
}

/* One step of a thread; false: it cannot go on now. */
static bool run(struct state *state, int which) {
    model.state = state;
    model.self = &state->thread[which];
    model.replayed = 0;
    int left = setjmp(model.out);
    if (left == 0) {
        which == PRODUCER ? produce() : consume();
        model.self->done = true;
        return true;
    }
    return left == 1;
}

static bool is_new(const struct state *state) {
    uint64_t hash = 14695981039346656037ull;
    for (size_t i = 0; i < sizeof *state / sizeof(uint32_t); i++) {
        hash = (hash ^ ((const uint32_t *)state)[i]) * 1099511628211ull;
        hash ^= hash >> 29;
    }
    hash |= 1;
    size_t at = hash % SEEN;
    for (; model.visited[at] != 0; at = (at + 1) % SEEN) {
        if (model.visited[at] == hash) {
            return false;
        }
    }
    assert_true(++model.states < SEEN / 2);
    model.visited[at] = hash;
    return true;
}

static void explore(const struct state *state) {
    if (!is_new(state)) {
        return;
    }
    bool moved = false;
    for (int which = 0; which < THREADS; which++) {
        struct state *next = malloc(sizeof *next);
        *next = *state;
        if (!state->thread[which].done && run(next, which)) {
            moved = true;
            explore(next);
        }
        if (state->thread[which].stored > 0) {
            *next = *state;
            drain_one(next, &next->thread[which]);
            moved = true;
            explore(next);
        }
        free(next);
    }
    model.stuck += !moved && !(state->thread[PRODUCER].done && state->thread[CONSUMER].done);
}

static void explore_all(bool fences, unsigned elements) {
    struct state start;
    memset(&start, 0, sizeof start);
    memset(&model, 0, sizeof model);
    model.fences = fences;
    model.elements = elements;
    explore(&start);
    print_message("%u elements: %lu states, %lu stuck\n", elements, model.states, model.stuck);
}

static void no_wake_up_is_lost(void **state) {
    for (unsigned elements = 1; elements <= 3; elements++) {
        explore_all(true, elements);
        assert_true(model.states > 50);
        assert_int_equal(model.stuck, 0);
    }
}

static void without_the_fences_one_is(void **state) {
    explore_all(false, 1);
    assert_true(model.stuck > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(without_the_fences_one_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
