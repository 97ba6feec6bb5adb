/* support.c: raw system calls, children, output for the self-test; see self.h. */
#include "self.h"

extern char __text_start[], __text_end[], __tls_base[], __image_end[];
void child_start(void);
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memset(void *to, int value, size_t length);

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    char *t = to;
    const char *f = from;
    for (; length >= 8; length -= 8, t += 8, f += 8)
        *(uint64_t *)t = *(const uint64_t *)f;
    while (length--)
        *t++ = *f++;
    return to;
}

void *memset(void *to, int value, size_t length) {
    for (char *t = to; length--;)
        *t++ = (char)value;
    return to;
}

void system_call(struct registers *r) {
    register uint64_t a0 __asm__("a0") = r->a[0];
    register uint64_t a1 __asm__("a1") = r->a[1];
    register uint64_t a2 __asm__("a2") = r->a[2];
    register uint64_t a3 __asm__("a3") = r->a[3];
    register uint64_t a4 __asm__("a4") = r->a[4];
    register uint64_t a5 __asm__("a5") = r->a[5];
    register uint64_t a6 __asm__("a6") = r->a[6];
    register uint64_t a7 __asm__("a7") = r->a[7];
    register uint64_t t0 __asm__("t0") = r->t[0];
    register uint64_t t1 __asm__("t1") = r->t[1];
    register uint64_t t2 __asm__("t2") = r->t[2];
    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(t0), "+r"(t1),
                       "+r"(t2)
                     : "r"(a6), "r"(a7)
                     : "memory");
    *r = (struct registers){{a0, a1, a2, a3, a4, a5, a6, a7}, {t0, t1, t2}};
}

uint64_t call6(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
               uint64_t *one) {
    struct registers r = {{a0, a1, a2, a3, a4, a5, 0, number}, {0}};
    system_call(&r);
    if (one)
        *one = r.a[1];
    return r.a[0];
}

uint64_t call_array(uint64_t number, const uint64_t a[6]) {
    return call6(number, a[0], a[1], a[2], a[3], a[4], a[5], NULL);
}

handle_t make(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2) {
    uint64_t handle = 0;
    uint64_t error = call6(number, a0, a1, a2, 0, 0, 0, &handle);
    return error ? HANDLE_NONE : (handle_t)handle;
}

/* ---- output ---- */

void print(const char *text) {
    size_t length = 0;
    while (text[length])
        length++;
    sys(SYS_LOG, self.info->machine, (uint64_t)text, length);
}

void print_number(uint64_t value) {
    char digits[24];
    unsigned at = sizeof(digits);
    digits[--at] = 0;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    print(digits + at);
}

void check(bool good, const char *what) {
    if (good) {
        self.passed++;
        return;
    }
    self.failed++;
    print("FAILED: ");
    print(what);
    print("\n");
}

/* ---- time and the machine ---- */

uint64_t now(void) {
    uint64_t ticks;
    __asm__ volatile("rdtime %0" : "=r"(ticks));
    return ticks * (1000000000ull / self.frequency);
}

uint64_t instructions(void) {
    uint64_t count;
    __asm__ volatile("rdinstret %0" : "=r"(count));
    return count;
}

void sleep_until(uint64_t ns) {
    handle_t event = make(SYS_EVENT_CREATE, 0, 0, 0);
    sys(SYS_EVENT_WAIT, event, 1, ns);
    sys(SYS_HANDLE_CLOSE, event);
}

struct machine_info machine(void) {
    struct machine_info info = {0};
    sys(SYS_MACHINE_INFO, self.info->machine, (uint64_t)&info);
    return info;
}

/* ---- children ---- */

static uint64_t page_up(uint64_t address) {
    return (address + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
}

/* A memory with a copy of a part of our image. */
static handle_t copy_of(uint64_t start, uint64_t end) {
    uint64_t address = 0;
    handle_t memory = make(SYS_MEMORY_CREATE, end - start, 0, 0);
    call6(SYS_MEMORY_MAP, 0, memory, 0, 0, 0, RIGHT_READ | RIGHT_WRITE, &address);
    if (address == 0)
        return HANDLE_NONE;
    memcpy((void *)address, (void *)start, end - start);
    sys(SYS_MEMORY_UNMAP, 0, address, end - start);
    return memory;
}

static void prepare_image(void) {
    self.text_start = (uint64_t)__text_start;
    self.text_end = page_up((uint64_t)__text_end);
    self.data_start = (uint64_t)__tls_base;
    self.data_end = page_up((uint64_t)__image_end);
    self.text = copy_of(self.text_start, self.text_end);
    self.constants = copy_of(self.text_end, self.data_start);
}

#define CHILD_STACK 0x20000000ull

static bool lay_out(handle_t task, handle_t memory, uint64_t address, uint64_t rights) {
    return call6(SYS_MEMORY_MAP, task, memory, address, 0, 0, rights, NULL) == ERR_NONE;
}

static void grant_all(handle_t task, const struct child *child, handle_t given[4]) {
    for (unsigned i = 0; i < 4; i++) {
        uint64_t number = 0;
        if (child->grant[i])
            call6(SYS_TASK_GRANT, task, child->grant[i], RIGHT_ALL, 0, 0, 0, &number);
        given[i] = (handle_t)number;
    }
}

/* The child's data is ours as it is now, with the handles' numbers of the child in it. */
static handle_t data_for(const handle_t given[4]) {
    struct self mine = self;
    self.port = given[0];
    self.event = given[1];
    self.other = given[2];
    self.task = given[3];
    handle_t data = copy_of(self.data_start, self.data_end);
    self = mine;
    return data;
}

handle_t child_start_task(const struct child *child) {
    struct task_options options = {.name = "child", .priority = child->priority ? child->priority : 16};
    options.quota = child->quota ? child->quota : 1 << 20;
    options.handles_max = 64;
    options.end_port = child->end_port;
    options.end_badge = child->end_badge;
    if (!self.text)
        prepare_image();
    handle_t task = make(SYS_TASK_CREATE, self.info->machine, (uint64_t)&options, 0), given[4];
    if (!task)
        return HANDLE_NONE;
    grant_all(task, child, given);
    handle_t data = data_for(given), stack = make(SYS_MEMORY_CREATE, 4 * PAGE_SIZE, 0, 0);
    bool good = lay_out(task, self.text, self.text_start, RIGHT_READ | RIGHT_EXECUTE) &&
                lay_out(task, self.constants, self.text_end, RIGHT_READ) &&
                lay_out(task, data, self.data_start, RIGHT_READ | RIGHT_WRITE) &&
                lay_out(task, stack, CHILD_STACK - 4 * PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    sys(SYS_HANDLE_CLOSE, data);
    sys(SYS_HANDLE_CLOSE, stack);
    check(good, "a child's memory is laid out");
    check(sys(SYS_TASK_START, task, (uint64_t)child_start, CHILD_STACK, (uint64_t)child->run) == 0,
          "child starts");
    return task;
}

void child_end(handle_t task) {
    sys(SYS_TASK_KILL, task, 0);
    sys(SYS_HANDLE_CLOSE, task);
}

/* ---- messages ---- */

uint64_t call_words(handle_t port, uint64_t words[5], struct transfer *transfer) {
    struct registers r = {
        {port, words[0], words[1], words[2], words[3], words[4], (uint64_t)transfer, SYS_CALL}, {0}};
    system_call(&r);
    for (unsigned i = 0; i < 5; i++)
        words[i] = r.a[i + 1];
    return r.a[0];
}

uint64_t receive(handle_t port, uint64_t deadline, struct transfer *transfer, struct registers *r) {
    *r = (struct registers){{port, deadline, 0, 0, 0, 0, (uint64_t)transfer, SYS_RECEIVE}, {0}};
    system_call(r);
    return r->a[0];
}

uint64_t reply(handle_t to, uint64_t word, struct transfer *transfer) {
    struct registers r = {{to, word, 0, 0, 0, 0, (uint64_t)transfer, SYS_REPLY}, {0}};
    system_call(&r);
    return r.a[0];
}

/* The buffer is not in the image, so that copies of it stay small. */
void echo_server(void) {
    handle_t memory = make(SYS_MEMORY_CREATE, PAYLOAD_MAX, 0, 0);
    uint64_t buffer = 0;
    call6(SYS_MEMORY_MAP, 0, memory, 0, 0, 0, RIGHT_READ | RIGHT_WRITE, &buffer);
    struct transfer transfer = {.receive_capacity = PAYLOAD_MAX, .receive_address = buffer};
    struct registers r = {{self.port, NEVER, 0, 0, 0, 0, (uint64_t)&transfer, SYS_RECEIVE}, {0}};
    for (;;) {
        system_call(&r);
        if (r.a[0] || r.t[0] != RECEIVED_CALL || r.a[1] == 0)
            break;
        transfer.send_address = buffer;
        transfer.send_length = transfer.receive_length;
        for (unsigned i = 1; i <= 5; i++)
            r.a[i]++;
        r.a[0] = self.port;
        r.a[6] = (uint64_t)&transfer;
        r.a[7] = SYS_REPLY_RECEIVE;
        r.t[0] = r.t[2];
        r.t[1] = NEVER;
    }
}
