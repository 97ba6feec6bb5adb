/* test_manifest.c: the manifest, every mistake with its line; command line options; the restart policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manifest.h"
#include "options.h"

#include <stdio.h>

#define MS 1000000ull

struct heard {
    unsigned count, line;
    char what[64];
};

static void on_mistake(void *context, unsigned line, const char *what, const char *word) {
    (void)word;
    struct heard *heard = context;
    if (heard->count++ == 0) {
        heard->line = line;
        snprintf(heard->what, sizeof heard->what, "%s", what);
    }
}

static unsigned parse(struct manifest *manifest, const char *text, struct heard *heard) {
    *heard = (struct heard){0};
    struct manifest_listener listener = {heard, on_mistake};
    return manifest_parse(manifest, span_of(text, strlen(text)), &listener);
}

static void a_manifest_is_read(void **state) {
    (void)state;
    static struct manifest manifest;
    struct heard heard;
    static const char text[] =
        "# comment\n\ntask net # here too\n  program virtio_net\n\tpriority 24\n  memory 512K..2M\n  dma\n"
        "  device net0\n  serves net0\n  uses a b c\n  may log off\n  restart always 10ms 5s\n"
        "  handles 99\n  stack 64K\n  arguments -p  80   -r /www\n"
        "program *\n  uses console\nprogram http*\nprogram http\nprogram httpd\n";
    assert_int_equal(parse(&manifest, text, &heard), 0);
    const struct manifest_entry *entry = manifest_task(&manifest, "net");
    assert_non_null(entry);
    assert_string_equal(entry->program, "virtio_net");
    assert_int_equal(entry->priority, 24);
    assert_int_equal(entry->memory_least, 512 * 1024);
    assert_int_equal(entry->memory_most, 2 * 1024 * 1024);
    assert_true(entry->dma);
    assert_string_equal(entry->device, "net0");
    assert_false(entry->device_optional);
    assert_true(manifest_names(&entry->uses, "c") && !manifest_names(&entry->uses, "d"));
    assert_int_equal(entry->may, MAY_LOG | MAY_OFF);
    assert_int_equal(entry->restart.first, 10 * MS);
    assert_int_equal(entry->restart.most, 5000 * MS);
    assert_string_equal(entry->arguments, "-p 80 -r /www");
    assert_int_equal(entry->handles, 99);
    assert_int_equal(entry->stack, 65536);
    assert_null(manifest_task(&manifest, "*"));
    assert_string_equal(manifest_program(&manifest, "http")->name, "http");
    assert_string_equal(manifest_program(&manifest, "https")->name, "http*");
    assert_string_equal(manifest_program(&manifest, "ls")->name, "*");
}

static void a_device_may_be_optional(void **state) {
    (void)state;
    static struct manifest manifest;
    struct heard heard;
    assert_int_equal(parse(&manifest, "task a\n  device net1 optional\n", &heard), 0);
    assert_string_equal(manifest_task(&manifest, "a")->device, "net1");
    assert_true(manifest_task(&manifest, "a")->device_optional);
}

static void expect_mistake(const char *text, unsigned line, const char *what) {
    static struct manifest manifest;
    struct heard heard;
    assert_int_equal(parse(&manifest, text, &heard), 1);
    assert_int_equal(heard.line, line);
    if (strstr(heard.what, what) == NULL) {
        fail_msg("'%s' is not in '%s'", what, heard.what);
    }
}

static void every_mistake_has_its_line(void **state) {
    (void)state;
    expect_mistake("task\n", 1, "a name is missing");
    expect_mistake("task a_name_of_more_than_23_characters\n  dma\n", 1, "too long");
    expect_mistake("task a\ntask a\n", 2, "is there already");
    expect_mistake("tusk a\n  dma\n", 1, "begins with task or program");
    expect_mistake("task a\n  sings\n", 2, "unknown word");
    expect_mistake("task a\n  device net0 perhaps\n", 2, "optional");
    expect_mistake("task a\n\n  priority 25\n", 3, "out of range");
    expect_mistake("task a\n  priority\n", 2, "no number");
    expect_mistake("task a\n  memory 5\n", 2, "no size");
    expect_mistake("task a\n  memory 5X\n", 2, "no size");
    expect_mistake("task a\n  memory 8M..2M\n", 2, "no size");
    expect_mistake("task a\n  memory 99999999999999999999M\n", 2, "no size");
    expect_mistake("task a\n  memory 18446744073709551615M\n", 2, "no size");
    expect_mistake("task a\n  stack 2M\n", 2, "more than 1M");
    expect_mistake("task a\n  dma twice\n", 2, "too much");
    expect_mistake("task a\n  serves a b c d e f g h i\n", 2, "too many names");
    expect_mistake("task a\n  may fly\n", 2, "no such right");
    expect_mistake("task a\n  restart often\n", 2, "must be always");
    expect_mistake("task a\n  restart always 5s 10ms\n", 2, "rising times");
    expect_mistake("task a\n  restart always 5s\n", 2, "rising times");
    char longline[600];
    memset(longline, 'x', sizeof longline - 1);
    longline[sizeof longline - 1] = '\0';
    expect_mistake(longline, 1, "too long");
}

static void too_many_entries_are_a_mistake(void **state) {
    (void)state;
    static char text[(MANIFEST_ENTRIES + 2) * 16];
    size_t length = 0;
    for (unsigned i = 0; i <= MANIFEST_ENTRIES; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "task t%u\n", i);
    }
    expect_mistake(text, MANIFEST_ENTRIES + 1, "too many entries");
}

static void memory_grows_with_the_machine(void **state) {
    (void)state;
    struct manifest_entry entry = {.memory_least = 8 << 20, .memory_most = 24 << 20};
    assert_int_equal(manifest_memory(&entry, 20 << 20), 8 << 20);
    assert_int_equal(manifest_memory(&entry, 28 << 20), 8 << 20);
    assert_int_equal(manifest_memory(&entry, 70 << 20), 16 << 20);
    assert_int_equal(manifest_memory(&entry, 112 << 20), 24 << 20);
    assert_int_equal(manifest_memory(&entry, 1ull << 40), 24 << 20);
    assert_int_equal(manifest_memory(&entry, 61 << 20) % 4096, 0);
}

static void options_are_found(void **state) {
    (void)state;
    char value[16];
    assert_true(option_find("a=1 run=ls%20-l  quiet a=2", "a", value, sizeof value));
    assert_string_equal(value, "2");
    assert_true(option_find("a=1 run=ls%20-l  quiet", "run", value, sizeof value));
    assert_string_equal(value, "ls%20-l");
    assert_true(option_find("quiet", "quiet", value, sizeof value));
    assert_string_equal(value, "");
    assert_false(option_find("running=1 quiet", "run", value, sizeof value));
    assert_false(option_find("", "run", value, sizeof value));
    assert_false(option_find("a=b", "", value, sizeof value));
    assert_false(option_find("run=1234567890123456", "run", value, sizeof value));
    assert_string_equal(value, "123456789012345");
    assert_true(option_lists("tcpip,httpd", "httpd"));
    assert_false(option_lists("tcpip,httpd", "http"));
    assert_false(option_lists("", "http"));
}

static void back_off_grows_and_starts_anew(void **state) {
    (void)state;
    struct restart_policy policy = {RESTART_ALWAYS, 10 * MS, 35 * MS};
    struct restart_state task = {.started = 1000 * MS};
    static const uint64_t delays[] = {10, 20, 35, 35};
    uint64_t now = 1000 * MS;
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        task.started = now;
        assert_int_equal(restart_after(&policy, &task, now), now + delays[i] * MS);
        now += delays[i] * MS;
    }
    assert_int_equal(task.count, 4);
    task.started = now;
    now += 350 * MS; /* ran for long */
    assert_int_equal(restart_after(&policy, &task, now), now + 10 * MS);
    policy.kind = RESTART_NEVER;
    assert_true(restart_after(&policy, &task, now) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_is_read),
        cmocka_unit_test(a_device_may_be_optional),
        cmocka_unit_test(every_mistake_has_its_line),
        cmocka_unit_test(too_many_entries_are_a_mistake),
        cmocka_unit_test(memory_grows_with_the_machine),
        cmocka_unit_test(options_are_found),
        cmocka_unit_test(back_off_grows_and_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
