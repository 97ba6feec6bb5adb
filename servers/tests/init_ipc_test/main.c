/* init_ipc_test: speaks to init over its IPC interface, well and badly. Afterwards init must still answer,
 * and what was started must be gone. `init_ipc_test exit` and `init_ipc_test hang` are the children that it
 * starts. */
#include "../check.h"

#include <ipc/console.h>
#include <ipc/init.h>
#include <os/os.h>
#include <os/syscall.h>
#include <stdlib.h>
#include <string.h>

#define CHILD_STATUS 7
#define END_BIT      4

struct test {
    struct checks checks;
    handle_t init;
};

static enum error spawn(struct test *test, const char *strings, size_t length, handle_t end, uint32_t *id) {
    return init_spawn(test->init, END_BIT, 0, HANDLE_NONE, HANDLE_NONE, HANDLE_NONE, end, strings, length,
                      id);
}

#define SPAWN(test, strings, id) spawn(test, strings, sizeof(strings), HANDLE_NONE, id)

/* ---- names ---- */

static void test_names(struct test *test) {
    handle_t port;
    handle_t event;
    CHECK_EQUAL(&test->checks, event_make(&event), ERR_NONE);
    CHECK_EQUAL(&test->checks, name_find("console", &port), ERR_NONE);
    CHECK_EQUAL(&test->checks, name_publish("fs", port), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, name_publish("", port), ERR_NO_RIGHT);
    /* Whoever watches for input must not make the shell deaf: what is typed after this test shows it. */
    handle_t copy;
    CHECK_EQUAL(&test->checks, handle_duplicate(event, RIGHT_PASS | RIGHT_SIGNAL, 0, &copy), ERR_NONE);
    CHECK_EQUAL(&test->checks, console_watch(port, copy), ERR_NONE);
    CHECK_EQUAL(&test->checks, handle_close(port), ERR_NONE);
    CHECK_EQUAL(&test->checks, name_find("terminal", &port), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, name_find("net0", &port), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, name_try("no such name", &port), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, name_watch("net0", event, 1), ERR_NO_RIGHT);
    enum error error = ERR_NONE;
    unsigned watches = 0;
    for (; error == ERR_NONE && watches < 1000; watches++) {
        error = name_watch("console", event, 2);
    }
    CHECK_EQUAL(&test->checks, error, ERR_TOO_MANY);
    CHECK(&test->checks, watches < 20);
    uint64_t bits;
    CHECK_EQUAL(&test->checks, event_wait(event, 2, 0, &bits), ERR_NONE); /* it was published already */
}

/* ---- rights that this task does not have ---- */

static void test_rights(struct test *test) {
    static char bytes[65536];
    size_t length;
    CHECK_EQUAL(&test->checks, init_list(test->init, bytes, sizeof bytes, &length), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, init_machine(test->init, bytes, sizeof bytes, &length), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, init_programs(test->init, bytes, sizeof bytes, &length), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, init_off(test->init, 0), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, init_kill(test->init, 1, ""), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, init_kill(test->init, 0, "tcpip"), ERR_NO_RIGHT);
    CHECK_EQUAL(&test->checks, init_kill(test->init, 0x7fffffff, ""), ERR_NOT_FOUND);
    CHECK_EQUAL(&test->checks, init_kill(test->init, 0, "nobody"), ERR_NOT_FOUND);
    CHECK_EQUAL(&test->checks, init_option(test->init, "no-such-option", bytes, 1024, &length),
                ERR_NOT_FOUND);
    CHECK_EQUAL(&test->checks, init_option(test->init, "", bytes, 1024, &length), ERR_NOT_FOUND);
    uint32_t end;
    int64_t status;
    CHECK_EQUAL(&test->checks, init_wait(test->init, 1, true, &end, &status),
                ERR_NOT_FOUND); /* not our child */
}

/* ---- programs ---- */

static void test_bad_programs(struct test *test) {
    static char many[2000];
    uint32_t id;
    CHECK_EQUAL(&test->checks, SPAWN(test, "no_such_program", &id), ERR_NOT_FOUND);
    CHECK_EQUAL(&test->checks, SPAWN(test, "../sym/shell", &id), ERR_INVALID);
    CHECK_EQUAL(&test->checks, SPAWN(test, "a_name_that_is_longer_than_any_program", &id), ERR_INVALID);
    CHECK_EQUAL(&test->checks, SPAWN(test, "", &id), ERR_NOT_FOUND);
    CHECK_EQUAL(&test->checks, spawn(test, "", 0, HANDLE_NONE, &id), ERR_INVALID);
    CHECK_EQUAL(&test->checks, spawn(test, "crash", 5, HANDLE_NONE, &id), ERR_INVALID); /* no end */
    memset(many, 0, sizeof many);
    memcpy(many, "crash", 5);
    CHECK_EQUAL(&test->checks, spawn(test, many, sizeof many, HANDLE_NONE, &id), ERR_INVALID);
}

static void test_children(struct test *test) {
    uint32_t id = 0, end = 0;
    int64_t status = 0;
    uint64_t bits = 0;
    handle_t event, copy;
    CHECK_EQUAL(&test->checks, event_make(&event), ERR_NONE);
    CHECK_EQUAL(&test->checks, handle_duplicate(event, RIGHT_SIGNAL | RIGHT_PASS, 0, &copy), ERR_NONE);
    static const char child[] = "init_ipc_test\0exit";
    CHECK_EQUAL(&test->checks, spawn(test, child, sizeof child, copy, &id), ERR_NONE);
    CHECK_EQUAL(&test->checks, event_wait(event, END_BIT, NEVER, &bits), ERR_NONE);
    CHECK_EQUAL(&test->checks, init_wait(test->init, id, true, &end, &status), ERR_NONE);
    CHECK_EQUAL(&test->checks, end, END_EXIT);
    CHECK_EQUAL(&test->checks, status, CHILD_STATUS);
    CHECK_EQUAL(&test->checks, init_wait(test->init, id, true, &end, &status), ERR_NOT_FOUND);

    CHECK_EQUAL(&test->checks, SPAWN(test, "init_ipc_test\0hang", &id), ERR_NONE);
    CHECK_EQUAL(&test->checks, init_wait(test->init, id, false, &end, &status), ERR_WOULD_BLOCK);
    CHECK_EQUAL(&test->checks, init_kill(test->init, id, ""), ERR_NONE);
    CHECK_EQUAL(&test->checks, init_wait(test->init, id, true, &end, &status), ERR_NONE);
    CHECK_EQUAL(&test->checks, end, END_KILL);
    CHECK_EQUAL(&test->checks, init_kill(test->init, id, ""), ERR_NOT_FOUND);
    CHECK_EQUAL(&test->checks, handle_close(event), ERR_NONE);
}

/* As many as init lets live: then an error, not a failure of others; and all of them can be ended. */
static void test_many_children(struct test *test) {
    uint32_t ids[100];
    unsigned count = 0;
    enum error error = ERR_NONE;
    while (error == ERR_NONE && count < 100) {
        error = SPAWN(test, "init_ipc_test\0hang", &ids[count]);
        count += error == ERR_NONE;
    }
    CHECK(&test->checks, error == ERR_TOO_MANY || error == ERR_NO_MEMORY || error == ERR_QUOTA);
    CHECK(&test->checks, count >= 1);
    for (unsigned i = 0; i < count; i++) {
        uint32_t end = 0;
        int64_t status = 0;
        CHECK_EQUAL(&test->checks, init_kill(test->init, ids[i], ""), ERR_NONE);
        CHECK_EQUAL(&test->checks, init_wait(test->init, ids[i], true, &end, &status), ERR_NONE);
    }
    uint32_t id = 0;
    CHECK_EQUAL(&test->checks, SPAWN(test, "init_ipc_test\0exit", &id), ERR_NONE);
}

/* ---- messages that no stub would send ---- */

static void expect_status(struct test *test, uint64_t first, uint64_t second, struct transfer *transfer,
                          enum error wanted) {
    uint64_t word[MESSAGE_WORDS] = {first, second};
    CHECK_EQUAL(&test->checks, sys_call(test->init, word, transfer), ERR_NONE);
    CHECK_EQUAL(&test->checks, word[0], wanted);
}

static void test_malformed(struct test *test) {
    static char bytes[PAYLOAD_MAX];
    struct transfer name = {.send_address = (uintptr_t) "console", .send_length = sizeof "console"};
    struct transfer open = {.send_address = (uintptr_t) "console", .send_length = sizeof "console" - 1};
    struct transfer large = {.send_address = (uintptr_t)bytes, .send_length = sizeof bytes};
    expect_status(test, 0, 0, NULL, ERR_NOT_SUPPORTED);
    expect_status(test, UINT64_MAX, 0, NULL, ERR_NOT_SUPPORTED);
    expect_status(test, INIT_CALL_FIND + 1000, 0, NULL, ERR_NOT_SUPPORTED);
    expect_status(test, INIT_CALL_FIND, 2, &name, ERR_INVALID); /* no bool */
    expect_status(test, INIT_CALL_FIND, 0, &open, ERR_INVALID); /* a string without its end */
    expect_status(test, INIT_CALL_FIND, 0, NULL, ERR_INVALID);
    expect_status(test, INIT_CALL_FIND, 0, &large, ERR_INVALID);
    expect_status(test, INIT_CALL_FIND | 0xf0000, 0, &name,
                  ERR_INVALID);                                    /* absent handles that it does not have */
    expect_status(test, INIT_CALL_LIST, 0, &name, ERR_INVALID);    /* a payload where none belongs */
    expect_status(test, INIT_CALL_PUBLISH, 0, &name, ERR_INVALID); /* without its handle */
    expect_status(test, INIT_CALL_WAIT, 1ull << 32, NULL, ERR_INVALID); /* no u32 */
    name.send_handle[0] = test->init;
    name.send_count = 1;
    uint64_t word[MESSAGE_WORDS] = {INIT_CALL_FIND};
    CHECK_EQUAL(&test->checks, sys_call(test->init, word, &name),
                ERR_NO_RIGHT); /* our handle is not to be passed on */
    handle_t event;
    CHECK_EQUAL(&test->checks, event_make(&event), ERR_NONE);
    name.send_handle[0] = event;
    expect_status(test, INIT_CALL_FIND, 0, &name, ERR_INVALID); /* a handle where none belongs */
    CHECK_EQUAL(&test->checks, handle_close(event), ERR_NONE);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "exit") == 0) {
        return CHILD_STATUS;
    }
    if (argc == 2) {
        clock_sleep_until(NEVER);
    }
    struct test test = {.init = start_handle("init")};
    test_names(&test);
    test_rights(&test);
    test_bad_programs(&test);
    test_children(&test);
    test_many_children(&test);
    test_malformed(&test);
    return check_report(&test.checks, "init_ipc_test");
}
