/* mutate.c: steps are changed, put in, taken out, repeated, exchanged, and taken over from another script. */
#include "mutate.h"
#include <base/random.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

const char *__asan_default_options(void);

/* Little is kept after it was given back: fresh pages cost more than all the rest. */
const char *__asan_default_options(void) {
    return "quarantine_size_mb=4:malloc_context_size=6";
}

enum { STEPS_MAX = 400, LENGTH_MAX = 1200 };

struct step {
    uint8_t kind;
    struct span args;
};

/* A script taken apart; the steps' arguments lie in the bytes that it was made of. */
struct parts {
    uint8_t header[SCRIPT_HEADER];
    struct step step[STEPS_MAX];
    uint32_t count;
};

static void take_apart(struct parts *parts, const uint8_t *data, size_t size) {
    struct reader reader = reader_of(span_of(data, size)), args;
    for (int i = 0; i < SCRIPT_HEADER; i++) {
        parts->header[i] = read_u8(&reader);
    }
    parts->count = 0;
    while (parts->count < STEPS_MAX && script_next(&reader, &parts->step[parts->count].kind, &args)) {
        parts->step[parts->count++].args = args.left;
    }
}

/* As many steps as fit. */
static size_t put_together(const struct parts *parts, uint8_t *out, size_t max_size) {
    struct writer writer = writer_of(out, max_size);
    write_bytes(&writer, parts->header, SCRIPT_HEADER);
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct step *step = &parts->step[i];
        if (writer.capacity - writer.length < SCRIPT_STEP + step->args.length) {
            break;
        }
        write_u8(&writer, step->kind);
        write_be16(&writer, (uint16_t)step->args.length);
        write_bytes(&writer, step->args.data, step->args.length);
    }
    return writer.failed ? 0 : writer.length;
}

/* ---- Mutations ---- */

struct mutation {
    const struct script *script;
    struct random random;
    struct parts *parts;
    uint8_t *fresh; /* LENGTH_MAX bytes for new arguments */
};

static uint32_t below(struct mutation *m, uint32_t limit) {
    return random_below(&m->random, limit);
}

/* Small numbers mostly. */
static uint8_t some_byte(struct mutation *m) {
    switch (below(m, 8)) {
    case 0: return (uint8_t)below(m, 256);
    case 1: return (uint8_t)(255 - below(m, 20));
    case 2:
    case 3: return (uint8_t)below(m, 32);
    case 4: return (uint8_t)(1u << below(m, 8));
    default: return (uint8_t)below(m, 4);
    }
}

static void make_step(struct mutation *m, struct step *step) {
    step->kind = m->script->some_kind(random_u32(&m->random));
    size_t length = m->script->usual_length(step->kind);
    for (size_t i = 0; i < length; i++) {
        m->fresh[i] = below(m, 3) == 0 ? 0 : some_byte(m);
    }
    step->args = span_of(m->fresh, length);
}

static void open_gap(struct parts *parts, uint32_t at, uint32_t count) {
    memmove(&parts->step[at + count], &parts->step[at], (parts->count - at) * sizeof parts->step[0]);
    parts->count += count;
}

static void insert_new(struct mutation *m) {
    if (m->parts->count < STEPS_MAX) {
        uint32_t at = below(m, m->parts->count + 1);
        open_gap(m->parts, at, 1);
        make_step(m, &m->parts->step[at]);
    }
}

/* A run of steps once more, elsewhere. */
static void repeat(struct mutation *m) {
    uint32_t from = below(m, m->parts->count), count = 1 + below(m, 6), at = below(m, m->parts->count + 1);
    struct step copy[6];
    count = count < m->parts->count - from ? count : m->parts->count - from;
    if (m->parts->count + count <= STEPS_MAX) {
        memcpy(copy, &m->parts->step[from], count * sizeof copy[0]);
        open_gap(m->parts, at, count);
        memcpy(&m->parts->step[at], copy, count * sizeof copy[0]);
    }
}

static void take_out(struct mutation *m) {
    uint32_t at = below(m, m->parts->count), count = 1 + below(m, below(m, 4) == 0 ? 12 : 2);
    count = count < m->parts->count - at ? count : m->parts->count - at;
    m->parts->count -= count;
    memmove(&m->parts->step[at], &m->parts->step[at + count],
            (m->parts->count - at) * sizeof m->parts->step[0]);
}

static void exchange(struct mutation *m) {
    uint32_t a = below(m, m->parts->count), b = below(m, m->parts->count);
    struct step step = m->parts->step[a];
    m->parts->step[a] = m->parts->step[b];
    m->parts->step[b] = step;
}

static void change_kind(struct mutation *m) {
    m->parts->step[below(m, m->parts->count)].kind = m->script->some_kind(random_u32(&m->random));
}

/* One byte of the arguments, or all of them by libFuzzer's own ways. */
static void change_arguments(struct mutation *m) {
    struct step *step = &m->parts->step[below(m, m->parts->count)];
    size_t length = step->args.length < LENGTH_MAX ? step->args.length : LENGTH_MAX;
    memcpy(m->fresh, step->args.data, length);
    if (length == 0) {
        make_step(m, step);
        return;
    } else if (below(m, 3) != 0) {
        m->fresh[below(m, (uint32_t)length)] = some_byte(m);
    } else {
        length = LLVMFuzzerMutate(m->fresh, length, length < 24 ? 32 : LENGTH_MAX);
    }
    step->args = span_of(m->fresh, length);
}

static void change_header(struct mutation *m) {
    m->parts->header[below(m, SCRIPT_HEADER)] ^= (uint8_t)(1u << below(m, 8));
}

static void mutate_once(struct mutation *m) {
    static void (*const mutations[])(struct mutation * m) = {
        change_arguments, change_arguments, change_arguments, insert_new,  insert_new,
        repeat,           take_out,         exchange,         change_kind,
    };
    uint32_t choice = below(m, 40);
    if (choice == 0) {
        change_header(m);
    } else if (m->parts->count == 0) {
        insert_new(m);
    } else {
        mutations[choice % (sizeof mutations / sizeof mutations[0])](m);
    }
}

size_t mutate_script(const struct script *script, uint8_t *data, size_t size, size_t max_size,
                     unsigned seed) {
    enum { TIMES_MAX = 5 };
    static struct parts parts;
    static uint8_t out[1 << 16], fresh[TIMES_MAX][LENGTH_MAX + 256];
    struct mutation mutation = {.script = script, .parts = &parts};
    random_seed(&mutation.random, seed, 0);
    take_apart(&parts, data, size);
    for (uint32_t left = 1 + below(&mutation, TIMES_MAX); left > 0; left--) {
        mutation.fresh = fresh[left - 1];
        mutate_once(&mutation);
    }
    size_t length = put_together(&parts, out, max_size < sizeof out ? max_size : sizeof out);
    memcpy(data, out, length);
    return length;
}

/* The beginning of one and the end of another; or some steps of the other in the midst of the one. */
size_t cross_scripts(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
                     size_t max_size, unsigned seed) {
    static struct parts one, other, made;
    struct random random;
    random_seed(&random, seed, 1);
    take_apart(&one, a, a_size);
    take_apart(&other, b, b_size);
    made = one;
    uint32_t cut = random_below(&random, one.count + 1), from = random_below(&random, other.count + 1);
    uint32_t count = other.count - from;
    bool midst = random_below(&random, 2) == 0;
    count = midst && count > 8 ? 1 + random_below(&random, 8) : count;
    count = count < STEPS_MAX - cut ? count : STEPS_MAX - cut;
    memcpy(&made.step[cut], &other.step[from], count * sizeof made.step[0]);
    made.count = cut + count;
    for (uint32_t i = cut; midst && i < one.count && made.count < STEPS_MAX; i++) {
        made.step[made.count++] = one.step[i];
    }
    return put_together(&made, out, max_size);
}
