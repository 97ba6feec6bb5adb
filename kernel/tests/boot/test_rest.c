/* test_rest.c: events, memory, tasks, scheduling, harts, and nonsense. */
#include "self.h"

#define MS 1000000ull

/* ---- events and deadlines ---- */

static void signaller(void) {
    for (unsigned i = 0; i < 10; i++) {
        sleep_until(now() + MS);
        sys(SYS_EVENT_SIGNAL, self.event, 1ull << i);
    }
}

void test_events(void) {
    struct registers r;
    handle_t event = make(SYS_EVENT_CREATE, 0, 0, 0), port = make(SYS_PORT_CREATE, 0, 0, 0);
    uint64_t start = now(), bits = 0;
    check(sys(SYS_EVENT_WAIT, event, 1, 0) == ERR_TIMED_OUT, "a poll");
    check(sys(SYS_EVENT_WAIT, event, 1, start + 20 * MS) == ERR_TIMED_OUT, "a deadline");
    check(now() >= start + 20 * MS && now() < start + 200 * MS, "is kept");
    sys(SYS_EVENT_SIGNAL, event, 0xf0);
    check(call6(SYS_EVENT_WAIT, event, 0x30, NEVER, 0, 0, 0, &bits) == 0 && bits == 0x30,
          "only the bits of the mask");
    check(sys(SYS_PORT_BIND, port, event) == 0, "bind");
    check(receive(port, NEVER, NULL, &r) == 0 && r.t[0] == RECEIVED_EVENT && r.a[1] == 0xc0,
          "bits by receive");
    check(receive(port, now() + MS, NULL, &r) == ERR_TIMED_OUT, "receive has a deadline");
    handle_t task = child_start_task(&(struct child){.run = signaller, .grant = {0, event}});
    for (bits = 0; bits != 0x3ff;) {
        if (receive(port, now() + 1000 * MS, NULL, &r))
            break;
        bits |= r.a[1];
    }
    check(bits == 0x3ff, "signals wake a receiver");
    child_end(task);
    handle_t second = make(SYS_PORT_CREATE, 0, 0, 0);
    check(sys(SYS_PORT_BIND, second, event) == ERR_BUSY, "an event has one port");
    check(sys(SYS_PORT_BIND, port, 0) == 0 && sys(SYS_PORT_BIND, second, event) == 0, "at a time");
    sys(SYS_HANDLE_CLOSE, second);
    sys(SYS_HANDLE_CLOSE, event);
    sys(SYS_HANDLE_CLOSE, port);
}

/* ---- memory ---- */

static void greedy(void) {
    uint64_t error, count = 0;
    while (!(error = sys(SYS_MEMORY_CREATE, 4 * PAGE_SIZE, 0)))
        count++;
    uint64_t ports = 0;
    while (!sys(SYS_PORT_CREATE))
        ports++;
    sys(SYS_TASK_EXIT, error * 1000 + count);
}

static void map_and_cut(void) {
    handle_t memory = make(SYS_MEMORY_CREATE, 16 * PAGE_SIZE, 0, 0);
    const uint64_t at = 0x50000000;
    check(sys(SYS_MEMORY_MAP, 0, memory, at, 0, 0, RIGHT_READ | RIGHT_WRITE) == 0, "map where wanted");
    check(sys(SYS_MEMORY_MAP, 0, memory, at + PAGE_SIZE, 0, PAGE_SIZE, RIGHT_READ) == ERR_EXISTS,
          "not twice");
    check(sys(SYS_MEMORY_MAP, 0, memory, 0, 0, 0, RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE) == ERR_INVALID,
          "W or X");
    *(volatile uint64_t *)(at + 5 * PAGE_SIZE) = 55;
    check(sys(SYS_MEMORY_UNMAP, 0, at + 4 * PAGE_SIZE, PAGE_SIZE) == 0, "cut a page out of the middle");
    check(*(volatile uint64_t *)(at + 5 * PAGE_SIZE) == 55, "what is behind it stays");
    check(sys(SYS_EVENT_WAIT, 0, 0, 0) == ERR_BAD_HANDLE, "handle 0 is bad");
    check(sys(SYS_MACHINE_INFO, self.info->machine, at + 4 * PAGE_SIZE) == ERR_BAD_ADDRESS,
          "the hole is a hole");
    check(sys(SYS_MEMORY_MAP, 0, memory, at + 4 * PAGE_SIZE, 5 * PAGE_SIZE, PAGE_SIZE, RIGHT_READ) == 0,
          "map again");
    check(*(volatile uint64_t *)(at + 4 * PAGE_SIZE) == 55, "another page there");
    sys(SYS_HANDLE_CLOSE, memory);
    check(sys(SYS_MEMORY_UNMAP, 0, at, 16 * PAGE_SIZE) == 0, "unmap all pieces at once");
    check(sys(SYS_MEMORY_UNMAP, 0, at, 16 * PAGE_SIZE) == ERR_NOT_FOUND, "nothing is left");
}

void test_memory(void) {
    struct registers r;
    map_and_cut();
    uint64_t physical = 0;
    handle_t pool = make(SYS_MEMORY_CREATE, 3 << 20, 1, 0);
    check(call6(SYS_MEMORY_PHYSICAL, pool, PAGE_SIZE, 0, 0, 0, 0, &physical) == 0 && physical > 0x80000000,
          "DMA");
    sys(SYS_HANDLE_CLOSE, pool);
    check(sys(SYS_MEMORY_CREATE, self.info->free_memory * 2, 0) == ERR_QUOTA, "more than there is");
    check(sys(SYS_MEMORY_DEVICE, self.info->machine, 0x80000000, PAGE_SIZE) == ERR_INVALID,
          "RAM is no device");
    handle_t ends = make(SYS_PORT_CREATE, 0, 0, 0);
    handle_t task = child_start_task(&(struct child){.run = greedy, .quota = 512 << 10, .end_port = ends});
    check(receive(ends, now() + 5000 * MS, NULL, &r) == 0 && r.a[2] / 1000 == ERR_QUOTA, "a quota ends");
    check(r.a[2] % 1000 > 5 && r.a[2] % 1000 < 32, "where it should");
    child_end(task);
    sys(SYS_HANDLE_CLOSE, ends);
}

/* ---- tasks ---- */

static void faulter(void) {
    __asm__ volatile("li a0, 0x5e1e; li s11, 0x5e1f; sd zero, 0x123(zero)" ::: "a0", "s11");
}

static void illegal(void) {
    __asm__ volatile("csrw satp, zero");
}

static void floats(void) {
    uint64_t seed = self.word, bits;
    double value = (double)seed;
    __asm__ volatile("fmv.d fs3, %0\n fscsr %1" ::"f"(value), "r"(seed & 7) : "fs3");
    for (unsigned i = 0; i < 50; i++) {
        uint64_t words[5] = {1}, rounding;
        call_words(self.port, words, NULL);
        __asm__ volatile("fmv.x.d %0, fs3\n frcsr %1" : "=r"(bits), "=r"(rounding));
        union {
            double d;
            uint64_t u;
        } expected = {.d = value};
        if (bits != expected.u || rounding != (seed & 7))
            sys(SYS_TASK_EXIT, 1000 + i);
    }
}

static void test_faults(handle_t ends) {
    struct registers r;
    struct task_info info;
    handle_t task = child_start_task(&(struct child){.run = faulter, .end_port = ends, .end_badge = 1});
    check(receive(ends, NEVER, NULL, &r) == 0 && r.t[0] == RECEIVED_ENDED && r.a[1] == END_FAULT,
          "a fault ends");
    check(sys(SYS_TASK_INFO, task, (uint64_t)&info) == 0 && info.fault_cause == 15 &&
              info.fault_address == 0x123 && info.end == END_FAULT,
          "where is told");
    check(info.registers[10] == 0x5e1e && info.registers[27] == 0x5e1f, "its registers are kept");
    uint64_t word = 0;
    check(sys(SYS_TASK_READ, task, info.registers[0] & ~7ull, (uint64_t)&word, 8) == 0 &&
              word == *(uint64_t *)(info.registers[0] & ~7ull),
          "its memory is readable");
    check(sys(SYS_TASK_READ, task, 0x123, (uint64_t)&word, 8) == ERR_BAD_ADDRESS, "but not what it had not");
    child_end(task);
    task = child_start_task(&(struct child){.run = illegal, .end_port = ends, .end_badge = 1});
    check(receive(ends, NEVER, NULL, &r) == 0 && r.a[1] == END_FAULT, "a privileged instruction is a fault");
    check(sys(SYS_TASK_INFO, task, (uint64_t)&info) == 0 && info.fault_cause == 2, "of the right kind");
    child_end(task);
}

void test_tasks(void) {
    struct registers r;
    handle_t ends = make(SYS_PORT_CREATE, 0, 0, 0), whole = make(SYS_PORT_CREATE, 0, 0, 0), task[3];
    test_faults(ends);
    handle_t server = child_start_task(&(struct child){.run = echo_server, .grant = {whole}});
    for (unsigned i = 0; i < 3; i++) {
        self.word = i + 1;
        task[i] = child_start_task(&(struct child){.run = floats, .grant = {whole}, .end_port = ends});
    }
    for (unsigned i = 0; i < 3; i++)
        check(receive(ends, NEVER, NULL, &r) == 0 && r.a[1] == END_EXIT && r.a[2] == 0,
              "FP registers are kept");
    for (unsigned i = 0; i < 3; i++)
        child_end(task[i]);
    child_end(server);
    sys(SYS_HANDLE_CLOSE, whole);
    sys(SYS_HANDLE_CLOSE, ends);
}

/* ---- scheduling ---- */

static void hog(void) {
    for (;;)
        __asm__ volatile("");
}

static uint64_t cpu_time_of(handle_t task) {
    struct task_info info = {0};
    sys(SYS_TASK_INFO, task, (uint64_t)&info);
    return info.cpu_time;
}

void test_scheduling(void) {
    handle_t a = child_start_task(&(struct child){.run = hog, .priority = 3});
    handle_t b = child_start_task(&(struct child){.run = hog, .priority = 3});
    handle_t c = child_start_task(&(struct child){.run = hog, .priority = 3});
    handle_t low = child_start_task(&(struct child){.run = hog, .priority = 2});
    uint64_t start = now();
    sleep_until(start + 100 * MS);
    check(now() < start + 160 * MS, "a deadline takes the CPU from the lower");
    uint64_t times[] = {cpu_time_of(a), cpu_time_of(b), cpu_time_of(c)};
    for (unsigned i = 0; i < 3; i++)
        check(times[i] > 15 * MS, "equals share the CPU");
    check(machine().harts > 3 || cpu_time_of(low) == 0, "the lower gets nothing");
    child_end(a);
    child_end(b);
    child_end(c);
    child_end(low);
    struct machine_info before = machine();
    sleep_until(now() + 50 * MS);
    struct machine_info after = machine();
    check(after.context_switches - before.context_switches <= 4, "an idle system sleeps");
}

/* ---- harts ---- */

/* Calls with a payload for ever; ends only if an answer is wrong. */
static void client(void) {
    uint8_t out[300], in[300];
    for (uint64_t round = 1;; round++) {
        struct transfer transfer = {.send_address = (uint64_t)out, .send_length = sizeof(out)};
        transfer.receive_address = (uint64_t)in;
        transfer.receive_capacity = sizeof(in);
        uint64_t words[5] = {round, round};
        for (unsigned i = 0; i < sizeof(out); i++)
            out[i] = (uint8_t)(round * 7 + i);
        uint64_t error = call_words(self.port, words, &transfer);
        if (error == ERR_DEAD)
            continue;
        if (error || words[1] != round + 1 || in[299] != out[299] || in[0] != out[0])
            sys(SYS_TASK_EXIT, 1000 + error);
    }
}

/* Many clients and servers at one port, killed in the middle of what they do. */
void test_crowd(void) {
    struct registers r;
    struct machine_info before = machine();
    handle_t port = make(SYS_PORT_CREATE, 0, 0, 0), ends = make(SYS_PORT_CREATE, 0, 0, 0), task[8];
    for (unsigned i = 0; i < 8; i++)
        task[i] = child_start_task(&(struct child){
            .run = i < 3 ? echo_server : client, .grant = {port}, .end_port = ends, .end_badge = i + 1});
    for (unsigned round = 0; round < 8; round++) {
        check(receive(ends, now() + 10 * MS, NULL, &r) == ERR_TIMED_OUT, "all answers are right");
        unsigned victim = round * 5 % 8;
        sys(SYS_TASK_KILL, task[victim], 0);
        check(receive(ends, now() + 1000 * MS, NULL, &r) == 0 && r.t[1] == victim + 1, "the right one ends");
        sys(SYS_HANDLE_CLOSE, task[victim]);
        task[victim] = child_start_task(&(struct child){.run = victim < 3 ? echo_server : client,
                                                        .grant = {port},
                                                        .end_port = ends,
                                                        .end_badge = victim + 1});
    }
    for (unsigned i = 0; i < 8; i++)
        child_end(task[i]);
    sys(SYS_HANDLE_CLOSE, port);
    sys(SYS_HANDLE_CLOSE, ends);
    check(machine().messages > before.messages + 500, "the crowd got work done");
}

void test_harts(void) {
    if (machine().harts < 2)
        return;
    struct task_info info;
    handle_t task = child_start_task(&(struct child){.run = hog, .priority = 3});
    uint64_t start = now();
    while (now() < start + 30 * MS)
        ;
    sys(SYS_TASK_INFO, task, (uint64_t)&info);
    check(info.state == TASK_RUNNING, "another hart takes what is ready");
    sys(SYS_TASK_KILL, task, 7);
    sys(SYS_TASK_INFO, task, (uint64_t)&info);
    check(info.state == TASK_ENDED && info.status == 7, "a task on another hart is killed at once");
    child_end(task);
}

/* ---- nonsense: every call with random arguments ---- */

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static uint64_t some_argument(uint64_t *state) {
    uint64_t value = next_random(state);
    switch (value % 9) {
    case 0: return 0;
    case 1: return 1ull << 12 | (value >> 8) % 16;
    case 2: return 0x10000 + (value >> 8) % 0x20000;
    case 3: return 0x20000000 - (value >> 8) % 0x5000;
    case 4: return (value >> 8) % 8192 * PAGE_SIZE;
    case 5: return value >> (value >> 8) % 64;
    case 6: return (value >> 8) % 64;
    case 7: return 1ull << 12 | (1 + (value >> 8) % 4);
    default: return value;
    }
}

static void nonsense(void) {
    uint64_t state = self.word;
    for (unsigned i = 0; i < 3000; i++) {
        struct registers r;
        for (unsigned j = 0; j < 7; j++)
            r.a[j] = some_argument(&state);
        for (unsigned j = 0; j < 3; j++)
            r.t[j] = some_argument(&state);
        r.a[7] = next_random(&state) % 50;
        bool waits = r.a[7] == SYS_CALL;
        if (r.a[7] == SYS_RECEIVE)
            r.a[1] = 0;
        if (r.a[7] == SYS_EVENT_WAIT)
            r.a[2] = 0;
        if (r.a[7] == SYS_REPLY_RECEIVE)
            r.t[1] = 0;
        bool harmful = r.a[7] == SYS_MEMORY_UNMAP || r.a[7] == SYS_TASK_EXIT || waits;
        if (!harmful || next_random(&state) % 2000 == 0)
            system_call(&r);
    }
}

void test_nonsense(void) {
    struct registers r;
    handle_t ends = make(SYS_PORT_CREATE, 0, 0, 0);
    for (unsigned i = 0; i < 12; i++) {
        self.word = 0x9e3779b97f4a7c15ull * (i + 1);
        handle_t port = make(SYS_PORT_CREATE, 0, 0, 0), event = make(SYS_EVENT_CREATE, 0, 0, 0);
        handle_t task = child_start_task(
            &(struct child){.run = nonsense, .grant = {port, event}, .end_port = ends, .end_badge = i});
        if (receive(ends, now() + 200 * MS, NULL, &r) == ERR_TIMED_OUT) { /* it called its own port */
            sys(SYS_TASK_KILL, task, 0);
            check(receive(ends, now() + 200 * MS, NULL, &r) == 0, "a task that waits for ever can be killed");
        }
        check(r.t[1] == i, "nonsense is survived");
        child_end(task);
        sys(SYS_HANDLE_CLOSE, port);
        sys(SYS_HANDLE_CLOSE, event);
    }
    sys(SYS_HANDLE_CLOSE, ends);
}
