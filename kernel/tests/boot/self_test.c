/* self_test.c: the kernel tested from user mode, in QEMU, before any server exists. */
#include "self.h"

struct self self;
void self_test_main(const struct boot_info *info);

static bool wants(const char *command_line, const char *word) {
    for (; *command_line; command_line++) {
        unsigned i = 0;
        while (word[i] && command_line[i] == word[i])
            i++;
        if (!word[i])
            return true;
    }
    return false;
}

/* Runs a test and sees that all resources are where they were. */
static void run(void (*test)(void), const char *name) {
    struct machine_info before = machine();
    unsigned failed = self.failed;
    test();
    struct machine_info after = machine();
    if (before.memory_free != after.memory_free) {
        print_number(before.memory_free);
        print(" bytes free before, after: ");
        print_number(after.memory_free);
        print("\n");
    }
    check(before.memory_free == after.memory_free && before.tasks == after.tasks &&
              before.ports == after.ports && before.events == after.events &&
              before.memories == after.memories,
          "resources are where they were");
    print(self.failed == failed ? "ok   " : "FAIL ");
    print(name);
    print("\n");
}

static void nothing(void) {
}

static void run_all(void) {
    run(test_messages, "messages");
    run(test_payloads, "payloads");
    run(test_handles, "handles");
    run(test_notices, "notices and dead ports");
    run(test_events, "events and deadlines");
    run(test_memory, "memory and quotas");
    run(test_tasks, "faults, ends, registers");
    run(test_scheduling, "scheduling");
    run(test_harts, "harts");
    run(test_crowd, "a crowd, killed at random");
    run(test_nonsense, "nonsense");
}

void self_test_main(const struct boot_info *info) {
    self.info = info;
    self.frequency = info->timebase_frequency;
    check(info->magic == BOOT_INFO_MAGIC, "boot_info has its magic");
    handle_t warm = child_start_task(&(struct child){.run = nothing}); /* makes what all tests share */
    child_end(warm);
    if (!wants(info->command_line, "only-bench"))
        run_all();
    if (wants(info->command_line, "bench"))
        benchmark(wants(info->command_line, "short") ? 20 : 20000);
    print_number(self.passed);
    print(" passed, ");
    print_number(self.failed);
    print(" failed\n");
    if (wants(info->command_line, "linger")) /* for who looks into the emulator's counters */
        sleep_until(now() + 3000000000);
    sys(SYS_MACHINE_OFF, info->machine, self.failed != 0);
}
